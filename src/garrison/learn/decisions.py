"""Updates that compute nothing for steps in which an agent decided nothing.

Rows are those of single agents. Agents of one class go through one program (:mod:`garrison.learn.nets`), and
each minibatch holds decisions of each class. Its gradient is a sum over pieces of its rows.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float, Float32, Int, PRNGKeyArray
from garrison.learn import norm, ppo, rollout
from garrison.learn.ppo import Metrics, Plan, Sample, Settings


def plan(config: Settings, key: PRNGKeyArray, net: Any, rows: Sample, share: float, pieces: int) -> Plan:
    """Minibatches of the decisions among ``rows``, whose observations ``net`` packed.

    Args:
        share: room for decisions, as a share of all rows; see :func:`order_of`.
        pieces: of a minibatch; its gradient is computed one after the other.
    """
    classes = _by_class(net, rows)
    orders = []
    for own in classes:
        key, order = order_of(key, own.weight > 0, config.epochs, config.minibatches, share, pieces)
        orders.append(order)
    one = jax.grad(partial(loss, config, rows.mask.shape[2]), has_aux=True)

    def gradient(net: Any, entropy_coef: Array, index: tuple[Array, ...]) -> tuple[Any, Metrics]:
        parts = tuple(map(_picked, classes, index))
        return _in_pieces(partial(one, net, entropy_coef), pieces, standardized(parts))

    return Plan(key, tuple(orders), gradient)


def order_of(
    key: PRNGKeyArray,
    decides: Bool[Array, "step env agent"],
    epochs: int,
    minibatches: int,
    share: float,
    pieces: int,
) -> tuple[PRNGKeyArray, Int[Array, "update row env"]]:
    """The next key, and the rows of each minibatch that are decisions.

    A row is ``step * agents + agent``. There is room for ``share`` of all rows: further decisions are left
    out at random, and where there are fewer, rows that are no decisions fill up. Each minibatch gets equally
    many of both from each environment. Its rows divide by ``pieces``.
    """
    steps, num_envs, agents = decides.shape
    size = room(steps * agents, minibatches, share, pieces)
    key, order_key = jax.random.split(key)
    numbers = jax.random.uniform(order_key, (epochs, steps, agents, num_envs), jnp.float32)
    late = jnp.swapaxes(~decides, 1, 2).astype(jnp.float32)
    order = jnp.argsort((numbers + late[None]).reshape(epochs, -1, num_envs), axis=1)
    dealt = order[:, : size * minibatches].reshape(epochs, size, minibatches, num_envs)
    return key, jnp.swapaxes(dealt, 1, 2).reshape(-1, size, num_envs)


def room(rows: int, minibatches: int, share: float, pieces: int) -> int:
    """Rows of one environment in a minibatch that has room for ``share`` of ``rows``."""
    return int(rows * share) // (minibatches * pieces) * pieces


def _by_class(net: Any, rows: Sample) -> tuple[Sample, ...]:
    """Rows of each class of agents, with actions in the order of the class; ``rows.obs`` is packed."""
    num_agents, num_actions = rows.mask.shape[2:]
    parts = []
    for agents, packed in zip(net.classes(num_agents), rows.obs, strict=True):
        order = net.order(agents)
        real = order >= 0
        own = jax.tree.map(lambda x, agents=agents: x[:, :, np.array(agents)], rows.replace(obs=None))
        mask = jnp.take_along_axis(own.mask, np.maximum(order, 0)[None, None], axis=-1) & real[None, None]
        logit = np.zeros((len(agents), num_actions), np.int32)
        for place, actions in enumerate(order):
            logit[place, actions[real[place]]] = np.flatnonzero(real[place])
        places, rows_of = jnp.asarray(logit), np.arange(len(agents))
        part = own.replace(obs=packed, mask=mask, action=places[rows_of, own.action])
        if own.teacher is not None:
            taught = places[rows_of, jnp.maximum(own.teacher, 0)]
            part = part.replace(teacher=jnp.where(own.teacher >= 0, taught, own.teacher))
        parts.append(part)
    return tuple(parts)


def _picked(rows: Sample, index: Int[Array, "row env"]) -> Sample:
    """Rows [row, env, ...], each with the place of its agent in the class."""
    taken = jax.tree.map(lambda x: rollout.pick_agents(x, index), rows)
    return taken.replace(place=index % rows.weight.shape[2])


def standardized(parts: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Parts of one minibatch with its advantages standardized, and weights that add up to 1."""
    advantage, weight = (
        jnp.concatenate([getattr(part, name).reshape(-1) for part in parts])
        for name in ("advantage", "weight")
    )
    shift, deviation = norm.mean(advantage, weight), jnp.sqrt(norm.variance(advantage, weight))
    total = jnp.maximum(jnp.sum(weight), 1e-8)
    return tuple(
        part.replace(advantage=(part.advantage - shift) / (deviation + 1e-8), weight=part.weight / total)
        for part in parts
    )


def loss(
    config: Settings,
    num_agents: int,
    net: Any,
    entropy_coef: Float[Array, ""] | float,
    parts: tuple[Sample, ...],
) -> tuple[Float32[Array, ""], Metrics]:
    """:func:`ppo.loss` of standardized rows [row, env, ...] of each class: sums, so that pieces add up."""
    total: Any = 0.0
    metrics: Metrics = {}
    for agents, part in zip(net.classes(num_agents), parts, strict=True):
        logits, value = jax.vmap(jax.vmap(partial(net.row, agents=agents)))(part.obs, part.place)
        own, measured = ppo.loss_of(
            logits, value, config, entropy_coef, part, part.advantage, partial(_weighted, part.weight)
        )
        total = total + own
        metrics = {name: metrics.get(name, 0.0) + x for name, x in measured.items()}
    return total, metrics


def _weighted(weight: Array, x: Array) -> Array:
    return jnp.sum(weight * x)


def _in_pieces(gradient: Any, pieces: int, parts: tuple[Sample, ...]) -> tuple[Any, Metrics]:
    """The sum of gradients and metrics over pieces of the rows."""
    cut = jax.tree.map(lambda x: x.reshape(pieces, x.shape[0] // pieces, *x.shape[1:]), parts)
    like = jax.eval_shape(gradient, jax.tree.map(lambda x: x[0], cut))

    def add(total: Any, piece: tuple[Sample, ...]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, gradient(piece)), None

    return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, like), cut)[0]
