"""Trivy's JSON report: packages with known vulnerabilities, misconfigurations, secrets and licences of an image, a file tree or a cluster.

Dialects: schema 2 (`Results`), the cluster report (`ClusterName` with `Resources`, or `Vulnerabilities` and
`Misconfigurations` of older versions, or `Findings` of its summary), and the list of results of versions before 0.20.
Where they found nothing those wrote the bare word `null`, which any tool may have written: it is not read.

A vulnerability is told from the others by its id, the package with version and path, and the result (`Target`) that lists
it; a misconfiguration or secret by rule, file, lines and what was matched there. What Trivy was told to leave out
(`ExperimentalModifiedFindings`) and checks that passed are no results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.location import Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "trivy"
TITLE = "Trivy (JSON)"
SCANNER = "trivy"
CALIBRATION: dict[str, str] = {}  # Trivy's own words are the policy's; its UNKNOWN is just that

_CLUSTER_LISTS = ("Resources", "Vulnerabilities", "Misconfigurations", "Findings")
#: Targets that name an ecosystem and not a file: there the package's own path says where it is.
_AGGREGATES = {"java", "node.js", "python", "ruby", "conda", "julia", "rust binary", "go binary", "php", "os packages"}
_OS_TARGET = re.compile(r"(.+) \([a-z][a-z .-]* [^()]*\)")
#: Where a record has scores of several sources and none is named as the one used.
_SOURCES = ("nvd", "ghsa", "redhat", "bitnami")

_Any = object


class Cvss(msgspec.Struct, gc=False):
    V40Vector: _Any = None
    V3Vector: _Any = None
    V2Vector: _Any = None
    V40Score: _Any = None
    V3Score: _Any = None
    V2Score: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    VulnerabilityID: _Any = None
    VendorIDs: _Any = None
    PkgID: _Any = None
    PkgName: _Any = None
    PkgPath: _Any = None
    InstalledVersion: _Any = None
    Status: _Any = None
    SeveritySource: _Any = None
    Severity: _Any = None
    Title: _Any = None
    CweIDs: _Any = None
    CVSS: dict[str, Cvss] | None = None


class Cause(msgspec.Struct, gc=False):
    Resource: _Any = None
    StartLine: _Any = None
    EndLine: _Any = None


class Misconfiguration(msgspec.Struct, gc=False):
    ID: _Any = None
    AVDID: _Any = None
    Title: _Any = None
    Message: _Any = None
    Severity: _Any = None
    Status: _Any = None
    CauseMetadata: Cause | None = None


class Secret(msgspec.Struct, gc=False):
    RuleID: _Any = None
    Title: _Any = None
    Severity: _Any = None
    StartLine: _Any = None
    EndLine: _Any = None
    Match: _Any = None


class License(msgspec.Struct, gc=False):
    Name: _Any = None
    Category: _Any = None
    Severity: _Any = None
    PkgName: _Any = None
    FilePath: _Any = None


class Scanned(msgspec.Struct):
    """One entry of `Results`: the results of one target inside the artifact."""

    Target: _Any = None
    Class: _Any = None
    Type: _Any = None
    Vulnerabilities: list[msgspec.Raw] | None = None
    Misconfigurations: list[msgspec.Raw] | None = None
    Secrets: list[msgspec.Raw] | None = None
    Licenses: list[msgspec.Raw] | None = None


class Resource(msgspec.Struct):
    """One workload or other object of a cluster."""

    Namespace: _Any = None
    Kind: _Any = None
    Name: _Any = None
    Results: list[msgspec.Raw] | None = None


class Metadata(msgspec.Struct):
    RepoTags: _Any = None


class Report(msgspec.Struct):
    ArtifactName: _Any = None
    ClusterName: _Any = None
    CreatedAt: _Any = None
    Metadata: Metadata | None = None
    Results: list[msgspec.Raw] | None = None
    Resources: list[msgspec.Raw] | None = None
    Vulnerabilities: list[msgspec.Raw] | None = None
    Misconfigurations: list[msgspec.Raw] | None = None
    Findings: list[msgspec.Raw] | None = None


class Origin(msgspec.Struct, frozen=True):
    """What every result of one part of the report has in common."""

    target: str | None
    captured: Stamp | None


_report = msgspec.json.Decoder(Report)
_legacy = msgspec.json.Decoder(list[msgspec.Raw] | None)
_scanned = msgspec.json.Decoder(Scanned)
_resource = msgspec.json.Decoder(Resource)
_vulnerability = msgspec.json.Decoder(Vulnerability)
_misconfiguration = msgspec.json.Decoder(Misconfiguration)
_secret = msgspec.json.Decoder(Secret)
_license = msgspec.json.Decoder(License)


def recognise(head: Head) -> bool:
    if head.is_json_list:
        return "Target" in head.json and bool({"Vulnerabilities", "Type", "Class", "Misconfigurations", "Secrets"} & head.json.keys())
    if head.is_json_object:
        if "SchemaVersion" in head.json:
            return bool({"ArtifactName", "ArtifactType", "Results", "ClusterName"} & head.json.keys())
        return "ClusterName" in head.json and bool({*_CLUSTER_LISTS} & head.json.keys())
    return False


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] != b"{":
        results = documents.decode(_legacy, content, "a list of Trivy results") or []
        yield from _targets(results, "", Origin(_legacy_target(results), None))
        return
    report = documents.decode(_report, content, "an object with Results or ClusterName")
    captured = scan.stamp(report.CreatedAt)
    cluster = documents.text(report.ClusterName)
    if (
        report.Results is None
        and cluster is None
        and report.ArtifactName is None
        and all(getattr(report, name) is None for name in _CLUSTER_LISTS)
    ):
        raise FileRejected("malformed", seen="neither results, nor the name of an artifact or a cluster", expected="a Trivy report")
    yield from _targets(report.Results or [], "/Results", Origin(_target(report), captured))
    for name in _CLUSTER_LISTS:
        for pointer, _, resource in documents.items(getattr(report, name), _resource, f"/{name}"):
            if isinstance(resource, Reject):
                yield resource
                continue
            # A workload is what someone owns; the cluster in front keeps those of two clusters apart.
            names = (cluster, *map(documents.text, (resource.Namespace, resource.Kind, resource.Name)))
            yield from _targets(resource.Results or [], f"{pointer}/Results", Origin("/".join(filter(None, names)) or None, captured))


def _target(report: Report) -> str | None:
    """The artifact's name, else its first tag, else the image that the first result names; a bare `.` is no name."""
    name = documents.text(report.ArtifactName)
    if name and name not in (".", "./"):
        return name
    tags = report.Metadata.RepoTags if report.Metadata else None
    if isinstance(tags, list) and tags and documents.text(tags[0]):
        return documents.text(tags[0])
    return _legacy_target(report.Results or [])


def _legacy_target(results: list[msgspec.Raw]) -> str | None:
    """The image of `debian:10 (debian 10.8)`: the result of the operating system's packages names it."""
    for _, _, scanned in documents.items(results, _scanned, ""):
        if not isinstance(scanned, Reject) and isinstance(scanned.Target, str) and (named := _OS_TARGET.fullmatch(scanned.Target)):
            return named[1]
    return None


def _targets(results: list[msgspec.Raw], pointer: str, origin: Origin) -> Iterator[Result | Reject]:
    for where, raw, scanned in documents.items(results, _scanned, pointer):
        if isinstance(scanned, Reject):
            yield secrets.without_raw(scanned) if "Secrets" in scanned.raw else scanned
            continue
        target = documents.text(scanned.Target)
        if target is None:
            if scanned.Secrets:
                yield secrets.missing(where, "target")
            elif scanned.Vulnerabilities or scanned.Misconfigurations or scanned.Licenses:
                yield documents.missing(where, "target", raw)
            continue
        yield from _vulnerabilities(where, target, scanned, origin)
        yield from _misconfigurations(where, target, scanned, origin)
        yield from _secrets(where, target, scanned, origin)
        yield from _licenses(where, target, scanned, origin)


def _vulnerabilities(where: str, target: str, scanned: Scanned, origin: Origin) -> Iterator[Result | Reject]:
    kind = documents.text(scanned.Class)
    for pointer, raw, item in documents.items(scanned.Vulnerabilities, _vulnerability, f"{where}/Vulnerabilities"):
        if isinstance(item, Reject):
            yield item
            continue
        identifier, package = documents.text(item.VulnerabilityID), documents.text(item.PkgName)
        if identifier is None or package is None:
            yield documents.missing(pointer, "vulnerability_id" if identifier is None else "package", raw)
            continue
        version, path, title = documents.text(item.InstalledVersion), documents.text(item.PkgPath), documents.text(item.Title)
        score, cvss = _cvss(item)
        yield Result(
            pointer=pointer,
            title=documents.one_line(title) if title else f"{identifier} in {package}",
            identity=(identifier, package, version, path, target, documents.text(item.PkgID)),
            severity=documents.text(item.Severity),
            score=score,
            cvss_vectors=cvss,
            rule=identifier,
            vulnerability_ids=documents.ids(identifier),
            cwes=cwe_numbers(item.CweIDs),
            component_name=package,
            component_version=version,
            file_path=path or _file(target, kind),
            location=location.package(package),
            target=origin.target,
            captured=origin.captured,
            source_state=_state(item.Status),
        )


def _file(target: str, kind: str | None) -> str | None:
    """The target where it is a file: a lock file, a manifest, a binary; not an image or an ecosystem."""
    if kind == "os-pkgs" or target.lower() in _AGGREGATES or _OS_TARGET.fullmatch(target):
        return None
    return target


def _state(status: object) -> str | None:
    """Trivy's status is the vendor's word on a fix; only these say that the vendor sees no such vulnerability, or not yet."""
    return status if status in ("not_affected", "under_investigation") else None  # type: ignore[return-value]


def _cvss(item: Vulnerability) -> tuple[float | None, tuple[str, ...]]:
    """The best source's newest score, and every vector: the source of the severity first, then the known ones, then the rest."""
    if not item.CVSS:
        return None, ()
    names = dict.fromkeys(
        name for name in (item.SeveritySource, *_SOURCES, *sorted(item.CVSS)) if isinstance(name, str) and name in item.CVSS
    )
    stated = [item.CVSS[name] for name in names]
    scores = (documents.score(value) for cvss in stated for value in (cvss.V40Score, cvss.V3Score, cvss.V2Score))
    texts = (documents.text(value) for cvss in stated for value in (cvss.V40Vector, cvss.V3Vector, cvss.V2Vector))
    return next((score for score in scores if score is not None), None), vectors(*texts)


def _misconfigurations(where: str, target: str, scanned: Scanned, origin: Origin) -> Iterator[Result | Reject]:
    found: list[tuple[str, Misconfiguration, str, Cause, Place]] = []
    for pointer, raw, item in documents.items(scanned.Misconfigurations, _misconfiguration, f"{where}/Misconfigurations"):
        if isinstance(item, Reject):
            yield item
            continue
        rule = documents.text(item.ID) or documents.text(item.AVDID)
        if rule is None:
            yield documents.missing(pointer, "id", raw)
            continue
        if item.Status == "PASS":
            continue
        cause = item.CauseMetadata or Cause()
        position = (documents.line(cause.StartLine) or 0, documents.line(cause.EndLine) or 0, documents.text(item.Message) or "")
        found.append((pointer, item, rule, cause, Place((target, rule), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, item, rule, cause, place in found:
        title, resource = documents.text(item.Title), documents.text(cause.Resource)
        yield Result(
            pointer=pointer,
            title=documents.one_line(title) if title else rule,
            identity=(rule, target, *place.position, resource),
            severity=documents.text(item.Severity),
            rule=rule,
            # Aqua's database gives misconfigurations ids as it does vulnerabilities.
            vulnerability_ids=documents.ids(documents.text(item.AVDID) or rule),
            file_path=target,
            line=documents.line(cause.StartLine),
            location=_misconfigured(target, resource, anchor(rule, ranks[place])),
            target=origin.target,
            captured=origin.captured,
            source_state="exception" if item.Status == "EXCEPTION" else None,
        )


def _misconfigured(target: str, resource: str | None, where: str) -> Location:
    if resource and resource.startswith("arn:"):
        return location.cloud(resource)
    return location.code(target, where)


def _secrets(where: str, target: str, scanned: Scanned, origin: Origin) -> Iterator[Result | Reject]:
    found: list[tuple[str, Secret, str, Place]] = []
    for pointer, _, item in documents.items(scanned.Secrets, _secret, f"{where}/Secrets"):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)
            continue
        rule = documents.text(item.RuleID)
        if rule is None:
            yield secrets.missing(pointer, "rule")
            continue
        position = (documents.line(item.StartLine) or 0, documents.line(item.EndLine) or 0, documents.text(item.Match) or "")
        found.append((pointer, item, rule, Place((target, rule), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, item, rule, place in found:
        yield Result(
            pointer=pointer,
            title=f"Secret: {documents.text(item.Title) or rule}",
            identity=("secret", rule, target, *place.position),
            severity=documents.text(item.Severity),
            rule=rule,
            file_path=target,
            line=documents.line(item.StartLine),
            location=location.code(target, anchor(rule, ranks[place])),
            target=origin.target,
            captured=origin.captured,
        )


def _licenses(where: str, target: str, scanned: Scanned, origin: Origin) -> Iterator[Result | Reject]:
    for pointer, raw, item in documents.items(scanned.Licenses, _license, f"{where}/Licenses"):
        if isinstance(item, Reject):
            yield item
            continue
        name = documents.text(item.Name)
        if name is None:
            yield documents.missing(pointer, "name", raw)
            continue
        package, path = documents.text(item.PkgName), documents.text(item.FilePath)
        yield Result(
            pointer=pointer,
            title=f"License {name} in {package or path or target}",
            identity=("license", name, package, path, target),
            severity=documents.text(item.Severity),
            rule=f"license:{name}",
            component_name=package,
            file_path=path,
            location=location.package(package) if package else location.code(path or target, f"license:{name}"),
            target=origin.target,
            captured=origin.captured,
        )
