"""CycloneDX bills of materials with their vulnerabilities, JSON (1.2 to 1.6) and XML (1.0 to 1.6), VEX too.

From 1.4 on the vulnerabilities stand beside the components and say which they affect by reference: one result for each affected
component. A reference may be of a nested component, of the described one (`metadata`), of a service, a BOM-Link into another
document, or a package URL that is nowhere listed: it then names the package itself. A vulnerability that says nothing of what it
affects is a result without a component. Before 1.4, XML had the extension `ext/vulnerability/1.0`, inside components or beside
them. A bill without vulnerabilities is a scan without results.

The native severity is that of the rating by the vulnerability's own source, as Trivy lists every vendor's; else of the newest
CVSS; else the first that is stated. The analysis (VEX) is evidence of a state, never a reason to leave a result out.

A result is told from the others by the vulnerability's id and source, and the affected component with its reference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree.ElementTree import tostring

import msgspec

from transforms.domain import documents, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.packages import package_name, purl_parts
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors
from transforms.domain.xml import child, children, parse_xml, text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME = "cyclonedx"
TITLE = "CycloneDX with vulnerabilities (JSON or XML)"
SCANNER = "cyclonedx"
CALIBRATION: dict[str, str] = {"negligible": "informational"}  # Grype's word, in its XML

_NAMESPACE = "cyclonedx.org/schema/bom"
#: Methods in the order in which they are believed; a vector without its prefix gets that of its method.
_METHODS = {"CVSSv4": "CVSS:4.0/", "CVSSv31": "CVSS:3.1/", "CVSSv3": "CVSS:3.0/", "CVSSv2": ""}

_Any = object


class Named(msgspec.Struct, gc=False):
    name: _Any = None
    id: _Any = None


class Component(msgspec.Struct):
    name: _Any = None
    group: _Any = None
    version: _Any = None
    purl: _Any = None
    ref: _Any = msgspec.field(name="bom-ref", default=None)
    components: list[msgspec.Raw] | None = None


class Rating(msgspec.Struct, gc=False):
    source: Named | None = None
    score: _Any = None
    severity: _Any = None
    method: str | None = None
    vector: _Any = None


class Affected(msgspec.Struct, gc=False):
    status: str | None = None


class Target(msgspec.Struct, gc=False):
    ref: _Any = None
    versions: list[Affected] | None = None


class Analysis(msgspec.Struct, gc=False):
    state: _Any = None


class Vulnerability(msgspec.Struct):
    id: _Any = None
    source: Named | None = None
    references: list[Named] | None = None
    ratings: list[Rating] | None = None
    cwes: _Any = None
    analysis: Analysis | None = None
    affects: list[Target] | None = None


class Tools(msgspec.Struct):
    """Since 1.5; before it, a list."""

    components: list[Named] | None = None


class Metadata(msgspec.Struct):
    timestamp: _Any = None
    tools: list[Named] | Tools | None = None
    component: msgspec.Raw = msgspec.Raw(b"null")


class Bom(msgspec.Struct):
    metadata: Metadata | None = None
    components: list[msgspec.Raw] | None = None
    services: list[msgspec.Raw] | None = None
    vulnerabilities: list[msgspec.Raw] | None = None


class Context(msgspec.Struct):
    """What the results of one bill share."""

    components: dict[str, Component]
    target: str | None
    captured: Stamp | None
    scanner: str | None


_bom = msgspec.json.Decoder(Bom)
_component = msgspec.json.Decoder(Component)
_vulnerability = msgspec.json.Decoder(Vulnerability)


def recognise(head: Head) -> bool:
    if head.is_json_object:
        return bytes(head.json.get("bomFormat", b"")).strip() == b'"CycloneDX"' or (
            "bomFormat" not in head.json and "specVersion" in head.json and b"cyclonedx" in bytes(head.json.get("$schema", b"")).lower()
        )
    return head.xml_root == "bom" and _NAMESPACE in head.xml_attributes


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"<":
        yield from _parse_xml(content, scan)
    else:
        yield from _parse_json(content, scan)


# JSON


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    bom = documents.decode(_bom, content, "a CycloneDX bill of materials")
    metadata = bom.metadata or Metadata()
    described, components = None, {}
    if bytes(metadata.component) != b"null":
        for component in _flattened([metadata.component], "/metadata/component"):
            if isinstance(component, Reject):
                yield component
            else:
                described = described or component
                _list(component, components)
    for name in ("components", "services"):
        for component in _flattened(getattr(bom, name) or [], f"/{name}"):
            if isinstance(component, Reject):
                yield component
            else:
                _list(component, components)
    tools = metadata.tools.components if isinstance(metadata.tools, Tools) else metadata.tools
    names = [documents.text(tool.name) for tool in tools or ()]
    context = Context(components, _name(described) if described else None, scan.stamp(metadata.timestamp), _scanner(names))
    for pointer, raw, item in documents.items(bom.vulnerabilities, _vulnerability, "/vulnerabilities"):
        if isinstance(item, Reject):
            yield item
        else:
            yield from _results(pointer, raw, item, context)


def _flattened(raws: list[msgspec.Raw], pointer: str) -> Iterator[Component | Reject]:
    """Every component, those inside others too."""
    waiting = deque([(pointer, raws)])
    while waiting:
        where, level = waiting.popleft()
        for inner, _, component in documents.items(level, _component, where):
            yield component
            if not isinstance(component, Reject) and component.components:
                waiting.append((f"{inner}/components", component.components))


def _list(component: Component, components: dict[str, Component]) -> None:
    if ref := documents.text(component.ref):
        components.setdefault(ref, component)


# XML


def _parse_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = parse_xml(content)
    if root.tag != "bom":
        raise FileRejected("malformed", seen=f"XML with root <{root.tag}>", expected="<bom>")
    metadata = child(root, "metadata")
    described = children(metadata, "component")
    listed = _within(root, "components", "component")
    components: dict[str, Component] = {}
    for element in (*described, *listed, *_within(root, "services", "service")):
        for _, component in _nested(element):
            _list(component, components)
    tools = children(metadata, "tools")
    names = [text(tool, "name") for group in tools for tool in (*children(group, "tool"), *_within(group, "components", "component"))]
    context = Context(
        components,
        _name(_xml_component(described[0])) if described else None,
        scan.stamp(text(metadata, "timestamp") if metadata is not None else None),
        _scanner(names),
    )
    for number, element in enumerate(listed, 1):
        for inside, component in _nested(element):
            for count, item in enumerate(_within(inside, "vulnerabilities", "vulnerability"), 1):
                yield from _xml_results(f"/bom/components/component[{number}]//vulnerability[{count}]", item, context, component)
    for number, item in enumerate(_within(root, "vulnerabilities", "vulnerability"), 1):
        yield from _xml_results(f"/bom/vulnerabilities/vulnerability[{number}]", item, context, None)


def _within(element: Element, group: str, name: str) -> list[Element]:
    """The elements of that name inside every group: CycloneDX wraps each list in an element of its own."""
    return [item for inner in children(element, group) for item in children(inner, name)]


def _nested(element: Element) -> Iterator[tuple[Element, Component]]:
    waiting = deque([element])
    while waiting:
        current = waiting.popleft()
        yield current, _xml_component(current)
        waiting += _within(current, "components", "component")


def _xml_component(element: Element) -> Component:
    return Component(
        text(element, "name"), text(element, "group"), text(element, "version"), text(element, "purl"), element.attrib.get("bom-ref")
    )


def _xml_results(pointer: str, element: Element, context: Context, component: Component | None) -> Iterator[Result | Reject]:
    """A vulnerability as JSON would have it; that of the old extension names one component in its attribute `ref`."""
    if text(element, "id") is None:
        yield documents.missing(pointer, "id", tostring(element))
        return
    source = child(element, "source")
    targets = [
        Target(text(target, "ref"), [Affected(text(version, "status")) for version in _within(target, "versions", "version")])
        for target in _within(element, "affects", "target")
    ]
    if not targets and component is None and (ref := element.attrib.get("ref")):
        targets = [Target(ref)]
    item = Vulnerability(
        id=text(element, "id"),
        source=Named(text(source, "name") or source.attrib.get("name")) if source is not None else None,
        references=[Named(id=text(reference, "id")) for reference in _within(element, "references", "reference")],
        ratings=[_xml_rating(rating) for rating in _within(element, "ratings", "rating")],
        cwes=[text(cwe) for cwe in _within(element, "cwes", "cwe")],
        analysis=Analysis(text(element, "analysis", "state")),
        affects=targets,
    )
    yield from _results(pointer, msgspec.Raw(b""), item, context, component)


def _xml_rating(rating: Element) -> Rating:
    return Rating(
        Named(text(rating, "source", "name")),
        text(rating, "score") or text(rating, "score", "base"),
        text(rating, "severity"),
        text(rating, "method"),
        text(rating, "vector"),
    )


# Both


def _results(
    pointer: str, raw: msgspec.Raw, item: Vulnerability, context: Context, inside: Component | None = None
) -> Iterator[Result | Reject]:
    identifier = documents.text(item.id)
    if identifier is None:
        yield documents.missing(pointer, "id", raw)
        return
    source = documents.text(item.source.name) if item.source else None
    severity, score, cvss = _rated(item.ratings or [], source)
    ids = documents.ids(identifier, [reference.id for reference in item.references or ()])
    cwes = cwe_numbers(item.cwes)
    state = documents.text(item.analysis.state) if item.analysis else None
    for target in item.affects or (Target(),):
        ref = documents.text(target.ref)
        component = inside if ref is None else _referred(ref, context)
        name = documents.text(component.name) if component else None
        version = documents.text(component.version) if component else None
        group, purl = (documents.text(component.group), documents.text(component.purl)) if component else (None, None)
        yield Result(
            pointer=pointer,
            title=f"{identifier} in {name}{f' {version}' if version else ''}" if name else identifier,
            identity=(identifier, source, ref or (documents.text(inside.ref) if inside else None), group, name, version, purl),
            severity=severity,
            score=score,
            cvss_vectors=cvss,
            rule=identifier,
            vulnerability_ids=ids,
            cwes=cwes,
            component_name=name,
            component_version=version,
            location=location.package(package_name(name, purl, group)) if name else location.NOWHERE,
            target=context.target,
            captured=context.captured,
            source_state=",".join(word for word in (state, _unaffected(target)) if word) or None,
            scanner=context.scanner,
        )


def _referred(ref: str, context: Context) -> Component | None:
    """The component that a reference means: listed here, in another document (`urn:cdx:…#ref`), or named by a package URL."""
    if component := context.components.get(ref):
        return component
    if ref.startswith("urn:cdx:") and "#" in ref:
        ref = unquote(ref.partition("#")[2])
        if component := context.components.get(ref):
            return component
    if parts := purl_parts(ref):
        return Component(name=parts[0], version=parts[1], purl=ref)
    return None


def _unaffected(target: Target) -> str | None:
    """A VEX document may list a component to say that no version of it is affected."""
    stated = {version.status for version in target.versions or ()}
    return "unaffected" if stated == {"unaffected"} else None


def _name(component: Component) -> str | None:
    """What the bill describes: an image, an application; a bare `.` is no name."""
    name = documents.text(component.name)
    return name if name not in (".", "./") else None


def _scanner(names: list[str | None]) -> str | None:
    """The tool that made the bill, where there is just one: of several, nothing says which one looked for vulnerabilities."""
    known = {name.lower() for name in names if name}
    return known.pop() if len(known) == 1 else None


def _rated(ratings: list[Rating], source: str | None) -> tuple[str | None, float | None, tuple[str, ...]]:
    """Native severity, score and vectors: the vulnerability's own source first, then the newest method, then as listed."""

    def rank(rating: Rating) -> tuple[bool, int]:
        own = bool(source) and rating.source is not None and rating.source.name == source
        return not own, list(_METHODS).index(rating.method) if rating.method in _METHODS else len(_METHODS)

    if len(ratings) > 1:
        ratings = sorted(ratings, key=rank)
    severity = next((word for rating in ratings if (word := documents.text(rating.severity))), None)
    rated = [rating for rating in ratings if rating.method in _METHODS]
    score = next((found for rating in rated or ratings if (found := documents.score(rating.score)) is not None), None)
    return severity, score, vectors(*(_vector(rating) for rating in rated))


def _vector(rating: Rating) -> str | None:
    vector = documents.text(rating.vector)
    if vector is None or vector.startswith("CVSS"):
        return vector
    return f"{_METHODS.get(rating.method or '', '')}{vector.strip('()')}"
