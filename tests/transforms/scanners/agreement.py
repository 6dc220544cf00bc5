"""How far our scanner modules agree with a peer's parsers over the golden reports, and why where they do not.

python tests/transforms/scanners/agreement.py                  what disagrees now, as rows for differences.yaml
python tests/transforms/scanners/agreement.py --write          writes docs/scanners_agreement.md
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from transforms.domain import location
from transforms.domain.errors import FileRejected
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "scans"
PAGE = ROOT / "docs" / "scanners_agreement.md"
ASPECTS = ("count", "severity", "vulnerability_ids", "components", "hosts", "file_paths")
BANDS = ("critical", "high", "medium", "low", "unrated", "informational")
#: The policy's default table for every scanner (ruling 23).
EVERYWHERE = {band: band for band in BANDS[:4]} | dict.fromkeys(("info", "informational", "none"), "informational")
REJECTED = "rejected"


@dataclass(frozen=True, eq=False)
class Report:
    format: str
    name: str
    content: bytes
    #: The peer's row of golden figures; for a report without a peer None.
    peer: dict | None
    #: What a person counted in the report, where no peer reads it: `count`, `severity`, `vulnerability_ids` and more of `ASPECTS`.
    counted: dict | None = None


@dataclass(frozen=True)
class Measured:
    """What is compared of one report."""

    count: int
    severity: dict[str, int]
    vulnerability_ids: frozenset[str]
    components: int
    hosts: int
    file_paths: int


@cache
def reports() -> tuple[Report, ...]:
    return tuple(report for folder in sorted(path for path in GOLDEN.iterdir() if path.is_dir()) for report in _of(folder))


def _of(folder: Path) -> Iterator[Report]:
    if (folder / "expected.yaml").exists():
        for name, counted in sorted(yaml.safe_load((folder / "expected.yaml").read_text()).items()):
            yield Report(folder.name, name, _content(folder, name), None, counted)
    if not (folder / "peer.jsonl").exists():
        return
    rows = [json.loads(line) for line in (folder / "peer.jsonl").read_text().splitlines()]
    for row in sorted(rows, key=lambda row: row["file"]):
        name = Path(row["file"]).name
        yield Report(folder.name, name, _content(folder, name), row)


def _content(folder: Path, name: str) -> bytes:
    return gzip.decompress((folder / f"{name}.gz").read_bytes())


def band(format: str, result: Result) -> str:
    """The band of the native term, else of the score."""
    if result.severity is not None:
        term = result.severity.strip().lower()
        return formats()[format].CALIBRATION.get(term) or EVERYWHERE.get(term, "unrated")
    if result.score is None:
        return "unrated"
    return next(
        (name for name, least in (("critical", 9), ("high", 7), ("medium", 4)) if result.score >= least),
        "low" if result.score else "informational",
    )


def _semgrep(report: Report, result: Result) -> Hashable:
    return result.title if report.content.find(b'"vulns"') >= 0 else result.rule, result.file_path, result.line


def _nessus(report: Report, result: Result) -> Hashable:
    key = band(report.format, result), result.title
    return key if report.content.lstrip()[:1] == b"<" else (*key, result.target, result.location)


def _nuclei(report: Report, result: Result) -> Hashable:
    return result.rule, result.identity[3], result.target  # template and matcher, type, host


def _zap(report: Report, result: Result) -> Hashable:
    return result.pointer.split("/instances")[0]


def _gitlab(report: Report, result: Result) -> Hashable:
    # The id, else what GitLab compared results by; what is in an image is not merged.
    return (None if result.target else result.own_id or result.identity[-1]) or result.pointer


def _generic(report: Report, result: Result) -> Hashable:
    if report.content.lstrip()[:1] == b"{":
        return result.pointer  # an item's endpoints are one finding there
    return result.severity, result.title, result.identity[1]  # a CSV's rows of equal severity, title and description are one


def _qualys(report: Report, result: Result) -> Hashable:
    if report.content.startswith(b'"IP","HOSTNAME"'):
        return result.title, result.severity  # a PCI report's rows of one QID are one finding on several endpoints
    return result.pointer


def _jfrog_xray(report: Report, result: Result) -> Hashable:
    return result.pointer.split("/impact_path")[0]  # an issue is one finding there, whatever brings it


def _npm_audit(report: Report, result: Result) -> Hashable:
    return result.component_name, result.rule if result.pointer.startswith("/advisories") else None  # npm 7: a package is one finding there


#: The peer's own merge of rows within one file where it is no list of columns; such a list stands in the format's golden.yaml.
MERGES: dict[str, Callable[[Report, Result], Hashable]] = {
    "generic": _generic,
    "gitlab": _gitlab,
    "jfrog_xray": _jfrog_xray,
    "nessus": _nessus,
    "npm_audit": _npm_audit,
    "nuclei": _nuclei,
    "qualys": _qualys,
    "semgrep": _semgrep,
    "zap": _zap,
}


@cache
def golden(format: str) -> dict:
    """What golden.yaml says of the format's reports: `merge`, the columns that the peer merges rows by, and `items`, where a report's items are."""
    path = GOLDEN / format / "golden.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def merge_key(report: Report, number: int, result: Result) -> Hashable:
    """What results of one report share that are one finding to the peer."""
    if report.format in MERGES:
        return MERGES[report.format](report, result)
    columns = golden(report.format).get("merge")
    return tuple(band(report.format, result) if name == "band" else getattr(result, name) for name in columns) if columns else number


@cache
def parsed(report: Report) -> tuple[Result | Reject, ...] | None:
    """Our results and rejects; None where the file is rejected."""
    try:
        return tuple(formats()[report.format].parse(report.content, Scan()))
    except FileRejected:
        return None


def ours(report: Report) -> Measured | None:
    rows = parsed(report)
    if rows is None:
        return None
    results = [row for row in rows if isinstance(row, Result)]
    groups: dict[Hashable, Result] = {}
    for number, result in enumerate(results):
        groups.setdefault(merge_key(report, number, result), result)
    return Measured(
        len(groups),
        _in_order(Counter(band(report.format, result) for result in groups.values())),
        frozenset(id for result in results for id in result.vulnerability_ids),
        len({(result.component_name, result.component_version) for result in results if result.component_name}),
        len({host for result in results if (host := _host(result))}),
        len({result.file_path for result in results if result.file_path}),
    )


def _in_order(severity: dict[str, int]) -> dict[str, int]:
    return {name: severity[name] for name in BANDS if severity.get(name)}


def _host(result: Result) -> str | None:
    if result.endpoint:
        return location.parse_endpoint(result.endpoint).host
    return result.location.key.partition("|")[0] if result.location.kind == "host" else None


def peers(report: Report) -> Measured | None:
    row = report.peer
    if row is None or row["parser"] != "ok":
        return None
    severity = _in_order({EVERYWHERE[word.lower()]: count for word, count in row["severity"].items()})
    ids = frozenset(id.upper() for finding in _findings(report.format) if finding["file"] == row["file"] for id in finding["vuln_ids"])
    return Measured(row["n_findings"], severity, ids, row["n_components"], row["n_hosts"], row["n_file_paths"])


@cache
def _findings(format: str) -> tuple[dict, ...]:
    text = gzip.decompress((GOLDEN / format / "peer_findings.jsonl.gz").read_bytes()).decode()
    return tuple(json.loads(line) for line in text.splitlines())


def disagreements(report: Report) -> dict[str, tuple[object, object]]:
    """Aspect → what the peer, or who counted, has and what we have, for every aspect where they are not equal."""
    if report.counted is not None:
        return _miscounted(report.counted, ours(report))
    theirs, mine = peers(report), ours(report)
    if theirs is None or mine is None:
        return {} if theirs is mine else {"count": (theirs.count if theirs else REJECTED, mine.count if mine else REJECTED)}
    return {aspect: _shown(aspect, theirs, mine) for aspect in ASPECTS if getattr(theirs, aspect) != getattr(mine, aspect)}


def _miscounted(counted: dict, mine: Measured | None) -> dict[str, tuple[object, object]]:
    if mine is None:
        return {} if counted["count"] == REJECTED else {"count": (counted["count"], REJECTED)}
    found = {aspect: getattr(mine, aspect) for aspect in counted}
    found["vulnerability_ids"] = sorted(mine.vulnerability_ids)
    return {aspect: (wanted, found[aspect]) for aspect, wanted in counted.items() if wanted != found[aspect]}


def _shown(aspect: str, theirs: Measured, mine: Measured) -> tuple[object, object]:
    if aspect == "vulnerability_ids":
        a, b = theirs.vulnerability_ids, mine.vulnerability_ids
        return _ids(a, a - b), _ids(b, b - a)
    return getattr(theirs, aspect), getattr(mine, aspect)


def _ids(all: frozenset[str], alone: frozenset[str]) -> str:
    if not alone:
        return f"{len(all)}, none that the other lacks"
    return f"{len(all)}, alone with {', '.join(map(repr, sorted(alone))) if len(alone) <= 3 else f'{len(alone)} of them'}"


def listed(format: str) -> list[dict]:
    path = GOLDEN / format / "differences.yaml"
    return (yaml.safe_load(path.read_text()) or []) if path.exists() else []


def render() -> str:
    """The page docs/scanners_agreement.md."""
    lines = [
        "# Agreement with a peer's parsers",
        "",
        "Written by `python tests/transforms/scanners/agreement.py --write`; do not edit. The reports are real ones",
        "(`tests/golden/scans/README.md`), the peer is DefectDojo at commit 7cfa159a. Its figures are a check, not the truth:",
        "every disagreement is listed below with its reason, and the tests fail on one that",
        "is not. Findings are counted after the peer's own merge of rows within a file; `results` are the rows that we keep.",
        "",
        "Severities: share of the peer's findings that we have too, counted band by band. Ids: share of the peer's vulnerability ids that we have",
        "too. Components (name and version), hosts and paths: files with the same number.",
        "",
        "| format | files | peer's findings | ours | results | rejected rows | severities | ids | components | hosts | paths |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    of_peer = [report for report in reports() if report.peer is not None]
    for format in dict.fromkeys(report.format for report in of_peer):
        lines.append(_row(format, [report for report in of_peer if report.format == format]))
    lines += ["", "## Deliberate differences", "", "| format | file | what | peer | ours | reason |", "|---|---|---|---|---|---|"]
    for format in dict.fromkeys(report.format for report in of_peer):
        for row in sorted(listed(format), key=lambda row: (row["file"], ASPECTS.index(row["what"]))):
            cells = (
                format,
                row["file"],
                row["what"].replace("_", " "),
                _text(row["peer"]),
                _text(row["ours"]),
                " ".join(row["reason"].split()),
            )
            lines.append(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _row(format: str, of: list[Report]) -> str:
    pairs = [(theirs, mine) for report in of if (theirs := peers(report)) and (mine := ours(report))]
    rows = [row for report in of for row in parsed(report) or ()]
    rejects = sum(isinstance(row, Reject) for row in rows)
    same = sum(min(theirs.severity.get(name, 0), mine.severity.get(name, 0)) for theirs, mine in pairs for name in BANDS)
    known = sum(len(theirs.vulnerability_ids & mine.vulnerability_ids) for theirs, mine in pairs)
    cells = [
        format,
        len(of),
        sum(theirs.count for theirs, _ in pairs),
        sum(mine.count for _, mine in pairs),
        len(rows) - rejects,
        rejects,
        _share(same, sum(theirs.count for theirs, _ in pairs)),
        _share(known, sum(len(theirs.vulnerability_ids) for theirs, _ in pairs)),
        *(f"{sum(getattr(theirs, aspect) == getattr(mine, aspect) for theirs, mine in pairs)} of {len(pairs)}" for aspect in ASPECTS[3:]),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {value[name]}" for name in BANDS if value.get(name))
    return str(value)


def _main(arguments: list[str]) -> None:
    if arguments == ["--write"]:
        PAGE.write_text(render())
        return
    for format in dict.fromkeys(report.format for report in reports()):
        known = {(row["file"], row["what"]): row for row in listed(format)}
        rows = []
        for report in reports():
            if report.format == format:
                for what, (theirs, mine) in disagreements(report).items():
                    reason = known.get((report.name, what), {}).get("reason", "")
                    rows.append({"file": report.name, "what": what, "peer": theirs, "ours": mine, "reason": reason})
        print(f"# {format}")
        if rows:
            print(yaml.safe_dump(rows, sort_keys=False, width=160, allow_unicode=True))


if __name__ == "__main__":
    _main(sys.argv[1:])
