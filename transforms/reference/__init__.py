"""Reference lists: one module a list, discovered. A module states `NAME`, `TITLE`, `TABLE` (of the record) and

    recognise(head: Head) -> bool
    parse(content: bytes, source: Source) -> Iterator[dict | Reject]     rows: columns of that table, and `pointer`
"""

from __future__ import annotations

from transforms.domain.discovery import discover

CONTRACT = ("NAME", "TITLE", "TABLE", "recognise", "parse")


def formats() -> dict:
    """Every reference list by name."""
    return discover(__name__, __path__, CONTRACT)
