"""CycloneDX bills of materials (JSON or XML) as what an application is made of: the described application is the asset, not its packages.

- `metadata.component` is an asset: a container by its image without tag and digest, anything else by its package URL without version, or `group/name`.
  Applications, containers, platforms, firmware and devices nested in it, or listed with components of their own, are assets of that application.
- Aliases: the package URL with and without version (of a container the image that it states), `group/name`, and the repository of an external reference of type `vcs`.
- Team, owner, environment and the like are the properties (of the component, else of the metadata) under the names that the policy declares, whatever
  their prefix (`acme:team`). Supplier, manufacturer and authors are left out: they are vendors and persons of the past, and no team that answers today.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from transforms.domain import documents
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.manifests import mapping, objects, required, scalar
from transforms.domain.packages import repository_url, unversioned
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Stated, repository_names, untagged
from transforms.domain.xml import child, children, parse_xml, text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "cyclonedx_application"
TITLE = "CycloneDX as application composition (JSON or XML)"
KINDS = ("assets", "ownership")

#: Types of component that run by themselves.
_RUNNING = ("application", "container", "firmware", "device", "platform")


def recognise(head: Head) -> bool:
    return head.value("bomFormat") == "CycloneDX" if head.is_json_object else head.xml_root == "bom" and "cyclonedx.org/schema/bom" in head.xml_attributes


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    is_xml = content.removeprefix(BOM).lstrip()[:1] == b"<"
    bom = _bom(parse_xml(content)) if is_xml else documents.decode(msgspec.json.Decoder(dict[str, Any]), content, "a CycloneDX document")
    try:
        metadata = mapping(bom, "metadata")
        described, shared = mapping(metadata, "component"), _properties(metadata)
    except ValueError as error:
        reason, _, detail = str(error).partition(": ")
        raise FileRejected(reason, seen=detail, expected="a CycloneDX document") from None
    if not described:
        raise FileRejected("nothing_described", seen="no metadata.component", expected="the application that the bill is of")
    rows = list(_read("/metadata/component", described, None, shared, source))
    yield from rows
    application = rows[0] if isinstance(rows[0], dict) else None
    inner = [("/metadata/component/components", described, 0), ("/components", bom, 1)]
    while inner:
        pointer, within, is_listed = inner.pop(0)
        items = within.get("components")
        if items is not None and not isinstance(items, list):
            yield Reject(pointer, "bad_components", f"components is a {type(items).__name__}, expected a list")
            continue
        for number, item in enumerate(items or ()):
            where = f"{pointer}/{number}"
            if not isinstance(item, dict) or not isinstance(item.get("type"), str | None):
                yield Reject(where, "malformed", f"a {type(item).__name__}, expected a component with its type")
            # A listed package is no asset: what runs by itself has components of its own.
            elif item.get("type") in _RUNNING and (not is_listed or item.get("components")):
                yield from _read(where, item, application, shared, source)
                inner.append((f"{where}/components", item, is_listed))


def _bom(root: Element) -> dict[str, Any]:
    """What is read of the XML, in the shape of the JSON."""
    metadata = child(root, "metadata")
    found = {"components": _components(root)}
    if metadata is None:
        return found
    described = child(metadata, "component")
    return {**found, "metadata": {"component": _component(described) if described is not None else None, "properties": _pairs(metadata)}}


def _components(within: Element) -> list[dict[str, Any]]:
    return [_component(item) for item in children(child(within, "components"), "component")]


def _component(element: Element) -> dict[str, Any]:
    references = [{"type": item.get("type") or "other", "url": text(item, "url")} for item in children(child(element, "externalReferences"), "reference")]
    texts = {name: text(element, name) for name in ("group", "name", "purl")}
    return {**texts, "type": element.get("type"), "components": _components(element), "properties": _pairs(element), "externalReferences": references}


def _pairs(within: Element) -> list[dict[str, str | None]]:
    return [{"name": item.get("name"), "value": text(item)} for item in children(child(within, "properties"), "property")]


def _read(pointer: str, component: dict[str, Any], application: dict[str, Any] | None, shared: dict[str, Any], source: Source) -> Iterator[dict | Reject]:
    try:
        rows = _asset(component, application, shared, source)
    except ValueError as error:
        reason, _, detail = str(error).partition(": ")
        yield Reject(pointer, reason, detail)
        return
    yield from ({"pointer": pointer, **row} for row in rows)


def _asset(component: dict[str, Any], application: dict[str, Any] | None, shared: dict[str, Any], source: Source) -> list[dict[str, Any]]:
    name, kind, purl = required(component, "name"), scalar(component, "type"), scalar(component, "purl")
    group = scalar(component, "group")
    full = untagged(name) if kind == "container" else f"{group}/{name}" if group else name
    references = [item for item in objects(component, "externalReferences") if required(item, "type") == "vcs"]
    repositories = [spelling for item in references for spelling in repository_names(scalar(item, "url"))]
    if purl and kind != "container":
        asset_id, packages = unversioned(purl), [unversioned(purl), purl]
    else:
        # A nested part is called by a name that parts of other applications may have too.
        asset_id, packages = full if kind == "container" or application is None else f"{application['asset_id']}/{full}", [repository_url(purl or "")]
    return Stated({**shared, **_properties(component)}, source).rows(
        asset_id=asset_id,
        name=full if kind == "container" else name,
        plain="team",
        kind=kind,
        aliases=[name, full, *packages, *repositories],
        application=application["name"] if application else None,
    )


def _properties(within: dict[str, Any]) -> dict[str, Any]:
    """Properties by name; the prefix that CycloneDX writes before a colon as that of a label."""
    found: dict[str, Any] = {}
    for item in objects(within, "properties"):
        if name := scalar(item, "name"):
            found.setdefault(name.replace(":", "/"), item.get("value"))
    return found
