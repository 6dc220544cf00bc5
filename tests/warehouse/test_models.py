"""Marts: a header that is held to its query, an order that comes from the queries, and keys that are keys."""

from __future__ import annotations

import duckdb
import pytest

from transforms.domain.errors import ModuleMalformed
from warehouse import models
from warehouse.models import Column, Model

GOOD = "-- One row per number.\n-- key: number\n-- number INTEGER: The number.\n-- word VARCHAR: Its word.\nSELECT 1 AS number, 'one' AS word\n"


def read(text: str) -> Model:
    return models._read("marts/numbers", text, {"word": "A word of the glossary."})


def test_a_header_is_read():
    assert read(GOOD) == Model("numbers", "One row per number.", ("number",), (Column("number", "INTEGER", "The number."), Column("word", "VARCHAR", "Its word.")), GOOD)
    assert read(GOOD.replace(": Its word.", "")).columns[1].meaning == "A word of the glossary."


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        (GOOD.replace(": The number.", ""), "numbers.sql:3", ["number", "no meaning", "glossary.yaml"]),
        (GOOD.replace("-- key: number\n", ""), "numbers.sql", ["incomplete header"]),
        (GOOD.replace("-- One row per number.\n", ""), "numbers.sql", ["incomplete header"]),
        (GOOD.replace("-- key: number", "-- key: numbr"), "numbers.sql", ["incomplete header"]),
        ("SELECT 1", "numbers.sql", ["incomplete header"]),
        ("", "numbers.sql", ["incomplete header"]),
    ],
)
def test_a_malformed_header_is_an_error_that_names_the_file(text, where, words):
    with pytest.raises(ModuleMalformed) as error:
        read(text)
    assert where in error.value.subject
    for word in words:
        assert word in str(error.value)


@pytest.fixture
def connection():
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE SCHEMA mart; CREATE SCHEMA derived; CREATE TABLE derived.parameter AS SELECT 1 AS x")
        yield connection


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("'one'", "1"), ["word", "INTEGER", "VARCHAR"]),
        (GOOD.replace("AS word", "AS wort"), ["wort", "word"]),
        (GOOD.replace(", 'one' AS word", ""), ["word"]),
        (GOOD.replace("SELECT 1 AS number, 'one' AS word", "SELECT 'one' AS word, 1 AS number"), ["word"]),
        (GOOD.replace("SELECT 1", "SELEC 1"), ["syntax error"]),
        (GOOD.replace("'one' AS word", "one AS word"), ["one"]),
        (GOOD.replace("SELECT 1 AS number, 'one' AS word", "SELECT number, word FROM mart.nowhere"), ["nowhere"]),
    ],
)
def test_a_query_that_is_not_as_declared_is_an_error_that_names_the_file(connection, monkeypatch, text, words):
    monkeypatch.setattr(models, "models", lambda: {"numbers": read(text)})
    with pytest.raises(ModuleMalformed) as error:
        models.build(connection)
    assert "sql/marts" in str(error.value)
    for word in words:
        assert word in str(error.value)


def model(name: str, *needs: str) -> Model:
    joins = " ".join(f"CROSS JOIN mart.{need}" for need in needs)
    return Model(name, "r", ("x",), (Column("x", "INTEGER", "m"),), f"WITH mart AS (SELECT 1) SELECT parameter.x FROM derived.parameter AS parameter {joins}")


def test_the_order_comes_from_the_queries(connection, monkeypatch):
    monkeypatch.setattr(models, "models", lambda: {found.name: found for found in (model("a", "c"), model("b"), model("c", "b"), model("d", "a", "b"))})
    assert [found.name for found in models.build_order(connection)] == ["b", "c", "a", "d"]


def test_marts_that_wait_for_each_other_are_an_error_that_names_them(connection, monkeypatch):
    monkeypatch.setattr(models, "models", lambda: {found.name: found for found in (model("a", "b"), model("b", "a"), model("c"))})
    with pytest.raises(ModuleMalformed, match=r"'a': \['b'\], 'b': \['a'\]"):
        models.build_order(connection)


def test_every_mart_reads_derived_and_marts_only_those_built_before(connection):
    done: set[str] = set()
    for found in models.build_order(connection):
        for schema, name in models.tables_read(connection, found):
            assert schema in ("derived", "mart", "record", ""), f"{found.name} reads {schema}.{name}"
            assert schema != "mart" or name in done
        done.add(found.name)
    assert done == set(models.models())


@pytest.mark.parametrize("name", sorted(models.models()))
def test_the_declared_key_is_a_key_on_a_generated_programme(built_warehouse, name):
    declared = models.models()[name]
    with built_warehouse.open() as connection:
        if (name,) not in connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart'").fetchall():
            pytest.skip("it waits for what the expectations find")
        key = ", ".join(f'"{column}"' for column in declared.key)
        assert connection.execute(f"SELECT {key}, count(*) FROM mart.{name} GROUP BY ALL HAVING count(*) > 1").fetchall() == []


def test_the_generated_programme_fills_the_marts(built_warehouse):
    with built_warehouse.open() as connection:
        for name in ("handoff", "handoff_latency", "stage", "segment", "failure_mode", "sla_breach", "no_acknowledgement", "unrouted_queue", "finding", "finding_alias", "event"):
            assert connection.execute(f"SELECT count(*) > 0 FROM mart.{name}").fetchone() == (True,), name


def test_laws_of_the_marts(built_warehouse):
    """What holds of every programme: sums, gates and references."""
    laws = {
        "owner without route": "SELECT finding_id FROM mart.handoff WHERE (owner_id IS NULL) = (routing_status = 'routed')",
        "mode without gate": "SELECT finding_id FROM mart.handoff WHERE (failure_mode IS NULL) = (handoff_breached OR is_unacknowledged)",
        "modes and their first": "SELECT finding_id FROM mart.handoff WHERE failure_mode <> coalesce(failure_modes[1], 'unexplained')",
        "span sum": "SELECT finding_id FROM mart.stage JOIN mart.handoff USING (finding_id, cycle) WHERE triaged_at IS NOT NULL "
        "GROUP BY finding_id, cycle, triaged_at, captured_at HAVING sum(span_us) <> epoch_us(triaged_at) - epoch_us(captured_at)",
        "six stages": "SELECT finding_id FROM mart.stage GROUP BY finding_id, cycle HAVING count(*) <> 6",
        "segment sum": "SELECT s.finding_id FROM mart.segment s JOIN mart.handoff h USING (finding_id, cycle) WHERE segment <> 'control' "
        "GROUP BY s.finding_id, s.cycle HAVING sum(epoch_us(ended_at) - epoch_us(started_at)) <> epoch_us(max(ended_at)) - epoch_us(min(h.captured_at))",
        "latency before t0": "SELECT finding_id FROM mart.handoff WHERE latency_seconds < 0 OR latency_business_seconds < 0 OR latency_business_seconds > latency_seconds",
        "due before t0": "SELECT finding_id FROM mart.handoff WHERE handoff_due_at < captured_at OR window_ends_at < captured_at OR remediation_due_at < acknowledged_at",
        "breach without due": "SELECT finding_id FROM mart.handoff WHERE remediation_breached AND remediation_due_at IS NULL OR handoff_breached IS NULL",
        "cycles in order": "SELECT finding_id FROM mart.handoff h JOIN mart.handoff g USING (finding_id) WHERE h.cycle < g.cycle AND h.captured_at > g.captured_at",
        "no such finding": "SELECT finding_id FROM mart.handoff ANTI JOIN mart.finding USING (finding_id)",
        "alias to nothing": "SELECT sighting_id FROM mart.finding_alias ANTI JOIN mart.finding USING (finding_id)",
        "totals of cuts": "SELECT dimension FROM mart.handoff_latency WHERE severity = 'all' AND period_grain = 'all' AND dimension IN ('team', 'origin', 'business_unit', 'environment') "
        "GROUP BY dimension HAVING sum(handoffs) <> (SELECT count(*) FROM mart.handoff)",
        "rates of modes": "SELECT severity FROM mart.no_acknowledgement n JOIN mart.handoff_latency l USING (period_grain, severity) WHERE period_grain = 'all' AND dimension = 'all' "
        "GROUP BY severity, no_acknowledgement_rate HAVING abs(sum(n.rate) - no_acknowledgement_rate) > 1e-9",
        "verdict of few": "SELECT severity FROM mart.handoff_latency WHERE verdict IS NOT NULL AND (severity = 'all' OR dimension = 'failure_mode')",
    }
    with built_warehouse.open() as connection:
        broken = {name: rows for name, query in laws.items() if (rows := connection.execute(query).fetchall())}
    assert broken == {}


@pytest.mark.filterwarnings("ignore")
def test_kaplan_meier_agrees_with_lifelines(built_warehouse):
    """Median, 90th percentile and the median's interval of every band (ruling 68), by an independent library."""
    lifelines = pytest.importorskip("lifelines")
    with built_warehouse.open() as connection:
        durations = connection.execute(
            "SELECT severity, (epoch_us(coalesce(acknowledged_at, horizon_at)) - epoch_us(captured_at)) / 1e6, acknowledged_at IS NOT NULL FROM mart.handoff"
        ).fetchall()
        query = "SELECT severity, km_median_seconds, km_p90_seconds, km_median_low_seconds, km_median_high_seconds FROM mart.handoff_latency WHERE dimension = 'all' AND period_grain = 'all'"
        ours = {severity: rest for severity, *rest in connection.execute(query).fetchall()}
    assert len(ours) >= 4
    for severity, found in ours.items():
        members = [(seconds, is_event) for band, seconds, is_event in durations if severity in ("all", band)]
        fitted = lifelines.KaplanMeierFitter().fit(*zip(*members, strict=True))
        low, high = lifelines.utils.median_survival_times(fitted.confidence_interval_).iloc[0]
        theirs = [None if value == float("inf") else value for value in map(float, (fitted.percentile(0.5), fitted.percentile(0.1), low, high))]
        assert [value is None for value in found] == [value is None for value in theirs], severity
        assert [value for value in found if value is not None] == pytest.approx([value for value in theirs if value is not None], rel=1e-9), severity
