"""Policies of red's list of actions on CybORG: what they see, what they are given, and who may not play."""

import io
import json
import lzma
from pathlib import Path
from types import SimpleNamespace as Fake

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tyro

import garrison
from garrison.adapters.cyborg import commands, engine, submission_process, submissions
from garrison.adapters.cyborg.attacker import Attacker
from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.export import export
from garrison.adapters.cyborg.red_view import RedView
from garrison.adapters.cyborg.submissions import Submission
from garrison.adapters.cyborg.world import CybORGWorld, on_cyborg
from garrison.algos.ippo import Config
from garrison.cli import evaluate_cyborg
from garrison.cli.evaluate import Evaluate
from garrison.core.policy import Constant, Pool, Random
from garrison.judge.match import worlds_against
from garrison.learn import nets
from garrison.learn.policy import NetworkPolicy
from garrison.parity.recording.record import RecordingSession
from garrison.parity.recording.red import Wanderer
from garrison.parity.replay.replay import replay
from garrison.worlds.cc4 import BLUE_POLICIES, red_acts
from garrison.worlds.cc4 import red_view as listed
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents.listed import Listed

EPISODE = Path(__file__).parents[1] / "data" / "red_list" / "episode.json.xz"
#: Known to red_agent_0, whose first subnet is the contractors'.
HOME = T.HOST_NAMES[T.user_host(T.CON, 0)]


@pytest.fixture(scope="module")
def episode():
    """An episode of CybORG, and what Garrison's red observed and chose in the same one, step by step."""
    return json.loads(lzma.decompress(EPISODE.read_bytes()))


def test_vectors_and_masks_are_those_of_garrison(episode):
    view = RedView()
    for step in episode["steps"]:
        view.update(step["knowledge"])
        if "vectors" in step:
            vectors = view.vectors()
            assert vectors.shape == (T.NUM_RED, red_acts.SIZE)
            found = [{str(i): round(float(row[i]), 6) for i in np.flatnonzero(row)} for row in vectors]
            assert found == step["vectors"]
            assert [np.flatnonzero(row).tolist() for row in view.masks()] == step["masks"]


def test_actions_come_from_the_sessions_that_garrison_chooses(episode):
    view, kinds, foreign = RedView(), set(), 0
    for step in episode["steps"][:-1]:
        view.update(step["knowledge"])
        orders = view.orders(np.array(step["chosen"]))
        assert {agent: list(order) for agent, order in orders.items()} == step["orders"]
        kinds |= {order[0] for order in orders.values()}
        first = {agent: one["sessions"][0][0] for agent, one in named(step["knowledge"]) if one["sessions"]}
        foreign += sum(order[1] != first[agent] for agent, order in orders.items())
    assert kinds == set(T.RED_NAMES[1:-1])
    assert foreign > 10  # not merely the oldest


def named(knowledge):
    return zip(commands.AGENTS, knowledge["agents"], strict=True)


def test_what_is_not_in_the_list_is_no_order(episode):
    view = RedView()
    view.update(episode["steps"][0]["knowledge"])
    for index in (-1, 0, max(listed.ACTION_COUNTS)):
        assert view.orders(np.full(T.NUM_RED, index)) == {}


# ---------------------------------------------------------------- CybORG's objects


class Kind:
    """Makes stand-ins for CybORG's action classes."""

    def __init__(self, name, *parameters):
        self.__name__, self.parameters = name, parameters

    def __call__(self, **given):
        assert set(given) == set(self.parameters)
        return self.__name__, given


DISCOVER = Kind("DiscoverRemoteSystems", "subnet", "session", "agent")
WITHDRAW = Kind("Withdraw", "session", "agent", "ip_address", "hostname")


def controller(busy=(), active=(0, 1)):
    """What is read of CybORG's controller; agent 0 holds a host and has just scanned it."""
    scan = type("AggressiveServiceDiscovery", (), {"ip_address": "10.0.0.1"})()
    abstract = type("RedAbstractSession", (), {})()
    vars(abstract).update(ident=3, hostname=HOME, username="root", ports={"10.0.0.1": [22, 25]})
    nothing = Fake(subnet={}, ip_address={}, hostname={}, server_session={}, actions={})
    knows = Fake(
        subnet={"cidr": True, "other": False},
        ip_address={"10.0.0.1": True, "10.0.0.2": False},
        hostname={HOME: True},
        server_session={0: True, 3: True, 4: False},
        actions={DISCOVER: True, WITHDRAW: True},
        action_params={kind: kind.parameters for kind in (DISCOVER, WITHDRAW)},
    )
    taken: list = []
    agents = {
        agent: Fake(active=number in active, action_space=nothing if number else knows)
        for number, agent in enumerate(commands.AGENTS)
    }
    return Fake(
        taken=taken,
        step=lambda actions, skip=False: taken.append((actions, skip)),
        agent_interfaces=agents,
        actions_in_progress={agent: {"remaining_ticks": 2} for agent in busy},
        action={"red_agent_0": [scan]},
        observation={
            agent: Fake(observations=[Fake(data={"action": scan, "success": Fake(name="TRUE")})])
            for agent in commands.AGENTS
        },
        state=Fake(
            mission_phase=1,
            subnet_name_to_cidr={Subnet(T.SUBNETS[T.CON]): "cidr", Subnet("else"): "other"},
            ip_addresses={"10.0.0.1": HOME},
            hostname_ip_map={HOME: "10.0.0.1"},
            sessions={agent: {} for agent in commands.AGENTS} | {"red_agent_0": {3: abstract}},
        ),
    )


class Subnet:
    """A subnet's name, as CybORG's enumeration has it."""

    def __init__(self, value):
        self.value = value


def test_what_agents_know_is_read_from_cyborg():
    knowledge = json.loads(json.dumps(commands.knowledge(controller(busy=["red_agent_0"]))))
    assert knowledge["phase"] == 1
    assert knowledge["agents"][0] == {
        "active": True,
        "ticks": 2,
        "subnets": [T.SUBNETS[T.CON]],
        "addresses": [HOME],
        "names": [HOME],
        "known_sessions": [0, 3],
        "sessions": [[3, HOME, "root", True, {HOME: [22, 25]}]],
        "last": ["AggressiveServiceDiscovery", HOME, True],
    }
    assert knowledge["agents"][2]["active"] is False
    assert knowledge["agents"][1]["last"] is None


def test_free_agents_are_given_actions_of_cyborg():
    made = controller(busy=["red_agent_1"])
    orders = {
        "red_agent_0": ["Withdraw", 3, HOME, None],
        "red_agent_1": ["DiscoverRemoteSystems", 3, None, T.SUBNETS[T.CON]],  # busy
        "red_agent_2": ["DiscoverRemoteSystems", 3, None, T.SUBNETS[T.CON]],  # inactive
    }
    commands.command(made, lambda knowledge: orders)
    made.step({"blue_agent_0": "sleeps"}, True)
    withdrawal = {"session": 3, "agent": "red_agent_0", "ip_address": "10.0.0.1", "hostname": HOME}
    assert made.taken == [({"blue_agent_0": "sleeps", "red_agent_0": ("Withdraw", withdrawal)}, True)]
    orders["red_agent_0"] = ["DiscoverRemoteSystems", 0, None, T.SUBNETS[T.CON]]
    made.step()
    discovery = {"session": 0, "agent": "red_agent_0", "subnet": "cidr"}
    assert made.taken[1] == ({"red_agent_0": ("DiscoverRemoteSystems", discovery)}, False)


# ---------------------------------------------------------------- who plays


def test_decisions_depend_on_the_seed_and_what_is_told(episode):
    def chosen(seed):
        attacker = Attacker(Random(), seed)
        rows = []
        for step in episode["steps"][40:44]:
            attacker(step["knowledge"])
            rows.append(attacker.chosen.tolist())
        return rows

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)


def test_an_opponent_of_garrison_is_one_of_cyborg():
    world = garrison.make("cc4", observation="rich", steps=60, green="sleep")
    pool = Pool((Random(), Random()), jnp.ones(2))
    worlds = worlds_against(world, "blue", {"fsm": "fsm", "random": "random", "runs": pool})
    fsm, random, runs = (on_cyborg(worlds[name]) for name in ("fsm", "random", "runs"))
    settings = {"observation": "rich", "steps": 60, "green": "sleep"}
    assert fsm == CybORGWorld("fsm", **settings)
    assert random == CybORGWorld("sleep", Random(), **settings)
    assert runs.opponent is pool
    assert fsm.attacker(3) is None


def test_policies_that_need_garrisons_state_are_named():
    with pytest.raises(ValueError, match="red's policy Listed reads the state of Garrison's engine"):
        CybORGWorld("sleep", Pool((Random(), Listed("fsm")), jnp.ones(2)))
    scripts = garrison.make("cc4", side="both", red="fsm").policies("red")
    with pytest.raises(ValueError, match="a script of red .* name the script alone, as in --red fsm"):
        CybORGWorld("sleep", scripts["fsm"])
    CybORGWorld("sleep", scripts["idle"])
    with pytest.raises(ValueError, match="red is 'fsm'; beside an opponent it must be 'sleep'"):
        CybORGWorld("fsm", Random())


def test_the_command_plays_all_attackers_that_are_named(monkeypatch):
    def play(world, players, episodes, seed, workers, watch, resilience):
        asked.append((world.red, world.opponent, list(players), episodes))
        if len(asked) == 2:
            raise evaluate_cyborg.WorkerError("enough")
        return {}

    asked: list = []
    about = {"version": "4", "commit": None, "sources": "", "known": True}
    monkeypatch.setattr(engine, "about", lambda: about)
    monkeypatch.setattr(evaluate_cyborg, "evaluate", play)
    arguments = ("guard", "idle", "--on", "cyborg", "--against", "random", "discovery", "--episodes", "3")
    with pytest.raises(SystemExit, match="enough"):
        tyro.cli(Evaluate, args=arguments).run()
    players = ["guard", "idle"]
    assert asked == [("sleep", Random(), players, 3), ("discovery", None, players, 3)]


# ---------------------------------------------------------------- the process of a submission


def test_the_process_asks_for_reds_decisions(monkeypatch, tmp_path):
    def play(folder, task, decide):
        yield {"task": task, "orders": decide({"phase": 0})}
        yield {"orders": decide({"phase": 1})}

    monkeypatch.setattr(submission_process, "play", play)
    monkeypatch.setattr(submission_process, "_about", lambda folder: {"name": "a"})
    asked = io.StringIO("".join(json.dumps(line) + "\n" for line in ({"seed": 1}, {"a": 1}, {"b": 2})))
    answers = io.StringIO()
    submission_process.serve(tmp_path, asked, answers)
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [
        {"name": "a"},
        {"knowledge": {"phase": 0}},
        {"task": {"seed": 1}, "orders": {"a": 1}},
        {"knowledge": {"phase": 1}},
        {"orders": {"b": 2}},
        {"end": True},
    ]


def test_red_decides_in_the_process_that_asks_for_the_episode():
    process = object.__new__(submissions._Process)
    messages = [
        {"knowledge": {"phase": 0}},
        {"reward": 1},
        {"knowledge": {"phase": 1}},
        {"reward": 2},
        {"end": True},
    ]
    process._folder, process._tasks = "mine", io.StringIO()
    process._messages = io.StringIO("".join(json.dumps(line) + "\n" for line in messages))
    played = list(process.play({"seed": 3}, lambda knowledge: {"red_agent_0": [knowledge["phase"]]}))
    assert played == [{"reward": 1}, {"reward": 2}]
    assert [json.loads(line) for line in process._tasks.getvalue().splitlines()] == [
        {"seed": 3, "commanded": True},
        {"red_agent_0": [0]},
        {"red_agent_0": [1]},
    ]


# ---------------------------------------------------------------- with CybORG


@pytest.fixture
def cyborg():
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))


def network(agents, features, actions, seed):
    """A small network with large random weights."""
    like = jax.eval_shape(
        lambda key: nets.make(key, (0,) * agents, features, actions, Config(hidden_sizes=(16,))),
        jax.random.key(0),
    )
    generator = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(0, 0.4, leaf.shape), jnp.float32), like)


def red_network():
    return NetworkPolicy(
        network(T.NUM_RED, red_acts.SIZE, max(listed.ACTION_COUNTS), 2), False, None, red_acts.SIZE
    )


@pytest.mark.cyborg
@pytest.mark.parametrize(("blue", "policy"), [("guard", Wanderer), ("guard", red_network)])
def test_both_engines_show_red_the_same(cyborg, blue, policy):
    """After each step the vectors, masks, source sessions, results and states are the same."""
    report = replay(RecordingSession("listed", blue, 1, policy=policy()).episode().trace())
    assert report.differences == []
    assert (report.steps, report.overflow, report.rich) == (499, 0, True)


@pytest.mark.cyborg
def test_a_submission_plays_the_episode_of_its_team(cyborg, tmp_path):
    policy = NetworkPolicy(network(T.NUM_BLUE, 210, T.MAX_BLUE_ACTIONS, 1), True, "stock", 210)
    export(tmp_path / "team", policy, CybORGWorld(), {"name": "a", "team": "b", "technique": "c"})
    submission = Submission(str(tmp_path / "team"))
    world = CybORGWorld("sleep", red_network(), steps=120)
    for seed in (5, 6):
        ours, theirs = play_episode(world, policy, seed), play_episode(world, submission, seed)
        assert ours["returns"] < 0
        assert theirs["returns"] == ours["returns"]
        np.testing.assert_array_equal(theirs["decisions"], ours["decisions"])
    assert play_episode(world, policy, 6)["returns"] == ours["returns"]
    idle = play_episode(CybORGWorld("sleep", Constant((0,) * 6), steps=120), BLUE_POLICIES["idle"], 6)
    assert idle["parts"]["RIA"].sum() == 0
