"""Checkmarx One's JSON: the results of a scan (`cx results show --report-format json`, the results API) and two generations of its report.

- results: a list `results` of every engine's (`type`: sast, kics, sca, containers, sscs-secret-detection …), with `scanID`;
- report (`reportHeader`): `scanResults.resultsList` by query, `iacScanResults.technology`, `scaScanResults.packages`;
- the older report (2022): `scanResults.sast.languages`, by language and query.

What Checkmarx One writes for GitLab is GitLab's format, and its SARIF is SARIF.

One result is one flow, misconfiguration, secret, or vulnerability of a package. The place of a flow is its sink, the last node.
`similarityId` is Checkmarx's own fingerprint, the same in every scan and without lines; several results of one file may share it, so it
is followed by the result's place among those (`resultHash` moves with the lines). Misconfigurations in the report have none: there the
query stands for it. A result whose status is `FIXED` was not found by this scan and yields nothing; the state is evidence only.

The CVSS of a result comes in words by metric and without all metrics, so only its score is taken. The results have their own time of
the scan (`foundAt`), the reports that of the scan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "checkmarx_one"
TITLE = "Checkmarx One (JSON)"
SCANNER = "checkmarx_one"
CALIBRATION: dict[str, str] = {"information": "informational"}

_RESULT_ID = re.compile(r"result-id=([^&#]+)")
_PACKAGE = re.compile(r"[A-Za-z]+-(?P<name>.+?)-(?P<version>v?\d.*)")

_Any = object


class Node(msgspec.Struct, gc=False):
    fileName: _Any = None
    line: _Any = None
    column: _Any = None
    fullName: _Any = None


class PackageName(msgspec.Struct, gc=False):
    id: _Any = None
    name: _Any = None


class ScaPackage(msgspec.Struct, gc=False):
    locations: list[_Any] | None = None
    dependencyPaths: list[list[PackageName] | None] | None = None


class Data(msgspec.Struct, gc=False):
    queryName: _Any = None
    nodes: list[Node] | None = None
    line: _Any = None
    filename: _Any = None
    fileName: _Any = None
    packageIdentifier: _Any = None
    packageName: _Any = None
    packageVersion: _Any = None
    imageName: _Any = None
    imageTag: _Any = None
    scaPackageData: ScaPackage | None = None
    ruleName: _Any = None


class Details(msgspec.Struct, gc=False):
    cweId: _Any = None
    cvssScore: _Any = None
    cveName: _Any = None


class Item(msgspec.Struct, gc=False):
    """An entry of `results`."""

    type: _Any = None
    id: _Any = None
    similarityId: _Any = None
    status: _Any = None
    state: _Any = None
    severity: _Any = None
    foundAt: _Any = None
    created: _Any = None
    description: _Any = None
    cveId: _Any = None
    data: Data | None = None
    vulnerabilityDetails: Details | None = None


class Flow(msgspec.Struct, gc=False):
    """A vulnerability of a query in either report."""

    id: _Any = None
    similarityId: _Any = None
    status: _Any = None
    state: _Any = None
    severity: _Any = None
    cweId: _Any = None
    sourceFileName: _Any = None
    destinationFileName: _Any = None
    destinationLine: _Any = None
    sourceLine: _Any = None
    resultViewerLink: _Any = None
    nodes: list[Node] | None = None


class Misconfiguration(msgspec.Struct, gc=False):
    similarityId: _Any = None
    status: _Any = None
    state: _Any = None
    severity: _Any = None
    fileName: _Any = None
    line: _Any = None
    actualValue: _Any = None
    expectedValue: _Any = None
    resultViewerLink: _Any = None


class Query(msgspec.Struct, gc=False):
    queryName: _Any = None
    cweId: _Any = None
    vulnerabilities: list[msgspec.Raw] | None = None
    resultsList: list[msgspec.Raw] | None = None


class Group(msgspec.Struct, gc=False):
    """A language or a technology."""

    queries: list[msgspec.Raw] | None = None


class Advisory(msgspec.Struct, gc=False):
    id: _Any = None
    cveName: _Any = None
    status: _Any = None
    state: _Any = None
    severity: _Any = None
    score: _Any = None
    cweId: _Any = None


class Category(msgspec.Struct, gc=False):
    categoryResults: list[msgspec.Raw] | None = None


class Package(msgspec.Struct, gc=False):
    packageName: _Any = None
    packageVersion: _Any = None
    vulnerabilities: list[msgspec.Raw] | None = None
    packageCategory: list[Category] | None = None


class Languages(msgspec.Struct):
    languages: list[msgspec.Raw] | None = None


class ScanResults(msgspec.Struct):
    resultsList: list[msgspec.Raw] | None = None
    sast: Languages | None = None


class IacResults(msgspec.Struct):
    technology: list[msgspec.Raw] | None = None


class ScaResults(msgspec.Struct):
    packages: list[msgspec.Raw] | None = None


class Header(msgspec.Struct):
    projectName: _Any = None
    scanDate: _Any = None
    createdDate: _Any = None


class Summary(msgspec.Struct):
    scanCompletedDate: _Any = None


class Report(msgspec.Struct):
    results: list[msgspec.Raw] | None = None
    reportHeader: Header | None = None
    reportCreationDate: _Any = None
    scanSummary: Summary | None = None
    scanResults: ScanResults | None = None
    iacScanResults: IacResults | None = None
    scaScanResults: ScaResults | None = None


class _Row(msgspec.Struct, gc=False, kw_only=True):
    """One result before its anchor is known, whichever shape it came in."""

    pointer: str
    kind: str
    rule: str
    title: str
    similarity: str | None = None
    own_id: str | None = None
    severity: str | None = None
    state: str | None = None
    score: float | None = None
    ids: tuple[str, ...] = ()
    cwes: tuple[int, ...] = ()
    file: str | None = None
    line: int | None = None
    column: int | None = None
    #: What tells two at one line apart: the source of a flow, the value of a misconfiguration.
    about: str = ""
    package: str | None = None
    version: str | None = None
    target: str | None = None
    captured: Stamp | None = None

    @property
    def place(self) -> Place:
        return Place((self.file or "", self.rule, self.similarity or ""), (self.line or 0, self.column or 0, self.about))


_report = msgspec.json.Decoder(Report)
_item = msgspec.json.Decoder(Item)
_query = msgspec.json.Decoder(Query)
_flow = msgspec.json.Decoder(Flow)
_group = msgspec.json.Decoder(Group)
_misconfiguration = msgspec.json.Decoder(Misconfiguration)
_package = msgspec.json.Decoder(Package)
_advisory = msgspec.json.Decoder(Advisory)


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    keys = head.json.keys()
    if "reportHeader" in keys:
        return bool({"scanResults", "iacScanResults", "scaScanResults"} & keys)
    return {"results", "scanID"} <= keys


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with `results` or `scanResults`")
    if report.results is None and report.scanResults is None and report.iacScanResults is None and report.scaScanResults is None:
        raise FileRejected("malformed", seen="neither `results` nor `scanResults`", expected="one of them")
    header = report.reportHeader or Header()
    target = documents.text(header.projectName)
    captured = _captured(report, header, scan)
    found: list[_Row] = []
    for row in _rows(report, scan):
        if isinstance(row, Reject):
            yield row
        else:
            found.append(row)
    ranks = ordinals(row.place for row in found)
    for row in found:
        yield _result(row, ranks[row.place], target, captured)


def _captured(report: Report, header: Header, scan: Scan) -> Stamp | None:
    completed = documents.text(report.scanSummary.scanCompletedDate) if report.scanSummary else None
    texts = (documents.text(header.scanDate), completed, documents.text(header.createdDate), documents.text(report.reportCreationDate))
    # The older report has the zone twice: `+0000 UTC`.
    return next((stamp for text in texts if text and (stamp := scan.stamp(text.removesuffix(" UTC")))), None)


def _rows(report: Report, scan: Scan) -> Iterator[_Row | Reject]:
    for pointer, raw, item in documents.items(report.results, _item, "/results"):
        if isinstance(item, Reject):
            yield item
        elif not _is_fixed(item.status):
            yield _of_item(pointer, item, raw, scan)
    results = report.scanResults or ScanResults()
    yield from _queries(results.resultsList, "/scanResults/resultsList")
    for pointer, raw, group in documents.items(results.sast.languages if results.sast else None, _group, "/scanResults/sast/languages"):
        if isinstance(group, Reject):
            yield group
        elif group.queries is None:
            yield documents.missing(pointer, "queries", raw)
        else:
            yield from _queries(group.queries, f"{pointer}/queries")
    technologies = report.iacScanResults.technology if report.iacScanResults else None
    for pointer, _, group in documents.items(technologies, _group, "/iacScanResults/technology"):
        if isinstance(group, Reject):
            yield group
        else:
            yield from _queries(group.queries, f"{pointer}/queries")
    packages = report.scaScanResults.packages if report.scaScanResults else None
    for pointer, raw, package in documents.items(packages, _package, "/scaScanResults/packages"):
        if isinstance(package, Reject):
            yield package
        else:
            yield from _advisories(pointer, package, raw)


def _is_fixed(status: _Any) -> bool:
    return isinstance(status, str) and status.upper() == "FIXED"


def _state(state: _Any) -> str | None:
    words = (documents.text(state) or "").replace("_", " ").lower()
    return words if words not in ("", "to verify") else None


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _in_file(name: str, file: str | None) -> str:
    return f"{_spoken(name)} in {file.rpartition('/')[2]}" if file else _spoken(name)


def _of_item(pointer: str, item: Item, raw: msgspec.Raw, scan: Scan) -> _Row | Reject:
    data, details = item.data or Data(), item.vulnerabilityDetails or Details()
    kind, own_id = (documents.text(item.type) or "").lower(), documents.text(item.id)
    package, version = _package_of(data)
    row = _Row(
        pointer=pointer,
        kind=kind,
        rule="",
        title="",
        similarity=documents.text(item.similarityId),
        own_id=own_id,
        severity=documents.text(item.severity),
        state=_state(item.state),
        score=documents.score(details.cvssScore),
        cwes=cwe_numbers(details.cweId),
        captured=scan.stamp(documents.text(item.foundAt)) or scan.stamp(documents.text(item.created)),
    )
    if package or kind in ("sca", "containers", "sca-container"):
        rule = documents.text(details.cveName) or documents.text(item.cveId) or own_id
        if rule is None or package is None:
            return documents.missing(pointer, "id" if rule is None else "package", raw)
        places = data.scaPackageData.locations if data.scaPackageData else None
        row.rule, row.package, row.version = rule, package, version
        row.title = f"{rule} in {package}{f' {version}' if version else ''}"
        row.ids = documents.ids_within(" ".join(text for text in (rule, documents.text(item.cveId), own_id) if text))
        row.file = next((text for place in places or () if (text := documents.text(place))), None)
        row.target = ":".join(text for text in (documents.text(data.imageName), documents.text(data.imageTag)) if text) or None
        return row
    name = documents.text(data.queryName) or documents.text(data.ruleName) or documents.text(item.description)
    if name is None:
        return documents.missing(pointer, "name", raw)
    if data.nodes:
        source, sink = data.nodes[0], data.nodes[-1]
        row.file, row.line, row.column = documents.text(sink.fileName), documents.line(sink.line), documents.line(sink.column)
        row.about = f"{documents.text(source.fileName)}:{documents.line(source.line) or 0:08}:{documents.text(source.fullName)}"
    else:
        row.file, row.line = documents.text(data.filename) or documents.text(data.fileName), documents.line(data.line)
    row.rule = documents.one_line(name)
    row.title = documents.one_line(_in_file(name, row.file))
    return row


def _package_of(data: Data) -> tuple[str | None, str | None]:
    """Name and version: stated, or taken out of `Npm-jquery-2.1.4`, whose name the chain of dependencies knows."""
    name, version, identifier = documents.text(data.packageName), documents.text(data.packageVersion), documents.text(data.packageIdentifier)
    if name or not identifier:
        return name, version
    paths = data.scaPackageData.dependencyPaths if data.scaPackageData else None
    for link in (link for path in paths or () for link in path or ()):
        known = documents.text(link.name)
        if known and documents.text(link.id) == identifier:
            return known, identifier.partition(f"-{known}-")[2] or None
    match = _PACKAGE.fullmatch(identifier)
    return (match["name"], match["version"]) if match else (identifier, None)


def _queries(raws: list[msgspec.Raw] | None, where: str) -> Iterator[_Row | Reject]:
    for pointer, raw, query in documents.items(raws, _query, where):
        if isinstance(query, Reject):
            yield query
            continue
        name = documents.text(query.queryName)
        if name is None:
            yield documents.missing(pointer, "name", raw)
            continue
        for place, _, flow in documents.items(query.vulnerabilities, _flow, f"{pointer}/vulnerabilities"):
            if isinstance(flow, Reject):
                yield flow
            elif not _is_fixed(flow.status):
                yield _of_flow(place, name, query, flow)
        for place, _, found in documents.items(query.resultsList, _misconfiguration, f"{pointer}/resultsList"):
            if isinstance(found, Reject):
                yield found
            elif not _is_fixed(found.status):
                yield _of_misconfiguration(place, name, found)


def _of_flow(pointer: str, name: str, query: Query, flow: Flow) -> _Row:
    nodes = flow.nodes or [Node()]
    source, sink = nodes[0], nodes[-1]
    source_line = documents.line(flow.sourceLine) or documents.line(source.line) or 0
    file = documents.text(flow.destinationFileName) or documents.text(sink.fileName)
    return _Row(
        pointer=pointer,
        kind="sast",
        rule=name,
        title=_in_file(name, file),
        similarity=documents.text(flow.similarityId),
        own_id=documents.text(flow.id) or _linked(flow.resultViewerLink),
        severity=documents.text(flow.severity),
        state=_state(flow.state),
        cwes=cwe_numbers(flow.cweId, query.cweId),
        file=file,
        line=documents.line(flow.destinationLine) or documents.line(sink.line),
        column=documents.line(sink.column),
        about=f"{documents.text(flow.sourceFileName) or documents.text(source.fileName)}:{source_line:08}:{documents.text(source.fullName)}",
    )


def _of_misconfiguration(pointer: str, name: str, found: Misconfiguration) -> _Row:
    file = documents.text(found.fileName)
    return _Row(
        pointer=pointer,
        kind="kics",
        rule=name,
        title=_in_file(name, file),
        similarity=documents.text(found.similarityId),
        own_id=_linked(found.resultViewerLink),
        severity=documents.text(found.severity),
        state=_state(found.state),
        file=file,
        line=documents.line(found.line),
        about=f"{documents.text(found.actualValue)}\n{documents.text(found.expectedValue)}",
    )


def _advisories(pointer: str, package: Package, raw: msgspec.Raw) -> Iterator[_Row | Reject]:
    name, version = documents.text(package.packageName), documents.text(package.packageVersion)
    lists = [(f"{pointer}/vulnerabilities", package.vulnerabilities)] + [
        (f"{pointer}/packageCategory/{number}/categoryResults", category.categoryResults)
        for number, category in enumerate(package.packageCategory or ())
    ]
    if name is None or all(raws is None for _, raws in lists):
        # The shape of this part is nowhere documented: what is not understood is shown, not passed over.
        yield documents.missing(pointer, "name" if name is None else "vulnerabilities", raw)
        return
    for where, raws in lists:
        for place, item, advisory in documents.items(raws, _advisory, where):
            if isinstance(advisory, Reject):
                yield advisory
                continue
            rule = documents.text(advisory.cveName) or documents.text(advisory.id)
            if rule is None:
                yield documents.missing(place, "id", item)
            elif not _is_fixed(advisory.status):
                yield _Row(
                    pointer=place,
                    kind="sca",
                    rule=rule,
                    title=f"{rule} in {name}{f' {version}' if version else ''}",
                    severity=documents.text(advisory.severity),
                    state=_state(advisory.state),
                    score=documents.score(advisory.score),
                    ids=documents.ids_within(rule),
                    cwes=cwe_numbers(advisory.cweId),
                    package=name,
                    version=version,
                )


def _linked(link: _Any) -> str | None:
    """The result's id, which the report has only in the link to it."""
    match = _RESULT_ID.search(documents.text(link) or "")
    return unquote(match[1]) if match else None


def _result(row: _Row, rank: int, target: str | None, captured: Stamp | None) -> Result:
    if row.package:
        where = location.package(row.package)
    else:
        where = location.code(row.file, anchor(row.similarity or row.rule, rank)) if row.file else location.NOWHERE
    return Result(
        pointer=row.pointer,
        title=row.title,
        identity=(row.kind, row.rule, row.similarity, row.own_id, row.file, row.package, row.version, rank),
        severity=row.severity,
        score=row.score,
        rule=row.rule,
        vulnerability_ids=row.ids,
        cwes=row.cwes,
        component_name=row.package,
        component_version=row.version,
        file_path=row.file,
        line=row.line,
        location=where,
        target=row.target or target,
        captured=row.captured or captured,
        own_id=row.own_id,
        source_state=row.state,
    )
