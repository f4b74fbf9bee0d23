"""Evolution strategies (Salimans et al. 2017) with linear policies: an algorithm in one file."""

from functools import partial

import jax
import jax.numpy as jnp

from garrison.core.policy import Memoryless
from garrison.core.struct import static, struct


@struct
class Config:
    """Hyperparameters. Static ones shape the program; the others are arrays, which ``vmap`` can sweep."""

    total_steps: int = static(default=200_000)
    num_envs: int = static(default=64)  # candidates, each in an environment of its own; even
    sigma: float = 0.1
    learning_rate: float = 0.1


@struct
class TrainState:
    key: jax.Array
    weights: jax.Array  # f32[agent, feature + 1, action]


@struct
class Linear(Memoryless):
    """Takes the legal action with the largest linear score."""

    weights: jax.Array
    observation: str | None = static(default=None)  # the contract that it reads
    observation_size: int | None = static(default=None)  # and its number of features

    def act(self, key, obs, mask, memory):
        seen = jnp.pad(obs, ((0, 0), (0, 1)), constant_values=1.0)
        scores = jnp.einsum("af,afx->ax", seen, self.weights)
        return jnp.argmax(jnp.where(mask, scores, -jnp.inf), axis=1).astype(jnp.int32), memory


def check(config, world):
    if config.num_envs < 2 or config.num_envs % 2:
        raise ValueError(f"num_envs is {config.num_envs}; it must be even: candidates come in pairs")


def init(config, world, key):
    shape = (world.num_agents, world.observation_size + 1, world.num_actions)
    return TrainState(key=key, weights=jnp.zeros(shape))


def episode(world, weights, key):
    """The return of one episode."""
    reset_key, play_key = jax.random.split(key)
    obs, state = world.reset(reset_key)

    def one(carry, key):
        obs, state, alive = carry
        act_key, step_key = jax.random.split(key)
        actions, _ = Linear(weights).act(act_key, obs, world.legal(state), ())
        obs, state, step = world.step(step_key, state, actions)
        return (obs, state, alive & ~step.done), jnp.where(alive, step.team_reward, 0.0)

    keys = jax.random.split(play_key, world.max_steps)
    return jax.lax.scan(one, (obs, state, jnp.ones((), bool)), keys)[1].sum()


def iteration(config, world, state):
    key, noise_key, play_key = jax.random.split(state.key, 3)
    noise = jax.random.normal(noise_key, (config.num_envs // 2, *state.weights.shape))
    noise = jnp.concatenate([noise, -noise])  # mirrored: the pair plays the same episode
    keys = jnp.tile(jax.random.split(play_key, config.num_envs // 2), 2)
    returns = jax.vmap(partial(episode, world))(state.weights[None] + config.sigma * noise, keys)
    rank = jnp.argsort(jnp.argsort(returns)) / (config.num_envs - 1) - 0.5
    gradient = jnp.einsum("n,nafx->afx", rank, noise) / (config.num_envs * config.sigma)
    metrics = {
        "return": returns.mean(),
        "episodes": jnp.asarray(config.num_envs),
        "grad_norm": jnp.linalg.norm(gradient),
        "rank_loss": -(rank * returns).mean(),
        "nonfinite_inputs": jnp.sum(~jnp.isfinite(returns)),
        "finite_updates": jnp.isfinite(gradient).all().astype(jnp.int32),
    }
    return state.replace(key=key, weights=state.weights + config.learning_rate * gradient), metrics


def policy(state, world, greedy=False):
    return Linear(state.weights, world.observation, world.observation_size)  # greedy in any case


def steps_per_iteration(config, world):
    return config.num_envs * world.max_steps


def num_iterations(config, world):
    return -(-config.total_steps // steps_per_iteration(config, world))


def footprint(config, world):
    return 4 * config.num_envs * world.num_agents * (world.observation_size + 1) * world.num_actions


def placed(state):
    return state


def holds_environments(config, world):
    return False
