"""Commands that write what leaves the house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import completion, settings
from flows.commands.options import (
    HomeOption,
    JsonOption,
)
from flows.help import App
from flows.printing import print_json, print_table
from flows.progress import shown

app = App()


@app.command(epilog="Example: handoff desk --out desk   (then open desk/index.html)")
def desk(
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder, or an earlier desk, which is replaced.")],
    is_redacted: Annotated[bool, typer.Option("--redacted", help="Of the redacted tier, for those who may not see names.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the published copy as pages to search and filter: queue, flags, findings, people, teams, runs, quarantines. No server is needed."""
    from warehouse import desk as writing

    with shown() as progress:
        written = writing.write(settings.home_folder(home), out, is_redacted=is_redacted, progress=progress)
    if as_json:
        print_json(written._asdict())
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
        print_json({"period": period, "report": path})
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
            print_json(rows)
        else:
            print_table(list(rows[0]), [tuple(row.values()) for row in rows])
        return
    folder, manifest = packs.write_pack(settings.home_folder(home), control, framework=framework, as_of=as_of, out=out)
    if as_json:
        print_json({"folder": str(folder), **manifest})
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
    with shown() as progress:
        contents = exporting.export(settings.home_folder(home), out, file_format, wanted, progress)
    if as_json:
        print_json(contents)
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
        print_json({"redacted": path})
    else:
        print(f"redacted {path}")
