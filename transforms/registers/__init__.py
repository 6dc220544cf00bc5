"""Register formats: one module a format, discovered. A module states `NAME`, `TITLE`, `KIND` (assets, people or ownership) and

    recognise(head: Head) -> bool
    parse(content: bytes, source: Source) -> Iterator[dict | Reject]     rows: columns of the kind's table, and `pointer`
"""

from __future__ import annotations

from transforms.domain.discovery import discover

CONTRACT = ("NAME", "TITLE", "KIND", "recognise", "parse")


def formats() -> dict:
    """Every register format by name."""
    return discover(__name__, __path__, CONTRACT)
