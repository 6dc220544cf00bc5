"""Links by which one person answers one handoff: signed, expiring, and good for one use. Which were used is in a SQLite file of the home.

A token is `PAYLOAD.MAC`: both in URL-safe base64, the MAC (HMAC-SHA256) over the payload's text. It is readable by whoever holds it, and says nothing
that its message does not; it cannot be made, or changed in any byte, without the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from transforms.domain.errors import RunError

Action = Literal["acknowledge", "decline"]

#: What the key is used for besides: a MAC of one use is none of another.
_LINK, _FORM = b"handoff link v1\0", b"handoff form v1\0"
#: Longer than any token of ours: what is longer is not looked at.
_LONGEST = 2_048

_TABLE = """
CREATE TABLE IF NOT EXISTS used_link (
    nonce TEXT PRIMARY KEY,
    finding_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    person_id TEXT NOT NULL,
    action TEXT NOT NULL,
    used_us INTEGER NOT NULL
) STRICT
"""
_USE = "INSERT INTO used_link VALUES (:nonce, :finding_id, :cycle, :person_id, :action, :used_us) ON CONFLICT (nonce) DO NOTHING"


class Link(NamedTuple):
    """What a token says, once its signature holds."""

    finding_id: str
    cycle: int
    person_id: str
    action: Action
    #: It holds before this instant.
    expires_us: int
    #: What its one use is kept by.
    nonce: str


_decoder = msgspec.json.Decoder(tuple[str, int, str, Action, int, str])


def make(secret: bytes, finding_id: str, cycle: int, person_id: str, action: Action, expires_us: int, *, nonce: str | None = None) -> str:
    """The token of a link. Without a nonce the same words give the same token, so that a message that is sent again holds the same link."""
    said = (finding_id, cycle, person_id, action, expires_us)
    own = nonce if nonce is not None else hmac.new(secret, _LINK + b"nonce\0" + json.dumps(said).encode(), hashlib.sha256).hexdigest()[:32]
    payload = _text(json.dumps((*said, own), separators=(",", ":")).encode())
    return f"{payload}.{_mac(secret, _LINK, payload)}"


def read(secret: bytes, token: str, now_us: int) -> Link | None:
    """What a token says; None where it is not one of ours, was changed, or has expired: which of these is not told."""
    payload, _, mac = token[:_LONGEST].partition(".")
    # As text: of several spellings in base64 of the same bytes only ours is good.
    is_signed = hmac.compare_digest(_mac(secret, _LINK, payload).encode(), mac.encode("utf-8", "surrogatepass"))
    if not is_signed or len(token) > _LONGEST:
        return None
    link = Link(*_decoder.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    return link if now_us < link.expires_us else None


def form_proof(secret: bytes, token: str, issued_us: int) -> str:
    """What a form of this link's page carries, to be told from one that another site sends."""
    return _mac(secret, _FORM, f"{token}\0{issued_us}")


def is_form_proof(secret: bytes, token: str, issued_us: int, proof: str) -> bool:
    return hmac.compare_digest(form_proof(secret, token, issued_us).encode(), proof.encode("utf-8", "surrogatepass"))


def is_used(path: Path, link: Link) -> bool:
    """Whether its one use has been. Raises `RunError` where that cannot be told."""
    if not path.exists():
        return False
    with _open(path) as connection:
        return connection.execute("SELECT 1 FROM used_link WHERE nonce = ?", [link.nonce]).fetchone() is not None


@contextmanager
def use(path: Path, link: Link, now_us: int) -> Iterator[bool]:
    """Uses a link for what is done within: whether it was still unused. It stays unused where that fails; others wait until it is done.

    Raises `RunError` where the file cannot be used.
    """
    with _open(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            values = {**link._asdict(), "used_us": now_us}
            del values["expires_us"]
            yield connection.execute(_USE, values).rowcount == 1
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_TABLE)
            yield connection
    except sqlite3.Error as error:
        raise RunError(str(path), seen=str(error), expected="the file of used links", remedy="restore it from a backup, or change the key: then no earlier link holds") from error


def _mac(secret: bytes, purpose: bytes, text: str) -> str:
    return _text(hmac.new(secret, purpose + text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
