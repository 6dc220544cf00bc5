"""What directories of every kind have in common: identifiers as lists without repeats, which group is a person's team, and who is a person at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from transforms.domain.policy import Directory


def distinct(values: Iterable[str | None], *but: str | None) -> list[str]:
    """The values that are there, each once in any case and without those of `but`, in order."""
    seen = {value.lower() for value in but if value}
    found = []
    for value in values:
        if value and value.lower() not in seen:
            seen.add(value.lower())
            found.append(value)
    return found


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern.strip()), re.IGNORECASE | re.DOTALL)


def matches_any(globs: Sequence[str], *texts: str | None) -> bool:
    """Whether one of the texts matches one of the globs, in any case. Only * and ? mean something: `*[bot]` ends in those very characters."""
    return any(_glob(pattern).fullmatch(text.strip()) for text in texts if text for pattern in globs)


def team_of(groups: Iterable[str], globs: Sequence[str]) -> str | None:
    """A person's team: of their groups that match, the first by the order of the globs, then bytewise; None where none does."""
    ranked = [(rank, name.encode(), name) for name in groups for rank, pattern in enumerate(globs) if _glob(pattern).fullmatch(name.strip())]
    return min(ranked)[2] if ranked else None


#: Words of a directory's user type that say that no human is behind the account.
_MACHINES = frozenset({"bot", "service", "service account", "serviceaccount", "system", "machine", "robot"})


def kind_of(user_type: str | None) -> str:
    """human, or bot where the directory's own user type says so."""
    return "bot" if user_type and user_type.strip().lower().replace("_", " ").replace("-", " ") in _MACHINES else "human"


def kind_by_name(group_inboxes: Sequence[str], bots: Sequence[str], *names: str | None) -> str:
    """What somebody of these names is by the policy's globs: group, bot, or else human."""
    return "group" if matches_any(group_inboxes, *names) else "bot" if matches_any(bots, *names) else "human"


def judged(person: Mapping[str, Any], format_name: str, rules: Directory) -> dict[str, Any]:
    """A directory's row as the policy reads it: a group inbox or a bot is one whatever it is called there, and what the format knows nothing of is filled in."""
    found = dict(person)
    if person["kind"] == "human":
        found["kind"] = kind_by_name(rules.group_inboxes, rules.bots, person["person_id"], person["email"])
    if found["kind"] == "human":
        names = {"person_id": person["person_id"], "email": person["email"] or person["person_id"]}
        template = rules.channels.get(format_name)
        found["channel"] = person["channel"] or (template.format(**names) if template else None)
        found["role"] = person["role"] or rules.roles.get(format_name)
    return found
