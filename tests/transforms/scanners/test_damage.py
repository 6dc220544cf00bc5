"""Every field of every format's real reports cut, renamed and retyped: never an error of ours, never a finding lost without a word.

Each report is trimmed to a few items of each list first, and each place of a format (whatever its index) is damaged once: what is tested is the
format's members, not its megabytes. What a tool itself leaves out or says so that an item is no finding stands in golden.yaml under `silent`.
"""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import msgspec
import pytest
import yaml

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "scans"
#: Items that are kept of each list, and places that are damaged in a format.
KEPT, PLACES = 3, 160
Rows = list[Result | Reject]
Path_ = tuple[str | int, ...]
REMOVED, RENAMED = "removed", "renamed"
WRONG: tuple[Any, ...] = (None, 7, -1.5e300, "", "text", "\x00\u2028=1", True, [], [7], [None], {}, {"a": {}}, [[]])


def _reports(format: str) -> Iterator[bytes]:
    for path in sorted((GOLDEN / format).glob("*.gz")):
        if path.name != "peer_findings.jsonl.gz":
            yield gzip.decompress(path.read_bytes()).removeprefix(BOM)


def _of_kind(starts: Callable[[bytes], bool]) -> list[str]:
    return [name for name in formats() if any(starts(content.lstrip()[:16]) for content in _reports(name))]


def _is_json(start: bytes) -> bool:
    return start[:1] in (b"{", b"[")


def _is_xml(start: bytes) -> bool:
    return start[:1] == b"<" and b"html" not in start.lower()


def _is_csv(start: bytes) -> bool:
    return start[:1] not in (b"{", b"[", b"<")


def _read(format: str, content: bytes) -> Rows | FileRejected:
    """What the format's reader makes of it. Anything raised but FileRejected fails the test."""
    try:
        rows = list(formats()[format].parse(content, Scan()))
    except FileRejected as error:
        assert error.reason and error.seen
        return error
    # XML counts from 1 and may leave a 1 out; `#2` is the second result of one place.
    rows = [msgspec.structs.replace(row, pointer=re.sub(r"#\d+$", "", row.pointer.replace("[1]", ""))) for row in rows]
    for row in rows:
        if isinstance(row, Reject):
            assert row.reason and len(row.raw) <= 2000
        else:
            assert row.title.strip() and row.identity
            hash(row.identity)
    return rows


def _others(rows: Rows, is_other: Callable[[str], bool]) -> Counter:
    """The results elsewhere: not their ordinals, which count what is beside them."""
    found = (row for row in rows if isinstance(row, Result) and is_other(row.pointer))
    return Counter((row.pointer, row.title, row.severity, row.rule, row.component_name, row.file_path, row.line) for row in found)


def _is_within(place: str, pointer: str) -> bool:
    return place.startswith(f"{pointer}/")


def _are_related(place: str, pointer: str) -> bool:
    return place == pointer or _is_within(place, pointer) or _is_within(pointer, place)


def _silent(format: str) -> list[str]:
    path = GOLDEN / format / "golden.yaml"
    return ((yaml.safe_load(path.read_text()) or {}) if path.exists() else {}).get("silent", [])


def _complaint(format: str, place: str, before: Rows, content: bytes, *, is_empty: bool = False) -> str | None:
    """What is wrong with how a report is read that was damaged at a place, beside how it was read before; None where nothing is.

    `is_empty`: above the items, the damage says that there are none.
    """
    rows = _read(format, content)
    if isinstance(rows, FileRejected):
        return None
    owners = {row.pointer for row in before if _is_within(place, row.pointer)}
    if not owners:
        return None if rows or is_empty or not formats()[format].recognise(Head(content)) else "every result is gone, and nothing says so"
    if not any(_are_related(place, row.pointer) for row in rows):
        return "its item is gone, and nothing says so"

    def is_other(pointer: str) -> bool:
        return not any(_are_related(owner, pointer) for owner in owners)

    return None if _others(rows, is_other) == _others(before, is_other) else "other items are read otherwise"


# JSON


def _trimmed(value: Any) -> Any:
    if isinstance(value, dict):
        # A map from files or ids to objects is a list too.
        is_map = len(value) > 5 * KEPT and all(isinstance(item, dict) for item in value.values())
        return {name: _trimmed(value[name]) for name in list(value)[: KEPT if is_map else None]}
    return [_trimmed(item) for item in value[:KEPT]] if isinstance(value, list) else value


def _documents(format: str) -> Iterator[tuple[Any, Rows]]:
    """The trimmed JSON reports of a format that still give rows."""
    for content in _reports(format):
        try:
            document = _trimmed(json.loads(content))
        except ValueError:
            continue
        rows = _read(format, json.dumps(document).encode())
        if isinstance(rows, list) and rows:
            yield document, rows


def _paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    if path:
        yield path
    for name, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(item, (*path, name))


def _kind(path: Path_) -> str:
    return "/".join("*" if isinstance(step, int) else step for step in path)


def _damaged(document: Any, path: Path_, damage: Any) -> Any:
    """A copy of the document with another value at the path, or none, or the value under another name."""
    whole = node = copy.copy(document)
    for step in path[:-1]:
        node[step] = node = copy.copy(node[step])
    last: Any = path[-1]
    if damage is REMOVED:
        del node[last]
    elif damage is RENAMED:
        node[f"was_{last}"] = node.pop(last)
    else:
        node[last] = damage
    return whole


@pytest.mark.parametrize("format", _of_kind(_is_json))
def test_a_json_member_that_is_gone_or_of_another_type_costs_its_item_and_says_so(format):
    places: dict[str, tuple[Any, Rows, Path_]] = {}
    for document, before in _documents(format):
        for path in _paths(document):
            places.setdefault(_kind(path), (document, before, path))
    chance, wrong = random.Random(format), {}
    for kind in chance.sample(sorted(places), min(PLACES, len(places))):
        document, before, path = places[kind]
        renamed = () if isinstance(path[-1], int) else (RENAMED,)
        for damage in (REMOVED, *renamed, *chance.sample(WRONG, 4)):
            content = json.dumps(_damaged(document, path, damage)).encode()
            place = "".join(f"/{step}" for step in path)
            says_nothing = damage in (None, [], {}) or (damage is REMOVED and isinstance(path[-1], int))
            if kind not in _silent(format) and (complaint := _complaint(format, place, before, content, is_empty=says_nothing)):
                wrong[kind, str(damage)] = complaint
    assert not wrong


@pytest.mark.parametrize("format", _of_kind(_is_json))
def test_json_that_is_no_plain_json_is_read_or_rejected(format):
    document, before = next(_documents(format), (None, []))
    if not before:
        pytest.skip("JSON lines")
    text = json.dumps(document)
    name = json.dumps(next(iter(document if isinstance(document, dict) else document[0])))
    for content in (
        text.replace(name, f"{name}: 7, {name}", 1).encode(),  # a name twice
        *(re.sub(r"(?<=: )(\d+|\"[^\"]*\")(?=[,}])", value, text, count=1).encode() for value in ("NaN", "Infinity", "1e999", "9" * 5000, "-0")),
        text.replace("{", '{"nested": ' + "[" * 3000 + "]" * 3000 + ", ", 1).encode(),
        text.replace("{", '{"nested": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + ", ", 1).encode(),
        text.encode("utf-16"),
        text.encode("utf-16-be"),
        text.replace('": "', '": "\ud83d', 1).encode("utf-8", "surrogatepass"),
        text.encode() + b"\x00",
        text.encode() + text.encode(),
    ):
        _read(format, content)
    for content in (BOM + text.encode(), b" \r\n\t" + text.encode() + b"\n\n", json.dumps(document, indent=3).encode()):
        assert formats()[format].recognise(Head(content))
        rows = _read(format, content)
        assert isinstance(rows, list) and _others(rows, bool) == _others(before, bool)


# XML


def _trim_xml(element: Element) -> None:
    seen: Counter[str] = Counter()
    for child in list(element):
        seen[child.tag] += 1
        if seen[child.tag] > KEPT:
            element.remove(child)
        else:
            _trim_xml(child)


def _roots(format: str) -> Iterator[tuple[Element, Rows]]:
    for content in _reports(format):
        if _is_xml(content.lstrip()[:16]):
            try:
                root = ElementTree.fromstring(content)
            except ElementTree.ParseError:
                continue
            _trim_xml(root)
            if len(content) < 100_000 and not _read(format, ElementTree.tostring(root)):
                root = ElementTree.fromstring(content)  # its first items are none: checks that passed
            if isinstance(rows := _read(format, ElementTree.tostring(root)), list) and rows:
                yield root, rows


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _elements(element: Element, place: str = "", kind: str = "") -> Iterator[tuple[Element, Element, str, str]]:
    """(parent, element, place with numbers above 1, place without) of everything below the root."""
    place, kind = place or f"/{_local(element.tag)}", kind or _local(element.tag)
    seen: Counter[str] = Counter()
    for child in element:
        name = _local(child.tag)
        seen[name] += 1
        spot = f"{place}/{name}" + (f"[{seen[name]}]" if seen[name] > 1 else "")
        yield element, child, spot, f"{kind}/{name}"
        yield from _elements(child, spot, f"{kind}/{name}")


XML = [name for name in _of_kind(_is_xml) if next(_roots(name), None)]


@pytest.mark.parametrize("format", XML)
def test_an_xml_element_or_attribute_that_is_gone_or_wrong_is_read_or_said(format):
    places: dict[str, tuple[Element, Rows, Element, Element, str]] = {}
    for root, before in _roots(format):
        for parent, element, place, kind in _elements(root):
            places.setdefault(kind, (root, before, parent, element, place))
    chance, wrong = random.Random(format), {}
    for kind in chance.sample(sorted(places), min(PLACES, len(places))):
        root, before, parent, element, place = places[kind]
        # Without an element above the items, or an item, a report says that there is none; one of several would change the others' numbers.
        is_kept = sum(child.tag == element.tag for child in parent) > 1 or not any(_is_within(place, row.pointer) for row in before)
        for what, spot in _damaged_elements(parent, element, kind, is_kept=is_kept):
            if spot not in _silent(format) and (complaint := _complaint(format, place, before, ElementTree.tostring(root))):
                wrong[spot, what] = complaint
    assert not wrong


def _damaged_elements(parent: Element, element: Element, kind: str, *, is_kept: bool) -> Iterator[tuple[str, str]]:
    """(what was done, where) for each damage of one element or attribute, in place and undone after. `is_kept`: it is not taken away."""
    number, text, tag, attributes = list(parent).index(element), element.text, element.tag, dict(element.attrib)
    if not is_kept:
        parent.remove(element)
        yield REMOVED, kind
        parent.insert(number, element)
        element.tag = RENAMED
        yield RENAMED, kind
        element.tag = tag
    for name in attributes:
        del element.attrib[name]
        yield REMOVED, f"{kind}@{name}"
        element.attrib = dict(attributes)
    for value in ("", "text", "-1", "NaN", "9" * 400, "<![CDATA[", "\u2028=1+1"):
        if text and text.strip():
            element.text = value
            yield value[:9], kind
            element.text = text
        for name in attributes:
            element.attrib[name] = value
            yield value[:9], f"{kind}@{name}"
            element.attrib[name] = attributes[name]


@pytest.mark.parametrize("format", XML)
def test_document_types_and_entities_are_refused_and_other_encodings_read(format):
    root, before = next(_roots(format))
    plain = ElementTree.tostring(root)
    name = _local(root.tag).encode()
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "' + b"&a;" * 50 + b'"><!ENTITY c "' + b"&b;" * 50 + b'">]>'
    external = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    for doctype in (bomb, external):
        rejected = _read(format, doctype + plain)
        assert isinstance(rejected, FileRejected) and rejected.reason == "hostile_xml"
    # Qualys states the address of its document type, which is left unread; everybody else's is refused.
    stated = _read(format, b"<!DOCTYPE " + name + b' SYSTEM "http://localhost:9/x.dtd">' + plain)
    assert _others(stated, bool) == _others(before, bool) if isinstance(stated, list) else stated.reason == "hostile_xml"
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        content = ElementTree.tostring(root, encoding=encoding)
        rows = _read(format, content)
        assert isinstance(rows, FileRejected) or _others(rows, bool) == _others(before, bool), encoding
    for content in (plain[: len(plain) // 2], plain + plain, b'<?xml version="1.0" encoding="nowhere"?>' + plain):
        assert isinstance(_read(format, content), FileRejected)


# CSV


def _tables(format: str) -> Iterator[tuple[str, list[list[str]], Rows]]:
    """(delimiter, header and rows, what they give) of the format's CSV reports."""
    for content in _reports(format):
        if not _is_csv(content.lstrip()[:16]):
            continue
        text = content.decode("utf-8", "replace")
        delimiter = max(",;\t", key=text.lstrip().split("\n", 1)[0].count)
        cells = [row for row in csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter) if row][: 2 * KEPT + 1]
        rows = _read(format, _as_csv(cells, delimiter))
        if isinstance(rows, list) and rows:
            yield delimiter, cells, rows


def _as_csv(cells: list[list[str]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(cells)
    return text.getvalue().encode()


@pytest.mark.parametrize("format", [name for name in _of_kind(_is_csv) if next(_tables(name), None)])
def test_a_csv_column_or_row_that_is_gone_or_wrong_is_read_or_said(format):
    for delimiter, cells, before in _tables(format):
        for column, name in enumerate(cells[0]):
            without = [[cell for number, cell in enumerate(row) if number != column] for row in cells]
            renamed = [[*cells[0][:column], f"was {name}", *cells[0][column + 1 :]], *cells[1:]]
            for what, damaged in ((REMOVED, without), (RENAMED, renamed)):
                content = _as_csv(damaged, delimiter)
                rows = _read(format, content)
                if rows == [] and name.lower() not in _silent(format):
                    assert not formats()[format].recognise(Head(content)), f"column {name} {what}: every result is gone, and nothing says so"
            for wrong in ("", "text", "-1", '"', "=1+1", "9" * 400):
                damaged = [cells[0], [*cells[1][:column], wrong, *cells[1][column + 1 :]], *cells[2:]]
                rows = _read(format, _as_csv(damaged, delimiter))
                assert isinstance(rows, list), f"column {name} {wrong[:9]!r}: one cell costs the file"
                if name.lower() not in _silent(format):
                    assert len(rows) >= len(before) or any(isinstance(row, Reject) for row in rows), f"column {name} {wrong[:9]!r}: a row is gone"
        plain = _as_csv(cells, delimiter)
        for content in (plain[: len(plain) // 2], plain.replace(b"\n", b'\n"', 1), plain + b'"', plain + delimiter.encode() * 999, plain.decode().encode("utf-16")):
            _read(format, content)
        assert _read(format, BOM + plain) == before
