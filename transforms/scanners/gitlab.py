"""GitLab's security reports (`gl-*-report.json`): one schema for every analyzer that a pipeline runs, told apart by `scan.type`.

SAST, secret detection, dependency and container scanning, cluster images, DAST, API fuzzing and coverage fuzzing, of the schema's
versions 2 to 15; a bare list of vulnerabilities is what versions before 2 wrote. To 14 each vulnerability has its own `category`,
`scanner`, `message` and `cve` (no CVE, but what GitLab compared results by); from 15 on the scan has them once. Trivy's `gitlab.tpl`
and Checkmarx One write the format too. `dependency_files` are an inventory, `remediations` are patches: no results. A scan whose
`status` is `failure` has failed, whatever it found before.

A vulnerability is told from the others by `id`, where it has none (or, from Trivy, only the CVE) by `cve`, identifier and place. Its
location is the package; the URL with its parameter; the stack of a crash; or the file, anchored by GitLab's own tracking signature
where there is one, else the hash of the code in `cve`, else class and method, else the rule, with its place among the equal ones of that
file. `Unknown` is GitLab's word for no rating. `flags` say what a later step thinks of it: evidence of a state. Secret detection reports
the code with the secret in it, which is kept nowhere, not in a reject either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import vectors

NAME = "gitlab"
TITLE = "GitLab security report (JSON)"
SCANNER = "gitlab"
CALIBRATION: dict[str, str] = {}  # GitLab's own words are the policy's; Unknown and Undefined are no rating

#: What a report without vulnerabilities may have beside them.
_FRAME = frozenset(("version", "schema", "vulnerabilities", "remediations", "dependency_files", "scan", "__comment__"))
#: Kinds of identifiers that name a vulnerability or an advisory on it; the others are rules, weaknesses and lists of risks.
_ADVISORIES = frozenset(
    ("cve", "ghsa", "rhsa", "rhba", "rhea", "usn", "elsa", "dsa", "dla", "alas", "glsa", "osvdb", "pysec", "gms", "osv")
)
_ADVISORY = re.compile(r"[A-Z]{2,10}\d*-[A-Z0-9][\w:.-]*", re.IGNORECASE)
_CODE_HASH = re.compile(r":([0-9a-f]{64}):")
_CWE = re.compile(r"CWE-(\d{1,6})\b", re.IGNORECASE)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?")
#: A tag or a digest in the last step: what is scanned may also be called `Node.js` or after a lock file.
_IMAGE = re.compile(r"(?:.*/)?[^/]*[:@][^/]+")
#: GitLab's own order of trust; `location` is by line, and so no anchor.
_SIGNATURES = ("scope_offset_compressed", "scope_offset", "hash")
_GROUPED = ("maven", "gradle", "sbt")
#: Whose rule a primary identifier is, by its type: for reports that name no scanner (version 15 has it in `scan`, which may be left out).
_ANALYSERS = {
    "bandit_test_id": "bandit",
    "brakeman_warning_code": "brakeman",
    "eslint_rule_id": "eslint",
    "find_sec_bugs_type": "find_sec_bugs",
    "flawfinder_func_name": "flawfinder",
    "gitleaks_rule_id": "gitleaks",
    "gosec_rule_id": "gosec",
    "njsscan_rule_type": "nodejs-scan",
    "semgrep_id": "semgrep",
    "trufflehog_rule_id": "trufflehog",
    "zaproxy_pluginid": "zaproxy",
}

_Any = object


class Scanner(msgspec.Struct, gc=False):
    id: _Any = None


class Package(msgspec.Struct, gc=False):
    name: _Any = None


class Dependency(msgspec.Struct, gc=False):
    package: Package | None = None
    version: _Any = None


class Workload(msgspec.Struct, gc=False):
    namespace: _Any = None
    kind: _Any = None
    name: _Any = None
    container_name: _Any = None


class Where(msgspec.Struct, gc=False):
    """Where it was found: each type of scan has its own members."""

    file: _Any = None
    start_line: _Any = None
    end_line: _Any = None
    class_: _Any = msgspec.field(name="class", default=None)
    method: _Any = None
    dependency: Dependency | None = None
    image: _Any = None
    operating_system: _Any = None
    kubernetes_resource: Workload | None = None
    hostname: _Any = None
    path: _Any = None
    param: _Any = None
    crash_type: _Any = None
    crash_state: _Any = None
    crash_address: _Any = None


class Identifier(msgspec.Struct, gc=False):
    type: _Any = None
    name: _Any = None
    value: _Any = None


class Signature(msgspec.Struct, gc=False):
    algorithm: _Any = None
    value: _Any = None


class Tracked(msgspec.Struct, gc=False):
    signatures: list[Signature] | None = None


class Tracking(msgspec.Struct, gc=False):
    items: list[Tracked] | None = None


class Flag(msgspec.Struct, gc=False):
    type: _Any = None


class Vector(msgspec.Struct, gc=False):
    vector: _Any = None


class Vulnerability(msgspec.Struct, gc=False):
    id: _Any = None
    category: _Any = None
    name: _Any = None
    message: _Any = None
    description: _Any = None
    cve: _Any = None
    severity: _Any = None
    discovered_at: _Any = None
    scanner: Scanner | None = None
    location: Where | None = None
    identifiers: list[Identifier] | None = None
    tracking: Tracking | None = None
    flags: list[Flag] | None = None
    cvss_vectors: list[Vector] | None = None


class DependencyFile(msgspec.Struct, gc=False):
    path: _Any = None
    package_manager: _Any = None


class Run(msgspec.Struct):
    scanner: Scanner | None = None
    type: _Any = None
    status: _Any = None
    start_time: _Any = None
    end_time: _Any = None


class Named(msgspec.Struct, gc=False):
    """What the identifiers of a vulnerability say."""

    rule: str | None
    advisories: tuple[str, ...]
    cwes: tuple[int, ...]
    #: Checkmarx One's fingerprint: it stands where others have the rule.
    similarity: str | None
    #: The scanner whose rule the first identifier is.
    scanner: str | None


class Component(msgspec.Struct, gc=False):
    name: str | None = None
    version: str | None = None


class Context(msgspec.Struct):
    """What the results of one report share."""

    category: str | None
    scanner: str | None
    captured: Stamp | None
    #: The one image that results name. What Trivy finds in it beside its operating system is not called after it.
    image: str | None
    #: Files of package managers that write `group/artifact` here and `group:artifact` by themselves.
    grouped: frozenset[str]


class Report(msgspec.Struct):
    vulnerabilities: list[Vulnerability] | None
    scan: Run | None = None
    dependency_files: list[DependencyFile] | None = None


class TornReport(Report):
    """A report to be read item by item: one or another is not as it must be."""

    vulnerabilities: list[msgspec.Raw] | None  # type: ignore[assignment]


_NOWHERE = Where()
_NO_PACKAGE = Component()
_report = msgspec.json.Decoder(Report)
_torn_report = msgspec.json.Decoder(TornReport)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_vulnerability = msgspec.json.Decoder(Vulnerability)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if head.is_json_list:
        return keys >= {"category", "identifiers", "location", "severity"}
    if "vulnerabilities" not in keys:
        return "version" in keys and {"type", "scanner"} <= _of(head, "scan")
    if bytes(memoryview(head.json["vulnerabilities"])[:1]) not in (b"[", b"n"):
        return False
    item = head.item_keys("vulnerabilities")
    # ZAP's report as GitLab's DAST wrote it to version 13 has both lists: it is ZAP's.
    return {"identifiers", "location", "severity"} <= item and "site" not in keys if item else keys <= _FRAME and len(keys) > 1


def _of(head: Head, key: str) -> set[str]:
    try:
        return set(_members.decode(head.json[key]))
    except (KeyError, *documents.UNREADABLE):
        return set()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] == b"[":
        report, pointer = TornReport(documents.decode(_list, content, "a list of vulnerabilities")), ""
    else:
        report, pointer = _whole_or_torn(content), "/vulnerabilities"
    run = report.scan or Run()
    if run.status == "failure":
        raise FileRejected(
            "failed_scan", seen="a scan of status `failure`", expected="`success`", remedy="see the log of the job that ran it"
        )
    found: list[tuple[int, Vulnerability, Named, Component, str, str | None, Place]] = []
    images: dict[str, None] = {}
    for number, item in enumerate(_items(report, pointer)):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)
            continue
        named, spot = _named(item), item.location or _NOWHERE
        component = _package(spot.dependency) if spot.dependency else _NO_PACKAGE
        title = _title(item, named, component)
        if title is None:
            yield secrets.missing(f"{pointer}/{number}", "name")
            continue
        fingerprint = named.similarity or _fingerprint(item)
        if spot.image and (image := documents.text(spot.image)) and _IMAGE.fullmatch(image):
            images[image] = None
        place = Place(
            (documents.text(spot.file) or "", named.rule or title, fingerprint or ""),
            (documents.line(spot.start_line) or 0, documents.line(spot.end_line) or 0, documents.text(item.cve) or ""),
        )
        found.append((number, item, named, component, title, fingerprint, place))
    context = Context(
        category=documents.text(run.type),
        scanner=documents.text(run.scanner.id) if run.scanner else None,
        captured=_stamp(scan, run.end_time) or _stamp(scan, run.start_time),
        image=next(iter(images)) if len(images) == 1 else None,
        grouped=frozenset(
            path for file in report.dependency_files or () if file.package_manager in _GROUPED and (path := documents.text(file.path))
        ),
    )
    ranks = ordinals([row[-1] for row in found])
    for number, item, named, component, title, fingerprint, place in found:
        where = anchor(fingerprint or place.within[1], ranks[place])
        try:
            yield _result(f"{pointer}/{number}", item, named, component, title, place, where, context, scan)
        except ValueError as error:  # an address that is none
            yield secrets.reject(f"{pointer}/{number}", "malformed", str(error))


def _whole_or_torn(content: bytes) -> Report:
    try:
        return documents.decode(_report, content, "")
    except FileRejected:
        return documents.decode(_torn_report, content, "an object with a list `vulnerabilities`")


def _items(report: Report, pointer: str) -> Iterable[Vulnerability | Reject]:
    if isinstance(report, TornReport):
        return (item for _, _, item in documents.items(report.vulnerabilities, _vulnerability, pointer))
    return report.vulnerabilities or ()


def _result(
    pointer: str,
    item: Vulnerability,
    named: Named,
    component: Component,
    title: str,
    place: Place,
    anchored: str,
    context: Context,
    scan: Scan,
) -> Result:
    spot, own = item.location or _NOWHERE, documents.text(item.id)
    if own and own.upper() in named.advisories:
        own = None  # Trivy's template: what was found, not which finding this is
    name, version = component.name, component.version
    path, line, image = place.within[0], place.position[0], documents.text(spot.image) if spot.image else None
    url, more = _address(spot) if spot.hostname or spot.kubernetes_resource else (None, ())
    category = documents.text(item.category) or context.category
    scanner = (documents.text(item.scanner.id) if item.scanner else None) or context.scanner or named.scanner
    # A crash has no file: the function on top of its stack is where it is.
    crash = documents.text(spot.crash_state) if spot.crash_state else None
    if name:
        where = location.package(name.replace("/", ":", 1) if path in context.grouped else name)
    elif url:
        where = location.web(location.parse_endpoint(url), more[1])
    elif path or crash:
        where = location.code(path or crash.split("\n", 1)[0], anchored)  # type: ignore[union-attr]
    else:
        where = location.NOWHERE
    identity = (category, own, named.rule, path, name, version, image, crash, *more)
    if not own:
        identity += (title, *place.position)
    return Result(
        pointer,
        title,
        identity,
        documents.text(item.severity),
        None,
        vectors(*(documents.text(entry.vector) for entry in item.cvss_vectors)) if item.cvss_vectors else (),
        named.rule,
        named.advisories,
        cwes=named.cwes,
        component_name=name,
        component_version=version,
        file_path=path or None,
        line=line or None,
        endpoint=url,
        location=where,
        target=image if image in (None, context.image) or _IMAGE.fullmatch(image) else context.image or image,
        captured=context.captured or (_stamp(scan, item.discovered_at) if item.discovered_at else None),
        own_id=own,
        source_state=",".join(kind for flag in item.flags if (kind := documents.text(flag.type))) or None if item.flags else None,
        scanner=scanner.lower() if scanner else None,
    )


def _address(spot: Where) -> tuple[str | None, tuple[str | None, ...]]:
    """The URL, and what tells two findings at it, or two in clusters, apart."""
    if host := documents.text(spot.hostname) if spot.hostname else None:
        url = f"{host.rstrip('/')}/{(documents.text(spot.path) or '').lstrip('/')}"
        return url, (url, documents.text(spot.param), documents.text(spot.method))
    if workload := spot.kubernetes_resource:
        parts = (workload.namespace, workload.kind, workload.name, workload.container_name)
        return None, tuple(documents.text(part) for part in parts)
    return None, ()


def _package(dependency: Dependency) -> Component:
    name = documents.text(dependency.package.name) if dependency.package else None
    return Component(name, documents.text(dependency.version)) if name else _NO_PACKAGE


def _title(item: Vulnerability, named: Named, component: Component) -> str | None:
    package, version = component.name, component.version
    name = documents.text(item.name) or documents.text(item.message)
    if package:
        name = name or next(iter(named.advisories), named.rule)
        if name and package not in name:
            name = f"{name} in {package}{f' {version}' if version else ''}"
    if name is None:
        names = (documents.text(entry.name) for entry in item.identifiers or ())
        name = next((text for text in names if text), None) or documents.text(item.description)
    return documents.one_line(name) if name else None


def _fingerprint(item: Vulnerability) -> str | None:
    tracked = item.tracking.items if item.tracking else None
    if tracked:
        stated = {entry.algorithm: entry.value for one in tracked for entry in one.signatures or () if isinstance(entry.algorithm, str)}
        if signature := next((text for name in _SIGNATURES if (text := documents.text(stated.get(name)))), None):
            return signature
    if isinstance(item.cve, str) and (match := _CODE_HASH.search(item.cve)):
        return match[1]
    spot = item.location
    if spot is None or not spot.file or spot.class_ is None:
        return None
    return ".".join(text for value in (spot.class_, spot.method) if (text := documents.text(value))) or None


def _named(item: Vulnerability) -> Named:
    """What the identifiers say: the first one is GitLab's primary, the rule; the others are advisories, weaknesses and lists of risks."""
    rule, advisories, cwes, similarity, scanner = None, [], [], None, None
    for entry in item.identifiers or ():
        value, name = documents.text(entry.value), documents.text(entry.name)
        kind = entry.type.lower() if isinstance(entry.type, str) else ""
        if kind == "cxonescan":
            similarity = value
            continue
        if rule is None:
            # njsscan wrote the message as the value and the id as the name.
            rule = name if name and (value is None or (" " in value and " " not in name)) else value
            scanner = _ANALYSERS.get(kind)
        if kind == "cwe":
            cwes += cwe_numbers(value) or (int(number) for number in _CWE.findall(name or ""))
        elif kind in _ADVISORIES and _ADVISORY.fullmatch(stated := value or name or ""):
            advisories.append(stated)
    ids, weaknesses = documents.ids(advisories) if advisories else (), cwe_numbers(cwes) if cwes else ()
    return Named(rule or documents.text(item.name), ids, weaknesses, similarity, scanner)


def _stamp(scan: Scan, value: _Any) -> Stamp | None:
    """By the schema every time is UTC and none says so."""
    return scan.stamp(f"{value}Z" if isinstance(value, str) and _NAIVE.fullmatch(value) else value)
