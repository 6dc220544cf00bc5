"""What a foreign register states of one thing under its own names, read by the names and words that the policy declares (`registers`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from transforms.domain.manifests import as_scalar
from transforms.domain.source import Source

_SAME = re.compile(r"[\s_-]+")
_PARTS = re.compile(r"\s*[;|\n]\s*")
_COMMAS = re.compile(r"\s*,\s*")
_ANGLED = re.compile(r".*<\s*([^<>\s]+@[^<>\s]+)\s*>")
_TAG = re.compile(r":[^/:]+$")
#: `url:https://host/a/b`, `git+https://host/a/b.git@main`, `git@host:a/b.git`
_REPOSITORY = re.compile(
    r"(?:url:|scm:)*(?:git\+|git:)?(?:(?:https?|ssh|git)://(?:[^@/\s]+@)?(?P<host>[^/:\s@]+)(?::\d+)?/|[^@/\s:]+@(?P<ssh>[^/:\s@]+):)"
    r"(?P<path>[^\s?#@]+/[^\s?#@]+?)(?:\.git)?/?(?:@[^\s?#]+)?(?:[?#]\S*)?",
    re.IGNORECASE,
)
#: Where the path within a repository begins, as the hosts write it.
_WITHIN = re.compile(r"/(?:-/)?(?:tree|blob|src)/[^/]+(?=/|$)")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
#: What an owner without @, / or a word before it is: a person (by the register's id), or a team.
Plain = Literal["person", "team"]


@lru_cache(maxsize=4_096)
def folded(name: str) -> str:
    """A name as names are compared: case, blanks, hyphens and underscores are the same."""
    return _SAME.sub("_", name.strip().lower())


class Owner(NamedTuple):
    kind: Plain
    reference: str


class Stated:
    """Values under names, of which only those under declared names are read: as texts, a list as its texts.

    Every reading raises ValueError `reason: detail` for what is no text, and for a word that is not declared.
    """

    def __init__(self, values: Mapping[str, Any], source: Source) -> None:
        self._source = source
        self._whole: dict[str, Any] = {}
        self._local: dict[str, Any] = {}
        for name, value in values.items():
            if value not in (None, ""):
                self._whole.setdefault(folded(name), value)
        for name in sorted(self._whole):
            if "/" in name:
                self._local.setdefault(name.rpartition("/")[2], self._whole[name])

    def each(self, field: str) -> list[tuple[str, str]]:
        """(declared name, text) of every declared name of a field that is there, in the order of declaration."""
        found = []
        for name in getattr(self._source.names, field):
            value = self._whole.get(folded(name), self._local.get(folded(name)))
            text = ";".join(filter(None, (as_scalar(part, name) for part in value))) if isinstance(value, list) else as_scalar(value, name)
            if text:
                found.append((name, text))
        return found

    def text(self, field: str) -> str | None:
        """The text under the first declared name that is there."""
        return next((text for _, text in self.each(field)), None)

    def aliases(self) -> list[str]:
        """Every other name that is stated; a repository's slug also as its address."""
        found: list[str] = []
        for name, text in self.each("aliases"):
            for part in _PARTS.split(text):
                found += slug_names(name.partition("/")[0], part) if name.endswith("/project-slug") else [part]
        return found

    def criticality(self) -> str | None:
        return self._term("criticality", self.text("criticality"))

    def status(self) -> str:
        """retired where any name says so, else active."""
        return "retired" if "retired" in {self._term("status", text) for _, text in self.each("status")} else "active"

    def internet_facing(self) -> bool | None:
        text = self.text("internet_facing")
        if text is not None and text.lower() not in _TRUTH:
            raise ValueError(f"unknown_internet_facing: {text!r}, expected true, false or blank")
        return None if text is None else _TRUTH[text.lower()]

    def owners(self, plain: Plain) -> list[Owner]:
        """Who owns it, in the order stated, each once."""
        found: dict[Owner, None] = {}
        for _, text in self.each("owner"):
            for part in split_owners(text):
                found[owner(part, plain)] = None
        return list(found)

    def rows(
        self,
        *,
        asset_id: str,
        name: str | None,
        plain: Plain,
        kind: str | None = None,
        aliases: Iterable[str | None] = (),
        application: str | None = None,
        business_unit: str | None = None,
        environment: str | None = None,
        owner_team: str | None = None,
        owners: list[Owner] | None = None,
        has_status: bool = False,
    ) -> list[dict[str, Any]]:
        """The asset, and an ownership row for each owner that is not its team, in their order; what is given wins over what is stated."""
        owned = self.owners(plain) if owners is None else owners
        team = owner_team or self.text("team") or next((one.reference for one in owned if one.kind == "team"), None)
        other = dict.fromkeys(alias for text in (*aliases, *self.aliases()) if text and (alias := text.strip()) and alias not in (asset_id, name))
        asset = {
            "register": "assets",
            "asset_id": asset_id,
            "name": name,
            "aliases": list(other),
            "kind": kind or self.text("kind"),
            "application": application or self.text("application"),
            "business_unit": business_unit or self.text("business_unit"),
            "environment": environment or self.text("environment"),
            "criticality": self.criticality(),
            "internet_facing": self.internet_facing(),
            "owner_team": team,
            "status": self.status() if has_status else "active",
        }
        mappings = (ownership(f"asset:{asset_id}", one, priority) for priority, one in enumerate(owned, 1) if one != Owner("team", team or ""))
        return [asset, *mappings]

    def _term(self, field: Literal["criticality", "status"], text: str | None) -> str | None:
        if text is None:
            return None
        terms = getattr(self._source.terms, field)
        if text.lower() not in terms:
            raise ValueError(f"unknown_{field}: {text!r}; say what it means in the policy under registers.terms.{field}")
        return terms[text.lower()]


def ownership(match: str, one: Owner, priority: int) -> dict[str, Any]:
    """An ownership row: a person, or a team without one."""
    is_person = one.kind == "person"
    reference = one.reference
    return {"register": "ownership", "match": match, "person_id": reference if is_person else None, "team": None if is_person else reference, "priority": priority}


def owner(text: str, plain: Plain) -> Owner:
    """Whom a text names: `user:x` and mail addresses are persons, `group:x`, `team:x` and `org/team` teams, else what `plain` says."""
    text = text.strip().removeprefix("mailto:")
    if match := _ANGLED.fullmatch(text):
        return Owner("person", match[1])
    prefix, colon, rest = text.partition(":")
    if colon and prefix.lower() in ("user", "person") and rest.strip():
        return Owner("person", rest.strip())
    if colon and prefix.lower() in ("group", "team") and rest.strip():
        return Owner("team", rest.strip())
    bare = text.removeprefix("@")
    if "@" in bare:
        return Owner("person", bare)
    if "/" in bare:
        return Owner("team", bare.rpartition("/")[2])  # as CODEOWNERS has it: the directory calls a team by its own name
    return Owner("person" if text.startswith("@") else plain, bare)


def split_owners(text: str) -> list[str]:
    """The owners in a text: apart by ; or |, and by commas where no part of them can be half a name ('Doe, Jane')."""
    parts: list[str] = []
    for part in _PARTS.split(text):
        commas = [piece for piece in _COMMAS.split(part) if piece]
        parts += commas if all("@" in piece or "/" in piece or ":" in piece for piece in commas) else [part]
    return [part for part in parts if part.strip("@ ")]


def repository_names(address: str | None) -> list[str]:
    """The spellings of the repository that an address is of; of a folder in one, only the address. None where it is no repository's."""
    match = _REPOSITORY.fullmatch(address.strip()) if address else None
    if match is None:
        return []
    host, path = match["host"] or match["ssh"], match["path"]
    border = _WITHIN.search(path)
    if border is None:
        return slug_names(host, path)
    return slug_names(host, path[: border.start()]) if not path[border.end() :].strip("/") else [f"https://{host}/{path}"]


def untagged(image: str) -> str:
    """An image without tag and digest: with them it would be another asset at each release."""
    return _TAG.sub("", image.partition("@")[0])


def slug_names(host: str, slug: str) -> list[str]:
    """The spellings of a repository that scans name it by."""
    return [slug, f"{host}/{slug}", f"https://{host}/{slug}", f"https://{host}/{slug}.git"]
