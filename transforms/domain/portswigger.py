"""What all reports of PortSwigger's scanners share: Burp Suite Professional, its REST API, Burp Suite DAST (Enterprise), Dastardly."""

from __future__ import annotations

import re

from transforms.domain import location
from transforms.domain.documents import ids_within
from transforms.domain.location import Endpoint

#: Burp's words; `false positive` is what a user sets in the severity's place, so that no severity is left.
SEVERITIES = {"high": "high", "medium": "medium", "low": "low", "info": "informational", "information": "informational"}

#: The issue type that every extension uses for whatever it finds: there the name says which issue it is.
_EXTENSION = "134217728"
_WHERE = re.compile(r"\[([^\[\]]+)\]\s*$")
_INPUT = re.compile(r"(.+?) (?:parameter|cookie|(?:HTTP )?header|JSON parameter|XML parameter)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_IN_DETAIL = re.compile(r"\bvalue of the (\S{1,200}) (?:\w+ ){0,3}?(?:parameter|cookie|header) ", re.IGNORECASE)
_CWE = re.compile(r"\bCWE-(\d{1,6})\b", re.IGNORECASE)
_FALSE_POSITIVE = ("false positive", "false_positive")


def rule(kind: str | None, name: str) -> str:
    """The number of the issue type, which survives renaming; the name where there is none or it says nothing."""
    return kind if kind and kind != _EXTENSION else name


def parameter(caption: str | None) -> str | None:
    """`q` of `/search [q parameter]`; an insertion point that has no name (`[URL path folder 2]`) as it is written."""
    found = _WHERE.search(caption or "")
    if not found:
        return None
    named = _INPUT.fullmatch(found[1].strip())
    return named[1] if named and not named[1].lower().startswith("name of ") else found[1].strip()


def parameter_in(detail: str | None) -> str | None:
    """`q` of `The value of the <b>q</b> request parameter is copied …`, for the reports that have no insertion point of their own."""
    found = _IN_DETAIL.search(_TAG.sub("", (detail or "")[:2000]))
    return found[1] if found else None


def address(origin: str, path: str | None) -> tuple[str, Endpoint]:
    """The URL and its parts. Raises ValueError where the origin has no host."""
    base = origin if origin.endswith("//") else origin.removesuffix("/")
    url = f"{base}/{(path or '').removeprefix('/')}"
    return url, location.parse_endpoint(url)


def weaknesses(classifications: str | None) -> tuple[int, ...]:
    """The CWE numbers in the HTML list of classifications."""
    return tuple(dict.fromkeys(int(number) for number in _CWE.findall(classifications or "") if int(number)))


def advisories(name: str, detail: str | None) -> tuple[str, ...]:
    """CVE and GHSA ids of the name, and of the detail where the issue is a vulnerable library: elsewhere the detail may quote anything."""
    return ids_within(f"{name} {detail or ''}" if "vulnerable javascript dependency" in name.lower() else name)


def state(*words: str | None) -> str | None:
    """The user's verdict, which Burp writes in the place of severity or confidence."""
    return "false positive" if any(word and word.lower() in _FALSE_POSITIVE for word in words) else None
