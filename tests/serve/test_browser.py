"""Playing and watching in a real browser: Debian's chromium and chromium-driver, through Selenium."""

import json
import time

import browsers
import pytest
from replays import toy_replay
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from servers import exchange, running

from garrison.llm.players import end
from garrison.serve.settings import Limits
from garrison.view import write

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    for name, seed in (("one", 0), ("two", 1)):
        write(folder / f"{name}.replay.jsonl.gz", toy_replay(seed=seed))
    with running(compiled=("idle",), limits=Limits(step=120), spectators=True, results=folder) as one:
        until = time.monotonic() + 300
        while one.ask("/health")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        yield one


@pytest.fixture(scope="module")
def driver():
    with browsers.chromium() as driver:
        yield driver


@pytest.fixture
def chromium(driver, server):
    """The page, which at the end has an empty console and has asked no other host."""
    sessions = server.server.app.state.sessions
    for session in list(sessions._sessions.values()):  # of a test that failed
        sessions.close(session)
    driver.get(server.address)
    driver.execute_script("sessionStorage.clear()")
    browsers.forget(driver)
    driver.get(server.address)
    wait(driver, "form.form")
    yield driver
    for message in browsers.requests(driver):
        assert message.count('"url":"http') == message.count(f'"url":"{server.address}')


def find(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def wait(driver, selector, text=""):
    WebDriverWait(driver, 60, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda _: any(text in one.text for one in driver.find_elements(By.CSS_SELECTOR, selector))
    )
    return find(driver, selector)


def start(driver, **choices):
    for name, value in choices.items():
        field = find(driver, f"[name={name}]")
        if field.tag_name == "select":
            Select(field).select_by_value(value)
        else:
            field.send_keys(value)
    find(driver, "form.form button").click()
    wait(driver, ".clock", "tick 0 of 60")


def press(driver, *keys):
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def leave(server, driver):
    """Back to the choice of games; the game ends with its session."""
    find(driver, "[data-do=leave]").click()
    wait(driver, "form.form")
    WebDriverWait(driver, 10).until(lambda _: not games(server))


def usable(driver):
    """Names, contrast and width are as they have to be, in both schemes and on a narrow screen."""
    for scheme in ("dark", "light"):
        browsers.prefer(driver, color_scheme=scheme)
        assert browsers.faint(driver) == []
    assert browsers.nameless(driver) == []
    assert browsers.violations(driver) == []
    browsers.width(driver, 360)
    assert not browsers.cut_off(driver)
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def games(server):
    return [table.game for table in server.server.app.state.sessions.tables().values()]


@pytest.mark.parametrize(("seat", "opponent"), [("blue", "fsm"), ("red", "idle")])
def test_ten_turns_are_played_by_keys(server, chromium, seat, opponent):
    start(chromium, seat=seat, opponent=opponent, seed="5")
    for turn in range(1, 11):
        press(chromium, "e")
        wait(chromium, ".clock", f"turn {turn}")
    [game] = games(server)
    assert game.seats[seat].tally.turns == 10
    assert game.tick >= 10
    assert find(chromium, ".clock").text == f"tick {game.tick} of 60, turn 10"
    assert find(chromium, ".text").text.startswith(("OK turn ended", "T "))
    leave(server, chromium)


def test_an_order_is_given_by_the_form_and_a_wrong_one_is_said(server, chromium):
    start(chromium, seed="3")
    press(chromium, "t")
    assert chromium.switch_to.active_element.get_attribute("aria-label") == "tool"
    Select(find(chromium, "[aria-label=tool]")).select_by_value("run_forensics")
    field = find(chromium, "input[name=host]")
    field.send_keys("XYZ-s0" + Keys.ENTER)
    wait(chromium, ".problem", "no host")
    chromium.execute_script("arguments[0].value = ''", field)
    field.send_keys("RZA-s0" + Keys.ENTER)
    wait(chromium, ".text", "OK B0: run_forensics RZA-s0")
    chromium.execute_script("document.activeElement.blur()")
    press(chromium, "e")
    wait(chromium, ".lines", "run_forensics RZA-s0")
    [game] = games(server)
    assert game.seats["blue"].tally.errors == {"UNKNOWN_HOST": 1}
    leave(server, chromium)


def test_a_reload_goes_on_and_a_hint_is_counted(server, chromium):
    start(chromium, seed="3")
    press(chromium, "3")
    wait(chromium, ".clock", "tick 3 of 60")
    chromium.refresh()
    wait(chromium, ".clock", "tick 3 of 60")
    assert "T 3/60" in find(chromium, ".text").text
    press(chromium, "h")
    wait(chromium, ".text", "A scripted player would now call")
    [game] = games(server)
    assert game.hints == {"blue": 1}
    leave(server, chromium)


def test_only_the_own_view_is_there_until_the_end_unlocks_the_truth(server, chromium):
    start(chromium, seed="3", seat="blue", player="Ada")
    assert chromium.find_elements(By.CSS_SELECTOR, ".views button") == []
    legend = find(chromium, ".legend").text
    assert "a report of an exploit" in legend
    assert "red has" not in legend
    for tick in range(5, 60, 5):
        press(chromium, "5")
        wait(chromium, ".clock", f"tick {tick} of 60")
    press(chromium, "5")
    wait(chromium, ".truth .clock", "tick 0 of 60")
    assert "Over: " in find(chromium, "main").text
    wait(chromium, "[data-beside]", "Side by side")
    rows = [
        row.text.split() for row in chromium.find_elements(By.CSS_SELECTOR, ".over tbody:first-of-type tr")
    ]
    assert [row[0] for row in rows[:3]] == ["you", "guard+plan", "idle"]
    [game] = games(server)
    assert float(rows[0][1]) == pytest.approx(game.score("blue"), abs=5e-4)
    assert rows[2][1] == rows[0][1]  # nothing was done here either
    views = [one.text for one in chromium.find_elements(By.CSS_SELECTOR, ".views button")]
    assert views == ["True", "Blue knows", "Red knows", "Difference"]
    press(chromium, Keys.END)
    wait(chromium, ".truth .clock", "tick 60 of 60")
    shown = find(chromium, ".truth .score .big").text.replace("−", "-")
    assert float(shown) == pytest.approx(-game.loss, abs=0.01)
    press(chromium, Keys.HOME, Keys.ARROW_RIGHT)
    assert "end_turn(ticks=5) → turn ended" in find(chromium, ".truth").text
    usable(chromium)
    find(chromium, "[data-beside=idle]").click()
    wait(chromium, ".ahead", "A and B are level.")
    leave(server, chromium)
    wait(chromium, "section table", "idle (scripted)")  # the leaderboard


def test_a_running_game_is_watched(server, chromium):
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 6})
        exchange(socket, "step", end(5))
        chromium.refresh()
        wait(chromium, "button.link", "blue in small").click()
        wait(chromium, ".clock", "tick 5 of 5")
        exchange(socket, "step", end(5))
        wait(chromium, ".clock", "tick 10 of 10")  # it follows
        press(chromium, Keys.HOME)
        exchange(socket, "step", end(5))
        wait(chromium, ".clock", "tick 0 of 15")  # and does not where someone looks back


def test_clicks_make_the_calls_that_a_client_makes(server, chromium):
    """The same game by the page and over a socket: one transcript."""
    start(chromium, seed="3")
    Select(find(chromium, "[aria-label=tool]")).select_by_value("deploy_patch")
    find(chromium, "input[name=host]").send_keys("RZA-s0")
    find(chromium, "[data-do=order]").click()
    wait(chromium, ".text", "OK B0: deploy_patch RZA-s0")
    chromium.find_elements(By.XPATH, "//button[text()='carry out']")[1].click()
    wait(chromium, ".text", "OK B1: ")
    find(chromium, "[data-do=end5]").click()
    wait(chromium, ".clock", "turn 1")
    find(chromium, "[data-do=end]").click()
    wait(chromium, ".clock", "turn 2")
    [game] = games(server)
    calls = [json.loads(line) for line in game.transcript.lines]
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 3})
        for line in calls:
            if "action" in line:
                exchange(socket, "step", line["action"])
        assert exchange(socket, "state")["data"]["transcript"] == game.transcript.hash
    assert sum("action" in line for line in calls) == 4
    usable(chromium)
    leave(server, chromium)


def test_two_people_play_by_a_link(server, chromium):
    for name, value in (("seed", "4"), ("player", "Ada")):
        find(chromium, f"[name={name}]").clear()
        find(chromium, f"[name={name}]").send_keys(value)
    Select(find(chromium, "[name=second]")).select_by_value("red")
    find(chromium, "form.form button").click()
    wait(chromium, ".clock", "tick 0 of 60")
    link = find(chromium, ".invitation input").get_attribute("value")
    with browsers.chromium() as other:
        other.get(link)
        field = wait(other, "[name=player]")
        field.send_keys("Grace" + Keys.ENTER)
        wait(other, ".clock", "tick 0 of 60")
        assert "attempt_exploit" in find(other, "[aria-label=tool]").text
        find(chromium, "[data-do=end]").click()
        wait(chromium, "[role=status]", "Waiting for the world or the other seat.")
        assert find(chromium, ".clock").text.startswith("tick 0 ")
        find(other, "[data-do=end]").click()
        for driver in (chromium, other):
            wait(driver, ".clock", "tick 1 of 60")
        [game] = set(games(server))
        assert game.players == {"blue": "Ada", "red": "Grace"}
        other.get(link.replace("#", "?again#"))  # it works once
        wait(other, "form.form button", "Join").click()
        wait(other, ".problem", "no seat waits for this token")
        find(chromium, "[data-do=leave]").click()


def test_saved_replays_are_opened_from_the_lobby(server, chromium):
    assert "one" in find(chromium, "main").text
    usable(chromium)
    for name in ("one", "two"):
        find(chromium, f"[aria-label='choose {name}.replay.jsonl.gz']").click()
    chromium.find_element(By.XPATH, "//button[text()='Open side by side']").click()
    wait(chromium, "h1", "random beside random in toy/network")
    assert "replays=" in chromium.current_url
    chromium.refresh()
    wait(chromium, "h1", "random beside random in toy/network")
    chromium.find_element(By.XPATH, "//button[text()='Back']").click()
    wait(chromium, "form.form")
