"""What the published copy knows of the handoffs that somebody is about to answer, and of who answers. Read-only: it never waits for a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from transforms.domain.errors import UsageError
from transforms.domain.people import kind_by_name
from warehouse.home import Home
from warehouse.published import dicts, open_copy
from warehouse.schema import sql_file


class Handoffs:
    """An open published copy; use `open_handoffs`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        found = self._rows("acknowledgement_rules")
        #: `acknowledgement` of the policy that the copy was computed by.
        self.rules: dict[str, Any] = json.loads(found[0]["rules"]) if found else {}
        self._directory: dict[str, Any] = json.loads((found[0]["directory"] if found else None) or "{}")
        self.reporting_zone: str = found[0]["reporting_zone"] if found else "UTC"

    def findings(self, reference: str) -> list[str]:
        """The findings that a reference may mean: none, one, or several."""
        return [row["finding_id"] for row in self._rows("find_finding", ref=reference)]

    def handoff(self, finding_id: str) -> dict[str, Any] | None:
        """The last cycle of a finding; None where it was never handed off."""
        found = self._rows("handoff_to_answer", id=finding_id)
        return found[0] if found else None

    def people(self, reference: str) -> list[dict[str, Any]]:
        """The people whom a reference may name, as last known."""
        return self._rows("people_named", ref=reference)

    def kind_of(self, reference: str) -> str:
        """What somebody whom no directory has is by the look of the reference: group, bot, or else human."""
        return kind_by_name(self._directory.get("group_inboxes", []), self._directory.get("bots", []), reference)

    def digests(self, digest_id: str) -> list[tuple[str, str]]:
        """(digest, finding that it told of) of every digest that an id or its beginning may mean, as far as a run has taken that up."""
        return [(row["batch_id"], row["finding_id"]) for row in self._rows("digest_findings", digest=digest_id)]

    def _rows(self, name: str, **parameters: str) -> list[dict[str, Any]]:
        return dicts(self._connection, sql_file(f"published/{name}.sql"), parameters)


@contextmanager
def open_handoffs(home: Home) -> Iterator[Handoffs | None]:
    """The handoffs of a home; None while nothing is published there."""
    if not home.published.exists():
        yield None
        return
    with open_copy(home.folder) as connection:
        yield Handoffs(connection)


def only_finding(handoffs: Handoffs | None, reference: str) -> str | None:
    """The one finding that a reference means; None where it means none that is known. Raises `UsageError` where it means several."""
    found = handoffs.findings(reference) if handoffs else []
    if len(found) > 1:
        raise UsageError(reference, seen=f"several findings have it: {', '.join(found)}", expected="a finding id, a sighting id or a scanner's own id of one finding")
    return found[0] if found else None
