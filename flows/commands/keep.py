"""Commands that keep an installation running."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from flows import settings
from flows.commands.options import (
    BaseUrlOption,
    HomeOption,
    JsonOption,
    PolicyOption,
    seconds,
)
from flows.help import App
from flows.printing import print_json, print_table
from flows.progress import shown

app = App()


serve_app = App(help="Keep something running: it ends with Ctrl-C or SIGTERM.", epilog="Example: handoff serve scheduler --landing ./landing")
app.add_typer(serve_app, name="serve")


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

    with shown() as progress:
        done = write_programme(Shape(findings, seed, noise or (0.1 if is_noisy else 0.0)), out, progress)
    if as_json:
        print_json({"files": done.files, "bytes": done.bytes, "out": done.out, "command": done.command})
        return
    print(f"{done.files} files, {done.bytes} bytes; the truth about them is in {done.out / 'truth'}")
    print(done.command)


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
        print_json([row.as_json() for row in rows])
    else:
        print_table(["check", "state", "seen", "what to do"], [(row.check, row.state, row.seen, row.remedy) for row in rows])
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

    found = freshness.watch(settings.home_folder(home), seconds(max_age, "--max-age"), seconds(max_run, "--max-run"))
    if as_json:
        print_json(found.as_json())
    else:
        print(found.line())
