"""SARIF 2.1.0, OASIS's interchange format of static analysis: what CodeQL, Semgrep, Snyk Code, SpotBugs and many others write.

A file has runs, each of its own tool: the result's scanner is that tool's driver. A rule stands in the driver or in an
extension and is meant by id or index. A result in several places is one result for each place, as a person must visit each.

Severity: `security-severity` of the result or its rule (a CVSS-like number, or a word with some tools) where there is one,
as GitHub reads it; else the level of the result, else of its rule, else SARIF's own default `warning`; a result of another
kind than `fail` has the level `none`. A tool that documents which of its own words stand behind the levels (Snyk Code) has its
words. Checks that passed or did not apply, and results that the baseline had and this run has not (`absent`), are not findings
of this run. A suppression is evidence of a state, not a reason to leave a result out. A run that says that its tool failed and has
no results has found nothing out: where every run is so, the scan failed. One with results (SpotBugs, where classes were missing) has them.

A result is told from the others by rule, place, message and fingerprint. Its anchor in the file is the tool's fingerprint
(else what it says of the primary location, not of the whole file: that changes with every edit), else the code of its own lines
where these are few (Bandit and gosec write it, and anchor it so in their own reports), else rule and ordinal. A vulnerability of a
package is in the package, as in the tool's own report: SARIF has no member for it, but Trivy, Grype and OSV-Scanner name it in a message
of fixed wording.

Scanners of secrets write SARIF too, with the code around a secret and the secret in it: no raw text is kept of a reject.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals, snippet
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.location import Location
from transforms.domain.packages import package_name
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "sarif"
TITLE = "SARIF 2.1.0"
SCANNER = "sarif"
CALIBRATION: dict[str, str] = {"error": "high", "warning": "medium", "note": "informational", "none": "informational"}

#: Tools whose documentation says what their levels stand for: `note` is otherwise no more than a remark.
_WORDS: dict[str | None, dict[str, str]] = {"snykcode": {"error": "high", "warning": "medium", "note": "low", "info": "low"}}
_NO_FINDING = ("pass", "notApplicable")
_CWE = re.compile(r"cwe[-_/ ]*(\d{1,6})", re.IGNORECASE)
#: Those wordings, by tool, and how much of a message they may take.
_MESSAGE = 2_000
_PACKAGES: dict[str | None, re.Pattern[str]] = {
    "trivy": re.compile(r"Package: (?P<name>\S+)\nInstalled Version: (?P<version>\S*)\nVulnerability "),
    "grype": re.compile(
        r"(?:The path .+? reports (?P<older>\S+) at version (?P<old>\S+) +which "
        r"|An? \S+ vulnerability in \S+ package: (?P<name>\S+), version (?P<version>\S+) was found )"
    ),
    "osv-scanner": re.compile(r"Package '(?P<name>@?[^'@]+)(?:@(?P<version>[^']*))?' is vulnerable to '"),
}
_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_DRIVE = re.compile(r"/[A-Za-z]:[/\\]")
_WEB = ("http://", "https://")
#: A region of more lines is a function or a file, in which any edit would make another place of it.
_FEW_LINES = 10

_Any = object
_Bag = dict[str, _Any]


class Message(msgspec.Struct, gc=False):
    text: _Any = None
    markdown: _Any = None
    id: _Any = None
    arguments: list[_Any] | None = None


class Configuration(msgspec.Struct, gc=False):
    level: _Any = None


class ComponentReference(msgspec.Struct, gc=False):
    name: _Any = None
    index: int | None = None


class RuleReference(msgspec.Struct, gc=False):
    id: _Any = None
    index: int | None = None
    toolComponent: ComponentReference | None = None


class Relationship(msgspec.Struct, gc=False):
    target: RuleReference | None = None


class Rule(msgspec.Struct):
    id: _Any = None
    name: _Any = None
    deprecatedIds: list[_Any] | None = None
    shortDescription: Message | None = None
    fullDescription: Message | None = None
    messageStrings: dict[str, Message] | None = None
    defaultConfiguration: Configuration | None = None
    relationships: list[Relationship] | None = None
    properties: _Bag | None = None


class Component(msgspec.Struct):
    """The driver or an extension of a tool."""

    name: _Any = None
    rules: list[msgspec.Raw] | None = None
    globalMessageStrings: dict[str, Message] | None = None


class Tool(msgspec.Struct):
    driver: Component | None = None
    extensions: list[Component] | None = None


class ArtifactLocation(msgspec.Struct, gc=False):
    uri: _Any = None
    index: int | None = None


class Region(msgspec.Struct, gc=False):
    startLine: _Any = None
    startColumn: _Any = None
    endLine: _Any = None
    snippet: _Any = None


class PhysicalLocation(msgspec.Struct, gc=False):
    artifactLocation: ArtifactLocation | None = None
    region: Region | None = None


class LogicalLocation(msgspec.Struct, gc=False):
    fullyQualifiedName: _Any = None
    name: _Any = None
    index: int | None = None


class Where(msgspec.Struct, gc=False):
    physicalLocation: PhysicalLocation | None = None
    logicalLocations: list[LogicalLocation] | None = None


class Suppression(msgspec.Struct, gc=False):
    kind: _Any = None
    status: _Any = None
    state: _Any = None  # `status` before 2.1.0 was final


class Item(msgspec.Struct, gc=False):
    ruleId: _Any = None
    ruleIndex: int | None = None
    rule: RuleReference | None = None
    kind: _Any = None
    level: _Any = None
    message: Message | None = None
    locations: list[Where] | None = None
    fingerprints: _Bag | None = None
    partialFingerprints: _Bag | None = None
    correlationGuid: _Any = None
    suppressions: list[Suppression] | None = None
    baselineState: _Any = None
    taxa: list[RuleReference] | None = None
    properties: _Bag | None = None


class Artifact(msgspec.Struct, gc=False):
    location: ArtifactLocation | None = None


class Invocation(msgspec.Struct, gc=False):
    startTimeUtc: _Any = None
    endTimeUtc: _Any = None
    workingDirectory: ArtifactLocation | None = None
    executionSuccessful: _Any = None


class Version(msgspec.Struct, gc=False):
    repositoryUri: _Any = None


class Run(msgspec.Struct):
    tool: Tool | None = None
    results: list[Item] | None = None
    artifacts: list[Artifact] | None = None
    logicalLocations: list[LogicalLocation] | None = None
    invocations: list[Invocation] | None = None
    originalUriBaseIds: dict[str, ArtifactLocation] | None = None
    versionControlProvenance: list[Version] | None = None
    properties: _Bag | None = None


class TornRun(Run):
    """A run to be read result by result: one or another is not as it must be."""

    results: list[msgspec.Raw] | None = None  # type: ignore[assignment]


class Log(msgspec.Struct):
    runs: list[Run] | None


class TornLog(msgspec.Struct):
    runs: list[msgspec.Raw] | None


class Spot(NamedTuple):
    """One place of a result: a file, an address in the web or a logical name, and where in it."""

    path: str | None = None
    url: str | None = None
    logical: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    #: Digest of the code of its lines, where the result has no fingerprint.
    code: str | None = None


class Package(NamedTuple):
    """What a message says that a package is called, its name as other formats have it, and its version."""

    stated: str
    name: str
    version: str | None


class Meant(NamedTuple):
    """What the results of one rule have of it: worked out once, as thousands may have the same."""

    rule: Rule | None
    #: The rule as the results call it, else by its own id.
    name: str | None
    vulnerability_ids: tuple[str, ...]
    cwes: tuple[int, ...]
    #: Native term and score that the rule states, and the level of its results where they have none.
    rated: tuple[str | None, float | None] | None
    level: str | None


class Context(msgspec.Struct):
    """What the results of one run share."""

    pointer: str
    rules: dict[tuple[int, int], Rule]
    by_id: dict[str, Rule]
    strings: dict[str, Message]
    artifacts: list[Artifact]
    logical: list[LogicalLocation]
    roots: tuple[str, ...]
    scanner: str | None
    target: str | None
    captured: Stamp | None
    #: By the id, index and component by which results mean a rule.
    meant: dict[tuple[str | None, int | None, int | None], Meant] = msgspec.field(default_factory=dict)
    #: Path and address by the reference of a result to a file.
    files: dict[str, tuple[str | None, str | None]] = msgspec.field(default_factory=dict)
    #: Messages as titles: most are their rule's.
    titles: dict[str, str] = msgspec.field(default_factory=dict)


_log = msgspec.json.Decoder(Log)
_torn_log = msgspec.json.Decoder(TornLog)
_torn_run = msgspec.json.Decoder(TornRun)
_rule = msgspec.json.Decoder(Rule)
_item = msgspec.json.Decoder(Item)


def recognise(head: Head) -> bool:
    if not head.is_json_object or bytes(head.json.get("runs", b"")).lstrip()[:1] not in (b"[", b"n"):
        return False
    version, schema = (bytes(head.json.get(name, b"")) for name in ("version", "$schema"))
    return version.strip()[:3] == b'"2.' or b"sarif" in schema.lower()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    runs = _runs(content)
    if runs and all(isinstance(run, Run) and _failed(run) for _, run in runs):
        raise FileRejected("failed_scan", seen="executionSuccessful is false and there are no results", expected="a run that ended well")
    for pointer, run in runs:
        if isinstance(run, Reject):
            yield secrets.without_raw(run)
            continue
        if _failed(run):
            yield secrets.reject(f"{pointer}/invocations", "not_scanned", "executionSuccessful is false and the run has no results")
        rules: dict[tuple[int, int], Rule] = {}
        for key, rule in _rules(pointer, run.tool or Tool()):
            if isinstance(rule, Reject):
                yield rule
            else:
                rules[key] = rule
        yield from _results(run, _context(pointer, run, rules, scan))


def _runs(content: bytes) -> list[tuple[str, Run | Reject]]:
    try:
        runs = documents.decode(_log, content, "").runs
        return [(f"/runs/{number}", run) for number, run in enumerate(runs or ())]
    except FileRejected:
        log = documents.decode(_torn_log, content, "an object with a list `runs`")
        return [(pointer, run) for pointer, _, run in documents.items(log.runs, _torn_run, "/runs")]


def _failed(run: Run) -> bool:
    return not run.results and any(invocation.executionSuccessful is False for invocation in run.invocations or ())


def _items(run: Run, pointer: str) -> Iterable[Item | Reject]:
    if isinstance(run, TornRun):
        return (item for _, _, item in documents.items(run.results, _item, pointer))
    return run.results or ()


def _rules(pointer: str, tool: Tool) -> Iterator[tuple[tuple[int, int], Rule | Reject]]:
    """Every rule under (component, index): the driver is component -1, an extension has its own index."""
    for number, component in enumerate((tool.driver, *(tool.extensions or ())), -1):
        place = f"{pointer}/tool/{'driver' if number < 0 else f'extensions/{number}'}/rules"
        for index, (_, _, rule) in enumerate(documents.items(component.rules if component else None, _rule, place)):
            yield (number, index), rule


def _context(pointer: str, run: Run, rules: dict[tuple[int, int], Rule], scan: Scan) -> Context:
    driver = (run.tool.driver if run.tool else None) or Component()
    by_id: dict[str, Rule] = {}
    for rule in rules.values():
        if name := documents.text(rule.id):
            by_id.setdefault(name, rule)
    name = documents.text(driver.name)
    last = (run.invocations or [Invocation()])[-1]
    bases = (*(run.originalUriBaseIds or {}).values(), *(invocation.workingDirectory for invocation in run.invocations or ()))
    roots = {f"{_path(uri).rstrip('/')}/" for base in bases if base and (uri := documents.text(base.uri)) and uri.startswith("file:")}
    return Context(
        pointer=pointer,
        rules=rules,
        by_id=by_id,
        strings=driver.globalMessageStrings or {},
        artifacts=run.artifacts or [],
        logical=run.logicalLocations or [],
        roots=tuple(sorted(roots - {"/"}, key=len, reverse=True)),
        scanner=name.lower() if name else None,
        target=_target(run),
        captured=scan.stamp(last.endTimeUtc) or scan.stamp(last.startTimeUtc),
    )


def _target(run: Run) -> str | None:
    """The repository, or the image that container scanners note in the run's properties."""
    for version in run.versionControlProvenance or ():
        if uri := documents.text(version.repositoryUri):
            return uri
    return documents.text((run.properties or {}).get("imageName"))


def _results(run: Run, context: Context) -> Iterator[Result | Reject]:
    pointer = f"{context.pointer}/results"
    found: list[tuple[int, Item, Meant, str, str | None, Spot, Place]] = []
    for number, item in enumerate(_items(run, pointer)):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)
            continue
        if item.kind in _NO_FINDING or item.baselineState == "absent":
            continue
        meant = _meant(item, context)
        title = _title(item, meant, context)
        if title is None:
            yield secrets.missing(f"{pointer}/{number}", "message")
            continue
        fingerprint = _fingerprint(item)
        for spot in _spots(item, context, is_marked=fingerprint is not None):
            within = (spot.path or spot.url or spot.logical or "", meant.name or title, fingerprint or spot.code or "")
            place = Place(within, (spot.line or 0, spot.column or 0, title))
            found.append((number, item, meant, title, fingerprint, spot, place))
    ranks = ordinals([row[-1] for row in found])
    for number, item, meant, title, fingerprint, spot, place in found:
        where = anchor(fingerprint or spot.code or place.within[1], ranks[place])
        try:
            yield _result(f"{pointer}/{number}", item, meant, title, fingerprint, spot, where, context)
        except ValueError as error:  # an address that is none
            yield secrets.reject(f"{pointer}/{number}", "malformed", str(error))


def _result(
    pointer: str, item: Item, meant: Meant, title: str, fingerprint: str | None, spot: Spot, where: str, context: Context
) -> Result:
    severity, score = _severity(item, meant, context.scanner)
    line = context.titles.get(title) or context.titles.setdefault(title, documents.one_line(title))
    package = _package(title, meant.rule, context.scanner)
    return Result(
        pointer,
        line,
        (meant.name, title, *spot, fingerprint),
        severity,
        score,
        rule=meant.name or line,
        vulnerability_ids=meant.vulnerability_ids or (_package_ids(meant.name, package) if package else ()),
        cwes=_cwes(item, meant),
        component_name=package.name if package else None,
        component_version=package.version if package else None,
        file_path=spot.path,
        line=spot.line,
        endpoint=spot.url,
        location=location.package(package.name) if package else _location(spot, where),
        target=context.target,
        captured=context.captured,
        own_id=documents.text(item.correlationGuid) or (fingerprint if item.fingerprints else None),
        source_state=_state(item) if item.suppressions else None,
        scanner=context.scanner,
    )


def _meant(item: Item, context: Context) -> Meant:
    name, index, component = documents.text(item.ruleId), item.ruleIndex, None
    if reference := item.rule:
        name = name or documents.text(reference.id)
        index = reference.index if index is None else index
        component = reference.toolComponent.index if reference.toolComponent else None
    key = (name, index, component)
    if (meant := context.meant.get(key)) is None:
        rule = _rule_of(name, index, component, context)
        name = name or (documents.text(rule.id) if rule else None)
        if rule is None:
            meant = Meant(None, name, _ids(name, None), (), None, None)
        else:
            targets = [relationship.target for relationship in rule.relationships or () if relationship.target]
            cwes = cwe_numbers(_weaknesses(rule.properties, targets))
            level = documents.text(rule.defaultConfiguration.level) if rule.defaultConfiguration else None
            meant = Meant(rule, name, _ids(name, rule), cwes, _rated(rule.properties), level)
        context.meant[key] = meant
    return meant


def _rule_of(name: str | None, index: int | None, component: int | None, context: Context) -> Rule | None:
    """The rule by its index in the component that the result names, else by id; `CA1000/1` is a case of the rule `CA1000`."""
    if index is not None and index >= 0 and (rule := context.rules.get((-1 if component is None else component, index))):
        return rule
    while name:
        if rule := context.by_id.get(name):
            return rule
        name = name.rpartition("/")[0]
    return None


def _title(item: Item, meant: Meant, context: Context) -> str | None:
    rule = meant.rule
    own = (rule.messageStrings if rule else None) or {}
    strings = {**context.strings, **own} if context.strings else own
    if found := _message(item.message, strings):
        return found
    texts = (_message(rule.shortDescription, strings), _message(rule.fullDescription, strings), documents.text(rule.name)) if rule else ()
    return next((text for text in (*texts, meant.name) if text), None)


def _message(message: Message | None, strings: dict[str, Message]) -> str | None:
    if message is None:
        return None
    found = documents.text(message.text) or documents.text(message.markdown)
    if found is None and isinstance(message.id, str) and message.id in strings:
        found = documents.text(strings[message.id].text)
    if found and message.arguments:
        values = [documents.text(value) or "" for value in message.arguments]
        found = _PLACEHOLDER.sub(lambda match: values[int(match[1])] if int(match[1]) < len(values) else match[0], found)
    return found


def _severity(item: Item, meant: Meant, scanner: str | None) -> tuple[str | None, float | None]:
    """The native term, or None where the tool has a number that goes before it."""
    if rated := (_rated(item.properties) if item.properties else None) or meant.rated:
        return rated
    level = documents.text(item.level)
    if level is None:
        level = (meant.level if item.kind in (None, "fail") else "none") or "warning"
    words = _WORDS.get(scanner)
    return words.get(level, level) if words else level, None


def _rated(properties: _Bag | None) -> tuple[str | None, float | None] | None:
    """The word or number of `security-severity`, None where there is none."""
    stated = properties.get("security-severity") if properties else None
    if (score := documents.score(stated)) is not None:
        return None, score
    word = documents.text(stated)
    return (word, None) if word else None


def _spots(item: Item, context: Context, is_marked: bool) -> list[Spot]:
    found = [_spot(where, context, is_marked) for where in item.locations or ()]
    return found if len(found) == 1 else list(dict.fromkeys(found)) or [Spot()]


def _spot(where: Where, context: Context, is_marked: bool) -> Spot:
    logical = _logical(where, context) if where.logicalLocations else None
    physical = where.physicalLocation
    if physical is None or physical.artifactLocation is None:
        return Spot(logical=logical)
    uri = documents.text(physical.artifactLocation.uri)
    index = physical.artifactLocation.index
    if uri is None and index is not None and 0 <= index < len(context.artifacts) and context.artifacts[index].location:
        uri = documents.text(context.artifacts[index].location.uri)  # type: ignore[union-attr]
    path, url = (context.files.get(uri) or _file(uri, context)) if uri else (None, None)
    region = physical.region
    if region is None:
        return Spot(path, url, logical)
    line, end = documents.line(region.startLine), documents.line(region.endLine)
    code = _code(region) if path and not is_marked and (end or line or 0) - (line or 0) < _FEW_LINES else None
    return Spot(path, url, logical, line, documents.line(region.startColumn), end, code)


def _code(region: Region) -> str | None:
    return snippet(documents.text(region.snippet.get("text"))) if isinstance(region.snippet, dict) else None


def _file(uri: str, context: Context) -> tuple[str | None, str | None]:
    """The path of a file, or an address in the web."""
    is_web = uri[:8].lower().startswith(_WEB)
    context.files[uri] = (None, uri) if is_web else (_relative(_path(uri), context.roots), None)
    return context.files[uri]


def _logical(where: Where, context: Context) -> str | None:
    for logical in where.logicalLocations or ():
        if logical.index is not None and 0 <= logical.index < len(context.logical) and logical.fullyQualifiedName is None:
            logical = context.logical[logical.index]
        if name := documents.text(logical.fullyQualifiedName) or documents.text(logical.name):
            return name
    return None


def _path(uri: str) -> str:
    """The path of a `file:` address, else the relative reference itself, without percent-encoding."""
    if uri[:5].lower() == "file:":
        uri = uri[5:]
        if uri.startswith("//"):  # an authority, nearly always empty; some tools write four slashes
            uri = "/" + uri[2:].partition("/")[2].lstrip("/")
        uri = uri[1:] if _DRIVE.match(uri) else uri
    return unquote(uri) if "%" in uri else uri


def _relative(path: str, roots: tuple[str, ...]) -> str:
    """The path below the folder that the tool ran in: the checkout's own place differs from one build machine to the next."""
    for root in roots:
        if path.startswith(root) and len(path) > len(root):
            return path[len(root) :]
    return path


def _package(message: str, rule: Rule | None, scanner: str | None) -> Package | None:
    """The package that the message is about. Grype's rule may have its package URLs, where the name is whole."""
    wording = _PACKAGES.get(scanner)
    match = wording.match(message[:_MESSAGE]) if wording else None
    if match is None:
        return None
    found = match.groupdict()
    stated = found["name"] or found["older"]
    urls = ((rule.properties if rule else None) or {}).get("purls")
    url = documents.text(urls[0]) if isinstance(urls, list) and urls else None
    return Package(stated, package_name(stated, url), found["version"] or found.get("old") or None)


def _location(spot: Spot, where: str) -> Location:
    if spot.url:
        return location.of_endpoint(location.parse_endpoint(spot.url))
    if spot.path or spot.logical:
        return location.code(spot.path or spot.logical or "", where)
    return location.NOWHERE


def _fingerprint(item: Item) -> str | None:
    """The newest version of the first full fingerprint, else the partial ones that are of the place itself."""
    for values in (item.fingerprints, item.partialFingerprints):
        stated = {name: value for name, raw in values.items() if (value := _wrapped(raw))} if values else None
        if not stated:
            continue
        if values is item.fingerprints:
            first = next(iter(stated)).rpartition("/v")[0] or next(iter(stated))
            return stated[max((name for name in stated if name == first or name.startswith(f"{first}/v")), key=_version)]
        primary = {name: value for name, value in stated.items() if "primarylocation" in name.lower() and "column" not in name.lower()}
        kept = (
            primary
            or {name: value for name, value in stated.items() if "file" not in name.lower() and "column" not in name.lower()}
            or stated
        )
        return "|".join(f"{name}:{kept[name]}" for name in sorted(kept))
    return None


def _wrapped(value: _Any) -> str | None:
    """A hash, also as `{"value": hash}` (Black Duck); a text that only says that one must log in to have it is none."""
    found = documents.text(value.get("value") if isinstance(value, dict) else value)
    return None if found == "requires login" else found


def _version(name: str) -> int:
    digits = name.rpartition("/v")[2]
    return int(digits) if digits.isdecimal() else 0


def _ids(name: str | None, rule: Rule | None) -> tuple[str, ...]:
    """The ids in the rule's id and in those that it replaces: dependency scanners make a rule of a vulnerability."""
    stated = (name, *(rule.deprecatedIds or () if rule else ()))
    return documents.ids([found for text in stated if isinstance(text, str) for found in documents.ids_within(text)])


def _package_ids(name: str | None, package: Package) -> tuple[str, ...]:
    """The rule's id of a package's vulnerability is an id whatever its database calls it; Grype puts the package's name after it."""
    return documents.ids((name or "").removesuffix(f"-{package.stated}"))


def _cwes(item: Item, meant: Meant) -> tuple[int, ...]:
    """The weaknesses of the rule and those of the result itself."""
    own = _weaknesses(item.properties, item.taxa or []) if item.properties or item.taxa else None
    return cwe_numbers(meant.cwes, own) if own else meant.cwes


def _weaknesses(properties: _Bag | None, taxa: list[RuleReference]) -> list[_Any]:
    found: list[_Any] = []
    for key in ("cwe", "tags"):
        stated = (properties or {}).get(key)
        for value in stated if isinstance(stated, list) else (stated,):
            if isinstance(value, str):
                found += (int(number) for number in _CWE.findall(value))
    for taxon in taxa:
        if isinstance(taxon.id, str) and (match := _CWE.search(taxon.id)):
            found.append(int(match[1]))
        elif taxon.toolComponent and documents.text(taxon.toolComponent.name) == "CWE":
            found.append(taxon.id)
    return found


def _state(item: Item) -> str | None:
    """Suppressions as `suppressed:external:accepted`; a rejected one has no effect but is said all the same."""
    states = []
    for suppression in item.suppressions or ():
        status = documents.text(suppression.status) or documents.text(suppression.state)
        states.append(":".join(filter(None, ("suppressed", documents.text(suppression.kind), status))))
    return ",".join(states) or None
