"""A real browser: Debian's chromium and chromium-driver, by Selenium. Importing it skips without them."""

import contextlib
import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="needs Selenium: pip install '.[test-browser]'")
if shutil.which("chromedriver") is None:
    pytest.skip("needs chromedriver: apt install chromium chromium-driver", allow_module_level=True)


@contextlib.contextmanager
def chromium():
    """A driver that logs the console and all requests."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def forget(driver):
    """Empty the logs."""
    driver.get_log("browser")
    driver.get_log("performance")


def requests(driver) -> list[str]:
    """The requests since the logs were emptied, at least one; the console has to be empty."""
    assert driver.get_log("browser") == []
    asked = [entry["message"] for entry in driver.get_log("performance")]
    asked = [message for message in asked if '"Network.requestWillBeSent"' in message]
    assert asked
    return asked
