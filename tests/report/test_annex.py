"""What only one of the three reports has: what to do now, the audit annex; and what data quality says of a median."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

import duckdb
import polars
import pytest

from transforms import report
from transforms.report.sections import audit, data_quality, in_order, today
from warehouse import reports
from warehouse.schema import sql_file


def text(markup: object) -> str:
    return unescape(re.sub("<[^>]+>", "", re.sub("</t[dh]>", "|", str(markup)))).replace("\N{NO-BREAK SPACE}", " ")


def test_each_report_says_for_whom_it_is(plain_path):
    found = reports.frames(plain_path)
    for grain, words in (("week", "For security operations"), ("month", "For leadership"), ("quarter", "For steering and audit")):
        assert f'<p class="audience">{words}' in report.render(found, grain)


def test_only_some_sections_stand_in_each():
    names = {grain: {section.NAME for section in in_order(grain)} for grain in ("week", "month", "quarter")}
    everywhere = {"five_numbers", "diagnosis", "changes", "data_quality", "definitions"}
    assert all(everywhere <= found for found in names.values())
    assert "today" in names["week"] - names["month"] - names["quarter"]
    assert "audit" in names["quarter"] - names["month"] - names["week"]


# What to do now


def tasks(**items: int) -> dict[str, polars.DataFrame]:
    names = ("overdue", "bind", "reassign", "held", "quarantined")
    return {
        "to_do": polars.DataFrame([{"place": place, "task": name, "items": items.get(name, 0)} for place, name in enumerate(names, 1)]),
        "due_next": polars.DataFrame({"handoffs": [items["due"]]} if "due" in items else {"handoffs": []}),
        "early_warning": polars.DataFrame({"kinds": [[{"kind": "source_silent", "warnings": items["silent"]}]]} if "silent" in items else {"kinds": []}),
    }


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ({}, "No open handoff falls due in the next 48 hours, and nothing else waits for a person."),
        ({"silent": 2}, "No open handoff falls due in the next 48 hours, and nothing else waits for a person. Early warning: 2 silent sources."),
        ({"due": 2, "held": 1}, "2 open handoffs fall due in the next 48 hours; there is 1 held file."),
        ({"due": 1, "overdue": 3, "reassign": 1}, "1 open handoff falls due in the next 48 hours; there are 3 open handoffs past due without an acknowledgement and 1 handoff routed to nobody valid."),
    ],
)
def test_what_waits_in_words(items, sentence):
    assert today.lede(tasks(**items)) == sentence


def test_what_waits_is_what_the_marts_hold(plain_path):
    found = reports.frames(plain_path)
    waiting = plain_path.execute(
        "SELECT count(*) FILTER (WHERE handoff_due_at < as_of), count(*) FILTER (WHERE handoff_due_at BETWEEN as_of AND as_of + INTERVAL 2 DAY) "
        "FROM mart.handoff CROSS JOIN derived.parameter WHERE is_open AND acknowledged_at IS NULL"
    ).fetchone()
    items = dict(found["to_do"].select("task", "items").rows())
    assert (items["overdue"], len(found["due_next"])) == waiting
    assert sum(waiting) > 0
    assert set(items) == set(today._TASKS)


def test_early_warnings_stand_there_with_whom_to_call_and_what_to_do():
    rows = [("source_silent", "high", "source", "trivy", None, None, "trivy has brought nothing", [], "see whether it runs")]
    rows += [("breach_expected", "critical", "handoff", f"f{number:02}", 1, datetime(2026, 5, 4, number), f"late {number}", ["anna", "<b>mara"], "have them answer") for number in range(11)]
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "CREATE SCHEMA mart; CREATE TABLE mart.early_warning (kind VARCHAR, severity VARCHAR, subject_kind VARCHAR, subject_id VARCHAR, cycle INTEGER, due_at TIMESTAMP, "
            "detail VARCHAR, call VARCHAR[], action VARCHAR)"
        )
        connection.executemany(f"INSERT INTO mart.early_warning VALUES ({', '.join('?' * 9)})", rows)
        frame = connection.execute(sql_file("report/early_warning.sql")).pl()
    found = {**tasks(), "early_warning": frame}
    assert today.lede(found).endswith("Early warning: 11 breaches to expect within five business days, 1 silent source.")
    page = str(today.render(found))
    assert "<b>" not in page and "the first 10 of 12 (all: handoff warnings)" in page
    assert next(line for line in text(page).splitlines() if line.startswith("Breach expected|")) == "Breach expected|critical|late 0 f00|anna, then <b>mara|have them answer|"


def test_early_warnings_name_persons_to_security_operations_alone():
    assert today.KINDS == ("week",) and [name for grain in ("month", "quarter") for section in in_order(grain) for name in section.QUERIES if name == "early_warning"] == []


# The audit annex


def test_the_annex_lists_every_control_and_how_to_print_the_page_again(plain_path):
    found = reports.frames(plain_path)
    found["period"] = found["period"].filter(polars.col("period_grain") == "quarter")
    shown = text(audit.render(found))
    controls = plain_path.execute("SELECT control || ' ' || framework, title, population, complete_chains, exceptions, pending FROM mart.control_evidence").fetchall()
    assert len(controls) > 10
    for row in controls:
        assert "|".join(map(str, row)) in shown
    obligations = plain_path.execute("SELECT count(DISTINCT (obligation, subject)) FROM mart.obligation").fetchone()
    assert len(found["obligation"]) == obligations[0]
    assert "handoff report quarterly --as-of 2026-05-04T12:00:00Z --out FILE" in shown
    assert "default" in shown


def test_the_annex_of_nothing(nothing_landed):
    found = reports.frames(nothing_landed)
    found["period"] = found["period"].filter(polars.col("period_grain") == "quarter")
    assert audit.lede(found) == "The record holds nothing yet that a control could be answered from."
    assert "none" not in text(audit.render(found)).lower()


# What data quality does to a median


CAPTURES = {
    "acknowledged": 5, "stated": 3, "only_a_day": 1, "of_file": 1, "of_event": 0, "unobserved": 2, "median_seconds": 7_200.0,
    "only_a_day_low_seconds": 3_600.0, "of_file_high_seconds": float("inf"), "unobserved_low_seconds": 60.0, "unobserved_high_seconds": 9_000.0,
}  # fmt: skip


def test_each_doubt_bounds_the_median(plain_path):
    period = reports.frames(plain_path)["period"].filter(polars.col("period_grain") == "week")
    from transforms.report.period import Period

    shown = text(data_quality._captures(polars.DataFrame([CAPTURES]), Period.of({"period": period})))
    assert "their median in wall time of all severities is 2 h" in shown
    assert "Capture stated as a day, counted from its midnight|1|up to a day too long|60 min to 2 h|" in shown
    assert "Capture dated by the file|1|too short, by how much is not known|2 h or more|" in shown
    assert "Begun by an event or a lapsed control|0|none|–" in shown
    assert "Worked on without an acknowledgement: in no latency|2|left out|60 s to 2.5 h|" in shown


def test_the_captures_of_the_plain_path_are_those_acknowledged(plain_path):
    found = reports.frames(plain_path)
    rows = {row["period_grain"]: row for row in found["capture_quality"].iter_rows(named=True)}
    row = rows["quarter"]
    assert row["acknowledged"] == row["stated"] + row["only_a_day"] + row["of_file"] + row["of_event"] == 4
    assert row["unobserved_low_seconds"] <= row["median_seconds"]
