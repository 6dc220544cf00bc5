"""XML from outside, read without trust: no document type, no entities, and every fault is a `FileRejected`.

Elements are addressed by local name, because the same report is written with and without namespaces by different versions.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from transforms.domain.errors import FileRejected

#: Bytes that are judged at a time: what follows a document type in them is the most that is read of a hostile file.
_STEP = 512


class _Prologue:
    """What a parser tells its target, of which no more is wanted than that the root element has begun."""

    is_over = False

    def start(self, *_: object) -> None:
        self.is_over = True

    def close(self) -> None:
        pass


def parse_xml(content: bytes) -> Element:
    """The root element, tags without namespaces. Raises `FileRejected`: `hostile_xml` for a DTD or an entity, `malformed` for anything else wrong."""
    try:
        _refuse_document_type(content)
        root = ElementTree.fromstring(content)
    except DefusedXmlException as error:
        raise FileRejected(
            "hostile_xml",
            seen=f"a document type or an entity: {error}",
            expected="XML without <!DOCTYPE> and <!ENTITY>",
            remedy="export the report again; no scanner needs either",
        ) from None
    except (ParseError, LookupError, ValueError, RecursionError) as error:
        # LookupError, ValueError: the declared encoding is unknown or is not the one of the bytes.
        raise FileRejected(
            "malformed", seen=f"not well-formed XML: {error}", expected="one whole XML document in its declared encoding"
        ) from None
    for element in root.iter():
        if "}" in element.tag:
            element.tag = element.tag.rpartition("}")[2]
    return root


def _refuse_document_type(content: bytes) -> None:
    """Raises `DefusedXmlException` where there is one. It can stand nowhere but before the root element, and without it there are no entities,

    so the rest is read by the parser in C, which is twice as quick as defusedxml's. Both are the same expat: they see the same document.
    """
    parser = DefusedXMLParser(forbid_dtd=True, target=_Prologue())
    for start in range(0, len(content), _STEP):
        parser.feed(content[start : start + _STEP])
        if parser.target.is_over:
            return


def child(element: Element, *path: str) -> Element | None:
    """The first descendant along these names, one step a name."""
    found: Element | None = element
    for name in path:
        if found is None:
            return None
        found = found.find(name)
    return found


def children(element: Element | None, name: str) -> list[Element]:
    """Every child with this name, in order; none of None."""
    return element.findall(name) if element is not None else []


def text(element: Element, *path: str) -> str | None:
    """The trimmed text of the descendant along these names (of the element itself without any); None where absent or blank."""
    found = child(element, *path)
    return found.text.strip() or None if found is not None and found.text else None
