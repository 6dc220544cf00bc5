"""Batches of finished rows → the verdict on them: what failed with what consequence, and a flag for every failing row.

Great Expectations judges pandas frames whose index is the row's position, with `result_format` COMPLETE: every failing position comes
back, and the flag takes its ids from the same row. Asked for id columns instead (`unexpected_index_column_names`), it walks the failing
rows one by one in Python: 60 s where this takes 1 s (6 rules, 1 M rows, a third of them failing).
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from expectations.suites import CONSEQUENCES, Rule, suites
from transforms.domain.errors import ModuleMalformed
from transforms.domain.progress import Progress, nobody

if TYPE_CHECKING:
    import pandas as pd

#: Rows that Great Expectations sees at once: its memory grows with them, about 1 GB a million.
BATCH_ROWS = 1_000_000

_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 0,
    "return_unexpected_index_query": False,
    "exclude_unexpected_values": True,
}

RESULT_SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("expectation", pa.string()),
        ("level", pa.string()),
        ("consequence", pa.string()),
        ("rule", pa.string()),
        ("checked", pa.int64()),
        ("failed", pa.int64()),
        ("success", pa.bool_()),
        ("is_broken", pa.bool_()),
        ("message", pa.string()),
    ]
)

FLAG_SCHEMA = pa.schema(
    [
        ("subject_kind", pa.string()),
        ("subject_id", pa.string()),
        ("finding_id", pa.string()),
        ("cycle", pa.int32()),
        ("expectation", pa.string()),
        ("failure_mode", pa.string()),
        ("severity", pa.string()),
        ("owner_id", pa.string()),
        ("team", pa.string()),
        ("detail", pa.string()),
        ("evidence", pa.string()),
        ("first_flagged_at", pa.timestamp("us")),
        ("suite", pa.string()),
        ("level", pa.string()),
    ]
)
#: Columns that a flag takes over from its batch, where the batch has them.
_TAKEN = ("subject_kind", "subject_id", "finding_id", "cycle", "severity", "owner_id", "team")


class Verdict(NamedTuple):
    """`results`: one row a rule (`RESULT_SCHEMA`). `flags`: one row for each failing row (`FLAG_SCHEMA`), sorted. `laws_broken`: why
    nothing may be published, one sentence each; empty where all our own laws hold."""

    results: pa.Table
    flags: pa.Table
    laws_broken: list[str]


@dataclass
class _Finding:
    """What Great Expectations said of one rule, over all slices of its batch."""

    #: Rows looked at; None where an expectation is of the frame as a whole.
    checked: int | None = None
    failed: int = 0
    positions: list[int] = field(default_factory=list)
    is_success: bool = True
    #: What it raised: then the suite is broken, and nothing is known of the data.
    error: str | None = None


class _Planned(NamedTuple):
    suite: str
    batch: str
    rule: Rule


def validate(batches: Mapping[str, pd.DataFrame], progress: Progress = nobody) -> Verdict:
    """Holds every suite's rules against the batches (frames by name, as `warehouse.batches.fetch` gives them).

    Never raises for what the data hold. A rule that cannot be judged (a missing batch or column, a defect of the suite) is a broken law
    with its own message, never bad data. Raises `ModuleMalformed` where two rules share a name.
    """
    _silence()
    with warnings.catch_warnings():
        # Of its own libraries' future, which nobody here can act on.
        warnings.simplefilter("ignore")
        return _validate(batches, progress)


def _validate(batches: Mapping[str, pd.DataFrame], progress: Progress) -> Verdict:
    planned, unusable = _plan()
    found = {name: _Finding() for name in [plan.rule.name for plan in planned]}
    by_batch: dict[str, list[_Planned]] = defaultdict(list)
    for plan in planned:
        by_batch[plan.batch].append(plan)
    for number, (name, plans) in enumerate(by_batch.items()):
        progress("check expectations", number, len(by_batch))
        if name not in batches:
            for plan in plans:
                found[plan.rule.name].error = f"there is no batch {name}: warehouse/sql/batches/{name}.sql is missing"
            continue
        _judge(batches[name], [plan.rule for plan in plans], found)
    results, flags, laws = [*unusable], [], [_law(row) for row in unusable]
    for plan in planned:
        frame, verdict = batches.get(plan.batch), found[plan.rule.name]
        row = _result(plan, verdict, frame)
        results.append(row)
        if row["is_broken"] or (plan.rule.level == "critical" and not row["success"]):
            laws.append(_law(row))
        if frame is not None and verdict.positions and verdict.error is None:
            flags.append(_flags(plan, frame, verdict.positions))
    results.sort(key=lambda row: (row["suite"], row["expectation"]))
    table = pa.concat_tables([FLAG_SCHEMA.empty_table(), *flags]).sort_by(
        [(name, "ascending") for name in ("suite", "expectation", "subject_kind", "subject_id", "finding_id", "cycle", "evidence")]
    )
    return Verdict(pa.Table.from_pylist(results, schema=RESULT_SCHEMA), table, sorted(laws))


def _silence() -> None:
    """Great Expectations neither phones home nor talks: said before it is imported, which is when it reads its environment."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    os.environ.setdefault("DO_NOT_TRACK", "1")
    for name in ("great_expectations", "great_expectations.expectations", "great_expectations.validator"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _plan() -> tuple[list[_Planned], list[dict[str, Any]]]:
    """Every rule with its suite and batch, and a result row for each suite whose rules cannot even be stated."""
    planned: list[_Planned] = []
    unusable = []
    owner: dict[str, str] = {}
    for suite, module in suites().items():
        try:
            rules = module.rules()
        except Exception as error:  # a defect of the suite must not look like a defect of the data, nor lose the other suites
            unusable.append(_broken_suite(suite, module.TITLE, _first_line(error)))
            continue
        for rule in rules:
            if rule.name in owner:
                raise ModuleMalformed(str(module.__file__), seen=f"the rule {rule.name} is in suite {owner[rule.name]} too", remedy="choose another name")
            owner[rule.name] = suite
            rule.expectation.meta = {"rule": rule.name}
            planned.append(_Planned(suite, rule.batch or module.BATCH, rule))
    return planned, unusable


def _judge(frame: pd.DataFrame, rules: list[Rule], found: dict[str, _Finding]) -> None:
    """Judges all rules of one batch, slice by slice."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    # Great Expectations hashes every column that it is given.
    frame = frame[[name for name in frame.columns if name in _used(rules)]].reset_index(drop=True)
    in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)  # else each context makes a folder
    config = DataContextConfig(store_backend_defaults=in_memory, progress_bars=ProgressBarsConfig(globally=False), analytics_enabled=False)
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("warehouse").add_dataframe_asset("batch")
    definition = asset.add_batch_definition_whole_dataframe("rows")
    for start in range(0, max(len(frame), 1), BATCH_ROWS):
        batch = definition.get_batch({"dataframe": frame.iloc[start : start + BATCH_ROWS]})
        for name, result in _validated(gx, batch, rules):
            _add(found[name], result)


def _used(rules: list[Rule]) -> set[str]:
    """Every word that the rules' expectations state: the columns that they look at are among them."""
    stated = [value for rule in rules for value in rule.expectation.configuration.kwargs.values()]
    return {word for value in stated for text in (value if isinstance(value, list) else [value]) for word in re.findall(r"\w+", str(text))}


def _validated(gx: Any, batch: Any, rules: list[Rule]) -> Iterator[tuple[str, Any]]:
    """(rule, its result or the exception that judging it raised)."""
    try:
        suite = gx.ExpectationSuite("rules", expectations=[rule.expectation for rule in rules])
        # Judged together, they share what they compute of the same columns.
        judged = {result.expectation_config.meta["rule"]: result for result in batch.validate(suite, result_format=_RESULT_FORMAT).results}
        yield from ((rule.name, judged[rule.name]) for rule in rules)
    except Exception:  # one rule that Great Expectations cannot take must not hide the verdict on the others
        for rule in rules:
            try:
                yield rule.name, batch.validate(rule.expectation, result_format=_RESULT_FORMAT)
            except Exception as error:
                yield rule.name, error


def _add(finding: _Finding, result: Any) -> None:
    if isinstance(result, Exception):
        finding.error = _first_line(result)
        return
    error = _raised(result.exception_info)
    if error:
        finding.error = error
        return
    detail = result.result
    positions = detail.get("unexpected_index_list") or []
    if "element_count" in detail:
        finding.checked = (finding.checked or 0) + int(detail["element_count"])
    finding.failed += int(detail.get("unexpected_count") or 0)
    finding.positions += [int(position) for position in positions]
    finding.is_success = finding.is_success and bool(result.success)


def _raised(info: Mapping[str, Any] | None) -> str | None:
    """What judging raised. Great Expectations reports one exception, or one for each metric that raised; `success` is False either way."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((_first_line(entry.get("exception_message") or "it raised") for entry in entries if entry.get("raised_exception")), None)


def _first_line(error: object) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


# Rows of the results


def _result(plan: _Planned, found: _Finding, frame: pd.DataFrame | None) -> dict[str, Any]:
    rule = plan.rule
    row = {"suite": plan.suite, "expectation": rule.name, "level": rule.level, "consequence": CONSEQUENCES[rule.level], "rule": rule.statement}
    if found.error is not None:
        broken = {"checked": None, "failed": None, "success": False, "is_broken": True, "consequence": CONSEQUENCES["critical"]}
        return row | broken | {"message": f"the suite is broken, the data are not judged: {found.error}"}
    is_success = found.is_success and not found.failed
    checked = found.checked if found.checked is not None else len(frame) if frame is not None else 0
    counts = {"checked": checked, "failed": found.failed or int(not is_success), "success": is_success, "is_broken": False}
    return row | counts | {"message": _message(plan, found, frame, checked, is_success)}


def _message(plan: _Planned, found: _Finding, frame: pd.DataFrame | None, checked: int, is_success: bool) -> str:
    if is_success:
        return "holds"
    if not found.positions or frame is None:
        return "does not hold"
    (first,) = _details(plan.rule, _values(plan.rule, frame.iloc[found.positions[:1]]), 1)
    return f"{found.failed:,} of {checked:,} rows; the first: {first}"


def _broken_suite(suite: str, title: str, error: str) -> dict[str, Any]:
    row = {"suite": suite, "expectation": suite, "level": "critical", "consequence": CONSEQUENCES["critical"], "rule": title}
    broken = {"checked": None, "failed": None, "success": False, "is_broken": True}
    return row | broken | {"message": f"the suite is broken, the data are not judged: its rules cannot be stated: {error}"}


def _law(row: Mapping[str, Any]) -> str:
    return f"{row['suite']}.{row['expectation']}: {row['message']}"


# Rows of the flags


def _flags(plan: _Planned, frame: pd.DataFrame, positions: list[int]) -> pa.Table:
    rule, length = plan.rule, len(positions)
    wanted = {*_TAKEN, "failure_mode", rule.since, *_fields(rule), *rule.evidence}
    rows = frame[[name for name in frame.columns if name in wanted]].iloc[positions]
    columns: dict[str, Any] = {name: _arrow(rows, name) if name in rows else pa.nulls(length, FLAG_SCHEMA.field(name).type) for name in _TAKEN}
    columns["expectation"] = pa.repeat(pa.scalar(rule.name), length)
    if rule.failure_mode is None and "failure_mode" in rows:
        columns["failure_mode"] = _arrow(rows, "failure_mode")
    else:
        columns["failure_mode"] = pa.repeat(pa.scalar(rule.failure_mode, pa.string()), length)
    values = _values(rule, rows)
    columns["detail"] = pa.array(_details(rule, values, length), pa.string())
    columns["evidence"] = pa.array(_evidence(rule, values, length), pa.string())
    columns["first_flagged_at"] = _arrow(rows, rule.since, "first_flagged_at") if rule.since in rows else pa.nulls(length, pa.timestamp("us"))
    columns["suite"] = pa.repeat(pa.scalar(plan.suite), length)
    columns["level"] = pa.repeat(pa.scalar(rule.level), length)
    return pa.table([columns[name] for name in FLAG_SCHEMA.names], schema=FLAG_SCHEMA)


def _arrow(rows: pd.DataFrame, column: str, as_name: str | None = None) -> pa.Array:
    array = pa.Array.from_pandas(rows[column])
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.cast(FLAG_SCHEMA.field(as_name or column).type)


def _values(rule: Rule, rows: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns that the rule's detail and evidence show, as plain values: instants as ISO texts, missing ones None."""
    return {name: _texts(pa.Array.from_pandas(rows[name])) for name in dict.fromkeys((*_fields(rule), *rule.evidence))}


def _texts(array: Any) -> list[Any]:
    if not pa.types.is_timestamp(array.type):
        return array.to_pylist()
    # As transforms.domain.instants.iso writes them, a column at a time.
    text = pc.replace_substring(array.cast(pa.timestamp("us")).cast(pa.string()), " ", "T")
    return pc.binary_join_element_wise(pc.replace_substring_regex(text, r"\.000000$", ""), "Z", "").to_pylist()


def _fields(rule: Rule) -> list[str]:
    """The columns that the rule's template names, in its order."""
    return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(rule.detail) if name))


def _details(rule: Rule, values: Mapping[str, list[Any]], length: int) -> list[str]:
    """The rule's template filled from each row; what the row does not have reads 'none'."""
    names = _fields(rule)
    if not names:
        return [rule.detail] * length
    shown = (["none" if value is None else value for value in values[name]] for name in names)
    return [rule.detail.format_map(dict(zip(names, row, strict=True))) for row in zip(*shown, strict=True)]


def _evidence(rule: Rule, values: Mapping[str, list[Any]], length: int) -> list[str]:
    """The rule's evidence columns of each row, as JSON."""
    if not rule.evidence:
        return ["{}"] * length
    encode = msgspec.json.encode
    return [encode(dict(zip(rule.evidence, row, strict=True))).decode() for row in zip(*(values[name] for name in rule.evidence), strict=True)]
