"""One tool's results in its own report and in SARIF, as the tool's own writer puts them: the same rule at the same place."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from transforms.domain.result import Result, Scan
from transforms.identity import vulnerability_key
from transforms.scanners import formats

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "scans"


def sarif(name, results):
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": name}}, "results": results}]}


def result(rule, path, line, message, snippet=None, **more):
    region = {"startLine": line, **({"snippet": {"text": snippet}} if snippet is not None else {})}
    return {"ruleId": rule, "message": {"text": message}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": path}, "region": region}}], **more}


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


TOOLS = {"bandit": ("Bandit", bandit), "gosec": ("gosec", gosec), "semgrep": ("Semgrep OSS", semgrep)}
REPORTS = [("bandit", "dd2.json"), ("gosec", "many_vulns.json"), ("semgrep", "fingerprint_test.json"), ("semgrep", "close_old_findings_report_line31.json")]


def said(format, document):
    rows = [row for row in formats()[format].parse(json.dumps(document).encode(), Scan(target="x")) if isinstance(row, Result)]
    scanner = formats()[format].SCANNER
    return [(vulnerability_key(row.vulnerability_ids, row.scanner or scanner, row.rule), row.location) for row in rows]


@pytest.mark.parametrize(("format", "name"), REPORTS)
def test_both_reports_say_the_same_rule_at_the_same_place(format, name):
    report = json.loads(gzip.decompress((GOLDEN / format / f"{name}.gz").read_bytes()))
    tool, writer = TOOLS[format]
    own = said(format, report)
    assert own and said("sarif", sarif(tool, list(writer(report)))) == own
