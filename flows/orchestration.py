"""Prefect's side of the job: a step as a task, what is worth another try, what a person sees of a run. Imported only inside a flow."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from flows import settings
from flows.job import STEPS, Options, Summary, run
from flows.progress import Lines, count
from transforms.domain.errors import HandoffError, LawBroken, RunError
from transforms.domain.vocabulary import RATED_BANDS
from warehouse import published
from warehouse.home import Home
from warehouse.schema import sql_file

T = TypeVar("T")

#: Seconds before the second and the third try: somebody's query that holds the file, a share that was away for a moment.
RETRY_DELAYS = (2, 15)
#: What another try does not mend although it comes from the operating system.
_LASTING = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
#: Seconds between two words on how far a run is.
_PROGRESS_SECONDS = 2
#: Handoffs that an event names; how many there are it says too.
_NAMED = 100
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


# The whole job


def run_observed(options: Options) -> Summary:
    """The whole job as tasks of the running flow, with its artifacts and events."""
    before = {word: _handoffs(options.home, word) for word in _NEWS}
    progress = _Progress(STEPS if options.report else [step for step in STEPS if step != "write_report"])
    try:
        summary = run(options, progress.do, progress)
    except LawBroken as error:
        emit(options.home, "run.law_failed", {"laws": error.seen})
        raise
    show_summary(summary)
    show_numbers(options.home)
    show_query(options.home, "flags", "What expectations found", sql_file("published/flag_counts.sql"))
    emit(options.home, "run.published", _facts(options.home, summary))
    if summary.files_quarantined or summary.files_held:
        emit(options.home, "files.waiting", {"quarantined": summary.files_quarantined, "held": summary.files_held, "quarantined_files": summary.quarantined[:_NAMED]})
    for word, known in before.items():
        now = _handoffs(options.home, word)
        if known is not None and (new := [row for place, row in (now or {}).items() if place not in known]):
            emit(options.home, word, {"handoffs": len(new), "first": [{name: _plain(value) for name, value in row.items()} for row in new[:_NAMED]]})
    return summary


class _Progress:
    """How far a run is, as one artifact of it: after each step, and within one every few seconds; and in lines, as anywhere else."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._steps, self._done, self._said, self._lines = steps, 0, time.monotonic(), Lines()
        self._artifact: UUID | None = _keep("run-progress", create_progress_artifact, 0.0, key="run-progress", description="begins")

    def do(self, step: Callable[..., T], *arguments: Any) -> T:
        """Carries a step out as a task."""
        result = as_task(step, *arguments)
        self._done += 1
        self._say(0, f"{step.__name__} is done")
        return result

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """A part of a step is so far."""
        self._lines(step, done, total)
        if total and time.monotonic() - self._said >= _PROGRESS_SECONDS:
            self._say(done / total, f"{step}: {count(done, total)}")

    def _say(self, share: float, words: str) -> None:
        if self._artifact is None:  # a server that did not answer once is not asked again
            return
        percent = round(100 * (self._done + share) / len(self._steps), 1)
        self._artifact = _keep("run-progress", update_progress_artifact, self._artifact, percent, description=words)
        self._said = time.monotonic()


# Events that an automation can wait for: docs/operating.md


#: What is news where it was not so in the publication before, and the query that finds it.
_NEWS = {"sla.breached": "published/breached_handoffs.sql", "route.lost": "published/unrouted_handoffs.sql"}


def emit(home: Path, word: str, payload: dict[str, Any]) -> None:
    """Sends the event `handoff.<word>` of a home. It is news, and the record is the truth: where the server is away, it is lost."""
    folder = str(home.absolute())
    try:
        emit_event(f"handoff.{word}", {"prefect.resource.id": f"handoff.home.{folder}", "prefect.resource.name": folder}, payload=payload)
    except Exception as error:  # whatever the client, its network and the server may raise
        print(f"handoff: the Prefect server did not take handoff.{word} ({type(error).__name__}: {error})", file=sys.stderr)


def _facts(home: Path, summary: Summary) -> dict[str, Any]:
    """What a run published, in numbers: the payload of its event."""
    counts = {name: value for name, value in summary.as_json().items() if isinstance(value, int) and not isinstance(value, bool)}
    (queue,) = _rows(home, "published/status_queue.sql")
    numbers = [{name: row[name] for name in ("number", "severity", "clock", "value", "unit")} for row in _rows(home, "published/week_numbers.sql")]
    return {"run_id": summary.run_id, "as_of": summary.as_of, **counts, "queue": queue, "five_numbers": numbers}


def _handoffs(home: Path, word: str) -> dict[tuple[str, int], dict[str, Any]] | None:
    """The handoffs of the published copy that the news is about, by finding and cycle; None where there is no copy yet that can be read."""
    if not Home(home).published.exists():
        return None
    try:
        return {(row["finding_id"], row["cycle"]): row for row in _rows(home, _NEWS[word])}
    except HandoffError:  # a copy of another version of the schema: the run replaces it
        return None


def _rows(home: Path, name: str) -> list[dict[str, Any]]:
    columns, rows = published.query(home, sql_file(name))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


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
    _keep("run-summary", create_markdown_artifact, text, key="run-summary", description=f"Run {summary.run_id[:8]} as of {summary.as_of}")


def show_numbers(home: Path) -> None:
    """The five numbers of the current week by severity, as the published copy has them, as an artifact."""
    bands = ("all", *RATED_BANDS)
    table = _rows(home, "published/week_numbers.sql")
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
    table = [{name: _plain(value) for name, value in row.items()} for row in rows]
    _keep(key, create_table_artifact, table, key=key, description=f"{description}: {len(table)} rows" if table else f"{description}: none")


def _keep(name: str, keep: Callable[..., UUID], *content: Any, **words: str) -> UUID | None:
    """Has the server keep an artifact; its id. What was done stays done where it cannot: it is said, and is no fault of the run."""
    try:
        return keep(*content, **words)
    except Exception as error:  # whatever the client, its network and the server may raise
        print(f"handoff: the Prefect server did not keep {name} ({type(error).__name__}: {error})", file=sys.stderr)
        return None


def _cell(value: object) -> str:
    """Text that Markdown shows and does not read: paths and reasons hold what others wrote."""
    text = str(value).replace("\n", " ")
    for mark in "\\`*_{}[]<>()#+-!|~&":
        text = text.replace(mark, f"&#{ord(mark)};" if mark in "<>&|`" else f"\\{mark}")
    return text
