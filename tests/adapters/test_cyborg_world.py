"""CybORG as a world: what can be said of it without CybORG, and the protocol with it."""

from pathlib import Path
from types import SimpleNamespace as Fake

import jax
import numpy as np
import pytest

import garrison
from garrison.adapters.cyborg import engine, facts
from garrison.adapters.cyborg import world as module
from garrison.adapters.cyborg.world import CybORGEpisode, CybORGWorld, Mismatch, check_labels, on_cyborg
from garrison.core.world import observed_by
from garrison.parity.recording import trace
from garrison.worlds.cc4 import CC4, describe, observe, rich
from garrison.worlds.cc4 import behavior as judged
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.messages import MESSAGES

RECORDINGS = sorted((Path(__file__).parents[1] / "data").glob("*.jsonl.xz"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_the_labels_of_recorded_episodes_are_those_of_cc4(path):
    labels = trace.read(path).header["action_labels"]
    for number, agent in enumerate(T.BLUE_AGENTS):
        check_labels(number, labels[agent])


def test_other_labels_are_noticed():
    labels = describe.blue_action_labels(0)
    swapped = [labels[1], labels[0], *labels[2:]]
    with pytest.raises(
        Mismatch, match=r"action 0 of blue_agent_0 is 'Analyse restricted_zone_a_subnet_server_host_1'"
    ):
        check_labels(0, swapped)
    with pytest.raises(Mismatch, match="blue_agent_4 has 82 actions in this CybORG and 242 in Garrison"):
        check_labels(4, labels)


def test_decisions_are_placed_by_kind_subnet_and_reds_hold():
    kinds, subnets, attackers = judged.BLUE.axes.values()
    mask = np.ones((T.NUM_BLUE, T.MAX_BLUE_ACTIONS), bool)
    held = T.HOST_NAMES[T.user_host(T.RZA, 0)]
    for agent in range(T.NUM_BLUE):
        for action, label in enumerate(describe.blue_action_labels(agent)):
            kind, subnet, hold = module._place(agent, mask, action, {held: judged.ROOT})
            first, *rest = label.split()
            assert kinds[kind] == first
            assert rest[0].startswith(subnets[subnet]) if rest else subnets[subnet] == "none"
            on_host = rest and "host" in rest[0]
            assert attackers[hold] == (
                "no target host" if not on_host else "root" if rest[0] == held else "none"
            )
    assert module._place(0, ~mask, 0, {}) == (T.Blue.SLEEP, subnets.index("none"), judged.NO_TARGET)


def test_the_highest_hold_of_any_red_counts():
    def session(hostname, username):
        return Fake(hostname=hostname, username=username)

    sessions = {
        "red_agent_0": {0: session("a", "root"), 1: session("b", "user")},
        "red_agent_1": {0: session("a", "user")},
        "green_agent_0": {0: session("c", "user")},
    }
    holds = facts.red_holds(Fake(state=Fake(sessions=sessions)))
    assert holds == {"a": judged.ROOT, "b": judged.USER_SHELL}


def controller(told, phase=0, **results):
    """What :func:`reward_parts` reads: per agent the executed action, its result, and an active session."""

    def action(kind, host):
        return type(kind, (), {"hostname": host, "ip_address": host})()

    return Fake(
        action={agent: [action(kind, host)] for agent, (kind, host, _, _) in results.items()},
        observation={
            agent: Fake(observations=[Fake(data={"success": Fake(name=result)})])
            for agent, (_, _, result, _) in results.items()
        },
        reward={"Blue": {"BlueRewardMachine": told, "action_cost": -2}},
        state=Fake(
            mission_phase=phase,
            ip_addresses={"contractor": "contractor", "zone": "zone"},
            hostname_subnet_map={
                "contractor": Fake(value="contractor_network_subnet"),
                "zone": Fake(value="operational_zone_a_subnet"),
            },
            sessions={agent: {0: Fake(active=active)} for agent, (*_, active) in results.items()},
        ),
    )


def test_the_parts_of_the_reward_are_told_apart():
    parts = module.reward_parts(
        controller(
            -20,
            phase=1,
            green_agent_0=("GreenLocalWork", "zone", "FALSE", True),
            green_agent_1=("GreenAccessService", "zone", "FALSE", True),  # costs nothing there and then
            green_agent_2=("GreenLocalWork", "zone", "TRUE", True),
            green_agent_3=("GreenLocalWork", "zone", "FALSE", False),  # without a session
            red_agent_0=("Impact", "zone", "FALSE", True),  # costs even if it fails
            red_agent_1=("Impact", "contractor", "TRUE", True),
            blue_agent_0=("Sleep", "zone", "FALSE", True),
        )
    )
    assert parts == {"LWF": -10, "ASF": 0, "RIA": -10, "action_cost": -2}


def test_a_reward_that_is_not_the_sum_of_its_parts_is_an_error(monkeypatch):
    monkeypatch.setattr(
        engine, "about", lambda: {"version": "4", "commit": None, "sources": "", "known": False}
    )
    with pytest.raises(Mismatch, match=r"reward is -3 where the parts add up to -5.0 .*NOT the sources"):
        module.reward_parts(controller(-3, green_agent_0=("GreenAccessService", "contractor", "FALSE", True)))


def test_busy_agents_may_be_left_with_sleep():
    mask = np.ones((T.NUM_BLUE, T.MAX_BLUE_ACTIONS), bool)
    state = CybORGEpisode(None, mask, (), busy=np.array([True, False, False, False, False]))
    assert CybORGWorld().legal(state).all()
    legal = CybORGWorld(busy="masked").legal(state)
    assert np.flatnonzero(legal[0]).tolist() == [CC4.idle_actions[0]]
    assert legal[1:].all()


def test_the_world_of_cyborg_is_that_of_cc4():
    ours = garrison.make("cc4", red="discovery", observation="rich", busy="masked", steps=60)
    theirs = on_cyborg(ours)
    assert theirs == CybORGWorld("discovery", observation="rich", busy="masked", steps=60)
    column = on_cyborg(garrison.make("cc4/phishing", red="discovery"))
    assert (column.name, column.red, column.overrides) == (
        "cyborg/phishing",
        "discovery",
        (("green_phishing", 0.75),),
    )
    choices = {"traffic": "policy", "idle": "off", "messages": "state8"}
    shared = garrison.make("cc4", rewards="cause", **choices)
    assert on_cyborg(shared) == CybORGWorld(**choices)
    for name in ("agents", "action_counts", "observation_sizes", "max_steps", "score_steps", "idle_actions"):
        assert getattr(theirs, name) == getattr(ours, name)
    assert theirs.action_labels(4) == ours.action_labels(4)
    assert theirs.observation_labels(4) == ours.observation_labels(4)
    assert theirs.policies().keys() == ours.policies().keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": "red"}, "is not on CybORG; 'cc4' with side=blue is"),
        ({"restore_cost": 0, "green_phishing": 0.1}, "CybORG has no option restore_cost; leave it out"),
        ({"op_zone_servers": 3}, "CybORG has no option op_zone_servers"),
        ({"servers": [[1, 6]] * 7 + [[3, 3]]}, "CybORG has one range of servers for all subnets, not"),
        ({"vary": "robust"}, "CybORG has no option vary"),
    ],
)
def test_what_cyborg_cannot_play_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        on_cyborg(garrison.make("cc4", **options))


def test_players_see_the_contract_that_they_read():
    world = CybORGWorld()
    assert observed_by(world, [Fake(observation="stock"), Fake(observation="rich")]).observation == "rich"
    assert observed_by(world, [Fake(observation="stock"), Fake()]) == world


# ---------------------------------------------------------------- with CybORG


@pytest.mark.cyborg
@pytest.mark.parametrize("observation", ["stock", "rich"])
def test_the_protocol_is_kept(observation):
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))
    world = CybORGWorld(observation=observation, busy="masked", steps=40)
    generator = np.random.default_rng(0)
    obs, state = world.reset(3)
    steps, busy = 0, 0
    while not state.done:
        assert (obs.shape, obs.dtype) == ((5, 210 if observation == "stock" else rich.SIZE), np.float32)
        legal = world.legal(state)
        assert (legal.shape, legal.dtype) == ((5, 242), bool)
        assert legal.any(axis=1).all()
        for agent, count in enumerate(world.action_counts):
            assert not legal[agent, count:].any()
            assert not obs[agent, world.observation_sizes[agent] :].any()
        actions = np.array([generator.choice(np.flatnonzero(row)) for row in legal], np.int32)
        obs, state, step = world.step(None, state, actions)
        assert (step.reward.shape, step.reward.dtype) == ((5,), np.float32)
        assert step.reward.tolist() == [sum(step.info["reward_parts"].values())] * 5
        steps, busy = steps + 1, busy + (~step.info["decided"]).sum()
    assert (steps, bool(step.terminated), state.phase) == (39, True, 2)
    assert busy > 10
    with pytest.raises(ValueError, match="the episode is over"):
        world.step(None, state, actions)
    with pytest.raises(ValueError, match="out of range"):
        world.step(None, world.reset(3)[1], np.full(5, 500))


@pytest.mark.cyborg
@pytest.mark.parametrize("kind", MESSAGES[1:])
def test_messages_are_delivered_as_garrison_delivers_them(kind):
    """CybORG's vectors end as Garrison's do when the same bits are sent; nothing else differs."""
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))
    generator = np.random.default_rng(0)
    silent, world = CybORGWorld(), CybORGWorld(messages=kind)
    (plain, quiet), (obs, state) = silent.reset(3), world.reset(3)
    _, ours = garrison.make("cc4").reset(jax.random.key(0))
    seen = set()
    for _ in range(60):
        assert _without_messages(plain) == _without_messages(obs)
        before = state.doing.copy()
        actions = generator.integers(0, world.action_counts)
        flags = [_flags(obs[agent], agent) for agent in range(T.NUM_BLUE)]
        doing = np.where(state.busy, before, actions + 1)
        plain, quiet, _ = silent.step(None, quiet, actions)
        obs, state, _ = world.step(None, state, actions)
        sent = np.array([_bits(kind, *flags[agent], doing[agent]) for agent in range(T.NUM_BLUE)])
        expected = np.asarray(observe.blue_vectors(ours.topology, ours.state, sent.astype(np.uint8)))
        for agent, size in enumerate(T.BLUE_OBSERVATION_SIZES):
            np.testing.assert_array_equal(obs[agent, size - 32 : size], expected[agent, size - 32 : size])
        seen |= {tuple(row) for row in sent}
    assert len(seen) > 3


def _without_messages(obs):
    return [obs[agent, : size - 32].tolist() for agent, size in enumerate(T.BLUE_OBSERVATION_SIZES)]


def _flags(vector, agent):
    """Numbers of hosts with a process event, and with a network event, by the labels."""
    labels = [name for name, x in zip(CybORGWorld().observation_labels(agent), vector, strict=False) if x]
    return tuple(sum(name.endswith(f"{what} event") for name in labels) for what in ("process", "network"))


def _bits(kind, process, network, doing):
    numbers = {
        "action8": doing,
        "state2": 128 * (process > 0) + 64 * (network > 0),
        "state8": 16 * min(process, 15) + min(network, 15),
    }
    return [int(bit) for bit in f"{numbers[kind]:08b}"]
