"""Identity: which observations are one sighting, and which sightings are one finding (record.md 'Identity', rulings 16 to 18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Names under which one scanner's rules come, by its own report and by others' (GitLab's, SARIF's drivers): their rules are the same.
FAMILIES = {
    "zaproxy": "zap",
    "owasp zap": "zap",
    "semgrep oss": "semgrep",
    "semgrep pro": "semgrep",
    "nodejs-scan": "njsscan",
    "nodejsscan": "njsscan",
    "find_sec_bugs": "spotbugs",
    "find security bugs": "spotbugs",
    # Checkmarx One's own export for GitLab.
    "checkmarx-sast": "checkmarx_one",
}
#: Databases whose ids name one vulnerability each. Errata (RHSA, USN …) name what one update mends: a report that states one beside a CVE does not
#: say that they are the same.
_SINGLE = ("GHSA-", "PYSEC-", "RUSTSEC-", "GO-", "SNYK-", "OSV-", "BDSA-")


def vulnerability_key(ids: Iterable[str], scanner: str, rule: str, aliases: Mapping[str, str] | None = None) -> str:
    """The canonical id where there is exactly one (CVE before GHSA before any other), else `scanner|rule`, of the scanner's family.

    `ids` are upper case, `scanner` lower case. `aliases` maps an id to the one canonical id it is known to mean (`known_aliases`).
    """
    return canonical_id(ids, aliases) or f"{FAMILIES.get(scanner, scanner)}|{rule}"


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


def known_aliases(advisories: Iterable[Iterable[str]], stated: Iterable[Iterable[str]]) -> dict[str, str]:
    """Id → the one id it means, by the alias table and by what the reports state together.

    The table is the better witness: of an id that it names, no report says anything. Neither do errata (`_SINGLE`).
    """
    tabled = [tuple(ids) for ids in advisories]
    named = {id_ for ids in tabled for id_ in ids if not id_.startswith("CVE-")}
    told = [[id_ for id_ in ids if id_.startswith("CVE-") or (id_.startswith(_SINGLE) and id_ not in named)] for ids in stated]
    canonical = canonical_ids(tabled) | canonical_ids(ids for ids in told if len(ids) > 1)
    # What one report takes to a GHSA, the table or another report may take from there to the CVE.
    return {id_: canonical.get(target, target) for id_, target in canonical.items()}


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
