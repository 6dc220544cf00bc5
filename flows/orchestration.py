"""Prefect's side of the job: a step as a task, what is worth another try, what a person sees of a run. Imported only inside a flow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows import settings
from flows.job import Options, Summary
from transforms.domain.errors import HandoffError, RunError
from transforms.domain.vocabulary import RATED_BANDS
from warehouse import published

T = TypeVar("T")

#: Seconds before the second and the third try: somebody's query that holds the file, a share that was away for a moment.
RETRY_DELAYS = (2, 15)
#: What another try does not mend although it comes from the operating system.
_LASTING = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_NUMBERS = ("median_handoff_latency", "p90_handoff_latency", "no_acknowledgement_rate", "handoff_sla_breaches", "unrouted_queue_depth")


def as_task(step: Callable[..., T], *arguments: Any) -> T:
    """Carries a step out as a task of the running flow, tried again where the fault may pass.

    The arguments are bound here and the result is kept here: the open warehouse is nothing that Prefect could copy, hash or store.
    """
    result: list[T] = []

    def carry_out() -> None:
        result.append(step(*arguments))

    task(
        carry_out,
        name=step.__name__,
        description=(step.__doc__ or "").strip(),
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=list(RETRY_DELAYS),
        retry_condition_fn=_may_pass,
        cache_policy=NO_CACHE,
        persist_result=False,
    )()
    return result[0]


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Prefect's question whether to try again; it has to be a plain function of these three."""
    return isinstance(state.data, BaseException) and is_transient(state.data)


def is_transient(error: BaseException) -> bool:
    """Whether the same step may go well in a moment: a file that another program holds, input or output that failed.

    Never a mistake of the caller, another run's lock (waiting for that is `wait_seconds`), or a broken law of ours.
    """
    if isinstance(error, HandoffError):
        # `warehouse.connection` and `warehouse.raw` say in a RunError what the operating system or DuckDB said to them.
        return type(error) is RunError and error.__context__ is not None and is_transient(error.__context__)
    if isinstance(error, OSError):
        return not isinstance(error, _LASTING)
    # DuckDB's own IOException, by its name: only the warehouse imports duckdb.
    return any(kind.__name__ == "IOException" and kind.__module__.endswith("duckdb") for kind in type(error).__mro__)


def options_of(
    landing: str | None,
    home: str | None,
    policy: str | None = None,
    as_of: str | None = None,
    *,
    report: bool = False,
    wait_seconds: float = 0,
    settle_seconds: int | None = None,
) -> Options:
    """A flow's parameters as the job's options. An empty one is one that was not given: a deployment's unset variable is an empty text."""
    return Options(
        landing or "./landing",
        settings.home_folder(Path(home) if home else None),
        Path(policy) if policy else None,
        as_of or None,
        report,
        wait_seconds,
        settle_seconds,
    )


# What a person sees of a run, kept with it by the server


def show_summary(summary: Summary) -> None:
    """The run's summary as an artifact."""
    facts = {name.replace("_", " "): value for name, value in summary.as_json().items() if isinstance(value, (str, int)) and not isinstance(value, bool)}
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items())
    lists = "".join(
        f"\n\n## {title}\n\n" + "\n".join(f"- {_cell(line)}" for line in lines)
        for title, lines in (("Laws broken", summary.laws_broken), ("Quarantined", summary.quarantined), ("Problems", summary.problems))
        if lines
    )
    text = f"{_cell(summary.headline())}; {_cell('; '.join(summary.rows().values()))}\n\n| | |\n|---|---|\n{rows}{lists}\n"
    _keep(create_markdown_artifact, text, key="run-summary", description=f"Run {summary.run_id[:8]} as of {summary.as_of}")


def show_numbers(home: Path) -> None:
    """The five numbers of the current week by severity, as the published copy has them, as an artifact."""
    columns, rows = published.query(
        home,
        "SELECT number, severity, clock, value, unit, target, population, previous_value, previous_population, dated_by, period_start "
        "FROM mart.dashboard WHERE period_grain = 'week' AND failure_mode IS NULL",
    )
    bands = ("all", *RATED_BANDS)
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    table.sort(key=lambda row: (_NUMBERS.index(row["number"]), row["clock"] or "", bands.index(row["severity"])))
    week = table[0]["period_start"] if table else None
    show_table("five-numbers", f"The five numbers of the week from {week}", [{k: v for k, v in row.items() if k != "period_start"} for row in table])


def show_query(home: Path, key: str, description: str, query: str) -> int:
    """The rows of a query on the published copy as an artifact; how many."""
    columns, rows = published.query(home, query)
    show_table(key, description, [dict(zip(columns, row, strict=True)) for row in rows])
    return len(rows)


def show_table(key: str, description: str, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as an artifact; what is no number and no truth value is shown as text."""
    table = [{name: value if value is None or isinstance(value, (bool, int, float)) else str(value) for name, value in row.items()} for row in rows]
    _keep(create_table_artifact, table, key=key, description=f"{description}: {len(table)} rows" if table else f"{description}: none")


def _keep(create: Callable[..., Any], *content: Any, **words: str) -> None:
    """Has the server keep an artifact. What was done stays done where it cannot: it is said, and is no fault of the run."""
    try:
        create(*content, **words)
    except Exception as error:  # whatever the client, its network and the server may raise
        print(f"handoff: the Prefect server did not keep {words['key']} ({type(error).__name__}: {error})", file=sys.stderr)


def _cell(value: object) -> str:
    """Text that Markdown shows and does not read: paths and reasons hold what others wrote."""
    text = str(value).replace("\n", " ")
    for mark in "\\`*_{}[]<>()#+-!|~&":
        text = text.replace(mark, f"&#{ord(mark)};" if mark in "<>&|`" else f"\\{mark}")
    return text
