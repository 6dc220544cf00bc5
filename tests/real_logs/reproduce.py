"""Runs the job on a real log, 24,918 incidents of a service desk, and holds its figures to those that others computed from the same log.

    python tests/real_logs/reproduce.py [LOG]            converts, runs, prints the comparison; exit 1 where a figure is unexplained
    python tests/real_logs/reproduce.py --write          the same, and writes docs/real_logs.md
    python tests/real_logs/reproduce.py --home FOLDER    keeps what it made, for `handoff sql … --home FOLDER/home`
    python tests/real_logs/reproduce.py --excerpt FILE   writes the excerpt that the tests use, and runs nothing

Every difference is accounted for by a bridge: the oracle's definition, computed here from the log and equal to the oracle's file, is changed one
ruling at a time, and the last step must equal the mart. Both ends are held to the last digit: seconds and rates are compared to 1e-6.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import servicenow
from servicenow import AS_OF, UNKNOWN, Row

from flows.job import Options, run
from flows.settings import quiet

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data" / "activity"
LOG = SHARED / "servicenow_incident_event_log.csv.gz"
ORACLE = SHARED / "servicenow_incident_oracle.json"
PAGE = ROOT / "docs" / "real_logs.md"

HOUR = 3600
WINDOWS = {"1h": HOUR, "4h": 4 * HOUR, "8h": 8 * HOUR, "24h": 24 * HOUR, "72h": 72 * HOUR, "7d": 168 * HOUR}
#: The window of the policy: its figures come from mart.handoff_latency, those of the others from mart.handoff by the same definition.
POLICY_WINDOW = "7d"
#: First priority → the severity it is read as; `all` last.
GROUPS = {"1": "critical", "2": "high", "3": "medium", "4": "low", "all": "all"}
NEVER = float("inf")

Figures = dict[str, float | None]


def seconds(stamp: str) -> int:
    """A stamp of the log, which is UTC, as seconds."""
    return int(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp())


END = seconds(AS_OF.removesuffix("Z"))


# The log by the oracle's definition and by the rulings, in plain loops: nothing here is the converter's or the job's


class Case(NamedTuple):
    """One incident: seconds of t0, of t1 if it has one, and until when it is known to have waited."""

    number: str
    priority: str
    t0: int
    t1: int | None
    known_until: int


def oracle_case(rows: Sequence[Row]) -> Case:
    """t1: the earliest row that names a person, wherever it stands."""
    named = [seconds(row["sys_updated_at"]) for row in rows if row["assigned_to"] != UNKNOWN]
    return Case(rows[0]["number"], rows[0]["priority"], seconds(rows[0]["opened_at"]), min(named, default=None), END)


class Ruled(NamedTuple):
    """An incident's first cycle by the rulings, and why its t1 is another than the oracle's."""

    case: Case
    ends: int
    reason: str | None


def ruled_case(rows: Sequence[Row], main_group: Mapping[str, str]) -> Ruled:
    """t1: the earliest instant in the first cycle at which a person becomes the holder and, when that minute is over, may say 'mine'."""
    case = oracle_case(rows)
    reopened = next((at for at in range(1, len(rows)) if int(rows[at]["reopen_count"]) > int(rows[at - 1]["reopen_count"])), len(rows))
    # What happens at the instant of the reopening belongs to the cycle before it, the reopening alone to the next.
    cycle_ends = seconds(rows[reopened]["sys_updated_at"]) if reopened < len(rows) else NEVER
    inside = [row for row in rows if case.t0 <= seconds(row["sys_updated_at"]) <= cycle_ends]
    closed = min((seconds(row["sys_updated_at"]) for row in inside if row["incident_state"] == "Closed"), default=NEVER)
    ends = min(cycle_ends, closed)
    t1, is_taken_away = None, False
    for place, row in enumerate(rows):
        before = rows[place - 1]["assigned_to"] if place else UNKNOWN
        at = seconds(row["sys_updated_at"])
        if row["assigned_to"] in (UNKNOWN, before) or not case.t0 <= at <= ends:
            continue
        # Instants are minutes: whoever holds the incident when the minute is over holds it at that instant.
        last = [other for other in inside if seconds(other["sys_updated_at"]) <= at][-1]
        group = main_group.get(last["assigned_to"], UNKNOWN) if last["assigned_to"] != UNKNOWN else last["assignment_group"]
        if last["assigned_to"] == row["assigned_to"] or group in (UNKNOWN, main_group[row["assigned_to"]]):
            t1 = at
            break
        is_taken_away = True
    reason = None
    if t1 != case.t1 and case.t1 is not None:
        reason = "before t0" if case.t1 < case.t0 else "after the reopening" if case.t1 > ends else "taken away within the minute" if is_taken_away else "?"
    return Ruled(case._replace(t1=t1), int(min(ends, END)), reason)


def main_groups(incidents: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """The group under which each person held most rows: their team, as one person has one."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for rows in incidents.values():
        for row in rows:
            if row["assigned_to"] != UNKNOWN:
                held[row["assigned_to"]].update([row["assignment_group"]] * (row["assignment_group"] != UNKNOWN))
    return {person: min(groups, key=lambda group: (-groups[group], int(group)), default="") for person, groups in held.items()}


def figures(cases: Sequence[Case], *, elapsed_only: bool) -> Figures:
    """Every compared figure of one group. `elapsed_only`: windows by ruling 54, else as the oracle has them."""
    latencies = sorted(case.t1 - case.t0 for case in cases if case.t1 is not None)
    found: Figures = {
        "cases": len(cases),
        "accepted": len(latencies),
        "median": _quantile(latencies, 0.5),
        "p90": _quantile(latencies, 0.9),
        "KM median": _kaplan_meier(cases, 0.5),
        "KM p90": _kaplan_meier(cases, 0.1),
    }
    for name, window in WINDOWS.items():
        counted = missed = 0
        for case in cases:
            latency = NEVER if case.t1 is None else case.t1 - case.t0
            elapsed = case.t0 + window <= END
            if elapsed_only:
                counted += elapsed
                missed += elapsed and latency >= window
            else:  # an acceptance inside a window that still runs is counted too, and one at its very end is inside
                counted += elapsed or latency <= window
                missed += elapsed and latency > window
        found |= {f"{name} counted": counted, f"{name} not accepted": missed, f"{name} rate": missed / counted if counted else None}
    return found


def _quantile(ordered: Sequence[int], share: float) -> float | None:
    """Linear interpolation between the two neighbours."""
    if not ordered:
        return None
    place = (len(ordered) - 1) * share
    low = ordered[int(place)]
    high = ordered[min(int(place) + 1, len(ordered) - 1)]
    return low + (high - low) * (place - int(place))


def _kaplan_meier(cases: Sequence[Case], share: float) -> float | None:
    """The earliest duration at which the estimated share still waiting is `share` or less; acceptances come before censorings at a tie."""
    leaving = sorted((case.t1 - case.t0, 0) if case.t1 is not None else (case.known_until - case.t0, 1) for case in cases)
    waiting = 1.0
    for place, (duration, is_censored) in enumerate(leaving):
        if not is_censored:
            # One factor a case: the product over a tie of n is that of the n cases one after another.
            at_risk = len(leaving) - place
            waiting *= 1 - 1 / at_risk
            last_of_tie = place + 1 == len(leaving) or leaving[place + 1] != (duration, 0)
            if last_of_tie and waiting <= share + 1e-12:
                return float(duration)
    return None


# The bridge


class Step(NamedTuple):
    """One state between the oracle and the mart: what was changed, and the figures by group."""

    what: str
    figures: dict[str, Figures]


class Bridge(NamedTuple):
    """Oracle to mart; `reasons`: why t1 differs → the incidents."""

    steps: list[Step]
    reasons: dict[str, list[str]]
    ruled: dict[str, Case]


def bridge(incidents: Mapping[str, Sequence[Row]]) -> Bridge:
    """From the oracle's definition to ours, one ruling at a time."""
    groups = main_groups(incidents)
    plain = [oracle_case(rows) for rows in incidents.values()]
    ruled = [ruled_case(rows, groups) for rows in incidents.values()]
    reasons: dict[str, list[str]] = defaultdict(list)
    for found in ruled:
        if found.reason:
            reasons[found.reason].append(found.case.number)
    ended = [found.case._replace(known_until=found.ends) for found in ruled]
    steps = [
        Step("the oracle's definition", _by_group(plain, elapsed_only=False)),
        Step("t1 valid by the rulings", _by_group([found.case for found in ruled], elapsed_only=False)),
        Step("waiting ends with the cycle", _by_group(ended, elapsed_only=False)),
        Step("windows that have elapsed, half-open", _by_group(ended, elapsed_only=True)),
    ]
    return Bridge(steps, dict(reasons), {case.number: case for case in ended})


def _by_group(cases: Sequence[Case], *, elapsed_only: bool) -> dict[str, Figures]:
    return {group: figures([case for case in cases if group in ("all", case.priority)], elapsed_only=elapsed_only) for group in GROUPS}


def oracle_figures(oracle: Mapping[str, Any]) -> dict[str, Figures]:
    """The same figures as the oracle's file states them."""
    found = {}
    for group in GROUPS:
        said = oracle["overall"] if group == "all" else oracle["by_priority"][group]
        times, km = said["tta_accepted"], said["km"]
        found[group] = {
            "cases": said["cases"], "accepted": said["accepted"], "median": times["median_linear"], "p90": times["p90_linear"],
            "KM median": km["median"], "KM p90": km["p90"],
        }  # fmt: skip
        for name in WINDOWS:
            window = said["no_acceptance"][name]
            found[group] |= {f"{name} counted": window["eligible"], f"{name} not accepted": window["no_acceptance_eligible"], f"{name} rate": window["rate_eligible"]}
    return found


def mart_figures(connection: duckdb.DuckDBPyConnection) -> dict[str, Figures]:
    """The same figures as the job published them: first cycles, by severity."""
    band_to_group = {band: group for group, band in GROUPS.items()}
    found: dict[str, Figures] = {}
    rows = connection.execute("""
        SELECT severity, handoffs, acknowledged, median_seconds, p90_seconds, km_median_seconds, km_p90_seconds, mature, unacknowledged, no_acknowledgement_rate
        FROM mart.handoff_latency
        WHERE dimension = 'origin' AND dimension_value = 'first_time' AND period_grain = 'all'
    """).fetchall()
    names = ("cases", "accepted", "median", "p90", "KM median", "KM p90", *(f"{POLICY_WINDOW} {what}" for what in ("counted", "not accepted", "rate")))
    for band, *values in rows:
        found[band_to_group[band]] = dict(zip(names, values, strict=True))
    for name, window in WINDOWS.items():
        if name == POLICY_WINDOW:
            continue
        rows = connection.execute(
            """
            WITH windows AS (
                SELECT unnest([severity, 'all']) AS severity, acknowledged_at, withdrawn_at, captured_at + to_seconds($window) AS ends_at
                FROM mart.handoff
                WHERE origin = 'first_time'
            ),
            mature AS (
                SELECT severity, NOT coalesce(acknowledged_at < ends_at, false) AS is_unacknowledged
                FROM windows
                WHERE ends_at <= $as_of AND NOT coalesce(withdrawn_at < ends_at, false)
            )
            SELECT severity, count(*), count(*) FILTER (WHERE is_unacknowledged), count(*) FILTER (WHERE is_unacknowledged) / count(*)
            FROM mature
            GROUP BY severity
            """,
            {"window": window, "as_of": datetime.fromtimestamp(END, UTC).replace(tzinfo=None)},
        ).fetchall()
        for band, counted, missed, rate in rows:
            found[band_to_group[band]] |= {f"{name} counted": counted, f"{name} not accepted": missed, f"{name} rate": rate}
    return found


def is_same(one: float | None, other: float | None) -> bool:
    """To the last digit: to less than the microsecond in which instants are kept, and than one case in a million."""
    return one is other is None or (one is not None and other is not None and abs(one - other) < 1e-6)


def differences(want: Mapping[str, Figures], got: Mapping[str, Figures]) -> list[str]:
    """Figures that are not the same, named."""
    return [
        f"priority {group}, {name}: {value} against {got.get(group, {}).get(name)}"
        for group, wanted in want.items()
        for name, value in wanted.items()
        if wanted["cases"] and not is_same(value, got.get(group, {}).get(name))
    ]


def wrong_instants(connection: duckdb.DuckDBPyConnection, ruled: Mapping[str, Case]) -> list[str]:
    """Incidents whose t0 or t1 is not, to the minute, the one that the rulings give; by number."""
    rows = connection.execute("SELECT own_ids[1], epoch(captured_at), epoch(acknowledged_at) FROM mart.handoff WHERE origin = 'first_time'").fetchall()
    found = {number: (t0, t1) for number, t0, t1 in rows}
    return sorted(number for number, case in ruled.items() if found.get(number) != (case.t0, case.t1))


# The job


def run_job(incidents: Mapping[str, list[Row]], folder: Path) -> Path:
    """Converts the log and runs the whole job on it; the home."""
    servicenow.write_landing(incidents, folder)
    run(Options(str(folder / "landing"), folder / "home", folder / "policy.yaml", AS_OF, report=True))
    return folder / "home"


# The page


def render_comparison(incidents: Mapping[str, Sequence[Row]], oracle: Mapping[str, Figures], found: Bridge, mart: Mapping[str, Figures], connection: duckdb.DuckDBPyConnection) -> str:
    """docs/real_logs.md, but for what the finished marts say."""
    changed = {group: {name: _changed_at(found.steps, group, name) for name in found.steps[0].figures[group]} for group in GROUPS}
    total = sum(map(len, changed.values()))
    differing = sum(1 for group in changed.values() for steps in group.values() if steps)
    parts = [
        _INTRODUCTION.format(incidents=len(incidents), rows=sum(map(len, incidents.values()))),
        _FIGURES.format(total=total, same=total - differing, differing=differing),
        _table(("first priority", "figure", "oracle", "handoff", "moved by"), _figure_rows(oracle, mart, changed)),
        _DIFFERENCES.format(**_difference_counts(incidents, found)),
        _BRIDGE,
        _table(("first priority", "figure", *(f"{number}. {step.what}" if number else step.what for number, step in enumerate(found.steps))), _bridge_rows(found.steps, changed)),
        _DEFECTS.format(**_defect_counts(incidents, connection)),
    ]
    return "\n".join(parts)


def render_marts(connection: duckdb.DuckDBPyConnection) -> str:
    """What verdicts, failure modes and flags make of the log."""
    parts = [
        _MARTS,
        _table(("severity", "cycles", "handoff SLA broken", "not acknowledged in 7 d", "median", "p90", "verdict"), _query_rows(connection, _VERDICTS)),
        _table(("primary failure mode", "cycles", "of those gated"), _query_rows(connection, _MODES)),
        _MODES_MEAN,
        _table(("flag", "rows", "of"), _query_rows(connection, _FLAGS)),
    ]
    return "\n".join(parts)


_INTRODUCTION = """\
# A real log

Generated by `python tests/real_logs/reproduce.py --write`; do not edit. {incidents:,} incidents of a service desk in {rows:,} rows, from an IT company's ServiceNow,
are turned into a landing zone by [tests/real_logs/servicenow.py](../tests/real_logs/servicenow.py), whose head says what each part of the log becomes and which is
the model for bringing your own tracker's. The whole job runs on it as of 2017-02-18T15:00Z, and its figures are held to an oracle: times from an incident's opening to its
first named owner, computed twice by others from the same log.

The log: Claudio Amaral, Marcelo Fantinato, Sarajane Peres, *Incident management process enriched event log*, UCI Machine Learning Repository, 2018,
<https://doi.org/10.24432/C57S4H>, [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); here with most of the
words before its pseudonyms taken off and its stamps written in ISO 8601. It is no log of security findings: it stands for the tracker's half of a programme, a few hundred people in
{rows:,} real updates, and every defect that such a log has. An assignment by a dispatcher is read as the acknowledgement, as in the oracle, since the log has nothing closer; a tracker
with an explicit 'accepted' would give that.

Figures are of first cycles (`dimension = 'origin'`, `dimension_value = 'first_time'` in `mart.handoff_latency`), seconds of wall time. The oracle knows one case an incident;
its first priority is our severity. Windows: 7 d is the policy's and comes from `mart.handoff_latency`; the others come from `mart.handoff` by the same definition
(`handoff rebuild --as-of … --policy …` with another `acknowledgement_window` gives the same).
"""

_FIGURES = """\
## Figures

Of {total} figures {same} are moved by nothing and are the oracle's own to the last digit; the other {differing} are moved by the numbered differences below, and the
bridge accounts for each to the last digit.
"""

_DIFFERENCES = """\
## Differences to the oracle

Numbered as the steps of the bridge; each is one of our rulings.

| | incidents | what | ruling |
|---|---|---|---|
| 1 | {before} | t1 before t0: out of sequence, excluded. {before_again} of them names another person later, who then counts; the others have no t1 | 41 |
| 1 | {after} | first named after the incident had been reopened: t1 of the second cycle, not of the first | 42 |
| 1 | {taken} | named and taken away within one minute, for a group other than the person's own: when the minute is over they are neither the holder nor of the team; the next one named counts ({taken_again} have one) | 35, 50 |
| 2 | {never} | have no t1 in the first cycle: they wait until the cycle ends (closed or reopened), not until the end of the log, since nobody can acknowledge what is closed. Medians stay, the far end of Kaplan-Meier moves | 68 |
| 3 | {running} | were accepted inside the 7 d window while it still ran: the oracle counts them, we count a window once it has elapsed, for those who met it as for those who did not | 54 |
| 3 | {edges} | were accepted at the very end of a window ({edge_list}): inside for the oracle, outside for us | 54 |

That makes {t1} incidents whose t1 differs. Nothing else does: t0 and t1 of the other {same:,} are the same to the minute.
"""

_BRIDGE = """\
## The bridge

The oracle's definition, computed again from the log, with one more ruling at each step. The first column of figures equals the oracle's file, the last one the marts.
"""

_DEFECTS = """\
## What becomes of the log's defects

| defect | count | becomes |
|---|---|---|
| updates stamped before the incident was opened | {early_rows} rows of {early} incidents | their {early_events} events are kept as `before_capture`, count for nothing and are flagged |
| state -100 | {minus} rows of {minus_incidents} incidents | a comment 'state -100'; the rows' holder counts, the state is no stage |
| states without a stage (Awaiting …) | {awaiting:,} changes | comments |
| nobody ever named | {nobody} incidents | no t1; resolved and closed all the same, so `acknowledgement_ambiguity` fires where the handoff broke its SLA |
| first group unknown | {groupless} incidents | target `no-group`, which no register knows: unbound; whoever is named by the tracker may acknowledge |
| group unknown under a named person | {person_only:,} rows | the person holds it; the group is not asked |
| person taken away again | {given_back:,} changes | `reassigned` to the group's queue: a group inbox, which is no valid person |
| priority changed | {priorities} incidents, {raised} of them raised at or before t1 | comments; severity is the first priority, as in the oracle. `--follow-priority` lets it follow |
| reopened ({reopened} times, {reopened_incidents} incidents) | {reopened} | each a cycle with its own t0; {reopened_acknowledged} of them name a person anew, the others keep the old holder without a word |
| back from Resolved without `reopen_count` | {uncounted} incident | no reopening: the tracker's own count decides |
| closed without Resolved | {unresolved} incidents | verified with no resolved_at |
| closed more than once | {closed_again} incidents | a repeated row changes nothing; after a reopening it closes the next cycle |
| rows out of order in the file | {disorder} incident | read by stamp, then by `sys_mod_count` |
| duplicate rows | {duplicates} | – |
| `resolved_at`, `closed_at`, `made_sla` | every row holds the value of the log's end | not used: they would tell the past what came later |
"""

_MARTS = """\
## What the marts say of the log

All cycles, the reopened ones too, under the default policy but for the window of 7 d. Latencies in seconds of wall time.
"""

_MODES_MEAN = """\
A cycle is gated where its handoff SLA is broken or its window passed without t1. `decayed_routing` leads because the tracker puts incidents into the queue of a group: nobody is named, which is
what the mode means; `asset_binding_gap` are those opened without a group. Reopened cycles start with nobody named (ruling 35 asks for an event of the cycle), though the log still shows the old holder.
"""

_VERDICTS = """
    SELECT severity, format('{:,}', handoffs), format('{:,}', handoff_breaches), format('{:,} of {:,}', unacknowledged, mature), median_seconds, p90_seconds, coalesce(verdict, '–')
    FROM mart.handoff_latency
    WHERE dimension = 'all' AND period_grain = 'all'
    ORDER BY list_position(['critical', 'high', 'medium', 'low', 'all'], severity)
"""

_MODES = """
    SELECT failure_mode, format('{:,}', count(*)), format('{:.1f} %', 100 * count(*) / sum(count(*)) OVER ())
    FROM mart.handoff
    WHERE failure_mode IS NOT NULL
    GROUP BY failure_mode
    ORDER BY count(*) DESC, failure_mode
"""

_FLAGS = "SELECT expectation, format('{:,}', failed), format('{:,}', checked) FROM mart.expectation_result WHERE NOT success ORDER BY failed DESC, expectation"


def _changed_at(steps: Sequence[Step], group: str, name: str) -> list[int]:
    """The steps of the bridge that move a figure."""
    values = [step.figures[group][name] for step in steps]
    return [number for number in range(1, len(values)) if not is_same(values[number - 1], values[number])]


def _figure_rows(oracle: Mapping[str, Figures], mart: Mapping[str, Figures], changed: Mapping[str, Mapping[str, list[int]]]) -> Iterator[tuple[Any, ...]]:
    for group in reversed(GROUPS):
        for name, value in oracle[group].items():
            yield group, name, value, mart[group][name], ", ".join(map(str, changed[group][name]))


def _bridge_rows(steps: Sequence[Step], changed: Mapping[str, Mapping[str, list[int]]]) -> Iterator[tuple[Any, ...]]:
    for group in reversed(GROUPS):
        for name, moved in changed[group].items():
            if moved:
                yield group, name, *(step.figures[group][name] for step in steps)


def _query_rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _text(cell: Any) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and 0 < cell < 1:
        return f"{cell:.8f}"
    return f"{round(cell, 6):,}".removesuffix(".0")


def _difference_counts(incidents: Mapping[str, Sequence[Row]], found: Bridge) -> dict[str, Any]:
    plain = {number: oracle_case(rows) for number, rows in incidents.items()}
    before, after, taken = (found.reasons.get(reason, []) for reason in ("before t0", "after the reopening", "taken away within the minute"))
    edges = {name: sum(1 for case in found.ruled.values() if case.t1 is not None and case.t1 - case.t0 == window) for name, window in WINDOWS.items()}
    limit = WINDOWS[POLICY_WINDOW]
    return {
        "before": len(before),
        "before_again": sum(found.ruled[number].t1 is not None for number in before),
        "after": len(after),
        "taken": len(taken),
        "taken_again": sum(found.ruled[number].t1 is not None for number in taken),
        "never": sum(case.t1 is None for case in found.ruled.values()),
        "running": sum(case.t0 + limit > END and case.t1 is not None for case in found.ruled.values()),
        "edges": sum(edges.values()),
        "edge_list": ", ".join(f"{name}: {count}" for name, count in edges.items() if count) or "none",
        "t1": len(before) + len(after) + len(taken),
        "same": sum(plain[number].t1 == case.t1 for number, case in found.ruled.items()),
    }


def _defect_counts(incidents: Mapping[str, Sequence[Row]], connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    rows = [row for of_incident in incidents.values() for row in of_incident]
    pairs = [pair for of_incident in incidents.values() for pair in pairwise(of_incident)]
    early = [row for row in rows if row["sys_updated_at"] < row["opened_at"]]
    reopened = [row["number"] for before, row in pairs if int(row["reopen_count"]) > int(before["reopen_count"])]
    done = ("Resolved", "Closed")
    back = [row["number"] for before, row in pairs if before["incident_state"] in done and row["incident_state"] not in done and row["reopen_count"] == before["reopen_count"]]
    (early_events,), (acknowledged,) = (
        _query_rows(connection, query)[0]
        for query in (
            "SELECT count(*) FROM mart.event WHERE status = 'before_capture'",
            "SELECT count(acknowledged_at) FROM mart.handoff WHERE origin = 'reopened'",
        )
    )
    named = {number: oracle_case(of_incident).t1 for number, of_incident in incidents.items()}
    return {
        "early_rows": len(early),
        "early": len({row["number"] for row in early}),
        "early_events": early_events,
        "minus": sum(row["incident_state"] == "-100" for row in rows),
        "minus_incidents": len({row["number"] for row in rows if row["incident_state"] == "-100"}),
        "awaiting": sum(row["incident_state"].startswith("Awaiting") and row["incident_state"] != before["incident_state"] for before, row in pairs)
        + sum(of_incident[0]["incident_state"].startswith("Awaiting") for of_incident in incidents.values()),
        "nobody": sum(t1 is None for t1 in named.values()),
        "groupless": sum(of_incident[0]["assignment_group"] == UNKNOWN for of_incident in incidents.values()),
        "person_only": sum(row["assignment_group"] == UNKNOWN and row["assigned_to"] != UNKNOWN for row in rows),
        "given_back": sum(before["assigned_to"] != UNKNOWN and row["assigned_to"] == UNKNOWN for before, row in pairs),
        "priorities": len({row["number"] for before, row in pairs if row["priority"] != before["priority"]}),
        "raised": len({row["number"] for row in rows if row["priority"] < incidents[row["number"]][0]["priority"] and seconds(row["sys_updated_at"]) <= (named[row["number"]] or END)}),
        "reopened": len(reopened),
        "reopened_incidents": len(set(reopened)),
        "reopened_acknowledged": acknowledged,
        "uncounted": len(set(back)),
        "unresolved": sum(not any(row["incident_state"] == "Resolved" for row in of_incident) for of_incident in incidents.values()),
        "closed_again": sum(sum(row["incident_state"] == "Closed" for row in of_incident) > 1 for of_incident in incidents.values()),
        "disorder": sum([int(row["seq"]) for row in of_incident] != sorted(int(row["seq"]) for row in of_incident) for of_incident in incidents.values()),
        "duplicates": len(rows) - len({tuple(value for name, value in row.items() if name != "seq") for row in rows}),
    }


# The excerpt


def excerpt(incidents: Mapping[str, Sequence[Row]], size: int = 200) -> list[str]:
    """Numbers of the incidents that the tests keep: every odd one of a kind, a few of each common kind, and an even spread of the rest."""
    found = bridge(incidents)
    chosen: dict[str, None] = {}
    for numbers in found.reasons.values():
        chosen |= dict.fromkeys(numbers[:12])

    def take(most: int, numbers: Iterator[str]) -> None:
        for number, _ in zip(numbers, range(most), strict=False):
            chosen[number] = None

    def having(test: Any) -> Iterator[str]:
        return (number for number, rows in incidents.items() if test(rows))

    take(2, having(lambda rows: any(row["incident_state"] == "-100" for row in rows)))
    take(1, having(lambda rows: [int(row["seq"]) for row in rows] != sorted(int(row["seq"]) for row in rows)))
    take(4, having(lambda rows: sum(row["incident_state"] == "Closed" for row in rows) > 1))
    take(3, having(lambda rows: not any(row["incident_state"] == "Resolved" for row in rows)))
    take(6, having(lambda rows: int(rows[-1]["reopen_count"]) > 1))
    take(8, having(lambda rows: int(rows[-1]["reopen_count"]) == 1))
    take(8, having(lambda rows: rows[0]["assignment_group"] == UNKNOWN))
    take(12, having(lambda rows: all(row["assigned_to"] == UNKNOWN for row in rows)))
    take(14, reversed([number for number in incidents if incidents[number][0]["opened_at"] >= "2017-02-11T15:00:00"]))
    for priority in ("1", "2", "4"):
        take(20, having(lambda rows, priority=priority: rows[0]["priority"] == priority))
    for window in WINDOWS.values():
        take(2, (number for number, case in found.ruled.items() if case.t1 is not None and case.t1 - case.t0 == window))
    raised = having(lambda rows: any(row["priority"] < rows[0]["priority"] and row["assigned_to"] == UNKNOWN for row in rows))
    take(5, raised)
    left = [number for number in incidents if number not in chosen]
    chosen |= dict.fromkeys(left[:: max(1, len(left) // max(1, size - len(chosen)))][: max(0, size - len(chosen))])
    return [number for number in incidents if number in chosen]


def write_excerpt(log: Path, numbers: Sequence[str], path: Path) -> None:
    """The rows of these incidents as they stand in the log; the same bytes each time."""
    wanted, out = set(numbers), io.StringIO(newline="")
    with gzip.open(log, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        writer = csv.DictWriter(out, rows.fieldnames or (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["number"] in wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(out.getvalue().encode(), mtime=0))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", type=Path, nargs="?", default=LOG, help="incident event log, CSV, gzip; the oracle's file lies beside it [default: the shared data beside this checkout]")
    parser.add_argument("--write", action="store_true", help="write docs/real_logs.md")
    parser.add_argument("--home", type=Path, help="folder to keep landing zone, policy and home in [default: a temporary one]")
    parser.add_argument("--excerpt", type=Path, help="write the excerpt for the tests to this file, and run nothing")
    options = parser.parse_args()
    oracle_path = options.log.parent / ORACLE.name
    for path in (options.log, oracle_path):
        if not path.exists():
            parser.error(f"{path} is not there: give the path of the log; the oracle's file is looked for beside it")
    incidents = servicenow.read_incidents(options.log)
    if options.excerpt:
        write_excerpt(options.log, excerpt(incidents), options.excerpt)
        return 0
    quiet()
    with ExitStack() as stack:
        folder = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = time.perf_counter()
        home = run_job(incidents, folder)
        print(f"converted and run in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        found, oracle = bridge(incidents), oracle_figures(json.loads(oracle_path.read_text(encoding="utf-8")))
        with duckdb.connect(str(home / "handoff.duckdb"), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            mart = mart_figures(connection)
            unexplained = [
                *(f"oracle's file against its definition: {line}" for line in differences(oracle, found.steps[0].figures)),
                *(f"rulings against mart: {line}" for line in differences(found.steps[-1].figures, mart)),
                *(f"incident {number}: another t0 or t1 than the rulings give" for number in wrong_instants(connection, found.ruled)),
                *(f"incident {number}: t1 differs for no known reason" for number in found.reasons.get("?", [])),
            ]
            page = render_comparison(incidents, oracle, found, mart, connection) + "\n" + render_marts(connection)
    print(page)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    for line in unexplained:
        print(f"unexplained: {line}", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
