"""Finds the modules of a folder and holds them to their contract: a malformed one is an error that names its file, never skipped."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache
from types import ModuleType

from transforms.domain.errors import FileRejected, ModuleMalformed
from transforms.domain.head import Head


def discover(package: str, path: Iterable[str], contract: Sequence[str]) -> dict[str, ModuleType]:
    """The modules of a package by their `NAME`, in the order of their names.

    Raises `ModuleMalformed` where one cannot be imported, lacks a name of the contract or takes another's NAME.
    """
    return _discover(package, tuple(path), tuple(contract))


@cache
def _discover(package: str, path: tuple[str, ...], contract: tuple[str, ...]) -> dict[str, ModuleType]:
    found: dict[str, ModuleType] = {}
    for info in sorted(pkgutil.iter_modules(path), key=lambda info: info.name):
        try:
            module = importlib.import_module(f"{package}.{info.name}")
        except ImportError as error:
            raise ModuleMalformed(f"{package}.{info.name}", seen=f"it cannot be imported: {error}") from error
        missing = [name for name in contract if not hasattr(module, name)]
        if missing:
            raise ModuleMalformed(str(module.__file__), seen=f"no {', '.join(missing)}", expected=f"the contract in {package}/__init__.py")
        if module.NAME in found:
            raise ModuleMalformed(str(module.__file__), seen=f"the name {module.NAME!r} is taken", remedy="choose another NAME")
        found[module.NAME] = module
    return found


def claimant(formats: dict[str, ModuleType], head: Head, what: str) -> ModuleType:
    """The one format that claims the content. Raises `FileRejected` where none or more than one does."""
    claims = [module for module in formats.values() if module.recognise(head)]
    if not claims:
        raise FileRejected(
            "unknown_format",
            seen=f"no {what} format claims {head.summary}",
            expected=f"one of {', '.join(formats)}",
            remedy="mend or convert the file, or add a format module",
        )
    if len(claims) > 1:
        names = " and ".join(module.NAME for module in claims)
        raise FileRejected("ambiguous_format", seen=f"formats {names} both claim {head.summary}", expected="one", remedy="narrow their recognise()")
    return claims[0]
