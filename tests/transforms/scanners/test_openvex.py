"""OpenVEX: the shapes and faults that the document in tests/golden does not show."""

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import openvex, recognise

IMAGE, PART = "pkg:oci/shop@sha256:abc", "pkg:npm/%40angular/core@12.0.0"
STATEMENT = {
    "vulnerability": {"name": "CVE-2024-10001"},
    "products": [{"@id": IMAGE}],
    "status": "not_affected",
    "justification": "component_not_present",
}


def parse(*statements: object, context: str = "https://openvex.dev/ns/v0.2.0", **members: object) -> list:
    content = json.dumps({"@context": context, "@id": "x", "author": "x", "version": 1, **members, "statements": list(statements)}).encode()
    assert recognise(Head(content)) is openvex
    return list(openvex.parse(content, Scan()))


@pytest.mark.parametrize(
    "statement",
    [
        {**STATEMENT, "products": [{"@id": IMAGE, "subcomponents": [{"@id": PART}]}]},
        {**STATEMENT, "products": [{"@id": IMAGE, "subcomponents": [PART]}]},
        {**STATEMENT, "products": [IMAGE], "subcomponents": [PART]},
        {**STATEMENT, "products": [{"@id": "urn:x", "identifiers": {"purl": IMAGE}, "subcomponents": [{"identifiers": {"purl": PART}}]}]},
    ],
    ids=["0.2", "text", "0.0.1", "identifiers"],
)
def test_a_subcomponent_is_the_package_and_the_product_is_what_was_looked_at(statement):
    (row,) = parse(statement)
    assert (row.component_name, row.component_version, row.target) == ("core", "12.0.0", IMAGE)
    assert row.location.key == "@angular/core" and row.source_state == "not_affected,component_not_present"


def test_version_0_0_1_names_vulnerability_and_products_by_texts():
    rows = parse(
        {"vulnerability": "CVE-2023-1", "products": ["pkg:deb/debian/zlib@1", "our product"], "status": "fixed"},
        context="https://openvex.dev/ns",
    )
    assert [(row.component_name, row.component_version) for row in rows] == [("zlib", "1"), ("our product", None)]


def test_a_statement_on_no_product_is_a_result_without_a_package():
    (row,) = parse({**STATEMENT, "products": None})
    assert (row.title, row.location.kind) == ("CVE-2024-10001", "none")


def test_a_statement_is_as_old_as_it_says_else_as_its_document():
    first, second = parse({**STATEMENT, "timestamp": "2026-01-02T00:00:00Z"}, STATEMENT, timestamp="2026-01-01T00:00:00Z")
    assert first.captured.us - second.captured.us == 86_400_000_000


@pytest.mark.parametrize(
    "vulnerability, rule, ids",
    [
        ({"name": "CVE-2024-1", "aliases": ["ghsa-jfh8-c2jp-5v3q", "our bug", 7]}, "CVE-2024-1", ("CVE-2024-1", "GHSA-JFH8-C2JP-5V3Q")),
        ({"@id": "https://nvd.nist.gov/vuln/detail/CVE-2024-1"}, "CVE-2024-1", ("CVE-2024-1",)),
        ("our bug", "our bug", ()),
    ],
)
def test_only_well_formed_ids_are_ids(vulnerability, rule, ids):
    (row,) = parse({**STATEMENT, "vulnerability": vulnerability})
    assert (row.rule, row.vulnerability_ids) == (rule, ids)


@pytest.mark.parametrize(
    "statement, reason",
    [
        ({**STATEMENT, "vulnerability": None}, "missing_vulnerability"),
        ({**STATEMENT, "status": ""}, "missing_status"),
        ({**STATEMENT, "products": [7]}, "malformed"),
    ],
)
def test_a_statement_without_what_it_needs_is_one_reject(statement, reason):
    bad, good = parse(statement, STATEMENT)
    assert isinstance(bad, Reject) and bad.reason == reason and not isinstance(good, Reject)
