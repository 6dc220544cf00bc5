"""XML from outside, read without trust: no document type, no entities, and every fault is a `FileRejected`.

Elements are addressed by local name, because the same report is written with and without namespaces by different versions.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from transforms.domain.errors import FileRejected


def parse_xml(content: bytes) -> Element:
    """The root element. Raises `FileRejected`: `hostile_xml` for a DTD or an entity, `malformed` for anything else wrong."""
    try:
        return defusedxml.ElementTree.fromstring(content, forbid_dtd=True)
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


def local(tag: str) -> str:
    """The name without its namespace: `{http://…}host` is `host`."""
    return tag.rpartition("}")[2]


def child(element: Element, *path: str) -> Element | None:
    """The first descendant along these local names, one step a name."""
    found = element
    for name in path:
        qualified = f"}}{name}"
        for item in found:
            if item.tag == name or item.tag.endswith(qualified):
                found = item
                break
        else:
            return None
    return found


def children(element: Element | None, name: str) -> list[Element]:
    """Every child with this local name, in order; none of None."""
    if element is None:
        return []
    qualified = f"}}{name}"
    return [item for item in element if item.tag == name or item.tag.endswith(qualified)]


def text(element: Element, *path: str) -> str | None:
    """The trimmed text of the descendant along these local names (of the element itself without any); None where absent or blank."""
    found = child(element, *path)
    return found.text.strip() or None if found is not None and found.text else None
