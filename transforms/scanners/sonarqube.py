"""SonarQube and SonarCloud: the Web API's issues (`api/issues/search`) and hotspots (`api/hotspots/search`), and what `sonar-report` makes
of them (JSON and HTML; the tool once of Sopra Steria).

One result is one issue or one hotspot, of whatever type the export holds: `types=VULNERABILITY` in the query leaves bugs and code smells
out. `key` is Sonar's own id of an issue: Sonar moves it with the code from analysis to analysis, so it anchors the issue in its file; where
a report has none (older HTML), rule and ordinal stand for it. An issue that is `CLOSED` was not found by the last analysis and yields
nothing; other states and resolutions (false positive, won't fix, safe) are evidence only.

Sonar's five words are one step apart from the policy's: BLOCKER is critical, CRITICAL high, MAJOR medium, MINOR low, INFO informational. A
hotspot has a probability (HIGH, MEDIUM, LOW) in their place. CWE numbers stand in the rule's text, which only `sonar-report` has.

The OWASP Dependency-Check plugin writes one issue a vulnerability and file, with the facts in the message: such a result is of a package.
`sonar-report` states the day it was made; the API no time at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.html import Node, parse_html
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "sonarqube"
TITLE = "SonarQube and SonarCloud (API JSON; sonar-report JSON and HTML)"
SCANNER = "sonarqube"
CALIBRATION: dict[str, str] = {
    "blocker": "critical",
    "critical": "high",
    "major": "medium",
    "minor": "low",
    "info": "informational",
}

_TITLE = re.compile(rb"<title>[^<]{0,100}Sonar[^<]{0,100}Report", re.IGNORECASE)
_HEAD_LIMIT = 65_536
_CWE = re.compile(r"(?:\bCWE-|cwe\.mitre\.org/data/definitions/)(\d{1,6})\b")
_DAY = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* (\d{1,2}),? (\d{4})\b")
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
#: Dependency-Check's message: `Filename: a.jar | Reference: CVE-… | CVSS Score: 7.5 | Category: CWE-502 | …`.
_DEPENDENCY = re.compile(r"Filename: (?P<file>[^|]+?) \| References?: (?P<ids>[^|]+?) \|")
_MESSAGE_LIMIT = 4_000
_CVSS = re.compile(r"CVSS Score: (\d{1,2}(?:\.\d)?)")
_NO_STATE = frozenset(("", "open", "confirmed", "reopened", "to_review"))

_Any = object


class Impact(msgspec.Struct, gc=False):
    softwareQuality: _Any = None
    severity: _Any = None


class Issue(msgspec.Struct, gc=False):
    """An issue or a hotspot of either source."""

    key: _Any = None
    rule: _Any = None
    ruleKey: _Any = None
    severity: _Any = None
    vulnerabilityProbability: _Any = None
    component: _Any = None
    project: _Any = None
    line: _Any = None
    message: _Any = None
    description: _Any = None
    status: _Any = None
    issueStatus: _Any = None
    resolution: _Any = None
    impacts: list[Impact] | None = None


class Component(msgspec.Struct, gc=False):
    key: _Any = None
    path: _Any = None


class Rule(msgspec.Struct, gc=False):
    htmlDesc: _Any = None


class Report(msgspec.Struct):
    issues: list[msgspec.Raw] | None = None
    hotspots: list[msgspec.Raw] | None = None
    components: list[msgspec.Raw] | None = None
    rules: msgspec.Raw = msgspec.Raw(b"")  # by key in sonar-report, a list without texts in the API
    date: _Any = None
    projectName: _Any = None


_report = msgspec.json.Decoder(Report)
_issue = msgspec.json.Decoder(Issue)
_component = msgspec.json.Decoder(Component)
_rules = msgspec.json.Decoder(dict[str, Rule])


def recognise(head: Head) -> bool:
    if head.xml_root:
        return head.xml_root.lower() == "html" and bool(_TITLE.search(head.content[:_HEAD_LIMIT]))
    if not head.is_json_object:
        return False
    keys = head.json.keys()
    if "issues" in keys and {"sonarBaseURL", "sonarComponent", "hotspotKeys"} & keys:
        return True
    if "paging" not in keys or "components" not in keys:
        return False
    if "hotspots" in keys:
        item = head.item_keys("hotspots")
        return not item or {"vulnerabilityProbability", "component"} <= item
    item = head.item_keys("issues")
    return "issues" in keys and (not item or {"rule", "component", "key"} <= item)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] == b"<":
        yield from _parse_html(content, scan)
    else:
        yield from _parse_json(content, scan)


def _parse_json(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `issues` or `hotspots`")
    if report.issues is None and report.hotspots is None:
        raise FileRejected("malformed", seen="neither `issues` nor `hotspots`", expected="one of them, a list")
    paths = {
        key: path
        for _, _, component in documents.items(report.components, _component, "/components")
        if isinstance(component, Component) and (key := documents.text(component.key)) and (path := documents.text(component.path))
    }
    found: list[tuple[str, Issue, msgspec.Raw]] = []
    for name, raws in (("issues", report.issues), ("hotspots", report.hotspots)):
        for pointer, raw, issue in documents.items(raws, _issue, f"/{name}"):
            if isinstance(issue, Reject):
                yield issue
            elif not _is_closed(issue):
                found.append((pointer, issue, raw))
    yield from _results(found, paths, _texts(report.rules), documents.text(report.projectName), _day(documents.text(report.date), scan))


def _is_closed(issue: Issue) -> bool:
    status = documents.text(issue.status)
    return status == "CLOSED" or (status is None and issue.issueStatus == "FIXED")


def _texts(raw: msgspec.Raw) -> dict[str, tuple[int, ...]]:
    """The CWE numbers of each rule whose text the report has."""
    try:
        rules = _rules.decode(raw) if bytes(raw).startswith(b"{") else {}
    except documents.UNREADABLE:
        return {}  # the texts are an extra
    return {key: _weaknesses(documents.text(rule.htmlDesc)) for key, rule in rules.items()}


def _weaknesses(text: str | None) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for found in _CWE.findall(text or "") if (number := int(found))))


def _day(text: str | None, scan: Scan) -> Stamp | None:
    """`Thursday, Jan 18, 2024`, `Sat Aug 31 2019`: a day, and not its midnight."""
    found = _DAY.search(text or "")
    return scan.stamp(f"{found[3]}-{_MONTHS.index(found[1]) // 3 + 1:02d}-{int(found[2]):02d}") if found else None


def _results(
    issues: list[tuple[str, Issue, msgspec.Raw]],
    paths: dict[str, str],
    cwes: dict[str, tuple[int, ...]],
    project: str | None,
    captured: Stamp | None,
) -> Iterator[Result | Reject]:
    places: list[Place] = []
    for _, issue, _ in issues:
        within = (documents.text(issue.component) or "", documents.text(issue.rule) or documents.text(issue.ruleKey) or "")
        places.append(Place(within, (documents.line(issue.line) or 0, 0, documents.text(issue.message) or "")))
    ranks = ordinals(places)
    for (pointer, issue, raw), place in zip(issues, places, strict=True):
        component, rule = place.within
        title = documents.text(issue.message) or documents.text(issue.description)
        if not rule or title is None:
            yield documents.missing(pointer, "message" if rule else "rule", raw)
            continue
        owner = documents.text(issue.project)
        path = _path(component, owner, paths)
        key = documents.text(issue.key)
        dependency = _DEPENDENCY.search(title[:_MESSAGE_LIMIT])
        score = _CVSS.search(title) if dependency else None
        if dependency:
            where = location.package(dependency["file"])
        else:
            where = location.code(path, key or anchor(rule, ranks[place])) if path else location.NOWHERE
        yield Result(
            pointer=pointer,
            title=documents.one_line(title),
            identity=(key, rule, component, title) if key else (rule, component, title, ranks[place]),
            severity=_severity(issue),
            score=documents.score(score[1]) if score else None,
            rule=rule,
            vulnerability_ids=documents.ids_within(dependency["ids"]) if dependency else (),
            cwes=_weaknesses(title) if dependency else cwes.get(rule, ()),
            component_name=dependency["file"] if dependency else None,
            file_path=path,
            line=documents.line(issue.line),
            location=where,
            target=owner or project,
            captured=captured,
            own_id=key,
            source_state=_state(issue),
        )


def _path(component: str, project: str | None, paths: dict[str, str]) -> str | None:
    """The file of a component's key (`project:src/a.py`); None for the project itself."""
    if component in paths:
        return paths[component]
    if project and component == project:
        return None
    return (component.removeprefix(f"{project}:") if project else component) or None


def _severity(issue: Issue) -> str | None:
    """The issue's own word; where newer servers leave it out, that of its impact on security, else of its first impact."""
    if word := documents.text(issue.severity) or documents.text(issue.vulnerabilityProbability):
        return word
    impacts = sorted(issue.impacts or (), key=lambda impact: impact.softwareQuality != "SECURITY")
    return documents.text(impacts[0].severity) if impacts else None


def _state(issue: Issue) -> str | None:
    words = (documents.text(issue.status) or documents.text(issue.issueStatus), documents.text(issue.resolution))
    found = ":".join(word.lower() for word in words if word)
    return found if found not in _NO_STATE else None


# HTML -----------------------------------------------------------------------------------------------------------------------------


def _parse_html(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    document = parse_html(content)
    facts = _facts(document)
    issues: list[tuple[str, Issue, msgspec.Raw]] = []
    cwes: dict[str, tuple[int, ...]] = {}
    is_found = False
    for table in document.walk("table"):
        names = [cell.text.lower() for cell in table.walk("th")]
        if {"rule", "severity", "component"} <= set(names):
            is_found = True
            for cells in _rows(table):
                row = dict(zip(names, (cell.text or None for cell in cells), strict=False))
                fields = {name: row.get(name) for name in ("key", "rule", "severity", "component", "line", "message", "description", "status")}
                # The cells as JSON stand for the raw text that a rejected row shows.
                issues.append((f"issue {len(issues) + 1}", Issue(**fields), msgspec.Raw(msgspec.json.encode(row))))
        elif names[:2] == ["rule", "description"]:
            cwes.update((cells[0].text, _weaknesses(cells[1].text)) for cells in _rows(table) if len(cells) > 1)
    if not is_found:
        raise FileRejected("malformed", seen="no table with the columns Rule, Severity, Component", expected="a report of sonar-report")
    project = facts.get("Project Name") or facts.get("Application")
    yield from _results(issues, {}, cwes, project, _day(facts.get("Report Generated On"), scan))


def _rows(table: Node) -> Iterator[list[Node]]:
    """The cells of the table's own rows: the texts of rules have tables too."""
    for body in [table, *(part for part in table.elements if part.tag == "tbody")]:
        for row in body.elements:
            cells = [cell for cell in row.elements if cell.tag == "td"] if row.tag == "tr" else []
            if cells:
                yield cells


def _facts(document: Node) -> dict[str, str]:
    """The definition list at the top: `Project Name`, `Report Generated On`."""
    names = [node.text for node in document.walk("dt")]
    return dict(zip(names, (node.text for node in document.walk("dd")), strict=False))
