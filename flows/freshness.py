"""Whether what is published is fresh, and whether a run hangs: asked without Prefect, for cron, a timer, or whatever watches other machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows import metrics, settings
from transforms.domain.errors import HandoffError, RunError
from transforms.domain.instants import iso, parse_stamp
from warehouse import published
from warehouse.home import Home

HOUR = 3600
#: Clocks of two machines differ; more than this is a wrong clock.
CLOCK_SECONDS = 300


@dataclass(frozen=True)
class Freshness:
    """What a home shows at an instant. Ages in seconds."""

    #: Of the last published run: what the figures are of, whenever the file was written.
    as_of_us: int
    age_seconds: float
    #: The run that holds the home's lock, if any, and for how long.
    running: str | None = None
    running_seconds: float = 0

    def as_json(self) -> dict[str, str | float | None]:
        return {"as_of": iso(self.as_of_us), "age_seconds": self.age_seconds, "running": self.running, "running_seconds": self.running_seconds}

    def line(self) -> str:
        run = f"; run {self.running[:8]} for {span(self.running_seconds)}" if self.running else ""
        return f"as of {iso(self.as_of_us)}, {span(self.age_seconds)} old{run}"


def read(folder: Path, now_us: int) -> Freshness:
    """Raises `RunError` where nothing is published, or the copy cannot be read."""
    home = Home(folder)
    if not home.published.exists():
        raise RunError(str(folder), seen="nothing is published", expected=str(home.published), remedy="see whether the scheduler runs: `handoff doctor`")
    as_of_us = published.as_of_us(folder)
    holder = home.holder()
    started = parse_stamp(holder["started"]).us if holder else now_us
    return Freshness(as_of_us, (now_us - as_of_us) / 1e6, holder["run"] if holder else None, (now_us - started) / 1e6)


def watch(folder: Path, max_age_seconds: float, max_run_seconds: float) -> Freshness:
    """Raises `RunError` in one line: nothing published, too old, of the future, or a run that hangs."""
    try:
        found = read(folder, settings.now_us())
        metrics.of_freshness(found.age_seconds, found.running_seconds)
    except RunError:
        raise
    except HandoffError as error:
        raise RunError(str(folder), seen=str(error)) from None
    if found.running and found.running_seconds > max_run_seconds:
        raise RunError(str(folder), seen=f"run {found.running[:8]} has held the lock for {span(found.running_seconds)}", expected=f"at most {span(max_run_seconds)}", remedy="see `handoff doctor`")
    if found.age_seconds < -CLOCK_SECONDS:
        raise RunError(str(folder), seen=f"published as of {iso(found.as_of_us)}, which is {span(-found.age_seconds)} from now", remedy="the clock here, or the one of that run, is wrong")
    if found.age_seconds > max_age_seconds:
        raise RunError(str(folder), seen=f"published {found.line()}", expected=f"at most {span(max_age_seconds)} old", remedy="see `handoff doctor`")
    return found


def span(seconds: float) -> str:
    """A duration for people, in its two largest units that are not nothing."""
    left, parts = round(abs(seconds)), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"
