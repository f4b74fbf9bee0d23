"""Behavior of policies: shares of their decisions, and the distance between two policies.

A decision is a step in which an agent was free to choose; steps in which it was busy with an earlier action
are left out. ``world.behavior(side)`` counts a world's decisions from its events and has the form of
:class:`Behavior`. The default is :class:`ByLabel`.

Decisions are counted in the evaluation, per episode: ``int[seed, episode, *axes]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import State, Step, World
from garrison.judge.stats import Interval, bounds, resampled


class Behavior(Protocol):
    """How a world counts decisions and phases; all functions are for one environment."""

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """Labels of each axis of the counts; the first axis is the kind of action."""
        ...

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases of an episode; at least one."""
        ...

    def decisions(
        self, state: State, actions: jax.Array, after: State, step: Step
    ) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        """Which agents decided in a step, ``bool[agent]``, and their index on each axis, ``int[agent]``."""
        ...

    def phase(self, state: State, after: State) -> jax.Array:
        """Phase of the episode in which the step was taken: ``int[]``."""
        ...


class ByLabel:
    """Default for worlds without their own ``behavior``: an action's kind is the first word of its label.

    An agent that has a single legal action is not free to choose.
    """

    phases = ("all",)

    def __init__(self, world: World):
        labels = [[label.split(" ")[0] for label in world.action_labels(i)] for i in range(world.num_agents)]
        kinds = tuple(dict.fromkeys(kind for own in labels for kind in own))
        self.axes = {"action": kinds, "agent": tuple(world.agents)}
        self._legal = world.legal
        self._kind = np.zeros((world.num_agents, world.num_actions), np.int32)
        for agent, own in enumerate(labels):
            self._kind[agent, : len(own)] = [kinds.index(kind) for kind in own]

    def decisions(
        self, state: State, actions: jax.Array, after: State, step: Step
    ) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        agent = jnp.arange(len(self._kind))
        return jnp.sum(self._legal(state), axis=1) > 1, (jnp.asarray(self._kind)[agent, actions], agent)

    def phase(self, state: State, after: State) -> jax.Array:
        return jnp.zeros((), jnp.int32)


def behavior_of(world: World) -> Behavior:
    """The :class:`Behavior` of a world's only side."""
    own: Behavior | None = world.behavior()
    return own or ByLabel(world)


def profile(axes: Mapping[str, tuple[str, ...]], decisions: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Behavior of a policy, JSON-ready.

    Args:
        decisions: ``int[seed, episode, *axes]``.

    Returns:
        ``decisions``: mean number per episode; ``shares``: of each kind of action, with intervals;
        ``entropy`` of the shares in nats, and ``hill``, its exponential: the number of kinds that are as
        diverse when used alike (Hill 1973, order 1); ``by``: for each other axis, shares of all decisions
        by its label and kind of action. Without any decision the shares are 0.
    """
    first, *others = axes
    kinds = by_kind(decisions)
    drawn = _resampled_shares(kinds, seed)
    of_values = shares(kinds)
    pooled = shares(kinds.sum(axis=(0, 1)))
    each = [Interval(float(share), *bounds(drawn[:, i], of_values[..., i])) for i, share in enumerate(pooled)]
    diversity = entropy(of_values)
    low, high = bounds(entropy(drawn), diversity)
    hills = [None if x is None else float(np.exp(x)) for x in (low, high)]
    return {
        "decisions": float(kinds.sum(axis=-1).mean()),
        "shares": {label: asdict(one) for label, one in zip(axes[first], each, strict=True)},
        "entropy": asdict(Interval(float(entropy(pooled)), low, high)),
        "hill": asdict(Interval(float(np.exp(entropy(pooled))), *hills)),
        "by": {name: _split(axes, name, decisions) for name in others},
    }


def _split(axes: Mapping[str, tuple[str, ...]], name: str, decisions: np.ndarray) -> dict[str, Any]:
    """Shares of all decisions, by label of an axis and kind of action."""
    axis = list(axes).index(name)
    rest = tuple(i for i in range(decisions.ndim) if i not in (2, 2 + axis))
    table = np.sum(decisions, axis=rest)  # [kind, label], as the kind is the first axis
    table = table / max(1, table.sum())
    kinds = axes[next(iter(axes))]
    return {
        label: dict(zip(kinds, row.tolist(), strict=True))
        for label, row in zip(axes[name], table.T, strict=True)
    }


def distance(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Interval:
    """L1 distance between two policies' shares by kind of action: 0 alike, 2 nothing in common.

    Both are ``int[seed, episode, *axes]`` on the same episodes. Distances are never negative, so that of two
    samples of the same policy is a little above 0, and so is the interval's lower end.
    """
    first, second = by_kind(first), by_kind(second)
    value = np.abs(shares(first.sum(axis=(0, 1))) - shares(second.sum(axis=(0, 1)))).sum()
    shape = (len(first), len(second), first.shape[1])

    def apart(drawn: np.ndarray, first_seeds: np.ndarray, second_seeds: np.ndarray) -> np.ndarray:
        pair = [_drawn_shares(k, drawn, s) for k, s in ((first, first_seeds), (second, second_seeds))]
        return np.abs(pair[0] - pair[1]).sum(axis=-1)

    each = np.abs(shares(first)[:, None] - shares(second)[None]).sum(axis=-1)
    return Interval(float(value), *bounds(resampled(apart, shape, seed), each))


def by_kind(decisions: np.ndarray) -> np.ndarray:
    """Counts of each kind of action: ``int[seed, episode, kind]``."""
    return decisions.sum(axis=tuple(range(3, decisions.ndim)))


def shares(counts: np.ndarray) -> np.ndarray:
    """Shares on the last axis; 0 where nothing was counted."""
    return counts / np.maximum(1, counts.sum(axis=-1, keepdims=True))


def entropy(share: np.ndarray) -> np.ndarray:
    """Shannon entropy on the last axis, in nats."""
    return np.sum(share * -np.log(np.where(share > 0, share, 1)), axis=-1)


def _drawn_shares(kinds: np.ndarray, episodes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Shares in each resample: ``f[resample, kind]``; weights as :func:`resampled` gives them."""
    by_seed = np.tensordot(episodes, kinds, axes=(1, 1))  # [resample, seed, kind]
    return shares(np.sum(seeds[:, :, None] * by_seed, axis=1))


def _resampled_shares(kinds: np.ndarray, seed: int) -> np.ndarray:
    return resampled(lambda episodes, seeds: _drawn_shares(kinds, episodes, seeds), kinds.shape[:2], seed)
