"""The page in a real browser: Debian's chromium and chromium-driver, through Selenium."""

import contextlib
import functools
import http.server
import threading

import browsers
import pytest
from replays import toy_replay
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from garrison.view import page, write
from garrison.view.bundle import make
from garrison.view.replay import Replay

pytestmark = pytest.mark.browser
EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def replay():
    return toy_replay(steps=40)


@pytest.fixture(scope="module")
def game(replay):
    """A replay with what games with tools have: turns of two ticks, a plan, and an account of the score."""
    call = {"tool_name": "wait", "params": {"host": EVIL}, "rationale": EVIL}
    model = {"model": "test", "prompt_tokens": 9, "latency_s": 0.5, "said": EVIL}
    answers = [
        {"call": "wait", "answer": EVIL},
        {"call": "wait", "error": {"code": "BAD_PARAMS", "message": "no"}},
    ]
    turn = {
        "seat": "blue",
        "read": EVIL,
        "action": {"calls": [call, call]},
        "answers": answers,
        "model": model,
    }
    header = {
        "scenario": "small",
        "seats": ["blue"],
        "prompts": {"blue": EVIL},
        "plan": [[1, "B0", f"#1 {EVIL}"]],
    }
    ticks = [dict(tick) for tick in replay.ticks]
    ticks[1] |= {"turns": [turn], "plan": [[1, "done"]]}
    ticks[3]["turns"] = [{"seat": "blue", "skipped": True}, {"seat": "blue", "hint": True}]
    account = [{"name": "score", "value": 0.5, "meaning": EVIL}]
    end = replay.end | {"account": {"blue": account}}
    return Replay(replay.header | {"game": header}, tuple(ticks), end)


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


def named(chromium, text: str) -> None:
    """Wait until the address names a moment."""
    WebDriverWait(chromium, 10).until(lambda _: text in chromium.current_url)


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
    named(chromium, "#t=8&view=true&host=2")
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


@pytest.fixture
def plain(chromium):
    """After the test the window and the preferences are as before."""
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browsers.prefer(chromium)


def unfold(chromium):
    chromium.execute_script("document.querySelectorAll('details').forEach((one) => (one.open = true))")


@pytest.mark.parametrize(("width", "scale"), [(360, 1), (1400, 1), (1400, 2)])
def test_nothing_is_cut_off(shown, plain, game, width, scale):
    """Also with all text at 200%."""
    for replays in ((), (game,), (game, game)):
        browsers.width(plain, width, scale)
        shown(*replays)
        unfold(plain)
        assert not browsers.cut_off(plain)
    if (width, scale) == (1400, 1):
        plain.execute_script("document.documentElement.style.fontSize = '200%'")
        assert not browsers.cut_off(plain)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_use_it(shown, plain, game, scheme):
    browsers.prefer(plain, color_scheme=scheme)
    for replays in ((game,), (game, game)):
        shown(*replays, at="#t=5&host=1")
        unfold(plain)
        assert browsers.faint(plain) == []
        assert browsers.nameless(plain) == []
        assert browsers.violations(plain) == []


def test_the_scheme_can_be_chosen(shown, plain):
    browsers.prefer(plain, color_scheme="light")
    shown()
    button = plain.find_element(By.CSS_SELECTOR, ".scheme")

    def ground():
        script = "return getComputedStyle(document.body).backgroundColor"
        return plain.execute_script(script)

    assert button.text == "Colors: auto"
    light = ground()
    button.click()
    assert button.text == "Colors: dark"
    assert ground() != light
    button.click()
    assert ground() == light
    button.click()
    assert button.text == "Colors: auto"


FOCUSED = """
  const e = document.activeElement, inner = e.matches(".host") && e.querySelector("rect, circle, path");
  const visible = inner
    ? getComputedStyle(inner).strokeWidth === "3.5px" : getComputedStyle(e).outlineStyle !== "none";
  return { name: e.getAttribute("aria-label") || e.textContent.trim(), visible };
"""


def test_the_focus_goes_through_the_page_in_order_and_can_be_seen(shown):
    chromium = shown()
    seen = []
    for _ in range(40):
        press(chromium, Keys.TAB)
        if chromium.switch_to.active_element.tag_name == "body":
            break  # and on to the browser's own controls
        seen.append(chromium.execute_script(FOCUSED))
    names = [one["name"] for one in seen]
    wanted = ["Play", "Back", "On", "Next event", "Next compromise", "True", "Blue knows", "find a host"]
    assert [name for name in names if name in wanted][: len(wanted)] == wanted
    assert names.index("tick") < names.index("Events in words, and which are shown")
    hosts = [name for name in names if name.startswith(("gateway", "web", "files", "desk"))]
    assert len(hosts) >= 4  # a host of each zone
    assert all(one["visible"] for one in seen), [one["name"] for one in seen if not one["visible"]]


def test_nothing_moves_by_itself(shown, plain):
    browsers.prefer(plain, reduced_motion="reduce")
    shown()
    moving = "return document.getAnimations().length + [...document.querySelectorAll('*')].filter((e) => "
    moving += "parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
    assert plain.execute_script(moving) == 0


def test_events_in_words_are_those_of_the_filter(shown, replay):
    chromium = shown()
    chromium.find_element(By.CSS_SELECTOR, ".events summary").click()
    happened = [(tick["t"], *one) for tick in replay.ticks for one in tick.get("happened", ())]
    WebDriverWait(chromium, 10).until(
        lambda _: len(chromium.find_elements(By.CSS_SELECTOR, ".log [data-t]")) == len(happened)
    )
    lines = [line.text for line in chromium.find_elements(By.CSS_SELECTOR, ".log li")]
    names = ["gateway", "web", "files", "desk"]
    words = {"infected": "infected", "clean": "clean again"}
    assert lines == [f"tick {t} {words[kind]}: {names[h]}, {names[h]}" for t, kind, h in happened]
    bars = len(chromium.find_elements(By.CSS_SELECTOR, ".timeline .bar"))
    chromium.find_elements(By.CSS_SELECTOR, ".filters input")[0].click()  # infected
    cleaned = [t for t, kind, _ in happened if kind == "clean"]
    assert len(chromium.find_elements(By.CSS_SELECTOR, ".log [data-t]")) == len(cleaned)
    assert len(chromium.find_elements(By.CSS_SELECTOR, ".timeline .bar")) == len(set(cleaned)) < bars
    chromium.execute_script("document.activeElement.blur()")
    press(chromium, Keys.HOME, ".")
    assert text(chromium, ".clock") == f"tick {cleaned[0]} of 40"
    assert text(chromium, ".log [aria-current]").startswith(f"tick {cleaned[0]} clean again")


def test_compromises_and_hosts_are_found_by_keys(shown, replay):
    chromium = shown()
    marks, started = {}, []
    for tick in replay.ticks:
        now = {**marks, **tick.get("marks", {}).get("true", {})}
        started += [tick["t"]] if any(now[h] and not marks.get(h) for h in now) else []
        marks = now
    press(chromium, "c")
    assert text(chromium, ".clock") == f"tick {next(t for t in started if t > 0)} of 40"
    press(chromium, "/", *"files", Keys.ENTER)
    focused = chromium.switch_to.active_element
    assert focused.get_attribute("aria-label").startswith("files, files")
    named(chromium, "host=2")
    press(chromium, Keys.ARROW_RIGHT)  # its zone has no other host, so this is time
    press(chromium, "t", Keys.HOME)
    assert chromium.switch_to.active_element.get_attribute("role") == "slider"
    press(chromium, "m")
    assert chromium.switch_to.active_element.get_attribute("data-host") == "2"


def test_incidents_are_a_table_with_links(shown):
    chromium = shown()
    unfold(chromium)
    rows = chromium.find_elements(By.XPATH, "//table[.//th[text()='first sign']]/tbody/tr")
    assert rows
    start = rows[-1].find_element(By.TAG_NAME, "button")
    tick = start.text
    start.send_keys(Keys.ENTER)
    assert text(chromium, ".clock") == f"tick {tick} of 40"
    assert chromium.switch_to.active_element.text == tick  # although the table was written again


def test_calls_and_the_plan_are_shown_and_hostile_ones_stay_text(shown, game):
    """Rationales, replies and answers are text of models and of other people."""
    chromium = shown(game, at="#t=1")
    calls = chromium.find_element(By.XPATH, "//section[h2[text()='Calls']]")
    assert f"wait(host={EVIL}) → {EVIL} ({EVIL})" in calls.text
    assert "test, 9 tokens in, 0.5 s" in calls.text
    unfold(chromium)
    for name in ("What it read", "What it wrote"):
        shown_text = chromium.find_element(By.XPATH, f"//details[summary='{name}']/pre").text
        assert shown_text == EVIL
    assert "BAD_PARAMS: no" in calls.text
    plan = chromium.find_element(By.XPATH, "//section[h2[text()='Plan']]")
    assert plan.text.splitlines()[1:] == ["B0: 1 of 1 done, 0 sealed; now nothing", f"● done: #1 {EVIL}"]
    assert chromium.find_elements(By.TAG_NAME, "img") == []
    calls.find_element(By.XPATH, ".//button[contains(text(), 'next')]").click()
    assert text(chromium, ".clock") == "tick 3 of 40"


def test_a_folder_is_served_by_any_web_server(chromium, replay, tmp_path):
    paths = [tmp_path / f"{name}.replay.jsonl.gz" for name in ("one", "two")]
    for path in paths:
        write(path, replay)
    make(paths, tmp_path / "site")
    with folder_server(tmp_path / "site") as address:
        browsers.forget(chromium)
        chromium.get(f"{address}/index.html")
        WebDriverWait(chromium, 10).until(lambda _: chromium.find_elements(By.TAG_NAME, "table"))
        assert browsers.nameless(chromium) == []
        for box in chromium.find_elements(By.CSS_SELECTOR, "td input"):
            box.click()
        chromium.find_element(By.XPATH, "//button[text()='Open side by side']").click()
        WebDriverWait(chromium, 10).until(
            lambda _: len(chromium.find_elements(By.CSS_SELECTOR, "svg.map")) == 2
        )
        press(chromium, Keys.END)
        named(chromium, "t=40")
        chromium.refresh()  # the address names both and the moment
        WebDriverWait(chromium, 10).until(lambda _: chromium.find_elements(By.CSS_SELECTOR, ".clock"))
        assert text(chromium, ".clock") == "tick 40 of 40"
        chromium.find_element(By.XPATH, "//button[text()='Back']").click()
        assert len(chromium.find_elements(By.CSS_SELECTOR, "td input")) == 2
        for message in browsers.requests(chromium):
            assert message.count('"url":"http') == message.count(f'"url":"{address}')


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Tests print nothing."""


@contextlib.contextmanager
def folder_server(folder):
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


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
