"""Obligations: what counts as a complete chain, by cases worked by hand; and the controls that they answer."""

from __future__ import annotations

import os

import pytest

from transforms.domain.errors import ModuleMalformed
from warehouse import obligations, published

AS_OF = "2026-05-01T00:00:00Z"
#: Monday; critical: due 13:00, window until Tuesday 09:00, seven days from t1.
T0 = "2026-04-06T09:00:00Z"


def stories(zone, person):
    """One finding a story, called by its own id."""
    zone.people(
        person("anna"), person("bo"), person("cy", "other"), person("dee", "legacy"), person("dee", "legacy", status="departed", effective_from="2026-04-15T00:00:00Z"),
    )  # fmt: skip
    zone.assets(
        {"asset_id": "pay", "name": "pay-api", "owner_team": "payments"},
        {"asset_id": "old", "name": "old-api", "owner_team": "legacy"},
        {"asset_id": "clean", "name": "clean-api", "owner_team": "payments"},
        {"asset_id": "stale", "name": "stale-api", "owner_team": "payments"},
        {"asset_id": "idle", "name": "idle-api", "owner_team": "payments"},
        {"asset_id": "off", "name": "off-api", "status": "retired"},
        {"asset_id": "new", "name": "new-api", "effective_from": "2026-04-25T00:00:00Z"},
    )
    zone.ownership({"match": "asset:pay", "person_id": "anna", "team": "payments"}, {"match": "asset:old", "person_id": "dee", "team": "legacy"})
    found = 0

    def finding(own, at=T0, severity="Critical", target="pay-api", **more):
        nonlocal found
        found += 1
        zone.scan(at, severity, own=own, title=own, cve=f"CVE-2026-{found}", target=target, **more)

    def event(own, word, at, actor="anna", **more):
        zone.event(word, f"2026-04-{at}:00Z", actor, ref=own, **more)

    finding("fixed")
    for word, at in (("acknowledged", "06T10:00"), ("in_progress", "06T11:00"), ("resolved", "07T10:00"), ("verified", "08T10:00")):
        event("fixed", word, at)
    finding("ignored", component_name="lib")
    finding("late")
    event("late", "notified", "06T09:30", "tracker", target_person="anna")
    event("late", "acknowledged", "06T14:00")
    event("late", "verified", "14T14:00", "cy")
    finding("worked on")
    event("worked on", "commented", "06T10:00", comment="looking")
    event("worked on", "in_progress", "06T12:00")
    finding("worked first")
    for word, at in (("in_progress", "06T09:30"), ("acknowledged", "06T10:00"), ("resolved", "06T11:00"), ("verified", "06T12:00")):
        event("worked first", word, at)
    finding("fixed first")
    for word, at in (("resolved", "06T09:30"), ("acknowledged", "06T10:00"), ("verified", "06T12:00")):
        event("fixed first", word, at)
    finding("never verified")
    event("never verified", "acknowledged", "06T10:00")
    event("never verified", "resolved", "06T11:00")
    finding("taken", severity="Low")
    event("taken", "acknowledged", "06T10:00")
    finding("false positive")
    event("false positive", "withdrawn", "06T11:00", comment="the flag is for another build")
    finding("waved away")
    event("waved away", "withdrawn", "06T11:00", comment="  ")
    finding("waved away late")
    event("waved away late", "acknowledged", "06T10:00")
    event("waved away late", "withdrawn", "20T10:00", "zoe", comment="no")
    finding("by nobody")
    event("by nobody", "withdrawn", "06T11:00", "", comment="closed by a script")
    finding("fresh", "2026-04-30T10:00:00Z", "Low")
    finding("unrated", severity="Weird")
    finding("reopened")
    event("reopened", "acknowledged", "06T10:00")
    event("reopened", "resolved", "07T10:00")
    zone.scan("2026-04-20T09:00:00Z", own="reopened", title="reopened", cve=f"CVE-2026-{found}")
    finding("controlled", severity="Low")
    event("controlled", "acknowledged", "06T10:00")
    event("controlled", "control_accepted", "07T10:00", "bo", comment="behind the gateway")
    finding("lapsed", severity="Low")
    event("lapsed", "acknowledged", "06T10:00")
    event("lapsed", "control_accepted", "07T10:00", "bo")
    event("lapsed", "control_expired", "10T10:00", "bo")
    finding("shadow", severity="Low")
    event("shadow", "control_accepted", "07T10:00", "zoe")
    finding("gone", "2026-04-20T09:00:00Z", target="old-api")
    event("gone", "notified", "20T09:10", "tracker", target_person="dee")
    zone.scan("2026-03-01T09:00:00Z", "Low", own="stale", title="stale", target="stale-api", cve="CVE-2026-99")
    zone.put("scans/clean.json", '{"findings": []}', target="clean-api", captured_at="2026-04-28T09:00:00Z", scanner="one")
    zone.put("scans/undated.json", '{"findings": [{"title": "undated", "severity": "Low", "description": "d", "vuln_id_from_tool": "U"}]}', target="pay-api", scanner="two")
    return zone


@pytest.fixture(scope="module")
def judged(tools, tmp_path_factory):
    """A published home in which everything that an obligation can say has happened."""
    folder = tmp_path_factory.mktemp("obligations")
    landing = stories(tools.Zone(), tools.person).write(folder / "landing")
    os.utime(landing / "scans/undated.json", (tools.us("2026-04-27T08:00:00Z") / 1e6,) * 2)
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(landing, AS_OF, published=True)
    return warehouse


@pytest.fixture(scope="module")
def answers(judged):
    """(title or asset, cycle) to obligation to (status, reason, instant as `MM-DD HH:MM`)."""
    rows = judged.sql(
        "SELECT coalesce(title, subject_id), obligation.cycle, obligation, status, reason, strftime(dated_at, '%m-%d %H:%M') "
        "FROM mart.obligation LEFT JOIN mart.finding ON finding_id = subject_id"
    )
    found: dict[tuple, dict[str, tuple]] = {}
    for title, cycle, obligation, *answer in rows:
        found.setdefault((title, cycle), {})[obligation] = tuple(answer)
    return found


NAMED, TIMELY, CHAIN, FIXED, TOLD = "named_accountability", "timely_handoff", "chain_of_states", "remediated_in_time", "responsibility_communicated"
YES, NO, WAITS = "complete", "exception", "pending"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("fixed", {
            NAMED: (YES, "acknowledged", "04-06 10:00"), TIMELY: (YES, "acknowledged_in_time", "04-06 10:00"), CHAIN: (YES, "verified", "04-08 10:00"),
            FIXED: (YES, "verified_in_time", "04-08 10:00"), TOLD: (YES, "accepted_without_notice", "04-06 10:00"),
        }),
        # Nobody: the window ends after 24 hours, the SLA after four business hours, both SLAs together seven days later.
        ("ignored", {
            NAMED: (NO, "never_acknowledged", "04-07 09:00"), TIMELY: (NO, "not_acknowledged", "04-06 13:00"), CHAIN: (NO, "not_acknowledged", "04-06 13:00"),
            FIXED: (NO, "not_remediated", "04-13 13:00"), TOLD: (NO, "never_notified", "04-06 13:00"), "ownership_current": (YES, "active_owner", "04-06 09:00"),
        }),
        # Accountability is late, and yet there; engineering's seven days began at t1, 14:00.
        ("late", {
            NAMED: (YES, "acknowledged", "04-06 14:00"), TIMELY: (NO, "acknowledged_late", "04-06 13:00"), CHAIN: (NO, "fix_not_recorded", "04-14 14:00"),
            FIXED: (NO, "verified_late", "04-13 14:00"), TOLD: (YES, "notified", "04-06 09:30"),
        }),
        ("worked on", {NAMED: (NO, "only_inferred", "04-07 09:00"), CHAIN: (NO, "work_before_acknowledgement", "04-06 12:00")}),
        ("worked first", {NAMED: (YES, "acknowledged", "04-06 10:00"), CHAIN: (NO, "work_before_acknowledgement", "04-06 09:30"), FIXED: (YES, "verified_in_time", "04-06 12:00")}),
        ("fixed first", {CHAIN: (NO, "fix_before_acknowledgement", "04-06 09:30"), FIXED: (YES, "verified_in_time", "04-06 12:00")}),
        ("never verified", {CHAIN: (NO, "not_verified", "04-13 10:00"), FIXED: (NO, "resolved_not_verified", "04-13 10:00")}),
        ("taken", {CHAIN: (WAITS, "awaits_fix", "10-03 10:00"), FIXED: (WAITS, "not_due", "10-03 10:00")}),
        # 30 April is a Thursday; ten business days later, and 30 days of window.
        ("fresh", {
            NAMED: (WAITS, "window_open", "05-30 10:00"), TIMELY: (WAITS, "not_due", "05-14 10:00"), CHAIN: (WAITS, "awaits_acknowledgement", "05-14 10:00"),
            FIXED: (WAITS, "not_due", "11-10 10:00"), TOLD: (WAITS, "not_due", "05-14 10:00"), "ranked": (YES, "ranked", "04-30 10:00"),
        }),
        ("reopened", {CHAIN: (NO, "seen_again_before_verification", "04-20 09:00"), FIXED: (NO, "resolved_not_verified", "04-13 10:00")}),
        ("controlled", {"control_attested": (YES, "attested", "04-07 10:00"), CHAIN: (WAITS, "awaits_fix")}),
        ("lapsed", {"control_attested": (NO, "lapsed", "04-10 10:00"), NAMED: (YES, "acknowledged", "04-06 10:00")}),
        ("shadow", {"control_attested": (NO, "attested_by_unknown_person", "04-07 10:00")}),
        ("gone", {TOLD: (NO, "notice_reached_nobody_valid", "04-20 13:00"), "ownership_current": (NO, "departed_person", "04-20 09:00")}),
        ("undated", {"identified": (NO, "dated_by_file", "04-27 08:00"), "ranked": (YES, "ranked", "04-27 08:00")}),
    ],
)  # fmt: skip
def test_a_handoff_is_judged_as_by_hand(answers, title, expected):
    found = answers[title, 1]
    assert {name: found[name][: len(answer)] for name, answer in expected.items()} == expected


@pytest.mark.parametrize(
    ("title", "answer"),
    [
        ("false positive", (YES, "withdrawn_with_reason", "04-06 11:00")),
        ("waved away", (NO, "withdrawn_without_reason", "04-06 11:00")),
        ("by nobody", (NO, "withdrawn_by_nobody", "04-06 11:00")),
    ],
)
def test_a_withdrawal_in_time_is_held_to_its_reason_and_nothing_else(answers, title, answer):
    assert answers[title, 1] == {NAMED: answer, "identified": (YES, "dated_by_sidecar", "04-06 09:00"), "ranked": (YES, "ranked", "04-06 09:00")}


def test_a_withdrawal_after_acceptance_is_held_to_its_reason_too(answers):
    found = answers["waved away late", 1]
    assert found[NAMED] == (NO, "withdrawn_by_unknown_person", "04-20 10:00")
    assert found[TIMELY] == (YES, "acknowledged_in_time", "04-06 10:00")
    # It was withdrawn a week after it had to be remediated.
    assert found[FIXED] == (NO, "not_remediated", "04-13 10:00")
    assert CHAIN not in found


def test_an_unrated_finding_is_an_exception_of_ranking_alone(answers):
    assert answers["unrated", 1] == {"ranked": (NO, "unrated", "04-06 09:00")}


def test_a_lapsed_control_hands_its_chain_on_to_the_revalidation(answers):
    assert CHAIN not in answers["lapsed", 1]
    again = answers["lapsed", 2]
    assert again["identified"] == (YES, "control_due", "04-10 10:00")
    assert again[CHAIN][:2] == (NO, "not_acknowledged")
    assert "control_attested" not in again


def test_a_reopened_handoff_is_judged_anew(answers):
    assert answers["reopened", 2][NAMED] == (NO, "never_acknowledged", "04-21 09:00")
    assert answers["reopened", 2]["identified"] == (YES, "dated_by_sidecar", "04-20 09:00")


def test_only_open_handoffs_need_an_owner_now(answers, judged):
    held = {key for key, found in answers.items() if "ownership_current" in found}
    assert held == set(judged.sql("SELECT title, cycle FROM mart.handoff WHERE is_open"))


@pytest.mark.parametrize(
    ("asset", "answer"),
    [
        ("pay", (YES, "scanned", "04-30 10:00")),
        ("old", (YES, "scanned", "04-20 09:00")),
        ("clean", (YES, "scanned", "04-28 09:00")),  # nothing found: its sidecar says what it covered and when
        ("stale", (NO, "scan_overdue", "03-31 09:00")),
        ("idle", (NO, "never_scanned", None)),  # the register always had it
        ("new", (WAITS, "newly_registered", "05-25 00:00")),
    ],
)
def test_an_asset_is_judged_as_by_hand(answers, asset, answer):
    assert answers[asset, None] == {"monitoring_cadence": answer}


def test_a_retired_asset_needs_no_scan(answers):
    assert ("off", None) not in answers


def test_the_cadence_is_the_policys(tools, tmp_path):
    zone = tools.Zone().scan("2026-04-29T00:00:00Z").put("scans/none.txt", "")
    warehouse = tools.Warehouse(tmp_path / "home")
    query = "SELECT status, reason FROM mart.obligation WHERE obligation = 'monitoring_cadence'"
    landing = zone.write(tmp_path / "landing")
    for cadence, as_of, answer in (("2d", AS_OF, (YES, "scanned")), ("47h", "2026-05-01T00:00:00.000001Z", (NO, "scan_overdue"))):
        warehouse.run(landing, as_of, {"scans": {"cadence": cadence}}, marts=True)
        assert warehouse.sql(query) == [answer]


# Controls

CONTROLS = [pytest.param(control, id=f"{control.framework.split()[0]} {control.control}") for control in obligations.controls()]


@pytest.mark.parametrize("control", CONTROLS)
def test_the_query_of_a_control_lists_its_exceptions(judged, control):
    ((query, exceptions),) = judged.sql("SELECT query, exceptions FROM mart.control_evidence WHERE framework = ? AND control = ?", [control.framework, control.control])
    columns, rows = published.query(judged.home.folder, query)
    subject = ("finding_id", "cycle") if control.subject == "handoff" else ("asset_id",)
    assert len(rows) == len({tuple(row[columns.index(name)] for name in subject) for row in rows}) == exceptions > 0
    assert all(row[columns.index("reasons")] for row in rows)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_counts_each_subject_once_by_the_worst_of_its_answers(judged, control):
    subjects: dict[tuple, list[tuple]] = {}
    kinds = dict(judged.sql("SELECT finding_id, location_kind FROM mart.finding"))
    for obligation, subject_id, cycle, status, at in judged.sql("SELECT obligation, subject_id, cycle, status, dated_at FROM mart.obligation"):
        if obligation in control.obligations and (control.location_kinds is None or kinds[subject_id] in control.location_kinds):
            subjects.setdefault((subject_id, cycle), []).append((status, at))
    worst = ["exception" if "exception" in (found := [status for status, _ in answers]) else "pending" if "pending" in found else "complete" for answers in subjects.values()]
    oldest = min((at for answers in subjects.values() for status, at in answers if status == "exception" and at), default=None)
    ended = len(worst) - worst.count("pending")
    (row,) = judged.sql(
        "SELECT population, complete_chains, exceptions, pending, oldest_exception_at, complete_rate FROM mart.control_evidence WHERE framework = ? AND control = ?",
        [control.framework, control.control],
    )
    assert row == (len(subjects), worst.count("complete"), worst.count("exception"), worst.count("pending"), oldest, pytest.approx(worst.count("complete") / ended))


def test_patches_are_those_of_packages(judged):
    ((population, query),) = judged.sql("SELECT population, query FROM mart.control_evidence WHERE control = '7.4'")
    columns, rows = published.query(judged.home.folder, query)
    assert (population, [row[columns.index("title")] for row in rows]) == (1, ["ignored"])


def test_every_control_of_the_source_is_there():
    found: dict[str, list[str]] = {}
    for control in obligations.controls():
        found.setdefault(control.framework.split(" (")[0], []).append(control.control)
    assert found == {
        "ISO 27001:2022": ["A.8.8", "A.5.4"],
        "SOC 2": ["CC7.1", "CC9.1", "CC2.1"],
        "PCI DSS v4.0": ["6.3.1", "6.3.3"],
        "NIST SP 800-53 Rev. 5": ["RA-5", "SI-2", "CA-7"],
        "NIST CSF 2.0": ["GV.RR", "RS.MA"],
        "CIS Controls v8.1": ["7.1", "7.4"],
        "DORA": ["Article 9", "Article 17"],
        "OWASP SAMM v2.0": ["O-IM"],
    }


def test_every_obligation_answers_a_control():
    assert {name for control in obligations.controls() for name in control.obligations} == set(obligations.obligations())


def test_the_evidence_of_nothing_is_nothing(warehouse, tmp_path):
    (tmp_path / "landing").mkdir()
    warehouse.run(tmp_path / "landing", AS_OF, marts=True)
    assert warehouse.sql("SELECT DISTINCT population, complete_chains, exceptions, pending, complete_rate, oldest_exception_at FROM mart.control_evidence") == [(0, 0, 0, 0, None, None)]
    assert warehouse.sql("FROM mart.reconciliation WHERE law = 'evidence_sums' AND difference <> 0") == []


def test_the_laws_of_the_evidence_hold(built_warehouse, judged):
    for warehouse in (built_warehouse, judged):
        assert warehouse.sql("SELECT count(*) > 0, max(abs(difference)) FROM mart.reconciliation WHERE law = 'evidence_sums'") == [(True, 0)]


GOOD = "-- Means this.\n-- subject: handoff\n-- population: a.\n-- complete: b.\n-- exception: c.\n-- pending: d.\nSELECT 1\n"


@pytest.mark.parametrize(("text", "word"), [(GOOD.replace("-- pending: d.\n", ""), "pending"), (GOOD.replace("handoff", "house"), "unknown subject"), (GOOD.replace("-- Means this.\n", ""), "definition")])
def test_a_malformed_obligation_is_an_error_that_names_the_file(text, word):
    assert obligations._read("made_up", GOOD).definition == "Means this."
    with pytest.raises(ModuleMalformed, match=word) as error:
        obligations._read("made_up", text)
    assert error.value.subject == "sql/evidence/obligations/made_up.sql"


ENTRY = {"control": "X.1", "title": "t", "answer": "a", "limits": "l", "obligations": ["ranked"]}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"obligations": ["rankd"]}, "unknown obligation rankd"),
        ({"obligations": ["ranked", "monitoring_cadence"]}, "other than one subject"),
        ({"obligations": []}, "other than one subject"),
        ({"location_kinds": ["boat"]}, "unknown location kind boat"),
        ({"note": "n"}, "unknown key note"),
    ],
)
def test_a_malformed_control_is_an_error_that_names_it(change, word):
    framework = {"framework": "F", "audit_reads": "r"}
    assert obligations._control(framework, ENTRY).subject == "handoff"
    with pytest.raises(ModuleMalformed, match=word) as error:
        obligations._control(framework, {**ENTRY, **change})
    assert "F X.1" in error.value.subject
