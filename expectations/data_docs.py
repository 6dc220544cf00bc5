"""The results of the expectations as one HTML page of our own: Great Expectations' Data Docs pull from public servers when opened."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from transforms.domain.instants import iso

#: Flags of one expectation that the page shows; all of them are in mart.flag.
SHOWN = 200

#: Nothing may be loaded or run: the texts come from scanners and tickets, which may be hostile.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
html { background: var(--paper); color: var(--ink); }
:root { color-scheme: light dark; --paper: #fdfcf9; --ink: #1d2126; --edge: #8886; --bad: #b3261e; --warn: #8a5a00; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e7e5df; --bad: #ff8a80; --warn: #ffc66b; --good: #7fd8a0; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; }
th, td { border-bottom: 1px solid var(--edge); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
code { font-size: 0.9em; }
.broken { color: var(--bad); font-weight: 600; }
.failed { color: var(--warn); font-weight: 600; }
.holds { color: var(--good); }
details { margin: 0.5rem 0; } summary { cursor: pointer; }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --bad: #b3261e; --warn: #8a5a00; --good: #1b6e3c; } details { display: block; } body { max-width: none; } }
"""


def render(results: pa.Table, flags: pa.Table, as_of_us: int) -> str:
    """The page. `results` and `flags` as `gate.Verdict` has them; every text is escaped, nothing is loaded from anywhere."""
    rows = results.to_pylist()
    counts = _counts(flags)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">',
        f"<title>Expectations at {iso(as_of_us)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Expectations at {iso(as_of_us)}</h1>",
        _summary(rows, flags.num_rows),
        *_suites(rows),
        *_flags(flags, counts),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _counts(flags: pa.Table) -> dict[str, int]:
    found = flags.group_by("expectation").aggregate([([], "count_all")]).to_pylist()
    return {row["expectation"]: row["count_all"] for row in sorted(found, key=lambda row: row["expectation"])}


def _summary(rows: list[dict[str, Any]], flagged: int) -> str:
    laws = [row for row in rows if not row["success"] and (row["level"] == "critical" or row["is_broken"])]
    warned = sum(1 for row in rows if not row["success"]) - len(laws)
    verdict = (
        f'<p class="broken">{len(laws)} of our own laws do not hold, or could not be judged: nothing was published.</p>'
        if laws
        else '<p class="holds">Every law of our own work holds.</p>'
    )
    return f"{verdict}<p>{len(rows)} expectations; {warned} that input can cause do not hold; {flagged:,} flags.</p>"


def _suites(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    by_suite: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_suite[row["suite"]].append(row)
    head = '<tr><th scope="col">Expectation</th><th scope="col">Rule</th><th scope="col">Outcome</th><th scope="col" class="number">Checked</th>'
    head += '<th scope="col" class="number">Failed</th><th scope="col">What follows</th><th scope="col">Found</th></tr>'
    for suite, found in sorted(by_suite.items()):
        yield f'<section><h2>{escape(suite)}</h2>{_frame(f"Expectations of {suite}")}<thead>{head}</thead><tbody>'
        for row in found:
            kind, outcome = _outcome(row)
            follows = "" if row["success"] else escape(row["consequence"])
            yield (
                f'<tr><th scope="row"><code>{escape(row["expectation"])}</code></th><td>{escape(row["rule"])}</td><td class="{kind}">{outcome}</td>'
                f'<td class="number">{_number(row["checked"])}</td><td class="number">{_number(row["failed"])}</td>'
                f"<td>{follows}</td><td>{escape(row['message'])}</td></tr>"
            )
        yield "</tbody></table></div></section>"


def _outcome(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["is_broken"]:
        return "broken", "broken suite"
    if row["success"]:
        return "holds", "holds"
    return ("broken", "law broken") if row["level"] == "critical" else ("failed", "flagged")


def _flags(flags: pa.Table, counts: Mapping[str, int]) -> Iterable[str]:
    if not counts:
        return
    yield "<section><h2>Flags</h2>"
    for name, count in counts.items():
        shown = flags.filter(pc.equal(flags["expectation"], name)).slice(0, SHOWN).to_pylist()
        more = f"; the first {SHOWN}, all are in <code>mart.flag</code>" if count > SHOWN else ""
        yield f'<details><summary><code>{escape(name)}</code>: {count:,}{more}</summary>{_frame(f"Flags of {name}")}<thead><tr>'
        yield from (f'<th scope="col">{title}</th>' for title in ("Subject", "Severity", "Team", "What is wrong", "Since", "Evidence"))
        yield "</tr></thead><tbody>"
        for row in shown:
            yield _flag(row)
        yield "</tbody></table></div></details>"
    yield "</section>"


def _frame(caption: str) -> str:
    """The opening of a table in a frame of its own, which scrolls where the page is narrower and so takes the keyboard's focus."""
    return f'<div class="wide" tabindex="0" role="group" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'


def _flag(row: Mapping[str, Any]) -> str:
    since = row["first_flagged_at"]
    evidence = ", ".join(f"{key}: {_text(value)}" for key, value in json.loads(row["evidence"]).items())
    cycle = f", cycle {row['cycle']}" if row["cycle"] is not None else ""
    cells = (
        f"{row['subject_kind']} {row['subject_id']}{cycle}",
        _text(row["severity"]),
        _text(row["team"]),
        row["detail"],
        "" if since is None else since.isoformat() + "Z",
        evidence,
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
