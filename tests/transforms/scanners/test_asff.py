"""ASFF: the shapes and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Scan
from transforms.scanners import asff

FINDING = {
    "SchemaVersion": "2018-10-08",
    "Id": "arn:finding/1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
    "GeneratorId": "security-control/S3.8",
    "AwsAccountId": "123456789012",
    "Types": ["Software and Configuration Checks"],
    "CreatedAt": "2024-01-01T00:00:00Z",
    "UpdatedAt": "2024-01-02T00:00:00Z",
    "LastObservedAt": "2024-01-03T00:00:00Z",
    "Severity": {"Label": "HIGH", "Normalized": 70},
    "Title": "S3 buckets should block public access",
    "Description": "…",
    "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b", "Region": "eu-west-1"}],
    "Compliance": {"Status": "FAILED"},
    "Workflow": {"Status": "NEW"},
    "RecordState": "ACTIVE",
    "SomethingNew": {"a": [1]},
}


def finding(**changes: object) -> dict:
    return {name: value for name, value in {**FINDING, **changes}.items() if value is not None}


def parse(content: object) -> list:
    return list(asff.parse(content if isinstance(content, bytes) else json.dumps(content).encode(), Scan()))


LINES = b"\n".join(json.dumps(finding(Id=f"arn:{number}")).encode() for number in range(2))


@pytest.mark.parametrize(
    "content",
    [
        {"Findings": [finding()]},
        {"findings": [finding()]},
        [finding()],
        finding(),
        {"version": "0", "detail-type": "Security Hub Findings - Imported", "detail": {"findings": [finding()]}},
    ],
)
def test_the_shapes(content):
    assert asff.recognise(Head(json.dumps(content).encode()))
    [result] = parse(content)
    assert (result.own_id, result.rule, result.severity, result.scanner) == (
        "arn:finding/1",
        "security-control/S3.8",
        "HIGH",
        "securityhub",
    )
    assert result.target == "arn:aws:s3:::b" and result.location == ("cloud", "arn:aws:s3:::b") and result.source_state is None
    assert result.captured.us == 1_704_240_000_000_000  # last observed


def test_json_lines_with_a_bad_one():
    assert asff.recognise(Head(LINES))
    assert [item.own_id for item in parse(LINES)] == ["arn:0", "arn:1"]
    results = parse(LINES + b'\n{"cut": \n' + json.dumps({"Findings": [finding()]}).encode())
    assert [getattr(item, "reason", "good") for item in results] == ["good", "good", "malformed", "good"]
    assert (results[2].pointer, results[3].pointer) == ("line 3", "line 4/Findings/0")


@pytest.mark.parametrize(
    "content", [{"findings": [{"findingArn": "a", "awsAccountId": "1"}]}, {"findings": []}, [], [{"Id": 1, "Title": "x"}], {"a": 1}]
)
def test_others_are_not_claimed(content):
    assert not asff.recognise(Head(json.dumps(content).encode()))


def test_an_empty_list_of_the_console_is_claimed():
    assert asff.recognise(Head(b'{"Findings": [ ]}')) and parse({"Findings": []}) == []


def test_a_passed_check_is_no_finding_and_states_are_evidence():
    results = parse(
        [
            finding(Compliance={"Status": "PASSED"}),
            finding(Compliance={"Status": "WARNING"}),
            finding(RecordState="ARCHIVED", Workflow={"Status": "RESOLVED"}),
            finding(Workflow={"Status": "SUPPRESSED"}, Compliance=None),
            finding(Workflow=None, RecordState=None, Compliance=None),
        ]
    )
    assert [item.source_state for item in results] == ["warning", "archived,resolved", "suppressed", None]


def test_a_number_where_there_is_no_label():
    results = parse([finding(Severity={"Normalized": number}) for number in (90, 70, 40, 1, 0)])
    assert [(item.severity, item.score) for item in results] == [(None, 9.0), (None, 7.0), (None, 4.0), (None, 0.1), (None, 0.0)]
    [provided] = parse([finding(Severity=None, FindingProviderFields={"Severity": {"Label": "LOW"}})])
    assert provided.severity == "LOW"


def test_a_region_tells_findings_on_an_account_apart():
    first, second = parse([finding(Resources=[{"Id": "AWS::::Account:1", "Region": region}]) for region in ("eu-west-1", "us-east-1")])
    assert first.location != second.location and first.target == second.target


@pytest.mark.parametrize(
    ("product", "title", "rule"),
    [
        ("aws/guardduty", "Unusual by Ann", "TTPs/Persistence/X"),
        ("aws/inspector", "Port 22 is reachable", "Port 22 is reachable"),
        ("prowler/prowler", "x", "g"),
    ],
)
def test_the_rule_is_what_was_checked(product, title, rule):
    arn = f"arn:aws:securityhub:eu-west-1::product/{product}"
    [result] = parse([finding(ProductArn=arn, GeneratorId="g", Title=title, Types=["TTPs/Persistence/X"])])
    assert result.rule == rule and result.scanner == product.partition("/")[2]


def test_a_custom_integration_is_called_by_its_name():
    arn = "arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default"
    named, nameless = parse([finding(ProductArn=arn, ProductName="My Scanner"), finding(ProductArn=arn)])
    assert (named.scanner, nameless.scanner) == ("my scanner", None)


def vulnerability(**changes: object) -> dict:
    package = {"Name": "openssl", "Version": "1.1.1n", "Epoch": "1", "Release": "0+deb11u4", "FilePath": "a/b"}
    cvss = [{"Version": "3.1", "BaseScore": 6.5, "BaseVector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H"}]
    return {
        "Id": "CVE-2023-2650",
        "VulnerablePackages": [{"Name": "zlib", "Version": "1"}, package],
        "Cvss": cvss,
        "EpssScore": 0.2,
        **changes,
    }


def test_a_vulnerable_package():
    arn = "arn:aws:securityhub:eu-west-1::product/aws/inspector"
    [result] = parse(
        [finding(ProductArn=arn, Vulnerabilities=[vulnerability(RelatedVulnerabilities=["CVE-2023-9999", "GHSA-aaaa-bbbb-cccc"])])]
    )
    assert result.vulnerability_ids == ("CVE-2023-2650", "GHSA-AAAA-BBBB-CCCC")  # another CVE is another vulnerability
    assert (result.component_name, result.component_version, result.file_path) == ("openssl", "1:1.1.1n-0+deb11u4", "a/b")
    assert result.location == ("package", "openssl") and result.score == 6.5 and result.epss == 0.2
    [advisory] = parse(
        [finding(ProductArn=arn, Vulnerabilities=[vulnerability(Id="ALAS-2023-1", RelatedVulnerabilities=["CVE-2023-9999"])])]
    )
    assert advisory.vulnerability_ids == ("ALAS-2023-1", "CVE-2023-9999")


def test_inspector_without_a_list_says_it_in_the_title():
    arn = "arn:aws:securityhub:eu-west-1::product/aws/inspector"
    [result] = parse([finding(ProductArn=arn, Title="CVE-2022-32149 - golang.org/x/text, golang.org/x/net and 1 more", Vulnerabilities=[])])
    assert result.vulnerability_ids == ("CVE-2022-32149",) and result.component_name == "golang.org/x/net"


def test_bad_findings_among_good_ones():
    bad = [finding(Id=None), finding(Title=" "), finding(Resources="text"), 7, finding(AwsAccountId=None, Resources=None), finding()]
    results = parse({"Findings": bad})
    assert [getattr(item, "reason", "good") for item in results] == [
        "missing_id",
        "missing_title",
        "malformed",
        "malformed",
        "good",
        "good",
    ]
    assert results[0].pointer == "/Findings/0" and results[0].raw.startswith("{") and results[4].target is None


@pytest.mark.parametrize(
    "content", [json.dumps({"Findings": [finding()]}).encode()[:-9], b'{"Findings": 7}', b'{"other": 1}', b"[", b"\xff"]
)
def test_a_file_that_is_none(content):
    with pytest.raises(FileRejected) as error:
        parse(content)
    assert error.value.reason == "malformed"
