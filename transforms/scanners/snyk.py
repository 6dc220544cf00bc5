"""Snyk's JSON report (`snyk test --json`, `snyk container test --json`, `snyk iac test --json`).

One project as an object, several as a list; a container has the projects inside its image under `applications`, which are
read too. A project that could not be tested stands among the others as `{"ok": false, "error": …}`: one rejected row. Snyk
Code writes SARIF. `filtered` holds what a policy leaves out: no results.

An issue is repeated for every path of dependencies that leads to it, and each is a result: the path (`from`), with id,
package, version, project and manifest, tells it from the others. The location is the package, so that the paths are one place.
A configuration issue is told by its id, file, line and the path inside the document.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "snyk"
TITLE = "Snyk (JSON)"
SCANNER = "snyk"
CALIBRATION: dict[str, str] = {}  # Snyk's own words are the policy's

_IMAGE = "docker-image|"
_PROJECT = {"packageManager", "projectName", "dependencyCount", "uniqueCount", "displayTargetFile", "licensesPolicy"}
#: Kinds of identifiers that are no vulnerability: weaknesses, and the bare numbers of npm's closed database.
_NO_IDS = ("CWE", "NSP")

_Any = object


class Score(msgspec.Struct, gc=False):
    type: _Any = None
    vector: _Any = None
    cvssV3Vector: _Any = None


class Epss(msgspec.Struct, gc=False):
    probability: _Any = None


class Exploit(msgspec.Struct, gc=False):
    sources: list[_Any] | None = None


class Issue(msgspec.Struct, gc=False):
    """A vulnerability or a licence issue of a package."""

    id: _Any = None
    title: _Any = None
    type: _Any = None
    severity: _Any = None
    severityWithCritical: _Any = None
    cvssScore: _Any = None
    CVSSv3: _Any = None
    CVSSv4: _Any = None
    cvssSources: list[Score] | None = None
    cvssDetails: list[Score] | None = None
    epssDetails: Epss | None = None
    exploitDetails: Exploit | None = None
    identifiers: dict[str, _Any] | None = None
    packageName: _Any = None
    moduleName: _Any = None
    version: _Any = None
    isDisputed: _Any = None
    isIgnored: _Any = None
    path: list[_Any] | None = msgspec.field(name="from", default=None)


class Configuration(msgspec.Struct, gc=False):
    """An issue of infrastructure as code."""

    id: _Any = None
    publicId: _Any = None
    title: _Any = None
    severity: _Any = None
    lineNumber: _Any = None
    path: list[_Any] | None = None
    isIgnored: _Any = None


class Project(msgspec.Struct):
    projectName: _Any = None
    displayTargetFile: _Any = None
    targetFile: _Any = None
    error: _Any = None
    docker: _Any = None
    vulnerabilities: list[msgspec.Raw] | None = None
    infrastructureAsCodeIssues: list[msgspec.Raw] | None = None
    applications: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_project = msgspec.json.Decoder(Project)
_issue = msgspec.json.Decoder(Issue)
_configuration = msgspec.json.Decoder(Configuration)


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if "infrastructureAsCodeIssues" in keys:
        return True
    if "vulnerabilities" in keys:
        # CycloneDX and GitLab have a list of this name too, and fields of their own.
        return bool(_PROJECT & keys) and "bomFormat" not in keys and "scan" not in keys
    return head.is_json_list and {"ok", "error", "path"} <= keys


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    if content.removeprefix(BOM).lstrip()[:1] == b"[":
        for pointer, raw, project in documents.items(documents.decode(_list, content, "a list of Snyk projects"), _project, ""):
            yield from _results(pointer, raw, project)
    else:
        project = documents.decode(_project, content, "a Snyk project")
        yield from _results("", msgspec.Raw(content), project)


def _results(pointer: str, raw: msgspec.Raw, project: Project | Reject, image: str | None = None) -> Iterator[Result | Reject]:
    if isinstance(project, Reject):
        yield project
        return
    if project.vulnerabilities is None and project.infrastructureAsCodeIssues is None:
        yield documents.reject(pointer, "not_scanned", documents.text(project.error) or "neither results nor an error", raw)
        return
    name = documents.text(project.projectName)
    if name and name.startswith(_IMAGE):
        image = name = name.removeprefix(_IMAGE)
    # What is inside an image belongs to the image: that is what is deployed and owned.
    yield from _issues(pointer, project, image or name)
    yield from _configurations(pointer, project, image or name)
    for where, inner_raw, inner in documents.items(project.applications, _project, f"{pointer}/applications"):
        yield from _results(where, inner_raw, inner, image or name)


def _issues(pointer: str, project: Project, target: str | None) -> Iterator[Result | Reject]:
    manifest = documents.text(project.displayTargetFile) or documents.text(project.targetFile)
    # On Windows the manifest has backslashes; a file's owner is found by its path in the repository.
    manifest = manifest.replace("\\", "/") if manifest else None
    name = documents.text(project.projectName)
    for where, raw, item in documents.items(project.vulnerabilities, _issue, f"{pointer}/vulnerabilities"):
        if isinstance(item, Reject):
            yield item
            continue
        identifier, package = documents.text(item.id), documents.text(item.packageName) or documents.text(item.moduleName)
        if identifier is None or package is None:
            yield documents.missing(where, "id" if identifier is None else "package", raw)
            continue
        version, title = documents.text(item.version), documents.text(item.title)
        is_license = item.type == "license"
        path = tuple(text for step in item.path or () if (text := documents.text(step)))
        identifiers = item.identifiers or {}
        known = [identifiers.get("CVE"), identifiers.get("GHSA"), *(found for kind, found in identifiers.items() if kind not in _NO_IDS)]
        yield Result(
            pointer=where,
            title=documents.one_line(title) if title else f"{identifier} in {package}",
            identity=(identifier, package, version, name, manifest, path),
            # Before `critical` was a severity of its own, it stood in a field beside the old one.
            severity=documents.text(item.severityWithCritical) or documents.text(item.severity),
            score=documents.score(item.cvssScore),
            cvss_vectors=_vectors(item),
            rule=identifier,
            vulnerability_ids=() if is_license else documents.ids(*known, identifier),
            cwes=cwe_numbers(identifiers.get("CWE")),
            known_exploited="CISA" in ((item.exploitDetails.sources if item.exploitDetails else None) or ()),
            epss=probability(item.epssDetails.probability) if item.epssDetails else None,
            component_name=package,
            component_version=version,
            file_path=manifest,
            location=location.package(package),
            target=target,
            source_state=",".join(word for word, flag in (("disputed", item.isDisputed), ("ignored", item.isIgnored)) if flag is True)
            or None,
        )


def _vectors(item: Issue) -> tuple[str, ...]:
    """Snyk's own first: the sources that it calls primary, the top-level ones, then other sources."""
    sources = item.cvssSources or []
    primary = [source.vector for source in sources if source.type == "primary"]
    others = [source.vector for source in sources if source.type != "primary"] + [detail.cvssV3Vector for detail in item.cvssDetails or ()]
    return vectors(*(documents.text(vector) for vector in (*primary, item.CVSSv4, item.CVSSv3, *others)))


def _configurations(pointer: str, project: Project, target: str | None) -> Iterator[Result | Reject]:
    file = documents.text(project.targetFile) or documents.text(project.displayTargetFile) or ""
    for where, raw, item in documents.items(project.infrastructureAsCodeIssues, _configuration, f"{pointer}/infrastructureAsCodeIssues"):
        if isinstance(item, Reject):
            yield item
            continue
        rule = documents.text(item.publicId) or documents.text(item.id)
        if rule is None:
            yield documents.missing(where, "id", raw)
            continue
        title, line = documents.text(item.title), documents.line(item.lineNumber)
        # The path inside the document names the setting itself, which a line number only points at.
        setting = ".".join(text for step in item.path or () if (text := documents.text(step)))
        yield Result(
            pointer=where,
            title=documents.one_line(title) if title else rule,
            identity=(rule, file, line, setting, documents.text(project.projectName)),
            severity=documents.text(item.severity),
            rule=rule,
            file_path=file or None,
            line=line,
            location=location.code(file, f"{rule}:{setting}"),
            target=target,
            source_state="ignored" if item.isIgnored is True else None,
        )
