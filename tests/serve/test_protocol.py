"""What needs no game: routes, frames that are refused, limits, tokens, the end."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import Future

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import exchange, running
from websockets.exceptions import ConnectionClosed, InvalidStatus

from garrison.llm.tools import TOOLS
from garrison.serve.parse import Refused, parse
from garrison.serve.sessions import FAULT
from garrison.serve.settings import Limits, Settings

OPENENV_CODES = {
    "INVALID_JSON",
    "UNKNOWN_TYPE",
    "VALIDATION_ERROR",
    "EXECUTION_ERROR",
    "CAPACITY_REACHED",
    "FACTORY_ERROR",
    "SESSION_ERROR",
}


@pytest.fixture(scope="module")
def server():
    """A server whose games cannot start, since they would compile for long."""

    def fails(*_):
        failed = Future()
        failed.set_exception(RuntimeError("no games here"))
        return failed

    with running(max_sessions=4, limits=Limits(frames_per_second=1e6)) as one:
        one.server.app.state.sessions.stepper.open = fails
        yield one


def test_information(server):
    assert server.ask("/health") == (200, {"status": "healthy"})
    status, metadata = server.ask("/metadata")
    assert (status, metadata["name"]) == (200, "garrison_cc4")
    assert "CAGE Challenge 4" in metadata["description"]
    status, schemas = server.ask("/schema")
    assert schemas.keys() == {"action", "observation", "reset_observation", "state"}
    assert "$ref" not in json.dumps(schemas)
    assert schemas["observation"]["properties"].keys() >= {"text", "facts", "errors", "done", "reward"}
    status, openapi = server.ask("/openapi.json")
    assert {"/reset", "/step", "/state", "/mcp", "/health"} <= openapi["paths"].keys()
    status, page = server.ask("/docs")
    assert "POST /reset" in page
    assert "<script" not in page


def test_tools_by_side(server):
    assert server.ask("/tools?side=red") == (200, [tool.row() for tool in TOOLS["red"].values()])
    status, refused = server.ask("/tools?side=green")
    assert (status, refused["detail"]["code"]) == (422, "VALIDATION_ERROR")


def test_tasks(server):
    assert server.ask("/list_environments") == (200, ["garrison_cc4"])
    assert [one["name"] for one in server.ask("/garrison_cc4/splits")[1]] == ["train", "test"]
    number = server.ask("/garrison_cc4/num_tasks", {"split": "test"})[1]["num_tasks"]
    last = server.ask("/garrison_cc4/task", {"split": "test", "index": number - 1})[1]["task"]
    assert last["seed"] == 1_099_999
    listed = server.ask("/garrison_cc4/tasks", {"split": "train"})[1]["tasks"]
    assert len(listed) == 1_000
    assert listed[7] == server.ask("/garrison_cc4/task", {"split": "train", "index": 7})[1]["task"]
    assert {json.dumps({k: v for k, v in one.items() if k != "id"}) for one in listed[:20]} != {""}
    assert server.ask("/garrison_cc4/task_range", {"split": "train", "start": 3, "stop": 5})[1] == {
        "tasks": listed[3:5]
    }
    for body, message in (
        ({"split": "train", "index": number}, "0.."),
        ({"split": "dev", "index": 0}, "no split 'dev'"),
        ({"split": "train"}, "index"),
        ({"split": "train", "index": 0, "x": 1}, "x"),
    ):
        status, refused = server.ask("/garrison_cc4/task", body)
        assert status == 422
        assert message in refused["detail"]["message"]


def test_a_task_is_a_reset(server):
    from garrison.serve.models import Reset

    tasks = server.server.app.state.sessions.tasks
    task = tasks.task("test", 5)
    made = tasks.reset(Reset(split="test", index=5, episode_id="mine"))
    assert (made.seed, made.scenario, made.seat, made.opponent, made.episode_id) == (
        *(task[name] for name in ("seed", "scenario", "seat", "opponent")),
        "mine",
    )
    with pytest.raises(Refused, match="give both"):
        tasks.reset(Reset(split="test"))
    with pytest.raises(Refused, match="a task says seed"):
        tasks.reset(Reset(split="test", index=5, seed=1))


@pytest.mark.parametrize(
    ("frame", "code", "message"),
    [
        ("{", "INVALID_JSON", "invalid JSON"),
        ("[]", "VALIDATION_ERROR", "expected an object"),
        ('{"type": "reset", "data": {"seed": NaN}}', "INVALID_JSON", "NaN is not JSON"),
        ('{"type": "reset", "data": {"seed": 1e999}}', "INVALID_JSON", "not finite"),
        ('{"type": "\\ud800"}', "INVALID_JSON", "surrogate"),
        ('{"type": "dance"}', "UNKNOWN_TYPE", "Unknown message type: dance"),
        ('{"type": {}}', "UNKNOWN_TYPE", "Unknown message type"),
        ('{"type": "reset", "date": {}}', "VALIDATION_ERROR", "unknown field 'date'"),
        ('{"type": "reset", "data": []}', "VALIDATION_ERROR", "data must be an object"),
        ('{"type": "step"}', "VALIDATION_ERROR", "data is missing"),
        ('{"type": "step", "data": {"tool_name": "wait"}}', "EXECUTION_ERROR", "reset first"),
        ('{"type": "reset", "data": {"seed": -1}}', "VALIDATION_ERROR", "seed"),
        ('{"type": "reset", "data": {"seed": true}}', "VALIDATION_ERROR", "seed"),
        ('{"type": "reset", "data": {"sed": 1}}', "VALIDATION_ERROR", "sed: Extra inputs"),
        ('{"type": "reset", "data": {"scenario": "tiny"}}', "VALIDATION_ERROR", "there are: small"),
        ('{"type": "reset", "data": {"seat": "green"}}', "VALIDATION_ERROR", "no seat 'green'"),
        ('{"type": "reset", "data": {"opponent": "guard"}}', "VALIDATION_ERROR", "no red player"),
        ('{"type": "reset"}', "EXECUTION_ERROR", "internal error"),
        ('{"type": "look"}', "EXECUTION_ERROR", "reset first"),
        ('{"type": "hint"}', "EXECUTION_ERROR", "reset first"),
        ('{"type": "replay"}', "EXECUTION_ERROR", "reset first"),
        ('{"type": "join", "data": {"token": "x"}}', "SESSION_ERROR", "no seat waits"),
        ("[" * 100_000, "VALIDATION_ERROR", "bytes"),
        ("[" * 50_000, "VALIDATION_ERROR", "nested deeper"),
        ('{"a":' * 40 + "1" + "}" * 40, "VALIDATION_ERROR", "nested deeper than 32"),
        ('{"a":[' + "1," * 12_000 + "1]}", "VALIDATION_ERROR", "more than 10000 values"),
        (b"\x00\x01", "VALIDATION_ERROR", "binary"),
    ],
)
def test_bad_frames_are_answered_and_the_session_goes_on(server, frame, code, message):
    with server.connect() as connection:
        connection.send(frame)
        answer = json.loads(connection.recv(timeout=10))
        assert answer["type"] == "error"
        assert answer["data"]["code"] == code
        assert message in answer["data"]["message"]
        assert exchange(connection, "state")["data"] == {"episode_id": None, "step_count": 0}


def test_a_fault_is_logged_with_its_traceback_and_told_without_its_message(server, caplog):
    with server.connect() as connection:
        answer = exchange(connection, "reset")["data"]
    assert answer == {"message": FAULT, "code": "EXECUTION_ERROR"}
    [record] = [one for one in caplog.records if one.name.startswith("garrison")]
    assert record.levelname == "ERROR"
    assert str(record.exc_info[1]) == "no games here"
    assert server.ask("/reset", {})[1]["detail"] == answer
    rpc = {"jsonrpc": "2.0", "method": "openenv/session/create", "id": 1}
    assert server.ask("/mcp", rpc)[1]["error"]["message"] == FAULT
    assert len(caplog.records) == 3


def test_many_bad_frames_in_a_row_end_the_connection(server):
    with server.connect() as connection:
        for _ in range(19):
            assert exchange(connection, "dance")["type"] == "error"
        assert exchange(connection, "state")["type"] == "state"  # counts anew
        for _ in range(20):
            assert exchange(connection, "dance")["type"] == "error"
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
        assert closed.value.rcvd.code == 1008


def test_a_frame_beyond_all_measure_ends_the_connection_and_no_more(server):
    with server.connect() as connection:
        connection.send("x" * (2**20 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
    assert closed.value.rcvd.code == 1009
    with server.connect() as connection:
        assert exchange(connection, "state")["type"] == "state"


def test_sessions_are_limited_and_given_back(server):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            exchange(stack.enter_context(server.connect()), "state")
        with server.connect() as late:
            answer = json.loads(late.recv(timeout=10))
            assert answer["data"]["code"] == "CAPACITY_REACHED"
            assert answer["data"]["max_sessions"] == 4
            with pytest.raises(ConnectionClosed):
                late.recv(timeout=10)
        assert server.ask("/reset", {})[0] == 503
        with server.connect("/mcp") as late:
            assert json.loads(late.recv(timeout=10))["error"]["code"] == -32000
    until = time.monotonic() + 5
    while len(server.server.app.state.sessions) and time.monotonic() < until:
        time.sleep(0.01)
    with server.connect() as connection:
        assert exchange(connection, "state")["type"] == "state"


def test_close_ends_the_session(server):
    with server.connect() as connection:
        connection.send('{"type": "close"}')
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
        assert closed.value.rcvd.code == 1000


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({}, -32600),
        ({"jsonrpc": "2.0", "method": "dance", "id": 1}, -32601),
        ({"jsonrpc": "2.0", "method": "tools/list", "params": [], "id": 1}, -32602),
        ({"jsonrpc": "2.0", "method": "tools/list", "id": 1.5}, -32600),
        ({"jsonrpc": "2.0", "method": "tools/list", "id": 1, "x": 2}, -32600),
        ({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "wait"}, "id": 1}, -32602),
        ({"jsonrpc": "2.0", "method": "tools/list", "params": {"session_id": "x"}, "id": 1}, -32000),
    ],
)
def test_bad_requests_of_json_rpc(server, request_, code):
    status, answer = server.ask("/mcp", request_)
    assert (status, answer["jsonrpc"], answer["error"]["code"]) == (200, "2.0", code)


def test_tools_by_json_rpc(server):
    assert server.ask("/mcp", b"{")[1]["error"]["code"] == -32700
    request = {"jsonrpc": "2.0", "method": "tools/list", "id": "a"}
    listed = server.ask("/mcp", request)[1]
    assert listed["id"] == "a"
    names = {tool["name"] for tool in listed["result"]["tools"]}
    assert {"run_forensics", "end_turn"} <= names
    assert not names & {"reset", "step", "state", "close"}  # OpenEnv reserves these
    with server.connect("/mcp") as connection:
        connection.send("{")
        assert json.loads(connection.recv(timeout=10))["error"]["code"] == -32700
        connection.send(json.dumps(request))
        assert json.loads(connection.recv(timeout=10)) == listed
    assert server.ask("/mcp", {"jsonrpc": "2.0", "method": "initialize", "id": 1})[1]["result"][
        "capabilities"
    ] == {"tools": {}}
    assert server.ask("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"})[0] == 202


def test_requests_of_other_sites_are_refused(server):
    assert server.ask("/health", headers={"Host": "example.org"})[0] == 400
    assert server.ask("/reset", {}, {"Origin": "http://example.org"})[0] == 403
    own = f"http://127.0.0.1:{server.port}"
    assert server.ask("/health", headers={"Origin": own})[0] == 200
    for origin in ("http://example.org", "null"):
        with pytest.raises(InvalidStatus), server.connect(origin=origin):
            pass
    with server.connect(origin=own) as connection:
        assert exchange(connection, "state")["type"] == "state"


def test_bodies_are_limited(server):
    assert server.ask("/reset", b"x" * 70_000)[0] == 413
    assert server.ask("/reset", b"{")[0] == 400
    assert server.ask("/reset", {"seed": "1"})[0] == 422
    assert server.ask("/step", {"action": {}, "x": 1})[0] == 422
    assert server.ask("/state", headers={"X-Session": "x"})[0] == 404
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"POST /reset HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.sendall((b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n") * 2)
        assert b"413" in raw.recv(100)


def test_the_page_is_a_table_of_files(server):
    with urllib.request.urlopen(server.address) as answer:
        page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "http" not in page
    for name in re.findall(r'(?:src|href)="(ui/[^"]+)"', page):
        status, text = server.ask(f"/{name}")
        assert status == 200
        for module in re.findall(r'from "\./(\w+\.js)"', text):
            assert server.ask(f"/ui/{module}")[0] == 200
    for name in ("../app.py", "main.js", "%2e%2e/app.py", "x" * 300):
        assert server.ask(f"/ui/{name}")[0] == 404
    assert server.ask("/api/choices")[1]["scenarios"]["small"] == 60
    assert server.ask("/api/games") == (200, [])


def test_the_page_can_be_left_out():
    with running(ui=False) as server:
        assert server.ask("/")[0] == 404


def test_a_token_is_asked_for():
    token = "correct horse battery".replace(" ", "-")
    with running(token=token) as server:
        assert server.ask("/health")[0] == 200
        assert server.ask("/metadata")[0] == 401
        assert server.ask("/metadata", headers={"Authorization": "Bearer wrong"})[0] == 401
        shown = {"Authorization": f"Bearer {token}"}
        assert server.ask("/metadata", headers=shown)[0] == 200
        assert server.ask("/metadata", headers={"Cookie": f"garrison-token={token}"})[0] == 200
        with pytest.raises(InvalidStatus), server.connect():
            pass
        assert server.ask("/?token=wrong")[0] == 401
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(f"GET /?token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = raw.recv(1000).decode().lower()
        assert "303" in answer.splitlines()[0]
        assert "httponly; samesite=strict" in answer
        with server.connect(additional_headers=shown) as connection:
            assert exchange(connection, "state")["type"] == "state"


def test_idle_sessions_and_silent_connections_end():
    with running(limits=Limits(idle=0.2, handshake=0.2)) as server:
        with server.connect() as connection, pytest.raises(ConnectionClosed):
            connection.recv(timeout=10)
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.settimeout(10)
            raw.sendall(b"GET /health HTT")
            assert raw.recv(100) == b""
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.settimeout(10)
            raw.sendall(b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
            assert b"408" in raw.recv(100)


def test_fast_clients_are_read_more_slowly():
    with running(limits=Limits(frames_per_second=50)) as server, server.connect() as connection:
        start = time.monotonic()
        for _ in range(75):
            connection.send('{"type": "state"}')
        for _ in range(75):
            assert json.loads(connection.recv(timeout=10))["type"] == "state"
        assert time.monotonic() - start >= 0.45  # 50 at once, then 50 a second


def test_draining_refuses_new_sessions_and_waits_for_the_others():
    with running(limits=Limits(drain=5)) as server:
        with server.connect() as connection:
            assert exchange(connection, "state")["type"] == "state"
            server.server.drain()
            assert server.ask("/health")[0] == 503
            with server.connect() as late:
                assert json.loads(late.recv(timeout=10))["data"]["code"] == "SESSION_ERROR"
            assert exchange(connection, "state")["type"] == "state"  # still served
            assert not server.server.should_exit
        until = time.monotonic() + 4
        while not server.server.should_exit and time.monotonic() < until:
            time.sleep(0.01)
        assert server.server.should_exit


def test_draining_ends_even_if_a_session_stays():
    with running(limits=Limits(drain=0.3)) as server, server.connect() as connection:
        assert exchange(connection, "state")["type"] == "state"
        server.server.drain()
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
        assert closed.value.rcvd.code == 1012


def test_sigterm_ends_the_command_with_success():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "garrison", "serve", "--port", str(port), "--compiled"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stderr is not None
        assert f"http://127.0.0.1:{port}" in process.stderr.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenarios": ("tiny",)}, "no scenario 'tiny'"),
        ({"scenarios": ()}, "no scenarios"),
        ({"compiled": ("gard",)}, "did you mean 'guard'"),
        ({"max_sessions": 0}, r"1\.\.1024"),
        ({"batch_size": 0}, r"1\.\.128"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Settings(**arguments)


# ---------------------------------------------------------------- hostile frames

ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TREES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
KINDS = st.sampled_from(
    ["reset", "step", "state", "join", "look", "hint", "replay", "mcp", "dance", "", 0, None, []]
)
FRAMES = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60),
    TREES.map(json.dumps),
    st.fixed_dictionaries({"type": KINDS, "data": TREES}).map(json.dumps),
    st.fixed_dictionaries(
        {
            "type": st.just("mcp"),
            "data": st.fixed_dictionaries(
                {
                    "jsonrpc": st.sampled_from(["2.0", 2]),
                    "method": st.sampled_from(["tools/list", "tools/call", "openenv/session/close", "x"]),
                    "params": TREES,
                    "id": ATOMS,
                }
            ),
        }
    ).map(json.dumps),
)


def attack(server, frames):
    """Send the frames, not too many in a row; each is answered with what OpenEnv knows."""
    with server.connect() as connection:
        for number, frame in enumerate(frames):
            connection.send(frame)
            answer = json.loads(connection.recv(timeout=20))
            assert answer["type"] in ("error", "state", "mcp")
            if answer["type"] == "error":
                assert answer["data"]["code"] in OPENENV_CODES
            if number % 15 == 0:
                assert exchange(connection, "state")["type"] == "state"
    with server.connect() as connection:
        assert exchange(connection, "state")["data"] == {"episode_id": None, "step_count": 0}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(FRAMES, min_size=1, max_size=30))
def test_hostile_frames_are_answered(server, frames):
    attack(server, frames)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(FRAMES, min_size=25, max_size=40))
def test_ten_thousand_hostile_frames_are_answered(server, frames):
    attack(server, frames)


@given(text=st.text(max_size=200) | TREES.map(json.dumps))
@settings(max_examples=60, deadline=None)
def test_parsing_gives_an_object_or_refuses(text):
    limits, found, code = Limits(depth=3, nodes=8), None, None
    try:
        found = parse(text, limits)
    except Refused as refused:
        code = refused.code
    if code is None:
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert isinstance(found, dict)
    else:
        assert code in ("INVALID_JSON", "VALIDATION_ERROR")
