"""What a tracker module reads: facts and states of tickets, in the tracker's own words; and how to take them from JSON that may be of any shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import DAY_US, MICROSECONDS, Stamp, iso
from transforms.domain.mapping import word
from transforms.domain.result import Reject
from transforms.domain.source import Source

#: A ticket names its finding, and one of ours its cycle, on a line of its own, in its text or in a comment; marks of a list, a quotation or bold type
#: may stand around it: people copy them.
_MARKER = re.compile(r"^[\s>*_`#-]*handoff-(finding|cycle)[*_`]*\s*:[\s*_`]*([^\s*_`<>{]+)", re.IGNORECASE | re.MULTILINE)
_COMMAND = re.compile(r"^\s*(/[a-z][\w-]*)(?=\s|$)", re.IGNORECASE | re.MULTILINE)
_RAW_LIMIT = 2_000
#: Lines of a JSON lines file that recognition looks at.
_LOOKED_AT = 20
#: Numbers beyond this are milliseconds since 1970, not seconds.
_MILLISECONDS_FROM = 100_000_000_000
_DEPTH = 60
#: The year 9000: nothing is dated beyond it, and what is computed from it is an instant still.
_LATEST_US = 221_845_392_000 * MICROSECONDS


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, in the tracker's words: `section` of the mapping, and words for it, the most particular first."""

    pointer: str
    section: str
    words: tuple[str, ...]
    at: Stamp
    #: The ticket, as people name it.
    ticket: str
    #: The tracker's own id of this fact, the same in every export and call; None where it has none.
    native_id: str | None = None
    actor: str | None = None
    target_person: str | None = None
    channel: str | None = None
    text: str | None = None
    #: A change of the same tickets that no mapping has to know: fields nobody maps, subscriptions, edits of text.
    is_minor: bool = False
    #: What it is about, where that is no ticket of this tracker but a finding by its own id.
    ref: str | None = None


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one ticket as the file shows it."""

    pointer: str
    ticket: str
    #: Other names that this tracker's files give it (`jira:10063`): what is linked to the ticket is linked to them.
    other_names: tuple[str, ...] = ()
    title: str | None = None
    native_state: str | None = None
    state_words: tuple[str, ...] = ()
    assignee: str | None = None
    native_priority: str | None = None
    severity_words: tuple[str, ...] = ()
    due_at: int | None = None
    labels: tuple[str, ...] = ()
    #: Texts in which it may name its finding.
    texts: tuple[str, ...] = ()
    #: Findings that it names otherwise than by a marker line.
    refs: tuple[str, ...] = ()
    url: str | None = None
    created: Stamp | None = None
    updated: Stamp | None = None


class Note(msgspec.Struct, frozen=True):
    """Something that a person ought to know of the file, and that takes no row away."""

    pointer: str
    what: str


def marked(text: str | None) -> tuple[str, ...]:
    """The findings that a text names in marker lines, in order."""
    return _markers(text, "finding")


def marked_cycle(text: str | None) -> int | None:
    """The handoff cycle that a text names first in a marker line."""
    found = next(iter(_markers(text, "cycle")), "")
    return int(found) if found.isdecimal() and len(found) < 9 else None


def _markers(text: str | None, kind: str) -> tuple[str, ...]:
    if not text or f"handoff-{kind}" not in text.casefold():
        return ()
    return tuple(dict.fromkeys(match[2] for match in _MARKER.finditer(text) if match[1].casefold() == kind))


def commands(text: str | None) -> tuple[str, ...]:
    """The commands in a comment: words that begin with a slash, each at the beginning of a line."""
    return tuple(dict.fromkeys(word(match[1]) for match in _COMMAND.finditer(text))) if text and "/" in text else ()


def words(*values: object) -> tuple[str, ...]:
    """Words of a fact as they are compared; what is blank or no text is left out."""
    return tuple(dict.fromkeys(found for value in values if (name := text(value)) and (found := word(name))))


def comment(pointer: str, ticket: str, at: Stamp, native_id: str | None, actor: str | None, body: str | None) -> Fact:
    """A comment as a fact: its commands are its words."""
    return Fact(pointer=pointer, section="comment", words=commands(body), at=at, ticket=ticket, native_id=native_id, actor=actor, text=body)


def second(at: Stamp) -> str:
    """An instant to the second: what two ways of telling one fact have in common where they have no id in common."""
    return iso(at.us - at.us % MICROSECONDS)


# JSON of any shape


def text(value: object) -> str | None:
    """A text or number as trimmed text; None for all else and for what is blank."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def record(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def records(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects in a list, with their places."""
    for number, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield number, item


def texts(value: object) -> tuple[str, ...]:
    """The texts in a list of texts or of objects with a name."""
    items = value if isinstance(value, list) else ()
    return tuple(found for item in items if (found := text(record(item).get("name")) if isinstance(item, dict) else text(item)))


def stamp(source: Source, value: object) -> Stamp | None:
    """The instant of a value, large numbers as milliseconds; None where it is absent or no instant."""
    if value is None or value == "" or isinstance(value, dict | list):
        return None
    try:
        if isinstance(value, int | float) and abs(value) >= _MILLISECONDS_FROM:
            value = value / 1_000 if isinstance(value, float) or value % 1_000 else value // 1_000
        found = source.stamp(value)
    except (ValueError, OverflowError, OSError):
        return None
    return found if 0 < found.us < _LATEST_US else None


def due_us(source: Source, value: object) -> int | None:
    """When a ticket is due: at that instant; of a day alone, at its end."""
    found = stamp(source, value)
    if found is None:
        return None
    return found.us + DAY_US if found.precision == "date" else found.us


def raw(value: object) -> str:
    """An item as text for `rejected_row.raw`."""
    return msgspec.json.encode(value, order="deterministic")[:_RAW_LIMIT].decode("utf-8", "replace")


def undated(pointer: str, item: object, name: str) -> Reject:
    return Reject(pointer, "bad_instant", f"{name} is {record(item).get(name)!r}, expected ISO 8601"[:300], raw(item))


def rich_text(value: object, depth: int = 0) -> str | None:
    """A text, or the text of a document in Atlassian's form: a paragraph a line."""
    if isinstance(value, str):
        return value.strip() or None
    found = "".join(_pieces(value, depth)).strip() if isinstance(value, dict | list) else ""
    return found or None


def _pieces(node: object, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if isinstance(node, list):
        for child in node:
            yield from _pieces(child, depth + 1)
    elif isinstance(node, dict):
        kind, attributes = node.get("type"), record(node.get("attrs"))
        if isinstance(node.get("text"), str):
            yield node["text"]
        elif kind == "hardBreak":
            yield "\n"
        elif kind in ("mention", "emoji", "inlineCard", "blockCard", "date", "status"):
            yield str(attributes.get("text") or attributes.get("url") or "")
        yield from _pieces(node.get("content"), depth + 1)
        if kind in ("paragraph", "heading", "codeBlock", "listItem", "blockquote", "tableRow"):
            yield "\n"


def documents(content: bytes) -> Iterator[tuple[str, Any] | Reject]:
    """(pointer, value) of the content: one JSON document, or those of JSON lines, a line that is none as a Reject.

    Raises `FileRejected` where it is neither.
    """
    content = content.removeprefix(BOM)
    try:
        yield "", msgspec.json.decode(content)
        return
    except (ValueError, RecursionError) as error:
        fault = str(error)
    lines = content.split(b"\n")
    found = [(f"/{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    decoded: list[tuple[str, Any] | Reject] = []
    for pointer, line in found:
        try:
            decoded.append((pointer, msgspec.json.decode(line)))
        except (ValueError, RecursionError) as error:
            decoded.append(Reject(pointer, "malformed", str(error), line[:_RAW_LIMIT].decode("utf-8", "replace")))
    if len(found) < 2 or all(isinstance(item, Reject) for item in decoded):
        raise FileRejected("malformed", seen=fault, expected="JSON, or a JSON document a line")
    yield from decoded


def objects(content: bytes) -> Iterator[tuple[str, dict[str, Any]] | Reject]:
    """(pointer, object) of the documents, lists of objects opened; what is neither is a Reject."""
    for found in documents(content):
        if isinstance(found, Reject):
            yield found
            continue
        pointer, value = found
        for where, item in ((f"{pointer}/{number}", item) for number, item in enumerate(value)) if isinstance(value, list) else ((pointer, value),):
            yield (where, item) if isinstance(item, dict) else Reject(where, "malformed", f"{type(item).__name__}, expected an object", raw(item))


def openings(head: Head) -> Iterable[dict[str, Any]]:
    """The members of the first documents, undecoded: of the one there is, or of the first lines that are JSON objects."""
    if head.json:
        return (head.json,)
    return head.json_lines(_LOOKED_AT)


def item_members(opening: dict[str, Any], name: str) -> set[str] | None:
    """The members of the first object in the list `name` of an opening; empty for an empty list, None where there is no such list."""
    try:
        items = msgspec.json.decode(opening[name], type=list[msgspec.Raw])
        return set(msgspec.json.decode(items[0], type=dict[str, msgspec.Raw])) if items else set()
    except (KeyError, ValueError, RecursionError):
        return None


def member(opening: dict[str, Any], name: str) -> Any:
    """A member of an opening, decoded; None where it is absent or cannot be."""
    try:
        return msgspec.json.decode(opening[name])
    except (KeyError, ValueError, RecursionError):
        return None
