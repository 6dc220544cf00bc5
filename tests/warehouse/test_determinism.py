"""The same record, policy and as_of give the same marts, whatever happened on the way."""

from __future__ import annotations

import time

import pytest

from transforms import programme
from transforms.domain.errors import RunError
from transforms.domain.policy import load_policy
from warehouse import compute, decisions, models, rebuild, record
from warehouse.load import Stamp
from warehouse.verify import verify


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


# From raw


def rebuilt(warehouse, tools, as_of: str, policy: str | None = None) -> None:
    """Replaces the warehouse by one made of the raw files, as `handoff rebuild` does."""
    rules = tools.make_policy(policy)
    with tools.parsed_here():
        rebuild.replay(warehouse.home, rules, Stamp("rebuild", tools.us(as_of), "code", rules.digest))


def digests(warehouse) -> tuple[str, str, str]:
    with warehouse.open() as connection:
        return record.state_digest(connection), record.own_digest(connection), record.merkle_root(connection)


@pytest.fixture
def several_runs(zone, warehouse, tmp_path):
    """A home after three runs: late rows, rows of the future, a late sidecar, a contradiction, a quarantined file."""
    landing = tmp_path / "landing"
    zone.scan("2026-04-20T09:00:00Z").put("scans/bad.txt", "hello").put("activity/a.csv", "event,occurred_at,ref\ncommented,2026-05-02T00:00:00Z,A\n")
    zone.put("scans/late.json", '{"findings": [{"title": "L", "severity": "Low", "description": "d", "service": "pay-api", "date": "2026-04-01T00:00:00Z"}]}')
    warehouse.run(zone.write(landing), "2026-05-01T00:00:00Z")
    zone.scan("2026-04-20T09:00:00Z", "Low").event("acknowledged", "2026-04-21T09:00:00Z")
    zone.put("scans/late.json.meta.yaml", "engagement: audit")
    warehouse.run(zone.write(landing), "2026-05-02T00:00:00Z")
    zone.scan("2026-04-02T09:00:00Z", scanner="two")
    warehouse.run(zone.write(landing), "2026-05-03T00:00:00Z")
    return warehouse, landing


def test_a_warehouse_rebuilt_from_raw_has_the_same_digests_and_marts(several_runs, tools):
    warehouse, landing = several_runs
    warehouse.run(landing, "2026-05-04T00:00:00Z", marts=True)
    before, rows = digests(warehouse), warehouse.handoffs("* EXCLUDE (finding_id)")
    rebuilt(warehouse, tools, "2026-05-04T00:00:00Z")
    assert digests(warehouse) == before
    done = warehouse.run(landing, "2026-05-04T00:00:00Z", marts=True)
    assert (done.files_new, done.rows_new) == (0, 0)
    assert warehouse.handoffs("* EXCLUDE (finding_id)") == rows
    assert digests(warehouse) == before


@pytest.mark.parametrize("damage", ["deleted", "truncated", "overwritten"])
def test_a_damaged_warehouse_is_said_to_be_damaged_and_comes_back(several_runs, tools, damage):
    warehouse, landing = several_runs
    before, file = digests(warehouse), warehouse.home.warehouse
    content = bytearray(file.read_bytes())
    if damage == "deleted":
        file.unlink()
    else:
        file.write_bytes(content[:5000] if damage == "truncated" else bytes(20_000) + content[20_000:])
        with pytest.raises(RunError, match="rebuild"):
            warehouse.run(landing, "2026-05-04T00:00:00Z")
    rebuilt(warehouse, tools, "2026-05-04T00:00:00Z")
    assert digests(warehouse) == before


def test_what_a_person_released_is_released_in_a_rebuilt_warehouse_too(zone, warehouse, tools, tmp_path):
    def assets(count: int, day: int) -> None:
        path = f"assets/assets-2026-04-{day:02d}.csv"
        zone.assets(*({"asset_id": f"a{n}", "name": f"a{n}"} for n in range(count)), path=path, captured_at=f"2026-04-{day:02d}T00:00:00Z")

    zone.files.pop("assets/assets.csv")
    for run, count in ((1, 20), (2, 10), (3, 9)):
        assets(count, run)
        warehouse.run(zone.write(tmp_path / "landing"), f"2026-05-{run:02d}T00:00:00Z")
        for (held,) in warehouse.sql("SELECT sha256 FROM record.landed_file WHERE status = 'held'"):
            decisions.decide(warehouse.home.folder, "release", held, "half the fleet is gone", by="me", at_us=run)
    warehouse.run(tmp_path / "landing", "2026-05-04T00:00:00Z")
    before = warehouse.files()
    assert {status for status, *_ in before.values()} == {"loaded"}
    rebuilt(warehouse, tools, "2026-05-05T00:00:00Z")
    assert warehouse.files() == before


def test_own_events_of_a_run_that_was_killed_before_it_loaded_them_are_not_found_later(zone, warehouse, tools, tmp_path):
    landing = zone.scan("2026-04-20T09:00:00Z").write(tmp_path / "landing")
    stamp = Stamp("killed", tools.us("2026-05-01T00:00:00Z"), "code", "policy")
    event = {"event_id": "x", "ref": "A", "event": "enriched", "occurred_at": stamp.recorded_us, "method": "own"}
    compute.keep_own(warehouse.home, [event], stamp)
    warehouse.run(landing, "2026-05-02T00:00:00Z")
    before = digests(warehouse)
    rebuilt(warehouse, tools, "2026-05-03T00:00:00Z")
    assert digests(warehouse) == before


def test_verify_holds_the_copy_to_the_run_that_published_it(zone, warehouse, tmp_path):
    """Several runs at one as_of, each with more: the last one's digests are those of the copy."""
    landing = tmp_path / "landing"
    for number in range(6):
        zone.scan("2026-04-20T09:00:00Z", own=f"A{number}", cve=f"CVE-2026-{number}")
        warehouse.run(zone.write(landing), "2026-05-01T00:00:00Z", published=True)
        checks = verify(warehouse.home.folder, "code")
        assert [row["check"] for row in checks if not row["is_good"]] == []


@pytest.mark.parametrize("damage", ["copy", "raw"])
def test_verify_finds_damage(zone, warehouse, tmp_path, damage):
    import duckdb

    warehouse.run(zone.scan("2026-04-20T09:00:00Z").write(tmp_path / "landing"), "2026-05-01T00:00:00Z", published=True)
    if damage == "copy":
        with duckdb.connect(str(warehouse.home.published)) as connection:
            connection.execute("UPDATE mart.handoff SET handoff_breached = NOT handoff_breached")
    else:
        next(path for path in warehouse.home.raw.glob("*/*") if path.suffix != ".meta").write_bytes(b"something else")
    bad = [row["check"] for row in verify(warehouse.home.folder, "code") if not row["is_good"]]
    assert bad == (["mart digest"] if damage == "copy" else ["raw files", "raw file"])
