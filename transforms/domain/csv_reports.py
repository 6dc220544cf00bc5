"""CSV reports of scanners: comma, semicolon or tab, columns found by name, one bad row one `Reject`.

Apart from `delimited`, which reads our own formats: theirs have one delimiter and no column twice, what spreadsheets re-save has neither.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject

DELIMITERS = (",", ";", "\t")


def columns(head: Head) -> frozenset[str]:
    """The column names of a CSV head, lower case, whichever delimiter it has; empty for anything else."""
    cells = head.csv_header
    if len(cells) == 1:
        cells = tuple(cell for delimiter in DELIMITERS if delimiter in cells[0] for cell in cells[0].split(delimiter))
    return frozenset(cell.strip(' "').lower() for cell in cells)


def rows(content: bytes, *, strict: bool = True) -> Iterator[tuple[str, dict[str, str], str] | Reject]:
    """Each row that is not blank: its pointer `row N` (the header is row 1), its non-empty cells by lower-case column name, its text.

    The delimiter is the one that the header line has most of. A file that ends inside a quoted cell ends with a `Reject`, or where it is
    not `strict` with what it has.
    Raises `FileRejected` for what is not UTF-8.
    """
    try:
        document = content.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRejected("encoding", seen=f"not UTF-8: {error}", expected="UTF-8") from None
    document = document.lstrip("\r\n")
    first_line = document.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(document, newline=""), delimiter=max(DELIMITERS, key=first_line.count), strict=strict)
    header: list[str] | None = None
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(f"row {number}", "malformed", str(error))
            continue
        if header is None:
            header = [cell.strip().lower() for cell in cells]
            continue
        row = {name: value for name, cell in zip(header, cells, strict=False) if (value := cell.strip())}
        if row:
            yield f"row {number}", row, ",".join(cells)[:RAW_LIMIT]


def first(row: dict[str, str], *names: str) -> str | None:
    """The first of these columns that has a value: dialects of one format name the same thing differently."""
    return next((row[name] for name in names if name in row), None)
