"""Training on probe worlds, and what came of it."""

import jax
import jax.numpy as jnp
import numpy as np


def trained(algorithm, world, config, seeds: int = 1):
    """Train states of several seeds, and the return of each iteration: [seed, ...], [seed, iteration]."""
    algorithm.check(config, world)

    def one(seed):
        state = algorithm.init(config, world, jax.random.key(seed))
        step = lambda state, _: algorithm.iteration(config, world, state)  # noqa: E731
        state, metrics = jax.lax.scan(step, state, length=algorithm.num_iterations(config, world))
        return state, metrics["return"]

    return jax.jit(lambda seeds: jax.lax.map(one, seeds))(jnp.arange(seeds))


def returns(algorithm, world, states) -> np.ndarray:
    """Mean return of 64 episodes of each seed's policy."""

    def episode(policy, key):
        (obs, state), total = world.reset(key), 0.0
        memory = policy.init(key, world.num_agents)
        for _ in range(world.max_steps):
            actions, memory = policy.act(key, obs, world.legal(state), memory)
            obs, state, step = world.step(key, state, actions)
            total += step.team_reward
        return total

    def of_seed(state):
        policy = algorithm.policy(state, world)
        return jax.vmap(lambda key: episode(policy, key))(jax.random.split(jax.random.key(7), 64)).mean()

    return np.asarray(jax.jit(lambda states: jax.lax.map(of_seed, states))(states))


def values(states, obs) -> np.ndarray:
    """What a network of action values says of one agent, in units of the world's rewards; the first seed."""
    state = jax.tree.map(lambda x: x[0], states)
    _, (q, _) = state.net["agents"]((), jnp.asarray(obs, jnp.float32)[None], False)
    return np.asarray(q[0] * state.reward_scale.deviation)
