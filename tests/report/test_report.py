"""The report without a browser: sentences that are true, text that stays text, nothing from outside, the same bytes each time."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from transforms import report
from transforms.domain.errors import RunError, UsageError
from transforms.report import charts, fragments, wording
from transforms.report.sections import in_order
from warehouse import publish, reports
from warehouse.home import Home

GRAINS = ("week", "month", "quarter")


@pytest.fixture(scope="session")
def plain_frames(plain_path):
    return reports.frames(plain_path)


@pytest.fixture(scope="session")
def empty_frames(nothing_landed):
    return reports.frames(nothing_landed)


@pytest.fixture(scope="session")
def hostile_frames(hostile_texts):
    return reports.frames(hostile_texts)


@pytest.fixture(scope="session")
def hostile_page(hostile_frames):
    return report.render(hostile_frames, "month")


class Page(HTMLParser):
    """The elements of a page in order, their attributes, the text without style, and the tags that were not closed in order."""

    VOID = frozenset({"meta", "link", "br", "img", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.faults += self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data):
        if "style" not in self._open:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def charts(self) -> list[dict[str, str]]:
        """The pictures that say something; one within another is only stretched with it."""
        return [attributes for attributes in self.all("svg") if attributes.get("aria-hidden") != "true"]


def ledes(page: str) -> list[str]:
    return re.findall(r'<p class="lede">(.*?)</p>', page)


# Sentences


def told(page: str) -> dict[str, str]:
    """The opening sentence of each section by its anchor."""
    found = re.findall(r'<section id="([a-z-]+)".*?<p class="lede">(.*?)</p>', page.replace("\N{NO-BREAK SPACE}", " "), re.DOTALL)
    return {name: unescape(sentence) for name, sentence in found}


def test_sentences_of_the_plain_path(plain_frames):
    sentences = told(report.render(plain_frames, "quarter"))
    expected = {
        "five-numbers": (
            "The one critical handoff acknowledged this quarter took 1.5 business hours against a target of 4 business hours; 2 of 6 handoffs that fell due "
            "broke the SLA, 3 of 5 acknowledgement windows that ended passed without an acknowledgement, and no handoff waits with nobody valid named."
        ),
        "open-and-closed": (
            "8 handoffs are open (3 critical, 2 high, 1 medium, 2 low), 3 of them not acknowledged; this quarter 7 were opened, 4 acknowledged and 2 closed."
        ),
        "stage-decomposition": (
            "In the 4 handoffs acknowledged this quarter, acknowledgement holds the largest share of the time, 99 %; 4 of 9 spans also hold stages that were "
            "not observed."
        ),
        "latency-distribution": (
            "The one critical handoff acknowledged this quarter took 1.5 business hours and kept the SLA; of all 4 acknowledged, none broke it."
        ),
        "time-to-acknowledgement": (
            "Counting those without an acknowledgement, half of the 4 critical handoffs on record were acknowledged within 5.5 hours "
            "(95 % interval from 1.5 hours, its upper end not reached); 1 still waits."
        ),
        "worst-tails": (
            "3 open handoffs wait for an acknowledgement, the longest for 35.2 days (low); the slowest of the 4 acknowledged this quarter took 5 days (high)."
        ),
        "failure-modes": (
            "3 handoffs broke their SLA or acknowledgement window this quarter and ran 480 hours past due; no failure mode explains any of them."
        ),
        "dual-sla": (
            "This quarter the handoff SLA, security operations' own, broke for 2 handoffs and the remediation SLA, engineering's, for 2; "
            "a single SLA would have blamed engineering for 1 handoff, rightly, for the remediation was late too."
        ),
        "ownership-currency": "All 8 open findings have an active owner.",
        "reopening": (
            "The one handoff resolved or verified this quarter was not opened again; no compensating control runs, and none has lapsed."
        ),
        "severity-matrix": (
            "Of 12 observations the workspace rates none higher than the scanner does and none lower; "
            "no handoff ran past due for having been routed with a less severe band."
        ),
        "teams": "3 teams had 10 handoffs under way this quarter; 2 of the 6 that fell due broke the SLA.",
    }
    assert {name: sentences[name] for name in expected} == expected


def test_sentences_of_an_empty_record(empty_frames):
    sentences = told(report.render(empty_frames, "month"))
    expected = {
        "five-numbers": (
            "No handoff was acknowledged this month; no handoff fell due, no acknowledgement window ended, and no handoff waits with nobody valid named."
        ),
        "open-and-closed": "No handoff is open; this month none was opened, none acknowledged and none closed.",
        "stage-decomposition": "No handoff was acknowledged this month, so there is no time to part by stage.",
        "latency-distribution": "No handoff was acknowledged this month, so there is no latency to show.",
        "time-to-acknowledgement": "No handoff is on record, so there is no time to acknowledgement to show.",
        "worst-tails": "No open handoff waits for an acknowledgement; none was acknowledged this month.",
        "failure-modes": "No handoff broke its SLA or its acknowledgement window this month, so there is no failure mode to name.",
        "dual-sla": (
            "This month the handoff SLA, security operations' own, broke for no handoff and the remediation SLA, engineering's, for none; "
            "a single SLA would have blamed nobody."
        ),
        "unrouted-queue": "No handoff waits without a valid person named: the unrouted queue is empty.",
        "ownership-currency": "No finding is open, so there is no ownership to be current.",
        "ingest-capacity": "No handoff was ever opened, so there is no capacity to measure and nothing to forecast.",
        "reopening": "No handoff was resolved or verified this month; no compensating control runs, and none has lapsed.",
        "severity-matrix": "Nothing was observed, so there is no severity to compare.",
        "teams": "No handoff was under way this month, so there is no team to show.",
        "data-quality": "No file has landed yet.",
        "definitions": "Every figure is computed from the record as it was known on 4 May 2026, 12:00 UTC, under the policy whose digest stands below.",
    }
    assert {name: sentences[name] for name in expected} == expected


@pytest.mark.parametrize("grain", GRAINS)
def test_every_section_opens_with_one_sentence(plain_frames, empty_frames, grain):
    for frames in (plain_frames, empty_frames):
        page = report.render(frames, grain)
        assert len(ledes(page)) == len(in_order(grain))
        for sentence in ledes(page):
            assert sentence.endswith(".")
            assert sentence[0].isupper() or sentence[0].isdigit()
            assert not re.search(r"\b1 (handoffs|windows|files|rows|spans|contradictions)\b", sentence)


def test_every_section_stands_in_a_report():
    for section in in_order():
        assert section.KINDS
        assert set(section.KINDS) <= set(GRAINS), section.NAME


@pytest.mark.parametrize("grain", GRAINS)
def test_nothing_missing_is_shown_as_a_value(plain_frames, empty_frames, hostile_page, grain):
    for page in (report.render(plain_frames, grain), report.render(empty_frames, grain), hostile_page):
        text = " ".join(Page(page).text)
        assert not re.search(r"\b(None|NaN|nan|null|inf|as_of|True|False)\b", text)


def test_a_stage_without_an_event_is_not_observed(plain_frames):
    page = report.render(plain_frames, "month")
    assert "no time to part by stage" in page
    dated = report.render(plain_frames, "quarter")
    assert "not observed" in dated


def test_last_period_stands_beside_this_one(plain_frames):
    page = report.render(plain_frames, "quarter")
    assert "Quarter 2 of 2026" in page
    assert "Beside them stands Quarter 1 of 2026, whole." in page
    assert "<th scope=\"col\" class=\"figure\">Last quarter</th>" in page


@pytest.mark.parametrize(("period", "title"), [("weekly", "4 May 2026 to 10 May 2026"), ("monthly", "May 2026"), ("quarter", "Quarter 2 of 2026")])
def test_period_by_either_name(plain_frames, period, title):
    assert f"<h1>{title}</h1>" in report.render(plain_frames, period)


def test_an_unknown_period_is_a_usage_error(plain_frames):
    with pytest.raises(UsageError, match="expected weekly, monthly or quarterly"):
        report.render(plain_frames, "yearly")


# What a reader may rely on


@pytest.mark.parametrize("grain", GRAINS)
def test_same_record_same_bytes(plain_path, tmp_path, grain):
    first = reports.write_report(plain_path, Home(tmp_path / "a"), grain)
    second = reports.write_report(plain_path, Home(tmp_path / "b"), grain)
    assert first == tmp_path / "a" / "reports" / f"report-{grain}.html"
    assert first.read_bytes() == second.read_bytes()


def test_a_published_copy_gives_the_same_page(plain_path, tmp_path):
    home = Home(tmp_path)
    plain_path.execute("CHECKPOINT")
    row = plain_path.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone()
    home.warehouse.write_bytes(Path(row[0]).read_bytes())
    with publish.connect(home.warehouse) as connection:
        here = report.render(reports.frames(connection), "week")
        publish.publish(connection, home, "run")
    with publish.connect(home.published, read_only=True) as copy:
        assert report.render(reports.frames(copy), "week") == here


@pytest.mark.parametrize("grain", GRAINS)
def test_findings_lead_to_the_desk_that_is_served_and_else_nowhere(hostile_frames, grain):
    """Without an address a page has no link out of itself; with one each finding that it lists leads to its life, and the mail says where the desk is."""
    alone, served = report.render(hostile_frames, grain), report.render(hostile_frames, grain, desk_url="https://handoff.example.com/d&k/")
    assert set(re.findall(r'<a [^>]*href="([^#][^"]*)"', alone)) == set()
    listed = re.findall(r'<span class="title">(.*?)</span>.*?<code>([0-9a-f]{32})</code>', served)
    assert listed
    for title, finding_id in listed:
        assert title.startswith(f'<a href="https://handoff.example.com/d&amp;k/finding.html#{finding_id}"><bdi>')
    assert served.count('href="https://handoff.example.com/d&amp;k/index.html"') == 1
    assert report.render(hostile_frames, grain, desk_url="https://handoff.example.com/d&k") == served
    assert "desk" not in report.render_text(hostile_frames, grain)
    assert report.render_text(hostile_frames, grain, desk_url="https://handoff.example.com/d&k").endswith("\nhttps://handoff.example.com/d&k/index.html\n")


def test_every_query_belongs_to_a_section():
    own = {"parameter", "parameter_published", "period"}
    there = {entry.name.removesuffix(".sql") for entry in files("warehouse").joinpath("sql", "report").iterdir()}
    assert there == own | set(report.queries())


def test_a_frame_has_one_order(plain_path):
    first, second = reports.frames(plain_path), reports.frames(plain_path)
    assert all(first[name].equals(second[name]) for name in first)


# Hostile text and the outside


def test_hostile_texts_are_text(hostile_page):
    page = Page(hostile_page)
    assert page.faults == []
    assert {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "embed", "form", "base"} == set()
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
    assert len(page.all("style")) == len(page.all("title")) - len(page.charts()) == 1
    text = "".join(page.text)
    for shown in ("<script>", "<img src=x onerror=alert(1)>.json", "{{ 7 * 7 }}{% raw %}", "<svg onload=", "<b onmouseover="):
        assert shown in text
    assert "\u202e" not in hostile_page, "turns the text behind it round"
    assert "\N{REPLACEMENT CHARACTER}exe.txt" in text
    assert "A" * 240 + "…" in text


def test_no_person_is_named(hostile_frames):
    for grain in GRAINS:
        assert "secret" not in report.render(hostile_frames, grain).lower()


def test_a_single_handoff_stands_with_its_team_for_security_operations_alone(hostile_frames):
    tails = {grain: re.search(r'<section id="worst-tails".*?</section>', report.render(hostile_frames, grain), re.DOTALL) for grain in GRAINS}
    assert {grain: "onmouseover" in found.group() for grain, found in tails.items()} == {"week": True, "month": False, "quarter": False}


@pytest.mark.parametrize("grain", GRAINS)
def test_nothing_comes_from_outside(plain_frames, hostile_page, grain):
    for text in (report.render(plain_frames, grain), hostile_page):
        page = Page(text)
        links = [attributes[name] for _, attributes in page.elements for name in ("src", "href", "action", "poster", "data") if name in attributes]
        assert [link for link in links if not link.startswith(("#", "data:"))] == []
        style = text.split("<style>")[1].split("</style>")[0]
        assert not re.search(r"url\(|@import|https?:", style)
        policy = next(attributes["content"] for attributes in page.all("meta") if attributes.get("http-equiv") == "Content-Security-Policy")
        assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


# Access


@pytest.mark.parametrize("grain", GRAINS)
def test_structure_for_those_who_do_not_see_it(plain_frames, hostile_page, grain):
    for text in (report.render(plain_frames, grain), hostile_page):
        page = Page(text)
        assert page.faults == []
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert page.elements.index(("a", {"class": "skip", "href": "#content"})) < [tag for tag, _ in page.elements].index("header")
        targets = {attributes["href"][1:] for attributes in page.all("a")}
        assert targets <= set(ids)
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
        for chart in page.charts():
            assert chart["role"] == "img"
            assert set(chart["aria-labelledby"].split()) <= set(ids)
        assert len(re.findall(r"<desc id=[^>]*>[^<]+</desc>", text)) == len(page.charts())


def _colours(scheme: str) -> dict[str, str]:
    style = files("transforms.report").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark.split("*, *::before")[0]))


def _linear(colour: str) -> list[float]:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(colour), strict=True)) for colour in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme):
    """WCAG 2.1: 4.5 for text, 3 for what a chart is read by (the first parts of a ramp are read by their place and the line round them)."""
    colours = _colours(scheme)
    for name in ("ink", "quiet", "faint", "accent", "over", "within"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("plain", "bar-over", "bar-within", "target", "mode-1", "mode-2", "mode-3", "mode-4", "mode-5"):
        assert _contrast(colours[name], colours["paper"]) >= 3, name


def _over(colour: str, share: float, ground: str) -> str:
    """A colour that covers a ground in part."""
    parts = [round(share * int(colour[at : at + 2], 16) + (1 - share) * int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_on_a_coloured_ground(scheme):
    """The word in the spread of a curve, and figures in the cells of a heat map: WCAG 2.1, text."""
    colours = _colours(scheme)
    style = files("transforms.report").joinpath("style.css").read_text(encoding="utf-8")
    (spread,) = re.findall(r"\.spread \{[^}]*fill-opacity: ([0-9.]+)", style)
    heats = re.findall(r"\.heat-[0-9] \{ background: color-mix\(in srgb, var\(--plain\) ([0-9]+)%", style)
    assert len(heats) == 5
    assert _contrast(colours["quiet"], _over(colours["plain"], float(spread), colours["paper"])) >= 4.5
    for heat in heats:
        assert _contrast(colours["ink"], _over(colours["plain"], int(heat) / 100, colours["paper"])) >= 4.5, heat


#: Machado, Oliveira and Fernandes (2009), severity 1.
_BLIND = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def _lab(linear: list[float]) -> list[float]:
    red, green, blue = (min(max(part, 0), 1) for part in linear)
    xyz = (
        (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047,
        0.2126729 * red + 0.7151522 * green + 0.0721750 * blue,
        (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


@pytest.mark.parametrize("blindness", _BLIND)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ramp", ["mode", "age", "stage"])
def test_parts_differ_for_every_eye(scheme, blindness, ramp):
    """CIE76. Ages and stages are ramps in one order: neighbours must be told apart. Modes can be absent, so that any two can be neighbours."""
    colours = _colours(scheme)
    seen = {
        name: _lab([sum(weight * part for weight, part in zip(row, _linear(colour), strict=True)) for row in _BLIND[blindness]])
        for name, colour in colours.items()
        if name.startswith(f"{ramp}-")
    }
    names = sorted(seen)
    for one, other in combinations(names, 2) if ramp == "mode" else pairwise(names):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        assert distance >= (18 if ramp == "mode" else 10), (one, other)


# The small pieces


@pytest.mark.parametrize(
    ("seconds", "clock", "short", "words"),
    [
        (0, "wall", "0 s", "0 seconds"),
        (0.000001, "wall", "under 0.1 s", "under 0.1 seconds"),
        (1, "wall", "1 s", "1 second"),
        (45, "business", "45 s", "45 business seconds"),
        (1_920, "wall", "32 min", "32 minutes"),
        (5_400, "business", "1.5 h", "1.5 business hours"),
        (18_720, "business", "5.2 h", "5.2 business hours"),
        (288_000, "business", "80 h", "80 business hours"),
        (293_760, "wall", "3.4 d", "3.4 days"),
        (10_800_000, "wall", "125 d", "125 days"),
        (10_800_000, "business", "3,000 h", "3,000 business hours"),
    ],
)
def test_durations(seconds, clock, short, words):
    assert wording.duration(seconds, clock).replace("\N{NO-BREAK SPACE}", " ") == short
    assert wording.duration_words(seconds, clock) == words


@pytest.mark.parametrize(("rate", "text"), [(0, "0 %"), (0.0001, "under 0.1 %"), (0.122, "12.2 %"), (0.5, "50 %"), (0.99996, "99.9 %"), (1, "100 %")])
def test_shares(rate, text):
    assert wording.percent(rate).replace("\N{NO-BREAK SPACE}", " ") == text


def test_an_interval_with_nothing_in_it_is_drawn_empty():
    ticks = [(60, "1 min"), (3_600, "1 h"), (86_400, "1 d")]
    drawn = charts.intervals("x", "t", "d", [charts.Interval("high", "none", None, None)], ticks)
    assert "circle" not in drawn
    zero = charts.intervals("x", "t", "d", [charts.Interval("high", "0 s", 0, 0, 60)], ticks)
    assert 'cx="0%"' in zero


def test_bars_of_nothing_divide_by_nothing():
    assert "width=\"100%\"" in charts.bars("x", "t", "d", [charts.Bar("high", 0, "0")])
    assert charts.stacked_bars("x", "t", "d", [], {}).startswith("<svg")


def test_a_label_of_a_chart_is_escaped():
    drawn = charts.bars("x", "<t>", "<d>", [charts.Bar("<script>", 1, "<b>")])
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_foreign_text_is_isolated_and_cut():
    assert fragments.foreign("a\x00b\u2066c") == "<bdi>a\ufffdb\ufffdc</bdi>"
    assert fragments.foreign("  ", "no team") == '<span class="empty">no team</span>'


def test_a_copy_of_other_code_is_said(plain_path, tmp_path):
    home = Home(tmp_path)
    plain_path.execute("CHECKPOINT")
    row = plain_path.execute("SELECT path FROM duckdb_databases() WHERE NOT internal").fetchone()
    home.warehouse.write_bytes(Path(row[0]).read_bytes())
    with publish.connect(home.warehouse) as connection:
        publish.publish(connection, home, "run")
    with publish.connect(home.published) as copy:
        copy.execute("ALTER TABLE mart.open_aging DROP COLUMN acknowledged")
        with pytest.raises(RunError, match=r"other code.*handoff run"):
            reports.frames(copy)
