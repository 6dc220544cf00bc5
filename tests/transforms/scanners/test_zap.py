"""ZAP: the dialects and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import recognise, zap

INSTANCE = {
    "id": "7",
    "uri": "https://shop.example/cart?item=1",
    "method": "GET",
    "param": "item",
    "attack": "",
    "evidence": "<x>",
    "nodeName": "new",
}
ALERT = {
    "pluginid": "10055",
    "alertRef": "10055-4",
    "alert": "CSP: Wildcard Directive",
    "name": "CSP: Wildcard Directive",
    "riskcode": "2",
    "confidence": "3",
    "riskdesc": "Medium (High)",
    "instances": [INSTANCE],
    "count": "1",
    "cweid": "693",
    "tags": {"CVE-2020-11022": "https://nvd.nist.gov/vuln/detail/CVE-2020-11022", "OWASP_2021_A05": ""},
}


def report(*alerts: object, **site: object) -> bytes:
    sites = [{"@name": "https://shop.example", "@host": "shop.example", "@port": "443", "@ssl": "true", "alerts": list(alerts), **site}]
    return json.dumps({"@programName": "ZAP", "@version": "2.16.0", "@generated": "Tue, 12 May 2020 20:57:30", "site": sites}).encode()


def xml(alert: str, attributes: str = 'generated="Tue, 12 May 2020 20:57:30"') -> bytes:
    site = f'<site name="https://shop.example" host="shop.example" port="443" ssl="true"><alerts>{alert}</alerts></site>'
    return f'<?xml version="1.0"?><OWASPZAPReport version="2.9.0" {attributes}>{site}</OWASPZAPReport>'.encode()


def parse(content: bytes) -> list:
    return list(zap.parse(content, Scan()))


def test_the_json_report():
    assert recognise(Head(report(ALERT))) is zap
    [result] = parse(report(ALERT))
    assert (result.pointer, result.title, result.rule, result.severity) == (
        "/site/0/alerts/0/instances/0",
        "CSP: Wildcard Directive",
        "10055-4",
        "Medium",
    )
    assert result.location == ("web", "https://shop.example:443|/cart|item") and result.target == "shop.example"
    assert result.cwes == (693,) and result.vulnerability_ids == ("CVE-2020-11022",) and result.captured.precision == "naive"


def test_json_and_xml_of_one_alert_have_one_identity():
    alert = {name: value for name, value in ALERT.items() if name != "tags"}
    fields = "".join(
        f"<{name}>{alert[name]}</{name}>"
        for name in ("pluginid", "alertRef", "alert", "name", "riskcode", "confidence", "riskdesc", "cweid")
    )
    instance = (
        "<uri>https://shop.example/cart?item=1</uri><method>GET</method><param>item</param><attack></attack><evidence>&lt;x&gt;</evidence>"
    )
    [from_xml] = parse(xml(f"<alertitem>{fields}<instances><instance>{instance}</instance></instances></alertitem>"))
    [from_json] = parse(report(alert))
    assert (from_xml.identity, from_xml.location, from_xml.captured) == (from_json.identity, from_json.location, from_json.captured)


def test_a_translated_risk_gives_way_to_its_code():
    assert [
        result.severity for result in parse(report({**ALERT, "riskdesc": "Mittel (Hoch)"}, {**ALERT, "riskdesc": None, "riskcode": 3}))
    ] == ["2", "3"]


def test_a_translated_weekday_and_a_zoned_stamp():
    [result] = parse(xml("<alertitem><alert>A</alert></alertitem>", 'generated="Fr., 30 Sep. 2022 08:40:35"'))
    assert result.captured is not None and result.captured.precision == "naive"
    [result] = parse(
        xml("<alertitem><alert>A</alert></alertitem>", 'generated="Fr., 30 Sep. 2022 08:40:35" created="2022-09-30T06:40:35.1Z"')
    )
    assert result.captured.precision == "zoned"
    [result] = parse(xml("<alertitem><alert>A</alert></alertitem>", 'generated="so gegen Mittag"'))
    assert result.captured is None


def test_an_alert_without_instances_is_one_result():
    own, site = parse(
        xml(
            "<alertitem><alert>A</alert><uri>https://shop.example/a</uri><param>p</param></alertitem><alertitem><alert>B</alert></alertitem>"
        )
    )
    assert own.location.key == "https://shop.example:443|/a|p" and site.endpoint == "https://shop.example"


def test_a_false_positive_says_so():
    assert parse(report({**ALERT, "confidence": "0"}))[0].source_state == "false positive"


def test_minus_one_is_no_weakness():
    assert parse(report({**ALERT, "cweid": "-1"}))[0].cwes == ()


def test_bad_alerts_and_instances_among_good_ones():
    bad = [{**ALERT, "alert": "", "name": None}, "text", {**ALERT, "instances": [INSTANCE, 7, {**INSTANCE, "uri": "http://[bad"}]}, ALERT]
    results = parse(report(*bad))
    assert [getattr(item, "reason", "good") for item in results] == ["missing_title", "malformed", "malformed", "good", "malformed", "good"]
    assert all(item.pointer.startswith("/site/0/alerts/") for item in results if isinstance(item, Reject))


def test_one_site_that_is_no_list():
    content = json.loads(report(ALERT))
    content["site"] = content["site"][0]
    assert len(parse(json.dumps(content).encode())) == 1


@pytest.mark.parametrize("content", [report(ALERT)[:-20], b'{"@version": "2", "site": 7, "@generated": ', xml("")[:-20]])
def test_a_truncated_file(content):
    with pytest.raises(FileRejected) as error:
        parse(content)
    assert error.value.reason == "malformed"
