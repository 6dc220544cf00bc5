"""Who stands above a person, at an instant: the manager chain of the directory, for escalation."""

from __future__ import annotations

from typing import NamedTuple

from transforms.routing import Directory, Person, person_key


class Chain(NamedTuple):
    """The managers above a person, nearest first, and what was wrong on the way."""

    #: Active humans: whom something can be escalated to. Whether they have a role and a channel is asked where they are told of it.
    managers: tuple[Person, ...]
    #: (reference, reason) of those passed over, whose own manager is asked next: departed_person, inactive_person, group_inbox, bot, unknown_person.
    skipped: tuple[tuple[str, str], ...]
    #: The ids of a cycle that the chain runs into, smallest first; it is cut before anybody stands above themselves. Empty where it ends.
    cycle: tuple[str, ...]


def manager_chain(directory: Directory, reference: str, instant: int) -> Chain:
    """The chain above the person that a reference names; empty for an unknown person and for one without a manager."""
    managers: list[Person] = []
    skipped: list[tuple[str, str]] = []
    person = directory.person(reference, instant)
    path = [person.person_id] if person.record and person.person_id else []
    while person.record is not None and (above := person.record["manager_id"]):
        person = directory.person(above, instant)
        if person.record is not None and person.person_id in path:
            ring = path[path.index(person.person_id) :]
            first = ring.index(min(ring, key=person_key))
            return Chain(tuple(managers), tuple(skipped), (*ring[first:], *ring[:first]))  # type: ignore[arg-type]
        if person.is_active_human:
            managers.append(person)
        else:
            skipped.append((above, person.reason or ""))
        if person.person_id is not None:
            path.append(person.person_id)
    return Chain(tuple(managers), tuple(skipped), ())


def cycles(directory: Directory, instant: int) -> list[tuple[str, ...]]:
    """Every cycle among the managers in force: each once, its smallest id first."""
    found: dict[tuple[str, ...], None] = {}
    settled: set[str] = set()
    for record in directory.in_force(instant):
        path: list[str] = []
        person = directory.person(record["person_id"], instant)
        while person.record is not None and person.person_id not in settled and person.person_id not in path:
            path.append(person.person_id)  # type: ignore[arg-type]
            person = directory.person(person.record["manager_id"], instant)
        if person.record is not None and person.person_id in path:
            found[manager_chain(directory, person.person_id, instant).cycle] = None  # type: ignore[arg-type]
        settled.update(path)
    return sorted(found)
