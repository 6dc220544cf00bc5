"""Suites of expectations: one module a suite, discovered. What must hold of finished tables, and what follows where it does not.

A module states `NAME` (the suite), `TITLE` (for people), `BATCH` (the query warehouse/sql/batches/<BATCH>.sql whose rows it looks at) and

    rules() -> list[Rule]      its rules; only in here may Great Expectations be imported, because that takes seconds

A batch's columns begin with subject_kind, subject_id, finding_id and cycle; severity, owner_id, team, failure_mode and since_at go
onto the flag where the batch has them. A rule is Great Expectations' own expectation over finished columns of that batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from transforms.domain.discovery import discover

CONTRACT = ("NAME", "TITLE", "BATCH", "rules")

Level = Literal["critical", "warning"]
#: What a failed rule of each level leads to. Critical is for laws of our own work only (ruling 92): input can never cause it.
CONSEQUENCES: Mapping[Level, str] = {"critical": "nothing is published, exit 3", "warning": "published and flagged"}


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite. Its name is stable: it is what `mart.flag.expectation` says."""

    name: str
    #: The rule in words, for people.
    statement: str
    #: An object of `great_expectations.expectations`.
    expectation: Any
    level: Level
    #: What a flag says of its row: a template over the batch's columns.
    detail: str
    #: Columns of the batch that are kept as the flag's evidence.
    evidence: tuple[str, ...]
    #: The failure mode that a failing row points to; None leaves the batch's own column, if it has one.
    failure_mode: str | None = None
    #: Column of the first instant at which the rule failed by the record.
    since: str = "since_at"
    #: Another batch than the suite's.
    batch: str | None = None


def suites() -> dict[str, ModuleType]:
    """Every suite by name. Raises `ModuleMalformed`, naming the file, where a module breaks the contract."""
    return discover(__name__, __path__, CONTRACT)
