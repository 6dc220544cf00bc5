"""Microsoft Defender: the export's shapes, machines and faults that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, ms_defender, recognise

ROW = {
    "id": "d1_chrome",
    "deviceId": "d1",
    "deviceName": "pc1.example.com",
    "softwareVendor": "google",
    "softwareName": "chrome",
    "softwareVersion": "1.2",
    "cveId": "CVE-2024-0001",
    "vulnerabilitySeverityLevel": "High",
    "cvssScore": 8.8,
    "diskPaths": ["C:\\chrome.exe"],
    "lastSeenTimestamp": "2026-01-02 03:04:05.123",
}
CAPITALS = {name[0].upper() + name[1:]: value for name, value in ROW.items()}
MACHINE = {"id": "d1", "computerDnsName": None, "onboardingStatus": "Onboarded"}


def read(content: object) -> list[Result | Reject]:
    data = (content if isinstance(content, str) else json.dumps(content)).encode()
    assert recognise(Head(data)) is formats()["ms_defender"]
    return list(ms_defender.parse(data, Scan()))


@pytest.mark.parametrize("content", [{"value": [ROW]}, json.dumps(ROW), f"{json.dumps(CAPITALS)}\n{json.dumps(CAPITALS)}\n"], ids=list("abc"))
def test_the_export_by_device_in_every_frame(content):
    row = read(content)[0]
    assert (row.title, row.target, row.severity, row.score) == ("CVE-2024-0001 in chrome 1.2", "pc1.example.com", "High", 8.8)
    assert (row.location, row.file_path, row.captured.precision) == (("package", "chrome"), "C:\\chrome.exe", "naive")


def test_a_change_has_its_own_time_and_state():
    (row,) = read({"value": [ROW | {"status": "Fixed", "eventTimestamp": "2026-02-01T00:00:00Z"}]})
    assert (row.source_state, row.captured.us) == ("fixed", 1769904000_000_000)


def test_a_list_of_machines_yields_nothing():
    assert read({"@odata.context": "https://api/$metadata#Machines", "value": [MACHINE]}) == []


@pytest.mark.parametrize("change, reason", [({"cveId": None}, "cve"), ({"deviceId": ""}, "machine"), ({"softwareName": []}, "software")])
def test_an_item_without_what_it_needs_is_one_reject(change, reason):
    first, bad = read({"value": [ROW, ROW | change]})
    assert isinstance(first, Result) and isinstance(bad, Reject) and bad.reason == f"missing_{reason}"


def test_what_is_neither_an_answer_nor_lines_is_rejected():
    for content in (b"{}", b'{"value": 7}', b"text"):
        with pytest.raises(FileRejected):
            list(ms_defender.parse(content, Scan()))
