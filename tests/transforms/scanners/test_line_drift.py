"""Lines added above what a report is about: every place in code keeps its key, in every format that has code."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Result, Scan
from transforms.observations import ScanFacts, tabulate
from transforms.scanners import formats

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "scans"
SHIFT = 1_000
_LINES = {
    "line",
    "line_number",
    "linenumber",
    "code_line",
    "sourceline",
    "destinationline",
    "file_line_number",
    "start_line",
    "end_line",
    "startline",
    "endline",
}
_RANGES = {"line_range", "file_line_range"}
#: Formats whose excerpts number their lines, and how.
_NUMBERED = {"bandit": re.compile(r"^(\d+)(?= )", re.MULTILINE), "gosec": re.compile(r"^(\d+)(?=: )", re.MULTILINE)}
#: Lines in XML: an attribute or an element.
_MARKED_UP = re.compile(rb"""((?<![\w-])line=["']|<Line>)(\d+)(?=["']|</Line>)""", re.IGNORECASE)
CODE = (
    "bandit", "brakeman", "checkmarx", "checkmarx_cxflow_sast", "checkmarx_one", "checkov", "detect_secrets", "generic", "github_vulnerability", "gitlab",
    "gitleaks", "gosec", "hadolint", "kics", "sarif", "semgrep", "sonarqube", "terrascan", "tfsec", "trivy", "veracode", "wizcli",
)  # fmt: skip


def moved(content, format):
    """The report with every line further down."""
    if content.lstrip(BOM)[:1] == b"<":
        return _MARKED_UP.sub(lambda found: found[1] + str(int(found[2]) + SHIFT).encode(), content)
    return json.dumps(_moved(json.loads(content), format)).encode()


def _moved(value, format, key=""):
    if isinstance(value, dict):
        # CxFlow's details are by line.
        return {
            str(int(name) + SHIFT) if key == "details" and name.isdigit() else name: _moved(item, format, name)
            for name, item in value.items()
        }
    if isinstance(value, list):
        if key in _RANGES:
            return [number + SHIFT for number in value]
        if key == "code_block" and value and isinstance(value[0], list):
            return [[number + SHIFT, text] for number, text in value]
        return [_moved(item, format, key) for item in value]
    if key.lower() in _LINES and isinstance(value, int) and not isinstance(value, bool):
        return value + SHIFT
    if key.lower() in _LINES and isinstance(value, str):
        return re.sub(r"\d+", lambda number: str(int(number[0]) + SHIFT), value)
    if key == "code" and isinstance(value, str) and format in _NUMBERED:
        return _NUMBERED[format].sub(lambda number: str(int(number[0]) + SHIFT), value)
    return value


def reports():
    for format in CODE:
        for path in sorted((GOLDEN / format).glob("*.gz")):
            content = gzip.decompress(path.read_bytes())
            lined = b"ine" in content and (content[:1] in b"{[" or _MARKED_UP.search(content))
            if lined and not path.name.startswith("peer") and content.count(b"\n{") < 2:
                yield pytest.param(format, content, id=f"{format}/{path.name.removesuffix('.gz')}")


def placed(format, content):
    module = formats()[format]
    assert module.recognise(Head(content))
    return [row for row in module.parse(content, Scan(target="x")) if isinstance(row, Result)]


def sightings(format, rows):
    facts = ScanFacts(format, formats()[format].SCANNER, None, "x", None, False, 1, "UTC", None, None, "scanner", 1 << 60, False)
    columns, rejects = tabulate(rows, facts)
    assert not rejects
    return columns["sighting_id"]


@pytest.mark.parametrize(("format", "content"), list(reports()))
def test_lines_added_above_move_no_sighting(format, content):
    before, after = placed(format, content), placed(format, moved(content, format))
    assert [(row.location, row.rule, row.own_id) for row in after] == [(row.location, row.rule, row.own_id) for row in before]
    assert sightings(format, after) == sightings(format, before)
    assert [row.line for row in after] == [row.line and row.line + SHIFT for row in before]


@pytest.mark.parametrize("format", CODE)
def test_there_is_code_to_move(format):
    found = [
        row for param in reports() if param.values[0] == format for row in placed(*param.values) if row.line and row.location.kind == "code"
    ]
    assert found


def test_every_format_that_has_lines_of_code_in_a_golden_report_is_here():
    """Those whose results are no code, or have no line, have nothing to move."""
    lined = set()
    for format, module in formats().items():
        for path in sorted((GOLDEN / format).glob("*.gz")):
            content = gzip.decompress(path.read_bytes())
            if format not in CODE and not path.name.startswith("peer") and b"ine" in content and module.recognise(Head(content)):
                with suppress(FileRejected):  # a scan that failed, and says so
                    lined |= {format for row in placed(format, content) if row.line and row.location.kind == "code"}
    assert not lined
