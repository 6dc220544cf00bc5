"""Brakeman: the shapes and faults that the reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import brakeman, recognise

WARNING = {
    "warning_type": "SQL Injection",
    "check_name": "SQL",
    "fingerprint": "f1",
    "message": "Possible SQL injection",
    "file": "app/a.rb",
    "line": 3,
}


def parse(warnings: object, **members: object) -> list:
    content = json.dumps(
        {"scan_info": {"brakeman_version": "6.0.1", "end_time": "2026-01-02 03:04:05 +0100"}, "warnings": warnings, **members}
    ).encode()
    assert recognise(Head(content)) is brakeman
    return list(brakeman.parse(content, Scan()))


@pytest.mark.parametrize(
    "members", [{}, {"ignored_warnings": None}, {"ignored_warnings": [], "errors": [{"error": "x"}], "obsolete": ["f1"]}]
)
def test_only_warnings_are_results(members):
    assert parse([], **members) == [] and parse(None, **members) == []


def test_the_place_does_not_move_with_the_line_even_without_a_fingerprint():
    old = {**WARNING, "fingerprint": None}
    before = [row.location for row in parse([old, {**old, "line": 9}])]
    after = [row.location for row in parse([{**old, "line": 5}, {**old, "line": 30}])]
    assert before == after and len(set(before)) == 2


def test_an_ignored_warning_is_kept_with_that_as_its_state():
    (row,) = parse([], ignored_warnings=[{**WARNING, "confidence": "Weak"}])
    assert (row.source_state, row.severity, row.captured.us) == ("ignored", "Weak", 1_767_319_445_000_000)


@pytest.mark.parametrize("field, reason", [("warning_type", "missing_warning_type"), ("file", "missing_file")])
def test_a_warning_without_what_it_needs_is_one_reject(field, reason):
    bad, good = parse([{**WARNING, field: None}, WARNING])
    assert isinstance(bad, Reject) and bad.reason == reason and good.own_id == "f1"
