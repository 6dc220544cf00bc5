"""The command line. Results on stdout, progress and errors on stderr; every command has --json; exit codes as in the README."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from flows import completion, settings
from flows.help import App
from flows.printing import line as _line
from flows.printing import print_error
from flows.printing import print_json as _print_json
from flows.printing import print_pairs as _print_pairs
from flows.printing import print_table as _print_table
from flows.progress import shown as _progress
from transforms.domain.errors import HandoffError, RunError, UsageError

settings.quiet()

#: Exit code of what a person ended with Ctrl-C, as shells have it.
_INTERRUPTED = 130
#: DuckDB's words for a machine that does not do its part.
_OF_THE_MACHINE = ("IOException", "FatalException", "OutOfMemoryException")

app = App(
    name="handoff",
    help="Measures, explains and shortens security handoffs: from a finding landing to a named engineer acknowledging it.",
    pretty_exceptions_enable=False,
    epilog="Example: handoff run --landing ./landing && handoff sql 'FROM mart.unrouted_queue'",
)

serve_app = App(help="Keep something running: it ends with Ctrl-C or SIGTERM.", epilog="Example: handoff serve scheduler --landing ./landing")
app.add_typer(serve_app, name="serve")

HomeOption = Annotated[Path | None, typer.Option("--home", help="Where warehouse, raw files, published copy and reports live [default: $HANDOFF_HOME, else ./.handoff].")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, errors too.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="YAML overlaid on the default policy key by key.")]


@app.command(epilog="Example: handoff run --landing ./landing --home ./.handoff --policy my-policy.yaml")
def run(
    landing: Annotated[str, typer.Option("--landing", help="Folder or fsspec URL with scans/, assets/, people/, activity/, reference/.")],
    home: HomeOption = None,
    policy: PolicyOption = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Instant to compute for, ISO 8601 with a zone [default: now].")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the report.")] = True,
    wait: Annotated[str | None, typer.Option("--wait", help="How long to wait for another run, as in 10m [default: not at all].")] = None,
    as_json: JsonOption = False,
) -> None:
    """Do the whole job: ingest what is new, compute, validate, report, publish."""
    from flows.job import Options
    from flows.run_handoff import run_here_or_on_server

    with _progress() as progress:
        summary = run_here_or_on_server(Options(landing, settings.home_folder(home), policy, as_of, report, _seconds(wait)), progress)
    if as_json:
        _print_json(summary.as_json())
        return
    print(summary.headline())
    _print_pairs(summary.rows())


@app.command(epilog='Example: handoff sql "SELECT severity, median_seconds FROM mart.handoff_latency WHERE dimension = \'all\'"')
def sql(
    query: Annotated[str, typer.Argument(help="One query over the published copy.", autocompletion=completion.queries)],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Query the published copy, read-only."""
    from warehouse import published

    columns, rows = published.query(settings.home_folder(home), query)
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        _print_table(columns, rows)


@app.command(epilog="Example: handoff status")
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One screen: the last runs, the five numbers, what waits for a person, what its expectations found, what to do next."""
    from flows import status as screens
    from warehouse import published

    found = published.status(settings.home_folder(home))
    if as_json:
        _print_json(found)
        return
    screens.show(found, settings.now_us())


@app.command(epilog="Example: handoff formats --explain report.json")
def formats(
    explain: Annotated[Path | None, typer.Option("--explain", help="Say which format claims this file, or why none does; those of the landing zone's folder that it lies in first.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The formats that are read."""
    from transforms import formats as catalogue

    if explain is None:
        rows = catalogue.listing()
    else:
        rows = catalogue.explain(settings.read_file("--explain", explain), catalogue.landing_folder(explain.absolute().parent.parts))
    if as_json:
        _print_json(rows)
    else:
        _print_table(list(rows[0]), [tuple(row.values()) for row in rows])


@app.command(epilog="Example: handoff trackers --explain search.json --policy my-policy.yaml")
def trackers(
    explain: Annotated[Path | None, typer.Option("--explain", help="Say what this export comes to: rules that matched, words that none has, sample rows.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="The tracker's name, as the file's sidecar says it in `source`.")] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """The trackers that are read, and what of each counts as an acknowledgement, a triage entry, a resolution …"""
    from transforms import tracker_formats

    rules = settings.read_policy(policy)
    if explain is None:
        rows = tracker_formats.listing(rules)
        if as_json:
            _print_json([{**row, "mapping": rules.trackers[row["tracker"]].model_dump(exclude_defaults=True)} for row in rows])
        else:
            _print_table(list(rows[0]), [tuple(row.values()) for row in rows])
        return
    found = tracker_formats.explain(settings.read_file("--explain", explain), rules, source)
    if as_json:
        _print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, list):
            print(f"{name}: {len(value)}")
            for item in value:
                print(f"  {_line(item)}")
        elif isinstance(value, str) and "\n" in value:
            print(f"{name} (instead of `ignored`, the event, state or band that it is):\n{value}", end="")
        else:
            print(f"{name}: {_line(value) if value not in (None, {}) else 'none'}")


@app.command(epilog="Example: handoff explain 3f2a --html 3f2a.html   (a finding id, a sighting id or a scanner's own id)")
def explain(
    finding: Annotated[str, typer.Argument(help="Finding id, sighting id, or a scanner's own id.", autocompletion=completion.findings)],
    html: Annotated[Path | None, typer.Option("--html", help="Write it as a page, one file, instead of showing it.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One finding's life: observations, decisions, dispatches, answers, both clocks, what set its band, what fired and why, what is due when."""
    from flows import explaining
    from warehouse import published

    folder = settings.home_folder(home)
    if html is not None:
        print(f"page {explaining.write_page(published.life(folder, finding), html)}")
    elif as_json:
        _print_json(published.explain(folder, finding))
    else:
        print(explaining.text(published.life(folder, finding)))


@app.command(epilog="Example: handoff desk --out desk   (then open desk/index.html)")
def desk(
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder, or an earlier desk, which is replaced.")],
    is_redacted: Annotated[bool, typer.Option("--redacted", help="Of the redacted tier, for those who may not see names.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the published copy as pages to search and filter: queue, flags, findings, people, teams, runs, quarantines. No server is needed."""
    from warehouse import desk as writing

    with _progress() as progress:
        written = writing.write(settings.home_folder(home), out, is_redacted=is_redacted, progress=progress)
    if as_json:
        _print_json(written._asdict())
        return
    print(f"{', '.join(f'{count} {name}' for name, count in written.rows.items())}; {written.files} files, {written.bytes} bytes")
    print(f"desk {out / 'index.html'}")


@app.command(epilog="Example: handoff report weekly --format text | mail -s 'Security handoffs' secops@example.com")
def report(
    period: Annotated[
        str,
        typer.Argument(
            help="weekly (security operations), monthly (leadership) or quarterly (steering, with an audit annex).",
            autocompletion=completion.words("weekly", "monthly", "quarterly"),
        ),
    ] = "weekly",
    file_format: Annotated[str, typer.Option("--format", help="html, text (printed, unless --out is given) or pdf.")] = "html",
    as_of: Annotated[str | None, typer.Option("--as-of", help="A past instant, ISO 8601 with a zone: the page as it was printed then [default: the last run].")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Another published copy than the home's; needs --out.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The report's file [default: one among the home's reports].")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a report: of the last run, of any past instant, or of a published file."""
    from flows import reporting

    folder = settings.home_folder(home)
    if file_format == "text" and out is None and not as_json:
        print(reporting.contents(folder, period, file_format, as_of, file).decode(), end="")
        return
    path = reporting.write_report(folder, period, file_format, as_of, file, out)
    if as_json:
        _print_json({"period": period, "report": path})
    else:
        print(path)


@app.command(epilog="Example: handoff evidence CC7.1 --as-of 2026-03-31T22:00:00Z --out cc7.1-march")
def evidence(
    control: Annotated[str | None, typer.Argument(help="The control's id, as in CC7.1, A.8.8, RA-5 [default: list them].", autocompletion=completion.controls)] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="A past instant, ISO 8601 with a zone [default: that of the published copy].")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The pack's folder [default: one below evidence/ in the home].")] = None,
    framework: Annotated[str | None, typer.Option("--framework", help="Part of its framework's name, where several have that id.")] = None,
    list_controls: Annotated[bool, typer.Option("--list", help="List the controls.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the evidence pack of a control: chains of events with who and when, population, definitions, digests. The same bytes every time."""
    from flows import evidence as packs

    if control is None or list_controls:
        rows = packs.list_controls(settings.home_folder(home))
        if as_json:
            _print_json(rows)
        else:
            _print_table(list(rows[0]), [tuple(row.values()) for row in rows])
        return
    folder, manifest = packs.write_pack(settings.home_folder(home), control, framework=framework, as_of=as_of, out=out)
    if as_json:
        _print_json({"folder": str(folder), **manifest})
        return
    counts = manifest["counts"]
    print(f"{manifest['framework']} {manifest['control']} as of {manifest['as_of']}: {counts['complete_chains']} complete + {counts['exceptions']} exceptions", end=" ")
    print(f"+ {counts['pending']} pending = {counts['population']}; {counts['events']} events")
    print(f"evidence {folder}")


@app.command(epilog="Example: handoff export --out tables --tables mart.handoff,question.open_for_a_person --format csv")
def export(
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder.")],
    file_format: Annotated[str, typer.Option("--format", help="parquet or csv.", autocompletion=completion.words("parquet", "csv"))] = "parquet",
    tables: Annotated[str, typer.Option("--tables", help="Tables, views or schemas with commas between them [default: mart,record].", autocompletion=completion.tables)] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write tables of the published copy as files for other tools, with a dictionary beside them. The same copy gives the same bytes."""
    from warehouse import export as exporting

    wanted = [name.strip() for name in tables.split(",") if name.strip()]
    with _progress() as progress:
        contents = exporting.export(settings.home_folder(home), out, file_format, wanted, progress)
    if as_json:
        _print_json(contents)
        return
    for table in contents["tables"]:
        print(f"{table['file']}: {table['rows']} rows, {table['bytes']} bytes")
    print(f"{len(contents['tables'])} tables as of {contents['as_of']}, described in {out / exporting.DICTIONARY}")


@app.command(epilog="Example: HANDOFF_REDACTION_KEY=\"$(cat key)\" handoff redact --out redacted.duckdb")
def redact(
    out: Annotated[Path, typer.Option("--out", help="The new file.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the redacted tier of the published copy: the same marts, where keyed pseudonyms stand for people, assets, places and ids.

    The key is $HANDOFF_REDACTION_KEY, else redaction.key in the home, which is made where there is none. The same key gives the same pseudonyms.
    """
    from flows import job

    path = job.redact_copy(settings.home_folder(home), out)
    if as_json:
        _print_json({"redacted": path})
    else:
        print(f"redacted {path}")


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
        _print_json(sweeping.as_json(found, written))
        return
    for columns, rows in sweeping.tables(found.settled if is_settled else found.open, is_settled=is_settled):
        _print_table(columns, rows)
    for line in sweeping.summary(found, written):
        print(line)


@app.command(epilog="Example: handoff warnings --kind breach_expected --kind source_silent")
def warnings(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="breach_expected, source_silent, arrivals_above_capacity, ownership_currency_fell or coverage_fell; may be repeated [default: all].")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What will hurt soon, and whom to call: breaches to expect, silent sources, arrivals above capacity, falling ownership and coverage."""
    from warehouse import early_warning as early

    rows = early.read(settings.home_folder(home), kind)
    if as_json:
        _print_json(rows)
        return
    if rows:
        _print_table(["kind", "severity", "warning", "call", "what to do"], [(row["kind"], row["severity"], row["detail"], ", ".join(row["call"]), row["action"]) for row in rows])
    print(early.summary(rows))


NamesArgument = Annotated[list[str] | None, typer.Argument(help="Connections [default: all].")]
ConnectionsOption = Annotated[Path | None, typer.Option("--connections", help="YAML file [default: connections.yaml of the home, else of this folder].")]


@app.command(epilog="Example: handoff pull jira --landing ./landing --connections connections.yaml")
def pull(
    landing: Annotated[Path, typer.Option("--landing", help="Folder that `handoff run` reads; files come below activity/.")],
    names: NamesArgument = None,
    connections: ConnectionsOption = None,
    home: HomeOption = None,
    wait: Annotated[str | None, typer.Option("--wait", help="How long to wait for another pull of the same connection, as in 10m [default: not at all].")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring what changed in the connected trackers into the landing zone; exit 1 where one could not be read to its end."""
    from flows import pulling
    from flows.connections import file_of
    from warehouse.home import Home

    folder = settings.home_folder(home)
    with _progress() as progress:
        done = pulling.pull(landing, Home(folder), file_of(connections, folder), names, wait_seconds=_seconds(wait), progress=progress)
    if as_json:
        _print_json([row.as_json() for row in done], lambda: pulling.require_complete(done))
    else:
        _print_table(["connection", "stream", "pages", "items", "new", "files", "cursor"], [(row.connection, row.stream, row.pages, row.items, row.items_new, row.files, row.cursor) for row in done])
    pulling.require_complete(done)


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
        _print_json([step.as_json() for step in steps], lambda: writing.require_complete(steps))
    else:
        columns = ["connection", "action", "done", "ticket", "severity", "title", "owner", "due", "changes", "why"]
        rows = [(s.connection, s.action, s.is_done, s.ticket, s.severity, s.title, s.owner, s.due, "; ".join(s.changes), s.fault or s.why) for s in steps]
        _print_table(columns, rows)
    if not is_applied:
        print("handoff: nothing was written; --apply writes", file=sys.stderr)
    writing.require_complete(steps)


ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in a sentence: kept in the record.")]
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
        _print_json({"events": done.as_json(), "warnings": done.warnings})
        return
    for line in done.lines():
        print(line)


@app.command(epilog="Example: handoff ack 260e855be8e4 --as dirk   (the next run judges it)")
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


@app.command(epilog='Example: handoff decline 260e855be8e4 --as dirk --reason "the service moved to storefront in March"')
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


@app.command(epilog="Example: handoff reassign 260e855be8e4 --as dirk --to eve")
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


BaseUrlOption = Annotated[str | None, typer.Option("--base-url", help="How people reach the acknowledgement page, as in https://handoff.example.com [default: $HANDOFF_ACK_URL].")]


@app.command(epilog="Example: handoff link 260e855be8e4 --as dirk --base-url https://handoff.example.com")
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
    expires_us = settings.now_us() + round(_seconds(expires, "--expires") * 1e6)
    found = acknowledging.link(Home(folder), settings.link_key(folder), finding, person, "decline" if is_decline else "acknowledge", expires_us)
    url = acknowledging.url_of(acknowledging.require_base_url(base), found.token)
    if as_json:
        _print_json({"url": url, "finding_id": found.finding_id, "cycle": found.cycle, "person_id": found.person_id, "expires_at": found.expires_at})
    else:
        print(url)


@serve_app.command("ack", epilog="Example: handoff serve ack --base-url https://handoff.example.com   (behind a proxy with TLS)")
def serve_ack(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes a free one.", min=0, max=65535)] = 8080,
    base_url: BaseUrlOption = None,
    is_plain: Annotated[bool, typer.Option("--plain-http", help="Listen beyond this machine without TLS: the network can read the links.")] = False,
    home: HomeOption = None,
) -> None:
    """Serve the page behind acknowledgement links: shows a handoff, and writes down an answer that is confirmed there."""
    from flows import confirming as page
    from flows.acknowledging import require_base_url
    from warehouse.home import Home

    folder = settings.home_folder(home)
    base = settings.ack_url(base_url)
    site = page.Site(Home(folder), settings.link_key(folder), base_url=require_base_url(base) if base else None)
    page.serve(site, host, port, allows_plain=is_plain)


@app.command(epilog="Example: handoff dispatch   (then, if that is what you want: handoff dispatch --apply)")
def dispatch(
    is_applied: Annotated[bool, typer.Option("--apply", help="Send. Without it nothing goes out.")] = False,
    home: HomeOption = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Instant to decide for and to date it by, ISO 8601 with a zone [default: now].")] = None,
    wait: Annotated[str | None, typer.Option("--wait", help="How long to wait for another dispatch, as in 10m [default: not at all].")] = None,
    base_url: BaseUrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who would be told what, by which channel and why: notices, digests, escalations; with --apply, send it, each decision once."""
    from flows import dispatching
    from warehouse.home import Home

    found = dispatching.send_from(Home(settings.home_folder(home)), is_applied=is_applied, base_url=base_url, as_of_us=settings.instant(as_of), wait_seconds=_seconds(wait))
    if as_json:
        _print_json(found.as_json(), lambda: dispatching.require_complete(found))
    else:
        columns = ["action", "done", "person", "channel", "severity", "findings", "decisions", "why"]
        rows = [(s.action, s.is_done, s.person_id, s.channel, s.severity, len(s.findings) if s.is_digest else s.findings[0], ", ".join(s.decisions), s.fault or s.why) for s in found.steps]
        _print_table(columns, rows)
        print(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in found.counts.items()))
    if not is_applied:
        print("handoff: nothing was sent; --apply sends", file=sys.stderr)
    dispatching.require_complete(found)


def _decide(decision: str, sha256: str, reason: str, home: Path | None, as_json: bool) -> None:
    from warehouse import decisions

    path = decisions.decide(settings.home_folder(home), decision, sha256, reason, by=settings.identity(), at_us=settings.now_us())
    if as_json:
        _print_json({"decision": decision, "path": path})
    else:
        print(f"{decision} {path}: it takes effect with the next run")


ShaArgument = Annotated[str, typer.Argument(help="The file's sha256, or its beginning (see `handoff status`).", autocompletion=completion.waiting_files)]


@app.command(epilog='Example: handoff release 9f3c --reason "half the fleet was switched off"')
def release(sha256: ShaArgument, reason: ReasonOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Apply a held file."""
    _decide("release", sha256, reason, home, as_json)


@app.command(epilog='Example: handoff discard 9f3c --reason "export was cut off"')
def discard(sha256: ShaArgument, reason: ReasonOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Leave a held file out for good."""
    _decide("discard", sha256, reason, home, as_json)


@app.command(epilog='Example: handoff retract 9f3c --reason "it was the test system"')
def retract(sha256: ShaArgument, reason: ReasonOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take a wrongly loaded file back: it counts no more from then on."""
    _decide("retract", sha256, reason, home, as_json)


@app.command(epilog="Example: handoff reprocess 9f3c")
def reprocess(sha256: ShaArgument, home: HomeOption = None, reason: ReasonOption = "read again", as_json: JsonOption = False) -> None:
    """Read a file again with the next run."""
    _decide("reprocess", sha256, reason, home, as_json)


@app.command(epilog="Example: handoff rebuild --as-of 2026-03-31T22:00:00Z --out march.duckdb")
def rebuild(
    as_of: Annotated[str | None, typer.Option("--as-of", help="Compute the marts as of this instant, from what was known by then, into --out.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new file for --as-of.")] = None,
    home: HomeOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the warehouse anew from the raw files; or, with --as-of and --out, the marts of a past instant as a file of their own."""
    from flows import job

    if (as_of is None) != (out is None):
        raise UsageError("rebuild", seen="only one of --as-of and --out", expected="both, or neither")
    folder = settings.home_folder(home)
    with _progress() as progress:
        said = job.rebuild(folder, policy, progress) if as_of is None or out is None else job.rebuild_as_of(folder, as_of, out, policy, progress)
    if as_json:
        _print_json({"as_of": as_of, "out": out, "said": said})
        return
    for line in said:
        print(line)


@app.command(
    epilog='Example: handoff simulate --findings 2000 --seed 7 --out sim && handoff run --landing sim/landing --policy sim/policy.yaml --as-of "$(cat sim/as_of)"'
)
def simulate(
    findings: Annotated[int, typer.Option("--findings", help="How many findings; each may be seen by several scanners, again and again.")],
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 1,
    noise: Annotated[float, typer.Option("--noise", help="Share of rows and results that are spoilt: dropped, without a zone, mistyped, without an id.")] = 0.0,
    is_noisy: Annotated[bool, typer.Option("--noisy", help="The same as --noise 0.1.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a made-up programme in the real formats, with the truth about it beside it."""
    from flows.simulation import write_programme
    from transforms.simulation import Shape

    with _progress() as progress:
        done = write_programme(Shape(findings, seed, noise or (0.1 if is_noisy else 0.0)), out, progress)
    if as_json:
        _print_json({"files": done.files, "bytes": done.bytes, "out": done.out, "command": done.command})
        return
    print(f"{done.files} files, {done.bytes} bytes; the truth about them is in {done.out / 'truth'}")
    print(done.command)


@app.command(epilog="Example: handoff whatif --policy stricter.yaml --by team")
def whatif(
    policy: Annotated[Path | None, typer.Option("--policy", help="YAML laid over the run's own policy key by key.")] = None,
    ownership: Annotated[list[Path] | None, typer.Option("--ownership", help="An ownership, people or assets file to stand in for what was recorded; may be repeated.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Compare as of this instant, from what was known by then [default: the last run's].")] = None,
    by: Annotated[str, typer.Option("--by", help="Cut the measures by a dimension, as in team.")] = "all",
    out: Annotated[Path | None, typer.Option("--out", help="The new file [default: HOME/whatif/DIGEST.duckdb].")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay the record under another policy or routing table, and show what would come out otherwise."""
    from flows import job
    from transforms import whatif as comparison
    from warehouse import whatif as replaying

    comparison.require_dimension(by)
    with _progress() as progress:
        found = job.what_if(settings.home_folder(home), policy, ownership or [], as_of, out, progress)
    rows, cycles = replaying.read(found.out, by) if found.out else ([], 0)
    if as_json:
        about = {**comparison.headline(found.as_of_us, found.runs_replayed, cycles), "is_other_code": found.is_other_code, "out": found.out}
        _print_json({**about, "policy_change": [change._asdict() for change in found.changes], "difference": rows})
        return
    if found.out is None:
        print("no difference: the other policy says what the run's says")
        return
    _print_table(["key", "base", "what if"], [tuple(change) for change in found.changes])
    print()
    _print_table(*comparison.table(rows, by))
    print(comparison.summary(rows, cycles, found.runs_replayed))
    if found.is_other_code:
        print("both sides are computed by other code than the run's: the base may differ from what was published")
    print(f"stored {found.out}")


@app.command(epilog="Example: handoff verify --file march.duckdb")
def verify(
    file: Annotated[Path | None, typer.Option("--file", help="A copy, or a file of `rebuild --as-of`, by itself instead of the home.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the digests of the published copy and the hashes of the raw files; exit 1 where one is damaged."""
    from warehouse import verify as verifying

    code = settings.code_version()
    with _progress() as progress:
        rows = verifying.verify(settings.home_folder(home), code, progress) if file is None else verifying.verify_file(file, code)
    if as_json:
        _print_json(rows)
    else:
        _print_table(list(rows[0]), [tuple(row.values()) for row in rows])
    if not all(row["is_good"] for row in rows):
        raise typer.Exit(1)


@serve_app.command(epilog="Example: handoff serve scheduler --landing ./landing --home ./.handoff --policy my-policy.yaml")
def scheduler(
    landing: Annotated[str, typer.Option("--landing", help="Folder or fsspec URL that the hourly run reads.")] = "./landing",
    home: HomeOption = None,
    policy: PolicyOption = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on. Other than this machine's own needs PREFECT_SERVER_API_AUTH_STRING.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port of the server and its pages.")] = 4200,
    deployments: Annotated[Path | None, typer.Option("--deployments", help="What runs when [default: prefect.yaml of the checkout].")] = None,
) -> None:
    """Bring up a Prefect server, a worker and all that runs on schedules, on this machine, and look after them."""
    from flows import serve

    options = serve.Options(landing, settings.home_folder(home), policy, host, port)
    serve.serve(replace(options, deployments=deployments.absolute()) if deployments else options)


@app.command(epilog="Example: handoff doctor --landing ./landing --policy my-policy.yaml")
def doctor(
    home: HomeOption = None,
    landing: Annotated[str | None, typer.Option("--landing", help="The landing zone, to look at it too.")] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check what this installation stands on, and say what to do; exit 1 where something fails."""
    from flows import doctor as checking

    rows = checking.examine(settings.home_folder(home), landing, policy)
    if as_json:
        _print_json([row.as_json() for row in rows])
    else:
        _print_table(["check", "state", "seen", "what to do"], [(row.check, row.state, row.seen, row.remedy) for row in rows])
    if any(row.state == checking.FAIL for row in rows):
        raise typer.Exit(1)


@app.command(epilog="Example: handoff watchdog --max-age 26h || mail -s 'handoff is stale' oncall@example.com")
def watchdog(
    max_age: Annotated[str, typer.Option("--max-age", help="How old what is published may be.")] = "26h",
    max_run: Annotated[str, typer.Option("--max-run", help="How long one run may hold the home.")] = "2h",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Exit 1 with one line where what is published is too old or a run hangs. Needs no server."""
    from flows import freshness

    found = freshness.watch(settings.home_folder(home), _seconds(max_age, "--max-age"), _seconds(max_run, "--max-run"))
    if as_json:
        _print_json(found.as_json())
    else:
        print(found.line())


def _seconds(text: str | None, option: str = "--wait") -> float:
    from pydantic import TypeAdapter, ValidationError

    from transforms.domain.policy import WallDuration

    if text is None:
        return 0
    try:
        return TypeAdapter(WallDuration).validate_python(text).wall_us() / 1e6
    except ValidationError:
        raise UsageError(option, seen=repr(text), expected="a whole number and s, m, h or d, as in 10m") from None


def main() -> NoReturn:
    """Entry point of the script `handoff`: every error is one sentence, with --json an object too, and an exit code."""
    try:
        code = app(prog_name="handoff", standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that went away is no error
        if code == _INTERRUPTED:
            print("handoff: interrupted; what was committed stays, the next run goes on from there", file=sys.stderr)
    except Exception as error:
        code = _fail(error)
    except SystemExit as exit_:
        code = 0 if isinstance(exit_.__context__, BrokenPipeError) else exit_.code
    if _is_reader_gone():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: Exception) -> int:
    """Says what went wrong; the exit code."""
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, typer.Abort):
        error = RunError("stdin", seen="it ended before an answer came")
    elif hasattr(error, "format_message"):  # typer's own usage errors
        command = error.ctx.command_path if getattr(error, "ctx", None) else "handoff"
        seen = error.format_message().rstrip(".")
        if seen.startswith("Usage:"):  # a group without a command behind it: its help
            print(seen, file=sys.stderr)
            return UsageError.exit_code
        error = UsageError(command.removeprefix("handoff").strip() or "the command line", seen=seen, remedy=f"see `{command} --help`")
    elif isinstance(error, OSError):
        error = RunError(str(error.filename or "the operating system"), seen=error.strerror or str(error), remedy="see that it is there, may be used, and has room")
    elif type(error).__name__ in _OF_THE_MACHINE and type(error).__module__.endswith("duckdb"):  # by name: only the warehouse imports duckdb
        error = RunError("the database", seen=str(error).splitlines()[0], remedy="see whether disk or memory is full; what was committed stays, the last good copy too")
    if not isinstance(error, HandoffError):
        raise error
    print_error(error, as_json="--json" in sys.argv)
    return error.exit_code


def _is_reader_gone() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    return False


if __name__ == "__main__":
    main()
