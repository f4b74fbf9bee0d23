"""Networks. A module is a pytree of arrays: it can be saved, stacked and mapped over as it is.

All networks have one interface, for one environment and one step:

    carry = net.initial_carry(num_agents)
    carry, (logits, value) = net(carry, obs, first)

``carry`` is the memory of a recurrent network and ``()`` for others; ``first`` (bool[]) says that an episode
begins, and empties it before it is used. :func:`unroll` evaluates whole sequences.

A network is put together from three parts, so that a new one replaces one of them:

- an *encoder* turns an agent's observation into a vector. Encoders are found by name (:data:`ENCODERS`);
- *heads* turn the vector into logits and a value (:class:`ActorCritic`);
- *sharing* says which agents use the same parameters (:func:`groups_of`, :class:`Grouped`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.plugins import Plugins
from garrison.core.world import World
from garrison.learn.cells import CELLS, GRU, LSTM
from garrison.learn.norm import ValueScale, rescale_head
from garrison.learn.ranges import COUNT, check, check_choice

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}
SHARING = ("shared", "grouped", "separate")

#: Encoders by name; other packages add theirs as entry points in the group ``garrison.networks``.
ENCODERS = Plugins(
    "network",
    "garrison.networks",
    {"mlp": "garrison.learn.nets:Trunk", "recurrent": "garrison.learn.nets:RecurrentTrunk"},
)


class Options(Protocol):
    """The fields of an algorithm's configuration that encoders read."""

    hidden_sizes: tuple[int, ...]
    activation: str
    cell: str
    cell_size: int


class Encoder(Protocol):
    """Turns what one agent observes into a vector, step by step.

    The work is split in two, so that only what depends on the step before is done step by step:
    ``carry, hidden = encoder.advance(carry, encoder.embed(obs, agent), first)``.
    """

    @classmethod
    def check(cls, options: Options) -> None:
        """Raise ``ValueError`` for options that make no sense."""

    @classmethod
    def make(
        cls, key: jax.Array, features: int, agents: int, options: Options, world: World | None
    ) -> Encoder:
        """An encoder of ``f32[feature]`` for agents ``0 .. agents - 1``.

        ``agents`` is 0 where the input is not an agent's. ``world`` may tell what the features mean.
        """

    @property
    def width(self) -> int:
        """Length of the vector."""

    def initial_carry(self) -> Any:
        """The memory at the start of an episode; ``()`` if there is none."""

    def embed(self, obs: jax.Array, agent: jax.Array) -> jax.Array:
        """The part that needs no memory; ``agent`` is the agent's number (int32[])."""

    def advance(self, carry: Any, embedded: jax.Array, first: jax.Array) -> tuple[Any, jax.Array]:
        """The next memory, and the vector ``f32[width]``. ``first`` empties the memory before it is used."""


# ---------------------------------------------------------------- encoders


def orthogonal(key: jax.Array, shape: tuple[int, int], scale: float) -> jax.Array:
    """An orthogonal matrix ``f32[in, out]`` times ``scale`` (Saxe et al. 2014)."""
    return jax.nn.initializers.orthogonal(scale)(key, shape, jnp.float32)


class Dense(eqx.Module):
    """``x @ weight + bias`` for one vector; ``vmap`` it over more."""

    weight: jax.Array  # f32[in, out]
    bias: jax.Array  # f32[out]

    def __init__(self, key: jax.Array, inputs: int, outputs: int, scale: float):
        self.weight = orthogonal(key, (inputs, outputs), scale)
        self.bias = jnp.zeros(outputs, jnp.float32)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x @ self.weight + self.bias


class Trunk(eqx.Module):
    """Hidden layers on an observation that is extended by the agent's one-hot index.

    That is the same as adding a vector of the agent's own to the first layer, which is how it is computed:
    it saves copying all observations.
    """

    agent: jax.Array | None  # f32[agent, width]: the rows of the first layer that the one-hot index selects
    layers: tuple[Dense, ...]
    activation: str = eqx.field(static=True)

    def __init__(
        self, key: jax.Array, features: int, agents: int, hidden_sizes: tuple[int, ...], activation: str
    ):
        keys = jax.random.split(key, len(hidden_sizes))
        first = Dense(keys[0], features + agents, hidden_sizes[0], math.sqrt(2))
        self.agent = first.weight[features:] if agents else None
        first = eqx.tree_at(lambda dense: dense.weight, first, first.weight[:features])
        sizes = zip(keys[1:], hidden_sizes, hidden_sizes[1:], strict=False)
        self.layers = (first, *(Dense(k, before, after, math.sqrt(2)) for k, before, after in sizes))
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
    def make(cls, key: jax.Array, features: int, agents: int, options: Options, world: World | None) -> Trunk:
        cls.check(options)
        return cls(key, features, agents, options.hidden_sizes, options.activation)

    @property
    def width(self) -> int:
        return self.layers[-1].bias.shape[-1]

    def initial_carry(self) -> tuple[()]:
        return ()

    def embed(self, obs: jax.Array, agent: jax.Array) -> jax.Array:
        activate = ACTIVATIONS[self.activation]
        first, *others = self.layers
        hidden = first(obs) if self.agent is None else first(obs) + self.agent[agent]
        hidden = activate(hidden)
        for layer in others:
            hidden = activate(layer(hidden))
        return hidden

    def advance(self, carry: tuple[()], embedded: jax.Array, first: jax.Array) -> tuple[tuple[()], jax.Array]:
        return carry, embedded


class RecurrentTrunk(eqx.Module):
    """Hidden layers, and a recurrent cell on top of them."""

    layers: Trunk
    cell: GRU | LSTM

    @classmethod
    def check(cls, options: Options) -> None:
        Trunk.check(options)
        check_choice(options, "cell", CELLS)
        check(options, {"cell_size": COUNT})

    @classmethod
    def make(
        cls, key: jax.Array, features: int, agents: int, options: Options, world: World | None
    ) -> RecurrentTrunk:
        cls.check(options)
        layers_key, cell_key = jax.random.split(key)
        layers = Trunk.make(layers_key, features, agents, options, world)
        return cls(layers, CELLS[options.cell](cell_key, layers.width, options.cell_size))

    @property
    def width(self) -> int:
        return self.cell.recurrent.shape[-2]

    def initial_carry(self) -> Any:
        return self.cell.initial_carry()

    def embed(self, obs: jax.Array, agent: jax.Array) -> jax.Array:
        return self.layers.embed(obs, agent)

    def advance(self, carry: Any, embedded: jax.Array, first: jax.Array) -> tuple[Any, jax.Array]:
        carry = jax.tree.map(lambda x: jnp.where(first, jnp.zeros_like(x), x), carry)
        return self.cell(carry, embedded)


# ---------------------------------------------------------------- heads


class ActorCritic(eqx.Module):
    """One network for all agents: a policy head and a value head on one encoder, or on one each."""

    trunk: Encoder
    critic: Encoder | None  # the value's own encoder; None where it shares the policy's
    policy: Dense
    value: Dense | None  # None in a network that is a policy alone

    def __call__(
        self, carry: Any, obs: jax.Array, first: jax.Array
    ) -> tuple[Any, tuple[jax.Array, jax.Array | None]]:
        """The next carry, logits ``f32[agent, action]`` and values ``f32[agent]``.

        ``obs`` is f32[agent, feature]; leaves of ``carry`` are [agent, ...]. Values are None without a head.
        """
        return jax.vmap(lambda carry, obs, agent: self.one(carry, obs, first, agent))(
            carry, obs, jnp.arange(len(obs))
        )

    def unroll(self, carry: Any, obs: jax.Array, first: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Logits ``f32[step, agent, action]`` and values ``f32[step, agent]`` of a sequence.

        ``obs`` is f32[step, agent, feature], ``first`` bool[step]; ``carry`` is that before the first step.
        """
        sequence = jax.vmap(
            lambda carry, obs, agent: self.sequence(carry, obs, first, agent), in_axes=(0, 1, 0), out_axes=1
        )
        return sequence(carry, obs, jnp.arange(obs.shape[1]))

    def initial_carry(self, num_agents: int) -> Any:
        """The memory of all agents at the start of an episode: leaves [agent, ...]."""
        carries = tuple(encoder.initial_carry() for encoder in self._encoders)
        if not jax.tree.leaves(carries):
            return ()
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (num_agents, *x.shape)), carries)

    def one(
        self, carry: Any, obs: jax.Array, first: jax.Array, agent: jax.Array
    ) -> tuple[Any, tuple[jax.Array, jax.Array | None]]:
        """One step of one agent: the next carry, logits ``f32[action]`` and value ``f32[]``."""
        stepped = [
            encoder.advance(own, encoder.embed(obs, agent), first)
            for encoder, own in zip(self._encoders, self._split(carry), strict=True)
        ]
        after = tuple(own for own, _ in stepped) if carry else carry
        return after, self.heads(*(hidden for _, hidden in stepped))

    def sequence(
        self, carry: Any, obs: jax.Array, first: jax.Array, agent: jax.Array
    ) -> tuple[jax.Array, jax.Array | None]:
        """Logits and values of one agent over a sequence."""
        hidden = [
            unroll_encoder(encoder, own, obs, first, agent)
            for encoder, own in zip(self._encoders, self._split(carry), strict=True)
        ]
        return jax.vmap(self.heads)(*hidden)

    def heads(self, hidden: jax.Array, seen: jax.Array | None = None) -> tuple[jax.Array, jax.Array | None]:
        """Logits and value; ``seen`` is what the value's own encoder gives, where there is one."""
        logits = self.policy(hidden)
        if self.value is None:
            return logits, None
        return logits, self.value(hidden if seen is None else seen)[0]

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """The network whose values under the scale ``new`` are those of this one under ``old``."""
        return _with_value_head(self, old, new)

    @property
    def _encoders(self) -> tuple[Encoder, ...]:
        return (self.trunk,) if self.critic is None else (self.trunk, self.critic)

    def _split(self, carry: Any) -> tuple[Any, ...]:
        """The carry of each encoder."""
        return carry or ((),) * len(self._encoders)


class CentralCritic(eqx.Module):
    """Values of all agents from the global state, by one encoder."""

    trunk: Encoder
    value: Dense

    def __call__(self, carry: Any, state: jax.Array, first: jax.Array) -> tuple[Any, jax.Array]:
        """The next carry, and values ``f32[agent]`` of a global state (f32[feature])."""
        carry, hidden = self.trunk.advance(carry, self.trunk.embed(state, NOBODY), first)
        return carry, self.value(hidden)

    def unroll(self, carry: Any, state: jax.Array, first: jax.Array) -> jax.Array:
        """Values ``f32[step, agent]`` of a sequence of states (f32[step, feature])."""
        return jax.vmap(self.value)(unroll_encoder(self.trunk, carry, state, first, NOBODY))

    def initial_carry(self) -> Any:
        return self.trunk.initial_carry()

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """See :meth:`ActorCritic.with_value_head`."""
        return _with_value_head(self, old, new)


NOBODY = np.int32(0)  # the agent's number where the input is no agent's
NOT_FIRST = np.zeros((), bool)  # for networks without memory, which do not ask


def unroll_encoder(
    encoder: Encoder, carry: Any, obs: jax.Array, first: jax.Array, agent: jax.Array
) -> jax.Array:
    """The vectors ``f32[step, width]`` of a sequence of inputs (f32[step, feature])."""
    embedded = jax.vmap(encoder.embed, in_axes=(0, None))(obs, agent)
    if not jax.tree.leaves(carry):
        return embedded
    return jax.lax.scan(lambda carry, row: encoder.advance(carry, *row), carry, (embedded, first))[1]


def _with_value_head(net: Any, old: ValueScale, new: ValueScale) -> Any:
    changed = rescale_head(net.value.weight, net.value.bias, old, new)
    return eqx.tree_at(lambda net: (net.value.weight, net.value.bias), net, changed)


# ---------------------------------------------------------------- sharing


class Grouped(eqx.Module):
    """Several networks of one shape, each for the agents of one group; called as one :class:`ActorCritic`."""

    nets: ActorCritic  # leaves [group, ...]
    groups: tuple[int, ...] = eqx.field(static=True)  # group of each agent

    def __call__(
        self, carry: Any, obs: jax.Array, first: jax.Array
    ) -> tuple[Any, tuple[jax.Array, jax.Array | None]]:
        return jax.vmap(lambda net, carry, obs, agent: net.one(carry, obs, first, agent))(
            self._own, carry, obs, jnp.arange(len(obs))
        )

    def unroll(self, carry: Any, obs: jax.Array, first: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        sequence = jax.vmap(
            lambda net, carry, obs, agent: net.sequence(carry, obs, first, agent),
            in_axes=(0, 0, 1, 0),
            out_axes=1,
        )
        return sequence(self._own, carry, obs, jnp.arange(obs.shape[1]))

    def initial_carry(self, num_agents: int) -> Any:
        return jax.tree.map(lambda x: x[0], self._own).initial_carry(num_agents)

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """See :meth:`ActorCritic.with_value_head`."""
        return eqx.tree_at(lambda net: net.nets, self, _with_value_head(self.nets, old, new))

    @property
    def _own(self) -> ActorCritic:
        """The network of each agent: leaves [agent, ...]."""
        return jax.tree.map(lambda leaf: leaf[np.array(self.groups)], self.nets)


Net = ActorCritic | Grouped


def groups_of(sharing: str, kinds: Sequence[Any]) -> tuple[int, ...]:
    """The group of each agent.

    Args:
        sharing: ``"shared"`` puts all into one, ``"separate"`` each into its own, ``"grouped"`` those
            together whose ``kinds`` are equal.
        kinds: one value per agent, such as its numbers of features and actions.
    """
    if sharing == "shared":
        return (0,) * len(kinds)
    if sharing == "separate":
        return tuple(range(len(kinds)))
    order = list(dict.fromkeys(kinds))
    return tuple(order.index(kind) for kind in kinds)


def unroll(
    net: Net, carry: Any, obs: jax.Array, first: jax.Array | None
) -> tuple[jax.Array, jax.Array | None]:
    """Logits ``f32[step, env, agent, action]`` and values ``f32[step, env, agent]`` of sequences.

    Args:
        carry: of each environment before the first step, leaves [env, ...]; None for networks without memory.
        obs: f32[step, env, agent, feature].
        first: bool[step, env]; None likewise.
    """
    if carry is None:
        return jax.vmap(jax.vmap(lambda obs: net((), obs, NOT_FIRST)[1]))(obs)
    return jax.vmap(net.unroll, in_axes=(0, 1, 1), out_axes=1)(carry, obs, first)


# ---------------------------------------------------------------- making them


def check_options(options: Any) -> None:
    """Raise ``ValueError`` for network options that make no sense: ``network``, ``sharing``, and its own."""
    check_choice(options, "sharing", SHARING)
    ENCODERS.get(options.network).check(options)


def make(
    key: jax.Array,
    groups: tuple[int, ...],
    features: int,
    actions: int,
    options: Any,
    *,
    values: bool = True,
    separate_critic: bool = False,
    world: World | None = None,
) -> Net:
    """A network for agents in ``groups``, as :func:`groups_of` gives them.

    Args:
        features, actions: sizes of the padded axes.
        options: a configuration with ``network``, the encoder's name, and :class:`Options`.
        values: whether it gives values as well as logits.
        separate_critic: whether values have an encoder of their own.
        world: for encoders that need to know what the features mean.
    """
    encoder = ENCODERS.get(options.network)

    def one(key: jax.Array) -> ActorCritic:
        policy_key, value_key, trunk_key, critic_key = jax.random.split(key, 4)
        trunk, critic = encoder.make(trunk_key, features, len(groups), options, world), None
        if separate_critic:
            critic = encoder.make(critic_key, features, len(groups), options, world)
        policy = Dense(policy_key, trunk.width, actions, 0.01)  # nearly uniform at the start
        value = Dense(value_key, trunk.width, 1, 1.0) if values else None
        return ActorCritic(trunk, critic, policy, value)

    if max(groups) == 0:
        return one(key)
    return Grouped(jax.vmap(one)(jax.random.split(key, max(groups) + 1)), groups)


def of_world(
    key: jax.Array, world: World, options: Any, *, values: bool = True, separate_critic: bool = False
) -> Net:
    """The network of the agents of ``world``; ``options.sharing`` says who shares it with whom."""
    kinds = tuple(zip(world.observation_sizes, world.action_counts, strict=True))
    groups = groups_of(options.sharing, kinds)
    return make(
        key,
        groups,
        world.observation_size,
        world.num_actions,
        options,
        values=values,
        separate_critic=separate_critic,
        world=world,
    )


def make_critic(key: jax.Array, features: int, num_agents: int, options: Any) -> CentralCritic:
    """A centralized critic that reads a global state of ``features`` numbers."""
    trunk_key, value_key = jax.random.split(key)
    trunk = ENCODERS.get(options.network).make(trunk_key, features, 0, options, None)
    return CentralCritic(trunk, Dense(value_key, trunk.width, num_agents, 1.0))
