"""QMIX's contract: reproducible, resumable with its replay, blind to padding, exact about what ends when."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bitwise import assert_equal
from jax.flatten_util import ravel_pytree

import garrison
from garrison.algos import qmix
from garrison.algos.qmix import Config
from garrison.learn import norm, offpolicy, priority, replay
from garrison.runs import checkpoint
from garrison.worlds.toy.network import Network

CONFIG = Config(
    total_steps=1_000,
    num_envs=4,
    rollout_steps=8,
    hidden_sizes=(8,),
    mixer_size=4,
    hyper_size=4,
    sequence=4,
    batch_size=6,
    updates=2,
    replay_steps=96,
    target_updates=3,
)
WORLD = Network(steps=6)

init = jax.jit(qmix.init)
iteration = jax.jit(qmix.iteration)


def played(state, iterations, config=CONFIG, world=WORLD):
    for _ in range(iterations):
        state, metrics = iteration(config, world, state)
    return state, metrics


@pytest.mark.parametrize("exponent", [0.0, 0.6])
def test_training_goes_on_bit_by_bit_from_a_checkpoint_with_its_replay(tmp_path, exponent):
    config = CONFIG.replace(priority=exponent)
    state = init(config, WORLD, jax.random.key(0))
    half, _ = played(state, 2, config)
    checkpoint.save(tmp_path, half, 2, {})
    through, _ = played(half, 3, config)  # the ring, of three rollouts, turns over
    resumed, _ = played(checkpoint.load(tmp_path, jax.eval_shape(lambda: state)), 3, config)
    assert_equal(resumed, through)
    kept = half.replay
    assert kept.inserted == 2
    lost = {"rows": kept.replace(rows=jax.tree.map(jnp.zeros_like, kept.rows))}
    if exponent:
        lost["priorities"] = kept.replace(priorities=jnp.where(kept.priorities > 0, 1.0, 0.0))
    again, _ = played(half, 1, config)
    for ring in lost.values():
        other, _ = played(half.replace(replay=ring), 1, config)
        pairs = zip(*map(jax.tree.leaves, (other.net, again.net)), strict=True)
        assert any((x != y).any() for x, y in pairs)


def test_prioritized_replay_is_a_part_of_the_program_only_where_it_is_asked_for():
    state, config = init(CONFIG, WORLD, jax.random.key(0)), CONFIG.replace(priority=0.6)
    assert state.replay.priorities is None
    assert "weight" not in played(state, 1)[1]
    begun = init(config, WORLD, jax.random.key(0))
    assert_equal(begun.replace(replay=None), state.replace(replay=None))
    after, metrics = played(begun, 1, config)
    there = np.asarray(after.replay.priorities)
    assert ((there > 0) == (np.arange(there.size) < after.replay.filled)).all()
    assert 1 < len(set(there[there > 0])) <= 1 + config.updates * config.batch_size
    assert 0 < metrics["weight"] <= 1


def test_the_importance_weights_reach_their_full_power_at_the_end():
    config = CONFIG.replace(priority=0.6)
    state, _ = played(init(config, WORLD, jax.random.key(0)), 2, config)
    weight = {}
    for beta in (0.4, 1.0):
        for done in (0, qmix.num_iterations(config, WORLD)):
            begun = state.replace(iteration=jnp.asarray(done, jnp.int32))
            weight[beta, done] = float(played(begun, 1, config.replace(priority_beta=beta))[1]["weight"])
    assert weight[0.4, 0] > weight[1.0, 0]
    assert weight[0.4, done] == weight[1.0, done]


def test_weighted_gradients_of_likely_sequences_are_those_of_uniform_ones():
    """With β = 1, by enumeration: Σ P(i) w_i ∇loss(i) is a multiple of the mean gradient."""
    state, rows = sampled(CONFIG, WORLD)
    count, scale = rows.done.shape[1], norm.RewardScale.zero(CONFIG.num_envs, WORLD.num_agents)
    errors = jnp.linspace(0.1, 2.0, count)[None]
    priorities = priority.update(jnp.zeros(count), jnp.arange(count), errors, 0.6)
    chances, weights = priorities / priorities.sum(), priority.weights(priorities, jnp.arange(count), 1.0)

    def gradient(slot, weight):
        one = jax.tree.map(lambda x: x[:, slot][:, None], rows)
        grads, _ = jax.grad(qmix.loss, has_aux=True)(
            state.net, state.target, CONFIG, WORLD, scale, one, weight[None]
        )
        return ravel_pytree(grads)[0]

    of_each = jax.jit(jax.vmap(gradient))
    weighted = chances @ of_each(jnp.arange(count), weights)
    uniform = of_each(jnp.arange(count), jnp.ones(count)).mean(0)
    np.testing.assert_allclose(weighted, count * chances.min() * uniform, rtol=1e-3, atol=1e-7)
    assert jnp.abs(uniform).max() > 1e-3


def test_seeds_are_an_axis_and_so_are_numbers():
    rates = jnp.array([1e-3, 1e-2])
    configs = jax.tree.map(lambda x: jnp.full(2, x), CONFIG).replace(learning_rate=rates)
    starts = [init(CONFIG, WORLD, jax.random.key(seed)) for seed in range(2)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *starts)
    swept, _ = jax.jit(jax.vmap(lambda config, state: qmix.iteration(config, WORLD, state)))(configs, stacked)
    for i, rate in enumerate(rates):
        alone, _ = played(starts[i], 1, CONFIG.replace(learning_rate=rate))
        for left, right in zip(jax.tree.leaves(swept.net), jax.tree.leaves(alone.net), strict=True):
            np.testing.assert_allclose(left[i], right, rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(swept.replay.rows.action[i], alone.replay.rows.action)


def test_targets_follow_by_gradient_steps_across_iterations():
    """Two gradient steps an iteration, a copy every three: after the 3rd and the 6th."""
    state, equal = init(CONFIG, WORLD, jax.random.key(0)), []
    assert_equal(state.net, state.target)
    for updates in (2, 4, 6):
        state, metrics = played(state, 1)
        assert metrics["updates"] == state.updates == updates
        pairs = zip(jax.tree.leaves(state.net), jax.tree.leaves(state.target), strict=True)
        equal.append(all((x == y).all() for x, y in pairs))
    assert equal == [False, False, True]


def test_exploration_follows_its_schedule_and_its_unit():
    config = CONFIG.replace(total_steps=128, exploration_until=0.5)  # four iterations
    state, seen = init(config, WORLD, jax.random.key(0)), []
    for _ in range(4):
        state, metrics = iteration(config, WORLD, state)
        seen.append(float(metrics["exploration"]))
    np.testing.assert_allclose(seen, [1.0, 0.525, 0.05, 0.05], rtol=1e-5)
    hot = config.replace(exploration="boltzmann", exploration_start=2.0, exploration_end=2.0)
    begun = init(hot, WORLD, jax.random.key(0))
    after, first = iteration(hot, WORLD, begun)
    assert first["exploration"] == 2.0  # the spread is 1 until it is measured
    assert after.spread == first["spread"] > 0
    np.testing.assert_allclose(iteration(hot, WORLD, after)[1]["exploration"], 2 * after.spread, rtol=1e-6)
    absolute = hot.replace(temperature_unit="absolute")
    assert iteration(absolute, WORLD, after)[1]["exploration"] == 2.0


def test_the_policy_does_not_explore():
    state = init(CONFIG, WORLD, jax.random.key(0))
    obs, world_state = WORLD.reset(jax.random.key(1))
    for greedy in (False, True):
        policy = qmix.policy(state, WORLD, greedy)
        acts = [policy.act(jax.random.key(n), obs, WORLD.legal(world_state), ())[0] for n in range(3)]
        _, (q, _) = state.net["agents"]((), obs, False)
        best = jnp.argmax(jnp.where(WORLD.legal(world_state), q, -jnp.inf), axis=-1)
        assert all((act == best).all() for act in acts)


@partial(jax.jit, static_argnames="world")
def sampled(config, world, seed=0):
    """A train state, and all sequences of the rollout that it plays."""
    state = qmix.init(config, world, jax.random.key(seed))
    _, batch = qmix.collect(config, world, state)
    kept = replay.insert(replay.empty(batch, config.sequence, 1), replay.sequences(batch, config.sequence))
    return state, replay.take(kept, jnp.arange(kept.slots))


def losses(config, world, net, target, rows):
    scale = norm.RewardScale.zero(config.num_envs, world.num_agents)
    both = jax.value_and_grad(qmix.loss, has_aux=True)
    return jax.jit(partial(both, config=config, world=world, scale=scale))(net, target, rows=rows)


def test_padding_changes_nothing():
    """Garbage in the outputs of actions that an agent does not have leaves losses and gradients equal."""
    world = garrison.make("toy/sizes")
    config = CONFIG.replace(rollout_steps=None, sequence=None, sharing="separate")
    state, rows = sampled(config, world)

    def spoiled(both, by):
        nets = both["agents"].nets  # leaves [group, ...]; the first agent has 3 of 7 actions
        bias = nets.policy.bias.at[0, 3:].add(by)
        agents = eqx.tree_at(lambda net: net.nets.policy.bias, both["agents"], bias)
        return {**both, "agents": agents}

    clean = losses(config, world, state.net, state.target, rows)
    for by in (1e6, -1e6):
        assert_equal(clean, losses(config, world, spoiled(state.net, by), spoiled(state.target, by), rows))


def test_groups_learn_alone():
    """An agent's own loss reaches its own network only."""
    world = garrison.make("toy/sizes")
    config = CONFIG.replace(mixer="none", rollout_steps=None, sequence=None, sharing="separate")
    state, rows = sampled(config, world)
    other = rows.replace(reward=rows.reward.at[..., 1].add(5.0))
    (_, grads), (_, moved) = (losses(config, world, state.net, state.target, x) for x in (rows, other))
    changed = jax.tree.map(
        lambda x, y: [bool((x[group] != y[group]).any()) for group in range(2)],
        grads["agents"],
        moved["agents"],
    )
    pairs = jax.tree.leaves(changed, is_leaf=lambda x: isinstance(x, list))
    assert not any(first for first, _ in pairs)
    assert any(second for _, second in pairs)


@pytest.mark.parametrize("mixer", ["qmix", "none"])
def test_every_row_counts_once_and_so_does_the_last_of_an_episode(mixer):
    """The loss is quadratic in each row's reward, with the same curvature in all rows."""
    world = garrison.make("toy/two_step")
    config = CONFIG.replace(mixer=mixer, rollout_steps=None, sequence=None, normalize_rewards=False)
    state, rows = sampled(config, world)
    steps, batch = rows.done.shape
    scale = norm.RewardScale.zero(config.num_envs, world.num_agents)

    def total(more):
        changed = rows.replace(reward=rows.reward + more[..., None])
        return qmix.loss(state.net, state.target, config, world, scale, changed)[0]

    one_row = 10 * jnp.eye(steps * batch).reshape(-1, steps, batch)
    up, down = (jax.jit(jax.vmap(total))(sign * one_row) for sign in (1, -1))
    curvature = up + down - 2 * total(jnp.zeros((steps, batch)))
    np.testing.assert_allclose(curvature, 2 * 10**2 / (steps * batch), rtol=1e-3)


def test_only_termination_ends_the_value_of_what_follows():
    """The target of a last row: with a time limit it goes on, at the end of the task it does not."""
    world = Network(steps=6)  # cut by its time limit
    config = CONFIG.replace(mixer="sum", normalize_rewards=False, rollout_steps=6, num_envs=2)
    state, rows = sampled(config, world)
    assert rows.done.any()
    assert not rows.terminated.any()
    over = rows.replace(terminated=rows.done)
    for kept in (rows, over):
        (loss, _), _ = losses(config, world, state.net, state.target, kept)
        q, next_q = offpolicy.outputs(state.net["agents"], kept)
        now, after = kept.views()
        value = jnp.take_along_axis(q, kept.action[..., None], -1)[..., 0].sum(-1)
        best = jnp.where(after.mask, next_q, -jnp.inf).max(-1).sum(-1)  # target and online are the same
        wanted = kept.reward.mean(-1) + config.gamma * jnp.where(kept.terminated, 0.0, best)
        np.testing.assert_allclose(loss, ((value - wanted) ** 2).mean(), rtol=1e-4)


@pytest.mark.parametrize("rollout_steps", [None, 8])
def test_memory_is_empty_where_an_episode_begins_and_full_where_one_is_cut(rollout_steps):
    """Values of a sequence are those of its episodes one by one, also of what a step led to."""
    world = garrison.make("toy/memory", delay=3) if rollout_steps is None else Network(steps=3)
    config = CONFIG.replace(
        network="recurrent", cell_size=4, mixer="sum", sequence=None, rollout_steps=rollout_steps
    )
    state, rows = sampled(config, world)
    net, (now, after) = state.net["agents"], rows.views()
    q, next_q = jax.jit(offpolicy.outputs)(net, rows)
    alone = (jax.jit(of)(net, rows) for of in (offpolicy.outputs_now, offpolicy.outputs_after))
    for one, other in zip(alone, (q, next_q), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    step = jax.jit(net.__call__)
    for column in range(2):
        carry = net.initial_carry(world.num_agents)
        for t in range(len(q)):
            if now.first[t, column]:
                carry = net.initial_carry(world.num_agents)
            carry, (logits, _) = step(carry, now.obs[t, column], jnp.zeros((), bool))
            np.testing.assert_allclose(q[t, column], logits, rtol=1e-4, atol=1e-6)
            _, (ahead, _) = step(carry, after.obs[t, column], jnp.zeros((), bool))
            np.testing.assert_allclose(next_q[t, column], ahead, rtol=1e-4, atol=1e-6)
    if rollout_steps is not None:
        np.testing.assert_array_equal(now.first[1:], rows.done[:-1])
        assert rows.done[:-1].any()


def test_an_iteration_updates_the_replay_in_place():
    config = CONFIG.replace(replay_steps=200_000)
    shapes = jax.eval_shape(qmix.init, config, WORLD, jax.random.key(0))
    ring = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes.replay))
    step = jax.jit(qmix.iteration, donate_argnames="state").lower(config, WORLD, shapes).compile()
    assert step.memory_analysis().temp_size_in_bytes < 0.1 * ring
    assert qmix.footprint(config, WORLD) > ring


def test_the_mixer_sees_the_state_that_is_asked_for():
    world = garrison.make("toy/baseline")
    sizes = {"concat": 2, "true": 3, "true+concat": 5}
    for state, size in sizes.items():
        config = CONFIG.replace(state=state, rollout_steps=None, sequence=None)
        begun = jax.eval_shape(qmix.init, config, world, jax.random.key(0))
        assert begun.net["mixer"].bias_in.weight.shape[0] == size
        kept = begun.replay.rows.now.global_state
        assert (kept is None) == (state == "concat")  # observations hold it already
    iteration(config, world, qmix.init(config, world, jax.random.key(0)))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"mixer": "vdn"}, "mixer is 'vdn'; it must be one of: qmix, sum, none"),
        ({"exploration": "ucb"}, "exploration is 'ucb'"),
        ({"exploration_start": 1.5}, "exploration_start is 1.5"),
        ({"exploration": "boltzmann", "exploration_end": 0.0}, "exploration_end is 0.0; it must be above 0"),
        ({"exploration_until": 0.0}, "exploration_until is 0.0"),
        ({"temperature_unit": "kelvin"}, "temperature_unit is 'kelvin'"),
        ({"state": "true"}, "has no global state 'true'"),
        ({"td_lambda": 1.1}, "td_lambda is 1.1"),
        ({"sequence": 9}, "sequence is 9; a rollout has 8 steps"),
        ({"priority": 1.5}, "priority is 1.5"),
        ({"priority_beta": -0.1}, "priority_beta is -0.1"),
        ({"target_updates": 0}, "target_updates is 0"),
        ({"target_tau": 0.0}, "target_tau is 0.0"),
        ({"replay_steps": 0}, "replay_steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"sharing": "none"}, "sharing is 'none'"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        qmix.check(CONFIG.replace(**setting), WORLD)


def test_a_hot_boltzmann_is_allowed():
    qmix.check(CONFIG.replace(exploration="boltzmann", exploration_start=5.0), WORLD)
