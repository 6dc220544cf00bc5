"""HTML reports from outside, read without trust: a plain tree of elements, nothing loaded, nothing run.

Only for reports that a scanner writes as HTML and as nothing better. What is not closed at the end was cut off, and is no report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM

_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"))


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


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.stack = [self.root]
        self.open: Counter[str] = Counter()
        self.ended = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.stack[-1].children.append(node)
        if tag not in _VOID:
            self.stack.append(node)
            self.open[tag] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self.open[tag]:
            closed = self.stack.pop().tag
            self.open[closed] -= 1
            if closed == tag:
                self.ended = self.ended or tag == "html"
                return

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


def parse_html(content: bytes) -> Node:
    """The document. Raises `FileRejected` for what is not UTF-8, no HTML, or cut off before `</html>`."""
    try:
        document = content.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRejected("encoding", seen=f"not UTF-8: {error}", expected="UTF-8") from None
    builder = _Builder()
    try:
        builder.feed(document)
        builder.close()
    except (AssertionError, ValueError) as error:  # what html.parser raises on a broken declaration
        raise FileRejected("malformed", seen=f"not HTML: {error}", expected="an HTML document") from None
    if not builder.ended:
        raise FileRejected("malformed", seen="no </html>: the document is cut off", expected="a whole HTML document")
    return builder.root
