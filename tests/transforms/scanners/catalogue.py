"""The page docs/scanners.md: every scanner format, as its module states it and as it is measured over the golden reports.

python tests/transforms/scanners/catalogue.py                  prints it
python tests/transforms/scanners/catalogue.py --write          writes docs/scanners.md
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from types import ModuleType

import agreement
import yaml

from transforms.domain.errors import FileRejected
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats

PAGE = agreement.ROOT / "docs" / "scanners.md"
WANTED = agreement.GOLDEN / "wanted.yaml"
#: Columns of a result that its identity may hold, under the words that the data dictionary has for them.
_COLUMNS = ("own_id", "rule", "vulnerability_ids", "title", "component_name", "component_version", "file_path", "line", "endpoint", "target", "severity")


def _results(reports: Iterable[agreement.Report]) -> list[Result]:
    return [row for report in reports for row in agreement.parsed(report) or () if isinstance(row, Result)]


def _kinds(results: list[Result]) -> str:
    """Kinds of location, the most frequent first."""
    counts = Counter(result.location.kind for result in results)
    return ", ".join(kind for kind, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _identity(results: list[Result]) -> list[str]:
    """The columns whose value stands in the identity of every result that has one."""
    return [name for name in _COLUMNS if (having := [result for result in results if getattr(result, name)]) and all(_holds(result, name) for result in having)]


def _holds(result: Result, name: str) -> bool:
    value = getattr(result, name)
    parts = {_folded(part) for part in _flat(result.identity)}
    return all(_folded(part) in parts for part in (value if isinstance(value, tuple) else (value,)))


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, tuple | list | frozenset | set):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _folded(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _capture(results: list[Result]) -> str:
    """Whose word the capture is: the report's own, or else the sidecar's."""
    having = sum(result.captured is not None for result in results)
    return "report" if having == len(results) else "report or sidecar" if having else "sidecar"


def _severities(format: str, module: ModuleType, results: list[Result]) -> str:
    """The format's own table, and how the words in its reports are read by it and the policy's default one."""
    seen = {result.severity.strip(): agreement.band(format, result) for result in results if result.severity}
    scores = sum(result.severity is None and result.score is not None for result in results)
    parts = []
    if module.CALIBRATION:
        parts.append("its own table: " + ", ".join(f"`{term}` {band}" for term, band in sorted(module.CALIBRATION.items())))
    if seen:
        parts.append("words in the reports: " + ", ".join(f"`{word}` {band}" for word, band in sorted(seen.items())))
    if scores:
        parts.append(f"{scores:,} results have a score and no word")
    return "; ".join(parts) or "none in the reports"


def _sample(report: agreement.Report) -> str:
    try:
        rows = agreement.parsed(report)
        if rows is None:
            list(formats()[report.format].parse(report.content, Scan()))
    except FileRejected as error:
        return f"`{report.name}` rejected ({error.reason})"
    rejects = sum(isinstance(row, Reject) for row in rows)
    return f"`{report.name}` {len(rows) - rejects:,}" + (f" and {rejects:,} rejected rows" if rejects else "")


def render() -> str:
    """The page docs/scanners.md."""
    of = {name: [report for report in agreement.reports() if report.format == name] for name in formats()}
    lines = [
        "# Scanner formats",
        "",
        "Written by `python tests/transforms/scanners/catalogue.py --write` (`make docs`); do not edit. What a format is stands in its module",
        "(`transforms/scanners/`); locations, identity, severities and counts are measured over the real reports in `tests/golden/scans`, whose provenance",
        "and licence its `README.md` states. How far each agrees with a peer is in [scanners_agreement.md](scanners_agreement.md); how to add one in",
        "[adding_a_format.md](adding_a_format.md). A file is recognised by its content, never by its name: `handoff formats --explain FILE` says by what.",
        "",
        "*Locations*: kinds, the most frequent first. *Identity*: the columns that are part of what tells a result from the others of one scanner, target",
        "and capture; beside them it may hold what has no column, as the format's section says. *Capture*: whether the report says when it was seen.",
        "",
        f"{len(of)} formats, {sum(map(len, of.values())):,} real reports, {sum(len(_results(reports)) for reports in of.values()):,} results.",
        "",
        "| format | reads | reports | results | locations | identity | capture |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, reports in of.items():
        results = _results(reports)
        cells = (f"[{name}](#{name})", formats()[name].TITLE, len(reports), f"{len(results):,}", _kinds(results), ", ".join(_identity(results)), _capture(results))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for name, reports in of.items():
        lines += ["", *_section(name, reports)]
    lines += [
        "",
        "# Wanted",
        "",
        "A format ships only with a real report of its tool: one that was written from the tool's documentation alone, or tested against files of our own",
        "making, would be a guess that loses findings without a word. Where a tool also writes SARIF, CycloneDX or a generic CSV, that is read today. Send a",
        "report with what must not be seen replaced, but with its structure as it was written.",
        "",
        "| tool | what is wanted |",
        "|---|---|",
        *(f"| {tool} | {what} |" for tool, what in wanted().items()),
    ]
    return "\n".join(lines) + "\n"


def wanted() -> dict[str, str]:
    """Tools without a real report → what is wanted of them."""
    return yaml.safe_load(WANTED.read_text(encoding="utf-8"))


def _section(name: str, reports: list[agreement.Report]) -> list[str]:
    module, results = formats()[name], _results(reports)
    return [
        f"## {name}",
        "",
        inspect.cleandoc(module.__doc__ or ""),
        "",
        f"- Scanner: `{module.SCANNER}` where neither sidecar nor report names one.",
        f"- Severity: {_severities(name, module, results)}.",
        f"- Reports, with their results: {', '.join(_sample(report) for report in reports) or 'none'}.",
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(render(), encoding="utf-8")
    else:
        print(render())
