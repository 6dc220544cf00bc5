"""npm's audit report (`npm audit --json`) in both forms, and what pnpm (`pnpm audit --json`) writes in the older one.

npm 6 and pnpm: `advisories` by id, each with the versions found installed and the chains of dependencies that lead there. A result is one
advisory on one package and version; chains are no files and are left out.

npm 7 and later (`auditReportVersion` 2): `vulnerabilities` by package. Its `via` holds the advisories on the package itself, each of which
is a result, and the names of vulnerable packages that it depends on. A package that has only these is one result too, as npm counts it:
it is what may have to be updated, though no advisory names it, so its rule is `vulnerable-dependency`. Installed versions are not stated.

`{"error": …}` is npm's word that the audit failed. Neither form says what was audited nor when.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "npm_audit"
TITLE = "npm audit (JSON)"
SCANNER = "npm-audit"
CALIBRATION: dict[str, str] = {"moderate": "medium"}

_DEPENDENT = "vulnerable-dependency"

_Any = object


class Cvss(msgspec.Struct, gc=False):
    score: _Any = None
    vectorString: _Any = None


class Installed(msgspec.Struct, gc=False):
    version: _Any = None


class Advisory(msgspec.Struct, gc=False):
    """An advisory of npm 6, as the registry's database has it."""

    id: _Any = None
    github_advisory_id: _Any = None
    module_name: _Any = None
    title: _Any = None
    severity: _Any = None
    url: _Any = None
    cves: _Any = None
    cwe: _Any = None
    cvss: Cvss | None = None
    findings: list[msgspec.Raw] | None = None


class Via(msgspec.Struct, gc=False):
    """An advisory of npm 7."""

    source: _Any = None
    name: _Any = None
    title: _Any = None
    severity: _Any = None
    url: _Any = None
    cwe: _Any = None
    cvss: Cvss | None = None


class Package(msgspec.Struct, gc=False):
    name: _Any = None
    severity: _Any = None
    via: list[msgspec.Raw] | None = None


class Failure(msgspec.Struct):
    code: _Any = None
    summary: _Any = None


class Report(msgspec.Struct):
    error: Failure | None = None
    advisories: dict[str, msgspec.Raw] | None = None
    vulnerabilities: dict[str, msgspec.Raw] | None = None


_report = msgspec.json.Decoder(Report)
_advisory = msgspec.json.Decoder(Advisory)
_package = msgspec.json.Decoder(Package)
_installed = msgspec.json.Decoder(Installed)
_via = msgspec.json.Decoder(Via | str)


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    keys = head.json.keys()
    if "auditReportVersion" in keys:
        return "vulnerabilities" in keys
    if "error" in keys:
        failure = head.value("error")
        return (
            isinstance(failure, dict)
            and {"summary", "detail"} <= failure.keys()
            and keys <= {"error", "message", "method", "uri", "headers", "statusCode", "body"}
        )
    return "advisories" in keys and "metadata" in keys and bool({"actions", "muted"} & keys)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with `advisories` or `vulnerabilities`")
    if report.error is not None:
        said = " ".join(filter(None, (documents.text(report.error.code), documents.text(report.error.summary))))
        raise FileRejected("failed_scan", seen=said or "an error", expected="a finished audit", remedy="run npm audit again")
    if report.advisories is None and report.vulnerabilities is None:
        raise FileRejected("malformed", seen="neither `advisories` nor `vulnerabilities`", expected="an npm audit report")
    for key, raw in (report.advisories or {}).items():
        yield from _of_advisory(f"/advisories/{_escaped(key)}", key, raw)
    for key, raw in (report.vulnerabilities or {}).items():
        yield from _of_package(f"/vulnerabilities/{_escaped(key)}", key, raw)


def _escaped(key: str) -> str:
    """A member's name in a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _of_advisory(pointer: str, key: str, raw: msgspec.Raw) -> Iterator[Result | Reject]:
    try:
        advisory = _advisory.decode(raw)
    except documents.UNREADABLE as error:
        yield documents.reject(pointer, "malformed", str(error), raw)
        return
    name = documents.text(advisory.module_name)
    if name is None:
        yield documents.missing(pointer, "module_name", raw)
        return
    title, url, cvss = documents.text(advisory.title), documents.text(advisory.url), advisory.cvss or Cvss()
    ids = _ids(advisory.cves, advisory.github_advisory_id, url=url)
    rule = _rule(ids, documents.text(advisory.id) or key)
    versions: dict[str | None, None] = {}
    for _, _, found in documents.items(advisory.findings, _installed, f"{pointer}/findings"):
        if isinstance(found, Reject):
            yield found
        else:
            versions[documents.text(found.version)] = None
    for number, version in enumerate(versions or {None: None}):
        yield Result(
            pointer=f"{pointer}/findings/{number}" if number else pointer,
            title=documents.one_line(title) if title else f"Advisory {rule} on {name}",
            identity=(rule, name, version),
            severity=documents.text(advisory.severity),
            score=_score(cvss),
            cvss_vectors=vectors(documents.text(cvss.vectorString)),
            rule=rule,
            vulnerability_ids=ids,
            cwes=cwe_numbers(advisory.cwe),
            component_name=name,
            component_version=version,
            location=location.package(name),
        )


def _of_package(pointer: str, key: str, raw: msgspec.Raw) -> Iterator[Result | Reject]:
    try:
        package = _package.decode(raw)
    except documents.UNREADABLE as error:
        yield documents.reject(pointer, "malformed", str(error), raw)
        return
    name, vulnerable, has_advisory = documents.text(package.name) or key, [], False
    for where, via_raw, via in documents.items(package.via, _via, f"{pointer}/via"):
        if isinstance(via, str):
            vulnerable.append(via)
            continue
        has_advisory = True
        if isinstance(via, Reject):
            yield via
            continue
        title, url, cvss = documents.text(via.title), documents.text(via.url), via.cvss or Cvss()
        ids = _ids(url=url)
        rule = _rule(ids, documents.text(via.source) or url)
        if rule is None:
            yield documents.missing(where, "source", via_raw)
            continue
        yield Result(
            pointer=where,
            title=documents.one_line(title) if title else f"Advisory {rule} on {name}",
            identity=(rule, name),
            severity=documents.text(via.severity),
            score=_score(cvss),
            cvss_vectors=vectors(documents.text(cvss.vectorString)),
            rule=rule,
            vulnerability_ids=ids,
            cwes=cwe_numbers(via.cwe),
            component_name=name,
            location=location.package(name),
        )
    if not has_advisory:
        if not vulnerable:
            yield documents.missing(pointer, "via", raw)
            return
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"{name} depends on vulnerable versions of {', '.join(sorted(vulnerable))}"),
            identity=(_DEPENDENT, name),
            severity=documents.text(package.severity),
            rule=_DEPENDENT,
            component_name=name,
            location=location.package(name),
        )


def _score(cvss: Cvss) -> float | None:
    """npm writes 0 where it has no score."""
    return documents.score(cvss.score) or None


def _rule(ids: tuple[str, ...], number: str | None) -> str | None:
    """GitHub's id of the advisory: the registry's own number becomes another with every edit of it."""
    return next((identifier for identifier in ids if identifier.startswith("GHSA-")), number)


def _ids(*stated: object, url: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*documents.advisory_ids(*stated), *documents.ids_within(url or ""))))
