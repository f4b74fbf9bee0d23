"""What decisions are aimed at: counts of kinds of action by the state of their target.

``world.targets(side)`` has the form of :class:`Targets`. The evaluation records it step by step, and
:func:`count` makes counts of an episode, from which :mod:`garrison.judge.analysis` takes its figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from garrison.core.world import State, Step

SHUFFLES = 200  #: of targets, to see what would be counted if decisions did not depend on their states
WITHIN = 10  #: decisions in which an agent may respond
_LATEST = 63  # responses after more steps count as after so many

#: places of the states in a picture, x and y, and pairs of states of which the second may follow the first
Graph = tuple[tuple[tuple[float, float], ...], tuple[tuple[int, int], ...]]


class Targets(Protocol):
    """What a world says of targets; :meth:`aims` is for one environment."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of action that have a target."""
        ...

    @property
    def owners(self) -> np.ndarray:
        """The agent that can act on each target, -1 where nobody can: ``int[target]``."""
        ...

    @property
    def views(self) -> Mapping[str, tuple[str, ...]]:
        """Labels of the states of a target, by view: what opponents take it for, what it is."""
        ...

    @property
    def severity(self) -> str:
        """The view whose states rise in severity; the first is harmless."""
        ...

    @property
    def graph(self) -> Graph | None:
        """How to draw the states of the first view; None: not as a graph."""
        ...

    def aims(
        self, state: State, actions: jax.Array, after: State, step: Step
    ) -> tuple[jax.Array, jax.Array, jax.Array, tuple[jax.Array, ...]]:
        """The decisions of a step, and the states of all targets before it.

        Returns:
            ``bool[agent]``: who decided; ``int[agent]``: the kind of action; ``int[agent]``: the target, a
            number beyond all for none; and per view ``int[target]``: the state, a number beyond the labels
            where the target is not there.
        """
        ...


class Aims(NamedTuple):
    """What :meth:`Targets.aims` gives, of the steps of an episode; axes [step, ...]."""

    decided: np.ndarray
    kind: np.ndarray
    target: np.ndarray
    states: tuple[np.ndarray, ...]


def count(targets: Targets, aims: Aims, seed: int) -> dict[str, Any]:
    """Counts of an episode; ``seed`` is of the shuffles.

    Returns:
        ``views``, by view: ``chosen``, decisions with a target, ``int32[kind, state]``; ``shuffled``, the
        same if the agent takes a random target of its own instead, in each of ``SHUFFLES`` draws,
        ``uint16[shuffle, kind, state]``; ``expected``, the mean of these over all possible draws,
        ``f32[state]``.

        ``onsets``, how often a target of an agent got as severe as each state but the first,
        ``int32[level]``; those with fewer than ``WITHIN`` later decisions of the agent are left out.
        ``answers``, in how many of them that agent decided on an action of a kind on the target within these
        decisions, by the number of steps until then, ``int32[level, kind, step]``.
    """
    rng = np.random.default_rng(seed)
    there = aims.decided & (aims.target < len(targets.owners))
    step, agent = np.nonzero(there)
    kind, target = aims.kind[step, agent].astype(int), aims.target[step, agent]
    views = {
        name: _count_view(targets, labels, states, (step, agent, kind, target), rng)
        for (name, labels), states in zip(targets.views.items(), aims.states, strict=True)
    }
    onsets, answers = _responses(targets, aims)
    return {"views": views, "onsets": onsets, "answers": answers}


def _count_view(
    targets: Targets,
    labels: tuple[str, ...],
    states: np.ndarray,
    decisions: tuple[np.ndarray, ...],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    there = states[decisions[0], decisions[3]] < len(labels)
    step, agent, kind, target = (x[there] for x in decisions)
    size = (len(targets.kinds), len(labels))
    own = targets.owners == np.arange(targets.owners.max() + 1)[:, None]  # [agent, target]
    present = [(states == state) @ own.T.astype(np.int32) for state in range(len(labels))]
    share = np.stack(present, axis=-1)[step, agent].astype(np.float32)  # [decision, state]
    share /= np.maximum(1, share.sum(axis=-1, keepdims=True))
    chosen = np.zeros(size, np.int32)
    np.add.at(chosen, (kind, states[step, target]), 1)
    upto = np.cumsum(share, axis=-1)
    drawn = rng.random((SHUFFLES, len(kind), 1), np.float32) * upto[:, -1:]
    state = np.sum(drawn >= upto[None, :, :-1], axis=-1)
    place = (np.arange(SHUFFLES)[:, None] * size[0] + kind) * size[1] + state
    shuffled = np.bincount(place.reshape(-1), minlength=SHUFFLES * size[0] * size[1])
    return {
        "chosen": chosen,
        "expected": share.sum(axis=0),
        "shuffled": shuffled.reshape(SHUFFLES, *size).astype(np.uint16),
    }


def _responses(targets: Targets, aims: Aims) -> tuple[np.ndarray, np.ndarray]:
    place = list(targets.views).index(targets.severity)
    states, levels = aims.states[place], len(targets.views[targets.severity]) - 1
    onsets = np.zeros(levels, np.int32)
    answers = np.zeros((levels, len(targets.kinds), _LATEST + 1), np.int32)
    decisions = [np.flatnonzero(own) for own in aims.decided.T]
    for level in range(1, levels + 1):
        severe = (states >= level) & (states <= levels) & (targets.owners >= 0)
        begins = severe & ~np.concatenate([np.zeros_like(severe[:1]), severe[:-1]])
        for step, target in np.argwhere(begins):
            agent = targets.owners[target]
            later = decisions[agent][decisions[agent] >= step][:WITHIN]
            if len(later) < WITHIN:
                continue
            onsets[level - 1] += 1
            hits = later[aims.target[later, agent] == target]
            for kind in np.unique(aims.kind[hits, agent]):
                first = hits[aims.kind[hits, agent] == kind][0]
                answers[level - 1, kind, min(first - step, _LATEST)] += 1
    return onsets, answers
