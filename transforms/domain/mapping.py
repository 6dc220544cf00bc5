"""What a tracker's own words mean: which transition, label, comment, assignment, log entry or field *is* which event.

One YAML file a tracker, shipped in `transforms/trackers/mappings`, overlaid word by word by policy key `trackers`. Words are compared trimmed and
without case; what a fact says comes as several words, the most particular first (`id:10068`, the name, `category:done`), and the first that the
mapping has decides. `"*"` stands for every other word of its section, `ignored` for no event.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from transforms.domain.errors import ModuleMalformed
from transforms.domain.vocabulary import BANDS, EVENTS

IGNORED = "ignored"
OTHER = "*"
#: A ticket's states, as `record.ticket.state` has them.
STATES = ("open", "in_progress", "resolved", "closed")
#: What kinds of facts there are, and what their words are.
SECTIONS = {
    "status": "a transition into a status: its id, its name, its category; `from > to` for one particular transition",
    "label": "a label that was added",
    "unlabel": "a label that was taken away",
    "comment": "a command in a comment, as in /ack",
    "assignment": "assigned (nobody had it), reassigned (somebody had), unassigned (nobody has it now)",
    "entry": "the type of a log entry, event or activity",
    "field": "a change of another field: `field=new value`, then the field",
}


def word(value: object) -> str:
    """A tracker's word as it is compared: trimmed, blanks as one, without case."""
    return " ".join(str(value).split()).casefold()


def _listed(words: tuple[str, ...]):
    def check(value: object) -> str:
        if value is None or value is False:
            return IGNORED
        if isinstance(value, str) and (found := value.strip().lower()) in words:
            return found
        raise ValueError(f"one of {', '.join(words)}")

    return BeforeValidator(check)


def _words(table: object) -> object:
    return {word(name): value for name, value in table.items()} if isinstance(table, dict) else {} if table is None else table


def _shipped_format(value: object) -> object:
    if value in shipped_text():
        return value
    raise ValueError(f"one of {', '.join(shipped_text())}")


Event = Annotated[str, _listed((*EVENTS, IGNORED))]
Events = Annotated[dict[str, Event], BeforeValidator(_words)]
Bands = Annotated[dict[str, Annotated[str, _listed((*BANDS, IGNORED))]], BeforeValidator(_words)]
States = Annotated[dict[str, Annotated[str, _listed((*STATES, IGNORED))]], BeforeValidator(_words)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Fields(_Strict):
    """Native fields of a ticket that mean more than one field could."""

    severity: str | None = None
    due: str | None = None


class Columns(_Strict):
    """Where a generic row or CloudEvent has what (`data.actor`: a member of a member); None: nowhere."""

    event_id: str | None = None
    ref: str | None = None
    event: str | None = None
    actor: str | None = None
    occurred_at: str | None = None
    target_person: str | None = None
    channel: str | None = None
    ticket: str | None = None
    comment: str | None = None


class Mapping(_Strict):
    """One tracker's. `format`: the activity format that reads it."""

    format: Annotated[str, BeforeValidator(_shipped_format)]
    status: Events = {}
    label: Events = {}
    unlabel: Events = {}
    comment: Events = {}
    assignment: Events = {}
    entry: Events = {}
    field: Events = {}
    #: Native severity or priority → band; of labels too, where the tracker has no other.
    severity: Bands = {}
    #: Native status → state of the ticket.
    state: States = {}
    fields: Fields = Fields()
    columns: Columns = Columns()

    def event_of(self, section: str, words: tuple[str, ...]) -> tuple[str, str] | None:
        """(word, event) that decides, the event perhaps `ignored`; None where the mapping has none of the words."""
        table: dict[str, str] = getattr(self, section)
        return next(((name, table[name]) for name in (*words, OTHER) if name in table), None)

    def severity_of(self, *words: str) -> str | None:
        return _first(self.severity, words)

    def state_of(self, *words: str) -> str | None:
        return _first(self.state, words)


def _first(table: dict[str, str], words: tuple[str, ...]) -> str | None:
    found = next((table[name] for name in words if name in table), None)
    return None if found == IGNORED else found


@cache
def shipped_text() -> dict[str, str]:
    """The text of every shipped mapping by tracker."""
    folder = files("transforms").joinpath("trackers", "mappings")
    found = {item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".yaml")}
    return dict(sorted(found.items()))


def shipped_trees() -> dict[str, dict[str, Any]]:
    """The shipped mappings as policy trees: what a user's `trackers` is laid over."""
    return {name: {section: dict(table) if isinstance(table, dict) else table for section, table in tree.items()} for name, tree in _parsed().items()}


@cache
def _parsed() -> dict[str, dict[str, Any]]:
    trees = {}
    for name, text in shipped_text().items():
        tree = yaml.safe_load(text)
        if not isinstance(tree, dict) or any(not isinstance(table, dict) for table in tree.values()):
            raise ModuleMalformed(f"transforms/trackers/mappings/{name}.yaml", seen="a section that is no mapping of words")
        # Words are compared as `word` has them, so they are laid over one another so too.
        trees[name] = {section: {word(key): value for key, value in table.items()} for section, table in tree.items()} | {"format": name}
    return trees


def shipped() -> dict[str, Mapping]:
    return {name: Mapping.model_validate(tree) for name, tree in _parsed().items()}
