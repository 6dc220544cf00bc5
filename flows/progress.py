"""Who waits for long work sees how far it is, on stderr: bars on a terminal, a line now and then where it is a file, a pipe or a dumb terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from transforms.domain.progress import Progress

#: Seconds between two lines about the same step.
_INTERVAL = 5.0


class Lines:
    """A line when a step begins, and one every few seconds while it goes on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._step, self._said = clock, "", 0.0

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        now = self._clock()
        if step != self._step:
            print(f"handoff: {step}", file=sys.stderr, flush=True)
        elif now - self._said >= _INTERVAL:
            print(f"handoff: {step}: {count(done, total)}", file=sys.stderr, flush=True)
        else:
            return
        self._step, self._said = step, now


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress for a command: bars where stderr is a terminal that can draw them, else lines."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb" or os.environ.get("CI"):
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    # What is printed to stderr meanwhile goes above the bars; stdout is the result's alone.
    with Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    ) as bars:
        current: tuple[str, TaskID] | None = None

        def finish() -> None:
            if current is not None:
                task = bars.tasks[current[1]]
                units = task.total or task.completed or 1
                bars.update(current[1], total=units, completed=units, count=count(units, task.total) if task.fields["count"] else "")

        def show(step: str, done: int = 0, total: int | None = None) -> None:
            nonlocal current
            if current is None or current[0] != step:
                finish()
                current = step, bars.add_task(step, total=None, count="")
            bars.update(current[1], completed=done, total=total, count=count(done, total) if done or total else "")

        yield show
        finish()


def count(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"
