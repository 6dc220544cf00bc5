"""Gitleaks: JSON (`gitleaks git|dir|stdin -f json`, `detect` and `protect` before 8.19) and CSV (`-f csv`), and the JSON of versions 1 to 7.

A result is one secret at one place of one commit; a scan of a directory has no commits. It is told from the others by rule, file, commit,
position and a digest of the secret: the secret itself, the text around it and the commit's message, which may repeat it, are kept nowhere.
Where a report was written with `--redact`, position alone does. The place is the file, anchored by rule and digest, else by rule and
ordinal; the same secret in two commits is one place, seen twice. Gitleaks' own fingerprint has the line in it: it is the own id, no anchor.

Gitleaks rates nothing and does not say when it ran (`Date` is the commit's), so severity and capture stay open. The repository
is told by the links that it writes since 8.22 where the clone has a remote, or by version 7's `repoURL`. Components of a composite rule
and the version 8 SARIF report, which is `sarif`, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import csv_reports, documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan

NAME = "gitleaks"
TITLE = "Gitleaks (JSON, CSV)"
SCANNER = "gitleaks"
CALIBRATION: dict[str, str] = {}

_EIGHT = {"RuleID", "Secret", "Match", "File", "StartLine"}
_SEVEN = {"offender", "rule", "file", "commit", "line"}
_CSV = {"ruleid", "secret", "match", "file", "startline", "fingerprint"}
#: Links to a file at a commit, as the hosts write them: `/blob/` (GitHub), `/-/blob/` (GitLab), `/src/` (Bitbucket, Gitea).
_LINK = re.compile(r"https?://[^/]+/(?P<name>.+?)(?:/-)?/(?:blob|src|blame)/")

_Any = object


class Leak(msgspec.Struct, gc=False):
    """A finding of version 8 and, in small letters, of the versions before."""

    RuleID: _Any = None
    File: _Any = None
    Commit: _Any = None
    StartLine: _Any = None
    StartColumn: _Any = None
    Secret: _Any = None
    Link: _Any = None
    Fingerprint: _Any = None
    rule: _Any = None
    file: _Any = None
    commit: _Any = None
    lineNumber: _Any = None
    offender: _Any = None
    repoURL: _Any = None


_list = msgspec.json.Decoder(list[msgspec.Raw])
_leak = msgspec.json.Decoder(Leak)


def recognise(head: Head) -> bool:
    if head.is_json_list:
        keys = head.json.keys()
        return keys >= _EIGHT or keys >= _SEVEN
    return csv_reports.columns(head) >= _CSV


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    found: list[tuple[str, Leak, str, str, str | None, Place]] = []
    for pointer, leak in _leaks(content):
        if isinstance(leak, Reject):
            yield secrets.without_raw(leak)
            continue
        rule, path = documents.text(leak.RuleID) or documents.text(leak.rule), documents.text(leak.File) or documents.text(leak.file)
        if rule is None or path is None:
            yield secrets.missing(pointer, "rule" if rule is None else "file")
            continue
        mark = secrets.digest(leak.Secret) or secrets.digest(leak.offender)
        line = documents.line(leak.StartLine) or documents.line(leak.lineNumber) or 0
        # One secret twice in a file is one place: ordinals count the places of secrets that nothing else tells apart.
        position = (0, 0, "") if mark else (line, documents.line(leak.StartColumn) or 0, "")
        found.append((pointer, leak, rule, path, mark, Place((path, rule, mark or ""), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, leak, rule, path, mark, place in found:
        commit = documents.text(leak.Commit) or documents.text(leak.commit)
        line = documents.line(leak.StartLine) or documents.line(leak.lineNumber)
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"Hard coded {rule} in {path}"),
            identity=(rule, path, commit, line, documents.line(leak.StartColumn), mark),
            rule=rule,
            file_path=path,
            line=line,
            location=location.code(path, f"{rule}:{mark}" if mark else anchor(rule, ranks[place])),
            target=_target(leak),
            own_id=documents.text(leak.Fingerprint),
        )


def _leaks(content: bytes) -> Iterator[tuple[str, Leak | Reject]]:
    content = content.removeprefix(BOM)
    if content.lstrip()[:1] in (b"[", b"{", b""):
        raws = documents.decode(_list, content, "a list of findings")
        for pointer, _, leak in documents.items(raws, _leak, ""):
            yield pointer, leak
        return
    for row in csv_reports.rows(content):
        if isinstance(row, Reject):
            yield row.pointer, row
            continue
        pointer, cells, _ = row
        yield (
            pointer,
            Leak(
                RuleID=cells.get("ruleid"),
                File=cells.get("file"),
                Commit=cells.get("commit"),
                StartLine=cells.get("startline"),
                StartColumn=cells.get("startcolumn"),
                Secret=cells.get("secret"),
                Fingerprint=cells.get("fingerprint"),
            ),
        )


def _target(leak: Leak) -> str | None:
    link = documents.text(leak.Link)
    if link and (match := _LINK.match(link)):
        return match["name"]
    url = documents.text(leak.repoURL)
    return location.repository(url) if url else None
