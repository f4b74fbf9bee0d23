"""A red policy that does all that red's list of actions has, for recordings of it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Memoryless, Obs
from garrison.core.struct import Struct
from garrison.core.typing import PRNGKeyArray
from garrison.worlds.cc4 import red_view
from garrison.worlds.cc4 import tables as T

_FIRST, _WIDTH = len(red_view.GENERAL), len(red_view.PER_TARGET)
_TARGETS = red_view.TARGETS.shape[1]
_SHELL, _ROOT, _PORTS = 2, 3, slice(4, 4 + len(T.PORTS))  # among the features of a target
_KIND, _HOST = (red_view.ACTIONS[:, :, column].astype(int) for column in range(2))
# [agent, action]: which of the agent's targets an action names; 0 where it names none
_PLACE = np.argmax(_HOST[:, :, None] == red_view.TARGETS[:, None, :], axis=2)

# Weights of an action by kind: where it makes sense, and elsewhere.
_WEIGHTS = {
    T.Red.SLEEP: (0.05, 0.05),
    T.Red.DISCOVER: (0.3, 0.3),
    T.Red.AGGRESSIVE: (0.3, 0.02),
    T.Red.STEALTH: (0.3, 0.02),
    T.Red.DECEPTION: (0.05, 0.02),
    T.Red.EXPLOIT: (1.0, 0.02),
    T.Red.ESCALATE: (1.0, 0.01),
    T.Red.IMPACT: (0.2, 0.01),
    T.Red.DEGRADE: (0.2, 0.01),
    T.Red.WITHDRAW: (0.02, 0.001),
}


class Wanderer(Memoryless, Struct):
    """Draws among legal actions, mostly such that lead further.

    Uniform draws would soon withdraw from the only host.
    """

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        """Actions; ``mask`` may be wider than red's list."""
        hosts = obs[:, _FIRST : _FIRST + _WIDTH * _TARGETS].reshape(T.NUM_RED, _TARGETS, _WIDTH) > 0
        shell, root, scanned = hosts[..., _SHELL], hosts[..., _ROOT], jnp.any(hosts[..., _PORTS], axis=2)
        sense = {
            T.Red.AGGRESSIVE: ~scanned,
            T.Red.STEALTH: ~scanned,
            T.Red.EXPLOIT: scanned & ~shell,
            T.Red.ESCALATE: shell & ~root,
            T.Red.IMPACT: root,
            T.Red.DEGRADE: root,
            T.Red.WITHDRAW: root,
        }
        agents, weights = np.arange(T.NUM_RED)[:, None], jnp.zeros(_KIND.shape, jnp.float32)
        for kind, (good, other) in _WEIGHTS.items():
            sensible = sense[kind][agents, _PLACE] if kind in sense else True
            weights = jnp.where(_KIND == kind, jnp.where(sensible, good, other), weights)
        logits = jnp.where(mask[:, : _KIND.shape[1]], jnp.log(weights), -jnp.inf)
        return jax.random.categorical(key, logits).astype(jnp.int32), memory
