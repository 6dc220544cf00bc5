"""Which trackers are read and what their words mean; what one file comes to and what to write into the policy: what `handoff trackers` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import yaml

from transforms import trackers
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import iso
from transforms.domain.mapping import IGNORED, SECTIONS, Mapping
from transforms.domain.policy import Policy
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.tracking import Tally, mapped

_SAMPLES = 5
#: Words that a suggestion for the policy holds.
_SUGGESTED = 12


def listing(policy: Policy) -> list[dict[str, str]]:
    """Every tracker that has a mapping: its format, what that reads, and what counts as an acknowledgement."""
    formats = trackers.formats()
    return [
        {"tracker": name, "format": mapping.format, "reads": formats[mapping.format].TITLE, "acknowledged by": ", ".join(words_of(mapping, "acknowledged")) or "nothing"}
        for name, mapping in sorted(policy.trackers.items())
    ]


def words_of(mapping: Mapping, event: str) -> list[str]:
    """The words that are this event, each with its section: `status accepted`."""
    return [f"{section} {word}" for section in SECTIONS for word, meant in getattr(mapping, section).items() if meant == event]


def explain(content: bytes, policy: Policy, source: str | None = None) -> dict[str, Any]:
    """What the file is, what each rule matched, what none did, what it comes to. `source`: as its sidecar would say."""
    head = Head(content)
    try:
        module, tracker, mapping = trackers.reader(head, source, policy)
    except FileRejected as error:
        return {"format": None, "tracker": None, "reason": str(error)}
    names = (source, "activity", module.NAME)
    tally, rows, reason = Tally(), [], None
    reader = Source(policy.zone_of(*names), policy.date_order_of(*names), mapping=mapping)
    try:
        for row in mapped(module.parse(content, reader), mapping, tracker, tally):
            rows.append(row)
    except FileRejected as error:
        reason = str(error)
    events = [row for row in rows if isinstance(row, dict) and row.get("table") != "ticket"]
    tickets = [row for row in rows if isinstance(row, dict) and row.get("table") == "ticket"]
    return {
        "format": module.NAME,
        "tracker": tracker,
        "reads": module.TITLE,
        "reason": reason,
        "instants": _dating(module, content, reader, tracker),
        "matched": [{"section": section, "word": word, "event": event, "facts": count} for (section, word, event), count in tally.matched.most_common()],
        "unmatched": _counts(tally.unmatched.most_common()),
        "not needed": _counts(tally.minor.most_common()),
        "ticket words": _counts(tally.unmapped.most_common()),
        "events": dict(sorted(Counter(row["event"] for row in events).items())),
        "tickets": len(tickets),
        "links": dict(sorted(tally.links.items())),
        "rejected": dict(sorted(Counter(row.reason for row in rows if isinstance(row, Reject)).items())),
        "notes": [{"pointer": note.pointer, "what": note.what} for note in tally.notes[:_SAMPLES]],
        "notes_in_all": len(tally.notes),
        "sample events": [_event(row) for row in _samples(events)],
        "sample tickets": [_ticket(row) for row in tickets[:_SAMPLES]],
        "to write into the policy": suggestion(tracker, tally) if mapping else "",
    }


def _dating(module: ModuleType, content: bytes, reader: Source, tracker: str) -> dict[str, Any]:
    """How instants without a zone, and dates like 03/07/2026, are read, and how many events that order decides about (`sources` of the policy)."""
    other = reader._replace(date_order="dmy" if reader.date_order == "mdy" else "mdy")
    dated, otherwise = (_dated(module, content, each, tracker) for each in (reader, other))
    found = {"time_zone": reader.zone_name, "date_order": reader.date_order}
    return found | {f"events_dated_otherwise_under_{other.date_order}": (dated - otherwise).total()}


def _dated(module: ModuleType, content: bytes, reader: Source, tracker: str) -> Counter[tuple]:
    try:
        rows = list(mapped(module.parse(content, reader), reader.mapping, tracker, Tally()))
    except FileRejected:
        return Counter()
    return Counter((row.get("ref"), row["event"], row["occurred_at"]) for row in rows if isinstance(row, dict) and row.get("table") != "ticket")


def _counts(counted: Iterable[tuple[tuple[str, str], int]]) -> list[dict[str, Any]]:
    return [{"section": section, "word": word, "facts": count} for (section, word), count in counted]


def _samples(events: list[dict]) -> list[dict]:
    """One of each kind first."""
    firsts = list({row["event"]: row for row in reversed(events)}.values())[::-1]
    return firsts[: 2 * _SAMPLES]


def _event(row: dict) -> dict[str, Any]:
    told = {name: row.get(name) for name in ("ref", "event", "actor", "target_person", "ticket", "event_id")}
    return {"occurred_at": iso(row["occurred_at"]), **told}


def _ticket(row: dict) -> dict[str, Any]:
    told = {name: row.get(name) for name in ("ticket", "state", "native_state", "assignee", "severity", "native_priority", "labels", "refs")}
    return {**told, "due_at": iso(row["due_at"]) if row.get("due_at") is not None else None}


def suggestion(tracker: str, tally: Tally) -> str:
    """The policy text that gives each word which the mapping lacks a place to say what it means; empty where it lacks none."""
    tree: dict[str, dict[str, str]] = {}
    for (section, word), _ in (tally.unmatched + tally.unmapped).most_common(_SUGGESTED):
        tree.setdefault(section, {})[word] = IGNORED
    return yaml.safe_dump({"trackers": {tracker: tree}}, allow_unicode=True, sort_keys=False) if tree else ""
