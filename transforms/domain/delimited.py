"""Delimited text with a header row: the rows as dicts of trimmed, non-empty cells under lower-case names."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM
from transforms.domain.result import Reject

RAW_LIMIT = 2_000
#: What a cell begins with that a spreadsheet computes: ASCII and full width.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
csv.field_size_limit(16 * 1024 * 1024)


def read_rows(content: bytes, delimiters: Sequence[str] = ",") -> Iterator[tuple[str, dict[str, str]] | Reject]:
    """(pointer, cells) of each row, a Reject for a row that is no CSV. Raises `FileRejected` where it is not UTF-8 or has no header.

    Of several `delimiters` it is the one that the header has most of.
    """
    try:
        text = content.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRejected("encoding", seen=f"not UTF-8: {error}", expected="UTF-8") from None
    if "\0" in text:
        raise FileRejected("malformed", seen="a NUL character", expected="text")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(delimiters, key=text.split("\n", 1)[0].count), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(rows)]
    except (StopIteration, csv.Error) as error:
        raise FileRejected("malformed", seen=f"no header row: {error}", expected="one header row") from None
    repeated = {name for name in header if name and header.count(name) > 1}
    if repeated:
        raise FileRejected("malformed", seen=f"column {', '.join(sorted(repeated))} stands twice in the header", expected="each column once")
    number = 1
    while True:
        number += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(f"row {number}", "malformed", str(error))
            continue
        if not any(cell and not cell.isspace() for cell in cells):
            continue
        if len(cells) > len(header):
            yield Reject(f"row {number}", "malformed", f"{len(cells)} cells under {len(header)} columns", ",".join(cells)[:RAW_LIMIT])
            continue
        yield f"row {number}", {name: value for name, cell in zip(header, cells, strict=False) if (value := cell.strip())}


def raw_text(cells: dict[str, str]) -> str:
    """A row as text for `rejected_row.raw`."""
    return ", ".join(f"{name}={value}" for name, value in cells.items())[:RAW_LIMIT]


def build_rows(rows: Iterable[tuple[str, dict[str, str]] | Reject], build: Callable[[dict[str, str]], dict]) -> Iterator[dict | Reject]:
    """What `build` makes of each row's cells, with its `pointer`. A ValueError `reason: detail` of `build` is a Reject of that row."""
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        pointer, cells = row
        try:
            yield {"pointer": pointer, **build(cells)}
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, raw_text(cells))


def spreadsheet_safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before what begins as one, also behind blanks or in full width."""
    return f"'{text}" if text.lstrip()[:1] in _FORMULA or text.startswith(("\t", "\r", "\n")) else text


def write_rows(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """The rows as CSV with a header, absent values blank: what `read_rows` reads back."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow("" if row.get(name) is None else row[name] for name in columns)
    return text.getvalue().encode()
