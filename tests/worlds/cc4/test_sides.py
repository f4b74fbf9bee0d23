"""CC4 with both sides acting: scripts as actions, opponents of every kind, rewards, masks and accounts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.policy import Constant, Memoryless, Pool, Random
from garrison.core.sides import OneSideState, one_side
from garrison.core.struct import struct
from garrison.core.testing import check_world
from garrison.core.wrappers import Vectorize
from garrison.worlds.cc4 import CC4, TwoSidedCC4, red_view, side_rewards
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import NO_TARGET, RED, footholds

KEY = jax.random.key(11)
STEPS, NUM_ENVS = 24, 8
BLUE, RED_ROWS = slice(0, T.NUM_BLUE), slice(T.NUM_BLUE, None)


@struct
class Linear(Memoryless):
    """A small network: logits are a linear function of the observation."""

    weights: jax.Array  # f32[feature, action]

    def act(self, key, obs, mask, memory):
        logits = jnp.where(mask, obs @ self.weights, -jnp.inf)
        return jnp.argmax(logits, axis=-1).astype(jnp.int32), memory


def linear(world, side, seed=0):
    rows = list(world.sides[side])
    features = max(world.observation_sizes[row] for row in rows)
    actions = max(world.action_counts[row] for row in rows)
    return Linear(jax.random.normal(jax.random.key(seed), (features, actions)))


SCRIPTS = ("fsm", "discovery")


@pytest.fixture(scope="module")
def both():
    return garrison.make("cc4", side="both", red=SCRIPTS, steps=STEPS + 1)


@pytest.fixture(scope="module")
def step(both):
    return jax.jit(both.step)


@pytest.fixture(scope="module")
def start(both):
    return jax.jit(both.reset)(KEY)[1]


@jax.jit
def played(world, actions):
    """Observations, rewards and the last state of environments that all take ``int32[step, env, agent]``."""
    num_envs = Vectorize(world, NUM_ENVS)
    obs, state = num_envs.reset(KEY)

    def one(state, inputs):
        t, chosen = inputs
        obs, state, step = num_envs.step(jax.random.fold_in(KEY, t), state, chosen)
        return state, (obs, step.reward)

    last, told = jax.lax.scan(one, state, (jnp.arange(len(actions)), actions))
    return obs, *told, last


def blue_plan(world, seed=5):
    size = (STEPS, NUM_ENVS, T.NUM_BLUE)
    return np.random.default_rng(seed).integers(0, world.action_counts[:5], size).astype(np.int32)


def same(ours, theirs):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- the world


def test_rows_sides_and_sizes(both):
    assert both.agents == (*T.BLUE_AGENTS, *T.RED_AGENTS)
    assert dict(both.sides) == {"blue": (0, 1, 2, 3, 4), "red": (5, 6, 7, 8, 9, 10)}
    assert both.zero_sum
    assert both.action_counts == (82, 82, 82, 82, 242, 188, 188, 188, 188, 188, 430)  # two scripts
    assert both.observation_sizes == (92, 92, 92, 92, 210, 273, 273, 273, 273, 273, 603)
    assert both.observe_as("rich").observation_size == 892
    assert both.observations_of("blue") == ("stock", "rich", "recall", "true")
    assert both.observations_of("red") == ()
    assert both.action_labels("red_agent_0")[-2:] == ["Script fsm", "Script discovery"]
    assert both.action_labels("blue_agent_1") == CC4().action_labels("blue_agent_1")


def test_scripts_are_never_legal_and_the_padding_neither(both, start):
    legal = np.asarray(both.legal(start))
    same(legal[BLUE, :242], CC4().legal(start))
    same(legal[RED_ROWS, :428], red_view.masks(start.state))
    for row, count in enumerate(both.action_counts):
        assert not legal[row, count - len(SCRIPTS) * (row >= T.NUM_BLUE) :].any()


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_in_all_rows_play_as_the_worlds_own_red(both, name):
    """Bit by bit, for the same keys: the draws, the engine and what scripts remember are the same."""
    native = one_side(both, "blue", name)
    plan = blue_plan(native)
    script = np.array(both.policies("red")[name].actions, np.int32)
    script = np.broadcast_to(script, (STEPS, NUM_ENVS, T.NUM_RED))
    first, obs, rewards, last = played(both, np.concatenate([plan, script], axis=2))
    expected = played(native, plan)
    same((first[:, BLUE, :210], obs[:, :, BLUE, :210], rewards[:, :, BLUE]), expected[:3])
    for part in ("state", "topology", "red_memory"):
        same(getattr(last, part), getattr(expected[3], part))
    same(rewards[:, :, RED_ROWS], -np.broadcast_to(rewards[:, :, :1], (STEPS, NUM_ENVS, T.NUM_RED)))


def test_out_of_the_list_red_sleeps(both, step, start):
    quiet = np.array(both.idle_actions, np.int32)
    expected = step(KEY, start, quiet)
    for index in (-1, 188, 430, 10_000):
        wild = quiet.copy()
        wild[T.NUM_BLUE] = index
        same(step(KEY, start, wild), expected)


def test_the_contract_holds():
    check_world(garrison.make("cc4", side="both", red="fsm"), KEY, steps=3, eager=False)


def test_each_side_of_it_keeps_the_contract():
    check_world(garrison.make("cc4", side="red", blue="guard"), KEY, steps=3, eager=False)


# ---------------------------------------------------------------- opponents


def test_names_and_policies_make_the_same_worlds(both):
    assert one_side(both, "blue", "discovery") == CC4(overrides=(("steps", STEPS + 1),), red="discovery")
    assert isinstance(garrison.make("cc4", red="fsm"), CC4)
    whole = TwoSidedCC4(scripts=("fsm",), red_observation="acts")
    assert garrison.make("cc4", red="fsm").two_sided() == whole
    assert both.native_policies("red")[:4] == ("fsm", "discovery", "random_select", "sleep")
    assert both.native_policies("blue") == ()
    assert list(both.policies("red")) == ["idle", "random", *SCRIPTS]
    assert list(both.policies("blue")) == ["idle", "random", "reactive", "firewall", "guard"]
    assert garrison.make("cc4", red="random").opponent == Random()
    against_guard = garrison.make("cc4", side="red", blue="guard")
    assert against_guard == one_side(garrison.make("cc4", side="both"), "red", "guard")
    assert against_guard.world.observation == "rich"  # the guard reads it; red's own is not changed by it
    assert against_guard.observation_sizes == (273, 273, 273, 273, 273, 603)
    own = linear(garrison.make("cc4", side="both"), "red")
    assert garrison.make("cc4", red=own).opponent is own
    assert garrison.make("cc4", side="red", blue=own).opponent is own


def returns(world, idle):
    plan = np.broadcast_to(np.array(idle, np.int32), (STEPS, NUM_ENVS, len(idle)))
    _, obs, rewards, last = played(world, plan)
    return np.asarray(rewards[:, :, 0]), np.asarray(obs), last


def test_a_pool_of_scripts_and_networks_plays_in_one_program(both):
    """Each environment plays as against its opponent alone, in whatever order the pool names them."""
    scripts, networks = both.policies("red"), (linear(both, "red"), linear(both, "red", seed=1))
    members = (scripts["fsm"], Random(), scripts["discovery"], *networks)
    swapped = (*members[:3], *networks[::-1])
    idle, weights = CC4().idle_actions, jnp.eye(len(members))
    before = played._cache_size()
    alone = [returns(one_side(both, "blue", Pool(members, weight)), idle) for weight in weights]
    rewards, obs, last = returns(one_side(both, "blue", Pool(members, jnp.ones(len(members)))), idle)
    index = np.asarray(last.memory[0])
    assert len(set(index.tolist())) > 2
    for env, member in enumerate(index):
        same((rewards[:, env], obs[:, env]), (alone[member][0][:, env], alone[member][1][:, env]))
    for number, place in ((3, 4), (4, 3), (0, 0)):
        turned = returns(one_side(both, "blue", Pool(swapped, weights[place])), idle)
        same(turned[:2], alone[number][:2])
    assert played._cache_size() == before + 1  # weights and networks are arrays


@pytest.mark.parametrize(("side", "other"), [("blue", "red"), ("red", "blue")])
def test_networks_meet_on_both_sides(both, side, other):
    world = one_side(both.observe_as("rich"), side, linear(both.observe_as("rich"), other))
    policy = linear(world, side)
    obs, state = jax.eval_shape(world.reset, KEY)

    def once(obs, state):
        actions, _ = policy.act(KEY, obs, world.legal(state), ())
        return world.step(KEY, state, actions)

    after, _, step = jax.eval_shape(once, obs, state)
    assert (after.shape, step.reward.shape) == (obs.shape, (world.num_agents,))


def test_a_network_gains_what_blue_loses(both):
    world = one_side(both, "red", linear(both, "blue"))
    scripts = np.array(both.policies("red")["fsm"].actions, np.int32)
    rewards, _, last = returns(world, scripts)
    assert (rewards >= 0).all()
    assert rewards.sum() > 0
    assert np.asarray(last.world.red_memory.calls).max() == STEPS


# ---------------------------------------------------------------- shaped rewards


def test_leaving_and_coming_back_is_not_paid_again(both, step, start):
    """One agent breaks into a host and withdraws, again and again; only blue's acts would make it count."""
    state, labels = start, both.action_labels(T.NUM_BLUE)
    home = int(state.state.session_host[0, 0])
    zone = slice(*(T.ZONE_SLOTS * (T.HOST_SUBNET[home] + k) for k in (0, 1)))
    exists = np.flatnonzero(np.asarray(state.topology.host_exists)[zone]) + zone.start
    target = next(h for h in exists if h != home and h in red_view.targets(0))
    name = T.HOST_NAMES[target]
    pay = jax.jit(side_rewards.progress_of)
    paid, entries, payments = side_rewards.initial(state.state), 0, 0
    actions = np.array(both.idle_actions, np.int32)
    for t in range(90):
        engine = state.state
        shell = bool(footholds(engine)[0][target])
        if not bool(engine.red_known_ip[0, target]):
            kind = f"DiscoverRemoteSystems {T.SUBNETS[T.HOST_SUBNET[home]]}"
        elif not bool((engine.scan_host[0] == target).any()):
            kind = f"AggressiveServiceDiscovery {name}"
        else:
            kind = f"Withdraw {name}" if shell else f"ExploitRemoteService {name}"
        actions[T.NUM_BLUE] = labels.index(kind)
        _, state, result = step(jax.random.fold_in(KEY, t), state, actions)
        entries += not shell and bool(footholds(state.state)[0][target])
        before = bool(paid.foothold[target])
        _, paid = pay(paid, engine, result.info["events"], state.state)
        payments += bool(paid.foothold[target]) and not before
    assert entries >= 3
    assert payments == 1


# ---------------------------------------------------------------- accounts


def test_decisions_of_red_are_counted_whoever_makes_them(both, step, start):
    """A script's decisions, each once, though most take several steps; agents that have no session none."""
    state = start
    home = int(state.state.session_host[0, 0])
    index = red_view.ACTION_COUNTS[0]  # the first script decides
    actions = np.array(both.idle_actions, np.int32)
    actions[T.NUM_BLUE] = index
    counted = np.zeros([len(labels) for labels in RED.axes.values()], int)
    expected = []
    for t in range(STEPS):
        before = state.state
        _, after, result = step(jax.random.fold_in(KEY, t), state, actions)
        decided, places = jax.device_get(RED.decisions(state, actions[RED_ROWS], after, result))
        assert (
            decided.tolist() == (np.asarray(before.red_active) & (np.asarray(before.red_ticks) == 0)).tolist()
        )
        np.add.at(counted, tuple(np.asarray(place)[decided] for place in places), 1)
        if decided[0]:
            expected.append(int(after.state.red_kind[0]))
        state = after
    kinds = counted.sum(axis=(1, 2))
    assert kinds.sum() >= len(expected) > 3
    assert np.bincount(expected, minlength=len(T.RED_NAMES))[1:].tolist() <= kinds[1:].tolist()
    assert counted[T.Red.ESCALATE].sum() == counted[T.Red.ESCALATE, T.HOST_SUBNET[home]].sum()
    assert counted[T.Red.DISCOVER, :, NO_TARGET].sum() == counted[T.Red.DISCOVER].sum()


def test_invalid_actions_have_no_target(both, step, start):
    labels = both.action_labels(T.NUM_BLUE)
    unknown = labels.index("ExploitRemoteService contractor_network_subnet_user_host_9")
    actions = np.array(both.idle_actions, np.int32)
    actions[T.NUM_BLUE] = unknown
    _, after, result = step(KEY, start, actions)
    decided, (kind, subnet, foothold) = RED.decisions(start, actions[RED_ROWS], after, result)
    assert decided.tolist() == [True] + [False] * 5
    axes = zip(RED.axes.values(), (kind, subnet, foothold), strict=True)
    assert [names[int(place[0])] for names, place in axes] == ["InvalidAction", "none", "no target host"]


def test_people_can_read_what_both_do(both, step, start):
    state = start
    actions = np.array(both.idle_actions, np.int32)
    actions[RED_ROWS] = both.policies("red")["fsm"].actions
    lines = []
    for t in range(6):
        _, after, result = step(jax.random.fold_in(KEY, t), state, actions)
        lines += both.narrate(state, actions, after, result)
        state = after
    assert any(line.startswith("red_agent_0: ") for line in lines)
    assert both.describe(state)["step"] == 6
    learner = one_side(both, "red", "idle")
    of_learner = OneSideState(state, np.zeros((both.num_agents, 1), np.float32), ())
    assert learner.describe(of_learner) == both.describe(state)
    assert learner.narrate(of_learner, actions[RED_ROWS], of_learner, result)


def test_global_states_hold_all_that_blue_sees():
    """Both kinds, under both contracts, on random play with random messages; the second holds the first."""
    stock, world = garrison.make("cc4"), garrison.make("cc4", observation="rich")
    sizes = [w.global_state_size(kind) for w in (stock, world) for kind in ("concat", "compact")]
    assert sizes == [578, 454, 2_196, 454 + 4 * 234 + 682]
    step = jax.jit(world.step)
    obs, state = world.reset(KEY)
    rng = np.random.default_rng(2)
    for t in range(8):
        actions = rng.integers(0, world.action_counts).astype(np.int32)
        messages = rng.integers(0, 2, (T.NUM_BLUE, T.MESSAGE_BITS)).astype(np.uint8)
        obs, state, _ = step(jax.random.fold_in(KEY, t), state, actions, messages)
        whole = np.concatenate([obs[agent, :size] for agent, size in enumerate(T.BLUE_OBSERVATION_SIZES)])
        more = np.concatenate([obs[agent, 210:size] for agent, size in enumerate(world.observation_sizes)])
        same(world.global_state(state, obs), np.concatenate([whole, more]))
        same(stock.global_state(state, obs[:, :210]), whole)
        small = np.asarray(stock.global_state(state, obs[:, :210], "compact"))
        same(world.global_state(state, obs, "compact"), np.concatenate([small, more]))
        same(np.concatenate(_rebuilt(small)), whole)


def _rebuilt(compact):
    """The vectors of all agents from the compact state: phase, blocks, messages of the others."""
    phase, blocks = compact[:1], compact[1 : 1 + 59 * 7].reshape(7, 59)
    messages = compact[1 + 59 * 7 : 454].reshape(T.NUM_BLUE, T.MESSAGE_BITS)
    own = ([0], [1], [2], [3], [4, 5, 6])
    return [
        np.concatenate([phase, blocks[own[agent]].ravel(), np.delete(messages, agent, axis=0).ravel()])
        for agent in range(T.NUM_BLUE)
    ]


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("end", "last"), [("both", (True, True)), ("terminated", (True, False)), ("truncated", (False, True))]
)
def test_the_end_is_told_as_asked(end, last):
    world = garrison.make("cc4", end=end)
    assert tuple(map(bool, world.ending(jnp.array(True)))) == last
    assert tuple(map(bool, world.ending(jnp.array(False)))) == (False, False)


def test_each_variant_has_its_own_table(both):
    table = np.zeros((10, 10))
    alone = garrison.make("cc4", red="discovery", red_probability=table)
    assert (np.asarray(alone.options.red_discovery_probability) == 0).all()
    same(alone.options.red_probability, T.FSM_PROBABILITY)
    same(both.options.red_probability, T.FSM_PROBABILITY)
    same(both.options.red_discovery_probability, T.DISCOVERY_PROBABILITY)
    assert CC4().options.red_discovery_probability is None


def test_the_busy_make_a_world_asynchronous(both):
    assert not CC4().asynchronous
    assert CC4(busy="masked").asynchronous
    assert both.asynchronous


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side": "both", "red": ("fsm", "discoverie")}, ["'discoverie'", "did you mean 'discovery'"]),
        ({"side": "both", "blue": "guard"}, ["blue='guard'", "side='red'"]),
        ({"side": "red", "red": Constant((0,) * 6)}, ["red=Constant", "side='blue'"]),
        ({"red": "guard"}, ["no red policy 'guard'", "fsm, discovery, random_select, sleep, aggressive"]),
        ({"side": "red", "blue": "fsm"}, ["no blue policy 'fsm'", "guard"]),
        ({"end": "never"}, ["'never'", "terminated, truncated"]),
    ],
)
def test_what_a_side_does_not_have_is_named(options, words):
    with pytest.raises(ValueError, match=r".+") as error:
        garrison.make("cc4", **options)
    assert all(word.lower() in str(error.value).lower() for word in words), str(error.value)
