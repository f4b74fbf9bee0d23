"""Policies that a network decides for."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.struct import Struct, static
from garrison.core.typing import PRNGKeyArray
from garrison.core.world import Restriction
from garrison.learn import dists


class NetworkPolicy(Struct):
    """Samples from the distribution that a network of :mod:`garrison.learn.nets` gives, or takes its mode.

    Its memory is the network's carry.
    """

    net: Any
    greedy: bool = static(default=False)
    observation: str | None = static(default=None)  # contract that it reads; None: what the world gives
    observation_size: int | None = static(default=None)  # features that it reads; None: all
    restriction: Restriction | None = static(default=None)  # of the world that it learned in

    def init(self, key: PRNGKeyArray, num_agents: int) -> Any:
        return self.net.initial_carry(num_agents)

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Any) -> tuple[Actions, Any]:
        if self.restriction is not None:
            mask = self.restriction(obs, mask)
        memory, (logits, _) = self.net(memory, obs, jnp.zeros((), bool))
        # A world with scripts has actions behind those that networks know, which are never legal.
        log_probs = dists.masked_categorical(logits, mask[..., : logits.shape[-1]])
        return dists.mode(log_probs) if self.greedy else dists.sample(key, log_probs), memory
