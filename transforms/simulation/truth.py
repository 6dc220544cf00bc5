"""What each cycle should come out as: worked out from the world itself, never from what was written about it.

Nothing of the product is used: office hours are counted day by day, and who was whose owner is asked of the people, not of the registers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from transforms.domain.instants import iso
from transforms.domain.vocabulary import BAND_RANK, FAILURE_MODES
from transforms.simulation import hours
from transforms.simulation.hours import HOUR
from transforms.simulation.story import MODES, SERVICE_CAUSES, Cycle, Event, Finding
from transforms.simulation.world import AS_OF, Cell, Person

#: Columns of truth/cycles.csv and what each says; the README beside it is made of them.
CYCLE_COLUMNS = {
    "finding": "the programme's own name of the finding: one vulnerability at one place of one service, however many scanners saw it",
    "scanner": "the scanner whose own id names it",
    "own_id": "that id, as events refer to it",
    "cycle": "number of the handoff cycle, from 1",
    "origin": "first_time, reopened or revalidation",
    "severity": "the band at the acknowledgement, else at as_of",
    "asset_id": "the service's asset; blank where no register binds it",
    "binding_status": "bound, retired, ambiguous or unbound, at the acknowledgement, else at as_of",
    "team": "the owning team then; blank where nothing says",
    "owner_id": "the valid person in force then; blank for nobody",
    "captured_at": "t0",
    "enriched_at": "blank where nobody enriched it; `run` where the first run does",
    "routed_at": "the first valid routing; blank, or `run` likewise",
    "notified_at": "the first dispatch to the candidate",
    "acknowledged_at": "t1",
    "acknowledged_by": "who said so",
    "triaged_at": "entry into triage, at or after t1",
    "in_progress_at": "first visible start of work",
    "resolved_at": "first resolution",
    "verified_at": "closure",
    "withdrawn_at": "withdrawal",
    "ended_at": "end of the cycle: closure, withdrawal, or the next cycle's start",
    "handoff_due_at": "due instant of the handoff",
    "window_ends_at": "end of the acknowledgement window",
    "remediation_due_at": "due instant of the remediation",
    "is_gated": "whether the handoff was breached or unacknowledged past its window, so that failure modes count",
    "failure_modes": "the modes that should be found, semicolons between them; blank while it is not gated",
    "failure_mode": "the first of them; `unexplained` where the cause leaves no evidence",
    "causes": "what really went wrong, whether or not it came to anything",
    "decoys": "what only looks as if",
}
IDENTITY_COLUMNS = {
    "finding": "the finding that this observation is of: all rows of one name are one finding on one asset",
    "asset_id": "the service it is on, registered or not",
    "location_kind": "package, host, web, code or cloud",
    "scanner": "who saw it",
    "file": "in which file of the landing zone",
    "own_id": "the scanner's own id, where it gives one",
    "target": "the target as that scanner calls it",
    "vulnerability_id": "the CVE, where there is one",
    "rule": "the scanner's own name of what it looked for, where it gives neither an id nor a CVE",
    "captured_at": "when",
}
DELIVERY_COLUMNS = {
    "file": "a file of the landing zone that does not simply arrive once",
    "run": "1: there for the first run; 2: only for the last",
    "copy_of": "the file that this one repeats, wholly or in part",
}


def judge(cell: Cell, finding: Finding, cycle: Cycle) -> dict[str, str]:
    """The row of truth/cycles.csv of one cycle; asked for when the whole cell is told, as people are notified of other findings too."""
    return _Judgement(cell, finding, cycle).row()


class _Judgement:
    def __init__(self, cell: Cell, finding: Finding, cycle: Cycle) -> None:
        self.cell, self.finding, self.cycle, self.service = cell, finding, cycle, finding.service
        self.people = {person.person_id: person for person in cell.people}
        self.t0, self.t1 = cycle.started_at, cycle.first("acknowledged")
        self.horizon = min(AS_OF, cycle.ended_at if cycle.ended_at is not None else AS_OF)
        self.end = self.horizon if self.t1 is None else min(self.t1, self.horizon)
        self.settled = AS_OF if self.t1 is None else self.t1
        self.naming = [event for event in cycle.events if event.kind in ("routed", "assigned", "reassigned")]
        self.calendar = self._calendar()
        self.due = self._raised(self.t0, lambda at, band: hours.due(self.calendar, at, hours.HANDOFF_HOURS[band] * HOUR))
        self.window_end = self._raised(self.t0, lambda at, band: at + hours.WINDOW_HOURS[band] * HOUR)
        half = -(-hours.office_us(self.calendar, self.t0, self.due) // 2)
        self.x = min(hours.due(self.calendar, self.t0, half), self.end)

    # The world at an instant

    def in_force(self, instant: int) -> Person | str | None:
        """Whom the latest word names, else the mapping: a person, a name that is nobody's, or None."""
        said = next((event for event in reversed(self.naming) if event.at <= instant), None)
        if said is None:
            return self.service.mapped(instant)
        return self.people.get(said.target, said.target)

    def owner(self, instant: int) -> Person | None:
        person = self.in_force(instant)
        return person if isinstance(person, Person) and person.is_valid(instant) else None

    def team(self, instant: int) -> str:
        if self.service.binding(instant) in ("bound", "retired"):
            return self.cell.team(instant)
        person = self.in_force(instant)
        return self.cell.team(instant) if isinstance(person, Person) else ""

    def _calendar(self) -> str:
        return self.cell.calendar if self.team(self.settled) else "default"

    def _raised(self, start: int, due) -> int:
        """The earliest due instant over the band at `start` and every raise up to where the handoff was settled."""
        found = [due(start, self.finding.band(start))]
        found += [
            due(since, band)
            for since, band in self.finding.bands
            if start < since <= self.settled and BAND_RANK[band] < BAND_RANK[self.finding.band(start)]
        ]
        return min(found)

    # What is to be found

    def is_gated(self) -> bool:
        is_breached = (self.t1 if self.t1 is not None else self.horizon) > self.due
        withdrawn = self.cycle.first("withdrawn")
        is_mature = self.window_end <= AS_OF and not (withdrawn is not None and withdrawn < self.window_end)
        return is_breached or (is_mature and not (self.t1 is not None and self.t1 < self.window_end))

    def modes(self) -> set[str]:
        """What went wrong visibly by t1, in the world's own terms."""
        found = set()
        events = [event for event in self.cycle.events if event.at <= self.end]
        notified = [event for event in events if event.kind == "notified"]
        if self.service.binding(self.x) != "bound":
            found.add("asset_binding_gap")
        if self._is_decayed(notified):
            found.add("decayed_routing")
        if any(
            event.kind == "routed" and event.severity and BAND_RANK[event.severity] > BAND_RANK[self.finding.band(event.at)]
            for event in events
        ):
            found.add("severity_mismatch")
        if self._is_noisy(notified):
            found.add("notification_noise")
        if self._is_silent():
            found.add("acknowledgement_ambiguity")
        return found

    def _is_decayed(self, notified: list[Event]) -> bool:
        if any(event.at <= self.end and not self._names_valid(event) for event in self.naming):
            return True
        for instant in [*(event.at for event in notified), self.x]:
            is_said = any(event.at <= instant for event in self.naming)
            if self.owner(instant) is None and (is_said or self.service.binding(instant) == "bound"):
                return True
        return False

    def _names_valid(self, event: Event) -> bool:
        person = self.people.get(event.target)
        return person is not None and person.is_valid(event.at)

    def _is_noisy(self, notified: list[Event]) -> bool:
        times: dict[str, int] = {}
        for event in notified:
            person = self.people.get(event.target)
            if person is None or not person.is_valid(event.at):
                continue
            times[event.target] = times.get(event.target, 0) + 1
            if times[event.target] >= 3 or person.notified_within_a_day(event.at) >= 20:
                return True
        return False

    def _is_silent(self) -> bool:
        """Whether somebody of the team was seen at work before anybody of it had said a word, or it was resolved so."""
        for event in self.cycle.events:
            if event.at > self.horizon or (self.t1 is not None and event.at >= self.t1):
                continue
            is_ours = event.actor in self.people and self.people[event.actor].is_active(event.at)
            is_work = event.kind in ("commented", "triaged", "in_progress") or (event.kind == "assigned" and event.actor == event.target)
            if event.kind == "resolved" or (is_ours and is_work):
                return True
        return False

    def _was_right_then(self) -> bool:
        """Whether it was routed with a band that only a later scan raised."""
        band = self.finding.band(self.settled)
        return any(
            event.kind == "routed" and event.severity and BAND_RANK[event.severity] > BAND_RANK[band]
            for event in self.cycle.events
            if event.at <= self.end
        )

    def row(self) -> dict[str, str]:
        cycle, finding, service = self.cycle, self.finding, self.service
        is_gated, modes = self.is_gated(), self.modes()
        status = service.binding(self.settled)
        owner = self.owner(self.settled)
        causes = list(cycle.causes)
        if MODES.get(service.condition) in modes and not any(MODES[cause] == MODES[service.condition] for cause in causes):
            causes.insert(0, service.condition)
        if len(causes) > 1:
            causes = [cause for cause in causes if cause != "unseen"]
        decoys = cycle.decoys + (
            [service.condition]
            if service.condition == "former_owner" or (service.condition in SERVICE_CAUSES and service.condition not in causes)
            else []
        )
        if self._was_right_then() and "severity_mismatch" not in modes:
            decoys.append("rated_later")
        found = [mode for mode in FAILURE_MODES if mode in modes] if is_gated else []
        if is_gated and not causes:
            causes = ["unseen"]
        is_untouched = cycle.ended_at is None and not any(_is_later(event) for event in cycle.events)
        instants = {name: cycle.first(kind) for name, kind in _STAGES.items()}
        instants["captured_at"], instants["ended_at"] = self.t0, cycle.ended_at
        instants["handoff_due_at"], instants["window_ends_at"], instants["remediation_due_at"] = (
            self.due,
            self.window_end,
            self._remediation_due(),
        )
        row = dict.fromkeys(CYCLE_COLUMNS, "") | {name: iso(at) for name, at in instants.items() if at is not None}
        if is_untouched and status == "bound":
            row["enriched_at"] = row["enriched_at"] or "run"
            if not self.naming and owner is not None:
                row["routed_at"] = "run"
        return row | {
            "finding": name_of(finding, self.cell),
            "scanner": finding.scanner,
            "own_id": finding.handle,
            "cycle": str(cycle.number),
            "origin": cycle.origin,
            "severity": finding.band(self.settled),
            "asset_id": service.asset_id if status in ("bound", "retired") else "",
            "binding_status": status,
            "team": self.team(self.settled),
            "owner_id": owner.person_id if owner else "",
            "acknowledged_by": self._acknowledged_by(),
            "is_gated": str(is_gated).lower(),
            "failure_modes": ";".join(found),
            "failure_mode": (found or ["unexplained"])[0] if is_gated else "",
            "causes": ";".join(causes),
            "decoys": ";".join(decoys),
        }

    def _acknowledged_by(self) -> str:
        return next((event.actor for event in self.cycle.events if event.kind == "acknowledged" and event.counts), "")

    def _remediation_due(self) -> int | None:
        """t1 and the budget, later by the time under a control; a raise after t1 shortens it."""
        if self.t1 is None:
            return None
        due = self.t1 + hours.REMEDIATION_HOURS[self.finding.band(self.t1)] * HOUR
        for started, ended in self.cycle.controls:
            if started < due:
                due += ended - started
        raises = [
            since + hours.REMEDIATION_HOURS[band] * HOUR
            for since, band in self.finding.bands
            if since > self.t1 and BAND_RANK[band] < BAND_RANK[self.finding.band(self.t1)]
        ]
        return min([due, *raises])


_STAGES = {
    "enriched_at": "enriched",
    "routed_at": "routed",
    "notified_at": "notified",
    "acknowledged_at": "acknowledged",
    "triaged_at": "triaged",
    "in_progress_at": "in_progress",
    "resolved_at": "resolved",
    "verified_at": "verified",
    "withdrawn_at": "withdrawn",
}


def _is_later(event: Event) -> bool:
    """Whether an event shows that a handoff is under way, so that no run dates its enrichment or routing."""
    return event.kind not in ("enriched", "reopened", "control_accepted", "control_attested", "control_expired")


def name_of(finding: Finding, cell: Cell) -> str:
    return f"F{cell.number:03d}-{finding.serial:05d}"


def csv_text(columns: Iterable[str], rows: Iterable[dict[str, str]], *, with_header: bool = True) -> bytes:
    """Rows as CSV, UTF-8, lines ended as on every machine."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns), restval="", lineterminator="\n")
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def readme(findings: int, seed: int, noise: float) -> bytes:
    """README.md beside the truth."""
    head = "Planted before anything was observed; nothing of the product that is measured was used to write it."
    parts = [
        f"# The truth behind a simulated programme\n\n{findings} findings, seed {seed}, noise {noise:g}. {head}\n",
        "\nInstants are UTC. Blank is 'never happened' or 'nothing says', as each column has it.\n",
    ]
    for name, columns in (("cycles.csv", CYCLE_COLUMNS), ("identity.csv", IDENTITY_COLUMNS), ("deliveries.csv", DELIVERY_COLUMNS)):
        parts.append(f"\n## {name}\n\n| column | what it says |\n|---|---|\n")
        parts += [f"| `{column}` | {meaning} |\n" for column, meaning in columns.items()]
    parts.append("\n## Causes\n\n| cause | failure mode that it makes, where the handoff suffers |\n|---|---|\n")
    parts += [f"| `{cause}` | {mode or 'none: it leaves no evidence (`unexplained`)'} |\n" for cause, mode in MODES.items()]
    return "".join(parts).encode()
