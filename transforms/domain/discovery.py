"""Finds the modules of a folder, and those that installed packages add to it, and holds them to their contract: a malformed one is an
error that names its file, never skipped.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import ModuleType

from transforms.domain.errors import FileRejected, ModuleMalformed
from transforms.domain.head import Head

#: Formats that an error lists by name; of more it says how many.
_LISTED = 20


def discover(package: str, path: Iterable[str], contract: Sequence[str]) -> dict[str, ModuleType]:
    """The modules of a package by their `NAME`, in the order of their names: ours, then those that other packages register for it.

    Raises `ModuleMalformed` where one cannot be imported, lacks a name of the contract or takes another's NAME.
    """
    return _discover(package, tuple(path), tuple(contract))


def plugins(package: str) -> list[EntryPoint]:
    """What installed packages register for one of ours: entry points of group `handoff.scanners` for `transforms.scanners`, and so on."""
    return sorted(_installed().select(group=f"handoff.{package.rpartition('.')[2]}"), key=lambda point: (point.name, point.value))


@cache
def _installed() -> EntryPoints:
    return entry_points()


@cache
def _discover(package: str, path: tuple[str, ...], contract: tuple[str, ...]) -> dict[str, ModuleType]:
    found: dict[str, ModuleType] = {}
    ours = sorted(f"{package}.{info.name}" for info in pkgutil.iter_modules(path))
    for name in (*ours, *(point.value for point in plugins(package))):
        try:
            module = importlib.import_module(name)
        except Exception as error:  # whatever another's module raises, it is that module that is named
            raise ModuleMalformed(name, seen=f"it cannot be imported: {error}") from error
        missing = [name for name in contract if not hasattr(module, name)]
        if missing:
            raise ModuleMalformed(str(module.__file__), seen=f"no {', '.join(missing)}", expected=f"the contract in {package}/__init__.py")
        if module.NAME in found:
            taken = found[module.NAME].__file__
            raise ModuleMalformed(str(module.__file__), seen=f"the name {module.NAME!r} is taken by {taken}", remedy="choose another NAME")
        found[module.NAME] = module
    return found


def claimant(formats: dict[str, ModuleType], head: Head, what: str) -> ModuleType:
    """The one format that claims the content. Raises `FileRejected` where none or more than one does."""
    claims = [module for module in formats.values() if module.recognise(head)]
    if not claims:
        raise FileRejected(
            "unknown_format",
            seen=f"no {what} format claims {head.summary}",
            expected=f"one of {', '.join(formats) if len(formats) <= _LISTED else f'{len(formats)} formats'}",
            remedy="mend or convert the file, or add a format module: `handoff formats --explain FILE` says what is nearest",
        )
    if len(claims) > 1:
        names = " and ".join(module.NAME for module in claims)
        raise FileRejected("ambiguous_format", seen=f"formats {names} both claim {head.summary}", expected="one", remedy="narrow their recognise()")
    return claims[0]
