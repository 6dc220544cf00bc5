"""Foreign registers to the record and to what the marts bind and route by: one file of several registers, what is held, restated and contradicted."""

from __future__ import annotations

import json

import pytest

DAY = [f"2026-05-{day:02d}T12:00:00Z" for day in range(1, 9)]
GROUP = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: web}\nspec: {type: team, members: [anna]}\n"
ANNA = "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: anna}\nspec: {profile: {email: anna@example.com}, memberOf: [web]}\n"


@pytest.fixture
def landing(tmp_path):
    (tmp_path / "landing" / "scans").mkdir(parents=True)
    return tmp_path / "landing"


@pytest.fixture
def put(landing):
    def put(path: str, content: str, **sidecar: object) -> None:
        whole = landing / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(content, encoding="utf-8")
        if sidecar:
            whole.with_name(f"{whole.name}.meta.yaml").write_text(json.dumps(sidecar), encoding="utf-8")

    return put


def component(name: str, owner: str = "user:anna", **metadata: object) -> str:
    entity = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name, **metadata}, "spec": {"type": "service", "owner": owner}}
    return f"{json.dumps(entity)[1:-1]}\n".join(("{", "}\n"))


def catalogue(*documents: str) -> str:
    return "---\n".join(("# a catalogue\n", *documents))


def found_on(put, target: str) -> None:
    item = {"title": "T", "severity": "High", "description": "d", "unique_id_from_tool": target}
    put(f"scans/{target}.json", json.dumps({"findings": [item]}), target=target, captured_at="2026-05-01T00:00:00Z")


def counts(warehouse) -> list:
    return warehouse.sql("SELECT kind, status, rows_in, rows_new, rows_duplicate, rows_rejected FROM record.landed_file WHERE format = 'backstage' ORDER BY path, claim_id")


def test_a_catalogue_is_one_file_of_three_registers(warehouse, landing, put):
    put("assets/catalog-info.yaml", catalogue(component("shop"), GROUP, ANNA))
    found_on(put, "shop")
    warehouse.run(landing, DAY[0])
    assert counts(warehouse) == [("assets+people+ownership", "loaded", 4, 4, 0, 0)]
    assert warehouse.sql("SELECT asset_id, team, routing_status, owner_id FROM derived.cycle") == [("component:default/shop", "web", "routed", "anna")]


def test_each_register_of_a_file_is_held_to_its_own_loss(warehouse, landing, put):
    names = [f"s{number}" for number in range(10)]
    put("assets/catalog-2026-05-01.yaml", catalogue(*map(component, names), GROUP, ANNA))
    warehouse.run(landing, DAY[0])
    put("assets/catalog-2026-05-02.yaml", catalogue(*map(component, names), GROUP))
    assert warehouse.run(landing, DAY[1]).files_held == 1
    (reason,) = warehouse.sql("SELECT reason FROM record.landed_file WHERE status = 'held'")[0]
    assert reason.startswith("1 of the 2 keys of people in the snapshot before it are gone")
    put("assets/catalog-2026-05-03.yaml", catalogue(*(component(name, "group:web") for name in names[1:]), GROUP, ANNA))
    warehouse.run(landing, DAY[2])
    (reason,) = warehouse.sql("SELECT reason FROM record.landed_file WHERE status = 'held' AND path LIKE '%03.yaml'")[0]
    assert reason.startswith("10 of the 10 keys of ownership")


def test_a_row_that_changed_closes_the_version_before_it_and_one_that_is_gone_is_closed(warehouse, landing, put):
    names = [f"s{number}" for number in range(5)]
    put("assets/catalog-2026-05-01.yaml", catalogue(*map(component, names), GROUP, ANNA), captured_at="2026-05-01T06:00:00Z")
    put("assets/catalog-2026-05-03.yaml", catalogue(component("s0", labels={"env": "test"}), *map(component, names[2:]), GROUP, ANNA), captured_at="2026-05-03T06:00:00Z")
    found_on(put, "s0")
    found_on(put, "s1")
    warehouse.run(landing, DAY[1])
    assert warehouse.sql("SELECT target, binding_status, environment FROM derived.cycle ORDER BY target") == [("s0", "bound", None), ("s1", "bound", None)]
    warehouse.run(landing, DAY[3])
    assert warehouse.sql("SELECT target, binding_status, environment FROM derived.cycle ORDER BY target") == [("s0", "bound", "test"), ("s1", "unbound", None)]
    assert warehouse.sql("SELECT count(*) FROM record.asset WHERE asset_id = 'component:default/s0'") == [(2,)]


def test_two_rows_for_one_key_in_a_snapshot_are_a_conflict_that_the_smallest_wins(warehouse, landing, put):
    one, other = component("shop", labels={"env": "b"}), component("shop", labels={"env": "a"})
    for number, documents in enumerate(((one, other), (other, one))):
        put(f"assets/{'xy'[number]}.yaml", catalogue(*documents, GROUP, ANNA))
        found_on(put, "shop")
        warehouse.run(landing, DAY[number])
        assert warehouse.sql("SELECT environment FROM derived.cycle") == [("a",)]
    assert warehouse.sql("SELECT DISTINCT subject, kept LIKE '%;a;%', lost LIKE '%;b;%' FROM derived.conflict WHERE kind = 'asset'") == [("component:default/shop", True, True)]


def test_a_snapshot_read_again_under_other_names_is_what_the_last_reading_says(warehouse, landing, put):
    bad = component("bad", labels={"criticality": "gold"})
    put("assets/catalog-info.yaml", catalogue(component("shop", labels={"env": "a", "zone": "z"}), bad, GROUP, ANNA))
    found_on(put, "shop")
    warehouse.run(landing, DAY[0])
    assert warehouse.sql("SELECT environment FROM derived.cycle") == [("a",)]
    warehouse.run(landing, DAY[1], policy="registers: {names: {environment: [zone]}, terms: {criticality: {gold: high}}}")
    assert warehouse.sql("SELECT environment FROM derived.cycle") == [("z",)]
    assert counts(warehouse)[0][1:2] == ("loaded",) and counts(warehouse)[0][5] == 0
    assert warehouse.sql("SELECT count(*) FROM derived.conflict") == [(0,)]


def test_an_unknown_zone_in_a_sidecar_is_named(warehouse, landing, put):
    put("assets/catalog-info.yaml", catalogue(component("shop")), time_zone="Mars/Olympus")
    warehouse.run(landing, DAY[0])
    ((reason,),) = warehouse.sql("SELECT reason FROM record.landed_file")
    assert "time_zone is 'Mars/Olympus'" in reason and "IANA time zone" in reason
