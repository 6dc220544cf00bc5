"""What changed since last period and where: counts parted by severity, mode and team, the mean latency by what is quicker and by what there is more of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import polars
from markupsafe import Markup

from transforms.domain.vocabulary import RATED_BANDS
from transforms.report import fragments
from transforms.report.dashboard import MODES
from transforms.report.fragments import EMPTY, Column
from transforms.report.groups import named_teams
from transforms.report.period import Period
from transforms.report.thresholds import Thresholds
from transforms.report.wording import count, duration, duration_words, listed, mode, sentence_case

NAME = "changes"
TITLE = "What changed"
ORDER = 68
QUERIES = ("change_breach", "change_latency", "team_handoff", "threshold")
KINDS = ("week", "month", "quarter")


class _Pair(NamedTuple):
    """A count in the period before and in this one."""

    before: int
    now: int

    @property
    def change(self) -> int:
        return self.now - self.before


class _Share(NamedTuple):
    """What one severity did to the mean business time to acknowledgement, in seconds; the two effects of all severities add up to its change."""

    severity: str
    counts: _Pair
    before: float | None
    now: float | None
    within: float
    mix: float


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    period = Period.of(frames)
    breaches = _breaches(frames)
    shares = _shares(frames["change_latency"])
    return sentence_case(f"{_breach_clause(frames, breaches, period)}; {_latency_clause(shares, period)}.")


def _breaches(frames: Mapping[str, polars.DataFrame]) -> _Pair:
    return _paired(frames["change_breach"].rows(named=True), lambda row: "all", "breaches").get("all", _Pair(0, 0))


def _breach_clause(frames: Mapping[str, polars.DataFrame], breaches: _Pair, period: Period) -> str:
    if not breaches.before and not breaches.now:
        return f"no handoff broke its SLA {period.this} or {period.last}"
    moved = f"SLA breaches {_moved(breaches, f'{breaches.before:,}', f'{breaches.now:,}', period)}"
    modes = _paired(frames["change_breach"].rows(named=True), lambda row: row["failure_mode"] or "", "breaches")
    changes = {name: pair.change for name, pair in modes.items() if name and pair.change}
    if not changes:
        return moved
    largest = max(abs(change) for change in changes.values())
    named = [f"{mode(name)} {'+' if changes[name] > 0 else '−'}{largest:,}" for name in MODES if abs(changes.get(name, 0)) == largest]
    return f"{moved} (largest by mode: {listed(named)})"


def _moved(pair: _Pair, before: str, now: str, period: Period) -> str:
    if pair.before == pair.now:
        return f"stayed at {now}"
    return f"{'rose' if pair.now > pair.before else 'fell'} from {before} {period.last} to {now}"


def _latency_clause(shares: list[_Share], period: Period) -> str:
    before, now = (_mean(shares, place) for place in (0, 1))
    if before is None or now is None:
        return f"nothing was acknowledged {period.last if before is None else period.this}, so that a mean latency cannot be compared"
    if before == now:
        return f"the mean time to acknowledgement stayed at {duration_words(now, 'business')}"
    within, mix = sum(share.within for share in shares), sum(share.mix for share in shares)
    largest = max(before, now)
    moved = f"the mean business time to acknowledgement {'rose' if now > before else 'fell'} from {_like(before, largest)} to {_like(now, largest)}"
    return f"{moved}, {_signed(within, largest)} within severities and {_signed(mix, largest)} by which severities were acknowledged"


def _like(seconds: float, largest: float) -> str:
    return duration(seconds, "business", like=largest)


def _signed(seconds: float, largest: float) -> str:
    return f"{'+' if seconds > 0 else '−' if seconds < 0 else ''}{_like(abs(seconds), largest)}"


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period, thresholds = Period.of(frames), Thresholds.of(frames)
    rows, shares = frames["change_breach"].rows(named=True), _shares(frames["change_latency"])
    parts = []
    if any(row["breaches"] for row in rows):
        parts.append(
            Markup('<div class="columns">\n{}{}{}</div>\n').format(
                _counts("SLA breaches by severity", "Severity", _by_severity(rows), period),
                _counts("SLA breaches by failure mode", "Failure mode", _by_mode(rows), period),
                _counts("SLA breaches by team", "Team", _by_team(rows, named_teams(frames)), period),
            )
        )
    if any(share.counts.before or share.counts.now for share in shares):
        parts.append(_latency(shares, period))
    if parts:
        parts.append(
            fragments.note(
                f"This {period.grain} is not over, {period.last} is whole: a count can still rise. Breaches are dated by the due instant, latencies by the acknowledgement. "
                f"A team with fewer than {thresholds.smallest_group} handoffs under way {period.this} stands under other teams, with the next smallest where it would be alone."
            )
        )
    return fragments.join(parts)


def _paired(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], str], amount: str) -> dict[str, _Pair]:
    """Sums of an amount by key, before and now."""
    found: dict[str, _Pair] = {}
    for row in rows:
        pair = found.get(key(row), _Pair(0, 0))
        found[key(row)] = pair._replace(now=pair.now + row[amount]) if row["is_current"] else pair._replace(before=pair.before + row[amount])
    return found


def _by_severity(rows: list[dict]) -> list[tuple[str | Markup, _Pair]]:
    found = _paired(rows, lambda row: row["severity"], "breaches")
    return [(fragments.band(severity), found.get(severity, _Pair(0, 0))) for severity in RATED_BANDS]


def _by_mode(rows: list[dict]) -> list[tuple[str | Markup, _Pair]]:
    found = _paired([row for row in rows if row["breaches"]], lambda row: row["failure_mode"], "breaches")
    return [(mode(name), found[name]) for name in MODES if name in found]


def _by_team(rows: list[dict], teams: AbstractSet[str]) -> list[tuple[str | Markup, _Pair]]:
    found = _paired([row for row in rows if row["team"] in teams], lambda row: row["team"], "breaches")
    named: list[tuple[str | Markup, _Pair]] = [
        (fragments.foreign(team), pair) for team, pair in sorted(found.items(), key=lambda item: (-abs(item[1].change), -item[1].now, item[0])) if pair.before or pair.now
    ]
    # Who has no team is no group of people that a small number could point to.
    others = {"other teams": [row for row in rows if row["team"] and row["team"] not in teams], "no team": [row for row in rows if not row["team"]]}
    for label, rest in others.items():
        pair = _paired(rest, lambda row: "all", "breaches").get("all", _Pair(0, 0))
        if pair.before or pair.now:
            named.append((Markup('<span class="empty">{}</span>').format(label), pair))
    return named


def _counts(caption: str, heading: str, pairs: list[tuple[str | Markup, _Pair]], period: Period) -> Markup:
    rows = [[label, fragments.amount(pair.before), fragments.amount(pair.now), fragments.change(pair.now, pair.before, f"{abs(pair.change):,}")] for label, pair in pairs]
    whole = _Pair(sum(pair.before for _, pair in pairs), sum(pair.now for _, pair in pairs))
    rows.append(["all", fragments.amount(whole.before), fragments.amount(whole.now), fragments.change(whole.now, whole.before, f"{abs(whole.change):,}")])
    return fragments.table(caption, [Column(heading, False), Column(sentence_case(period.last)), Column(sentence_case(period.this)), Column("Change")], rows)


def _shares(frame: polars.DataFrame) -> list[_Share]:
    """The change of the mean, parted exactly (Kitagawa): within a severity by its mean share of both periods, by mix against the mean of both means.

    A severity that only one of the periods has is wholly mix: there is nothing that it could be quicker than.
    """
    rows = frame.rows(named=True)
    counts = _paired(rows, lambda row: row["severity"], "acknowledged")
    seconds = {(row["severity"], row["is_current"]): row["business_seconds"] for row in rows}
    whole = _Pair(sum(pair.before for pair in counts.values()), sum(pair.now for pair in counts.values()))
    middle = sum(
        sum(value for (_, is_current), value in sorted(seconds.items()) if is_current is now) / total for now, total in ((False, whole.before), (True, whole.now)) if total
    ) / 2
    shares = []
    for severity in RATED_BANDS:
        pair = counts.get(severity, _Pair(0, 0))
        before = seconds[severity, False] / pair.before if pair.before else None
        now = seconds[severity, True] / pair.now if pair.now else None
        within = mix = 0.0
        if whole.before and whole.now:
            parts = pair.before / whole.before, pair.now / whole.now
            known = [mean for mean in (before, now) if mean is not None]
            within = (parts[0] + parts[1]) / 2 * (now - before) if before is not None and now is not None else 0.0
            mix = (parts[1] - parts[0]) * (sum(known) / len(known) - middle) if known else 0.0
        shares.append(_Share(severity, pair, before, now, within, mix))
    return shares


def _mean(shares: list[_Share], place: int) -> float | None:
    total = sum(share.counts[place] for share in shares)
    means = [(share.counts[place], (share.before, share.now)[place]) for share in shares]
    return sum(amount * mean for amount, mean in means if mean is not None) / total if total else None


def _latency(shares: list[_Share], period: Period) -> Markup:
    # In one unit, so that a column is read at one glance.
    largest = max(abs(effect) for share in shares for effect in (share.within, share.mix))
    rows = [
        [
            fragments.band(share.severity), fragments.amount(share.counts.before), _mean_cell(share.before), fragments.amount(share.counts.now), _mean_cell(share.now),
            _effect(share.within, largest), _effect(share.mix, largest),
        ]
        for share in shares
    ]  # fmt: skip
    rows.append(
        [
            "all", fragments.amount(sum(share.counts.before for share in shares)), _mean_cell(_mean(shares, 0)),
            fragments.amount(sum(share.counts.now for share in shares)), _mean_cell(_mean(shares, 1)),
            _effect(sum(share.within for share in shares), largest), _effect(sum(share.mix for share in shares), largest),
        ]
    )  # fmt: skip
    last, this = sentence_case(period.last), sentence_case(period.this)
    return fragments.join(
        [
            fragments.table(
                "Mean time to acknowledgement, business time, and what its change is made of",
                [
                    Column("Severity", False), Column(f"{last}, handoffs"), Column("Mean"), Column(f"{this}, handoffs"), Column("Mean"),
                    Column("Change within the severity"), Column("Change by its share"),
                ],
                rows,
                is_wide=True,
            ),
            fragments.note(
                f"A median cannot be parted by severity, a mean can: the last two columns add up to its change, {count(len(rows) - 1, 'severity', 'severities')} together. "
                "Within: as if the shares of severities were those of both periods in the mean. By share: what more or fewer handoffs of a severity did."
            ),
        ]
    )  # fmt: skip


def _mean_cell(seconds: float | None) -> str | Markup:
    return EMPTY if seconds is None else duration(seconds, "business")


def _effect(seconds: float, largest: float) -> str | Markup:
    return _signed(seconds, largest) if round(seconds, 3) else fragments.amount(0)
