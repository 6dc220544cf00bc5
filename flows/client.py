"""Speaking to a tracker: one connection, one host, JSON. Limits are kept, what passes is tried again, what does not is said, a secret never is.

What lies outside comes as an argument: tests bring their own time, chance and host.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx

from flows.connections import is_loopback
from transforms.domain.errors import SourceRefused, SourceUnavailable

#: Tries of one request, the first included.
ATTEMPTS = 8
#: Seconds that the first second try is waited for at most; it doubles with every try up to the cap, and is drawn from nothing to that (full jitter).
BACKOFF_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 60.0
#: A tracker that limits without saying for how long is left alone for a minute, then for twice that (GitHub's own advice).
UNSAID_LIMIT_SECONDS = 60.0
#: Longer than this no run stands still: GitHub's limits are renewed every hour.
MAX_WAIT_SECONDS = 3_660.0
#: A wait that a person at the terminal would wonder about.
_SAID_FROM_SECONDS = 5.0
#: An answer beyond this is no page.
MAX_BODY_BYTES = 256 * 1024**2
_GOES_ON = "the next try goes on from there"
_REMEDIES = {
    400: "see whether the connection's query and fields are what this tracker understands",
    401: "the secret is wrong or has run out: give the connection a new one",
    403: "the account behind the secret may not do this: give it the right, or name another account",
    404: "mend the connection's url, project, repo or table; a tracker says this to an account that may not see it, too",
    410: "this tracker no longer has that address: see docs/pulling.md for `deployment`",
    422: "see whether labels, accounts and fields of the connection are there in the tracker",
}
_USER_AGENT = "handoff"


class Answer(NamedTuple):
    """What a tracker answered. `value` is its JSON, None for an empty body or `is_unchanged` (304)."""

    status: int
    headers: httpx.Headers
    value: Any
    next_url: str | None
    is_unchanged: bool = False


@dataclass(frozen=True)
class Outside:
    """What lies outside, as arguments: waiting so many seconds, the time in seconds since 1970, a number drawn from [0, 1), the network."""

    wait: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    draw: Callable[[], float] = random.random
    transport: httpx.BaseTransport | None = None


class _Reply(NamedTuple):
    """An answer as it came, read whole."""

    status: int
    headers: httpx.Headers
    body: bytes
    next_url: str | None


class Refused(SourceRefused):
    """An answer of 4xx that is no limit; `status` says which."""

    status: int = 0


class Uncertain(SourceUnavailable):
    """A request that changes something got no answer: it may have been carried out, or not."""


class Client:
    """A connection that is open. Use it in a `with`."""

    def __init__(
        self, name: str, url: str, credential: dict[str, str], *, timeout_seconds: float = 30, outside: Outside | None = None, accept: str = "application/json"
    ) -> None:
        self._name, self._url, self._outside = name, url, outside or Outside()
        self._credential = credential
        self._origin = _origin(url)
        self._hold_seconds = 0.0
        host = urlsplit(url).hostname or ""
        # Redirects are ours to follow: another host would get the secret. No proxy stands between us and this machine.
        self._http = httpx.Client(
            headers={"Accept": accept, "User-Agent": _USER_AGENT}, timeout=timeout_seconds, follow_redirects=False,
            trust_env=not is_loopback(host), transport=self._outside.transport,
            verify=url.startswith("https://"),  # on plain http there is nothing to verify, and reading the authorities takes a while
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Client({self._name!r}, {self._url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, parameters: dict[str, Any] | None = None, *, etag: str | None = None) -> Answer:
        """What is at a path below the connection's address, or at a whole address of the same host. Raises `SourceRefused` or `SourceUnavailable`."""
        return self._request("GET", path, parameters, None, {"If-None-Match": etag} if etag else {}, is_repeatable=True)

    def send(self, method: str, path: str, body: Any, *, is_repeatable: bool) -> Answer:
        """Changes something. What is not repeatable is tried again only where it surely did not arrive, else raises `Uncertain`."""
        return self._request(method, path, None, body, {}, is_repeatable=is_repeatable)

    def _request(self, method: str, path: str, parameters: dict[str, Any] | None, body: Any, headers: dict[str, str], *, is_repeatable: bool) -> Answer:
        url = self._inside(path)
        fault = ""
        for attempt in range(ATTEMPTS):
            self._pause(self._hold_seconds)
            self._hold_seconds = 0.0
            delay, may_be_done, reply = None, False, None
            try:
                reply = self._once(method, url, parameters, body, headers)
            except httpx.HTTPError as error:
                # Nothing is raised in here: the error knows the request, and with it the secret.
                fault, may_be_done = type(error).__name__, not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            if reply is not None:
                if reply.status in (301, 302, 303, 307, 308):
                    url, parameters = self._redirected(method, url, reply), None
                    continue
                delay = self._limit(reply, attempt)
                if delay is not None:
                    # Behind a 503 may stand a gateway that lost patience with what was carried out.
                    fault, may_be_done = f"{reply.status}, it limits how often it may be asked", reply.status == 503
                elif reply.status >= 500 or reply.status == 408:
                    fault, may_be_done = f"{reply.status}", True
                elif reply.status >= 400:
                    raise self._refusal(method, url, reply)
                else:
                    self._heed_quota(reply)
                    try:
                        return _answer(reply)
                    except ValueError:
                        fault, may_be_done = "an answer that is not whole, or no JSON", True
            if may_be_done and not is_repeatable:
                raise Uncertain(self._name, seen=f"{method} {_shown(url)} got no answer to rely on ({fault})", remedy="the next run looks whether it was carried out")
            if delay is None:
                delay = self._backoff(attempt)
            if delay > MAX_WAIT_SECONDS:
                raise SourceUnavailable(self._name, seen=f"it asks to be left alone for {delay:,.0f} s", expected="at most an hour", remedy=_GOES_ON)
            if attempt + 1 < ATTEMPTS:
                self._pause(delay)
        raise SourceUnavailable(self._name, seen=f"{method} {_shown(url)} failed {ATTEMPTS} times, last with {fault or 'a redirect'}", remedy=_GOES_ON)

    def _once(self, method: str, url: str, parameters: dict[str, Any] | None, body: Any, headers: dict[str, str]) -> _Reply:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        request = self._http.build_request(method, url, params=parameters, content=content, headers={**headers, **kind, **self._credential})
        response = self._http.send(request, stream=True)
        try:
            read = bytearray()
            for chunk in response.iter_bytes():
                read += chunk
                if len(read) > MAX_BODY_BYTES:
                    raise SourceRefused(self._name, seen=f"{_shown(url)} answers more than {MAX_BODY_BYTES:,} bytes", expected="a page", remedy="set a smaller page_size")
        finally:
            response.close()
        return _Reply(response.status_code, response.headers, bytes(read), response.links.get("next", {}).get("url"))

    def _inside(self, path: str) -> str:
        """The address of a path. One of another host is never asked: it would get the secret, or give us what is not the tracker's."""
        url = path if path.startswith(("http://", "https://")) else f"{self._url}{path}"
        if _origin(url) != self._origin:
            raise SourceRefused(self._name, seen=f"it points to another host, {urlsplit(url).netloc.rpartition('@')[2]}", expected=f"addresses of {self._url}", remedy="state that host as the connection's url, where it is right")
        return url

    def _redirected(self, method: str, url: str, reply: _Reply) -> str:
        target = urljoin(url, reply.headers.get("Location", ""))
        if method != "GET":
            raise SourceRefused(self._name, seen=f"{method} {_shown(url)} is redirected to {_shown(target)}", expected="an answer", remedy="mend the connection's url")
        return self._inside(target)

    def _limit(self, reply: _Reply, attempt: int) -> float | None:
        """Seconds that a limiting tracker is to be left alone for; None where the answer is no limit."""
        headers, status = reply.headers, reply.status
        stated = _retry_after(headers, self._outside.now())
        if stated is None and headers.get("X-RateLimit-Remaining") == "0":
            stated = _reset(headers, self._outside.now())
        if status in (403, 429, 503) and stated is not None:
            return stated + self._outside.draw()
        if status == 403 and b"rate limit" in reply.body.lower():
            return UNSAID_LIMIT_SECONDS * 2**attempt + self._outside.draw()
        return self._backoff(attempt) if status == 429 else None

    def _backoff(self, attempt: int) -> float:
        return self._outside.draw() * min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2**attempt)

    def _heed_quota(self, reply: _Reply) -> None:
        """The last request that a quota allowed: the next one waits for its renewal rather than for a refusal."""
        if reply.headers.get("X-RateLimit-Remaining") == "0":
            self._hold_seconds = min(_reset(reply.headers, self._outside.now()) or 0.0, MAX_WAIT_SECONDS)

    def _refusal(self, method: str, url: str, reply: _Reply) -> Refused:
        words = _words(reply.body, self._credential)
        seen = f"{method} {_shown(url)} answered {reply.status}" + (f": {words}" if words else "")
        error = Refused(self._name, seen=seen, expected="an answer of 200", remedy=_REMEDIES.get(reply.status, "see what the tracker says"))
        error.status = reply.status
        return error

    def _pause(self, seconds: float) -> None:
        if seconds >= _SAID_FROM_SECONDS:
            print(f"handoff: {self._name} is left alone for {seconds:,.0f} s", file=sys.stderr, flush=True)
        if seconds > 0:
            self._outside.wait(seconds)


def _answer(reply: _Reply) -> Answer:
    """Raises ValueError where a body is no JSON."""
    if reply.status == 304:
        return Answer(304, reply.headers, None, None, is_unchanged=True)
    value = json.loads(reply.body) if reply.body.strip() else None
    return Answer(reply.status, reply.headers, value, reply.next_url)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _shown(url: str) -> str:
    """An address without what could be a secret in it: path only, no query."""
    return urlsplit(url).path or "/"


def _server_now(headers: httpx.Headers, now: float) -> float:
    """The tracker's own clock, where it states one: its instants are of that clock."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return now


def _retry_after(headers: httpx.Headers, now: float) -> float | None:
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - _server_now(headers, now))
    except (ValueError, TypeError):
        return None


def _reset(headers: httpx.Headers, now: float) -> float | None:
    text = headers.get("X-RateLimit-Reset", "")
    return max(0.0, int(text) - _server_now(headers, now)) if text.isdigit() else None


def _words(body: bytes, credential: dict[str, str]) -> str:
    """What a tracker says of its refusal, in a line, without the secret: some repeat what they were sent."""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    said = [value[member] for member in ("message", "errorMessages", "errors", "error", "detail") if value.get(member)] if isinstance(value, dict) else []
    text = " ".join(" ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in said).split())[:300]
    for header in credential.values():
        for secret in (header, header.rpartition(" ")[2]):
            text = text.replace(secret, "…")
    return "".join(character if character.isprintable() else " " for character in text)
