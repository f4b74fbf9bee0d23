"""Games over the wire are those of an Arena in process, byte for byte; of one compiled program."""

import asyncio
import base64
import json
import threading
import time
import urllib.request
from dataclasses import replace

import numpy as np
import pytest
from servers import BATCH_SIZE, exchange, running

from garrison.judge.replays import difference
from garrison.llm import arena
from garrison.llm.arena import Arena
from garrison.llm.concurrent import ConcurrentGames, Setup
from garrison.llm.frames import SeatFrames
from garrison.llm.players import call, end, player
from garrison.llm.seat import SEATS, Seat
from garrison.llm.truth import ticks_again
from garrison.serve.board import Board
from garrison.serve.parse import to_text
from garrison.serve.sessions import FAULT, observation
from garrison.serve.settings import Limits
from garrison.view.replay import unpacked

CALLS = [
    call("harden_policy", zone="OZA"),
    {"tool_name": "deploy_patch", "target": "RZA-s0", "rationale": "a trap", "metadata": {}},
    {"calls": [call("run_forensics", host="PAZ-s0"), call("query_siem"), end(2)]},
    {"text": 'I look around. {"tool_name": "triage_alerts"}'},
    {"text": "nonsense"},
    {"tool_name": "no_such_tool"},
    {"tool_name": "wait", "params": {"ticks": 99}},
    end(3),
]


@pytest.fixture(scope="module")
def server():
    limits = Limits(frames_per_second=1e6, turn=0.5, step=120)
    with running(compiled=("idle",), max_sessions=2 * BATCH_SIZE + 2, limits=limits) as one:
        until = time.monotonic() + 300
        while one.ask("/health")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        yield one


@pytest.fixture
def alone(monkeypatch):
    """``alone(seed, calls)``: what an arena answers in process, as it is sent, and the game."""
    monkeypatch.setattr(arena, "SIZES", (BATCH_SIZE,))

    def play(seed, calls, **arguments):
        one = Arena(**arguments)
        views = [one.reset(seed)]
        for action in calls:
            plain = {name: value for name, value in action.items() if name != "metadata"}
            views.append(one.act(plain["text"] if plain.keys() == {"text"} else plain))
        return [to_text(observation(view)) for view in views], one.game

    return play


def over_the_wire(server, seed, calls, **arguments):
    """The observations as they were sent, and the last state."""
    with server.connect() as socket:
        answers = [exchange(socket, "reset", {"seed": seed, **arguments})]
        answers += [exchange(socket, "step", action) for action in calls]
        state = exchange(socket, "state")["data"]
    assert {answer["type"] for answer in answers} == {"observation"}
    return [to_text(answer["data"]["observation"]) for answer in answers], state


def test_a_whole_game_is_the_same_in_process(server, alone, monkeypatch):
    """Played by the reference, whose calls are then made in process."""
    monkeypatch.setattr(arena, "SIZES", (BATCH_SIZE,))
    local, one, calls = Arena("small"), player("guard+plan", 3), []
    view = local.reset(3)
    with server.connect() as socket:
        sent = exchange(socket, "reset", {"seed": 3})["data"]
        while True:
            assert to_text(sent["observation"]) == to_text(observation(view))
            assert (sent["done"], sent["reward"]) == (view.done, view.reward)
            if view.done:
                break
            calls.append(one.act(local.game.seats["blue"], local.rows()))
            view = local.act(calls[-1])
            sent = exchange(socket, "step", calls[-1])["data"]
        assert sent["metadata"] == json.loads(to_text(view.metadata))
        assert sent["reward"] == local.score() > 0.6
        assert sent["observation"]["outcome"] == "blue"
        state = exchange(socket, "state")["data"]
        assert state["transcript"] == local.game.transcript.hash
        assert state["step_count"] == local.game.seats["blue"].tally.calls
        refused = exchange(socket, "step", end())["data"]
        assert (refused["code"], "reset" in refused["message"]) == ("EXECUTION_ERROR", True)
        again = exchange(socket, "reset", {"seed": 3})["data"]["observation"]
    assert again["tick"] == 0
    assert len(calls) > 30


def test_errors_and_texts_are_the_same_in_process(server, alone):
    expected, game = alone(5, CALLS)
    answers, state = over_the_wire(server, 5, CALLS)
    assert answers == expected
    assert state["transcript"] == game.transcript.hash
    assert {"MALFORMED", "UNKNOWN_TOOL", "BAD_PARAMS"} <= set(game.seats["blue"].tally.errors)


def test_sessions_beside_one_another_are_as_alone(server, alone):
    """More sessions than a batch has, of several sizes and seats, with other calls, at once."""
    games = [
        {"seed": seed, "calls": CALLS[i % 3 :], **more}
        for i, (seed, more) in enumerate(
            [
                (5, {"opponent": "discovery"}),
                (6, {"scenario": "medium", "plan": False}),
                (5, {}),
                (8, {"seat": "red", "opponent": "idle"}),
            ]
        )
    ]
    found = {}

    def play(number):
        game = dict(games[number])
        found[number] = over_the_wire(server, game.pop("seed"), game.pop("calls"), **game)

    threads = [threading.Thread(target=play, args=(number,)) for number in range(len(games))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, game in enumerate(games):
        arguments = dict(game)
        seed, calls = arguments.pop("seed"), arguments.pop("calls")
        arguments["seats"] = arguments.pop("seat", "blue")
        expected, there = alone(seed, calls, **arguments)
        assert found[number][0] == expected
        assert found[number][1]["transcript"] == there.transcript.hash


def test_bad_frames_between_steps_change_nothing(server, alone):
    bad = ("{", "[]", b"\x00", '{"type": "dance"}', '{"type": "step"}', '{"type": "reset", "data": {"x": 1}}')
    calls = [CALLS[0], end(2), end(1)]
    _, game = alone(5, calls)
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 5})
        for action in calls:
            for frame in bad:
                socket.send(frame)
                assert json.loads(socket.recv(timeout=20))["type"] == "error"
            exchange(socket, "step", action)
        assert exchange(socket, "state")["data"]["transcript"] == game.transcript.hash


def test_styles_and_rewards_of_turns_over_the_wire(server, alone):
    calls = [end(5)] * 3
    expected, game = alone(5, calls, style="json", reward="dense")
    with server.connect() as socket:
        sent = [exchange(socket, "reset", {"seed": 5, "style": "json", "reward": "dense"})["data"]]
        sent += [exchange(socket, "step", action)["data"] for action in calls]
        task = {"split": "test", "index": 0, "style": "micro"}
        assert exchange(socket, "reset", task)["data"]["observation"]["text"].startswith("T 0/60 A")
        for wrong, message in (
            ({"style": "loud"}, "no style 'loud'"),
            ({"reward": "sparse"}, "reward is 'sparse'"),
        ):
            refused = exchange(socket, "reset", wrong)["data"]
            assert (refused["code"], message in refused["message"]) == ("VALIDATION_ERROR", True)
    assert [to_text(one["observation"]) for one in sent] == expected
    assert [one["reward"] for one in sent] == [0, *(game.dense("blue", t, t + 5) for t in (0, 5, 10))]
    assert json.loads(sent[0]["observation"]["text"]) == sent[0]["observation"]["facts"]


def test_resets_without_a_seed_differ(server):
    with server.connect() as socket:
        seeds = set()
        for _ in range(3):
            exchange(socket, "reset", {"episode_id": "mine"})
            state = exchange(socket, "state")["data"]
            seeds.add(state["seed"])
            assert state["episode_id"] == "mine"
    assert len(seeds) == 3


def test_a_task_is_played(server):
    with server.connect() as socket:
        exchange(socket, "reset", {"split": "test", "index": 0})
        state = exchange(socket, "state")["data"]
    assert (state["seed"], state["scenario"], state["seat"]) == (1_000_000, "small", "blue")


def test_http_without_a_session_forgets_and_with_one_does_not(server, alone):
    expected, _ = alone(5, [])
    status, first = server.ask("/reset", {"seed": 5})
    assert (status, to_text(first["observation"])) == (200, expected[0])
    assert server.ask("/state")[1] == {"episode_id": None, "step_count": 0}
    status, forgotten = server.ask("/step", {"action": end()})
    assert (status, forgotten["observation"]["tick"]) == (200, 1)
    request = {
        "jsonrpc": "2.0",
        "method": "openenv/session/create",
        "params": {"reset": {"seed": 5}},
        "id": 1,
    }
    name = server.ask("/mcp", request)[1]["result"]["session_id"]
    for tick in (1, 2):
        answer = server.ask("/step", {"action": end()}, {"X-Session": name})[1]
        assert answer["observation"]["tick"] == tick
    assert server.ask("/state", headers={"X-Session": name})[1]["seed"] == 5
    arguments = {"session_id": name, "name": "run_forensics", "arguments": {"host": "RZA-s9"}}
    called = server.ask("/mcp", {"jsonrpc": "2.0", "method": "tools/call", "params": arguments, "id": 2})[1]
    assert called["result"]["isError"]
    assert "UNKNOWN_HOST" in called["result"]["content"][0]["text"]
    with server.connect(f"/ws?session_id={name}") as socket:
        assert exchange(socket, "state")["data"]["tick"] == 2
    close = {"jsonrpc": "2.0", "method": "openenv/session/close", "params": {"session_id": name}, "id": 3}
    assert server.ask("/mcp", close)[1]["result"]["closed"]
    assert server.ask("/state", headers={"X-Session": name})[0] == 404


def test_tools_within_a_connection(server):
    with server.connect() as socket:
        request = {"jsonrpc": "2.0", "method": "tools/call", "id": 1}
        request["params"] = {"name": "end_turn", "arguments": {"ticks": 2}}
        exchange(socket, "reset", {"seed": 5, "seat": "red", "opponent": "idle"})
        answer = exchange(socket, "mcp", request)["data"]["result"]
        assert not answer["isError"]
        assert answer["data"]["observation"]["tick"] >= 1
        listed = exchange(socket, "mcp", {"jsonrpc": "2.0", "method": "tools/list", "id": 2})["data"]
        assert "attempt_exploit" in {tool["name"] for tool in listed["result"]["tools"]}


def test_two_clients_play_one_game_and_a_silent_one_is_skipped(server):
    with server.connect() as blue, server.connect() as red:
        first = exchange(blue, "reset", {"seed": 5, "seat": ["blue", "red"]})["data"]
        [token] = first["metadata"]["join"].values()
        other = exchange(red, "join", {"token": token})["data"]
        assert "attempt_exploit" not in other["observation"]["text"]
        assert exchange(red, "state")["data"]["seat"] == "red"
        assert exchange(red, "join", {"token": token})["data"]["code"] == "SESSION_ERROR"
        blue.send(json.dumps({"type": "step", "data": end()}))
        with pytest.raises(TimeoutError):
            blue.recv(timeout=0.1)  # red has not ended its turn
        assert exchange(red, "step", end())["data"]["observation"]["tick"] == 1
        assert json.loads(blue.recv(timeout=10))["data"]["observation"]["tick"] == 1
        start = time.monotonic()
        assert exchange(blue, "step", end())["data"]["observation"]["tick"] == 2
        assert time.monotonic() - start >= 0.45
        table = next(
            one.table for one in server.server.app.state.sessions._sessions.values() if one.seat == "red"
        )
        assert '{"seat":"red","skipped":true}' in table.place.game.transcript.lines


def test_a_game_that_is_closed_while_it_waits_answers_nothing_of_the_next_one(server):
    """Its slot is free again, and another game may have it by then."""
    create = {"jsonrpc": "2.0", "method": "openenv/session/create", "id": 1}
    create["params"] = {"reset": {"seed": 5, "seat": ["blue", "red"], "clock": 60}}
    name = server.ask("/mcp", create)[1]["result"]["session_id"]
    close = {"jsonrpc": "2.0", "method": "openenv/session/close", "params": {"session_id": name}, "id": 2}
    with server.connect(f"/ws?session_id={name}") as waits, server.connect() as other:
        waits.send(json.dumps({"type": "step", "data": end()}))
        with pytest.raises(TimeoutError):
            waits.recv(timeout=0.3)  # red has not ended its turn
        assert server.ask("/mcp", close)[1]["result"]["closed"]
        exchange(other, "reset", {"seed": 6})
        answer = json.loads(waits.recv(timeout=10))["data"]
    assert (answer["code"], answer["message"]) == ("EXECUTION_ERROR", "the game was closed")


def test_a_seat_that_has_ended_its_turn_waits_for_the_others(server, caplog):
    """As where the answer to its last step came too late, so that it asks again."""
    sessions = server.server.app.state.sessions
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 5, "seat": ["blue", "red"], "clock": 60})
        [table] = sessions.tables().values()
        late = sessions.stepper.act(table.place, "blue", end(), 60.0)
        answer = exchange(socket, "step", end())["data"]
        assert answer["code"] == "EXECUTION_ERROR"
        assert "not the turn of blue" in answer["message"]
        assert not late.done()
    assert caplog.records == []


def test_a_clock_of_its_own_and_a_name_for_each_seat(server):
    """The other seat has as many seconds as the reset says, here more than the server's half second."""
    with server.connect() as blue, server.connect() as red:
        asked = {"seed": 5, "seat": ["blue", "red"], "clock": 60, "player": " Ada "}
        first = exchange(blue, "reset", asked)["data"]
        [token] = first["metadata"]["join"].values()
        exchange(red, "join", {"token": token, "player": "Grace"})
        blue.send(json.dumps({"type": "step", "data": end()}))
        with pytest.raises(TimeoutError):
            blue.recv(timeout=1.0)
        assert exchange(red, "step", end())["data"]["observation"]["tick"] == 1
        assert json.loads(blue.recv(timeout=10))["data"]["observation"]["tick"] == 1
        assert ["Ada", "Grace"] in [one["players"] for one in server.ask("/api/games")[1]]
        for bad in ({"clock": 1}, {"player": "  "}, {"player": "a" * 41}, {"player": "a\nb"}):
            assert exchange(blue, "reset", bad)["data"]["code"] == "VALIDATION_ERROR"


def test_a_finished_game_is_compared_listed_and_saved(server, tmp_path, monkeypatch):
    """With scripted players on the same seed. Games of players without a name are not on the board."""
    monkeypatch.setattr(server.server.app.state.sessions, "board", Board(tmp_path))
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 3, "player": "Ada"})
        assert exchange(socket, "compare")["data"]["message"] == "the game is not over"
        for _ in range(12):
            last = exchange(socket, "step", end(5))["data"]
        best, idle = exchange(socket, "compare")["data"]["players"]
        saved = base64.b64decode(exchange(socket, "replay")["data"]["replay"])
    assert [best["player"], idle["player"]] == ["guard+plan", "idle"]
    assert best["scores"]["score"] > last["metadata"]["scores"]["score"] == idle["scores"]["score"]
    assert unpacked(base64.b64decode(best["replay"])).header["policy"] == "guard+plan"

    [board] = server.ask("/api/board")[1]
    assert [board[name] for name in ("scenario", "seat", "opponent", "plan")] == [
        "small",
        "blue",
        "fsm",
        True,
    ]
    found = [(row["player"], row["n"]) for row in board["players"]]
    assert found == [("guard+plan (scripted)", 1), ("Ada", 1), ("idle (scripted)", 1)]

    [about] = server.ask("/api/replays")[1]
    assert [about[name] for name in ("world", "policy", "seed", "steps")] == ["cc4", "Ada", 3, 60]
    with urllib.request.urlopen(f"{server.address}/replays/{about['file']}") as response:
        assert response.read() == saved == (tmp_path / about["file"]).read_bytes()
    for name in ("games.jsonl", "..%2Fgames.jsonl", "none.replay.jsonl.gz"):
        assert server.ask(f"/replays/{name}")[0] == 404


def test_games_without_a_name_are_not_listed(server):
    assert server.ask("/api/board")[1] == []  # after all of the above
    assert server.ask("/api/replays")[1] == []


@pytest.mark.slow
def test_a_client_that_leaves_in_the_middle_gives_its_place_back(server):
    sessions = server.server.app.state.sessions
    for _ in range(BATCH_SIZE + 1):
        with server.connect() as socket:
            socket.send(json.dumps({"type": "reset", "data": {"seed": 5}}))
    until = time.monotonic() + 60
    while time.monotonic() < until:
        games = sum(len(batch.games) for group in sessions.stepper._groups.values() for batch in group)
        if not games and not len(sessions):
            break
        time.sleep(0.05)
    assert (games, len(sessions)) == (0, 0)


def test_a_late_answer_is_an_error_and_leaves_the_game_valid(server, monkeypatch):
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 5})
        blocked = threading.Event()
        server.server.app.state.sessions.stepper.ask(lambda: blocked.wait(10))
        settings = server.server.app.state.sessions.settings
        monkeypatch.setattr(
            server.server.app.state.sessions,
            "settings",
            type(settings)(batch_size=BATCH_SIZE, limits=Limits(step=0.2)),
        )
        assert exchange(socket, "step", end())["data"]["code"] == "EXECUTION_ERROR"
        blocked.set()
        monkeypatch.undo()
        assert exchange(socket, "step", end())["data"]["observation"]["tick"] == 1


@pytest.mark.slow
def test_a_world_that_fails_is_an_error_of_its_games_alone(server, monkeypatch):
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 5})
        stepper = server.server.app.state.sessions.stepper
        batch = next(one for one in stepper._groups["idle"] if one.games)

        def fails(*_):
            raise RuntimeError("out of memory")

        with monkeypatch.context() as patch:
            patch.setattr(batch.simulation, "tick", fails)
            answer = exchange(socket, "step", end())["data"]
            assert (answer["code"], answer["message"]) == ("EXECUTION_ERROR", FAULT)
        assert exchange(socket, "reset", {"seed": 5})["type"] == "observation"
        assert exchange(socket, "step", end())["data"]["observation"]["tick"] == 1


# ---------------------------------------------------------------- what pages are sent


QUICK = [CALLS[0], call("deploy_patch", host="RZA-s0"), CALLS[2], *[end(5)] * 13]


def with_frames(server, seed, calls, **arguments):
    """The frames of a game, and all texts that were sent before its end."""
    with server.connect() as socket:
        asked = {"seed": seed, "frames": True, **arguments}
        socket.send(json.dumps({"type": "reset", "data": asked}))
        texts = [socket.recv(timeout=120)]
        for action in calls:
            if json.loads(texts[-1])["data"]["done"]:
                break
            socket.send(json.dumps({"type": "step", "data": action}))
            texts.append(socket.recv(timeout=120))
        last = json.loads(texts[-1])["data"]
        replay = exchange(socket, "replay") if last["done"] else None
    frames = [json.loads(text)["data"]["frames"] for text in texts]
    return frames, texts[:-1] if last["done"] else texts, last, replay


def from_rows_alone(seed, side, calls):
    """The frames of a seat that gets the rows of its side, and noise in place of all else."""
    setup = Setup.of("small", side, None if side == "blue" else "idle", None, False)
    games, noise = ConcurrentGames("idle", BATCH_SIZE), np.random.default_rng(seed)
    games.start({0: (setup, seed, None)})
    game, own = games.games[0], list(SEATS[side])

    def masked(obs):
        hidden = noise.integers(0, 2, obs.shape).astype(np.float32)
        hidden[own] = obs[own]
        return hidden

    alone = Seat(side, setup.scenario, masked(games.simulation.observations(0)), None)
    frames = SeatFrames(alone)

    def watch(tick):
        alone.actions()
        alone.update(masked(tick.obs))
        frames.update()

    game.watchers.append(watch)
    for action in calls:
        if game.outcome is None:
            alone.act(action)
            game.act(action, side)
            games.advance()
    return frames


@pytest.mark.parametrize(
    ("side", "seed"),
    [
        ("blue", 3),
        pytest.param("red", 4, marks=pytest.mark.slow),
        *[pytest.param("blue", seed, marks=pytest.mark.slow) for seed in range(20, 40)],
        *[pytest.param("red", seed, marks=pytest.mark.slow) for seed in range(20, 30)],
    ],
)
def test_frames_are_a_function_of_the_seats_own_rows(server, side, seed):
    """All that a page is sent before the end: with noise in the rows of the other side it is the same."""
    calls = QUICK if side == "blue" else [call("recon_network", zone="CON"), *[end(5)] * 60]
    more = {"plan": False} | ({} if side == "blue" else {"seat": "red", "opponent": "idle"})
    sent, texts, last, _ = with_frames(server, seed, calls, **more)
    expected = from_rows_alone(seed, side, calls)
    assert last["done"]
    assert sent[0]["header"] == json.loads(to_text(expected.header))
    assert [tick for one in sent for tick in one["ticks"]] == json.loads(to_text(expected.ticks))
    for text in texts:
        assert "reward_parts" not in text
        assert '"actions"' not in text
        assert json.loads(text)["data"]["reward"] == 0
    other = "red" if side == "blue" else "blue"
    assert sent[0]["header"]["views"].keys() == {side}
    assert not any(f'"{other}":{{' in text or '"true":{' in text for text in texts)


def test_the_end_tells_what_was_true(server):
    with server.connect() as socket:
        assert exchange(socket, "replay")["data"]["code"] == "EXECUTION_ERROR"
        exchange(socket, "reset", {"seed": 3})
        assert exchange(socket, "replay")["data"]["message"] == "the game is not over"
    _, _, last, answer = with_frames(server, 3, QUICK)
    replay = unpacked(base64.b64decode(answer["data"]["replay"]))
    assert replay.header["views"].keys() == {"true", "blue", "red", "difference"}
    assert len(replay.ticks) == 61
    assert sum(tick.get("reward", 0) for tick in replay.ticks) == pytest.approx(last["metadata"]["return"])
    assert replay.end["transcript"] == last["metadata"]["transcript"]
    assert difference(replay.ticks, ticks_again(replay, BATCH_SIZE)) is None
    assert any("R" in marks for tick in replay.ticks for marks in tick["marks"].get("true", {}).values())


def test_a_game_that_is_played_again_is_the_one_that_spectators_saw(server, monkeypatch):
    sessions = server.server.app.state.sessions
    monkeypatch.setattr(sessions, "settings", replace(sessions.settings, spectators=True))
    with server.connect() as socket:
        game = exchange(socket, "reset", {"seed": 6, "frames": True})["data"]["frames"]["game"]
        exchange(socket, "step", end(5))
        with server.connect(f"/watch/{game}") as watcher:
            header = json.loads(watcher.recv(timeout=20))["data"]
            ticks = json.loads(watcher.recv(timeout=20))["data"]
            assert len(ticks) == 6  # late, and given all
            for _ in range(11):
                exchange(socket, "step", end(5))
            while (frame := json.loads(watcher.recv(timeout=20)))["type"] == "ticks":
                ticks += frame["data"]
            assert frame["type"] == "end"
        replay = unpacked(base64.b64decode(exchange(socket, "replay")["data"]["replay"]))
    assert (header, ticks, frame["data"]) == (replay.header, list(replay.ticks), replay.end)


@pytest.mark.slow
def test_without_spectators_a_game_is_shown_at_its_end(server):
    with server.connect() as socket:
        game = exchange(socket, "reset", {"seed": 6, "frames": True})["data"]["frames"]["game"]
        assert game in {one["id"] for one in server.ask("/api/games")[1]}
        with server.connect(f"/watch/{game}") as watcher:
            exchange(socket, "step", end(5))
            with pytest.raises(TimeoutError):
                watcher.recv(timeout=0.5)
            for _ in range(11):
                exchange(socket, "step", end(5))
            kinds = [json.loads(watcher.recv(timeout=60))["type"] for _ in range(3)]
            assert kinds == ["header", "ticks", "end"]
    with server.connect("/watch/nobody") as watcher:
        assert json.loads(watcher.recv(timeout=10))["data"]["code"] == "SESSION_ERROR"


def test_hints_are_counted(server):
    with server.connect() as socket:
        exchange(socket, "reset", {"seed": 3})
        hint = exchange(socket, "hint")["data"]["action"]
        assert hint["calls"][-1] == end()
        assert exchange(socket, "state")["data"]["step_count"] == 0
        for _ in range(12):
            last = exchange(socket, "step", end(5))["data"]
        assert last["metadata"]["hints"] == 1


def test_a_session_goes_on_after_a_connection_ends(server):
    name = server.ask("/api/sessions", method="POST")[1]["session_id"]
    with server.connect(f"/ws?session_id={name}") as socket:
        first = exchange(socket, "reset", {"seed": 3, "frames": True})["data"]
        second = exchange(socket, "step", end(2))["data"]
    with server.connect(f"/ws?session_id={name}") as socket:
        again = exchange(socket, "look")["data"]
    assert again["observation"] == second["observation"]
    assert again["frames"]["header"] == first["frames"]["header"]
    assert again["frames"]["ticks"] == first["frames"]["ticks"] + second["frames"]["ticks"]


def test_openenvs_own_client_plays(server):
    """Where OpenEnv is installed, which Garrison does not need."""
    client = pytest.importorskip("openenv.core.generic_client")

    async def play():
        async with client.GenericEnvClient(base_url=server.address) as env:
            first = await env.reset(seed=5)
            second = await env.step(end())
            state = await env.state()
        return first, second, state

    first, second, state = asyncio.run(play())
    assert first.observation["tick"] == 0
    assert second.observation["tick"] == 1
    assert state["seed"] == 5
