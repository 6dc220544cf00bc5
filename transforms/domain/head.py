"""A file's content, looked at just enough to say what it is: top-level JSON keys, XML root, CSV header. Lazy and cached."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import cached_property

import msgspec

_JSON_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_JSON_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_XML_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)([^>]*)>")
_PROLOGUE = re.compile(rb"\s*(<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(\[.*?\])?[^>]*>)\s*", re.DOTALL)
_YAML_KEY = re.compile(rb"^([A-Za-z_][\w.-]*):(?=\s)", re.MULTILINE)
BOM = b"\xef\xbb\xbf"


class Head:
    """What recognition may ask of a content. Nothing here raises on malformed input: it answers 'no'."""

    def __init__(self, content: bytes) -> None:
        self.content = content.removeprefix(BOM)

    @cached_property
    def _first(self) -> bytes:
        return self.content[:256].lstrip()[:1]

    @cached_property
    def json(self) -> dict[str, msgspec.Raw]:
        """The top-level members of a JSON object, undecoded; of a list, those of its first object; else empty."""
        try:
            if self._first == b"{":
                return _JSON_MAP.decode(self.content)
            if self._first == b"[":
                items = _JSON_LIST.decode(self.content)
                return _JSON_MAP.decode(items[0]) if items else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        return {}

    def json_lines(self, limit: int) -> Iterator[dict[str, msgspec.Raw]]:
        """The members of the first lines that are JSON objects, where the content is no one document: a bad line among them is passed over."""
        if self._first != b"{" or self.json:
            return
        for line in self.content.lstrip().split(b"\n", limit)[:limit]:
            try:
                yield _JSON_MAP.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue

    @cached_property
    def is_json_list(self) -> bool:
        return self._first == b"["

    @cached_property
    def is_json_object(self) -> bool:
        return self._first == b"{"

    def value(self, key: str) -> object:
        """The decoded value of a top-level JSON member, None where it is absent or unreadable."""
        raw = self.json.get(key)
        try:
            return msgspec.json.decode(raw) if raw is not None else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def item_keys(self, key: str) -> set[str]:
        """The members of the first object in the top-level list `key`, empty where there is none."""
        try:
            items = _JSON_LIST.decode(self.json[key])
            return set(_JSON_MAP.decode(items[0])) if items else set()
        except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return set()

    @cached_property
    def xml_root(self) -> str:
        """The local name of the XML root element, '' for anything else."""
        return self._xml[0]

    @cached_property
    def xml_attributes(self) -> str:
        """The text of the root element's start tag behind its name (attributes and namespaces), '' for anything else."""
        return self._xml[1]

    @cached_property
    def _xml(self) -> tuple[str, str]:
        if self._first != b"<":
            return "", ""
        start, text = 0, self.content[:65_536]
        while match := _PROLOGUE.match(text, start):
            start = match.end()
        root = _XML_ROOT.match(text, start)
        if not root:
            return "", ""
        return root[1].decode("utf-8", "replace").rpartition(":")[2], root[2].decode("utf-8", "replace")

    @cached_property
    def csv_header(self) -> tuple[str, ...]:
        """The cells of the first line, trimmed, where the content is text that is neither JSON nor XML; else empty."""
        if self._first in (b"{", b"[", b"<", b"") or b"\0" in self.content[:4096]:
            return ()
        line = self.content[:65_536].split(b"\n", 1)[0].decode("utf-8", "replace")
        try:
            return tuple(cell.strip() for cell in next(csv.reader(io.StringIO(line)), ()))
        except csv.Error:
            return ()

    @cached_property
    def yaml_keys(self) -> tuple[str, ...]:
        """The top-level keys of the first documents of a text that looks like YAML, each once; else empty."""
        if self._first in (b"{", b"[", b"<", b"") or b"\0" in self.content[:4096] or len(self.csv_header) > 1:
            return ()
        return tuple(dict.fromkeys(key.decode() for key in _YAML_KEY.findall(self.content[:65_536])))

    @property
    def _json_error(self) -> str | None:
        """Why the content is no JSON document, None where it is one."""
        try:
            msgspec.json.decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return str(error)
        return None

    @property
    def summary(self) -> str:
        """A few words on what this content looks like, for messages."""
        if self.json:
            return f"JSON with members {', '.join(sorted(self.json)[:8])}"
        if self.xml_root:
            return f"XML with root <{self.xml_root}>"
        if not self.content.strip():
            return "an empty file"
        if self._first in b'{["-0123456789tfn' and len(self.content) < 4096 and self._json_error is None:
            return f"JSON that says nothing of any tool ({bytes(self.content[:24])!r}): many write the same where they found nothing"
        if self._first in (b"{", b"[") and (error := self._json_error):
            return f"{len(self.content)} bytes that begin like JSON, but are not one JSON document ({error})"
        if len(self.csv_header) > 1:
            return f"text whose first line is {', '.join(self.csv_header[:8])}"
        if len(self.yaml_keys) > 1:
            return f"YAML with keys {', '.join(self.yaml_keys[:8])}"
        return f"{len(self.content)} bytes beginning {bytes(self.content[:24])!r}"
