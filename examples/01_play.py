"""Play whole episodes in many environments at once, with random legal actions.

The loop is compiled: ``vmap`` makes the environments, ``scan`` the steps.
"""

import jax
import jax.numpy as jnp

import garrison

WORLD, NUM_ENVS = "cc4", 16

world = garrison.make(WORLD)


def episode(key):
    """The return of one episode."""
    reset_key, play_key = jax.random.split(key)
    obs, state = world.reset(reset_key)  # obs: float32 [agent, feature]

    def one(state, key):
        act_key, step_key = jax.random.split(key)
        mask = world.legal(state)  # bool [agent, action]
        actions = jax.random.categorical(act_key, jnp.where(mask, 0.0, -jnp.inf))
        obs, state, step = world.step(step_key, state, actions)
        return state, step.team_reward

    _, rewards = jax.lax.scan(one, state, jax.random.split(play_key, world.max_steps))
    return rewards.sum()


returns = jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), NUM_ENVS))
print(f"{NUM_ENVS} episodes of {world.max_steps} steps: return {returns.mean():.1f} ± {returns.std():.1f}")
