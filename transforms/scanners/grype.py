"""Anchore Grype's JSON report (`grype -o json`): packages of an image, directory or SBOM matched with known vulnerabilities.

Versions from 0.7 on: `source.target` is an object for an image and a text for a directory, `descriptor.timestamp` came with
0.60, `epss` and `knownExploited` with the database of 0.88; older scores have `cvssV2` and `cvssV3`. `ignoredMatches` are
what Grype was told to leave out: they are no results.

A match is told from the others by the vulnerability with its namespace (one CVE may match through two feeds) and the package
with version and paths. The location is the package: the same one at two paths is one place, seen twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import Head
from transforms.domain.packages import package_name
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "grype"
TITLE = "Anchore Grype (JSON)"
SCANNER = "grype"
CALIBRATION: dict[str, str] = {"negligible": "informational"}

_Any = object


class Cvss(msgspec.Struct, gc=False):
    version: _Any = None
    vector: _Any = None
    metrics: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    id: _Any = None
    namespace: _Any = None
    severity: _Any = None
    cvss: list[Cvss] | None = None
    cvssV3: Cvss | None = None
    cvssV2: Cvss | None = None
    epss: list[dict[str, _Any]] | None = None
    knownExploited: list[_Any] | None = None
    cwes: list[dict[str, _Any]] | None = None


class Path(msgspec.Struct, gc=False):
    path: _Any = None


class Artifact(msgspec.Struct, gc=False):
    name: _Any = None
    version: _Any = None
    type: _Any = None
    purl: _Any = None
    locations: list[Path] | None = None


class Match(msgspec.Struct, gc=False):
    vulnerability: Vulnerability | None = None
    relatedVulnerabilities: list[Vulnerability] | None = None
    artifact: Artifact | None = None


class Source(msgspec.Struct):
    target: _Any = None


class Descriptor(msgspec.Struct):
    timestamp: _Any = None


class Report(msgspec.Struct):
    matches: list[msgspec.Raw] | None
    source: Source | None = None
    descriptor: Descriptor | None = None


_report = msgspec.json.Decoder(Report)
_match = msgspec.json.Decoder(Match)


def recognise(head: Head) -> bool:
    if not head.is_json_object or "matches" not in head.json:
        return False
    keys = head.json.keys()
    return {"vulnerability", "artifact"} <= head.item_keys("matches") or bool({"descriptor", "distro", "source"} & keys)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `matches`")
    target = _target(report.source.target if report.source else None)
    captured = scan.stamp(report.descriptor.timestamp if report.descriptor else None)
    for pointer, raw, match in documents.items(report.matches, _match, "/matches"):
        if isinstance(match, Reject):
            yield match
            continue
        found, artifact = match.vulnerability or Vulnerability(), match.artifact or Artifact()
        identifier, name = documents.text(found.id), documents.text(artifact.name)
        if identifier is None or name is None:
            yield documents.missing(pointer, "vulnerability" if identifier is None else "artifact", raw)
            continue
        related = match.relatedVulnerabilities or []
        version = documents.text(artifact.version)
        paths = tuple(path for place in artifact.locations or () if (path := documents.text(place.path)))
        score, cvss = _cvss([found])
        if not cvss:  # a distribution's feed has no vectors of its own; those of the CVE that it is about do
            related_score, cvss = _cvss(related)
            score = related_score if score is None else score
        yield Result(
            pointer=pointer,
            title=f"{identifier} in {name}{f' {version}' if version else ''}",
            identity=(
                identifier,
                documents.text(found.namespace),
                name,
                version,
                documents.text(artifact.type),
                documents.text(artifact.purl),
                paths,
            ),
            severity=documents.text(found.severity),
            score=score,
            cvss_vectors=cvss,
            rule=identifier,
            vulnerability_ids=documents.ids(identifier, [other.id for other in related]),
            cwes=cwe_numbers([cwe.get("cwe") for source in (found, *related) for cwe in source.cwes or ()]),
            known_exploited=any(source.knownExploited for source in (found, *related)),
            epss=_epss(identifier, (found, *related)),
            component_name=name,
            component_version=version,
            file_path=paths[0] if paths else None,
            location=location.package(package_name(name, documents.text(artifact.purl))),
            target=target,
            captured=captured,
        )


def _target(value: object) -> str | None:
    """The image as the user wrote it, or the directory; a bare `.` is no name. Old reports quote the text once more."""
    if isinstance(value, dict):
        return documents.text(value.get("userInput")) or documents.text(value.get("imageID"))
    name = (documents.text(value) or "").strip('"')
    return name if name not in ("", ".", "./") else None


def _cvss(sources: list[Vulnerability]) -> tuple[float | None, tuple[str, ...]]:
    """The first score, and every vector in the order of the report: the database puts its primary source first."""
    stated = [cvss for source in sources for cvss in (*(source.cvss or ()), source.cvssV3, source.cvssV2) if cvss is not None]
    scores = (documents.score(cvss.metrics.get("baseScore")) for cvss in stated if isinstance(cvss.metrics, dict))
    return next((score for score in scores if score is not None), None), vectors(*(documents.text(cvss.vector) for cvss in stated))


def _epss(identifier: str, sources: tuple[Vulnerability, ...]) -> float | None:
    """The score of the matched id itself, else the first that is stated."""
    stated = [entry for source in sources for entry in source.epss or ()]
    own = [entry for entry in stated if entry.get("cve") == identifier]
    return next((score for entry in own + stated if (score := probability(entry.get("epss"))) is not None), None)
