"""Route alone: findings, cycles and routes from the record as it is, our own stage events, and what was decided."""

from __future__ import annotations

from prefect import flow

from flows import job
from flows.orchestration import as_task, options_of, show_summary


@flow(name="route-findings", persist_result=False)
def route_findings(home: str | None = None, policy: str | None = None, as_of: str | None = None, wait_seconds: float = 0) -> None:
    """Derives the state of the programme and records routing decisions and our own stage events. The marts have to be built after it.

    Args:
        home: Where the warehouse and the raw files live [$HANDOFF_HOME, else ./.handoff].
        policy: YAML file overlaid on the default policy key by key.
        as_of: Instant to compute for, ISO 8601 with a zone [now].
        wait_seconds: How long to wait for another run of the same home.
    """
    # No row of the run: it is written by who publishes what was computed, and the reconciliation goes by that.
    with job.opened(options_of(None, home, policy, as_of, wait_seconds=wait_seconds), as_task) as (running, summary):
        as_task(job.compute_state, running, summary)
    show_summary(summary)
