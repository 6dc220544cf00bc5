"""Owning teams beside each other, never persons; small ones stand together (transforms.report.groups).

Not weekly: a week holds too few handoffs of a team to show one without showing its people.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import charts, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.groups import LONGEST_NAME, NONE, Group, Pool, named_teams, parted, team_groups
from transforms.report.period import Period
from transforms.report.thresholds import Thresholds
from transforms.report.wording import count, duration, instant, verb

NAME = "teams"
TITLE = "Teams"
ORDER = 65
QUERIES = ("team_handoff", "threshold")
KINDS = ("month", "quarter")

_STYLES = {"breaches": "fill-over", "kept": "fill-within"}


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period, rows = Period.of(frames), frames["team_handoff"].rows(named=True)
    if not rows:
        return f"No handoff was under way {period.this}, so there is no team to show."
    teams, total, due, broken = sum(row["team"] != NONE for row in rows), *(sum(row[name] for row in rows) for name in ("handoffs", "fell_due", "breaches"))
    homeless = sum(row["handoffs"] for row in rows if row["team"] == NONE)
    if teams:
        first = f"{count(teams, 'team')} had {count(total - homeless, 'handoff')} under way {period.this}"
        first += f", and {homeless:,} {verb(homeless, 'was', 'were')} of no team" if homeless else ""
    else:
        first = f"{count(total, 'handoff')} {verb(total, 'was', 'were')} under way {period.this}, of no team"
    if due == 1:
        second = f"the one that fell due {'broke' if broken else 'kept'} the SLA"
    else:
        second = f"{f'{broken:,}' if broken else 'none'} of the {due:,} that fell due broke the SLA" if due else "none fell due"
    return f"{first}; {second}."


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    if frames["team_handoff"].is_empty():
        return Markup("")
    period, minimum = Period.of(frames), Thresholds.of(frames).smallest_group
    shown, pool = parted(team_groups(frames), named_teams(frames))
    medians = {row["team"]: row["median_business_seconds"] for row in frames["team_handoff"].iter_rows(named=True)}
    body = [[_name(group.name), *_figures(group.figures, medians[group.name], minimum)] for group in shown]
    body += [[pool.label, *_figures(pool.figures, None, minimum)]] if pool else []
    return fragments.join(
        [
            _chart(shown, pool, period),
            fragments.table(
                f"Owning teams by handoffs under way {period.this}; acknowledged, fallen due and blamed wrongly {period.this}, waiting as of {instant(period.as_of)}",
                [
                    Column("Team", False), Column("Under way"), Column("Acknowledged"), Column("Median, business"), Column("Fell due"), Column("Broke the SLA"),
                    Column("Waiting"), Column("Blamed wrongly by a single SLA"),
                ],
                body,
                is_wide=True,
            ),  # fmt: skip
            fragments.note(
                f"The team is the owning one at the acknowledgement, or now where there is none. Teams with fewer than {count(minimum, 'handoff')} under way stand together, "
                f"with the next smallest where one alone could be told from the rest; no median is shown of fewer than {count(minimum, 'acknowledgement')}, nor of teams together. "
                "Breaking the handoff SLA is security operations' account, not the team's."
            ),
        ]
    )


def _name(team: str) -> Markup:
    return fragments.foreign(None if team == NONE else team, "no team", longest=LONGEST_NAME)


def _figures(figures: Mapping[str, int], median: float | None, minimum: int) -> list[str | Markup]:
    shown = duration(median, "business") if median is not None and figures["acknowledged"] >= minimum else EMPTY
    return [f"{figures['handoffs']:,}", fragments.amount(figures["acknowledged"]), shown, *(fragments.amount(figures[name]) for name in ("fell_due", "breaches", "waiting", "misattributed"))]


def _chart(shown: list[Group], pool: Pool | None, period: Period) -> Markup:
    rows = [("no team" if group.name == NONE else fragments.line(group.name), group.figures) for group in shown] + ([(pool.label, pool.figures)] if pool else [])
    if not any(figures["fell_due"] for _, figures in rows):
        return Markup("")
    chart = charts.stacked_bars(
        "team-chart",
        "Handoffs that fell due, by owning team",
        "; ".join(f"{name}: {figures['breaches']} of {figures['fell_due']} broke the SLA" for name, figures in rows),
        [(name, f"{figures['breaches']:,} of {figures['fell_due']:,}", {"breaches": figures["breaches"], "kept": figures["fell_due"] - figures["breaches"]}) for name, figures in rows],
        _STYLES,
    )
    return fragments.figure(
        chart, f"Handoffs that fell due {period.this} and, of them, those that broke the SLA.", fragments.key([("fill-over", "broke the SLA"), ("fill-within", "kept the SLA")])
    )
