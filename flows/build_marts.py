"""Marts alone: the documented tables, of the state that was last computed."""

from __future__ import annotations

from prefect import flow

from flows import job
from flows.orchestration import as_task, options_of, show_summary


@flow(name="build-marts", persist_result=False)
def build_marts(home: str | None = None, wait_seconds: float = 0) -> None:
    """Builds every mart, at the as_of and under the policy that their state was computed with.

    Args:
        home: Where the warehouse lives [$HANDOFF_HOME, else ./.handoff].
        wait_seconds: How long to wait for another run of the same home.
    """
    with job.opened_as_computed(options_of(None, home, wait_seconds=wait_seconds), as_task) as (running, summary):
        as_task(job.build_marts, running, summary)
    show_summary(summary)
