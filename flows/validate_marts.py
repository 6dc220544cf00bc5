"""Expectations alone: whether the marts, as they stand, are what must be true of them."""

from __future__ import annotations

from prefect import flow

from flows import job
from flows.orchestration import as_task, options_of, show_summary
from transforms.domain.errors import LawBroken


@flow(name="validate-marts", persist_result=False)
def validate_marts(home: str | None = None, wait_seconds: float = 0) -> None:
    """Holds the marts to the expectations: flags what input caused, fails where one of our own laws does not hold.

    Args:
        home: Where the warehouse lives [$HANDOFF_HOME, else ./.handoff].
        wait_seconds: How long to wait for another run of the same home.
    """
    with job.opened_as_computed(options_of(None, home, wait_seconds=wait_seconds), as_task) as (running, summary):
        as_task(job.validate_marts, running, summary)
    show_summary(summary)
    if summary.laws_broken:
        raise LawBroken("the marts", seen="; ".join(summary.laws_broken), expected="our own laws to hold", remedy="report this as a defect")
