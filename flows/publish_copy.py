"""Publishing alone: the marts as they stand, once they are found good, become the published copy."""

from __future__ import annotations

from prefect import flow

from flows import job
from flows.orchestration import as_task, options_of, show_numbers, show_summary


@flow(name="publish-copy", persist_result=False)
def publish_copy(home: str | None = None, wait_seconds: float = 0) -> None:
    """Replaces the published copy, after the expectations: nothing goes out that was not held to them. What is published already stays.

    Args:
        home: Where warehouse and published copy live [$HANDOFF_HOME, else ./.handoff].
        wait_seconds: How long to wait for another run of the same home.
    """
    options = options_of(None, home, wait_seconds=wait_seconds)
    with job.opened_as_computed(options, as_task) as (running, summary):
        if job.is_published(running):
            print(f"handoff: what was computed for {summary.as_of} is published already")
            return
        as_task(job.validate_marts, running, summary)
        job.publish_lawful(running, summary, as_task)
    show_summary(summary)
    show_numbers(options.home)
