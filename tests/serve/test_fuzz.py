"""Fuzzed frames and requests by every way into a running game: each is answered, and nothing breaks.

What clients may get wrong is answered with a code; any other exception is a fault of ours, also where the
server turns it into an answer.
"""

import contextlib
import http.client
import json
import logging
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import BATCH_SIZE, exchange, running

from garrison.llm.names import AGENTS, HOSTS, ZONES
from garrison.llm.players import call, end
from garrison.llm.tools import TOOLS
from garrison.serve import sessions as sessions_module
from garrison.serve.parse import Refused
from garrison.serve.settings import Limits

#: Of requests that were legal, and met a game in another state.
EXPECTED = ("there is no game yet", "the game is over", "the game is not over", "it is not the turn of")

ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TREES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = [
    "RZA-s0",
    "PAZ-u0",
    "nowhere",
    "rza-S0",
    "RZA-r",
    "",
    "#3",
    "9" * 30,
    "x" * 5_000,
    "stealth",
    "é\x00",
]
VALUES = (
    st.sampled_from([*WORDS, *HOSTS[::9], *ZONES, *AGENTS, 0, 1, 5, -1, 99, 2**70, 1.5, True, None, [], {}])
    | ATOMS
    | TREES
)
PARAMETERS = sorted({name for tools in TOOLS.values() for tool in tools.values() for name in tool.parameters})
TOOL_NAMES = st.sampled_from(sorted({*TOOLS["blue"], *TOOLS["red"]})) | st.text(max_size=12)
PARAMS = st.dictionaries(st.sampled_from(PARAMETERS) | st.text(max_size=5), VALUES, max_size=3)
MORE = {
    "target": VALUES, "params": PARAMS | TREES, "agent": VALUES, "actor": VALUES, "rationale": VALUES,
    "metadata": TREES, "x": ATOMS,
}  # fmt: skip
CALLS = st.fixed_dictionaries({"tool_name": TOOL_NAMES}, optional=MORE)
ACTIONS = st.one_of(
    CALLS,
    st.sampled_from([call("harden_policy", zone="OZA"), end(2), end(5), call("triage_alerts")]),
    st.fixed_dictionaries({"calls": st.lists(CALLS | TREES, max_size=4)}, optional={"x": ATOMS}),
    st.fixed_dictionaries(
        {"text": st.text(max_size=40) | CALLS.map(lambda one: f"so: {json.dumps(one)} {{")}
    ),
    TREES,
)
#: Without ``opponent`` and ``teammates`` that would have another program compiled.
RESETS = st.fixed_dictionaries(
    {"seed": st.sampled_from([-1, 2**31, 1.0, "1", True, []])},  # always refused
    optional={"scenario": VALUES, "seat": VALUES | st.lists(VALUES, max_size=3), "plan": VALUES, "x": TREES},
) | st.fixed_dictionaries(
    {"scenario": VALUES.filter(lambda one: one != "small")}, optional={"clock": VALUES, "player": VALUES}
)
JOINS = st.fixed_dictionaries({}, optional={"token": VALUES, "player": VALUES})
FRAMES = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=40),
    TREES.map(json.dumps),
    st.fixed_dictionaries({"type": st.just("step"), "data": ACTIONS}).map(json.dumps),
    st.fixed_dictionaries({"type": st.just("reset"), "data": RESETS}).map(json.dumps),
    st.fixed_dictionaries({"type": st.just("join"), "data": JOINS}).map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["state", "look", "hint", "replay", "compare", "dance", "", 1, None, []])},
        optional={"data": TREES},
    ).map(json.dumps),
)
METHODS = st.sampled_from(
    ["initialize", "ping", "tools/list", "tools/call", "notifications/initialized", "x"]
)
RPC = st.fixed_dictionaries(
    {"method": METHODS | ATOMS},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0", 2]),
        "id": ATOMS,
        "params": st.fixed_dictionaries(
            {"session_id": st.just("SESSION")}, optional={"name": TOOL_NAMES, "arguments": PARAMS | TREES}
        )
        | TREES,
        "x": ATOMS,
    },
)
GOOD_RPC = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "method": st.just("tools/call"),
        "id": st.integers(0, 9),
        "params": st.fixed_dictionaries(
            {"session_id": st.just("SESSION"), "name": TOOL_NAMES, "arguments": PARAMS | TREES}
        ),
    }
)
BODIES = st.one_of(
    st.binary(max_size=40),
    TREES.map(json.dumps),
    st.fixed_dictionaries({"action": ACTIONS}, optional={"timeout_s": ATOMS, "x": ATOMS}).map(json.dumps),
    RESETS.map(json.dumps),
    st.fixed_dictionaries({"split": VALUES}, optional={"index": VALUES, "start": VALUES, "stop": VALUES}).map(
        json.dumps
    ),
)
PATHS = st.sampled_from(
    ["/step", "/step", "/reset", "/state", "/garrison_cc4/task", "/garrison_cc4/tasks", "/metadata", "/"]
    + ["/garrison_cc4/num_tasks", "/garrison_cc4/task_range", "/replays/x", "/ui/x", "/ws", "/api/games"]
) | st.text(max_size=10).map(lambda text: "/" + quote(text) + "?side=" + quote(text))
RPC_BODIES = (RPC | GOOD_RPC).map(json.dumps) | st.binary(max_size=20)
REST = st.tuples(st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE"]), PATHS, BODIES)
REQUESTS = st.one_of(
    st.tuples(st.just("ws"), FRAMES),
    st.tuples(st.just("mcp socket"), RPC.map(json.dumps) | st.text(max_size=20) | st.binary(max_size=20)),
    st.tuples(st.just("http"), REST),
    st.tuples(st.just("http"), st.tuples(st.just("POST"), st.just("/mcp"), RPC_BODIES)),
)


@pytest.fixture(scope="module")
def server():
    limits = Limits(frames_per_second=1e6, bad_frames=10**6, step=120)
    with running(compiled=("idle",), max_sessions=2 * BATCH_SIZE, limits=limits) as one:
        until = time.monotonic() + 300
        while one.ask("/health")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        yield one


@pytest.fixture
def faults(monkeypatch):
    """Exceptions of the server that are no answers to a client, and lines of its log."""
    found: list[object] = []
    done = sessions_module.Sessions._done

    async def watched(self, future, limit=None):
        try:
            return await done(self, future, limit)
        except Refused as refused:
            if not str(refused).startswith(EXPECTED):
                found.append(refused.__cause__ or refused)
            raise

    class Kept(logging.Handler):
        """Keeps what is logged as an error."""

        def emit(self, record):
            found.append(record.getMessage())

    monkeypatch.setattr(sessions_module.Sessions, "_done", watched)
    handler = Kept(logging.ERROR)
    for name in ("garrison", "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
    yield found
    for name in ("garrison", "uvicorn.error"):
        logging.getLogger(name).removeHandler(handler)


def attack(server, requests):
    """Send requests to one game by every way; each is answered, and then the game goes on."""
    create = {"jsonrpc": "2.0", "method": "openenv/session/create", "id": 1, "params": {"reset": {"seed": 5}}}
    name = server.ask("/mcp", create)[1]["result"]["session_id"]
    with server.connect(f"/ws?session_id={name}") as ws, server.connect("/mcp") as rpc:
        ways = {"ws": by_frames(ws), "mcp socket": by_rpc(rpc), "http": by_http(server, name)}
        for way, request in requests:
            answer = ways[way](request)
            assert "Traceback" not in answer
            assert "internal error" not in answer
        before = exchange(ws, "state")["data"]
        last = exchange(ws, "step", end())
        after = exchange(ws, "state")["data"]
        over = last["type"] == "error" and "the game is over" in last["data"]["message"]
        assert over or after["tick"] > before["tick"]
    close = {"jsonrpc": "2.0", "method": "openenv/session/close", "params": {"session_id": name}, "id": 3}
    assert server.ask("/mcp", close)[1]["result"]["closed"]


def by_frames(socket):
    def send(frame):
        socket.send(frame)
        return socket.recv(timeout=60)

    return send


def by_rpc(socket):
    """Notifications are not answered, so a request follows that is."""

    def send(frame):
        socket.send(frame)
        socket.send(json.dumps({"jsonrpc": "2.0", "method": "ping", "id": "after"}))
        answers = [socket.recv(timeout=60)]
        while json.loads(answers[-1])["id"] != "after":
            answers.append(socket.recv(timeout=60))
        return "".join(answers)

    return send


def by_http(server, session):
    def send(request):
        method, path, body = request
        body = body.encode() if isinstance(body, str) else body
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(
                method, path, body.replace(b"SESSION", session.encode()), {"X-Session": session}
            )
            answer = connection.getresponse()
            assert answer.status < 500, (request, answer.status)
            return answer.read().decode()

    return send


FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def left(server):
    """Sessions and games that the server still holds."""
    sessions, until = server.server.app.state.sessions, time.monotonic() + 20
    while True:
        games = sum(len(batch.games) for group in sessions.stepper._groups.values() for batch in group)
        if not games + len(sessions) or time.monotonic() > until:
            return games + len(sessions)
        time.sleep(0.05)


@settings(max_examples=6, deadline=None, suppress_health_check=FIXTURES)
@given(requests=st.lists(REQUESTS, min_size=35, max_size=45))
def test_hundreds_of_fuzzed_requests_are_answered(server, faults, requests):
    attack(server, requests)
    assert faults == []
    assert left(server) == 0


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=FIXTURES)
@given(requests=st.lists(REQUESTS, min_size=40, max_size=45))
def test_ten_thousand_fuzzed_requests_are_answered(server, faults, requests):
    attack(server, requests)
    assert faults == []
    assert left(server) == 0
