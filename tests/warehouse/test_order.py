"""Any order, any chunking, same digest: files over several runs, rows within a frame, events in any order."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from transforms import programme
from transforms.domain.instants import iso
from transforms.domain.policy import load_policy
from warehouse import record

REGISTERS = ("assets", "people", "reference")
#: Own stage events of an earlier run date these; everything else is a pure function of what is known at the last as_of.
STAMPED = {"enriched_at", "routed_at"}


@pytest.fixture(scope="module")
def small(generate, tmp_path_factory):
    """A generated programme of eight vulnerabilities: landing zone, policy text, as_of."""
    folder = tmp_path_factory.mktemp("small")
    as_of = generate.write_landing(31, folder, 8)
    return folder / "landing", (folder / "policy.yaml").read_text(encoding="utf-8"), as_of


@pytest.fixture(scope="module")
def at_once(small, tools, tmp_path_factory):
    """The same, in one run."""
    landing, policy, as_of = small
    built = tools.Warehouse(tmp_path_factory.mktemp("once") / "home")
    built.run(landing, as_of, policy, marts=True)
    return built


def chunks(landing: Path, seed: int, count: int) -> list[list[Path]]:
    """The files of scans and activity in a random order, each with its sidecar, in so many parts; registers and reference lists first."""
    rng = random.Random(seed)
    files = sorted(path for path in landing.rglob("*") if path.is_file())
    first = [path for path in files if path.relative_to(landing).parts[0] in REGISTERS or path.name == "_scan.yaml"]
    rest = [path for path in files if path not in first and not path.name.endswith(".meta.yaml")]
    rng.shuffle(rest)
    parts = [rest[number::count] for number in range(count)]
    beside = {path: [other for other in files if other.name in (f"{path.name}.meta.yaml", f"{path.stem}.meta.yaml") and other.parent == path.parent] for path in rest}
    found = [[file for path in part for file in (*beside[path], path)] for part in parts]
    found[0] = first + found[0]
    return found


def deliver(files: list[Path], landing: Path, folder: Path) -> Path:
    for path in files:
        target = folder / path.relative_to(landing)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return folder


def handoffs(warehouse) -> list[dict]:
    with warehouse.open() as connection:
        result = connection.execute("FROM mart.handoff ORDER BY title, cycle")
        names = [column[0] for column in result.description]
        return [{name: value for name, value in zip(names, row, strict=True) if name not in STAMPED} for row in result.fetchall()]


def marts(warehouse) -> dict[str, list]:
    """Rows of the marts that other tools rely on and that no own event touches."""
    names = ("handoff_latency", "unrouted_queue", "failure_mode", "sla_breach", "no_acknowledgement", "finding", "finding_alias",
             "ownership_currency", "deduplication", "scanner_overlap", "severity_matrix", "open_aging", "throughput", "time_quality")  # fmt: skip
    with warehouse.open() as connection:
        return {name: sorted(map(repr, connection.execute(f"FROM mart.{name}").fetchall())) for name in names}


@pytest.mark.parametrize("seed", [1, 2])
def test_files_in_any_order_over_several_runs_give_the_same_state_and_marts(small, at_once, warehouse, tmp_path, seed):
    landing, policy, as_of = small
    from transforms.domain.instants import parse_stamp

    last = parse_stamp(as_of).us
    parts = chunks(landing, seed, 4)
    for number, part in enumerate(parts):
        deliver(part, landing, tmp_path / "landing")
        # A day apart: what is of the future for an earlier run is tried again by a later one.
        at = last - (len(parts) - 1 - number) * 86_400_000_000
        warehouse.run(tmp_path / "landing", iso(at), policy, marts=number == len(parts) - 1)
    assert warehouse.state_digest() == at_once.state_digest()
    assert handoffs(warehouse) == handoffs(at_once)
    assert marts(warehouse) == marts(at_once)
    assert warehouse.balances()


def test_one_file_a_run_and_every_run_twice(small, at_once, warehouse, tmp_path):
    """Activity, file by file, the last first; each run doubled as a scheduler may."""
    landing, policy, as_of = small
    files = [path for part in chunks(landing, 5, 1) for path in part]
    activity = [path for path in files if path.relative_to(landing).parts[0] == "activity"]
    deliver([path for path in files if path not in activity], landing, tmp_path / "landing")
    warehouse.run(tmp_path / "landing", as_of, policy)
    for path in reversed([path for path in activity if not path.name.endswith(".meta.yaml")]):
        deliver([*(other for other in activity if other.name == f"{path.name}.meta.yaml"), path], landing, tmp_path / "landing")
        warehouse.run(tmp_path / "landing", as_of, policy)
    done = warehouse.run(tmp_path / "landing", as_of, policy, marts=True)
    assert (done.files_new, done.rows_new) == (0, 0)
    assert warehouse.state_digest() == at_once.state_digest()
    assert handoffs(warehouse) == handoffs(at_once)


def test_a_sidecar_that_comes_a_run_later_leads_to_the_same_state(small, at_once, warehouse, tmp_path):
    landing, policy, as_of = small
    files = sorted(path for path in landing.rglob("*") if path.is_file())
    deliver([path for path in files if not path.name.endswith(".meta.yaml")], landing, tmp_path / "landing")
    deliver([path for path in files if path.relative_to(landing).parts[0] in REGISTERS], landing, tmp_path / "landing")
    warehouse.run(tmp_path / "landing", as_of, policy)
    deliver(files, landing, tmp_path / "landing")
    warehouse.run(tmp_path / "landing", as_of, policy, marts=True)
    assert handoffs(warehouse) == handoffs(at_once)
    assert marts(warehouse) == marts(at_once)
    assert warehouse.state_digest() == at_once.state_digest()


def test_the_order_of_rows_in_the_record_changes_nothing_that_is_derived(small, at_once, tools):
    """What DuckDB returns has no order: every frame shuffled, everything derived the same."""
    _, text, as_of = small
    policy = load_policy(("policy.yaml", tools.DEFAULT_POLICY), ("own.yaml", text))
    with at_once.open() as connection:
        known = record.known(connection, tools.us(as_of))

    def derived(frames: dict[str, pa.Table]) -> dict[str, list[str]]:
        found = programme.derive(frames, policy, tools.us(as_of), completes_stages=True)
        return {name: sorted(map(repr, frame.to_pylist())) for name, frame in found.frames.items()}

    plain = derived(known)
    assert plain["cycle"]
    for seed in range(6):
        rng = random.Random(seed)
        shuffled = {name: frame.take(pa.array(rng.sample(range(frame.num_rows), frame.num_rows), pa.int64())) if frame.num_rows else frame for name, frame in known.items()}
        assert derived(shuffled) == plain


def test_rows_of_a_file_in_another_order_are_the_same_state(warehouse, tools, tmp_path, zone):
    """Two exports of one report and one log, their rows reversed: everything of the second is a duplicate."""
    import json

    items = [{"title": f"T{n}", "severity": "High", "description": "d", "unique_id_from_tool": f"A{n}", "service": "pay-api", "date": "2026-04-01T09:00:00Z"} for n in range(5)]
    events = [{"event_id": f"e{n}", "ref": f"A{n}", "event": "acknowledged", "actor": "anna", "occurred_at": f"2026-04-01T1{n}:00:00Z"} for n in range(5)]
    zone.put("scans/a.json", json.dumps({"findings": items})).put("activity/a.csv", events)
    warehouse.run(zone.write(tmp_path / "one"), "2026-05-01T00:00:00Z", marts=True)
    digest, before = warehouse.state_digest(), handoffs(warehouse)
    zone.put("scans/b.json", json.dumps({"findings": items[::-1]}, indent=1)).put("activity/b.csv", [dict(reversed(event.items())) for event in events[::-1]])
    done = warehouse.run(zone.write(tmp_path / "one"), "2026-05-01T00:00:00Z", marts=True)
    assert (done.files_new, done.rows_new, done.rows_duplicate) == (2, 0, 10)
    assert warehouse.state_digest() == digest
    assert handoffs(warehouse) == before


def test_contradictions_are_won_by_content_never_by_arrival(tools, tmp_path, zone):
    """One event_id with two contents, one observation with two severities: whichever comes first."""
    zone.scan("2026-04-01T09:00:00Z", "Low").event("acknowledged", "2026-04-01T10:00:00Z")
    first = zone.write(tmp_path / "first")
    other = tools.Zone().scan("2026-04-01T09:00:00Z", "High").event("acknowledged", "2026-04-01T09:30:00Z").write(tmp_path / "other")
    found = []
    for number, (one, two) in enumerate(((first, other), (other, first))):
        warehouse = tools.Warehouse(tmp_path / f"home{number}")
        warehouse.run(one, "2026-05-01T00:00:00Z")
        warehouse.run(two, "2026-05-02T00:00:00Z", marts=True)
        kept = warehouse.sql("SELECT kind, subject, kept, lost FROM record.conflict ORDER BY ALL")
        found.append((warehouse.state_digest(), handoffs(warehouse), kept))
    assert found[0] == found[1]
    assert [(row["severity"], str(row["acknowledged_at"])) for row in found[0][1]] == [("high", "2026-04-01 09:30:00")]
    assert [kind for kind, *_ in found[0][2]] == ["activity", "observation"]
