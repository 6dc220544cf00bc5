"""Lines added above what a report is about: every place in code keeps its key, in every format that has code."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Result, Scan
from transforms.scanners import formats

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "scans"
SHIFT = 1_000
_LINES = {"line", "line_number", "code_line", "start_line", "end_line", "startline", "endline", "linenumber"}
_RANGES = {"line_range", "file_line_range"}
#: Formats whose excerpts number their lines, and how.
_NUMBERED = {"bandit": re.compile(r"^(\d+)(?= )", re.MULTILINE), "gosec": re.compile(r"^(\d+)(?=: )", re.MULTILINE)}
CODE = ("bandit", "checkov", "generic", "github_vulnerability", "gitlab", "gosec", "hadolint", "kics", "sarif", "semgrep", "terrascan", "tfsec", "trivy")


def moved(value, format, key=""):
    """The document with every line further down."""
    if isinstance(value, dict):
        return {name: moved(item, format, name) for name, item in value.items()}
    if isinstance(value, list):
        if key in _RANGES:
            return [number + SHIFT for number in value]
        if key == "code_block" and value and isinstance(value[0], list):
            return [[number + SHIFT, text] for number, text in value]
        return [moved(item, format, key) for item in value]
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
            if not path.name.startswith("peer") and content[:1] in b"{[" and b"ine" in content:
                yield pytest.param(format, content, id=f"{format}/{path.name.removesuffix('.gz')}")


def placed(format, content):
    module = formats()[format]
    assert module.recognise(Head(content))
    return [row for row in module.parse(content, Scan(target="x")) if isinstance(row, Result)]


@pytest.mark.parametrize(("format", "content"), list(reports()))
def test_lines_added_above_move_no_key(format, content):
    before, after = placed(format, content), placed(format, json.dumps(moved(json.loads(content), format)).encode())
    assert [(row.location, row.rule, row.own_id) for row in after] == [(row.location, row.rule, row.own_id) for row in before]
    assert [row.line for row in after] == [row.line and row.line + SHIFT for row in before]


@pytest.mark.parametrize("format", CODE)
def test_there_is_code_to_move(format):
    found = [row for param in reports() if param.values[0] == format for row in placed(*param.values) if row.line and row.location.kind == "code"]
    assert found
