"""Trivy Operator's reports (`kubectl get vulnerabilityreports -o json` and its kin): one object, a Kubernetes `List`, or a bare list of
them.

Kinds: vulnerabilities of a container's image, exposed secrets in it, configuration, RBAC and infrastructure checks (each also
`Cluster…`), and compliance, whose full report has the failed checks by control and whose summary only their number. The webhook's
envelope (`verb`, `operatorObject`) is opened; a deleted report says that the workload is gone, and yields nothing. SBOM reports have no
results.

A result is one vulnerability of a package, one secret, or one failed check. The target is the workload, as it is what someone owns, without
the hash that every rollout gives a ReplicaSet; container and image tell apart what is in them. A check's location is the workload, so that
the configuration report and the controls that ask for the same check are one place. Checks that passed yield nothing.

Check ids are the same in every version: `KSV014`, `KSV-0014` and `AVD-KSV-0014`. A check without a severity has that of its control.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "trivy_operator"
TITLE = "Trivy Operator (JSON)"
SCANNER = "trivy-operator"
CALIBRATION: dict[str, str] = {}  # Trivy's own words are the policy's; its UNKNOWN is just that

_GROUP = "aquasecurity.github.io/"
_CHECK_ID = re.compile(r"(?:AVD-)?([A-Z]{3,4})-?(\d{1,4})", re.IGNORECASE)
#: What Kubernetes puts behind a ReplicaSet's name: letters and digits that make no words.
_ROLLOUT = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}$")
#: A CronJob's Job is named by the minute.
_MINUTE = re.compile(r"-\d{8}$")
_KINDS = {
    kind.lower(): kind
    for kind in (
        *(
            "ClusterRole",
            "ClusterRoleBinding",
            "ConfigMap",
            "CronJob",
            "CustomResourceDefinition",
            "DaemonSet",
            "Deployment",
            "Ingress",
            "Job",
        ),
        *("LimitRange", "Namespace", "NetworkPolicy", "Node", "Pod", "ReplicaSet", "ReplicationController", "ResourceQuota", "Role"),
        *("RoleBinding", "Service", "ServiceAccount", "StatefulSet"),
    )
}

_Any = object


class Cvss(msgspec.Struct, gc=False):
    V40Vector: _Any = None
    V3Vector: _Any = None
    V2Vector: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    vulnerabilityID: _Any = None
    resource: _Any = None
    installedVersion: _Any = None
    severity: _Any = None
    score: _Any = None
    title: _Any = None
    target: _Any = None
    class_: _Any = msgspec.field(name="class", default=None)
    packagePath: _Any = None
    cvss: dict[str, Cvss] | None = None
    cvssSource: _Any = None
    cweIDs: _Any = None


class Secret(msgspec.Struct, gc=False):
    ruleID: _Any = None
    title: _Any = None
    severity: _Any = None
    target: _Any = None
    match: _Any = None


class Check(msgspec.Struct, gc=False):
    checkID: _Any = None
    title: _Any = None
    severity: _Any = None
    success: _Any = None
    messages: list[_Any] | None = None
    target: _Any = None


class Control(msgspec.Struct):
    """A control of a compliance report; `totalFail` only in its summary."""

    id: _Any = None
    name: _Any = None
    severity: _Any = None
    totalFail: _Any = None
    checks: list[msgspec.Raw] | None = None


class Detail(msgspec.Struct):
    id: _Any = None
    results: list[msgspec.Raw] | None = None


class Summary(msgspec.Struct):
    id: _Any = None
    controlCheck: list[msgspec.Raw] | None = None


class Status(msgspec.Struct):
    updateTimestamp: _Any = None
    detailReport: Detail | None = None
    summaryReport: Summary | None = None


class Registry(msgspec.Struct):
    server: _Any = None


class Image(msgspec.Struct):
    repository: _Any = None
    tag: _Any = None


class Body(msgspec.Struct):
    updateTimestamp: _Any = None
    registry: Registry | None = None
    artifact: Image | None = None
    vulnerabilities: list[msgspec.Raw] | None = None
    secrets: list[msgspec.Raw] | None = None
    checks: list[msgspec.Raw] | None = None


class Metadata(msgspec.Struct):
    name: _Any = None
    namespace: _Any = None
    labels: dict[str, _Any] | None = None
    annotations: dict[str, _Any] | None = None


class Resource(msgspec.Struct):
    kind: _Any = None
    metadata: Metadata | None = None
    report: Body | None = None
    status: Status | None = None
    # A `List`, and the webhook's envelope
    items: list[msgspec.Raw] | None = None
    verb: _Any = None
    operatorObject: Resource | None = None


class Workload(NamedTuple):
    """What every result of one report has in common."""

    name: str | None
    container: str | None
    image: str | None
    captured: Stamp | None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_resource = msgspec.json.Decoder(Resource)
_vulnerability = msgspec.json.Decoder(Vulnerability)
_secret = msgspec.json.Decoder(Secret)
_check = msgspec.json.Decoder(Check)
_control = msgspec.json.Decoder(Control)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if {"apiVersion", "kind"} <= keys:
        if head.is_json_object and "items" in keys:
            return _GROUP.encode() in bytes(head.json["items"])[:4096] and {"apiVersion", "kind"} <= head.item_keys("items")
        return bytes(head.json["apiVersion"]).startswith(f'"{_GROUP}'.encode()) and bool({"report", "status"} & keys)
    return {"verb", "operatorObject"} <= keys and _GROUP.encode() in bytes(head.json["operatorObject"])


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] == b"[":
        yield from _resources(documents.decode(_list, content, "a list of reports"), "", scan)
        return
    resource = documents.decode(_resource, content, "a report of Trivy Operator")
    if resource.items is None and resource.operatorObject is None and resource.report is None and resource.status is None:
        raise FileRejected(
            "malformed", seen="neither `report`, `status` nor `items`", expected="a report of Trivy Operator, or a list of them"
        )
    yield from _results("", resource, scan)


def _resources(raws: list[msgspec.Raw] | None, base: str, scan: Scan) -> Iterator[Result | Reject]:
    for pointer, raw, resource in documents.items(raws, _resource, base):
        if isinstance(resource, Reject):
            yield secrets.without_raw(resource) if _is_of_secrets(resource.raw) else resource
        elif resource.kind is None and resource.operatorObject is None:
            missing = documents.missing(pointer, "kind", raw)
            yield secrets.without_raw(missing) if _is_of_secrets(missing.raw) else missing
        else:
            yield from _results(pointer, resource, scan)


def _is_of_secrets(raw: str) -> bool:
    return "secrets" in raw or "ExposedSecretReport" in raw


#: The list that a report of each kind has, empty where all is well.
_LISTS = {
    "VulnerabilityReport": "vulnerabilities",
    "ClusterVulnerabilityReport": "vulnerabilities",
    "ExposedSecretReport": "secrets",
    "ConfigAuditReport": "checks",
    "ClusterConfigAuditReport": "checks",
    "RbacAssessmentReport": "checks",
    "ClusterRbacAssessmentReport": "checks",
    "InfraAssessmentReport": "checks",
    "ClusterInfraAssessmentReport": "checks",
}


def _results(pointer: str, resource: Resource, scan: Scan) -> Iterator[Result | Reject]:
    if inner := resource.operatorObject:
        if resource.verb != "delete":
            yield from _results(f"{pointer}/operatorObject", inner, scan)
        return
    yield from _resources(resource.items, f"{pointer}/items", scan)
    if body := resource.report:
        expected = _LISTS.get(documents.text(resource.kind) or "")
        if expected and getattr(body, expected) is None:
            yield Reject(f"{pointer}/report", f"missing_{expected}", f"a {documents.text(resource.kind)} without its list `{expected}`")
        workload = _workload(resource.metadata or Metadata(), body, scan)
        yield from _vulnerabilities(f"{pointer}/report/vulnerabilities", body.vulnerabilities, workload)
        yield from _secrets(f"{pointer}/report/secrets", body.secrets, workload)
        yield from _checks(f"{pointer}/report/checks", body.checks, workload)
    if status := resource.status:
        yield from _compliance(f"{pointer}/status", status, documents.text((resource.metadata or Metadata()).name), scan)


def _workload(metadata: Metadata, body: Body, scan: Scan) -> Workload:
    def said(name: str) -> str | None:
        # A name that is no label (too long, a colon) stands in an annotation.
        key = f"trivy-operator.{name}"
        return documents.text((metadata.labels or {}).get(key)) or documents.text((metadata.annotations or {}).get(key))

    kind, name = said("resource.kind"), said("resource.name")
    namespace = said("resource.namespace") or documents.text(metadata.namespace)
    image, server = body.artifact or Image(), body.registry.server if body.registry else None
    repository = "/".join(filter(None, (documents.text(server), documents.text(image.repository))))
    return Workload(
        _named(namespace, kind, name) if name else documents.text(metadata.name),
        said("container.name"),
        ":".join(filter(None, (repository, documents.text(image.tag)))) or None,
        scan.stamp(body.updateTimestamp),
    )


def _named(namespace: str | None, kind: str | None, name: str) -> str:
    """`namespace/Kind/name`, without what changes with every rollout or run."""
    kind = _KINDS.get((kind or "").lower(), kind)
    if kind == "ReplicaSet":
        name = _ROLLOUT.sub("", name)
    elif kind == "Job":
        name = _MINUTE.sub("", name)
    return "/".join(filter(None, (namespace, kind, name)))


def _vulnerabilities(base: str, raws: list[msgspec.Raw] | None, workload: Workload) -> Iterator[Result | Reject]:
    for pointer, raw, item in documents.items(raws, _vulnerability, base):
        if isinstance(item, Reject):
            yield item
            continue
        identifier, package = documents.text(item.vulnerabilityID), documents.text(item.resource)
        if identifier is None or package is None:
            yield documents.missing(pointer, "vulnerabilityID" if identifier is None else "resource", raw)
            continue
        version, title, target = documents.text(item.installedVersion), documents.text(item.title), documents.text(item.target)
        path = documents.text(item.packagePath)
        yield Result(
            pointer=pointer,
            title=documents.one_line(title) if title else f"{identifier} in {package}",
            identity=(identifier, package, version, path, target, workload.container, workload.image),
            severity=documents.text(item.severity),
            score=documents.score(item.score),
            cvss_vectors=_vectors(item),
            rule=identifier,
            vulnerability_ids=documents.advisory_ids(identifier),
            cwes=cwe_numbers(item.cweIDs),
            component_name=package,
            component_version=version,
            file_path=path or _file(target, item.class_),
            location=location.package(package),
            target=workload.name,
            captured=workload.captured,
        )


def _file(target: str | None, kind: object) -> str | None:
    """The target where it is a file: that of the operating system's packages is the image with its release, others may be an ecosystem."""
    if target is None or kind == "os-pkgs" or target.endswith(")") or target == "Node.js":
        return None
    return target if "/" in target or "." in target else None


def _vectors(item: Vulnerability) -> tuple[str, ...]:
    """Every vector, the source of the score first."""
    stated = item.cvss or {}
    names = dict.fromkeys(
        name for name in (item.cvssSource, "nvd", "ghsa", "redhat", *sorted(stated)) if isinstance(name, str) and name in stated
    )
    return vectors(
        *(documents.text(text) for name in names for text in (stated[name].V40Vector, stated[name].V3Vector, stated[name].V2Vector))
    )


def _secrets(base: str, raws: list[msgspec.Raw] | None, workload: Workload) -> Iterator[Result | Reject]:
    found: list[tuple[str, Secret, Place]] = []
    for pointer, _, item in documents.items(raws, _secret, base):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)
            continue
        rule, target = documents.text(item.ruleID), documents.text(item.target)
        if rule is None or target is None:
            yield secrets.missing(pointer, "ruleID" if rule is None else "target")
            continue
        found.append((pointer, item, Place((target, rule), (0, 0, documents.text(item.match) or ""))))
    ranks = ordinals(place for *_, place in found)
    for pointer, item, place in found:
        target, rule = place.within
        yield Result(
            pointer=pointer,
            title=f"Secret: {documents.text(item.title) or rule}",
            identity=("secret", rule, target, place.position[2], workload.container, workload.image),
            severity=documents.text(item.severity),
            rule=rule,
            file_path=target,
            location=location.code(target, anchor(rule, ranks[place])),
            target=workload.name,
            captured=workload.captured,
        )


def _checks(base: str, raws: list[msgspec.Raw] | None, workload: Workload) -> Iterator[Result | Reject]:
    for pointer, raw, item in documents.items(raws, _check, base):
        if isinstance(item, Reject):
            yield item
        elif item.success is not True:
            yield _failed(pointer, raw, item, workload.name, workload.captured)


def _failed(
    pointer: str, raw: msgspec.Raw, item: Check, target: str | None, captured: Stamp | None, control: Control | None = None
) -> Result | Reject:
    stated = documents.text(item.checkID) or (documents.text(control.id) if control else None)
    if stated is None:
        return documents.missing(pointer, "checkID", raw)
    same = _CHECK_ID.fullmatch(stated)
    rule = f"AVD-{same[1].upper()}-{int(same[2]):04d}" if same else stated
    title = documents.text(item.title) or (documents.text(control.name) if control else None)
    messages = tuple(text for message in item.messages or () if (text := documents.text(message)))
    return Result(
        pointer=pointer,
        title=documents.one_line(title) if title else rule,
        identity=(rule, control and documents.text(control.id), documents.text(item.target) or target, messages),
        severity=documents.text(item.severity) or (documents.text(control.severity) if control else None),
        rule=rule,
        # Aqua's database gives checks ids as it does vulnerabilities.
        vulnerability_ids=documents.advisory_ids(rule) if same else (),
        location=location.cloud(target) if target else location.NOWHERE,
        target=target,
        captured=captured,
    )


def _compliance(base: str, status: Status, name: str | None, scan: Scan) -> Iterator[Result | Reject]:
    captured = scan.stamp(status.updateTimestamp)
    if detail := status.detailReport:
        for where, _, control in documents.items(detail.results, _control, f"{base}/detailReport/results"):
            if isinstance(control, Reject):
                yield control
                continue
            for pointer, raw, item in documents.items(control.checks, _check, f"{where}/checks"):
                if isinstance(item, Reject):
                    yield item
                elif item.success is not True:
                    yield _failed(pointer, raw, item, _of_target(documents.text(item.target)), captured, control)
    if summary := status.summaryReport:
        for pointer, raw, control in documents.items(summary.controlCheck, _control, f"{base}/summaryReport/controlCheck"):
            if isinstance(control, Reject):
                yield control
                continue
            identifier, benchmark = documents.text(control.id), documents.text(summary.id) or name or "compliance"
            if identifier is None:
                yield documents.missing(pointer, "id", raw)
            elif (documents.number(control.totalFail) or 0) > 0:
                title = documents.text(control.name)
                yield Result(
                    pointer=pointer,
                    title=documents.one_line(f"{identifier} {title}" if title else f"{benchmark} {identifier}"),
                    identity=(benchmark, identifier),
                    severity=documents.text(control.severity),
                    rule=f"{benchmark}/{identifier}",
                    location=location.cloud(f"{benchmark}/{identifier}"),
                    captured=captured,
                )


def _of_target(target: str | None) -> str | None:
    """`kube-system/daemonset-azure-npm` and `/clusterrole-admin` as the other kinds of reports name a workload."""
    if target is None:
        return None
    namespace, _, rest = target.rpartition("/")
    kind, separator, name = rest.partition("-")
    return _named(namespace or None, kind, name) if separator and kind.lower() in _KINDS else target.strip("/") or None
