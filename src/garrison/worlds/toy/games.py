"""Probe worlds for action values.

| world | what a right learner reaches | the part it proves |
|---|---|---|
| ``toy/two_step`` | return 8 (a sum, or none: 7) | the mixer can do what a sum cannot |
| ``toy/climb`` | return 0, not 8, from random play | a monotonic mixer cannot represent it |
| ``toy/mask_next`` | value ``gamma`` before the mask | targets know the next mask |
| ``toy/sizes`` | return 1 | agents of different sizes: padding counts nowhere |
| ``toy/cliff`` | return 1 in few gradient steps | replay prefers what surprised |
| ``toy/repeated`` | - | the games of Claus and Boutilier, on which libraries are compared |
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.core.policy import Actions, Mask, Obs
from garrison.core.typing import Array, PRNGKeyArray, Shaped
from garrison.core.world import Step
from garrison.worlds.toy.probes import Probe, ProbeState


@dataclass(frozen=True)
class TwoStep(Probe):
    """The game of Rashid et al. 2018 (table 3): the first agent picks the game that both play then.

    ``safe`` pays 7 whatever is done; ``risky`` pays 8 if both go right, 1 if one does, else 0. Both get the
    same.
    """

    name = "toy/two_step"
    agents = ("one", "other")
    max_steps = 2
    features = ("pick", "safe", "risky")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.time * (1 + state.cue), 3)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        risky = jnp.asarray([[0.0, 1.0], [1.0, 8.0]])[actions[0], actions[1]]
        paid = jnp.where(state.cue == 1, risky, 7.0)
        return jnp.tile(jnp.where(state.time == 1, paid, 0.0), self.num_agents)

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        _, after, step = super().step(key, state, actions)
        picked = jnp.asarray(actions, jnp.int32)[0]
        after = after.replace(cue=jnp.where(state.time == 0, picked == 1, state.cue).astype(jnp.int32))
        obs = self._observations(after)
        return obs, after, step.replace(final_obs=obs)


@dataclass(frozen=True)
class Climb(Probe):
    """One step of a game whose best pair of actions is surrounded by the worst ones.

    First with first pays both 8, first with another -12, and all else 0.
    """

    name = "toy/climb"
    agents = ("one", "other")
    actions = ("first", "second", "third")

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        first = jnp.asarray(actions) == 0
        paid = jnp.where(first.all(), 8.0, jnp.where(first.any(), -12.0, 0.0))
        return jnp.tile(paid, self.num_agents)


@dataclass(frozen=True)
class MaskNext(Probe):
    """Pays in the second of two steps: 1 for the first action, 2 for the second, which may be illegal there.

    In half of the episodes it is, which the first observation shows and the second does not. So the other
    half teaches that it is worth 2, and only its mask says where it is not.
    """

    name = "toy/mask_next"
    max_steps = 2
    cues = 2
    actions = ("pays 1", "pays 2")
    features = ("both will be legal", "one will be legal", "now")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(jnp.where(state.time == 0, state.cue, 2), 3)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return (state.time == 1) * (1.0 * (actions == 0) + 2.0 * (actions == 1))

    def legal(self, state: ProbeState) -> Mask:
        return jnp.stack([jnp.ones((), bool), (state.time == 0) | (state.cue == 0)])[None]


@dataclass(frozen=True)
class Sizes(Probe):
    """One step that pays both agents half for each that does what it is shown: one of 3, and one of 7.

    They have 4 and 9 features.
    """

    name = "toy/sizes"
    agents = ("small", "large")
    cues = 21

    @property
    def action_counts(self) -> tuple[int, ...]:
        return (3, 7)

    @property
    def observation_sizes(self) -> tuple[int, ...]:
        return (4, 9)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return jnp.tile(jnp.mean(jnp.asarray(actions) == self._shown(state)), self.num_agents)

    def legal(self, state: ProbeState) -> Mask:
        return jnp.asarray(np.arange(7) < np.array(self.action_counts)[:, None])

    def action_labels(self, agent: int | str) -> list[str]:
        return [f"action {number}" for number in range(self.action_counts[self.agent_index(agent)])]

    def observation_labels(self, agent: int | str) -> list[str]:
        index = self.agent_index(agent)
        shown = [f"action {number} is shown" for number in range(self.action_counts[index])]
        return [*shown, *("always 1",) * (self.observation_sizes[index] - len(shown))]

    def _shown(self, state: ProbeState) -> Array:
        return jnp.stack([state.cue % 3, state.cue // 3])

    def _observations(self, state: ProbeState) -> Array:
        small, large = self._shown(state)
        ones = jnp.ones(2, jnp.float32)
        small = jnp.concatenate([jax.nn.one_hot(small, 3), ones[:1], jnp.zeros(5)])
        return jnp.stack([small, jnp.concatenate([jax.nn.one_hot(large, 7), ones])]).astype(jnp.float32)


@dataclass(frozen=True)
class Cliff(Probe):
    """The Blind Cliffwalk of Schaul et al. 2016: a wrong action ends the episode, ``states`` right ones pay.

    What is right alternates from state to state, so that one state tells nothing about another. Random play
    is paid, with 1, in one of 2^states episodes. Raises ``ValueError`` if ``states`` is below 1.
    """

    states: int = 16

    name = "toy/cliff"
    fixed_horizon = False

    def __post_init__(self) -> None:
        if self.states < 1:
            raise ValueError(f"states of world {self.name!r} is {self.states}; it must be at least 1")

    @property
    def max_steps(self) -> int:
        return self.states

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f"state {number}" for number in range(self.states))

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.time, self.states)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return self._right(state, actions) & (state.time == self.states - 1)

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        obs, after, step = super().step(key, state, actions)
        fallen = ~self._right(state, jnp.asarray(actions))[0]
        return obs, after, step.replace(terminated=step.terminated | fallen)

    def _right(self, state: ProbeState, actions: Array) -> Array:
        return actions == state.time % 2


@dataclass(frozen=True)
class Repeated(Probe):
    """A game of Claus and Boutilier 1998, ``rounds`` times. Both agents get what their actions pay.

    ``climbing`` pays 11 for the first actions, 7 for the second, 5 for the third, but as little as -30 where
    only one of them plays the first. ``penalty`` pays 10 where one plays the first and the other the third,
    2 for the second actions, and ``penalty`` where both play the first or both the third. Agents see nothing.
    Raises ``ValueError`` for another game, a ``penalty`` above 0, and ``rounds`` below 1.
    """

    game: str = "climbing"
    penalty: float = -25.0
    rounds: int = 25

    name = "toy/repeated"
    agents = ("one", "other")
    actions = ("first", "second", "third")

    def __post_init__(self) -> None:
        if self.game not in self.payoffs:
            known = tuple(self.payoffs)
            close = did_you_mean(self.game, known)
            raise ValueError(f"world {self.name!r}: no game {self.game!r}{close}; games: {', '.join(known)}")
        if self.penalty > 0:
            raise ValueError(f"penalty of world {self.name!r} is {self.penalty}; it must be at most 0")
        if self.rounds < 1:
            raise ValueError(f"rounds of world {self.name!r} is {self.rounds}; it must be at least 1")

    @property
    def max_steps(self) -> int:
        return self.rounds

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        payoffs = jnp.asarray(self.payoffs[self.game], jnp.float32)
        paid = payoffs.at[actions[0], actions[1]].get(mode="fill", fill_value=0.0)
        return jnp.tile(paid, self.num_agents)

    @property
    def payoffs(self) -> dict[str, tuple[tuple[float, ...], ...]]:
        """What each game pays, ``[action of one][action of the other]``."""
        worst = self.penalty
        return {
            "climbing": ((11, -30, 0), (-30, 7, 0), (0, 6, 5)),
            "penalty": ((worst, 0, 10), (0, 2, 0), (10, 0, worst)),
        }
