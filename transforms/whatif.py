"""What another policy changes, and what of it the record can be asked about: the same history replayed under other rules.

Nearly every choice of a policy is made anew each time the record is evaluated. What was decided when a file came in is not: which rows were
too far in the future, which snapshot was held, how a naive stamp was read. The record has the outcome, not the other one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from transforms.digest import waiting_bands
from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import Policy
from transforms.report.wording import duration, mode, number, words

#: Keys, or beginnings of keys, that were decided at intake, and why no replay can change them.
_AT_INTAKE = {
    "version": "it says how the policy itself is written",
    "clock_tolerance": "which rows lay too far in the future was decided when their files were landed",
    "registers": "which register snapshots were held, and what their names and words mean, was decided when they were landed",
    "scans.maximum_collapse": "which scans were held was decided when they were landed",
    "scans.minimum_results": "which scans were held was decided when they were landed",
    "sources": "stamps without a zone, and dates, were read when their files were landed",
    "trackers": "what a tracker's words mean was decided when its files were landed",
    "directory.teams": "whose team is which of their groups was decided when the directory was landed",
    "directory.on_call_person": "whom a shift names was decided when the schedule was landed",
    "directory.on_call_horizon": "how far a schedule was laid out was decided when it was landed",
    "landing": "which files were left for the next run was decided when they were found",
}
#: Sections that decide when a cycle begins or ends, what it is rated, or who can acknowledge: by them a run completes stages itself.
_COMPLETING = ("acknowledgement", "controls", "directory", "reopen", "severity")


#: What the measures can be cut by.
DIMENSIONS = ("all", "team", "business_unit", "environment", "scanner", "origin", "failure_mode", "engagement", "capture_channel")
#: The measures that are shown whether or not they change.
FIVE_NUMBERS = frozenset(
    ("median_handoff_latency", "p90_handoff_latency", "no_acknowledgement_rate", "handoff_sla_breaches", "unrouted_queue_depth")
)


class Change(NamedTuple):
    """One key that differs, its values as the policy file writes them; None where a policy does not have it."""

    key: str
    base: str | None
    whatif: str | None


def changes(base: Policy, other: Policy) -> list[Change]:
    """Every key in which two policies differ, in order."""
    was, would_be = _flat(base), _flat(other)
    found = [Change(key, was.get(key), would_be.get(key)) for key in sorted(was.keys() | would_be.keys())]
    # A key that says nothing, and one that is not there, say the same.
    return [change for change in found if change.base != change.whatif and {change.base, change.whatif} != {None, "null"}]


def refuse_what_was_decided(found: Iterable[Change], base: Policy, other: Policy) -> None:
    """Raises `UsageError`, naming the key, both values and why, for a change that the record cannot be asked about."""
    decided = [(change, why) for change in found for key, why in _AT_INTAKE.items() if change.key == key or change.key.startswith(f"{key}.")]
    if decided:
        raise _refused(*decided[0], also=[change.key for change, _ in decided[1:]])
    gone = sorted(waiting_bands(base) - waiting_bands(other))
    if gone:
        key = f"dispatch.digest.{gone[0]}"
        raise _refused(Change(key, "business_day", "at_once"), "the record has when each digest went out, not when its notifications would have gone without it")


def _refused(change: Change, why: str, also: Sequence[str] = ()) -> UsageError:
    more = f" (the same of {', '.join(also)})" if also else ""
    return UsageError(
        f"--policy {change.key}",
        seen=f"{change.whatif or 'left out'}, where the run had {change.base or 'nothing'}: {why}{more}",
        expected="the run's own value",
        remedy=f"write {change.key} as the run had it; to try another, copy the home and `handoff rebuild` it under that policy",
    )


def completes_other_stages(policies: Iterable[Policy], other: Policy) -> bool:
    """Whether runs under `other` could have completed other stages than runs under these did, so that each has to be replayed."""
    return any(getattr(policy, name) != getattr(other, name) for policy in policies for name in _COMPLETING)


def require_dimension(name: str) -> None:
    """Raises `UsageError` for a cut that there is none of."""
    if name not in DIMENSIONS:
        raise UsageError("--by", seen=repr(name), expected=f"one of {', '.join(DIMENSIONS)}")


def headline(as_of_us: int, runs_replayed: int, cycles_changed: int) -> dict[str, Any]:
    """What a comparison is of."""
    return {"as_of": iso(as_of_us), "runs_replayed": runs_replayed, "cycles_changed": cycles_changed}


def table(rows: Iterable[Mapping[str, Any]], dimension: str) -> tuple[list[str], list[tuple]]:
    """(header, rows) of the measures for a person: the five numbers over all cohorts, and whatever else changed."""
    header = ["measure", "of", *([dimension] if dimension != "all" else []), "severity", "base", "what if", "difference", "population", "handoffs changed"]
    shown = []
    for row in rows:
        if not (row["is_changed"] or (row["measure"] in FIVE_NUMBERS and row["period_grain"] == "all" and row["failure_mode"] is None)):
            continue
        name = words(row["measure"]) + (f", {mode(row['failure_mode'])}" if row["failure_mode"] else "") + (f" ({row['clock']})" if row["clock"] else "")
        period = "all cohorts" if row["period_grain"] == "all" else f"{row['period_grain']} of {row['period_start']}"
        base, would_be = ((row[f"{side}_word"] and words(row[f"{side}_word"])) if row["unit"] == "word" else _figure(row[side], row) for side in ("base", "whatif"))
        difference = "" if row["difference"] is None else f"{'+' if row['difference'] > 0 else ''}{_figure(row['difference'], row, is_difference=True)}"
        population = str(row["base_population"]) if row["base_population"] == row["whatif_population"] else f"{row['base_population']} → {row['whatif_population']}"
        cut = [row["dimension_value"]] if dimension != "all" else []
        shown.append((name, period, *cut, row["severity"], base, would_be, difference, population, row["cycles_changed"]))
    return header, shown


def summary(rows: Sequence[Mapping[str, Any]], cycles_changed: int, runs_replayed: int) -> str:
    """The comparison in one line."""
    changed = sum(bool(row["is_changed"]) for row in rows)
    runs = f"; {runs_replayed} runs replayed, for what each completed itself" if runs_replayed else ""
    return f"{changed} of {len(rows)} measures differ; {cycles_changed} handoffs come out otherwise{runs}"


def _figure(value: float | None, row: Mapping[str, Any], *, is_difference: bool = False) -> str | None:
    """A value as a person reads it, unit named; None stays None."""
    if value is None:
        return None
    if row["unit"] == "seconds":
        return f"{'-' if value < 0 else ''}{duration(abs(value), row['clock'] or 'wall')}"
    return f"{100 * value:.1f} {'points' if is_difference else '%'}" if row["unit"] == "rate" else number(value)


def _flat(policy: Policy) -> dict[str, str]:
    """Dotted keys to values; a list is one value."""
    found: dict[str, str] = {}

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, dict) and node.keys() == {"amount", "unit"}:
            found[".".join(path)] = f"{node['amount']}{node['unit']}"
        elif isinstance(node, dict):
            for key, value in node.items():
                walk(value, (*path, str(key)))
        elif isinstance(node, str):
            found[".".join(path)] = node
        else:
            found[".".join(path)] = json.dumps(node, sort_keys=True, ensure_ascii=False)

    walk(policy.model_dump(mode="json"), ())
    return found
