"""Probe worlds in which steps take different times; see :mod:`garrison.worlds.toy.probes`.

``Step.elapsed`` tells how long each step took, in seconds, and what follows it is discounted by
``gamma ** elapsed``. After the end of an episode no time passes, and nothing is paid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.entities import Clock, Graph
from garrison.core.policy import Actions, Mask, Obs
from garrison.core.typing import Array, PRNGKeyArray, Shaped
from garrison.core.world import Step
from garrison.worlds.toy.probes import Probe, ProbeState

#: what :meth:`Timer.graph` gives: it has the clock of the timer, and what else the timer shows
_TIMER = Graph(
    kinds=(),
    context=np.zeros((1, 1), np.int32),
    levels=(0,),
    actions=np.arange(3, dtype=np.int32)[None],
    verbs=("short", "long", "wait"),
    adjacency=lambda agent, obs: jnp.zeros((0, 0), bool),
    clock=Clock(elapsed=1, unit=8.0),
)


@dataclass(frozen=True)
class Sojourn(Probe):
    """The first action takes a random time, and the second step pays for it: which way is best, per time?

    The quick way takes an exponential time of mean 1 and pays 1; the slow way takes one of mean 8 and pays
    1.25. With ``d = -ln(gamma)`` the mean of ``gamma ** time`` is ``1 / (1 + d * mean)``: :meth:`value`.
    Where ``d`` is above 1/27 the quick way is worth more, though the slow way has the larger return.
    """

    name = "toy/sojourn"
    time_unit = "second"
    max_steps = 2
    actions = ("quick", "slow")
    features = ("choose", "went the quick way", "went the slow way")
    means = (1.0, 8.0)
    pays = (1.0, 1.25)

    def value(self, action: int, gamma: float) -> float:
        """The discounted return of an action at the start."""
        return self.pays[action] / (1 - math.log(gamma) * self.means[action])

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(jnp.where(state.time == 0, 0, 1 + state.cue), 3)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return jnp.where(state.time == 1, jnp.asarray(self.pays)[state.cue], 0.0)[None]

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        _, after, step = super().step(key, state, actions)
        slow = (jnp.asarray(actions)[0] == 1).astype(jnp.int32)
        after = after.replace(cue=jnp.where(state.time == 0, slow, state.cue))
        time = jax.random.exponential(key, dtype=jnp.float32) * jnp.asarray(self.means)[slow]
        obs, elapsed = self._observations(after), jnp.where(state.time == 0, time, 0.0)
        return obs, after, step.replace(final_obs=obs, elapsed=elapsed)


@dataclass(frozen=True)
class Timer(Probe):
    """A first step of 1 to 8 seconds in which nothing can be chosen; then 1 for saying whether it was long.

    Long is above 4 seconds. Elapsed time alone tells, which the observation has and ``Step.elapsed`` too.

    Option: with ``choice`` anything can be chosen in the first step, which changes nothing. So there is a
    decision to count the time from.
    """

    choice: bool = False

    name = "toy/timer"
    time_unit = "second"
    asynchronous = True
    max_steps = 2
    cues = 8
    actions = ("short", "long", "wait")
    features = ("now", "seconds since the start / 8")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        now = (state.time == 1).astype(jnp.float32)
        return jnp.stack([now, now * (state.cue + 1) / self.cues])

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        long = (state.cue >= self.cues // 2).astype(jnp.int32)
        return (actions == long) & (state.time == 1)

    def legal(self, state: ProbeState) -> Mask:
        now = state.time == 1
        first = ~now & self.choice
        return jnp.stack([now | first, now | first, ~now])[None]

    def graph(self, side: str | None = None) -> Graph:
        """Without nodes: for networks that read its clock."""
        self.side_agents(side)
        return _TIMER

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        obs, after, step = super().step(key, state, actions)
        elapsed = jnp.where(state.time == 0, state.cue + 1, 0).astype(jnp.float32)
        return obs, after, step.replace(elapsed=elapsed)
