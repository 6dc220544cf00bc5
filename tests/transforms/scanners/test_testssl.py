"""testssl.sh: the shapes and faults that the reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import recognise, testssl

ITEM = {
    "id": "LUCKY13",
    "ip": "shop.example/192.0.2.1",
    "port": "443",
    "severity": "LOW",
    "cve": "CVE-2013-0169",
    "cwe": "CWE-310",
    "finding": "uses CBC",
}
FATAL = {"id": "scanProblem", "ip": "gone.example/192.0.2.2", "port": "443", "severity": "FATAL", "finding": "Can't connect"}


def parse(document: object) -> list:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert recognise(Head(content)) is testssl
    return list(testssl.parse(content, Scan()))


def test_a_host_that_did_not_answer_costs_only_its_own_results():
    rows = parse([FATAL, ITEM])
    assert isinstance(rows[0], Reject) and rows[0].reason == "not_scanned" and rows[1].target == "shop.example"


@pytest.mark.parametrize(
    "document", [[FATAL], {"Invocation": "testssl", "openssl": "3", "scanResult": [FATAL]}], ids=["flat", "structured"]
)
def test_a_scan_that_reached_nothing_has_failed(document):
    with pytest.raises(FileRejected, match="failed_scan"):
        parse(document)


@pytest.mark.parametrize("id", ["overall_grade", "final_score", "key_exchange_score_weighted", "grade_cap_reason_1", "rating_spec"])
def test_the_rating_sums_up_the_results_and_is_none(id):
    assert parse([{**ITEM, "id": id, "severity": "CRITICAL"}]) == []


def test_the_days_left_in_a_text_do_not_tell_results_apart():
    first, second = (parse([{**ITEM, "finding": f"expires in {days} days"}])[0] for days in (29, 28))
    assert (first.identity, first.location) == (second.identity, second.location)


def test_one_check_that_says_two_things_of_a_port_is_two_results():
    assert len({row.identity for row in parse([ITEM, {**ITEM, "finding": "more"}])}) == 2


@pytest.mark.parametrize(
    "ip, host, endpoint",
    [("192.0.2.1", "192.0.2.1", "192.0.2.1:443"), ("/192.0.2.1", "192.0.2.1", "192.0.2.1:443"), ("a.example/2001:db8::1", "a.example", "a.example:443"),
     ("/2001:db8::1", "2001:db8::1", "[2001:db8::1]:443")],
)  # fmt: skip
def test_a_host_is_the_name_that_was_asked_for_else_its_address(ip, host, endpoint):
    (row,) = parse([{**ITEM, "ip": ip}])
    assert (row.target, row.endpoint) == (host, endpoint)
