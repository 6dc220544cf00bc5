"""Kubescape's JSON report (`kubescape scan --format json`, format version v2: the only one from 3.0 on): controls against the resources of a
cluster, of manifests or of a chart.

One result is one control that failed on one resource, whatever number of its rules and fields failed. `passed` is no finding, also where an
exception made it so, and neither is `skipped`: the control could not be decided. What `kubescape scan image` writes is Grype's.

Kubescape rates a control by its `scoreFactor`, 0 to 10; newer versions write the word too. The place is the resource, in its file where
files were scanned: the resource's id begins with a hash of the file's absolute path then, which another machine changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from transforms.domain import documents, location
from transforms.domain.documents import text
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "kubescape"
TITLE = "Kubescape (JSON)"
SCANNER = "kubescape"
CALIBRATION: dict[str, str] = {"unknown": "unrated"}

_PATH_HASH = re.compile(r"^path=[^/]*/(?:api=)?")
_SOURCE_INDEX = re.compile(r":\d+$")

_Any = object
T = TypeVar("T")


class Names(msgspec.Struct, gc=False):
    name: _Any = None
    namespace: _Any = None


class Object(msgspec.Struct, gc=False):
    kind: _Any = None
    name: _Any = None  # of users and groups
    metadata: Names | None = None
    sourcePath: _Any = None


class Source(msgspec.Struct, gc=False):
    relativePath: _Any = None
    path: _Any = None


class Resource(msgspec.Struct, gc=False):
    resourceID: _Any = None
    object: Object | None = None
    source: Source | None = None


class Status(msgspec.Struct, gc=False):
    status: _Any = None


class Control(msgspec.Struct, gc=False):
    controlID: _Any = None
    name: _Any = None
    severity: _Any = None
    status: Status | str | None = None


class Tested(msgspec.Struct, gc=False):
    """A resource with the controls that were run against it."""

    resourceID: _Any = None
    controls: list[msgspec.Raw] | None = None


class Summary(msgspec.Struct):
    controls: dict[str, msgspec.Raw] | None = None


class Rated(msgspec.Struct, gc=False):
    scoreFactor: _Any = None
    severity: _Any = None
    name: _Any = None


class Report(msgspec.Struct):
    results: list[msgspec.Raw] | None
    resources: list[msgspec.Raw] | None = None
    summaryDetails: Summary | None = None
    clusterName: _Any = None
    metadata: _Any = None
    generationTime: _Any = None


_report = msgspec.json.Decoder(Report)
_tested = msgspec.json.Decoder(Tested)
_control = msgspec.json.Decoder(Control)
_resource = msgspec.json.Decoder(Resource)
_rated = msgspec.json.Decoder(Rated)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if not head.is_json_object or not {"summaryDetails", "results"} <= keys:
        return False
    return {"resourceID", "controls"} <= head.item_keys("results") or bool({"clusterAPIServerInfo", "customerGUID"} & keys)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `results` and `summaryDetails`")
    rated = {name: _lenient(_rated, raw) or Rated() for name, raw in ((report.summaryDetails or Summary()).controls or {}).items()}
    resources = {
        name: resource for raw in report.resources or () if (resource := _lenient(_resource, raw)) and (name := text(resource.resourceID))
    }
    captured, target = _captured(report.generationTime, scan), _target(report)
    for pointer, raw, tested in documents.items(report.results, _tested, "/results"):
        if isinstance(tested, Reject):
            yield tested
            continue
        name = text(tested.resourceID)
        if name is None:
            yield documents.missing(pointer, "resource", raw)
            continue
        found = resources.get(name) or Resource()
        item, path = found.object or Object(), _path(found)
        names = item.metadata or Names()
        label = " ".join(filter(None, (text(item.kind), text(names.name) or text(item.name)))) or _PATH_HASH.sub("", name)
        for where, raw_control, control in documents.items(tested.controls, _control, f"{pointer}/controls"):
            if isinstance(control, Reject):
                yield control
                continue
            rule = text(control.controlID)
            status = text(control.status.status) if isinstance(control.status, Status) else control.status
            if rule is None or status is None:
                yield documents.missing(where, "control" if rule is None else "status", raw_control)
                continue
            if status != "failed":
                continue
            rating = rated.get(rule) or Rated()
            place = _PATH_HASH.sub("", name)
            yield Result(
                pointer=where,
                title=f"{text(control.name) or text(rating.name) or rule} - {label}",
                identity=(rule, name),
                severity=text(control.severity) or text(rating.severity),
                score=documents.score(rating.scoreFactor),
                rule=rule,
                file_path=path,
                location=location.code(path, place) if path else location.cloud(place),
                target=target,
                captured=captured,
            )


def _lenient(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    """What only describes a result is left out where it cannot be read."""
    try:
        return decoder.decode(raw)
    except documents.UNREADABLE:
        return None


def _path(resource: Resource) -> str | None:
    source = resource.source or Source()
    stated = text(source.relativePath) or text(source.path)
    return stated or (_SOURCE_INDEX.sub("", text(resource.object.sourcePath) or "") or None if resource.object else None)


def _captured(generated: object, scan: Scan) -> Stamp | None:
    """Kubescape writes year 1 where it has no time."""
    stamp = scan.stamp(generated)
    return stamp if stamp and stamp.us > 0 else None


def _target(report: Report) -> str | None:
    """The cluster, else the repository, chart, directory or file."""
    if cluster := text(report.clusterName):
        return cluster
    steps = (
        ("clusterMetadata", "contextMetadata", "clusterContextMetadata", "contextName"),
        ("targetMetadata", "clusterContextMetadata", "contextName"),
        ("targetMetadata", "gitRepoContextMetadata", "remoteURL"),
        ("targetMetadata", "helmContextMetadata", "chartName"),
        ("targetMetadata", "directoryContextMetadata", "basePath"),
        ("targetMetadata", "fileContextMetadata", "filePath"),
        ("targetMetadata", "gitRepoContextMetadata", "repo"),
    )
    return next((found for step in steps if (found := _inside(report.metadata, step))), None)


def _inside(value: object, step: tuple[str, ...]) -> str | None:
    for name in step:
        value = value.get(name) if isinstance(value, dict) else None
    return text(value)
