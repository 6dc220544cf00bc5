"""Target as scanned → asset, at an instant (ruling 28)."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from transforms.versions import Timeline

_PATTERN = re.compile(r"(asset|application|name|cidr|path):(.*)", re.DOTALL | re.IGNORECASE)
#: Of an image: `@sha256:…`. What else stands behind an @ (a version, a mail host) belongs to the name.
_DIGEST = re.compile(r"@[a-z][a-z0-9+._-]*:[0-9a-f]+$", re.IGNORECASE)
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]+\]|[^:/\s]+):\d{1,5}")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Binding(NamedTuple):
    """`asset` is given where the status is bound or retired; `candidates` are the asset ids that matched, sorted."""

    status: str
    asset: Mapping[str, Any] | None
    candidates: tuple[str, ...]
    #: Whether the target is a name of the asset, and not one of the many that a pattern of it takes in.
    is_named: bool = False

    @property
    def asset_id(self) -> str | None:
        return self.asset["asset_id"] if self.asset else None


UNBOUND = Binding("unbound", None, ())


@lru_cache(maxsize=65_536)
def forms(target: str) -> tuple[str, ...]:
    """The spellings of a target that may be an asset's name, in the order in which they are tried, lower case."""
    scanned = target.strip()
    plain = _DIGEST.sub("", scanned)
    found = [scanned, plain, _untagged(plain)]
    if "://" in scanned:
        try:
            parts = urlsplit(scanned)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if host and port is not None:
            found.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        if host:
            found.append(host)
    elif match := _HOST_PORT.fullmatch(scanned):
        found.append(match["host"].strip("[]"))
    ordered: dict[str, None] = {}
    for form in found:
        ordered[form.lower()] = None
        if form.endswith(".") and len(form) > 1:
            ordered[form[:-1].lower()] = None
    return tuple(form for form in ordered if form)


def _untagged(plain: str) -> str:
    """A target without the `:tag` behind its last `/`."""
    head, slash, last = plain.rpartition("/")
    return f"{head}{slash}{last.split(':', 1)[0]}" if ":" in last and not last.startswith("[") and last.count(":") == 1 else plain


def covered_place(target: str, binding: Binding) -> str:
    """What a scan of this target has looked at: the whole asset where the target is a name of it; where a pattern takes the target in, that
    target in any version, since the asset has others; without an asset the target alone.
    """
    if binding.asset is None:
        return f"target\x1f{target}"
    return f"asset\x1f{binding.asset_id}" if binding.is_named else _part_of_asset(target, binding)


def places_of(target: str, binding: Binding) -> list[str]:
    """The places that a scan must have looked at, one of them, to have seen what is at this target."""
    return [f"target\x1f{target}"] if binding.asset is None else [f"asset\x1f{binding.asset_id}", _part_of_asset(target, binding)]


def _part_of_asset(target: str, binding: Binding) -> str:
    return f"asset\x1f{binding.asset_id}\x1f{_untagged(_DIGEST.sub('', target.strip())).lower()}"


@lru_cache(maxsize=65_536)
def address(text: str) -> Address | None:
    """The IP address that a text is, None for anything else."""
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


@lru_cache(maxsize=8_192)
def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network that a text is, None for anything else."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def pattern(text: str) -> tuple[str, str] | None:
    """(prefix, pattern) of a prefixed match or alias, lower-case prefix; None where it is a plain name."""
    match = _PATTERN.fullmatch(text.strip())
    return (match[1].lower(), match[2].strip()) if match else None


def names(asset: Mapping[str, Any]) -> list[str]:
    """The names an asset goes by: name and plain aliases; an alias with a prefix is a pattern, never a name."""
    return [name for name in (asset["name"], *(alias for alias in asset["aliases"] or () if pattern(alias) is None)) if name]


class _Index:
    """The register between two changes: names to assets, and the patterns."""

    def __init__(self, assets: list[Mapping[str, Any]]) -> None:
        self.names: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        self.patterns: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
        for asset in assets:
            for name in (asset["asset_id"], *names(asset)):
                self.names[name.strip().lower()][asset["asset_id"]] = asset
            for alias in asset["aliases"] or ():
                if found := pattern(alias):
                    self.patterns[found[0]].append((found[1], asset))


class AssetRegister:
    """Every asset's versions; answers are kept between two changes of the register, as nothing differs there."""

    def __init__(self, assets: Timeline) -> None:
        self._assets = assets
        self._indexes: dict[int, _Index] = {}
        self._bindings: dict[tuple[str, int], Binding] = {}

    @property
    def changes(self) -> list[int]:
        return self._assets.changes

    def epoch(self, instant: int) -> int:
        return self._assets.epoch(instant)

    def in_force(self, instant: int) -> list[tuple[Mapping[str, Any], int | None]]:
        """(asset, since when the register has known it) of every asset in force, by id; None for one that always was there."""
        found = ((asset, self._assets.first(key)) for key in self._assets if (asset := self._assets.at(key, instant)) is not None)
        return sorted(found, key=lambda pair: pair[0]["asset_id"])

    def bind(self, target: str, instant: int) -> Binding:
        """The binding of a target at an instant."""
        where = (target, self._assets.epoch(instant))
        found = self._bindings.get(where)
        if found is None:
            found = self._bindings[where] = _decide(target, self._index(where[1], instant))
        return found

    def _index(self, epoch: int, instant: int) -> _Index:
        index = self._indexes.get(epoch)
        if index is None:
            in_force = (self._assets.at(key, instant) for key in self._assets)
            index = self._indexes[epoch] = _Index([asset for asset in in_force if asset is not None])
        return index


def _decide(target: str, index: _Index) -> Binding:
    spellings = forms(target)
    for form in spellings:
        if form in index.names:
            return _binding(index.names[form])._replace(is_named=True)
    matches: dict[str, Mapping[str, Any]] = {
        asset["asset_id"]: asset for glob, asset in index.patterns["name"] if any(fnmatchcase(form, glob.lower()) for form in spellings)
    }
    if not matches and index.patterns["cidr"]:
        addresses = [found for form in spellings if (found := address(form))]
        matches = {
            asset["asset_id"]: asset for text, asset in index.patterns["cidr"] if (net := network(text)) is not None and any(a in net for a in addresses)
        }
    if not matches:
        scanned = target.strip().lower()
        matches = {asset["asset_id"]: asset for prefix, asset in index.patterns["path"] if prefix and scanned.startswith(prefix.lower())}
    return _binding(matches)


def _binding(matches: Mapping[str, Mapping[str, Any]]) -> Binding:
    if not matches:
        return UNBOUND
    candidates = tuple(sorted(matches))
    active = [asset for asset in matches.values() if asset["status"] == "active"]
    if len(active) == 1:
        return Binding("bound", active[0], candidates)
    if not active and len(matches) == 1:
        return Binding("retired", matches[candidates[0]], candidates)
    return Binding("ambiguous", None, candidates)
