"""Every scanner format against real reports: claimed by one, read like the peer or differing for a reason, unharmed by damage."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats


def _load_agreement() -> ModuleType:
    # It stands beside this file and is a script too; tests are no package.
    spec = importlib.util.spec_from_file_location("agreement", Path(__file__).with_name("agreement.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


agreement = _load_agreement()
REPORTS = agreement.reports()
EACH_REPORT = pytest.mark.parametrize("report", REPORTS, ids=lambda report: f"{report.format}/{report.name}")
SMALL = [report for report in REPORTS if len(report.content) < 100_000]

#: Where the items of a JSON report are: one whose results all come from that list.
ITEMS = {format: agreement.golden(format)["items"] for format in sorted({report.format for report in REPORTS}) if "items" in agreement.golden(format)}
EACH_LIST = pytest.mark.parametrize("format", ITEMS)


def _parse(format: str, content: bytes) -> list[Result | Reject]:
    return list(formats()[format].parse(content, Scan()))


def _document(format: str) -> tuple[dict, list, list[Result | Reject]]:
    name, path = ITEMS[format]["file"], ITEMS[format]["path"]
    report = next(report for report in REPORTS if (report.format, report.name) == (format, name))
    document = json.loads(report.content)
    items = document
    for step in path:
        items = items[step]
    return document, items, _parse(format, report.content)


def _identities(rows: list[Result | Reject]) -> list[tuple]:
    return [(row.identity, row.location, row.severity) for row in rows if isinstance(row, Result)]


@EACH_REPORT
def test_a_report_is_recognised_as_its_format_and_no_other(report):
    assert [name for name, module in formats().items() if module.recognise(Head(report.content))] == [report.format]


@EACH_REPORT
def test_a_report_agrees_with_the_peer_or_with_who_counted_but_for_the_listed_differences(report):
    listed = {row["what"]: (row["peer"], row["ours"]) for row in agreement.listed(report.format) if row["file"] == report.name}
    assert agreement.disagreements(report) == listed


@pytest.mark.parametrize("format", sorted({report.format for report in REPORTS}))
def test_listed_differences_are_of_known_files_once_each_and_have_reasons(format):
    rows = agreement.listed(format)
    names = {report.name for report in REPORTS if report.format == format}
    assert all(row["file"] in names and row["what"] in agreement.ASPECTS and row["reason"].strip() for row in rows)
    assert len({(row["file"], row["what"]) for row in rows}) == len(rows)


@EACH_REPORT
def test_every_result_has_a_title_an_identity_and_well_formed_values(report):
    for row in agreement.parsed(report) or ():
        if isinstance(row, Reject):
            assert row.reason and row.pointer is not None and len(row.raw) <= 2000
            continue
        assert row.title.strip() and row.identity and all(id == id.upper().strip() for id in row.vulnerability_ids)
        assert row.score is None or 0 <= row.score <= 10
        assert row.line is None or row.line >= 0
        hash(row.identity)


def test_the_page_on_agreement_is_up_to_date():
    assert agreement.PAGE.read_text() == agreement.render(), "run `python tests/transforms/scanners/agreement.py --write`"


@pytest.mark.parametrize("report", SMALL, ids=lambda report: f"{report.format}/{report.name}")
def test_a_damaged_report_is_rejected_or_yields_rows_and_never_raises_anything_else(report):
    chance = random.Random(report.name)
    content = report.content
    damaged = [content[: int(len(content) * share)] for share in (0.0, 0.1, 0.5, 0.9, 0.999)]
    for _ in range(12):
        spot = chance.randrange(len(content) + 1)
        damaged.append(
            content[:spot]
            + chance.choice((b"\0", b"\xff\xfe", b"null", b'"', b"{", b"<", b"-1e999", b"[[["))
            + content[spot + chance.randrange(4) :]
        )
    damaged += [
        content.decode("utf-8", "replace").encode("utf-16"),
        chance.randbytes(4096),
        b"",
        b"[]",
        b"{}",
        b"[" * 50_000,
        b"<a>" * 5_000,
    ]
    for bytes_ in damaged:
        for name, module in formats().items():
            # What is not recognised is not parsed, but a parser that is handed it must not fall over either.
            if module.recognise(Head(bytes_)) or name == report.format:
                try:
                    assert all(isinstance(row, Result | Reject) for row in module.parse(bytes_, Scan()))
                except FileRejected as error:
                    assert error.reason


@pytest.mark.parametrize("wrong", [7, "text", None, [], {"nested": {}}], ids=repr)
@EACH_LIST
def test_a_retyped_field_costs_at_most_its_own_item(format, wrong):
    document, items, _ = _document(format)
    first = items.pop(0)
    others = _identities(_parse(format, json.dumps(document).encode()))
    items.insert(0, first)
    for field in list(first):
        items[0] = {**first, field: wrong}
        kept = _identities(_parse(format, json.dumps(document).encode()))
        assert [row for row in kept if row in others] == others, field


@pytest.mark.parametrize("bad", [42, "text", [1], {}, None], ids=repr)
@EACH_LIST
def test_a_bad_item_is_one_reject_and_the_others_survive(format, bad):
    document, items, before = _document(format)
    place = len(items) // 2
    items.insert(place, bad)
    rows = _parse(format, json.dumps(document).encode())
    assert _identities(rows) == _identities(before)
    rejects = [row for row in rows if isinstance(row, Reject)]
    assert len(rejects) == 1 + sum(isinstance(row, Reject) for row in before)
    assert rejects[0].pointer.endswith(f"/{place}") and rejects[0].reason and rejects[0].raw


@EACH_LIST
def test_fields_of_a_future_version_are_ignored(format):
    document, items, before = _document(format)
    future = {"deep": [1, {"a": None}], "text": "x"}
    if isinstance(document, dict):  # else the report is the list itself
        document["fieldOfTheFuture"] = future
    for item in items:
        item["fieldOfTheFuture"] = future
    assert _identities(_parse(format, json.dumps(document).encode())) == _identities(before)


@EACH_LIST
def test_the_order_of_the_items_changes_nothing(format):
    document, items, before = _document(format)
    items.reverse()
    assert sorted(map(repr, _identities(_parse(format, json.dumps(document).encode())))) == sorted(map(repr, _identities(before)))


@EACH_LIST
def test_a_byte_order_mark_is_no_part_of_the_report(format):
    document, _, before = _document(format)
    content = b"\xef\xbb\xbf" + json.dumps(document).encode()
    assert formats()[format].recognise(Head(content))
    assert _identities(_parse(format, content)) == _identities(before)
