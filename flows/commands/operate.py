"""Commands that run the job and decide about its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import completion, settings
from flows.commands.options import (
    ConnectionsOption,
    HomeOption,
    JsonOption,
    NamesArgument,
    PolicyOption,
    ReasonOption,
    seconds,
)
from flows.help import App
from flows.printing import print_json, print_pairs, print_table
from flows.progress import shown
from transforms.domain.errors import UsageError

app = App()


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

    with shown() as progress:
        summary = run_here_or_on_server(Options(landing, settings.home_folder(home), policy, as_of, report, seconds(wait)), progress)
    if as_json:
        print_json(summary.as_json())
        return
    print(summary.headline())
    print_pairs(summary.rows())


@app.command(epilog="Example: handoff status")
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One screen: the last runs, the five numbers, what waits for a person, what its expectations found, what to do next."""
    from flows import status as screens
    from warehouse import published

    found = published.status(settings.home_folder(home))
    if as_json:
        print_json(found)
        return
    screens.show(found, settings.now_us())


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
    with shown() as progress:
        done = pulling.pull(landing, Home(folder), file_of(connections, folder), names, wait_seconds=seconds(wait), progress=progress)
    if as_json:
        print_json([row.as_json() for row in done], lambda: pulling.require_complete(done))
    else:
        print_table(["connection", "stream", "pages", "items", "new", "files", "cursor"], [(row.connection, row.stream, row.pages, row.items, row.items_new, row.files, row.cursor) for row in done])
    pulling.require_complete(done)


def _decide(decision: str, sha256: str, reason: str, home: Path | None, as_json: bool) -> None:
    from warehouse import decisions

    path = decisions.decide(settings.home_folder(home), decision, sha256, reason, by=settings.identity(), at_us=settings.now_us())
    if as_json:
        print_json({"decision": decision, "path": path})
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
    with shown() as progress:
        said = job.rebuild(folder, policy, progress) if as_of is None or out is None else job.rebuild_as_of(folder, as_of, out, policy, progress)
    if as_json:
        print_json({"as_of": as_of, "out": out, "said": said})
        return
    for line in said:
        print(line)


@app.command(epilog="Example: handoff verify --file march.duckdb")
def verify(
    file: Annotated[Path | None, typer.Option("--file", help="A copy, or a file of `rebuild --as-of`, by itself instead of the home.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the digests of the published copy and the hashes of the raw files; exit 1 where one is damaged."""
    from warehouse import verify as verifying

    code = settings.code_version()
    with shown() as progress:
        rows = verifying.verify(settings.home_folder(home), code, progress) if file is None else verifying.verify_file(file, code)
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [tuple(row.values()) for row in rows])
    if not all(row["is_good"] for row in rows):
        raise typer.Exit(1)
