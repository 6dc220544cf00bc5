"""Questions that people really ask of the record: one SQL file, one view of schema `question` in the published copy, commented like a mart.

Header of a file: the question in one line, then how to read its answer (units, which instant dates it, what null means); key and columns as
of a mart (`models`). `sql/questions/questions.yaml` groups them, and says how to ask one of one thing.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import duckdb
import yaml

from transforms.domain.errors import ModuleMalformed
from warehouse.connection import transaction
from warehouse.models import Model, declared, tables_read
from warehouse.schema import comment_on, sql_file

SCHEMA = "question"


class Question(NamedTuple):
    """A question, the view that answers it, and how to read the answer."""

    group: str
    text: str
    reading: str
    #: What narrows it to one thing, as an example; blank where the whole answer is wanted.
    narrowed: str
    model: Model

    @property
    def name(self) -> str:
        return self.model.name


@cache
def questions() -> dict[str, Question]:
    """Every question by the name of its view, in the order of the page. Raises `ModuleMalformed`, naming the file, where one is incomplete."""
    folder = files("warehouse").joinpath("sql", "questions")
    present = {entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    listed = [(group, name, narrowed) for group, names in yaml.safe_load(sql_file("questions/questions.yaml")).items() for name, narrowed in names.items()]
    if len(listed) != len(present) or {name for _, name, _ in listed} != present:
        seen = sorted({name for _, name, _ in listed} ^ present) or "a question that stands in two groups"
        raise ModuleMalformed("sql/questions/questions.yaml", seen=f"not as the files: {seen}", expected="each file of the folder once")
    return {name: _read(group, declared(f"questions/{name}"), narrowed or "") for group, name, narrowed in listed}


def _read(group: str, model: Model, narrowed: str) -> Question:
    text, mark, reading = model.row.partition("? ")
    if not mark:
        raise ModuleMalformed(f"sql/questions/{model.name}.sql", seen=repr(model.row), expected="a question, and behind it how to read its answer")
    return Question(group, f"{text}?", reading, narrowed, model)


def create(connection: duckdb.DuckDBPyConnection, among: Collection[tuple[str, str]] | None = None) -> None:
    """Makes the views of an open file, with comments; with `among`, those that read only these (schema, table)."""
    with transaction(connection):  # each statement by itself would be a commit
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for name, question in questions().items():
            if among is not None and not {table for table in tables_read(connection, question.model) if table[0]} <= set(among):
                continue
            try:
                connection.execute(f"CREATE VIEW {SCHEMA}.{name} AS {question.model.query}")  # our own file
            except duckdb.Error as error:
                raise ModuleMalformed(f"sql/questions/{name}.sql", seen=str(error)) from error
            comment_on(connection, "VIEW", f"{SCHEMA}.{name}", question.model.row)
            for column in question.model.columns:
                comment_on(connection, "COLUMN", f'{SCHEMA}.{name}."{column.name}"', column.meaning)
