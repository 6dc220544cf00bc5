"""The bundled demo: the whole job over demo/landing must give the numbers that expected.yaml has worked out by hand from the rulings."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from flows import explaining
from warehouse import published as copies
from warehouse.questions import questions

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo"
EXPECTED: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "expected.yaml").read_text(encoding="utf-8"))
FORMATS = {"sarif", "trivy", "grype", "snyk", "semgrep", "nessus", "zap", "openvas", "asff", "github_vulnerability", "cyclonedx", "generic"}
MARTS = (
    "finding",
    "finding_alias",
    "handoff",
    "stage",
    "segment",
    "segment_latency",
    "handoff_latency",
    "no_acknowledgement",
    "sla_breach",
    "failure_mode",
    "unrouted_queue",
    "binding_gap",
    "decayed_routing",
    "flag",
    "expectation_result",
    "reconciliation",
    "dashboard",
)


@pytest.fixture(scope="session")
def published(demo_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published copy of one run over the demo."""
    with duckdb.connect(str(demo_home / "handoff.duckdb"), read_only=True) as connection:
        yield connection


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, values or [])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _counts(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, int]:
    return dict(connection.execute(sql).fetchall())


def _find(connection: duckdb.DuckDBPyConnection, find: Mapping[str, Any]) -> dict[str, Any]:
    """The one cycle that `find` describes: target and vulnerability equal, title and place contain the text."""
    rows = _rows(
        connection,
        """
        SELECT handoff.*
        FROM mart.handoff
        JOIN mart.finding USING (finding_id)
        WHERE handoff.cycle = $cycle AND coalesce(handoff.target = $target, true)
            AND coalesce(finding.vulnerability_key = $vulnerability, true)
            AND coalesce(contains(handoff.title, $title), true) AND coalesce(contains(finding.location_key, $location), true)
        """,
        {"target": None, "vulnerability": None, "title": None, "location": None, **find},  # type: ignore[arg-type]
    )
    assert len(rows) == 1, f"{find} is {[(row['target'], row['title']) for row in rows]}"
    return rows[0]


def _plain(value: Any) -> Any:
    """An instant of either side in the published file's form: UTC without a zone."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _closely(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, numbers compared to the microsecond."""
    return {key: pytest.approx(value, abs=1e-6) if type(value) in (int, float) else value for key, value in wanted.items()}


def _name(case: Mapping[str, Any]) -> str:
    return re.sub(r"[^\w.]+", "-", "-".join(str(value) for value in case["find"].values()))


@pytest.mark.parametrize("case", EXPECTED["cycles"], ids=_name)
def test_cycle_is_what_the_rulings_give_by_hand(published: duckdb.DuckDBPyConnection, case: Mapping[str, Any]) -> None:
    row = _find(published, case["find"])
    wanted = {column: _plain(value) for column, value in case.items() if column != "find"}
    got = {column: _plain(row[column]) for column in wanted}
    assert got == _closely(wanted)


@pytest.mark.parametrize("mart", MARTS)
def test_mart_is_not_empty(published: duckdb.DuckDBPyConnection, mart: str) -> None:
    assert published.execute(f"SELECT count(*) FROM mart.{mart}").fetchone() != (0,)


def test_every_format_has_two_real_reports(published: duckdb.DuckDBPyConnection) -> None:
    loaded = "SELECT format, count(DISTINCT sha256) FROM record.landed_file WHERE kind = 'scan' AND status = 'loaded' GROUP BY format"
    reports = _counts(published, loaded)
    assert reports.keys() == FORMATS
    assert min(reports.values()) >= 2


TOTALS = {
    "rejected_rows": "SELECT reason, count(*) FROM record.rejected_row GROUP BY reason",
    "cycles_by_origin": "SELECT origin, count(*) FROM mart.handoff GROUP BY origin",
    "states": "SELECT state, count(*) FROM mart.handoff GROUP BY state",
    "handoff_breaches": "SELECT severity, count(*) FROM mart.sla_breach WHERE sla = 'handoff' GROUP BY severity",
    "remediation_breaches": "SELECT severity, count(*) FROM mart.sla_breach WHERE sla = 'remediation' GROUP BY severity",
    "single_breaches": "SELECT severity, count(*) FROM mart.sla_breach WHERE sla = 'single' GROUP BY severity",
    "breach_attribution": "SELECT breach_attribution, count(*) FROM mart.handoff GROUP BY breach_attribution",
    "primary_modes": "SELECT mode, count(*) FROM mart.failure_mode WHERE is_primary GROUP BY mode",
    "unrouted": "SELECT reason, count(*) FROM mart.unrouted_queue GROUP BY reason",
    "findings": "SELECT count(*) FROM mart.finding",
    "sightings": "SELECT count(*) FROM mart.finding_alias",
    "mature": "SELECT count(*) FROM mart.handoff WHERE is_mature",
    "unacknowledged": "SELECT count(*) FROM mart.handoff WHERE is_unacknowledged",
    "misattributed": "SELECT count(*) FROM mart.handoff WHERE misattributed",
    "waiting_events": "SELECT count(*) FROM mart.event WHERE finding_id IS NULL AND status = 'no_match'",
}


@pytest.mark.parametrize("total", TOTALS)
def test_total_is_what_was_counted_by_hand(published: duckdb.DuckDBPyConnection, total: str) -> None:
    wanted = EXPECTED["totals"][total]
    rows = published.execute(TOTALS[total]).fetchall()
    assert (dict(rows) if isinstance(wanted, dict) else rows[0][0]) == wanted


def test_delivered_files_are_loaded_but_for_the_error_page(published: duckdb.DuckDBPyConnection) -> None:
    landing = DEMO / "landing"
    files = [path for path in landing.rglob("*") if path.is_file() and not path.name.endswith(".meta.yaml")]
    delivered = [path.relative_to(landing).as_posix() for path in files]
    landed = _rows(published, "SELECT split_part(path, '!', 1) AS path, status FROM record.landed_file")
    statuses = {row["path"]: row["status"] for row in landed if row["path"] in delivered}
    assert statuses.keys() == set(delivered)
    got = {status: list(statuses.values()).count(status) for status in set(statuses.values())}
    assert got == EXPECTED["totals"]["delivered_files"]
    assert statuses["scans/trivy/nightly-upload.json"] == "quarantined"


def test_rows_of_every_file_balance(published: duckdb.DuckDBPyConnection) -> None:
    unbalanced = "SELECT path FROM record.landed_file WHERE rows_in <> rows_new + rows_duplicate + rows_rejected"
    assert published.execute(unbalanced).fetchall() == []


def test_finding_with_an_unknown_severity_term_is_kept_and_not_handed_off(published: duckdb.DuckDBPyConnection) -> None:
    findings = _rows(published, "SELECT finding_id, severity, is_open FROM mart.finding WHERE list_contains(own_ids, 'PT-2')")
    assert [finding["severity"] for finding in findings] == ["unrated"]
    assert published.execute("SELECT count(*) FROM mart.handoff WHERE finding_id = ?", [findings[0]["finding_id"]]).fetchone() == (0,)


def test_segments_of_a_fully_observed_cycle(published: duckdb.DuckDBPyConnection) -> None:
    row = _find(published, EXPECTED["segments"]["find"])
    segments = "SELECT segment, seconds FROM mart.segment WHERE finding_id = ? AND cycle = ?"
    assert dict(published.execute(segments, [row["finding_id"], row["cycle"]]).fetchall()) == EXPECTED["segments"]["seconds"]


def test_stage_spans_add_up_to_the_handoff_segment(published: duckdb.DuckDBPyConnection) -> None:
    differing = """
        SELECT finding_id
        FROM mart.handoff
        JOIN mart.stage USING (finding_id, cycle)
        WHERE triaged_at IS NOT NULL
        GROUP BY finding_id, cycle, triaged_at, captured_at
        HAVING sum(span_us) <> epoch_us(triaged_at) - epoch_us(captured_at)
    """
    assert published.execute(differing).fetchall() == []


@pytest.mark.parametrize("figure", EXPECTED["dashboard"], ids=lambda figure: f"{figure['number']}-{figure['severity']}-{figure['clock']}")
def test_dashboard_figure_of_the_week(published: duckdb.DuckDBPyConnection, figure: Mapping[str, Any]) -> None:
    columns = ("value", "population", "previous_value", "previous_population")
    rows = _rows(
        published,
        """
        SELECT *
        FROM mart.dashboard
        WHERE period_grain = 'week' AND failure_mode IS NULL AND number = ? AND severity = ? AND clock IS NOT DISTINCT FROM ?
        """,
        [figure["number"], figure["severity"], figure["clock"]],
    )
    assert [{column: row[column] for column in columns} for row in rows] == [_closely({column: figure[column] for column in columns})]


# The questions of the cookbook


@pytest.mark.parametrize("name", questions())
def test_question_has_one_row_for_each_key(published: duckdb.DuckDBPyConnection, name: str) -> None:
    key = ", ".join(f'"{column}"' for column in questions()[name].model.key)
    counted = f"SELECT (SELECT count(*) FROM question.{name}), (SELECT count(*) FROM (SELECT DISTINCT {key} FROM question.{name}))"
    rows, keys = published.execute(counted).fetchall()[0]
    assert rows == keys
    assert (rows > 0) == (name != "corrected_since"), "no t0 of the demo was ever corrected; everything else has an answer"


@pytest.mark.parametrize(
    ("total", "question"),
    {
        "breach_attribution": "SELECT breach_attribution, sum(handoffs)::INTEGER FROM question.who_broke_which_sla GROUP BY breach_attribution",
        "primary_modes": "SELECT failure_mode, primary_of FROM question.why_handoffs_fail WHERE primary_of > 0",
        "unrouted": "SELECT reason, count(*) FROM question.waiting_for_nobody GROUP BY reason",
        "misattributed": "SELECT sum(wrongly_blamed)::INTEGER FROM question.teams_blamed_by_a_single_sla",
        "rejected_rows": "SELECT reasons[1], sum(rows_rejected)::INTEGER FROM question.files_that_lost_rows WHERE len(reasons) = 1 GROUP BY reasons",
    }.items(),
)
def test_question_answers_what_was_counted_by_hand(published: duckdb.DuckDBPyConnection, total: str, question: str) -> None:
    wanted = EXPECTED["totals"][total]
    rows = published.execute(question).fetchall()
    assert (dict(rows) if isinstance(wanted, dict) else rows[0][0]) == wanted


#: The result of demo/landing/scans/semgrep that the events e020 to e022 of tracker.csv are about.
_GENERATOR = "136875::generators/generator-examplelearn/app/templates/examplelearn-serving::ssc-82207871-bbda-49be-b1af-49fd927a2f93::reachable"


def test_due_date_is_explained_by_budget_calendar_and_start(published: duckdb.DuckDBPyConnection) -> None:
    (row,) = _rows(published, "FROM question.why_it_is_due_then SEMI JOIN (FROM mart.finding WHERE list_contains(own_ids, ?)) USING (finding_id)", [_GENERATOR])
    # Captured on a Friday at 16:00 in Berlin: one open hour that day, the other seven from 09:00 of the Monday, when summer time holds.
    assert (row["severity"], row["handoff_budget"], row["calendar"]) == ("high", "1bd", "berlin")
    assert (row["captured_at"], row["handoff_due_at"]) == (datetime(2026, 3, 27, 15), datetime(2026, 3, 30, 14))
    # 30 days of wall time from the acknowledgement of event e022.
    assert (row["remediation_budget"], row["acknowledged_at"], row["remediation_due_at"]) == ("30d", datetime(2026, 3, 31, 10), datetime(2026, 4, 30, 10))


def test_figure_leads_to_the_rows_of_its_files(published: duckdb.DuckDBPyConnection) -> None:
    rows = _rows(published, "FROM question.files_behind_a_figure SEMI JOIN (FROM mart.finding WHERE list_contains(own_ids, ?)) USING (finding_id)", [_GENERATOR])
    assert [(row["path"], row["kind"], row["pointers"]) for row in rows] == [
        ("scans/semgrep/sca-deployments-vulns.json", "observation", ["/vulns/6"]),
        ("activity/tracker.csv", "event", ["row 21", "row 22", "row 23"]),
        ("scans/semgrep/sca-deployments-vulns.2026-04-20.json.gz", "observation", ["/vulns/6"]),
    ]


def test_notifications_are_those_of_the_delivered_log(published: duckdb.DuckDBPyConnection) -> None:
    with (DEMO / "landing" / "activity" / "tracker.csv").open(encoding="utf-8", newline="") as file:
        sent = Counter(row["target_person"] for row in csv.DictReader(file) if row["event"] == "notified")
    assert _counts(published, "SELECT person, notifications FROM question.notifications_per_person") == sent


def test_open_work_of_a_person_is_due_by_the_clock_that_runs(published: duckdb.DuckDBPyConnection) -> None:
    rows = _rows(published, "FROM question.open_for_a_person WHERE owner_id = 'ben'")
    handoffs = {(row["finding_id"], row["cycle"]): row for row in _rows(published, "FROM mart.handoff WHERE owner_id = 'ben' AND is_open")}
    assert {(row["finding_id"], row["cycle"]) for row in rows} == handoffs.keys() != set()
    for row in rows:
        handoff = handoffs[row["finding_id"], row["cycle"]]
        runs = "handoff_due_at" if handoff["acknowledged_at"] is None else "remediation_due_at"
        assert row["due_at"] == handoff[runs]
    assert rows == sorted(rows, key=lambda row: (row["due_at"], row["finding_id"], row["cycle"]))


def test_assets_not_scanned_in_time_are_the_exceptions_of_the_obligation(published: duckdb.DuckDBPyConnection) -> None:
    exceptions = "SELECT subject_id FROM mart.obligation WHERE obligation = 'monitoring_cadence' AND status = 'exception' ORDER BY ALL"
    late = published.execute("SELECT asset_id FROM question.assets_not_scanned_in_time ORDER BY ALL").fetchall()
    assert late == published.execute(exceptions).fetchall() != []


EXPLAINED = ROOT / "tests" / "golden" / "explain"


@pytest.mark.parametrize("finding", sorted(path.stem for path in EXPLAINED.glob("*.txt")))
def test_a_finding_is_explained_in_these_words(demo_home: Path, finding: str) -> None:
    """Read line by line against the landing zone (tests/golden/explain/README.md)."""
    told = explaining.text(copies.life(demo_home, finding))
    assert told.splitlines() == (EXPLAINED / f"{finding}.txt").read_text(encoding="utf-8").splitlines()
    assert max(len(line) for line in told.splitlines()) <= explaining.WIDTH


def test_every_finding_of_the_demo_can_be_explained(demo_home: Path, published: duckdb.DuckDBPyConnection) -> None:
    """Each of its events, decisions and failure modes stands in its life once; both clocks add up."""
    for (finding_id,) in published.execute("SELECT finding_id FROM mart.finding ORDER BY ALL").fetchall():
        found = copies.explain(demo_home, finding_id)
        kinds = Counter(entry["kind"] for entry in found["timeline"])
        assert kinds["event"] == len(found["records"]["event"])
        assert kinds["decision"] == len(found["records"]["decision"])
        assert [entry["when"] for entry in found["timeline"]] == sorted(entry["when"] for entry in found["timeline"])
        for cycle in found["handoffs"]:
            spans = [row for row in found["records"]["stage"] if row["cycle"] == cycle["cycle"] and row["stage"] != "triage_entry"]
            if cycle["acknowledged_at"]:
                assert sum(row["span_seconds"] or 0 for row in spans) == pytest.approx(cycle["clock_seconds"], abs=1e-6)
                assert sum(row["business_seconds"] or 0 for row in spans) == pytest.approx(cycle["clock_business_seconds"], abs=1e-6)
