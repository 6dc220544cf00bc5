"""Obligations of the record, one SQL file each, and the controls of audit frameworks that they answer.

A file in sql/evidence/obligations begins with what it means, in the words that every evidence pack repeats:

    -- Its definition, in a sentence or two.
    -- subject: handoff
    -- population: which subjects are held to it.
    -- complete: when its chain is complete.
    -- exception: what fails it.
    -- pending: what is still to come.
    SELECT … AS subject_id, … AS cycle, … AS status, … AS reason, … AS dated_at

Controls are data: sql/evidence/controls.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import duckdb
import yaml

from transforms.domain.errors import ModuleMalformed
from transforms.domain.vocabulary import LOCATION_KINDS
from warehouse.schema import sql_file

SUBJECTS = ("handoff", "asset")
_PARTS = ("subject", "population", "complete", "exception", "pending")
_CONTROL_KEYS = {"control", "title", "answer", "obligations", "limits"}


class Obligation(NamedTuple):
    """One obligation: what its file declares, and its query."""

    name: str
    definition: str
    subject: str
    population: str
    complete: str
    exception: str
    pending: str
    query: str


class Control(NamedTuple):
    """One control of a framework; `location_kinds` None for findings of any place."""

    framework: str
    control: str
    title: str
    audit_reads: str
    answer: str
    obligations: tuple[str, ...]
    location_kinds: tuple[str, ...] | None
    limits: str

    @property
    def subject(self) -> str:
        return obligations()[self.obligations[0]].subject

    @property
    def query(self) -> str:
        """SQL over the published file that lists the exceptions, one row each."""
        lines = sql_file(f"evidence/exceptions_{self.subject}.sql").rstrip("\n").splitlines()
        if self.location_kinds is None:
            lines = [line for line in lines if "$location_kinds" not in line]
        text = "\n".join(lines).replace("$obligations", _literals(self.obligations))
        return text.replace("$location_kinds", _literals(self.location_kinds or ()))


def _literals(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)  # names of our own files and vocabulary


@cache
def obligations() -> dict[str, Obligation]:
    """Every obligation by name. Raises `ModuleMalformed`, naming the file, where a header is incomplete."""
    folder = files("warehouse").joinpath("sql", "evidence", "obligations")
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return {(name := entry.name.removesuffix(".sql")): _read(name, entry.read_text(encoding="utf-8")) for entry in entries}


def _read(name: str, text: str) -> Obligation:
    definition: list[str] = []
    parts: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("-- "):
            break
        word, colon, rest = line.removeprefix("-- ").partition(": ")
        if colon and word in _PARTS:
            parts[word] = rest.strip()
        elif not parts:
            definition.append(line.removeprefix("-- ").strip())
    missing = [word for word in _PARTS if not parts.get(word)]
    if missing or not definition or parts["subject"] not in SUBJECTS:
        raise ModuleMalformed(
            f"sql/evidence/obligations/{name}.sql",
            seen=f"a header without {', '.join(missing)}" if missing else "a header without a definition, or of an unknown subject",
            expected=f"a definition, then {', '.join(f'`-- {word}:`' for word in _PARTS)}; subject one of {', '.join(SUBJECTS)}",
        )
    return Obligation(name, " ".join(definition), **parts, query=text)


@cache
def controls() -> tuple[Control, ...]:
    """Every control, in the order of the frameworks in the file. Raises `ModuleMalformed` where one is declared amiss."""
    tree = yaml.safe_load(sql_file("evidence/controls.yaml"))
    return tuple(_control(framework, entry) for framework in tree for entry in framework["controls"])


def _control(framework: dict, entry: dict) -> Control:
    name, wanted = f"{framework['framework']} {entry.get('control')}", entry.get("obligations") or []
    kinds = entry.get("location_kinds")
    faults = [f"no {key}" for key in sorted(_CONTROL_KEYS - entry.keys())]
    faults += [f"unknown key {key}" for key in sorted(entry.keys() - _CONTROL_KEYS - {"location_kinds"})]
    faults += [f"unknown obligation {obligation}" for obligation in wanted if obligation not in obligations()]
    faults += [f"unknown location kind {kind}" for kind in kinds or () if kind not in LOCATION_KINDS]
    if not faults and len({obligations()[obligation].subject for obligation in wanted}) != 1:
        faults.append("obligations of other than one subject")
    if faults:
        raise ModuleMalformed(f"sql/evidence/controls.yaml: {name}", seen="; ".join(faults))
    return Control(
        framework["framework"],
        entry["control"],
        entry["title"],
        framework["audit_reads"],
        entry["answer"],
        tuple(wanted),
        tuple(kinds) if kinds else None,
        entry["limits"],
    )


def write(connection: duckdb.DuckDBPyConnection) -> None:
    """Judges every subject by every obligation into derived.obligation, from the marts that are built, and writes the controls beside them.

    Raises `ModuleMalformed`, naming the file, for a query that fails.
    """
    connection.execute(
        "CREATE OR REPLACE TABLE derived.obligation "
        "(obligation VARCHAR, subject VARCHAR, subject_id VARCHAR, cycle INTEGER, status VARCHAR, reason VARCHAR, dated_at TIMESTAMP)"
    )
    for obligation in obligations().values():
        try:
            connection.execute(
                f"INSERT INTO derived.obligation SELECT ?, ?, subject_id, cycle, status, reason, dated_at FROM ({obligation.query})",  # our own file
                [obligation.name, obligation.subject],
            )
        except duckdb.Error as error:
            raise ModuleMalformed(f"sql/evidence/obligations/{obligation.name}.sql", seen=str(error)) from error
    connection.execute(
        "CREATE OR REPLACE TABLE derived.framework_control (framework VARCHAR, control VARCHAR, title VARCHAR, audit_reads VARCHAR, "
        "obligation VARCHAR, obligations VARCHAR[], subject VARCHAR, location_kinds VARCHAR[], limits VARCHAR, query VARCHAR)"
    )
    connection.executemany(
        "INSERT INTO derived.framework_control VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            [
                found.framework,
                found.control,
                found.title,
                found.audit_reads,
                found.answer,
                list(found.obligations),
                found.subject,
                None if found.location_kinds is None else list(found.location_kinds),
                found.limits,
                found.query,
            ]
            for found in controls()
        ],
    )
