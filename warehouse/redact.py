"""The redacted tier: a file of its own with the same marts, in which nothing says who, where or on what, but by keyed pseudonyms.

`sql/redaction.yaml` declares what becomes of every column. A pseudonym is an HMAC-SHA256 of class and value: the same key gives the same one, so
that joins keep working and one file can be laid beside the next; without the key nobody can try names until one fits. The ids of findings, files
and events are hashes of names, places and contents, which could be tried: they are pseudonyms too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import yaml

from transforms.domain import tables
from transforms.domain.errors import ModuleMalformed, UsageError
from warehouse import keys, questions
from warehouse.connection import connect, transaction
from warehouse.models import Column, models
from warehouse.schema import comment_on, sql_file

#: Identifiers that are public, and so identify nobody: taken out of a text before it is searched.
_PUBLIC = re.compile(
    r"\b(?:(?:CVE|CWE|CAPEC|PYSEC|RUSTSEC|GO|GMS|RHSA|DSA|DLA|USN|ELSA|ALAS)-\d+(?:[-:]\d+)*|GHSA(?:-[0-9a-z]{4}){3}|SNYK-[A-Z]+-[A-Z0-9]+-\d+)\b", re.IGNORECASE
)
#: What the marts say where there is nothing to name.
_NOTHING = "(none)"
#: What names a person or a place whether or not the record knows it: mail addresses, URLs, IPv4 addresses, absolute paths, internal names.
_TELLING = re.compile(
    r"\w@\w|\w://|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|(?<![\w/])/\w[\w.-]*/\w|\w\.(?:internal|intranet|local|localdomain|corp|lan|home)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+")
_HOST = re.compile(r"(?:\w://|@)([^/:@?#\s]+)")
_NOTES = {"pseudonym": " Redacted: a keyed pseudonym.", "text": " Redacted: a keyed pseudonym where it names somebody or something.", "drop": " Redacted: left out."}


class Rule(NamedTuple):
    """What becomes of one column: keep, pseudonym (of a class), text, drop, or depends (on another column's value)."""

    action: str
    pseudonym: str = ""
    depends_on: str = ""
    #: Value of that column to class of the pseudonym, or keep; `otherwise` for every other value.
    cases: Mapping[str, str] = {}


@cache
def rules() -> dict[str, dict[str, Rule]]:
    """The rule of each column by table. Raises `ModuleMalformed` where one is missing, declared twice, or not there."""
    found: dict[str, dict[str, Rule]] = {}
    declared = _tables()
    for table, actions in yaml.safe_load(sql_file("redaction.yaml")).items():
        pairs = [(name, Rule(action)) for action in ("keep", "text", "drop") for name in actions.pop(action, ())]
        pairs += [(name, Rule("pseudonym", kind)) for kind, names in actions.pop("pseudonym", {}).items() for name in names]
        pairs += [(name, Rule("depends", depends_on=cases.pop("depends_on"), cases=cases)) for name, cases in actions.pop("depends", {}).items()]
        names = sorted(name for name, _ in pairs)
        if actions or names != sorted(column.name for column in declared.get(table, ())):
            seen = list(actions) or sorted(set(names) ^ {column.name for column in declared.get(table, ())}) or "a column that stands there twice"
            raise ModuleMalformed("sql/redaction.yaml", seen=f"{table}: {seen}", expected="every column of the table once", remedy="say what becomes of it in the redacted tier")
        found[table] = dict(pairs)
    if missing := sorted(declared.keys() - found.keys()):
        raise ModuleMalformed("sql/redaction.yaml", seen=f"nothing about {missing}", expected="every mart", remedy="say what becomes of its columns in the redacted tier")
    return found


def _tables() -> dict[str, tuple[Any, ...]]:
    """The columns of each table of the redacted tier: every mart, and of the record what says which run made it."""
    return {f"mart.{name}": model.columns for name, model in models().items()} | {"record.run": tables.RUN.columns}


def write(copy: Path, out: Path, key: bytes) -> Path:
    """Writes the redacted tier of a published copy and puts it in place in one step. Raises `UsageError` where the copy is of other code."""
    draft = out.with_name(f".{out.name}.draft")
    draft.unlink(missing_ok=True)
    with connect(copy, read_only=True) as connection:
        names_something = _finder(text for (text,) in connection.execute(sql_file("published/identifying.sql")).fetchall() if text)
    try:
        with connect(draft) as connection:
            connection.execute(f"ATTACH '{str(copy).replace(chr(39), chr(39) * 2)}' AS the_copy (READ_ONLY)")  # ATTACH takes no parameters
            _fill(connection, _pseudonyms(key), names_something)
            connection.execute("DETACH the_copy")
            made = {tuple(table.split(".")) for table in _tables()} | {("record", "schema_version")}
            questions.create(connection, among=made)  # type: ignore[arg-type]
            keys.write(connection)
            connection.execute("CHECKPOINT")
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
        draft.with_name(f"{draft.name}.wal").unlink(missing_ok=True)
    return out


def _fill(connection: duckdb.DuckDBPyConnection, pseudonym: Callable[[str, str], str], names_something: Callable[[str], bool]) -> None:
    """Makes the tables, with comments, from the attached copy."""
    _add_function(connection, "pseudonym", pseudonym)
    _add_function(connection, "scrubbed", lambda kind, text: pseudonym(kind, text) if names_something(text) else text)
    with transaction(connection):  # each statement by itself would be a commit
        connection.execute("CREATE SCHEMA mart")
        connection.execute("CREATE SCHEMA record")
        for table, columns in _tables().items():
            of = rules()[table]
            values = ", ".join(f'{_expression(of[column.name], column)} AS "{column.name}"' for column in columns)
            try:
                connection.execute(f"CREATE TABLE {table} AS SELECT {values} FROM the_copy.{table}")  # our own declarations
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                raise UsageError("--home", seen=f"its published copy is of other code: {str(error).splitlines()[0]}", remedy="publish it again with `handoff run`") from None
        connection.execute("CREATE TABLE record.schema_version AS FROM the_copy.record.schema_version")
        for name, model in models().items():
            comment_on(connection, "TABLE", f"mart.{name}", f"{model.row} Key: {', '.join(model.key)}.")
        comment_on(connection, "TABLE", "record.run", tables.RUN.row)
        comment_on(connection, "TABLE", "record.schema_version", "one row: the version of this file's tables")
        for table, columns in _tables().items():
            for column in columns:
                rule = rules()[table][column.name]
                note = _NOTES.get("pseudonym" if rule.action == "depends" else rule.action, "")
                comment_on(connection, "COLUMN", f'{table}."{column.name}"', f"{column.meaning}{note}")


def _expression(rule: Rule, column: Column) -> str:
    """SQL for what a column becomes; names, classes and types are our own declarations."""
    quoted, is_list = f'"{column.name}"', column.type.endswith("[]")
    if rule.action == "keep":
        return quoted
    if rule.action == "drop":
        return f"NULL::{column.type}"
    if rule.action == "depends":
        whens = " ".join(f"WHEN '{value}' THEN {_one(kind, quoted)}" for value, kind in rule.cases.items() if value != "otherwise")
        return f'CASE "{rule.depends_on}" {whens} ELSE {_one(rule.cases["otherwise"], quoted)} END'
    call = f"pseudonym('{rule.pseudonym}', {{}})" if rule.action == "pseudonym" else "scrubbed('text', {})"
    return f"list_transform({quoted}, lambda item: {call.format('item')})" if is_list else call.format(quoted)


def _one(kind: str, quoted: str) -> str:
    return quoted if kind == "keep" else f"pseudonym('{kind}', {quoted})"


def _add_function(connection: duckdb.DuckDBPyConnection, name: str, function: Callable[[str, str], str]) -> None:
    """Makes a function of (class, text) callable from SQL; null stays null."""

    def over(kinds: pa.ChunkedArray, texts: pa.ChunkedArray) -> pa.Array:
        pairs = zip(kinds.to_pylist(), texts.to_pylist(), strict=True)
        return pa.array([None if text is None else function(kind, text) for kind, text in pairs], pa.string())

    connection.create_function(name, over, ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow", null_handling="special")  # type: ignore[arg-type]


def _pseudonyms(key: bytes) -> Callable[[str, str], str]:
    """Class and value to pseudonym: 80 bits, so that a million values hardly ever share one. `(none)` names nothing, and stays."""

    @cache
    def pseudonym(kind: str, value: str) -> str:
        if value == _NOTHING:
            return value
        return f"{kind}-{hmac.new(key, f'{kind}:{value}'.encode(), hashlib.sha256).hexdigest()[:20]}"

    return pseudonym


def _finder(identifying: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text names something: holds the words of an identifying string in a row, whatever stands between them and in any case.

    Also of the host of a URL or mail address, the name in it, and the last part of a path.
    """
    by_first: dict[str, set[tuple[str, ...]]] = {}
    for text in identifying:
        for part in (text, *_HOST.findall(text), text.partition("@")[0] if "@" in text else "", text.rstrip("/").rpartition("/")[2]):
            if words := _words(part):
                by_first.setdefault(words[0], set()).add(words)

    @cache
    def names_something(text: str) -> bool:
        text = _PUBLIC.sub(" ", text)
        words = _words(text)
        return bool(_TELLING.search(text)) or any(
            words[index : index + len(found)] == found for index, word in enumerate(words) for found in by_first.get(word, ())
        )

    return names_something


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(text))
