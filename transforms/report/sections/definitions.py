"""What each word means, the policy's targets, and the digests that a figure can be traced by."""

from __future__ import annotations

from collections.abc import Mapping

import polars
from markupsafe import Markup

from transforms.report import diagnosis, fragments
from transforms.report.fragments import EMPTY, Column
from transforms.report.period import Period
from transforms.report.thresholds import Thresholds
from transforms.report.wording import instant, listed, percent

NAME = "definitions"
TITLE = "Definitions and provenance"
ORDER = 90
QUERIES = ("digest", "target", "threshold")
KINDS = ("week", "month", "quarter")

_TERMS = (
    ("Handoff", "One cycle of one finding, from capture to triage entry; a reopened finding or a control due for attestation begins another."),
    ("Capture (t0)", "The earliest capture among the cycle's observations. It does not move with state."),
    ("Acknowledgement (t1)", "The first explicit acknowledgement by a named, active person whom the policy allows; a comment or an assignment is none."),
    ("Handoff latency", "t1 minus t0, of handoffs that have a t1. Median and 90th percentile by linear interpolation."),
    ("Business time", "Seconds inside the open hours of the owning team's calendar: working windows, holidays, daylight saving."),
    ("Wall time", "Elapsed seconds, nights and holidays included."),
    ("Acknowledgement window", "Wall time from t0 in which the policy expects an acknowledgement; a withdrawal inside it takes the handoff out of the rate."),
    ("Handoff SLA breach", "No acknowledgement by the due instant, which is t0 plus the budget in business time. It counts in the period of its due instant."),
    ("Unrouted queue", "Open handoffs without an acknowledgement whose routing names no valid person."),
    ("Asset-binding gap", "The target was not bound to one active asset when routing was due."),
    ("Decayed routing", "Routing named, or a notice went to, nobody or a person who was not valid at that instant."),
    ("Severity mismatch", "It was routed with a band less severe than the workspace's own."),
    ("Notification noise", "The candidate's notices of the 24 hours before reached the policy's threshold, or the same handoff was sent to them repeatedly."),
    ("Acknowledgement ambiguity", "Work was visible before, or without, an explicit acknowledgement."),
    ("Unexplained", "An SLA or a window broke and none of the five rules fired."),
    ("Coverage", "Of what a figure ought to be of, the share that it is of: handoffs taken up that were acknowledged, windows and due instants that were not cut short by an end."),
    ("95 % interval", "Of a median, by the ranks of what was measured, without an assumption on its distribution; from 6 on."),
)

_DIGESTS = (
    ("policy_digest", "Policy"),
    ("state_digest", "What the record knows"),
    ("own_digest", "Events that handoff itself originated"),
    ("merkle_root", "Files, as a Merkle root"),
    ("mart_digest", "Marts that these figures are read from"),
    ("calendar_digest", "Calendars and zone data"),
    ("code_version", "Code"),
)


def lede(frames: Mapping[str, polars.DataFrame]) -> str:
    as_of = instant(Period.of(frames).as_of)
    return f"Every figure is computed from the record as it was known on {as_of}, under the policy whose digest stands below."


def render(frames: Mapping[str, polars.DataFrame]) -> Markup:
    period = Period.of(frames)
    digests = frames["digest"].rows(named=True)
    known = digests[0] if digests else {}
    return fragments.join(
        [
            _targets(frames["target"]),
            _confidence(Thresholds.of(frames)),
            _diagnosis(Thresholds.of(frames)),
            Markup('<dl class="terms">\n{}</dl>\n').format(
                fragments.join(Markup("<div><dt>{}</dt><dd>{}</dd></div>\n").format(term, meaning) for term, meaning in _TERMS)
            ),
            fragments.table(
                "Digests (sha256) by which this page can be reproduced",
                [Column("Of", False), Column("Digest", False)],
                [
                    [label, Markup("<code>{}</code>").format(known[name]) if known.get(name) else Markup('<span class="empty">no run recorded for this instant</span>')]
                    for name, label in _DIGESTS
                ],
                is_wide=True,
            ),
            fragments.note(f"Periods are those of the reporting zone, {period.zone}; instants are UTC unless another zone is named."),
        ]
    )


def _targets(frame: polars.DataFrame) -> Markup:
    rows = [
        [
            fragments.band(row["severity"]),
            _budget(row["handoff_sla"]),
            _budget(row["median_target"]),
            _budget(row["p90_target"]),
            _budget(row["acknowledgement_window"]),
            percent(row["rate_target"]),
            _budget(row["remediation_sla"]),
        ]
        for row in frame.sort("rank").iter_rows(named=True)
    ]
    return fragments.table(
        "What the policy asks for",
        [
            Column("Severity", False), Column("Handoff SLA, from t0"), Column("Median, wall"), Column("90th percentile, wall"),
            Column("Acknowledgement window, wall"), Column("No-acknowledgement rate"), Column("Remediation SLA, from t1"),
        ],
        rows,
        is_wide=True,
    )  # fmt: skip


def _confidence(thresholds: Thresholds) -> Markup:
    rows = [
        ["high", f"{thresholds.high_count:,} and more", f"{percent(thresholds.high_coverage)} and more"],
        ["medium", f"{thresholds.medium_count:,} and more", f"{percent(thresholds.medium_coverage)} and more"],
        ["low", "fewer", "or less"],
    ]
    return fragments.table(
        "Confidence in a latency or a rate; in a count of all there is, coverage alone decides", [Column("Confidence", False), Column("Count behind it"), Column("Coverage")], rows
    )


def _diagnosis(thresholds: Thresholds) -> Markup:
    """The written decision table, line by line."""
    rows = [[*(_states(words, allowed) for words, allowed in zip(diagnosis.INPUTS.values(), line[:4], strict=True)), line.advice] for line in diagnosis.TABLE]
    return fragments.join(
        [
            fragments.table(
                "The decision table of the diagnosis: every combination of the four stands in one line",
                [Column("Latency", False), Column("Ownership", False), Column("Queue", False), Column("Arrivals", False), Column("Diagnosis", False)],
                rows,
                header=4,
                is_wide=True,
            ),
            fragments.note(
                "Latency is over target where the median or the 90th percentile of the handoffs acknowledged in the period is over the policy's, in wall time. Ownership is outdated "
                f"where less than {percent(thresholds.currency)} of the open findings have an owner who is still there. The queue is long where more than {percent(thresholds.queue)} "
                "of the open handoffs without an acknowledgement wait unrouted. Arrivals: handoffs opened in the period against those acknowledged in it."
            ),
        ]
    )


def _states(words: Mapping[str, str], allowed: str) -> str | Markup:
    return Markup('<span class="empty">any</span>') if allowed == "*" else listed([words[name] for name in allowed.split()], "or")


_UNITS = {"bh": "business hour", "bd": "business day", "s": "second", "m": "minute", "h": "hour", "d": "day"}


def _budget(text: str | None) -> str | Markup:
    """'4bh' as '4 business hours'."""
    if not text:
        return EMPTY
    amount, unit = text.rstrip("abcdefghijklmnopqrstuvwxyz"), text.lstrip("0123456789")
    word = _UNITS.get(unit)
    return f"{amount} {word}{'' if amount == '1' else 's'}" if word else text
