"""Ids and digests: sha256 over an unambiguous form, cut to 128 bits where it is an id."""

from __future__ import annotations

import hashlib

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def identifier(*parts: object) -> str:
    """The id of a tuple of values: 32 hex digits. Lists and texts never run into each other, as they are hashed as JSON."""
    return hashlib.sha256(_encoder.encode(parts)).hexdigest()[:32]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
