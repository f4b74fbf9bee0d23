"""Networks. A module is a pytree of arrays: it can be saved, stacked and mapped over as it is.

All networks have one interface, for one environment and one step:

    carry = net.initial_carry(num_agents)
    carry, (logits, value) = net(carry, obs, first)

``carry`` is the memory of a recurrent network and ``()`` for others; ``first`` says that an episode
begins, and empties it before it is used. :func:`unroll` evaluates whole sequences.

Networks without memory also evaluate single agents, so that steps in which an agent decides nothing cost
nothing. Agents of one *class* go through one program:

    packed = net.pack(obs)                                # per class: leaves [agent of the class, ...]
    logits, value = net.row(one_of_packed, place, agents) # of agents[place]
    actions = net.order(agents)                           # int[agent of the class, logit]; -1: none

A network is put together from three parts, so that a new one replaces one of them:

- an *encoder* turns an agent's observation into a vector; found by name (:mod:`garrison.learn.encoders`);
- *heads* turn the vector into logits and a value (:class:`ActorCritic`);
- *sharing* says which agents use the same parameters (:func:`groups_of`, :class:`Grouped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import encoders
from garrison.learn.encoders import ENCODERS, Dense, Encoder
from garrison.learn.entity import EntityNet
from garrison.learn.graph import GraphNet
from garrison.learn.norm import ValueScale, rescale_head
from garrison.learn.ranges import check_choice

_SHARING = ("shared", "grouped", "separate")


# ---------------------------------------------------------------- heads


class ActorCritic(eqx.Module):
    """One network for all agents: a policy head and a value head on one encoder, or on one each."""

    trunk: Encoder
    critic: Encoder | None  # the value's own encoder; None where it shares the policy's
    policy: Dense
    value: Dense | None  # None in a network that is a policy alone

    def __call__(
        self, carry: Any, obs: Float32[Array, "agent feature"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, tuple[Float32[Array, "agent action"], Float32[Array, "agent"] | None]]:
        """The next carry, logits and values.

        Leaves of ``carry`` are [agent, ...]. Values are None without a head.
        """
        return jax.vmap(lambda carry, obs, agent: self.one(carry, obs, first, agent))(
            carry, obs, jnp.arange(len(obs))
        )

    def unroll(
        self, carry: Any, obs: Float32[Array, "step agent feature"], first: Bool[Array, "step"]
    ) -> tuple[Float32[Array, "step agent action"], Float32[Array, "step agent"] | None]:
        """Logits and values of a sequence; ``carry`` is that before its first step."""
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
        self, carry: Any, obs: Float32[Array, "feature"], first: Bool[Array, ""] | bool, agent: Int[Array, ""]
    ) -> tuple[Any, tuple[Float32[Array, "action"], Float32[Array, ""] | None]]:
        """One step of one agent: the next carry, logits and value."""
        stepped = [
            encoder.advance(own, encoder.embed(obs, agent), first)
            for encoder, own in zip(self._encoders, self._split(carry), strict=True)
        ]
        after = tuple(own for own, _ in stepped) if carry else carry
        return after, self.heads(*(hidden for _, hidden in stepped))

    def sequence(
        self,
        carry: Any,
        obs: Float32[Array, "step feature"],
        first: Bool[Array, "step"],
        agent: Int[Array, ""],
    ) -> tuple[Float32[Array, "step action"], Float32[Array, "step"] | None]:
        """Logits and values of one agent over a sequence."""
        hidden = [
            encoders.unroll(encoder, own, obs, first, agent)
            for encoder, own in zip(self._encoders, self._split(carry), strict=True)
        ]
        return jax.vmap(self.heads)(*hidden)

    def heads(
        self, hidden: Float32[Array, "width"], seen: Float32[Array, "critic_width"] | None = None
    ) -> tuple[Float32[Array, "action"], Float32[Array, ""] | None]:
        """Logits and value; ``seen`` is what the value's own encoder gives, where there is one."""
        logits = self.policy(hidden)
        if self.value is None:
            return logits, None
        return logits, self.value(hidden if seen is None else seen)[0]

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """The network whose values under the scale ``new`` are those of this one under ``old``."""
        return _with_value_head(self, old, new)

    def classes(self, num_agents: int) -> tuple[tuple[int, ...], ...]:
        return (tuple(range(num_agents)),)

    def order(self, agents: tuple[int, ...]) -> Int[np.ndarray, "place logit"]:
        return np.tile(np.arange(self.policy.bias.shape[-1]), (len(agents), 1))

    def pack(self, obs: Float32[Array, "agent feature"]) -> tuple[Float32[Array, "agent feature"], ...]:
        return (obs,)

    def row(
        self, packed: Float32[Array, "feature"], place: Int[Array, ""], agents: tuple[int, ...]
    ) -> tuple[Float32[Array, "action"], Float32[Array, ""] | None]:
        return self.one((), packed, _NOT_FIRST, jnp.asarray(agents)[place])[1]

    def narrowed(self, packed: Float32[Array, "*batch all"]) -> Float32[Array, "*batch feature"]:
        """What this network reads of a class, packed from observations with more features behind its own."""
        trunk: Any = self.trunk  # without memory: those know it
        return packed[..., : trunk.features]

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

    def __call__(
        self, carry: Any, state: Float32[Array, "number"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, Float32[Array, "agent"]]:
        """The next carry, and values of a global state."""
        carry, hidden = self.trunk.advance(carry, self.trunk.embed(state, _NOBODY), first)
        return carry, self.value(hidden)

    def unroll(
        self, carry: Any, state: Float32[Array, "step number"], first: Bool[Array, "step"]
    ) -> Float32[Array, "step agent"]:
        """Values of a sequence of states."""
        return jax.vmap(self.value)(encoders.unroll(self.trunk, carry, state, first, _NOBODY))

    def initial_carry(self) -> Any:
        return self.trunk.initial_carry()

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """See :meth:`ActorCritic.with_value_head`."""
        return _with_value_head(self, old, new)


_NOBODY: Any = np.int32(0)  # the agent's number where the input is no agent's
_NOT_FIRST: Any = np.zeros((), bool)  # for networks without memory, which do not ask


def _with_value_head(net: Any, old: ValueScale, new: ValueScale) -> Any:
    changed = rescale_head(net.value.weight, net.value.bias, old, new)
    return eqx.tree_at(lambda net: (net.value.weight, net.value.bias), net, changed)


# ---------------------------------------------------------------- sharing


class Grouped(eqx.Module):
    """Several networks of one shape, each for the agents of one group; called as one :class:`ActorCritic`."""

    nets: ActorCritic  # leaves [group, ...]
    groups: tuple[int, ...] = eqx.field(static=True)  # group of each agent

    def __call__(
        self, carry: Any, obs: Float32[Array, "agent feature"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, tuple[Float32[Array, "agent action"], Float32[Array, "agent"] | None]]:
        return jax.vmap(lambda net, carry, obs, agent: net.one(carry, obs, first, agent))(
            self._own, carry, obs, jnp.arange(len(obs))
        )

    def unroll(
        self, carry: Any, obs: Float32[Array, "step agent feature"], first: Bool[Array, "step"]
    ) -> tuple[Float32[Array, "step agent action"], Float32[Array, "step agent"] | None]:
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

    def classes(self, num_agents: int) -> tuple[tuple[int, ...], ...]:
        members = [np.flatnonzero(np.array(self.groups) == group) for group in range(max(self.groups) + 1)]
        return tuple(tuple(own.tolist()) for own in members)

    def order(self, agents: tuple[int, ...]) -> Int[np.ndarray, "place logit"]:
        return self.nets.order(agents)

    def pack(self, obs: Float32[Array, "agent feature"]) -> tuple[Float32[Array, "member feature"], ...]:
        return tuple(obs[np.array(agents)] for agents in self.classes(len(obs)))

    def narrowed(self, packed: Float32[Array, "*batch all"]) -> Float32[Array, "*batch feature"]:
        return self.nets.narrowed(packed)

    def row(
        self, packed: Float32[Array, "feature"], place: Int[Array, ""], agents: tuple[int, ...]
    ) -> tuple[Float32[Array, "action"], Float32[Array, ""] | None]:
        net = jax.tree.map(lambda leaf: leaf[self.groups[agents[0]]], self.nets)
        return net.row(packed, place, agents)

    @property
    def _own(self) -> ActorCritic:
        """The network of each agent: leaves [agent, ...]."""
        return jax.tree.map(lambda leaf: leaf[np.array(self.groups)], self.nets)


class Asymmetric(eqx.Module):
    """A policy, and a critic that sees more: observations that begin with the features of the policy.

    Pinto et al. 2017, "Asymmetric actor critic for image-based robot learning". The critic sees all that the
    policy sees, since a critic of the state alone is biased for policies with a memory or partial
    observations (Baisero and Amato 2022).
    """

    actor: Any
    critic: Any
    features: int = eqx.field(static=True)  # of the policy

    def __call__(
        self, carry: Any, obs: Float32[Array, "agent feature"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, tuple[Float32[Array, "agent action"], Float32[Array, "agent"]]]:
        _, (logits, _) = self.actor((), obs[:, : self.features], first)
        _, (_, values) = self.critic((), obs, first)
        return carry, (logits, values)

    def initial_carry(self, num_agents: int) -> tuple[()]:
        return ()

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """See :meth:`ActorCritic.with_value_head`."""
        return eqx.tree_at(lambda net: net.critic, self, self.critic.with_value_head(old, new))

    def classes(self, num_agents: int) -> tuple[tuple[int, ...], ...]:
        return self.actor.classes(num_agents)

    def order(self, agents: tuple[int, ...]) -> Int[np.ndarray, "place logit"]:
        return self.actor.order(agents)

    def pack(self, obs: Float32[Array, "agent feature"]) -> tuple[Any, ...]:
        return self.critic.pack(obs)

    def row(
        self, packed: Any, place: Int[Array, ""], agents: tuple[int, ...]
    ) -> tuple[Float32[Array, "logit"], Float32[Array, ""]]:
        logits, _ = self.actor.row(self.actor.narrowed(packed), place, agents)
        return logits, self.critic.row(packed, place, agents)[1]


Net = ActorCritic | Grouped | EntityNet | GraphNet | Asymmetric


def inputs(net: Any, seen: Any) -> Float32[Array, "*batch agent input"]:
    """What a network reads of ``seen.obs`` and ``seen.mask``: legal actions follow where it asks for them."""
    if not getattr(net, "reads_masks", False):
        return seen.obs
    return jnp.concatenate([seen.obs, seen.mask.astype(seen.obs.dtype)], axis=-1)


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
    net: Net, carry: Any, obs: Float32[Array, "step env agent feature"], first: Bool[Array, "step env"] | None
) -> tuple[Float32[Array, "step env agent action"], Float32[Array, "step env agent"] | None]:
    """Logits and values of sequences.

    Args:
        carry: of each environment before the first step, leaves [env, ...]; None for networks without memory.
        first: whether an episode begins; None likewise.
    """
    recurrent: Any = net
    if carry is None:
        return jax.vmap(jax.vmap(lambda obs: recurrent((), obs, _NOT_FIRST)[1]))(obs)
    return jax.vmap(recurrent.unroll, in_axes=(0, 1, 1), out_axes=1)(carry, obs, first)


def unroll_after(
    net: Net,
    carry: Any,
    obs: Float32[Array, "step env agent feature"],
    first: Bool[Array, "step env"],
    after: Float32[Array, "step env agent feature"],
) -> tuple[Float32[Array, "step env agent action"], Float32[Array, "step env agent action"]]:
    """Logits of sequences, and at ``after``, what each step led to before any reset.

    ``carry`` as for :func:`unroll`.
    """
    if carry is None:
        return unroll(net, None, obs, None)[0], unroll(net, None, after, None)[0]
    step: Any = jax.vmap(net)

    def one(carry: Any, row: tuple[Array, Array, Array]) -> tuple[Any, tuple[Array, Array]]:
        obs, first, after = row
        carry, (logits, _) = step(carry, obs, first)
        return carry, (logits, step(carry, after, jnp.zeros_like(first))[1][0])

    return jax.lax.scan(one, carry, (obs, first, after))[1]


def unroll_critic(
    critic: CentralCritic,
    carry: Any,
    state: Float32[Array, "step env number"],
    first: Bool[Array, "step env"] | None,
) -> Float32[Array, "step env agent"]:
    """Values of sequences of global states."""
    if carry is None or first is None:
        return jax.vmap(jax.vmap(lambda state: critic((), state, _NOT_FIRST)[1]))(state)
    return jax.vmap(critic.unroll, in_axes=(0, 1, 1), out_axes=1)(carry, state, first)


# ---------------------------------------------------------------- making them


def check_options(options: Any) -> None:
    """Raise ``ValueError`` for network options that make no sense: ``network``, ``sharing``, and its own."""
    check_choice(options, "sharing", _SHARING)
    ENCODERS.get(options.network).check(options)


def is_encoder(options: Any) -> bool:
    """Whether the network of ``options`` takes any features, and no description of a world."""
    return not hasattr(ENCODERS.get(options.network), "for_world")


def remembers(options: Any) -> bool:
    """Whether the network of ``options`` has a memory."""
    return getattr(ENCODERS.get(options.network), "remembers", True)


def check_action_values(options: Any) -> None:
    """Raise ``ValueError`` for a network that cannot give a value of each action."""
    if getattr(ENCODERS.get(options.network), "reads_masks", False):
        raise ValueError(
            f"network is {options.network!r}; it gives probabilities of verbs and targets, and no values of "
            "actions: use it with ippo or mappo"
        )


def make(
    key: PRNGKeyArray,
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
        features: size of the padded observation axis.
        actions: size of the padded action axis.
        options: a configuration with ``network``, the encoder's name, and :class:`encoders.Options`.
        values: whether it gives values as well as logits.
        separate_critic: whether values have an encoder of their own.
        world: for encoders that need to know what the features mean.
    """
    encoder = ENCODERS.get(options.network)

    def one(key: Array) -> ActorCritic:
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
    key: PRNGKeyArray, world: World, options: Any, *, values: bool = True, separate_critic: bool = False
) -> Net:
    """The network of the agents of ``world``; ``options.sharing`` says which agents share parameters."""
    if not is_encoder(options):  # a whole network, with heads of its own
        return ENCODERS.get(options.network).for_world(
            key, world, options, values=values, separate_critic=separate_critic
        )
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


def asymmetric(key: PRNGKeyArray, world: World, seen: World, options: Any) -> Asymmetric:
    """A policy of the agents of ``world``, and a critic that observes as in ``seen``."""
    actor_key, critic_key = jax.random.split(key)
    return Asymmetric(
        of_world(actor_key, world, options, values=False),
        of_world(critic_key, seen, options),
        world.observation_size,
    )


def make_critic(key: PRNGKeyArray, features: int, num_agents: int, options: Any) -> CentralCritic:
    """A centralized critic that reads a global state of ``features`` numbers."""
    trunk_key, value_key = jax.random.split(key)
    trunk = ENCODERS.get(options.network).make(trunk_key, features, 0, options, None)
    return CentralCritic(trunk, Dense(value_key, trunk.width, num_agents, 1.0))
