"""What seats read: it is within its budget, and tells nothing that their agents do not see."""

import ast
import inspect
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.llm import prompt, text, tracker
from garrison.llm.arena import ArenaBatch
from garrison.llm.playbook import Referee, generate
from garrison.llm.players import call, player
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.seat import Seat
from garrison.llm.simulation import world
from garrison.llm.text import count
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import NO_RANK

SMALL = SCENARIOS["small"]


def test_tokens_are_words_digits_and_signs():
    assert count("RZA-s0 exploit12") == 7
    assert count("  \n") == 0


@pytest.mark.parametrize("module", [tracker, text])
def test_texts_and_trackers_do_not_touch_the_simulator(module):
    names = {
        node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else node.arg
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Name | ast.Attribute | ast.arg)
    }
    assert not names & {"state", "topology", "events", "episode", "held", "rooted", "sabotaged", "loss"}


@pytest.mark.parametrize("seat", ["blue", "blue_agent_4", "red", "red_agent_5"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_system_prompt_fits_its_budget(scenario, seat):
    plan = seat.startswith("blue") and SCENARIOS[scenario].instructions > 0
    written = prompt.system_prompt(SCENARIOS[scenario], seat, plan)
    assert count(written) <= 700
    assert "{" not in written.replace('{"', "").replace("{...}", "")


@pytest.mark.parametrize(("name", "median", "most"), [("guard+plan", 350, 700), ("idle", 350, 700)])
def test_texts_of_a_blue_seat_fit_their_budget(blue, name, median, most):
    hand, counts = blue(1), []
    one = player(name, 1)
    while not hand.view.done:
        counts.append(count(hand.view.text))
        hand.view = hand.arena.act(one.act(hand.seat, hand.arena.rows()))
    assert np.median(counts) <= median
    assert max(counts) <= most


def test_texts_of_a_red_seat_fit_their_budget(red):
    hand, counts = red(1), []
    for _ in range(20):
        counts.append(count(hand.view.text))
        hand.pass_ticks(1)
    assert np.median(counts) <= 300
    assert max(counts) <= 600


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seat", "name", "median", "most"),
    [
        ("blue", "guard+plan", 350, 700),
        ("blue", "idle", 350, 700),
        ("blue_agent_4", "guard+plan", 180, 350),
        ("blue_agent_1", "idle", 180, 350),
        ("red", "attacker", 300, 600),
    ],
)
def test_texts_of_many_games_fit_their_budget(seat, name, median, most):
    """50 games of medium, the size with the most evidence for its length."""
    batch = ArenaBatch(50, "medium", seat)
    views = batch.reset(range(50))
    players = [player(name, seed, batch.games[0].seats[seat].side) for seed in range(50)]
    counts = []
    while not all(view.done for view in views):
        counts += [count(view.text) for view in views if not view.done]
        views = batch.act(
            [
                None if view.done else players[i].act(batch.games[i].seats[seat], batch.rows(i))
                for i, view in enumerate(views)
            ]
        )
    assert np.median(counts) <= median
    assert np.quantile(counts, 0.99) <= most


def test_only_what_changed_is_said_again(blue):
    hand = blue(1)
    assert "DECOYS" in hand.run("deploy_patch", host="OZA-s0").text
    view = hand.pass_ticks(1)
    assert "DECOYS" not in view.text
    assert "DONE" not in view.text
    assert "BLOCKS" not in view.text
    assert view.facts["decoys"].keys() == {"OZA-s0"}


def test_an_order_is_named_once(blue):
    """Within a turn it is answered; after that BUSY and DONE name it. Answers that these lack stay."""
    hand = blue(1)
    assert hand.do("run_forensics", host="RZB-u7").text == "OK B2: run_forensics RZB-u7"
    view = hand.do("end_turn", ticks=1)
    assert "OK" not in view.text
    assert "BUSY B2 run_forensics RZB-u7 1" in view.text
    calls = [call("deploy_patch", host="RZB-s0"), call("deploy_patch", host="RZB-s1"), call("end_turn")]
    view = hand.arena.act({"calls": calls})
    assert [line for line in view.text.splitlines() if line.startswith("OK")] == [
        "OK B2: deploy_patch RZB-s1"
    ]


def test_hosts_are_listed_by_severity(blue):
    hand = blue(1)
    hand.run("run_forensics", host="RZB-u7")
    line = next(line for line in hand.view.text.splitlines() if line.startswith("HOSTS"))
    assert line.startswith("HOSTS RZB-u7 root0")
    tracked = hand.seat.tracker
    ranks = [(-tracked.severity[h], tracked.age[h]) for h in tracked.ranked()]
    assert ranks == sorted(ranks)


# ---------------------------------------------------------------- leaks


@cache
def observe():
    return jax.jit(world().observe)


def episode_of(hand, at=3):
    hand.pass_ticks(at)
    return jax.tree.map(lambda x: x[0], hand.arena._batch._concurrent.simulation._env.episode)


def texts(seat, rows):
    """All that a seat is given of an observation, under a plan and after a query."""
    referee = None
    if seat.startswith("blue"):
        tracked = Seat(seat, SMALL, rows, None).tracker
        referee = Referee(SMALL, generate(0, tracked.exists, SMALL, tracked.agents))
    one = Seat(seat, SMALL, rows, referee)
    turn = one.turn()
    queries = one.act({"tool_name": "query_siem"}) if one.side == "blue" else []
    return one.text.render(turn), one.text.facts(turn), queries


def unlike(array):
    """Other values of the same dtype."""
    array = np.asarray(array)
    return jnp.asarray(~array if array.dtype == bool else (array + 1) % 2)


def moved_phished(state, topology):
    """A session that no report shows, on another host: its owner cannot know."""
    free = np.argwhere(np.asarray(state.session_kind)[1] == 0)[0, 0]
    host = T.user_host(T.RZA, 0)
    changes = {"session_kind": T.Session.ABSTRACT, "session_host": host, "session_user": T.User.ROOT}
    return {name: getattr(state, name).at[1, free].set(value) for name, value in changes.items()}


#: What the rich contract hides from blue, and a change of it.
HIDDEN_FROM_BLUE = {
    "a session": moved_phished,
    "no sessions": lambda s, t: {"session_kind": jnp.zeros_like(s.session_kind)},
    "all root": lambda s, t: {"session_user": jnp.full_like(s.session_user, T.User.ROOT)},
    "pids": lambda s, t: {"session_pid": s.session_pid + 1},
    "services": lambda s, t: {"host_reliability": jnp.zeros_like(s.host_reliability)},
    "operational services": lambda s, t: {"host_ot_stopped": unlike(s.host_ot_stopped)},
    "files that were not looked for": lambda s, t: {"host_cmd_files": s.host_cmd_files + 1},
    "addresses": lambda s, t: {"red_known_ip": unlike(s.red_known_ip)},
    "names": lambda s, t: {"red_known_hostname": unlike(s.red_known_hostname)},
    "red's sessions": lambda s, t: {"red_known_session": jnp.full_like(s.red_known_session, NO_RANK)},
    "red's actions": lambda s, t: {"red_kind": s.red_kind + 1, "red_ticks": s.red_ticks + 1},
    "red's scans": lambda s, t: {"scan_ports": s.scan_ports + 1},
    "red's reports": lambda s, t: {"seen_kind": s.seen_kind + 1, "seen_host": s.seen_host + 1},
    "active reds": lambda s, t: {"red_active": unlike(s.red_active)},
}
HIDDEN_FROM_RED = {
    "decoys": lambda s, t: {"host_decoy": unlike(s.host_decoy)},
    "events": lambda s, t: {"host_process_events": s.host_process_events + 1},
    "suspicion": lambda s, t: {"suspicious_host": unlike(s.suspicious_host)},
    "blue's actions": lambda s, t: {"blue_action": s.blue_action + 1, "blue_ticks": s.blue_ticks + 1},
    "blocks": lambda s, t: {"blocked": unlike(s.blocked)},
    "services": lambda s, t: {"host_reliability": jnp.zeros_like(s.host_reliability)},
}
CASES = [("blue", name) for name in HIDDEN_FROM_BLUE] + [("red", name) for name in HIDDEN_FROM_RED]


@pytest.mark.parametrize(("seat", "hidden"), CASES)
def test_what_a_side_does_not_see_changes_nothing_that_it_reads(request, seat, hidden):
    episode = episode_of(request.getfixturevalue(seat)(1))
    change = (HIDDEN_FROM_BLUE if seat == "blue" else HIDDEN_FROM_RED)[hidden]
    changed = episode.replace(state=episode.state.replace(**change(episode.state, episode.topology)))
    same = jax.tree.map(np.array_equal, episode.state, changed.state)
    assert not all(jax.tree.leaves(same))
    rows = [jax.device_get(observe()(one)) for one in (episode, changed)]
    assert texts(seat, rows[0]) == texts(seat, rows[1])


def test_red_does_not_see_blues_memory(red):
    episode = episode_of(red(1))
    memory = jax.tree.map(lambda x: (x + 1) % 2, episode.blue_memory)
    rows = [jax.device_get(observe()(one)) for one in (episode, episode.replace(blue_memory=memory))]
    assert texts("red", rows[0]) == texts("red", rows[1])
    assert texts("blue", rows[0]) != texts("blue", rows[1])


@pytest.mark.parametrize("seat", ["blue_agent_0", "blue_agent_4", "red_agent_2"])
def test_a_seat_reads_its_own_rows_alone(request, seat):
    hand = request.getfixturevalue(seat.split("_")[0])(1)
    rows = jax.device_get(observe()(episode_of(hand)))
    own = list(Seat(seat, SMALL, rows, None).agents)
    others = np.zeros_like(rows)
    others[own] = rows[own]
    assert texts(seat, rows) == texts(seat, others)


def test_sabotage_is_not_read(blue):
    hand = blue(0)
    item = hand.arena.game.referee.current(1)
    hand.run("execute_instruction", id=item.id)
    assert item.status == "done"
    seat = hand.seat
    before = (seat.text.render(seat.turn()), seat.text.facts(seat.turn()))
    item.sabotaged = True
    after = (seat.text.render(seat.turn()), seat.text.facts(seat.turn()))
    assert before[1] == after[1]
    assert before[0].split("PLAN")[1:] == after[0].split("PLAN")[1:]


@pytest.mark.parametrize("side", ["blue", "red"])
def test_no_reward_is_seen_before_the_end(request, side):
    hand = request.getfixturevalue(side)(1)
    while not hand.view.done:
        assert hand.view.reward == 0
        assert hand.view.metadata == {}
        assert not {"loss", "reward", "return", "ratio"} & set(str(hand.view.facts).replace("'", " ").split())
        hand.view = hand.arena.act({"tool_name": "end_turn", "params": {"ticks": 5}})
    assert {"loss", "ratio", "scores"} <= hand.view.metadata.keys()
