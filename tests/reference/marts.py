"""The marts that stand on the cycles, as slowly and plainly as reference.py, which they stand on: the oracle of tests/test_differential.py.

`rows(landing, policy, as_of)` gives {mart: [row]}. Sums are of integer microseconds, shares and quantiles are Fractions; only Kaplan-Meier is in floats. A row
that the product keys by finding_id has `title` here (one title is one finding in what generate.py makes); instants are integer microseconds.

READINGS (ruling: reading A / reading B -> chosen)
 1. (52, 58) last observed stage: in sequence / whatever its instant -> whatever its instant: a routing that is out of sequence has happened, so that the
    time after the last span waits for dispatch. The next span covers a stage out of sequence too: it has none of its own.
 2. (52b) a boundary at the running instant: a zero segment / missing -> missing ("never zero").
 3. (79) "followed": by the next cycle / by any later one -> the next one. A cycle resolved, then withdrawn, then reopened by hand was followed.
 4. (45, 84) accepted or attested anew after a lapse: the same control / another -> another; the lapsed one is then `closed` (attested since).
    So is one whose finding was verified or withdrawn after the lapse: nothing is asked for any more.
 5. (84) due_at of an expired control: what the last attestation gave / the instant it expired -> the instant ("makes it due at once").
 6. (80) the cuts and the band of an open finding: as they stand in its open cycle's row of mart.handoff (at t1 once there is one) / at as_of -> the row;
    its team is the one at as_of.
 7. (82) past a step: that step's instant / any later step's too -> any later's too, visible work (in progress, resolved) included: it shows that somebody was
    reached, and after t1 that it was triaged; never that it was acknowledged. So an open cycle waits in one queue.
 8. (82) throughput in the first three weeks: divided by 4 / by the weeks there are -> by the weeks there are.
 9. (82) the severity's KM: in wall time (68) / in business time of each cycle's calendar -> in business time, when people acknowledge.
    Probability of T > due given T > waited, S right-continuous.
    Back-test: as of each week's end by what had happened by then, under the band and the due instant that the cycle has now; last_week is of cycles that were
    captured when the five business days before it began, so that both guess at the same number.
10. (81) the scanner cut: the finding's own figures / that scanner's observations only -> the finding's own ("findings it saw").
11. (87) open_aging: team at as_of / of the row -> at as_of, beside severity_now; `(none)` as in cuts.
12. (23, 81) findings whose last cycle is unrated: in deduplication and overlap / in neither -> in neither (they are in no mart but finding and flag).
13. (23) severity_matrix compares nothing with `unrated`: mismatch is null.
"""

import importlib.util
import itertools
import math
import statistics
import sys
from fractions import Fraction
from pathlib import Path


def _sibling(file):
    name = f"handoff_{file}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{file}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


R = _sibling("reference")
DAY, WEEK = R.DAY, 7 * R.DAY
SEVERITIES = ("all", *R.BANDS)


# ---------------------------------------------------------------- arithmetic


def exact(micros):
    """Microseconds, as an integer or a Fraction, to seconds."""
    return None if micros is None else float(Fraction(micros) / 1_000_000)


def ratio(part, whole):
    return None if not whole else float(Fraction(part) / Fraction(whole))


def mean(values):
    return Fraction(sum(values), 1) / len(values) if values else None


def quantile(values, q):
    """Linear interpolation between order statistics, in exact microseconds."""
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * Fraction(q)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


MEDIAN, P90 = Fraction(1, 2), Fraction(9, 10)


# ---------------------------------------------------------------- groups


def grouped(world, members, dated, dimensions, severity=lambda row: row["severity"]):
    """{(grain, start, dimension, value, severity): members}; members are (row, hidden), a group never is empty."""
    groups = {}
    for row, hidden in members:
        for grain in R.GRAINS:
            start = R.period(world, dated(row), grain)
            for dimension in dimensions:
                for value in R.dimension_values(row, dimension):
                    for band in ("all", severity(row)):
                        groups.setdefault((grain, start, dimension, value, band), []).append((row, hidden))
    return groups


CUT = ("period_grain", "period_start", "dimension", "dimension_value", "severity")


def next_cycle(hidden):
    chain = hidden["finding"]["cycles"]
    number = hidden["cycle"]["number"]
    return chain[number] if number < len(chain) else None


# ---------------------------------------------------------------- stages and segments

STAGES = (
    ("capture", "captured_at"),
    ("enrichment", "enriched_at"),
    ("routing", "routed_at"),
    ("dispatch", "notified_at"),
    ("acknowledgement", "acknowledged_at"),
    ("triage_entry", "triaged_at"),
)


def walk(row):
    """Ruling 52: the six stages with (stage, instant, span in microseconds or None, covers, out of sequence)."""
    out, running, pending = [], row["captured_at"], []
    for stage, column in STAGES:
        at = row[column]
        if at is None:
            pending.append(stage)
            out.append((stage, None, None, None, False))
        elif at < running:
            pending.append(stage)
            out.append((stage, at, None, None, True))
        else:
            out.append((stage, at, at - running, [*pending, stage], False))
            running, pending = at, []
    return out


def stage(cycles):
    return [
        {
            "title": row["title"],
            "cycle": row["cycle"],
            "stage": name,
            "instant": at,
            "span_seconds": exact(span),
            "span_us": span,
            "covers": covers,
            "is_out_of_sequence": reversed_,
        }
        for row, _ in cycles
        for name, at, span, covers, reversed_ in walk(row)
    ]


SEGMENTS = (("handoff", "triaged_at"), ("triage", "in_progress_at"), ("fix", "resolved_at"), ("verification", "verified_at"))


def walk_segments(row, hidden):
    """Ruling 52b, and the control time of ruling 45: (segment, start, end, covers)."""
    out, running, pending = [], row["captured_at"], []
    for name, column in SEGMENTS:
        pending.append(name)
        at = row[column]
        if at is not None and at > running:
            out.append((name, running, at, pending))
            running, pending = at, []
    for a, b in hidden["finding"]["controls"]:
        a, b = max(a, row["captured_at"]), min(b, hidden["horizon"])
        if b > a:
            out.append(("control", a, b, ["control"]))
    return out


def segment(cycles):
    return [
        {
            "title": row["title"],
            "cycle": row["cycle"],
            "segment": name,
            "started_at": a,
            "ended_at": b,
            "seconds": exact(b - a),
            "business_seconds": exact(hidden["calendar"].between(a, b)),
            "covers": covers,
        }
        for row, hidden in cycles
        for name, a, b, covers in walk_segments(row, hidden)
    ]


def instrumentation(world, cycles):
    """Ruling 77."""
    out = []
    later = {
        name: [*(column for _, column in STAGES[n + 1 :]), "in_progress_at", "resolved_at", "verified_at"]
        for n, (name, _) in enumerate(STAGES)
    }
    for key, members in grouped(world, cycles, lambda r: r["captured_at"], R.DIMENSIONS).items():
        for n, (name, column) in enumerate(STAGES):
            past = [row for row, _ in members if any(row[c] is not None for c in later[name])]
            observed = sum(row[column] is not None for row in past)
            alone = [walk(row)[n][2] for row, _ in members if walk(row)[n][3] == [name]]
            out.append(
                {
                    **dict(zip(CUT, key, strict=True)),
                    "stage": name,
                    "past": len(past),
                    "observed": observed,
                    "coverage_rate": ratio(observed, len(past)),
                    "spans": len(alone),
                    "median_seconds": exact(quantile(alone, MEDIAN)),
                    "p90_seconds": exact(quantile(alone, P90)),
                }
            )
    return out


def shares_of(row):
    """Ruling 78: microseconds of the four segments of a complete cycle; None where it is verified and incomplete, False where not verified."""
    if row["verified_at"] is None:
        return False
    bounds = [row[c] for c in ("captured_at", "triaged_at", "in_progress_at", "resolved_at", "verified_at")]
    if any(b is None for b in bounds) or bounds != sorted(bounds) or bounds[0] == bounds[-1]:
        return None
    return [b - a for a, b in itertools.pairwise(bounds)]


def cycle_share(world, cycles):
    out = []
    for key, members in grouped(world, cycles, lambda r: r["captured_at"], R.DIMENSIONS).items():
        found = [shares_of(row) for row, _ in members]
        complete = [s for s in found if s]
        total = sum(sum(s) for s in complete)
        for n, (name, _) in enumerate(SEGMENTS):
            spent = sum(s[n] for s in complete)
            average = mean([Fraction(s[n], sum(s)) for s in complete])
            out.append(
                {
                    **dict(zip(CUT, key, strict=True)),
                    "segment": name,
                    "cycles": len(complete),
                    "incomplete": sum(s is None for s in found),
                    "unverified": sum(s is False for s in found),
                    "seconds": exact(spent),
                    "mean_share": None if average is None else float(average),
                    "summed_share": ratio(spent, total),
                }
            )
    return out


def lags(row, hidden):
    """Ruling 58: {stage: microseconds beyond the handoff due instant}."""
    if not row["handoff_breached"]:
        return {}
    due, t1 = row["handoff_due_at"], row["acknowledged_at"]
    end = hidden["horizon"] if t1 is None else min(t1, hidden["horizon"])
    lost, running, last = {}, row["captured_at"], 0
    for n, (name, at, span, _, _) in enumerate(walk(row)):
        if at is not None:
            last = n
        if span is None or at > end:
            continue
        lost[name] = max(0, at - max(running, due))
        running = at
    if end > running:
        name = STAGES[min(last + 1, len(STAGES) - 1)][0]
        lost[name] = lost.get(name, 0) + max(0, end - max(running, due))
    assert sum(lost.values()) == end - due, (row, lost)
    return {name: us for name, us in lost.items() if us}


def lag_attribution(cycles):
    return [
        {
            "title": row["title"],
            "cycle": row["cycle"],
            "stage": name,
            "failure_mode": row["failure_mode"],
            "team": row["team"],
            "seconds": exact(us),
        }
        for row, hidden in cycles
        for name, us in lags(row, hidden).items()
    ]


# ---------------------------------------------------------------- reopening, controls, ownership


def reopen(world, cycles):
    """Ruling 79."""

    def done(row):
        return row["resolved_at"] if row["resolved_at"] is not None else row["verified_at"]

    out = []
    completed = [(row, hidden) for row, hidden in cycles if done(row) is not None]
    for key, members in grouped(world, completed, done, R.DIMENSIONS).items():
        gaps = [
            next_cycle(h)["start"] - done(row) for row, h in members if next_cycle(h) is not None and next_cycle(h)["origin"] == "reopened"
        ]
        out.append(
            {
                **dict(zip(CUT, key, strict=True)),
                "completed": len(members),
                "reopened": len(gaps),
                "reopen_rate": ratio(len(gaps), len(members)),
                "median_seconds_to_reopen": exact(quantile(gaps, MEDIAN)),
            }
        )
    return out


def compensating_control(world, cycles):
    """Rulings 45, 84."""
    out = []
    at = {(id(h["finding"]), row["cycle"]): row for row, h in cycles}
    for finding in {id(h["finding"]): h["finding"] for _, h in cycles}.values():
        closures = [row["closed_at"] for row, h in cycles if h["finding"] is finding and row["closed_at"] is not None]
        for n, run in enumerate(finding["control_runs"]):
            row = at.get((id(finding), run["cycle"]["number"]))
            if row is None:
                continue
            again = None if run["revalidation"] is None else at.get((id(finding), run["revalidation"]["number"]))
            attested_since = n + 1 < len(finding["control_runs"])
            if run["ended_by"] is None:
                state = "current" if run["due"] > world.as_of + 14 * DAY else "due_soon"
            elif run["ended_by"] in ("due", "control_expired") and not attested_since and all(at < run["ended_at"] for at in closures):
                state = "lapsed"
            else:
                state = "closed"
            out.append(
                {
                    "title": row["title"],
                    "started_at": run["started_at"],
                    "cycle": row["cycle"],
                    **{c: row[c] for c in ("severity", "severity_now", "asset_id", "business_unit", "team", "owner_id")},
                    "attested_at": run["attested_at"],
                    "attestations": run["attestations"],
                    "due_at": run["due"],
                    "ended_at": run["ended_at"],
                    "ended_by": run["ended_by"],
                    "state": state,
                    "age_seconds": exact(world.as_of - run["started_at"]),
                    "revalidation_cycle": None if run["revalidation"] is None else run["revalidation"]["number"],
                    "revalidation_started_at": None if run["revalidation"] is None else run["revalidation"]["start"],
                    "revalidation_latency_seconds": again and again["latency_seconds"],
                    "revalidation_latency_business_seconds": again and again["latency_business_seconds"],
                }
            )
    return out


def named_by(world, finding, cycle):
    """Ruling 80: (reference that the decision in force at as_of names, effective_from of what named it); (None, None) where it names nobody."""
    events = [e for e in cycle["events"] if e["event"] in R.NAMING and not e["own"]]
    if events:
        e = max(events, key=R.event_order)
        return (e["target_person"], e["at"]) if e["target_person"] else (None, None)
    if R.binding_at(world, finding, world.as_of)[0] != "bound":
        return None, None
    found = R.candidates_at(world, finding, world.as_of)
    row = next((r for r in found if R.candidate_reason(world, r, world.as_of) is None), found[0] if found else None)
    if row is None or not row["person_id"]:
        return None, None
    since = [at for at, r in world.ownership.at(world.as_of) if r is row]
    return row["person_id"], since[0]


AGES = ((30, "up to 30 d"), (90, "up to 90 d"), (180, "up to 180 d"), (365, "up to 365 d"))


def ownership_currency(world, cycles):
    """Ruling 80."""
    groups = {}
    for row, hidden in cycles:
        if not row["is_open"]:
            continue
        who, since = named_by(world, hidden["finding"], hidden["cycle"])
        person = R.person_at(world, who, world.as_of) if who else None
        active = person is not None and R.kind_of(person) == "human" and R.status_of(person) == "active"
        age = None if who is None or since == R.ALWAYS else world.as_of - since
        if who is None:
            bucket = "no owner"
        elif age is None:
            bucket = "always valid"
        else:
            bucket = next((text for days, text in AGES if age <= days * DAY), "over 365 d")
        for dimension in R.DIMENSIONS:
            for value in R.dimension_values({**row, "team": row["team_now"]}, dimension):
                for severity in ("all", row["severity"]):
                    for part in ("all", bucket):
                        groups.setdefault((dimension, value, severity, part), []).append((who is not None, active, age))
    out = []
    for (dimension, value, severity, part), found in groups.items():
        owned, active = sum(o for o, _, _ in found), sum(a for _, a, _ in found)
        out.append(
            {
                "dimension": dimension,
                "dimension_value": value,
                "severity": severity,
                "mapping_age": part,
                "open_findings": len(found),
                "owned": owned,
                "active": active,
                "currency_rate": ratio(active, len(found)),
                "owned_currency_rate": ratio(active, owned),
                "median_mapping_age_seconds": exact(quantile([age for _, _, age in found if age is not None], MEDIAN)),
            }
        )
    return out


# ---------------------------------------------------------------- capacity and forecast

STEPS = (
    ("opened", "captured_at"),
    ("routed", "routed_at"),
    ("dispatched", "notified_at"),
    ("acknowledged", "acknowledged_at"),
    ("triaged", "triaged_at"),
    ("closed", "closed_at"),
)


def monday(world, at):
    return R.date.fromisoformat(R.period(world, at, "week"))


def midnight(world, day):
    """The first instant of a local day."""
    return R.local_to_utc(R.datetime(day.year, day.month, day.day), R.ZoneInfo(world.policy["reporting_zone"]), 0)


def weeks(world, cycles):
    """Mondays from the first t0 to as_of."""
    day, last = monday(world, min(row["captured_at"] for row, _ in cycles)), monday(world, world.as_of)
    while day <= last:
        yield day
        day += R.timedelta(days=7)


def is_past(row, n, end):
    """Whether a cycle has left step n behind before an instant."""

    def happened(*columns):
        return any(row[c] is not None and row[c] < end for c in columns)

    work = happened("in_progress_at", "resolved_at")
    step = STEPS[n][0]
    if step == "acknowledged":
        return happened("acknowledged_at")
    if step == "triaged":
        return happened("triaged_at") or (happened("acknowledged_at") and work)
    if step in ("routed", "dispatched"):
        return happened(*(c for _, c in STEPS[n:5])) or work
    return happened(STEPS[n][1])


def ingest_capacity(world, cycles):
    """Ruling 82."""
    out = []
    if not cycles:
        return out
    units = {"all": cycles}
    for row, hidden in cycles:
        units.setdefault(row["business_unit"] or "(none)", []).append((row, hidden))
    for unit, members in units.items():
        for n, (step, column) in enumerate(STEPS[1:], 1):
            before, above = [], 0
            for day in weeks(world, cycles):
                start, end = midnight(world, day), midnight(world, day + R.timedelta(days=7))
                opened = sum(start <= row["captured_at"] < end for row, _ in members)
                completed = sum(row[column] is not None and start <= row[column] < end for row, _ in members)

                queue = sum(
                    is_past(row, n - 1, end)
                    and not is_past(row, n, end)
                    and not (h["cycle"]["end"] is not None and h["cycle"]["end"] < end)
                    for row, h in members
                )
                before = [*before, completed][-4:]
                throughput = mean(before)
                above = above + 1 if opened > throughput else 0
                out.append(
                    {
                        "week_start": day.isoformat(),
                        "business_unit": unit,
                        "step": step,
                        "opened": opened,
                        "completed": completed,
                        "queue": queue,
                        "throughput": float(throughput),
                        "utilisation": ratio(opened, throughput),
                        "expected_wait_seconds": None if not throughput else exact(queue / throughput * WEEK),
                        "weeks_above": above,
                    }
                )
    return out


def survival(pairs, t):
    """S(t) of Kaplan and Meier; pairs are (microseconds, observed), events before censorings at a tie."""
    s = 1.0
    for at in sorted({d for d, observed in pairs if observed and d <= t}):
        at_risk = sum(d >= at for d, _ in pairs)
        s *= 1.0 - sum(d == at and observed for d, observed in pairs) / at_risk
    return s


def wall_time(_, a, b):
    return b - a


def business_time(hidden, a, b):
    return hidden["calendar"].between(a, b)


def duration(row, hidden, known=None, clock=wall_time):
    """(microseconds of a clock, observed) of a cycle, as known at an instant."""
    end = hidden["horizon"] if known is None else min(hidden["horizon"], known)
    t1 = row["acknowledged_at"]
    if t1 is not None and t1 <= end:
        return clock(hidden, row["captured_at"], t1), True
    return clock(hidden, row["captured_at"], end), False


def breach_probability(members, row, hidden, at):
    """S(due - t0) / S(waited) of the cycles of one severity that had begun at an instant, as known then."""
    pairs = [duration(r, h, at, business_time) for r, h in members if r["captured_at"] <= at]
    t0, due = row["captured_at"], row["handoff_due_at"]
    return survival(pairs, business_time(hidden, t0, due)) / survival(pairs, business_time(hidden, t0, at))


def breach_forecast(world, cycles):
    """Ruling 82."""
    out = []
    until = world.calendar(None).add(world.as_of, "5bd")
    for row, hidden in cycles:
        if (
            not row["is_open"]
            or row["acknowledged_at"] is not None
            or row["handoff_breached"]
            or not world.as_of < row["handoff_due_at"] <= until
        ):
            continue
        of = [(r, h) for r, h in cycles if r["severity"] == row["severity"]]
        out.append(
            {
                **{c: row[c] for c in ("title", "cycle", "severity", "business_unit", "team", "owner_id", "captured_at", "handoff_due_at")},
                "waited_seconds": exact(world.as_of - row["captured_at"]),
                "breach_probability": breach_probability(of, row, hidden, world.as_of),
            }
        )
    return out


def business_before(calendar, at, budget):
    """The stretch (from, to] of so much open time that ends last at or before an instant."""
    until = left = None
    for a, b in reversed(calendar.intervals(at - 400 * DAY, 402)):
        if a >= at:
            continue
        b = min(b, at)
        if until is None:
            until, left = b, budget
        if b - a >= left:
            return b - left, until
        left -= b - a
    raise ValueError("never so long open")


def forecast_backtest(world, cycles):
    """Ruling 82, held to the past: the forecast at each of the last twelve week ends, and what became of it."""
    out = []
    if not cycles:
        return out
    calendar, first = world.calendar(None), min(row["captured_at"] for row, _ in cycles)
    day, done = monday(world, world.as_of), 0
    while done < 12 and midnight(world, day) > first:
        at, week = midnight(world, day), day - R.timedelta(days=7)
        day = week
        until = calendar.add(at, "5bd")
        if until >= world.as_of:
            continue
        done += 1
        since, last = business_before(calendar, at, 5 * calendar.business_day)
        if since < first:
            continue
        found = {}
        for band in R.BANDS:
            of = [(row, h) for row, h in cycles if row["severity"] == band]
            listed = [
                (row, h)
                for row, h in of
                if row["captured_at"] <= at < row["handoff_due_at"] <= until
                and not (row["acknowledged_at"] is not None and row["acknowledged_at"] <= at)
                and not (h["cycle"]["end"] is not None and h["cycle"]["end"] <= at)
            ]
            found[band] = (
                len(listed),
                sum(breach_probability(of, row, h, at) for row, h in listed),
                sum(row["handoff_breached"] for row, _ in listed),
                sum(
                    row["handoff_breached"] and row["captured_at"] <= since < row["handoff_due_at"] <= last and row["handoff_due_at"] < at
                    for row, _ in of
                ),
            )
        found["all"] = tuple(sum(part) for part in zip(*found.values(), strict=True))
        for severity, (listed, hoped, actual, last_week) in found.items():
            out.append(
                {
                    "week_start": week.isoformat(),
                    "severity": severity,
                    "listed": listed,
                    "expected": float(hoped),
                    "actual": actual,
                    "last_week": last_week,
                    "forecast_error": abs(float(hoped) - actual),
                    "last_week_error": float(abs(last_week - actual)),
                }
            )
    return out


# ---------------------------------------------------------------- one SLA, what was saved, what the scanners say


def single_sla(world, cycles):
    """Rulings 55, 57."""
    out = []
    due = [(row, hidden) for row, hidden in cycles if row["single_sla_due_at"] <= world.as_of]
    for key, members in grouped(world, due, lambda r: r["single_sla_due_at"], R.DIMENSIONS).items():
        late = [h["horizon"] - row["single_sla_due_at"] for row, h in members if row["misattributed"]]
        out.append(
            {
                **dict(zip(CUT, key, strict=True)),
                "cycles": len(members),
                "single_breaches": sum(h["single_breached"] for _, h in members),
                "handoff_breaches": sum(row["handoff_breached"] for row, _ in members),
                "remediation_breaches": sum(bool(row["remediation_breached"]) for row, _ in members),
                "both": sum(row["handoff_breached"] and bool(row["remediation_breached"]) for row, _ in members),
                "misattributed": len(late),
                "misattributed_seconds": exact(sum(late)),
                "blamed_rightly": sum(h["single_breached"] and bool(row["remediation_breached"]) for row, h in members),
            }
        )
    return out


def last_cycles(cycles):
    """The last cycle of every finding that has one in the marts."""
    return [(row, h) for row, h in cycles if row["cycle"] == len(h["finding"]["cycles"])]


def rated(finding):
    return [o for o in finding["observations"] if o["band"] != "informational"]


def deduplication(cycles):
    """Ruling 81."""
    groups = {}
    for row, hidden in last_cycles(cycles):
        seen = rated(hidden["finding"])
        for dimension in R.DIMENSIONS:
            if dimension in ("failure_mode", "origin"):
                continue
            values = sorted({o["scanner"] for o in seen}) if dimension == "scanner" else R.dimension_values(row, dimension)
            for value in values:
                for severity in ("all", row["severity"]):
                    groups.setdefault((dimension, value, severity), []).append(
                        (len(seen), len({(o["scanner"], o["target"]) for o in seen}))
                    )
    return [
        {
            "dimension": dimension,
            "dimension_value": value,
            "severity": severity,
            "observations": sum(o for o, _ in found),
            "findings": len(found),
            "observations_per_finding": ratio(sum(o for o, _ in found), len(found)),
            "sightings": sum(s for _, s in found),
            "dispatches_avoided": sum(s - 1 for _, s in found),
        }
        for (dimension, value, severity), found in groups.items()
    ]


def scanner_overlap(cycles):
    """Ruling 81."""
    by = {}
    for _, hidden in last_cycles(cycles):
        for scanner in {o["scanner"] for o in rated(hidden["finding"])}:
            by.setdefault(scanner, set()).add(hidden["finding"]["id"])
    return [
        {"scanner": a, "other_scanner": b, "findings": len(by[a] & by[b]), "share": ratio(len(by[a] & by[b]), len(by[a]))}
        for a in by
        for b in by
        if by[a] & by[b]
    ]


def severity_matrix(world, cycles):
    """The workspace band against the scanner's own word."""
    groups = {}

    def cell(scanner, term, band):
        return groups.setdefault((scanner, term, band), {"observations": 0, "findings": set(), "handoffs": 0, "lost": 0})

    for finding in world.findings:
        for o in finding["observations"]:
            found = cell(o["scanner"], o["calibrated"], o["band"])
            found["observations"] += 1
            found["findings"].add(finding["id"])
    for row, hidden in cycles:
        first = hidden["seen"][0]
        found = cell(first["scanner"], first["calibrated"], row["severity"])
        found["handoffs"] += 1
        if "severity_mismatch" in row["failure_modes"]:
            found["lost"] += sum(lags(row, hidden).values())
    out = []
    for (scanner, term, band), found in groups.items():
        gap = R.RANK[band] - R.RANK[term]
        mismatch = "higher" if gap < 0 else "lower" if gap > 0 else "equal"
        out.append(
            {
                "scanner": scanner,
                "scanner_band": term,
                "severity": band,
                "observations": found["observations"],
                "findings": len(found["findings"]),
                "handoffs": found["handoffs"],
                "mismatch": None if "unrated" in (band, term) else mismatch,
                "lost_seconds": exact(found["lost"]),
            }
        )
    return out


DRIFT = {"recent": "30d", "before": "90d", "change": 0.25, "minimum": 50, "scored": 20}


def native_score(world, o):
    """The score beside the term: of the vector without an asset, else as the scanner states it."""
    vectors = [R.vector_score(world, o["item"][field], None) for field in ("cvssv4", "cvssv3") if R.clean(o["item"].get(field))]
    stated = [o["item"].get(field) for field in ("cvssv4_score", "cvssv3_score")]
    found = [score for score in vectors if score is not None] + [float(score) for score in stated if score is not None]
    return found[0] if found else None


def moved(recent, before):
    """Share of the one that must be something else to look like the other: what they do not have in common."""
    if not recent or not before:
        return None
    common = sum(min(ratio(recent.count(x), len(recent)), ratio(before.count(x), len(before))) for x in set(recent))
    return 1 - common


def severity_calibration(world):
    """What scanners mean by their terms, and whether that drifts."""
    drift = DRIFT | (world.policy["severity"].get("drift") or {})
    begin = world.as_of - R.wall(drift["recent"])
    earlier = begin - R.wall(drift["before"])
    least, scored = int(drift["minimum"]), int(drift["scored"])
    scanners = {}
    for finding in world.findings:
        for o in finding["observations"]:
            scanners.setdefault(o["scanner"], []).append((o, R.clean(o["native"]).lower(), finding["id"]))
    out = []
    for scanner, seen in scanners.items():
        recent = [(o, term) for o, term, _ in seen if o["at"] > begin]
        before = [(o, term) for o, term, _ in seen if earlier < o["at"] <= begin]
        enough = min(len(recent), len(before)) >= least
        for term in {term for _, term, _ in seen}:
            of = [o for o, t, _ in seen if t == term]
            scores = [score for o in of if (score := native_score(world, o)) is not None]
            median = statistics.median(scores) if scores else None
            by_score = None if median is None else R.score_band(world, median)
            band = of[0]["calibrated"]
            counts = [sum(t == term for _, t in part) for part in (recent, before)]
            out.append(
                {
                    "scanner": scanner,
                    "format": "generic",
                    "native_term": term,
                    "calibrated_band": band,
                    "observations": len(of),
                    "findings": len({f for _, t, f in seen if t == term}),
                    "first_captured_at": min(o["at"] for o in of),
                    "last_captured_at": max(o["at"] for o in of),
                    "scored": len(scores),
                    "median_score": median,
                    "score_band": by_score,
                    "is_contradicted": len(scores) >= scored and by_score != band and band != "unrated",
                    "recent": counts[0],
                    "before": counts[1],
                    "share_recent": ratio(counts[0], len(recent)),
                    "share_before": ratio(counts[1], len(before)),
                    "is_new": all(o["at"] > begin for o in of) and sum(o["at"] <= begin for o, _, _ in seen) >= least,
                    "scanner_recent": len(recent),
                    "scanner_before": len(before),
                    "term_change": moved([t for _, t in recent], [t for _, t in before]) if enough else None,
                    "band_change": moved([o["band"] for o, _ in recent], [o["band"] for o, _ in before]) if enough else None,
                }
            )
    return out


# ---------------------------------------------------------------- open and closed

BUCKETS = ((7, "under 7 days"), (30, "7 to 30 days"), (90, "30 to 90 days"))


def open_aging(world, cycles):
    groups = {}
    for row, _ in cycles:
        if row["is_open"]:
            age = world.as_of - row["captured_at"]
            bucket = next((text for days, text in BUCKETS if age < days * DAY), "90 days and more")
            groups.setdefault((row["severity_now"], bucket, row["team_now"] or "(none)"), []).append(age)
    return [
        {"severity": severity, "age_bucket": bucket, "team": team, "open": len(ages), "oldest_seconds": exact(max(ages))}
        for (severity, bucket, team), ages in groups.items()
    ]


def throughput(world, cycles):
    groups = {}
    for row, _ in cycles:
        for name, column in (("opened", "captured_at"), ("acknowledged", "acknowledged_at"), ("closed", "closed_at")):
            if row[column] is not None:
                for grain in R.GRAINS:
                    for severity in ("all", row["severity"]):
                        key = (grain, R.period(world, row[column], grain), severity)
                        groups.setdefault(key, {"opened": 0, "acknowledged": 0, "closed": 0})[name] += 1
    return [
        {"period_grain": grain, "period_start": start, "severity": severity, **found} for (grain, start, severity), found in groups.items()
    ]


# ---------------------------------------------------------------- latency: every cut by every period, with the interval


def interval(pairs, level):
    """Ruling 68: the 95 % interval of a quantile, Greenwood's variance on the log-log scale; (low, high) in seconds, None where not reached.

    An end is the smallest t at which the lower (upper) limit of S falls to the level. Where S is 0 the lower limit is 0 and there is no upper one.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    s, variance, ends = 1.0, 0.0, [None, None]
    for at in sorted({d for d, observed in pairs if observed}):
        at_risk, died = sum(d >= at for d, _ in pairs), sum(d == at and observed for d, observed in pairs)
        s *= 1.0 - died / at_risk
        if died == at_risk:
            limits = (0.0, 1.0)
        else:
            variance += died / (at_risk * (at_risk - died))
            spread = z * math.sqrt(variance) / math.log(s)
            limits = (s ** math.exp(-spread), s ** math.exp(spread))
        for n, limit in enumerate(limits):
            if ends[n] is None and limit <= level + 1e-12:
                ends[n] = exact(at)
    return ends


def is_worked_on(row):
    """Ruling 77 for the fifth stage: the sixth, or work, was observed."""
    return any(row[name] is not None for name in ("triaged_at", "in_progress_at", "resolved_at", "verified_at"))


def handoff_latency(world, cycles):
    """Rulings 66 to 69, 71; what reference.py gives, for every cut by every period."""
    out = []
    for key, members in grouped(world, cycles, lambda r: r["captured_at"], R.DIMENSIONS).items():
        severity, gated = key[-1], key[2] == "failure_mode"
        rows = [row for row, _ in members]
        taken = [row["acknowledged_at"] - row["captured_at"] for row in rows if row["acknowledged_at"] is not None]
        business = [round(row["latency_business_seconds"] * 1e6) for row in rows if row["acknowledged_at"] is not None]
        pairs = [duration(row, h) for row, h in members]
        low, high = interval(pairs, 0.5)
        p90_low, p90_high = interval(pairs, 0.1)
        mature, missing = sum(row["is_mature"] for row in rows), sum(row["is_unacknowledged"] for row in rows)
        median, p90 = quantile(taken, MEDIAN), quantile(taken, P90)
        rate = ratio(missing, mature)
        out.append(
            {
                **dict(zip(CUT, key, strict=True)),
                "handoffs": len(rows),
                "acknowledged": len(taken),
                "coverage_rate": ratio(sum(row["acknowledged_at"] is not None for row in rows if is_worked_on(row)), sum(map(is_worked_on, rows))),
                "median_seconds": exact(median),
                "p90_seconds": exact(p90),
                "tail_seconds": None if median is None else exact(p90 - median),
                "median_business_seconds": exact(quantile(business, MEDIAN)),
                "p90_business_seconds": exact(quantile(business, P90)),
                "km_median_seconds": R.kaplan_meier(pairs, 0.5),
                "km_p90_seconds": R.kaplan_meier(pairs, 0.1),
                "km_median_low_seconds": low,
                "km_median_high_seconds": high,
                "km_p90_low_seconds": p90_low,
                "km_p90_high_seconds": p90_high,
                "mature": mature,
                "unacknowledged": missing,
                "no_acknowledgement_rate": None if gated else rate,
                "handoff_breaches": sum(row["handoff_breached"] for row in rows),
                "unrouted": sum(h["unrouted"] for _, h in members),
                "verdict": None if gated else R.verdict(world, severity, [us / 1e6 for us in taken], mature, rate),
            }
        )
    return out


def segment_latency(world, cycles):
    """Ruling 87: the segments, remediation (t1 to verified) and mttr (t0 to verified)."""
    out = []
    order = [name for name, _ in SEGMENTS]
    for key, members in grouped(world, cycles, lambda r: r["captured_at"], R.DIMENSIONS).items():
        found = {name: [] for name in (*order, "control", "remediation", "mttr")}
        past = dict.fromkeys(found, 0)
        for row, h in members:
            walked = walk_segments(row, h)
            last = max((order.index(name) for name, *_ in walked if name in order), default=-1)
            for name in order[: last + 1]:
                past[name] += 1
            for name, a, b, covers in walked:
                if name != "control":
                    found[name].append((b - a, h["calendar"].between(a, b), covers == [name]))
            held = [(a, b) for name, a, b, _ in walked if name == "control"]
            if held:  # one figure a cycle, however often a control lapsed in it
                past["control"] += 1
                found["control"].append((sum(b - a for a, b in held), sum(h["calendar"].between(a, b) for a, b in held), True))
            for name, start in (("remediation", row["acknowledged_at"]), ("mttr", row["captured_at"])):
                if row["verified_at"] is not None and start is not None:
                    past[name] += 1
                    found[name].append((row["verified_at"] - start, h["calendar"].between(start, row["verified_at"]), True))
        for name, spans in found.items():
            if past[name]:
                out.append(
                    {
                        **dict(zip(CUT, key, strict=True)),
                        "segment": name,
                        "cycles": len(spans),
                        "median_seconds": exact(quantile([a for a, _, _ in spans], MEDIAN)),
                        "p90_seconds": exact(quantile([a for a, _, _ in spans], P90)),
                        "median_business_seconds": exact(quantile([b for _, b, _ in spans], MEDIAN)),
                        "coverage_rate": ratio(sum(alone for _, _, alone in spans), past[name]),
                    }
                )
    return out


# ---------------------------------------------------------------- findings, queues


def finding(world):
    """Ruling 87; record.md, Identity."""
    out = []
    for f in world.findings:
        seen, known = rated(f), f["observations"]
        first = (seen or known)[0]
        chain = f.get("cycles") or []
        band = R.band_at(chain[-1], world.as_of) if chain else "informational"
        status, asset, _ = R.binding_at(world, f, world.as_of)
        if not chain:
            state = "informational"
        elif chain[-1]["withdrawn"] is not None:
            state = "withdrawn"
        elif chain[-1]["verified"] is not None:
            state = "verified"
        else:
            state = "resolved" if chain[-1]["resolved"] is not None else "open"
        ids = {i for o in known for i in o["ids"]}
        out.append(
            {
                "title": first["title"],
                "asset_id": asset and asset["asset_id"],
                "target": first["target"],
                "vulnerability_key": first["key"],
                "vulnerability_ids": sorted(ids),
                "severity": band,
                "state": state,
                "first_captured_at": (seen or known)[0]["at"],
                "last_captured_at": max(o["at"] for o in known),
                "cycles": len(chain),
                "is_open": bool(chain) and chain[-1]["end"] is None,
                "scanners": sorted({o["scanner"] for o in seen or known}),
                "own_ids": f["own_ids"],
                "binding_status": status,
                "observations": len(known),
            }
        )
    return out


def queues(world, cycles):
    """binding_gap and decayed_routing: open cycles without an asset, and with one whose decision in force names no valid person."""
    gaps, decayed = [], []
    for row, h in cycles:
        if not row["is_open"]:
            continue
        status, asset, _ = R.binding_at(world, h["finding"], world.as_of)
        decision = R.decision_at(world, h["finding"], h["cycle"], world.as_of)
        common = {
            "title": row["title"],
            "cycle": row["cycle"],
            "severity": row["severity_now"],
            "captured_at": row["captured_at"],
            "asset_id": asset and asset["asset_id"],
            "age_seconds": exact(world.as_of - row["captured_at"]),
            "is_acknowledged": row["acknowledged_at"] is not None,
        }
        if status != "bound":
            gaps.append({**common, "binding_status": status, "target": row["target"]})
        if decision["person"] is None and decision["bound"]:
            decayed.append({**common, "reason": decision["status"], "team": row["team_now"]})
    return gaps, decayed


def sla_breach(world, cycles):
    """Ruling 85."""
    out = []
    for row, h in cycles:
        for sla, broken, due, end in (
            ("handoff", row["handoff_breached"], row["handoff_due_at"], row["acknowledged_at"]),
            ("remediation", row["remediation_breached"], row["remediation_due_at"], row["verified_at"]),
            ("single", h["single_breached"], row["single_sla_due_at"], row["verified_at"]),
        ):
            if broken:
                out.append(
                    {
                        "title": row["title"],
                        "cycle": row["cycle"],
                        "sla": sla,
                        "due_at": due,
                        "breached_at": due,
                        "failure_mode": row["failure_mode"],
                        "severity": row["severity"],
                        "team": row["team"],
                        "breached_on": R.period(world, due, "day"),
                        "overdue_seconds": exact((h["horizon"] if end is None else end) - due),
                    }
                )
    return out


def handoff_more(world, cycles):
    """What mart.handoff has beside reference.py's columns."""
    return [
        {
            "title": row["title"],
            "cycle": row["cycle"],
            "single_sla_breached": h["single_breached"],
            "acknowledged_by": h["acknowledger"] and h["acknowledger"]["person_id"],
            "horizon_at": h["horizon"],
            "captured_on": R.period(world, row["captured_at"], "day"),
        }
        for row, h in cycles
    ]


# ---------------------------------------------------------------- the dashboard


def open_budget(world, text):
    """Seconds of a budget in business time (of the default calendar's day); None of one in wall time."""
    number, unit = R.duration(text)
    return {"bh": number * 3600.0, "bd": exact(number * world.calendar(None).business_day)}.get(unit)


def unrouted_at(world, cycles, severity, at):
    """How many waited unrouted at an instant, as a run with it for as_of would say: what happened at that instant has happened."""

    def past(t):
        return t is not None and t <= at

    return sum(
        severity in ("all", row["severity"])
        and past(row["captured_at"])
        and not past(h["cycle"]["end"])
        and not past(row["acknowledged_at"])
        and R.decision_at(world, h["finding"], h["cycle"], at)["person"] is None
        for row, h in cycles
    )


def dashboard(world, cycles):
    """Ruling 93: what happened in the current week, month and quarter, and in the whole period before it."""
    out = []
    policy, zone_of = world.policy, R.ZoneInfo(world.policy["reporting_zone"])
    today = R.moment(world.as_of).astimezone(zone_of).date()
    for grain in ("week", "month", "quarter"):
        start = R.date.fromisoformat(R.period(world, world.as_of, grain))
        before = R.date.fromisoformat(R.period(world, midnight(world, start) - 1, grain))
        days = {"week": 8, "month": 32, "quarter": 93}[grain]
        end = R.date.fromisoformat(R.period(world, midnight(world, start + R.timedelta(days=days)), grain))
        assert start <= today < end
        spans = [(midnight(world, start), world.as_of + 1), (midnight(world, before), midnight(world, start))]

        def put(number, severity, mode, clock, unit, target, pair, grain=grain, start=start, end=end):
            (value, population), (was, were) = pair
            out.append(
                {
                    "period_grain": grain,
                    "period_start": start.isoformat(),
                    "period_end": end.isoformat(),
                    "number": number,
                    "severity": severity,
                    "failure_mode": mode,
                    "clock": clock,
                    "value": value,
                    "unit": unit,
                    "target": target,
                    "population": population,
                    "previous_value": was,
                    "previous_population": were,
                }
            )

        for severity in SEVERITIES:
            rows = [row for row, _ in cycles if severity in ("all", row["severity"])]
            for number, q, word in (("median_handoff_latency", MEDIAN, "median"), ("p90_handoff_latency", P90, "p90")):
                for clock, column in (("business", "latency_business_seconds"), ("wall", "latency_seconds")):
                    target = None
                    if severity != "all" and clock == "wall":
                        target = exact(R.wall(policy["verdict"][severity][word]))
                    elif severity != "all" and word == "median":
                        target = open_budget(world, policy["handoff_sla"][severity])
                    pair = []
                    for a, b in spans:
                        taken = [
                            round(row[column] * 1e6)
                            for row in rows
                            if row["acknowledged_at"] is not None and a <= row["acknowledged_at"] < b
                        ]
                        pair.append((exact(quantile(taken, q)), len(taken)))
                    put(number, severity, None, clock, "seconds", target, pair)
            ended = [[row for row in rows if a <= row["window_ends_at"] < b and row["is_mature"]] for a, b in spans]
            fallen = [
                [
                    row
                    for row, h in cycles
                    if severity in ("all", row["severity"])
                    and a <= row["handoff_due_at"] < b
                    and (row["acknowledged_at"] is not None or h["horizon"] >= row["handoff_due_at"])
                ]
                for a, b in spans
            ]
            for number, found, counted, unit in (
                ("no_acknowledgement_rate", ended, "is_unacknowledged", "rate"),
                ("handoff_sla_breaches", fallen, "handoff_breached", "count"),
            ):
                for mode in (None, *R.MODES, "unexplained"):
                    counts = [sum(row[counted] and mode in (None, row["failure_mode"]) for row in group) for group in found]
                    if mode and not any(counts):
                        continue
                    target = float(policy["verdict"][severity]["rate"]) if unit == "rate" and severity != "all" and not mode else None
                    pair = [
                        (float(n) if unit == "count" else ratio(n, len(group)), len(group)) for n, group in zip(counts, found, strict=True)
                    ]
                    put(number, severity, mode, None, unit, target, pair)
            depths = [unrouted_at(world, cycles, severity, at) for at in (world.as_of, midnight(world, start))]
            put("unrouted_queue_depth", severity, None, None, "count", None, [(float(n), n) for n in depths])
    return out


# ---------------------------------------------------------------- time quality

STAGE_WORDS = {
    "enriched": "enrichment",
    "routed": "routing",
    "notified": "dispatch",
    "acknowledged": "acknowledgement",
    "triaged": "triage_entry",
}


def time_quality(world, cycles):
    """Rulings 41, 44, 83: doubtful instants by kind and detail, whatever their source; `future` without detail."""
    groups = {}

    def put(anomaly, subject, detail, at):
        groups.setdefault((anomaly, subject, detail), []).append(at)

    for o in world.seen:
        for anomaly, holds in (
            ("naive_stamp", o["naive"]),
            ("midnight", o["midnight"]),
            ("day_only", o["at_source"] == "report_date"),
            ("file_time", o["at_source"] == "file"),
        ):
            if holds:
                put(anomaly, "observation", o["at_source"], o["at"])
    for e in world.events:
        for anomaly, holds in (("naive_stamp", e["naive"]), ("midnight", e["midnight"])):
            if holds:
                put(anomaly, "event", e["event"], e["at"])
    ignored = {}
    for f in world.findings:
        chain = f.get("cycles") or []
        for e, why in f.get("ignored") or []:
            ignored.setdefault(e["event_id"], (e, set()))[1].add(why if chain or why != "before_t0" else "no_cycle")
    for e, whys in ignored.values():
        if "before_t0" in whys:
            put("before_t0", "event", e["event"], e["at"])
            if e["event"] in STAGE_WORDS:
                put("out_of_sequence", "event", f"{STAGE_WORDS[e['event']]} before capture", e["at"])
        if whys - {"before_t0"}:
            put("outside_cycle", "event", min(whys - {"before_t0"}), e["at"])
    for row, _ in cycles:
        for n, (earlier, column) in enumerate(STAGES):
            for later, other in STAGES[n + 1 :]:
                if row[column] is not None and row[other] is not None and row[other] < row[column]:
                    put("out_of_sequence", "cycle", f"{later} before {earlier}", row[other])
    rules, by = world.policy["time_quality"], {}
    for e in world.events:
        if e["event"] == "acknowledged" and e["actor"]:
            person = R.person_at(world, e["actor"], e["at"])
            by.setdefault(person["person_id"] if person else e["actor"], []).append(e["at"])
    for person, instants in by.items():
        window = R.wall(rules["bulk_window"])
        bursts = [[t for t in instants if start <= t <= start + window] for start in set(instants)]
        counted = {t for burst in bursts if len(burst) >= int(rules["bulk_count"]) for t in burst}
        for t in instants:
            if t in counted:
                put("bulk_acknowledgement", "event", person, t)
    out = [
        {"anomaly": anomaly, "subject": subject, "detail": detail, "anomalies": len(found), "first_at": min(found), "last_at": max(found)}
        for (anomaly, subject, detail), found in groups.items()
    ]
    return out + [
        {"anomaly": "future", "subject": subject, "detail": None, "anomalies": n, "first_at": None, "last_at": None}
        for subject, n in world.future.items()
        if n
    ]


# ---------------------------------------------------------------- the whole


def rows_of(world, cycles):
    """{mart: rows} of a world that is already evaluated."""
    gaps, decayed = queues(world, cycles)
    return {
        "handoff": handoff_more(world, cycles),
        "handoff_latency": handoff_latency(world, cycles),
        "segment_latency": segment_latency(world, cycles),
        "finding": finding(world),
        "binding_gap": gaps,
        "decayed_routing": decayed,
        "sla_breach": sla_breach(world, cycles),
        "dashboard": dashboard(world, cycles),
        "stage": stage(cycles),
        "segment": segment(cycles),
        "instrumentation": instrumentation(world, cycles),
        "cycle_share": cycle_share(world, cycles),
        "lag_attribution": lag_attribution(cycles),
        "reopen": reopen(world, cycles),
        "compensating_control": compensating_control(world, cycles),
        "ownership_currency": ownership_currency(world, cycles),
        "ingest_capacity": ingest_capacity(world, cycles),
        "breach_forecast": breach_forecast(world, cycles),
        "forecast_backtest": forecast_backtest(world, cycles),
        "single_sla": single_sla(world, cycles),
        "deduplication": deduplication(cycles),
        "scanner_overlap": scanner_overlap(cycles),
        "severity_matrix": severity_matrix(world, cycles),
        "severity_calibration": severity_calibration(world),
        "open_aging": open_aging(world, cycles),
        "throughput": throughput(world, cycles),
        "time_quality": time_quality(world, cycles),
    }


def rows(landing, policy, as_of):
    world, cycles, _ = R.evaluated(landing, policy, as_of)
    return rows_of(world, cycles)
