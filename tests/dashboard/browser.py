"""A real headless Chromium for the tests, and words for what they look at."""

from __future__ import annotations

import json
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1360,900"),
    "--disable-dev-shm-usage",
)


def why_not() -> str:
    """Why there can be no browser test here, or ""."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: apt-get install chromium chromium-driver)"
    return ""


class Browser:
    """One Chromium with a fresh profile."""

    def __init__(self) -> None:
        webdriver = pytest.importorskip("selenium.webdriver")
        from selenium.webdriver.chrome.service import Service

        self.profile = tempfile.mkdtemp(prefix="hystrixpy-chromium-")
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--user-data-dir={self.profile}"):
            options.add_argument(flag)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(30)

    def quit(self) -> None:
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url: str) -> None:
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(url)

    def script(self, source: str, *args: Any) -> Any:
        return self.driver.execute_script(source, *args)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """The first true answer; the page moves on by itself."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 20, poll_frequency=0.05).until(lambda _driver: condition(), what)

    def complaints(self) -> list[str]:
        """What the console says, other than connections that a test broke on purpose."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "net::ERR_" not in entry["message"]]

    def requested(self) -> set[str]:
        """Every URL the page asked for since it was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return {
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        }

    def card(self, key: str) -> dict[str, Any] | None:
        """What the card of a circuit shows."""
        return self.script(CARD, key)  # type: ignore[no-any-return]

    def cards(self) -> list[str]:
        """The names that are to be seen, in order."""
        return self.script(  # type: ignore[no-any-return]
            "return [...document.querySelectorAll('#circuits > li:not([hidden])')].map(e => e.dataset.key)"
        )


CARD = """
const card = [...document.querySelectorAll('#circuits > li')].find(e => e.dataset.key === arguments[0]);
if (!card) return null;
const pairs = (list) => Object.fromEntries([...card.querySelectorAll(list + ' > div')].map(
  e => [e.querySelector('dt').textContent, e.querySelector('dd').textContent]));
return {
  state: card.querySelector('.state').textContent,
  border: getComputedStyle(card).borderLeftColor,
  rate: card.querySelector('.rate .value').textContent,
  error: card.querySelector('.error .value').textContent,
  counters: pairs('.counters'),
  latencies: pairs('.latencies'),
  foot: card.querySelector('.foot').textContent,
};
"""
