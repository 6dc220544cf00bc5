"""The report alone, from the published copy: it neither waits for a run nor holds one up."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.orchestration import as_task, options_of, show_numbers
from warehouse import published


@flow(name="write-report", persist_result=False)
def write_report(home: str | None = None, period: str = "weekly") -> None:
    """Writes the report of what was last published.

    Args:
        home: Where published copy and reports live [$HANDOFF_HOME, else ./.handoff].
        period: weekly, monthly or quarterly.
    """
    folder = options_of(None, home).home
    path: Path = as_task(published.write_report, folder, period)
    print(f"handoff: report {path}")
    show_numbers(folder)
