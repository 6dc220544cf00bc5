"""Kubescape: clusters, statuses and faults that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, kubescape, recognise

POD = "/v1/shop/Pod/web"


def control(status: object, **more: object) -> dict:
    return {"controlID": "C-1", "name": "Privileged container", "status": status, **more}


def report(*controls: object, **more: object) -> dict:
    return {
        "clusterName": "prod",
        "generationTime": "2026-01-02T03:04:05Z",
        "summaryDetails": {"controls": {"C-1": {"scoreFactor": 8}}},
        "resources": [{"resourceID": POD, "object": {"kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}}}],
        "results": [{"resourceID": POD, "controls": list(controls)}],
    } | more


def read(document: dict) -> list[Result | Reject]:
    data = json.dumps(document).encode()
    assert recognise(Head(data)) is formats()["kubescape"]
    return list(kubescape.parse(data, Scan()))


def test_a_failed_control_of_a_cluster():
    (row,) = read(report(control({"status": "failed"})))
    assert (row.title, row.rule, row.target, row.location) == ("Privileged container - Pod web", "C-1", "prod", ("cloud", POD))
    assert (row.severity, row.score, row.file_path) == (None, 8, None) and row.captured.precision == "zoned"


@pytest.mark.parametrize(
    "bad, expected",
    [
        (control({"status": "passed", "subStatus": "w/exceptions"}), []),
        (control({"status": "skipped"}), []),
        (control("failed", severity="High"), ["High"]),
        (control(None), ["missing_status"]),
        (control({"status": "failed"}, controlID=None), ["missing_control"]),
        ("text", ["malformed"]),
    ],
    ids=str,
)
def test_what_a_status_makes_of_a_control(bad, expected):
    assert [row.reason if isinstance(row, Reject) else row.severity for row in read(report(bad))] == expected


@pytest.mark.parametrize("damage", [{"resources": [7, {"resourceID": POD, "object": 3}]}, {"summaryDetails": {"controls": {"C-1": 7}}}], ids=str)
def test_what_only_describes_a_result_may_be_damaged(damage):
    (row,) = read(report(control({"status": "failed"}), **damage))
    assert row.rule == "C-1" and row.location.key == POD


def test_no_time_and_no_cluster_are_absent_and_another_machine_changes_no_place():
    def scanned(machine):
        name = f"path={machine}/api=apps/v1//Deployment/web"
        resource = {"resourceID": name, "object": {"kind": "Deployment", "sourcePath": "a.yaml:0"}}
        metadata = {"targetMetadata": {"directoryContextMetadata": {"basePath": "/src"}}}
        blank = {"generationTime": "0001-01-01T00:00:00Z", "clusterName": "", "metadata": metadata, "resources": [resource]}
        return read(report(results=[{"resourceID": name, "controls": [control("failed")]}], **blank))[0]

    first, second = scanned(1), scanned(2)
    assert first.captured is None and first.target == "/src" and first.file_path == "a.yaml"
    assert first.location == second.location == ("code", "a.yaml|apps/v1//Deployment/web")
