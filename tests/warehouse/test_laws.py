"""Laws of any history, on real DuckDB files: order and chunking of arrival, repetition, merging and splitting, and what no mart may say.

One history a law by default; more, and other ones each time:  pytest tests/warehouse/test_laws.py --hypothesis-profile=long
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from transforms.domain.instants import iso
from warehouse import models

AS_OF = "2026-04-24T09:00:00Z"
HOUR, DAY = 3_600_000_000, 86_400_000_000

#: A fortieth of the profile's examples, as they are found: each is several warehouses, and to make one smaller takes minutes.
few = settings(max_examples=settings.default.max_examples // 40, phases=[Phase.generate])  # type: ignore[union-attr]

#: Own stage events of an earlier run date these, and what stands on them.
STAMPED = {"enriched_at", "routed_at"}
#: Rows of the record rather than of the world: they say when and by which run something was learnt.
OF_THE_RECORD = {"event", "reconciliation", "sweep", "source_cadence", "early_warning"}

WORDS = (
    "enriched", "routed", "notified", "acknowledged", "acknowledged", "acknowledged", "acknowledgement_withdrawn", "triaged", "assigned",
    "commented", "in_progress", "resolved", "resolved", "verified", "reopened", "withdrawn", "control_accepted", "control_attested", "control_expired",
)  # fmt: skip


def history_of(seed: int) -> tuple[list[dict], list[dict]]:
    """Scans and events, drawn from a seed: as rich in the first example as in any other."""
    rng = random.Random(seed)
    seen = [
        {
            "hours": rng.randrange(18 * 24), "severity": rng.choice(("Critical", "High", "High", "Low", "Info", "odd")), "scanner": rng.choice(("one", "two")),
            "target": rng.choice(("pay-api", "pay-api", "pay-2", "lost")), "vulnerability": rng.choice(("CVE-2026-1", "CVE-2026-2")),
        }
        for _ in range(rng.randrange(4, 9))
    ]  # fmt: skip
    happened = [
        {
            "hours": rng.randrange(19 * 24), "word": rng.choice(WORDS), "actor": rng.choice(("anna", "bo", "cy", "nobody")),
            "ref": rng.choice(("pay-api:1", "pay-api:2", "pay-2:1", "both", "T-1")), "person": rng.choice(("anna", "bo", "cy", "")),
        }
        for _ in range(rng.randrange(6, 16))
    ]  # fmt: skip
    return seen, happened


histories = st.integers(0, 2**32).map(history_of)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of one example; tmp_path would be that of all of them."""
    with tempfile.TemporaryDirectory(prefix="handoff-law-") as found:
        yield Path(found)


def written(tools, history) -> dict[str, bytes]:
    """The files of a history, one a scan and one an event, registers dated by their sidecars.

    Scanners' own ids are target:vulnerability, or `both`, which several targets may share.
    """
    seen, happened = history
    begin = tools.us("2026-04-01T06:00:00Z")
    zone = tools.Zone()
    zone.people(
        *(tools.person(name, team) for name, team in (("anna", "payments"), ("bo", "payments"), ("cy", "other"))),
        captured_at="2026-03-01T00:00:00Z",
    )
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"}, captured_at="2026-03-01T00:00:00Z")
    zone.ownership({"match": "asset:pay", "person_id": "anna", "team": "payments"}, captured_at="2026-03-01T00:00:00Z")
    for scan in seen:
        number = scan["vulnerability"][-1]
        own = "both" if number == "2" and scan["scanner"] == "two" else f"{scan['target']}:{number}"
        seen_at, what = iso(begin + scan["hours"] * HOUR), {"title": f"T{number}", "cve": scan["vulnerability"]}
        zone.scan(seen_at, scan["severity"], target=scan["target"], own=own, scanner=scan["scanner"], **what)
    for number, event in enumerate(happened):
        row = {
            "event_id": f"e{number:02d}", "ref": event["ref"], "event": event["word"], "actor": event["actor"],
            "occurred_at": iso(begin + event["hours"] * HOUR), "target_person": event["person"],
        }  # fmt: skip
        zone.put(f"activity/e{number:02d}.csv", [row])
    zone.put(
        "activity/link.csv",
        [{"event_id": "link", "ref": "pay-api:1", "event": "ticket_linked", "occurred_at": "2026-04-02T00:00:00Z", "ticket": "T-1"}],
    )
    return zone.all_files()


def deliver(files: dict[str, bytes], names: list[str], landing: Path, under: str = "") -> None:
    """Those files with their sidecars, under another name where one is given."""
    for name in names:
        for path in (name, f"{name}.meta.yaml"):
            if path in files:
                target = landing / Path(path).parent / f"{under}{Path(path).name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(files[path])


def rows(warehouse, names, leave_out=frozenset()) -> dict[str, list[str]]:
    """Rows of those marts as text, in one order."""
    with warehouse.open() as connection:
        found = {}
        for name in names:
            result = connection.execute(f"FROM mart.{name}")
            columns = [column[0] for column in result.description]
            found[name] = sorted(repr({c: v for c, v in zip(columns, row, strict=True) if c not in leave_out}) for row in result.fetchall())
        return found


def built_marts(warehouse) -> list[str]:
    found = [name for (name,) in warehouse.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart' ORDER BY ALL")]
    assert {"handoff", "handoff_latency", "finding"} <= set(found)
    return found


@few
@given(history=histories, rng=st.integers(0, 2**32).map(random.Random))
def test_any_order_chunking_and_repetition_of_arrival_gives_the_same_state_and_marts(tools, history, rng):
    files = written(tools, history)
    names = sorted(name for name in files if not name.endswith(".meta.yaml"))
    rng.shuffle(names)
    cuts = sorted(rng.sample(range(1, len(names)), rng.randrange(1, 4)))
    with folder() as here:
        at_once, in_parts = tools.Warehouse(here / "once"), tools.Warehouse(here / "parts")
        deliver(files, sorted(names), here / "whole")
        at_once.run(here / "whole", AS_OF, marts=True)
        for start, end in zip([0, *cuts], [*cuts, len(names)], strict=True):
            deliver(files, names[:end], here / "landing", under=f"from-{start}-")
            done = in_parts.run(here / "landing", AS_OF, marts=end == len(names))
            assert done.files_new == end - start
        assert in_parts.state_digest() == at_once.state_digest()
        assert in_parts.balances()
        marts = [name for name in built_marts(at_once) if name not in OF_THE_RECORD]
        # Where a file was found is no part of what it says.
        assert rows(in_parts, marts, {"path"}) == rows(at_once, marts, {"path"})
        assert broken_laws(at_once) == []


MERGED = ("finding", "finding_alias", "handoff", "failure_mode", "sla_breach")
ALIASED = {"asset_id": "pay", "name": "pay-api", "owner_team": "payments", "aliases": "pay-2"}


@few
@given(history=histories)
def test_merging_and_then_splitting_a_binding_restores_findings_t0_evidence_and_events(tools, history):
    """An alias that the register has for two days in which nothing else is judged, and then no more."""
    files = written(tools, history)
    names = sorted(name for name in files if not name.endswith(".meta.yaml"))
    plain = {key: value for key, value in ALIASED.items() if key != "aliases"}
    # Half of the longest budget is over by then, so that no rule looks into the two days.
    policy = {"handoff_sla": {"critical": "4bh", "high": "1bd", "medium": "1bd", "low": "1bd"}}
    with folder() as here:
        apart, together = tools.Warehouse(here / "apart"), tools.Warehouse(here / "together")
        deliver(files, names, here / "landing")
        shutil.copytree(here / "landing", here / "merging")
        for number, (as_of, captured, row) in enumerate(
            (
                ("2026-04-24T09:00:00Z", "2026-04-24T00:00:00Z", ALIASED),
                ("2026-04-26T09:00:00Z", "2026-04-26T00:00:00Z", {**plain, "aliases": "pay-9"}),
            )
        ):
            snapshot = tools.Zone().assets(row, path=f"assets/assets-2026-04-2{number}.csv", captured_at=captured)
            deliver(snapshot.all_files(), [f"assets/assets-2026-04-2{number}.csv"], here / "merging")
            apart.run(here / "landing", as_of, policy, marts=number == 1)
            together.run(here / "merging", as_of, policy, marts=True)
            if number == 0:
                merges(together)
        assert rows(together, MERGED, STAMPED) == rows(apart, MERGED, STAMPED)
        events = "SELECT event_id, finding_id, cycle, is_valid, status FROM mart.event WHERE method <> 'own' ORDER BY ALL"
        assert together.sql(events) == apart.sql(events)


def merges(together) -> None:
    """What the alias brings together: nothing is lost, and what was seen under both names is one finding from its earliest capture."""
    assert together.sql("SELECT sum(observations) FROM mart.finding") == together.sql(
        "SELECT count(DISTINCT observation_id) FROM record.observation"
    )
    both = "WHERE target IN ('pay-api', 'pay-2') GROUP BY ALL ORDER BY ALL"
    earliest = "coalesce(min(captured_at) FILTER (native_severity <> 'Info'), min(captured_at))"
    told = together.sql(f"SELECT vulnerability_key, min(first_captured_at), count(*) FROM mart.finding {both}")
    assert told == together.sql(f"SELECT vulnerability_key, {earliest}, 1 FROM record.observation {both}")


def test_no_mart_of_a_generated_programme_breaks_a_law(built_warehouse):
    assert broken_laws(built_warehouse) == []


#: Columns by which a mart is cut, and the value that is the whole. A cycle counts under each of its scanners; ungated ones have no failure mode.
WHOLE = {"severity": "all", "period_grain": "all", "business_unit": "all", "mapping_age": "all", "dimension": "all"}
PARTS_THAT_OVERLAP = {"scanner", "failure_mode"}


COLUMNS = "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'mart' AND table_name = ?"


def broken_laws(warehouse) -> list[str]:
    """Whatever a mart says that cannot be: a rate outside 0 to 1, a negative time or count, parts that do not add up to their whole."""
    found = []
    with warehouse.open() as connection:
        for name in built_marts(warehouse):
            columns = dict(connection.execute(COLUMNS, [name]).fetchall())
            for column in columns:
                if column.endswith(("_rate", "rate", "share", "probability", "epss")):
                    bad = f'"{column}" < 0 OR "{column}" > 1 OR isnan("{column}")'
                elif column.endswith("seconds") or (columns[column] in ("BIGINT", "INTEGER", "DOUBLE") and column != "difference"):
                    bad = f'"{column}" < 0 OR isnan("{column}"::DOUBLE)'
                else:
                    continue
                rows_of_it = connection.execute(f'SELECT "{column}" FROM mart.{name} WHERE {bad}').fetchall()
                found += [f"mart.{name}: {column} = {value}" for (value,) in rows_of_it]
            found += [f"mart.{name}: {line}" for line in sums(connection, name, columns)]
        found += [f"reconciliation: {row}" for row in connection.execute("FROM mart.reconciliation WHERE difference <> 0").fetchall()]
    return found


def sums(connection, name: str, columns: dict[str, str]) -> Iterator[str]:
    """Counts of the parts against that of the whole, along each column by which the mart is cut."""
    key = models.models()[name].key
    counts = [column for column, kind in columns.items() if kind == "BIGINT" and column not in (*key, *NOT_ADDITIVE.get(name, ()))]
    if not counts or name in NOT_CUT:
        return
    picked = ", ".join(f'"{column}"' for column in (*key, *counts))
    result = connection.execute(f"SELECT {picked} FROM mart.{name}")
    every = [dict(zip((*key, *counts), row, strict=True)) for row in result.fetchall()]
    for axis in (axis for axis in WHOLE if axis in key):
        own = {"period_grain": ("period_grain", "period_start"), "dimension": ("dimension", "dimension_value")}.get(axis, (axis,))
        rest = [column for column in key if column not in own]
        wholes, parts = {}, {}
        for row in every:
            place = tuple(row[column] for column in rest)
            if row[axis] == WHOLE[axis]:
                wholes[place] = row
            elif row[axis] not in PARTS_THAT_OVERLAP:
                grain = row[axis] if axis in ("period_grain", "dimension") else ""
                part = parts.setdefault((place, grain), dict.fromkeys(counts, 0))
                for column in counts:
                    part[column] += row[column]
        for (place, grain), part in parts.items():
            for column in counts:
                if place not in wholes or wholes[place][column] != part[column]:
                    whole = wholes.get(place, {}).get(column)
                    yield f"{axis} {grain} {place}: the parts have {part[column]} {column}, the whole {whole}"


#: Counts that are no sums over the parts: the same population beside each of them, a run of weeks.
NOT_ADDITIVE = {"ingest_capacity": ("weeks_above",), "no_acknowledgement": ("mature",)}
#: Marts without a row for the whole, or whose rows of a part are there only where something was.
NOT_CUT = {"dashboard", "dashboard_trend", "open_aging", "severity_matrix"}


def test_a_broken_law_is_seen(tools, zone, warehouse, tmp_path):
    zone.scan("2026-04-01T09:00:00Z").scan("2026-04-20T09:00:00Z", "High", own="B", cve="CVE-2").event(
        "acknowledged", "2026-04-02T09:00:00Z"
    )
    warehouse.run(zone.write(tmp_path / "landing"), AS_OF, marts=True)
    assert broken_laws(warehouse) == []
    with warehouse.open() as connection:
        connection.execute("UPDATE mart.handoff SET latency_seconds = -1 WHERE acknowledged_at IS NOT NULL")
        connection.execute(
            "UPDATE mart.handoff_latency SET handoffs = 7 WHERE period_grain = 'all' AND dimension = 'all' AND severity = 'all'"
        )
        connection.execute("UPDATE mart.handoff_latency SET no_acknowledgement_rate = 1.5 WHERE period_grain = 'month'")
    said = broken_laws(warehouse)
    for part in ("latency_seconds = -1", "no_acknowledgement_rate = 1.5", "the whole 7"):
        assert any(part in line for line in said), part
