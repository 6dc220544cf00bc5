"""Figures and instants as a reader meets them: units named, singular and plural right, nothing that depends on a locale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip

STAGE_WORDS = {
    "capture": "capture",
    "enrichment": "enrichment",
    "routing": "routing evaluation",
    "dispatch": "notification dispatch",
    "acknowledgement": "acknowledgement",
    "triage_entry": "triage entry",
}

MODE_WORDS = {
    "asset_binding_gap": "asset-binding gap",
    "decayed_routing": "decayed routing",
    "severity_mismatch": "severity mismatch",
    "notification_noise": "notification noise",
    "acknowledgement_ambiguity": "acknowledgement ambiguity",
    "unexplained": "unexplained",
}

#: Why nobody valid is named, as a clause that 'because' can stand before.
REASON_WORDS = {
    "unbound": "the target is bound to no asset",
    "ambiguous": "the target fits several assets",
    "retired": "the asset is retired",
    "nobody": "no mapping names anybody",
    "dissolved_team": "the team has no active member",
    "unknown_person": "the named person is unknown",
    "departed_person": "the named person has departed",
    "inactive_person": "the named person is inactive",
    "group_inbox": "a group inbox is named",
    "bot": "a bot is named",
    "no_role": "the named person has no role",
    "no_channel": "the named person has no channel",
}

#: What a failure mode says happened, as a clause that 'because' can stand before.
CAUSE_WORDS = {
    "asset_binding_gap": "the target was not bound to one active asset in time",
    "decayed_routing": "routing named nobody valid",
    "severity_mismatch": "routing gave a less severe band",
    "notification_noise": "of notification noise",
    "acknowledgement_ambiguity": "work began without an acknowledgement",
}

#: The same of decayed routing, by what was wrong with the named person then.
DECAY_WORDS = {
    "nobody": "no mapping named anybody",
    "dissolved_team": "the team had no active member",
    "unknown_person": "the named person was unknown",
    "departed_person": "the owner had left",
    "inactive_person": "the named person was inactive",
    "group_inbox": "a group inbox was named",
    "bot": "a bot was named",
    "no_role": "the named person had no role",
    "no_channel": "the named person had no channel",
}

#: (seconds from which it is used, seconds in one, short, word): wall time. Business time stops at hours: its day is the calendar's.
_WALL = ((2 * 86_400, 86_400, "d", "day"), (5_400, 3_600, "h", "hour"), (90, 60, "min", "minute"), (0, 1, "s", "second"))
_BUSINESS = _WALL[1:]


def words(name: str) -> str:
    """A name of the vocabulary that has no words of its own: its underscores as spaces."""
    return name.replace("_", " ")


def reason(name: str | None) -> str:
    return REASON_WORDS.get(name or "", words(name or "no reason is kept"))


def reason_label(name: str | None) -> str:
    return reason(name).removeprefix("the ")


def cause(name: str, decayed: str | None = None) -> str:
    """Why a handoff failed, by its primary mode; for decayed routing by the reason that is kept with it."""
    return DECAY_WORDS.get(decayed or "", CAUSE_WORDS[name])


def mode(name: str | None) -> str:
    return MODE_WORDS.get(name or "", words(name or "none"))


def stage(name: str) -> str:
    return STAGE_WORDS.get(name, words(name))


def number(value: float) -> str:
    """At most one decimal, none from 100 on, thousands apart: 5.2, 5, 1,234."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return text.removesuffix(".0")


def duration(seconds: float, clock: str, *, like: float | None = None) -> str:
    """Short, for tables and charts: 45 s, 32 min, 5.2 h, and in wall time 3.4 d from two days on; in the unit of `like` where it is given."""
    amount, short, _ = _amount(seconds, clock, seconds if like is None else like)
    return f"{amount}\N{NO-BREAK SPACE}{short}"


def mark(seconds: int, clock: str) -> str:
    """A round duration, as at an axis or a bin's end, in the largest unit that it is a whole number of: 15 min, 1 h, and in wall time 3 d."""
    one, short = next((one, short) for _, one, short, _ in (_BUSINESS if clock == "business" else _WALL) if seconds % one == 0)
    return f"{seconds // one:,}\N{NO-BREAK SPACE}{short}"


def duration_words(seconds: float, clock: str) -> str:
    """For sentences: '5.2 business hours', '1 business hour', '3.4 days'."""
    amount, _, word = _amount(seconds, clock, seconds)
    prefix = "business " if clock == "business" else ""
    return f"{amount} {prefix}{word if amount == '1' else word + 's'}"


def hours(lost_us: int) -> str:
    """Microseconds of wall time as hours, whatever their size, so that costs stand in one unit."""
    return f"{_amount(lost_us / 1e6, 'wall', 5_400)[0]}\N{NO-BREAK SPACE}h"


def hour_words(lost_us: int) -> str:
    amount = _amount(lost_us / 1e6, "wall", 5_400)[0]
    return f"{amount} hour{'' if amount == '1' else 's'}"


def _amount(seconds: float, clock: str, like: float) -> tuple[str, str, str]:
    units = _BUSINESS if clock == "business" else _WALL
    _, one, short, word = next(unit for unit in units if abs(like) >= unit[0])
    # What rounds to nothing is still not nothing.
    text = "under 0.1" if 0 < abs(seconds) / one < 0.05 else number(seconds / one)
    return text, short, word


def percent(rate: float) -> str:
    share = rate * 100
    if 0 < share < 0.05:
        return "under 0.1\N{NO-BREAK SPACE}%"
    # 99.96 % is not all of them, and must not read so.
    return ("99.9" if 99.95 <= share < 100 else number(share)) + "\N{NO-BREAK SPACE}%"


def count(amount: int, singular: str, plural: str | None = None) -> str:
    """'1 handoff', '2 handoffs'."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"


def none_or(amount: int, singular: str, plural: str | None = None) -> str:
    """'no handoff', '1 handoff', '2 handoffs'."""
    return f"no {singular}" if amount == 0 else count(amount, singular, plural)


def verb(amount: int, singular: str, plural: str) -> str:
    """The verb of a counted subject; 'no handoff' takes the singular."""
    return singular if amount in (0, 1) else plural


def listed(parts: Sequence[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def day(value: date) -> str:
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def instant(value: datetime, zone: str = "UTC") -> str:
    """'4 May 2026, 12:00 UTC', with seconds where there are any."""
    clock = f"{value.hour:02d}:{value.minute:02d}" + (f":{value.second:02d}" if value.second or value.microsecond else "")
    return f"{day(value)}, {clock} {zone}"
