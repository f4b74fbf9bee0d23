"""The page in a real browser: Debian's chromium and chromium-driver, through Selenium."""

import browsers
import pytest
from replays import toy_replay
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from garrison.view import page
from garrison.view.replay import Replay

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def replay():
    return toy_replay(steps=40)


@pytest.fixture(scope="module")
def chromium():
    with browsers.chromium() as driver:
        yield driver


@pytest.fixture
def shown(chromium, replay, tmp_path):
    """``shown(*replays, at="#t=3")`` opens a page. At the end its console is empty, and no host was asked."""

    def show(*replays, at=""):
        path = tmp_path / "page.html"
        path.write_text(page(replays or [replay]), encoding="utf-8")
        chromium.get("about:blank")
        chromium.get(path.as_uri() + at)
        WebDriverWait(chromium, 20).until(lambda _: chromium.find_elements(By.CSS_SELECTOR, "svg.map"))
        return chromium

    browsers.forget(chromium)
    yield show
    assert not [message for message in browsers.requests(chromium) if '"url":"http' in message]


def text(chromium, selector: str) -> str:
    return chromium.find_element(By.CSS_SELECTOR, selector).text


def press(chromium, *keys: str) -> None:
    for key in keys:
        ActionChains(chromium).send_keys(key).perform()


def test_keys_move_in_time(shown, replay):
    chromium = shown()
    assert text(chromium, ".clock") == "tick 0 of 40"
    press(chromium, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert text(chromium, ".clock") == "tick 1 of 40"
    press(chromium, Keys.END)
    assert text(chromium, ".clock") == "tick 40 of 40"
    whole = round(replay.end["return"] * 100) / 100
    assert text(chromium, ".score .big") == f"{whole:g}".replace("-", "−")
    press(chromium, Keys.HOME, ".")
    happened = next(tick["t"] for tick in replay.ticks if tick.get("happened"))
    assert text(chromium, ".clock") == f"tick {happened} of 40"
    told = chromium.find_element(By.CSS_SELECTOR, ".lines").find_elements(By.TAG_NAME, "li")
    assert [line.text for line in told] == replay.ticks[happened]["lines"]


def test_the_address_names_the_moment(shown):
    chromium = shown(at="#t=7&view=blue&host=2")
    assert text(chromium, ".clock") == "tick 7 of 40"
    assert text(chromium, "[aria-pressed=true]") == "Blue knows"
    assert "files" in text(chromium, ".side section:nth-of-type(3)")
    press(chromium, "1", Keys.ARROW_RIGHT)
    assert chromium.current_url.endswith("#t=8&view=true&host=2")
    assert "infected" in text(chromium, ".legend")


def test_marks_on_the_map_are_those_of_the_tick(shown, replay):
    chromium, marks = shown(), {}
    for tick in replay.ticks:
        marks |= tick.get("marks", {}).get("true", {})
        if tick["t"] in (0, 13, 40):
            chromium.execute_script(f"location.hash = '#t={tick['t']}&view=true'")
            labels = [
                cell.get_attribute("aria-label") for cell in chromium.find_elements(By.CSS_SELECTOR, ".host")
            ]
            infected = [str(h) for h, label in enumerate(labels) if "infected" in label]
            assert infected == [h for h in sorted(marks) if marks[h]]


def test_hosts_and_help_are_reached_without_a_mouse(shown):
    chromium = shown()
    chromium.find_element(By.CSS_SELECTOR, ".host").send_keys(Keys.ENTER)
    assert "gateway" in text(chromium, ".side section:nth-of-type(3)")
    press(chromium, "?")
    assert chromium.find_element(By.CSS_SELECTOR, "dialog").get_property("open")
    press(chromium, Keys.ESCAPE)
    assert not chromium.find_element(By.CSS_SELECTOR, "dialog").get_property("open")


def test_a_notebook_shows_it_in_a_frame(chromium, replay, tmp_path):
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><body>{replay._repr_html_()}</body>", encoding="utf-8")
    chromium.get_log("browser")
    chromium.get(path.as_uri())
    chromium.switch_to.frame(chromium.find_element(By.TAG_NAME, "iframe"))
    WebDriverWait(chromium, 10).until(lambda _: chromium.find_elements(By.CSS_SELECTOR, "svg.map"))
    chromium.find_element(By.XPATH, "//button[text()='On']").click()
    assert text(chromium, ".clock") == "tick 1 of 40"
    chromium.switch_to.default_content()
    assert chromium.get_log("browser") == []


def test_it_plays_and_stops_at_the_end(shown):
    chromium = shown(at="#t=38")
    press(chromium, "+", "+", "+", "+", " ")
    play = chromium.find_element(By.CSS_SELECTOR, ".bar button")
    WebDriverWait(chromium, 10).until(lambda _: play.text == "Play")
    assert text(chromium, ".clock") == "tick 40 of 40"


def test_two_are_shown_side_by_side(shown, replay):
    chromium = shown(replay, toy_replay(steps=20, seed=1))
    assert len(chromium.find_elements(By.CSS_SELECTOR, "svg.map")) == 2
    press(chromium, Keys.END)  # the shorter one stays at its end
    assert text(chromium, ".clock") == "tick 40 of 40"


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_is_cut_off(shown, chromium, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        shown()
        assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(shown, chromium, scheme):
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    shown(at="#t=13")
    script = """
      const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
      const light = (color) => {
        const linear = (x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = rgb(color).map((x) => linear(x / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
          const color = getComputedStyle(e).backgroundColor;
          if (!color.endsWith(", 0)") && color !== "transparent") return color;
        }
        return "rgb(255, 255, 255)";
      };
      return [...document.querySelectorAll("p, li, dt, dd, h1, h2, h3, button, output")]
        .filter((e) => e.textContent.trim() && e.offsetParent)
        .map((e) => {
          const a = light(getComputedStyle(e).color), b = light(behind(e));
          return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 40)];
        });
    """
    found = chromium.execute_script(script)
    assert len(found) > 20
    assert [one for one in found if one[0] < 4.5] == []


def test_hostile_text_stays_text(shown, replay):
    evil = "<img src=x onerror=alert(1)>"
    ticks = tuple({**tick, "lines": [evil]} for tick in replay.ticks)
    chromium = shown(Replay({**replay.header, "policy": evil}, ticks, replay.end), at="#t=5")
    assert text(chromium, "h1").startswith(evil)
    assert chromium.find_elements(By.TAG_NAME, "img") == []


def test_a_damaged_replay_is_named(chromium, replay, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page([replay]).replace('class="replay">H4sI', 'class="replay">AAAA'), encoding="utf-8")
    chromium.get(path.as_uri())
    assert "This replay cannot be shown" in text(chromium, "#app")
    chromium.get_log("browser")
    chromium.get_log("performance")
