"""JaxMARL's rollout manager for Garrison's environments."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxmarl.wrappers import baselines


class CTRolloutManager(baselines.CTRolloutManager):
    """JaxMARL's, with masks, global state and team reward of the environment.

    JaxMARL's own takes masks and global states from environments that it knows by name, and elsewhere adds up
    the rewards of all agents. Here the team's reward is their mean.
    """

    def __init__(self, env: Any, batch_size: int, *arguments: Any, **options: Any):
        super().__init__(env, batch_size, *arguments, **options)
        trained = self.training_agents
        self.global_state = lambda obs, state: obs["world_state"]
        self.global_reward = lambda rewards: jnp.stack([rewards[agent] for agent in trained]).mean(axis=0)
        self.get_valid_actions = lambda state: jax.vmap(env.get_avail_actions)(state)
