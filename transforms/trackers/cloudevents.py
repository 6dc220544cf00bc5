"""CloudEvents 1.0 in structured JSON: one event, a batch, or a JSON line each. What each type means, the mapping says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from transforms.domain.head import Head
from transforms.domain.mapping import Columns
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.tracked import Fact, objects, openings, raw, record, stamp, text, undated, words

NAME = "cloudevents"
TITLE = "CloudEvents 1.0 (JSON: one event, a batch, or lines)"

_VERSION = re.compile(r"v?[0-9]+(\.[0-9]+)*")


def recognise(head: Head) -> bool:
    return any({"specversion", "id", "source", "type"} <= opening.keys() for opening in openings(head))


def parse(content: bytes, source: Source) -> Iterator[Fact | Reject]:
    columns = source.mapping.columns if source.mapping else Columns()
    for found in objects(content):
        yield found if isinstance(found, Reject) else _fact(*found, columns, source)


def _fact(pointer: str, event: dict[str, Any], columns: Columns, source: Source) -> Fact | Reject:
    found = {name: text(_at(event, path)) for name, path in columns.model_dump().items() if path}
    kind, ref, at = text(event.get("type")), found.get("ref") or found.get("ticket"), stamp(source, event.get("time"))
    for name, value in (("type", kind), ("ref", ref)):
        if not value:
            return Reject(pointer, f"missing_{name}", f"the event has no {name}: it is looked for in {getattr(columns, name, None) or name}", raw(event))
    if at is None:
        return undated(pointer, event, "time")
    parts = [part for part in re.split(r"[./]", kind or "") if part and not _VERSION.fullmatch(part)]
    own_id = text(event.get("id"))
    return Fact(
        pointer=pointer,
        section="entry",
        words=words(kind, parts[-1] if parts else None),
        at=at,
        ticket=found.get("ticket") or ref or "",
        ref=ref,
        # An event is known by its source and its id together.
        native_id=f"{text(event.get('source')) or ''}#{own_id}" if own_id else None,
        actor=found.get("actor"),
        target_person=found.get("target_person"),
        channel=found.get("channel"),
        text=found.get("comment"),
    )


def _at(event: dict[str, Any], path: str) -> Any:
    """The member at a dotted path; None where there is none."""
    value: Any = event
    for name in path.split("."):
        value = record(value).get(name)
    return value
