"""Scanner formats: one module a format, discovered, recognised by content.

A module states `NAME` (the format), `TITLE` (for people), `SCANNER` (the scanner's name where neither sidecar nor report
gives one), `CALIBRATION` (native term, lower case → band: the format's own table, under the policy's), and two functions:

    recognise(head: Head) -> bool                                whether this content is of the format
    parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]   its results, one at a time, in the file's order

`parse` raises `FileRejected` where the file as a whole cannot be used. Modules never import each other.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Protocol, cast

from transforms.domain.errors import FileRejected, ModuleMalformed
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.domain.vocabulary import BANDS


class Format(Protocol):
    """The contract of a module in this folder."""

    NAME: str
    TITLE: str
    SCANNER: str
    CALIBRATION: dict[str, str]

    @staticmethod
    def recognise(head: Head) -> bool: ...
    @staticmethod
    def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]: ...


@cache
def formats() -> dict[str, Format]:
    """Every format by name. Raises `ModuleMalformed`, naming the file, where a module breaks the contract."""
    found: dict[str, Format] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        _check(module)
        if module.NAME in found:
            raise ModuleMalformed(str(module.__file__), seen=f"format name {module.NAME!r} is taken", remedy="choose another NAME")
        found[module.NAME] = cast(Format, module)
    return found


def _check(module: ModuleType) -> None:
    missing = [name for name in ("NAME", "TITLE", "SCANNER", "CALIBRATION", "recognise", "parse") if not hasattr(module, name)]
    if missing:
        raise ModuleMalformed(str(module.__file__), seen=f"no {', '.join(missing)}", expected="the contract in transforms/scanners/__init__.py")
    wrong = {term: band for term, band in module.CALIBRATION.items() if band not in BANDS or term != term.strip().lower()}
    if wrong:
        raise ModuleMalformed(str(module.__file__), seen=f"CALIBRATION has {wrong}", expected=f"lower-case terms and bands {', '.join(BANDS)}")


def recognise(head: Head) -> Format:
    """The one format that claims the content. Raises `FileRejected` when none or more than one does."""
    claims = [format for format in formats().values() if format.recognise(head)]
    if not claims:
        raise FileRejected(
            "unknown_format",
            seen=f"no scanner format claims this content: {head.summary}",
            expected=f"one of {', '.join(sorted(formats()))}",
            remedy="convert it to the generic findings JSON, or add a format module",
        )
    if len(claims) > 1:
        names = " and ".join(sorted(format.NAME for format in claims))
        raise FileRejected("ambiguous_format", seen=f"formats {names} both claim this content", expected="one", remedy="narrow their recognise()")
    return claims[0]
