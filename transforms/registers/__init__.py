"""Register formats: one module a format, discovered. A module states `NAME`, `TITLE`, what its rows are, and

    recognise(head: Head) -> bool
    parse(content: bytes, source: Source) -> Iterator[dict | Reject]     rows: columns of the register's table, and `pointer`

What its rows are is `KIND` (assets, people or ownership), or `KINDS` where a file of it holds rows of several registers: then each row has a
member `register` that says which of them it is of. A file of several is one snapshot of each, also of one that it has no row of.
`IS_ROLLING = True` is for rows that come and go by themselves: its snapshots are never held for having lost too many.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from transforms.domain import tables
from transforms.domain.discovery import discover
from transforms.domain.errors import ModuleMalformed

CONTRACT = ("NAME", "TITLE", "recognise", "parse")
#: The registers, and the table of the record that the rows of each are kept in.
TABLES = {"assets": tables.ASSET, "people": tables.PERSON, "ownership": tables.OWNERSHIP}


@cache
def formats() -> dict[str, ModuleType]:
    """Every register format by name. Raises `ModuleMalformed`, naming the file, where a module breaks the contract."""
    found = discover(__name__, __path__, CONTRACT)
    for module in found.values():
        require_kinds(module)
    return found


def require_kinds(module: ModuleType) -> None:
    """Raises `ModuleMalformed` where a module does not state by one of KIND and KINDS of which registers its rows are."""
    stated = [name for name in ("KIND", "KINDS") if hasattr(module, name)]
    if len(stated) != 1 or not kinds(module) or set(kinds(module)) - set(TABLES):
        seen = " and ".join(f"{name} {getattr(module, name)!r}" for name in stated) or "neither KIND nor KINDS"
        raise ModuleMalformed(str(getattr(module, "__file__", module.__name__)), seen=seen, expected=f"KIND or KINDS, of {', '.join(TABLES)}")


def kinds(module: ModuleType) -> tuple[str, ...]:
    """The registers that a file of this format is a snapshot of, in the order of `TABLES`."""
    stated = module.KINDS if hasattr(module, "KINDS") else (module.KIND,)
    return tuple(sorted(stated, key=[*TABLES, *stated].index))


def is_rolling(format_name: str | None) -> bool:
    """Whether rows of this format come and go by themselves."""
    return getattr(formats().get(format_name or ""), "IS_ROLLING", False)


def joined(names: tuple[str, ...]) -> str:
    """`landed_file.kind` of a snapshot of these registers: assets+people."""
    return "+".join(names)


def registers_of(kind: str | None) -> tuple[str, ...]:
    """The registers that a file of this `landed_file.kind` is a snapshot of; none for any other file."""
    names = tuple((kind or "").split("+"))
    return names if set(names) <= set(TABLES) else ()
