"""Nuclei: the shapes and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import nuclei, recognise

MATCH = {
    "template-id": "CVE-2021-44228",
    "info": {"name": "Log4j", "severity": "critical", "tags": ["cve", "kev"], "classification": {"cvss-score": 10, "epss-score": 0.97}},
    "type": "http",
    "host": "https://shop.example",
    "matched-at": "https://shop.example/a?x=1",
    "timestamp": "2024-01-01T00:00:00Z",
}


def lines(*matches: object) -> bytes:
    return b"\n".join(json.dumps(match).encode() for match in matches) + b"\n"


def parse(content: bytes) -> list:
    assert recognise(Head(content)) is nuclei
    return list(nuclei.parse(content, Scan()))


@pytest.mark.parametrize("content", [lines(MATCH), lines(MATCH, MATCH), json.dumps([MATCH]).encode(), json.dumps(MATCH, indent=1).encode()])
def test_lines_a_list_and_one_object_are_read(content):
    row = parse(content)[0]
    assert (row.title, row.severity, row.score, row.epss, row.known_exploited) == ("Log4j", "critical", 10.0, 0.97, True)
    assert row.vulnerability_ids == ("CVE-2021-44228",)  # the template is named after it


def test_a_line_that_is_cut_off_is_one_reject():
    rows = parse(lines(MATCH, MATCH)[:-20])
    assert [type(row) is Reject for row in rows] == [False, True] and rows[1].pointer == "line 2"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({}, ("web", "https://shop.example:443|/a|")),
        ({"fuzzing_parameter": "x"}, ("web", "https://shop.example:443|/a|x")),
        ({"type": "ssl", "matched-at": "shop.example:443"}, ("host", "shop.example|443|tcp")),
        ({"type": "javascript", "matched-at": "shop.example:22"}, ("host", "shop.example|22|tcp")),
        ({"type": "dns", "matched-at": "shop.example"}, ("host", "shop.example||")),
        ({"type": "file", "matched-at": "src/a.env", "host": "."}, ("code", "src/a.env|CVE-2021-44228")),
    ],
)
def test_the_place_is_of_the_templates_type(change, key):
    [row] = parse(lines(MATCH | change))
    assert row.location == key


def test_what_did_not_match_is_no_finding_and_what_lacks_a_place_is_a_reject():
    rows = parse(lines(MATCH, MATCH | {"matcher-status": False}, MATCH | {"host": None, "matched-at": None}, MATCH | {"matched-at": "http://[x"}))
    assert [getattr(row, "reason", None) for row in rows] == [None, "missing_host", "malformed"]


def test_text_is_no_report():
    with pytest.raises(FileRejected, match="malformed"):
        list(nuclei.parse(b"no json", Scan()))
