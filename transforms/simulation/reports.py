"""Scanner reports in the scanners' own formats. One function a scanner: sightings of one scan → the bytes of its report."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import msgspec

from transforms.domain.instants import iso

#: CVSS 3.1 vectors whose base score lies in the band.
VECTORS = {
    "critical": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "high": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
    "medium": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N",
    "low": "CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N",
}
_SCORES = {"critical": 9.8, "high": 7.5, "medium": 5.4, "low": 2.2}


class Seen(NamedTuple):
    """One result: what was seen where, when, and the scanner's own word for how bad it is. `own_id` may be missing."""

    target: str
    captured_at: int
    word: str
    own_id: str
    fact: dict[str, str]

    @property
    def vector(self) -> str | None:
        return VECTORS.get(self.fact.get("rated", ""))


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _table(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _by_target(seen: Sequence[Seen]) -> list[tuple[str, list[Seen]]]:
    return [(target, list(found)) for target, found in groupby(sorted(seen, key=lambda one: one.target), key=lambda one: one.target)]


# Packages


def trivy(seen: Sequence[Seen]) -> bytes:
    target = seen[0].target
    found = [
        {
            "VulnerabilityID": one.fact["cve"],
            "PkgID": f"{one.fact['package']}@{one.fact['version']}",
            "PkgName": one.fact["package"],
            "InstalledVersion": one.fact["version"],
            "Status": "affected",
            "SeveritySource": "nvd",
            "Title": one.fact["title"],
            "Severity": one.word.upper(),
            **({"CVSS": {"nvd": {"V3Vector": one.vector, "V3Score": _SCORES[one.fact["rated"]]}}} if one.vector else {}),
        }
        for one in seen
    ]
    results = [{"Target": f"{target} (debian 12.5)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found}]
    head = {"SchemaVersion": 2, "CreatedAt": iso(seen[0].captured_at), "ArtifactName": target, "ArtifactType": "container_image"}
    return _json(head | {"Results": results})


def grype(seen: Sequence[Seen]) -> bytes:
    matches = [
        {
            "vulnerability": {
                "id": one.fact["cve"],
                "namespace": "debian:distro:debian:12",
                "severity": one.word.title(),
                "cvss": [{"version": "3.1", "vector": one.vector, "metrics": {"baseScore": _SCORES[one.fact["rated"]]}}]
                if one.vector
                else [],
            },
            "relatedVulnerabilities": [],
            "artifact": {
                "name": one.fact["package"],
                "version": one.fact["version"],
                "type": "deb",
                "locations": [{"path": "/var/lib/dpkg/status"}],
            },
        }
        for one in seen
    ]
    source = {"type": "image", "target": {"userInput": seen[0].target}}
    return _json(
        {"matches": matches, "source": source, "descriptor": {"name": "grype", "version": "0.88.0", "timestamp": iso(seen[0].captured_at)}}
    )


def cyclonedx(seen: Sequence[Seen]) -> bytes:
    packages = sorted({(one.fact["package"], one.fact["version"]) for one in seen})
    components = [{"type": "library", "bom-ref": f"{name}@{version}", "name": name, "version": version} for name, version in packages]
    vulnerabilities = [
        {
            "id": one.fact["cve"],
            "source": {"name": "NVD"},
            "affects": [{"ref": f"{one.fact['package']}@{one.fact['version']}"}],
            "ratings": [{"severity": one.word.lower(), **({"method": "CVSSv31", "vector": one.vector} if one.vector else {})}],
        }
        for one in seen
    ]
    metadata = {"timestamp": iso(seen[0].captured_at), "component": {"type": "container", "bom-ref": "image", "name": seen[0].target}}
    return _json(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": metadata,
            "components": components,
            "vulnerabilities": vulnerabilities,
        }
    )


def inspector(seen: Sequence[Seen]) -> bytes:
    return _asff(seen, "aws/inspector")


def securityhub(seen: Sequence[Seen]) -> bytes:
    return _asff(seen, "aws/securityhub")


def _asff(seen: Sequence[Seen], product: str) -> bytes:
    return _json({"Findings": [_asff_finding(one, product) for one in seen]})


# Prowler's checks, where Security Hub has them and where Prowler itself writes them


def prowler_asff(seen: Sequence[Seen]) -> bytes:
    return _asff([one._replace(fact=one.fact | {"rule": f"prowler-{one.fact['rule']}"}) for one in seen], "prowler/prowler")


def prowler(seen: Sequence[Seen]) -> bytes:
    return _json(
        [
            {
                "metadata": {"event_code": one.fact["rule"], "product": {"name": "Prowler", "vendor_name": "Prowler", "version": "4.2.1"}},
                "finding_info": {"title": one.fact["title"], "uid": one.own_id, "product_uid": "prowler"},
                "resources": [{"uid": one.target, "region": "eu-west-1"}],
                "cloud": {"account": {"uid": one.target.split(":")[4]}, "provider": "aws", "region": "eu-west-1"},
                "severity": one.word.title(),
                "status_code": "FAIL",
                "status_detail": one.fact["title"],
                "time_dt": iso(one.captured_at),
            }
            for one in seen
        ]
    )


def _asff_finding(one: Seen, product: str) -> dict[str, Any]:
    package = [{"Name": one.fact["package"], "Version": one.fact["version"]}] if "package" in one.fact else None
    rating = [{"Version": "3.1", "BaseVector": one.vector, "BaseScore": _SCORES[one.fact["rated"]]}] if one.vector else []
    return {
        "SchemaVersion": "2018-10-08",
        "Id": one.own_id,
        "ProductArn": f"arn:aws:securityhub:eu-west-1::product/{product}",
        "GeneratorId": one.fact["rule"],
        "AwsAccountId": one.target.split(":")[4],
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": iso(one.captured_at),
        "UpdatedAt": iso(one.captured_at),
        "LastObservedAt": iso(one.captured_at),
        "Severity": {"Label": one.word.upper()},
        "Title": one.fact["title"],
        "Description": one.fact["title"],
        "Resources": [{"Type": "Other", "Id": one.target, "Region": "eu-west-1"}],
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
        **({"Vulnerabilities": [{"Id": one.fact["cve"], "VulnerablePackages": package, "Cvss": rating}]} if package else {}),
    }


def github(seen: Sequence[Seen]) -> bytes:
    repositories = {
        f"repository{number}": {"nameWithOwner": target, "vulnerabilityAlerts": {"nodes": [_alert(one) for one in found]}}
        for number, (target, found) in enumerate(_by_target(seen))
    }
    return _json({"data": repositories})


def _alert(one: Seen) -> dict[str, Any]:
    word = {"medium": "MODERATE"}.get(one.word, one.word.upper())
    advisory = {
        "ghsaId": one.fact["ghsa"],
        "summary": one.fact["title"],
        "severity": word,
        "identifiers": [
            {"type": "GHSA", "value": one.fact["ghsa"]},
            *(() if "is_aliased" in one.fact else ({"type": "CVE", "value": one.fact["cve"]},)),
        ],
        **({"cvss": {"score": _SCORES[one.fact["rated"]], "vectorString": one.vector}} if one.vector else {}),
    }
    return {
        "id": one.own_id,
        "createdAt": iso(one.captured_at),
        "state": "OPEN",
        "vulnerableManifestPath": "package-lock.json",
        "vulnerableRequirements": f"= {one.fact['version']}",
        "securityVulnerability": {"severity": word, "package": {"name": one.fact["package"], "ecosystem": "NPM"}, "advisory": advisory},
    }


def snyk(seen: Sequence[Seen]) -> bytes:
    return _json(
        [
            {
                "ok": False,
                "projectName": target,
                "packageManager": "npm",
                "displayTargetFile": "package-lock.json",
                "dependencyCount": 400,
                "vulnerabilities": [_issue(one) for one in found],
            }
            for target, found in _by_target(seen)
        ]
    )


def _issue(one: Seen) -> dict[str, Any]:
    package, version = one.fact["package"], one.fact["version"]
    return {
        "id": f"SNYK-JS-{package.upper()}-{one.fact['cve'][-5:]}",
        "title": one.fact["title"],
        "severity": one.word,
        "packageName": package,
        "version": version,
        "identifiers": {"CVE": [one.fact["cve"]], "GHSA": [] if "is_aliased" in one.fact else [one.fact["ghsa"]], "CWE": []},
        "from": ["app@1.0.0", f"{package}@{version}"],
        **({"CVSSv3": one.vector} if one.vector else {}),
    }


# Hosts


def nessus(seen: Sequence[Seen]) -> bytes:
    return _table(
        [
            {
                "asset.name": one.target,
                "definition.id": one.fact["rule"],
                "definition.name": one.fact["title"],
                "severity": one.word.title(),
                "port": one.fact["port"],
                "protocol": "TCP",
                "output": "version is affected",
                "last_seen": iso(one.captured_at),
                "id": one.own_id,
                "definition.cve": one.fact["cve"],
                "definition.cvss3.base_vector": one.vector or "",
                "state": "ACTIVE",
            }
            for one in seen
        ]
    )


def openvas(seen: Sequence[Seen]) -> bytes:
    ended = iso(seen[0].captured_at)
    hosts = "".join(f"<host><ip>{escape(target)}</ip><end>{ended}</end></host>\n" for target, _ in _by_target(seen))
    results = "".join(
        f"<result><name>{escape(one.fact['title'])}</name><host>{escape(one.target)}</host><port>{one.fact['port']}/tcp</port>"
        f'<nvt oid="1.3.6.1.4.1.25623.1.0.{one.fact["rule"]}"><name>{escape(one.fact["title"])}</name>'
        f'<refs><ref type="cve" id="{one.fact["cve"]}"/></refs>'
        + (f"<severities><severity><value>{one.vector}</value></severity></severities>" if one.vector else "")
        + f"</nvt><threat>{one.word.title()}</threat><severity>{_SCORES[one.word]}</severity></result>\n"
        for one in seen
    )
    inner = f"<report><scan_end>{ended}</scan_end>\n{hosts}<results>\n{results}</results></report>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<report format_id="a994b278-1f62-11e1-96ac-406186ea4fc5">{inner}</report>\n'.encode()


# Web


def pentest(seen: Sequence[Seen]) -> bytes:
    findings = [
        {
            "title": one.fact["title"],
            "severity": one.word.title(),
            "description": f"{one.fact['title']}, found by hand.",
            "date": iso(one.captured_at),
            "unique_id_from_tool": one.own_id,
            "service": one.target,
            "endpoints": [one.fact["url"]],
            "param": one.fact["param"],
            **({"cve": one.fact["cve"]} if "cve" in one.fact else {}),
        }
        for one in seen
    ]
    return _json({"name": "pentest", "type": "pentest", "findings": findings})


def zap(seen: Sequence[Seen]) -> bytes:
    risk = {"high": 3, "medium": 2, "low": 1}
    sites = []
    for target, found in _by_target(seen):
        alerts = "".join(
            f"<alertitem><pluginid>{one.fact['rule']}</pluginid><alertRef>{one.fact['rule']}</alertRef>"
            f"<alert>{escape(one.fact['title'])}</alert>"
            f"<riskcode>{risk[one.word]}</riskcode><confidence>2</confidence><riskdesc>{one.word.title()} (Medium)</riskdesc>"
            f"<instances><instance><uri>{escape(one.fact['url'])}</uri><method>GET</method>"
            f"<param>{escape(one.fact['param'])}</param></instance></instances>"
            + (f"<tags><tag><tag>{one.fact['cve']}</tag><link/></tag></tags>" if "cve" in one.fact else "")
            + "</alertitem>\n"
            for one in found
        )
        site = f"<site name={quoteattr('https://' + target)} host={quoteattr(target)} port='443' ssl='true'>"
        sites.append(f"{site}<alerts>\n{alerts}</alerts></site>\n")
    created = iso(seen[0].captured_at)
    return f'<?xml version="1.0"?>\n<OWASPZAPReport version="2.16.0" created="{created}">\n{"".join(sites)}</OWASPZAPReport>\n'.encode()


# Code


def semgrep(seen: Sequence[Seen]) -> bytes:
    results = [
        {
            "check_id": one.fact["rule"],
            "path": one.fact["file"],
            "start": {"line": int(one.fact["line"]), "col": 5},
            "end": {"line": int(one.fact["line"]) + 2, "col": 9},
            "extra": {
                "message": one.fact["title"],
                "fingerprint": one.own_id or "requires login",
                "is_ignored": False,
                "metadata": {},
                "severity": {"high": "ERROR", "medium": "WARNING", "low": "INFO"}.get(one.word, "CRITICAL"),
            },
        }
        for one in seen
    ]
    return _json({"version": "1.90.0", "results": results, "errors": [], "paths": {"scanned": []}})


def codeql(seen: Sequence[Seen]) -> bytes:
    runs = []
    for target, found in _by_target(seen):
        rules = sorted({one.fact["rule"] for one in found})
        results = [
            {
                "ruleId": one.fact["rule"],
                "message": {"text": one.fact["title"]},
                "properties": {"security-severity": str(_SCORES[one.word])},
                "locations": [
                    {"physicalLocation": {"artifactLocation": {"uri": one.fact["file"]}, "region": {"startLine": int(one.fact["line"])}}}
                ],
                **({"fingerprints": {"handoff/v1": one.own_id}} if one.own_id else {}),
            }
            for one in found
        ]
        runs.append(
            {
                "tool": {"driver": {"name": "CodeQL", "rules": [{"id": rule} for rule in rules]}},
                "invocations": [{"executionSuccessful": True, "endTimeUtc": iso(found[0].captured_at)}],
                "versionControlProvenance": [{"repositoryUri": target}],
                "results": results,
            }
        )
    return _json({"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": runs})


# What else the same scanners write


def semgrep_sarif(seen: Sequence[Seen]) -> bytes:
    return _sarif("Semgrep OSS", seen, [_placed(one, one.fact["rule"], one.fact["title"], one.fact["file"], int(one.fact["line"])) for one in seen])


def trivy_sarif(seen: Sequence[Seen]) -> bytes:
    return _sarif("Trivy", seen, [_placed(one, one.fact["cve"], _trivy_message(one), seen[0].target, 1) for one in seen])


def _trivy_message(one: Seen) -> str:
    cve, fact = one.fact["cve"], one.fact
    head = f"Package: {fact['package']}\nInstalled Version: {fact['version']}\nVulnerability {cve}\nSeverity: {one.word.upper()}\n"
    return f"{head}Fixed Version: \nLink: [{cve}](https://avd.aquasec.com/nvd/{cve.lower()})"


def grype_sarif(seen: Sequence[Seen]) -> bytes:
    place = "var/lib/dpkg/status"
    return _sarif("Grype", seen, [_placed(one, f"{one.fact['cve']}-{one.fact['package']}", _grype_message(one, place), place, 1) for one in seen])


def _grype_message(one: Seen, place: str) -> str:
    package, version = one.fact["package"], one.fact["version"]
    return f"A {one.word} vulnerability in deb package: {package}, version {version} was found in image {one.target} at: /{place}"


def _placed(one: Seen, rule: str, message: str, file: str, line: int) -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}}
    mark = {"fingerprints": {"matchBasedId/v1": one.own_id}} if one.own_id else {}
    return {"ruleId": rule, "level": "warning", "message": {"text": message}, "locations": [place], **mark}


def _sarif(tool: str, seen: Sequence[Seen], results: list[dict[str, Any]]) -> bytes:
    rules = [{"id": rule} for rule in sorted({result["ruleId"] for result in results})]
    ended = [{"executionSuccessful": True, "endTimeUtc": iso(seen[0].captured_at)}]
    run = {"tool": {"driver": {"name": tool, "rules": rules}}, "invocations": ended, "results": results}
    return _json({"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": [run]})


class Format(NamedTuple):
    """How a scanner writes: its function, the file's ending, whether one file holds several targets, what a sidecar has to say."""

    write: Callable[[Sequence[Seen]], bytes]
    ending: str
    has_many_targets: bool = True
    sidecar: tuple[str, ...] = ()
    #: Whether a result has an id of its own that stays.
    has_own_id: bool = True


FORMATS = {
    "trivy": Format(trivy, "json", has_many_targets=False, has_own_id=False),
    "grype": Format(grype, "json", has_many_targets=False, has_own_id=False),
    "cyclonedx": Format(cyclonedx, "cdx.json", has_many_targets=False, has_own_id=False),
    "inspector": Format(inspector, "json"),
    "securityhub": Format(securityhub, "json"),
    "github": Format(github, "json"),
    "snyk": Format(snyk, "json", sidecar=("captured_at",), has_own_id=False),
    "nessus": Format(nessus, "csv"),
    "openvas": Format(openvas, "xml", has_own_id=False),
    "pentest": Format(pentest, "json"),
    "zap": Format(zap, "xml", has_own_id=False),
    "semgrep": Format(semgrep, "json", has_many_targets=False, sidecar=("target", "captured_at")),
    "codeql": Format(codeql, "sarif"),
}

#: By kind of service, what tells the same of it in other shapes: several of one scanner's reports, and scanners that know a thing by one name.
CHANNELS: dict[str, dict[str, Callable[[Sequence[Seen]], bytes]]] = {
    "image": {"trivy": trivy, "trivy_sarif": trivy_sarif, "grype": grype, "grype_sarif": grype_sarif, "cyclonedx": cyclonedx},
    "code": {"semgrep": semgrep, "semgrep_sarif": semgrep_sarif},
    "cloud": {"prowler": prowler, "prowler_asff": prowler_asff},
}
