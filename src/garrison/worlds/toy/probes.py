"""Probe worlds: each can be solved only if one particular part of a learner works.

A learner that fails one of them is wrong in that part, provided that it solves those above.

| world | what a right learner reaches | the part it proves |
|---|---|---|
| ``toy/value`` | value 1 | the value is fitted to the reward |
| ``toy/discount`` | values ``gamma**2``, ``gamma``, 1 | rewards are discounted back in time |
| ``toy/credit`` | return 1 (random: 1/2) | the advantage reaches the right action at the right observation |
| ``toy/masking`` | return 1 (random: 1/2), never more | illegal actions, which pay 2, are masked everywhere |
| ``toy/truncation`` | value ``1 / (1 - gamma)`` | the value goes on across a time limit |
| ``toy/coordination`` | return 1 for both (random: 1/2) | two agents learn at once |
| ``toy/busy`` | return 1 with lambda 0 (random: 1/2) | a decision gets what it leads to while busy |
| ``toy/pursuit`` | - | two sides, one of which a policy decides for |
| ``toy/memory`` | return 1 (random: 1/2) | a recurrent policy carries what it saw to the end |
| ``toy/baseline`` | 0.97 right actions (random: 1/2) | a centralized critic explains what agents cannot see |
| ``toy/corridor`` | return 32 (without novelty: 0.06) | intrinsic rewards lead to what chance does not find |
| ``toy/sojourn`` | the quick way (per step: the slow one) | the future is discounted by elapsed time |
| ``toy/timer`` | return 1 (random: 1/2) | elapsed time is seen, and acted on |
| ``toy/graph`` | return 1 (random: 1/2) | a network on graphs reads along their edges alone |

An action out of range in compiled code matches nothing: it pays what a wrong action does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.policy import Actions, Constant, Mask, Obs, Policy
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, Int32, PRNGKeyArray, Shaped
from garrison.core.world import Step, World


class ProbeState(Struct):
    time: Int32[Array, "*env"]  # steps taken in this episode
    cue: Int32[Array, "*env"]  # drawn at reset from 0 .. cues - 1, for the whole episode


class Probe(World):
    """What all probes share: a cue drawn at reset, a reward by time, cue and actions, a fixed length."""

    version = "1"
    agents: tuple[str, ...] = ("learner",)
    max_steps = 1
    fixed_horizon = True
    #: how many cues there are to draw from
    cues = 1
    #: action labels, the same for each agent
    actions: tuple[str, ...] = ("left", "right")
    #: observation labels, the same for each agent
    features: tuple[str, ...] = ("always 1",)
    #: whether the end is a time limit, which truncates, and not the end of the task
    time_limit = False

    @property
    def action_counts(self) -> tuple[int, ...]:
        return (len(self.actions),) * self.num_agents

    @property
    def observation_sizes(self) -> tuple[int, ...]:
        return (len(self.features),) * self.num_agents

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        """What each agent sees alike."""
        return jnp.ones(1)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        """What the actions earn."""
        return jnp.ones(self.num_agents)

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, ProbeState]:
        cue = jax.random.randint(key, (), 0, self.cues)
        state = ProbeState(time=jnp.zeros((), jnp.int32), cue=cue)
        return self._observations(state), state

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        actions = check_actions(self, actions)
        reward = self.reward(state, actions).astype(jnp.float32)
        state = state.replace(time=state.time + 1)
        obs, over, never = self._observations(state), state.time >= self.max_steps, jnp.zeros((), bool)
        terminated, truncated = (never, over) if self.time_limit else (over, never)
        return obs, state, Step(reward, terminated, truncated, final_obs=obs, info={})

    def legal(self, state: ProbeState) -> Mask:
        return jnp.ones((self.num_agents, self.num_actions), bool)

    def action_labels(self, agent: int | str) -> list[str]:
        self.agent_index(agent)
        return list(self.actions)

    def observation_labels(self, agent: int | str) -> list[str]:
        self.agent_index(agent)
        return list(self.features)

    def describe(self, state: ProbeState) -> dict[str, Any]:
        return {"time": int(state.time), "cue": int(state.cue)}

    def _observations(self, state: ProbeState) -> Array:
        return jnp.tile(self.observe(state).astype(jnp.float32), (self.num_agents, 1))


@dataclass(frozen=True)
class Value(Probe):
    """One step that pays 1, whatever is done."""

    name = "toy/value"


@dataclass(frozen=True)
class Discount(Probe):
    """Pays 1 at the end of three steps, whatever is done; the observation tells the time."""

    name = "toy/discount"
    max_steps = 3
    features = ("step 0", "step 1", "step 2")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.time, self.max_steps)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return (state.time == self.max_steps - 1)[None]


@dataclass(frozen=True)
class Credit(Probe):
    """One step that pays 1 for the action shown, else nothing."""

    name = "toy/credit"
    cues = 2
    features = ("left pays", "right pays")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.cue, self.cues)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return actions == state.cue


@dataclass(frozen=True)
class Masking(Probe):
    """Of three actions one, drawn each episode, is illegal and pays 2; the next one pays 1, the third 0."""

    name = "toy/masking"
    cues = 3
    actions = ("first", "second", "third")
    features = ("first is illegal", "second is illegal", "third is illegal")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.cue, self.cues)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return 2.0 * (actions == state.cue) + (actions == (state.cue + 1) % self.cues)

    def legal(self, state: ProbeState) -> Mask:
        return (jnp.arange(self.cues) != state.cue)[None]


@dataclass(frozen=True)
class Truncation(Probe):
    """Pays 1 in each step for ever, but episodes are cut after ten: truncated, never terminated."""

    name = "toy/truncation"
    max_steps = 10
    time_limit = True


@dataclass(frozen=True)
class Coordination(Probe):
    """One step that pays both agents 1 if they do the same, else nothing."""

    name = "toy/coordination"
    agents = ("one", "other")

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return jnp.tile(actions[0] == actions[1], self.num_agents)


@dataclass(frozen=True)
class Busy(Probe):
    """The action of the first step takes three; the last pays 1 if it was the one shown.

    While busy the agent can only wait, and sees nothing of what it is busy with.
    """

    name = "toy/busy"
    max_steps = 3
    cues = 2
    actions = ("left", "right", "wait")
    features = ("left will pay", "right will pay")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.cue, self.cues) * (state.time == 0)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return ((state.time == self.max_steps - 1) & (state.cue == 1))[None]

    def legal(self, state: ProbeState) -> Mask:
        waiting = state.time > 0
        return jnp.stack([~waiting, ~waiting, waiting])[None]

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        obs, after, step = super().step(key, state, actions)
        right = (jnp.asarray(actions)[0] == state.cue).astype(jnp.int32)
        # From the first action on the cue says whether that was the right one.
        return obs, after.replace(cue=jnp.where(state.time == 0, right, state.cue)), step


@dataclass(frozen=True)
class Memory(Probe):
    """Shows a cue in the first of ``delay + 1`` steps, and pays 1 if the last action is the one it named.

    Raises ``ValueError`` if ``delay`` is below 1, as nothing would have to be remembered.
    """

    delay: int = 3

    name = "toy/memory"
    cues = 2
    features = ("left will pay", "right will pay", "now")

    def __post_init__(self) -> None:
        if self.delay < 1:
            raise ValueError(f"delay of world {self.name!r} is {self.delay}; it must be at least 1")

    @property
    def max_steps(self) -> int:
        return self.delay + 1

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        cue = jax.nn.one_hot(state.cue, self.cues) * (state.time == 0)
        return jnp.append(cue, state.time == self.delay)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return (actions == state.cue) & (state.time == self.delay)


@dataclass(frozen=True)
class Baseline(Probe):
    """One step that pays 1 for the right action, plus ten times a number that the global state alone shows.

    The number, 1 or -1, is drawn each episode. No policy changes it, but to a critic that does not see it the
    reward is noise. The reward part ``right`` is that of the action.
    """

    name = "toy/baseline"
    cues = 4
    features = ("left pays", "right pays")
    global_state_kinds = ("concat", "true")

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.cue % 2, 2)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        return self._right(state, actions) + 10.0 * self._hidden(state)

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        obs, after, step = super().step(key, state, actions)
        right = self._right(state, jnp.asarray(actions))[0]
        parts = {"right": right, "hidden": step.reward[0] - right}
        return obs, after, step.replace(info={"reward_parts": parts})

    def global_state_size(self, kind: str = "concat") -> int:
        self._check_kind(kind)
        return {"concat": 2, "true": 3}[kind]

    def global_state(self, state: ProbeState, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        """``"true"``: the observation and the hidden number."""
        seen = super().global_state(state, obs)
        if kind == "concat":
            return seen
        self._check_kind(kind)
        return jnp.append(seen, self._hidden(state))

    def _right(self, state: ProbeState, actions: Array) -> Array:
        return (actions == state.cue % 2).astype(jnp.float32)

    def _hidden(self, state: ProbeState) -> Array:
        return jnp.where(state.cue < 2, 1.0, -1.0).astype(jnp.float32)


@dataclass(frozen=True)
class Corridor(Probe):
    """Thirty cells in a row. Each step at the left end, where it begins, pays 0.001; at the right end, 1.

    The agent sees its cell, not the time.
    """

    name = "toy/corridor"
    max_steps = 60
    cells = 30
    features = tuple(f"in cell {cell}" for cell in range(cells))

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        return jax.nn.one_hot(state.cue, self.cells)

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        cell = self._moved(state, actions)
        return jnp.where(cell == 0, 0.001, jnp.where(cell == self.cells - 1, 1.0, 0.0))[None]

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        _, after, step = super().step(key, state, actions)
        after = after.replace(cue=self._moved(state, jnp.asarray(actions)))
        obs = self._observations(after)
        return obs, after, step.replace(final_obs=obs)

    def _moved(self, state: ProbeState, actions: Array) -> Array:
        way = jnp.where(actions[0] == 1, 1, -1)
        return jnp.clip(state.cue + way, 0, self.cells - 1).astype(jnp.int32)


@dataclass(frozen=True)
class Pursuit(Probe):
    """Two sides, zero-sum: in each of three steps the chaser gains 1 if both go the same way, else loses 1.

    Each sees which way the other went in the step before.
    """

    name = "toy/pursuit"
    agents = ("chaser", "evader")
    max_steps = 3
    zero_sum = True
    idle_actions = (0, 0)
    features = ("the other went left", "the other went right")

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {"chaser": (0,), "evader": (1,)}

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        return super().policies(side) | {"right": Constant((1,))}

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, ProbeState]:
        state = ProbeState(time=jnp.zeros((), jnp.int32), cue=jnp.full((), -1, jnp.int32))
        return self._observations(state), state

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        caught = jnp.where(actions[0] == actions[1], 1.0, -1.0)
        return jnp.stack([caught, -caught])

    def step(self, key: PRNGKeyArray, state: ProbeState, actions: Array) -> tuple[Obs, ProbeState, Step]:
        _, after, step = super().step(key, state, actions)
        actions = jnp.asarray(actions, jnp.int32)
        after = after.replace(cue=actions[0] + 2 * actions[1])
        obs, parts = self._observations(after), {"caught": step.reward[0]}
        return obs, after, step.replace(final_obs=obs, info={"reward_parts": parts})

    def _observations(self, state: ProbeState) -> Array:
        seen = jnp.stack([state.cue // 2, state.cue % 2])
        return jax.nn.one_hot(jnp.where(state.cue < 0, -1, seen), 2)
