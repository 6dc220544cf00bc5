"""Target as scanned to asset: the forms of ruling 28 and their precedence."""

from __future__ import annotations

import pytest

from transforms.binding import AssetRegister, forms
from transforms.versions import ALWAYS, Timeline, Version


def asset(asset_id: str, name: str | None = None, *aliases: str, status: str = "active") -> dict:
    return {"asset_id": asset_id, "name": name, "aliases": list(aliases), "status": status}


def register(*assets: dict) -> AssetRegister:
    return AssetRegister(Timeline({row["asset_id"]: [Version(ALWAYS, row)] for row in assets}, []))


def bound(target: str, *assets: dict) -> tuple[str, str | None]:
    found = register(*assets).bind(target, 0)
    return found.status, found.asset_id


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("pay-api", ["pay-api"]),
        (" Pay-API ", ["pay-api"]),
        ("host.", ["host.", "host"]),
        ("reg/shop/web:1.2", ["reg/shop/web:1.2", "reg/shop/web"]),
        ("reg/shop/web@sha256:00ff", ["reg/shop/web@sha256:00ff", "reg/shop/web"]),
        ("reg/shop/web:1.2@sha256:00ff", ["reg/shop/web:1.2@sha256:00ff", "reg/shop/web:1.2", "reg/shop/web"]),
        ("reg:5000/shop/web:1.2", ["reg:5000/shop/web:1.2", "reg:5000/shop/web"]),
        ("reg:5000/shop/web", ["reg:5000/shop/web"]),
        ("host:8443", ["host:8443", "host"]),
        ("10.1.2.3:22", ["10.1.2.3:22", "10.1.2.3"]),
        ("https://pay.example.com:8443/login", ["https://pay.example.com:8443/login", "pay.example.com:8443", "pay.example.com"]),
        ("https://pay.example.com./", ["https://pay.example.com./", "pay.example.com.", "pay.example.com"]),
        ("https://user:secret@pay.example.com/", ["https://user:secret@pay.example.com/", "pay.example.com"]),
        ("[2001:db8::1]:443", ["[2001:db8::1]:443", "2001:db8::1"]),
        ("https://[2001:db8::1]:443/", ["https://[2001:db8::1]:443/", "[2001:db8::1]:443", "2001:db8::1"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("https://pay:notaport/", ["https://pay:notaport/"]),
    ],
)
def test_the_compared_forms_in_order(target, expected):
    assert list(forms(target)) == expected


@pytest.mark.parametrize("target", ["svc@prod", "@scope/pkg", "user@example.com", "pkg:npm/left-pad@1.3.0"])
def test_only_a_digest_is_taken_off_behind_an_at_sign(target):
    assert list(forms(target)) == [target]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("pay", ("bound", "pay")),
        ("PAY-API", ("bound", "pay")),
        ("old name", ("bound", "pay")),
        ("pay-api:2026.1", ("bound", "pay")),
        ("pay-api@sha256:0123abcd", ("bound", "pay")),
        ("https://pay.example.com/x?y=z", ("bound", "pay")),
        ("pay.example.com:8443", ("bound", "pay")),
        ("pay.example.com.", ("bound", "pay")),
        ("paypay", ("unbound", None)),
        ("", ("unbound", None)),
        ("not.pay.example.com", ("unbound", None)),
    ],
)
def test_by_id_name_and_alias(target, expected):
    assert bound(target, asset("pay", "pay-api", "pay.example.com", " Old Name ".strip())) == expected


def test_the_first_form_with_a_match_decides():
    exact, untagged = asset("a", "web:1.2"), asset("b", "web")
    assert bound("web:1.2", exact, untagged) == ("bound", "a")
    assert bound("web:1.3", exact, untagged) == ("bound", "b")
    with_port, host = asset("c", "h.example.com:8443"), asset("d", "h.example.com")
    assert bound("https://h.example.com:8443/", with_port, host) == ("bound", "c")
    assert bound("https://h.example.com:9443/", with_port, host) == ("bound", "d")
    assert bound("https://h.example.com:8443/", asset("e", "https://h.example.com:8443/"), with_port) == ("bound", "e")


def test_names_come_before_globs_globs_before_networks_networks_before_paths():
    path, cidr, glob, name = asset("p", "p", "path:10.1."), asset("c", "c", "cidr:10.1.0.0/16"), asset("g", "g", "name:10.1.*"), asset("n", "10.1.2.3")
    assert bound("10.1.2.3", path, cidr, glob, name) == ("bound", "n")
    assert bound("10.1.2.3", path, cidr, glob) == ("bound", "g")
    assert bound("10.1.2.3", path, cidr) == ("bound", "c")
    assert bound("10.1.2.3", path) == ("bound", "p")


def test_a_step_with_a_match_decides_even_when_it_is_ambiguous_or_retired():
    assert bound("10.1.2.3", asset("a", "10.1.2.3", status="retired"), asset("b", "b", "cidr:10.0.0.0/8")) == ("retired", "a")
    assert bound("web:1", asset("a", "web:1", status="retired"), asset("b", "web:1", status="retired"), asset("c", "web")) == ("ambiguous", None)


@pytest.mark.parametrize(
    ("alias", "target", "status"),
    [
        ("name:pay-*.test", "PAY-7.test", "bound"),
        ("name:PAY-*", "https://pay-x:8443/", "bound"),
        ("name:pay-?", "pay-10", "unbound"),
        ("name:pay-[0-9]", "pay-7", "bound"),
        ("cidr:10.0.0.0/8", "10.9.9.9:22", "bound"),
        ("cidr:10.0.0.0/8", "http://10.9.9.9/", "bound"),
        ("cidr:10.0.0.1/8", "10.9.9.9", "bound"),
        ("cidr:2001:db8::/32", "https://[2001:db8::5]/", "bound"),
        ("cidr:10.0.0.0/8", "11.9.9.9", "unbound"),
        ("cidr:nonsense", "10.9.9.9", "unbound"),
        ("path:git/acme/", "GIT/acme/ledger", "bound"),
        ("path:git/acme/", "x/git/acme/", "unbound"),
        # an alias with a prefix is a pattern, never a name
        ("name:pay-*", "name:pay-*", "unbound"),
        # a pattern of nothing fits nothing
        ("path:", "anything", "unbound"),
        ("name:", "anything", "unbound"),
        ("cidr:", "10.0.0.1", "unbound"),
    ],
)
def test_patterns(alias, target, status):
    assert bound(target, asset("a", "a", alias))[0] == status


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["active"], ("bound", "a0")),
        (["retired"], ("retired", "a0")),
        (["active", "retired"], ("bound", "a0")),
        (["retired", "retired"], ("ambiguous", None)),
        (["active", "active"], ("ambiguous", None)),
        (["active", "active", "retired"], ("ambiguous", None)),
        ([], ("unbound", None)),
    ],
)
def test_how_many_match(statuses, expected):
    assets = [asset(f"a{number}", "shared", status=status) for number, status in enumerate(statuses)]
    assert bound("shared", *assets) == expected
    assert register(*assets).bind("shared", 0).candidates == tuple(sorted(row["asset_id"] for row in assets))


def test_one_asset_that_matches_by_several_names_is_one():
    assert bound("pay", asset("pay", "PAY", "pay", "name:pay*")) == ("bound", "pay")


def test_the_version_in_force_at_the_instant_decides():
    known = AssetRegister(Timeline({"a": [Version(10, asset("a", "old")), Version(20, asset("a", "new", status="retired")), Version(30, None)]}, []))
    assert [known.bind("old", at).status for at in (9, 10, 19, 20)] == ["unbound", "bound", "bound", "unbound"]
    assert [known.bind("new", at).status for at in (19, 20, 29, 30)] == ["unbound", "retired", "retired", "unbound"]


def test_the_best_of_several_sightings_decides_from_when_each_was_seen(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api", "status": "retired"}, {"asset_id": "web", "name": "shop", "aliases": "pay-2"})
    zone.assets({"asset_id": "pay", "name": "pay-api", "aliases": "pay-2", "status": "retired"}, {"asset_id": "pay", "name": "pay-api", "aliases": "pay-2", "status": "active", "effective_from": "2026-04-03"})
    zone.scan("2026-04-01T09:00:00Z", target="elsewhere", service="pay-2").scan("2026-04-02T09:00:00Z", target="pay-api")
    assert zone.cycle("2026-04-02T10:00:00Z")["binding_status"] == "retired"
    assert zone.cycle("2026-04-03T00:00:00Z")["binding_status"] == "bound"


def test_the_binding_of_a_finished_handoff_is_the_one_at_t1(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api"}, {"asset_id": "pay", "name": "pay-api", "status": "retired", "effective_from": "2026-04-10"})
    zone.scan("2026-04-01T09:00:00Z")
    assert zone.cycle()["binding_status"] == "retired"
    assert zone.event("acknowledged", "2026-04-09T09:00:00Z").cycle()["binding_status"] == "bound"


@pytest.mark.parametrize(
    ("scope", "authorized"),
    [
        ([], True),
        (["pay-*"], True),
        (["PAY-API"], True),
        (["shop-*"], False),
        (["10.0.0.0/8"], False),
        (["10.0.0.0/8", "pay-api"], True),
    ],
)
def test_a_target_lies_inside_or_outside_the_authorized_scope(zone, scope, authorized):
    (target,) = zone.scan("2026-04-01T09:00:00Z").state(policy={"scans": {"authorized": scope}}).rows("target")
    assert (target["target"], target["binding_status"], target["is_authorized"]) == ("pay-api", "bound", authorized)


@pytest.mark.parametrize(("target", "authorized"), [("10.1.2.3", True), ("https://10.1.2.3:8443/x", True), ("11.1.2.3", False), ("web.example.com:443", True), ("example.com", False)])
def test_a_scope_is_asked_about_every_form_of_a_target(zone, target, authorized):
    (found,) = zone.scan("2026-04-01T09:00:00Z", target=target).state(policy={"scans": {"authorized": ["10.0.0.0/8", "*.example.com"]}}).rows("target")
    assert found["is_authorized"] is authorized
