"""The desk and a finding's page in a real browser, from a folder: nothing asked of a network, nothing executed; searched, filtered, linked, by keyboard,
on a phone, in the dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms.report import finding
from warehouse import published
from warehouse.published import open_copy

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
#: A checker of accessibility, kept for tests only.
AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe" / "axe.min.js"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason=f"no {CHROMIUM} or {DRIVER}: apt-get install chromium chromium-driver"),
]
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: it comes with the dev extra")

TABLES = ("queue", "flags", "findings", "people", "teams", "runs", "quarantines")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=str(DRIVER)))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


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


def opened(browser, address: str, *, width: int = 1280, scheme: str = "light", waits: bool = True) -> None:
    browser.get("about:blank")  # an address that differs behind # only would not be loaded anew
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500})
    browser.get(address)
    if waits:
        wait(browser, "document.body.dataset.ready === 'yes'")


def status(browser) -> str:
    return browser.execute_script("return document.getElementById('status').textContent")


def shown(browser, column: int = 0) -> list[str]:
    """The texts of a column of the table."""
    query = "return [...document.querySelectorAll('.tabulator-row')].map(row => row.querySelectorAll('.tabulator-cell')[arguments[0]].textContent)"
    return browser.execute_script(query, column)


def addresses(desk: Path, ids: dict[str, str]) -> list[str]:
    return [*((desk / f"{name}.html").as_uri() for name in TABLES), f"{(desk / 'finding.html').as_uri()}#{ids['F0']}"]


def test_every_page_is_inert_complete_and_asks_for_files_of_its_folder_only(browser, hostile_desk, ids):
    for address in addresses(hostile_desk, ids):
        opened(browser, address)
        assert browser.get_log("browser") == [], address
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = {message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"}
        assert all(url.startswith((hostile_desk.as_uri(), "data:", "about:")) for url in asked), asked
        assert browser.execute_script("return document.documentElement.dataset.pwned || ''") == ""
        foreign = "return document.querySelectorAll('main :is(script, img, iframe, svg, i, [onload], [onerror], [onmouseover])').length"
        assert browser.execute_script(foreign) == 0
        assert browser.execute_script("return [...document.querySelectorAll('main a')].every(link => link.protocol === 'file:')")
    opened(browser, (hostile_desk / "findings.html").as_uri())
    titles = shown(browser)
    assert "<script>" in "".join(titles)
    assert "&lt;b&gt; is &amp; stays" in titles


def test_a_finding_is_shown_by_its_address(browser, hostile_desk, ids):
    page = (hostile_desk / "finding.html").as_uri()
    opened(browser, f"{page}#{ids['F0']}")
    text = browser.execute_script("return document.body.innerText")
    for expected in ("acknowledged", "dispatched", "batch digest-1", "the named person is unknown", "Is it still there?", "business"):
        assert expected in text
    assert browser.execute_script("return document.getElementById('heading').textContent").startswith("<script>")
    opened(browser, f"{page}#{ids['F1']}")
    text = browser.execute_script("return document.body.innerText")
    assert "declined" in text
    assert "transferred" in text
    browser.execute_script("location.hash = arguments[0]", ids["F6"])
    wait(browser, "document.getElementById('heading').textContent === '&lt;b&gt; is &amp; stays'")
    opened(browser, f"{page}#<img src=x onerror=alert(1)>")
    assert browser.execute_script("return document.querySelectorAll('main img').length") == 0
    assert "No finding has the id" in browser.execute_script("return document.body.innerText")


def test_the_address_filters_and_the_filters_make_the_address(browser, hostile_desk):
    page = (hostile_desk / "findings.html").as_uri()
    opened(browser, f"{page}?severity=critical")
    assert status(browser) == "1 of 8 findings"
    assert len(shown(browser)) == 1
    browser.execute_script(
        "document.getElementById('filter-severity').value = ''; const q = document.getElementById('q'); q.value = 'IS stays'; q.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    wait(browser, "location.search === '?q=IS+stays'")
    assert status(browser) == "1 of 8 findings"
    assert shown(browser) == ["&lt;b&gt; is &amp; stays"]
    opened(browser, f"{page}?owner=(none)&team=nobody+has+this")
    assert status(browser) == "0 of 8 findings"
    opened(browser, f"{page}?__proto__=x&severity=%3Cimg+src%3Dx%3E")
    assert status(browser) == "0 of 8 findings"
    assert browser.execute_script("return document.querySelectorAll('main img').length") == 0


def test_the_keyboard_sorts_and_pages(browser, hostile_desk):
    opened(browser, (hostile_desk / "findings.html").as_uri())
    before = shown(browser, 1)
    assert before[0] == "critical"
    browser.execute_script("[...document.querySelectorAll('.sort')].find(button => button.textContent === 'Severity').focus()")
    keys = webdriver.ActionChains(browser)
    for expected, direction in ((sorted(before), "ascending"), (sorted(before, reverse=True), "descending")):
        keys.send_keys("\ue007").perform()  # Enter
        wait(browser, f"document.querySelector('[role=columnheader][aria-sort={direction}]')")
        assert shown(browser, 1) == expected
    assert browser.execute_script("return [...document.querySelectorAll('#filters label')].every(label => document.getElementById(label.htmlFor))")
    opened(browser, (hostile_desk / "findings.html").as_uri())
    webdriver.ActionChains(browser).send_keys("\ue004").perform()  # Tab
    assert browser.switch_to.active_element.text == "Skip to the content"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_no_page_scrolls_sideways(browser, hostile_desk, ids, life_page, width):
    for address in (*addresses(hostile_desk, ids), life_page):
        opened(browser, address, width=width, waits=address != life_page)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, address


def test_dark_is_dark(browser, hostile_desk, life_page):
    for address, waits in (((hostile_desk / "queue.html").as_uri(), True), (life_page, False)):
        opened(browser, address, scheme="dark", waits=waits)
        colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) < 60


def test_a_page_of_a_finding_needs_no_script_and_asks_for_nothing(browser, life_page):
    opened(browser, life_page, waits=False)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith(("data:", "about:"))} == {life_page}
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe').length") == 0
    assert browser.execute_script("return document.documentElement.dataset.pwned || ''") == ""


@pytest.mark.skipif(not AXE.exists(), reason=f"no {AXE.name} in tests/vendor/axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(browser, hostile_desk, ids, life_page, scheme):
    """axe-core finds nothing to complain of."""
    browser.execute_cdp_cmd("Page.enable", {})
    run = "const done = arguments[0]; axe.run({preload: false}).then(found => done(found.violations.map(rule => [rule.id, rule.nodes.map(node => node.html.slice(0, 120))])))"
    for address in (*addresses(hostile_desk, ids), (hostile_desk / "index.html").as_uri(), life_page):
        opened(browser, address, scheme=scheme, waits=address != life_page and "index" not in address)
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        assert browser.execute_async_script(run) == [], address
