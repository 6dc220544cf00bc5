"""Activity formats: one module a format, discovered. A module states `NAME`, `TITLE` and

    recognise(head: Head) -> bool
    parse(content: bytes, source: Source) -> Iterator[dict | Reject]     rows: columns of the activity table, and `pointer`
"""

from __future__ import annotations

from transforms.domain.discovery import discover

CONTRACT = ("NAME", "TITLE", "recognise", "parse")


def formats() -> dict:
    """Every activity format by name."""
    return discover(__name__, __path__, CONTRACT)
