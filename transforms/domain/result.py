"""What a scanner module yields: results and rejects. The same for every format, so that the rest never asks which it was."""

from __future__ import annotations

import re

import msgspec

from transforms.domain.instants import DateOrder, Stamp, parse_stamp
from transforms.domain.location import NOWHERE, Location

_CWE = re.compile(r"\s*(?:CWE)?[-_:\s]*([0-9]{1,6})(?=[:\s]|$)", re.IGNORECASE)


class Result(msgspec.Struct, frozen=True, gc=False):
    """One result of one scan, as the report states it. Everything but `pointer`, `title` and `identity` may be missing.

    Fields are given by name. Of more than 15 names Python makes a dict first, which costs as much as the rest: the first fields then by position.
    """

    #: Where it stands in the file: a JSON pointer, an XML path or `row 12`.
    pointer: str
    title: str
    #: The fields that tell this result from any other of the same scanner, target and capture (the format's own choice).
    identity: tuple[object, ...]
    #: The scanner's own word for the severity, verbatim; None where it has only a number.
    severity: str | None = None
    #: The scanner's own number, 0 to 10.
    score: float | None = None
    #: CVSS vectors, best source first; the band is set from the newest version among them.
    cvss_vectors: tuple[str, ...] = ()
    rule: str | None = None
    vulnerability_ids: tuple[str, ...] = ()
    cwes: tuple[int, ...] = ()
    known_exploited: bool = False
    epss: float | None = None
    component_name: str | None = None
    component_version: str | None = None
    file_path: str | None = None
    line: int | None = None
    #: Host or URL as the report writes it.
    endpoint: str | None = None
    location: Location = NOWHERE
    #: The asset as scanned, where the report says it; else the sidecar's.
    target: str | None = None
    #: When the scan saw it, where the report says it (`Scan.stamp`).
    captured: Stamp | None = None
    #: The scanner's own id of this finding: people and trackers refer to it.
    own_id: str | None = None
    #: What the report says of the finding's state (false positive, mitigated …): evidence, never an event (ruling 14).
    source_state: str | None = None
    #: The scanner that made it, where one file carries several scanners' results (SARIF runs); else the scan's.
    scanner: str | None = None


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A row that cannot be used: where it stands, a short stable reason (`missing_title`), what was seen, its raw text."""

    pointer: str
    reason: str
    detail: str = ""
    raw: str = ""


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a report before it is opened: the sidecar's word and how to read naive stamps."""

    target: str | None = None
    scanner: str | None = None
    zone_name: str = "UTC"
    date_order: DateOrder = "mdy"

    def stamp(self, value: object) -> Stamp | None:
        """The instant that the report wrote, or None where it is absent or no instant at all."""
        if value is None or value == "":
            return None
        try:
            return parse_stamp(value, zone_name=self.zone_name, date_order=self.date_order)
        except (ValueError, OverflowError):
            return None


def cwe_numbers(*values: object) -> tuple[int, ...]:
    """CWE numbers of `79`, `"CWE-79"`, `"79: XSS"`, or lists of them: distinct, in order, without zeros and non-numbers."""
    numbers: dict[int, None] = {}
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str):
                item = int(match[1]) if (match := _CWE.match(item)) else None
            if isinstance(item, int) and not isinstance(item, bool) and 0 < item < 1_000_000:
                numbers[item] = None
    return tuple(numbers)
