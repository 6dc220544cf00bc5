"""Directories and ownership in routing: who goes by another name, who is no person, whose rule or shift names whom, and who stands above them."""

from __future__ import annotations

import pytest

from transforms.binding import forms
from transforms.domain.codeowners import Rule, read, write
from transforms.managers import cycles, manager_chain
from transforms.routing import Directory, person_key
from transforms.versions import ALWAYS, Disagreement, Timeline, Version

CHAT = {"directory": {"channels": {"github_org": "github:@{person_id}"}, "roles": {"github_org": "engineer"}}}


@pytest.fixture
def person(tools):
    return tools.person


def owner(zone, **more) -> tuple[str, str | None]:
    row = zone.cycle(**more)
    return row["routing_status"], row["owner_id"]


# By which names a person goes (31)


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("anna-gh", "routed"),
        ("ANNA-GH", "routed"),
        ("A-77", "routed"),
        ("ann", "unknown_person"),
        ("both", "unknown_person"),  # two people's, and so nobody's
        ("bo", "routed"),  # an id wins over another one's alias
    ],
)
def test_a_reference_may_be_an_alias(zone, person, reference, status):
    zone.people(person("anna", aliases="anna-gh; A-77;both;bo"), person("bo", aliases="both"))
    zone.ownership({"match": "asset:pay", "person_id": reference}).scan("2026-04-01T09:00:00Z")
    assert owner(zone) == (status, ("bo" if reference == "bo" else "anna") if status == "routed" else None)


def test_an_alias_wins_over_another_ones_mail_address(zone, person):
    zone.people(person("anna", aliases="shared@example.com"), person("bo", email="Shared@example.com"))
    zone.ownership({"match": "asset:pay", "person_id": "SHARED@example.com"}).scan("2026-04-01T09:00:00Z")
    assert owner(zone) == ("routed", "anna")


def test_an_acknowledgement_under_an_alias_is_the_persons(zone, person):
    zone.people(person("anna", aliases="anna-gh")).scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T10:00:00Z", actor="Anna-GH")
    assert (zone.cycle()["acknowledged_at"], zone.cycle()["acknowledged_by"]) == ("2026-04-01T10:00:00Z", "anna")


def test_ids_that_differ_only_in_case_are_one_person_and_a_conflict(zone, person):
    zone.people(person("anna"), person("Anna", role="architect", email="other@example.com"))
    zone.ownership({"match": "asset:pay", "person_id": "Anna"}).scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T10:00:00Z", actor="anna")
    row = zone.cycle()
    assert (row["owner_id"], row["acknowledged_by"]) == ("Anna", "Anna")
    ((kind, subject, kept, lost),) = [(c["kind"], c["subject"], c["kept"], c["lost"]) for c in zone.state().rows("conflict")]
    assert (kind, subject) == ("person", "Anna")
    assert kept.startswith("Anna;Anna;other@example.com") and lost.startswith("anna;Anna;anna@example.com")


def test_an_id_that_another_directory_writes_in_another_case_is_the_same_person(zone, person):
    zone.people(person("anna"), path="people/hr.csv").people(person("ANNA", status="departed"), path="people/idp.csv")
    zone.ownership({"match": "asset:pay", "person_id": "anna"}).scan("2026-04-01T09:00:00Z")
    assert {conflict["kind"] for conflict in zone.state().rows("conflict")} == {"person_source"}
    assert owner(zone)[0] == "departed_person"  # bytewise smallest, as for any two sources


def test_an_alias_or_address_of_two_people_is_told(zone, person):
    zone.people(person("anna", aliases="x-1"), person("bo", aliases="X-1", email="Both@example.com"), person("cy", email="both@example.com"))
    assert [(issue["subject"], issue["person_ids"]) for issue in zone.scan("2026-04-01T09:00:00Z").state().rows("directory_issue")] == [
        ("alias x-1", ["anna", "bo"]),
        ("email both@example.com", ["bo", "cy"]),
    ]


# Who is no person, whatever their directory says


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"email": "security@example.com"}, "group_inbox"),
        ({"email": "Payments-Team@example.com"}, "group_inbox"),
        ({"email": "dependabot[bot]@example.com"}, "bot"),
        ({"email": "49699333+renovate[bot]@users.noreply.github.example"}, "bot"),
        ({"email": "no-reply@example.com", "status": "departed"}, "bot"),
        ({"email": "security.anna@example.com"}, "routed"),
        ({"email": "anna.team@example.com"}, "routed"),
        ({"email": "", "kind": "group"}, "group_inbox"),
    ],
)
def test_group_inboxes_and_bots_are_known_by_policy(zone, person, change, status):
    zone.people(person("anna", **change)).scan("2026-04-01T09:00:00Z")
    assert owner(zone)[0] == status


def test_a_policy_has_its_own_globs(zone, person):
    zone.people(person("anna", email="robo.7@example.com")).scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T10:00:00Z")
    assert owner(zone, policy={"directory": {"bots": ["robo.?@*"]}})[0] == "bot"
    assert owner(zone)[0] == "routed"
    assert zone.cycle(policy={"directory": {"bots": ["ANN?"]}})["acknowledged_at"] is None


# CODEOWNERS (33, 34)

FILE = """
*                 @anna
/src/             @bo
/src/pay/         @acme/payments @cy
/src/pay/vendor/
*.md              docs@example.com
"""


def of_path(zone, file_path: str, text: str = FILE, **sidecar) -> tuple[str, str | None]:
    zone.files.clear()
    zone.__init__()
    zone.ownership().put("people/CODEOWNERS", text, **({"target": "pay-api"} | sidecar)).scan("2026-04-01T09:00:00Z", file_path=file_path)
    return owner(zone)


@pytest.mark.parametrize(
    ("file_path", "expected"),
    [
        ("main.py", ("routed", "anna")),
        ("src/main.py", ("routed", "bo")),
        ("./src/main.py", ("routed", "bo")),
        ("/src/main.py", ("routed", "bo")),
        ("src/pay/main.py", ("routed", "cy")),
        ("src/pay/vendor/lib.py", ("nobody", None)),  # owned by nobody on purpose: the rules above are hidden
        ("src/pay/README.md", ("unknown_person", None)),
    ],
)
def test_the_last_rule_that_fits_decides(zone, file_path, expected):
    assert of_path(zone, file_path) == expected


def test_a_rule_is_of_its_own_repository(zone):
    assert of_path(zone, "main.py", target="other") == ("nobody", None)
    assert of_path(zone, "main.py", target="PAY") == ("routed", "anna")  # the asset's id, as well as its names


def test_a_finding_without_a_path_has_no_rule(zone):
    zone.ownership().put("people/CODEOWNERS", FILE, target="pay-api").scan("2026-04-01T09:00:00Z")
    assert owner(zone) == ("nobody", None)


GITLAB = """
* @anna
[Database]
db/ @bo
!db/seeds/
^[Docs] @cy
*.md
"""


@pytest.mark.parametrize(
    ("file_path", "expected"),
    [("x.py", "anna"), ("lib/db/a.py", "bo"), ("db/seeds/a.py", "anna"), ("db/a.md", "bo"), ("a.md", "anna")],
)
def test_each_section_of_gitlabs_has_a_last_rule_and_required_ones_come_first(zone, file_path, expected):
    assert of_path(zone, file_path, GITLAB) == ("routed", expected)


def test_an_optional_section_stands_in_where_the_required_ones_name_nobody_valid(zone):
    assert of_path(zone, "a.md", GITLAB.replace("* @anna", "* @stranger")) == ("routed", "cy")


@pytest.mark.parametrize(
    ("rows", "policy", "expected"),
    [
        ([{"match": "asset:pay", "person_id": "cy"}], None, "cy"),  # what was mapped by hand for the asset comes first
        ([{"match": "cidr:10.0.0.0/8", "person_id": "cy"}], None, "cy"),
        ([{"match": "path:src/", "person_id": "cy"}], None, "bo"),  # the repository's own rule says more than a prefix anywhere
        ([{"match": "asset:pay", "person_id": "cy"}], {"directory": {"priorities": {"codeowners": 50}}}, "bo"),
        ([{"match": "path:src/", "person_id": "cy", "priority": "10"}], None, "cy"),
        ([{"match": "team:payments", "person_id": "cy"}], None, "bo"),
    ],
)
def test_where_a_rule_stands_among_other_mappings(zone, rows, policy, expected):
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "10.1.2.3", "owner_team": "payments"}).ownership(*rows)
    zone.put("people/CODEOWNERS", "/src/ @bo\n", target="pay-api").scan("2026-04-01T09:00:00Z", file_path="src/a.py")
    assert owner(zone, policy=policy) == ("routed", expected)


def test_an_inserted_rule_keeps_the_others_mapping_and_none_is_lost(tmp_path, zone, warehouse):
    zone.ownership().put("people/CODEOWNERS", "/src/ @bo\n/doc/ @cy\n", target="pay-api", captured_at="2026-03-01T00:00:00Z")
    warehouse.run(zone.write(tmp_path / "landing"), "2026-04-01T00:00:00Z")
    zone.put("people/CODEOWNERS", "* @anna\n/src/ @bo\n/doc/ @cy\n", target="pay-api", captured_at="2026-04-01T00:00:00Z")
    warehouse.run(zone.write(tmp_path / "landing"), "2026-04-02T00:00:00Z")
    assert warehouse.files()["people/CODEOWNERS"] == ("loaded", 3, 0, 0)


@pytest.mark.parametrize(
    "rule",
    [Rule("acme/shop", None, False, "/a b/*.js"), Rule("acme/shop", "", False, "*"), Rule("r", "data base", True, "!x/"), Rule("r", "s", False, "[a-c]x")],
)
def test_a_rule_is_read_back_as_it_was_written(rule):
    assert read(write(rule)) == rule


@pytest.mark.parametrize("match", ["asset:pay", "codeowners:", "codeowners:shop", "path:codeowners:x y", ""])
def test_what_is_no_rule(match):
    assert read(match) is None


@pytest.mark.parametrize(
    ("section", "pattern", "fitting", "others"),
    [
        (None, "*.js", ["a.js", "x/y/a.js"], ["a.jsx"]),
        (None, "docs/*", ["docs/a.md"], ["docs/b/a.md", "x/docs/a.md"]),
        (None, "apps/", ["apps/a", "x/apps/y/z"], ["apps"]),
        (None, "/docs/", ["docs/a"], ["x/docs/a"]),
        (None, "docs", ["docs", "x/docs/a"], ["docsx"]),
        (None, "**/logs", ["logs/a", "x/logs", "x/y/logs/z"], ["logsx"]),
        (None, "/a/**/z", ["a/z", "a/b/c/z", "a/z/y"], ["b/a/z"]),
        (None, "my\\ dir/", ["my dir/x"], ["my/dir/x"]),
        (None, "a?c", ["abc", "x/abc/d"], ["a/c"]),
        ("", "*", ["a", "x/y"], []),
        ("", "/", ["a", "x/y"], []),
        ("", "docs", ["docs", "x/docs"], ["docs/a"]),
        ("", "docs/", ["docs/a", "x/docs/b/c"], ["docs"]),
        ("", "/docs/*", ["docs/a"], ["docs/b/a"]),
        ("", "/docs/**/*.md", ["docs/a.md", "docs/b/c/a.md"], ["x/docs/a.md"]),
        ("", "ee/docs", ["ee/docs", "x/ee/docs"], ["ee/docs/a"]),
        ("", "\\#a.rb", ["#a.rb", "x/#a.rb"], ["a.rb"]),
        ("", "/db/[a-c]x", ["db/bx"], ["db/dx"]),
        ("", "/db/[!a-c]x", ["db/dx"], ["db/bx", "db//x"]),
    ],
)
def test_which_paths_a_pattern_fits(section, pattern, fitting, others):
    rule = Rule("r", section, False, pattern)
    assert [path for path in (*fitting, *others) if rule.fits(path)] == fitting


def test_the_target_as_scanned_may_name_the_repository():
    assert "acme/shop" in forms("acme/shop:main")


# Whoever is on call for the team

SHIFTS = """BEGIN:VCALENDAR
VERSION:2.0
X-WR-CALNAME:Payments
BEGIN:VEVENT
UID:a
ATTENDEE:mailto:bo@example.com
DTSTART:20260401T000000Z
DTEND:20260402T000000Z
END:VEVENT
BEGIN:VEVENT
UID:b
ATTENDEE:mailto:cy@example.com
DTSTART:20260402T000000Z
DTEND:20260403T000000Z
END:VEVENT
END:VCALENDAR
"""


def test_whoever_is_on_call_is_named_for_the_length_of_the_shift(zone):
    zone.ownership().put("people/payments.ics", SHIFTS).scan("2026-04-01T09:00:00Z")
    found = {at: owner(zone, as_of=at) for at in ("2026-04-01T23:59:59Z", "2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z")}
    assert list(found.values()) == [("routed", "bo"), ("routed", "cy"), ("nobody", None)]


@pytest.mark.parametrize(("team", "mapped", "status"), [("PAYMENTS", "", "routed"), ("", "payments", "routed"), ("core", "payments", "nobody"), ("", "", "nobody")])
def test_a_schedule_is_of_the_owning_team(zone, team, mapped, status):
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": team}).ownership({"match": "asset:pay", "team": mapped, "priority": "1"})
    zone.put("people/payments.ics", SHIFTS).scan("2026-04-01T09:00:00Z")
    assert owner(zone, as_of="2026-04-01T12:00:00Z")[0] == status


def test_a_team_that_owns_the_code_is_reached_through_its_schedule(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api"}).ownership()
    zone.put("people/CODEOWNERS", "* @acme/payments\n", target="pay-api").put("people/payments.ics", SHIFTS).scan("2026-04-01T09:00:00Z", file_path="a.py")
    row = zone.cycle("2026-04-01T12:00:00Z")
    assert (row["owner_id"], row["team"]) == ("bo", "payments")


def test_a_shift_that_another_one_took_is_announced_no_more(tmp_path, zone, warehouse):
    """The same file, delivered again after a swap: also one with none of those who were in the first is no loss."""
    landing = tmp_path / "landing"
    zone.ownership().put("people/payments.ics", SHIFTS).scan("2026-04-01T09:00:00Z")
    warehouse.run(zone.write(landing), "2026-04-01T10:00:00Z")
    zone.put("people/payments.ics", SHIFTS.replace("cy@", "anna@"))
    warehouse.run(zone.write(landing), "2026-04-02T10:00:00Z")
    assert warehouse.cycles("routing_status, owner_id") == [("routed", "anna")]
    zone.put("people/payments.ics", SHIFTS.replace("cy@", "dora@").replace("bo@", "ed@"))
    warehouse.run(zone.write(landing), "2026-04-02T11:00:00Z")
    assert warehouse.files()["people/payments.ics"][0] == "loaded"


def test_of_two_on_call_the_one_with_priority_is_first(zone):
    text = SHIFTS.replace("DTSTART:20260402", "PRIORITY:1\nDTSTART:20260401")
    zone.ownership().put("people/payments.ics", text).scan("2026-04-01T09:00:00Z")
    assert owner(zone, as_of="2026-04-01T12:00:00Z") == ("routed", "cy")
    zone.put("people/payments.ics", text.replace("PRIORITY:1", "PRIORITY:0"))
    assert owner(zone, as_of="2026-04-01T12:00:00Z") == ("routed", "bo")


# People whose directory knows neither role nor channel

MEMBERS = '[{"login": "anna-gh", "id": 1, "node_id": "x", "type": "User"}, {"login": "robo", "id": 2, "node_id": "y", "type": "Bot"}]'


def test_a_directory_without_roles_and_channels_says_so_until_the_policy_gives_them(zone):
    zone.put("people/payments.json", MEMBERS, target="acme/payments").ownership({"match": "asset:pay", "person_id": "anna-gh"}).scan("2026-04-01T09:00:00Z")
    assert owner(zone)[0] == "no_role"
    assert owner(zone, policy={"directory": {"roles": {"github_org": "engineer"}}})[0] == "no_channel"
    assert owner(zone, policy=CHAT) == ("routed", "anna-gh")
    zone.ownership({"match": "asset:pay", "person_id": "robo"})
    assert owner(zone, policy=CHAT)[0] == "bot"


def test_a_maintainer_is_named_for_the_team(zone):
    team = '{"slug": "payments", "members": {"edges": [{"role": "MAINTAINER", "node": {"login": "anna-gh"}}, {"role": "MEMBER", "node": {"login": "bo-gh"}}]}}'
    zone.ownership().put("people/github.json", f'{{"data": {{"organization": {{"login": "acme", "teams": {{"nodes": [{team}]}}}}}}}}').scan("2026-04-01T09:00:00Z")
    assert owner(zone, policy=CHAT) == ("routed", "anna-gh")


# Who stands above whom


def directory(*rows: dict) -> Directory:
    people = {person_key(row["person_id"]): [Version(ALWAYS, {"email": None, "aliases": [], "team": None, "role": "r", "channel": "c", **row})] for row in rows}
    disagreements: list[Disagreement] = []
    return Directory(Timeline(people, disagreements), {row["person_id"]: person_key(row["person_id"]) for row in rows})


def someone(person_id: str, manager_id: str | None = None, status: str = "active", kind: str = "human", **more: object) -> dict:
    return {"person_id": person_id, "manager_id": manager_id, "status": status, "kind": kind, **more}


def test_the_chain_skips_who_has_left_and_goes_on_above_them():
    found = directory(
        someone("anna", "bo"), someone("bo", "cy@example.com", "departed"), someone("cy", "GROUP-1", "inactive", email="CY@example.com"),
        someone("leads", "dora", kind="group", aliases=["group-1"]), someone("dora", "ed"), someone("ed", "gone"),
    )  # fmt: skip
    chain = manager_chain(found, "anna", 0)
    assert [manager.person_id for manager in chain.managers] == ["dora", "ed"]
    assert chain.skipped == (("bo", "departed_person"), ("cy@example.com", "inactive_person"), ("GROUP-1", "group_inbox"), ("gone", "unknown_person"))
    assert chain.cycle == ()


def test_a_cycle_is_named_and_cut():
    found = directory(someone("anna", "Bo"), someone("Bo", "cy"), someone("cy", "dora"), someone("dora", "Bo"), someone("ed", "ed"), someone("fay"))
    chain = manager_chain(found, "anna", 0)
    assert ([manager.person_id for manager in chain.managers], chain.cycle) == (["Bo", "cy", "dora"], ("Bo", "cy", "dora"))
    assert manager_chain(found, "dora", 0).cycle == ("Bo", "cy", "dora")
    assert (manager_chain(found, "ed", 0).managers, manager_chain(found, "ed", 0).cycle) == ((), ("ed",))
    assert cycles(found, 0) == [("Bo", "cy", "dora"), ("ed",)]


def test_there_is_nobody_above_a_stranger_or_the_head():
    found = directory(someone("anna"))
    assert manager_chain(found, "anna", 0) == manager_chain(found, "nobody", 0) == ((), (), ())


def test_cycles_and_zones_that_are_none_are_told(zone, person):
    zone.people(
        person("anna", manager_id="bo", effective_from="2026-03-01"), person("bo", manager_id="ANNA@example.com", effective_from="2026-03-05"),
        person("cy", time_zone="Mars/Base"), person("dora", time_zone="Europe/Berlin"),
    )  # fmt: skip
    issues = zone.scan("2026-04-01T09:00:00Z").state().rows("directory_issue")
    assert [(issue["issue"], issue["subject"], issue["person_ids"], issue["since_at"]) for issue in issues] == [
        ("manager_cycle", "anna → bo → anna", ["anna", "bo"], "2026-03-05T00:00:00Z"),
        ("unknown_time_zone", "Mars/Base", ["cy"], None),
    ]


def test_a_manager_and_a_default_who_cannot_be_told_are_told_of(zone, person):
    """anna owns an open handoff, bo's are closed; mute lost their channel on the third."""
    zone.people(
        person("anna", manager_id="mute"), person("bo", manager_id="gone"), person("cy", manager_id="gone"), person("gone", status="departed"),
        person("mute", effective_from="2026-03-01"), person("mute", channel="", effective_from="2026-04-03"),
    )  # fmt: skip
    zone.ownership({"match": "asset:pay", "person_id": "anna"}, {"match": "path:src/", "person_id": "bo", "priority": "1"})
    zone.scan("2026-04-01T09:00:00Z").scan("2026-04-01T09:00:00Z", own="B", cve="CVE-2026-2", file_path="src/x").event("verified", "2026-04-02T09:00:00Z", ref="B")
    found = zone.state(policy={"routing": {"escalation_default": "gone"}}).rows("directory_issue")
    assert [(issue["issue"], issue["subject"], issue["person_ids"], issue["since_at"]) for issue in found] == [
        ("unreachable_manager", "mute", ["anna"], "2026-04-03T00:00:00Z"),
        ("unreachable_default", "gone", [], None),
    ]
    assert zone.state(policy={"routing": {"escalation_default": "cy"}}).rows("directory_issue")[1:] == []
