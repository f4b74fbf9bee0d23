"""Names, tool tables, and what is read from the actions of a client. Nothing here needs the simulator."""

import json

import pytest

from garrison.llm import names, tools
from garrison.llm.calls import CODES, MAX_RATIONALE, CallError, actions_in, calls_of, checked
from garrison.llm.text import count
from garrison.llm.tools import TOOLS
from garrison.worlds.cc4 import tables as T

ALL = [(side, name) for side, tools_ in TOOLS.items() for name in tools_]


def error_of(call, side="blue"):
    with pytest.raises(CallError) as caught:
        checked(call, side)
    return caught.value


def test_short_and_long_names_mean_the_same_in_any_case():
    assert names.index_of("host", "rza-S0") == T.server_host(T.RZA, 0)
    assert names.index_of("host", "Restricted_Zone_A_Subnet_user_host_9") == T.user_host(T.RZA, 9)
    assert names.index_of("zone", "int") == T.INT
    assert names.index_of("agent", "R5") == T.NUM_BLUE + 5
    assert names.index_of("host", "RZA-s6") is None
    assert len(set(names.HOSTS)) == T.NUM_HOSTS
    for kind, short, long in (("host", names.HOSTS, T.HOST_NAMES), ("zone", names.ZONES, T.SUBNETS)):
        for index, pair in enumerate(zip(short, long, strict=True)):
            assert [names.index_of(kind, one) for one in pair] == [index, index]


def test_the_closest_names_are_among_those_allowed():
    own = [T.server_host(T.OZA, i) for i in range(3)]
    assert set(names.closest("host", "OZA-s9", own)) == {"OZA-s0", "OZA-s1", "OZA-s2"}
    assert names.closest("host", "PAZ-u1", own)[0].startswith("OZA")


@pytest.mark.parametrize(("side", "name"), ALL)
def test_a_tool_has_a_strict_schema(side, name):
    schema = TOOLS[side][name].schema()
    parameters = schema["parameters"]
    assert parameters["additionalProperties"] is False
    assert set(parameters["required"]) <= set(parameters["properties"])
    assert schema["description"].endswith(".")
    json.dumps(TOOLS[side][name].row())


def test_the_tables_are_those_of_the_specification():
    assert len(TOOLS["blue"]) == 17
    assert len(TOOLS["red"]) == 13


@pytest.mark.parametrize("side", TOOLS)
def test_the_schemas_of_a_side_fit_the_budget(side):
    schemas = [tool.schema() for tool in tools.tools_of(side, single=True).values()]
    assert count(json.dumps(schemas, separators=(",", ":"))) <= 1800


def test_a_seat_has_the_tools_that_it_can_use():
    everything = set(TOOLS["blue"])
    assert set(tools.tools_of("blue", single=True)) == everything
    assert everything - set(tools.tools_of("blue")) == {"send_status"}
    assert everything - set(tools.tools_of("blue", True, plan=False)) == {
        "execute_instruction",
        "checkpoint_plan",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"tool_name": "end_turn"}', "end_turn"),
        (
            'First {"tool_name": "wait"}. Better: {"tool_name": "end_turn", "params": {"ticks": 2}} Done.',
            "end_turn",
        ),
        ('```json\n{"tool_name": "end_turn", "rationale": "a } in text"}\n```', "end_turn"),
        ('{"note": 1} {"tool_name": "end_turn"} {"other": {"tool_name": "wait"}}', "end_turn"),
        ('{"broken": {"tool_name": "end_turn"}', "end_turn"),
        ('{"tool_name": "wait"} and {"tool_name": "end_tu', "wait"),
    ],
)
def test_the_last_complete_action_object_counts(text, expected):
    assert actions_in(text)["tool_name"] == expected


@pytest.mark.parametrize("text", ["", "no call", "{}", '{"tool": "wait"}', "[1]", "{" * 3000, '{"a":' * 3000])
def test_a_text_without_an_action_object_gives_nothing(text):
    assert actions_in(text) is None


@pytest.mark.parametrize(
    "action",
    [
        None,
        3,
        [],
        "hello",
        {},
        {"calls": []},
        {"calls": [{"tool_name": "wait"}] * 17},
        {"calls": {"tool_name": "wait"}},
        {"calls": [{"tool_name": "wait"}], "tool_name": "wait"},
        {"tool_name": 3},
        {"calls": ["wait"]},
    ],
)
def test_what_is_no_action_object_is_malformed(action):
    with pytest.raises(CallError) as caught:
        calls_of(action)
    assert caught.value.code == "MALFORMED"


@pytest.mark.parametrize(
    ("call", "code", "part"),
    [
        ({"tool_name": "wait", "arguments": {}}, "MALFORMED", "arguments"),
        ({"tool_name": "run_forensic", "target": "RZA-s0"}, "UNKNOWN_TOOL", "run_forensics"),
        ({"tool_name": "attempt_exploit", "target": "RZA-s0"}, "WRONG_SIDE", "red"),
        ({"tool_name": "run_forensics"}, "BAD_PARAMS", "needs host"),
        ({"tool_name": "run_forensics", "params": {"hots": "RZA-s0"}}, "BAD_PARAMS", "hots"),
        ({"tool_name": "run_forensics", "params": {"host": 3}}, "BAD_PARAMS", "must be text"),
        ({"tool_name": "run_forensics", "target": "a", "params": {"host": "b"}}, "BAD_PARAMS", "target"),
        ({"tool_name": "end_turn", "params": {"ticks": 6}}, "BAD_PARAMS", "1..5"),
        ({"tool_name": "end_turn", "params": {"ticks": True}}, "BAD_PARAMS", "whole number"),
        ({"tool_name": "end_turn", "params": []}, "BAD_PARAMS", "object"),
        ({"tool_name": "end_turn", "target": "B0"}, "BAD_PARAMS", "no target"),
        (
            {"tool_name": "isolate_host", "target": "RZA-s0", "params": {"host": "RZA-s0"}},
            "BAD_PARAMS",
            "target",
        ),
        ({"tool_name": "triage_alerts", "params": {"verdicts": {"RZA-s0": "bad"}}}, "BAD_PARAMS", "one of"),
        ({"tool_name": "wait", "agent": 0}, "BAD_PARAMS", "agent"),
        ({"tool_name": "wait", "rationale": 0}, "BAD_PARAMS", "rationale"),
    ],
)
def test_a_wrong_call_is_refused_with_its_code(call, code, part):
    error = error_of(call)
    assert error.code == code
    assert part in f"{error.message} {error.hint}"
    assert code in CODES


def test_a_call_is_filled_up_with_defaults_and_names():
    call = checked({"tool_name": "query_siem", "params": {"zone": "RZA"}, "actor": "B0"}, "blue")
    assert call.params == {"zone": "RZA", "host": None, "last": 20, "agent": "B0"}
    assert checked({"tool_name": "execute_instruction", "target": "#13"}, "blue").params["id"] == 13
    assert checked({"tool_name": "disable_account", "target": "x"}, "blue").params["host"] == "x"


def test_a_long_rationale_is_cut():
    call = checked({"tool_name": "end_turn", "rationale": "x" * 5000}, "blue")
    assert len(call.rationale) == MAX_RATIONALE
