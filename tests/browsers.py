"""A real browser: Debian's chromium and chromium-driver, by Selenium. Importing it skips without them."""

import contextlib
import os
import shutil
from pathlib import Path

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


def width(driver, pixels, scale=1):
    """Give the page a width, with ``scale`` as of a browser's zoom."""
    size = {"width": pixels // scale, "height": 900, "deviceScaleFactor": scale, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def prefer(driver, **features):
    """Preferences of the user, such as ``color_scheme="dark"``."""
    listed = [
        {"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": listed})


#: roles that have to have a name
_NAMED = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "slider", "spinbutton", "image"}


def nameless(driver) -> list[str]:
    """Elements that people use but that a screen reader has no name for, as the browser computes names."""
    driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    used = [one for one in nodes if not one["ignored"] and one["role"]["value"] in _NAMED]
    assert len(used) > 2
    return [one["role"]["value"] for one in used if not one.get("name", {}).get("value", "").strip()]


_CONTRAST = """
  const rgb = (text) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const known = new Map();
  const light = (color) => {
    if (!known.has(color)) {
      const linear = (x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
      const [r, g, b] = rgb(color).map((x) => linear(x / 255));
      known.set(color, 0.2126 * r + 0.7152 * g + 0.0722 * b);
    }
    return known.get(color);
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!color.endsWith(", 0)") && color !== "transparent") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = "p, li, dt, dd, h1, h2, h3, button, output, th, td, summary, label, legend";
  return [...document.querySelectorAll(texts)]
    .filter((e) => e.textContent.trim() && e.offsetParent && !e.disabled && !e.querySelector(":disabled"))
    .map((e) => {
      const a = light(getComputedStyle(e).color), b = light(behind(e));
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 40)];
    });
"""


def faint(driver) -> list[str]:
    """Texts whose contrast is below 4.5, as WCAG 2.2 AA asks for."""
    found = driver.execute_script(_CONTRAST)
    assert len(found) > 10
    return [f"{text} ({ratio:.1f})" for ratio, text in found if ratio < 4.5]


def violations(driver) -> list[str]:
    """What axe-core finds, where the environment variable AXE_CORE names its ``axe.min.js``; else nothing."""
    path = os.environ.get("AXE_CORE")
    if path is None:
        return []
    driver.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(path).read_text(encoding="utf-8")})
    return driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((found) => done(found.violations.map((one) => "
        "`${one.id}: ${one.nodes.map((node) => node.html.slice(0, 150)).slice(0, 3).join(' | ')}`)));"
    )


def cut_off(driver) -> bool:
    """Whether the page is wider than the window."""
    return driver.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
