"""Clients against a server in this process that misbehaves in all the ways that servers do."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from garrison.llm.calls import CallError, calls_of, checked
from garrison.llm.chat import Chat
from garrison.llm.clients import (
    MAX_REPLY,
    ClientError,
    LimitReached,
    Limits,
    Metered,
    OpenAICompatible,
    Recorded,
    Reply,
    digest,
    parsed,
)

MESSAGES = [{"role": "user", "content": "T 0/60"}]
TOOLS = [{"name": "end_turn", "description": "Ends.", "parameters": {"type": "object"}}]


def message(text="hello", calls=(), **usage):
    tool_calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    choice = {"message": {"content": text, "tool_calls": tool_calls}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": usage}


class Server:
    """Answers each request with the next of ``answers``: a status, headers and a body, or a word."""

    def __init__(self):
        self.answers, self.requests, self.headers = [], [], []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append(json.loads(body))
                server.headers.append(dict(self.headers))
                answer = server.answers.pop(0)
                if answer == "hang":
                    time.sleep(1)
                    return
                status, headers, data = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def says(self, *answers):
        self.answers = [good(answer) if isinstance(answer, dict) else answer for answer in answers]


def good(body):
    return (200, {}, json.dumps(body).encode())


def bad(status, headers=(), data=b"no"):
    return (status, dict(headers), data)


@pytest.fixture(scope="module")
def running():
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def server(running):
    running.requests.clear()
    running.headers.clear()
    return running


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(server, pauses):
    return OpenAICompatible(server.url, "tiny", timeout_s=0.3, sleep=pauses.append)


def test_a_reply_is_read(server, client):
    server.says(message("so", [("wait", '{"ticks": 2}')], prompt_tokens=7, completion_tokens=3))
    reply = client.complete(MESSAGES, TOOLS)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens, reply.finish) == ("so", 7, 3, "stop")
    assert reply.action == {"calls": [{"tool_name": "wait", "params": {"ticks": 2}}]}
    (request,) = server.requests
    assert request["model"] == "tiny"
    assert request["messages"] == MESSAGES
    assert request["tools"] == [{"type": "function", "function": TOOLS[0]}]


def test_without_native_calls_the_text_is_the_action():
    assert parsed(message('{"tool_name": "wait"}')).action == '{"tool_name": "wait"}'


def test_arguments_that_are_not_json_are_a_malformed_call():
    action = parsed(message("", [("wait", "{ticks: 2")])).action
    (call,) = calls_of(action)
    assert call["params"] == "{ticks: 2"
    with pytest.raises(CallError, match="must be an object"):
        checked(call, "blue")


@pytest.mark.parametrize(
    "failure",
    [
        bad(429),
        bad(500),
        bad(503),
        bad(408),
        (200, {}, b"<html>"),
        (200, {"Content-Length": "99"}, b"{"),
        "hang",
    ],
    ids=["429", "500", "503", "408", "garbage", "cut", "hang"],
)
def test_what_may_be_mended_is_tried_again(server, client, pauses, failure):
    server.says(failure, failure, message())
    assert client.complete(MESSAGES, TOOLS).text == "hello"
    assert len(server.requests) == 3
    assert 0.5 <= pauses[0] <= 1.5
    assert 1 <= pauses[1] <= 3


def test_pauses_are_those_that_the_server_asks_for(server, client, pauses):
    server.says(bad(429, {"Retry-After": "7"}), bad(429, {"Retry-After": "9999"}), message())
    client.complete(MESSAGES, TOOLS)
    assert pauses == [7, 60]


def test_pauses_come_from_the_seed(server):
    taken = []
    for _ in range(2):
        one = OpenAICompatible(server.url, "tiny", seed=5, sleep=taken.append)
        server.says(bad(500), message())
        one.complete(MESSAGES, TOOLS)
    assert taken[0] == taken[1]


def test_after_the_last_try_the_failure_is_named(server, client):
    server.says(*[bad(500)] * 5)
    with pytest.raises(ClientError, match="status 500 .in 5 tries"):
        client.complete(MESSAGES, TOOLS)
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (bad(400, data=b"context too long"), "status 400: context too long"),
        (bad(401), "status 401"),
        (good({"choices": []}), "no message"),
        (good([1]), "no message"),
        (good({"choices": [{"message": None}]}), "no message"),
        ((200, {}, b'"' + b"x" * MAX_REPLY + b'"'), "more than"),
    ],
)
def test_what_no_try_mends_is_an_error_at_once(server, client, answer, error):
    server.says(answer)
    with pytest.raises(ClientError, match=error):
        client.complete(MESSAGES, TOOLS)
    assert len(server.requests) == 1


def test_the_key_is_read_from_the_environment_and_not_kept(server, monkeypatch, tmp_path):
    client = OpenAICompatible(server.url, "tiny", key_env="SOME_KEY")
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ClientError, match="SOME_KEY"):
        client.complete(MESSAGES, TOOLS)
    monkeypatch.setenv("SOME_KEY", "s3cret")
    server.says(message())
    Recorded(client, tmp_path / "record.jsonl").complete(MESSAGES, TOOLS)
    assert server.headers[-1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in (tmp_path / "record.jsonl").read_text() + repr(client)


@pytest.mark.parametrize("wrong", [{"base_url": "localhost:1"}, {"tries": 0}])
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OpenAICompatible(**{"base_url": "http://x", "model": "m", **wrong})


class Counting:
    """Answers with the number of times that it was asked."""

    model = "counting"

    def __init__(self):
        self.asked = 0

    def complete(self, messages, tools):
        self.asked += 1
        return Reply(str(self.asked), ({"tool_name": "wait", "params": {}},), 10, 5, 0.5)


def test_a_recording_answers_what_it_holds(tmp_path):
    path, client = tmp_path / "record.jsonl", Counting()
    recorded = Recorded(client, path)
    first = recorded.complete(MESSAGES, TOOLS)
    assert recorded.complete(MESSAGES, TOOLS) == first
    other = recorded.complete([*MESSAGES, *MESSAGES], TOOLS)
    assert (client.asked, other.text) == (2, "2")
    replay = Recorded(None, path, "replay", model="counting")
    assert replay.complete(MESSAGES, TOOLS) == first
    with pytest.raises(ClientError, match="no reply to this request"):
        replay.complete(MESSAGES, [])
    assert Recorded(client, path, "record").complete(MESSAGES, TOOLS).text == "3"
    assert Recorded(client, path, "off").complete(MESSAGES, TOOLS).text == "4"
    assert Recorded(None, path, "replay", model="counting").complete(MESSAGES, TOOLS).text == "3"


def test_recordings_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "record.jsonl"
    with pytest.raises(ValueError, match="no such recording"):
        Recorded(None, path, "replay")
    with pytest.raises(ValueError, match="needs a client"):
        Recorded(None, path, "auto")
    path.write_text('{"request": "a"}\n')
    with pytest.raises(ValueError, match="line 1 is damaged"):
        Recorded(None, path, "replay")


def test_equal_requests_have_equal_digests():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(calls=2), "calls"),
        (Limits(tokens=25), "tokens"),
        (Limits(money=5e-5), "money"),
        (Limits(seconds=2), "seconds"),
    ],
)
def test_limits_are_checked_before_a_call(limits, word):
    client, times = Counting(), iter(range(10))
    metered = Metered(client, limits, prices=(1.0, 4.0), clock=lambda: next(times))
    allowed = 1 if word == "seconds" else 2
    for _ in range(allowed):
        metered.complete(MESSAGES, TOOLS)
    with pytest.raises(LimitReached, match=f"limit of {word}"):
        metered.complete(MESSAGES, TOOLS)
    assert client.asked == allowed
    assert metered.cost == pytest.approx(client.asked * 30e-6)


def test_an_unknown_price_is_an_unknown_cost():
    assert Metered(Counting()).cost is None
    with pytest.raises(ValueError, match="needs the prices"):
        Metered(Counting(), Limits(money=1.0))


def test_a_model_is_given_the_rules_the_last_turns_and_the_view(blue):
    hand, seen = blue(0), []

    class Listening(Counting):
        def complete(self, messages, tools):
            seen.append((messages, tools))
            return Reply('{"tool_name": "end_turn"}')

    chat = Chat(Listening(), hand.arena.game, history=2)
    view = hand.view
    for _ in range(4):
        view = hand.arena.act(chat.answer(view))
    messages, tools = seen[-1]
    assert view.tick == 4
    assert [one["role"] for one in messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert "You defend a network" in messages[0]["content"]
    assert "T 3/60" in messages[-1]["content"]
    assert messages[-2]["content"] == '{"tool_name": "end_turn"}'
    assert {tool["name"] for tool in tools} == set(hand.seat.tools)


def test_what_a_model_is_given_is_the_view_of_before_its_action(blue):
    """The leak test of exports: the request is made of the view alone, and acting changes the view after."""
    hand = blue(0)
    chat = Chat(Counting(), hand.arena.game)
    view = hand.arena.view()
    asked = chat.conversation.messages(view)
    assert asked[-1]["content"] == view.text
    hand.arena.act(chat.answer(view))
    assert chat.conversation.messages(view)[-1]["content"] == view.text != hand.arena.view().text
