"""Prowler: dialects and statuses that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, prowler, recognise

ARN = "arn:aws:iam::123456789012:root"
OCSF = {
    "metadata": {"event_code": "iam_root_mfa", "product": {"name": "Prowler"}},
    "finding_info": {"title": "Root has MFA", "uid": "u1"},
    "status_code": "FAIL",
    "status_detail": "MFA is off",
    "severity": "Critical",
    "resources": [{"uid": ARN, "region": "eu-west-1"}],
    "cloud": {"account": {"uid": "123456789012"}},
    "time": 1739539650,
    "time_dt": "2025-02-14T14:27:30.710664",
}
V3_OCSF = {key: value for key, value in OCSF.items() if key not in ("finding_info", "metadata")} | {
    "finding": OCSF["finding_info"],
    "metadata": {"product": {"name": "Prowler"}},
    "unmapped": {"check_id": "iam_root_mfa"},
}
V3 = {
    "CheckID": "iam_root_mfa",
    "CheckTitle": "Root has MFA",
    "FindingUniqueId": "u1",
    "Status": "FAIL",
    "StatusExtended": "MFA is off",
    "Severity": "critical",
    "AccountId": "123456789012",
    "Region": "eu-west-1",
    "ResourceArn": ARN,
    "AssessmentStartTime": "2025-02-14T13:27:30+00:00",
}
V3_CSV = (
    "ASSESSMENT_START_TIME;FINDING_UNIQUE_ID;PROVIDER;CHECK_ID;CHECK_TITLE;STATUS;STATUS_EXTENDED;SEVERITY;ACCOUNT_ID;REGION;RESOURCE_ARN\n"
    f"2025-02-14T13:27:30+00:00;u1;aws;iam_root_mfa;Root has MFA;FAIL;MFA is off;critical;123456789012;eu-west-1;{ARN}\n"
)
OLDEST = "PROFILE,ACCOUNT_NUM,REGION,TITLE_ID,RESULT,SCORED,LEVEL,TITLE_TEXT,NOTES\n"


def read(content: object) -> list[Result | Reject]:
    data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    assert recognise(Head(data)) is formats()["prowler"]
    return list(prowler.parse(data, Scan()))


@pytest.mark.parametrize(
    "document",
    [[OCSF], json.dumps(OCSF) + "\n" + json.dumps(OCSF | {"status_code": "PASS"}), OCSF, [V3_OCSF], [V3], V3_CSV],
    ids=["ocsf", "lines", "one", "version 3 ocsf", "version 3", "version 3 csv"],
)
def test_one_failure_reads_alike_in_every_dialect(document):
    (row,) = read(document)
    assert (row.title, row.rule, row.own_id, row.target) == ("Root has MFA", "iam_root_mfa", "u1", "123456789012")
    assert (row.location, row.severity.lower(), row.source_state) == (("cloud", ARN), "critical", None)
    assert row.captured.us == 1739539650_000_000


def test_newer_ocsf_has_milliseconds():
    assert read([OCSF | {"time": 1739539650123}])[0].captured.us == 1739539650_123_000


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"status_code": "PASS"}, None),
        ({"status_code": "MANUAL"}, None),
        ({"status_code": "MUTED"}, "muted"),
        ({"status": "Suppressed"}, "muted"),
        ({"status_code": "WEIRD"}, "unknown_status"),
        ({"status_code": None}, "missing_status"),
        ({"metadata": {"event_code": "", "product": {"name": "Prowler"}}}, "missing_check_id"),
        ({"resources": 7}, "malformed"),
    ],
    ids=str,
)
def test_what_a_status_makes_of_an_item(change, expected):
    rows = read([OCSF, OCSF | change])[1:]
    assert [row.reason if isinstance(row, Reject) else row.source_state for row in rows] == ([expected] if expected else [])


def test_the_oldest_csv_places_a_failure_by_its_text_without_days():
    line = "p,1,eu-west-1,1.3,FAIL,Scored,Level 1,[check13] Old credentials (Scored),User {} idle for {} days\n"
    first, later, other = read(OLDEST + line.format("a", 90) + line.format("a", 97) + line.format("b", 90))
    assert first.location == later.location != other.location
    assert (first.rule, first.severity, first.target) == ("check13", None, "1")


def test_two_regions_with_one_name_are_two_places():
    def at(region):
        return OCSF | {"resources": [{"uid": "default", "region": region}]}

    assert [row.location.key for row in read([at("eu-west-1"), at("us-east-1")])] == ["eu-west-1:default", "us-east-1:default"]


def test_another_products_ocsf_is_not_claimed_and_nothing_of_ours_is_rejected():
    foreign = json.dumps([OCSF | {"metadata": {"product": {"name": "Other"}}}]).encode()
    assert not prowler.recognise(Head(foreign))
    with pytest.raises(FileRejected):
        list(prowler.parse(foreign, Scan()))
