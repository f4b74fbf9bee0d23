"""Encoders: what turns an agent's observation into a vector, from which heads make logits and values."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp

from garrison.core.plugins import Plugins
from garrison.core.typing import Array, Bool, Float32, Int, PRNGKeyArray
from garrison.core.world import World
from garrison.learn.cells import CELLS, GRU, LSTM
from garrison.learn.ranges import COUNT, check, check_choice

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}

#: Encoders by name; other packages add theirs as entry points in the group ``garrison.networks``.
ENCODERS = Plugins(
    "network",
    "garrison.networks",
    {
        "mlp": "garrison.learn.encoders:Trunk",
        "recurrent": "garrison.learn.encoders:RecurrentTrunk",
        "entity": "garrison.learn.entity:EntityNet",
        "graph": "garrison.learn.graph:GraphNet",
    },
)


class Options(Protocol):
    """The fields of an algorithm's configuration that encoders read."""

    hidden_sizes: tuple[int, ...]
    activation: str
    layer_norm: bool
    cell: str
    cell_size: int


class Encoder(Protocol):
    """Turns what one agent observes into a vector, step by step.

    The work is split in two, so that only what depends on the step before is done step by step:
    ``carry, hidden = encoder.advance(carry, encoder.embed(obs, agent), first)``.
    """

    #: whether it has a memory
    remembers: ClassVar[bool]

    @classmethod
    def check(cls, options: Options) -> None:
        """Raise ``ValueError`` for options that make no sense."""
        ...

    @classmethod
    def make(
        cls, key: PRNGKeyArray, features: int, agents: int, options: Options, world: World | None
    ) -> Encoder:
        """An encoder of observations for agents ``0 .. agents - 1``.

        ``agents`` is 0 where the input is not an agent's. ``world`` may tell what the features mean.
        """
        ...

    @property
    def width(self) -> int:
        """Length of the vector."""
        ...

    def initial_carry(self) -> Any:
        """The memory at the start of an episode; ``()`` if there is none."""
        ...

    def embed(self, obs: Float32[Array, "feature"], agent: Int[Array, ""]) -> Float32[Array, "embedded"]:
        """The part that needs no memory; ``agent`` is the agent's number."""
        ...

    def advance(
        self, carry: Any, embedded: Float32[Array, "embedded"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, Float32[Array, "width"]]:
        """The next memory, and the vector. ``first`` empties the memory before it is used."""
        ...


def orthogonal(key: PRNGKeyArray, shape: tuple[int, int], scale: float) -> Float32[Array, "input output"]:
    """An orthogonal matrix times ``scale`` (Saxe et al. 2014)."""
    return jax.nn.initializers.orthogonal(scale)(key, shape, jnp.float32)


class Dense(eqx.Module):
    """``x @ weight + bias`` for one vector; ``vmap`` it over more."""

    weight: Float32[Array, "input output"]
    bias: Float32[Array, "output"]

    def __init__(self, key: PRNGKeyArray, inputs: int, outputs: int, scale: float):
        self.weight = orthogonal(key, (inputs, outputs), scale)
        self.bias = jnp.zeros(outputs, jnp.float32)

    def __call__(self, x: Float32[Array, "input"]) -> Float32[Array, "output"]:
        return x @ self.weight + self.bias


class Trunk(eqx.Module):
    """Hidden layers on an observation that is extended by the agent's one-hot index.

    That is the same as adding a vector of the agent's own to the first layer, which is how it is computed:
    it saves copying all observations.
    """

    remembers: ClassVar[bool] = False

    agent: Float32[Array, "agent width"] | None  # the rows of the first layer that the one-hot index selects
    layers: tuple[Dense, ...]
    norms: tuple[eqx.nn.LayerNorm, ...]  # of each layer, before its activation; () without layer_norm
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        key: PRNGKeyArray,
        features: int,
        agents: int,
        hidden_sizes: tuple[int, ...],
        activation: str,
        layer_norm: bool = False,
    ):
        keys = jax.random.split(key, len(hidden_sizes))
        first = Dense(keys[0], features + agents, hidden_sizes[0], math.sqrt(2))
        self.agent = first.weight[features:] if agents else None
        first = eqx.tree_at(lambda dense: dense.weight, first, first.weight[:features])
        sizes = zip(keys[1:], hidden_sizes, hidden_sizes[1:], strict=False)
        self.layers = (first, *(Dense(k, before, after, math.sqrt(2)) for k, before, after in sizes))
        widths = hidden_sizes if layer_norm else ()
        self.norms = tuple(eqx.nn.LayerNorm(width, dtype=jnp.float32) for width in widths)
        self.activation = activation

    @classmethod
    def check(cls, options: Options) -> None:
        sizes = options.hidden_sizes
        if not sizes or not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise ValueError(
                f"hidden_sizes is {sizes}; it must name at least one layer, each with a width of 1 or more"
            )
        check_choice(options, "activation", ACTIVATIONS)

    @classmethod
    def make(
        cls, key: PRNGKeyArray, features: int, agents: int, options: Options, world: World | None
    ) -> Trunk:
        cls.check(options)
        return cls(key, features, agents, options.hidden_sizes, options.activation, options.layer_norm)

    @property
    def features(self) -> int:
        """Length of the observation."""
        return self.layers[0].weight.shape[-2]

    @property
    def width(self) -> int:
        return self.layers[-1].bias.shape[-1]

    def initial_carry(self) -> tuple[()]:
        return ()

    def embed(self, obs: Float32[Array, "feature"], agent: Int[Array, ""]) -> Float32[Array, "width"]:
        return self.onward(self.inward(obs, agent))

    def inward(self, obs: Float32[Array, "feature"], agent: Int[Array, ""]) -> Float32[Array, "hidden"]:
        """The first layer before its activation: it is linear, so changes of ``obs`` add up."""
        hidden = self.layers[0](obs)
        return hidden if self.agent is None else hidden + self.agent[agent]

    def onward(self, hidden: Float32[Array, "hidden"]) -> Float32[Array, "width"]:
        """The vector, from what :meth:`inward` gave."""
        hidden = self._activated(0, hidden)
        for number, layer in enumerate(self.layers[1:], 1):
            hidden = self._activated(number, layer(hidden))
        return hidden

    def _activated(self, number: int, hidden: Float32[Array, "width"]) -> Float32[Array, "width"]:
        normalized = self.norms[number](hidden) if self.norms else hidden
        return ACTIVATIONS[self.activation](normalized)

    def advance(
        self, carry: tuple[()], embedded: Float32[Array, "width"], first: Bool[Array, ""] | bool
    ) -> tuple[tuple[()], Float32[Array, "width"]]:
        return carry, embedded


class RecurrentTrunk(eqx.Module):
    """Hidden layers, and a recurrent cell on top of them."""

    remembers: ClassVar[bool] = True

    embedding: Trunk  # the hidden layers
    cell: GRU | LSTM

    @classmethod
    def check(cls, options: Options) -> None:
        Trunk.check(options)
        check_choice(options, "cell", CELLS)
        check(options, {"cell_size": COUNT})

    @classmethod
    def make(
        cls, key: PRNGKeyArray, features: int, agents: int, options: Options, world: World | None
    ) -> RecurrentTrunk:
        cls.check(options)
        layers_key, cell_key = jax.random.split(key)
        embedding = Trunk.make(layers_key, features, agents, options, world)
        return cls(embedding, CELLS[options.cell](cell_key, embedding.width, options.cell_size))

    @property
    def width(self) -> int:
        return self.cell.recurrent.shape[-2]

    def initial_carry(self) -> Any:
        return self.cell.initial_carry()

    def embed(self, obs: Float32[Array, "feature"], agent: Int[Array, ""]) -> Float32[Array, "embedded"]:
        return self.embedding.embed(obs, agent)

    def advance(
        self, carry: Any, embedded: Float32[Array, "embedded"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, Float32[Array, "width"]]:
        carry = jax.tree.map(lambda x: jnp.where(first, jnp.zeros_like(x), x), carry)
        return self.cell(carry, embedded)


def unroll(
    encoder: Encoder,
    carry: Any,
    obs: Float32[Array, "step feature"],
    first: Bool[Array, "step"],
    agent: Int[Array, ""],
) -> Float32[Array, "step width"]:
    """The vectors of a sequence of inputs."""
    embedded = jax.vmap(encoder.embed, in_axes=(0, None))(obs, agent)
    if not jax.tree.leaves(carry):
        return embedded
    return jax.lax.scan(lambda carry, row: encoder.advance(carry, *row), carry, (embedded, first))[1]
