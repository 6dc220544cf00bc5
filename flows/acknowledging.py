"""Answers to handoffs, by command or by link: what is asserted is written down at once, and judged by the next run (rulings 2b, 50, 95).

Never opens the warehouse and never waits for a run. What the published copy knows is only used to say early what the run is going to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from transforms.acknowledgement import NOT_IN_A_DIGEST
from transforms.domain.digests import identifier
from transforms.domain.documents import one_line
from transforms.domain.errors import UsageError
from transforms.domain.instants import iso, to_us
from warehouse import links, originated
from warehouse.handoffs import Handoffs, only_finding, open_handoffs
from warehouse.home import Home

Word = Literal["acknowledged", "acknowledgement_withdrawn", "declined", "reassigned"]
Method = Literal["cli", "link"]

#: Where the page takes tokens, below its base URL.
PATH = "/h/"
#: Characters of a reason that are kept.
REASON_LIMIT = 500
#: Characters of an id at least that stand for all of it.
_SHORTEST = 6
#: What comes of it that the directory does not know somebody as active.
_COSTS = {"--as": "the run counts no acknowledgement of theirs", "--to": "the handoff is routed to nobody"}
_NOT_HUMAN = {"group": "a group inbox", "bot": "a bot"}


@dataclass(frozen=True)
class Claim:
    """What somebody says, and who wrote it down."""

    event: Word
    #: In whose name, and under which identity it is said: of the operating system, or of the link.
    person: str
    method: Method
    asserted_by: str
    occurred_us: int
    reason: str | None = None
    #: Whom `reassigned` names.
    target: str | None = None


@dataclass
class Answer:
    """What was written, one event a finding, and what the next run is likely to hold against it."""

    events: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: What the published copy knows of each finding, by its id.
    handoffs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> list[dict[str, Any]]:
        return [{**event, "occurred_at": iso(event["occurred_at"])} for event in self.events]

    def lines(self) -> list[str]:
        """What was written, in words."""
        found = []
        for event in self.events:
            known = self.handoffs.get(event["ref"], {})
            about = f"{event['ref']} ({known['severity']}: {one_line(known['title'] or 'finding')})" if known else event["ref"]
            whom = f" to {event['target_person']}" if event["target_person"] else ""
            found.append(f"{event['event']} {about}{whom} as {event['actor']} at {iso(event['occurred_at'])}: the next run judges it")
        return found


def listed(content: bytes) -> list[str]:
    """The references of a list: one a line; blank lines and those that begin with # are left out. Raises `UsageError` where it is no text."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError("--digest-file", seen=f"not UTF-8: {error}", expected="one id a line") from None
    return [ref for line in lines if (ref := line.strip()) and not ref.startswith("#")]


def answer(
    home: Home, claim: Claim, references: Sequence[str], *, now_us: int, digest_id: str | None = None, is_listed: bool = False, allows_unknown: bool = False
) -> Answer:
    """Writes one event for each finding that is meant, of one batch where there are several.

    `digest_id`: also what that digest told of. `is_listed`: the references come from a list and not from a person who looked at each.
    `allows_unknown`: a reference that nothing is known of is written too, and waits. Raises `UsageError` where nothing was written.
    """
    claim = _checked(claim, now_us)
    done = Answer()
    with open_handoffs(home) as handoffs:
        claim = _identified(claim, handoffs, done)
        refs, digest_id = _told(home, handoffs, [_text("FINDING", reference) for reference in references], digest_id)
        found: dict[str, dict[str, Any] | None] = {}
        for ref in refs:
            finding_id = only_finding(handoffs, ref)
            if finding_id is None:
                _require_wanted(ref, handoffs, allows_unknown)
                done.warnings.append(f"{ref}: no finding is known by it; it waits until one is")
            known = handoffs.handoff(finding_id) if handoffs and finding_id else None
            found[finding_id or ref] = known
            if known is not None:
                done.handoffs[known["finding_id"]] = known
        if not found:
            raise UsageError("FINDING", seen="none was named", expected="a finding id, a sighting id or a scanner's own id", remedy="or --digest, or --digest-file")
        if digest_id is not None or is_listed:
            _require_minor(found)
        if handoffs:
            done.warnings += _doubts(claim, found, handoffs)
    done.events = _events(claim, list(found), digest_id)
    originated.originate(home, done.events)
    return done


class Signed(NamedTuple):
    """A link as it was made: what it is about, and its token."""

    token: str
    finding_id: str
    cycle: int
    person_id: str
    expires_at: str


def link(home: Home, secret: bytes, reference: str, person: str, action: links.Action, expires_us: int) -> Signed:
    """A link by which that person answers that handoff once. Raises `UsageError` where there is no such open handoff, or no such active human."""
    with open_handoffs(home) as handoffs:
        finding_id = only_finding(handoffs, reference)
        known = handoffs.handoff(finding_id) if handoffs and finding_id else None
        if handoffs is None or known is None or not known["is_open"]:
            seen = f"its handoff is {known['state']}" if known else "no handoff of it is published"
            raise UsageError(reference, seen=seen, expected="an open handoff", remedy="`handoff sql 'FROM mart.handoff WHERE is_open'` lists them")
        people = handoffs.people(_text("--as", person))
        require_human("--as", people)
        if len(people) != 1 or people[0]["status"] != "active":
            seen = f"{people[0]['status']}" if len(people) == 1 else f"{len(people)} people go by it"
            raise UsageError(f"--as {person}", seen=seen, expected="one active person of the directory")
    person_id = people[0]["person_id"]
    token = links.make(secret, known["finding_id"], known["cycle"], person_id, action, expires_us)
    return Signed(token, known["finding_id"], known["cycle"], person_id, iso(expires_us))


def url_of(base_url: str, token: str) -> str:
    return f"{base_url.rstrip('/')}{PATH}{token}"


def signer(secret: bytes, base_url: str) -> Callable[[str, int, str, links.Action, int], str]:
    """How messages make their links: the same words give the same link. Raises `UsageError` for what no link can begin with."""
    base = require_base_url(base_url)
    return lambda finding_id, cycle, person_id, action, expires_us: url_of(base, links.make(secret, finding_id, cycle, person_id, action, expires_us))


def require_base_url(base_url: str) -> str:
    """Raises `UsageError` for what no link can begin with."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError("--base-url, or $HANDOFF_ACK_URL", seen=repr(base_url), expected="an address, as in https://handoff.example.com")
    return base_url


def require_human(option: str, people: list[dict[str, Any]]) -> None:
    """Raises `UsageError` for a group inbox or a bot: a handoff is between people."""
    for person in people:
        if person["kind"] in _NOT_HUMAN:
            kind = _NOT_HUMAN[person["kind"]]
            raise UsageError(option, seen=f"{person['person_id']} is {kind}", expected="a named person", remedy="name the one who does it")


def _checked(claim: Claim, now_us: int) -> Claim:
    if claim.occurred_us > now_us:
        raise UsageError("--at", seen=f"{iso(claim.occurred_us)} is later than now, {iso(now_us)}", expected="an instant that has been")
    reason = one_line(_text("--reason", claim.reason), REASON_LIMIT) if claim.reason and claim.reason.strip() else None
    if claim.event == "declined" and reason is None:
        raise UsageError("--reason", seen="no reason", expected="why it is declined, in a sentence")
    target = _text("--to", claim.target) if claim.target is not None else None
    return Claim(claim.event, _text("--as", claim.person), claim.method, claim.asserted_by, claim.occurred_us, reason, target)


def _text(option: str, value: str) -> str:
    """A value as it can stand in a file of UTF-8 text."""
    text = value.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(option, seen=f"{text!a} is not UTF-8") from None
    if not text or any(ord(char) < 32 and char not in "\t\n\r" for char in text):
        raise UsageError(option, seen=repr(text) if text else "it is blank", expected="a word or a sentence without control characters")
    return text


def _identified(claim: Claim, handoffs: Handoffs | None, done: Answer) -> Claim:
    """The claim with people as the directory calls them."""
    if handoffs is None:
        return claim
    names = {}
    for option, reference in (("--as", claim.person), ("--to", claim.target)):
        people = handoffs.people(reference) if reference else []
        require_human(option, people or ([{"person_id": reference, "kind": handoffs.kind_of(reference)}] if reference else []))
        names[option] = people[0]["person_id"] if len(people) == 1 else reference
        if not reference:
            continue
        if len(people) != 1:
            whom = "several people go by it" if people else "nobody in the directory goes by it"
            done.warnings.append(f"{option} {reference}: {whom}; {_COSTS[option]} while that is so")
        elif people[0]["status"] != "active":
            done.warnings.append(f"{option} {reference}: {people[0]['status']} by the directory; {_COSTS[option]} while that is so")
    return Claim(claim.event, names["--as"] or claim.person, claim.method, claim.asserted_by, claim.occurred_us, claim.reason, names["--to"])


def _told(home: Home, handoffs: Handoffs | None, references: list[str], digest_id: str | None) -> tuple[list[str], str | None]:
    """The references with what a digest told of in the place of its id, and the digest that is meant, None for none."""
    refs, named = [], None
    for reference in references:
        of_digest = _of_digest(home, handoffs, reference) if only_finding(handoffs, reference) is None else []
        refs += of_digest or [reference]
        named = named or (reference if of_digest else None)
    if digest_id is None:
        return refs, named
    digest_id = _text("--digest", digest_id)
    of_digest = _of_digest(home, handoffs, digest_id)
    if not of_digest:
        raise UsageError("--digest", seen=f"{digest_id}: no digest of that id is known", expected="the id that the digest's message names", remedy="or name the findings")
    return refs + of_digest, digest_id


def _of_digest(home: Home, handoffs: Handoffs | None, digest_id: str) -> list[str]:
    """What a digest told of, by its id or the beginning of it, whether a run has taken that up or not yet; empty where none is known."""
    waiting = [(event["batch_id"], event["ref"]) for event in originated.events_waiting(home) if event["event"] == "notified" and event.get("batch_id")]
    begun = [(batch_id, ref) for batch_id, ref in waiting if batch_id == digest_id or (len(digest_id) >= _SHORTEST and batch_id.startswith(digest_id))]
    told = [*(handoffs.digests(digest_id) if handoffs else ()), *begun]
    ids = {batch_id for batch_id, _ in told}
    if digest_id not in ids and len(ids) > 1:
        raise UsageError(digest_id, seen=f"{len(ids)} digests begin with it", expected="more of the id that the digest's message names")
    return [ref for batch_id, ref in told if batch_id == digest_id or digest_id not in ids]


def _require_wanted(ref: str, handoffs: Handoffs | None, allows_unknown: bool) -> None:
    if not allows_unknown:
        seen = "no finding has that id" if handoffs else "nothing is published yet, so that no finding is known"
        remedy = "--unknown-ok writes it all the same, and it waits for its finding"
        raise UsageError(ref, seen=seen, expected="a finding id, a sighting id, a scanner's own id or `scanner:own id`", remedy=remedy)


def _require_minor(found: dict[str, dict[str, Any] | None]) -> None:
    refused = [ref for ref, known in found.items() if known is None or known["severity"] in NOT_IN_A_DIGEST]
    if refused:
        band = (found[refused[0]] or {}).get("severity", "of unknown severity")
        seen = f"{refused[0]} is {band}" + (f" (and {len(refused) - 1} more like it)" if len(refused) > 1 else "")
        raise UsageError("--digest", seen=seen, expected="findings below high", remedy="name each critical or high finding by itself")


def _doubts(claim: Claim, found: dict[str, dict[str, Any] | None], handoffs: Handoffs) -> list[str]:
    """Why the run may not count it, as far as the published copy can tell."""
    doubts, rules = [], handoffs.rules
    people = handoffs.people(claim.person)
    person = people[0] if len(people) == 1 else None
    if claim.event == "acknowledged":
        if claim.method not in rules.get("trust", [claim.method]):
            doubts.append(f"the policy does not trust acknowledgements by {claim.method} (acknowledgement.trust)")
        if person and rules.get("roles", "any") != "any" and person["role"] not in rules["roles"]:
            doubts.append(f"{person['person_id']} has role {person['role'] or 'none'}, the policy asks for {', '.join(rules['roles'])} (acknowledgement.roles)")
    for known in found.values():
        if known is None:
            continue
        if not known["is_open"]:
            doubts.append(f"{known['finding_id']}: its handoff is {known['state']} by the last run")
        if claim.event == "acknowledgement_withdrawn":
            doubts += _doubts_of_withdrawal(person, known, rules)
        if claim.occurred_us < to_us_of(known["captured_at"]):
            doubts.append(f"{known['finding_id']}: it was captured only at {iso(to_us_of(known['captured_at']))}")
        if claim.event == "acknowledged" and person and not _may(person, known, rules):
            owner = f"{known['owner_id'] or 'nobody'} owns it, team {known['team'] or 'none'}"
            doubts.append(f"{known['finding_id']}: {owner}; {person['person_id']} of team {person['team'] or 'none'} may not acknowledge it by the policy")
    return doubts


def _doubts_of_withdrawal(person: dict[str, Any] | None, known: dict[str, Any], rules: dict[str, Any]) -> list[str]:
    """A withdrawal counts whoever says it (ruling 46): that there is none to take back, or that it is another one's, is said before it does."""
    if known["acknowledged_at"] is None:
        return [f"{known['finding_id']}: nobody had acknowledged it by the last run"]
    if person is None or (person["person_id"] != known["acknowledged_by"] and not _may(person, known, rules)):
        who = person["person_id"] if person else "who says so"
        return [f"{known['finding_id']}: {known['acknowledged_by']} acknowledged it, not {who}, who may not by the policy either; it is taken back all the same, and flagged with both names"]
    return []


def _may(person: dict[str, Any], known: dict[str, Any], rules: dict[str, Any]) -> bool:
    """Ruling 50, as of the last run."""
    allowed = rules.get("allowed", ())
    is_owner = known["owner_id"] == person["person_id"]
    is_of_team = bool(person["team"] and known["team"]) and person["team"].lower() == known["team"].lower()
    is_unowned = known["team"] is None and known["routing_status"] != "routed"
    return ("owner" in allowed and is_owner) or ("owning_team" in allowed and is_of_team) or (is_unowned and rules.get("unowned") == "anyone")


def to_us_of(moment: datetime) -> int:
    """Microseconds of an instant as the published copy has it: UTC, without a zone."""
    return to_us(moment.replace(tzinfo=UTC))


def _events(claim: Claim, refs: list[str], digest_id: str | None) -> list[dict[str, Any]]:
    """The same words at the same instant are the same events; said again later they are others, and the first acknowledgement stays t1."""
    said = (claim.event, claim.person, claim.method, claim.asserted_by, claim.occurred_us, claim.reason, claim.target)
    batch_id = identifier("batch", *said, digest_id, sorted(refs)) if len(refs) > 1 or digest_id is not None else None
    return [
        {
            "event_id": identifier("answer", *said, batch_id, ref), "ref": ref, "event": claim.event, "actor": claim.person, "occurred_at": claim.occurred_us,
            "target_person": claim.target, "comment": claim.reason, "batch_id": batch_id, "method": claim.method, "asserted_by": claim.asserted_by,
        }
        for ref in sorted(refs)
    ]  # fmt: skip
