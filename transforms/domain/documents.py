"""JSON reports, read item by item: one bad item is one rejected row, and the values in a good one may be of any sane type."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM
from transforms.domain.result import Reject

T = TypeVar("T")

#: What a decoder may raise on hostile content: msgspec's errors and bad UTF-8 are ValueErrors, depth is a RecursionError.
UNREADABLE = (ValueError, RecursionError)
_RAW_LIMIT = 2000
#: An advisory's id: a database's name and a number behind it; a weakness is none, and CVE and GHSA have forms of their own.
_ADVISORY_ID = re.compile(
    r"CVE-\d{4}-\d{4,}|GHSA(?:-[23456789CFGHJMPQRVWX]{4}){3}|(?!CVE-|GHSA-|CWE-)(?=.{0,80}\d)[A-Z][A-Z0-9]*(?:[-:_.][A-Z0-9]+)+"
)
_VULNERABILITY_ID = re.compile(r"\bCVE-\d{4}-\d{4,}|\bGHSA(?:-[23456789cfghjmpqrvwx]{4}){3}\b", re.IGNORECASE)


def decode(decoder: msgspec.json.Decoder[T], content: bytes, expected: str) -> T:
    """The report's frame. Raises `FileRejected` where the content is not that."""
    try:
        return decoder.decode(content.removeprefix(BOM))
    except UNREADABLE as error:
        raise FileRejected("malformed", seen=str(error), expected=expected) from None


def items(
    raws: Sequence[msgspec.Raw] | None, decoder: msgspec.json.Decoder[T], pointer: str
) -> Iterator[tuple[str, msgspec.Raw, T | Reject]]:
    """Each item of a list with its pointer and raw text: decoded, or the reject that it is."""
    for number, raw in enumerate(raws or ()):
        where = f"{pointer}/{number}"
        try:
            yield where, raw, decoder.decode(raw)
        except UNREADABLE as error:
            yield where, raw, reject(where, "malformed", str(error), raw)


def reject(pointer: str, reason: str, detail: str, raw: bytes | msgspec.Raw = b"") -> Reject:
    return Reject(pointer, reason, detail, bytes(raw)[:_RAW_LIMIT].decode("utf-8", "replace"))


def missing(pointer: str, name: str, raw: bytes | msgspec.Raw) -> Reject:
    """The reject of an item without a field that the format requires."""
    return reject(pointer, f"missing_{name}", f"the item has no {name}", raw)


def text(value: object) -> str | None:
    """A text or number as trimmed text; None where blank, absent or of another type."""
    if type(value) is str:  # as nearly always
        return value.strip() or None
    return str(value) if type(value) is int or type(value) is float else None


def number(value: object) -> float | None:
    """A finite number, also written as text; else None."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def score(value: object) -> float | None:
    """A number from 0 to 10; else None."""
    found = number(value)
    return found if found is not None and 0 <= found <= 10 else None


def line(value: object) -> int | None:
    """A line number, also written as text; 0 and what is no line number are None."""
    if type(value) is int:  # as nearly always; bool is another type
        return value if 0 < value < 2**31 else None
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value) or None
    found = number(value)
    return int(found) if found is not None and 0 < found < 2**31 else None


def one_line(value: str, limit: int = 200) -> str:
    """A message as a title: on one line, cut at a word."""
    flat = " ".join(value.split())
    if len(flat) <= limit:
        return flat
    return (flat[: limit - 1].rpartition(" ")[0] or flat[: limit - 1]) + "…"


def ids(*values: object) -> tuple[str, ...]:
    """Vulnerability ids as stated, of texts and lists of them: upper case, distinct, in order."""
    found: dict[str, None] = {}
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            if name := text(item):
                found[name.upper()] = None
    return tuple(found)


def advisory_ids(*values: object) -> tuple[str, ...]:
    """Those of `ids` that have the form of one: many tools put a bare number or a sentence where an advisory has no id."""
    return tuple(name for name in ids(*values) if _ADVISORY_ID.fullmatch(name))


def ids_within(value: str) -> tuple[str, ...]:
    """The CVE and GHSA ids that a text mentions: upper case, distinct, in order."""
    return tuple(dict.fromkeys(name.upper() for name in _VULNERABILITY_ID.findall(value))) if "-" in value else ()
