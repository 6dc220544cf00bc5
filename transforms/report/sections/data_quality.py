"""What the figures rest on: files and rows in and out, what was refused, where sources contradict each other."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.wording import count, duration, none_or, sentence_case, verb, words

NAME = "data_quality"
TITLE = "Data quality"
ORDER = 70
QUERIES = ("capture_quality", "conflict", "event_status", "landed_file", "refused_file", "rejected_row", "time_quality")
KINDS = ("week", "month", "quarter")

_ROWS = ("rows_in", "rows_new", "rows_duplicate", "rows_rejected")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    files = frames["landed_file"].rows(named=True)
    if not files:
        return "No file has landed yet."
    return _sentence(files, frames["conflict"]["conflicts"].sum())


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    files = frames["landed_file"].rows(named=True)
    if not files:
        return Markup("")
    return fragments.join(
        [
            _captures(frames["capture_quality"], Period.of(frames)),
            _files(files),
            _refused(frames["refused_file"]),
            Markup('<div class="columns">\n{}{}{}{}</div>\n').format(
                _counted("Rejected rows by reason", "Reason", "Rows", frames["rejected_row"], "reason", "rows_rejected"),
                _counted("Contradictions between sources, by kind", "Kind", "Conflicts", frames["conflict"], "kind", "conflicts"),
                _counted("Doubtful instants in the whole record, by kind", "Kind", "Instants", frames["time_quality"], "anomaly", "anomalies"),
                _counted("Activity events by what became of them", "Status", "Events", frames["event_status"], "status", "events"),
            ),
        ]
    )


def _sentence(files: list[dict], conflicts: int) -> str:
    landed, rows, rejected = (sum(row[name] for row in files) for name in ("files", "rows_in", "rows_rejected"))
    refused = sum(row["quarantined"] + row["held"] for row in files)
    balanced = all(row["rows_in"] == row["rows_new"] + row["rows_duplicate"] + row["rows_rejected"] for row in files)
    parts = f"{count(landed, 'file')} with {count(rows, 'row')} landed: {none_or(refused, 'file')} {verb(refused, 'is', 'are')} quarantined or held, "
    parts += f"{none_or(rejected, 'row')} {verb(rejected, 'was', 'were')} rejected, and {none_or(conflicts, 'contradiction')} between sources {verb(conflicts, 'is', 'are')} kept; "
    return sentence_case(parts + ("rows in equal new, duplicate and rejected in every kind." if balanced else "rows in do not equal new, duplicate and rejected."))


def _captures(frame: polars.DataFrame, period: Period) -> Markup:
    """What dates the latencies of the period, and how far each doubt could move their median."""
    if frame.is_empty():
        return Markup("")
    row = frame.row(0, named=True)
    acknowledged, median = row["acknowledged"], row["median_seconds"]
    rows = [
        ["Capture stated to the instant", f"{row['stated']:,}", "none", EMPTY],
        ["Capture stated as a day, counted from its midnight", fragments.amount(row["only_a_day"]), "up to a day too long", _between(row["only_a_day_low_seconds"], median)],
        ["Capture dated by the file", fragments.amount(row["of_file"]), "too short, by how much is not known", _between(median, row["of_file_high_seconds"])],
        ["Begun by an event or a lapsed control", fragments.amount(row["of_event"]), "none", EMPTY],
        [
            "Worked on without an acknowledgement: in no latency", fragments.amount(row["unobserved"]), "left out",
            _between(row["unobserved_low_seconds"], row["unobserved_high_seconds"]),
        ],
    ]  # fmt: skip
    said = f"of all severities is {duration(median, 'wall')}" if acknowledged else "has nothing to be of"
    return fragments.table(
        f"What the latencies {period.this} rest on; their median in wall time {said}",
        [Column("Handoffs", False), Column("Count"), Column("What it does to a latency", False), Column("Were it known, the median would lie in")],
        # A kind of which there is none could move nothing.
        [[*cells[:3], cells[3] if cells[1] != fragments.amount(0) else EMPTY] for cells in rows],
        is_wide=True,
    )


def _between(low: float | None, high: float | None) -> str | Markup:
    if low is None or high is None:
        return EMPTY
    if math.isinf(high):
        return f"{duration(low, 'wall')} or more"
    return f"{duration(low, 'wall')} to {duration(high, 'wall')}"


def _files(files: list[dict]) -> Markup:
    columns = ("files", "loaded", "empty", "quarantined", "held", *_ROWS)
    rows = [[words(row["kind"]), *(fragments.amount(row[column]) for column in columns)] for row in files]
    rows.append(["all", *(fragments.amount(sum(row[column] for row in files)) for column in columns)])
    headings = ("Files", "Loaded", "Empty", "Quarantined", "Held", "Rows in", "New", "Duplicate", "Rejected")
    return fragments.table("Files that landed so far, and their rows", [Column("Kind", False), *map(Column, headings)], rows, is_wide=True)


def _refused(frame: polars.DataFrame) -> Markup:
    if frame.is_empty():
        return Markup("")
    total = frame["files"][0]
    return fragments.table(
        f"Quarantined and held files: the latest {len(frame)} of {total:,}" if total > len(frame) else "Quarantined and held files",
        [Column("File", False), Column("Status", False), Column("Reason", False)],
        [[fragments.foreign(row["path"]), row["status"], fragments.foreign(row["reason"], "no reason kept")] for row in frame.iter_rows(named=True)],
        is_wide=True,
    )


def _counted(caption: str, heading: str, unit: str, frame: polars.DataFrame, name: str, amount: str) -> Markup:
    if frame.is_empty():
        return Markup("")
    rows = [[words(row[name] or "not known"), f"{row[amount]:,}"] for row in frame.iter_rows(named=True)]
    return fragments.table(caption, [Column(heading, False), Column(unit)], rows)
