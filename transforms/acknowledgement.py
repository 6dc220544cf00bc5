"""Whose word makes a handoff: the policy's `acknowledgement` (ruling 50)."""

from __future__ import annotations

from transforms.domain.policy import Acknowledgement
from transforms.routing import Person

#: Bands that nobody acknowledges without having looked at the finding (ruling 95).
NOT_IN_A_DIGEST = ("critical", "high")


def may_acknowledge(rules: Acknowledgement, person: Person, owner_id: str | None, team: str | None, is_routed: bool) -> bool:
    """Whether a person may take a handoff of `team` whose decision in force names `owner_id`; None where it names nobody who is known."""
    if not person.is_active_human or not (rules.roles == "any" or person.record["role"] in rules.roles):  # type: ignore[index]
        return False
    if "owner" in rules.allowed and owner_id is not None and owner_id == person.person_id:
        return True
    if "owning_team" in rules.allowed and team and person.team and team.lower() == person.team.lower():
        return True
    return team is None and not is_routed and rules.unowned == "anyone"
