"""The desk and a finding's page in a real browser, from a folder: nothing asked of a network, nothing executed; searched, filtered, linked, by keyboard,
on a phone, in the dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms.report import finding
from warehouse import published
from warehouse.published import open_copy

pytestmark = pytest.mark.browser

TABLES = ("queue", "flags", "findings", "people", "teams", "runs", "quarantines")


@pytest.fixture(scope="module")
def ids(hostile_home) -> dict[str, str]:
    """Findings by the scanner's own id."""
    with open_copy(hostile_home) as connection:
        return {own_ids[0]: finding_id for finding_id, own_ids in connection.execute("SELECT finding_id, own_ids FROM mart.finding").fetchall()}


@pytest.fixture(scope="module")
def life_page(hostile_home, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("life") / "life.html"
    path.write_text(finding.render(published.life(hostile_home, "F0")), encoding="utf-8")
    return path.as_uri()


#: Calls back once the page says that it shows its data, or the text that a condition waits for.
READY = """
const [condition, done] = arguments;
const holds = new Function(`return ${condition}`);
if (holds()) done(true);
else {
  const watch = new MutationObserver(() => holds() && (watch.disconnect(), done(true)));
  watch.observe(document.documentElement, {subtree: true, childList: true, characterData: true, attributes: true});
}
"""


def wait(browser, condition: str) -> None:
    browser.execute_async_script(READY, condition)


@pytest.fixture
def opened(browser, browsing):
    """Opens a page, and waits for its data where it brings any."""

    def opens(address: str, *, waits: bool = True, **manner) -> None:
        browsing.opened(browser, address, **manner)
        if waits:
            wait(browser, "document.body.dataset.ready === 'yes'")

    return opens


def status(browser) -> str:
    return browser.execute_script("return document.getElementById('status').textContent")


def shown(browser, column: int = 0) -> list[str]:
    """The texts of a column of the table."""
    query = "return [...document.querySelectorAll('.tabulator-row')].map(row => row.querySelectorAll('.tabulator-cell')[arguments[0]].textContent)"
    return browser.execute_script(query, column)


def addresses(desk: Path, ids: dict[str, str]) -> list[str]:
    return [*((desk / f"{name}.html").as_uri() for name in TABLES), f"{(desk / 'finding.html').as_uri()}#{ids['F0']}"]


def test_every_page_is_inert_complete_and_asks_for_files_of_its_folder_only(browser, browsing, opened, hostile_desk, ids):
    for address in addresses(hostile_desk, ids):
        opened(address)
        assert browsing.complaints(browser) == [], address
        asked = browsing.requests(browser, address)
        assert all(url.startswith(hostile_desk.as_uri()) for url in asked), asked
        assert browser.execute_script("return document.documentElement.dataset.pwned || ''") == ""
        foreign = "return document.querySelectorAll('main :is(script, img, iframe, svg, i, [onload], [onerror], [onmouseover])').length"
        assert browser.execute_script(foreign) == 0
        assert browser.execute_script("return [...document.querySelectorAll('main a')].every(link => link.protocol === 'file:')")
    opened((hostile_desk / "findings.html").as_uri())
    titles = shown(browser)
    assert "<script>" in "".join(titles)
    assert "&lt;b&gt; is &amp; stays" in titles


def test_a_finding_is_shown_by_its_address(browser, opened, hostile_desk, ids):
    page = (hostile_desk / "finding.html").as_uri()
    opened(f"{page}#{ids['F0']}")
    text = browser.execute_script("return document.body.innerText")
    for expected in ("acknowledged", "dispatched", "batch digest-1", "the named person is unknown", "Is it still there?", "business"):
        assert expected in text
    assert browser.execute_script("return document.getElementById('heading').textContent").startswith("<script>")
    opened(f"{page}#{ids['F1']}")
    text = browser.execute_script("return document.body.innerText")
    assert "declined" in text
    assert "transferred" in text
    browser.execute_script("location.hash = arguments[0]", ids["F6"])
    wait(browser, "document.getElementById('heading').textContent === '&lt;b&gt; is &amp; stays'")
    opened(f"{page}#<img src=x onerror=alert(1)>")
    assert browser.execute_script("return document.querySelectorAll('main img').length") == 0
    assert "No finding has the id" in browser.execute_script("return document.body.innerText")


def test_the_address_filters_and_the_filters_make_the_address(browser, opened, hostile_desk):
    page = (hostile_desk / "findings.html").as_uri()
    opened(f"{page}?severity=critical")
    assert status(browser) == "1 of 8 findings"
    assert len(shown(browser)) == 1
    browser.execute_script(
        "document.getElementById('filter-severity').value = ''; const q = document.getElementById('q'); q.value = 'IS stays'; q.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    wait(browser, "location.search === '?q=IS+stays'")
    assert status(browser) == "1 of 8 findings"
    assert shown(browser) == ["&lt;b&gt; is &amp; stays"]
    opened(f"{page}?owner=(none)&team=nobody+has+this")
    assert status(browser) == "0 of 8 findings"
    opened(f"{page}?__proto__=x&severity=%3Cimg+src%3Dx%3E")
    assert status(browser) == "0 of 8 findings"
    assert browser.execute_script("return document.querySelectorAll('main img').length") == 0


def test_the_keyboard_sorts_and_pages(browser, opened, hostile_desk):
    opened((hostile_desk / "findings.html").as_uri())
    before = shown(browser, 1)
    assert before[0] == "critical"
    browser.execute_script("[...document.querySelectorAll('.sort')].find(button => button.textContent === 'Severity').focus()")
    from selenium.webdriver import ActionChains

    keys = ActionChains(browser)
    for expected, direction in ((sorted(before), "ascending"), (sorted(before, reverse=True), "descending")):
        keys.send_keys("\ue007").perform()  # Enter
        wait(browser, f"document.querySelector('[role=columnheader][aria-sort={direction}]')")
        assert shown(browser, 1) == expected
    assert browser.execute_script("return [...document.querySelectorAll('#filters label')].every(label => document.getElementById(label.htmlFor))")
    opened((hostile_desk / "findings.html").as_uri())
    ActionChains(browser).send_keys("\ue004").perform()  # Tab
    assert browser.switch_to.active_element.text == "Skip to the content"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_no_page_scrolls_sideways(browser, opened, hostile_desk, ids, life_page, width):
    for address in (*addresses(hostile_desk, ids), life_page):
        opened(address, width=width, waits=address != life_page)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, address


def test_dark_is_dark(browser, opened, hostile_desk, life_page):
    for address, waits in (((hostile_desk / "queue.html").as_uri(), True), (life_page, False)):
        opened(address, scheme="dark", waits=waits)
        colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) < 60


def test_a_page_of_a_finding_needs_no_script_and_asks_for_nothing(browser, browsing, opened, life_page):
    opened(life_page, waits=False)
    assert browsing.complaints(browser) == browsing.requests(browser, life_page) == []
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe').length") == 0
    assert browser.execute_script("return document.documentElement.dataset.pwned || ''") == ""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_nobody_is_kept_out(browser, browsing, opened, hostile_desk, ids, life_page, scheme, width):
    for address in (*addresses(hostile_desk, ids), (hostile_desk / "index.html").as_uri(), life_page):
        opened(address, scheme=scheme, width=width, waits=address != life_page and "index" not in address)
        browsing.assert_accessible(browser)
