"""A policy that is a table, for worlds whose observations are one-hot."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Memoryless, Obs, Policy, masked_probabilities
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, PRNGKeyArray


class Tabular(Memoryless, Struct):
    """Draws actions with the probabilities of a table, among those that are legal."""

    table: Float32[Array, "feature action"]  # the row of what is observed holds the probabilities

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: tuple[()]) -> tuple[Actions, tuple[()]]:
        drawn = jax.random.categorical(key, jnp.log(self.probabilities(obs, mask)))
        return drawn.astype(jnp.int32), memory

    def probabilities(self, obs: Obs, mask: Mask) -> Float32[Array, "agent action"]:
        """Probability of each action."""
        return masked_probabilities(obs @ self.table, mask)


def table_of(policy: Policy, legal: np.ndarray) -> np.ndarray:
    """``f64[feature, action]``: what a memoryless policy of one agent does at each one-hot observation.

    Args:
        legal: ``bool[feature, action]``, the mask at each observation.

    Raises:
        ValueError: for a policy that does not say its probabilities (``probabilities(obs, mask)``).
    """
    if not hasattr(policy, "probabilities"):
        raise ValueError(
            f"a {type(policy).__name__} does not say the probabilities of its actions, which exact play needs"
        )
    return np.asarray(_probabilities(policy, legal[:, None]), np.float64)[:, 0]


@jax.jit
def _probabilities(policy: Any, legal: Array) -> Array:
    obs = jnp.eye(len(legal), dtype=jnp.float32)[:, None]
    return jax.vmap(policy.probabilities)(obs, legal)
