"""Commands that ask what is published, and what would be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import completion, settings
from flows.commands.options import (
    HomeOption,
    JsonOption,
    PolicyOption,
)
from flows.help import App
from flows.printing import line, print_json, print_table
from flows.progress import shown

app = App()


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
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


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
        print_json(rows)
    else:
        print_table(list(rows[0]), [tuple(row.values()) for row in rows])


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
            print_json([{**row, "mapping": rules.trackers[row["tracker"]].model_dump(exclude_defaults=True)} for row in rows])
        else:
            print_table(list(rows[0]), [tuple(row.values()) for row in rows])
        return
    found = tracker_formats.explain(settings.read_file("--explain", explain), rules, source)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, list):
            print(f"{name}: {len(value)}")
            for item in value:
                print(f"  {line(item)}")
        elif isinstance(value, str) and "\n" in value:
            print(f"{name} (instead of `ignored`, the event, state or band that it is):\n{value}", end="")
        else:
            print(f"{name}: {line(value) if value not in (None, {}) else 'none'}")


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
        print_json(published.explain(folder, finding))
    else:
        print(explaining.text(published.life(folder, finding)))


@app.command(epilog="Example: handoff warnings --kind breach_expected --kind source_silent")
def warnings(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="breach_expected, source_silent, arrivals_above_capacity, ownership_currency_fell or coverage_fell; may be repeated [default: all].")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What will hurt soon, and whom to call: breaches to expect, silent sources, arrivals above capacity, falling ownership and coverage."""
    from transforms import forewarning
    from warehouse import early_warning as early

    rows = early.read(settings.home_folder(home), kind)
    if as_json:
        print_json(rows)
        return
    if rows:
        print_table(["kind", "severity", "warning", "call", "what to do"], [(row["kind"], row["severity"], row["detail"], ", ".join(row["call"]), row["action"]) for row in rows])
    print(forewarning.summary(rows))


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
    with shown() as progress:
        found = job.what_if(settings.home_folder(home), policy, ownership or [], as_of, out, progress)
    rows, cycles = replaying.read(found.out, by) if found.out else ([], 0)
    if as_json:
        about = {**comparison.headline(found.as_of_us, found.runs_replayed, cycles), "is_other_code": found.is_other_code, "out": found.out}
        print_json({**about, "policy_change": [change._asdict() for change in found.changes], "difference": rows})
        return
    if found.out is None:
        print("no difference: the other policy says what the run's says")
        return
    print_table(["key", "base", "what if"], [tuple(change) for change in found.changes])
    print()
    print_table(*comparison.table(rows, by))
    print(comparison.summary(rows, cycles, found.runs_replayed))
    if found.is_other_code:
        print("both sides are computed by other code than the run's: the base may differ from what was published")
    print(f"stored {found.out}")
