"""The same record, policy and as_of give the same marts, whatever happened on the way."""

from __future__ import annotations

import time

import pytest

from transforms import programme
from transforms.domain.policy import load_policy
from warehouse import models, record


@pytest.fixture(scope="module")
def run_twice(generated_landing, tools, tmp_path_factory):
    """The generated programme, run twice at one as_of: the second run finds the own events of the first."""
    landing, policy, as_of = generated_landing
    warehouse = tools.Warehouse(tmp_path_factory.mktemp("twice") / "home")
    warehouse.run(landing, as_of, policy, published=True)
    warehouse.run(landing, as_of, policy, published=True)
    return warehouse


def test_a_run_with_nothing_new_has_the_digests_of_the_one_before(run_twice):
    rows = run_twice.sql("SELECT state_digest, own_digest, mart_digest, merkle_root, policy_digest, calendar_digest FROM record.run")
    assert len(rows) == 2
    assert rows[0] == rows[1]
    assert run_twice.sql("SELECT files_new, rows_in, rows_new FROM record.run ORDER BY files_new")[0] == (0, 0, 0)


def test_two_homes_have_the_same_digests(run_twice, built_warehouse):
    query = "SELECT DISTINCT state_digest, own_digest, mart_digest, merkle_root FROM record.run"
    assert run_twice.sql(query) == built_warehouse.sql(query)


def test_building_the_marts_again_changes_no_digest(run_twice):
    with run_twice.open() as connection:
        before = record.schema_digest(connection, "mart")
        models.build(connection)
        assert record.schema_digest(connection, "mart") == before


def test_deriving_again_with_the_own_events_landed_changes_nothing(run_twice, generated_landing, tools):
    _, text, as_of = generated_landing
    policy = load_policy(("policy.yaml", tools.DEFAULT_POLICY), ("own.yaml", text))
    with run_twice.open() as connection:
        known = record.known(connection, tools.us(as_of))
        landed = connection.execute("SELECT count(*) FROM record.activity WHERE method = 'own'").fetchone()
    assert landed and landed[0] > 0
    with_own = programme.derive(known, policy, tools.us(as_of), completes_stages=True)
    assert with_own.own_events == []
    mask = [method != "own" for method in known["activity"].column("method").to_pylist()]
    before = programme.derive({**known, "activity": known["activity"].filter(mask)}, policy, tools.us(as_of), completes_stages=True)
    assert len(before.own_events) == landed[0]

    def rows(found: programme.Derived) -> dict[str, list[str]]:
        return {name: sorted(map(repr, frame.to_pylist())) for name, frame in found.frames.items()}

    assert rows(before) == rows(with_own)


def test_an_earlier_as_of_says_what_was_said_then(zone, tools, warehouse, tmp_path):
    """History is a function of what was known: late rows change no answer about before they were known."""
    first, later = "2026-05-01T00:00:00Z", "2026-05-09T00:00:00Z"
    zone.scan("2026-04-20T09:00:00Z").event("acknowledged", "2026-04-21T09:00:00Z")
    warehouse.run(zone.write(tmp_path / "landing"), first, marts=True)

    def answer() -> list[str]:
        with warehouse.open() as connection:
            found = programme.derive(record.known(connection, tools.us(first)), tools.make_policy(), tools.us(first), completes_stages=False)
        return sorted(map(repr, found.frames["cycle"].to_pylist()))

    said = answer()
    # an earlier observation, an earlier acknowledgement and another owner, all learnt later
    zone.scan("2026-04-02T09:00:00Z", scanner="two").event("acknowledged", "2026-04-20T10:00:00Z", "bo")
    zone.ownership({"match": "asset:pay", "person_id": "bo", "effective_from": "2026-04-01"}, path="people/ownership-2026-05-08.csv", source="other")
    warehouse.run(zone.write(tmp_path / "landing"), later, marts=True)
    assert answer() == said
    assert warehouse.sql("SELECT captured_at_was::VARCHAR, captured_at_is::VARCHAR FROM record.restatement") == [("2026-04-20 09:00:00", "2026-04-02 09:00:00")]
    assert warehouse.handoffs("captured_at::VARCHAR, acknowledged_at::VARCHAR") == [("2026-04-02 09:00:00", "2026-04-20 10:00:00")]


def test_marts_do_not_depend_on_the_clock_or_the_environment(zone, tools, tmp_path, monkeypatch):
    zone.scan("2026-04-20T09:00:00Z").scan("2026-04-21T00:00:00Z", own="B", cve="CVE-2").event("acknowledged", "2026-04-21T09:00:00Z")
    landing = zone.write(tmp_path / "landing")
    digests = []
    for number, zone_name in enumerate(("UTC", "Pacific/Auckland")):
        monkeypatch.setenv("TZ", zone_name)
        time.tzset()
        warehouse = tools.Warehouse(tmp_path / f"home{number}")
        warehouse.run(landing, "2026-05-01T00:00:00Z", published=True)
        digests.append(warehouse.sql("SELECT state_digest, mart_digest FROM record.run"))
    monkeypatch.undo()
    time.tzset()
    assert digests[0] == digests[1]
