"""The reference against what was worked by hand: the plain path, the calendar cases, and single rulings."""
import importlib.util
import json
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"


def _sibling(name, file):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(file))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


R = _sibling("handoff_reference", "reference.py")
G = _sibling("handoff_generate", "generate.py")

PEOPLE = """person_id,name,email,team,role,manager_id,channel,status,kind,time_zone,effective_from
anna,anna,anna@example.com,payments,engineer,,chat,active,human,,
bo,bo,bo@example.com,payments,engineer,,chat,active,human,,
cy,cy,cy@example.com,other,engineer,,chat,active,human,,
"""
ASSETS = """asset_id,name,aliases,application,owner_team,criticality,internet_facing
pay,pay-api,pay.example.com;name:pay-*.test;cidr:10.0.0.0/8,app,payments,,
"""
OWNERSHIP = """match,person_id,team,priority
asset:pay,anna,payments,
"""


class Zone:
    """A landing zone in a temporary folder."""

    def __init__(self, folder):
        self.folder, self.events, self.number = folder, [], 0
        self.put("people/people.csv", PEOPLE)
        self.put("assets/assets.csv", ASSETS)
        self.put("people/ownership.csv", OWNERSHIP)

    def put(self, path, text):
        whole = self.folder / "landing" / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text, encoding="utf-8")

    def scan(self, at, severity="Critical", target="pay-api", own="A", scanner="one", **more):
        self.number += 1
        item = {"title": "T", "severity": severity, "description": "d", "vuln_id_from_tool": "R", "cve": "CVE-2026-1", **more}
        if own:
            item["unique_id_from_tool"] = own
        self.put(f"scans/s{self.number}.json", json.dumps({"findings": [item]}))
        self.put(f"scans/s{self.number}.json.meta.yaml", f"target: {target}\ncaptured_at: {at}\nscanner: {scanner}\n")
        return self

    def event(self, word, at, actor="anna", ref="A", **more):
        self.events.append({"event_id": f"e{len(self.events)}", "ref": ref, "event": word, "actor": actor, "occurred_at": at, **more})
        return self

    def run(self, as_of="2026-05-01T00:00:00Z", policy="version: 1\n"):
        self.put("activity/a.jsonl", "".join(json.dumps(e) + "\n" for e in self.events))
        (self.folder / "policy.yaml").write_text(policy, encoding="utf-8")
        return R.expected(self.folder / "landing", self.folder / "policy.yaml", as_of)["handoff"]


@pytest.fixture
def zone(tmp_path):
    return Zone(tmp_path)


def alike(want, got):
    if isinstance(want, dict):
        return set(want) == set(got) and all(alike(want[k], got[k]) for k in want)
    if isinstance(want, list):
        return len(want) == len(got) and all(alike(a, b) for a, b in zip(want, got, strict=True))
    if isinstance(want, float) and isinstance(got, float):
        return abs(want - got) <= 1e-6 + 1e-12 * abs(want)
    return want == got


def test_plain_path():
    scenario = GOLDEN / "scenarios/plain_path"
    want = json.loads((scenario / "expected.json").read_text())
    got = R.expected(scenario / "landing", scenario / "policy.yaml", want["as_of"])
    for part in want:
        assert alike(want[part], got[part]), part


def test_calendar_cases():
    data = json.loads((GOLDEN / "calendar/business_time_cases.json").read_text())
    assert len(data["cases"]) == 140
    calendars = {}
    for name, c in data["calendars"].items():
        calendars[name] = R.Calendar({
            "time_zone": c["tz"], "days": [R.Calendar.DAYS[d] for d in c["days"]], "windows": ["-".join(w) for w in c["windows"]],
            "holidays": c["holidays"], "overrides": {k: ["-".join(w) for w in v] for k, v in c.get("overrides", {}).items()}})
    for case in data["cases"]:
        a, b = (R.parse_instant(case[k], "UTC")[0] for k in ("start_utc", "end_utc"))
        calendar = calendars[case["calendar"]]
        spent = calendar.between(a, b)
        assert spent == case["business_seconds"] * R.SECOND, case
        due = calendar.after(a, spent)
        assert due <= b or spent == 0, case
        assert calendar.between(a, due) == spent, case


@pytest.mark.parametrize("seed", range(8))
def test_generated(seed, tmp_path):
    as_of = G.write_landing(seed, tmp_path)
    got = R.expected(tmp_path / "landing", tmp_path / "policy.yaml", as_of)
    keys = [(r["title"], r["cycle"]) for r in got["handoff"]]
    assert keys
    assert len(keys) == len(set(keys))
    for row in got["handoff"]:
        assert row["owner_id"] is None or row["routing_status"] == "routed"
        assert (row["failure_mode"] is None) == (not (row["handoff_breached"] or row["is_unacknowledged"]))
    total = [r for r in got["handoff_latency"] if (r["period_grain"], r["dimension"], r["severity"]) == ("all", "all", "all")]
    assert total[0]["handoffs"] == len(keys)
    again = G.write_landing(seed, tmp_path / "again")
    assert again == as_of
    assert R.expected(tmp_path / "again/landing", tmp_path / "again/policy.yaml", as_of) == got


@pytest.mark.parametrize(("target", "status"), [
    ("pay", "bound"), ("PAY-API", "bound"), ("pay-api:1.0", "bound"), ("pay-api@sha256:00ff", "bound"), ("pay-api:1@sha256:00ff", "bound"),
    ("https://pay.example.com:8443/x", "bound"), ("https://pay.example.com./x", "bound"), ("pay.example.com.", "bound"), ("pay-x.test", "bound"),
    ("10.1.2.3:22", "bound"), ("11.1.2.3", "unbound"), ("name:pay-*.test", "unbound"), ("paypay", "unbound"),
])
def test_binding_forms(zone, target, status):
    assert zone.scan("2026-04-01T00:00:00Z", target=target).run()[0]["binding_status"] == status


def test_reopened_only_after_the_grace(zone):
    zone.scan("2026-04-01T09:00:00Z").event("resolved", "2026-04-02T09:00:00Z").scan("2026-04-03T09:00:00Z")
    assert [r["state"] for r in zone.run()] == ["resolved"]
    zone.scan("2026-04-03T09:00:00.000001Z", severity="High")
    rows = zone.run()
    assert [(r["state"], r["origin"], r["captured_at"]) for r in rows] == [
        ("superseded", "first_time", "2026-04-01T09:00:00Z"), ("open", "reopened", "2026-04-03T09:00:00.000001Z")]


def test_unrated_until_rated(zone):
    zone.scan("2026-04-01T09:00:00Z", severity="wat").event("acknowledged", "2026-04-01T10:00:00Z")
    assert zone.run() == []
    row = zone.scan("2026-04-02T09:00:00Z", severity="High").run()[0]
    assert (row["captured_at"], row["severity"], row["handoff_due_at"], row["window_ends_at"], row["handoff_breached"]) == (
        "2026-04-01T09:00:00Z", "high", "2026-04-02T17:00:00Z", "2026-04-05T09:00:00Z", False)


def test_raise_after_acknowledgement_moves_only_remediation(zone):
    zone.scan("2026-04-01T09:00:00Z", severity="Low").event("acknowledged", "2026-04-01T10:00:00Z").scan("2026-04-03T09:00:00Z")
    row = zone.run()[0]
    assert (row["severity"], row["severity_now"]) == ("low", "critical")
    assert row["handoff_due_at"] == "2026-04-14T17:00:00Z"
    assert row["remediation_due_at"] == "2026-04-10T09:00:00Z"


def test_control_extends_remediation_and_lapses_once(zone):
    zone.scan("2026-04-01T09:00:00Z").event("acknowledged", "2026-04-01T10:00:00Z").event("control_accepted", "2026-04-02T10:00:00Z")
    zone.event("control_attested", "2026-04-05T10:00:00Z")
    rows = zone.run(policy="controls: {attestation: 3d}\n")
    assert [(r["origin"], r["captured_at"]) for r in rows] == [("first_time", "2026-04-01T09:00:00Z"), ("revalidation", "2026-04-08T10:00:00Z")]
    assert rows[0]["control_seconds"] == 6 * 86400
    assert rows[0]["remediation_due_at"] == "2026-04-14T10:00:00Z"
    assert rows[1]["scanners"] == ["one"]


def test_who_may_acknowledge(zone):
    zone.scan("2026-04-01T09:00:00Z")
    for n, actor in enumerate(("cy", "nobody", "BO@example.com")):
        zone.event("acknowledged", f"2026-04-01T1{n}:00:00Z", actor=actor)
    assert zone.run()[0]["acknowledged_at"] == "2026-04-01T12:00:00Z"
    zone.event("acknowledgement_withdrawn", "2026-04-01T12:00:00Z").event("commented", "2026-04-01T13:00:00Z", actor="bo")
    row = zone.run()[0]
    assert (row["acknowledgement_kind"], row["inferred_at"]) == ("inferred", "2026-04-01T13:00:00Z")
    assert row["failure_modes"] == ["acknowledgement_ambiguity"]


def test_declining_changes_nothing(zone):
    zone.scan("2026-04-01T09:00:00Z").event("commented", "2026-04-01T13:00:00Z", actor="bo")
    before = zone.run()
    zone.event("declined", "2026-04-01T10:00:00Z", actor="anna", comment="not ours").event("declined", "2026-04-01T14:00:00Z", actor="cy")
    assert zone.run() == before


def test_noise_counts_unmatched_refs(zone):
    zone.scan("2026-04-01T09:00:00Z")
    for n in range(19):
        zone.event("notified", f"2026-04-01T09:{n:02d}:00Z", ref="elsewhere", target_person="anna")
    zone.event("notified", "2026-04-02T09:00:00Z", target_person="anna@example.com")
    assert zone.run()[0]["failure_modes"] == []
    zone.event("notified", "2026-04-01T09:30:00Z", ref="elsewhere", target_person="anna")
    assert zone.run()[0]["failure_modes"] == ["notification_noise"]


def test_environmental_score(zone):
    zone.put("assets/assets.csv", ASSETS.replace("payments,,", "payments,low,false"))
    zone.scan("2026-04-01T09:00:00Z", severity="Info", cvssv3="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    assert zone.run()[0]["severity"] == "high"


def test_kaplan_meier_events_before_censorings():
    pairs = [(1, True), (2, False), (2, True), (3, False)]
    assert R.kaplan_meier(pairs, 0.5) == 2e-6
    assert R.kaplan_meier(pairs, 0.1) is None


def test_ambiguous_own_id_waits(zone):
    zone.scan("2026-04-01T09:00:00Z").scan("2026-04-01T09:00:00Z", title="U", cve="CVE-2026-2", scanner="two", target="elsewhere")
    rows = zone.event("acknowledged", "2026-04-01T10:00:00Z").event("triaged", "2026-04-01T10:00:00Z", ref="one:A").run()
    assert [(r["title"], r["acknowledgement_kind"]) for r in rows] == [("T", "inferred"), ("U", "none")]


def test_own_events_of_earlier_runs(zone):
    zone.scan("2026-04-01T09:00:00Z")
    assert zone.run("2026-04-03T00:00:00Z")[0]["routed_at"] == "2026-04-03T00:00:00Z"
    own = [{"title": "T", "event": w, "occurred_at": "2026-04-02T00:00:00Z"} for w in ("enriched", "routed")]

    def again():
        row = R.expected(zone.folder / "landing", None, "2026-04-03T00:00:00Z", own)["handoff"][0]
        return row["enriched_at"], row["routed_at"]
    assert again() == ("2026-04-02T00:00:00Z",) * 2
    zone.event("notified", "2026-04-01T12:00:00Z").run()                          # a late arrival
    assert again() == (None, None)
