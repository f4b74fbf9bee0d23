"""Reds that are data, and those that remember failures: their numbers, and what they choose (§5.6, §5.7)."""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import multiple_tests
import numpy as np
import pytest

import garrison
from garrison.core.sides import one_side
from garrison.parity.recording import trace
from garrison.parity.recording.network import from_header
from garrison.worlds import cc4
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import reds, roles, step, topology
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import failures, red
from garrison.worlds.cc4.agents.failures import FailureMemory
from garrison.worlds.cc4.agents.fsm import FsmMemory, initial_memory
from garrison.worlds.cc4.choose import nth_host, weighted_host
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.state import initial_state

RECORDED = Path(__file__).parents[2] / "data" / "fsm-random-1.jsonl.xz"
LEVEL = 1e-4  # of each test of chance here
NUM_ENVS = 8000
F, R, G = T.Fsm, T.Red, T.Group
ROWS = [state for state in F if state not in (F.NONE, F.F)]
LETTERS = dict(zip("DASCEPIGW", list(R)[1:10], strict=True))


@pytest.fixture(scope="module", autouse=True)
def promote_ranks():
    """The engine broadcasts its tables over agents and hosts without saying so each time."""
    with jax.numpy_rank_promotion("allow"):
        yield


# ---------------------------------------------------------------- numbers

STOCK = {
    "K": "D .5 A .25 S .25",
    "KD": "A .5 S .5",
    "S": "D .25 C .25 E .5",
    "SD": "C .25 E .75",
    "U": "D .5 P .5",
    "UD": "P 1",
    "R": "D .5 I .25 G .25",
    "RD": "I .5 G .5",
}
CIA = {"R": "D .1 I .45 G .45"}
LEAVES_A = {
    "U": "D .5263 P .2632 W .2105",
    "UD": "P .7143 W .2857",
    "R": "D .4167 I .2083 G .2083 W .1667",
    "RD": "I .4167 G .4167 W .1667",
}
LEAVES_B = {
    "U": "D .5882 P .2941 W .1176",
    "UD": "P .8333 W .1667",
    "R": "D .4545 I .2273 G .2273 W .0909",
    "RD": "I .4545 G .4545 W .0909",
}
TAKES = {
    "K": "D .8 A .1 S .1",
    "S": "D .3077 C .0769 E .6154",
    "SD": "C .0769 E .9231",
    "U": "D .8 P .2",
    "R": "D .8 I .1 G .1",
}
SNEAKS = {"K": "D .4 A .2 S .4", "KD": "A .3333 S .6667"}
LOOKS = {"S": "D .2 C .4 E .4", "SD": "C .4 E .6"}
DEGRADES = {"R": "D .2857 I .1429 G .5714", "RD": "I .2 G .8"}
#: by red the rows that are not stock, elsewhere, on targets and on hosts without a name
ACTIONS = {
    "fsm": ({},) * 3,
    "aggressive": ({"K": "D .5 A .5", "KD": "A 1"},) * 3,
    "stealthy": ({"K": "D .5 S .5", "KD": "S 1"},) * 3,
    "impact": ({"R": "D .5 I .5", "RD": "I 1"},) * 3,
    **dict.fromkeys(("cia_c", "cia_i", "cia_a"), (CIA,) * 3),
    "resilience": ({},) * 3,
    **dict.fromkeys(("target_a", "target_a_op", "target_a_re"), (LEAVES_A, TAKES, SNEAKS)),
    **dict.fromkeys(("target_b", "target_b_op", "target_b_re"), (LEAVES_B, TAKES, SNEAKS)),
    "impacter": (
        LOOKS | {"R": "D .6667 G .3333", "RD": "G 1"},
        {"R": "D .2857 I .5714 G .1429", "RD": "I .8 G .2"},
        LOOKS,
    ),
    "degrader": (DEGRADES,) * 3,
}
#: zones, and the weight of a target with root
ZONES = {
    "target_a": ({T.RZA, T.OZA}, 1),
    "target_a_op": ({T.OZA}, 2),
    "target_a_re": ({T.RZA}, 2),
    "target_b": ({T.RZB, T.OZB}, 1),
    "target_b_op": ({T.OZB}, 1),
    "target_b_re": ({T.RZB}, 1),
    "impacter": ({T.OZA, T.OZB}, 100),
}
ROLES = {"cia_c": (10, "AUTH DB"), "cia_i": (10, "AUTH WEB"), "cia_a": (10, "AUTH DB WEB"),
         "resilience": (5, "AUTH DB WEB")}  # fmt: skip


def make(**arguments) -> Any:
    return garrison.make("cc4", **arguments)


@functools.cache
def options_of(name) -> Any:
    """With leaves of all reds, as they are where several are in one program."""
    return jax.tree.map(lambda leaf: leaf[list(reds.REDS).index(name)], reds.options(tuple(reds.REDS)))


def chances(row):
    words = row.split()
    return {LETTERS[letter]: float(chance) for letter, chance in zip(words[::2], words[1::2], strict=True)}


def test_every_red_is_listed():
    assert list(reds.REDS) == list(ACTIONS)
    assert set(red.POLICIES) == {*ACTIONS, *failures.POLICIES, "discovery", "random_select", "sleep"}


@pytest.mark.parametrize("name", ACTIONS)
def test_chances_of_actions(name):
    table = np.asarray(options_of(name).red_probability)
    assert table.shape == (3, 10, 10)
    np.testing.assert_allclose(table[:, ROWS].sum(2), 1, atol=1e-6)
    for group, rows in zip(G, ACTIONS[name], strict=True):
        expected = np.zeros((10, 10))
        for state, row in (STOCK | rows).items():
            expected[F[state], list(chances(row))] = list(chances(row).values())
        np.testing.assert_allclose(table[group], expected, atol=5e-5)
        assert ((table[group] > 0) == (expected > 0)).all()


@pytest.mark.parametrize("name", ACTIONS)
def test_weights_of_hosts(name):
    weight = np.ones((3, 10), np.float32)
    zones, root = ZONES.get(name, (set(), None))
    if root is not None:
        weight[G.TARGET], weight[G.UNNAMED] = 100, 20
        weight[G.TARGET, [F.R, F.RD]] = root
        weight[G.UNNAMED, [F.KD, F.SD]] = 1
    if name == "degrader":
        weight[:, [F.R, F.RD]] = 10
    options = options_of(name)
    np.testing.assert_array_equal(options.red_host_weight, weight)
    assert set(np.flatnonzero(options.red_target)) == zones
    factor, wanted = ROLES.get(name, (1, ""))
    expected = [factor if role.name in wanted.split() else 1 for role in T.Role]
    np.testing.assert_array_equal(options.red_role_weight, expected)


def test_a_red_alone_has_only_the_options_that_it_needs():
    """What is None is not traced: the program of the stock red is the one that it was."""
    optional = ("red_target", "red_host_weight", "red_role_weight", "red_sees_roles", "red_duration")
    given = {name: {o for o in optional if getattr(make(red=name).options, o) is not None}
             for name in red.POLICIES}  # fmt: skip
    assert given["fsm"] == given["aggressive"] == given["combined"] == set()
    assert given["cia_c"] == {"red_role_weight"}
    assert given["degrader"] == {"red_host_weight"}
    assert given["target_b"] == {"red_target", "red_host_weight"}
    assert reds.options("impact").red_probability.shape == (10, 10)


def test_given_options_go_before_those_of_the_name():
    table = T.DISCOVERY_PROBABILITY
    world = make(red="target_a", red_probability=table, red_sees_roles=1)
    np.testing.assert_array_equal(world.options.red_probability, table)
    assert world.options.red_host_weight.max() == 100
    assert int(world.options.red_sees_roles) == 1
    mixed = make(red=("fsm", "target_a"), red_probability=table)
    np.testing.assert_array_equal(mixed.options.red_probability, table)
    with pytest.raises(ValueError, match="'cia' is not a red that is data"):
        reds.options("cia")
    with pytest.raises(ValueError, match="'red_host_weight' must have shape"):
        default_options(red_host_weight=np.ones(10))
    with pytest.raises(ValueError, match="'red_probability' must have shape"):
        default_options(red_probability=np.ones((2, 10, 10)))


# ---------------------------------------------------------------- one program


def test_equal_weights_choose_as_none_do():
    generator = np.random.default_rng(0)
    mask = generator.random((20_000, T.NUM_HOSTS)) < generator.random((20_000, 1))
    mask[:, T.ROOT_HOST] = False
    u = generator.integers(0, 2**24, 20_000).astype(np.float32) * np.float32(2**-24)
    u[:2] = np.array([0, 1 - 2**-24])
    expected = jax.jit(nth_host)(mask, u)
    some = mask.any(1)
    np.testing.assert_array_equal(jax.jit(weighted_host)(mask.astype(np.float32), u)[some], expected[some])
    weight = np.where(mask, generator.choice(np.float32([0.1, 1 / 3, 1, 10, 100]), mask.shape), 0)
    chosen = jax.jit(weighted_host)(weight.astype(np.float32), u)
    assert mask[np.arange(20_000), chosen][some].all()


def test_all_data_reds_share_one_program_and_the_networks_of_the_stock_red():
    """Whatever the reds of the environments, nothing is compiled again, and a key has the same network."""
    world = make(red=tuple(reds.REDS))
    assert isinstance(world, cc4.CC4)
    traced, sleep = [], jnp.array(world.idle_actions)

    @jax.jit
    def begin(keys, draws, options):
        traced.append(1)
        _, states = jax.vmap(lambda key, one: world.reset(key, one))(keys, options)
        return states.topology, jax.vmap(world.red_action, (0, 0, None))(draws, states, sleep)

    keys = jax.random.split(jax.random.key(3), len(reds.REDS))
    same_key = jax.tree.map(lambda key: jnp.stack([key[0]] * len(keys)), keys)
    draws = jax.vmap(D.sample)(keys)
    networks, _ = begin(same_key, draws, reds.options(tuple(reds.REDS)))
    begin(keys, draws, reds.options(tuple(reds.REDS)[::-1], green_phishing=0.5))
    assert len(traced) == 1
    stock = jax.jit(topology.generate)(keys[0], default_options())
    for name, value in vars(networks).items():
        assert (value == getattr(stock, name)).all()


def test_the_stock_red_decides_beside_others_as_alone(draws):
    """On random memories, the same bits."""
    generator = np.random.default_rng(1)
    known = (NUM_ENVS, T.NUM_RED, T.NUM_HOSTS)
    states = np.where(generator.random(known) < 0.3, generator.integers(0, 10, known), 0).astype(np.uint8)
    states[..., T.ROOT_HOST] = 0
    memory = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (NUM_ENVS, *leaf.shape)), initial_memory())
    memory = memory.replace(
        host_state=jnp.asarray(states),
        hostname=jnp.asarray(generator.random(known) < 0.5),
        role=jnp.asarray(generator.integers(0, 4, known[::2]).astype(np.uint8)),
    )
    state = initial_state(from_header(trace.read(RECORDED).header))
    state = state.replace(red_active=jnp.ones(T.NUM_RED, bool))

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None, 0))
    def decide(draws, options, memory):
        return red.choose("fsm", draws, options, state, memory)

    alone = decide(draws, default_options(), memory)
    beside = decide(draws, options_of("fsm"), memory)
    for name, value in vars(alone).items():
        np.testing.assert_array_equal(value, getattr(beside, name))
    other = decide(draws, options_of("target_a"), memory)
    assert (other.host != alone.host).mean() > 0.3


def test_each_reset_draws_a_red():
    world = make(red=("fsm", "cia_c", "impact", "target_b"))
    drawn = jax.jit(jax.vmap(lambda key: world.bank.sample(key, world.options)))(
        jax.random.split(jax.random.key(0), 400)
    )
    looks = np.asarray(drawn.red_role_weight).max(1) > 1
    zone = np.asarray(drawn.red_target).any(1)
    impact = np.asarray(drawn.red_probability)[:, 0, F.RD, R.IMPACT] == 1
    assert not (looks & zone).any()
    counts = np.array([(~looks & ~zone & ~impact).sum(), looks.sum(), impact.sum(), zone.sum()])
    assert multiple_tests.fit(counts, np.ones(4)) > LEVEL


# ---------------------------------------------------------------- what they choose


@pytest.fixture(scope="module")
def draws():
    return jax.jit(jax.vmap(D.sample))(jax.random.split(jax.random.key(60), NUM_ENVS))


@pytest.fixture(scope="module")
def decide(draws):
    """``decide(policy, options, memory)``: what agent 0 chooses in all environments: kinds and hosts."""
    network = from_header(trace.read(RECORDED).header)
    state = initial_state(network).replace(red_active=jnp.ones(T.NUM_RED, bool))

    @functools.partial(jax.jit, static_argnums=0)
    def choose(policy, draws, options, memory):
        def one(draws):
            return red.choose(policy, draws, options, state, memory)

        return jax.vmap(one)(draws)

    def run(policy, options, memory):
        chosen = choose(policy, draws, options, memory)
        return np.asarray(chosen.kind[:, 0]), np.asarray(chosen.host[:, 0])

    return run


def memory_of(hosts, named=(), role=None):
    """Agent 0 knows ``hosts`` (state by slot), some by name."""
    states = np.zeros((T.NUM_RED, T.NUM_HOSTS), np.uint8)
    names = np.zeros((T.NUM_RED, T.NUM_HOSTS), bool)
    states[0, list(hosts)] = list(hosts.values())
    names[0, list(named)] = True
    by_host = np.zeros(T.NUM_HOSTS, np.uint8)
    for host, one in (role or {}).items():
        by_host[host] = one
    memory = initial_memory()
    return memory.replace(
        host_state=jnp.asarray(states), hostname=jnp.asarray(names), role=jnp.asarray(by_host)
    )


def fits(values, law):
    values = np.ravel(values)
    options = np.array(list(law))
    if not np.isin(values, options).all():
        return 0.0
    return multiple_tests.fit(np.sum(values == options[:, None], axis=1), np.array(list(law.values()), float))


def test_hosts_and_actions_of_a_red_of_zones(decide):
    target, rooted, own = T.server_host(T.OZA, 0), T.server_host(T.RZA, 1), T.user_host(T.CON, 2)
    unnamed, found = T.user_host(T.OZA, 4), T.user_host(T.RZB, 4)
    hosts = {target: F.S, rooted: F.R, own: F.U, unnamed: F.K, found: F.KD, T.user_host(T.PAZ, 0): F.F}
    memory = memory_of(hosts, {target, rooted, own})
    kind, host = decide("target_a", options_of("target_a"), memory)
    weight = {target: 100, rooted: 1, own: 1, unnamed: 20, found: 1}
    assert fits(host, weight) > LEVEL
    assert fits(host, weight | {unnamed: 30}) < LEVEL
    for place, rows in ((target, TAKES), (unnamed, STOCK | SNEAKS)):
        assert fits(kind[host == place], chances(rows[hosts[place].name])) > LEVEL
    assert fits(kind[host == target], chances(STOCK["S"])) < LEVEL
    kind, host = decide("target_b", options_of("target_b"), memory)
    assert fits(host, {target: 1, rooted: 1, own: 1, unnamed: 20, found: 1}) > LEVEL
    assert fits(kind[host == rooted], chances(LEAVES_B["R"])) > LEVEL
    assert fits(kind[host == own], chances(LEAVES_B["U"])) > LEVEL
    assert fits(kind[host == own], chances(LEAVES_A["U"])) < LEVEL
    _, host = decide("degrader", options_of("degrader"), memory)
    assert fits(host, {rooted: 10} | dict.fromkeys((target, own, unnamed, found), 1)) > LEVEL


def test_hosts_of_a_red_of_roles(decide):
    """Roles count by name, unless the red sees them."""
    first, second, third = (T.server_host(T.OZB, i) for i in range(3))
    other = T.user_host(T.OZB, 0)
    hosts = {first: F.S, second: F.K, third: F.R, other: F.K}
    memory = memory_of(hosts, {first, third}, {first: T.Role.AUTH, second: T.Role.DB, third: T.Role.WEB})
    kind, host = decide("cia_c", options_of("cia_c"), memory)
    assert fits(host, {first: 10, second: 1, third: 1, other: 1}) > LEVEL
    assert fits(kind[host == third], chances(CIA["R"])) > LEVEL
    _, host = decide("cia_i", options_of("cia_i"), memory)
    assert fits(host, {first: 10, second: 1, third: 10, other: 1}) > LEVEL
    _, host = decide("resilience", options_of("resilience"), memory)
    assert fits(host, {first: 5, second: 1, third: 5, other: 1}) > LEVEL
    sees = options_of("cia_c").replace(red_sees_roles=np.uint8(1))
    _, host = decide("cia_c", sees, memory)
    assert fits(host, {first: 10, second: 10, third: 1, other: 1}) > LEVEL


def test_scripts_of_two_sided_worlds_decide_by_their_names(draws):
    names = ("fsm", "cia_a", "target_b", "failure_tracker")
    both = make(side="both", red=names)
    assert one_side(both, "blue", "target_b") == make(red="target_b")
    network = from_header(trace.read(RECORDED).header)
    hosts = {T.server_host(T.OZB, i): state for i, state in enumerate((F.S, F.K, F.R, F.U))}
    role = dict(zip(hosts, (T.Role.AUTH, T.Role.DB), strict=False))
    known = memory_of(hosts, hosts, role)
    failed = failures.initial_memory().hosts.at[0, list(hosts)[0]].set(4)

    def decisions(world, actions):
        episode = world.begin(network)
        record = episode.red_memory.failures
        record = None if record is None else record.replace(hosts=failed)
        episode = episode.replace(red_memory=known.replace(failures=record))
        run = jax.jit(jax.vmap(lambda one: world.red_action(one, episode, actions)))
        return jax.device_get(run(draws))

    policies = both.policies("red")
    sleep = jnp.zeros(T.NUM_BLUE, jnp.int32)
    chosen = {}
    for name in names:
        alone = decisions(make(red=name), sleep)
        script = decisions(both, jnp.concatenate([sleep, jnp.array(policies[name].actions, jnp.int32)]))
        np.testing.assert_array_equal(alone.kind[:, 0], script.kind[:, 0])
        np.testing.assert_array_equal(alone.host[:, 0], script.host[:, 0])
        chosen[name] = (alone.kind[:, 0].tobytes(), alone.host[:, 0].tobytes())
    assert len(set(chosen.values())) == len(names)


# ---------------------------------------------------------------- roles


def test_three_servers_of_the_operational_zones_have_roles():
    world = make(red="cia_a")
    _, states = jax.jit(jax.vmap(world.reset))(jax.random.split(jax.random.key(5), 1200))
    role, exists = np.asarray(states.red_memory.role), np.asarray(states.topology.host_exists)
    assert (np.sort(role, axis=1)[:, -3:] == [1, 2, 3]).all()
    assert (np.sort(role, axis=1)[:, :-3] == 0).all()
    servers = exists & T.HAS_OT & T.IS_SERVER
    assert (exists & T.HAS_OT)[role > 0].all()
    enough = servers.sum(1) >= 3
    assert servers[enough][role[enough] > 0].all()
    few = ~enough
    assert few.sum() > 10  # 1 + 1 servers
    assert ((role[few] > 0) & servers[few]).sum(1).tolist() == [2] * few.sum()
    six = servers.sum(1) == 6
    for which in list(T.Role)[1:]:
        host = np.argmax(role == which, axis=1)
        place = [int(servers[i, : host[i]].sum()) for i in np.flatnonzero(six)]  # among the servers
        assert multiple_tests.fit(np.bincount(place, minlength=6), np.ones(6)) > LEVEL
        assert 0.1 < T.IS_USER[host[few]].mean() < 0.6


def test_a_network_has_its_roles():
    options = default_options(op_zone_servers=3)
    first, second = (jax.jit(topology.generate)(jax.random.key(i), options) for i in range(2))
    again = jax.jit(topology.generate)(jax.random.key(0), options)
    np.testing.assert_array_equal(roles.by_host(first), roles.by_host(again))
    assert (roles.by_host(first) != roles.by_host(second)).any()
    for network in (first, second):
        servers = np.asarray(network.host_exists) & T.IS_SERVER
        assert [int((servers & (T.HOST_SUBNET == zone)).sum()) for zone in (T.OZA, T.OZB)] == [3, 3]
    assert default_options(op_zone_servers=2, servers=5).servers[T.RZA].tolist() == [5, 5]
    with pytest.raises(ValueError, match="'servers' must be whole numbers in 1..6, not 7"):
        default_options(op_zone_servers=7)


# ---------------------------------------------------------------- durations


def test_all_actions_of_red_can_take_one_step():
    network = from_header(trace.read(RECORDED).header)
    state = initial_state(network).replace(red_active=jnp.ones(T.NUM_RED, bool))
    state = state.replace(red_known_session=jnp.zeros_like(state.red_known_session))
    host = state.red_known_ip.argmax(axis=1).astype(jnp.uint8)
    for kind in list(R)[1:10]:
        action = RedAction(
            kind=jnp.full(T.NUM_RED, kind, jnp.uint8), session=jnp.zeros(T.NUM_RED, jnp.uint8), host=host,
            subnet=state.red_known_subnet.argmax(axis=1).astype(jnp.uint8), hostname=host,
        )  # fmt: skip
        usual, _ = step.queue_red(default_options(), state, action)
        fast, turn = step.queue_red(default_options(red_duration=1), state, action)
        assert (usual.red_ticks == T.RED_DURATION[kind] - 1).all()
        assert (fast.red_ticks == 0).all()
        assert not turn.busy.any()
    slow, _ = step.queue_red(default_options(red_duration=np.arange(1, 12)), state, action)
    assert (slow.red_ticks == R.WITHDRAW).all()


# ---------------------------------------------------------------- failures


def results(steps, seed=0):
    """Reports of the six agents, as in states: outcome, kind, host, active; NumPy ``[step, red]``."""
    generator = np.random.default_rng(seed)
    shape = steps, T.NUM_RED
    kind = generator.integers(0, 10, shape).astype(np.uint8)  # 0: an invalid action, or none
    outcome = generator.choice(list(T.Outcome), shape, p=[0.1, 0.35, 0.1, 0.35, 0.1]).astype(np.uint8)
    host = generator.integers(0, 6, shape).astype(np.uint8)
    return outcome, kind, host, generator.random(shape) < 0.9


def expected_weights(policy, log, state, stock):
    """By the rules, slowly: weights of a host and of actions on it after the results ``(outcome, kind)``."""
    failed = sum(outcome == T.Outcome.FALSE for outcome, _ in log)
    row = dict(stock)
    if policy == "combined":
        for kind in row:
            own = [outcome == T.Outcome.TRUE for outcome, k in log
                   if k == kind and outcome in (T.Outcome.TRUE, T.Outcome.FALSE)]  # fmt: skip
            rate = sum(own) / len(own) if own else 0.6
            row[kind] *= 0.1 if rate < 0.3 else 0.5 if rate < 0.5 else 1.5 if rate > 0.7 else 1
    if state in (F.S, F.SD) and failed >= 3:
        row[R.EXPLOIT] *= 0 if policy == "failure_tracker" else 2
        row[R.DECEPTION] *= 1 if policy == "failure_tracker" else 0.1
    if policy == "combined":
        row = {kind: max(weight, 0.01) for kind, weight in row.items()}
    return max(0.1, 1.5**-failed), row


@pytest.mark.parametrize("policy", failures.POLICIES)
def test_failures_against_a_slow_reference(policy):
    outcome, kind, host, active = results(120)
    state = initial_state(from_header(trace.read(RECORDED).header))
    memory = failures.initial_memory()
    remember = jax.jit(failures.remember)
    for t in range(len(outcome)):
        seen = {
            "seen_outcome": outcome[t],
            "seen_kind": kind[t],
            "seen_host": host[t],
            "red_active": active[t],
        }
        memory = remember(memory, state.replace(**{k: jnp.asarray(v) for k, v in seen.items()}))
    by_host = np.asarray(failures.host_weight(memory))
    compared = set()
    for place in range(7):
        for at in ROWS:
            stock = {k: float(w) for k, w in enumerate(T.FSM_PROBABILITY[at]) if w > 0}
            stock |= {R.WITHDRAW: 0.0} if at in (F.U, F.UD, F.R, F.RD) else {}
            base = np.broadcast_to(T.FSM_PROBABILITY[at], (T.NUM_RED, 10))
            at_host, states = jnp.full(T.NUM_RED, place, jnp.int32), jnp.full(T.NUM_RED, at, jnp.uint8)
            weights = np.asarray(failures.action_weight(policy, jnp.asarray(base), memory, at_host, states))
            for agent in range(T.NUM_RED):
                log = [(outcome[t, agent], kind[t, agent]) for t in range(len(outcome))
                       if active[t, agent] and host[t, agent] == place]  # fmt: skip
                expected_host, row = expected_weights(policy, log, at, stock)
                assert by_host[agent, place] == pytest.approx(expected_host)
                expected = np.zeros(10)
                expected[list(row)] = list(row.values())
                np.testing.assert_allclose(weights[agent], expected, rtol=1e-6)
                compared |= {round(weight / stock[k], 2) for k, weight in row.items() if stock[k]}
    assert compared >= ({0, 1} if policy == "failure_tracker" else {0.1, 0.5, 1, 1.5})


def counted(good, bad):
    """A memory in which agent 0 exploited host 5 with so many successes and failures."""
    memory = failures.initial_memory()
    place = 0, 5, R.EXPLOIT
    return FailureMemory(
        hosts=memory.hosts.at[0, 5].set(bad),
        tries=memory.tries.at[place].set(good + bad),
        failed=memory.failed.at[place].set(bad),
    )


@pytest.mark.parametrize(
    ("good", "bad", "factor"),
    [(1, 4, 0.2), (2, 0, 1.5), (1, 2, 0.5), (1, 1, 1), (7, 3, 2), (3, 7, 1), (8, 3, 3), (0, 0, 1)],
)
def test_success_rates_of_combined_at_their_bounds(good, bad, factor):
    """With three failures the exploit counts double: 4 of 5 failed is 0.1 · 2, 3 of 10 is 1 · 2."""
    at = jnp.full(T.NUM_RED, F.SD, jnp.uint8)
    stock = jnp.asarray(T.FSM_PROBABILITY)[at]
    weight = failures.action_weight("combined", stock, counted(good, bad), jnp.full(T.NUM_RED, 5), at)
    assert float(weight[0, R.EXPLOIT]) == pytest.approx(0.75 * factor)
    assert float(weight[1, R.EXPLOIT]) == 0.75
    assert float(weight[0, R.DECEPTION]) == pytest.approx(0.25 if bad < 3 else 0.025)


def test_a_host_that_failed_three_times_is_not_exploited_again(decide):
    host = T.user_host(T.CON, 0)
    memory = memory_of({host: F.S}, {host})
    law = chances(STOCK["S"])
    for count in (2, 3):
        record = failures.initial_memory()
        memory = memory.replace(failures=record.replace(hosts=record.hosts.at[0, host].set(count)))
        kind, _ = decide("failure_tracker", default_options(), memory)
        assert fits(kind, law if count < 3 else {R.DISCOVER: 0.5, R.DECEPTION: 0.5}) > LEVEL
    kind, _ = decide("combined", default_options(), memory)
    assert fits(kind, {R.DISCOVER: 0.25, R.DECEPTION: 0.025, R.EXPLOIT: 1}) > LEVEL


def test_memories_do_not_leak_into_other_reds():
    """Nobody keeps counts but the two; ``fsm`` beside them does not read them."""
    one, both = red.initial_memory(["fsm", "cia_c"]), red.initial_memory(["fsm", "combined"])
    assert isinstance(one, FsmMemory)
    assert isinstance(both, FsmMemory)
    assert one.failures is None
    assert both.failures is not None
    assert red.initial_memory(["sleep"]) is None
