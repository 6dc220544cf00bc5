"""A simulated programme through the job: what the truth states is what comes out. `recovery.py` prints the whole table."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from transforms.domain.vocabulary import FAILURE_MODES
from transforms.simulation import Shape

EVERY_MODE = {*FAILURE_MODES, "unexplained"}


@pytest.fixture(scope="module")
def recovery():
    spec = importlib.util.spec_from_file_location("handoff_recovery", Path(__file__).with_name("recovery.py"))
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recovery")


@pytest.fixture(scope="module")
def clean(recovery, tools, folder):
    with tools.parsed_here():
        return recovery.recover(Shape(150, 3), folder / "clean")


def test_every_value_of_every_cycle_is_recovered(clean):
    assert clean.differences == []
    assert (clean.missing, clean.extra) == (0, 0)
    assert clean.compared == clean.truths >= 150


def test_every_mode_was_there_to_be_found(clean):
    assert {mode for mode in EVERY_MODE if clean.right[mode] >= 3} == EVERY_MODE


def test_noise_costs_recall(recovery, tools, folder):
    with tools.parsed_here():
        noisy = recovery.recover(Shape(100, 3, recovery.NOISE), folder / "noisy")
    assert noisy.missing > 0
    right, missed = (sum(counts[mode] for mode in FAILURE_MODES) for counts in (noisy.right, noisy.missed))
    assert 0.5 < right / (right + missed) < 0.98
    assert all(noisy.agree[name] < noisy.compared for name in ("captured_at", "acknowledged_at", "is_gated"))


def test_what_is_not_recovered_is_told(clean, recovery, folder, tmp_path):
    """The same run beside a truth in which one owner is another, one mode was never planted and one cycle never came."""
    for name in ("truth", "as_of", "first_as_of"):
        source = folder / "clean" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    rows = (tmp_path / "truth" / "cycles.csv").read_text().splitlines()
    header = rows[0].split(",")
    owned, moded = (next(row for row in rows[1:] if row.split(",")[header.index(name)]) for name in ("owner_id", "failure_modes"))
    changed = [row.replace(f",{owned.split(',')[header.index('owner_id')]},", ",somebody,", 1) if row is owned else row for row in rows]
    last = next(row for row in rows[1:] if row.split(",")[header.index("cycle")] == "2" and row not in (owned, moded))
    changed = [
        ",".join("" if name == "failure_modes" else cell for name, cell in zip(header, row.split(","), strict=True))
        if row == moded
        else row
        for row in changed
    ]
    (tmp_path / "truth" / "cycles.csv").write_text("\n".join(row for row in changed if row != last) + "\n")
    found = recovery.compare(tmp_path, folder / "clean" / "home" / "warehouse.duckdb")
    modes = moded.split(",")[header.index("failure_modes")].split(";")
    assert {column for _, _, column, _, _ in found.differences} == {"owner_id", "failure_modes", "cycle"}
    assert (found.extra, found.missing) == (1, 0)
    assert all(found.precision(mode) < 1 for mode in modes) and found.recall("unexplained") < 1
