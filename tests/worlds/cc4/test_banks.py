"""Banks: what is drawn, from what, and that nothing else changes."""

from itertools import combinations
from typing import Any

import bitwise
import jax
import jax.numpy as jnp
import multiple_tests
import numpy as np
import pytest
from scipy import stats

import garrison
from garrison.core.world import World
from garrison.worlds import cc4
from garrison.worlds.cc4 import banks, reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.banks import ANTI, BANKS, JEWELS, STARTS, Bank
from garrison.worlds.cc4.options import default_options, phase_starts
from garrison.worlds.cc4.topology_checks import check

STEPS, LANES = 61, 4  # phases begin at steps 21 and 41
KEYS = jax.random.split(jax.random.key(8), LANES)
#: banks of these axes have the entries of a single episode, and are one program
AXES = ("mission", "restore", "phase_start", "reward")


def fixed(mission=(1, 1, 1), restore=1, start=STARTS[0], table=JEWELS[0]) -> World:
    """A world whose bank has a single entry of each of ``AXES``."""
    entries = {"mission": [list(mission)], "restore": [restore], "phase_start": [start], "reward": [table]}
    return garrison.make("cc4", steps=STEPS, vary=[f"{axis}={entry}" for axis, entry in entries.items()])


def given(**options: Any) -> World:
    return garrison.make("cc4", steps=STEPS, **options)


@pytest.fixture(scope="module")
def reset():
    """``reset(world)``: episodes of ``KEYS``, without their entries; the number of programs is counted."""
    traced = []

    @jax.jit
    def run(world):
        traced.append(world)
        return jax.vmap(world.reset)(KEYS)[1]

    run_and_strip = lambda world: run(world).replace(entries=None)  # noqa: E731
    run_and_strip.programs, run_and_strip.whole = traced, run
    return run_and_strip


@pytest.fixture(scope="module")
def play(blue_actions):
    """``play(states)``: a whole episode of random actions: last states, parts and phases [step, env]."""
    actions, world = blue_actions(3, STEPS - 1, LANES), given()

    @jax.jit
    def run(states):
        def one(states, now):
            t, acts = now
            keys = jax.vmap(jax.random.fold_in, (0, None))(KEYS, t)
            _, states, step = jax.vmap(world.step)(keys, states, acts)
            return states, (step.info["reward_parts"], states.state.phase)

        return jax.lax.scan(one, states, (jnp.arange(STEPS - 1), actions))

    def both(states):
        end, (parts, phases) = jax.device_get(run(states))
        return end, parts, phases

    return both


# ---------------------------------------------------------------- what is drawn

EVERYTHING = Bank(
    red=banks.red_axis(["fsm", "cia_c", "impact"]),
    mission=np.array(ANTI, np.float32),
    phase_start=np.array(STARTS[:3], np.int16),
    reward=np.array(JEWELS, np.float32),
)


@pytest.fixture(scope="module")
def drawn():
    """The entries of 10,000 episodes by axis, of a bank with all axes."""
    stack = jax.tree.map(lambda x: np.zeros((5, *np.shape(x)), np.uint8), {"slots": 0})
    bank = EVERYTHING.replace(network=stack)
    keys = jax.random.split(jax.random.key(1), 10_000)
    return jax.device_get(jax.jit(jax.vmap(bank.draw))(keys))


def test_entries_are_drawn_alike_and_axes_independently(drawn):
    sizes = {"red": 3, "mission": 4, "phase_start": 3, "reward": 6, "network": 5}
    assert {axis: int(index.max()) + 1 for axis, index in drawn.items()} == sizes
    p_values = {
        axis: multiple_tests.fit(np.bincount(index), np.ones(sizes[axis])) for axis, index in drawn.items()
    }
    for a, b in combinations(drawn, 2):
        table = np.zeros((sizes[a], sizes[b]))
        np.add.at(table, (drawn[a], drawn[b]), 1)
        p_values[f"{a} and {b}"] = stats.chi2_contingency(table).pvalue
    assert not multiple_tests.rejected(p_values, 0.01)


def test_an_axis_is_drawn_by_its_key_alone(drawn):
    """The same key gives the same entry, whichever other axes there are."""
    keys = jax.random.split(jax.random.key(1), 50)
    for axis in ("red", "reward"):
        alone = Bank(**{axis: getattr(EVERYTHING, axis)})
        for _ in range(2):
            found = jax.vmap(alone.draw)(keys)
            assert list(found) == [axis]
            np.testing.assert_array_equal(found[axis], drawn[axis][:50])


# ---------------------------------------------------------------- banks and options


def test_a_bank_of_one_entry_is_those_options(reset, play):
    mission, table = (3, 1, 3), np.array(JEWELS[5], np.float32)
    banked = reset(fixed(mission, 7 / 3, [100, 300], JEWELS[5]))
    options = {
        "reward": table * np.array(mission, np.float32),
        "restore_cost": -np.float32(7 / 3),
        "phase_start": [12, 37],  # 100 and 300 of 500 steps in 61
    }
    direct = reset(given(**options))
    bitwise.assert_equal(banked, direct)
    for one, other in zip(play(banked), play(direct), strict=True):
        bitwise.assert_equal(one, other)


def test_an_empty_bank_changes_nothing(reset):
    assert garrison.make("cc4", vary=()) == garrison.make("cc4", vary="none") == garrison.make("cc4")
    bitwise.assert_equal(reset(given()), reset(fixed()))


@pytest.mark.parametrize("name", [name for name in BANKS if name not in ("flat2", "robust")])
def test_the_first_entry_is_the_stock_game(name):
    bank, base = garrison.make("cc4", vary=name).bank, default_options()
    options = bank.options_of(dict.fromkeys(bank.sizes, 0), base)
    stock = reds.options(("fsm",)) if "red" not in bank.sizes else reds.options(reds_of(name))
    for field, value in vars(options).items():
        expected = getattr(base, field)
        if expected is None and value is not None:
            expected = getattr(stock, field)[0]
        if value is not None:
            np.testing.assert_array_equal(value, np.broadcast_to(expected, np.shape(value)), err_msg=field)


def reds_of(name: str) -> list[str]:
    return BANKS[name].axes["red"]


@pytest.mark.parametrize("steps", [61, 100, 500])
def test_the_stock_starts_are_those_of_the_length(steps):
    bank = garrison.make("cc4", vary="starts", steps=steps).bank
    assert bank.phase_start[0].tolist() == list(phase_starts(steps))
    assert bank.phase_start[1].tolist() == [round(steps / 5), round(3 * steps / 5)]


@pytest.mark.parametrize("name", ["cia_c", "degrader", "target_a"])
def test_an_entry_of_reds_is_that_red(name):
    """Also after one whose table differs."""
    for world, index in (
        (garrison.make("cc4", vary=[f'red=["{name}"]']), 0),
        (garrison.make("cc4", red=["impact", "fsm", name]), 2),
    ):
        entries = dict.fromkeys(world.bank.sizes, index)
        options = world.bank.options_of(entries, world.options)
        alone = garrison.make("cc4", red=name).options
        for field, value in vars(alone).items():
            if value is not None:
                found = getattr(options, field)
                np.testing.assert_array_equal(found, np.broadcast_to(value, np.shape(found)), err_msg=field)
    stock = world.bank.options_of({"red": 1}, world.options).red_probability
    np.testing.assert_array_equal(stock, np.broadcast_to(T.FSM_PROBABILITY, stock.shape))


# ---------------------------------------------------------------- rewards and phases


def test_a_mission_multiplies_the_parts_of_the_reward_alone(reset, play):
    _, base, _ = play(reset(fixed()))
    _, found, _ = play(reset(fixed((3, 5, 2))))
    assert all((part < 0).any() for part in base.values())
    for name, factor in (("LWF", 3), ("ASF", 5), ("RIA", 2), ("action_cost", 1)):
        np.testing.assert_array_equal(found[name], factor * base[name])
    _, priced, _ = play(reset(fixed((3, 5, 2), 10 / 3)))
    np.testing.assert_array_equal(priced["RIA"], 2 * base["RIA"])
    np.testing.assert_allclose(priced["action_cost"], np.float32(10 / 3) * base["action_cost"], rtol=1e-6)


def test_missions_multiply_the_drawn_table():
    bank = Bank(mission=np.array(ANTI, np.float32), reward=np.array(JEWELS, np.float32))
    for table in range(len(JEWELS)):
        for mission in range(len(ANTI)):
            options = bank.options_of({"reward": table, "mission": mission}, default_options())
            np.testing.assert_array_equal(options.reward, np.array(JEWELS[table]) * ANTI[mission])


def test_phases_change_at_the_drawn_steps(reset, play):
    lanes = [fixed(start=start) for start in STARTS]
    states = [jax.tree.map(lambda leaf, i=i: leaf[i], reset(world)) for i, world in enumerate(lanes)]
    _, _, phases = play(jax.tree.map(lambda *leaves: np.stack(leaves), *states))
    for lane, (first, second) in enumerate([phase_starts(STEPS), (12, 37), (24, 49), (18, 30)]):
        steps = np.arange(STEPS - 1)
        expected = (steps >= first).astype(int) + (steps >= second)
        np.testing.assert_array_equal(phases[:, lane], expected)


def test_jewels_are_the_published_tables():
    tables = np.array(JEWELS, np.float32)
    np.testing.assert_array_equal(tables[0], T.REWARD)
    np.testing.assert_array_equal(tables[:, 0], np.broadcast_to(T.REWARD[0], tables[:, 0].shape))
    changed = [
        sorted(zip(*(axis.tolist() for axis in np.nonzero((table != T.REWARD).any(2))), strict=True))
        for table in tables
    ]
    zones = [T.RZA, T.OZA, T.RZB, T.OZB]
    assert changed == [
        [],
        sorted([(1, zone) for zone in zones if zone != T.RZA] + [(1, T.RZA)] + [(2, zone) for zone in zones]),
        [(1, T.ADM)],
        [(2, T.OFF)],
        [(1, T.OZB)],
        sorted([(1, T.OZA), (1, T.OZB), (1, T.ADM), (2, T.OZA), (2, T.OZB), (2, T.OFF)]),
    ]
    assert tables[1, 1, T.OZB].tolist() == tables[5, 2, T.OZA].tolist() == [-10, 0, -10]
    assert tables[2, 1, T.ADM].tolist() == tables[3, 2, T.OFF].tolist() == [-5, -2, -5]


def test_missions_have_the_same_mean():
    assert np.mean(ANTI, axis=0).tolist() == np.mean(banks.SINGLE, axis=0).tolist() == [2, 2, 2]
    bank = garrison.make("cc4", vary="miss_priced").bank
    np.testing.assert_allclose(bank.restore, [1, 7 / 3, 7 / 3, 7 / 3], rtol=1e-6)


# ---------------------------------------------------------------- programs and networks


@pytest.fixture(scope="module")
def mixed():
    """Two worlds of equal sizes with other entries: all reds that are data, and all axes but networks."""
    names = list(reds.REDS)
    first = {"red": names, "mission": ANTI, "phase_start": STARTS, "reward": JEWELS}
    second = {
        "red": names[::-1],
        "mission": banks.SINGLE,
        "phase_start": STARTS[::-1],
        "reward": JEWELS[::-1],
    }
    return [
        given(vary=[f"{axis}={entries}".replace("'", '"') for axis, entries in axes.items()])
        for axes in (first, second)
    ]


def test_entries_of_equal_sizes_are_one_program(reset, mixed):
    """So are the steps of their episodes, in which every red may play."""
    before, steps = len(reset.programs), []

    @jax.jit
    def step(world, states):
        steps.append(world)
        actions = jnp.zeros(world.num_agents, jnp.int32)
        return jax.vmap(world.step, (0, 0, None))(KEYS, states, actions)[1]

    states = [reset.whole(world) for world in mixed]
    assert len(reset.programs) <= before + 1  # it may be known already
    assert not np.array_equal(states[0].options.reward, states[1].options.reward)
    for world, start in zip(mixed, states, strict=True):
        step.lower(world, start)
    assert len(steps) == 1


def test_a_world_says_what_it_drew(reset, mixed):
    world = mixed[0]
    states = reset.whole(world)
    for lane in range(LANES):
        state = jax.tree.map(lambda leaf, lane=lane: leaf[lane], states)
        drawn = {axis: int(entry) for axis, entry in world.drawn(state).items()}
        assert drawn.keys() == {"red", "mission", "phase_start", "reward"}
        assert world.describe(state)["drawn"] == drawn
        reward = np.array(JEWELS[drawn["reward"]]) * ANTI[drawn["mission"]]
        np.testing.assert_array_equal(state.options.reward, reward)
        weight = reds.options((list(reds.REDS)[drawn["red"]],)).red_role_weight
        if weight is not None:
            np.testing.assert_array_equal(state.options.red_role_weight, weight[0])
    assert garrison.make("cc4").drawn(reset(given())) == {}


def test_networks_stay_as_they_are_without_an_axis_of_networks(reset, mixed):
    stock = reset(given()).topology
    for world in (fixed((3, 3, 1), 2, [100, 300], JEWELS[1]), mixed[0]):
        bitwise.assert_equal(reset(world).topology, stock)


def test_networks_of_a_bank_are_networks_with_the_published_sizes():
    bank = garrison.make("cc4", vary="topo16").bank
    hosts = bank.network.host_exists.sum(axis=1).tolist()
    assert hosts == [94, 91, 97, 94, 91, 88, 94, 91, 97, 94, 100, 97, 92, 89, 95, 92]
    networks = [jax.tree.map(lambda leaf, i=i: leaf[i], bank.network) for i in range(16)]
    for network in networks:
        check(network)
    bitwise.assert_equal(networks[0], networks[3])  # the fourth has other rules, which are left out
    assert len({network.host_address.tobytes() for network in networks}) == 12
    starts = bank.network.red_start[:, 0].reshape(4, 4)
    assert (starts == starts[:, :1]).all()


def test_an_episode_has_a_network_of_its_bank():
    world = garrison.make("cc4", vary="network=4", users=4)
    bank = world.bank
    users = bank.network.host_exists[:, T.IS_USER].reshape(4, T.NUM_ZONES, -1).sum(axis=2)
    assert (users == 4).all()
    other = jax.tree.map(lambda leaf: leaf[3], bank.network)
    states, chosen = jax.jit(
        lambda keys: (jax.vmap(world.reset)(keys)[1], world.reset(keys[0], network=other)[1].topology)
    )(KEYS)
    bitwise.assert_equal(chosen, other)
    for lane, index in enumerate(np.asarray(states.entries["network"])):
        own = jax.tree.map(lambda leaf, lane=lane: leaf[lane], states.topology)
        bitwise.assert_equal(own, jax.tree.map(lambda leaf, index=index: leaf[index], bank.network))
    fewer, more = (garrison.make("cc4", vary=f"network={n}").bank.network for n in (4, 6))
    bitwise.assert_equal(fewer, jax.tree.map(lambda leaf: leaf[:4], more))


# ---------------------------------------------------------------- worlds


def test_worlds_with_equal_banks_are_equal():
    worlds = {garrison.make("cc4", vary=vary) for vary in ("missions", ["missions"], "missions_single")}
    assert len(worlds) == 2
    assert "Bank(mission: 4)" in repr(garrison.make("cc4", vary="missions"))


def test_both_sides_keep_the_bank_without_its_reds():
    world = garrison.make("cc4", vary=("reds", "missions"))
    assert world.two_sided().bank.sizes == {"mission": 4}
    assert garrison.make("cc4", vary="reds").two_sided() == garrison.make(
        "cc4", side="both", red="fsm", red_observation="acts"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vary": "missons"}, r"no bank 'missons' \(did you mean 'missions'\?\); banks: none, missions"),
        ({"vary": "size=3"}, "no axis 'size'; axes: red, mission"),
        ({"vary": "mission=many"}, "entries of vary's axis mission are not JSON: many"),
        ({"vary": "mission=[[1,2]]"}, r"list of 1..65535 entries of shape \[3\], not shape \[1, 2\]"),
        ({"vary": "mission=[[1,1,-1]]"}, "numbers of vary's axis mission must be finite and at least 0"),
        ({"vary": "restore=[1]"}, "restore needs an entry for each one of mission"),
        ({"vary": ["missions", "restore=[1]"]}, "restore needs an entry for each one of mission"),
        ({"vary": "phase_start=[[300,100]]"}, "two steps of 500 in rising order"),
        ({"vary": "network=0"}, r"number of networks in 1..65535"),
        (
            {"vary": 'network=[{"seed": -1}]'},
            r"number of networks in 1..65535, or a list of objects with seed",
        ),
        ({"vary": 'network=[{"seed": 1, "users": [3]}]'}, "option 'users' must have shape"),
        ({"vary": 'red="fsm"'}, "axis red must be a list of names, not 'fsm'"),
        ({"vary": 'red=["fms"]'}, r"'fms' is not a red that is data \(did you mean 'fsm'\?\)"),
        ({"vary": ["missions", "cocktail"]}, "the axis mission twice, in 'missions' and 'cocktail'"),
        ({"vary": ["robust", "topo16"]}, "both robust, which draws sizes, and networks"),
        ({"vary": "starts", "phase_start": [1, 2]}, "replaces the option phase_start"),
        ({"vary": "jewels", "reward": T.REWARD}, "replaces the option reward"),
        ({"vary": "topo16", "users": 4}, "replaces the option users"),
        ({"vary": "topo16", "op_zone_servers": 3}, "replaces the option op_zone_servers"),
        ({"vary": "reds", "red": "fsm"}, "vary draws reds, and red is 'fsm'"),
        ({"vary": "reds", "side": "red"}, "vary draws reds, which side='red' does not have"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        cc4.make(**arguments)
