"""Intrinsic rewards for what is new: random network distillation, episodic novelty, and both (NGU).

Badia et al. 2020, "Never give up: learning directed exploration strategies", with the life-long part of Burda
et al. 2019, "Exploration by random network distillation". ``docs/algorithms/novelty.md`` describes each
detail. A step is paid for the novelty of what it led to, before any reset.
"""

from __future__ import annotations

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import dists, experience, minibatches, norm, optim, rollout, shard
from garrison.learn.encoders import Dense, Trunk
from garrison.learn.experience import Metrics
from garrison.learn.ranges import check_choice
from garrison.learn.rollout import Rollout

KINDS = ("rnd", "episodic", "ngu")

# Badia et al. 2020, table 6
NEIGHBORS = 10
KERNEL_EPS = 1e-4  # so table 6 and other implementations; section 2 says 1e-3
CLUSTER_DISTANCE = 0.008  # ξ
PSEUDO_COUNT = 0.001  # c
MAX_FACTOR = 5.0  # L
_LEARNING_RATE = 5e-4
_MAX_GRAD_NORM = 40.0
_EMBEDDING = 32  # appendix B.1

_CLIP = 5.0  # Burda et al. 2019, section 2.4
_LEAST_DEVIATION = 1e-3  # of a feature; one that never varied yet differs by 5 at once
_OUTPUTS = 64  # of the random network
_HIDDEN = 128
_ROWS_PER_LEARNED = 4  # a quarter of the rows is learned from, the usual update proportion of RND
_DISTANCE_DECAY = 0.9  # weight that earlier rollouts keep in the mean distance
_BLOCKS = 8  # of the search for neighbors


class Embedding(eqx.Module):
    """One hidden layer on an input that is extended by the agent's one-hot index, and a linear one."""

    trunk: Trunk
    head: Dense

    def __init__(self, key: PRNGKeyArray, inputs: int, agents: int, outputs: int):
        trunk_key, head_key = jax.random.split(key)
        self.trunk = Trunk(trunk_key, inputs, agents, (_HIDDEN,), "relu")
        self.head = Dense(head_key, _HIDDEN, outputs, 1.0)

    def __call__(self, rows: Float32[Array, "*rows agent input"]) -> Float32[Array, "*rows agent output"]:
        def one(x: Array, agent: Array) -> Array:
            return self.head(self.trunk.embed(x, agent))

        of_all = jax.vmap(one)
        for _ in rows.shape[:-2]:
            of_all = jax.vmap(of_all, in_axes=(0, None))
        return of_all(rows, jnp.arange(rows.shape[-2], dtype=jnp.int32))


class LifeLong(Struct):
    """Random network distillation: how badly the outputs of a random network are predicted."""

    target: Embedding  # random, never trained
    error: norm.Moments  # of the squared errors of each agent


class Episodic(Struct):
    """Distances to what an agent saw before in the same episode."""

    distance: Float32[Array, "agent"]  # sum of squared distances to neighbors, older ones forgotten
    count: Float32[Array, "agent"]  # how many these are
    #: embeddings of what was seen in the running episodes, newest last; None where rollouts are episodes
    memory: Float32[Array, "slot env agent number"] | None
    used: Int32[Array, "env"] | None  # how many slots, likewise


class Novelty(Struct):
    """All that intrinsic rewards depend on."""

    nets: dict[str, Any]  # that are trained: predictor; embedding and inverse
    opt: Any  # state of their optimizer
    features: Float32[Array, "agent feature"]  # 1 for those that count, else 0
    moments: norm.Moments  # of each feature of each agent
    scale: norm.RewardScale
    lifelong: LifeLong | None
    episodic: Episodic | None


# ---------------------------------------------------------------- making it


def check(config: Any, world: World) -> None:
    """Raise ``ValueError`` for a kind that does not exist, or words that no feature has."""
    if config.novelty is None:
        return
    check_choice(config, "novelty", KINDS)
    labels = [label for agent in world.agents for label in world.observation_labels(agent)]
    for word in config.novelty_ignore:
        if not any(word in label for label in labels):
            raise ValueError(
                f"novelty_ignore names {word!r}, which is in no observation label of world {world.name!r}; "
                f"labels are like {', '.join(map(repr, labels[:3]))}"
            )


def init(config: Any, world: World, key: PRNGKeyArray) -> Novelty | None:
    """The state of ``config.novelty`` before training; None for None."""
    if config.novelty is None:
        return None
    agents, size = world.num_agents, world.observation_size
    target_key, predictor_key, embedding_key, inverse_key = jax.random.split(key, 4)
    lifelong = episodic = None
    nets: dict[str, Any] = {}
    if config.novelty != "episodic":
        lifelong = LifeLong(Embedding(target_key, size, agents, _OUTPUTS), norm.Moments.zero(agents))
        nets["predictor"] = Embedding(predictor_key, size, agents, _OUTPUTS)
    if config.novelty != "rnd":
        nets["embedding"] = Embedding(embedding_key, size, agents, _EMBEDDING)
        nets["inverse"] = Embedding(inverse_key, 2 * _EMBEDDING, agents, world.num_actions)
        nothing = jnp.zeros(agents, jnp.float32)
        memory = used = None
        if experience.holds_environments(config, world):
            memory = jnp.zeros((world.max_steps, config.num_envs, agents, _EMBEDDING), jnp.float32)
            used = jnp.zeros(config.num_envs, jnp.int32)
        episodic = Episodic(nothing, nothing, memory, used)
    return Novelty(
        nets=nets,
        opt=optim.init(nets),
        features=_features(world, config.novelty_ignore),
        moments=norm.Moments.zero(agents, size),
        scale=norm.RewardScale.zero(config.num_envs, agents, config.normalize_per_agent),
        lifelong=lifelong,
        episodic=episodic,
    )


def _features(world: World, ignored: tuple[str, ...]) -> Float32[Array, "agent feature"]:
    """1 for features whose labels have none of the words in them; 0 for others and for padding."""
    counts = np.zeros((world.num_agents, world.observation_size), np.float32)
    for row, agent in zip(counts, world.agents, strict=True):
        labels = world.observation_labels(agent)
        row[: len(labels)] = [not any(word in label for word in ignored) for label in labels]
    return jnp.asarray(counts)


# ---------------------------------------------------------------- an iteration


def rewards(
    config: Any, novelty: Novelty, batch: Rollout, key: PRNGKeyArray
) -> tuple[Novelty, Float32[Array, "step env agent"], Metrics]:
    """Intrinsic rewards of a rollout, and the state after learning from it.

    Rewards are divided by the running standard deviation of their discounted return. They are those of the
    networks before they learn from the rollout.

    Args:
        batch: a rollout with ``after``.
        key: draws the minibatches.
    """
    assert batch.after is not None  # as the rollout was asked for ends
    size = novelty.features.shape[-1]
    # What was seen, and then what no later row shows: the last rows are what each step led to.
    seen = jnp.concatenate([batch.obs[..., :size], batch.after.obs[..., :size]])
    novelty = novelty.replace(moments=norm.add(novelty.moments, batch.obs[..., :size]))
    novelty, reward, metrics = _measured(novelty, seen, batch.done)
    metrics |= {"intrinsic_reward": jnp.mean(reward)}
    scale, reward = norm.scale_rewards(novelty.scale, reward, batch.done, config.gamma, batch.elapsed)
    nets, opt, learned = _learned(novelty, batch, seen, key, config.minibatches)
    return novelty.replace(nets=nets, opt=opt, scale=scale), reward, metrics | learned


def _measured(
    novelty: Novelty, seen: Float32[Array, "row env agent feature"], done: Bool[Array, "step env"]
) -> tuple[Novelty, Float32[Array, "step env agent"], Metrics]:
    """Rewards before they are scaled, and the state with its running means."""
    after = seen[-len(done) :]
    if novelty.lifelong is None:
        return *_episodic_rewards(novelty, seen, done), {}
    novelty, error = _lifelong_errors(novelty, novelty.lifelong, after)
    if novelty.episodic is None or novelty.lifelong is None:
        return novelty, error, {}
    factor = lifelong_factor(error, novelty.lifelong.error)
    novelty, reward = _episodic_rewards(novelty, seen, done)
    return novelty, reward * factor, {"lifelong_factor": jnp.mean(factor)}


def whitened(
    novelty: Novelty, obs: Float32[Array, "*rows agent feature"]
) -> Float32[Array, "*rows agent feature"]:
    """Features that count, standardized by their running moments and clipped; 0 for others."""
    deviation = jnp.maximum(jnp.sqrt(novelty.moments.variance), _LEAST_DEVIATION)
    mean, deviation, features = (
        jnp.broadcast_to(x, obs.shape) for x in (novelty.moments.mean, deviation, novelty.features)
    )
    return features * jnp.clip((obs - mean) / deviation, -_CLIP, _CLIP)


# ---------------------------------------------------------------- life-long


def _lifelong_errors(
    novelty: Novelty, lifelong: LifeLong, after: Float32[Array, "step env agent feature"]
) -> tuple[Novelty, Float32[Array, "step env agent"]]:
    error = jax.lax.map(
        lambda x: _errors(novelty.nets["predictor"], lifelong.target, whitened(novelty, x)), after
    )
    return novelty.replace(lifelong=lifelong.replace(error=norm.add(lifelong.error, error))), error


def _errors(
    predictor: Embedding, target: Embedding, x: Float32[Array, "*rows agent feature"]
) -> Float32[Array, "*rows agent"]:
    """Squared errors of predictions, mean over outputs."""
    return jnp.mean((predictor(x) - target(x)) ** 2, axis=-1)


def lifelong_factor(
    error: Float32[Array, "*rows agent"], moments: norm.Moments
) -> Float32[Array, "*rows agent"]:
    """What multiplies episodic rewards: 1 plus the standardized error, clipped to 1 .. 5 (equation 1)."""
    deviation = jnp.maximum(jnp.sqrt(moments.variance), 1e-8)
    mean, deviation = (jnp.broadcast_to(x, error.shape) for x in (moments.mean, deviation))
    return jnp.clip(1 + (error - mean) / deviation, 1.0, MAX_FACTOR)


# ---------------------------------------------------------------- episodic


def _episodic_rewards(
    novelty: Novelty, seen: Float32[Array, "row env agent feature"], done: Bool[Array, "step env"]
) -> tuple[Novelty, Float32[Array, "step env agent"]]:
    episodic, steps = novelty.episodic, len(done)
    assert episodic is not None  # as the kind has an episodic part
    embedded = jax.lax.map(lambda x: novelty.nets["embedding"](whitened(novelty, x)), seen)
    distance, episodic = distances(episodic, embedded[:steps], embedded[-steps:], done)
    there = jnp.isfinite(distance)
    total, count = (
        _DISTANCE_DECAY * old + jnp.sum(new, axis=(0, 1, 3))
        for old, new in (
            (episodic.distance, jnp.where(there, distance, 0.0)),
            (episodic.count, there.astype(jnp.float32)),
        )
    )
    mean = jnp.maximum(total / jnp.maximum(count, 1.0), 1e-8)
    reward = episodic_reward(distance / mean[None, None, :, None])
    return novelty.replace(episodic=episodic.replace(distance=total, count=count)), reward


def distances(
    episodic: Episodic,
    now: Float32[Array, "step env agent number"],
    after: Float32[Array, "step env agent number"],
    done: Bool[Array, "step env"],
) -> tuple[Float32[Array, "step env agent neighbor"], Episodic]:
    """Squared distances to neighbors, and the state with what was seen of episodes that go on."""
    slots, used, keys = 0, jnp.zeros(done.shape[1], jnp.int32), now
    if episodic.memory is not None and episodic.used is not None:
        slots, used, keys = len(episodic.memory), episodic.used, jnp.concatenate([episodic.memory, now])
    begin = episode_begins(done, slots, used)
    search = shard.map_envs(lambda *envs: jax.lax.map(lambda env: nearest(*env), envs))
    distance = search(*(jnp.swapaxes(x, 0, 1) for x in (keys, after, begin)))
    if slots:
        used = jnp.where(done[-1], 0, len(keys) - begin[-1])
        episodic = episodic.replace(memory=keys[-slots:], used=jnp.minimum(used, slots))
    return jnp.swapaxes(distance, 0, 1), episodic


def episode_begins(
    done: Bool[Array, "step env"], slots: int, used: Int32[Array, "env"]
) -> Int32[Array, "step env"]:
    """The row at which the episode of each step begins, where ``slots`` rows of memory come first."""
    rows = slots + 1 + jnp.arange(len(done) - 1, dtype=jnp.int32)  # after the first
    begins = jnp.concatenate([(slots - used)[None], jnp.where(done[:-1], rows[:, None], 0)])
    return jax.lax.cummax(begins)


def nearest(
    keys: Float32[Array, "row agent number"],
    queries: Float32[Array, "step agent number"],
    begin: Int32[Array, "step"],
) -> Float32[Array, "step agent neighbor"]:
    """Squared distances of what each step led to, to the nearest rows of its episode up to that step.

    The last row is that of the last step. Distances are infinite where there are fewer rows.
    """
    center = jnp.mean(keys, axis=0, keepdims=True)  # of small numbers, products are exact enough
    keys, queries = keys - center, queries - center
    steps, before = len(queries), len(keys) - len(queries)
    # A step looks back: in blocks of steps, half of all distances need not be computed.
    cuts = [steps * block // _BLOCKS for block in range(_BLOCKS + 1)]
    blocks = [
        _nearest_of_block(keys[: before + end], queries[start:end], begin[start:end])
        for start, end in itertools.pairwise(cuts)
    ]
    return jnp.concatenate(blocks)


def _nearest_of_block(
    keys: Float32[Array, "row agent number"],
    queries: Float32[Array, "step agent number"],
    begin: Int32[Array, "step"],
) -> Float32[Array, "step agent neighbor"]:
    product = jnp.einsum("san,ran->sar", queries, keys, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.sum(keys**2, axis=-1).T[None] + jnp.sum(queries**2, axis=-1)[..., None]
    distance = jnp.maximum(squares - 2 * product, 0.0)
    row = jnp.arange(len(keys), dtype=jnp.int32)[None]
    last = jnp.arange(len(keys) - len(queries), len(keys), dtype=jnp.int32)[:, None]
    earlier = (row >= begin[:, None]) & (row <= last)
    distance = jnp.where(earlier[:, None], distance, jnp.inf)
    missing = max(NEIGHBORS - len(keys), 0)
    distance = jnp.pad(distance, ((0, 0), (0, 0), (0, missing)), constant_values=jnp.inf)
    return -jax.lax.top_k(-distance, NEIGHBORS)[0]


def episodic_reward(distance: Float32[Array, "*rows neighbor"]) -> Float32[Array, "*rows"]:
    """One by the square root of the pseudo-count (algorithm 1).

    ``distance``: squared distances to the nearest neighbors, in units of their running mean. Neighbors that
    do not exist, at infinity, count as ones at that mean.
    """
    distance = jnp.where(jnp.isfinite(distance), distance, 1.0)
    apart = jnp.maximum(distance - CLUSTER_DISTANCE, 0.0)
    similar = KERNEL_EPS / (apart + KERNEL_EPS)
    return 1 / (jnp.sqrt(jnp.sum(similar, axis=-1)) + PSEUDO_COUNT)


# ---------------------------------------------------------------- learning


def _learned(
    novelty: Novelty,
    batch: Rollout,
    seen: Float32[Array, "row env agent feature"],
    key: PRNGKeyArray,
    updates: int,
) -> tuple[dict[str, Any], Any, Metrics]:
    """Networks after some gradient steps, their optimizer's state, and mean metrics before each step."""
    steps, num_envs = batch.done.shape
    parts = min(_ROWS_PER_LEARNED * updates, steps)
    order = minibatches.order_of_steps(key, steps, num_envs, 1, parts)[1][:updates]
    decides = jnp.sum(batch.mask, axis=-1) > 1
    ends, offset = decision_ends(decides, batch.done), len(seen) - steps

    def step(carry: tuple[Any, Any], index: Array) -> tuple[tuple[Any, Any], Metrics]:
        nets, opt = carry
        ended = offset + rollout.pick(ends, index)
        rows = (
            rollout.pick(seen, index),
            rollout.pick(seen, offset + index),
            jnp.take_along_axis(seen, ended[..., None], axis=0, mode="clip"),
        )
        action, mask, weight = (rollout.pick(x, index) for x in (batch.action, batch.mask, decides))
        grads, metrics = jax.grad(_loss, has_aux=True)(
            nets, novelty, rows, action, mask, weight.astype(jnp.float32)
        )
        return optim.apply(grads, opt, nets, _LEARNING_RATE, _MAX_GRAD_NORM)[0], metrics

    (nets, opt), metrics = jax.lax.scan(step, (novelty.nets, novelty.opt), order)
    return nets, opt, jax.tree.map(jnp.mean, metrics)


def decision_ends(
    decides: Bool[Array, "step env agent"], done: Bool[Array, "step env"]
) -> Int32[Array, "step env agent"]:
    """The step that leads to an agent's next decision, or to the end of the episode or of the rollout."""
    follows = jnp.concatenate([decides[1:], jnp.ones_like(decides[:1])])
    step = jnp.arange(len(done), dtype=jnp.int32)[:, None, None]
    last = jnp.where(follows | done[..., None], step, len(done))
    return jax.lax.cummin(last, reverse=True)


def _loss(
    nets: dict[str, Any],
    novelty: Novelty,
    rows: tuple[Array, Array, Array],
    action: Int32[Array, "row env agent"],
    mask: Bool[Array, "row env agent action"],
    weight: Float32[Array, "row env agent"],
) -> tuple[Float32[Array, ""], Metrics]:
    """Errors of predictions of the random network, and of actions from what they led to."""
    now, after, ended = (whitened(novelty, x) for x in rows)
    total, metrics = jnp.zeros((), jnp.float32), {}
    if novelty.lifelong is not None:
        loss = jnp.mean(_errors(nets["predictor"], novelty.lifelong.target, after))
        total, metrics["distillation_loss"] = total + loss, loss
    if novelty.episodic is not None:
        pair = jnp.concatenate([nets["embedding"](now), nets["embedding"](ended)], axis=-1)
        log_probs = dists.masked_categorical(nets["inverse"](pair), mask)
        loss = -norm.mean(dists.log_prob(log_probs, action), weight)
        right = (dists.mode(log_probs) == action).astype(jnp.float32)
        total, metrics["inverse_loss"] = total + loss, loss
        metrics["inverse_accuracy"] = norm.mean(right, weight)
    return total, metrics
