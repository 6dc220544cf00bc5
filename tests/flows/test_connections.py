"""connections.yaml: every mistake is named, no secret is in it or shown, and the documented ones work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from flows import settings
from flows.connections import credential, file_of, read_connections
from transforms.domain.errors import SourceRefused, UsageError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "pulling.md").read_text(encoding="utf-8"), re.DOTALL)
JIRA = {"kind": "jira", "url": "https://jira.example.com", "secret": {"env": "T"}, "query": "project = A"}


def read(tmp_path: Path, value: object) -> dict:
    path = tmp_path / "connections.yaml"
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value), encoding="utf-8")
    return read_connections(path)


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_documented_example_is_one(tmp_path, text):
    assert read(tmp_path, text)


def test_every_kind_is_documented():
    documented = [connection for text in EXAMPLES for connection in yaml.safe_load(text).values()]
    assert {connection["kind"] for connection in documented} == {"jira", "github", "servicenow", "http"}
    assert {name for text in EXAMPLES for name in yaml.safe_load(text)} >= {"gitlab", "pagerduty", "defectdojo"}
    assert len([connection for connection in documented if "write" in connection]) == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a: [", "not YAML"),
        ("", "no mapping of connections"),
        ({"a b": JIRA}, "the connection 'a b'"),
        ({"../up": JIRA}, "the connection '../up'"),
        ({"j": {}}, "no j.kind"),
        ({"j": {**JIRA, "kind": "trello"}}, "j.kind is none that is known"),
        ({"j": {**JIRA, "tokn": 1}}, "unknown key j.tokn"),
        ({"j": {**JIRA, "secret": {"env": "T", "value": "hush"}}}, "unknown key j.secret.value"),
        ({"j": {name: JIRA[name] for name in ("kind", "url", "secret")}}, "no j.query"),
        ({"j": {**JIRA, "query": "project = A ORDER BY key"}}, "JQL without ORDER BY"),
        ({"j": {**JIRA, "url": "http://jira.example.com"}}, "anybody on the way reads the secret"),
        ({"j": {**JIRA, "url": "http://127.0.0.1.example.com"}}, "anybody on the way reads the secret"),
        ({"j": {**JIRA, "url": "https://me:hush@jira.example.com"}}, "without a user or password"),
        ({"j": {**JIRA, "url": "ftp://jira.example.com"}}, "begins with https://"),
        ({"j": {**JIRA, "secret": {}}}, "one of env"),
        ({"j": {**JIRA, "secret": {"env": "T", "block": "b"}}}, "one of env"),
        ({"j": {**JIRA, "secret": {"env": "hush hush"}}}, "j.secret.env is not as it should be"),
        ({"j": {**JIRA, "secret": "hush"}}, "j.secret is not as it should be"),
        ({"j": {**JIRA, "overlap": "4bh"}}, "wall time here"),
        ({"j": {**JIRA, "page_size": 1}}, "j.page_size is 1"),
        ({"j": {**JIRA, "start": "soon"}}, "an instant or a date"),
        ({"j": {**JIRA, "write": {"enabled": True, "project": 'A" OR project = "B'}}}, "j.write.project"),
        ({"j": {**JIRA, "write": {"project": "A", "link": "https://x.example.com/{owner}"}}}, "{finding_id}, {cycle}, {asset_id}"),
        ({"j": {**JIRA, "write": {"project": "A", "label": "urgent"}}}, "incident-remediation"),
        ({"g": {"kind": "github", "secret": {"env": "T"}, "repos": ["acme"]}}, "g.repos.0"),
        ({"g": {"kind": "github", "secret": {"env": "T"}, "repos": []}}, "g.repos"),
        ({"s": {"kind": "servicenow", "url": "https://s.example.com", "secret": {"env": "T"}, "tables": [{"table": "a/../b"}]}}, "s.tables.0.table"),
        ({"h": {"kind": "http", "url": "https://h.example.com", "secret": {"env": "T"}, "streams": {"a": {"path": "/a", "page": {"by": "token"}, "order": "none"}}}}, "parameter"),
        ({"h": {"kind": "http", "url": "https://h.example.com", "secret": {"env": "T"}, "streams": {"a": {"path": "/a", "page": {"by": "none"}, "order": "descending"}}}}, "watermark"),
        ({"h": {"kind": "http", "url": "https://h.example.com", "secret": {"env": "T"}, "streams": {"a": {"path": "//evil", "page": {"by": "none"}, "order": "none"}}}}, "h.streams.a.path"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path, value, words):
    with pytest.raises(UsageError) as raised:
        read(tmp_path, value)
    text = str(raised.value)
    assert words in text and "connections.yaml" in text
    assert "hush" not in text


def test_an_unknown_name_is_said_with_those_that_there_are(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"one": JIRA, "two": JIRA}), encoding="utf-8")
    assert list(read_connections(path, ["two"])) == ["two"]
    with pytest.raises(UsageError, match="one of one, two"):
        read_connections(path, ["three"])


def test_the_file_of_the_home_comes_before_that_of_the_folder(tmp_path):
    assert file_of(None, tmp_path) == Path("connections.yaml")
    (tmp_path / "connections.yaml").touch()
    assert file_of(None, tmp_path) == tmp_path / "connections.yaml"
    assert file_of(Path("other.yaml"), tmp_path) == Path("other.yaml")


@pytest.mark.parametrize(
    ("secret", "header"),
    [
        ({"env": "T"}, {"Authorization": "Bearer hush"}),
        ({"env": "T", "user": "bot@example.com"}, {"Authorization": "Basic Ym90QGV4YW1wbGUuY29tOmh1c2g="}),
        ({"env": "T", "header": "PRIVATE-TOKEN", "prefix": ""}, {"PRIVATE-TOKEN": "hush"}),
    ],
)
def test_how_a_secret_is_sent(tmp_path, monkeypatch, secret, header):
    monkeypatch.setenv("T", " hush\n")
    (connection,) = read(tmp_path, {"j": {**JIRA, "secret": secret}}).values()
    assert credential("j", connection) == header
    assert "hush" not in repr(connection)


@pytest.mark.parametrize("value", [None, "", "two\nlines"])
def test_a_secret_that_is_not_there_is_said_without_it(tmp_path, monkeypatch, value):
    monkeypatch.delenv("T", raising=False)
    if value is not None:
        monkeypatch.setenv("T", value)
    (connection,) = read(tmp_path, {"j": JIRA}).values()
    with pytest.raises(SourceRefused, match="j: the environment variable T") as raised:
        credential("j", connection)
    assert "two" not in str(raised.value)


def test_a_secret_of_a_prefect_block(tmp_path, monkeypatch):
    """Where blocks come from is the seam: no server is started for it."""
    monkeypatch.setattr(settings, "secret_block", {"tok": "hush"}.get)
    (connection,) = read(tmp_path, {"j": {**JIRA, "secret": {"block": "tok"}}}).values()
    assert credential("j", connection) == {"Authorization": "Bearer hush"}
    (connection,) = read(tmp_path, {"j": {**JIRA, "secret": {"block": "other"}}}).values()
    with pytest.raises(SourceRefused, match="Prefect Secret block other is not there"):
        credential("j", connection)
