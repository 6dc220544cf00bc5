"""The marts of a past instant are those that the run at that instant published, whatever came later; and a file says what it was made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from transforms.domain.errors import RunError, UsageError
from warehouse import decisions, history, models, publish, record
from warehouse.compute import compute_known
from warehouse.verify import verify, verify_file

DAYS = [f"2026-05-{day:02d}T00:00:00Z" for day in range(1, 8)]
#: A later one lets a row pass that an earlier one rejected, reads days before months, and asks for faster handoffs.
NEWER = {"clock_tolerance": "1h", "sources": {"*": {"date_order": "dmy"}}, "handoff_sla": {"critical": "1bh"}}


@pytest.fixture(scope="module")
def eventful(tools, tmp_path_factory):
    """A home after six runs, among them two at one as_of: late events and scans, a held register released, a file taken back, another policy."""
    folder = tmp_path_factory.mktemp("eventful")
    zone, warehouse, landing = tools.Zone(), tools.Warehouse(folder / "home"), folder / "landing"

    def assets(count: int, day: int) -> None:
        rows = ({"asset_id": f"a{n}", "name": f"a{n}", "owner_team": "payments"} for n in range(count))
        zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"}, *rows, path=f"assets/assets-2026-04-{day:02d}.csv", captured_at=f"2026-04-{day:02d}T00:00:00Z")

    def decide(decision: str, path: str) -> None:
        ((digest,),) = warehouse.sql("SELECT DISTINCT sha256 FROM record.landed_file WHERE path = ?", [path])
        decisions.decide(warehouse.home.folder, decision, digest, "r", by="me", at_us=1)

    zone.files.pop("assets/assets.csv")
    assets(10, 1)
    # Each has a row that is rejected, and so is read again under the newer policy.
    zone.people(tools.person("anna", effective_from="03/04/2026"), tools.person("bo"), tools.person("cy", "other"), {"person_id": "", "name": "nobody"})
    zone.put("activity/own-word.csv", "event_id,ref,event,actor,occurred_at,recorded_at\nx1,A,acknowledged,anna,2026-04-22T09:40:00Z,2026-04-22T09:00:00Z\n")
    zone.scan("2026-04-20T09:00:00Z").scan("2026-04-20T10:00:00Z", target="a7", own="B", cve="CVE-2026-2").scan("2026-04-20T11:00:00Z", own="C", cve="CVE-2026-3")
    warehouse.run(zone.write(landing), DAYS[0], published=True)
    zone.event("acknowledged", "2026-04-28T09:00:00Z").event("notified", "2026-04-21T09:00:00Z", "", target_person="anna")
    assets(5, 2)  # held
    warehouse.run(zone.write(landing), DAYS[1], published=True)
    zone.scan("2026-04-02T09:00:00Z", "High", scanner="two")  # an earlier t0
    warehouse.run(zone.write(landing), DAYS[1], published=True)
    decide("release", "assets/assets-2026-04-02.csv")
    zone.event("resolved", "2026-04-29T09:00:00Z", ref="C")
    warehouse.run(zone.write(landing), DAYS[2], published=True)
    decide("retract", "scans/s3.json")
    warehouse.run(landing, DAYS[3], NEWER, published=True)
    zone.event("acknowledged", "2026-04-20T09:05:00Z").event("verified", "2026-04-30T09:00:00Z")
    warehouse.run(zone.write(landing), DAYS[5], NEWER, published=True)
    return warehouse


def copied(home, at_us, path, policy=None):
    """An open file with the marts of that instant, as `rebuild --as-of` makes it but for what the expectations find."""
    past = history.past_at(home, at_us)
    connection = history.copy_known(home, path, at_us)
    compute_known(connection, policy or past.policy, at_us)
    models.build(connection)
    return connection, policy or past.policy


def test_the_story_has_what_it_is_to_be_tried_with(eventful):
    """Were one of these missing, the law below would be held to less than it says."""
    assert eventful.sql("SELECT count(*) FROM record.run") == [(6,)]
    assert eventful.sql("SELECT count(*) FROM record.restatement")[0][0] > 0
    assert eventful.sql("SELECT decision FROM record.decision ORDER BY ALL") == [("release",), ("retract",)]
    again = eventful.sql("SELECT path FROM record.landed_file WHERE attempt > 1 AND policy_digest <> (SELECT policy_digest FROM record.run WHERE number = 1)")
    assert {path for (path,) in again} >= {"people/people.csv", "activity/own-word.csv"}
    assert eventful.sql("SELECT count(DISTINCT recorded_at) FROM record.register_member WHERE register = 'person'") == [(2,)]
    assert eventful.sql("SELECT recorded_at::DATE::VARCHAR FROM record.activity WHERE event_id = 'x1'") == [("2026-05-04",)]
    assert eventful.sql("SELECT count(DISTINCT mart_digest) FROM record.run") == [(6,)]


@pytest.mark.parametrize("day", [0, 1, 2, 3, 5])
def test_a_past_instant_comes_out_as_its_last_run_published_it(eventful, tools, tmp_path, day):
    at = tools.us(DAYS[day])
    said = eventful.sql("SELECT state_digest, own_digest, mart_digest, merkle_root FROM record.run WHERE epoch_us(as_of) = ? ORDER BY number DESC LIMIT 1", [at])[0]
    connection, policy = copied(eventful.home, at, tmp_path / "then.duckdb")
    with connection:
        found = (record.state_digest(connection), record.own_digest(connection), record.schema_digest(connection, "mart"), record.merkle_root(connection))
    assert found == said
    kept = eventful.sql("SELECT policy_digest FROM record.run WHERE epoch_us(as_of) = ? ORDER BY number DESC LIMIT 1", [at])
    assert kept == [(policy.digest,)]


def test_between_two_runs_the_earlier_ones_knowledge_and_policy_hold(eventful, tools, tmp_path):
    at = tools.us(DAYS[4])
    connection, policy = copied(eventful.home, at, tmp_path / "then.duckdb")
    with connection:
        assert record.state_digest(connection) == eventful.sql("SELECT state_digest FROM record.run WHERE number = 5")[0][0]
        assert connection.execute("SELECT count(*) FROM mart.handoff WHERE horizon_at = make_timestamp(?::BIGINT)", [at]).fetchone() != (0,)
    assert policy == tools.make_policy(NEWER)


def test_another_policy_may_be_asked_about_and_the_copy_stays(eventful, tools, tmp_path):
    before = eventful.home.published.read_bytes()
    connection, _ = copied(eventful.home, tools.us(DAYS[0]), tmp_path / "then.duckdb", tools.make_policy({"handoff_sla": {"critical": "1bh"}}))
    with connection:
        assert connection.execute("SELECT min(handoff_due_at)::VARCHAR FROM mart.handoff").fetchone() == ("2026-04-20 10:00:00",)
    assert eventful.home.published.read_bytes() == before


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-04-30T23:59:59.999999Z", ["before the first record", "2026-05-01T00:00:00Z"]),
        ("2026-05-06T00:00:00.000001Z", ["after the last run", "2026-05-06T00:00:00Z", "handoff run"]),
        ("1999-01-01T00:00:00Z", ["before the first record"]),
    ],
)
def test_an_instant_of_which_nothing_is_known_is_said(eventful, tools, at, words):
    with pytest.raises(UsageError) as error:
        history.past_at(eventful.home, tools.us(at))
    for word in words:
        assert word in str(error.value)


def test_without_a_run_there_is_no_past(warehouse, zone, tmp_path):
    with pytest.raises(UsageError, match="handoff run"):
        history.past_at(warehouse.home, 0)
    warehouse.run(zone.write(tmp_path / "landing"), DAYS[0], marts=True)
    publish_nothing = warehouse.home
    with warehouse.open() as connection:
        publish.publish(connection, publish_nothing, "another run")
    with pytest.raises(UsageError, match="no run"):
        history.past_at(publish_nothing, None)


# What a file says of itself


@pytest.fixture(scope="module")
def of_the_first_run(eventful, tools, tmp_path_factory):
    """A file of the first instant with its own digests; not to be written to."""
    at, path = tools.us(DAYS[0]), tmp_path_factory.mktemp("first") / "then.duckdb"
    connection, policy = copied(eventful.home, at, path)
    with connection:
        history.sign(connection, policy, at, "code", is_lawful=True)
        publish.strip(connection)
    return path


@pytest.fixture
def signed(of_the_first_run, tmp_path):
    """A copy of it."""
    return Path(shutil.copy(of_the_first_run, tmp_path))


def bad(rows):
    return [row["check"] for row in rows if not row["is_good"]]


def test_a_file_of_a_past_instant_can_be_verified_by_itself(signed):
    rows = verify_file(signed, "code")
    assert [row["check"] for row in rows] == ["state digest", "own digest", "mart digest", "merkle root", "policy digest", "calendar digest", "code version"]
    assert all(row["expected"] == row["found"] and row["meaning"] == "" for row in rows)


@pytest.mark.parametrize(
    ("statement", "damaged"),
    [
        ("UPDATE mart.handoff SET handoff_breached = NOT handoff_breached", ["mart digest"]),
        ("DELETE FROM record.observation WHERE own_id = 'A'", ["state digest"]),
        ("UPDATE record.activity SET occurred_at = occurred_at + INTERVAL 1 SECOND WHERE method = 'own'", ["own digest"]),
        ("DELETE FROM record.landing_attempt WHERE kind = 'scan'", ["merkle root"]),
        ("UPDATE record.policy SET policy = replace(policy, '\"roles\":\"any\"', '\"roles\":[\"boss\"]')", ["policy digest"]),
        ("UPDATE record.policy SET policy = 'nonsense'", ["policy digest"]),
        ("DELETE FROM record.policy", ["policy digest"]),
    ],
)
def test_what_was_changed_in_a_file_is_found_and_named(signed, statement, damaged):
    with duckdb.connect(str(signed)) as connection:
        assert connection.execute(statement).fetchone() != (0,)
    assert bad(verify_file(signed, "code")) == damaged


def test_other_code_or_calendar_data_is_no_damage(signed):
    (row,) = [row for row in verify_file(signed, "newer") if row["expected"] != row["found"]]
    assert (row["check"], row["is_good"]) == ("code version", True)
    assert "no damage" in row["meaning"]
    with duckdb.connect(str(signed)) as connection:
        connection.execute("UPDATE record.run SET calendar_digest = 'of older holidays'")
    (row,) = [row for row in verify_file(signed, "code") if row["expected"] != row["found"]]
    assert (row["check"], row["is_good"]) == ("calendar digest", True)


def test_the_published_copy_is_verified_with_its_raw_files(eventful):
    rows = verify(eventful.home.folder, "code")
    assert bad(rows) == []
    assert [row["check"] for row in rows][-3:] == ["calendar digest", "code version", "raw files"]
    assert bad(verify_file(eventful.home.published, "code")) == []


def test_what_is_no_such_file_is_said(tmp_path):
    with pytest.raises(UsageError, match="is no file"):
        verify_file(tmp_path / "none.duckdb", "code")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(RunError):
        verify_file(tmp_path / "text", "code")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE run AS SELECT 1")
    with pytest.raises(UsageError, match=r"record\.run"):
        verify_file(tmp_path / "other.duckdb", "code")
