"""Documents of declared things (catalogue entities, cluster objects): YAML of several documents, or JSON, each an object of its own.

Scalars of YAML stay the texts that they were written as (a version 1.10 is no number), only null is nothing. Its merge keys are left alone, as a few
lines of them can stand for more text than there is memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import yaml

from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM
from transforms.domain.result import Reject

_BORDER = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_ONLY_DIRECTIVES = re.compile(r"(?:\s*(?:[%#].*)?(?:\n|$))*")
_NULL = "tag:yaml.org,2002:null"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Every scalar a text, but for null."""

    yaml_implicit_resolvers: ClassVar[dict[str, list]] = {}


_Loader.add_implicit_resolver(_NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])


def read_manifests(content: bytes) -> Iterator[tuple[str, dict[str, Any], str] | Reject]:
    """(pointer, object, raw text) of each document; the items of a `List` one by one. A document that cannot be read is one Reject.

    Raises `FileRejected` where the content is not UTF-8, or is JSON and cannot be read.
    """
    try:
        text = content.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRejected("encoding", seen=f"not UTF-8: {error}", expected="UTF-8") from None
    if text.lstrip()[:1] in ("{", "["):
        yield from _of_json(content.removeprefix(BOM))
        return
    number = 0
    for part in _BORDER.split(text):
        if _ONLY_DIRECTIVES.fullmatch(part):
            continue
        number += 1
        pointer = f"document {number}"
        try:
            found = yaml.load(part, Loader=_Loader)  # noqa: S506 - a safe loader
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            yield Reject(pointer, "malformed", f"not YAML: {getattr(error, 'problem', None) or error}", part.strip()[:RAW_LIMIT])
            continue
        yield from _objects(found, pointer, part.strip())


def _of_json(content: bytes) -> Iterator[tuple[str, dict[str, Any], str] | Reject]:
    try:
        found = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise FileRejected("malformed", seen=str(error), expected="one JSON document") from None
    yield from _objects(found, "", "")


def _objects(found: Any, pointer: str, raw: str) -> Iterator[tuple[str, dict[str, Any], str] | Reject]:
    if found is None:
        return
    if isinstance(found, list):
        yield from _items(found, pointer, {})
    elif not isinstance(found, dict):
        yield Reject(pointer or "/", "malformed", f"a {type(found).__name__}, expected an object", raw[:RAW_LIMIT] or str(found)[:RAW_LIMIT])
    elif "items" not in found or _has_name(found):
        yield pointer or "/", found, raw or _raw(found)
    elif isinstance(found["items"], list):
        kind = found.get("kind")
        # The items of a typed list (DeploymentList) do not say themselves what they are.
        of = {"apiVersion": found.get("apiVersion"), "kind": kind.removesuffix("List")} if isinstance(kind, str) and kind.removesuffix("List") else {}
        yield from _items(found["items"], f"{pointer}/items", of)
    else:
        yield Reject(f"{pointer}/items", "malformed", f"items is a {type(found['items']).__name__}, expected a list", raw[:RAW_LIMIT])


def _items(items: list[Any], pointer: str, of: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str] | Reject]:
    for number, item in enumerate(items):
        where = f"{pointer}/{number}"
        if isinstance(item, dict):
            yield where, {**of, **item}, _raw(item)
        else:
            yield Reject(where, "malformed", f"a {type(item).__name__}, expected an object", str(item)[:RAW_LIMIT])


def _has_name(found: dict[str, Any]) -> bool:
    """Whether it is a named thing: a list's metadata has no name."""
    metadata = found.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("name"))


def _raw(item: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(item)[:RAW_LIMIT].decode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError):
        return ""


# Members, by type: absent is nothing, of another type is a ValueError `bad_…: …` that names it


def mapping(within: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under a name; empty where there is none."""
    return _of_type(within, name, dict, "an object") or {}


def listing(within: dict[str, Any], name: str) -> list[Any]:
    """The list under a name; empty where there is none."""
    return _of_type(within, name, list, "a list") or []


def objects(within: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list under a name."""
    found = listing(within, name)
    for item in found:
        if not isinstance(item, dict):
            raise ValueError(f"bad_{_word(name)}: {name} holds a {type(item).__name__}, expected objects")
    return found


def scalar(within: dict[str, Any], name: str) -> str | None:
    """The text, number or truth under a name as trimmed text; None where there is none or it is blank."""
    return as_scalar(within.get(name), name)


def scalars(within: dict[str, Any], name: str) -> list[str]:
    """The texts in the list under a name."""
    return [text for item in listing(within, name) if (text := as_scalar(item, name))]


def as_scalar(value: Any, name: str) -> str | None:
    """A value as trimmed text; None where it is nothing or blank. Raises ValueError where it is no scalar."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value).strip() or None
    raise ValueError(f"bad_{_word(name)}: {name} is a {type(value).__name__}, expected a text")


def required(within: dict[str, Any], name: str) -> str:
    """The text under a name. Raises ValueError `missing_…` where there is none."""
    found = scalar(within, name)
    if found is None:
        raise ValueError(f"missing_{_word(name)}: it has no {name}")
    return found


def _of_type(within: dict[str, Any], name: str, type_: type, expected: str) -> Any:
    value = within.get(name)
    if value is not None and not isinstance(value, type_):
        raise ValueError(f"bad_{_word(name)}: {name} is a {type(value).__name__}, expected {expected}")
    return value


def _word(name: str) -> str:
    """A reason's word of a member's name: sourceLocation → source_location."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
