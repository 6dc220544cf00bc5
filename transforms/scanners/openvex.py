"""OpenVEX documents (0.0.1 and 0.2.0): what a supplier or a person says of a vulnerability in a product.

One result is one statement on one product, or where it names subcomponents, on each of these: then the subcomponent is the package and the
product is what was looked at. The status, with its justification, is evidence of a state and no event (ruling 14): `not_affected` and
`fixed` close nothing, and are kept, as CycloneDX's analysis is. A statement on no product is a result without a package: its attestation names it.

0.0.1 has texts where 0.2.0 has objects, and subcomponents beside the products; a document may mix both. A product is a package URL in its
`@id` or its identifiers, else whatever the `@id` is. A statement is as old as it says, else as its document.

Results are told apart by vulnerability, product and subcomponent: a later statement on the same speaks of the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.packages import package_name, purl_parts
from transforms.domain.result import Reject, Result, Scan

NAME = "openvex"
TITLE = "OpenVEX (JSON)"
SCANNER = "openvex"
CALIBRATION: dict[str, str] = {}

#: A vulnerability may have a private name too.
_ID = re.compile(r"[A-Z][A-Z0-9]{1,9}-[A-Z0-9][\w:.-]*")

_Any = object


class Vulnerability(msgspec.Struct, gc=False, rename={"iri": "@id"}):
    name: _Any = None
    aliases: _Any = None
    iri: _Any = None


class Identifiers(msgspec.Struct, gc=False):
    purl: _Any = None


class Component(msgspec.Struct, gc=False, rename={"iri": "@id"}):
    iri: _Any = None
    identifiers: Identifiers | None = None
    subcomponents: list[Component | str] | None = None


class Statement(msgspec.Struct, gc=False, rename={"iri": "@id"}):
    iri: _Any = None
    vulnerability: Vulnerability | str | None = None
    products: list[Component | str] | None = None
    subcomponents: list[Component | str] | None = None
    status: _Any = None
    justification: _Any = None
    timestamp: _Any = None
    last_updated: _Any = None


class Document(msgspec.Struct):
    statements: list[msgspec.Raw] | None
    timestamp: _Any = None
    last_updated: _Any = None


_document = msgspec.json.Decoder(Document)
_statement = msgspec.json.Decoder(Statement)


def recognise(head: Head) -> bool:
    return head.is_json_object and b"openvex" in bytes(head.json.get("@context", b"")).lower() and "statements" in head.json


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    document = documents.decode(_document, content, "an object with a list `statements`")
    written = scan.stamp(document.last_updated) or scan.stamp(document.timestamp)
    for pointer, raw, item in documents.items(document.statements, _statement, "/statements"):
        if isinstance(item, Reject):
            yield item
            continue
        about = Vulnerability(item.vulnerability) if isinstance(item.vulnerability, str) else item.vulnerability or Vulnerability()
        # A vulnerability may be named by where it is described only.
        identifier = documents.text(about.name) or (documents.text(about.iri) or "").rstrip("/").rpartition("/")[2] or None
        status = documents.text(item.status)
        if identifier is None or status is None:
            yield documents.missing(pointer, "vulnerability" if identifier is None else "status", raw)
            continue
        ids = tuple(id for id in documents.ids(identifier, about.aliases) if _ID.fullmatch(id))
        state = ",".join(word for word in (status, documents.text(item.justification)) if word)
        captured = scan.stamp(item.last_updated) or scan.stamp(item.timestamp) or written
        for product, part in _places(item):
            component = part or product
            name, version, where = _package(component)
            yield Result(
                pointer=pointer,
                title=f"{identifier} in {name}{f' {version}' if version else ''}" if name else identifier,
                identity=(identifier, product, part),
                rule=identifier,
                vulnerability_ids=ids,
                component_name=name,
                component_version=version,
                location=where,
                target=product if part else None,
                captured=captured,
                source_state=state,
            )


def _places(item: Statement) -> Iterator[tuple[str | None, str | None]]:
    """Each product with each of its subcomponents, by name; a product without any by itself."""
    for product in item.products or (None,):
        inner = product.subcomponents if isinstance(product, Component) else None
        name = _name(product)
        parts = [part for entry in inner or item.subcomponents or () if (part := _name(entry))]
        for part in dict.fromkeys(parts) or (None,):
            yield name, part


def _name(component: Component | str | None) -> str | None:
    if not isinstance(component, Component):
        return documents.text(component)
    return (documents.text(component.identifiers.purl) if component.identifiers else None) or documents.text(component.iri)


@lru_cache(maxsize=65_536)
def _package(component: str | None) -> tuple[str | None, str | None, location.Location]:
    """Name, version and place of a package URL, or of what is none."""
    if component is None:
        return None, None, location.NOWHERE
    name, version = purl_parts(component) or (component, None)
    return name, version, location.package(package_name(name, component))
