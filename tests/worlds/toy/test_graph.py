"""What the neighbor says, and that features alone do not tell who the neighbor is."""

import jax
import jax.numpy as jnp
import numpy as np

from garrison.worlds.toy.graph import NEIGHBORS, SAY_RIGHT, Neighbor, adjacency
from garrison.worlds.toy.probes import ProbeState

WORLD = Neighbor()
EVERY = ProbeState(time=jnp.zeros(WORLD.cues, jnp.int32), cue=jnp.arange(WORLD.cues, dtype=jnp.int32))


def test_the_neighbor_is_right():
    obs = np.asarray(jax.vmap(WORLD.observe)(EVERY))
    says, neighbor = obs[:, 1 : 1 + NEIGHBORS], obs[:, 1 + NEIGHBORS :]
    assert (neighbor.sum(axis=1) == 1).all()
    assert (says.sum(axis=1) == NEIGHBORS / 2).all()
    answer = (says * neighbor).sum(axis=1)
    for action in (0, 1):
        paid = jax.vmap(lambda state, action=action: WORLD.reward(state, jnp.array([action])))(EVERY)
        np.testing.assert_array_equal(np.asarray(paid)[:, 0], answer == action)
    assert answer.mean() == 0.5
    assert len(np.unique(obs, axis=0)) == WORLD.cues == 4 * len(SAY_RIGHT)


def test_the_graph_has_the_edge_that_the_vector_names():
    for number in (0, 3, 22):
        state = EVERY.replace(cue=EVERY.cue[number], time=EVERY.time[number])
        edges = np.asarray(adjacency(0, WORLD.observe(state)))
        np.testing.assert_array_equal(edges, edges.T)
        assert edges.diagonal().all()
        assert np.flatnonzero(edges[0]).tolist() == [0, 1 + number % NEIGHBORS]
        assert edges.sum() == len(edges) + 2
    places = WORLD.graph().kinds[1].features[0, :, 0]
    assert [WORLD.features[i] for i in places] == [f"node {i} says right" for i in range(NEIGHBORS)]
