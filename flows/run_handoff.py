"""The whole job: one Prefect flow where a server is there, plain calls where none is."""

from __future__ import annotations

import os
import sys
import tomllib
import urllib.error
import urllib.request
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows import settings
from flows.job import Options, Summary, run
from transforms.domain.progress import Progress

#: A server that answers does so in milliseconds.
HEALTH_SECONDS = 2
_FLOW: dict[str, Any] = {"name": "run-handoff", "persist_result": False}


def run_here_or_on_server(options: Options, progress: Progress | None = None) -> Summary:
    """Runs the job as a flow run of the Prefect server that is configured and answers, else as plain calls: no server is started for it."""
    settings.quiet()
    url = configured_api()
    if url is None:
        return run(options, progress=progress)
    fault = why_unreachable(url)
    if fault is not None:
        print(f"handoff: the Prefect server {_shown(url)} does not answer ({fault}): running without it", file=sys.stderr)
        return run(options, progress=progress)
    print(f"handoff: as a flow run of {_shown(url)}", file=sys.stderr)
    return _run_on_server(options, url)


def configured_api() -> str | None:
    """The API that Prefect would use: of PREFECT_API_URL, else of the active profile below PREFECT_HOME. Read here: Prefect takes seconds to import."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or Path(os.environ.get("PREFECT_HOME") or "~/.prefect") / "profiles.toml").expanduser()
    try:
        profiles = tomllib.loads(path.read_text(encoding="utf-8"))
        active = os.environ.get("PREFECT_PROFILE") or profiles["active"]
        return profiles["profiles"][active].get("PREFECT_API_URL") or None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # none, or one that Prefect itself could not use


def why_unreachable(url: str) -> str | None:
    """Why the API at `url` does not answer its health check within two seconds; None where it does."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=HEALTH_SECONDS):
            return None
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__


def _shown(url: str) -> str:
    """The address without a user and password in it."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _run_on_server(options: Options, url: str) -> Summary:
    """One flow run, in this process. Its outcome is the job's own: a server that goes away loses its record of the run, never the run."""
    # Read when Prefect is imported: a server that went away is tried for six seconds, then the person at the terminal hears of it, once.
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "2")
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")
    # Prefect makes this folder, but none above it, and warns.
    Path(os.environ["PREFECT_HOME"]).expanduser().mkdir(parents=True, exist_ok=True)
    from prefect import flow

    _leave_words_to_the_caller()
    outcome: list[Summary | BaseException] = []

    @wraps(_run_handoff)
    def observed(**parameters: Any) -> Summary:
        try:
            outcome.append(summary := _run_handoff(**parameters))
        except BaseException as error:
            outcome.append(error)
            raise
        return summary

    try:
        return flow(observed, **_FLOW)(
            landing=options.landing,
            home=str(options.home),
            policy=None if options.policy is None else str(options.policy),
            as_of=options.as_of,
            report=options.report,
            wait_seconds=options.wait_seconds,
            settle_seconds=options.settle_seconds,
        )
    except Exception as error:
        if error in outcome:
            raise
        print(f"handoff: the Prefect server {_shown(url)} is gone ({type(error).__name__}: {error})", file=sys.stderr)
        if not outcome:
            return run(options)
        if isinstance(outcome[0], BaseException):
            raise outcome[0] from None
        return outcome[0]


def _leave_words_to_the_caller() -> None:
    """What fails is said once, by who called: Prefect's own words go to the server alone."""
    import logging

    from prefect.logging.handlers import PrefectConsoleHandler

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.setLevel(logging.CRITICAL)


def _run_handoff(
    landing: str | None = None,
    home: str | None = None,
    policy: str | None = None,
    as_of: str | None = None,
    report: bool = True,
    wait_seconds: float = 0,
    settle_seconds: int | None = None,
) -> Summary:
    """The whole job: ingest what is new, compute, validate, report, publish.

    Args:
        landing: Folder or fsspec URL with scans/, assets/, people/, activity/, reference/ [./landing].
        home: Where warehouse, raw files, published copy and reports live [$HANDOFF_HOME, else ./.handoff].
        policy: YAML file overlaid on the default policy key by key.
        as_of: Instant to compute for, ISO 8601 with a zone [now].
        report: Whether to write the report.
        wait_seconds: How long to wait for another run of the same home.
        settle_seconds: Files that changed within it are left for the next run [landing.settle of the policy].
    """
    from flows import orchestration

    options = orchestration.options_of(
        landing, home, policy, as_of, report=report, wait_seconds=wait_seconds, settle_seconds=settle_seconds
    )
    return orchestration.run_observed(options)


def __getattr__(name: str) -> Any:
    """`run_handoff` becomes a flow when it is asked for: by Prefect, as the entrypoint of its deployment, or by a run on a server."""
    if name != "run_handoff":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from prefect import flow

    found = globals()[name] = flow(_run_handoff, **_FLOW)
    return found
