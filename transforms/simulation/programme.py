"""A whole programme, cell after cell: findings arrive, their stories are told, and what anybody would have exported of them is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from transforms.domain.instants import from_us, iso, zone
from transforms.simulation import truth
from transforms.simulation.arrivals import EXPLOITED, Arrivals
from transforms.simulation.hours import CALENDARS
from transforms.simulation.noise import Noise
from transforms.simulation.reports import FORMATS, Seen
from transforms.simulation.story import GRACE, Cycle, Event, Finding, Teller
from transforms.simulation.world import AS_OF, BEGIN, END, FIRST_RUN, ROUND, SECOND_EXPORT, Cell, security_rows

ACTIVITY_COLUMNS = ("event_id", "ref", "event", "actor", "occurred_at", "target_person", "severity", "channel", "ticket", "comment")
ASSET_COLUMNS = (
    "asset_id",
    "name",
    "aliases",
    "kind",
    "application",
    "business_unit",
    "environment",
    "criticality",
    "owner_team",
    "status",
    "effective_from",
)
PERSON_COLUMNS = ("person_id", "name", "email", "team", "role", "channel", "status", "kind", "time_zone", "effective_from")
OWNERSHIP_COLUMNS = ("match", "person_id", "team", "priority", "effective_from", "effective_to")
ALIASES = "landing/reference/vulnerability_aliases.csv"


class Shape(NamedTuple):
    """What is asked for: so many findings, from this seed; `noise` is the share of rows and results that are spoilt."""

    findings: int
    seed: int
    noise: float = 0.0

    def cells(self) -> Iterator[tuple[int, int]]:
        """(number, findings) of each team."""
        size = max(36, min(400, self.findings // 12))
        count = max(1, round(self.findings / size))
        for number in range(count):
            yield number, self.findings * (number + 1) // count - self.findings * number // count


def simulate(shape: Shape) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every file; a path that comes again goes on where it ended. The same shape gives the same bytes."""
    registers = _Registers()
    yield ALIASES, truth.csv_text(("id", "cve", "ghsa", "other"), ())
    yield "truth/cycles.csv", truth.csv_text(truth.CYCLE_COLUMNS, ())
    yield "truth/identity.csv", truth.csv_text(truth.IDENTITY_COLUMNS, ())
    yield "truth/deliveries.csv", truth.csv_text(truth.DELIVERY_COLUMNS, ())
    for number, findings in shape.cells():
        cell = Cell(shape.seed, number, findings)
        yield from _Chronicle(shape, cell).files()
        registers.add(cell)
    yield from registers.files()
    yield "landing/reference/known_exploited_vulnerabilities.csv", _exploited()
    yield "truth/README.md", truth.readme(*shape)
    yield "policy.yaml", _policy(registers.teams)
    yield "as_of", f"{iso(AS_OF)}\n".encode()
    yield "first_as_of", f"{iso(FIRST_RUN)}\n".encode()


class _Registers:
    """The rows of the registers, which are one file for the whole programme."""

    def __init__(self) -> None:
        self.teams: dict[str, str] = {}
        self._assets: list[dict[str, str]] = []
        self._people: tuple[list[dict[str, str]], list[dict[str, str]]] = (list(security_rows()), list(security_rows()))
        self._ownership: list[dict[str, str]] = []

    def add(self, cell: Cell) -> None:
        self._assets += cell.asset_rows()
        for is_second in (False, True):
            self._people[is_second].extend(cell.people_rows(is_second=is_second))
        self._ownership += cell.ownership_rows()
        self.teams |= dict.fromkeys((cell.old_team, *((cell.new_team,) if cell.renamed_at is not None else ())), cell.calendar)

    def files(self) -> Iterator[tuple[str, bytes]]:
        yield "landing/assets/assets.csv", truth.csv_text(ASSET_COLUMNS, self._assets)
        yield "landing/people/ownership.csv", truth.csv_text(OWNERSHIP_COLUMNS, self._ownership)
        for rows, taken_at in zip(self._people, (BEGIN, SECOND_EXPORT), strict=True):
            name = f"landing/people/people-{from_us(taken_at):%Y-%m-%d}.csv"
            yield name, truth.csv_text(PERSON_COLUMNS, rows)
            yield f"{name}.meta.yaml", f"captured_at: {iso(taken_at)}\n".encode()


class _Chronicle:
    """One cell's findings and everything that is written about them."""

    def __init__(self, shape: Shape, cell: Cell) -> None:
        self.cell, self.rng = cell, cell.rng
        self.teller = Teller(cell)
        self.noise = Noise(shape.seed, cell.number, shape.noise, cell.calendar)
        self.findings = Arrivals(cell).findings
        self._events = 0

    def files(self) -> Iterator[tuple[str, bytes]]:
        for finding in self.findings:
            self.teller.live(finding, finding.bands[0][0])
            self._see(finding)
        cycles = [truth.judge(self.cell, finding, cycle) for finding in self.findings for cycle in finding.cycles]
        yield "truth/cycles.csv", truth.csv_text(truth.CYCLE_COLUMNS, cycles, with_header=False)
        aliases = [{"id": fact["ghsa"], "cve": fact["cve"]} for finding in self.findings if (fact := finding.fact).get("is_aliased")]
        yield ALIASES, truth.csv_text(("id", "cve", "ghsa", "other"), aliases, with_header=False)
        yield from self._scans()
        yield from self._activity()

    # What scans see

    def _see(self, finding: Finding) -> None:
        """Every later sighting: while it is there, and once more where a scan comes within a day of its being mended."""
        present: list[tuple[int, int | None]] = []
        for cycle in finding.cycles:
            if cycle.origin == "revalidation":  # it had never gone
                present[-1] = (present[-1][0], _gone_at(cycle))
            else:
                present.append((cycle.started_at, _gone_at(cycle)))
        ended = finding.cycles[0].ended_at
        if ended is not None and finding.bands[-1][0] > ended:
            finding.bands = finding.bands[:1]  # rated more severely only when it concerned nobody any more
        for index, (scanner, first, word) in enumerate(list(finding.sightings)):
            if scanner == "github":
                continue
            if index == 1 and present[0][1] is not None and first > present[0][1]:
                finding.sightings.remove((scanner, first, word))  # mended before the second scanner came
                finding.bands = finding.bands[:1]
                continue
            for start, gone in present if index == 0 else present[:1]:
                since = first + ROUND if start <= first else -(-(start - first) // ROUND) * ROUND + first
                at = since
                while at <= END and (gone is None or at <= gone):
                    finding.sightings.append((scanner, at, word))
                    at += ROUND
                if (
                    gone is not None
                    and gone < at <= min(gone + GRACE, END)
                    and not self._begins(finding, gone, at)
                    and self.rng.random() < 0.5
                ):
                    finding.sightings.append((scanner, at, word))
        finding.sightings = list(dict.fromkeys(finding.sightings))

    def _begins(self, finding: Finding, gone: int, at: int) -> bool:
        return any(gone < cycle.started_at <= at for cycle in finding.cycles)

    def _scans(self) -> Iterator[tuple[str, bytes]]:
        files: dict[tuple[str, int, str], list[tuple[Finding, Seen]]] = {}
        for finding in self.findings:
            for scanner, at, word in finding.sightings:
                format_ = FORMATS[scanner]
                target = finding.service.targets[scanner]
                is_second = scanner != finding.scanner
                own_id = (finding.fact.get("second_id", "") if is_second else finding.handle) if format_.has_own_id else ""
                # GitHub's alerts are exported with the round that follows them.
                taken = at if scanner != "github" else finding.service.phase + -(-(at - finding.service.phase) // ROUND) * ROUND
                group = finding.service.profile if format_.has_many_targets else finding.service.asset_id
                files.setdefault((scanner, taken, group), []).append((finding, Seen(target, at, word, own_id, finding.fact)))
        for (scanner, taken, group), found in sorted(files.items(), key=lambda item: item[0]):
            yield from self._scan(scanner, taken, group, found)

    def _scan(self, scanner: str, taken: int, group: str, found: list[tuple[Finding, Seen]]) -> Iterator[tuple[str, bytes]]:
        rng, format_ = self.rng, FORMATS[scanner]
        source = f"{self.cell.old_team}-{group}" if format_.has_many_targets else group
        name = f"scans/{scanner}/{source}-{from_us(taken):%Y%m%d-%H%M}.{format_.ending}"
        is_late = not format_.has_own_id and rng.random() < 0.06
        is_copied = rng.random() < 0.06
        seen = self.noise.report([one for _, one in found])
        if not seen:
            return
        content = format_.write(seen)
        said = {"captured_at": iso(taken), "target": found[0][1].target}
        sidecar = "".join(f"{key}: {said[key]}\n" for key in format_.sidecar).encode()
        again = f"{name.removesuffix(f'.{format_.ending}')}_again.{format_.ending}"
        for path in (name, again) if is_copied else (name,):
            yield f"landing/{path}", content
            if sidecar:
                yield f"landing/{path}.meta.yaml", sidecar
            if is_late or path != name:
                row = {"file": path, "run": "2" if is_late or rng.random() < 0.5 else "1", "copy_of": "" if path == name else name}
                yield "truth/deliveries.csv", truth.csv_text(truth.DELIVERY_COLUMNS, [row], with_header=False)
        kinds = {"image": "package", "repository": "package"}
        rows = [
            {
                "finding": truth.name_of(finding, self.cell),
                "asset_id": finding.service.asset_id,
                "scanner": scanner,
                "file": name,
                "location_kind": kinds.get(finding.service.profile, finding.service.profile),
                "own_id": one.own_id,
                "target": one.target,
                "vulnerability_id": finding.fact.get("cve", ""),
                "captured_at": iso(one.captured_at),
                "rule": finding.fact["rule"] if not one.own_id and "cve" not in finding.fact else "",
            }
            for finding, one in found
        ]
        yield "truth/identity.csv", truth.csv_text(truth.IDENTITY_COLUMNS, rows, with_header=False)

    # What trackers export

    def _activity(self) -> Iterator[tuple[str, bytes]]:
        rng = self.rng
        others = [finding.handle for finding in self.findings]
        on_time: list[tuple[int, dict[str, str]]] = []
        late: list[dict[str, str]] = []
        for finding in self.findings:
            rows = list(self._rows(finding, others))
            if len(finding.cycles) == 1 and rng.random() < 0.1:
                late += [row for _, row in rows]
            else:
                on_time += rows
        for at, person in self.teller.alerts:
            self._events += 1
            row = {"event_id": f"{self.cell.number}-{self._events}", "ref": f"ALERT-{self.cell.number}-{self._events}", "event": "notified"}
            on_time.append((at, row | {"actor": "monitoring", "occurred_at": iso(at), "target_person": person, "channel": "pager"}))
        on_time.sort(key=lambda item: (item[0], item[1]["event_id"]))
        rows = [row for _, row in on_time]
        name = f"activity/{self.cell.old_team}"
        yield f"landing/{name}.csv", truth.csv_text(ACTIVITY_COLUMNS, rows)
        deliveries = []
        if late:
            yield f"landing/{name}-late.csv", truth.csv_text(ACTIVITY_COLUMNS, late)
            deliveries.append({"file": f"{name}-late.csv", "run": "2"})
        if again := rows[:: 3 + rng.randrange(6)]:
            yield f"landing/{name}-again.csv", truth.csv_text(ACTIVITY_COLUMNS, again)
            deliveries.append({"file": f"{name}-again.csv", "run": rng.choice(("1", "2")), "copy_of": f"{name}.csv"})
        yield "truth/deliveries.csv", truth.csv_text(truth.DELIVERY_COLUMNS, deliveries, with_header=False)

    def _rows(self, finding: Finding, others: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
        rng = self.rng
        events = sorted(event for cycle in finding.cycles for event in cycle.events)
        ref = finding.handle if rng.random() < 0.75 else f"{finding.scanner}:{finding.handle}"
        ticket = f"SEC-{self.cell.number:03d}-{finding.serial}" if events and rng.random() < 0.2 else ""
        if ticket:
            events.insert(0, Event(events[0].at, "ticket_linked", "routing-bot"))
        is_local = self.cell.number % 2 == 1
        for event in events:
            self._events += 1
            is_link = event.kind == "ticket_linked"
            row = {
                "event_id": f"{self.cell.number}-{self._events}",
                "ref": ticket if ticket and not is_link else ref,
                "event": event.kind,
                "actor": event.actor,
                "occurred_at": from_us(event.at).astimezone(zone(CALENDARS[self.cell.calendar][0])).isoformat()
                if is_local
                else iso(event.at),
                "target_person": event.target,
                "severity": event.severity,
                "channel": event.channel,
                "ticket": ticket if is_link else "",
                "comment": event.comment,
            }
            spoilt = self.noise.row(row, event.at, others)
            if spoilt is not None:
                yield event.at, spoilt


def _gone_at(cycle: Cycle) -> int | None:
    """When it was mended; None where it was not."""
    resolved = cycle.first("resolved")
    return resolved if resolved is not None else cycle.first("verified")


def _exploited() -> bytes:
    rows = [{"cveID": cve, "vendorProject": "Example", "product": "Example", "dateAdded": "2025-06-01"} for cve in EXPLOITED]
    return truth.csv_text(("cveID", "vendorProject", "product", "dateAdded"), rows)


def _policy(teams: dict[str, str]) -> bytes:
    lines = ["# Written by `handoff simulate`.\n", "controls: {attestation: 30d}\n", "calendars:\n"]
    for name, (zone_name, holidays) in CALENDARS.items():
        if name != "default":
            days = ", ".join(f'"{day}"' for day in holidays)
            lines.append(f"  {name}: {{time_zone: {zone_name}, holidays: [{days}]}}\n")
    lines.append("team_calendars:\n")
    lines += [f"  {team}: {calendar}\n" for team, calendar in sorted(teams.items())]
    return "".join(lines).encode()
