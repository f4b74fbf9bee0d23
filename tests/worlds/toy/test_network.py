import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.wrappers import Vectorize
from garrison.worlds.toy.network import HOSTS, Draws, Network, NetworkState

WORLD = Network()
KEY = jax.random.key(5)
QUIET = Draws(spread=jnp.ones(4), phishing=jnp.ones(()), alert=jnp.ones(4))  # nothing happens by chance
LOUD = Draws(spread=jnp.zeros(4), phishing=jnp.zeros(()), alert=jnp.zeros(4))  # all that can happen does


def state_with(infected=(), confirmed=(), busy=(False, False)) -> NetworkState:
    hosts = [jnp.isin(jnp.arange(4), jnp.array(which, int)) for which in (infected, confirmed)]
    none = jnp.zeros(4, bool)
    return NetworkState(jnp.zeros((), jnp.int32), hosts[0], none, hosts[1], jnp.array(busy))


def act(*labels: str) -> jax.Array:
    return jnp.array([WORLD.action_labels(agent).index(label) for agent, label in enumerate(labels)])


def names(hosts: jax.Array) -> list[str]:
    return [name for name, there in zip(HOSTS, hosts, strict=True) if there]


def test_labels_are_in_index_order():
    assert WORLD.action_labels("blue_0") == ["sleep", "analyse gateway", "restore gateway"]
    assert WORLD.action_labels("blue_1")[3:] == [
        "analyse files",
        "restore files",
        "analyse desk",
        "restore desk",
    ]
    assert WORLD.observation_labels(0) == ["alert on gateway", "gateway found infected", "busy", "time"]


@pytest.mark.parametrize(
    ("infected", "after"),
    [
        ([], ["gateway"]),  # by phishing
        ([0], ["gateway", "web"]),
        ([2], ["gateway", "web", "files", "desk"]),
        ([3], ["gateway", "files", "desk"]),
    ],
)
def test_infection_comes_from_neighbours_and_from_outside(infected, after):
    state = state_with(infected=infected)
    assert names(WORLD.step_with(LOUD, state, act("sleep", "sleep"))[1].infected) == after
    assert names(WORLD.step_with(QUIET, state, act("sleep", "sleep"))[1].infected) == [
        HOSTS[i] for i in infected
    ]


def test_two_infected_neighbours_are_two_chances():
    between = QUIET.replace(spread=jnp.full(4, 0.3))  # 0.2 < 0.3 < 1 - 0.8 ** 2
    after = WORLD.step_with(between, state_with(infected=[1, 3]), act("sleep", "sleep"))[1]
    assert names(after.infected) == ["web", "files", "desk"]


def test_restore_cleans_costs_and_keeps_busy():
    state = state_with(infected=[0, 1], confirmed=[0, 1])
    _, after, step = WORLD.step_with(QUIET, state, act("sleep", "restore web"))
    assert names(after.infected) == names(after.confirmed) == ["gateway"]
    assert after.busy.tolist() == [False, True]
    assert step.reward.tolist() == [-0.5, -0.5]
    assert {name: float(part) for name, part in step.info["reward_parts"].items()} == {
        "infected": -0.25,
        "restore": -0.25,
    }
    assert WORLD.legal(after).tolist() == [[True] * 3 + [False] * 4, [True] + [False] * 6]


def test_a_busy_agent_does_nothing():
    state = state_with(infected=[1], busy=(False, True))
    for label in ("restore web", "analyse web"):
        _, after, _ = WORLD.step_with(QUIET, state, act("sleep", label))
        assert names(after.infected) == ["web"]
        assert names(after.confirmed) == []
        assert not after.busy.any()


def test_analysis_tells_the_truth_that_alerts_hide():
    state = state_with(infected=[1])
    obs, after, _ = WORLD.step_with(QUIET, state, act("analyse gateway", "analyse web"))
    assert names(after.confirmed) == ["web"]
    seen = dict(zip(WORLD.observation_labels(1), obs[1].tolist(), strict=True))
    assert seen["alert on web"] == 0
    assert seen["web found infected"] == 1
    assert seen["time"] == pytest.approx(1 / 30)


def test_alerts_follow_the_truth_with_noise():
    draws = QUIET.replace(alert=jnp.array([0.04, 0.06, 0.69, 0.71]))
    _, after, _ = WORLD.step_with(draws, state_with(infected=[2, 3]), act("sleep", "sleep"))
    assert names(after.alert) == ["gateway", "files"]


def test_an_action_out_of_range_is_sleep_in_compiled_code():
    state = state_with(infected=[0, 1])
    idle = WORLD.step(KEY, state, act("sleep", "sleep"))
    for wild in (-1, 7, 1000):
        compiled = jax.jit(WORLD.step)(KEY, state, jnp.full(2, wild))
        assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), compiled, idle))


def test_defending_by_alerts_beats_idling_and_chance():
    def by_alerts(obs, legal, key):
        restore = jnp.zeros((2, 7)).at[0, 2].set(obs[0, 0]).at[1, 2:7:2].set(obs[1, :3])
        return jnp.argmax(restore * legal, -1)

    def at_random(obs, legal, key):
        return jax.random.categorical(key, jnp.where(legal, 0.0, -jnp.inf))

    def idle(obs, legal, key):
        return jnp.zeros(2, int)

    alerts, chance, idling = (mean_return(policy) for policy in (by_alerts, at_random, idle))
    assert alerts > chance + 1
    assert alerts > idling + 1


def mean_return(policy, num_envs: int = 128) -> float:
    world = Vectorize(WORLD, num_envs)

    def one(carry, key):
        obs, state = carry
        keys = jax.random.split(key, num_envs)
        obs, state, step = world.step(key, state, jax.vmap(policy)(obs, world.legal(state), keys))
        return (obs, state), step.reward[:, 0]

    rewards = jax.jit(lambda start: jax.lax.scan(one, start, jax.random.split(KEY, WORLD.max_steps))[1])
    return float(rewards(world.reset(KEY)).sum(0).mean())


def test_text_tells_the_state_and_what_happened():
    state = state_with(infected=[0, 1], busy=(True, False))
    actions = act("sleep", "restore web")
    _, after, step = WORLD.step_with(QUIET, state, actions)
    assert WORLD.describe(state)["hosts"][1] == {
        "host": "web",
        "infected": True,
        "alert": False,
        "confirmed": False,
    }
    assert WORLD.describe(after)["busy"] == ["blue_1"]
    assert WORLD.narrate(state, actions, after, step) == [
        "blue_0: busy restoring",
        "blue_1: restore web",
        "web is clean again",
    ]


@pytest.mark.parametrize(
    ("option", "value"), [("spread", 1.5), ("detection", -0.1), ("steps", 0), ("spread", np.nan)]
)
def test_options_that_make_no_sense_are_named(option, value):
    with pytest.raises(ValueError, match=f"{option} of world 'toy/network' is {value}; it must be in"):
        Network(**{option: value})
