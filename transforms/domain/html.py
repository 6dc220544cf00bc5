"""HTML reports from outside, read without trust: a plain tree of elements, nothing loaded, nothing run.

Only for reports that a scanner writes as HTML and as nothing better. What is not closed at the end was cut off, and is no report.

Not by `html.parser`: its time is quadratic in unclosed comments and tags. Here each step either moves on or ends with a `FileRejected`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM

_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"))
#: A tag with its attributes: quoted values may hold `<` and `>`. Possessive, so that nothing is tried twice.
_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9:-]*+)((?:[^<>"']|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>]++)))?""")
#: Elements whose text is no markup, and what ends it.
_RAW_TEXT = {tag: re.compile(rf"</{tag}\b", re.IGNORECASE) for tag in ("script", "style", "textarea", "title")}


class Node:
    """An element: its tag, attributes, and what stands in it, elements and texts."""

    __slots__ = ("attributes", "children", "tag")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Node | str] = []

    @property
    def elements(self) -> list[Node]:
        return [child for child in self.children if isinstance(child, Node)]

    def has_class(self, name: str) -> bool:
        return name in self.attributes.get("class", "").split()

    def walk(self, *tags: str) -> Iterator[Node]:
        """Every element below of one of these tags, in the document's order."""
        waiting = self.elements[::-1]
        while waiting:
            node = waiting.pop()
            if node.tag in tags:
                yield node
            waiting.extend(reversed(node.elements))

    @property
    def text(self) -> str:
        """All text below, on one line."""
        parts: list[str] = []
        waiting: list[Node | str] = [self]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                parts.append(item)
            else:
                waiting.extend(reversed(item.children))
        return " ".join(" ".join(parts).split())


class _Builder:
    """The tree under construction: an end tag closes up to the nearest element of its name, and is nothing where there is none."""

    def __init__(self) -> None:
        self.root = Node("", {})
        self.stack = [self.root]
        self.open: Counter[str] = Counter()
        self.ended = False

    def start(self, tag: str, attributes: str) -> None:
        values = ((match[1].lower(), match[2] or match[3] or match[4] or "") for match in _ATTRIBUTE.finditer(attributes))
        node = Node(tag, {name: _plain(value) for name, value in values})
        self.stack[-1].children.append(node)
        if tag not in _VOID and not attributes.endswith("/"):
            self.stack.append(node)
            self.open[tag] += 1

    def end(self, tag: str) -> None:
        while self.open[tag]:
            closed = self.stack.pop().tag
            self.open[closed] -= 1
            if closed == tag:
                self.ended = self.ended or tag == "html"
                return

    def text(self, text: str) -> None:
        if text:
            self.stack[-1].children.append(_plain(text))


def parse_html(content: bytes) -> Node:
    """The document. Raises `FileRejected` for what is not UTF-8, no HTML, or cut off before `</html>`."""
    try:
        document = content.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRejected("encoding", seen=f"not UTF-8: {error}", expected="UTF-8") from None
    builder = _Builder()
    place = 0
    while (start := document.find("<", place)) >= 0:
        builder.text(document[place:start])
        if document.startswith("<!--", start):
            place = _after(document, "-->", start + 4)
        elif document.startswith(("<!", "<?"), start):
            place = _after(document, ">", start)
        elif match := _TAG.match(document, start):
            place, tag = match.end(), match[2].lower()
            if match[1]:
                builder.end(tag)
                continue
            builder.start(tag, match[3])
            if tag in _RAW_TEXT:
                closing = _RAW_TEXT[tag].search(document, place)
                if closing is None:
                    raise _cut_off(f"no </{tag}>")
                builder.text(document[place : closing.start()])
                place = closing.start()
        else:
            builder.text("<")
            place = start + 1
    builder.text(document[place:])
    if not builder.ended:
        raise _cut_off("no </html>")
    return builder.root


def _plain(text: str) -> str:
    """The text without character references; as it is where one has thousands of digits."""
    try:
        return unescape(text)
    except ValueError:
        return text


def _after(document: str, end: str, start: int) -> int:
    found = document.find(end, start)
    if found < 0:
        raise _cut_off(f"no {end} after <!")
    return found + len(end)


def _cut_off(seen: str) -> FileRejected:
    return FileRejected("malformed", seen=f"{seen}: no HTML, or cut off", expected="a whole HTML document")
