"""Where a result was found, as (kind, key): the part of a sighting's identity that must not move with versions or lines.

Keys of two scanners are equal when they mean the same place (ruling 16): a package without its version; host, port and
protocol; origin, path and parameter; a file and an anchor that survives line drift; a cloud resource.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from transforms.domain.packages import purl_name

_REPOSITORY = re.compile(r"(?:https?|ssh|git)://[^/]+/(?P<name>[^?#]+?)(?:\.git)?/?")
DEFAULT_PORTS = {"http": 80, "https": 443}
_TRANSPORTS = frozenset(("tcp", "udp", "sctp", "icmp"))
#: A session's id in a path is of the visit, not of the place.
_SESSION = re.compile(r";jsessionid=[^/;?#]*", re.IGNORECASE)
#: What RFC 3986 leaves as it is in a path; everything else is written as %XX, however the report wrote it.
_PATH_SAFE = "/-._~!$&'()*+,;=:@"
#: How ids of Azure's resources begin.
_AZURE = ("/subscriptions/", "/providers/")


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
    """By its name as `packages.package_name` gives it; a package URL stands for the name in it, without version and qualifiers."""
    name = name.strip()
    return Location("package", (purl_name(name) or name if name.startswith("pkg:") else name).lower())


def host(name: str, port: int | None = None, protocol: str | None = None) -> Location:
    """Port 0 is no port, a host as a whole has no protocol, and a port without one is TCP's: reports differ in whether they say so."""
    if not port:
        return Location("host", join(host_name(name), None, ""))
    return Location("host", join(host_name(name), port, (protocol or "").strip().lower() or "tcp"))


def host_name(name: str) -> str:
    """Lower case, without a trailing dot; an IPv6 address in its short form (RFC 5952), without brackets; a name beyond ASCII in its IDNA form."""
    name = name.strip().lower()
    if ":" in name:
        try:
            return str(IPv6Address(name.strip("[]")))
        except ValueError:
            return name
    name = name.rstrip(".")
    if not name.isascii():
        try:
            return name.encode("idna").decode()
        except UnicodeError:
            return name
    return name


def web(endpoint: Endpoint, param: str | None = None) -> Location:
    scheme = endpoint.scheme or "http"
    port = endpoint.port if endpoint.port is not None else DEFAULT_PORTS.get(scheme)
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return Location("web", join(f"{scheme}://{host}:{port}", _url_path(endpoint.path), param))


def _url_path(path: str) -> str:
    """The path without dot segments, sessions and differences of %-encoding; `/` where there is none. A slash at the end stays."""
    if ";" in path:
        path = _SESSION.sub("", path)
    if "/." in path:
        path = posixpath.normpath(path) + ("/" if path.endswith(("/", "/.", "/..")) else "")
    if "%" in path or not path.isascii():
        # An encoded separator is none: it stays encoded.
        path = "%2F".join(quote(unquote_to_bytes(part), safe=_PATH_SAFE) for part in re.split("%2f", path, flags=re.IGNORECASE))
    return path or "/"


def code(path: str, anchor: str | None) -> Location:
    """`anchor`: the scanner's own fingerprint, the enclosing code, or rule or title: never the line."""
    return Location("code", _join((file_path(path), anchor or "")))


def file_path(path: str) -> str:
    """The path from the root of what was scanned: `./src/a.py`, `/src/a.py` and `src\\a.py` are `src/a.py`."""
    path = path.strip().replace("\\", "/").lstrip("/")
    return posixpath.normpath(path) if path.startswith(".") or "//" in path or "/." in path else path


def cloud(resource: str) -> Location:
    """An ARN, an Azure id or another name. Azure's are the same in any case, ARNs in all but the resource itself."""
    resource = resource.strip()
    if resource[:4].lower() == "arn:":
        # A log group's ARN may end in a wildcard for its streams: it is the same group.
        *head, name = resource.split(":", 5)
        return Location("cloud", ":".join([*(part.lower() for part in head), name.removesuffix(":*")]))
    if resource.lower().startswith(_AZURE):
        resource = resource.lower().rstrip("/")
    return Location("cloud", resource)


def repository(url: str) -> str:
    """`https://github.com/owner/name.git` as `owner/name`, as the host's own scanners call it; what is no such URL as it is."""
    match = _REPOSITORY.fullmatch(url.strip())
    return match["name"] if match else url.strip()


def of_endpoint(endpoint: Endpoint, param: str | None = None) -> Location:
    """Web where the endpoint has an http scheme or a path, else host (ruling 16)."""
    if endpoint.is_web:
        return web(endpoint, param)
    # The scheme of a service (`ssh`) says nothing of the transport, which is what other scanners name.
    return host(endpoint.host, endpoint.port, endpoint.scheme if endpoint.scheme in _TRANSPORTS else None)


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
        return Endpoint("", host_name(rest), None, "")  # a bare IPv6 address
    parts = urlsplit(f"//{rest}")
    host = parts.hostname  # worked out anew each time
    if not host:
        raise ValueError(f"no host in endpoint {text!r}")
    path = parts.path if parts.path not in ("", "/") or separator else ""
    return Endpoint(scheme.lower(), host_name(host), parts.port, path)
