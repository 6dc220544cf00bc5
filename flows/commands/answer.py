"""Commands that answer handoffs and tell people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import completion, settings
from flows.commands.options import (
    BaseUrlOption,
    ConnectionsOption,
    HomeOption,
    JsonOption,
    NamesArgument,
    ReasonOption,
    seconds,
)
from flows.help import App
from flows.printing import print_json, print_table

app = App()


@app.command(epilog="Example: handoff sweep --kind binding --out proposals --as soc-lead && cp -r proposals/. landing/")
def sweep(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="reattribution, binding, unmatched_activity, held_file or attestation; may be repeated [default: all].")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A new folder for the proposals as files that a landing zone takes [default: list them].")] = None,
    actor: Annotated[str | None, typer.Option("--as", help="Whose word the events in the files are: who reassigns, links; with --kind attestation alone, who attests.")] = None,
    is_settled: Annotated[bool, typer.Option("--settled", help="List what was settled, by whom, instead of what is open.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what only a person can settle, what is proposed for it and why: decayed routes, orphaned findings, unmatched activity, held files, attestations.

    Nothing changes until a file is delivered or a command is given. Docs: docs/sweeping.md
    """
    from flows import sweeping
    from warehouse import sweep as proposing

    found = proposing.propose(settings.home_folder(home), kind)
    written = proposing.write(found, out, actor) if out else []
    if as_json:
        print_json(sweeping.as_json(found, written))
        return
    for columns, rows in sweeping.tables(found.settled if is_settled else found.open, is_settled=is_settled):
        print_table(columns, rows)
    for line in sweeping.summary(found, written):
        print(line)


@app.command(epilog="Example: handoff tickets jira   (then, if that is what you want: handoff tickets jira --apply)")
def tickets(
    names: NamesArgument = None,
    is_applied: Annotated[bool, typer.Option("--apply", help="Write. Without it the trackers are only read.")] = False,
    connections: ConnectionsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which tickets open handoffs would open or update in the trackers that allow it; with --apply, do so."""
    from flows import tickets as writing
    from flows.connections import file_of
    from warehouse.home import Home

    folder = settings.home_folder(home)
    steps = writing.write(Home(folder), file_of(connections, folder), names, is_applied=is_applied, by=settings.identity())
    if as_json:
        print_json([step.as_json() for step in steps], lambda: writing.require_complete(steps))
    else:
        columns = ["connection", "action", "done", "ticket", "severity", "title", "owner", "due", "changes", "why"]
        rows = [(s.connection, s.action, s.is_done, s.ticket, s.severity, s.title, s.owner, s.due, "; ".join(s.changes), s.fault or s.why) for s in steps]
        print_table(columns, rows)
    if not is_applied:
        print("handoff: nothing was written; --apply writes", file=sys.stderr)
    writing.require_complete(steps)


FindingsArgument = Annotated[list[str] | None, typer.Argument(help="Finding ids, sighting ids, scanners' own ids, or `scanner:own id`.", autocompletion=completion.findings)]
PersonOption = Annotated[str, typer.Option("--as", help="Who says so: a person of the directory, by id, alias or mail address.")]
AtOption = Annotated[str | None, typer.Option("--at", help="When it was so, ISO 8601 with a zone [default: now].")]
UnknownOption = Annotated[bool, typer.Option("--unknown-ok", help="Write it down for what no finding is known by too; it waits for its finding.")]
DigestOption = Annotated[str | None, typer.Option("--digest", help="Also every finding of that digest; not where one is critical or high.")]
DigestFileOption = Annotated[Path | None, typer.Option("--digest-file", help="Also every finding of that list, one id a line; not where one is critical or high.")]


def _answer(event: Any, person: str, findings: list[str] | None, home: Path | None, as_json: bool, *, at: str | None, unknown_ok: bool, reason: str | None = None,
            target: str | None = None, digest: str | None = None, digest_file: Path | None = None) -> None:  # fmt: skip
    from flows import acknowledging
    from warehouse.home import Home

    now_us = settings.now_us()
    at_us = settings.instant(at, "--at")
    listed = acknowledging.listed(settings.read_file("--digest-file", digest_file)) if digest_file else []
    claim = acknowledging.Claim(event, person, "cli", settings.identity(), now_us if at_us is None else at_us, reason, target)
    done = acknowledging.answer(
        Home(settings.home_folder(home)), claim, [*(findings or ()), *listed], now_us=now_us, digest_id=digest, is_listed=digest_file is not None, allows_unknown=unknown_ok
    )
    for warning in done.warnings:
        print(f"handoff: {warning}", file=sys.stderr)
    if as_json:
        print_json({"events": done.as_json(), "warnings": done.warnings})
        return
    for line in done.lines():
        print(line)


@app.command(epilog="Example: handoff ack 260e855be8e4 --as eve   (the next run judges it)")
def ack(
    person: PersonOption,
    findings: FindingsArgument = None,
    is_withdrawn: Annotated[bool, typer.Option("--withdraw", help="Take acknowledgements back: every one so far of the handoff counts no more.")] = False,
    digest: DigestOption = None,
    digest_file: DigestFileOption = None,
    at: AtOption = None,
    reason: Annotated[str | None, typer.Option("--reason", help="A word to it: kept in the record.")] = None,
    unknown_ok: UnknownOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge handoffs: you have them now. Written down at once; whether it counts is judged by the next run."""
    event = "acknowledgement_withdrawn" if is_withdrawn else "acknowledged"
    _answer(event, person, findings, home, as_json, at=at, unknown_ok=unknown_ok, reason=reason, digest=digest, digest_file=digest_file)


@app.command(epilog='Example: handoff decline 260e855be8e4 --as eve --reason "the service moved to storefront in March"')
def decline(
    person: PersonOption,
    reason: ReasonOption,
    findings: FindingsArgument = None,
    digest: DigestOption = None,
    digest_file: DigestFileOption = None,
    at: AtOption = None,
    unknown_ok: UnknownOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a handoff is not yours, and why. It stays with its owner, is flagged and escalated; no clock stops."""
    _answer("declined", person, findings, home, as_json, at=at, unknown_ok=unknown_ok, reason=reason, digest=digest, digest_file=digest_file)


@app.command(epilog="Example: handoff reassign 260e855be8e4 --as eve --to frank")
def reassign(
    person: PersonOption,
    target: Annotated[str, typer.Option("--to", help="Who owns it from then on: a person of the directory.")],
    findings: FindingsArgument = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why: kept in the record.")] = None,
    at: AtOption = None,
    unknown_ok: UnknownOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name another owner of handoffs. It is not an acknowledgement; the due dates stay."""
    _answer("reassigned", person, findings, home, as_json, at=at, unknown_ok=unknown_ok, reason=reason, target=target)


@app.command(epilog="Example: handoff link 260e855be8e4 --as eve --base-url https://handoff.example.com")
def link(
    finding: Annotated[str, typer.Argument(help="Finding id, sighting id, or a scanner's own id.", autocompletion=completion.findings)],
    person: PersonOption,
    is_decline: Annotated[bool, typer.Option("--decline", help="A link to decline by, instead of one to acknowledge by.")] = False,
    expires: Annotated[str, typer.Option("--expires", help="For how long it is good, as in 12h or 7d.")] = "7d",
    base_url: BaseUrlOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link by which that person answers that handoff, once. Whoever holds it can: give it to nobody else."""
    from flows import acknowledging
    from warehouse.home import Home

    folder, base = settings.home_folder(home), settings.ack_url(base_url) or "http://127.0.0.1:8080"
    expires_us = settings.now_us() + round(seconds(expires, "--expires") * 1e6)
    found = acknowledging.link(Home(folder), settings.link_key(folder), finding, person, "decline" if is_decline else "acknowledge", expires_us)
    url = acknowledging.url_of(acknowledging.require_base_url(base), found.token)
    if as_json:
        print_json({"url": url, "finding_id": found.finding_id, "cycle": found.cycle, "person_id": found.person_id, "expires_at": found.expires_at})
    else:
        print(url)


@app.command(epilog="Example: handoff dispatch   (then, if that is what you want: handoff dispatch --apply)")
def dispatch(
    is_applied: Annotated[bool, typer.Option("--apply", help="Send. Without it nothing goes out.")] = False,
    home: HomeOption = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Instant to decide for and to date it by, ISO 8601 with a zone [default: now].")] = None,
    wait: Annotated[str | None, typer.Option("--wait", help="How long to wait for another dispatch, as in 10m [default: not at all].")] = None,
    base_url: BaseUrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who would be told what, by which channel and why: notices, digests, escalations, early warnings; with --apply, send it, each decision once."""
    from flows import dispatching
    from warehouse.home import Home

    found = dispatching.send_from(Home(settings.home_folder(home)), is_applied=is_applied, base_url=base_url, as_of_us=settings.instant(as_of), wait_seconds=seconds(wait))
    if as_json:
        print_json(found.as_json(), lambda: dispatching.require_complete(found))
    else:
        columns = ["action", "done", "person", "channel", "severity", "findings", "decisions", "why"]
        rows = [
            (s.action, s.is_done, s.person_id, s.channel, s.severity, len(s.findings) if s.is_digest else next(iter(s.findings), None), ", ".join(s.decisions), s.fault or s.why)
            for s in found.steps
        ]
        print_table(columns, rows)
        print(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in found.counts.items()))
    if not is_applied:
        print("handoff: nothing was sent; --apply sends", file=sys.stderr)
    dispatching.require_complete(found)
