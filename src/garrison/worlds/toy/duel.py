"""Four hosts, a defender who restores them and an attacker who takes them: both choose at once.

    gateway ── web
       │        │
     desk ─── files

The attacker takes a host next to one that it holds, or the gateway from outside; not the host that the
defender restores in the same step. A restored host is clean. Both see which hosts are held. There
are two ways to go on from most places, so who knows the other's next move gains: the equilibrium is mixed.
The defender's reward is minus the worth of the hosts that are held after the step, minus ``restore_cost`` for
a restore; the attacker's is the opposite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Memoryless, Obs, Policy
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.core.world import Step, World
from garrison.worlds.toy.network import HOSTS

#: bool[host, host]: a ring of gateway, web, files, desk
NEIGHBORS = np.roll(np.eye(4, dtype=bool), 1, axis=0) | np.roll(np.eye(4, dtype=bool), -1, axis=0)
WORTH = np.array([0.1, 0.15, 0.45, 0.3], np.float32)
_FROM_OUTSIDE = np.array([True, False, False, False])


class DuelState(Struct):
    time: Int32[Array, "*env"]  # steps taken in this episode
    held: Bool[Array, "*env host"]  # by the attacker


class Stages(NamedTuple):
    """A game of several steps in which both see the state; axes [state, first side's action, second's]."""

    reward: np.ndarray  # f64, of the first side
    following: np.ndarray  # int, the next state
    legal: tuple[np.ndarray, np.ndarray]  # bool[state, action] of each side
    observations: np.ndarray  # f32[step, state, feature], the same for both sides
    start: int
    steps: int


class Aim(Memoryless, Struct):
    """Aims at the host of most worth among some; sleeps if there is none."""

    among: str = static()  # "held", "next" or "legal"
    least: bool = static(default=False)  # the host of least worth instead

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: tuple[()]) -> tuple[Actions, tuple[()]]:
        return jnp.argmax(self.probabilities(obs, mask), axis=-1).astype(jnp.int32), memory

    def probabilities(self, obs: Obs, mask: Mask) -> Float32[Array, "agent action"]:
        """Probability of each action: 1 or 0."""
        held = obs[0, : len(HOSTS)] > 0.5
        there = {"held": held, "next": _attackable(held), "legal": mask[0, 1:]}[self.among]
        worth = jnp.where(there, 1 - WORTH if self.least else WORTH, 0.0)
        chosen = jnp.where(jnp.any(there), 1 + jnp.argmax(worth), 0)
        return jax.nn.one_hot(chosen[None], 1 + len(HOSTS), dtype=jnp.float32)


@dataclass(frozen=True)
class Duel(World):
    """The world ``toy/duel``; see the module. Raises ``ValueError`` for an option that makes no sense."""

    steps: int = 6
    restore_cost: float = 0.05

    name = "toy/duel"
    version = "1"
    agents = ("defender", "attacker")
    action_counts = (1 + len(HOSTS),) * 2
    observation_sizes = (len(HOSTS) + 1,) * 2
    fixed_horizon = True
    zero_sum = True
    idle_actions = (0, 0)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps of world {self.name!r} is {self.steps}; it must be at least 1")
        if not 0 <= self.restore_cost <= 1:
            raise ValueError(
                f"restore_cost of world {self.name!r} is {self.restore_cost}; it must be in 0 .. 1"
            )

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {"defender": (0,), "attacker": (1,)}

    @property
    def max_steps(self) -> int:
        return self.steps

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, DuelState]:
        state = DuelState(jnp.zeros((), jnp.int32), jnp.asarray(_FROM_OUTSIDE))
        return self._observe(state), state

    def step(self, key: PRNGKeyArray, state: DuelState, actions: Array) -> tuple[Obs, DuelState, Step]:
        restored, attacked = check_actions(self, actions)[:, None] == 1 + np.arange(len(HOSTS))[None]
        taken = attacked & ~restored & _attackable(state.held)
        after = DuelState(state.time + 1, (state.held & ~restored) | taken)
        parts = {
            "held": -jnp.sum(jnp.where(after.held, jnp.asarray(WORTH), 0.0)),
            "restore": (-self.restore_cost * jnp.any(restored)).astype(jnp.float32),
        }
        paid = parts["held"] + parts["restore"]
        obs, over = self._observe(after), after.time >= self.steps
        step = Step(
            jnp.stack([paid, -paid]), over, jnp.zeros((), bool), final_obs=obs, info={"reward_parts": parts}
        )
        return obs, after, step

    def legal(self, state: DuelState) -> Mask:
        hosts = jnp.stack([jnp.ones(len(HOSTS), bool), _attackable(state.held)])
        return jnp.concatenate([jnp.ones((2, 1), bool), hosts], axis=1)

    def action_labels(self, agent: int | str) -> list[str]:
        verb = ("restore", "attack")[self.agent_index(agent)]
        return ["sleep", *(f"{verb} {host}" for host in HOSTS)]

    def observation_labels(self, agent: int | str) -> list[str]:
        self.agent_index(agent)
        return [*(f"{host} held" for host in HOSTS), "time"]

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        """``idle``, ``random`` and two scripts.

        The defender's ``restorer`` restores the held host of most worth, ``guesser`` the one that can be
        attacked next; the attacker's ``rush`` takes the host of most worth, ``creep`` that of least.
        """
        self.side_agents(side)
        if side == "defender":
            scripts: dict[str, Policy] = {"restorer": Aim("held"), "guesser": Aim("next")}
        else:
            scripts = {"rush": Aim("legal"), "creep": Aim("legal", least=True)}
        return {**super().policies(side), **scripts}

    def describe(self, state: DuelState) -> dict[str, Any]:
        return {"time": int(state.time), "held": [h for h, x in zip(HOSTS, state.held, strict=True) if x]}

    def stages(self) -> Stages:
        """The rules as tables, for exact solutions; a state is the number of the held hosts in binary."""
        count = len(HOSTS)
        held = np.arange(2**count)[:, None] >> np.arange(count) & 1 == 1  # [state, host]
        aimed = np.arange(1 + count)[:, None] == 1 + np.arange(count)  # [action, host]
        attackable = np.asarray(_attackable(held))
        taken = aimed[None, None] & ~aimed[None, :, None] & attackable[:, None, None]
        after = (held[:, None, None] & ~aimed[None, :, None]) | taken  # [state, restore, attack, host]
        reward = -(after @ WORTH.astype(np.float64)) - self.restore_cost * aimed.any(axis=1)[None, :, None]
        legal = np.concatenate([np.ones((len(held), 1), bool), attackable], axis=1)
        time = np.arange(self.steps, dtype=np.float32)[:, None, None] / self.steps
        shown = np.broadcast_to(held.astype(np.float32), (self.steps, *held.shape))
        observations = np.concatenate([shown, np.broadcast_to(time, (self.steps, len(held), 1))], axis=2)
        places = 1 << np.arange(count)
        return Stages(
            reward, after @ places, (np.ones_like(legal), legal), observations, int(places[0]), self.steps
        )

    def _observe(self, state: DuelState) -> Float32[Array, "2 feature"]:
        row = jnp.append(state.held.astype(jnp.float32), state.time / self.steps)
        return jnp.stack([row, row]).astype(jnp.float32)


def _attackable(held: Any) -> Any:
    """Which hosts an attacker that holds ``held`` (bool[..., host]) can take."""
    reached = (held[..., None, :] & NEIGHBORS.reshape((1,) * (held.ndim - 1) + NEIGHBORS.shape)).any(axis=-1)
    return ~held & (reached | _FROM_OUTSIDE.reshape((1,) * (held.ndim - 1) + (-1,)))
