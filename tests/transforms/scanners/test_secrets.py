"""Scanners of secrets: the shapes and faults that the reports in tests/golden do not show, and that no secret is kept."""

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import gitleaks, recognise, trufflehog

SECRET = "not-a-secret-0123456789"
LEAK = {
    "RuleID": "generic-api-key",
    "Secret": SECRET,
    "Match": f"key = {SECRET}",
    "File": "a.py",
    "StartLine": 3,
    "StartColumn": 7,
    "Commit": "c1",
}
OLD_LEAK = {
    "line": f"key={SECRET}", "lineNumber": 9, "offender": SECRET, "commit": "c1", "repo": ".", "repoURL": "https://git.example/team/app",
    "rule": "Github", "commitMessage": SECRET, "file": ".bashrc", "date": "2020-04-04T15:52:59-07:00", "tags": "key",
}  # fmt: skip


TRUFFLE = {
    "SourceMetadata": {"Data": {"Git": {"commit": "c1", "file": "keys", "email": "a@example.org", "repository": "https://git.example/team/app.git", "line": 4}}},
    "SourceName": "trufflehog - git", "DetectorName": "AWS", "Verified": True, "Raw": SECRET, "RawV2": f"{SECRET}:2", "Redacted": SECRET,
    "ExtraData": {"account": SECRET},
}  # fmt: skip
OLD_TRUFFLE = {
    "branch": "origin/main", "commit": SECRET, "commitHash": "c1", "date": "2026-03-02 09:00:00", "diff": SECRET, "path": "a.py",
    "printDiff": SECRET, "reason": "AWS API Key", "stringsFound": [SECRET, SECRET, f"{SECRET}2"],
}  # fmt: skip


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def parse(module, document: object) -> list:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert recognise(Head(content)) is module
    return list(module.parse(content, Scan()))


def test_gitleaks_before_version_8():
    (row,) = parse(gitleaks, [OLD_LEAK])
    assert (row.rule, row.file_path, row.line, row.target) == ("Github", ".bashrc", 9, "team/app")


def test_a_secret_keeps_its_place_when_it_moves_or_is_found_in_another_commit():
    places = {row.location for row in parse(gitleaks, [LEAK, {**LEAK, "StartLine": 80, "Commit": "c2"}])}
    assert len(places) == 1


def test_redacted_secrets_of_one_rule_are_told_apart_by_their_order():
    redacted = {**LEAK, "Secret": "REDACTED", "Match": "REDACTED"}
    keys = [row.location.key for row in parse(gitleaks, [redacted, {**redacted, "StartLine": 9}])]
    assert keys == ["a.py|generic-api-key", "a.py|generic-api-key#1"]


@pytest.mark.parametrize(
    "link, target",
    [
        ("https://github.com/example/demo/blob/950a1d/src/a.py#L3", "example/demo"),
        ("https://gitlab.example/group/sub/demo/-/blob/950a1d/a.py#L3", "group/sub/demo"),
        ("https://bitbucket.org/example/demo/src/950a1d/a.py#lines-3", "example/demo"),
        ("nonsense", None),
    ],
)
def test_gitleaks_names_the_repository_in_its_links(link, target):
    assert parse(gitleaks, [{**LEAK, "Link": link}])[0].target == target


@pytest.mark.parametrize(
    "module, items",
    [
        (gitleaks, [LEAK, {**LEAK, "RuleID": None}, {**LEAK, "File": ""}, SECRET, [SECRET]]),
        (gitleaks, [OLD_LEAK, {**OLD_LEAK, "rule": 7.5, "file": []}]),
        (trufflehog, [TRUFFLE, {**TRUFFLE, "DetectorName": None}, {**TRUFFLE, "SourceMetadata": SECRET}, SECRET]),
        (trufflehog, [OLD_TRUFFLE, {**OLD_TRUFFLE, "reason": None}, {**OLD_TRUFFLE, "stringsFound": SECRET}]),
    ],
)
def test_no_secret_is_kept(module, items):
    rows = parse(module, items)
    assert SECRET not in repr(rows) and any(isinstance(row, Reject) for row in rows)


@pytest.mark.parametrize("document", [lines(TRUFFLE), lines(TRUFFLE, TRUFFLE), [TRUFFLE], json.dumps(TRUFFLE, indent=1).encode()])
def test_trufflehog_3_in_lines_a_list_and_one_object(document):
    row = parse(trufflehog, document)[0]
    assert (row.rule, row.file_path, row.line, row.target, row.source_state) == ("AWS", "keys", 4, "team/app", "verified")


def test_lines_of_trufflehogs_log_are_left_out():
    log = {"level": "info-0", "ts": "2026-01-01T00:00:00Z", "logger": "trufflehog", "msg": "running source"}
    assert [row.rule for row in parse(trufflehog, lines(log, TRUFFLE, log))] == ["AWS"]


@pytest.mark.parametrize(
    "data, path, target",
    [
        ({"Filesystem": {"file": "/src/a.env", "line": 2}}, "/src/a.env", None),
        ({"S3": {"bucket": "backups", "file": "db.sql", "link": "https://x"}}, "db.sql", "backups"),
        ({"Docker": {"file": "/app/.env", "image": "shop", "layer": "sha256:1", "tag": "1.2"}}, "/app/.env", "shop"),
        ({"Slack": {"channel_name": "general", "link": "https://chat.example/1"}}, "https://chat.example/1", "general"),
        ({"Syslog": {}}, None, None),
        ({}, None, None),
    ],
)
def test_trufflehogs_sources_name_the_place_each_in_its_own_words(data, path, target):
    (row,) = parse(trufflehog, [{**TRUFFLE, "SourceMetadata": {"Data": data}}])
    assert (row.file_path, row.target, row.location.kind) == (path, target, "code" if path else "none")


def test_truffleHog_2_is_one_result_for_each_text():
    assert len(parse(trufflehog, lines(OLD_TRUFFLE))) == 2


def test_a_line_that_is_cut_off_is_one_reject():
    rows = parse(trufflehog, lines(TRUFFLE, TRUFFLE)[:-20])
    assert [type(row) is Reject for row in rows] == [False, True] and rows[1].pointer == "line 2"
