"""How long work says how far it is: a callback that is handed down, so that nothing below the command line knows of screens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Takes where the work is: `done` of `total` units of a step, null where nobody knows the total. Another `step` ends the one before it."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None: ...


def nobody(step: str, done: int = 0, total: int | None = None) -> None:
    """Nobody waits for it."""
