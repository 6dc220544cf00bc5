"""Scanner formats: one module a format, discovered, recognised by content.

A module states `NAME` (the format), `TITLE` (for people), `SCANNER` (the scanner's name where neither sidecar nor report
gives one), `CALIBRATION` (native term, lower case → band: the format's own table, under the policy's), and two functions:

    recognise(head: Head) -> bool                                whether this content is of the format
    parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]   its results, one at a time, in the file's order

`parse` raises `FileRejected` where the file as a whole cannot be used. Modules never import each other.
"""

from __future__ import annotations

from functools import cache

from transforms.domain.discovery import claimant, discover
from transforms.domain.errors import ModuleMalformed
from transforms.domain.head import Head
from transforms.domain.vocabulary import BANDS

CONTRACT = ("NAME", "TITLE", "SCANNER", "CALIBRATION", "recognise", "parse")


@cache
def formats() -> dict:
    """Every scanner format by name. Raises `ModuleMalformed`, naming the file, where a module breaks the contract."""
    found = discover(__name__, __path__, CONTRACT)
    for module in found.values():
        wrong = {term: band for term, band in module.CALIBRATION.items() if band not in BANDS or term != term.strip().lower()}
        if wrong:
            raise ModuleMalformed(str(module.__file__), seen=f"CALIBRATION has {wrong}", expected=f"lower-case terms and bands {', '.join(BANDS)}")
    return found


def recognise(head: Head):
    """The one scanner format that claims the content. Raises `FileRejected` where none or more than one does."""
    return claimant(formats(), head, "scanner")


@cache
def calibrations() -> dict[str, dict[str, str]]:
    """The formats' own severity tables by format name."""
    return {name: module.CALIBRATION for name, module in formats().items()}
