"""mart.sweep: what each kind of sweep proposes, on what evidence, what it leaves to people, and what settled it, worked by hand; and what comes of delivering it."""

from __future__ import annotations

import csv
import shutil

import pytest
import yaml

from transforms.domain.errors import UsageError
from warehouse import decisions, sweep

AS_OF = "2026-05-01T00:00:00Z"
LATER = "2026-05-02T00:00:00Z"


def fixed(state, name: str) -> dict[str, list[tuple]]:
    """(asset, what speaks for it, whether it is proposed) by target, in their order."""
    found: dict[str, list[tuple]] = {}
    for row in sorted(state.mart(name), key=lambda row: row["rank"]):
        subject, other = (row["target"], row["asset_id"]) if name == "binding_proposal" else (row["ref"], row["finding_id"])
        found.setdefault(subject, []).append((other, row["proposed_by"], row["is_proposed"]))
    return found


# Binding


def test_an_orphan_is_proposed_an_asset_only_on_evidence_of_the_thing_itself(zone):
    zone.assets(
        {"asset_id": "pay", "name": "pay-api", "aliases": "10.1.2.3"}, {"asset_id": "cart", "name": "shop/cart"}, {"asset_id": "one", "name": "front/portal"},
        {"asset_id": "two", "name": "b/portal"}, {"asset_id": "old", "name": "ledger", "status": "retired"}, {"asset_id": "new", "name": "Ledger-v2"},
        {"asset_id": "x", "name": "dup-x", "aliases": "dup"}, {"asset_id": "y", "name": "dup-y", "aliases": "dup"},
    )  # fmt: skip
    for number, target in enumerate(
        ["PAY_API", "https://pay-api.prod.example.com:8443/login", "git.example/shop/cart.git", "c/portal", "10.1.2.9", "nowhere", "ledger", "ledger_v2", "dup", "=pay-api", "front/other"]
    ):
        zone.scan("2026-04-01T09:00:00Z", target=target, own=str(number), cve=f"CVE-2026-{number}")
    assert fixed(zone.state(AS_OF), "binding_proposal") == {
        "PAY_API": [("pay", "spelling", True)],
        "https://pay-api.prod.example.com:8443/login": [("pay", "short_name", True)],
        "git.example/shop/cart.git": [("cart", "short_name", True)],
        "c/portal": [("one", "short_name", False), ("two", "short_name", False)],  # either
        "10.1.2.9": [("pay", "neighbour", False)],  # a neighbour is another machine
        "ledger_v2": [("new", "spelling", True)],
        "dup": [("x", "stated", False), ("y", "stated", False)],
        "=pay-api": [("pay", "spelling", False)],  # no file for people holds a formula
        "front/other": [("one", "prefix", False)],
    }


@pytest.mark.parametrize(("shared", "own", "proposed"), [(3, 3, True), (3, 4, False), (2, 0, False)])
def test_findings_that_few_assets_have_speak_for_an_asset(zone, shared, own, proposed):
    """Three at least, and half of those of the target: an image under another name."""
    for number in range(shared + own):
        here = {"own": f"{number}", "cve": f"CVE-2026-{number}", "component_name": f"lib{number}"}
        zone.scan("2026-04-01T09:00:00Z", target="sha-7d41", **here)
        if number < shared:
            zone.scan("2026-04-01T09:00:00Z", **{**here, "own": f"p{number}"})
    assert fixed(zone.state(AS_OF), "binding_proposal").get("sha-7d41", []) == ([("pay", "findings", True)] if proposed else [])


# Unmatched activity


def test_a_reference_is_proposed_a_finding_only_where_one_alone_is_meant(zone):
    zone.scan("2026-04-01T09:00:00Z", own="PT-1", cve="CVE-2026-1").scan("2026-04-01T09:00:00Z", own="PT-2", cve="CVE-2026-2")
    zone.scan("2026-04-01T09:00:00Z", own="TWIN", cve="CVE-2026-3").scan("2026-04-01T09:00:00Z", own="TWIN", cve="CVE-2026-4", target="other")
    zone.scan("2026-04-01T09:00:00Z", own="X", cve="CVE-2026-4")
    state = zone.state(AS_OF)
    ids = {row["vulnerability_ids"][0][-1] + row["target"][0]: row["finding_id"] for row in state.rows("finding")}
    for ref, comment in (
        ("pt_1", ""), (ids["2p"][:12], ""), ("T-1", "is PT-2, I think"), ("T-2", "CVE-2026-4 on other"), ("T-3", "CVE-2026-4"), ("T-4", "see CVE-2026-1."),
        ("T-5", "no idea"), ("TWIN", ""),
    ):  # fmt: skip
        zone.event("commented", "2026-04-03T09:00:00Z", ref=ref, comment=comment)
    assert fixed(zone.state(AS_OF), "reference_proposal") == {
        "pt_1": [(ids["1p"], "spelling", True)],
        ids["2p"][:12]: [(ids["2p"], "beginning", True)],
        "T-1": [(ids["2p"], "named_id", True)],
        "T-2": [(ids["4o"], "named_place", True), (ids["4p"], "named_vulnerability", False)],
        "T-3": [(found, "named_vulnerability", False) for found in sorted((ids["4o"], ids["4p"]))],
        "T-4": [(ids["1p"], "named_vulnerability", True)],
        "TWIN": [(found, "stated", False) for found in sorted((ids["3p"], ids["4o"]))],
    }


# All of them


def results(count: int) -> str:
    rows = ",".join(f'{{"title": "T{n}", "severity": "High", "description": "d", "unique_id_from_tool": "H{n}", "cve": "CVE-2026-9{n:02d}"}}' for n in range(count))
    return f'{{"findings": [{rows}]}}'


class Swept:
    """A home with one of everything to settle; and the same after what was proposed was delivered and decided."""

    def __init__(self, tools, folder) -> None:
        zone = tools.Zone()
        people = [tools.person("anna"), tools.person("bo"), tools.person("mo"), tools.person("dan", status="departed", manager_id="mo")]
        zone.people(*people, captured_at="2026-03-01T00:00:00Z")
        assets = [{"asset_id": name, "name": f"{name}-api", "owner_team": "payments", "aliases": "old-name"[: 8 * (name == "till")]} for name in ("pay", "cart", "till", "held")]
        zone.assets(*assets, captured_at="2026-03-01T00:00:00Z")
        zone.ownership({"match": "asset:pay", "person_id": "anna"}, {"match": "asset:cart", "person_id": "dan"}, {"match": "asset:till", "person_id": "anna"}, {"match": "asset:held", "person_id": "anna"})
        zone.scan("2026-04-01T09:00:00Z", own="PT-1", cve="CVE-2026-1")
        zone.scan("2026-04-01T09:00:00Z", own="C", cve="CVE-2026-2", target="cart-api")
        zone.scan("2026-04-01T09:00:00Z", own="O", cve="CVE-2026-3", target="TILL_API").scan("2026-04-01T09:00:00Z", own="L", cve="CVE-2026-4", target="lost")
        zone.event("acknowledged", "2026-04-01T08:00:00Z", ref="PT-1").event("commented", "2026-04-02T09:00:00Z", ref="pt-1")
        zone.event("commented", "2026-04-02T09:00:00Z", ref="unknown-7")
        zone.event("acknowledged", "2026-04-02T09:00:00Z", ref="LATE").event("control_accepted", "2026-04-02T00:00:00Z", "bo", ref="PT-1")
        for day, count in (("02", 30), ("20", 3)):
            zone.put(f"scans/host-{day}.json", results(count), target="held-api", captured_at=f"2026-04-{day}T06:00:00Z", scanner="box", source="host")
        zone.put("assets/small.csv", [dict(asset) for asset in assets[:2]], source="assets/assets", captured_at="2026-04-25T00:00:00Z")
        self.zone, self.folder, self.landing = zone, folder, zone.write(folder / "landing")
        self.warehouse = tools.Warehouse(folder / "home")
        self.policy = {"controls": {"attestation": "40d"}}
        self.run(AS_OF)
        self.first = sweep.propose(self.home)

    @property
    def home(self):
        return self.warehouse.home.folder

    def run(self, as_of: str) -> None:
        self.warehouse.run(self.landing, as_of, self.policy, published=True)


@pytest.fixture(scope="module")
def swept(tools, tmp_path_factory):
    return Swept(tools, tmp_path_factory.mktemp("swept"))


@pytest.fixture(scope="module")
def settled(swept):
    """What the same home says after everything was delivered and decided."""
    files = [sweep.write(swept.first, swept.folder / "proposals", "bo"), sweep.write(sweep.propose(swept.home, ["attestation"]), swept.folder / "attested", "bo")]
    for part in ("proposals", "attested"):
        shutil.copytree(swept.folder / part, swept.landing, dirs_exist_ok=True)
    swept.zone.scan("2026-04-01T09:00:00Z", own="LATE", cve="CVE-2026-5").write(swept.landing)
    for number, row in enumerate(row for row in swept.first.open if row["kind"] == "held_file"):
        word = "release" if "host" in row["command"] else "discard"
        decisions.decide(swept.home, word, row["command"].split()[2], "looked at it", by="soc", at_us=swept.first.as_of_us + number)
    swept.run(LATER)
    return files, sweep.propose(swept.home)


def told(rows, *columns: str) -> list[tuple]:
    return [tuple(row[column] for column in columns) for row in rows]


def test_one_of_everything_is_put_before_a_person(swept):
    (finding,) = [row[0] for row in swept.warehouse.sql("SELECT finding_id FROM mart.finding WHERE own_ids = ['PT-1']")]
    claims = dict(swept.warehouse.sql("SELECT path, claim_id FROM record.landed_file WHERE status = 'held'"))
    assert told(swept.first.open, "kind", "subject_id", "reason", "proposed_id", "remedy", "handoffs", "events") == [
        ("reattribution", "asset:cart", "departed_person", "mo", "ownership", 1, 0),
        ("binding", "TILL_API", "unbound", "till", "alias", 1, 0),
        ("binding", "lost", "unbound", None, None, 1, 0),
        ("unmatched_activity", "LATE", "no_match", None, None, 0, 1),
        ("unmatched_activity", "PT-1", "before_capture", None, None, 0, 1),
        ("unmatched_activity", "pt-1", "no_match", finding, "ticket_linked", 0, 1),
        ("unmatched_activity", "unknown-7", "no_match", None, None, 0, 1),
        ("held_file", claims["assets/small.csv"], "held", None, "decision", 30, 0),
        ("held_file", claims["scans/host-20.json"], "held", None, "decision", 27, 0),
        ("attestation", finding, "due_soon", "anna", "attested", 1, 0),
    ]
    assert swept.first.settled == [] and swept.first.without_proposal == 0
    assert all(row["why_not"] and row["since_at"] for row in swept.first.open)


def test_what_a_release_would_change_is_said_with_the_command(swept):
    register, scan = (row for row in swept.first.open if row["kind"] == "held_file")
    assert "27 open findings are not seen any more, of which 27 would be believed gone" in scan["evidence"]
    assert "it closes 2 asset: held, till; 30 open handoffs" in register["evidence"]
    assert scan["command"].startswith("handoff release ") and "handoff discard " in scan["command"]


def test_who_attests_what_by_when_and_who_did_last(swept):
    (row,) = (row for row in swept.first.open if row["kind"] == "attestation")
    assert (str(row["due_at"]), str(row["since_at"])) == ("2026-05-12 00:00:00", "2026-04-28 00:00:00")
    assert row["proposal"] == "anna attests it before 2026-05-12 00:00 UTC, or it lapses"
    assert row["evidence"] == "last attested on 2026-04-02 00:00 UTC by bo" and row["candidates"] == ["bo: gave its word last"]


def test_the_files_are_a_landing_zone_and_attest_nothing_unasked(settled, swept):
    (files, attested), _ = settled
    assert [path.relative_to(swept.folder / "proposals").as_posix() for path in files] == [
        "people/reattribution-2026-05-01.csv", "people/reattribution-2026-05-01.csv.meta.yaml", "activity/sweep-links-2026-05-01.csv",
        "assets/sweep-binding-2026-05-01-1.csv", "assets/sweep-binding-2026-05-01-1.csv.meta.yaml",
    ]  # fmt: skip
    assert [path.relative_to(swept.folder / "attested").as_posix() for path in attested] == ["activity/sweep-attestations-2026-05-01.csv"]
    assert yaml.safe_load(files[-1].read_text()) == {"complete": False, "source": "assets/assets"}
    (row,) = csv.DictReader(files[-2].read_text().splitlines())
    assert (row["asset_id"], row["aliases"], row["owner_team"], row["effective_from"]) == ("till", "old-name;TILL_API", "payments", AS_OF)


def test_after_delivery_nothing_is_left_to_propose(settled, swept):
    _, after = settled
    assert [row for row in after.open if row["remedy"]] == []
    assert told(after.open, "kind", "subject_id") == [
        ("binding", "lost"), ("unmatched_activity", "PT-1"), ("unmatched_activity", "unknown-7"),
    ]  # fmt: skip
    assert swept.warehouse.sql("SELECT target, asset_id, owner_id FROM mart.handoff WHERE target IN ('cart-api', 'TILL_API') ORDER BY ALL") == [("TILL_API", "till", "anna"), ("cart-api", "cart", "mo")]


def test_what_was_done_is_kept_with_who_did_it(settled, swept):
    _, after = settled
    (finding,) = [row[0] for row in swept.warehouse.sql("SELECT finding_id FROM mart.finding WHERE own_ids = ['PT-1']")]
    assert told(after.settled, "kind", "subject_id", "settled_by", "is_from_sweep") == [
        ("reattribution", "asset:cart", "people/reattribution-2026-05-01.csv", True),
        ("binding", "TILL_API", "assets/sweep-binding-2026-05-01-1.csv", True),
        ("unmatched_activity", "LATE", None, False), ("unmatched_activity", "pt-1", "bo", True),
        *((("held_file", row["subject_id"], "soc", False)) for row in reversed([row for row in swept.first.open if row["kind"] == "held_file"])),
        ("attestation", finding, "bo", True),
    ]
    assert [row["settlement"].split(" finding ")[0] for row in after.settled][:4] == ["asset:cart leads to mo again", "bound to till", "a scan brought", "linked to"]
    assert {str(row["settled_at"]) for row in after.settled if row["kind"] == "binding"} == {"2026-05-02 00:00:00"}


def test_sweeping_again_changes_nothing(settled, swept):
    _, after = settled
    swept.run("2026-05-02T06:00:00Z")
    again = sweep.propose(swept.home)
    assert (again.open, again.settled) == (after.open, after.settled)


def test_only_what_is_asked_for(swept):
    found = sweep.propose(swept.home, ["binding"])
    assert {row["kind"] for row in found.open} == {"binding"} and found.ownership == []
    with pytest.raises(UsageError, match="one of reattribution, binding"):
        sweep.propose(swept.home, ["bindings"])


def test_nobody_attests_without_a_name(swept, tmp_path):
    proposals = sweep.propose(swept.home, ["attestation"])._replace(attestations=[{"event_id": "e", "ref": "f", "event": "control_attested", "why": "w"}])
    with pytest.raises(UsageError, match="--as PERSON"):
        sweep.write(proposals, tmp_path / "out", None)


def test_an_empty_record_has_nothing_to_settle(warehouse, tmp_path):
    (tmp_path / "landing").mkdir()
    warehouse.run(tmp_path / "landing", AS_OF, published=True)
    found = sweep.propose(warehouse.home.folder)
    assert (found.open, found.settled, sweep.write(found, tmp_path / "out", None)) == ([], [], [])
