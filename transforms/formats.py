"""Which formats are read, and which of them claims a content and why: what `handoff formats` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType, ModuleType

from transforms import reference, registers, scanners, trackers
from transforms.domain.head import Head

FOLDERS = {"scans": scanners, "assets, people": registers, "activity": trackers, "reference": reference}
CLAIMS = "claims it"
#: Names that one answer lists.
_SHOWN = 6


def listing() -> list[dict[str, str]]:
    """Every format: folder, name, what it is."""
    return [{"folder": folder, "format": name, "reads": module.TITLE} for folder, package in FOLDERS.items() for name, module in package.formats().items()]


def explain(content: bytes, landed_in: str = "") -> list[dict[str, str]]:
    """What the content looks like, and each format's answer: those that claim it first, then those that look for most of the names in it.

    `landed_in`: the folder of a landing zone that it lies in; only formats of that one are asked by a run, so they come first.
    """
    head = Head(content)
    here = _names_in(head)
    answers = []
    for folder, package in FOLDERS.items():
        for name, module in package.formats().items():
            claims, sought = bool(module.recognise(head)), _sought(module)
            found = [word for word in sought if word in here]
            likeness = (len(found), len(found) / len(sought)) if sought else (0, 0.0)
            answer = CLAIMS if claims else _refusal(found, [word for word in sought if word not in here])
            answers.append((landed_in in folder.split(", "), claims, *likeness, {"folder": folder, "format": name, "answer": answer}))
    answers.sort(key=lambda answer: answer[:4], reverse=True)
    return [{"folder": landed_in, "format": "(content)", "answer": _seen(head)}, *(row for *_, row in answers)]


def landing_folder(parts: Sequence[str]) -> str:
    """The folder of a landing zone that a path leads through, the last one; '' where it leads through none."""
    known = {name for names in FOLDERS for name in names.split(", ")}
    return next((part for part in reversed(parts) if part in known), "")


def _refusal(found: list[str], lacking: list[str]) -> str:
    if not found:
        return "no: it has none of the names that this format is known by"
    return f"no: it has {_listed(found)}" + (f", but not {_listed(lacking)}" if lacking else ", but not where this format has them")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _seen(head: Head) -> str:
    """What the content looks like, a level deeper than the summary of an error."""
    below = (f"the first of {name} has {_listed(sorted(keys))}" for name in sorted(head.json) if (keys := head.item_keys(name)))
    return "; ".join((head.summary, *below))


def _names_in(head: Head) -> set[str]:
    """What the file calls things where a format can be told by: members and those of first items, the root element, columns in lower case."""
    columns = {cell.strip(' "').lower() for line in head.csv_header for delimiter in ",;\t" for cell in line.split(delimiter)}
    items = {key for name in head.json for key in head.item_keys(name)}
    return {*head.json, *items, head.xml_root, *columns, *head.yaml_keys} - {""}


def _sought(module: ModuleType) -> list[str]:
    """The names that a format's `recognise` looks for: the texts in its code and in what it calls and reads of its module."""
    return sorted(set(_texts(module.recognise, vars(module), set())))


def _texts(value: object, module: dict[str, object], seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, FunctionType):
        if value.__module__ == module["__name__"]:
            yield from (text for text in _texts(value.__code__, module, seen) if text != value.__doc__)
    elif isinstance(value, CodeType):
        for part in (*value.co_consts, *(module[name] for name in value.co_names if name in module)):
            yield from _texts(part, module, seen)
    elif isinstance(value, str):
        if value[:1].isalpha():
            yield value
    elif isinstance(value, tuple | list | set | frozenset):
        for part in value:
            yield from _texts(part, module, seen)
