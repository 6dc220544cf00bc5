"""Identity: which observations are one sighting, and which sightings are one finding (record.md 'Identity', rulings 16 to 18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def vulnerability_key(ids: Iterable[str], scanner: str, rule: str, aliases: Mapping[str, str] | None = None) -> str:
    """The canonical id where there is exactly one (CVE before GHSA before any other), else `scanner|rule`.

    `ids` are upper case. `aliases` maps an id to the one canonical id it is known to mean (`canonical_ids`).
    """
    return canonical_id(ids, aliases) or f"{scanner}|{rule}"


def canonical_id(ids: Iterable[str], aliases: Mapping[str, str] | None = None) -> str | None:
    """The one id that the stated ones come to: their only CVE, else their only GHSA, else their only other; None where there is no such one."""
    distinct = {aliases.get(id_, id_) for id_ in ids} if aliases else set(ids)
    if len(distinct) == 1:
        return next(iter(distinct))
    cves = [id_ for id_ in distinct if id_.startswith("CVE-")]
    ghsas = [id_ for id_ in distinct if id_.startswith("GHSA-")]
    for known in (cves, ghsas):
        if known:
            return known[0] if len(known) == 1 else None
    return None


def canonical_ids(advisories: Iterable[Iterable[str]]) -> dict[str, str]:
    """Id → the one id it means: its CVE where the advisories that name it agree on one, else its GHSA likewise.

    An id whose advisories name several CVEs stays itself: which of them is meant is not known.
    """
    cves: dict[str, set[str]] = {}
    ghsas: dict[str, set[str]] = {}
    for ids in advisories:
        ids = list(ids)
        for id_ in ids:
            cves.setdefault(id_, set()).update(other for other in ids if other.startswith("CVE-"))
            ghsas.setdefault(id_, set()).update(other for other in ids if other.startswith("GHSA-"))
    canonical = {}
    for id_, found in cves.items():
        if id_.startswith("CVE-"):
            continue
        if len(found) == 1:
            canonical[id_] = next(iter(found))
        elif not found and len(ghsas[id_]) == 1:
            canonical[id_] = next(iter(ghsas[id_]))
    return {id_: target for id_, target in canonical.items() if id_ != target}
