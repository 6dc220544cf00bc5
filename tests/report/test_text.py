"""The report as text for mail: aligned, narrow, without anything that a terminal or a mail program would take for more than text."""

from __future__ import annotations

import re

import polars
import pytest

from transforms import report
from transforms.report import text
from transforms.report.sections import in_order
from warehouse import reports

GRAINS = ("week", "month", "quarter")


@pytest.fixture(scope="module", params=["plain_path", "nothing_landed", "hostile_texts"])
def frames(request):
    return reports.frames(request.getfixturevalue(request.param))


@pytest.mark.parametrize("grain", GRAINS)
def test_narrow_and_plain(frames, grain):
    said = report.render_text(frames, grain)
    assert max(map(len, said.splitlines())) <= text.WIDTH
    assert said.endswith("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\N{NO-BREAK SPACE}]", said)
    assert not re.search(r"<[a-z/]|&[a-z]+;| $", said, re.MULTILINE)


@pytest.mark.parametrize("grain", GRAINS)
def test_made_of_the_five_numbers_and_the_ledes(frames, grain):
    said = report.render_text(frames, grain)
    for label in ("Median", "90th percentile", "No acknowledgement", "SLA breaches", "Unrouted queue"):
        assert len(re.findall(f"^{label}(,| )", said, re.MULTILINE)) >= 1, label
    own = {name: frame.filter(polars.col("period_grain") == grain) if "period_grain" in frame.columns else frame for name, frame in frames.items()}
    unwrapped = " ".join(said.split())
    for section in in_order(grain):
        assert " ".join(f"{section.TITLE} {'-' * len(section.TITLE)} {section.lede(own)}".split()) in unwrapped


def test_the_table_of_the_plain_path(plain_path):
    table = report.render_text(reports.frames(plain_path), "quarter").split("\n\n")[2]
    assert table.splitlines() == [
        "                             Now  Target  Last quarter  Covered  Confidence",
        "Median, critical           1.5 h     4 h        60 min    100 %         low",
        "  business time; 1 acknowledged; dated by the acknowledgement",
        "90th percentile, critical  1.5 h    24 h         2.5 d    100 %         low",
        "  wall time; 1 acknowledged; dated by the acknowledgement",
        "No acknowledgement          60 %     5 %        33.3 %   83.3 %         low",
        "  share of windows; 3 of 5 windows; dated by the end of the acknowledgement",
        "  window",
        "SLA breaches                   2    none             1   85.7 %      medium",
        "  handoffs; of 6 that fell due; dated by the due instant",
        "Unrouted queue                 0    none             0    100 %        high",
        "  handoffs; of 3 open, not acknowledged; dated by the instant of counting",
    ]
