"""What the scanners called severe against what the workspace does: the matrix of both, and the hours that routing by the wrong band cost.

Not weekly: calibration is a matter for months, and everything on record is in it.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import fragments
from transforms.report.fragments import Column
from transforms.report.period import Period
from transforms.report.wording import count, hour_words, hours, instant, percent, sentence_case

NAME = "severity_matrix"
TITLE = "Severity: the scanner's word and the workspace's"
ORDER = 60
QUERIES = ("severity_matrix",)
KINDS = ("month", "quarter")

_BANDS = ("critical", "high", "medium", "low", "informational", "unrated")


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    rows = frames["severity_matrix"].rows(named=True)
    total, raised, lowered = _observations(rows), _observations(rows, "higher"), _observations(rows, "lower")
    if not total:
        return "Nothing was observed, so there is no severity to compare."
    if total == 1:
        said = "higher than its scanner" if raised else "lower than its scanner" if lowered else "as its scanner" if _observations(rows, "equal") else None
        first = f"the workspace rates the one observation {said} does" if said else "the one observation is rated by the scanner, the workspace or both not at all"
    else:
        first = f"of {count(total, 'observation')} the workspace rates {f'{raised:,}' if raised else 'none'} higher than the scanner does and {f'{lowered:,}' if lowered else 'none'} lower"
    lost_us = sum(row["lost_us"] for row in rows)
    cost = f"handoffs routed with a less severe band ran {hour_words(lost_us)} past due" if lost_us else "no handoff ran past due for having been routed with a less severe band"
    return sentence_case(f"{first}; {cost}.")


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    cells = {(row["scanner_band"], row["severity"]): row for row in frames["severity_matrix"].iter_rows(named=True)}
    if not cells:
        return Markup("")
    as_of = instant(Period.of(frames).as_of)
    return fragments.join([_matrix(cells, as_of), _handoffs(cells, as_of)])


def _observations(rows: list[dict], mismatch: str | None = None) -> int:
    return sum(row["observations"] for row in rows if mismatch is None or row["mismatch"] == mismatch)


def _shown(cells: Mapping[tuple[str, str], dict]) -> tuple[list[str], list[str]]:
    """(the scanners' bands, the workspace's) that occur."""
    return [band for band in _BANDS if any(own == band for own, _ in cells)], [band for band in _BANDS if any(here == band for _, here in cells)]


def _matrix(cells: Mapping[tuple[str, str], dict], as_of: str) -> Markup:
    own, workspace = _shown(cells)
    body = []
    for band in own:
        amounts = [cells.get((band, here), {}).get("observations", 0) for here in workspace]
        total = sum(amounts)
        body.append([_band(band), *(_heat(amount, total) for amount in amounts), f"{total:,}"])
    body.append(["all", *(f"{sum(cells.get((band, here), {}).get('observations', 0) for band in own):,}" for here in workspace), f"{_observations(list(cells.values())):,}"])
    return fragments.join(
        [
            fragments.table(
                f"Observations by the scanner's band (rows) and the workspace's (columns), everything on record as of {as_of}; the darker, the larger its share of the row",
                [Column("The scanner's band", False), *map(Column, workspace), Column("all")],
                body,
                is_wide=True,
            ),
            fragments.note(
                "The scanner's band is its own word by calibration, its score where it has none. The workspace's also weighs the vector, the asset and known exploitation. "
                "Left of the diagonal the workspace says more severe, right of it less. Dated by nothing: each observation counts once, whenever it was captured."
            ),
        ]
    )


def _heat(amount: int, total: int) -> str | Markup:
    if not amount:
        return fragments.amount(0)
    share = amount / total
    return Markup('<span class="heat heat-{}">{:,}<span class="unseen"> ({} of the row)</span></span>').format(min(int(share * 5) + 1, 5), amount, percent(share))


def _handoffs(cells: Mapping[tuple[str, str], dict], as_of: str) -> Markup:
    rows = [
        [_band(own), _band(here), row["mismatch"] or "not rated", fragments.amount(row["handoffs"]), hours(row["lost_us"]) if row["lost_us"] else fragments.amount(0)]
        for own in _BANDS
        for here in _BANDS
        if (row := cells.get((own, here))) and (row["handoffs"] or row["lost_us"])
    ]
    if not rows:
        return Markup("")
    rows.append(["all", "", "", f"{sum(row['handoffs'] for row in cells.values()):,}", hours(sum(row["lost_us"] for row in cells.values()))])
    return fragments.table(
        f"Handoffs by both bands, as of {as_of}, and the wall hours that those with a severity mismatch among their failure modes ran past due",
        [Column("The scanner's band", False), Column("The workspace's", False), Column("Workspace against scanner", False), Column("Handoffs"), Column("Hours past due")],
        rows,
        is_wide=True,
    )


def _band(band: str) -> str | Markup:
    return band if band in ("informational", "unrated") else fragments.band(band)
