"""Ingest alone: what is new in the landing zone, into the record. No marts, nothing published."""

from __future__ import annotations

from prefect import flow

from flows import job
from flows.orchestration import as_task, options_of, show_summary


@flow(name="ingest-landing", persist_result=False)
def ingest_landing(
    landing: str | None = None,
    home: str | None = None,
    policy: str | None = None,
    as_of: str | None = None,
    wait_seconds: float = 0,
    settle_seconds: int | None = None,
) -> None:
    """Loads what is new in the landing zone into the record.

    Args:
        landing: Folder or fsspec URL with scans/, assets/, people/, activity/, reference/ [./landing].
        home: Where the warehouse and the raw files live [$HANDOFF_HOME, else ./.handoff].
        policy: YAML file overlaid on the default policy key by key.
        as_of: Instant at which the rows become known, ISO 8601 with a zone [now].
        wait_seconds: How long to wait for another run of the same home.
        settle_seconds: Files that changed within it are left for the next run [landing.settle of the policy].
    """
    options = options_of(landing, home, policy, as_of, wait_seconds=wait_seconds, settle_seconds=settle_seconds)
    with job.opened(options, as_task) as (running, summary):
        as_task(job.ingest_landing, running, options.landing, summary, options.settle_seconds)
        as_task(job.finish_run, running)
    show_summary(summary)
