"""Yelp's detect-secrets: the baseline that `detect-secrets scan` prints, versions 0.9 to 1.5 (and its fork bc-detect-secrets).

One result is one secret that one detector sees in one file; of a secret that stands there several times only the first line is listed. What
tells it from the others is file, detector and secret, of which the baseline has the SHA-1: anybody can find a short secret by that, so no more
of it is kept than tells the file's secrets apart. The line is no part of it. The tool rates nothing.

`is_secret` is what a person said when auditing the baseline, `is_verified` what the service itself said: evidence of a state, both.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, secrets
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "detect_secrets"
TITLE = "detect-secrets baseline (JSON)"
SCANNER = "detect-secrets"
CALIBRATION: dict[str, str] = {}

_Any = object


class Secret(msgspec.Struct, gc=False):
    type: _Any = None
    hashed_secret: _Any = None
    line_number: _Any = None
    is_secret: _Any = None
    is_verified: _Any = None


class Baseline(msgspec.Struct):
    results: dict[str, msgspec.Raw] | None
    generated_at: _Any = None


_baseline = msgspec.json.Decoder(Baseline)
_list = msgspec.json.Decoder(list[msgspec.Raw] | None)
_secret = msgspec.json.Decoder(Secret)


def recognise(head: Head) -> bool:
    if not head.is_json_object or not {"results", "plugins_used", "version"} <= head.json.keys():
        return False
    return bytes(memoryview(head.json["results"])[:1]) in (b"{", b"n")


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    baseline = documents.decode(_baseline, content, "a detect-secrets baseline")
    captured = scan.stamp(baseline.generated_at)
    found: list[tuple[str, Secret, str | None, Place]] = []
    for pointer, path, item in _items(baseline):
        if isinstance(item, Reject):
            yield secrets.without_raw(item)
            continue
        rule, file = documents.text(item.type), documents.text(path)
        if rule is None or file is None:
            yield secrets.missing(pointer, "type" if rule is None else "file")
            continue
        mark = secrets.digest(item.hashed_secret)
        position = (0, 0, "") if mark else (documents.line(item.line_number) or 0, 0, "")
        found.append((pointer, item, mark, Place((file, rule, mark or ""), position)))
    ranks = ordinals([place for *_, place in found])
    for pointer, item, mark, place in found:
        file, rule, _ = place.within
        line = documents.line(item.line_number)
        yield Result(
            pointer=pointer,
            title=documents.one_line(f"{rule} in {file}"),
            identity=(rule, file, mark or line),
            rule=rule,
            file_path=file,
            line=line,
            location=location.code(file, f"{rule}:{mark}" if mark else anchor(rule, ranks[place])),
            captured=captured,
            source_state=_state(item),
        )


def _items(baseline: Baseline) -> Iterator[tuple[str, str, Secret | Reject]]:
    """(pointer, file, secret) of every file; a file whose list is none is one reject."""
    for path, raw in (baseline.results or {}).items():
        pointer = "/results/" + path.replace("~", "~0").replace("/", "~1")
        try:
            raws = _list.decode(raw)
        except documents.UNREADABLE as error:
            yield pointer, path, documents.reject(pointer, "malformed", str(error))
            continue
        for where, _, item in documents.items(raws, _secret, pointer):
            yield where, path, item


def _state(item: Secret) -> str | None:
    if item.is_secret is False:
        return "false positive"
    return "verified" if item.is_verified is True else None
