"""govulncheck: the shapes and faults that the reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import govulncheck, recognise

CONFIG = {"config": {"protocol_version": "v1.0.0", "scanner_name": "govulncheck"}}
OSV = {"osv": {"id": "GO-2024-1", "aliases": ["CVE-2024-1"]}}
FINDING = {"finding": {"osv": "GO-2024-1", "trace": [{"module": "stdlib", "version": "v1.20.1", "package": "runtime"}]}}


def lines(*messages: object, indent: int | None = None) -> bytes:
    return b"\n".join(json.dumps(message, indent=indent).encode() for message in messages)


def parse(content: bytes) -> list:
    assert recognise(Head(content)) is govulncheck
    return list(govulncheck.parse(content, Scan()))


@pytest.mark.parametrize(
    "content",
    [
        lines(CONFIG, OSV, FINDING),
        lines(CONFIG, OSV, FINDING, indent=2),
        lines([CONFIG, OSV, FINDING]),
        lines([CONFIG, FINDING, OSV], indent=4),
    ],
)
def test_messages_as_lines_indented_or_in_a_list(content):
    (row,) = parse(content)
    assert (row.component_name, row.component_version, row.source_state) == ("stdlib", "v1.20.1", "imported")
    assert row.vulnerability_ids == ("GO-2024-1", "CVE-2024-1")


@pytest.mark.parametrize("content", [lines(CONFIG), lines(CONFIG, {"progress": {"message": "x"}}), lines([CONFIG]), lines(CONFIG, OSV)])
def test_an_advisory_that_nothing_was_found_of_is_no_result(content):
    assert parse(content) == []


@pytest.mark.parametrize(
    "severity, word, cvss",
    [("High", "High", ()), ([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}], None, ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",))],
)  # fmt: skip
def test_a_private_database_may_rate(severity, word, cvss):
    (row,) = parse(lines(CONFIG, {"osv": {**OSV["osv"], "severity": severity}}, FINDING))
    assert (row.severity, row.cvss_vectors) == (word, cvss)


@pytest.mark.parametrize(
    "finding, reason",
    [
        ({"trace": [{"module": "m"}]}, "missing_osv"),
        ({"osv": "GO-2024-2", "trace": []}, "missing_module"),
        ({"osv": "GO-2024-2", "trace": 7}, "malformed"),
    ],
)
def test_a_finding_without_what_it_needs_is_one_reject(finding, reason):
    bad, good = parse(lines(CONFIG, OSV, {"finding": finding}, FINDING))
    assert isinstance(bad, Reject) and bad.reason == reason and good.rule == "GO-2024-1"


def test_a_stream_that_is_cut_off_keeps_what_came_before():
    reject, row = parse(lines(CONFIG, OSV, FINDING, FINDING, indent=2)[:-30])
    assert isinstance(reject, Reject) and row.rule == "GO-2024-1"


GRAPHS = {"Calls": {}, "Imports": {}, "Requires": {"Modules": {"1": {"Path": "stdlib", "Version": "v1.19.0"}}}}


def vuln(**members: object) -> dict:
    return {
        "OSV": OSV["osv"],
        "Symbol": "Serve",
        "PkgPath": "net/http",
        "ModPath": "stdlib",
        "CallSink": 0,
        "ImportSink": 0,
        "RequireSink": 1,
        **members,
    }


def test_before_2023_the_rows_of_one_advisory_on_a_module_are_one_result():
    (row,) = parse(lines({**GRAPHS, "Vulns": [vuln(ImportSink=57), vuln(CallSink=9)], "Modules": []}))
    assert (row.component_name, row.component_version, row.source_state) == ("stdlib", "v1.19.0", "called")


@pytest.mark.parametrize("vulns", [None, []])
def test_before_version_1_nothing_found_is_no_result(vulns):
    assert parse(lines({"Vulns": vulns})) == [] and parse(lines({**GRAPHS, "Vulns": vulns})) == []


@pytest.mark.parametrize("item, reason", [(vuln(OSV=None), "missing_osv"), (vuln(ModPath=None), "missing_module"), (7, "malformed")])
def test_before_version_1_a_row_without_what_it_needs_is_one_reject(item, reason):
    bad, good = parse(lines({**GRAPHS, "Vulns": [item, vuln()]}))
    assert isinstance(bad, Reject) and bad.reason == reason and good.source_state == "required"
