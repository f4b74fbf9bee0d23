"""Seats as trainers use them: methods are tools, and a game by methods is the game by calls."""

import dataclasses
import inspect
import typing

import pytest

from garrison.llm.arena import Arena
from garrison.llm.environment import BlueSeat, RedSeat, tasks
from garrison.llm.players import call
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.tools import tools_of


@pytest.fixture(autouse=True)
def short(monkeypatch):
    one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=10)
    monkeypatch.setitem(SCENARIOS, "short", one)


@pytest.mark.parametrize(("seat", "side"), [(BlueSeat, "blue"), (RedSeat, "red")])
def test_public_methods_are_the_tools_with_their_parameters(seat, side):
    methods = dict(inspect.getmembers(seat, predicate=inspect.isfunction))
    public = {name for name in methods if not name.startswith("_")} - {"reset", "get_reward"}
    tools = tools_of(side)
    assert public == set(tools)
    for name, tool in tools.items():
        given = inspect.signature(getattr(seat(), name)).parameters
        assert set(given) == set(tool.parameters)
        hints = typing.get_type_hints(methods[name])
        assert hints.keys() == {*tool.parameters, "return"}
        for key, one in tool.parameters.items():
            assert (given[key].default is inspect.Parameter.empty) == one.required
            assert f"    {key}: " in methods[name].__doc__


def test_a_game_by_methods_is_the_game_by_calls():
    (row,) = tasks([3], "short")
    seat, arena = BlueSeat(), Arena("short")
    assert seat.reset(**row) == arena.reset(3).text
    calls = [call("run_forensics", host="RZB-u7"), call("query_siem", last=3), call("end_turn", ticks=2)]
    for one in calls:
        assert getattr(seat, one["tool_name"])(**one["params"]) == arena.act(one).text
    assert "ERROR UNKNOWN_HOST" in seat.run_forensics("nowhere")
    reward = seat.get_reward()
    assert 0 < reward < 1
    assert reward == seat.get_reward()  # the game is over, and stays as it was
    assert seat.end_turn() == "The game is over."
    assert seat.reset(**row) == Arena("short").reset(3).text


def test_rows_choose_the_style_of_texts():
    (row,) = tasks([3], "short", style="micro")
    assert BlueSeat().reset(**row) == Arena("short", style="micro").reset(3).text


def test_rows_hold_the_rules_and_what_reset_takes():
    rows = tasks([1, 1, 2], "short", opponent="discovery")
    assert [row["seed"] for row in rows] == [1, 1, 2]
    assert "The plan: each agent" in rows[0]["prompt"][0]["content"]
    assert "The plan: each agent" not in tasks([1], "short", plan=False)[0]["prompt"][0]["content"]
    with pytest.raises(RuntimeError, match="there is no game yet"):
        BlueSeat().get_reward()


def test_trainers_make_schemas_of_the_methods():
    transformers = pytest.importorskip("transformers", reason="the extra llm is not installed")
    for seat, side in ((BlueSeat, "blue"), (RedSeat, "red")):
        for name, tool in tools_of(side).items():
            found = transformers.utils.get_json_schema(getattr(seat(), name))["function"]
            assert found["name"] == name
            assert set(found["parameters"]["properties"]) == set(tool.parameters)
            required = [key for key, one in tool.parameters.items() if one.required]
            assert sorted(found["parameters"].get("required", [])) == sorted(required)
