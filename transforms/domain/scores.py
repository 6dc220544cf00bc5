"""CVSS vectors and EPSS as scanners write them, in the one form that the rest expects."""

from __future__ import annotations

import re
from functools import lru_cache

from transforms.domain.documents import number

_METRIC = r"[A-Za-z]{1,3}:[A-Za-z]{1,6}"
_VECTOR = re.compile(rf"\(?\s*(?:CVSS:?(?P<version>\d(?:\.\d)?)?[/#:]\s*)?(?P<metrics>{_METRIC}(?:/{_METRIC})*)/?\s*\)?")
_NEWEST_FIRST = {"4": 0, "3.1": 1, "3": 2, "2": 3}


def vectors(*texts: str | None) -> tuple[str, ...]:
    """The base vectors among these texts, distinct, newest version first and otherwise in the order given.

    `CVSS2#AV:N/…`, `(AV:N/…)` and `CVSS:2.0/AV:N/…` become the bare v2 form, `AV:N/…/PR:N/…` without a version becomes `CVSS:3.0/…`.
    What is no base vector is left out.
    """
    found = {cleaned: None for text in texts if text and (cleaned := _clean(text))}
    return tuple(vector for _, vector in sorted(found, key=lambda pair: pair[0]))


@lru_cache(maxsize=65_536)
def _clean(text: str) -> tuple[int, str] | None:
    match = _VECTOR.fullmatch(text.strip())
    if not match:
        return None
    metrics, version = match["metrics"], match["version"] or ""
    names = {metric.split(":")[0] for metric in metrics.split("/")}
    if "AV" not in names:
        return None  # a temporal vector by itself rates nothing
    if version.startswith("4") or "VC" in names:
        return _NEWEST_FIRST["4"], f"CVSS:4.0/{metrics}"
    if "PR" in names:
        return (_NEWEST_FIRST["3.1"], f"CVSS:3.1/{metrics}") if version == "3.1" else (_NEWEST_FIRST["3"], f"CVSS:3.0/{metrics}")
    return _NEWEST_FIRST["2"], metrics


def probability(value: object) -> float | None:
    """A number from 0 to 1 (EPSS), also written as text; else None."""
    found = number(value)
    return found if found is not None and 0 <= found <= 1 else None
