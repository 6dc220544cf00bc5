"""One tool's results in its own report and in SARIF, as the tool's own writer puts them: the same rule at the same place."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from transforms.domain.location import package
from transforms.domain.result import Result, Scan
from transforms.identity import known_aliases, vulnerability_key
from transforms.scanners import formats

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "scans"


def sarif(name, results):
    """`aliases` of a result are its rule's: SARIF calls them the ids that the rule had before."""
    rules = {found["ruleId"]: {"id": found["ruleId"], "deprecatedIds": found.pop("aliases", [])} for found in results}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": name, "rules": list(rules.values())}}, "results": results}]}


def result(rule, path, line, message, snippet=None, **more):
    region = {"startLine": line, **({"snippet": {"text": snippet}} if snippet is not None else {})}
    return {
        "ruleId": rule,
        "message": {"text": message},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": path}, "region": region}}],
        **more,
    }


def bandit(report):
    """As Bandit's formatter writes it: the excerpt's line at which the issue begins, with its indentation and end."""
    for issue in report["results"]:
        lines = dict(line.split(" ", 1) for line in issue["code"].split("\n") if " " in line)
        code = lines.get(str(issue["line_number"]))
        yield result(issue["test_id"], issue["filename"], issue["line_number"], issue["issue_text"], code and code + "\n")


def gosec(report):
    """As gosec's writer does: the issue's own lines of its code, each trimmed, without their numbers."""
    for issue in report["Issues"]:
        first, _, last = issue["line"].partition("-")
        own = range(int(first), int(last or first) + 1)
        numbered = {int(line[1]): line[2].strip() for line in re.finditer(r"^(\d+): (.*)$", issue["code"], re.MULTILINE)}
        code = "\n".join(text for number, text in numbered.items() if number in own) if numbered else issue["code"].strip()
        yield result(issue["rule_id"], issue["file"], int(first), issue["details"], code)


def semgrep(report):
    for found in report["results"]:
        mark = {"fingerprints": {"matchBasedId/v1": found["extra"]["fingerprint"]}}
        yield result(found["check_id"], found["path"], found["start"]["line"], found["extra"]["message"], **mark)


def trivy(report):
    for part in report["Results"]:
        for found in part.get("Vulnerabilities", ()):
            id_, version = found["VulnerabilityID"], found["InstalledVersion"]
            head = f"Package: {found['PkgName']}\nInstalled Version: {version}\nVulnerability {id_}\n"
            message = f"{head}Severity: {found['Severity']}\nFixed Version: \nLink: [{id_}]()"
            yield result(id_, part["Target"], 1, message)


def grype(report):
    """As it was written until 2023; a Java package has no group there."""
    for match in report["matches"]:
        kind, name, version = (match["artifact"][member] for member in ("type", "name", "version"))
        path = match["artifact"]["locations"][0]["path"]
        message = f"The path {path} reports {name} at version {version}  which is a vulnerable ({kind}) package installed in the container"
        yield result(f"{match['vulnerability']['id']}-{name}", path, 1, message)


def osv(report):
    for source in report["results"]:
        for entry in source["packages"]:
            if not entry["package"].get("version"):  # a commit, which a message cannot name
                continue
            for found in entry["vulnerabilities"]:
                name = f"{entry['package']['name']}@{entry['package']['version']}"
                message = f"Package '{name}' is vulnerable to '{found['id']}'."
                yield result(found["id"], source["source"]["path"], 1, message, aliases=found.get("aliases", []))


TOOLS = {
    "bandit": ("Bandit", bandit),
    "gosec": ("gosec", gosec),
    "semgrep": ("Semgrep OSS", semgrep),
    "trivy": ("Trivy", trivy),
    "grype": ("Grype", grype),
    "osv_scanner": ("osv-scanner", osv),
}
REPORTS = [
    ("bandit", "dd2.json"),
    ("gosec", "many_vulns.json"),
    ("semgrep", "fingerprint_test.json"),
    ("semgrep", "close_old_findings_report_line31.json"),
    ("trivy", "all_statuses.json"),
    ("trivy", "severity_prio.json"),
    ("grype", "many_vulns4.json"),
    ("osv_scanner", "some_findings.json"),
    ("osv_scanner", "many_findings.json"),
]


def said(format, document):
    content = json.dumps(document).encode()
    return [row for row in formats()[format].parse(content, Scan(target="x")) if isinstance(row, Result)]


@pytest.mark.parametrize(("format", "name"), REPORTS)
def test_both_reports_say_the_same_rule_at_the_same_place(format, name):
    report = json.loads(gzip.decompress((GOLDEN / format / f"{name}.gz").read_bytes()))
    tool, writer = TOOLS[format]
    own, other = said(format, report), said("sarif", sarif(tool, list(writer(report))))
    own = [row for row in own if row.component_version or row.location.kind == "code"]
    aliases = known_aliases([], [row.vulnerability_ids for row in own])

    def keys(rows):
        return [
            (vulnerability_key(row.vulnerability_ids, row.scanner or formats()[format].SCANNER, row.rule, aliases), row.location)
            for row in rows
        ]

    assert own and keys(other) == keys(own)


def test_a_java_package_of_grype_has_its_group_from_the_rules_url_and_ids_of_any_database_are_ids():
    message = "A high vulnerability in java-archive package: log4j-core, version 2.14.1 was found in image shop:1 at: /app.jar"
    document = sarif("Grype", [result("ELSA-2021-1-log4j-core", "app.jar", 1, message)])
    document["runs"][0]["tool"]["driver"]["rules"][0]["properties"] = {"purls": ["pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"]}
    (row,) = said("sarif", document)
    assert (row.location, row.component_version, row.vulnerability_ids) == (
        package("org.apache.logging.log4j:log4j-core"),
        "2.14.1",
        ("ELSA-2021-1",),
    )


@pytest.mark.parametrize("tool", ["Trivy", "CodeQL"])
def test_another_wording_or_tool_is_of_its_file(tool):
    message = "Package: x\nInstalled Version: 1\nVulnerability CVE-2021-1\n" if tool == "CodeQL" else "Package: x"
    (row,) = said("sarif", sarif(tool, [result("CVE-2021-1", "a.lock", 1, message)]))
    assert (row.location.kind, row.component_name) == ("code", None)
