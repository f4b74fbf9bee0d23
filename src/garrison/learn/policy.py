"""Policies that a network decides for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from garrison.core.policy import Memoryless
from garrison.core.struct import static, struct
from garrison.learn import dists


@struct
class NetworkPolicy(Memoryless):
    """A network that gives logits and values; samples from its distribution, or takes the mode if greedy."""

    net: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    greedy: bool = static(default=False)
    observation: str | None = static(default=None)  # contract that it reads; None: what the world gives
    observation_size: int | None = static(default=None)  # features that it reads; None: all

    def act(self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        logits = self.net(obs)[0]
        # A world with scripts has actions behind those that networks know, which are never legal.
        log_probs = dists.masked_categorical(logits, mask[..., : logits.shape[-1]])
        return dists.mode(log_probs) if self.greedy else dists.sample(key, log_probs), memory
