"""Sidecars: what a file does not say of itself. `NAME.ext.meta.yaml` over `NAME.meta.yaml` over the folder's `_scan.yaml`, key by key."""

from __future__ import annotations

import re
from typing import Any, Literal

import yaml
from pydantic import ValidationError, field_validator

from transforms.domain.digests import sha256
from transforms.domain.errors import FileRejected
from transforms.domain.instants import parse_stamp
from transforms.domain.policy import Strict, ZoneName

#: Digits, hashes and dates in a name: what differs between two exports of one source.
_VARIABLE = re.compile(r"(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{8,}(?![0-9a-z])|\d+[tz]?", re.IGNORECASE)
_EDGES = re.compile(r"[-_. :]+")


class _PlainLoader(yaml.BaseLoader):
    """Texts, lists and maps; no aliases: a few lines of them can stand for more text than there is memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "it uses an alias", self.peek_event().start_mark)
        return super().compose_node(parent, index)


class Sidecar(Strict):
    """The validated values of a sidecar, all optional. Instants stay text until their zone is known."""

    target: str | None = None
    captured_at: str | None = None
    scanner: str | None = None
    scan_id: str | None = None
    time_zone: ZoneName | None = None
    engagement: str | None = None
    capture_channel: Literal["scanner", "manual", "third_party", "code_scan"] | None = None
    scope: list[str] | None = None
    complete: bool = True
    source: str | None = None

    @field_validator("captured_at")
    @classmethod
    def _is_instant(cls, text: str | None) -> str | None:
        if text is not None:
            parse_stamp(text)
        return text

    @property
    def digest(self) -> str | None:
        """sha256 of the canonical values; None where nothing was said."""
        said = self.model_dump(exclude_defaults=True)
        return sha256(repr(sorted(said.items())).encode()) if said else None


def read_sidecar(*texts: tuple[str, str]) -> Sidecar:
    """The sidecar of (name, YAML text) layers, weakest first. Raises `FileRejected` naming file and key."""
    merged: dict[str, Any] = {}
    for name, text in texts:
        try:
            # Every scalar stays text: YAML's own reading of instants loses their zone.
            layer = yaml.load(text, Loader=_PlainLoader)
        except yaml.YAMLError as error:
            raise FileRejected("sidecar", seen=f"{name} is not YAML: {getattr(error, 'problem', error)}") from None
        except RecursionError:
            raise FileRejected("sidecar", seen=f"{name} is nested too deeply", expected="keys and values") from None
        if layer in (None, ""):
            continue
        if not isinstance(layer, dict):
            raise FileRejected("sidecar", seen=f"{name} is no mapping", expected=f"keys {', '.join(Sidecar.model_fields)}")
        unknown = layer.keys() - Sidecar.model_fields.keys()
        if unknown:
            raise FileRejected(
                "sidecar", seen=f"{name} has the unknown key {', '.join(sorted(map(str, unknown)))}", expected=f"{', '.join(Sidecar.model_fields)}"
            )
        merged |= {key: value for key, value in layer.items() if value != ""}
    try:
        return Sidecar.model_validate(merged)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise FileRejected("sidecar", seen=f"{key} is {fault['input']!r}"[:200], expected=fault["msg"].removeprefix("Value error, ")) from None


def source_of(path: str) -> str:
    """Folder and base name without dates, times, digits and hashes, so that dated exports of one source follow one another (ruling 9)."""
    folder, _, name = path.rpartition("/")
    stem = name.split(".", 1)[0] if not name.startswith(".") else name
    plain = _EDGES.sub("-", _VARIABLE.sub("", stem)).strip("-")
    return f"{folder}/{plain}" if folder else plain
