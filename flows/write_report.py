"""The report alone, from the published copy: it neither waits for a run nor holds one up."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import reporting
from flows.orchestration import as_task, options_of, show_numbers


@flow(name="write-report", persist_result=False)
def write_report(home: str | None = None, period: str = "weekly", formats: str = "html,text") -> None:
    """Writes the report of what was last published.

    Args:
        home: Where published copy and reports live [$HANDOFF_HOME, else ./.handoff].
        period: weekly, monthly or quarterly.
        formats: html, text and pdf, with commas between them.
    """
    folder = options_of(None, home).home
    for file_format in formats.split(","):
        path: Path = as_task(reporting.write_report, folder, period, file_format.strip())
        print(f"handoff: report {path}")
    show_numbers(folder)
