"""Where a result was found, as (kind, key): the part of a sighting's identity that must not move with versions or lines.

Keys of two scanners are equal when they mean the same place (ruling 16): a package without its version; host, port and
protocol; origin, path and parameter; a file and an anchor that survives line drift; a cloud resource.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_REPOSITORY = re.compile(r"(?:https?|ssh|git)://[^/]+/(?P<name>[^?#]+?)(?:\.git)?/?")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Location(NamedTuple):
    kind: str
    key: str


NOWHERE = Location("none", "")


class Endpoint(NamedTuple):
    """An endpoint in its parts. `scheme` and `path` are '' where the text had none, `port` None where it is unknown."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def is_web(self) -> bool:
        return self.scheme in DEFAULT_PORTS or bool(self.path)


def join(*parts: object) -> str:
    """Parts in one key; a separator inside a part is escaped, so that different parts never give one key."""
    return _join(["" if part is None else str(part) for part in parts])


def _join(texts: Sequence[str]) -> str:
    joined = "|".join(texts)
    if "\\" not in joined and joined.count("|") == len(texts) - 1:  # nothing to escape, as nearly always
        return joined
    return "|".join(text.replace("\\", "\\\\").replace("|", "\\|") for text in texts)


def package(name: str) -> Location:
    return Location("package", name.strip().lower())


def host(name: str, port: int | None = None, protocol: str | None = None) -> Location:
    return Location("host", join(name.strip().rstrip(".").lower(), port, (protocol or "").lower()))


def web(endpoint: Endpoint, param: str | None = None) -> Location:
    scheme = endpoint.scheme or "http"
    port = endpoint.port if endpoint.port is not None else DEFAULT_PORTS.get(scheme)
    return Location("web", join(f"{scheme}://{endpoint.host}:{port}", endpoint.path or "/", param))


def code(path: str, anchor: str | None) -> Location:
    """`anchor`: the scanner's own fingerprint, the enclosing code, or rule or title: never the line."""
    return Location("code", _join((path.strip(), anchor or "")))


def cloud(resource: str) -> Location:
    return Location("cloud", resource.strip())


def repository(url: str) -> str:
    """`https://github.com/owner/name.git` as `owner/name`, as the host's own scanners call it; what is no such URL as it is."""
    match = _REPOSITORY.fullmatch(url.strip())
    return match["name"] if match else url.strip()


def of_endpoint(endpoint: Endpoint, param: str | None = None) -> Location:
    """Web where the endpoint has an http scheme or a path, else host (ruling 16)."""
    return web(endpoint, param) if endpoint.is_web else host(endpoint.host, endpoint.port, endpoint.scheme)


@lru_cache(maxsize=4_096)  # a report of the web has few addresses and many results at each
def parse_endpoint(text: str) -> Endpoint:
    """`https://host:port/path?query`, `host:port`, `host/path`, `[v6]:port` or a bare host, in parts; host lower case.

    Raises ValueError when there is no host in it.
    """
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    if not separator and rest.count(":") > 1 and not rest.startswith("["):
        return Endpoint("", rest.lower(), None, "")  # a bare IPv6 address
    parts = urlsplit(f"//{rest}")
    host = parts.hostname  # worked out anew each time
    if not host:
        raise ValueError(f"no host in endpoint {text!r}")
    path = parts.path if parts.path not in ("", "/") or separator else ""
    return Endpoint(scheme.lower(), host.rstrip("."), parts.port, path)
