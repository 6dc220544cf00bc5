"""OpenVAS: the dialects and faults that the real reports in tests/golden do not show."""

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.location import host
from transforms.domain.result import Scan
from transforms.scanners import openvas, recognise

RESULT = """<result id="r"><name>Weak</name><creation_time>2024-01-01T00:00:00Z</creation_time>
<host>10.0.0.1<asset asset_id=""/><hostname>{name}</hostname></host>
<port>{port}</port><nvt oid="1.3.6.1"><type>nvt</type>
<name>Weak\n   cipher</name><cvss_base>5.0</cvss_base>{nvt}</nvt>{rating}<description>{text}</description></result>"""


def result(
    port: str = "443/tcp",
    nvt: str = "",
    rating: str = "<threat>Medium</threat><severity>5.0</severity>",
    name: str = "",
    text: str = "seen",
) -> str:
    return RESULT.format(port=port, nvt=nvt, rating=rating, name=name, text=text)


def xml(*results: str, tail: str = "", wrap: str = "<report id='1' format_id='2' content_type='text/xml'>{}</report>") -> bytes:
    inner = f"<report id='1'><gmp><version>22.4</version></gmp><results>{''.join(results)}</results>{tail}</report>"
    return wrap.format(inner).encode()


def parse(content: bytes) -> list:
    return list(openvas.parse(content, Scan()))


@pytest.mark.parametrize(
    "wrap",
    [
        "<report format_id='2'>{}</report>",
        "{}",
        "<get_reports_response status='200'><report format_id='2'>{}</report></get_reports_response>",
    ],
)
def test_the_wrappers_of_a_report(wrap):
    content = xml(result(), wrap=wrap)
    assert recognise(Head(content)) is openvas
    [found] = parse(content)
    assert (found.title, found.rule, found.target, found.severity, found.score) == ("Weak cipher", "1.3.6.1", "10.0.0.1", "Medium", 5.0)


@pytest.mark.parametrize(
    ("port", "number", "protocol"),
    [
        ("443/tcp", 443, "tcp"),
        ("22/tcp (IANA: ssh)", 22, "tcp"),
        ("ssh (22/tcp)", 22, "tcp"),
        ("53/udp", 53, "udp"),
        ("general/tcp", None, "tcp"),
        ("general/CPE-T", None, None),
        ("", None, None),
    ],
)
def test_ports(port, number, protocol):
    assert parse(xml(result(port)))[0].location == host("10.0.0.1", number, protocol)


def test_the_name_before_the_address_and_the_host_s_end_before_the_result_s_writing():
    tail = """<host><ip>10.0.0.1</ip><start>2024-01-02T00:00:00Z</start><end>2024-01-02T01:00:00Z</end></host>
    <scan_end>2024-01-02T02:00:00Z</scan_end>"""
    [found] = parse(xml(result(name=" web01 "), tail=tail))
    assert found.target == "web01" and found.captured.us == 1_704_157_200_000_000
    assert parse(xml(result()))[0].captured.us == 1_704_067_200_000_000


def test_ids_vectors_and_chances_of_every_version():
    new = """<severities score="98"><severity type="cvss_base_v3">
    <value>CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</value></severity></severities>
    <refs><ref type="cve" id="CVE-2024-0001"/><ref type="url" id="https://x"/></refs><epss><max_epss><score>0.9</score></max_epss></epss>"""
    old = "<cve>CVE-2010-0001, CVE-2010-0002</cve><tags>cvss_base_vector=AV:N/AC:L/Au:N/C:P/I:P/A:P|summary=a=b</tags>"
    first, second, third = parse(xml(result(nvt=new), result(nvt=old), result(nvt="<cve>NOCVE</cve>")))
    assert (
        first.vulnerability_ids == ("CVE-2024-0001",)
        and first.cvss_vectors == ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",)
        and first.epss == 0.9
    )
    assert second.vulnerability_ids == ("CVE-2010-0001", "CVE-2010-0002") and second.cvss_vectors == ("AV:N/AC:L/Au:N/C:P/I:P/A:P",)
    assert third.vulnerability_ids == ()


def test_a_false_positive_by_word_or_by_number():
    for rating in ("<threat>False Positive</threat><severity>-1.0</severity>", "<severity>-1.0</severity>"):
        [found] = parse(xml(result(rating=rating)))
        assert (
            found.source_state == "false positive"
            and found.score is None
            and openvas.CALIBRATION[found.severity.lower()] == "informational"
        )


def test_one_test_twice_on_one_port_is_two_results():
    first, second = parse(xml(result(text="java 8"), result(text="java 11")))
    assert first.identity != second.identity and first.location == second.location


def test_bad_results_among_good_ones():
    no_host = "<result id='a'><nvt oid='1'><name>A</name></nvt></result>"
    results = parse(xml(no_host, "<result id='b'><name>B</name><host>h</host></result>", result("99999/tcp"), result()))
    assert [getattr(item, "reason", "good") for item in results] == ["missing_host", "missing_nvt", "malformed", "good"]
    assert results[0].pointer == "/report/report[1]/results/result[1]"


def test_a_file_without_results_and_a_truncated_one():
    for content in (b"<report format_id='1'><report id='2'/></report>", xml(result())[:-40]):
        with pytest.raises(FileRejected) as error:
            parse(content)
        assert error.value.reason == "malformed"


def test_another_report_is_not_claimed():
    assert not openvas.recognise(Head(b"<report name='coverage'><package/></report>"))


CSV = "IP,Hostname,Port,Port Protocol,CVSS,Severity,QoD,NVT Name,Specific Result,NVT OID,CVEs,Timestamp,Max EPSS Score,New Column\n"


def test_csv():
    content = (
        CSV + '10.0.0.1,,443,tcp,5.0,Medium,80,Weak,"a\nb",1.3.6.1,"CVE-2024-0001,CVE-2024-0002",2024-01-01T00:00:00Z,0.4,x\n'
    ).encode()
    assert recognise(Head(content)) is openvas
    [found] = parse(content)
    assert found.vulnerability_ids == ("CVE-2024-0001", "CVE-2024-0002") and found.epss == 0.4 and found.captured.precision == "zoned"
    assert found.location == host("10.0.0.1", 443, "tcp")


def test_csv_with_semicolons_and_bad_rows():
    rows = "10.0.0.1;;443;tcp;5.0;Medium;80;;;1;;;;\n;;443;tcp;5.0;Medium;80;Weak;;1;;;;\n10.0.0.1;;;;0.0;Log;80;Weak;;1;;;;\n"
    results = parse((CSV.replace(",", ";") + rows).encode())
    assert [getattr(item, "reason", "good") for item in results] == ["missing_title", "missing_host", "good"]
