"""cargo-audit: the shapes and faults that the report in tests/golden does not show."""

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import cargo_audit, recognise

CRATE = {"name": "smallvec", "version": "0.6.13", "source": "registry+https://github.com/rust-lang/crates.io-index"}
MATCH = {"advisory": {"id": "RUSTSEC-2021-0003", "aliases": ["CVE-2021-25900"], "cvss": None}, "package": CRATE}
YANKED = {"kind": "yanked", "package": CRATE, "advisory": None, "versions": None}


def parse(vulnerabilities: object, warnings: object) -> list:
    report = {"database": {}, "lockfile": {}, "vulnerabilities": {"found": True, "count": 1, "list": vulnerabilities}, "warnings": warnings}
    content = json.dumps(report).encode()
    assert recognise(Head(content)) is cargo_audit
    return list(cargo_audit.parse(content, Scan()))


@pytest.mark.parametrize("warnings", [{"yanked": [YANKED]}, [YANKED]], ids=["by kind", "one list"])
def test_a_release_taken_back_has_no_advisory(warnings):
    _, row = parse([MATCH], warnings)
    assert (row.title, row.rule, row.vulnerability_ids) == ("smallvec 0.6.13 is yanked", "yanked", ())


@pytest.mark.parametrize("warnings", [None, {}, [], {"yanked": None}], ids=repr)
def test_nothing_found_is_no_result(warnings):
    assert parse([], warnings) == []


@pytest.mark.parametrize(
    "item, reason",
    [
        ({**MATCH, "package": None}, "missing_package"),
        ({**MATCH, "advisory": None}, "missing_advisory"),
        ({**MATCH, "advisory": 7}, "malformed"),
        (None, "malformed"),
    ],
)
def test_an_item_without_what_it_needs_is_one_reject(item, reason):
    bad, good = parse([item, MATCH], {})
    assert isinstance(bad, Reject) and bad.reason == reason and good.vulnerability_ids == ("RUSTSEC-2021-0003", "CVE-2021-25900")
