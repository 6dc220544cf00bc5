"""The daily sweep: everything that waited is tried again although nothing landed, and what waits for a person is listed."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryDirectory

from prefect import flow

from flows.orchestration import options_of, run_observed, show_query, show_table
from transforms import forewarning
from warehouse import early_warning
from warehouse.schema import sql_file
from warehouse.sweep import propose

#: Settled rows that an artifact shows, the last of each kind first: all of them are in mart.sweep.
_SHOWN = 200


@flow(name="sweep-findings", persist_result=False)
def sweep_findings(home: str | None = None, policy: str | None = None, as_of: str | None = None, wait_seconds: float = 0) -> None:
    """Runs the job with nothing landed (events without their finding, rows of the future, people's decisions), then lists what is left.

    Args:
        home: Where warehouse, raw files and published copy live [$HANDOFF_HOME, else ./.handoff].
        policy: YAML file overlaid on the default policy key by key.
        as_of: Instant to compute for, ISO 8601 with a zone [now].
        wait_seconds: How long to wait for another run of the same home.
    """
    options = options_of(None, home, policy, as_of, wait_seconds=wait_seconds)
    with TemporaryDirectory(prefix="handoff-nothing-landed-") as nothing:
        run_observed(replace(options, landing=nothing))
    show_query(
        options.home,
        "unbound-targets",
        "Scanned targets of open findings that are bound to no active asset",
        "SELECT target, binding_status, count(*) AS open_cycles, min(captured_at) AS waiting_since, any_value(candidates) AS candidates "
        "FROM mart.binding_gap GROUP BY target, binding_status ORDER BY open_cycles DESC, target",
    )
    show_query(
        options.home,
        "decayed-routes",
        "Open cycles whose route leads to nobody",
        "SELECT severity, reason, candidate, named_by, team, asset_id, count(*) AS open_cycles, min(captured_at) AS waiting_since "
        "FROM mart.decayed_routing GROUP BY ALL ORDER BY open_cycles DESC, severity, reason, candidate, named_by, team, asset_id",
    )
    found = propose(options.home)
    show_table(
        "sweep-proposals",
        "What only a person can settle, and what is proposed (`handoff sweep --out DIR` writes the files that would make it so)",
        found.open,
    )
    show_table("sweep-settled", "What was settled, by whom, and whether a file of a sweep did it", found.settled[:_SHOWN])
    show_table("early-warning", f"Early warning: {forewarning.summary(expected := early_warning.read(options.home))}", expected)
    show_query(
        options.home,
        "waiting-files",
        "Landed files that wait for a person: `handoff release`, `discard` or `reprocess`",
        sql_file("published/waiting_files.sql"),
    )
