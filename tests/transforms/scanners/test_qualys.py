"""Qualys: reports, states and faults that the golden reports do not show."""

from __future__ import annotations

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, qualys, recognise

DETECTIONS = """<?xml version="1.0"?><!DOCTYPE HOST_LIST_VM_DETECTION_OUTPUT SYSTEM "https://q/host_list_vm_detection_output.dtd">
<HOST_LIST_VM_DETECTION_OUTPUT><RESPONSE><HOST_LIST><HOST><IP>10.0.0.1</IP><DETECTION_LIST><DETECTION><UNIQUE_VULN_ID>u1</UNIQUE_VULN_ID>
<QID>38170</QID><TYPE>{type}</TYPE><SEVERITY>4</SEVERITY><PORT>443</PORT><PROTOCOL>tcp</PROTOCOL><STATUS>{status}</STATUS>
<IS_IGNORED>{ignored}</IS_IGNORED><LAST_FOUND_DATETIME>2026-01-02T03:04:05Z</LAST_FOUND_DATETIME></DETECTION></DETECTION_LIST></HOST></HOST_LIST>
</RESPONSE></HOST_LIST_VM_DETECTION_OUTPUT>"""
SCAN = '<!DOCTYPE SCAN SYSTEM "https://q/scan-1.dtd"><SCAN value="scan/1.2"><HEADER><KEY value="STATUS">{status}</KEY></HEADER>{rest}</SCAN>'
VULN = (
    '<IP value="10.0.0.1" name="No registered hostname"><VULNS><CAT value="CGI" port="80" protocol="TCP"><VULN number="{qid}" severity="3">'
    "<TITLE>X</TITLE></VULN></CAT></VULNS></IP>"
)
REPORT = (
    '"Scan Report","01/02/2026"\n"Company"\n"IPs","10.0.0.1"\n\n"IP","DNS","IP Status","QID","Title","Type","Severity","Port","Protocol","CVE ID",'
    '"CVSS3.1 Base","Last Detected","Vuln Status"\n'
)
VMDR = '"CVE","QID","Title","Severity","Type Detected","Last Detected","Status","Asset Name","Asset IPV4","Port","Protocol","Ignored","Results"\n'


def read(content: str) -> list[Result | Reject]:
    assert recognise(Head(content.encode())) is formats()["qualys"]
    return list(qualys.parse(content.encode(), Scan()))


@pytest.mark.parametrize(
    "type, status, ignored, severity, state",
    [("Confirmed", "Active", "0", "4", None), ("Potential", "Fixed", "1", "4", "fixed,ignored"), ("Info", "New", "0", "Ig 4", None)],
)
def test_host_detections_of_the_api(type, status, ignored, severity, state):
    (row,) = read(DETECTIONS.format(type=type, status=status, ignored=ignored))
    assert (row.title, row.rule, row.own_id, row.severity, row.source_state) == ("QID 38170", "38170", "u1", severity, state)
    assert (row.location.key, row.target, row.captured.precision) == ("10.0.0.1|443|tcp", "10.0.0.1", "zoned")


def test_a_scan_places_by_port_and_by_address_without_a_name():
    (row,) = read(SCAN.format(status="FINISHED", rest=VULN.format(qid=7)))
    assert (row.location.key, row.rule, row.severity) == ("10.0.0.1|80|tcp", "7", "3")
    assert [bad.reason for bad in read(SCAN.format(status="FINISHED", rest=VULN.format(qid="")))] == ["missing_qid"]


@pytest.mark.parametrize("status, rest", [("ERROR", VULN), ("", '<ERROR number="3503">no host alive</ERROR>')])
def test_a_failed_scan_is_rejected(status, rest):
    with pytest.raises(FileRejected) as error:
        read(SCAN.format(status=status, rest=rest.format(qid=7)))
    assert error.value.reason == "failed_scan"


@pytest.mark.parametrize("inside", ['<!ENTITY a "b">', "<!ELEMENT SCAN ANY>"])
def test_a_document_type_that_declares_anything_is_hostile(inside):
    with pytest.raises(FileRejected) as error:
        list(qualys.parse(f'<!DOCTYPE SCAN SYSTEM "x" [{inside}]><SCAN value="scan/1"/>'.encode(), Scan()))
    assert error.value.reason == "hostile_xml"


def test_a_scan_report_as_csv_behind_its_preamble():
    bad, row = read(
        REPORT + '"10.0.0.1","a.example.com","host scanned","7","Old TLS","Vuln","3","443","tcp","CVE-2024-0001, CVE-2024-0002",'
        '"7.5 (AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N)","01/02/2026 03:04:05","Fixed"\n"10.0.0.2","","host not alive"\n"10.0.0.3","","","8"\n'
    )
    assert (row.pointer, row.vulnerability_ids, row.score) == ("row 6", ("CVE-2024-0001", "CVE-2024-0002"), 7.5)
    assert (row.cvss_vectors, row.source_state) == (("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",), "fixed")
    assert (row.location.key, row.target) == ("a.example.com|443|tcp", "a.example.com")
    assert isinstance(bad, Reject) and (bad.reason, bad.pointer) == ("missing_title", "row 8")


def test_rows_of_vmdr_that_differ_in_their_cve_are_one_result():
    line = '"{}","7","Old TLS","5","Confirmed","Feb 03, 2026 07:00 AM","ACTIVE","web-1","10.0.0.1","443","TCP","Yes","r"\n'
    (row,) = read(VMDR + line.format("CVE-2024-0001") + line.format("CVE-2024-0002"))
    assert (row.vulnerability_ids, row.target, row.endpoint) == (("CVE-2024-0001", "CVE-2024-0002"), "web-1", "10.0.0.1")
    assert (row.severity, row.source_state, row.captured.precision) == ("5", "ignored", "naive")
