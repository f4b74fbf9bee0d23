"""PQN's contract: exact targets, blind to padding, every row once, resumable, its schedules and settings."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bitwise import assert_equal

import garrison
from garrison.algos import pqn
from garrison.algos.pqn import Config
from garrison.learn import minibatches
from garrison.runs import checkpoint
from garrison.worlds.toy.network import Network

CONFIG = Config(
    total_steps=1_000,
    num_envs=4,
    rollout_steps=8,
    hidden_sizes=(8,),
    mixer_size=4,
    hyper_size=4,
    minibatches=2,
    epochs=2,
)
RECURRENT = CONFIG.replace(network="recurrent", cell_size=4, chunk=3)
WORLD = Network(steps=6)

init = jax.jit(pqn.init)
iteration = jax.jit(pqn.iteration)
collect = jax.jit(pqn.collect)


def test_training_goes_on_bit_by_bit_from_a_checkpoint_within_an_episode(tmp_path):
    half, _ = iteration(RECURRENT, WORLD, init(RECURRENT, WORLD, jax.random.key(0)))
    assert not half.first.all()
    checkpoint.save(tmp_path, half, 1, {})
    resumed = checkpoint.load(tmp_path, jax.eval_shape(lambda: half))
    through, metrics = iteration(RECURRENT, WORLD, half)
    again, same = iteration(RECURRENT, WORLD, resumed)
    assert_equal(again, through)
    assert_equal(same, metrics)


def test_numbers_are_an_axis():
    configs = jax.tree.map(lambda x: jnp.full(2, x), CONFIG)
    shapes = jax.eval_shape(jax.vmap(lambda config: pqn.init(config, WORLD, jax.random.key(0))), configs)
    swept = jax.vmap(lambda config, state: pqn.iteration(config, WORLD, state))
    after, metrics = jax.eval_shape(swept, configs, shapes)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, shapes)
    assert all(x.shape == (2,) for x in metrics.values())


# ---------------------------------------------------------------- targets

#: Values of sleep, analyse and restore, whatever is seen: the agents restore whenever they are not busy.
SLEEP, RESTORE = 1.0, 5.0


def restoring(config, world):
    """A train state whose agents restore the first host whenever they may, and value that so."""
    state = init(config, world, jax.random.key(0))
    head = state.net["agents"].policy
    bias = jnp.zeros_like(head.bias).at[0].set(SLEEP).at[2].set(RESTORE)
    agents = eqx.tree_at(
        lambda net: (net.policy.weight, net.policy.bias),
        state.net["agents"],
        (jnp.zeros_like(head.weight), bias),
    )
    return state.replace(net={**state.net, "agents": agents})


def lambda_return(reward, next_value, terminated, done, gamma, decay):
    """One sequence, from its end: Peng's Q(λ) as the paper has it."""
    found = np.zeros(len(reward))
    for t in reversed(range(len(reward))):
        ahead = next_value[t]
        if not done[t] and t + 1 < len(reward):
            ahead = (1 - decay) * next_value[t] + decay * found[t + 1]
        found[t] = reward[t] + gamma * (0 if terminated[t] else ahead)
    return found


@pytest.mark.parametrize("mixer", ["sum", "none"])
def test_targets_are_those_of_the_definition_across_time_limits(mixer):
    """Episodes of three steps: restore, busy, restore, and cut while busy, when only sleep is legal."""
    config = CONFIG.replace(mixer=mixer, exploration_start=0.0, exploration_end=0.0, normalize_rewards=False)
    world = Network(steps=3)
    state, batch = collect(config, world, restoring(config, world))
    agents = 2 if mixer == "sum" else 1
    np.testing.assert_array_equal(batch.action, np.array([2, 0, 2] * 3)[:8, None, None] * np.ones((4, 2)))
    own = np.array([RESTORE, SLEEP, RESTORE] * 3)[:8]
    ahead = np.array([SLEEP, RESTORE, SLEEP] * 3)[:8]  # not of what follows the reset
    np.testing.assert_allclose(batch.value, agents * own[:, None, None] * np.ones((4, 2)), rtol=1e-6)
    np.testing.assert_allclose(batch.next_value, agents * ahead[:, None, None] * np.ones((4, 2)), rtol=1e-6)
    assert batch.done.any()
    assert not batch.terminated.any()
    for over in (batch.terminated, batch.done):
        _, rows = pqn.samples(config, state, batch.replace(terminated=over))
        for env in range(4):
            for agent in range(2):
                expected = lambda_return(
                    np.asarray(batch.reward)[:, env].mean(-1),  # all agents of this world get the same
                    np.asarray(batch.next_value)[:, env, agent],
                    np.asarray(over)[:, env],
                    np.asarray(batch.done)[:, env],
                    config.gamma,
                    config.td_lambda,
                )
                np.testing.assert_allclose(rows.target[:, env, agent], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mixer", ["sum", "none"])
def test_a_team_learns_its_reward_and_an_agent_its_own(mixer):
    config, world = CONFIG.replace(mixer=mixer, normalize_rewards=False), Network(steps=3)
    state, batch = collect(config, world, init(config, world, jax.random.key(0)))
    split = jnp.broadcast_to(jnp.asarray([1.0, 3.0]), batch.reward.shape)
    _, rows = pqn.samples(config.replace(gamma=0.0), state, batch.replace(reward=split))
    wanted = jnp.full_like(split, 2.0) if mixer == "sum" else split
    np.testing.assert_allclose(rows.target, wanted, rtol=1e-5)


def test_padding_changes_nothing():
    """Garbage in the outputs of actions that an agent does not have leaves play, loss and gradients equal."""
    world = garrison.make("toy/sizes")
    config = CONFIG.replace(rollout_steps=None, minibatches=1, sharing="separate", mixer="qmix")
    state = init(config, world, jax.random.key(0))

    @jax.jit
    def learned(state):
        after, batch = pqn.collect(config, world, state)
        _, rows = pqn.samples(config, after, batch)
        return batch, rows, jax.grad(pqn.loss, has_aux=True)(state.net, rows)

    clean = learned(state)
    for by in (1e6, -1e6):
        bias = state.net["agents"].nets.policy.bias.at[0, 3:].add(by)  # [group, action]; the first has 3 of 7
        agents = eqx.tree_at(lambda net: net.nets.policy.bias, state.net["agents"], bias)
        assert_equal(clean, learned(state.replace(net={**state.net, "agents": agents})))


def test_chunks_hold_each_row_once():
    """The loss of eight steps in chunks of three, by the memory before each, is that of all of them."""
    state, batch = collect(RECURRENT, WORLD, init(RECURRENT, WORLD, jax.random.key(0)))
    _, rows = pqn.samples(RECURRENT, state, batch)
    assert jax.tree.leaves(rows.memory)[0].shape[:2] == (3, 4)
    loss = jax.jit(pqn.loss)
    in_chunks, whole = (loss(state.net, minibatches.sequences(rows, chunk))[0] for chunk in (3, None))
    assert whole > 0
    np.testing.assert_allclose(in_chunks, whole, rtol=1e-5)


# ---------------------------------------------------------------- exploration, mixers, settings


def test_exploration_follows_its_schedule():
    config = CONFIG.replace(total_steps=128, exploration_until=0.5, exploration_end=0.0)  # four iterations
    state, seen = init(config, WORLD, jax.random.key(0)), []
    for _ in range(4):
        state, metrics = iteration(config, WORLD, state)
        seen.append(float(metrics["exploration"]))
    np.testing.assert_allclose(seen, [1.0, 0.5, 0.0, 0.0], rtol=1e-5)


def test_the_policy_does_not_explore():
    state = init(CONFIG, WORLD, jax.random.key(0))
    obs, world_state = WORLD.reset(jax.random.key(1))
    _, (q, _) = state.net["agents"]((), obs, False)
    best = jnp.argmax(jnp.where(WORLD.legal(world_state), q, -jnp.inf), axis=-1)
    for greedy in (False, True):
        policy = pqn.policy(state, WORLD, greedy)
        acts = [policy.act(jax.random.key(n), obs, WORLD.legal(world_state), ())[0] for n in range(3)]
        assert all((act == best).all() for act in acts)


def test_the_mixer_sees_the_state_that_is_asked_for():
    world = garrison.make("toy/baseline")
    config = CONFIG.replace(mixer="qmix", rollout_steps=None, minibatches=1)
    for state, size in {"concat": 2, "true": 3, "true+concat": 5}.items():
        asked = config.replace(state=state)
        begun = jax.eval_shape(lambda config: pqn.init(config, world, jax.random.key(0)), asked)
        assert begun.net["mixer"].bias_in.weight.shape[0] == size
        after, batch = jax.eval_shape(lambda *x: pqn.collect(x[0], world, x[1]), asked, begun)
        assert batch.global_state.shape == (1, 4, size)
        jax.eval_shape(pqn.update, asked, after, batch, jnp.zeros(()))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"mixer": "vdn"}, "mixer is 'vdn'; it must be one of: qmix, sum, none"),
        ({"mixer": "qmix", "state": "true"}, "has no global state 'true'"),
        ({"mixer_size": 0}, "mixer_size is 0"),
        ({"exploration_start": 1.5}, "exploration_start is 1.5"),
        ({"exploration_until": 0.0}, "exploration_until is 0.0"),
        ({"td_lambda": 1.1}, "td_lambda is 1.1"),
        ({"minibatches": 9}, "minibatches is 9; a rollout has only 8 steps of each environment"),
        ({"network": "recurrent", "minibatches": 5}, "minibatches is 5; a rollout has only 4 sequences"),
        ({"network": "entity"}, "network 'entity' has no layer_norm; set layer_norm to False"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        pqn.check(CONFIG.replace(**setting), WORLD)
