"""Marts: one SQL file, one table. The header of a file declares its table; the order of building comes from the queries themselves.

Header lines, before the query:

    -- One row per open cycle whose current decision names no valid person.
    -- key: finding_id, cycle
    -- finding_id VARCHAR: The finding.
    -- severity VARCHAR                (the meaning is the glossary's, in sql/marts/glossary.yaml)
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import duckdb
import yaml

from transforms.domain.errors import ModuleMalformed
from transforms.domain.progress import Progress, nobody
from warehouse import obligations
from warehouse.connection import transaction
from warehouse.schema import comment_on, sql_file

_COLUMN = re.compile(r"-- ([a-z][a-z0-9_]*) ([A-Z]+(?:\[\])?)(?:: (.*))?")
_TYPES = {"INT": "INTEGER", "TIMESTAMP": "TIMESTAMP"}


class Column(NamedTuple):
    name: str
    type: str
    meaning: str


class Model(NamedTuple):
    """One mart: what its file declares, and its query."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    query: str


@cache
def models() -> dict[str, Model]:
    """Every mart by name. Raises `ModuleMalformed`, naming the file, where a header is incomplete."""
    folder = files("warehouse").joinpath("sql", "marts")
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {name: declared(f"marts/{name}") for name in sorted(name.removesuffix(".sql") for name in names)}


@cache
def declared(path: str) -> Model:
    """The table that a file below warehouse/sql declares and builds. Raises `ModuleMalformed` where its header is incomplete."""
    return _read(path, sql_file(f"{path}.sql"), _glossary())


@cache
def _glossary() -> dict[str, str]:
    return yaml.safe_load(sql_file("marts/glossary.yaml"))


def _read(path: str, text: str, glossary: dict[str, str]) -> Model:
    row, key, columns, lines = "", (), [], text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.startswith("--"):
            break
        if match := _COLUMN.fullmatch(line.strip()):
            meaning = match[3] or glossary.get(match[1])
            if not meaning:
                raise ModuleMalformed(f"sql/{path}.sql:{number}", seen=f"column {match[1]} has no meaning", remedy="write one, or add it to glossary.yaml")
            columns.append(Column(match[1], match[2], meaning))
        elif line.startswith("-- key: "):
            key = tuple(part.strip() for part in line.removeprefix("-- key: ").split(","))
        elif not columns:
            row = f"{row} {line.removeprefix('--').strip()}".strip()
    if not row or not key or not columns or set(key) - {column.name for column in columns}:
        raise ModuleMalformed(f"sql/{path}.sql", seen="an incomplete header", expected="the row sentence, `-- key:` of its columns, and each column")
    return Model(path.rpartition("/")[2], row, key, tuple(columns), text)


def build_order(connection: duckdb.DuckDBPyConnection) -> list[Model]:
    """The marts, each behind the marts that its query reads. Raises `ModuleMalformed` where two need each other."""
    needs = {model.name: {name for schema, name in tables_read(connection, model) if schema == "mart"} for model in models().values()}
    ordered: list[Model] = []
    done: set[str] = set()
    while len(ordered) < len(needs):
        ready = [name for name in needs if name not in done and needs[name] <= done]
        if not ready:
            left = {name: sorted(needs[name] - done) for name in needs if name not in done}
            raise ModuleMalformed("sql/marts", seen=f"marts that wait for each other or for one that is not there: {left}")
        ordered += [models()[name] for name in ready]
        done.update(ready)
    return ordered


def tables_read(connection: duckdb.DuckDBPyConnection, model: Model) -> set[tuple[str, str]]:
    """(schema, table) of everything that a query reads (its own CTEs under a blank schema), from its parse tree: `get_table_names` binds, and so needs the tables to be there."""
    row = connection.execute("SELECT json_serialize_sql(?)", [model.query]).fetchone()
    tree = json.loads(row[0]) if row else {}
    if tree.get("error"):
        raise ModuleMalformed(f"sql/marts/{model.name}.sql", seen=tree.get("error_message", "it cannot be parsed"))
    found: set[tuple[str, str]] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                found.add((node.get("schema_name", ""), node["table_name"]))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(tree)
    return found


#: Derived tables that are written after the first marts are built, and so the turn in which a mart that reads one is built: from what the
#: obligations judged, from the grain of the others, or from what the expectations found.
_WRITTEN_LATER = {"obligation": 1, "framework_control": 1, "grain": 2, "expectation_result": 3, "flag": 3}


def build(connection: duckdb.DuckDBPyConnection, progress: Progress = nobody) -> None:
    """Builds every mart but those that read what the expectations found, each checked against its declaration, with comments.

    The obligations are judged from the first marts, for those of the evidence. The grain of each is counted into derived.grain, and then
    those that read it (the reconciliation) are built.
    Raises `ModuleMalformed` where a query's columns are not the declared ones.
    """
    connection.execute("DROP SCHEMA IF EXISTS mart CASCADE")
    connection.execute("CREATE SCHEMA mart")
    plain, evidence, reconciling, _ = _turns(connection)
    built, total = 0, len(plain + evidence + reconciling)

    def create_all(turn: list[Model]) -> None:
        nonlocal built
        for model in turn:
            progress("build tables", built, total)
            create(connection, model)
            built += 1

    create_all(plain)
    if evidence:
        obligations.write(connection)
    create_all(evidence)
    _count_grain(connection, plain + evidence)
    create_all(reconciling)


def build_results(connection: duckdb.DuckDBPyConnection) -> None:
    """Builds the marts that `build` left, from what the expectations found; again where they were validated again."""
    *_, results = _turns(connection)
    for model in results:
        create(connection, model)


def _turns(connection: duckdb.DuckDBPyConnection) -> list[list[Model]]:
    """The marts in the order of building, by the turn in which their inputs are there."""
    turns: list[list[Model]] = [[] for _ in range(1 + max(_WRITTEN_LATER.values()))]
    turn_of: dict[str, int] = {}
    for model in build_order(connection):
        inputs = tables_read(connection, model)
        later = [_WRITTEN_LATER.get(name, 0) if schema == "derived" else turn_of[name] for schema, name in inputs if schema in ("derived", "mart")]
        turn_of[model.name] = max(later, default=0)
        turns[turn_of[model.name]].append(model)
    return turns


def create(connection: duckdb.DuckDBPyConnection, model: Model, schema: str = "mart") -> None:
    """Builds one declared table, checked against its declaration, with comments."""
    with transaction(connection):  # each COMMENT ON by itself would be a commit
        try:
            connection.execute(f"CREATE OR REPLACE TABLE {schema}.{model.name} AS {model.query}")  # our own file
        except duckdb.Error as error:
            raise ModuleMalformed(_file(model, schema), seen=str(error)) from error
        _check(connection, model, schema)
        comment(connection, model, schema)


def comment(connection: duckdb.DuckDBPyConnection, model: Model, schema: str = "mart") -> None:
    """Stores the declared meaning of a table and its columns as COMMENT ON."""
    comment_on(connection, "TABLE", f"{schema}.{model.name}", f"{model.row} Key: {', '.join(model.key)}.")
    for column in model.columns:
        comment_on(connection, "COLUMN", f'{schema}.{model.name}."{column.name}"', column.meaning)


def _file(model: Model, schema: str) -> str:
    return f"sql/{'marts' if schema == 'mart' else schema}/{model.name}.sql"


def _count_grain(connection: duckdb.DuckDBPyConnection, built: list[Model]) -> None:
    """Counts the rows of each mart and the distinct values of its declared key, so that the reconciliation can hold it to one row each."""
    connection.execute("CREATE OR REPLACE TABLE derived.grain (mart VARCHAR, rows BIGINT, keys BIGINT)")
    for model in built:
        key = ", ".join(f'"{name}"' for name in model.key)
        connection.execute(
            f"INSERT INTO derived.grain SELECT ?, (SELECT count(*) FROM mart.{model.name}), "
            f"(SELECT count(*) FROM (SELECT DISTINCT {key} FROM mart.{model.name}))",  # our own declaration
            [model.name],
        )


def _check(connection: duckdb.DuckDBPyConnection, model: Model, schema: str) -> None:
    got = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? ORDER BY column_index", [schema, model.name]
    ).fetchall()
    declared = [(column.name, column.type) for column in model.columns]
    if got != declared:
        raise ModuleMalformed(
            _file(model, schema),
            seen=f"the query gives {[pair for pair in got if pair not in declared] or [name for name, _ in got]}",
            expected=f"{[pair for pair in declared if pair not in got] or [name for name, _ in declared]} as its header declares",
        )
