"""The rich observation (§7.6): what each feature says, and that nothing is in it that blue was not told."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from array_types import unchecked

import garrison
from garrison.core.testing import check_world
from garrison.core.world import observed_by
from garrison.worlds.cc4 import Episode, default_options, play, rich
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.state import State, initial_state
from garrison.worlds.cc4.tables import OFF, OZA, PAZ, RZA, RZB, server_host, user_host

HOST, OTHER, ABROAD = user_host(RZA, 0), user_host(RZA, 1), user_host(OZA, 0)
OWNER = 0  # blue agent of HOST and OTHER
RED = 1  # red agent of both
FEATURE = {name: i for i, name in enumerate(rich.OF_HOST)}
host_features, agent_features = jax.jit(rich.host_features), jax.jit(rich.agent_features)
EVIDENCE = ("process with a number", "connection of no user to it", "connection of no user from it")


@pytest.fixture(scope="module")
def network(reset):
    _, episode = reset(jax.random.split(jax.random.key(7), 1))
    network = jax.tree.map(lambda x: np.asarray(x)[0], episode.topology)
    services = network.service_kind.copy()
    services[:, 1:] = 0  # every host offers SSH alone
    return network.replace(service_kind=services)


@pytest.fixture(scope="module")
def turn(network):
    """``turn(fields, memory, green={}, **draws) -> (fields, memory, events)``: all end what they are at."""
    idle = RedAction(*np.zeros((5, T.NUM_RED), np.uint8))

    @jax.jit
    def advance(draws, episode, kinds):
        episode, events, _, _ = play(draws, episode, jnp.array(blue.SLEEP), idle, kinds)
        return episode, events

    def run(fields, memory, green=None, **draws):
        drawn = {name: np.array(value) for name, value in vars(draw.blank()).items()}
        for name, entries in draws.items():
            for index, value in entries.items():
                drawn[name][index] = value
        kinds = np.full(T.NUM_GREEN, T.Green.SLEEP, np.uint8)
        for host, kind in (green or {}).items():
            kinds[T.GREEN_HOST.tolist().index(host)] = kind
        episode = Episode(State(**fields), network, default_options(), memory)
        episode, events = jax.device_get(advance(draw.Draws(**drawn), episode, kinds))
        return {k: np.array(v) for k, v in vars(episode.state).items()}, episode.blue_memory, events

    return run


@pytest.fixture
def fields(network):
    """The state at reset, to be written into, with one abstract session of red's on OTHER."""
    fields = {name: np.array(value) for name, value in vars(initial_state(network)).items()}
    fields["session_kind"][:] = T.Session.NONE
    session = {"kind": T.Session.ABSTRACT, "host": OTHER, "pid": 20_000}
    for name, value in session.items():
        fields[f"session_{name}"][RED, 0] = value
    fields["red_active"][RED], fields["red_session_count"][RED] = True, 1
    return fields


@pytest.fixture
def memory():
    return jax.device_get(rich.initial_memory())


def blue_due(fields, kind, host=HOST, agent=OWNER):
    """The agent has one tick left of an action."""
    row = (T.BLUE_ACTIONS[agent, :, 0] == kind) & (T.BLUE_ACTIONS[agent, :, 1] == host)
    fields["blue_action"][agent], fields["blue_ticks"][agent] = np.argmax(row), 1


def red_due(fields, kind, host, agent=RED):
    fields["red_kind"][agent], fields["red_host"][agent], fields["red_ticks"][agent] = kind, host, 1


def scanned(fields, host, ports=T.PORT_SSH):
    fields["scan_session"][RED, 0], fields["scan_host"][RED, 0], fields["scan_ports"][RED, 0] = 0, host, ports


def station(host: int) -> tuple[int, int]:
    """Agent and place of a host in the layout."""
    agent = int(T.HOST_BLUE[host])
    return agent, int(np.argmax(T.BLUE_ACTIONS[agent, :, 1] == host))


def seen(network, fields, memory, host=HOST) -> dict[str, float]:
    """The features of a host by name."""
    table = host_features(network, State(**fields), memory)
    return dict(zip(rich.OF_HOST, np.asarray(table)[station(host)].tolist(), strict=True))


# ---------------------------------------------------------------- Analyse


@pytest.mark.parametrize(("shells", "roots"), [(0, 0), (1, 0), (2, 1), (0, 1)])
def test_analyse_tells_the_files_on_the_host(turn, network, fields, memory, shells, roots):
    assert (seen(network, fields, memory)["looked at"], memory.analysis_age[HOST]) == (0, rich.OLDEST)
    fields["host_cmd_files"][HOST], fields["host_escalate_files"][HOST] = shells, roots
    blue_due(fields, T.Blue.ANALYSE)
    fields, memory, _ = turn(fields, memory)
    told = seen(network, fields, memory)
    assert (told["looked at"], told["age of that"]) == (1, 0)
    assert (told["cmd.sh found"], told["escalate.sh found"]) == (shells > 0, roots > 0)
    assert seen(network, fields, memory, OTHER)["looked at"] == 0


def test_analyse_shows_what_was_there_before_red_moves(turn, network, fields, memory):
    """Blue acts first: an escalation in the same step is not in what Analyse found."""
    blue_due(fields, T.Blue.ANALYSE, OTHER)
    red_due(fields, T.Red.ESCALATE, OTHER)
    fields, memory, _ = turn(fields, memory)
    assert fields["host_escalate_files"][OTHER] == 1
    assert seen(network, fields, memory, OTHER)["escalate.sh found"] == 0


def test_what_analyse_told_grows_old_and_is_kept(turn, network, fields, memory):
    fields["host_cmd_files"][HOST] = 1
    blue_due(fields, T.Blue.ANALYSE)
    fields, memory, _ = turn(fields, memory)
    for steps in (1, 2, 3):
        fields, memory, _ = turn(fields, memory)
        told = seen(network, fields, memory)
        assert told["cmd.sh found"] == 1
        assert told["age of that"] == pytest.approx(steps / rich.OLDEST)
    old = memory.replace(analysis_age=np.full(T.NUM_HOSTS, rich.OLDEST, np.uint8))
    assert seen(network, *turn(fields, old)[:2])["age of that"] == 1


def test_restore_leaves_a_host_that_is_known_to_be_clean(turn, network, fields, memory):
    evidence = np.full(T.NUM_HOSTS, 7, np.uint8)
    fresh = np.zeros(T.NUM_HOSTS, np.uint8)
    memory = memory.replace(analysis=evidence, evidence=evidence, evidence_age=fresh)
    blue_due(fields, T.Blue.RESTORE)
    fields, memory, _ = turn(fields, memory)
    told = seen(network, fields, memory)
    assert [told[name] for name in ("looked at", "cmd.sh found", "escalate.sh found", "age of that")] == [
        1, 0, 0, 0,
    ]  # fmt: skip
    assert [told[name] for name in (*EVIDENCE, "age of these")] == [0, 0, 0, 1]
    assert seen(network, fields, memory, OTHER)["escalate.sh found"] == 1


# ---------------------------------------------------------------- evidence


def test_a_scan_tells_where_it_goes_and_where_it_comes_from(turn, network, fields, memory):
    red_due(fields, T.Red.AGGRESSIVE, HOST)
    fields, memory, _ = turn(fields, memory, red_scan={RED: 0.0})
    assert [seen(network, fields, memory)[name] for name in EVIDENCE] == [0, 1, 0]
    assert [seen(network, fields, memory, OTHER)[name] for name in EVIDENCE] == [0, 0, 1]


def test_a_scan_that_is_not_noticed_tells_nothing(turn, network, fields, memory):
    red_due(fields, T.Red.AGGRESSIVE, HOST)
    after, unchanged, _ = turn(fields, memory, red_scan={RED: 0.99})
    assert not unchanged.evidence.any()
    fields["host_decoy"][HOST, 0] = T.Decoy.TOMCAT  # decoys notice every scan
    assert turn(fields, memory, red_scan={RED: 0.99})[1].evidence[HOST] == rich.TARGET


def test_a_login_raises_a_process_with_a_number(turn, network, fields, memory):
    scanned(fields, HOST)
    red_due(fields, T.Red.EXPLOIT, HOST)
    fields, memory, events = turn(fields, memory)
    assert events.red_outcome[RED] == T.Outcome.TRUE
    assert [seen(network, fields, memory)[name] for name in EVIDENCE] == [1, 1, 0]


def test_the_source_is_told_to_its_owner_alone(turn, network, fields, memory):
    """A login from another agent's subnet: the source shows if a node of its owner's notices."""
    far = server_host(PAZ, 0)
    fields["session_host"][RED, 0] = far
    scanned(fields, HOST)
    red_due(fields, T.Red.EXPLOIT, HOST)
    silent = {(RED, node): 0.0 for node in range(T.MAX_ROUTE)}
    assert not turn(fields, memory, red_route=silent)[1].evidence[far] & rich.SOURCE
    for node, told in ((0, True), (1, True), (2, False)):  # source, its router, the internet's
        after = turn(fields, memory, red_route=silent | {(RED, node): 0.5})[1]
        assert bool(after.evidence[far] & rich.SOURCE) == told


def test_users_are_not_taken_for_red(turn, network, fields, memory):
    """False alarms and blocked accesses raise the stock flags and no evidence."""
    g = T.GREEN_HOST.tolist().index(HOST)
    after, told, _ = turn(fields, memory, green={HOST: T.Green.WORK}, green_alarm={g: 0.0})
    assert (after["host_process_events"][HOST], told.evidence.any()) == (1, False)
    access = {"green": {HOST: T.Green.ACCESS}, "green_pick": {g: 0.999}}
    after, told, events = turn(fields, memory, **access, green_alarm={g: 0.0})
    assert (after["host_network_events"][events.green_target[g]], told.evidence.any()) == (1, False)
    fields["blocked"][OFF, RZA] = True
    after, told, events = turn(fields, memory, **access)
    assert events.green_outcome[g] == T.Outcome.FALSE
    assert (after["host_network_events"][events.green_target[g]], told.evidence.any()) == (1, False)


def test_evidence_stays_until_remove_and_grows_old(turn, network, fields, memory):
    red_due(fields, T.Red.AGGRESSIVE, HOST)
    fields, memory, _ = turn(fields, memory, red_scan={RED: 0.0})
    for steps in (1, 2):
        fields, memory, _ = turn(fields, memory)
        assert memory.evidence[HOST] == rich.TARGET
        assert seen(network, fields, memory)["age of these"] == pytest.approx(steps / rich.OLDEST)
    blue_due(fields, T.Blue.REMOVE)
    red_due(fields, T.Red.AGGRESSIVE, server_host(RZA, 0))  # something new elsewhere, in the same step
    fields, memory, _ = turn(fields, memory, red_scan={RED: 0.0})
    assert (memory.evidence[HOST], memory.evidence_age[HOST]) == (0, rich.OLDEST)
    assert memory.evidence[server_host(RZA, 0)] == rich.TARGET
    assert memory.evidence[OTHER] == rich.SOURCE


def test_what_is_reported_in_the_step_of_a_remove_is_kept(turn, fields, memory):
    blue_due(fields, T.Blue.REMOVE)
    red_due(fields, T.Red.AGGRESSIVE, HOST)
    assert turn(fields, memory, red_scan={RED: 0.0})[1].evidence[HOST] == rich.TARGET


# ---------------------------------------------------------------- decoys, actions, time


def test_decoys_are_told_by_kind(network, fields, memory):
    fields["host_decoy"][HOST, :2] = T.Decoy.VSFTPD, T.Decoy.TOMCAT
    told = seen(network, fields, memory)
    assert [told[f"decoy {name}"] for name in T.DECOY_NAMES[1:]] == [0, 1, 0, 1]


def test_an_action_in_progress_is_told(network, fields, memory):
    host = user_host(OFF, 2)
    blue_due(fields, T.Blue.RESTORE, host, agent=4)
    fields["blue_ticks"][4] = 3
    assert seen(network, fields, memory, host)["steps left of the action on it"] == pytest.approx(0.6)
    assert seen(network, fields, memory)["steps left of the action on it"] == 0
    mine, other = np.asarray(agent_features(default_options(), State(**fields), memory))[[4, OWNER]]
    place = {name: i for i, name in enumerate(rich.OF_AGENT)}
    busy = [mine[place[f"busy with {name}"]] for name in ("Analyse", "Remove", "Restore", "DeployDecoy")]
    assert (mine[place["busy"]], busy) == (1, [0, 0, 1, 0])
    assert mine[place["steps left of it"]] == pytest.approx(0.6)
    assert not other[2:8].any()


@pytest.mark.parametrize(
    ("kind", "outcome", "expected"),
    [
        (T.Blue.ANALYSE, None, [1, 0]),
        (T.Blue.BLOCK, "again", [0, 1]),
        (T.Blue.BLOCK, None, [1, 0]),
        (T.Blue.SLEEP, None, [0, 0]),
    ],
)
def test_success_is_that_of_the_last_step(turn, network, fields, memory, kind, outcome, expected):
    index = int(np.argmax(T.BLUE_ACTIONS[OWNER, :, 0] == kind))
    fields["blue_action"][OWNER], fields["blue_ticks"][OWNER] = index, 1
    if outcome == "again":
        _, _, source, target = T.BLUE_ACTIONS[OWNER, index]
        fields["blocked"][target, source] = True
    fields, memory, _ = turn(fields, memory)
    features = agent_features(default_options(), State(**fields), memory)
    assert np.asarray(features)[OWNER, :2].tolist() == expected


@pytest.mark.parametrize(
    ("step", "phase", "mission", "within"), [(0, 0, 0, 0), (167, 0, 0.334, 1), (250, 1, 0.5, 83 / 167)]
)
def test_time_is_told(fields, memory, step, phase, mission, within):
    fields["step"], fields["phase"] = np.int16(step), np.uint8(phase)
    told = np.asarray(agent_features(default_options(), State(**fields), memory))[:, -2:]
    np.testing.assert_allclose(told, np.broadcast_to(np.float32([mission, within]), (5, 2)), rtol=1e-6)


# ---------------------------------------------------------------- the contract


@pytest.fixture(scope="module")
def worlds():
    return garrison.make("cc4", steps=40), garrison.make("cc4", steps=40, observation="rich")


@pytest.fixture(scope="module")
def observe(worlds):
    return jax.jit(worlds[1].observe)


@pytest.fixture(scope="module")
def played(worlds):
    """Observations, states and rewards of both contracts under the same keys and random actions."""

    def rollout(world):
        def env(key):
            obs, episode = world.reset(key)

            def one(carry, t):
                episode, at = carry[1], jax.random.fold_in(key, t)
                legal = jnp.where(world.legal(episode), 0.0, -jnp.inf)
                obs, episode, step = world.step(at, episode, jax.random.categorical(at, legal))
                return (obs, episode), (obs, episode, step.reward)

            return jax.lax.scan(one, (obs, episode), jnp.arange(world.max_steps))[1]

        return jax.device_get(jax.jit(jax.vmap(env))(jax.random.split(jax.random.key(5), 8)))

    return tuple(rollout(world) for world in worlds)


def test_trajectories_are_the_same_under_both_contracts(played):
    (stock_obs, stock, stock_rewards), (rich_obs, richer, rich_rewards) = played
    np.testing.assert_array_equal(stock_rewards, rich_rewards)
    for ours, theirs in zip(jax.tree.leaves(stock.state), jax.tree.leaves(richer.state), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert stock.blue_memory is None
    np.testing.assert_array_equal(stock_obs, rich_obs[..., : T.MAX_BLUE_OBSERVATION])


def test_numbers_lie_between_zero_and_one(played):
    extras = played[1][0][..., rich.START :]
    assert (extras.min(), extras.max()) == (0, 1)
    for agent, size in enumerate(rich.OBSERVATION_SIZES):
        assert not extras[:, :, agent, size - rich.START :].any()
        assert extras[:, :, agent, : size - rich.START].any()


TOLD = ("step", "phase", "blocked", "host_decoy", "host_network_events", "host_process_events",
        "blue_action", "blue_ticks")  # fmt: skip


def test_vectors_tell_nothing_hidden(observe, played):
    """A state with everything replaced that blue is not told of gives the same vectors."""
    episodes = played[1][1]
    one, other = (jax.tree.map(lambda x, i=i: x[i, -1], episodes) for i in (0, 1))
    told = {name: getattr(one.state, name) for name in TOLD}
    spoilt = one.replace(state=other.state.replace(**told))
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(spoilt.state), strict=True)
    )
    np.testing.assert_array_equal(observe(one), observe(spoilt))
    seen = one.replace(blue_memory=other.blue_memory)
    assert not np.array_equal(observe(one), observe(seen))


def test_memory_takes_nothing_hidden(memory):
    """Without a report of a Monitor and without Analyse, neither state nor events reach the memory."""
    rng = np.random.default_rng(0)
    width = {"blu": T.NUM_BLUE, "gre": T.NUM_GREEN, "red": T.NUM_RED}
    quiet = {f.name: np.zeros(width[f.name[:3]], np.uint8) for f in dataclasses.fields(Events)}
    quiet["red_noticed"] = np.zeros((T.NUM_RED, T.NUM_HOSTS), bool)
    quiet["red_alert"] = np.zeros(T.NUM_RED, bool)
    quiet["blue_host"][:] = T.NO_HOST
    loud = dict(quiet)
    for name in quiet:
        if not name.startswith("blue") and name not in ("red_noticed", "red_alert"):
            loud[name] = rng.integers(0, 137, quiet[name].shape).astype(np.uint8)
    none, files = np.zeros(T.NUM_HOSTS, np.uint8), np.ones(T.NUM_HOSTS, np.uint8)

    class Files:
        def __init__(self, count):
            self.host_cmd_files = self.host_escalate_files = count

    with unchecked():  # numbers in every field, whatever belongs there
        expected = rich.remember(memory, Files(none), Events(**quiet), None)
        got = rich.remember(memory, Files(files), Events(**loud), None)
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    quiet["blue_kind"][OWNER], quiet["blue_host"][OWNER] = T.Blue.ANALYSE, HOST
    with unchecked():
        assert rich.remember(memory, Files(files), Events(**quiet), None).analysis[HOST] == 7


def test_the_rich_side_keeps_the_contract():
    check_world(garrison.make("cc4", steps=12, observation="rich"), jax.random.key(0), eager=False)


def test_sizes_and_labels_agree(worlds):
    world = worlds[1]
    assert world.observation_sizes == (444, 444, 444, 444, 892)
    for agent, size in enumerate(world.observation_sizes):
        labels = world.observation_labels(agent)
        assert len(labels) == size
        stock = worlds[0].observation_labels(agent)
        assert labels[: len(stock)] == stock
        assert set(labels[len(stock) : rich.START]) <= {"padding"}
    assert world.observation_labels(4)[-1] == f"{T.HOST_NAMES[user_host(PAZ, 9)]}: {rich.OF_HOST[-1]}"


def test_the_layout_per_host_is_that_of_the_vector(worlds, observe, played):
    episode = jax.tree.map(lambda x: x[0, -1], played[1][1])
    table = np.asarray(host_features(episode.topology, episode.state, episode.blue_memory))
    assert table.shape == (T.NUM_BLUE, rich.MAX_AGENT_HOSTS, len(rich.OF_HOST))
    vectors = np.asarray(observe(episode))
    for host in (user_host(RZB, 1), server_host(OFF, 0)):
        agent, place = station(host)
        index = worlds[1].observation_labels(agent).index(f"{T.HOST_NAMES[host]}: exists")
        np.testing.assert_array_equal(vectors[agent, index : index + len(FEATURE)], table[agent, place])


def test_the_memory_takes_553_bytes(memory):
    assert sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(memory)) == 553


def test_a_world_is_seen_by_its_players(worlds):
    stock, richer = worlds
    players = blue.POLICIES
    assert observed_by(stock, [players["idle"], players["reactive"]]) == stock
    assert observed_by(stock, [players["idle"], players["guard"]]) == richer
    assert observed_by(richer, []) == richer


@pytest.mark.parametrize("name", ["idle", "random", "reactive", "firewall"])
def test_players_of_the_stock_vector_play_alike_on_the_rich_one(name, worlds, played):
    legal = worlds[0].legal(jax.tree.map(lambda x: x[0, 0], played[0][1]))
    act = jax.jit(lambda obs: blue.POLICIES[name].act(jax.random.key(1), obs, legal, ())[0])
    for stock, richer in zip(played[0][0][0, 30:], played[1][0][0, 30:], strict=True):
        np.testing.assert_array_equal(act(stock), act(richer))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"observation": "ritch"}, ["'ritch'", "stock, rich", "did you mean 'rich'"]),
        ({"side": "red", "observation": "rich"}, ["observation='rich'", "side='blue'"]),
    ],
)
def test_unknown_contracts_are_refused(options, words):
    with pytest.raises(ValueError, match=r".+") as error:
        garrison.make("cc4", **options)
    assert all(word.lower() in str(error.value).lower() for word in words), str(error.value)
