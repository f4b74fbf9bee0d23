"""Policies that a network decides for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Float32, PRNGKeyArray
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
        memory, log_probs = self._log_probs(obs, mask, memory)
        return dists.mode(log_probs) if self.greedy else dists.sample(key, log_probs), memory

    def probabilities(self, obs: Obs, mask: Mask) -> Float32[Array, "agent action"]:
        """Probability of each action; of networks with memory, at the start of an episode."""
        _, log_probs = self._log_probs(obs, mask, self.net.initial_carry(len(obs)))
        if self.greedy:
            return jax.nn.one_hot(dists.mode(log_probs), log_probs.shape[-1], dtype=jnp.float32)
        return jnp.exp(log_probs)

    def _log_probs(self, obs: Obs, mask: Mask, memory: Any) -> tuple[Any, Float32[Array, "agent known"]]:
        if self.restriction is not None:
            mask = self.restriction(obs, mask)
        if getattr(self.net, "reads_masks", False):
            known = mask[..., : self.net.num_actions]
            obs = jnp.concatenate([obs, known.astype(obs.dtype)], axis=-1)
        memory, (logits, _) = self.net(memory, obs, jnp.zeros((), bool))
        # A world with scripts has actions behind those that networks know, which are never legal.
        return memory, dists.masked_categorical(logits, mask[..., : logits.shape[-1]])
