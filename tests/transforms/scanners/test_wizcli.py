"""Wiz CLI: failed scans, moved lines and faults that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, recognise, wizcli


def report(state: str = "SUCCESS", name: object = "/src", **lists: object) -> bytes:
    return json.dumps(
        {"status": {"state": state}, "scanOriginResource": {"name": name}, "createdAt": "2026-01-02T03:04:05.123456789Z", "result": lists}
    ).encode()


def read(**lists: object) -> list[Result | Reject]:
    data = report(**lists)
    assert recognise(Head(data)) is formats()["wizcli"]
    return list(wizcli.parse(data, Scan()))


def matches(*lines: int) -> list[dict]:
    found = [{"fileName": "Dockerfile", "resourceName": "FROM={{a}}", "lineNumber": line, "matchContent": "RUN"} for line in lines]
    return [{"rule": {"id": "r1", "name": "No user"}, "severity": "LOW", "matches": found}]


def secret(line: int, **more: object) -> dict:
    return {"description": "Password in URL", "type": "PASSWORD", "path": "a.go", "lineNumber": line} | more


def test_a_failed_scan_and_one_without_a_result_are_rejected():
    for content, reason in ((report("FAILED"), "failed_scan"), (b'{"status":{},"scanOriginResource":{},"result":null}', "malformed")):
        with pytest.raises(FileRejected) as error:
            list(wizcli.parse(content, Scan()))
        assert error.value.reason == reason


def test_places_survive_lines_that_move():
    before, after = read(ruleMatches=matches(3, 9), secrets=[secret(1), secret(5)]), read(ruleMatches=matches(13, 19), secrets=[secret(11), secret(15)])
    assert [row.location for row in before] == [row.location for row in after] and len({row.location for row in before}) == 4


def test_a_scan_that_is_called_after_its_time_names_no_target():
    assert read(secrets=[secret(1)], name="IAC scan 2024-07-16T12:17:28Z")[0].target is None
    (row,) = read(secrets=[secret(1)], name="registry/app:1")
    assert row.target == "registry/app:1" and row.captured.precision == "zoned"


@pytest.mark.parametrize(
    "lists, reason",
    [
        ({"libraries": [{"version": "1", "vulnerabilities": []}]}, "missing_package"),
        ({"libraries": [{"name": "a", "vulnerabilities": [{}]}]}, "missing_vulnerability"),
        ({"libraries": [{"name": "a", "vulnerabilities": 7}]}, "malformed"),
        ({"ruleMatches": [{"matches": [{}]}]}, "missing_rule"),
        ({"ruleMatches": [{"rule": {"id": "r"}, "matches": [{}]}]}, "missing_file"),
        ({"secrets": [{"type": "PASSWORD"}]}, "missing_path"),
    ],
    ids=str,
)
def test_an_item_without_what_it_needs_is_one_reject(lists, reason):
    (bad,) = read(**lists)
    assert isinstance(bad, Reject) and bad.reason == reason and bad.raw
