"""Scanners of secrets: the shapes and faults that the reports in tests/golden do not show, and that no secret is kept."""

import json

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import gitleaks, recognise

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


def parse(module, document: object) -> list:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert recognise(Head(content)) is module
    return list(module.parse(content, Scan()))


def test_gitleaks_before_version_8():
    (row,) = parse(gitleaks, [OLD_LEAK])
    assert (row.rule, row.file_path, row.line, row.target) == ("Github", ".bashrc", 9, "https://git.example/team/app")


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
    ],
)
def test_no_secret_is_kept(module, items):
    rows = parse(module, items)
    assert SECRET not in repr(rows) and any(isinstance(row, Reject) for row in rows)
