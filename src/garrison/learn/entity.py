"""A network that applies the same weights to all entities of a kind: to each host of each agent.

It reads a world's description (:mod:`garrison.core.entities`). Entities are embedded and pooled per agent,
and further layers of each entity add what was pooled. Then each entity has one logit per verb, and the agent
those of its own verbs and a value. So what is learned about one host holds for all, and permuting the
entities of a group permutes their logits. Zaheer et al. 2017, "Deep sets".

All agents share the network. Agents whose groups have the same shape are a *class*: they are evaluated
together, and logits of a class are in an order of its own, without padding (:meth:`EntityNet.order`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.entities import NONE, Entities
from garrison.core.typing import Array, Bool, Float32, Int, PRNGKeyArray
from garrison.core.world import World
from garrison.learn.dists import ILLEGAL
from garrison.learn.encoders import ACTIVATIONS, Dense, Options, Trunk, orthogonal
from garrison.learn.norm import ValueScale, rescale_head


class Packed(NamedTuple):
    """What an agent of a class observes, entity by entity; axes [...] in front of each."""

    features: tuple[Float32[Array, "*batch group slot feature"], ...]
    exists: tuple[Bool[Array, "*batch group slot"], ...]
    context: Float32[Array, "*batch feature"]


class KindLayers(eqx.Module):
    """The weights of one kind of entity."""

    features: Float32[Array, "feature width"]  # of the first layer
    constants: Float32[Array, "constant width"]  # of the first layer too
    bias: Float32[Array, "width"]
    layers: tuple[Dense, ...]  # the others
    verbs: Dense


class EntityNet(eqx.Module):
    """Logits and values of all agents from their entities; see the module's description."""

    remembers: ClassVar[bool] = False

    kinds: tuple[KindLayers, ...]
    contexts: tuple[Dense, ...]  # what the agent as a whole adds to each layer
    pooled: Dense  # from what is pooled and the context, to the agent's vector
    verbs: Dense | None  # of no entity
    value_hidden: Dense | None  # None in a network that is a policy alone
    value: Dense | None
    entities: Entities = eqx.field(static=True)
    num_actions: int = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    # ------------------------------------------------------------ making one

    @classmethod
    def check(cls, options: Options) -> None:
        Trunk.check(options)
        if options.layer_norm:
            raise ValueError("network 'entity' has no layer_norm; set layer_norm to False, or use 'mlp'")

    @classmethod
    def for_world(
        cls,
        key: PRNGKeyArray,
        world: World,
        options: Any,
        *,
        values: bool = True,
        separate_critic: bool = False,
    ) -> EntityNet:
        """The network of all agents of ``world``.

        ``hidden_sizes`` are the widths of an entity's layers. Raises ``ValueError`` for a world that does not
        describe its entities, and for options that this network does not have.
        """
        cls.check(options)
        entities = world.entities()
        if entities is None:
            raise ValueError(
                f"network 'entity' needs a world that describes its entities; {world.name!r} does not"
            )
        if options.sharing != "shared" or separate_critic:
            raise ValueError(
                "network 'entity' is shared by all agents: sharing is 'shared', separate_critic off"
            )
        return cls._made(key, entities, world.num_actions, options, values)

    @classmethod
    def _made(
        cls, key: PRNGKeyArray, entities: Entities, num_actions: int, options: Any, values: bool
    ) -> EntityNet:
        sizes, gain = options.hidden_sizes, math.sqrt(2)
        keys = iter(jax.random.split(key, 64))
        context = sum(level or 1 for level in entities.levels)
        kinds = []
        for kind in entities.kinds:
            features, constants = kind.features.shape[-1], kind.constants.shape[-1]
            first = orthogonal(next(keys), (features + constants, sizes[0]), gain)
            pairs = zip(sizes, sizes[1:], strict=False)
            kinds.append(
                KindLayers(
                    features=first[:features],
                    constants=first[features:],
                    bias=jnp.zeros(sizes[0], jnp.float32),
                    layers=tuple(Dense(next(keys), before, after, gain) for before, after in pairs),
                    verbs=Dense(next(keys), sizes[-1], len(kind.verbs), 0.01),
                )
            )
        seen = 2 * sizes[0] * len(kinds) + sizes[0]
        width = sizes[-1]
        return cls(
            kinds=tuple(kinds),
            contexts=(
                Dense(next(keys), context, sizes[0], 1.0),
                *(Dense(next(keys), width, size, 1.0) for size in sizes[1:]),
            ),
            pooled=Dense(next(keys), seen, width, 1.0),
            verbs=Dense(next(keys), width, len(entities.verbs), 0.01) if entities.verbs else None,
            value_hidden=Dense(next(keys), width, width, 1.0) if values else None,
            value=Dense(next(keys), width, 1, 1.0) if values else None,
            entities=entities,
            num_actions=num_actions,
            activation=options.activation,
        )

    # ------------------------------------------------------------ as every network

    def __call__(
        self, carry: Any, obs: Float32[Array, "agent feature"], first: Bool[Array, ""] | bool
    ) -> tuple[Any, tuple[Float32[Array, "agent action"], Float32[Array, "agent"] | None]]:
        """The carry, logits and values of one step. Values are None without a head."""
        logits: list[Any] = []
        values: list[Any] = [None] * len(obs)
        for agents, packed in zip(self.entities.classes, self.pack(obs), strict=True):
            rows: Any = partial(self.row, agents=agents)
            own, value = jax.vmap(rows)(packed, np.arange(len(agents)))
            logits.append(own)
            for place, agent in enumerate(agents):
                values[agent] = None if value is None else value[place]
        scattered = scatter(self.entities, logits, self.num_actions)
        return carry, (scattered, None if self.value is None else jnp.stack(values))

    def initial_carry(self, num_agents: int) -> tuple[()]:
        return ()

    def with_value_head(self, old: ValueScale, new: ValueScale) -> Self:
        """The network whose values under the scale ``new`` are those of this one under ``old``."""
        value: Any = self.value  # there, as values have a scale
        changed = rescale_head(value.weight, value.bias, old, new)
        return eqx.tree_at(lambda net: (net.value.weight, net.value.bias), self, changed)

    # ------------------------------------------------------------ class by class

    def classes(self, num_agents: int) -> tuple[tuple[int, ...], ...]:
        """The agents of each class."""
        return self.entities.classes

    def order(self, agents: tuple[int, ...]) -> np.ndarray:
        """The action of each logit of a class, by place of the agent in it."""
        return order(self.entities, agents)

    def pack(self, obs: Float32[Array, "agent feature"]) -> tuple[Packed, ...]:
        """What the classes observe, axes [agent of the class, ...]."""
        return pack(self.entities, obs)

    def narrowed(self, packed: Packed) -> Packed:
        """What this network reads of a class, packed from observations with more features behind its own."""
        counts = [kind.features.shape[-1] for kind in self.entities.kinds]
        features = tuple(x[..., :n] for x, n in zip(packed.features, counts, strict=True))
        context = packed.context[..., : sum(level or 1 for level in self.entities.levels)]
        return Packed(features, packed.exists, context)

    def feature_weights(self, kind: int) -> Float32[Array, "feature width"]:
        """The first layer's weights of a kind, for features as they are observed."""
        weights, scales = self.kinds[kind].features, self.entities.kinds[kind].scales
        return weights if scales is None else weights * jnp.asarray(scales)[:, None]

    def row(
        self, packed: Packed, place: Int[Array, ""], agents: tuple[int, ...]
    ) -> tuple[Float32[Array, "logit"], Float32[Array, ""] | None]:
        """Logits in the order of the class ``agents``, and the value, of one agent.

        ``place`` is the agent's position in the class.
        """
        activate = ACTIVATIONS[self.activation]
        added = jnp.tanh(self.contexts[0](packed.context))
        hidden, pooled = [], [added]
        for number, (features, exists) in enumerate(zip(packed.features, packed.exists, strict=True)):
            layers, kind = self.kinds[number], self.entities.kinds[number]
            constants = of_class(kind.constants, kind.agents, agents)
            fixed = (constants @ layers.constants)[place] + (layers.bias + added)[None, None]
            entity = activate(features @ self.feature_weights(number) + fixed)
            there = entity * exists[..., None].astype(entity.dtype)
            pooled.append(jnp.sum(there, axis=(0, 1)) / exists.shape[-1])
            pooled.append(jnp.max(there, axis=(0, 1)))
            hidden.append(entity)
        agent = jnp.tanh(self.pooled(jnp.concatenate(pooled)))
        logits = []
        for layers, entity in zip(self.kinds, hidden, strict=True):
            for layer, context in zip(layers.layers, self.contexts[1:], strict=True):
                entity = activate(entity @ layer.weight + (layer.bias + context(agent))[None, None])
            logits.append((entity @ layers.verbs.weight + layers.verbs.bias[None, None]).reshape(-1))
        if self.verbs is not None:
            logits.append(self.verbs(agent))
        value = None
        if self.value is not None and self.value_hidden is not None:
            value = self.value(jnp.tanh(self.value_hidden(agent)))[0]
        return jnp.concatenate(logits), value


def pack(entities: Entities, obs: Float32[Array, "agent feature"]) -> tuple[Packed, ...]:
    """What the classes of ``entities`` observe, axes [agent of the class, ...]."""
    padded = jnp.pad(obs, ((0, 0), (0, 1)))  # NONE reads the zero at the end

    def read(agent: int, places: np.ndarray) -> Array:
        return padded[agent][places]

    packed = []
    for agents in entities.classes:
        features, exists = [], []
        for kind in entities.kinds:
            groups = {agent: np.flatnonzero(np.array(kind.agents) == agent) for agent in agents}
            features.append(jnp.stack([read(a, kind.features[g]) for a, g in groups.items()]))
            there = [(read(a, kind.exists[g]) > 0) | (kind.exists[g] == NONE) for a, g in groups.items()]
            exists.append(jnp.stack(there))
        context = jnp.stack([_context(entities, read(a, entities.context[a])) for a in agents])
        packed.append(Packed(tuple(features), tuple(exists), context))
    return tuple(packed)


def scatter(
    entities: Entities, logits: Sequence[Float32[Array, "_ _"]], num_actions: int
) -> Float32[Array, "agent action"]:
    """Logits of the classes, [place, logit] of each, as those of all agents' actions.

    An action without one was never legal where the network learned, and is never chosen where it is.
    """
    rows: list[Any] = [None] * len(entities.actions)
    for agents, own in zip(entities.classes, logits, strict=True):
        padded = jnp.pad(own, ((0, 0), (0, 1)), constant_values=ILLEGAL)
        for place, agent in enumerate(agents):
            rows[agent] = padded[place][_inverse(entities, agents, num_actions)[place]]
    return jnp.stack(rows)


def _context(entities: Entities, features: Float32[Array, "feature"]) -> Float32[Array, "context"]:
    """Context features, with those that have levels read one-hot."""
    columns = [
        jax.nn.one_hot(features[i].astype(jnp.int32), level, dtype=features.dtype)
        if level
        else features[i][None]
        for i, level in enumerate(entities.levels)
    ]
    return jnp.concatenate(columns)


def of_class(rows: np.ndarray, owners: tuple[int, ...], agents: tuple[int, ...]) -> np.ndarray:
    """Rows [group, ...] as [agent of the class, group of the agent, ...]."""
    return np.stack([rows[np.array(owners) == agent] for agent in agents])


@lru_cache(maxsize=64)
def order(entities: Entities, agents: tuple[int, ...]) -> np.ndarray:
    """The action of each logit of a class, by place of the agent in it; NONE where there is none."""
    parts = [of_class(kind.actions, kind.agents, agents).reshape(len(agents), -1) for kind in entities.kinds]
    return np.concatenate([*parts, entities.actions[list(agents)]], axis=1)


@lru_cache(maxsize=64)
def _inverse(entities: Entities, agents: tuple[int, ...], num_actions: int) -> np.ndarray:
    """The logit of each action, by place of the agent in its class; past the last where there is none."""
    logits = order(entities, agents)
    inverse = np.full((len(agents), num_actions), logits.shape[1])
    for place, row in enumerate(logits):
        real = np.flatnonzero(row != NONE)
        inverse[place, row[real]] = real
    return inverse
