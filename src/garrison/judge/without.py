"""Worlds in which kinds of action are illegal, for judges that ask what policies do without them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Mask
from garrison.core.world import State, World
from garrison.core.wrappers import Wrapper


def without(world: World, kinds: Iterable[str]) -> World:
    """``world`` without actions of ``kinds``, the first words of their labels, where another is legal.

    Raises ``ValueError`` for a kind that no agent has.
    """
    kinds = tuple(dict.fromkeys(kinds))
    labels = [label.split(" ")[0] for agent in world.agents for label in world.action_labels(agent)]
    if unknown := [kind for kind in kinds if kind not in labels]:
        raise ValueError(
            f"world {world.name!r} has no action {unknown[0]!r}; kinds of action: "
            + ", ".join(dict.fromkeys(labels))
        )
    return Without(world, kinds)


@dataclass(frozen=True)
class Without(Wrapper):
    """See :func:`without`, which makes it. Policies that ignore the mask play as before."""

    kinds: tuple[str, ...]

    def legal(self, state: State) -> Mask:
        mask = super().legal(state)
        left = mask & ~self._banned()
        return jnp.where(jnp.any(left, axis=1, keepdims=True), left, mask)

    def _banned(self) -> np.ndarray:
        banned = np.zeros((self.num_agents, self.num_actions), bool)
        for agent in range(self.num_agents):
            labels = self.action_labels(agent)
            banned[agent, : len(labels)] = [label.split(" ")[0] in self.kinds for label in labels]
        return banned
