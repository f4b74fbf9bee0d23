"""Mixers: what makes the values of a team from those of its agents.

``mixer(q, state)`` takes the values of the agents' actions and a global state, and gives the values that are
learned: one of the team, or one of each agent.
"""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from garrison.core.struct import static
from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import experience
from garrison.learn.encoders import Dense
from garrison.learn.ranges import COUNT, check, check_choice


class Separate(eqx.Module):
    """Each agent learns its own value from its own reward: independent Q-learning (Tan 1993)."""

    def __call__(self, q: Float32[Array, "agent"], state: Any) -> Float32[Array, "agent"]:
        return q


class Sum(eqx.Module):
    """The team's value is the sum of the agents': value decomposition networks (Sunehag et al. 2018)."""

    def __call__(self, q: Float32[Array, "agent"], state: Any) -> Float32[Array, "1"]:
        return jnp.sum(q, keepdims=True)


class Monotonic(eqx.Module):
    """The team's value rises with each agent's, in a way that the global state decides: QMIX.

    Rashid et al. 2018, section 4.1: two layers whose weights are absolute values of what hypernetworks make
    of the state, so that each agent's best action is the team's.
    """

    weights_in: tuple[Dense, Dense]  # state -> hidden -> [agent, width]
    bias_in: Dense  # state -> [width]
    weights_out: tuple[Dense, Dense]  # state -> hidden -> [width]
    bias_out: tuple[Dense, Dense]  # state -> [width] -> [1]

    def __init__(self, key: PRNGKeyArray, agents: int, features: int, width: int, hidden: int):
        keys, gain = jax.random.split(key, 7), math.sqrt(2)
        self.weights_in = (
            Dense(keys[0], features, hidden, gain),
            Dense(keys[1], hidden, agents * width, 1.0),
        )
        self.bias_in = Dense(keys[2], features, width, 1.0)
        self.weights_out = (Dense(keys[3], features, hidden, gain), Dense(keys[4], hidden, width, 1.0))
        self.bias_out = (Dense(keys[5], features, width, gain), Dense(keys[6], width, 1, 1.0))

    def __call__(self, q: Float32[Array, "agent"], state: Float32[Array, "number"]) -> Float32[Array, "1"]:
        inward = jnp.abs(_two_layers(self.weights_in, state)).reshape(len(q), -1)
        hidden = jax.nn.elu(q @ inward + self.bias_in(state))
        outward = jnp.abs(_two_layers(self.weights_out, state))
        return jnp.sum(hidden * outward, keepdims=True) + _two_layers(self.bias_out, state)


Mixer = Separate | Sum | Monotonic

#: Names of mixers.
MIXERS = ("qmix", "sum", "none")


class Settings(experience.Settings):
    """Hyperparameters of algorithms with a mixer."""

    mixer: str = static(default="qmix")
    """How values of agents make the team's: qmix (monotonic), sum (VDN), none (independent Q-learning)."""
    state: str = static(default="concat")
    """Global state that the mixer qmix sees, a kind that the world offers; several are joined by +."""
    mixer_size: int = static(default=32)
    """Width of the hidden layer of the mixer qmix."""
    hyper_size: int = static(default=64)
    """Width of the hidden layers that make the weights of the mixer qmix."""


def check_settings(config: Settings, world: World) -> None:
    """Raise ``ValueError`` for settings of the mixer that make no sense, or that do not fit the world."""
    check_choice(config, "mixer", MIXERS)
    check(config, dict.fromkeys(("mixer_size", "hyper_size"), COUNT))
    for kind in kinds(config):
        world.global_state_size(kind)  # raises for a kind that it does not have


def kinds(config: Settings) -> tuple[str, ...]:
    """Kinds of global state that the mixer sees."""
    return experience.state_kinds(config) if config.mixer == "qmix" else ()


def of_world(key: PRNGKeyArray, world: World, config: Settings) -> Mixer:
    """The mixer of the agents of ``world``."""
    features = sum(map(world.global_state_size, kinds(config)))
    return make(key, config.mixer, world.num_agents, features, config.mixer_size, config.hyper_size)


def make(key: PRNGKeyArray, name: str, agents: int, features: int, width: int, hidden: int) -> Mixer:
    """The mixer of that name for a state of ``features`` numbers; ``width`` and ``hidden`` are qmix's."""
    if name == "qmix":
        return Monotonic(key, agents, features, width, hidden)
    return Sum() if name == "sum" else Separate()


def mix(
    mixer: Mixer, q: Float32[Array, "*batch agent"], state: Float32[Array, "*batch number"] | None
) -> Float32[Array, "*batch value"]:
    """Values of many rows; ``state`` may be None for mixers that do not read it."""
    mixed: Any = mixer
    for _ in q.shape[:-1]:
        mixed = jax.vmap(mixed)
    return mixed(q, state)


def _two_layers(layers: tuple[Dense, Dense], state: Array) -> Array:
    first, second = layers
    return second(jax.nn.relu(first(state)))
