"""ProjectDiscovery Nuclei's JSON: lines (`-jsonl`, `-json` before 2.9) or a list (`-json-export`), versions 2.2 to 3.

Before 2.4 the members were `templateID`, `matched`, `matcher_name`, `extracted_results`. With `-matcher-status` requests that did not match
are written too (`matcher-status: false`): they are no findings. A run that found nothing writes nothing at all, and nothing is no report.

One result is one match. What tells it from the others is template, matcher, extractor, type, host, the place and what was extracted. The
rule is template and matcher, as Nuclei itself prints it: the matchers of one template (`x-frame-options`) are problems mended one by one.
The place is the URL; host, port and tcp for network, TLS and JavaScript templates; the host for DNS and WHOIS; the file for file templates.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.location import Location
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.domain.scores import probability, vectors

NAME = "nuclei"
TITLE = "Nuclei (JSON or JSON lines)"
SCANNER = "nuclei"
CALIBRATION: dict[str, str] = {}  # info to critical are the policy's words; `unknown` is no rating

_TRANSPORT = frozenset(("network", "tcp", "ssl", "javascript"))
_NAMES = frozenset(("dns", "whois"))

_Any = object


class Classification(msgspec.Struct, gc=False, rename="kebab"):
    cve_id: _Any = None
    cwe_id: _Any = None
    cvss_metrics: _Any = None
    cvss_score: _Any = None
    epss_score: _Any = None


class Info(msgspec.Struct, gc=False):
    name: _Any = None
    severity: _Any = None
    tags: _Any = None
    classification: Classification | None = None


class Match(msgspec.Struct, gc=False, rename="kebab"):
    template_id: _Any = None
    info: Info | None = None
    type: _Any = None
    host: _Any = None
    url: _Any = None
    matched_at: _Any = None
    matcher_name: _Any = None
    extractor_name: _Any = None
    extracted_results: _Any = None
    timestamp: _Any = None
    matcher_status: _Any = None
    fuzzing_parameter: _Any = msgspec.field(default=None, name="fuzzing_parameter")
    # Before 2.4.
    old_template_id: _Any = msgspec.field(default=None, name="templateID")
    old_matched: _Any = msgspec.field(default=None, name="matched")
    old_matcher_name: _Any = msgspec.field(default=None, name="matcher_name")
    old_extracted_results: _Any = msgspec.field(default=None, name="extracted_results")


_items = msgspec.json.Decoder(list[msgspec.Raw])
_match = msgspec.json.Decoder(Match)
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognise(head: Head) -> bool:
    keys = head.json.keys()
    if not keys and head.is_json_object:  # lines, or one object cut off
        try:
            keys = _keys.decode(head.content.lstrip().partition(b"\n")[0]).keys()
        except documents.UNREADABLE:
            return False
    return "info" in keys and bool({"template-id", "templateID"} & keys) and bool({"matched-at", "matched", "matcher-status", "type"} & keys)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    for pointer, raw in _raws(content):
        try:
            match = _match.decode(raw)
        except documents.UNREADABLE as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        if match.matcher_status is not False:
            yield _result(pointer, match, raw, scan)


def _raws(content: bytes) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """Each match with its pointer. Raises `FileRejected` where the content is neither a list nor lines of objects."""
    start = content[:256].lstrip()[:1]
    if start == b"[":
        yield from ((f"/{number}", raw) for number, raw in enumerate(documents.decode(_items, content, "a list of matches")))
        return
    if start != b"{":
        raise FileRejected("malformed", seen="neither a list nor objects", expected="a list of matches, or a match a line")
    try:
        _keys.decode(content)
    except documents.UNREADABLE:
        yield from ((f"line {number}", line) for number, line in enumerate(content.splitlines(), 1) if line and not line.isspace())
    else:
        yield "", content  # one match, on however many lines


def _result(pointer: str, match: Match, raw: bytes | msgspec.Raw, scan: Scan) -> Result | Reject:
    info = match.info or Info()
    classification = info.classification or Classification()
    template = documents.text(match.template_id) or documents.text(match.old_template_id)
    place = documents.text(match.matched_at) or documents.text(match.old_matched) or documents.text(match.url) or documents.text(match.host)
    if template is None or place is None:
        return documents.missing(pointer, "template_id" if template is None else "host", raw)
    matcher = documents.text(match.matcher_name) or documents.text(match.old_matcher_name)
    kind, param = (documents.text(match.type) or "").lower(), documents.text(match.fuzzing_parameter)
    name = documents.text(info.name) or template
    extracted = match.extracted_results if match.extracted_results is not None else match.old_extracted_results
    try:
        endpoint = None if kind == "file" else location.parse_endpoint(place)
    except ValueError as error:
        return documents.reject(pointer, "malformed", str(error), raw)
    rule = f"{template}:{matcher}" if matcher else template
    return Result(
        pointer=pointer,
        title=documents.one_line(f"{name}: {matcher}" if matcher else name),
        identity=(
            template,
            matcher,
            documents.text(match.extractor_name),
            kind,
            documents.text(match.host),
            place,
            param,
            tuple(text for item in extracted if (text := documents.text(item))) if isinstance(extracted, list) else None,
        ),
        severity=documents.text(info.severity),
        score=documents.score(classification.cvss_score),
        cvss_vectors=vectors(documents.text(classification.cvss_metrics)),
        rule=rule,
        vulnerability_ids=documents.ids_within(" ".join((*documents.ids(classification.cve_id), template))),
        cwes=cwe_numbers(classification.cwe_id),
        known_exploited="kev" in _tags(info.tags),
        epss=probability(classification.epss_score),
        file_path=place if endpoint is None else None,
        endpoint=place if endpoint else None,
        location=_location(kind, endpoint, param) if endpoint else location.code(place, rule),
        target=endpoint.host if endpoint else documents.text(match.host),
        captured=scan.stamp(documents.text(match.timestamp)),
    )


def _location(kind: str, endpoint: location.Endpoint, param: str | None) -> Location:
    if kind in _TRANSPORT:
        return location.host(endpoint.host, endpoint.port or location.DEFAULT_PORTS.get(endpoint.scheme), "tcp")
    return location.host(endpoint.host) if kind in _NAMES else location.web(endpoint, param)


def _tags(value: _Any) -> set[str]:
    """A list of tags, or before 2.5 a text with commas."""
    words = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return {word.strip().lower() for word in words if isinstance(word, str)}
