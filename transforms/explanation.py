"""One finding's life in words: what a person asks of it, answered part by part from the rows of the published marts.

`explain` makes parts of facts, grids and entries of plain text. Whoever shows them (a terminal, a page, the desk) escapes and lays them out, and
adds no word, so that all of them say the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from transforms import severity
from transforms.domain.policy import Duration, Policy
from transforms.report import wording
from transforms.report.fragments import plain

Row = Mapping[str, Any]

#: The rows that a life is told from, each of the SQL file of its name; one that is not given is not told of.
TABLES = ("handoff", "stage", "segment", "failure_mode", "decision", "event", "observation", "control", "absence", "restatement", "flag")


class Grid(NamedTuple):
    """A table of texts. `figures` are the numbers of the columns that hold figures."""

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    figures: tuple[int, ...] = ()


class Entry(NamedTuple):
    """One thing that happened. `kind` is seen, decision, event, due or restatement; `counts` is False for what counted for nothing."""

    at: datetime
    kind: str
    what: str
    who: str
    detail: str
    counts: bool


class Part(NamedTuple):
    """A part of a life: what it says in one sentence, and what stands behind it."""

    name: str
    title: str
    sentence: str
    grids: list[Grid]
    entries: list[Entry]


class Life(NamedTuple):
    """A finding's life: its title, facts as (label, text), and parts."""

    finding_id: str
    title: str
    facts: list[tuple[str, str]]
    parts: list[Part]

    @property
    def entries(self) -> list[Entry]:
        """Everything that happened, in order."""
        return sorted((entry for part in self.parts for entry in part.entries), key=lambda entry: entry.at)


def explain(finding: Row, rows: Mapping[str, Sequence[Row]], policy: Policy, as_of: datetime) -> Life:
    """The life of one finding. `rows`: by the names of `TABLES`, of this finding only, each in the order of its query."""
    of = {name: rows.get(name, ()) for name in TABLES}
    cycles = of["handoff"]
    last = cycles[-1] if cycles else None
    facts = [
        ("Finding", finding["finding_id"]),
        ("On", " as ".join(text for text in (finding["asset_id"], finding["target"]) if text)),
        ("State", f"{finding['state']}, {wording.count(len(cycles), 'handoff cycle')}"),
        ("Owner", _owner(last) if last else "nobody: it was never handed off"),
        ("Severity", finding["severity"]),
        ("Seen by", ", ".join(finding["scanners"])),
        ("Known as", ", ".join([*(finding["vulnerability_ids"] or ()), *(f"CWE-{number}" for number in finding["cwe"] or ()), *(finding["own_ids"] or ())])),
        ("As of", f"{stamp(as_of)} UTC"),
    ]
    parts = []
    if last:
        parts.append(_due_next(last, of["control"], as_of))
    parts.append(_severity(finding, of["observation"], policy))
    if "absence" in rows:
        parts.append(_presence_part(finding, cycles, of["event"], of["absence"]))
    parts += [_cycle(cycle, len(cycles), of, policy, as_of) for cycle in cycles]
    outside = _entries(of, None, policy)
    if outside:
        parts.append(Part("outside", "Outside every cycle", f"{wording.count(len(outside), 'entry', 'entries')} that no cycle holds", [], outside))
    if of["flag"]:
        parts.append(_flags(of["flag"]))
    parts = [part._replace(sentence=f"{wording.sentence_case(part.sentence)}.") for part in parts]
    return Life(finding["finding_id"], plain(finding["title"] or "no title"), [(label, text) for label, text in facts if text], parts)


def as_json(life: Life) -> dict[str, Any]:
    """The life as JSON has it: instants as text, names of fields kept."""
    parts = [
        {
            "name": part.name,
            "title": part.title,
            "sentence": part.sentence,
            "grids": [grid._asdict() for grid in part.grids],
            "entries": [{**entry._asdict(), "at": stamp(entry.at)} for entry in part.entries],
        }
        for part in life.parts
    ]
    return {"finding_id": life.finding_id, "title": life.title, "facts": life.facts, "parts": parts}


def stamp(instant: datetime | None) -> str:
    """An instant in a column of them, UTC: to the minute, with seconds where there are any."""
    if instant is None:
        return ""
    return instant.isoformat(" ", "seconds" if instant.second or instant.microsecond else "minutes")


# What is due


def _due_next(cycle: Row, controls: Sequence[Row], as_of: datetime) -> Part:
    """What falls due next of a finding, or what already has."""
    if not cycle["is_open"]:
        return Part("due", "What is due", f"nothing is due: it is {cycle['state']}", [], [])
    waits: list[tuple[datetime, str]] = []
    if cycle["acknowledged_at"] is None:
        waits.append((cycle["handoff_due_at"], "the acknowledgement"))
    elif cycle["remediation_due_at"] is not None:
        waits.append((cycle["remediation_due_at"], "the verified fix"))
    waits += [(control["due_at"], "the attestation of its compensating control") for control in controls if control["ended_at"] is None]
    known = sorted((at, what) for at, what in waits if at is not None)
    if not known:
        return Part("due", "What is due", "nothing has a due date: it has no rated severity", [], [])
    said = [
        f"{what} was due at {stamp(at)} and is {_span(at, as_of)} late" if at < as_of else f"{what} is due at {stamp(at)}, in {_span(as_of, at)}" for at, what in known
    ]
    return Part("due", "What is due", "; ".join(said), [], [])


def _due(cycle: Row, controls: Sequence[Row], policy: Policy, as_of: datetime) -> Grid:
    band, rows = cycle["severity"], []
    horizon = min(as_of, cycle["horizon_at"])
    is_rated = cycle["handoff_due_at"] is not None
    if is_rated:
        rows.append(_due_row("acknowledgement", cycle["handoff_due_at"], policy.handoff_sla.of(band), "handoff_sla", cycle, cycle["acknowledged_at"], horizon))
        rows.append(
            _due_row("acknowledgement window", cycle["window_ends_at"], policy.acknowledgement_window.of(band), "acknowledgement_window", cycle, cycle["acknowledged_at"], horizon)
        )
    if cycle["remediation_due_at"] is not None:
        rows.append(_due_row("verified fix", cycle["remediation_due_at"], policy.remediation_sla.of(band), "remediation_sla", cycle, cycle["verified_at"], horizon))
    elif is_rated:
        budget = _budget(policy.remediation_sla.of(band))
        rows.append(("verified fix", "", f"{budget} (remediation_sla.{band})", "its clock starts with the acknowledgement"))
    if cycle["single_sla_due_at"] is not None:
        verdict = "would be broken, and blamed on engineering" if cycle["misattributed"] else "would be broken" if cycle["single_sla_breached"] else "would hold"
        rows.append(("one SLA instead of two", stamp(cycle["single_sla_due_at"]), "both budgets from t0", verdict))
    for control in controls:
        if control["cycle"] == cycle["cycle"]:
            ended = f"ended at {stamp(control['ended_at'])}: {wording.words(control['ended_by'])}" if control["ended_at"] else wording.words(control["state"])
            rows.append(("control attestation", stamp(control["due_at"]), f"{_budget(policy.controls.attestation)} (controls.attestation)", ended))
    return Grid("What is due when", ("what", "due (UTC)", "budget (policy key)", "how it stands"), rows)


def _due_row(what: str, due: datetime, budget: Duration, key: str, cycle: Row, done: datetime | None, horizon: datetime) -> tuple[str, ...]:
    if done is not None:
        how = "kept, just in time" if done == due else f"kept with {_span(done, due)} to spare" if done < due else f"{_span(due, done)} late"
    elif horizon > due:
        how = f"missed, by {_span(due, horizon)} so far" if cycle["is_open"] else "missed"
    elif cycle["is_open"]:
        how = f"{_span(horizon, due)} left"
    else:
        how = f"ended before it was due ({cycle['state']})"
    return what, stamp(due), f"{_budget(budget)} ({key}.{cycle['severity']})", how


def _budget(budget: Duration) -> str:
    words = {"s": "second", "m": "minute", "h": "hour", "d": "day", "bh": "business hour", "bd": "business day"}
    return wording.count(budget.amount, words[budget.unit])


def _span(start: datetime, end: datetime) -> str:
    return wording.duration_words((end - start).total_seconds(), "wall")


# Severity


def _severity(finding: Row, observations: Sequence[Row], policy: Policy) -> Part:
    """Which rule set the band: the scanner's words, what became of them, and under which keys of the policy."""
    formats = {row["severity_rule"]: row for row in observations}
    steps = severity.steps(finding["severity"], finding["severity_rule"], policy)
    grids = [Grid("From the first rule to the band in force", ("band", "set by", "policy key"), [(step.band, step.words, step.policy_key) for step in steps])]
    said: dict[tuple[str, ...], list[Row]] = {}
    for row in observations:
        score = "" if row["score"] is None else f"{row['score']:g}"
        said.setdefault((row["scanner"], row["native_term"], score, row["severity"], row["severity_rule"]), []).append(row)
    words = [(*key, str(len(rows)), stamp(rows[0]["captured_at"])) for key, rows in said.items()]
    if words:
        grids.append(Grid("What the scanners said", ("scanner", "its term", "score", "band", "by", "times", "first (UTC)"), words, (2, 5)))
    environment = []
    if finding["cvss_vector"]:
        environment.append(("CVSS vector", finding["cvss_vector"]))
    if finding["asset_criticality"]:
        requirement = getattr(policy.severity.requirements, finding["asset_criticality"], None)
        environment.append(("criticality of the asset", f"{finding['asset_criticality']} (severity.requirements.{finding['asset_criticality']}: {requirement})"))
    if finding["is_internet_facing"] is not None:
        facing = "can be reached from the internet" if finding["is_internet_facing"] else f"cannot be reached from the internet (severity.not_internet_facing: {policy.severity.not_internet_facing})"
        environment.append(("the asset", facing))
    environment.append(("known exploited", f"yes (severity.kev: {policy.severity.kev or 'off'})" if finding["known_exploited"] else "not known to be"))
    if finding["epss"] is not None:
        rule = policy.severity.epss
        environment.append(("EPSS", f"{finding['epss']:.3f} (severity.epss: {f'at least {rule.at_least:g} raises to {rule.to}' if rule else 'off'})"))
    grids.append(Grid("What bears on it", ("what", "value"), environment))
    by = formats.get(finding["severity_rule"])
    seen = f", of what {by['scanner']} saw at {stamp(by['captured_at'])}" if by else ""
    return Part("severity", "Severity", f"{finding['severity']}: {steps[-1].words}{seen}", grids, [])


# Whether it is still there


def _presence_part(finding: Row, cycles: Sequence[Row], events: Sequence[Row], absences: Sequence[Row]) -> Part:
    rows = [(row["scanner"], ", ".join(row["targets"]), stamp(row["last_seen_at"]), absence_words(row)) for row in absences]
    grids = [Grid("What each scanner says", ("scanner", "where", "last seen (UTC)", "since then"), rows)] if rows else []
    return Part("presence", "Is it still there?", presence(finding, cycles, events, absences), grids, [])


def presence(finding: Row, cycles: Sequence[Row], events: Sequence[Row], absences: Sequence[Row]) -> str:
    """Whether a finding is believed to be there, in words: what a person verified, or what scans give reason to believe."""
    if not finding["is_open"]:
        last = cycles[-1] if cycles else {}
        if finding["state"] == "verified":
            who = next((row["actor"] for row in reversed(events) if row["event"] == "verified" and row["is_valid"]), None)
            return f"closed: verified by {who or 'a person'} at {stamp(last.get('verified_at'))}, a person's word; scans are evidence and close nothing"
        return f"not asked: it is {finding['state']}"
    if absences and absences[0]["is_believed_gone"]:
        return (
            f"believed gone since {stamp(absences[0]['gone_since_at'])}: every scanner that had seen it has looked again and did not find it; "
            "this is evidence for whoever verifies it, and closes nothing"
        )
    if any(row["reason"] == "not_in_later_scan" for row in absences):
        return "not believed gone: some that had seen it did not find it again, but not all have looked"
    return "believed to be there: no scan says otherwise"


#: What a later scan says of a finding, by the reason of mart.absence.
_ABSENCE = {
    "not_in_later_scan": "not in {path} of {scanned}, which covered {where} ({scan_status}); scans without it: {absent_scans}",
    "held": "not in {path} of {scanned}, but that scan is held as collapsed: it proves no absence until somebody releases it (`handoff release {sha256}`)",
    "discarded": "not in {path} of {scanned}, but somebody discarded that scan: it proves no absence",
    "partly_read": "not in {path} of {scanned}, but that scan has rows that could not be read: it may be one of them",
    "dated_by_file": "not in {path} of {scanned}, but only that file's time says when the scan was: give it a sidecar with `captured_at`",
    "other_scope": "has scanned since, but not this place: the latest is {path} of {scanned}, which covered {where}",
    "other_scanner": "has not scanned since; {by} has ({path} of {scanned}, which covered {where}), but another scanner proves no absence",
    "no_later_scan": "has not scanned since",
}


def absence_words(row: Row) -> str:
    """What one scanner says of a sighting since it last saw it."""
    scope = row["scope"] or []
    where = ", ".join(scope[:3]) + (f" and {len(scope) - 3} more" if len(scope) > 3 else "")
    return _ABSENCE[row["reason"]].format(**row, scanned=stamp(row["scanned_at"]), where=where, by=", ".join(row["scan_scanners"] or ()))


# A cycle


def _cycle(cycle: Row, total: int, of: Mapping[str, Sequence[Row]], policy: Policy, as_of: datetime) -> Part:
    own = {name: [row for row in rows if row["cycle"] == cycle["cycle"]] for name, rows in of.items() if name not in ("absence", "handoff")}
    grids = [_clocks(cycle, own["stage"], own["segment"]), _due(cycle, of["control"], policy, as_of), _ownership(cycle, own["decision"], own["event"])]
    if own["failure_mode"]:
        rows = [(wording.mode(row["mode"]) + (" (primary)" if row["is_primary"] and row["mode"] != "unexplained" else ""), evidence_words(row["mode"], row["evidence"])) for row in own["failure_mode"]]
        grids.append(Grid("Which failure mode fired, and why", ("mode", "evidence"), rows))
    entries = _entries(of, cycle["cycle"], policy, cycle)
    title = f"Cycle {cycle['cycle']} of {total}: {wording.words(cycle['origin'])}, {cycle['state']}"
    return Part(f"cycle-{cycle['cycle']}", title, sentence(cycle), [grid for grid in grids if grid.rows], entries)


def sentence(cycle: Row) -> str:
    """A cycle in words."""
    due = f"due {stamp(cycle['handoff_due_at'])}, {_standing(cycle)}" if cycle["handoff_due_at"] else "nothing due"
    if cycle["acknowledged_at"]:
        taken = f"{cycle['severity']}, acknowledged by {cycle['acknowledged_by']} after {cycle['latency_business_seconds'] / 3600:.2f} business hours"
    else:
        waits = f"routed to {cycle['owner_id']}" if cycle["routing_status"] == "routed" else f"unrouted ({wording.words(cycle['routing_status'])})"
        taken = f"{cycle['severity']}, not acknowledged, {waits}"
    why = f"; {cycle['failure_mode']}" + (f" ({evidence_words(cycle['failure_mode'], cycle['evidence'])})" if cycle["evidence"] else "") if cycle["failure_mode"] else ""
    return f"{taken}; {due}{why}"


def _standing(cycle: Row) -> str:
    """How the handoff SLA stands: what nobody acknowledged has not kept it."""
    if cycle["handoff_breached"]:
        return "broken"
    return "kept" if cycle["acknowledged_at"] else "not yet over" if cycle["is_open"] else "ended before that"


def _clocks(cycle: Row, stages: Sequence[Row], segments: Sequence[Row]) -> Grid:
    """Both clocks of every stage, of the handoff so far, and of the segments behind it."""
    rows = []
    for row in stages:
        name = wording.stage(row["stage"])
        if row["instant"] is None:
            rows.append((name, "not observed", "", "", ""))
        elif row["is_out_of_sequence"]:
            rows.append((name, stamp(row["instant"]), "", "", "before a stage that precedes it: no span"))
        elif row["stage"] == "capture":
            rows.append((name, stamp(row["instant"]), "", "", "t0: both clocks start"))
        else:
            merged = [wording.stage(covered) for covered in row["covers"] or () if covered not in (row["stage"], "capture")]
            note = f"with {wording.listed(merged)}: not observed" if merged else ""
            rows.append((name, stamp(row["instant"]), wording.duration(row["span_seconds"], "wall"), wording.duration(row["business_seconds"], "business"), note))
    budget = cycle["budget_business_seconds"]
    used = "" if not budget else f"{wording.percent(cycle['clock_business_seconds'] / budget)} of its {wording.duration_words(budget, 'business')}"
    until = cycle["acknowledged_at"] or cycle["horizon_at"]
    what = "t0 to t1" if cycle["acknowledged_at"] else "t0 until as of" if cycle["is_open"] else "t0 to the cycle's end"
    rows.append((what, stamp(until), wording.duration(cycle["clock_seconds"], "wall"), wording.duration(cycle["clock_business_seconds"], "business"), used))
    for row in segments:
        merged = [segment for segment in row["covers"] if segment != row["segment"]]
        note = f"with {wording.listed(merged)}" if merged else ""
        name = "under a control" if row["segment"] == "control" else row["segment"]
        rows.append((name, stamp(row["ended_at"]), wording.duration(row["seconds"], "wall"), wording.duration(row["business_seconds"], "business"), note))
    return Grid(f"Clocks (business time by calendar {cycle['calendar']})", ("stage", "at (UTC)", "wall", "business", "note"), rows, (2, 3))


def _ownership(cycle: Row, decisions: Sequence[Row], events: Sequence[Row]) -> Grid:
    """Binding, then every naming in order, with whom it rejected and why."""
    rows = [(stamp(cycle["captured_at"]), "binding", _binding(cycle), "")]
    named: list[tuple[datetime, tuple[str, ...]]] = []
    for row in decisions:
        since = f", in force since {stamp(row['mapping_effective_from'])}" if row["mapping_effective_from"] else ""
        by = f" by {row['primitive']}{since}" if row["primitive"] else ""
        who = f"names {row['candidate']}{by}" if row["status"] == "routed" else f"names nobody valid: {wording.reason(row['status'])}"
        rejected = "; ".join(rejected_words(text) for text in row["rejected"] or ())
        named.append((row["decided_at"], (stamp(row["decided_at"]), "routing", who, rejected)))
    for row in events:
        if row["event"] in ("routed", "assigned", "reassigned") and row["target_person"]:
            against = "" if row["is_valid"] else f"{row['target_person']}: {status_words(row['status'])}"
            named.append((row["occurred_at"], (stamp(row["occurred_at"]), row["event"], f"names {row['target_person']}", against)))
    rows += [text for _, text in sorted(named)]
    if cycle["escalated_to"]:
        rows.append(("", "escalated", f"to {cycle['escalated_to']} (routing.escalation_default)", ""))
    return Grid("Binding and routing", ("at (UTC)", "what", "outcome", "rejected, and why"), rows)


def _binding(cycle: Row) -> str:
    status, asset = cycle["binding_status"], cycle["asset_id"]
    candidates = ", ".join(cycle["binding_candidates"] or ())
    if status == "bound":
        return f"{cycle['target']} is asset {asset}" + (f", owned by team {cycle['team']}" if cycle["team"] else "")
    if status == "ambiguous":
        return f"{cycle['target']} fits several assets" + (f": {candidates}" if candidates else "")
    if status == "retired":
        return f"{cycle['target']} is asset {asset or candidates}, which is retired"
    return f"{cycle['target']} is no asset of the register"


#: What the routing decision keeps of a candidate that it passed over: 'WHO: REASON (MAPPING)'.
_REJECTED = re.compile(r"(?P<who>.*): (?P<reason>[a-z_]+) \((?P<mapping>.*)\)", re.DOTALL)


def rejected_words(text: str) -> str:
    """A rejected candidate and why, in words."""
    found = _REJECTED.fullmatch(text)
    return f"{found['who'] or 'nobody'}: {wording.reason(found['reason'])} ({found['mapping']})" if found else text


def evidence_words(mode: str, evidence: str | None) -> str:
    """Why a failure mode fired, from its evidence."""
    found = json.loads(evidence or "{}")
    if not found:
        return "it broke its SLA or its window, and no rule explains why"
    at = f" at {_instant(found.get('at'))}"
    if mode == "asset_binding_gap":
        candidates = f" ({', '.join(found['candidates'])})" if found["candidates"] else ""
        return f"{found['target']} was {found['status']}{candidates} when half of the budget was gone{at}"
    if mode == "decayed_routing":
        mapping = f", by {found['mapping']}" if found.get("mapping") else ""
        age = found.get("mapping_age_seconds")
        aged = f" ({wording.duration_words(age, 'wall')} old)" if age is not None else ""
        return f"routing named {found['candidate'] or 'nobody'}{mapping}{aged}: {wording.reason(found['reason'])}{at}"
    if mode == "severity_mismatch":
        return f"routed as {found['routed_as']} while the workspace band was {found['workspace_band']}{at} (event {found['event']})"
    if mode == "notification_noise":
        window = wording.count(found["notifications_in_window"], "notification")
        return f"{found['person']} had {window} in the window by {found['channel'] or 'no channel'}, {found['of_this_cycle']} of this handoff{at}"
    if mode == "acknowledgement_ambiguity":
        return f"{found['actor'] or 'somebody'}: {wording.words(found['kind'])}{at}, with no explicit acknowledgement before it (event {found['event']})"
    return json.dumps(found, sort_keys=True)


def _instant(text: str | None) -> str:
    return stamp(datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)) if text else "no known instant"


# What happened


def _entries(of: Mapping[str, Sequence[Row]], cycle: int | None, policy: Policy, handoff: Row | None = None) -> list[Entry]:
    """What happened in a cycle, or outside every one, in order; the same result seen again and again stands once."""
    found: list[Entry] = []
    found += [_happened(row, policy) for row in of["event"] if row["cycle"] == cycle]
    for row in of["decision"]:
        if row["cycle"] == cycle:
            rejected = "".join(f"; rejected {rejected_words(text)}" for text in row["rejected"] or ())
            who = f"{wording.words(row['status'])}{' to ' + row['candidate'] if row['status'] == 'routed' and row['candidate'] else ''}"
            found.append(Entry(row["decided_at"], "decision", "decision", row["primitive"] or "", f"{who}{rejected}", row["status"] == "routed"))
    for row in of["restatement"]:
        if row["cycle"] == cycle:
            detail = f"t0 was {stamp(row['captured_at_was'])}, is {stamp(row['captured_at_is'])}: an earlier observation came late"
            found.append(Entry(row["recorded_at"], "restatement", "t0 restated", "", detail, True))
    if handoff is not None:
        if handoff["handoff_breached"]:
            found.append(Entry(handoff["handoff_due_at"], "due", "handoff SLA broken", "", wording.mode(handoff["failure_mode"]), True))
        if handoff["remediation_breached"]:
            found.append(Entry(handoff["remediation_due_at"], "due", "remediation SLA broken", "", "", True))
    found.sort(key=lambda entry: entry.at)
    return _with_observations(found, [row for row in of["observation"] if row["cycle"] == cycle])


def _with_observations(events: list[Entry], observations: Sequence[Row]) -> list[Entry]:
    """Observations between the other entries; those of one scanner and place between two other entries stand as one."""
    found: list[Entry] = []
    bounds = [entry.at for entry in events]
    number = 0
    groups: dict[tuple, list[Row]] = {}

    def flush() -> None:
        for group in groups.values():
            first, latest = group[0], group[-1]
            again = f", {len(group)} times until {stamp(latest['captured_at'])}" if len(group) > 1 else ""
            begun = ", sets t0" if any(row["is_t0"] for row in group) else ""
            detail = f"{first['native_term']} at {first['target']}: {first['severity']} by {first['severity_rule']}{begun}{again}"
            found.append(Entry(first["captured_at"], "seen", "seen", first["scanner"], detail, True))
        groups.clear()

    for row in observations:
        while number < len(bounds) and bounds[number] < row["captured_at"]:
            flush()
            found.append(events[number])
            number += 1
        groups.setdefault((row["scanner"], row["target"], row["native_term"], row["severity_rule"]), []).append(row)
    flush()
    return found + events[number:]


#: What an event is called, where its own word is not what a person calls it.
_EVENT_WORDS = {
    "notified": "dispatched",
    "assigned": "assigned",
    "reassigned": "transferred",
    "acknowledgement_withdrawn": "acknowledgement withdrawn",
    "in_progress": "in progress",
    "ticket_linked": "ticket linked",
    "control_accepted": "control accepted",
    "control_attested": "control attested",
    "control_expired": "control expired",
}

#: Why an event did not count for what it claims.
_STATUS_WORDS = {
    "not_allowed": "the policy does not let them acknowledge it (acknowledgement.allowed, acknowledgement.roles)",
    "untrusted_method": "the policy does not trust how it came (acknowledgement.trust)",
    "withdrawn": "it was withdrawn later",
    "after_acknowledgement": "it came after the acknowledgement",
    "not_the_candidate": "it went to somebody else than the candidate",
    "not_bound": "the target was bound to no asset",
    "overtaken": "a later stage had happened by then",
    "outside_cycle": "no cycle was open",
    "before_capture": "it came before any observation",
    "reopened_while_open": "it was open already",
    "no_running_control": "no control was running",
    "before_acknowledgement": "it came before the acknowledgement",
    "not_acknowledged": "nobody has acknowledged it",
}


def status_words(status: str) -> str:
    return _STATUS_WORDS.get(status) or wording.reason(status)


def _happened(row: Row, policy: Policy) -> Entry:
    """An event: who, to whom, by what, whose word it is, and whether it counted."""
    what = row["event"]
    details = []
    if row["target_person"]:
        details.append(f"to {row['target_person']}")
    if row["severity"]:
        details.append(f"as {row['severity']}")
    if row["channel"]:
        details.append(f"by {row['channel']}")
    if row["batch_id"]:
        details.append(f"batch {row['batch_id']}")
    if row["ticket"]:
        details.append(f"ticket {row['ticket']}")
    if row["comment"]:
        details.append(f"“{plain(row['comment'])}”")
    if what == "acknowledged":
        standing = [text for text in (row["actor_role"], f"team {row['actor_team']}" if row["actor_team"] else None) if text]
        if standing:
            details.append(", ".join(standing))
        details.append(f"word of a {row['method']}, {'trusted' if row['method'] in policy.acknowledgement.trust else 'not trusted'}")
    if row["asserted_by"] and row["method"] != "own":
        details.append(f"asserted by {row['asserted_by']} ({row['method']})")
    if not row["is_valid"]:
        details.append(f"not counted: {status_words(row['status'])}")
    return Entry(row["occurred_at"], "event", _EVENT_WORDS.get(what, what), "handoff" if row["method"] == "own" else row["actor"] or row["method"] or "", "; ".join(details), row["is_valid"])


def _owner(cycle: Row) -> str:
    team = f", team {cycle['team_now'] or cycle['team']}" if cycle["team_now"] or cycle["team"] else ""
    return f"{cycle['owner_id']}{team}" if cycle["owner_id"] else f"nobody: {wording.reason(cycle['routing_status'])}{team}"


def _flags(flags: Sequence[Row]) -> Part:
    rows = [(stamp(row["first_flagged_at"]), wording.words(row["expectation"]), row["level"], row["detail"] or "") for row in flags]
    return Part("flags", "Flags", f"{wording.count(len(rows), 'expectation')} it does not meet", [Grid("Flags", ("since (UTC)", "expectation", "level", "what is wrong"), rows)], [])
