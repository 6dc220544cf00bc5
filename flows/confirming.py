"""The acknowledgement page: a signed link shows one handoff, and its one use answers it. Nothing is answered by looking.

A link that is used, expired, changed, made up, or about a handoff that is over gets one and the same answer: nobody learns from it what there is.
Without cookies, scripts or anything from elsewhere. Logs name findings and people, never a token.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import signal
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from jinja2 import Environment, StrictUndefined

from flows import acknowledging, settings
from transforms.domain.errors import HandoffError, RunError, UsageError
from transforms.domain.instants import MICROSECONDS, is_zone, iso, zone
from warehouse import links
from warehouse.handoffs import open_handoffs
from warehouse.home import Home

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;color-scheme:light dark;margin:0}main{max-width:38rem;margin:2rem auto;padding:0 1rem}"
    "dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}textarea{width:100%;font:inherit}button{font:inherit;padding:.5rem 1rem}"
)
_CSP = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: How long an open page can be answered, how long a body may take and how large it may be.
_FORM_US = 3_600 * MICROSECONDS
_BODY_SECONDS, _BODY_BYTES = 10, 16_384
#: Clients whose requests are counted one by one; of more the longest silent are forgotten.
_CLIENTS = 10_000

_NEUTRAL = (
    "Either it was used already, and then your answer is kept; or it has expired; or its handoff is over; or it is not a link of ours. "
    "Without a link: `handoff ack FINDING --as YOU`, or the security team."
)
_ACTIONS = {
    "acknowledge": ("acknowledged", "Acknowledge this handoff", "I have it", "It says that this is yours to look after from now on; not that it is resolved."),
    "decline": ("declined", "Decline this handoff", "It is not mine", "It stays with its owner until it is given to somebody else; its due dates stay too."),
}


class Limits(NamedTuple):
    """Requests at once, and a second after that: of one client, and of all together."""

    client_burst: float = 60
    client_rate: float = 1
    total_burst: float = 300
    total_rate: float = 50


LIMITS = Limits()


@dataclass(frozen=True)
class Site:
    """What the page stands on."""

    home: Home
    secret: bytes
    #: Microseconds since the epoch.
    clock: Callable[[], int] = settings.now_us
    #: How people reach it, where that is not the address it listens on.
    base_url: str | None = None
    limits: Limits = LIMITS
    log: Callable[[str], None] = lambda line: print(f"handoff: {line}", file=sys.stderr, flush=True)


class Buckets:
    """A token bucket a client and one for all; the clock may stand still or jump back."""

    def __init__(self, limits: Limits, clock: Callable[[], int]) -> None:
        self._limits, self._clock = limits, clock
        self._clients: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._total = (limits.total_burst, clock())

    def take(self, client: str) -> bool:
        """Whether a request of that client may come in now."""
        now = self._clock()
        left = self._filled(self._clients.get(client, (self._limits.client_burst, now)), now, self._limits.client_burst, self._limits.client_rate)
        is_ok = left >= 1
        self._clients[client] = (left - is_ok, now)
        self._clients.move_to_end(client)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        if not is_ok:
            return False
        total = self._filled(self._total, now, self._limits.total_burst, self._limits.total_rate)
        self._total = (total - (total >= 1), now)
        return total >= 1

    @staticmethod
    def _filled(bucket: tuple[float, int], now: int, burst: float, rate: float) -> float:
        level, since = bucket
        return min(burst, level + max(0, now - since) / MICROSECONDS * rate)


def create_app(site: Site) -> FastAPI:
    """The page as an ASGI application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="handoff")
    page, buckets = _Page(site), Buckets(site.limits, site.clock)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable) -> Response:
        if not buckets.take(_client(request)):
            response = page.render("Too many requests", 429, message="Try again in a minute.")
            response.headers["Retry-After"] = "60"
        else:
            try:
                response = await call_next(request)
            except Exception as error:  # an answer without a trace, and a log line without a token
                site.log(f"the page failed: {type(error).__name__}" + (f": {error}" if isinstance(error, HandoffError) else ""))
                response = page.render("This is not possible now", 503, message="The link was not used: try again in a minute.")
        response.headers.update(_HEADERS)
        if (site.base_url or "").startswith("https:"):
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def nothing_here(request: Request, error: Exception) -> Response:
        return page.neutral()

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.api_route(acknowledging.PATH + "{token}", methods=["GET", "HEAD"])
    async def show(token: str) -> Response:
        return await run_in_threadpool(page.show, token)

    @app.post(acknowledging.PATH + "{token}")
    async def answer(token: str, request: Request) -> Response:
        fields = await _form(request)
        return await run_in_threadpool(page.answer, token, fields, _is_from_elsewhere(request, site))

    return app


class _Page:
    """What is shown and what is done, by link."""

    def __init__(self, site: Site) -> None:
        self._site = site
        text = files("flows").joinpath("confirming.html.j2").read_text(encoding="utf-8")
        self._template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(text)

    def render(self, heading: str, status: int, *, message: str = "", facts: Any = (), form: Any = None, notes: Any = ()) -> Response:
        text = self._template.render(heading=heading, style=_STYLE, message=message, facts=facts, form=form, notes=notes)
        return Response(text.encode("utf-8", "replace"), status, media_type="text/html; charset=utf-8")

    def neutral(self) -> Response:
        return self.render("This link cannot be used", 404, message=_NEUTRAL)

    def show(self, token: str) -> Response:
        found = self._found(token)
        return self._ask(token, *found) if found else self.neutral()

    def answer(self, token: str, fields: dict[str, str] | None, is_from_elsewhere: bool) -> Response:
        found = self._found(token)
        if found is None:
            return self.neutral()
        link, known = found
        if fields is None or is_from_elsewhere or not self._is_ours(token, fields):
            return self._ask(token, link, known, 403, "This was not sent from this page, or the page was open for too long. Nothing was written; answer again.")
        if link.action == "decline" and not fields.get("reason", "").strip():
            return self._ask(token, link, known, 400, "Say why it is not yours.")
        now_us = self._site.clock()
        word = _ACTIONS[link.action][0]
        claim = acknowledging.Claim(word, link.person_id, "link", f"link {link.nonce}", now_us, fields.get("reason"))  # type: ignore[arg-type]
        try:
            with links.use(self._site.home.links, link, now_us) as is_unused:
                if not is_unused:
                    return self.neutral()
                done = acknowledging.answer(self._site.home, claim, [link.finding_id], now_us=now_us)
        except UsageError as error:
            return self._ask(token, link, known, 400, f"{error.seen}; expected {error.expected}")
        self._site.log(f"{word} finding {known['finding_id']}, cycle {link.cycle}, as {link.person_id} by link {link.nonce}")
        notes = [*done.warnings, "The next run judges it, and its report shows it. This link cannot be used again."]
        return self.render(f"Written down: {word} at {iso(now_us)[:16]}Z", 200, facts=self._facts(link, known), notes=notes)

    def _found(self, token: str) -> tuple[links.Link, dict[str, Any]] | None:
        """The link and its handoff, where it can be used."""
        link = links.read(self._site.secret, token, self._site.clock())
        if link is None or links.is_used(self._site.home.links, link):
            return None
        with open_handoffs(self._site.home) as handoffs:
            if handoffs is None:
                return None
            ids = handoffs.findings(link.finding_id)
            known = handoffs.handoff(ids[0]) if len(ids) == 1 else None
            people = handoffs.people(link.person_id)
            if known is None or not known["is_open"] or known["cycle"] != link.cycle or any(person["kind"] != "human" for person in people):
                return None
            person = people[0] if len(people) == 1 else {}
            return link, {**known, "zone": next(name for name in (person.get("time_zone"), handoffs.reporting_zone) if name and is_zone(name)), "person": person}

    def _is_ours(self, token: str, fields: dict[str, str]) -> bool:
        issued = fields.get("issued", "")
        if not (issued.isascii() and issued.isdigit() and len(issued) <= 20):
            return False
        return abs(self._site.clock() - int(issued)) < _FORM_US and links.is_form_proof(self._site.secret, token, int(issued), fields.get("proof", ""))

    def _ask(self, token: str, link: links.Link, known: dict[str, Any], status: int = 200, message: str = "") -> Response:
        _, heading, button, meaning = _ACTIONS[link.action]
        issued = self._site.clock()
        form = {
            "issued": issued, "proof": links.form_proof(self._site.secret, token, issued), "button": button, "meaning": meaning,
            "asks_reason": link.action == "decline", "reason_limit": acknowledging.REASON_LIMIT,
        }  # fmt: skip
        notes = []
        if known["acknowledged_at"]:
            notes.append(f"{known['acknowledged_by']} acknowledged it at {_local(known['acknowledged_at'], known['zone'])}: that stays the first.")
        return self.render(heading, status, message=message, facts=self._facts(link, known), form=form, notes=notes)

    def _facts(self, link: links.Link, known: dict[str, Any]) -> list[tuple[str, str]]:
        where = ", ".join(str(known[name]) for name in ("asset_id", "target", "application", "environment") if known[name])
        facts = [
            ("What", known["title"]), ("Severity", known["severity"]), ("Where", where), ("For", known["person"].get("name") or link.person_id),
            ("Why you", _why(link.person_id, known)), ("Acknowledge by", _local(known["handoff_due_at"], known["zone"])),
            ("Remediate by", _local(known["remediation_due_at"], known["zone"])), ("Seen by", ", ".join(known["scanners"] or ())),
            ("Finding", f"{known['finding_id']}, cycle {known['cycle']}"),
        ]  # fmt: skip
        return [(name, str(value)) for name, value in facts if value]


def _why(person_id: str, known: dict[str, Any]) -> str:
    team = known["person"].get("team")
    if known["owner_id"] == person_id:
        return f"you own it ({known['named_by']})" if known["named_by"] else "you own it"
    if team and known["team"] and team.lower() == known["team"].lower():
        return f"it belongs to your team, {known['team']}; its owner is {known['owner_id'] or 'nobody yet'}"
    return f"its owner is {known['owner_id']}, and you were asked" if known["owner_id"] else "nobody owns it yet, and you were asked"


def _local(moment: Any, zone_name: str) -> str | None:
    """An instant of the published copy as a person reads it."""
    return moment and f"{moment.replace(tzinfo=UTC).astimezone(zone(zone_name)):%a %d %b %Y %H:%M} {zone_name}"


def _client(request: Request) -> str:
    """Whose requests are counted together: an address, of IPv6 its /64."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def _is_from_elsewhere(request: Request, site: Site) -> bool:
    """Whether a browser says that another site sent it. No-referrer makes browsers send `Origin: null` for our own form too."""
    origin, asked = request.headers.get("origin", "null"), request.headers.get("sec-fetch-site", "same-origin")
    own = {request.headers.get("host", ""), urlsplit(site.base_url or "").netloc}
    return asked not in ("same-origin", "none") or (origin != "null" and urlsplit(origin).netloc not in own)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, each once; None for what is no form of ours."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return None
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _BODY_BYTES:
                    return None
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=10)
    except (TimeoutError, ValueError):
        return None
    return {name: values[0] for name, values in found.items()}


def serve(site: Site, host: str, port: int, *, allows_plain: bool) -> None:
    """Serves the page until it is told to stop (SIGINT, SIGTERM); what has begun is finished.

    Raises `UsageError` for a host that others reach while it speaks no TLS, unless that is wanted; `RunError` where it cannot listen.
    """
    import uvicorn

    if not allows_plain and not _is_loopback(host):
        remedy = "put a proxy with TLS before it on this machine, and say --base-url https://…; or --plain-http, if the network may read the links"
        raise UsageError("--host", seen=f"{host} is reached by others, and this page speaks no TLS", expected="a loopback address, as 127.0.0.1", remedy=remedy)
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise RunError(f"{host}:{port}", seen=f"cannot listen: {error.strerror or error}", remedy="stop what listens there, or choose another --port") from None
    config = uvicorn.Config(
        create_app(site), log_level="critical", access_log=False, server_header=False, limit_concurrency=64, timeout_keep_alive=5, timeout_graceful_shutdown=10,
        proxy_headers=True, forwarded_allow_ips="127.0.0.1,::1", lifespan="off", ws="none",
    )  # fmt: skip
    # uvicorn raises the signal again when it is done: then it has been obeyed.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    with listener:
        shown = f"[{host}]" if ":" in host else host
        site.log(f"acknowledgement page on http://{shown}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])
    site.log("acknowledgement page stopped")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
