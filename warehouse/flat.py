"""Frames as files that other programs open: CSV that no spreadsheet computes, Parquet and JSON by one writer's fixed settings. Equal frames, equal bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.domain.delimited import spreadsheet_safe, write_rows
from transforms.domain.instants import iso

#: Of every Parquet file; a row group has as many rows, the last one fewer.
PARQUET = {"version": "2.6", "data_page_version": "1.0", "compression": "zstd", "compression_level": 3}
ROW_GROUP = 131_072


def json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def csv_bytes(frame: pa.Table) -> bytes:
    """The frame as CSV with a header: instants ISO 8601, null blank, lists joined by semicolons, and nothing is a formula."""
    columns = {field.name: [_cell(value) for value in _values(frame.column(field.name))] for field in frame.schema}
    return write_rows(frame.column_names, (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)))


def parquet_bytes(frame: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(frame.replace_schema_metadata(None), sink, row_group_size=ROW_GROUP, **PARQUET)
    return sink.getvalue()


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column, instants as text."""
    if pa.types.is_timestamp(column.type):
        return [None if value is None else iso(value) for value in column.cast(pa.int64()).to_pylist()]
    return column.to_pylist()


def _cell(value: Any) -> Any:
    """A value as a spreadsheet may open it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = "; ".join(str(item) for item in value)
    return spreadsheet_safe(value) if isinstance(value, str) else value
