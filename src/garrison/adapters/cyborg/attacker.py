"""A policy of red's list of actions that plays on CybORG."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.adapters.cyborg.commands import Knowledge, Orders
from garrison.adapters.cyborg.red_view import RedView
from garrison.core import policy as policies
from garrison.core.policy import Constant, is_privileged, members_of
from garrison.worlds.cc4 import red_view as listed
from garrison.worlds.cc4 import tables as T

_STREAM = 1  # of random numbers; blue's policy has another of the same seed


def check(policy: Any) -> None:
    """Raise ``ValueError`` for a policy that cannot play red on CybORG."""
    for member in members_of(policy):
        if is_privileged(member):
            raise ValueError(
                f"red's policy {type(member).__name__} reads the state of Garrison's engine, which CybORG "
                "does not have; runs that were trained for red and named policies of red play on CybORG"
            )
        actions = member.actions if isinstance(member, Constant) else ()
        if any(index >= count for index, count in zip(actions, listed.ACTION_COUNTS, strict=False)):
            raise ValueError(
                "a script of red in a policy decides by the state of Garrison's engine, which CybORG does "
                "not have; name the script alone, as in --red fsm"
            )


class Attacker:
    """A policy in one episode, as :func:`garrison.adapters.cyborg.commands.command` takes it.

    Its decisions depend on the policy, the seed, and what the agents know.

    Args:
        policy: as :func:`check` has it.
        seed: of the episode.

    Attributes:
        view: what the agents observed before the last decision.
        chosen: the indices of that decision, ``int[red]``; None before the first.
    """

    def __init__(self, policy: Any, seed: int) -> None:
        begin_key, self._key = jax.random.split(jax.random.fold_in(jax.random.key(seed), _STREAM))
        self._policy, self._memory = policy, policy.init(begin_key, T.NUM_RED)
        self.view, self._step = RedView(), 0
        self.chosen: np.ndarray | None = None

    def __call__(self, knowledge: Knowledge) -> Orders:
        self.view.update(knowledge)
        obs, mask = jnp.asarray(self.view.vectors()), jnp.asarray(self.view.masks())
        at = jax.random.fold_in(self._key, jnp.uint32(self._step))
        actions, self._memory = _act(self._policy, at, obs, mask, self._memory)
        self._step += 1
        self.chosen = np.asarray(actions)
        return self.view.orders(self.chosen)


@eqx.filter_jit
def _act(policy: Any, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> Any:
    """Compiled once for all policies of one structure."""
    return policies.act(policy, key, obs, None, mask, memory)
