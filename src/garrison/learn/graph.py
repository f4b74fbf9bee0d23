"""CT-GMARL's network: attention over a graph of entities, a memory that knows time, and heads for targets.

It reads a world's graph (:class:`garrison.core.entities.Graph`). Nodes attend to the nodes that they are
adjacent to (Veličković et al. 2018, "Graph attention networks"); what is pooled goes into a cell with a
memory (:mod:`garrison.learn.timed`) at an agent's own decisions; and an action is a verb, then a target given
the verb. All agents share the network. ``docs/algorithms/ct_gmarl.md`` describes each detail.

It is called as other networks are, with the legal actions behind the observations (:func:`nets.inputs`): an
agent decides where more than one is legal.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.entities import Graph
from garrison.core.typing import Array, Bool, Float32, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import entity, timed
from garrison.learn.dists import ILLEGAL, masked_categorical
from garrison.learn.encoders import ACTIVATIONS, Dense, Trunk, orthogonal
from garrison.learn.norm import ValueScale, rescale_head
from garrison.learn.ranges import COUNT, check, check_choice
from garrison.learn.timed import TimedGRU

HEADS = 4
KEY = 16  #: length of what targets and an agent's memory are compared by
ATTENTION = ("adjacent", "full", "none")
_SLOPE = 0.2  # of the leaky rectifier
_GAIN = math.sqrt(2)


class Embedding(eqx.Module):
    """The first layer of one kind of node, and what scores its verbs."""

    features: Dense
    constants: Float32[Array, "constant width"]
    verbs: Float32[Array, "verb width key"]


class Layer(eqx.Module):
    """Graph attention with a residual connection and layer normalization.

    The score of node ``j`` for node ``i`` is ``leaky(target . W h_i + source . W h_j)``, for each head.
    """

    project: Dense
    source: Float32[Array, "head part"]
    target: Float32[Array, "head part"]
    norm: eqx.nn.LayerNorm

    def __init__(self, key: PRNGKeyArray, width: int):
        project_key, source_key, target_key = jax.random.split(key, 3)
        shape, scale = (HEADS, width // HEADS), 1 / math.sqrt(width // HEADS)
        self.project = Dense(project_key, width, width, _GAIN)
        self.source = scale * jax.random.normal(source_key, shape, jnp.float32)
        self.target = scale * jax.random.normal(target_key, shape, jnp.float32)
        self.norm = eqx.nn.LayerNorm(width, dtype=jnp.float32)

    def __call__(
        self, nodes: Float32[Array, "node width"], adjacent: Bool[Array, "node node"] | None, activation: str
    ) -> Float32[Array, "node width"]:
        """The next vectors of all nodes; with ``adjacent`` None each sees itself alone."""
        mixed = jax.vmap(self.project)(nodes)
        if adjacent is not None:
            parts = mixed.reshape(len(nodes), HEADS, -1)
            weights = self.weights(parts, adjacent)
            mixed = jnp.einsum("hij,jhp->ihp", weights, parts).reshape(nodes.shape)
        return jax.vmap(self.norm)(nodes + ACTIVATIONS[activation](mixed))

    def weights(
        self, parts: Float32[Array, "node head part"], adjacent: Bool[Array, "node node"]
    ) -> Float32[Array, "head node node"]:
        """How much each node attends to each; rows add up to 1."""
        own = jnp.einsum("ihp,hp->hi", parts, self.target)
        other = jnp.einsum("jhp,hp->hj", parts, self.source)
        scores = jax.nn.leaky_relu(own[:, :, None] + other[:, None, :], _SLOPE)
        return jax.nn.softmax(jnp.where(adjacent[None], scores, ILLEGAL), axis=-1)


class Read(NamedTuple):
    """What the network makes of observations before its memory comes in."""

    seen: Float32[Array, "agent width"]
    elapsed: Float32[Array, "agent"]  # since the agent's last decision
    decides: Bool[Array, "agent"]
    nodes: tuple[tuple[Array, ...], ...]  # f32[place, node, width] of each class and kind
    legal: tuple[Bool[Array, "place logit"], ...]  # likewise


class GraphNet(eqx.Module):
    """Logits and values of all agents from a graph; see the module's description."""

    remembers: ClassVar[bool] = True
    #: its input ends with the legal actions
    reads_masks: ClassVar[bool] = True

    kinds: tuple[Embedding, ...]
    layers: tuple[Layer, ...]
    pooled: Dense  # from what is pooled and the context
    cell: TimedGRU
    verbs: Dense  # of each kind, and of no node
    key: Dense  # what targets are compared with
    value_hidden: Dense | None  # None in a network that is a policy alone
    value: Dense | None
    graph: Graph = eqx.field(static=True)
    num_actions: int = eqx.field(static=True)
    features: int = eqx.field(static=True)  # of an observation; legal actions follow
    activation: str = eqx.field(static=True)
    attention: str = eqx.field(static=True)

    # ------------------------------------------------------------ making one

    @classmethod
    def check(cls, options: Any) -> None:
        """Raise ``ValueError`` for options that this network does not have."""
        Trunk.check(options)
        check(options, {"cell_size": COUNT})
        check_choice(options, "attention", ATTENTION)
        check_choice(options, "memory_time", timed.TIMES)
        sizes = options.hidden_sizes
        if len(set(sizes)) > 1 or sizes[0] % HEADS:
            raise ValueError(
                f"hidden_sizes is {sizes}; in network 'graph' all are equal, and divide by {HEADS}, its heads"
            )
        if options.cell != "gru":
            raise ValueError(f"cell is {options.cell!r}; the cell of network 'graph' is a 'gru'")

    @classmethod
    def for_world(
        cls,
        key: PRNGKeyArray,
        world: World,
        options: Any,
        *,
        values: bool = True,
        separate_critic: bool = False,
    ) -> GraphNet:
        """The network of all agents of ``world``.

        ``hidden_sizes`` are the widths of the nodes after each layer of attention. Raises ``ValueError`` for
        a world without a graph or without a clock, and for options that this network does not have.
        """
        cls.check(options)
        graph = world.graph()
        if graph is None:
            raise ValueError(f"network 'graph' needs a world with a graph; {world.name!r} has none")
        if graph.clock is None and options.memory_time != "none":
            raise ValueError(
                f"memory_time is {options.memory_time!r}; observations of world {world.name!r} do not tell "
                "the time since the last decision: use 'none'"
            )
        if options.sharing != "shared" or separate_critic:
            raise ValueError(
                "network 'graph' is shared by all agents: sharing is 'shared', separate_critic off"
            )
        return cls._made(key, world, graph, options, values)

    @classmethod
    def _made(cls, key: PRNGKeyArray, world: World, graph: Graph, options: Any, values: bool) -> GraphNet:
        width, cell_size = options.hidden_sizes[0], options.cell_size
        keys = iter(jax.random.split(key, 64))
        kinds = []
        for kind in graph.kinds:
            rows = kind.constants.shape[-1]
            constants = jnp.zeros((rows, width), jnp.float32)
            if rows:
                constants = orthogonal(next(keys), (rows, width), 1.0)
            kinds.append(
                Embedding(
                    features=Dense(next(keys), kind.features.shape[-1], width, _GAIN),
                    constants=constants,
                    verbs=0.1 * jax.random.normal(next(keys), (len(kind.verbs), width, KEY), jnp.float32),
                )
            )
        inputs = 2 * width * len(kinds) + sum(level or 1 for level in graph.levels)
        verbs = sum(len(kind.verbs) for kind in graph.kinds) + len(graph.verbs)
        return cls(
            kinds=tuple(kinds),
            layers=tuple(Layer(next(keys), width) for _ in options.hidden_sizes),
            pooled=Dense(next(keys), inputs, cell_size, _GAIN),
            cell=TimedGRU(next(keys), cell_size, cell_size, options.memory_time),
            verbs=Dense(next(keys), cell_size, verbs, 0.01),
            key=Dense(next(keys), cell_size, KEY, 1.0),
            value_hidden=Dense(next(keys), cell_size, cell_size, 1.0) if values else None,
            value=Dense(next(keys), cell_size, 1, 1.0) if values else None,
            graph=graph,
            num_actions=world.num_actions,
            features=world.observation_size,
            activation=options.activation,
            attention=options.attention,
        )

    # ------------------------------------------------------------ as every network

    def __call__(
        self,
        carry: Float32[Array, "agent cell"],
        obs: Float32[Array, "agent input"],
        first: Bool[Array, ""] | bool,
    ) -> tuple[
        Float32[Array, "agent cell"], tuple[Float32[Array, "agent action"], Float32[Array, "agent"] | None]
    ]:
        """The carry, logits and values of one step. Values are None without a head."""
        read = self.read(obs)
        carry, hidden = self._advance(carry, read, first)
        return carry, self._heads(hidden, read)

    def unroll(
        self,
        carry: Float32[Array, "agent cell"],
        obs: Float32[Array, "step agent input"],
        first: Bool[Array, "step"],
    ) -> tuple[Float32[Array, "step agent action"], Float32[Array, "step agent"] | None]:
        """Logits and values of a sequence; ``carry`` is that before its first step."""
        read = jax.vmap(self.read)(obs)
        rows = (read._replace(nodes=(), legal=()), first)
        hidden = jax.lax.scan(lambda carry, row: self._advance(carry, *row), carry, rows)[1]
        return jax.vmap(self._heads)(hidden, read)

    def initial_carry(self, num_agents: int) -> Float32[Array, "agent cell"]:
        return jnp.broadcast_to(self.cell.initial_carry(), (num_agents, self.pooled.bias.shape[-1]))

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """The network whose values under the scale ``new`` are those of this one under ``old``."""
        value: Any = self.value  # there, as values have a scale
        changed = rescale_head(value.weight, value.bias, old, new)
        return eqx.tree_at(lambda net: (net.value.weight, net.value.bias), self, changed)

    # ------------------------------------------------------------ its parts

    def read(self, obs: Float32[Array, "agent input"]) -> Read:
        """What one step shows; see :class:`Read`."""
        obs, masks = obs[:, : self.features], obs[:, self.features :] > 0
        clock = self.graph.clock
        elapsed = jnp.zeros(len(obs), obs.dtype) if clock is None else obs[:, clock.elapsed] * clock.unit
        seen: list[Any] = [None] * len(obs)
        nodes, legal = [], []
        for agents, packed in zip(self.graph.classes, entity.pack(self.graph, obs), strict=True):
            own = []
            for place, agent in enumerate(agents):
                mine = jax.tree.map(lambda x, place=place: x[place], packed)
                vectors, seen[agent] = self._nodes(agent, agents, obs[agent], mine)
                own.append(vectors)
            nodes.append(jax.tree.map(lambda *x: jnp.stack(x), *own))
            order = entity.order(self.graph, agents)
            masked = jnp.take_along_axis(masks[np.array(agents)], jnp.asarray(np.maximum(order, 0)), axis=1)
            legal.append(masked & jnp.asarray(order >= 0))
        decides = jnp.sum(masks, axis=-1) > 1
        return Read(jnp.stack(seen), elapsed, decides, tuple(nodes), tuple(legal))

    def _nodes(
        self, agent: int, agents: tuple[int, ...], obs: Float32[Array, "feature"], packed: entity.Packed
    ) -> tuple[tuple[Array, ...], Float32[Array, "cell"]]:
        """Vectors of an agent's nodes, ``f32[node, width]`` of each kind, and what the agent sees in all."""
        activate = ACTIVATIONS[self.activation]
        embedded = []
        for kind, layer, features in zip(self.graph.kinds, self.kinds, packed.features, strict=True):
            scaled = features if kind.scales is None else features * jnp.asarray(kind.scales)[None, None]
            constants = entity.of_class(kind.constants, kind.agents, agents)[agents.index(agent)]
            hidden = scaled @ layer.features.weight + constants @ layer.constants
            hidden = hidden + layer.features.bias[None, None]
            embedded.append(activate(hidden).reshape(-1, hidden.shape[-1]))
        exists = [one.reshape(-1) for one in packed.exists]
        if embedded:
            ends = np.cumsum([len(one) for one in exists])[:-1]
            nodes, adjacent = jnp.concatenate(embedded), self._adjacent(agent, obs, jnp.concatenate(exists))
            for layer in self.layers:
                nodes = layer(nodes, adjacent, self.activation)
            embedded = jnp.split(nodes, ends)
        pooled = [x for own, there in zip(embedded, exists, strict=True) for x in _pooled(own, there)]
        return tuple(embedded), activate(self.pooled(jnp.concatenate([packed.context, *pooled])))

    def _adjacent(
        self, agent: int, obs: Float32[Array, "feature"], exists: Bool[Array, "node"]
    ) -> Bool[Array, "node node"] | None:
        """Which nodes attend to which, each to itself; None: to none but itself."""
        if self.attention == "none":
            return None
        both = exists[:, None] & exists[None]
        if self.attention == "adjacent":
            both = both & self.graph.adjacency(agent, obs)
        return both | jnp.eye(exists.size, dtype=bool)

    def _advance(
        self, carry: Float32[Array, "agent cell"], read: Read, first: Bool[Array, ""] | bool
    ) -> tuple[Float32[Array, "agent cell"], Float32[Array, "agent cell"]]:
        """The next memory, which changes at own decisions alone, and what it would be after one."""
        carry = jnp.where(first, 0.0, carry)
        hidden = jax.vmap(self.cell)(carry, read.seen, read.elapsed)
        return jnp.where(read.decides[:, None], hidden, carry), hidden

    def _heads(
        self, hidden: Float32[Array, "agent cell"], read: Read
    ) -> tuple[Float32[Array, "agent action"], Float32[Array, "agent"] | None]:
        rows = zip(self.graph.classes, read.nodes, read.legal, strict=True)
        logits = [jax.vmap(self._logits)(hidden[np.array(a)], nodes, legal) for a, nodes, legal in rows]
        values = None
        if self.value is not None and self.value_hidden is not None:
            values = jax.vmap(self.value)(jnp.tanh(jax.vmap(self.value_hidden)(hidden)))[:, 0]
        return entity.scatter(self.graph, logits, self.num_actions), values

    def _logits(
        self,
        hidden: Float32[Array, "cell"],
        nodes: tuple[Array, ...],
        legal: Bool[Array, "logit"],
    ) -> Float32[Array, "logit"]:
        """``log p(verb) + log p(target | verb)`` up to what all share, in the order of the class."""
        verbs, key = self.verbs(hidden), self.key(hidden) / math.sqrt(KEY)
        found, start = [], 0
        for own, kind in zip(nodes, self.kinds, strict=True):
            scores = (kind.verbs @ key) @ own.T  # [verb, node]
            there = legal[start : start + scores.size].reshape(scores.shape[::-1]).T
            of_verb, verbs = verbs[: len(scores)], verbs[len(scores) :]
            logits = of_verb[:, None] + masked_categorical(scores, there)
            found.append(logits.T.reshape(-1))
            start += scores.size
        return jnp.concatenate([*found, verbs])


def _pooled(
    nodes: Float32[Array, "node width"], exists: Bool[Array, "node"]
) -> list[Float32[Array, "width"]]:
    """Mean and maximum of the nodes that exist; zeros where none does."""
    there = exists[:, None]
    mean = jnp.sum(jnp.where(there, nodes, 0.0), axis=0) / jnp.maximum(jnp.sum(exists), 1)
    # Looked up, as the gradient of a maximum compares rounded numbers: where they were computed twice and no
    # node equals the maximum, it is NaN.
    largest = jnp.argmax(jnp.where(there, nodes, ILLEGAL), axis=0)
    here = there & (jnp.arange(len(nodes))[:, None] == largest[None])
    return [mean, jnp.sum(jnp.where(here, nodes, 0.0), axis=0)]
