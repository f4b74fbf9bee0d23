"""Playing and watching in a real browser: Debian's chromium and chromium-driver, through Selenium."""

import time

import browsers
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from servers import exchange, running

from garrison.llm.players import end
from garrison.serve.settings import Limits

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server():
    with running(compiled=("idle",), limits=Limits(step=120), spectators=True) as one:
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
    start(chromium, seed="3", seat="blue")
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
    views = [one.text for one in chromium.find_elements(By.CSS_SELECTOR, ".views button")]
    assert views == ["True", "Blue knows", "Red knows", "Difference"]
    press(chromium, Keys.END)
    wait(chromium, ".truth .clock", "tick 60 of 60")
    [game] = games(server)
    shown = find(chromium, ".truth .score .big").text.replace("−", "-")
    assert float(shown) == pytest.approx(-game.loss, abs=0.01)
    leave(server, chromium)


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
