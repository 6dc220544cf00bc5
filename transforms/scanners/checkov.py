"""Bridgecrew/Prisma Checkov's JSON (`checkov -o json`): policies that infrastructure as code, pipelines, secrets or packages break.

One object where one framework ran, a list of them where several did, a bare summary where none found a file of its own. Versions
from 1.0 on; `severity` is null unless the tool was told a platform's API key: then a finding has no rating of its own.
Passed checks are no findings; `skipped_checks` are those that the code says not to evaluate: no results. `parsing_errors` are files
that could not be read: a framework that has nothing else did not scan.

A check is told from the others by framework, check, file and resource (the enclosing block of code; of a secret, its hash). A package's
vulnerability or licence (`sca_package`, `sca_image`) is told by that package and version, and is located at the package.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan
from transforms.domain.scores import vectors

NAME = "checkov"
TITLE = "Checkov (JSON)"
SCANNER = "checkov"
CALIBRATION: dict[str, str] = {"moderate": "medium", "important": "high"}  # of the distributions' feeds, in packages

_COUNTS = frozenset(("passed", "failed", "skipped", "parsing_errors", "checkov_version"))

_Any = object


class Package(msgspec.Struct, gc=False):
    """`vulnerability_details`: what a check of packages says of the one that it is about."""

    id: _Any = None
    severity: _Any = None
    package_name: _Any = None
    package_version: _Any = None
    cvss: _Any = None
    vector: _Any = None


class Check(msgspec.Struct, gc=False):
    check_id: _Any = None
    check_name: _Any = None
    file_path: _Any = None
    file_line_range: list[_Any] | None = None
    resource: _Any = None
    severity: _Any = None
    vulnerability_details: Package | None = None


class Checks(msgspec.Struct):
    failed_checks: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    parsing_errors: list[_Any] | None = None


class Summary(msgspec.Struct):
    passed: _Any = None
    skipped: _Any = None
    parsing_errors: _Any = None


class Run(msgspec.Struct):
    check_type: _Any = None
    results: Checks | None = None
    summary: Summary | None = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_run = msgspec.json.Decoder(Run)
_check = msgspec.json.Decoder(Check)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if {"check_type", "results"} <= keys:
        return bytes(head.json["results"]).lstrip()[:1] == b"{"
    return keys >= _COUNTS


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] == b"[":
        runs = list(documents.items(documents.decode(_list, content, "a list of Checkov's frameworks"), _run, ""))
    else:
        runs = [("", msgspec.Raw(content), documents.decode(_run, content, "an object of Checkov's"))]
    if runs and all(isinstance(run, Run) and _failed(run) for *_, run in runs):
        raise FileRejected("failed_scan", seen="no file that could be parsed", expected="at least one check, passed or failed")
    for pointer, raw, run in runs:
        if isinstance(run, Reject):
            yield run
        elif _failed(run):
            yield documents.reject(pointer, "not_scanned", "no file of this framework could be parsed", raw)
        elif run.results and run.results.failed_checks is msgspec.UNSET:
            yield documents.missing(f"{pointer}/results", "failed_checks", raw)
        else:
            yield from _results(pointer, run)


def _failed(run: Run) -> bool:
    checks, summary = run.results or Checks(), run.summary or Summary()
    errors = checks.parsing_errors or documents.number(summary.parsing_errors)
    return bool(errors) and not checks.failed_checks and not documents.number(summary.passed) and not documents.number(summary.skipped)


def _results(pointer: str, run: Run) -> Iterator[Result | Reject]:
    framework = documents.text(run.check_type)
    found: list[tuple[str, Check, str, str | None, Place]] = []
    for where, raw, check in documents.items(
        run.results.failed_checks or None if run.results else None, _check, f"{pointer}/results/failed_checks"
    ):
        if isinstance(check, Reject):
            yield secrets.without_raw(check) if framework == "secrets" else check
            continue
        rule, path, resource = documents.text(check.check_id), documents.text(check.file_path), documents.text(check.resource)
        if rule is None or (path is None and resource is None):
            missing = documents.missing(where, "check_id" if rule is None else "file_path", raw)
            yield secrets.without_raw(missing) if framework == "secrets" else missing
            continue
        first, last = (check.file_line_range or [None, None])[:2] if len(check.file_line_range or ()) >= 2 else (None, None)
        position = (documents.line(first) or 0, documents.line(last) or 0, "")
        found.append((where, check, rule, resource, Place((path or "", rule, resource or ""), position)))
    ranks = ordinals(place for *_, place in found)
    for where, check, rule, resource, place in found:
        package = check.vulnerability_details or Package()
        name, version = documents.text(package.package_name), documents.text(package.package_version)
        path, spot = place.within[0] or None, anchor(resource or rule, ranks[place])
        identifier = documents.text(package.id)
        title = documents.text(check.check_name) or rule
        if name:
            # The check of a package is called after Checkov's own machinery: `SCA package scan`.
            title = f"{identifier or rule} in {name}{f' {version}' if version else ''}"
        yield Result(
            pointer=where,
            title=documents.one_line(title),
            identity=(framework, rule, path, spot, name, version, identifier),
            severity=documents.text(check.severity) or documents.text(package.severity),
            score=documents.score(package.cvss),
            cvss_vectors=vectors(documents.text(package.vector)),
            rule=rule,
            vulnerability_ids=documents.ids_within(identifier) or documents.ids(_prisma(identifier)) if identifier else (),
            component_name=name or (resource if framework != "secrets" else None),
            component_version=version,
            file_path=path,
            line=place.position[0] or None,
            location=location.package(name) if name else location.code(path or "", spot),
        )


def _prisma(identifier: str) -> str | None:
    """The platform's own ids of vulnerabilities that have no CVE yet."""
    return identifier if identifier.upper().startswith("PRISMA-") else None
