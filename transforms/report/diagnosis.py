"""The diagnosis: what four figures of a severity together ask for first, by a written table.

Every combination of the four states is covered by exactly one line. The table is printed with every report; thresholds are the policy's.
"""

from __future__ import annotations

from typing import NamedTuple

#: State: its words, as a clause and as they stand in the printed table.
LATENCY = {"over": "latency is over target", "within": "latency is within target", "none": "nothing was acknowledged"}
OWNERSHIP = {"outdated": "ownership is outdated", "current": "ownership is current", "none": "nothing is open"}
QUEUE = {"long": "the queue is long", "short": "the queue is not long"}
ARRIVALS = {"above": "more was opened than acknowledged", "within": "no more was opened than acknowledged"}

INPUTS = {"latency": LATENCY, "ownership": OWNERSHIP, "queue": QUEUE, "arrivals": ARRIVALS}


class State(NamedTuple):
    """One state of each input."""

    latency: str
    ownership: str
    queue: str
    arrivals: str


class Line(NamedTuple):
    """States of each input that the line is of, with spaces between them, * for all; and what follows from them."""

    latency: str
    ownership: str
    queue: str
    arrivals: str
    advice: str

    def covers(self, state: State) -> bool:
        return all(allowed == "*" or one in allowed.split() for allowed, one in zip(self[:4], state, strict=True))


TABLE = (
    Line("over", "outdated", "*", "within", "remediate ownership first"),
    Line("over", "outdated", "*", "above", "remediate ownership first, then add capacity for what comes in"),
    Line("over", "current none", "long", "within", "route the queue first: owners are there, but handoffs do not reach them"),
    Line("over", "current none", "long", "above", "route the queue first, then add capacity for what comes in"),
    Line("over", "current none", "short", "above", "capacity first: owners are named, and more comes in than they acknowledge"),
    Line("over", "current none", "short", "within", "look at the stages: neither ownership, queue nor arrivals account for it"),
    Line("within", "outdated", "*", "within", "renew ownership before it shows in latency"),
    Line("within", "outdated", "*", "above", "renew ownership before it shows in latency, and watch what comes in"),
    Line("within", "current none", "long", "within", "route the queue: who waits in it is in no latency yet"),
    Line("within", "current none", "long", "above", "route the queue, and watch what comes in: who waits is in no latency yet"),
    Line("within", "current none", "short", "above", "watch what comes in: what waits is in no latency yet"),
    Line("within", "current none", "short", "within", "nothing to remediate by these four figures"),
    Line("none", "outdated", "*", "*", "remediate ownership first: nothing shows how long a handoff takes"),
    Line("none", "current", "long", "*", "route the queue first: nothing shows how long a handoff takes"),
    Line("none", "current", "short", "above", "ask the named owners for an acknowledgement: nothing shows how long a handoff takes"),
    Line("none", "current", "short", "within", "nothing to remediate by these four figures, and no latency to judge by"),
    Line("none", "none", "*", "*", "nothing to remediate: nothing is open and nothing was acknowledged"),
)


def advice(state: State) -> str:
    """What the one line that covers a state says."""
    (line,) = (line for line in TABLE if line.covers(state))
    return line.advice
