"""Nessus: the dialects and faults that the real reports in tests/golden do not show."""

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.location import host
from transforms.domain.result import Reject, Scan
from transforms.scanners import nessus, recognise


def xml(items: str, properties: str = '<tag name="HOST_START">Tue Mar 10 12:00:00 2020</tag>', name: str = "web01") -> bytes:
    return f"""<?xml version="1.0" ?><NessusClientData_v2><Report name="scan" xmlns:cm="http://www.nessus.org/cm">
    <ReportHost name="{name}"><HostProperties>{properties}</HostProperties>{items}</ReportHost></Report></NessusClientData_v2>""".encode()


ITEM = """<ReportItem port="443" svc_name="www" protocol="tcp" severity="{}" pluginID="1" pluginName="Weak"><risk_factor>{}</risk_factor>
{}</ReportItem>"""


def parse(content: bytes) -> list:
    return list(nessus.parse(content, Scan()))


def test_an_item_with_everything():
    extra = """<cve>cve-2024-0001</cve><cve>CVE-2024-0002</cve><cwe>79</cwe><xref>CWE:89</xref><xref>CISA-KNOWN-EXPLOITED:2024/07/03</xref>
    <cvss_vector>CVSS2#AV:N/AC:L/Au:N/C:P/I:P/A:P</cvss_vector><cvss3_vector>CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</cvss3_vector>
    <cvss_base_score>7.5</cvss_base_score><cvss3_base_score>9.8</cvss3_base_score><epss_score>0.5</epss_score><new_field>x</new_field>"""
    [result] = parse(xml(ITEM.format(3, "High", extra)))
    assert result.vulnerability_ids == ("CVE-2024-0001", "CVE-2024-0002") and result.cwes == (79, 89)
    assert result.known_exploited and result.epss == 0.5 and result.score == 9.8
    assert result.cvss_vectors == ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "AV:N/AC:L/Au:N/C:P/I:P/A:P")
    assert result.location == host("web01", 443, "tcp") and result.target == "web01" and result.rule == "1"
    assert result.captured.precision == "naive"


def test_a_recast_severity_wins_over_the_plugin_author_s_word():
    results = parse(xml(ITEM.format(4, "Medium", "") + ITEM.format(2, "Medium", "") + ITEM.format(0, "None", "")))
    assert [nessus.CALIBRATION[result.severity.lower()] for result in results] == ["critical", "medium", "informational"]
    assert [result.severity for result in results] == ["4", "Medium", "None"]


def test_the_end_of_the_scan_in_epoch_seconds_is_the_capture():
    properties = '<tag name="HOST_END_TIMESTAMP">1648044472</tag><tag name="HOST_END">Wed Mar 23 15:07:52 2022</tag>'
    [result] = parse(xml(ITEM.format(1, "Low", ""), properties))
    assert result.captured == (1_648_044_472_000_000, "zoned")


def test_a_host_without_name_is_called_by_its_properties():
    [result] = parse(xml(ITEM.format(1, "Low", ""), '<tag name="host-ip">10.0.0.1</tag>', name=""))
    assert result.target == "10.0.0.1"
    [reject] = parse(xml(ITEM.format(1, "Low", ""), "", name=""))
    assert isinstance(reject, Reject) and reject.reason == "missing_host"


def test_bad_items_among_good_ones():
    bad = """<ReportItem port="x" protocol="tcp" severity="1" pluginID="2" pluginName="Bad port"/>
    <ReportItem port="1" severity="1" pluginID="3"/>"""
    results = parse(xml(ITEM.format(1, "Low", "") + bad + ITEM.format(2, "Medium", "")))
    assert [getattr(item, "reason", "good") for item in results] == ["good", "malformed", "missing_title", "good"]
    assert results[1].pointer == "/NessusClientData_v2/Report[1]/ReportHost[1]/ReportItem[2]" and "Bad port" in results[1].raw


def test_an_open_port_of_the_port_scanner_is_no_finding():
    assert parse(xml('<ReportItem port="80" svc_name="www" protocol="tcp" severity="0" pluginID="0" pluginName="" pluginFamily=""/>')) == []


def test_compliance_checks_are_told_apart_and_a_passed_one_is_no_finding():
    check = """<ReportItem port="0" protocol="tcp" severity="{}" pluginID="21157" pluginName="Unix Compliance Checks">
    <risk_factor>None</risk_factor>
    <cm:compliance-check-name>{}</cm:compliance-check-name><cm:compliance-result>{}</cm:compliance-result></ReportItem>"""
    results = parse(xml(check.format(3, "1.1 A", "FAILED") + check.format(0, "1.2 B", "PASSED") + check.format(2, "1.3 C", "WARNING")))
    assert [(result.title, result.rule, result.severity) for result in results] == [
        ("1.1 A", "21157/1.1 A", "3"),
        ("1.3 C", "21157/1.3 C", "2"),
    ]


def test_a_truncated_and_a_hostile_file():
    with pytest.raises(FileRejected) as error:
        parse(xml("")[:-30])
    assert error.value.reason == "malformed"
    with pytest.raises(FileRejected) as error:
        parse(b"<!DOCTYPE x><NessusClientData_v2/>")
    assert error.value.reason == "hostile_xml"


HEADER = "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Synopsis,Description,Solution,See Also,Plugin Output\n"


def test_csv_rows_that_differ_in_the_cve_are_one_result():
    content = (
        HEADER + "1,CVE-2024-0001,5,High,h,tcp,80,A,,,,,out\n2,,,None,h,tcp,0,B,,,,,\n1,CVE-2024-0002,5,High,h,tcp,80,A,,,,,out\n"
    ).encode()
    assert recognise(Head(content)) is nessus
    first, second = parse(content)
    assert first.vulnerability_ids == ("CVE-2024-0001", "CVE-2024-0002") and first.pointer == "row 2"
    assert second.location == host("h", None, "tcp")


def test_the_same_item_has_one_identity_in_xml_and_csv():
    [from_xml] = parse(xml(ITEM.format(3, "High", "<plugin_output>out</plugin_output>")))
    [from_csv] = parse((HEADER + "1,,,High,web01,tcp,443,Weak,,,,,out\n").encode())
    assert (from_xml.identity, from_xml.location, from_xml.severity) == (from_csv.identity, from_csv.location, from_csv.severity)


def test_bad_csv_rows_among_good_ones():
    results = parse(
        (
            HEADER
            + ",,,High,h,tcp,80,No plugin,,,,,\n1,,,High,,tcp,80,No host,,,,,\n1,,,High,h,tcp,x,Port,,,,,\n1,,,High,h,tcp,80,Good,,,,,\n"
        ).encode()
    )
    assert [getattr(item, "reason", "good") for item in results] == ["missing_plugin_id", "missing_host", "malformed", "good"]
    assert results[0].pointer == "row 2" and "No plugin" in results[0].raw


def test_csv_compliance():
    failed = '21157,,,FAILED,h,tcp,0,Unix Compliance Checks,,"""1.1 A"" : [FAILED]\n\nwhy",,,\n'
    passed = '21157,,,PASSED,h,tcp,0,Unix Compliance Checks,,"""1.2 B"" : [PASSED]",,,\n'
    [result] = parse((HEADER + failed + passed).encode())
    assert (result.title, result.rule, nessus.CALIBRATION[result.severity.lower()]) == ("1.1 A", "21157/1.1 A", "high")


def test_security_center_csv():
    content = (
        b'"Plugin","Plugin Name","Family","Severity","IP Address","Protocol","Port","DNS Name","Plugin Output","CVE",'
        b'"CVSS V3 Vector","Cross References",'
        b'"Last Observed"\n"1","Weak","General","High","10.0.0.1","TCP","443","","out","CVE-2024-0001,CVE-2024-0002",'
        b'"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","CWE #79","Mar 3, 2024 12:00:00 UTC"\n'
    )
    assert recognise(Head(content)) is nessus
    [result] = parse(content)
    assert result.target == "10.0.0.1" and result.vulnerability_ids == ("CVE-2024-0001", "CVE-2024-0002") and result.cwes == (79,)
    assert result.cvss_vectors == ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",) and result.captured.precision == "zoned"


def test_a_fixed_finding_was_seen_when_it_was_last_seen():
    header = "asset.name;definition.id;definition.name;severity;state;risk_modified;last_seen;id;port;protocol\n"
    content = (
        header
        + "h;1;A;Low;FIXED;NONE;2024-01-02T03:04:05Z;u-1;0;TCP\nh;1;A;Low;FIXED;NONE;;u-2;0;TCP\nh;2;B;Low;ACTIVE;ACCEPTED;;u-3;22;TCP\n"
    ).encode()
    assert recognise(Head(content)) is nessus
    fixed, accepted = parse(content)
    assert (fixed.own_id, fixed.source_state, fixed.captured.precision) == ("u-1", "fixed", "zoned")
    assert accepted.source_state == "accepted"


def test_web_app_scanning_names_the_same_place_in_xml_and_csv():
    item = '<ReportItem pluginName="X" pluginID="9" severity="1" protocol="TCP" svc_name="http" port="80"/>'
    [from_xml] = parse(xml(item, name="http://google.com/"))
    [from_csv] = parse((HEADER + "9,,,low,google.com,http,,X,,,,,\n").encode())
    assert from_xml.location == from_csv.location == host("google.com", 80, "tcp")
