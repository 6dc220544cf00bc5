"""A format in a package of somebody else's, exactly as docs/adding_a_format.md shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "adding_a_format.md").read_text(encoding="utf-8")
MODULE, POINTS = (re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1] for language in ("python", "toml"))  # type: ignore[index]


@pytest.fixture
def install(tmp_path):
    """Installs a package with that module: what pip would leave in a folder of the path."""

    def package(module: str = MODULE, version: str = "1.0") -> Path:
        site = tmp_path / "site"
        info = site / "house_checks-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (site / "house_checks.py").write_text(module, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: house-checks\nVersion: {version}\n")
        section, line = POINTS.strip().splitlines()
        group = section.split('"')[1]
        (info / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
        return site

    return package


def handoff(*arguments: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(path or ""), str(ROOT))))}
    command = [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)


def test_a_file_waits_in_quarantine_until_the_package_that_reads_it_is_installed(warehouse, tmp_path, install):
    scans = tmp_path / "landing" / "scans"
    scans.mkdir(parents=True)
    (scans / "checks.txt").write_text("#checks 1\npay-api;H1;bad;Debug is on\nshort\n")
    (scans / "checks.txt.meta.yaml").write_text("captured_at: 2026-04-30T00:00:00Z\n")
    assert len(warehouse.run(tmp_path / "landing", "2026-05-01T00:00:00Z").quarantined) == 1
    site, home = install(), warehouse.home.folder
    again = handoff("run", "--landing", tmp_path / "landing", "--home", home, "--no-report", "--as-of", "2026-05-02T00:00:00Z", path=site)
    assert again.returncode == 0, again.stderr
    query = "SELECT status, format, rows_new, rows_rejected, title, severity, scanners FROM record.landed_file, mart.handoff"
    (row,) = json.loads(handoff("sql", query, "--home", home, "--json").stdout)["rows"]
    counted = {"status": "loaded", "format": "house_checks", "rows_new": 1, "rows_rejected": 1}
    assert row == {**counted, "title": "Debug is on", "severity": "high", "scanners": ["house-checks"]}
    explained = handoff("formats", "--explain", scans / "checks.txt", path=site).stdout
    assert re.search(r"house_checks\s+claims it", explained)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import nowhere", "house_checks: it cannot be imported"),
        ("NAME = 'house_checks'", "house_checks.py: no TITLE, SCANNER"),
        (MODULE.replace('"house_checks"', '"sarif"'), "the name 'sarif' is taken by"),
    ],
    ids=["broken", "incomplete", "taken"],
)
def test_a_module_that_breaks_the_contract_is_named_and_nothing_runs(install, module, said):
    done = handoff("formats", path=install(module))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
