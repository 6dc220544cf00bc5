"""A headless Chromium for the tests of every page: wide or as a phone, in light, dark or print; what it asked for, what it complained of, and axe.

The driver's own scripts are not bound by a page's content policy, so that axe runs in pages that forbid every script.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
AXE = Path(__file__).resolve().parent / "vendor" / "axe-core" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
#: Every rule of WCAG 2.0 to 2.2, levels A and AA, and what axe holds to be good practice besides.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDE, PHONE = 1280, 360


class Undecided(NamedTuple):
    """What axe cannot tell by itself: a rule and the element that a person has to look at."""

    rule: str
    element: str
    why: str


@contextmanager
def started() -> Iterator[Any]:
    """A driver, its console and its network logged. The test is skipped where there is no Chromium or no selenium."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"no {CHROMIUM} or {DRIVER}: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: it comes with the dev extra")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=str(DRIVER)))
    driver.set_script_timeout(120)  # axe on a long page, on a busy machine
    try:
        yield driver
    finally:
        driver.quit()


def opened(driver: Any, address: str, *, width: int = WIDE, scheme: str = "light", medium: str = "", **preferences: str) -> None:
    """Opens a page. `preferences` are media features by their name, underscores for hyphens: `prefers_contrast="more"`."""
    for log in ("browser", "performance"):
        driver.get_log(log)  # what came before is not this page's
    features = [{"name": name.replace("_", "-"), "value": value} for name, value in {"prefers_color_scheme": scheme, **preferences}.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get("about:blank")  # else a page that is there already would only be scrolled to its fragment
    driver.get(address)


def complaints(driver: Any) -> list[str]:
    """What the console says since the page was opened."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requests(driver: Any, address: str) -> list[str]:
    """What was asked for since the page was opened, besides the page itself and data that it carries."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [url for url in asked if url != address and not url.startswith(("data:", "about:"))]


def assert_accessible(driver: Any, *, rules: tuple[str, ...] = RULES) -> list[Undecided]:
    """Fails where axe finds a violation in the page that is open; what axe cannot decide is returned."""
    if not AXE.exists():
        pytest.skip(f"no {AXE.name}: the source distribution does not carry it")
    driver.execute_script(_axe())
    found = driver.execute_async_script(
        "const [tags, done] = arguments; axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations', 'incomplete']})"
        ".then(done, error => done({error: String(error)}))",
        list(rules),
    )
    assert "error" not in found, found["error"]
    violations = [(rule["id"], node["target"], node["html"][:200], node["failureSummary"]) for rule in found["violations"] for node in rule["nodes"]]
    assert violations == [], f"{driver.current_url}: {violations}"
    return [
        Undecided(rule["id"], str(node["target"][-1]), "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"])))
        for rule in found["incomplete"]
        for node in rule["nodes"]
    ]


@cache
def _axe() -> str:
    text = AXE.read_bytes()
    assert hashlib.sha256(text).hexdigest() == AXE_SHA256, f"{AXE} is not the file that its README names"
    return f"if (!window.axe) {{ {text.decode('utf-8')} }}"
