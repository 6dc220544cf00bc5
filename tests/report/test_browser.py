"""The report in a real browser: nothing asked of a network, nothing complained of, nothing executed; a phone, dark and print; whom it keeps out."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import duckdb
import pytest

from transforms import report
from warehouse import reports

pytestmark = pytest.mark.browser

RECORDS = ("demo", "nothing_landed", "hostile_texts")
GRAINS = ("week", "month", "quarter")
#: A page and a manner of looking at it: every kind, every record, and each manner at least twice.
LOOKED_AT = [
    ("demo", "quarter", 1280, "light"), ("demo", "month", 360, "dark"), ("demo", "week", 360, "light"),
    ("hostile_texts", "week", 1280, "dark"), ("hostile_texts", "month", 360, "light"), ("nothing_landed", "quarter", 360, "dark"),
]  # fmt: skip
#: What axe cannot tell, by rule, and why: contrasts of letters of charts, of marks beside words that say the same, of the word in a curve's spread,
#: and of what is scrolled out of a table's frame; and the decision table, whose rows are headed by their last cell.
UNDECIDED = {
    ("color-contrast", "Element's background color could not be determined because element contains an image node"),
    ("color-contrast", "Element content is too short to determine if it is actual text content"),
    ("color-contrast", "Element content contains only non-text characters"),
    ("color-contrast", "Element's background color could not be determined because it's partially obscured by another element"),
    ("color-contrast", "Element's background color could not be determined because it is overlapped by another element"),
    ("th-has-data-cells", "Table data cells are missing or empty"),
}


@pytest.fixture(scope="session")
def pages(demo_home, nothing_landed, hostile_texts, tmp_path_factory) -> Mapping[tuple[str, str], str]:
    """The address of each kind of report of each record; the findings of the hostile one lead to a desk."""
    folder = tmp_path_factory.mktemp("pages")
    with duckdb.connect(str(demo_home / "handoff.duckdb"), read_only=True) as demo:
        demo.execute("SET TimeZone = 'UTC'")
        found = {"demo": reports.frames(demo), "nothing_landed": reports.frames(nothing_landed), "hostile_texts": reports.frames(hostile_texts)}
    addresses = {}
    for record, frames in found.items():
        for grain in GRAINS:
            path = folder / f"{record}-{grain}.html"
            path.write_text(report.render(frames, grain, desk_url="https://handoff.example.com/desk" if record == "hostile_texts" else None), encoding="utf-8")
            addresses[record, grain] = path.as_uri()
    return addresses


# What it asks for, says and runs


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("record", RECORDS)
def test_asks_for_nothing_complains_of_nothing_and_runs_nothing(browser, browsing, pages, record, grain):
    address = pages[record, grain]
    browsing.opened(browser, address)
    assert browsing.complaints(browser) == []
    assert browsing.requests(browser, address) == []
    assert browser.execute_script("return document.documentElement.dataset.pwned || ''") == ""
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe, form, [onload], [onerror], [onmouseover]').length") == 0
    assert browser.current_url == address
    assert browser.title.startswith("Security handoffs: ")
    if record == "hostile_texts":
        assert "<script>" in browser.execute_script("return document.body.innerText")


# Whom it keeps out


@pytest.mark.parametrize(("record", "grain", "width", "scheme"), LOOKED_AT)
def test_axe_finds_nothing(browser, browsing, pages, record, grain, width, scheme):
    """The contrasts that it cannot tell `test_contrast` computes from the colours."""
    browsing.opened(browser, pages[record, grain], width=width, scheme=scheme)
    # The rows of a table are alike: three of each speak for the rest, and axe is done in half the time.
    browser.execute_script("for (const row of document.querySelectorAll('tbody tr:nth-child(n+4)')) row.remove()")
    undecided = browsing.assert_accessible(browser)
    assert [entry for entry in undecided if (entry.rule, entry.why) not in UNDECIDED] == []


def test_a_link_to_the_desk_is_told_by_more_than_its_colour(browser, browsing, pages):
    """The title stands in a box of its own, over which a link's underline does not reach by itself."""
    browsing.opened(browser, pages["hostile_texts", "week"])
    drawn = browser.execute_script("return [...document.querySelectorAll('.title a bdi')].map(one => getComputedStyle(one).textDecorationLine)")
    assert drawn
    assert set(drawn) == {"underline"}


def test_a_table_loses_no_column_beside_a_chart(browser, browsing, pages):
    """At the width of a small laptop's window nothing of the five numbers is out of its frame."""
    browsing.opened(browser, pages["demo", "month"], width=1000)
    cut = "return [...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.querySelector('caption').textContent)"
    assert browser.execute_script(cut) == []


def test_axe_would_find_something(browser, browsing, pages):
    """Else the tests above would hold whatever stood on the page."""
    browsing.opened(browser, pages["nothing_landed", "month"])
    browser.execute_script("document.documentElement.removeAttribute('lang'); document.querySelector('h1').style.color = '#ddd'")
    with pytest.raises(AssertionError, match="html-has-lang") as raised:
        browsing.assert_accessible(browser)
    assert "color-contrast" in str(raised.value)


def test_the_keyboard_goes_from_top_to_bottom(browser, browsing, pages):
    """The link past the sections' names, those names, then whatever scrolls, as they stand; and what has the focus is seen to have it."""
    browsing.opened(browser, pages["demo", "month"], width=browsing.PHONE, prefers_reduced_motion="reduce")
    wanted = browser.execute_script(
        "return [...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].map(one => [one.tagName, (one.getAttribute('aria-label') || one.textContent).trim()])"
    )
    reached = []
    for _ in wanted:
        _press(browser, "Tab")
        reached.append(
            browser.execute_script(
                "const one = document.activeElement, box = one.getBoundingClientRect();"
                "return [one.tagName, (one.getAttribute('aria-label') || one.textContent).trim(), getComputedStyle(one).outlineStyle, box.left >= 0 && box.top < innerHeight]"
            )
        )
    assert [entry[:2] for entry in reached] == wanted
    assert reached[0][:2] == ["A", "Skip to the figures"]
    assert {entry[2] for entry in reached} == {"solid"}
    assert all(entry[3] for entry in reached)


def test_the_link_past_the_sections_names_goes_to_the_figures(browser, browsing, pages):
    browsing.opened(browser, pages["nothing_landed", "month"])
    _press(browser, "Tab")
    _press(browser, "Enter")
    assert browser.execute_script("return document.activeElement.id") == "content"


def _press(browser, key: str) -> None:
    text = {"text": "\r"} if key == "Enter" else {}
    code = {"Tab": 9, "Enter": 13}[key]
    for kind in ("keyDown", "keyUp"):
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, **(text if kind == "keyDown" else {})})


@pytest.mark.parametrize("record", RECORDS)
def test_what_is_drawn_can_be_read(browser, browsing, pages, record):
    """Behind every chart, before the next heading of a section, stands a table; no table without caption, no heading cell without its scope."""
    browsing.opened(browser, pages[record, "quarter"])
    without = browser.execute_script(
        """
        const section = one => one.closest('section');
        const tables = [...document.querySelectorAll('table')];
        return [...document.querySelectorAll('figure')].filter(figure => !tables.some(
            table => section(table) === section(figure) && figure.compareDocumentPosition(table) & Node.DOCUMENT_POSITION_FOLLOWING
        )).map(figure => figure.querySelector('title').textContent)
        """
    )
    assert without == []
    assert browser.execute_script("return [...document.querySelectorAll('table')].filter(one => !one.caption || !one.caption.textContent.trim()).length") == 0
    assert browser.execute_script("return [...document.querySelectorAll('th')].filter(one => !['col', 'row', 'colgroup', 'rowgroup'].includes(one.scope)).length") == 0
    assert browser.execute_script("return [document.documentElement.lang, document.querySelectorAll('main').length, document.querySelectorAll('h1').length]") == ["en", 1, 1]
    assert browser.execute_script("return [...document.querySelectorAll('nav a')].every(one => document.querySelector(one.getAttribute('href'))?.matches('section'))")


# Its shape


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("record", RECORDS)
def test_the_page_never_scrolls_sideways(browser, browsing, pages, record, width):
    browsing.opened(browser, pages[record, "month"], width=width)
    across, window = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert across <= window == width


def test_wide_tables_scroll_in_their_own_frame(browser, browsing, pages):
    browsing.opened(browser, pages["demo", "month"], width=browsing.PHONE)
    query = "return [...document.querySelectorAll('.scroll')].filter(frame => frame.scrollWidth > frame.clientWidth).map(frame => frame.tabIndex)"
    scrolling = browser.execute_script(query)
    assert scrolling
    assert set(scrolling) == {0}, "what scrolls is reached without a pointer"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("record", ["demo", "hostile_texts"])
def test_letters_of_charts_never_meet(browser, browsing, pages, record, width):
    """Nor do they leave the chart, whose letters are of one size on every screen."""
    browsing.opened(browser, pages[record, "quarter"], width=width)
    meeting, outside, heights = browser.execute_script(
        """
        const meeting = [], outside = [], heights = new Set();
        for (const chart of document.querySelectorAll('svg.chart')) {
            const frame = chart.getBoundingClientRect();
            const boxes = [...chart.querySelectorAll('text')].filter(text => text.textContent.trim()).map(text => [text, text.getBoundingClientRect()]);
            boxes.forEach(([text, box], number) => {
                heights.add(getComputedStyle(text).fontSize);
                if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) outside.push([chart.querySelector('title').textContent, text.textContent]);
                for (const [other, across] of boxes.slice(number + 1))
                    if (Math.min(box.right, across.right) - Math.max(box.left, across.left) > 0.5 && Math.min(box.bottom, across.bottom) - Math.max(box.top, across.top) > 3)
                        meeting.push([chart.querySelector('title').textContent, text.textContent, other.textContent]);
            });
        }
        return [meeting, outside, [...heights].sort()];
        """
    )
    assert meeting == []
    assert outside == []
    assert set(heights) <= {"11px", "13px"}


@pytest.mark.parametrize("record", RECORDS)
def test_dark_light_and_print(browser, browsing, pages, record):
    address = pages[record, "month"]
    browsing.opened(browser, address)
    light = _background(browser)
    browsing.opened(browser, address, scheme="dark")
    dark = _background(browser)
    browsing.opened(browser, address, scheme="dark", medium="print")
    assert min(light) > 230
    assert max(dark) < 60
    assert _background(browser) == (255, 255, 255), "print is on paper whatever the screen is"
    assert browser.execute_script("return getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.execute_script("return [...document.querySelectorAll('thead')].every(one => getComputedStyle(one).display === 'table-header-group')")
    assert browser.execute_script("return [...document.querySelectorAll('h2, h3, caption')].every(one => getComputedStyle(one).breakAfter === 'avoid')")
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.startswith(b"%PDF-")


def test_nothing_is_lost_on_paper(browser, browsing, pages):
    """What scrolls on a screen cannot on paper: no table is wider than what an A4 page leaves it."""
    browsing.opened(browser, pages["demo", "month"], width=680, medium="print")  # 180 mm at 96 dots an inch
    query = "return [...document.querySelectorAll('table')].filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.caption.textContent)"
    assert browser.execute_script(query) == []


def test_what_a_reader_asked_of_the_system_is_kept(browser, browsing, pages):
    address = pages["demo", "month"]
    scroll, ink = "return getComputedStyle(document.documentElement).scrollBehavior", "return getComputedStyle(document.querySelector('.note')).color"
    browsing.opened(browser, address)
    assert (browser.execute_script(scroll), browser.execute_script(ink)) == ("smooth", "rgb(91, 98, 107)")
    browsing.opened(browser, address, prefers_reduced_motion="reduce")
    assert browser.execute_script(scroll) == "auto"
    browsing.opened(browser, address, prefers_contrast="more")
    assert browser.execute_script(ink) == "rgb(0, 0, 0)"
    browsing.opened(browser, address, forced_colors="active")
    bars = "return [...document.querySelectorAll('rect.mark')].map(one => getComputedStyle(one)).filter(one => one.fill === 'none' || one.forcedColorAdjust !== 'none').length"
    assert browser.execute_script(bars) == 0, "a system's own palette paints no bar away"


def _background(browser) -> tuple[int, ...]:
    text = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return tuple(int(part) for part in text.removeprefix("rgb(").removesuffix(")").split(","))
