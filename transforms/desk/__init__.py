"""The desk: pages over a published file that work from a folder, without a server. Rows in, files out.

A page is a shell without any foreign text. What stands in it comes from data files, which are scripts, as a page of a folder may load no other kind:
`handoff.page({…})` says what a page is made of, `handoff.rows(number, […])` brings its rows, `handoff.lives({…})` the lives of findings. desk.js
shows them as text only, in a table of Tabulator (vendor/tabulator, as it was published).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, StrictUndefined

from transforms.explanation import Life, stamp
from transforms.report.fragments import plain

#: Rows of one data file.
CHUNK = 10_000
#: Findings of one data file at most, roughly.
LIVES = 200
#: What a filter lists at most; what has more values is searched instead.
_CHOICES = 400

#: Files that every desk has as they are, by their path in it.
ASSETS = {
    "desk.js": "desk.js",
    "desk.css": "desk.css",
    "vendor/tabulator/tabulator.min.js": "vendor/tabulator/tabulator.min.js",
    "vendor/tabulator/tabulator.min.css": "vendor/tabulator/tabulator.min.css",
    "vendor/tabulator/LICENSE": "vendor/tabulator/LICENSE",
}
#: sha256 of what is not ours: as the registry has it.
VENDORED = {
    "vendor/tabulator/tabulator.min.js": "ffac518cb793c672a2f0522b7fc80bf862234d96bb1e581c8aaf7f48f130eafa",
    "vendor/tabulator/tabulator.min.css": "405ae24218357d80df2a5f3addf138666d035f970dac4ebdb0265d0b5373efcb",
    "vendor/tabulator/LICENSE": "191a2ee554684e1064c897b432f0e1bc6dfa714ca045d3f6ea2cf692cbd398b7",
}


class Column(NamedTuple):
    """A column of a page, named as in its query. `kind`: text, title (leads to the finding), band, instant, figure, team or person (lead to their
    findings), or hidden (searched, not shown). `narrow`: from 0, which is always shown, what gives way first where the page is narrow."""

    name: str
    label: str
    kind: str = "text"
    narrow: int = 1
    width: int = 1


class Page(NamedTuple):
    """A page of rows: the query of its name (warehouse/sql/desk) gives `columns` in order; `filters` are the columns that it can be cut by."""

    name: str
    title: str
    #: What a row is, and what several are.
    nouns: tuple[str, str]
    about: str
    columns: tuple[Column, ...]
    filters: tuple[str, ...] = ()
    is_full_only: bool = False


_TITLE = Column("title", "Finding", "title", 0, 4)
_ID = Column("finding_id", "Id", "hidden")
_BAND = Column("severity", "Severity", "band", 0)
_OWNER, _TEAM = Column("owner", "Owner", "person", 2), Column("team", "Team", "team", 2)

PAGES = (
    Page(
        "queue",
        "Queue",
        ("waiting handoff", "waiting handoffs"),
        "Open handoffs that nobody has acknowledged, the next due first. Without an owner they wait for nobody: ‘Routing’ says why.",
        (
            _TITLE, _ID, _BAND, _OWNER, _TEAM, Column("routing", "Routing", narrow=3), Column("due", "Due (UTC)", "instant", 1, 2),
            Column("sla", "SLA", narrow=0), Column("waited", "Waited, business hours", "figure", 2), Column("used", "Of its budget, %", "figure", 4),
            Column("place", "Asset", narrow=3, width=2), Column("scanners", "Scanners", "hidden"),
        ),
        ("severity", "sla", "routing", "team", "owner"),
    ),
    Page(
        "flags",
        "Flags",
        ("flag", "flags"),
        "What does not meet an expectation, the latest first: what is wrong, since when, and whose it is.",
        (
            Column("expectation", "Expectation", narrow=0, width=2), _TITLE, _ID, _BAND, Column("mode", "Failure mode", narrow=4, width=2), _OWNER, _TEAM,
            Column("since", "Since (UTC)", "instant", 2, 2), Column("detail", "What is wrong", narrow=3, width=6), Column("level", "Level", "hidden"), Column("suite", "Suite", "hidden"),
        ),
        ("expectation", "severity", "mode", "level", "team", "owner"),
    ),
    Page(
        "findings",
        "Findings",
        ("finding", "findings"),
        "Every finding with the state of its last cycle, the most severe open ones first.",
        (
            _TITLE, _ID, _BAND, Column("state", "State", narrow=0), _OWNER, _TEAM, Column("acknowledged", "Acknowledged", narrow=3),
            Column("mode", "Failure mode", narrow=4, width=2), Column("seen", "First seen (UTC)", "instant", 2, 2), Column("cycles", "Cycles", "figure", 5),
            Column("place", "Asset", narrow=3, width=2), Column("scanners", "Scanners", narrow=5), Column("ids", "Known as", "hidden"),
        ),
        ("severity", "state", "acknowledged", "mode", "team", "owner"),
    ),
    Page(
        "people",
        "People",
        ("person", "people"),
        "Who is, or was, in the directory, and the open handoffs that the decision in force gives them.",
        (
            Column("person", "Person", "person", 0, 2), Column("name", "Name", narrow=1, width=2), Column("team", "Team", "team", 1), Column("role", "Role", narrow=3),
            Column("standing", "Standing", narrow=2, width=2), Column("open", "Open", "figure", 0), Column("waiting", "Not acknowledged", "figure", 1),
            Column("broken", "Handoff SLA broken", "figure", 2), Column("dispatches", "Told in 7 days", "figure", 4), Column("manager", "Manager", "person", 5),
        ),
        ("team", "role", "standing"),
    ),
    Page(
        "teams",
        "Teams",
        ("team", "teams"),
        "Each team's open handoffs, and the latency of all that it ever acknowledged, in business hours.",
        (
            Column("team", "Team", "team", 0, 2), Column("open", "Open", "figure", 0), Column("waiting", "Not acknowledged", "figure", 1),
            Column("unrouted", "Waiting for nobody", "figure", 2), Column("broken", "Handoff SLA broken", "figure", 2), Column("handoffs", "Handoffs ever", "figure", 3),
            Column("acknowledged", "Acknowledged", "figure", 4), Column("median", "Median", "figure", 1), Column("p90", "90th percentile", "figure", 3),
            Column("missed", "No acknowledgement in the window, %", "figure", 4, 2),
        ),
    ),
    Page(
        "runs",
        "Runs",
        ("run", "runs"),
        "The runs behind this file, the last one first.",
        (
            Column("number", "Run", "figure", 0), Column("as_of", "As of (UTC)", "instant", 0, 2), Column("outcome", "Outcome", narrow=0), Column("files_new", "New files", "figure", 1),
            Column("rows_in", "Rows in", "figure", 1), Column("rows_new", "New", "figure", 2), Column("rows_duplicate", "Duplicate", "figure", 3),
            Column("rows_rejected", "Rejected", "figure", 2), Column("policy", "Policy", narrow=4), Column("code", "Code", narrow=5), Column("digest", "Digest of the marts", narrow=5),
        ),
        ("outcome",),
    ),
    Page(
        "quarantines",
        "Quarantines",
        ("file", "files"),
        "Files that were not, or not wholly, taken in, and why. `handoff release`, `discard` and `reprocess` take the hash.",
        (
            Column("path", "File", narrow=0, width=4), Column("outcome", "Outcome", narrow=0), Column("kind", "Kind", narrow=3), Column("format", "Format", narrow=4),
            Column("reason", "Why", narrow=2, width=6), Column("rows_in", "Rows in", "figure", 4), Column("rows_rejected", "Rejected", "figure", 1),
            Column("landed", "Landed (UTC)", "instant", 3, 2), Column("sha256", "Hash", narrow=2, width=2),
        ),
        ("outcome", "kind", "format"),
        True,
    ),
)  # fmt: skip


class File(NamedTuple):
    path: str
    content: bytes


def assets() -> Iterator[File]:
    """What every desk has as it is. The style begins with that of the reports."""
    for path, source in ASSETS.items():
        style = [files("transforms.report").joinpath(name).read_bytes() for name in ("style.css", "finding.css")] if path == "desk.css" else []
        yield File(path, b"".join([*style, _resource(source)]))


def shells(pages: Sequence[Page]) -> Iterator[File]:
    """The HTML of every page: no text of a source is in it."""
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(_resource("page.html.j2").decode())
    entries = [("index", "Overview", "What this file holds, and where to look."), *((page.name, page.title, page.about) for page in pages), ("finding", "Finding", "")]
    for name, title, about in entries:
        yield File(f"{name}.html", template.render(name=name, title=title, about=about, pages=pages).encode())


def page_data(page: Page, rows: Sequence[Sequence[Any]]) -> Iterator[File]:
    """The data files of a page."""
    texts = [[_value(value) for value in row] for row in rows]
    numbers = {column.name: number for number, column in enumerate(page.columns)}
    filters = []
    for name in page.filters:
        values = sorted({str(row[numbers[name]]) for row in texts}, key=lambda value: (_BANDS.get(value, 9) if name == "severity" else 0, value == "", value.casefold(), value))
        label = page.columns[numbers[name]].label
        filters.append({"name": name, "label": label, "choices": values if len(values) <= _CHOICES else None})
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    about = {"name": page.name, "nouns": page.nouns, "columns": [column._asdict() for column in page.columns], "filters": filters, "chunks": len(chunks), "total": len(texts)}
    yield File(f"data/{page.name}.js", _call("page", about))
    for number, chunk in enumerate(chunks):
        yield File(f"data/{page.name}-{number}.js", _call("rows", number, chunk))


_BANDS = {band: rank for rank, band in enumerate(("critical", "high", "medium", "low", "unrated", "informational"))}


def overview(as_of: datetime, counts: Mapping[str, int], is_redacted: bool) -> File:
    """The data file of the first page: the instant, and how many rows each page has."""
    return File("data/index.js", _call("overview", {"as_of": stamp(as_of), "counts": dict(counts), "is_redacted": is_redacted}))


def bucket_digits(findings: int) -> int:
    """How many hexadecimal digits of a finding's digest name its data file."""
    return next(digits for digits in range(4) if findings <= LIVES * 16**digits or digits == 3)


def bucket(finding_id: str, digits: int) -> str:
    """The data file of a finding: its id is hexadecimal behind the class of a pseudonym, if it has one."""
    return finding_id.rpartition("-")[2][:digits]


def finding_page(digits: int) -> File:
    return File("data/finding.js", _call("findings", digits))


def lives(name: str, told: Iterable[Life], aliases: Mapping[str, str]) -> File:
    """The data file of a bucket: every text once, and lives as nested lists of their places; and under which other ids a finding is known."""
    places: dict[str, int] = {}

    def packed(value: Any) -> Any:
        if isinstance(value, str):
            return places.setdefault(value, len(places))
        if isinstance(value, datetime):
            return packed(stamp(value))
        if isinstance(value, list | tuple):
            return [packed(item) for item in value]
        return {True: -1, False: -2}[value] if isinstance(value, bool) else -3 - value

    found = {life.finding_id: packed(life[1:]) for life in told}
    return File(f"data/finding/{name or 'all'}.js", _call("lives", {"texts": [plain(text, 4_000) for text in places], "lives": found, "aliases": dict(aliases)}))


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return plain(value, 600) if isinstance(value, str) else "" if value is None else value


def _call(function: str, *arguments: Any) -> bytes:
    """A script that hands data over. Separators of lines, which JSON allows in text and old scripts do not, are escaped."""
    listed = b",".join(msgspec.json.encode(argument) for argument in arguments)
    return b"handoff." + function.encode() + b"(" + _SEPARATORS.sub(lambda found: b"\\u2028" if found[0] == b"\xe2\x80\xa8" else b"\\u2029", listed) + b");\n"


_SEPARATORS = re.compile(b"\xe2\x80[\xa8\xa9]")


def digest(path: str) -> str:
    """sha256 of a shipped file."""
    return hashlib.sha256(_resource(ASSETS[path])).hexdigest()


def _resource(name: str) -> bytes:
    return files("transforms.desk").joinpath(name).read_bytes()
