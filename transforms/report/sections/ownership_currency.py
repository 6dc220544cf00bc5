"""Whether the people named as owners are still there: of the open findings, at the report's instant, and how old what names them is."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.groups import LONGEST_NAME, NONE, Group, large_enough, named_teams, parted
from transforms.report.period import Period
from transforms.report.thresholds import Thresholds
from transforms.report.wording import count, instant, listed, percent, verb

NAME = "ownership_currency"
TITLE = "Ownership currency"
ORDER = 45
QUERIES = ("ownership_currency", "team_handoff", "threshold")
KINDS = ("week", "month", "quarter")

_AGES = ("up to 30 d", "up to 90 d", "up to 180 d", "up to 365 d", "over 365 d", "always valid", "no owner")
_STANDINGS = {"active": ("fill-within", "the named owner is active"), "gone": ("fill-over", "the named owner is not"), "nobody": ("mode-6", "nobody is named")}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    row = _row(frames, "all", "all")
    if row is None:
        return "No finding is open, so there is no ownership to be current."
    total, active, owned = row["open_findings"], row["active"], row["owned"]
    if total == 1:
        return "The one open finding " + ("has an active owner." if active else "names an owner who is not active." if owned else "names no owner.")
    if active == total:
        return f"All {total:,} open findings have an active owner."
    gone, nobody = owned - active, total - owned
    rest = [f"{gone:,} {verb(gone, 'names', 'name')} an owner who is not active"] if gone else []
    rest += [f"{nobody:,} {verb(nobody, 'names', 'name')} nobody"] if nobody else []
    first = f"Of {total:,} open findings {f'{active:,}' if active else 'none'} ({percent(active / total)}) {verb(active or 1, 'has', 'have')} an active owner"
    return f"{first}; {listed(rest)}."


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    if _row(frames, "all", "all") is None:
        return Markup("")
    as_of = instant(Period.of(frames).as_of)
    parts = [_ages(frames, as_of), _severities(frames, as_of)]
    minimum, units, teams = Thresholds.of(frames).smallest_group, _groups(frames, "business_unit"), _groups(frames, "team")
    parts.append(_cut(units, large_enough(units, minimum), "business unit", f"as of {as_of}; small ones stand together, below {count(minimum, 'open finding')} or next to that"))
    parts.append(_cut(teams, named_teams(frames), "team", f"as of {as_of}; small ones stand together, below {count(minimum, 'handoff')} under way or next to that"))
    return fragments.join([*parts, _definition()])


def _row(frames: Mapping[str, polars.DataFrame], severity: str, mapping_age: str) -> dict | None:
    found = frames["ownership_currency"].filter(polars.col("dimension") == "all", polars.col("severity") == severity, polars.col("mapping_age") == mapping_age)
    return None if found.is_empty() else found.row(0, named=True)


def _figures(row: Mapping) -> list[str | Markup]:
    total, owned, active = row["open_findings"], row["owned"], row["active"]
    counts = [f"{total:,}", *(fragments.amount(amount) for amount in (active, owned - active, total - owned))]
    return [*counts, percent(active / total), percent(active / owned) if owned else EMPTY]


_COLUMNS = (
    Column("Open findings"), Column("Active owner"), Column("Owner not active"), Column("No owner"), Column("Active, of open"), Column("Active, of owned"),
)  # fmt: skip


def _ages(frames: Mapping[str, polars.DataFrame], as_of: str) -> Markup:
    rows = {age: row for age in _AGES if (row := _row(frames, "all", age))}
    chart = charts.stacked_bars(
        "ownership-chart",
        "Open findings by the age of what names their owner",
        "; ".join(f"{age}: {row['active']} active of {row['open_findings']}" for age, row in rows.items()),
        [
            (age, f"{row['open_findings']:,}", {"active": row["active"], "gone": row["owned"] - row["active"], "nobody": row["open_findings"] - row["owned"]})
            for age, row in rows.items()
        ],
        {name: style for name, (style, _) in _STANDINGS.items()},
    )
    body = [[age, *_figures(row)] for age, row in [*rows.items(), ("all", _row(frames, "all", "all"))]]
    return fragments.join(
        [
            fragments.figure(chart, f"Open findings by the age of the mapping or event that names their owner, as of {as_of}.", fragments.key(list(_STANDINGS.values()))),
            fragments.table(f"Open findings by age of what names their owner, as of {as_of}", [Column("Named", False), *_COLUMNS], body, is_wide=True),
        ]
    )


def _severities(frames: Mapping[str, polars.DataFrame], as_of: str) -> Markup:
    body = [[fragments.band(severity), *_figures(row)] for severity in RATED_BANDS if (row := _row(frames, severity, "all"))]
    return fragments.table(f"Open findings by severity, as of {as_of}", [Column("Severity", False), *_COLUMNS], body, is_wide=True)


def _groups(frames: Mapping[str, polars.DataFrame], dimension: str) -> list[Group]:
    rows = frames["ownership_currency"].filter(polars.col("dimension") == dimension).rows(named=True)
    return [Group(row["dimension_value"], row["open_findings"], {name: row[name] for name in ("open_findings", "owned", "active")}) for row in rows]


def _cut(groups: list[Group], named: AbstractSet[str], label: str, caption: str) -> Markup:
    shown, pool = parted(groups, named)
    body = [[fragments.foreign(None if group.name == NONE else group.name, f"no {label}", longest=LONGEST_NAME), *_figures(group.figures)] for group in shown]
    if pool:
        body.append([pool.label, *_figures(pool.figures)])
    return fragments.table(f"Open findings by {label}, {caption}", [Column(label.capitalize(), False), *_COLUMNS], body, is_wide=True)


def _definition() -> Markup:
    return fragments.note(
        "An open finding counts by the person whom the decision in force names; active is a known human being whose status is active. "
        "The figures are of the report's instant, not of a period. Always valid: the mapping has stood since the first register."
    )
