"""The same record under another policy: the law that it equals a run under that policy, and what is said of the difference."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml

from transforms.domain.errors import UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import _overlay
from warehouse import dictionary, history, models, record, whatif

#: What a what-if may ask, by whether runs could have completed other stages under it.
SAME_STAGES = {
    "handoff_sla": {"critical": "2bh", "high": "3h", "medium": "1bd"}, "remediation_sla": {"critical": "3d"},
    "acknowledgement_window": {"critical": "6h", "low": "10d"}, "binding_due_share": 0.25, "noise": {"threshold": 3, "repeats": 2, "window": "48h"},
    "verdict": {"minimum": 2, "critical": {"median": "1h"}}, "reporting_zone": "Asia/Tokyo", "time_quality": {"bulk_count": 3},
}  # fmt: skip
OTHER_STAGES = {
    "reopen": {"grace": "0s"}, "controls": {"attestation": "10d"}, "acknowledgement": {"allowed": ["owner"], "unowned": "nobody"},
    "severity": {"kev": "critical", "calibration": {"*": {"medium": "critical", "low": "informational", "info": "low"}}},
    "scans": {"authorized": ["pay*"]}, "calendars": {"default": {"time_zone": "America/New_York", "windows": ["08:00-12:00", "13:00-20:00"]}},
}  # fmt: skip


def half(landing: Path, target: Path, seed: int) -> Path:
    """The registers and about half of the other files, with their sidecars: what an earlier run found."""
    dice = random.Random(seed)
    for path in sorted(path for path in landing.rglob("*") if path.is_file() and not path.name.endswith(".meta.yaml")):
        if path.parent.name in ("assets", "people") or dice.random() < 0.5:
            for file in (path, path.with_name(f"{path.name}.meta.yaml")):
                if file.exists():
                    (target / file.relative_to(landing)).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, target / file.relative_to(landing))
    return target


def mart_digests(connection) -> dict[str, str]:
    names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart' ORDER BY ALL").fetchall()
    return {name: record._rows_digest(connection, f"mart.{name}", (), "true") for (name,) in names}


@pytest.mark.parametrize(("seed", "changes", "replayed"), [(0, SAME_STAGES, 0), (6, OTHER_STAGES, 2)], ids=["same stages", "other stages"])
def test_a_what_if_is_what_runs_under_that_policy_would_have_published(generate, tools, tmp_path, seed, changes, replayed):
    """Two runs, the second with more; every mart of both sides, to the row."""
    as_of = generate.write_landing(seed, tmp_path, 6)
    base = yaml.safe_load((tmp_path / "policy.yaml").read_text(encoding="utf-8")) or {}
    other = _overlay(base, changes)
    first = half(tmp_path / "landing", tmp_path / "first", seed)
    homes = [tools.Warehouse(tmp_path / name) for name in ("base", "other")]
    for warehouse, policy in zip(homes, (base, other), strict=True):
        warehouse.run(first, iso(tools.us(as_of) - 20 * 86_400_000_000), policy, finished=True)
        warehouse.run(tmp_path / "landing", as_of, policy, published=True)
    home, at = homes[0].home, tools.us(as_of)
    (tmp_path / "work").mkdir()
    with tools.parsed_here():
        sides = whatif.build_sides(tmp_path / "work", home, tools.make_policy(base), tools.make_policy(other), [], history.runs_until(home, at), at, "code")
    assert sides == ([], replayed)
    digests = []
    for warehouse, side in zip(homes, ("base", "other"), strict=True):
        with warehouse.open() as published, duckdb.connect(str(tmp_path / "work" / f"{side}.duckdb")) as replay:
            digests.append((mart_digests(published), mart_digests(replay)))
    assert digests[0][0] == digests[0][1]
    assert digests[1][0] == digests[1][1]
    assert digests[0][0]["handoff"] != digests[1][0]["handoff"], "the policy changed nothing: the law would hold of itself"


@pytest.fixture(scope="module")
def home(tools, tmp_path_factory):
    """A home after one run over six handoffs; not to be written to. bo, of the owning team, acknowledged one; cy, of another, none."""
    folder, zone = tmp_path_factory.mktemp("asked"), tools.Zone()
    for own, severity in (("A", "Critical"), ("B", "Critical"), ("C", "High"), ("D", "High"), ("E", "Low"), ("F", "Low")):
        zone.scan("2026-04-01T09:00:00Z", severity, own=own, cve=f"CVE-2026-{ord(own)}")
    zone.event("acknowledged", "2026-04-01T12:00:00Z", ref="A").event("acknowledged", "2026-04-01T15:00:00Z", "bo", ref="B")
    zone.event("acknowledged", "2026-04-01T10:00:00Z", ref="C").event("acknowledged", "2026-04-02T10:00:00Z", ref="E")
    for number, ref in enumerate("EEF"):
        zone.event("notified", f"2026-04-01T1{number}:30:00Z", "bot", ref=ref, target_person="anna")
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(zone.write(folder / "landing"), "2026-05-01T00:00:00Z", published=True)
    return warehouse.home


def asked(home, tools, out, overlay=None, registers=(), as_of=None):
    """The what-if's outcome, and its file open."""
    with tools.parsed_here():
        found = whatif.replay(home, None if overlay is None else ("other.yaml", yaml.safe_dump(overlay)), registers, as_of, out, "code")
    return found, duckdb.connect(str(found.out), read_only=True) if found.out else None


def measure(connection, name, severity="all", mode=None, **more):
    clauses = {"period_grain": "all", "dimension": "all", "failure_mode": mode, **more}
    where = " AND ".join(f"{column} IS NOT DISTINCT FROM ${column}" for column in clauses)
    query = f"SELECT base, whatif, difference, base_population, whatif_population, cycles_changed FROM whatif.difference WHERE measure = $measure AND severity = $severity AND {where}"
    return connection.execute(query, {"measure": name, "severity": severity, **clauses}).fetchall()


def test_the_runs_own_policy_makes_no_difference(home, tools, tmp_path):
    found, _ = asked(home, tools, tmp_path / "out.duckdb", {})
    assert (found.out, found.changes) == (None, [])
    assert not (tmp_path / "out.duckdb").exists()
    assert not home.whatifs.exists()


def test_the_other_policy_lies_over_the_runs_own(zone, tools, tmp_path):
    warehouse = tools.Warehouse(tmp_path / "home")
    warehouse.run(zone.scan("2026-04-01T09:00:00Z").write(tmp_path / "landing"), "2026-05-01T00:00:00Z", {"handoff_sla": {"high": "2bd"}}, published=True)
    found, _ = asked(warehouse.home, tools, tmp_path / "out.duckdb", {"handoff_sla": {"critical": "2bh"}})
    assert [tuple(change) for change in found.changes] == [("handoff_sla.critical", "4bh", "2bh")]


def test_a_stricter_sla_is_told_measure_by_measure(home, tools, tmp_path):
    before = home.published.read_bytes(), home.warehouse.read_bytes()
    found, connection = asked(home, tools, tmp_path / "out.duckdb", {"handoff_sla": {"critical": "2bh"}})
    with connection:
        # A was acknowledged after 3 hours, B after 6: B broke the run's 4 hours, both break 2.
        assert measure(connection, "handoff_sla_breaches", "critical") == [(1, 2, 1, 2, 2, 1)]
        assert measure(connection, "handoff_sla_breaches", "critical", "unexplained") == [(1, 2, 1, 2, 2, 1)]
        assert measure(connection, "handoff_sla_breaches", dimension="team", dimension_value="payments") == [(3, 4, 1, 6, 6, 1)]
        assert measure(connection, "median_handoff_latency", "critical", clock="wall") == [(16_200, 16_200, 0, 2, 2, 0)]
        changed = "SELECT finding_id, \"column\", base, whatif FROM whatif.changed_cycle ORDER BY count(*) OVER (PARTITION BY finding_id) DESC, 2"
        rows = connection.execute(changed).fetchall()
        assert [row[1:] for row in rows if row[0] == rows[0][0]] == [
            ("breach_attribution", "remediation", "both"),
            ("budget_business_seconds", "14400.0", "7200.0"),
            ("failure_mode", None, "unexplained"),
            ("handoff_breached", "false", "true"),
            ("handoff_due_at", "2026-04-01 13:00:00", "2026-04-01 11:00:00"),
            ("single_sla_due_at", "2026-04-08 13:00:00", "2026-04-08 11:00:00"),
        ]
        assert {row[1] for row in rows if row[0] != rows[0][0]} == {"budget_business_seconds", "handoff_due_at", "single_sla_due_at"}, "B was broken before"
        assert connection.execute("FROM whatif.policy_change").fetchall() == [("handoff_sla.critical", "4bh", "2bh")]
        assert connection.execute("SELECT runs_replayed, whatif_policy_digest, epoch_us(as_of) FROM whatif.replay").fetchall() == [
            (0, tools.make_policy({"handoff_sla": {"critical": "2bh"}}).digest, found.as_of_us)
        ]
    assert (home.published.read_bytes(), home.warehouse.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.duckdb"]


def test_who_may_acknowledge_changes_latency_rate_and_population(home, tools, tmp_path):
    found, connection = asked(home, tools, tmp_path / "out.duckdb", {"acknowledgement": {"allowed": ["owner"]}})
    assert found.runs_replayed == 1
    with connection:
        assert measure(connection, "median_handoff_latency", "critical", clock="wall") == [(16_200, 10_800, -5_400, 2, 1, 1)]
        assert measure(connection, "no_acknowledgement_rate", "critical") == [(0, 0.5, 0.5, 2, 2, 1)]
        assert measure(connection, "no_acknowledgement_rate", "high") == [(0.5, 0.5, 0, 2, 2, 0)]
        assert measure(connection, "kaplan_meier_median", "critical", clock="wall")[0][-1] == 1
        assert connection.execute("SELECT DISTINCT measure FROM whatif.difference WHERE is_changed AND severity = 'low'").fetchall() == []


def test_a_verdict_is_a_word(home, tools, tmp_path):
    _, connection = asked(home, tools, tmp_path / "out.duckdb", {"verdict": {"minimum": 2}})
    with connection:
        query = "SELECT severity, base_word, whatif_word, cycles_changed, unit FROM whatif.difference WHERE measure = 'verdict' AND dimension = 'all' AND is_changed"
        assert connection.execute(query).fetchall() == [("critical", "too_few", "durable", 0, "word")]


def test_every_table_is_as_it_is_documented(home, tools, tmp_path):
    _, connection = asked(home, tools, tmp_path / "out.duckdb", {"dispatch": {"digest": {"low": "business_day"}}})
    with connection:
        stored = connection.execute("SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL").fetchall()
        tables = connection.execute("SELECT table_name, comment FROM duckdb_tables() ORDER BY ALL").fetchall()
    entries = [entry for entry in dictionary.entries() if entry.schema == "whatif"]
    assert stored == sorted(("whatif", entry.name, *column) for entry in entries for column in entry.columns)
    assert tables == sorted((entry.name, entry.comment) for entry in entries)


def test_measures_of_a_row_are_one_row(home, tools, tmp_path):
    _, connection = asked(home, tools, tmp_path / "out.duckdb", {"acknowledgement": {"allowed": ["owner"]}, "reporting_zone": "Asia/Tokyo"})
    with connection:
        for name in ("difference", "changed_cycle", "policy_change"):
            key = ", ".join(f'"{column}"' for column in models.declared(f"whatif/{name}").key)
            assert connection.execute(f"SELECT {key} FROM whatif.{name} GROUP BY ALL HAVING count(*) > 1").fetchall() == [], name


def test_a_digest_window_merges_messages_and_moves_no_acknowledgement(home, tools, tmp_path):
    _, connection = asked(home, tools, tmp_path / "out.duckdb", {"dispatch": {"digest": {"low": "business_day"}}, "handoff_sla": {"high": "2bd"}})
    with connection:
        rows = connection.execute("SELECT status, delivered_at::VARCHAR, delay_seconds FROM whatif.dispatch ORDER BY dispatched_at").fetchall()
        assert rows == [("in_digest", "2026-04-02 09:00:00", 81_000), ("in_digest", "2026-04-02 09:00:00", 77_400), ("in_digest", "2026-04-02 09:00:00", 73_800)]
        assert measure(connection, "notification_messages") == [(3, 1, -2, 3, 3, 2)]
        assert measure(connection, "median_handoff_latency", "low", clock="wall") == [(90_000, 90_000, 0, 1, 1, 0)]
        moved = connection.execute("SELECT base, whatif FROM whatif.changed_cycle WHERE \"column\" = 'notified_at' ORDER BY ALL").fetchall()
        assert moved == [("2026-04-01 10:30:00", "2026-04-02 09:00:00"), ("2026-04-01 12:30:00", "2026-04-02 09:00:00")]


# Registers


def test_another_routing_table_stands_in_for_the_recorded_one(home, tools, tmp_path):
    register = tmp_path / "mapping.csv"
    register.write_text("match,person_id,team\nasset:pay,gone,payments\n")
    found, connection = asked(home, tools, tmp_path / "out.duckdb", registers=[register])
    with connection:
        assert connection.execute("FROM whatif.policy_change").fetchall() == [("register ownership", "1 recorded snapshot", "mapping.csv")]
        assert measure(connection, "unrouted_queue_depth") == [(0, 2, 2, 6, 6, 2)]
        assert connection.execute("SELECT DISTINCT whatif FROM whatif.changed_cycle WHERE \"column\" = 'routing_status'").fetchall() == [("unknown_person",)]
    assert (found.runs_replayed, found.is_other_code) == (1, False)


def test_a_file_of_two_registers_stands_in_for_both(home, tools, tmp_path):
    register = tmp_path / "services.csv"
    register.write_text("service,owner,team\npay,gone,payments\n")
    _, connection = asked(home, tools, tmp_path / "out.duckdb", registers=[register])
    with connection:
        assert connection.execute("FROM whatif.policy_change").fetchall() == [("register assets+ownership", "2 recorded snapshots", "services.csv")]
        assert measure(connection, "unrouted_queue_depth") == [(0, 2, 2, 6, 6, 2)]
    (tmp_path / "assets.csv").write_text("asset_id\npay\n")
    with pytest.raises(UsageError, match="both of assets"):
        asked(home, tools, tmp_path / "other.duckdb", registers=[register, tmp_path / "assets.csv"])


def test_the_recorded_register_itself_changes_no_handoff(home, tools, tmp_path):
    register = tmp_path / "ownership.csv"
    register.write_text("match,person_id,team\nasset:pay,anna,payments\n")
    _, connection = asked(home, tools, tmp_path / "out.duckdb", registers=[register])
    with connection:
        assert connection.execute("SELECT count(*) FROM whatif.changed_cycle").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM whatif.difference WHERE is_changed").fetchone() == (0,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["cannot be read"]),
        ("hello\n", ["ownership_csv"]),
        ("match,person_id,priority\nasset:pay,anna,soon\n", ["row 2", "bad_priority"]),
        ("match,person_id\n", ["no row"]),
    ],
)
def test_a_register_that_cannot_be_used_is_said(home, tools, tmp_path, text, words):
    if text is not None:
        (tmp_path / "mapping.csv").write_text(text)
    with pytest.raises(UsageError) as error:
        asked(home, tools, tmp_path / "out.duckdb", registers=[tmp_path / "mapping.csv"])
    for word in ("--ownership", "mapping.csv", *words):
        assert word in str(error.value)


def test_two_files_of_one_register_are_refused(home, tools, tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("match,person_id\nasset:pay,anna\n")
    with pytest.raises(UsageError, match="both of ownership"):
        asked(home, tools, tmp_path / "out.duckdb", registers=[tmp_path / "a.csv", tmp_path / "b.csv"])


# Where it goes, and what is refused


def test_by_default_it_goes_into_the_home_under_a_name_of_the_question(zone, warehouse, tools, tmp_path):
    warehouse.run(zone.scan("2026-04-01T09:00:00Z").write(tmp_path / "landing"), "2026-05-01T00:00:00Z", published=True)
    outs = []
    for threshold in (3, 3, 4):
        found, connection = asked(warehouse.home, tools, None, {"noise": {"threshold": threshold}})
        connection.close()
        outs.append(found.out)
    assert outs[0] == outs[1] != outs[2]
    assert sorted(warehouse.home.whatifs.iterdir()) == sorted({*outs})


def test_a_file_that_is_there_is_not_written_over(home, tools, tmp_path):
    (tmp_path / "out.duckdb").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        asked(home, tools, tmp_path / "out.duckdb", {"noise": {"threshold": 3}})
    assert (tmp_path / "out.duckdb").read_text() == "mine"
    with pytest.raises(UsageError, match="no folder"):
        asked(home, tools, tmp_path / "nowhere" / "out.duckdb", {"noise": {"threshold": 3}})


@pytest.mark.parametrize("as_of", ["2026-04-30T00:00:00Z", "2026-05-02T00:00:00Z"])
def test_only_what_is_known_can_be_replayed(home, tools, tmp_path, as_of):
    with pytest.raises(UsageError, match="--as-of"):
        asked(home, tools, tmp_path / "out.duckdb", {"noise": {"threshold": 3}}, as_of=tools.us(as_of))


def test_measures_of_marts_that_are_there_only_later_are_written_against_their_contract(tmp_path):
    """Their columns as the marts declare them: a query that does not fit is found here, whether or not this version builds them."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA mart")
        connection.execute("CREATE TABLE mart.ownership_currency (dimension VARCHAR, dimension_value VARCHAR, severity VARCHAR, mapping_age VARCHAR, open_findings BIGINT, owned BIGINT, active BIGINT, currency_rate DOUBLE, owned_currency_rate DOUBLE, median_mapping_age_seconds DOUBLE)")
        connection.execute("INSERT INTO mart.ownership_currency VALUES ('all', 'all', 'all', 'all', 4, 3, 2, 0.5, 2 / 3, NULL), ('all', 'all', 'all', 'no owner', 1, 0, 0, 0, NULL, NULL)")
        connection.execute("CREATE TABLE mart.ingest_capacity (week_start DATE, business_unit VARCHAR, step VARCHAR, opened BIGINT, completed BIGINT, queue BIGINT, throughput DOUBLE, utilisation DOUBLE, expected_wait_seconds DOUBLE, weeks_above BIGINT)")
        connection.execute("INSERT INTO mart.ingest_capacity VALUES ('2026-04-20', 'all', 'routed', 9, 9, 9, 9, 9, 9, 9), ('2026-04-27', 'all', 'routed', 3, 1, 2, 1.5, 2, 806400, 1)")
        found = {}
        for name in sorted(whatif._NOT_YET):
            result = connection.execute(whatif.sql_file(f"whatif/measure/{name}.sql"))
            names = [column[0] for column in result.description]
            found |= {row["measure"]: row["value"] for row in (dict(zip(names, values, strict=True)) for values in result.fetchall())}
    assert found == {
        "open_findings_with_an_owner": 3, "open_findings_with_an_active_owner": 2, "ownership_currency": 0.5, "ownership_currency_of_the_owned": pytest.approx(2 / 3),
        "routed_queue": 2, "routed_throughput_a_week": 1.5, "routed_utilisation": 2, "routed_expected_wait": 806_400,
    }  # fmt: skip
