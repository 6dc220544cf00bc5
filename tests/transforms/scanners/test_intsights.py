"""IntSights: the shapes and faults that the real reports in tests/golden do not show."""

import json

from transforms.domain.head import Head
from transforms.domain.result import Scan
from transforms.scanners import intsights, recognise

ALERT = {"_id": "a1", "Details": {"Title": "Phishing", "Severity": "High"}, "Assets": [], "Closed": {"IsClosed": False}}
HEADER = "Alert ID,Title,Description,Severity,Type,Source URL,Assets,Status,Closed Reason\n"


def parse(content: bytes) -> list:
    assert recognise(Head(content)) is intsights
    return list(intsights.parse(content, Scan()))


def alerts(*changes: dict) -> bytes:
    return json.dumps({"Alerts": [ALERT | change for change in changes]}).encode()


def test_an_alert_is_one_result_for_each_of_its_assets():
    rows = parse(alerts({"Assets": [{"Value": "a.example"}, {"Value": "https://b.example/login"}, {"Value": "Brand Inc"}]}, {}))
    assert [(row.target, row.location.kind) for row in rows] == [
        ("a.example", "host"),
        ("https://b.example/login", "web"),
        ("Brand Inc", "none"),
        (None, "none"),
    ]


def test_a_closed_alert_is_a_state_in_either_form():
    [row] = parse(alerts({"Closed": {"IsClosed": True, "Reason": "ProblemSolved"}}))
    assert row.source_state == "closed:ProblemSolved"
    [row] = parse(f'{HEADER}a1,Phishing,d,High,t,,"a.example",Closed,\n'.encode())
    assert row.source_state == "closed" and row.location == ("host", "a.example||")


def test_alerts_without_id_or_title_are_rejects():
    assert [row.reason for row in parse(alerts({"_id": None}, {"Details": {}}))] == ["missing_id", "missing_title"]
    assert [row.reason for row in parse(f"{HEADER},Phishing,d,High,t,,,Open,\n".encode())] == ["missing_id"]
