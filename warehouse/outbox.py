"""The outbox: what is sent to other systems because of a decision, each once. A SQLite file in the home, beside the warehouse and apart from it.

    claimed ──► sent ──► confirmed          a key is claimed before anything goes out, and is unique: the same decision is the same key
       ▲         │
       └─ failed ◄┘ (it said no)

- `claimed`: nothing has gone out. Who was killed here is simply claimed again.
- `sent`: written before the first byte goes out, so it means: it may have arrived. Who was killed here, or got no answer, has to look there first.
- `confirmed`: the other system has it, under `external_id`. A changed payload goes from here back to `claimed`, and keeps that id.
- `failed`: the other system surely does not have it. It may be claimed again.

Commits are synced to disk: what the outbox says survives a power cut.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.domain.digests import sha256
from transforms.domain.errors import RunError

_TABLE = """
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    payload_digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'sent', 'confirmed', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed_us INTEGER NOT NULL,
    sent_us INTEGER,
    confirmed_us INTEGER,
    external_id TEXT,
    confirmed_payload TEXT,
    error TEXT
) STRICT
"""
_CLAIM = """
INSERT INTO outbox (key, channel, subject, payload, payload_digest, state, claimed_us) VALUES (:key, :channel, :subject, :payload, :digest, 'claimed', :at)
ON CONFLICT (key) DO UPDATE SET subject = excluded.subject, payload = excluded.payload, payload_digest = excluded.payload_digest,
    state = 'claimed', claimed_us = excluded.claimed_us, error = NULL
"""
_SEND = "UPDATE outbox SET state = 'sent', sent_us = :at, attempts = attempts + 1 WHERE key = :key AND state = 'claimed'"
_CONFIRM = """
UPDATE outbox SET state = 'confirmed', confirmed_us = :at, external_id = :external_id, confirmed_payload = payload, error = NULL
WHERE key = :key AND state IN ('claimed', 'sent')
"""
_FAIL = "UPDATE outbox SET state = 'failed', error = :error WHERE key = :key AND state IN ('claimed', 'sent')"
_NOTE = "UPDATE outbox SET error = :error WHERE key = :key AND state = 'sent'"


@dataclass(frozen=True)
class Entry:
    """One decision and how far it got."""

    key: str
    channel: str
    subject: str
    payload: Any
    payload_digest: str
    state: str
    attempts: int
    claimed_us: int
    sent_us: int | None
    confirmed_us: int | None
    #: Its name in the other system, once it is known to be there.
    external_id: str | None
    #: The payload that the other system last confirmed.
    confirmed_payload: Any
    error: str | None

    @property
    def is_uncertain(self) -> bool:
        """Whether it may have arrived without our knowing."""
        return self.state == "sent" and self.external_id is None


class Outbox:
    """An open outbox; use `open_outbox`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path

    def get(self, key: str) -> Entry | None:
        found = self._select("WHERE key = ?", key)
        return found[0] if found else None

    def entries(self, channel: str) -> list[Entry]:
        """Everything of a channel, by key."""
        return self._select("WHERE channel = ? ORDER BY key", channel)

    def claim(self, key: str, channel: str, subject: str, payload: Any, at_us: int) -> Entry:
        """Writes down what is going to be sent. Raises `RunError` for a key that may have arrived: that has to be found out first."""
        entry = self.get(key)
        if entry is not None and entry.is_uncertain:
            raise RunError(subject, seen="it was sent before, and nobody knows whether it arrived", expected="one that was confirmed or refused", remedy="look there first")
        text = canonical(payload)
        values = {"key": key, "channel": channel, "subject": subject, "payload": text, "digest": sha256(text.encode()), "at": at_us}
        self._change(_CLAIM, values)
        return self._require(key)

    def send(self, key: str, at_us: int) -> None:
        """Says that it goes out now: before it does."""
        self._change(_SEND, {"key": key, "at": at_us})

    def confirm(self, key: str, external_id: str, at_us: int) -> Entry:
        self._change(_CONFIRM, {"key": key, "external_id": external_id, "at": at_us})
        return self._require(key)

    def fail(self, key: str, error: str) -> None:
        """Says that the other system surely does not have it."""
        self._change(_FAIL, {"key": key, "error": error})

    def note(self, key: str, error: str) -> None:
        """Says why nobody knows whether it arrived."""
        self._change(_NOTE, {"key": key, "error": error})

    def _change(self, statement: str, values: dict[str, Any]) -> None:
        try:
            with self._connection:
                changed = self._connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error
        if changed != 1:
            entry = self.get(values["key"])
            raise RunError(str(self._path), seen=f"{values['key']} is {entry.state if entry else 'not there'}", expected="the state before that in its order")

    def _select(self, where: str, *values: str) -> list[Entry]:
        try:
            rows = self._connection.execute(_ROWS[where], values).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error
        return [Entry(**{**dict(row), "payload": json.loads(row["payload"]), "confirmed_payload": json.loads(row["confirmed_payload"] or "null")}) for row in rows]

    def _require(self, key: str) -> Entry:
        entry = self.get(key)
        assert entry is not None
        return entry


_ROWS = {
    where: "SELECT key, channel, subject, payload, payload_digest, state, attempts, claimed_us, sent_us, confirmed_us, external_id, confirmed_payload, error FROM outbox " + where
    for where in ("WHERE key = ?", "WHERE channel = ? ORDER BY key")
}


def canonical(payload: Any) -> str:
    """A payload as text that is the same for the same payload."""
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@contextmanager
def open_outbox(path: Path) -> Iterator[Outbox]:
    """The outbox of a file, made where there is none. Raises `RunError` where it cannot be used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=10)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    try:
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_TABLE)
            connection.commit()
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        yield Outbox(connection, path)
    finally:
        connection.close()


def _unusable(path: Path, error: sqlite3.Error) -> RunError:
    return RunError(str(path), seen=str(error), expected="an outbox", remedy="restore it from a backup: without it, tickets are found again by the marker in their text")
