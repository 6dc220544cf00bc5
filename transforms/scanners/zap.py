"""OWASP ZAP: the traditional reports as XML and JSON, with or without requests and responses (`-plus`), versions 2.4 to 2.16.

A report lists alerts by site, and each alert's instances. One result is one instance: the place that somebody has to mend. An alert
without instances (before 2.5, or cut off by the report's limit) is one result at its own or the site's URL. What tells an instance from
the others is the alert (plugin, variant, title, risk, confidence) and its URL, method, parameter, attack and evidence.

`rule` is `alertRef` where there is one: one plugin reports several problems (10055-4, 10055-6) at one URL that are mended apart. Risk
words are translated by ZAP, risk codes are not: the word is the native term where it says what the code says, else the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from transforms.domain import location, xml
from transforms.domain.documents import UNREADABLE, items, missing, reject, text
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "zap"
TITLE = "OWASP ZAP (XML or JSON)"
SCANNER = "zap"
CALIBRATION: dict[str, str] = {
    "0": "informational",
    "1": "low",
    "2": "medium",
    "3": "high",
    "informational": "informational",
    "info": "informational",
    "low": "low",
    "medium": "medium",
    "high": "high",
}

_CVE = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
_FALSE_POSITIVE = "0"

_Any = object


class Instance(msgspec.Struct, gc=False):
    uri: _Any = None
    method: _Any = None
    param: _Any = None
    attack: _Any = None
    evidence: _Any = None
    otherinfo: _Any = None


class Alert(msgspec.Struct, gc=False, rename={"alert_ref": "alertRef"}):
    pluginid: _Any = None
    alert_ref: _Any = None
    alert: _Any = None
    name: _Any = None
    riskcode: _Any = None
    riskdesc: _Any = None
    confidence: _Any = None
    cweid: _Any = None
    otherinfo: _Any = None
    tags: msgspec.Raw = msgspec.Raw(b"")
    instances: list[msgspec.Raw] | None = None
    # Where an alert has no list of instances, it is its own.
    uri: _Any = None
    method: _Any = None
    param: _Any = None
    attack: _Any = None
    evidence: _Any = None


class Site(msgspec.Struct, gc=False, rename={"name": "@name", "host": "@host"}):
    name: _Any = None
    host: _Any = None
    alerts: list[msgspec.Raw] | None = None


class Report(msgspec.Struct, rename={"generated": "@generated"}):
    site: msgspec.Raw
    generated: _Any = None
    created: _Any = None


_report = msgspec.json.Decoder(Report)
_sites = msgspec.json.Decoder(list[msgspec.Raw])
_site = msgspec.json.Decoder(Site)
_alert = msgspec.json.Decoder(Alert)
_instance = msgspec.json.Decoder(Instance)


def recognise(head: Head) -> bool:
    if head.xml_root:
        return head.xml_root == "OWASPZAPReport"
    return head.is_json_object and "site" in head.json and bool({"@generated", "@version", "@programName"} & head.json.keys())


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"<":
        yield from _parse_xml(content, scan)
    else:
        yield from _parse_json(content, scan)


def _parse_xml(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    captured = _captured(scan, root.get("created") or xml.text(root, "created"), root.get("generated"))
    for site_number, site in enumerate(xml.children(root, "site"), 1):
        url, host = _site_names(site.get("name"), site.get("host"))
        for alert_number, element in enumerate(xml.children(xml.child(site, "alerts"), "alertitem"), 1):
            pointer = f"/OWASPZAPReport/site[{site_number}]/alerts/alertitem[{alert_number}]"
            alert = Alert(**_fields(element, _ALERT_TEXTS), tags=msgspec.Raw(_xml_tags(element)))
            instances: list[tuple[str, Instance]] = [
                (f"{pointer}/instances/instance[{number}]", Instance(**_fields(instance, _INSTANCE_TEXTS)))
                for number, instance in enumerate(xml.children(xml.child(element, "instances"), "instance"), 1)
            ]
            yield from _results(pointer, alert, instances, url, host, captured)


_INSTANCE_TEXTS = frozenset(Instance.__struct_fields__)
_ALERT_TEXTS = frozenset(Alert.__struct_encode_fields__) - {"tags", "instances"}


def _fields(element: Element, names: frozenset[str]) -> dict[str, str]:
    found = {item.tag: item.text.strip() for item in element if item.text and item.tag in names}
    if "alertRef" in found:
        found["alert_ref"] = found.pop("alertRef")
    return found


def _xml_tags(element: Element) -> bytes:
    tags = xml.child(element, "tags")
    return "".join(tags.itertext()).encode() if tags is not None else b""


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    try:
        report = _report.decode(content)
        # One site is a bare object in versions before 2.6.
        sites = _sites.decode(report.site) if bytes(report.site).lstrip()[:1] == b"[" else [report.site]
    except UNREADABLE as error:
        raise FileRejected("malformed", seen=f"not a ZAP report: {error}", expected="an object with a list `site`") from None
    captured = _captured(scan, report.created, report.generated)
    for site_pointer, _, site in items(sites, _site, "/site"):
        if isinstance(site, Reject):
            yield site
            continue
        url, host = _site_names(text(site.name), text(site.host))
        for pointer, _, alert in items(site.alerts, _alert, f"{site_pointer}/alerts"):
            if isinstance(alert, Reject):
                yield alert
                continue
            instances: list[tuple[str, Instance]] = []
            for where, _, instance in items(alert.instances, _instance, f"{pointer}/instances"):
                if isinstance(instance, Reject):
                    yield instance
                else:
                    instances.append((where, instance))
            if instances or not alert.instances:
                yield from _results(pointer, alert, instances, url, host, captured)


def _results(
    pointer: str, alert: Alert, instances: list[tuple[str, Instance]], url: str | None, host: str | None, captured: Stamp | None
) -> Iterator[Result | Reject]:
    title = text(alert.alert) or text(alert.name)
    if not title:
        yield missing(pointer, "title", msgspec.json.encode(alert.pluginid))
        return
    plugin, reference, cwe, confidence = text(alert.pluginid), text(alert.alert_ref), text(alert.cweid), text(alert.confidence)
    code = text(alert.riskcode)
    severity = _severity(code, text(alert.riskdesc))
    ids = tuple(sorted({match.upper() for match in _CVE.findall(bytes(alert.tags).decode("utf-8", "replace"))}))
    cwes = cwe_numbers(cwe) if cwe and not cwe.startswith("-") else ()  # -1 is ZAP's 'none'
    own = Instance(alert.uri, alert.method, alert.param, alert.attack, alert.evidence, alert.otherinfo)
    for where, instance in instances or [(pointer, own)]:
        address, param = text(instance.uri) or url, text(instance.param)
        try:
            endpoint = location.parse_endpoint(address) if address else None
        except ValueError as error:
            yield reject(where, "malformed", str(error), msgspec.json.encode(instance))
            continue
        yield Result(
            pointer=where,
            title=title,
            identity=(
                plugin,
                reference,
                title,
                code,
                confidence,
                address,
                text(instance.method),
                param,
                text(instance.attack),
                text(instance.evidence),
                text(instance.otherinfo),
            ),
            severity=severity,
            rule=reference or plugin or title,
            vulnerability_ids=ids,
            cwes=cwes,
            endpoint=address,
            location=location.web(endpoint, param) if endpoint else location.NOWHERE,
            target=host or (endpoint.host if endpoint else None),
            captured=captured,
            source_state="false positive" if confidence == _FALSE_POSITIVE else None,
        )


def _severity(code: str | None, description: str | None) -> str | None:
    """`Medium` of `Medium (High)`, which is risk and confidence; the code where the word is missing or foreign."""
    word = (description or "").partition("(")[0].strip() or None
    if not code or not word:
        return code or word
    return word if CALIBRATION.get(word.lower()) == CALIBRATION.get(code) else code


def _captured(scan: Scan, created: _Any, generated: _Any) -> Stamp | None:
    """`created` has a zone and no language; `generated` has the writer's word for the weekday, which is cut where it hinders."""
    written = text(generated) or ""
    return scan.stamp(text(created)) or scan.stamp(written) or scan.stamp(written.partition(",")[2].strip())


def _site_names(name: str | None, host: str | None) -> tuple[str | None, str | None]:
    """The site's URL and its host."""
    name, host = (name or "").strip() or None, (host or "").strip().lower() or None
    if name and not host:
        try:
            host = location.parse_endpoint(name).host
        except ValueError:
            host = None
    return name, host
