"""A probe world of a graph; see :mod:`garrison.worlds.toy.probes`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.entities import NONE, Graph, Kind
from garrison.core.policy import Actions
from garrison.core.typing import Array, Bool, Float32, Shaped
from garrison.worlds.toy.probes import Probe, ProbeState

NEIGHBORS = 4
#: which neighbors say right: two of them, so that all together say nothing; bool[arrangement, neighbor]
SAY_RIGHT = np.array([np.isin(range(NEIGHBORS), pair) for pair in combinations(range(NEIGHBORS), 2)])


def adjacency(agent: int, obs: Float32[Array, "feature"]) -> Bool[Array, "node node"]:
    """The learner's node is adjacent to the neighbor that its vector names, and each node to itself."""
    named = jnp.pad(obs[1 + NEIGHBORS :] > 0, (1, 0))
    found = jnp.zeros((1 + NEIGHBORS, 1 + NEIGHBORS), bool).at[0].set(named)
    return found | found.T | jnp.eye(1 + NEIGHBORS, dtype=bool)


def _kind(name: str, features: list[int]) -> Kind:
    """Nodes with a feature each, and no actions on them."""
    slots = len(features)
    return Kind(
        name=name,
        agents=(0,),
        features=np.array(features, np.int32).reshape(1, slots, 1),
        constants=np.zeros((1, slots, 0), np.float32),
        exists=np.full((1, slots), NONE, np.int32),
        actions=np.zeros((1, slots, 0), np.int32),
        verbs=(),
    )


_GRAPH = Graph(
    kinds=(_kind("learner", [0]), _kind("neighbor", list(range(1, 1 + NEIGHBORS)))),
    context=np.zeros((1, 1), np.int32),
    levels=(0,),
    actions=np.arange(2, dtype=np.int32)[None],
    verbs=("left", "right"),
    adjacency=adjacency,
    clock=None,
)


@dataclass(frozen=True)
class Neighbor(Probe):
    """One step: the learner has to say what its only neighbor in a graph says.

    Two of the four other nodes say right and two say left. Which of them the neighbor is, only the edges of
    the graph tell: no node's features do.
    """

    name = "toy/graph"
    cues = NEIGHBORS * len(SAY_RIGHT)
    features = (
        "always 1",
        *(f"node {node} says right" for node in range(NEIGHBORS)),
        *(f"node {node} is the neighbor" for node in range(NEIGHBORS)),
    )

    def observe(self, state: ProbeState) -> Shaped[Array, "feature"]:
        says = jnp.asarray(SAY_RIGHT)[state.cue // NEIGHBORS].astype(jnp.float32)
        neighbor = jax.nn.one_hot(state.cue % NEIGHBORS, NEIGHBORS)
        return jnp.concatenate([jnp.ones(1), says, neighbor])

    def reward(self, state: ProbeState, actions: Actions) -> Shaped[Array, "agent"]:
        says = jnp.asarray(SAY_RIGHT)[state.cue // NEIGHBORS, state.cue % NEIGHBORS]
        return actions == says

    def graph(self, side: str | None = None) -> Graph:
        self.side_agents(side)
        return _GRAPH
