"""connections.yaml: which trackers are pulled from and written to, validated once at the edge. It names where a secret is, never the secret."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import string
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, field_validator, model_validator

from flows import settings
from transforms.domain.errors import SourceRefused, UsageError
from transforms.domain.instants import parse_stamp
from transforms.domain.policy import ByBand, Duration, RatedBand, Strict, WallDuration

#: A connection's name is a folder of the landing zone and a file of the home.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
#: Members of an item, joined by dots; `$` is the answer itself.
_MEMBERS = re.compile(r"\$|[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by name or address: the only one that is spoken to without TLS."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address that begins with https://")
    if parts.username or parts.password:
        raise ValueError("an address without a user or password in it: secrets are named under `secret`")
    if parts.query or parts.fragment:
        raise ValueError("an address without ? and #")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("https: over plain http anybody on the way reads the secret")
    return text.rstrip("/")


def _link(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or re.search(r"[\s<>\"|\]]", text):
        raise ValueError("an address, as in https://handoff.example.com/findings/{finding_id}")
    return text


def _instant(value: object) -> object:
    if value is None:
        return None
    try:
        return parse_stamp(value).us
    except (ValueError, OverflowError):
        raise ValueError("an instant or a date, as in 2026-01-01") from None


def _members(text: str) -> str:
    if not _MEMBERS.fullmatch(text):
        raise ValueError("member names joined by dots, as in data.items, or $ for the answer itself")
    return text


def _template(*known: str):
    def check(text: str) -> str:
        try:
            names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        except ValueError:
            names = {text}
        if not names <= set(known):
            raise ValueError(f"text with no other places than {', '.join(f'{{{name}}}' for name in known)}")
        return text

    return AfterValidator(check)


Url = Annotated[str, AfterValidator(_url)]
Members = Annotated[str, AfterValidator(_members)]
Instant = Annotated[int | None, BeforeValidator(_instant)]
#: A word that goes into a path or a query of a tracker: no quote, slash, operator or space can come with it.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class Secret(Strict):
    """Where a secret is, and how it is sent: `user` makes it a password of HTTP Basic, else it stands behind `prefix` in `header`."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    block: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    user: str | None = None
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "Authorization"
    prefix: str = "Bearer "

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.env is None) == (self.block is None):
            raise ValueError("one of env (the name of an environment variable) and block (the name of a Prefect Secret block)")
        return self

    @property
    def place(self) -> str:
        return f"the environment variable {self.env}" if self.env else f"the Prefect Secret block {self.block}"


class Write(Strict):
    """Tickets that we open and keep up to date. Nothing is written unless `enabled`, and then only with --apply."""

    enabled: bool = False
    label: Literal["incident-remediation", "security-handoff"] = "security-handoff"
    severities: list[RatedBand] = Field(["critical", "high"], min_length=1)
    #: Also cycles that are routed to nobody.
    unrouted: bool = False
    #: Where people see the finding; {finding_id}, {cycle} and {asset_id} are filled in.
    link: Annotated[str, AfterValidator(_link), _template("finding_id", "cycle", "asset_id")] | None = None
    #: person_id: account of the tracker; who is not here is named in the text.
    accounts: dict[str, str] = Field({})


class WriteJira(Write):
    project: Word
    issue_type: str = "Task"
    priorities: ByBand[str] = ByBand[str](critical="Highest", high="High", medium="Medium", low="Low")


class WriteGithub(Write):
    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    #: On GitHub a label: it has no priorities.
    priorities: ByBand[str] = ByBand[str](critical="severity: critical", high="severity: high", medium="severity: medium", low="severity: low")


class Connection(Strict):
    """What all kinds have in common."""

    url: Url
    secret: Secret
    #: How far before its cursor a pull begins: for clocks that differ, and for what a tracker shows late.
    overlap: WallDuration = Duration(amount=10, unit="m")
    #: The first pull reads from here on; without it everything.
    start: Instant = None
    page_size: Annotated[int, Field(ge=2, le=10_000)] = 100
    timeout: WallDuration = Duration(amount=30, unit="s")
    #: Below activity/ of the landing zone; the connection's name where it is not said.
    folder: Word | None = None


class Jira(Connection):
    kind: Literal["jira"]
    deployment: Literal["cloud", "data_center"] = "cloud"
    #: JQL without ORDER BY; what is pulled is what it finds.
    query: str
    fields: list[str] = Field([
        "summary", "description", "status", "resolution", "resolutiondate", "priority", "assignee", "reporter", "creator", "created", "updated", "duedate",
        "labels", "issuetype", "project", "comment",
    ])  # fmt: skip
    write: WriteJira | None = None

    @field_validator("query")
    @classmethod
    def _unordered(cls, text: str) -> str:
        if re.search(r"\border\s+by\b", text, re.IGNORECASE):
            raise ValueError("JQL without ORDER BY: a pull orders by updated")
        return text


class Github(Connection):
    kind: Literal["github"]
    url: Url = "https://api.github.com"
    repos: Annotated[list[Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]], Field(min_length=1)]
    labels: list[str] = Field([])
    pull_requests: bool = False
    page_size: Annotated[int, Field(ge=2, le=100)] = 100
    write: WriteGithub | None = None


class ServiceNowTable(Strict):
    table: Word
    query: str = ""
    watermark: Word = "sys_updated_on"
    fields: list[Word] = Field([])


class ServiceNow(Connection):
    kind: Literal["servicenow"]
    tables: Annotated[list[ServiceNowTable], Field(min_length=1)]
    #: Never `true` alone: what is shown depends on the zone and the words of whose secret it is.
    display_value: Literal["false", "all"] = "false"

    @field_validator("display_value", mode="before")
    @classmethod
    def _said_as_yaml_does(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value


class Paging(Strict):
    """How an answer says where the next page is."""

    #: link: a Link header; next: an address in the answer; token: a word in the answer; offset, number: counted here.
    by: Literal["link", "next", "token", "offset", "number", "none"]
    parameter: str | None = None
    member: Members | None = None
    #: Truth in the answer that there are more pages; without it a page that is not full is the last.
    more: Members | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Paging:
        if self.by in ("token", "offset", "number") and self.parameter is None:
            raise ValueError(f"parameter: the name of the query parameter that carries the {self.by}")
        if self.by in ("token", "next") and self.member is None:
            raise ValueError(f"member: where the answer has the {self.by}")
        return self


class Each(Strict):
    """A list of its own for every item, as its comments or events are."""

    #: Members of the item are filled in, as in /projects/{project_id}/issues/{iid}/notes.
    path: Annotated[str, Field(pattern=r"^/[^/]")]
    #: Under which member each of its items carries the item, for lists that do not say of what they are.
    parent: Word | None = Field(None, alias="as")
    items: Members = "$"
    parameters: dict[str, str | int | bool] = Field({})
    page: Paging = Paging(by="link")


class HttpStream(Strict):
    path: Annotated[str, Field(pattern=r"^/[^/]")]
    items: Members = "$"
    parameters: dict[str, str | int | bool] = Field({})
    #: Query parameter that carries the page size.
    size: str | None = None
    page: Paging
    #: ascending: oldest change first, from `since` on. descending: newest first, read until older than the cursor. none: all of it, every time.
    order: Literal["ascending", "descending", "none"]
    watermark: Members | None = None
    #: Query parameter that carries the cursor.
    since: str | None = None
    each: dict[Word, Each] = Field({})

    @model_validator(mode="after")
    def _is_complete(self) -> HttpStream:
        if self.order != "none" and self.watermark is None:
            raise ValueError("watermark: which member of an item says when it last changed")
        if self.order == "ascending" and self.since is None:
            raise ValueError("since: the query parameter that carries the cursor; without one, order: descending or none")
        return self


class Http(Connection):
    kind: Literal["http"]
    accept: str = "application/json"
    streams: Annotated[dict[Word, HttpStream], Field(min_length=1)]


AnyConnection = Annotated[Jira | Github | ServiceNow | Http, Field(discriminator="kind")]
_connection: TypeAdapter[Any] = TypeAdapter(AnyConnection)


def file_of(given: Path | None, home: Path) -> Path:
    """`--connections`, else connections.yaml of the home, else of the working folder."""
    if given is not None:
        return given
    own = home / "connections.yaml"
    return own if own.exists() else Path("connections.yaml")


def read_connections(path: Path, names: list[str] | None = None) -> dict[str, Jira | Github | ServiceNow | Http]:
    """The connections of a file, all or those named. Raises `UsageError` naming file, connection and key."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("--connections", seen=f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", expected="a YAML file", remedy="see docs/pulling.md") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{path}:{mark.line + 1 if mark else 1}", seen=f"not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(tree, dict) or not tree:
        raise UsageError(str(path), seen="no mapping of connections", expected="NAME: {kind: …}", remedy="see docs/pulling.md")
    found = {str(name): _read(path, str(name), value) for name, value in tree.items()}
    unknown = [name for name in names or () if name not in found]
    if unknown:
        raise UsageError(unknown[0], seen=f"{path} has no such connection", expected=f"one of {', '.join(found)}")
    return {name: connection for name, connection in found.items() if not names or name in names}


def _read(path: Path, name: str, value: object) -> Any:
    if not NAME.fullmatch(name):
        raise UsageError(str(path), seen=f"the connection {name!r}", expected="a name of small letters, digits, - and _")
    try:
        return _connection.validate_python(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        kinds = ("jira", "github", "servicenow", "http")
        key = ".".join([name, *(str(part) for part in fault["loc"] if part not in kinds)])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        subject = str(path)
        if fault["type"] == "extra_forbidden":
            raise UsageError(subject, seen=f"unknown key {key}{more}", expected="a key of docs/pulling.md", remedy="remove it or mend its name") from None
        if fault["type"] in ("missing", "union_tag_not_found"):
            missing = f"{key}.kind" if fault["type"] == "union_tag_not_found" else key
            raise UsageError(subject, seen=f"no {missing}{more}", expected="a value for it" if missing == key else f"one of {', '.join(kinds)}") from None
        if fault["type"] == "union_tag_invalid":
            raise UsageError(subject, seen=f"{key}.kind is none that is known{more}", expected=f"one of {', '.join(kinds)}") from None
        # What stands below `secret` may be a secret that somebody wrote there: it is not repeated.
        seen = f"{key} is not as it should be" if "secret" in key or not isinstance(fault["input"], str | int | float) else f"{key} is {fault['input']!r}"
        if isinstance(fault["input"], str) and "@" in fault["input"]:
            seen = f"{key} is not as it should be"
        raise UsageError(subject, seen=f"{seen}{more}", expected=fault["msg"].removeprefix("Value error, "), remedy=f"mend {key}") from None


def credential(name: str, connection: Connection) -> dict[str, str]:
    """The header that carries a connection's secret. Raises `SourceRefused` naming where the secret should be."""
    secret = connection.secret
    value = os.environ.get(secret.env) if secret.env else settings.secret_block(secret.block or "")
    if not value or not value.strip():
        remedy = f"set {secret.env}" if secret.env else f"`prefect block create secret`, named {secret.block}; PREFECT_API_URL has to point to the server that has it"
        raise SourceRefused(name, seen=f"{secret.place} is not there or empty", expected="the secret of this connection", remedy=remedy)
    value = value.strip()
    basic = "Basic " + base64.b64encode(f"{secret.user}:{value}".encode()).decode()
    value = secret.prefix + value if secret.user is None else basic
    if not value.isascii() or not value.isprintable():
        raise SourceRefused(name, seen=f"{secret.place} holds something that no header can carry", expected="the secret as the tracker gave it")
    return {secret.header: value}
