"""Directories, rules and schedules landed in any order, over any number of runs: the same state digest, and everybody named alike."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "registers"
#: Each is one source's two snapshots, dated by their sidecars; the second lacks one of the first's people, or has one more rule.
FILES = {
    "people/scim.json": ((GOLDEN / "scim" / "list_response.json").read_bytes(), {}),
    "people/okta.csv": ((GOLDEN / "okta_csv" / "users.csv").read_bytes(), {}),
    "people/entra.csv": ((GOLDEN / "entra_csv" / "exportUsers.csv").read_bytes(), {}),
    "people/github.json": ((GOLDEN / "github_org" / "organization.json").read_bytes(), {}),
    "people/payments.ics": ((GOLDEN / "on_call" / "payments.ics").read_bytes(), {}),
    "people/CODEOWNERS": ((GOLDEN / "codeowners" / "github.CODEOWNERS").read_bytes(), {"target": "pay-api"}),
}
CHANGES = {
    "people/scim.json": (b'"active": false', b'"active": true'),
    "people/payments.ics": (b"dan@acme.example", b"ANNA.BERG@acme.example"),
    "people/CODEOWNERS": (b"/src/pay/  ", b"/lib/ @bo-gh\n/src/pay/  "),
}
POLICY = {"directory": {"roles": {"scim": "engineer", "github_org": "engineer"}, "channels": dict.fromkeys(("scim", "github_org", "entra_csv"), "mail:{email}")}}


@pytest.mark.parametrize("seed", range(2))
def test_any_order_gives_the_same(zone, tools, tmp_path, seed):
    zone.files.clear()
    zone.assets({"asset_id": "pay", "name": "pay-api", "owner_team": "payments"}, captured_at="2026-03-01T00:00:00Z")
    for number, path in enumerate(("src/pay/a.py", "a.js", "src/pay/generated/b.py", "logs/x")):
        zone.scan("2026-04-01T09:00:00Z", own=str(number), title=str(number), cve=f"CVE-2026-{number}", file_path=path)
    for path, (content, sidecar) in FILES.items():
        folder, name = path.split("/")
        old, new = CHANGES.get(path, (b"", b""))
        assert old in content
        zone.put(f"{folder}/one/{name}", content, source=path, captured_at="2026-03-10T00:00:00Z", **sidecar)
        zone.put(f"{folder}/two/{name}", content.replace(old, new, 1) if old else content, source=path, captured_at="2026-03-20T00:00:00Z", **sidecar)
    everything = zone.all_files()
    at_once = tools.Warehouse(tmp_path / "once")
    at_once.run(zone.write(tmp_path / "landing"), "2026-04-05T00:00:00Z", POLICY)

    in_parts, landing = tools.Warehouse(tmp_path / "parts"), tmp_path / "parts-landing"
    paths = sorted(path for path in everything if not path.endswith(".meta.yaml"))
    random.Random(seed).shuffle(paths)
    for number, part in enumerate((paths[:5], paths[5:9], paths[9:])):
        for path in (name for found in part for name in (found, f"{found}.meta.yaml") if name in everything):
            (landing / path).parent.mkdir(parents=True, exist_ok=True)
            (landing / path).write_bytes(everything[path])
        in_parts.run(landing, f"2026-04-0{3 + number}T00:00:00Z", POLICY)

    named = "title, owner_id, routing_status, team, current_mapping"
    assert in_parts.state_digest() == at_once.state_digest()
    assert in_parts.cycles(named) == at_once.cycles(named)
    assert {status for _, _, status, *_ in at_once.cycles(named)} == {"routed"}
    assert {files[0] for files in at_once.files().values()} == {"loaded"} and at_once.balances()
