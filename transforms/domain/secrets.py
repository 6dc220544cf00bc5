"""What scanners of secrets report is secret itself: it is told from others by a short digest, and kept nowhere, not in a reject either."""

from __future__ import annotations

import hashlib

from transforms.domain.documents import text
from transforms.domain.result import Reject

_WITHHELD = "withheld: it may hold a secret"


def digest(secret: object) -> str | None:
    """Enough to tell the secrets of one file apart, too little to find one by guessing: many guesses have the same 32 bits.

    None of what is no text, and of one that the scanner blotted out.
    """
    found = text(secret)
    if found is None or found.strip("*").upper() in ("", "REDACTED"):
        return None
    return hashlib.sha256(found.encode("utf-8", "replace")).hexdigest()[:8]


def reject(pointer: str, reason: str, detail: str) -> Reject:
    return Reject(pointer, reason, detail, _WITHHELD)


def without_raw(row: Reject) -> Reject:
    return Reject(row.pointer, row.reason, row.detail, _WITHHELD)


def missing(pointer: str, name: str) -> Reject:
    """The reject of an item without a field that the format requires."""
    return reject(pointer, f"missing_{name}", f"the item has no {name}")
