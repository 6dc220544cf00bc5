"""The report in a real browser: nothing asked of a network, nothing complained of, nothing executed; a phone, dark and print."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse import reports
from warehouse.home import Home

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason=f"no {CHROMIUM} or {DRIVER}: apt-get install chromium chromium-driver"),
]
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: it comes with the dev extra")

PAGES = ("plain_path", "nothing_landed", "hostile_texts")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(params=PAGES)
def page(request, tmp_path) -> str:
    """The address of the monthly report of each warehouse."""
    return reports.write_report(request.getfixturevalue(request.param), Home(tmp_path), "month").as_uri()


def opened(browser, address: str, *, width: int = 1280, scheme: str = "light", medium: str = "") -> None:
    for log in ("browser", "performance"):
        browser.get_log(log)  # what came before is not this page's
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(address)


def background(browser) -> tuple[int, ...]:
    text = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return tuple(int(part) for part in text.removeprefix("rgb(").removesuffix(")").split(","))


def test_asks_for_nothing_and_complains_of_nothing(browser, page):
    opened(browser, page)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if url != page and not url.startswith("data:")] == []


def test_hostile_text_does_nothing(browser, hostile_texts, tmp_path):
    address = reports.write_report(hostile_texts, Home(tmp_path), "month").as_uri()
    opened(browser, address)
    assert browser.execute_script("return document.documentElement.dataset.pwned || ''") == ""
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe, [onload], [onerror], [onmouseover]').length") == 0
    assert "<script>" in browser.execute_script("return document.body.innerText")
    assert browser.current_url == address
    assert browser.title == "Security handoffs: May 2026"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(browser, page, width):
    opened(browser, page, width=width)
    across, window = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert across <= window == width


def test_wide_tables_scroll_in_their_own_frame(browser, plain_path, tmp_path):
    opened(browser, reports.write_report(plain_path, Home(tmp_path), "month").as_uri(), width=390)
    query = "return [...document.querySelectorAll('.scroll')].filter(frame => frame.scrollWidth > frame.clientWidth).length"
    assert browser.execute_script(query) > 0


def test_letters_of_charts_keep_their_size(browser, plain_path, tmp_path):
    address = reports.write_report(plain_path, Home(tmp_path), "month").as_uri()
    heights = []
    for width in (390, 1280):
        opened(browser, address, width=width)
        heights.append(browser.execute_script("return document.querySelector('.chart text').getBoundingClientRect().height"))
    assert heights[0] == pytest.approx(heights[1], abs=0.5)


def test_dark_light_and_print(browser, page, tmp_path):
    opened(browser, page)
    light = background(browser)
    opened(browser, page, scheme="dark")
    dark = background(browser)
    opened(browser, page, scheme="dark", medium="print")
    assert min(light) > 230
    assert max(dark) < 60
    assert background(browser) == (255, 255, 255), "print is on paper whatever the screen is"
    assert browser.execute_script("return getComputedStyle(document.querySelector('nav')).display") == "none"
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.startswith(b"%PDF-")
    (tmp_path / "report.pdf").write_bytes(printed)


def test_the_keyboard_reaches_the_figures_first(browser, page):
    opened(browser, page)
    actions = webdriver.ActionChains(browser)
    actions.send_keys("\ue004").perform()  # Tab
    focused = browser.switch_to.active_element
    assert focused.text == "Skip to the figures"
    assert focused.rect["x"] >= 0
    actions.send_keys("\ue007").perform()  # Enter
    assert browser.execute_script("return document.activeElement.id") == "content"
