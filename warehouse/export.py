"""The published copy as files for other tools: Parquet or CSV, one a table, with a dictionary that says what each is and holds the digests.

The same copy gives the same bytes: rows are in the order of their key, and nothing says when or where it was written.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from transforms.domain.progress import Progress, nobody
from warehouse import flat, published
from warehouse.raw import write_durably

DICTIONARY = "dictionary.json"
FORMATS = ("parquet", "csv")
#: What is written where nothing is chosen; the questions are views over these.
_SCHEMAS = ("mart", "record")


class _Relation(NamedTuple):
    """A table or view as the copy itself describes it."""

    schema: str
    name: str
    comment: str
    key: tuple[str, ...]
    #: (name, type, meaning) of each.
    columns: tuple[tuple[str, str, str], ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"


def export(folder: Path, out: Path, file_format: str = "parquet", wanted: Sequence[str] = (), progress: Progress = nobody) -> dict[str, Any]:
    """Writes tables of a home's published copy into a new or empty folder, all of it or nothing; what DICTIONARY then says.

    `wanted` names tables, views or schemas; every table of mart and record where it is empty. Raises `UsageError`.
    """
    if file_format not in FORMATS:
        raise UsageError("--format", seen=repr(file_format), expected=" or ".join(FORMATS))
    _require_empty(out)
    draft = out.absolute().with_name(f".{out.absolute().name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    with published.open_copy(folder) as connection:
        chosen = _chosen(connection, wanted)
        try:
            draft.mkdir(parents=True)
            tables = []
            for relation in chosen:
                progress("write tables", len(tables), len(chosen))
                tables.append(_write(connection, relation, draft, file_format))
            contents = {"export": "handoff", "version": 1, **_provenance(connection), "format": file_format, "writer": {"pyarrow": version("pyarrow")}, "tables": tables}
            write_durably(draft / DICTIONARY, flat.json_bytes(contents))
            draft.replace(out.absolute())
        except OSError as error:
            raise UsageError("--out", seen=f"{out}: {error.strerror}", expected="a folder that can be written to") from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return contents


def _require_empty(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError("--out", seen=f"{out} is a file", expected="a new or empty folder")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError("--out", seen=f"{out} holds something", expected="a new or empty folder")


def _chosen(connection: duckdb.DuckDBPyConnection, wanted: Sequence[str]) -> list[_Relation]:
    there = {relation.full_name: relation for relation in _relations(connection)}
    schemas = {relation.schema for relation in there.values()}
    unknown = [name for name in wanted if name not in there and name not in schemas]
    if unknown:
        remedy = "`handoff sql 'SHOW ALL TABLES'` lists what there is"
        raise UsageError("--tables", seen=", ".join(unknown), expected=f"tables as in mart.handoff, or schemas: {', '.join(sorted(schemas))}", remedy=remedy)
    asked = set(wanted or _SCHEMAS)
    return [relation for name, relation in sorted(there.items()) if asked & {name, relation.schema}]


def _relations(connection: duckdb.DuckDBPyConnection) -> Iterator[_Relation]:
    """Every table and view of the copy that has a key, which is every one that is documented."""
    comments = connection.execute(
        "SELECT schema_name, table_name, comment FROM duckdb_tables() UNION ALL SELECT schema_name, view_name, comment FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    try:
        keys = connection.execute("SELECT schema_name, table_name, list(column_name ORDER BY position) FROM record.table_key GROUP BY ALL").fetchall()
    except duckdb.CatalogException:
        raise UsageError("--home", seen="its published copy is of older code, without record.table_key", remedy="publish it again with `handoff run`") from None
    columns = connection.execute(
        "SELECT schema_name, table_name, list((column_name, data_type, coalesce(comment, '')) ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal GROUP BY ALL"
    ).fetchall()
    key_of = {(schema, name): tuple(key) for schema, name, key in keys}
    columns_of = {(schema, name): tuple(tuple(column) for column in found) for schema, name, found in columns}
    for schema, name, comment in comments:
        if (schema, name) in key_of:
            yield _Relation(schema, name, comment or "", key_of[schema, name], columns_of[schema, name])


def _write(connection: duckdb.DuckDBPyConnection, relation: _Relation, folder: Path, file_format: str) -> dict[str, Any]:
    """Writes one table; its entry in the dictionary."""
    path = folder / f"{relation.full_name}.{file_format}"
    # A total order: by the key, then by whatever else there is.
    order = ", ".join(f'"{name}"' for name in dict.fromkeys((*relation.key, *(name for name, _, _ in relation.columns))))
    rows = connection.execute(f'FROM {relation.schema}."{relation.name}" ORDER BY {order}')  # names that the copy itself lists
    frames = _row_groups(rows.to_arrow_reader(flat.ROW_GROUP))
    written = _write_parquet(relation, frames, path) if file_format == "parquet" else _write_csv(frames, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "table": relation.full_name,
        "comment": relation.comment,
        "key": list(relation.key),
        "columns": [{"name": name, "type": type_, "meaning": meaning} for name, type_, meaning in relation.columns],
        "rows": written,
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": digest,
    }


def _row_groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows in frames of one row group each, at least one frame: how the engine cuts its batches is no matter of the file."""
    held = reader.schema.empty_table()
    is_first = True
    for batch in reader:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        while held.num_rows >= flat.ROW_GROUP:
            yield held.slice(0, flat.ROW_GROUP)
            held, is_first = held.slice(flat.ROW_GROUP), False
    if held.num_rows or is_first:
        yield held


def _write_parquet(relation: _Relation, frames: Iterable[pa.Table], path: Path) -> int:
    rows = 0
    about = {"comment": relation.comment, "key": ", ".join(relation.key)}
    meanings = {name: {"comment": meaning, "type": type_} for name, type_, meaning in relation.columns}
    writer = None
    for frame in frames:
        schema = pa.schema([field.with_metadata(meanings[field.name]) for field in frame.schema], about)
        writer = writer or pq.ParquetWriter(path, schema, **flat.PARQUET)
        writer.write_table(frame.combine_chunks().cast(schema), row_group_size=flat.ROW_GROUP)
        rows += frame.num_rows
    assert writer is not None  # there is always a frame
    writer.close()
    return rows


def _write_csv(frames: Iterable[pa.Table], path: Path) -> int:
    rows = 0
    with path.open("wb") as file:
        for frame in frames:
            content = flat.csv_bytes(frame)
            file.write(content if not file.tell() else content.partition(b"\n")[2])
            rows += frame.num_rows
    return rows


def _provenance(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the file says of the run that made it."""
    row = connection.execute("SELECT epoch_us(as_of), policy_digest, code_version, mart_digest, merkle_root FROM record.run ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        raise UsageError("--home", seen="its published copy holds no run", remedy="publish it again with `handoff run`")
    as_of, policy, code, marts, files = row
    return {"as_of": iso(as_of), "digests": {"policy": policy, "code": code, "marts": marts, "files": files}}
