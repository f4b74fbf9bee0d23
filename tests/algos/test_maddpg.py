"""MADDPG's contract: resumable, blind to padding, gradients that go where they should and nowhere else."""

from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bitwise import assert_equal

import garrison
from garrison.algos import maddpg
from garrison.algos.maddpg import Config
from garrison.learn import critics, dists, norm, offpolicy, optim, replay
from garrison.runs import checkpoint
from garrison.worlds.toy.network import Network

CONFIG = Config(
    total_steps=1_000,
    num_envs=4,
    rollout_steps=8,
    hidden_sizes=(8,),
    sequence=4,
    batch_size=6,
    updates=2,
    replay_steps=96,
    warmup_steps=40,
    twin=True,
)
WORLD = Network(steps=6)  # cut by its time limit
SIZES = garrison.make("toy/sizes")
SEPARATE = CONFIG.replace(
    rollout_steps=None, sequence=None, num_envs=16, sharing="separate", critic_sharing="separate"
)

init = jax.jit(maddpg.init)
iteration = jax.jit(maddpg.iteration)


def played(state, iterations, config=CONFIG, world=WORLD):
    for _ in range(iterations):
        state, metrics = iteration(config, world, state)
    return state, metrics


@cache
def network():
    return sampled(CONFIG, WORLD)


@cache
def sizes():
    return sampled(SEPARATE, SIZES)


@partial(jax.jit, static_argnames="world")
def sampled(config, world):
    """A train state, and all sequences of the rollout that it plays."""
    state = maddpg.init(config, world, jax.random.key(0))
    _, batch = maddpg.collect(config, world, state)
    kept = replay.insert(replay.empty(batch, config.sequence, 1), replay.sequences(batch, config.sequence))
    return state, replay.take(kept, jnp.arange(kept.slots))


def losses(config, world, net, target, rows, weights=None):
    """Loss with metrics and errors, and its gradients."""
    scale = norm.RewardScale.zero(config.num_envs, world.num_agents)
    both = jax.value_and_grad(maddpg.loss, has_aux=True)
    of = partial(both, config=config, world=world, scale=scale, key=jax.random.key(1))
    return jax.jit(of)(net, target, rows=rows, weights=weights)


def test_training_goes_on_bit_by_bit_from_a_checkpoint_with_its_replay(tmp_path):
    state = init(CONFIG, WORLD, jax.random.key(0))
    half, _ = played(state, 2)
    checkpoint.save(tmp_path, half, 2, {})
    through, _ = played(half, 2)  # the ring, of three rollouts, turns over
    resumed, _ = played(checkpoint.load(tmp_path, jax.eval_shape(lambda: state)), 2)
    assert_equal(resumed, through)
    assert half.replay.inserted == 2


def test_prioritized_replay_weighs_the_critics_loss_alone():
    config = CONFIG.replace(priority=0.6)
    state = init(config, WORLD, jax.random.key(0))
    assert init(CONFIG, WORLD, jax.random.key(0)).replay.priorities is None
    after, metrics = played(state, 1, config)
    there = np.asarray(after.replay.priorities)
    assert ((there > 0) == (np.arange(there.size) < after.replay.filled)).all()
    assert len(set(there[there > 0])) > 1
    assert 0 < metrics["weight"] <= 1
    state, rows = network()
    (_, (plain, error)), _ = losses(CONFIG, WORLD, state.net, state.target, rows)
    half = jnp.full(error.shape[1], 0.5)
    (_, (weighed, _)), _ = losses(CONFIG, WORLD, state.net, state.target, rows, half)
    np.testing.assert_allclose(weighed["critic_loss"], plain["critic_loss"] / 2, rtol=1e-6)
    assert weighed["actor_loss"] == plain["actor_loss"]
    np.testing.assert_allclose(jnp.mean(error), plain["td_error"], rtol=1e-6)


def test_play_is_random_until_the_warmup_is_over():
    """40 steps are two iterations of 32."""
    state = init(CONFIG, WORLD, jax.random.key(0))
    biased = eqx.tree_at(lambda net: net["actor"].policy.bias, state.net, jnp.arange(7.0) * 10)
    for done, warm in ((0, True), (1, True), (2, False)):
        begun = state.replace(net=biased, iteration=jnp.int32(done))
        _, batch = jax.jit(maddpg.collect)(CONFIG, WORLD, begun)
        uniform = -jnp.log(batch.mask.sum(-1).astype(jnp.float32))
        assert np.allclose(batch.log_prob, uniform, atol=1e-5) == warm
        assert np.take_along_axis(np.asarray(batch.mask), np.asarray(batch.action)[..., None], -1).all()


def test_targets_follow_in_each_gradient_step():
    state = init(CONFIG, WORLD, jax.random.key(0))
    at_once, metrics = iteration(CONFIG.replace(target_tau=1.0), WORLD, state)
    assert_equal(at_once.target, at_once.net)
    assert metrics["updates"] == at_once.updates == 2
    slowly, _ = iteration(CONFIG, WORLD, state)
    leaves = zip(*map(jax.tree.leaves, (state.net, slowly.net, slowly.target)), strict=True)
    for before, after, target in leaves:
        np.testing.assert_allclose(target, before, atol=0.02 * float(jnp.abs(after - before).max()) + 1e-6)
        assert (target != before).any()


def test_learning_rates():
    rates = maddpg._rates(CONFIG, jnp.float32(0.5))
    assert (rates["critic"], rates["actor"]) == (np.float32(2.5e-4), np.float32(1.25e-4))
    changed = CONFIG.replace(learning_rate=1e-3, actor_learning_rate=2e-3, anneal_lr=True)
    rates = maddpg._rates(changed, jnp.float32(0.5))
    np.testing.assert_allclose([rates["critic"], rates["actor"]], [5e-4, 1e-3], rtol=1e-6)


def test_the_policy_samples_or_takes_the_most_probable():
    state = init(CONFIG, WORLD, jax.random.key(0))
    obs, world_state = WORLD.reset(jax.random.key(1))
    mask = WORLD.legal(world_state)
    best = jnp.argmax(jnp.where(mask, state.net["actor"]((), obs, False)[1][0], -jnp.inf), axis=-1)
    greedy, sampling = (maddpg.policy(state, WORLD, greedy) for greedy in (True, False))
    acts = [greedy.act(jax.random.key(n), obs, mask, ())[0] for n in range(3)]
    assert all((act == best).all() for act in acts)
    assert len({tuple(sampling.act(jax.random.key(n), obs, mask, ())[0].tolist()) for n in range(9)}) > 1


def test_padding_changes_nothing():
    """Garbage in the logits of actions that an agent does not have leaves losses and gradients equal."""
    config, (state, rows) = SEPARATE.replace(others="current"), sizes()

    def spoiled(both, by):
        bias = both["actor"].nets.policy.bias.at[0, 3:].add(by)  # the first agent has 3 of 7 actions
        return {**both, "actor": eqx.tree_at(lambda net: net.nets.policy.bias, both["actor"], bias)}

    clean = losses(config, SIZES, state.net, state.target, rows)
    padded = clean[1]["actor"].nets.policy
    assert not padded.bias[0, 3:].any()
    assert padded.bias[0, :3].any()
    for by in (1e6, -1e6):
        assert_equal(clean, losses(config, SIZES, spoiled(state.net, by), spoiled(state.target, by), rows))


def test_actors_and_critics_learn_apart():
    """A reward of one agent reaches no actor, and only that agent's critic; logits reach no critic."""
    config, (state, rows) = SEPARATE, sizes()
    paid = rows.replace(reward=rows.reward.at[..., 1].add(5.0))
    (_, grads), (_, moved) = (losses(config, SIZES, state.net, state.target, x) for x in (rows, paid))
    assert_equal(grads["actor"], moved["actor"])
    weight, other = (x["critic"].trunk.layers[0].weight[0] for x in (grads, moved))  # of each agent
    np.testing.assert_array_equal(weight[0], other[0])
    assert (weight[1] != other[1]).any()
    biased = eqx.tree_at(lambda net: net["actor"].nets.policy.bias, state.net, replace_fn=lambda x: x + 1.0)
    _, moved = losses(config, SIZES, biased, state.target, rows)
    assert_equal(grads["critic"], moved["critic"])


def test_every_row_counts_once_and_so_does_the_last_of_an_episode():
    """The critic's loss is quadratic in each row's reward, with the same curvature in all rows."""
    world = garrison.make("toy/two_step")
    config = CONFIG.replace(rollout_steps=None, sequence=None, normalize_rewards=False, twin=False)
    state, rows = sampled(config, world)
    steps, batch = rows.done.shape
    scale = norm.RewardScale.zero(config.num_envs, world.num_agents)

    def total(more):
        changed = rows.replace(reward=rows.reward + more[..., None])
        goal = maddpg.wanted(state.target, config, world, scale, changed, jax.random.key(0))
        return maddpg.critic_loss(state.net["critic"], world, changed, goal)[0]

    one_row = 10 * jnp.eye(steps * batch).reshape(-1, steps, batch)
    up, down = (jax.jit(jax.vmap(total))(sign * one_row) for sign in (1, -1))
    curvature = up + down - 2 * total(jnp.zeros((steps, batch)))
    np.testing.assert_allclose(curvature, 2 * 10**2 / (steps * batch), rtol=1e-3)


def test_only_termination_ends_the_value_of_what_follows():
    """With a time limit the target goes on from what was seen before the reset, else it does not."""
    config = CONFIG.replace(normalize_rewards=False, target_action="argmax")
    state, rows = network()
    assert rows.done.any()
    assert not rows.terminated.any()
    scale = norm.RewardScale.zero(config.num_envs, WORLD.num_agents)
    for kept in (rows, rows.replace(terminated=rows.done)):
        found = maddpg.wanted(state.target, config, WORLD, scale, kept, jax.random.key(0))
        _, after = kept.views()
        logits = offpolicy.outputs(state.target["actor"], kept)[1]
        best = jax.nn.one_hot(jnp.argmax(jnp.where(after.mask, logits, -jnp.inf), -1), 7)
        seen = jnp.concatenate([after.obs[..., 0, :4], after.obs[..., 1, :8]], axis=-1)
        ahead = critics.values(state.target["critic"], seen, best)
        assert (ahead[0] != ahead[1]).any()  # twins
        ahead = np.where(kept.terminated[..., None], 0.0, np.asarray(ahead).min(0))
        np.testing.assert_allclose(found, kept.reward + config.gamma * ahead, rtol=1e-4, atol=1e-6)


def test_rows_without_a_choice_do_not_reach_the_actor():
    """Neither by the critic's value, nor by the mean of the regularizer, nor as rows that count."""
    state, rows = network()
    now = rows.now
    busy = now.mask.sum(-1) == 1
    assert 0 < busy.mean() < 1

    def grads(rows):
        of = jax.grad(lambda actor: maddpg.actor_loss(actor, Slope(), CONFIG, WORLD, rows, key)[0])
        return jax.jit(of)(state.net["actor"])

    key = jax.random.key(2)
    changed = now.replace(obs=jnp.where(busy[..., None], 5.0, now.obs))
    assert_equal(grads(rows), grads(rows.replace(now=changed)))
    other = now.replace(obs=jnp.where(busy[..., None], now.obs, 5.0))
    pairs = zip(jax.tree.leaves(grads(rows)), jax.tree.leaves(grads(rows.replace(now=other))), strict=True)
    assert any((x != y).any() for x, y in pairs)


class Slope(eqx.Module):
    """Minus the square of how far the chosen number, 0 to 6, is from ``best``: a critic that is known."""

    best: jax.Array = eqx.field(default_factory=lambda: jnp.full((1, 1), 3.0))  # [critic, 1]

    def __call__(self, state, actions, own=None):
        chosen = (actions if own is None else own) @ jnp.arange(actions.shape[-1], dtype=jnp.float32)
        return -((chosen - self.best) ** 2)


@pytest.mark.parametrize("best", [1, 5])
def test_with_a_frozen_quadratic_critic_actors_find_the_best_legal_action(best):
    """The first agent of ``toy/sizes`` has actions 0 to 2, the second 0 to 6."""
    state, rows = sizes()
    critic = Slope(jnp.full((1, 1), float(best)))
    of = jax.grad(lambda actor, key: maddpg.actor_loss(actor, critic, SEPARATE, SIZES, rows, key)[0])

    def step(carry, key):
        actor, opt = carry
        return optim.apply(of(actor, key), opt, actor, 1e-2, 10.0)[0], None

    actor = state.net["actor"]
    keys = jax.random.split(jax.random.key(0), 400)
    (actor, _), _ = jax.jit(lambda begun: jax.lax.scan(step, begun, keys))((actor, optim.init(actor)))
    log_probs = dists.masked_categorical(offpolicy.outputs_now(actor, rows), rows.views()[0].mask)
    chosen = np.asarray(dists.mode(log_probs))
    np.testing.assert_array_equal(chosen, np.broadcast_to([min(best, 2), best], chosen.shape))


@pytest.mark.parametrize("others", ["replay", "current"])
def test_others_act_as_they_did_or_as_they_would_now(monkeypatch, others):
    """Either way without a gradient: this critic's values depend on the others alone."""
    config, (state, rows) = SEPARATE.replace(others=others, logit_coef=0.0), sizes()
    given = []

    def of_others(critic, state, actions, own=None):
        given.append((actions, own))
        return (actions @ jnp.arange(7.0))[None]

    monkeypatch.setattr(critics, "values", of_others)
    loss = partial(
        maddpg.actor_loss, critic=None, config=config, world=SIZES, rows=rows, key=jax.random.key(0)
    )
    loss(state.net["actor"])
    (actions, own), *_ = given
    expected = rows.action if others == "replay" else jnp.argmax(own, -1)
    np.testing.assert_array_equal(jnp.argmax(actions, -1), expected)
    grads = jax.grad(lambda actor: loss(actor)[0])(state.net["actor"])
    assert not any(x.any() for x in jax.tree.leaves(grads))


def test_an_iteration_updates_the_replay_in_place():
    config = CONFIG.replace(replay_steps=200_000)
    shapes = jax.eval_shape(maddpg.init, config, WORLD, jax.random.key(0))
    ring = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes.replay))
    step = jax.jit(maddpg.iteration, donate_argnames="state").lower(config, WORLD, shapes).compile()
    assert step.memory_analysis().temp_size_in_bytes < 0.1 * ring
    assert maddpg.footprint(config, WORLD) > ring


def test_the_critic_sees_the_state_that_is_asked_for():
    world = garrison.make("toy/baseline")  # two actions
    for state, size in {"concat": 2, "true": 3, "true+concat": 5}.items():
        config = CONFIG.replace(state=state, rollout_steps=None, sequence=None)
        begun = jax.eval_shape(maddpg.init, config, world, jax.random.key(0))
        assert begun.net["critic"].trunk.layers[0].weight.shape == (2, size + 2, 8)
        kept = begun.replay.rows.now.global_state
        assert (kept is None) == (state == "concat")  # observations hold it already
    iteration(config, world, init(config, world, jax.random.key(0)))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"critic_sharing": "grouped"}, "critic_sharing is 'grouped'; it must be one of: shared, separate"),
        ({"target_action": "max"}, "target_action is 'max'; it must be one of: sample, argmax"),
        ({"others": "target"}, "others is 'target'; it must be one of: replay, current"),
        ({"critic_hidden_sizes": ()}, r"hidden_sizes is \(\)"),
        ({"actor_learning_rate": 0.0}, "actor_learning_rate is 0.0"),
        ({"temperature": 0.0}, "temperature is 0.0; it must be above 0"),
        ({"td_lambda": 1.1}, "td_lambda is 1.1"),
        ({"logit_coef": -1.0}, "logit_coef is -1.0"),
        ({"warmup_steps": -1}, "warmup_steps is -1"),
        ({"target_tau": 0.0}, "target_tau is 0.0"),
        ({"state": "true"}, "has no global state 'true'"),
        ({"sequence": 9}, "sequence is 9; a rollout has 8 steps"),
        ({"replay_steps": 0}, "replay_steps is 0"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        maddpg.check(CONFIG.replace(**setting), WORLD)
