"""`handoff report`: of the last run, of any past instant or of a published file; as HTML, plain text or PDF."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows import job, settings
from transforms import report
from transforms.domain.errors import UsageError
from transforms.domain.instants import from_us, iso
from transforms.report.period import PERIODS
from warehouse import history, published, reports
from warehouse.home import Home
from warehouse.raw import write_durably

#: What each format's file ends with.
SUFFIXES = {"html": ".html", "text": ".txt", "pdf": ".pdf"}


def write_report(folder: Path, period: str, file_format: str, as_of: str | None = None, file: Path | None = None, out: Path | None = None) -> Path:
    """Writes one report and returns its path: `out`, else `report-<period>` among the home's, with the instant of a past one in its name.

    Raises `UsageError`.
    """
    content = contents(folder, period, file_format, as_of, file)
    if out is None and file is not None:
        raise UsageError("--file", seen="no place for the report of a file", expected="--out PATH, or --format text, which is printed")
    if out is None:
        at = f"-{from_us(_instant(as_of)):%Y%m%dT%H%M%SZ}" if as_of else ""
        out = Home(folder).reports / f"report-{period}{at}{SUFFIXES[file_format]}"
    elif not out.absolute().parent.is_dir():
        raise UsageError("--out", seen=f"{out.absolute().parent} is no folder", expected="a file in a folder that is there")
    write_durably(out, content)
    return out


def contents(folder: Path, period: str, file_format: str, as_of: str | None = None, file: Path | None = None) -> bytes:
    """One report. Raises `UsageError`."""
    if period not in PERIODS:
        raise UsageError("report", seen=repr(period), expected="weekly, monthly or quarterly")
    if file_format not in SUFFIXES:
        raise UsageError("--format", seen=repr(file_format), expected="html, text or pdf")
    if as_of is not None and file is not None:
        raise UsageError("--as-of", seen="an instant and a file", expected="one of them: a file is of its own instant")
    desk_url = settings.desk_url()
    with _source(folder, as_of, file) as connection:
        frames = reports.frames(connection)
    if file_format == "text":
        return report.render_text(frames, period, desk_url=desk_url).encode("utf-8")
    if file_format == "html":
        return report.render(frames, period, desk_url=desk_url).encode("utf-8")
    from flows.pdf import pdf

    return pdf(report.render(frames, period, is_paged=True, desk_url=desk_url), report.title(frames, period), frames["period"]["as_of"][0])


@contextmanager
def _source(folder: Path, as_of: str | None, file: Path | None) -> Iterator[Any]:
    """A connection to marts: those of the published copy, of a file, or computed as they would have been at a past instant."""
    if as_of is None:
        with published.open_copy(folder) if file is None else published.open_file(file) as connection:
            yield connection
        return
    home, as_of_us, code = Home(folder), _instant(as_of), settings.code_version()
    past = history.past_at(home, as_of_us)
    if code != past.code_version:
        print(f"handoff: computed by other code than the run at {iso(past.run_us)}: the page may differ from the one printed then", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary, job.computed_as_of(home, Path(temporary) / "past.duckdb", as_of_us, past.policy, code) as computed:
        yield computed.connection


def _instant(as_of: str | None) -> int:
    found = settings.instant(as_of)
    assert found is not None
    return found
