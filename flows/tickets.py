"""Writing back: a ticket in the team's own tracker for every open handoff that a connection is for. Opt in, and nothing without --apply.

Each is opened once. Before it goes out it is in the outbox, under (connection, finding, cycle); in its text is a marker, by which it is found where
the answer was lost. What a person changed in a ticket stays: a field is set anew only where it still is what we set, and our block alone is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flows import settings
from flows.client import Client, Outside, Uncertain
from flows.connections import Github, Jira, credential, read_connections
from flows.writers import Content, Ticket, Writer, title_of, writer
from transforms.domain.digests import identifier, sha256
from transforms.domain.errors import RunError, UsageError
from transforms.domain.instants import MICROSECONDS, iso, to_us, zone
from warehouse import originated, published
from warehouse.home import Home
from warehouse.outbox import Entry, Outbox, canonical, open_outbox
from warehouse.schema import sql_file

#: So long a tracker may take until what it opened is found by a search (Jira's own is late by seconds, at times by minutes).
SETTLE_US = 600 * MICROSECONDS


@dataclass
class Step:
    """What is done about one cycle, or would be."""

    connection: str
    finding_id: str
    cycle: int
    severity: str
    #: create, update, adopt, none, wait, gone
    action: str
    why: str
    ticket: str | None = None
    url: str | None = None
    title: str = ""
    owner: str | None = None
    due: str | None = None
    changes: list[str] = field(default_factory=list)
    is_done: bool = False
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def write(
    home: Home, connections: Path, names: list[str] | None = None, *, is_applied: bool, outside: Outside | None = None, by: str, wait_seconds: float = 0
) -> list[Step]:
    """Opens and updates tickets; where it is not applied, only reads, and says what it would do.

    Raises `UsageError` for the file, or where a named connection is not to be written to; `LockHeld` where another is writing.
    """
    outside = outside or Outside()
    found = read_connections(connections, names)
    chosen = {name: connection for name, connection in found.items() if isinstance(connection, Jira | Github) and connection.write and connection.write.enabled}
    refused = [name for name in names or () if name not in chosen]
    if refused or not chosen:
        seen = f"{refused[0]} has no write.enabled: true" if refused else "no connection has write.enabled: true"
        raise UsageError(str(connections), seen=seen, expected="a jira or github connection that may be written to", remedy="see docs/pulling.md")
    cycles, zone_name = _cycles(home.folder)
    steps: list[Step] = []
    with home.lock(settings.new_run_id(), iso(settings.now_us()), wait_seconds, file_name="tickets.lock"), open_outbox(home.outbox) as outbox:
        for name, connection in chosen.items():
            try:
                secret = credential(name, connection)
                with Client(name, connection.url, secret, timeout_seconds=connection.timeout.wall_us() / 1e6, outside=outside) as client:
                    round_ = _Round(name, connection, client, outbox, home, outside, by, zone_name)
                    for step in round_.steps(cycles):
                        steps.append(step)
                        if is_applied:
                            round_.carry_out(step)
            except RunError as error:
                steps.append(Step(name, "", 0, "", "none", "the tracker could not be read", fault=str(error)))
    return steps


def require_complete(steps: list[Step]) -> None:
    """Raises `RunError` that says what could not be written."""
    faults = list(dict.fromkeys(step.fault for step in steps if step.fault))
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise RunError("tickets", seen="; ".join(faults[:3]) + more, remedy="what was written stays; the next run goes on from there")


def _cycles(home: Path) -> tuple[list[dict[str, Any]], str]:
    columns, rows = published.query(home, sql_file("published/ticket_cycles.sql"))
    _, zones = published.query(home, sql_file("published/reporting_zone.sql"))
    return [dict(zip(columns, row, strict=True)) for row in rows], zones[0][0] if zones else "UTC"


class _Round:
    """One connection, once through."""

    def __init__(
        self, name: str, connection: Jira | Github, client: Client, outbox: Outbox, home: Home, outside: Outside, by: str, zone_name: str
    ) -> None:
        assert connection.write is not None
        self._name, self._write, self._client, self._outbox, self._home, self._outside, self._by = name, connection.write, client, outbox, home, outside, by
        self._writer: Writer = writer(name, connection)
        self._zone = zone(zone_name)
        self._marked: dict[str, list[Ticket]] | None = None
        self._work: dict[int, Callable[[], None]] = {}

    def steps(self, cycles: list[dict[str, Any]]) -> Iterator[Step]:
        """What is to be done, cycle by cycle; each is carried out, if at all, before the next is looked at."""
        for cycle in cycles:
            is_routed = cycle["routing_status"] == "routed"
            if cycle["severity"] in self._write.severities and (is_routed or self._write.unrouted):
                yield self._step(cycle)

    def carry_out(self, step: Step) -> None:
        """Does it. What fails is the step's fault, and stops no other."""
        work = self._work.pop(id(step), None)
        if work is None or step.fault:
            return
        try:
            work()
            step.is_done = True
        except RunError as error:
            step.fault = str(error)
        if self._writer.pause_seconds and step.action in ("create", "update"):
            self._outside.wait(self._writer.pause_seconds)

    def _step(self, cycle: dict[str, Any]) -> Step:
        content = self._content(cycle)
        payload = _payload(content)
        key = identifier(self._name, content.finding_id, content.cycle)
        entry = self._outbox.get(key)
        step = Step(self._name, content.finding_id, content.cycle, cycle["severity"], "none", "", title=title_of(content), owner=cycle["owner_id"], due=content.due)
        try:
            if entry is not None and entry.external_id is not None:
                self._keep_up(step, key, entry, content, payload)
            else:
                self._open(step, key, entry, content, payload, cycle["sightings"])
        except RunError as error:
            step.fault = str(error)
        return step

    def _keep_up(self, step: Step, key: str, entry: Entry, content: Content, payload: dict[str, Any]) -> None:
        """A ticket that is known: it is looked at only where we would say something else than before."""
        step.ticket = entry.external_id
        if entry.state == "confirmed" and entry.payload_digest == sha256(canonical(payload).encode()):
            step.why = "it says what it should"
            return
        ticket = self._writer.read(self._client, entry.external_id or "")
        if ticket is None:
            step.action, step.why = "gone", "somebody deleted it, or the account may not see it: it is not opened again"
            return
        self._update(step, key, ticket, entry.confirmed_payload or {}, content, payload)

    def _open(self, step: Step, key: str, entry: Entry | None, content: Content, payload: dict[str, Any], sightings: list[str]) -> None:
        ticket = self._find(sightings, content.cycle)
        if ticket is not None:
            step.action, step.why, step.ticket, step.url = "adopt", "it is there already: its text names the finding", ticket.name, ticket.url
            base = entry.payload if entry is not None and entry.attempts else {}
            self._update(step, key, ticket, base, content, payload, is_adopted=True)
            return
        now_us = self._now_us()
        if entry is not None and entry.is_uncertain and now_us - (entry.sent_us or 0) < SETTLE_US:
            step.action, step.why = "wait", f"it was sent at {iso(entry.sent_us or 0)} without an answer, and may not be found yet"
            return
        step.action, step.why = "create", "an open handoff without a ticket" if entry is None else f"it did not arrive: {entry.error or 'it was interrupted'}"
        self._work[id(step)] = lambda: self._create(step, key, entry, content, payload)

    def _create(self, step: Step, key: str, entry: Entry | None, content: Content, payload: dict[str, Any]) -> None:
        if entry is not None and entry.is_uncertain:
            self._outbox.fail(key, "it was sent, and was not found in the tracker afterwards")
        self._outbox.claim(key, self._name, f"finding {content.finding_id}, cycle {content.cycle}", payload, self._now_us())
        self._outbox.send(key, self._now_us())
        try:
            name = self._writer.create(self._client, content)
        except Uncertain as error:
            self._outbox.note(key, str(error))
            raise
        except RunError as error:
            self._outbox.fail(key, str(error))
            raise
        step.ticket = name
        self._confirm(key, name, content)

    def _update(
        self, step: Step, key: str, ticket: Ticket, base: dict[str, Any], content: Content, payload: dict[str, Any], *, is_adopted: bool = False
    ) -> None:
        """Sets what still is as we set it, and fills in what nobody set; leaves what a person made of it."""
        names, kept = [], []
        for name in self._writer.fields:
            ours, theirs, before = payload[name], getattr(ticket.fields, name), base.get(name)
            if ours == theirs or (base and ours == before):
                continue
            if theirs == before or (not base and not theirs):
                names.append(name)
            else:
                kept.append(f"{name} stays {theirs!r}")
        if ticket.fields.block != self._writer.block(content):
            names.append("block")
        step.ticket, step.url, step.changes = ticket.name, ticket.url, [*names, *kept]
        if not is_adopted:
            step.action, step.why = ("update", "what it says is no longer so") if names else ("none", "a person changed what we would")
        self._work[id(step)] = lambda: self._carry_update(key, ticket, content, payload, names)

    def _carry_update(self, key: str, ticket: Ticket, content: Content, payload: dict[str, Any], names: list[str]) -> None:
        entry = self._outbox.get(key)
        if entry is None or not entry.is_uncertain:
            self._outbox.claim(key, self._name, f"finding {content.finding_id}, cycle {content.cycle}", payload, self._now_us())
            self._outbox.send(key, self._now_us())
        # Said again it is the same: a change that may have arrived needs no looking after.
        if names:
            self._writer.change(self._client, ticket, content, names)
        self._confirm(key, ticket.name, content)

    def _confirm(self, key: str, name: str, content: Content) -> None:
        """The link goes into the record before the outbox is done with it: who is killed in between says it again, in the same words."""
        entry = self._outbox.get(key)
        assert entry is not None
        event = {
            "event_id": identifier("ticket_linked", self._name, content.finding_id, content.cycle, name), "ref": content.finding_id, "event": "ticket_linked",
            "occurred_at": entry.sent_us, "channel": self._name, "ticket": name, "method": "cli", "asserted_by": self._by,
        }  # fmt: skip
        if entry.external_id is None:
            originated.originate(self._home, [event])
        self._outbox.confirm(key, name, self._now_us())

    def _find(self, sightings: list[str], cycle: int) -> Ticket | None:
        """The ticket whose text names this finding and cycle; else one that is still open and names none, or an earlier one."""
        if self._marked is None:
            self._marked = {}
            for ticket in self._writer.labelled(self._client, self._write.label):
                if ticket.finding_id is not None:
                    self._marked.setdefault(ticket.finding_id, []).append(ticket)
        found = [ticket for sighting in sightings for ticket in self._marked.get(sighting, ())]
        exact = [ticket for ticket in found if ticket.cycle == cycle]
        usable = [ticket for ticket in found if ticket.is_open and (ticket.cycle is None or ticket.cycle < cycle)]
        return next(iter([*exact, *usable]), None)

    def _content(self, cycle: dict[str, Any]) -> Content:
        write, band = self._write, cycle["severity"]
        due = cycle["handoff_due_at"] if cycle["acknowledged_at"] is None else cycle["remediation_due_at"]
        where = cycle["asset_id"] or cycle["target"]
        link = write.link and write.link.format_map({name: _quoted(cycle[name]) for name in ("finding_id", "cycle", "asset_id")})
        facts = [
            ("Title", cycle["title"]), ("Severity", band), ("Asset", where), ("Application", cycle["application"]), ("Team", cycle["team"]),
            ("Owner", cycle["owner_id"] or f"nobody ({cycle['routing_status']})"),
            ("Acknowledge by", _shown(cycle["handoff_due_at"])), ("Acknowledged", _shown(cycle["acknowledged_at"])), ("Remediate by", _shown(cycle["remediation_due_at"])),
        ]  # fmt: skip
        return Content(
            title=f"[{band}] {cycle['title'] or 'finding'} on {where}",
            finding_id=cycle["finding_id"],
            cycle=cycle["cycle"],
            facts=tuple((label, str(text)) for label, text in facts if text),
            link=link,
            assignee=write.accounts.get(cycle["owner_id"] or ""),
            due=due and due.replace(tzinfo=UTC).astimezone(self._zone).date().isoformat(),
            priority=write.priorities.of(band),
            label=write.label,
        )

    def _now_us(self) -> int:
        return round(self._outside.now() * MICROSECONDS)


def _payload(content: Content) -> dict[str, Any]:
    """What we say, as the outbox keeps it and as it is compared with what a ticket says."""
    return {**content._asdict(), "title": title_of(content), "facts": [list(fact) for fact in content.facts]}


def _quoted(value: object) -> str:
    return quote(str(value or ""), safe="")


def _shown(moment: datetime | None) -> str | None:
    return moment and iso(to_us(moment.replace(tzinfo=UTC)))[:16] + "Z"
