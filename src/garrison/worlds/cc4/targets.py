"""What blue's actions are aimed at: hosts, in the state that red keeps of them, and as they are.

It has the form of :class:`garrison.judge.targets.Targets`.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions
from garrison.core.typing import Array, Bool, Int32, UInt8
from garrison.core.world import Step
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import red
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.behavior import footholds

_KINDS = (T.Blue.ANALYSE, T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY)
_KIND_OF = np.array([_KINDS.index(kind) if kind in _KINDS else 0 for kind in T.Blue], np.uint8)
_NOWHERE = T.NUM_HOSTS  # target of other actions


def _owners() -> np.ndarray:
    """The agent that can act on each host, -1 for none: ``int[host]``."""
    owners = np.full(T.NUM_HOSTS, -1)
    for agent, rows in enumerate(T.BLUE_ACTIONS):
        owners[rows[rows[:, 1] != T.NO_HOST, 1]] = agent
    return owners


class Blue:
    """See the module. States are episodes of one environment, against a red with a finite-state machine.

    Red's state of a host is that of the agent which owns its subnet. Where that has not heard of it, it is
    the highest of the others, R above U above S above K above F. It is the one with which red chooses in the
    same step, so that both sides have seen as much.
    """

    kinds = tuple(T.BLUE_NAMES[kind] for kind in _KINDS)
    owners = _owners()
    views = {
        "red's state": ("unknown", *(state.name for state in list(T.Fsm)[1:])),
        "red's foothold": ("none", "user shell", "root"),
    }
    severity = "red's foothold"
    #: place of each of red's states in a picture, and which follows which
    graph = (
        ((0, 0.5), (1, 1), (1, 0), (2, 1), (2, 0), (3, 1), (3, 0), (4, 1), (4, 0), (5, 0.5)),
        tuple(
            (int(state), int(after))
            for state in list(T.Fsm)[1:]
            for after in np.unique(T.FSM_SUCCESS[state])
            if after not in (T.Fsm.NONE, state)
        )
        + ((T.Fsm.NONE, T.Fsm.K), (T.Fsm.U, T.Fsm.F)),
    )

    def aims(
        self, state: Any, actions: Actions, after: Any, step: Step
    ) -> tuple[
        Bool[Array, "blue"], UInt8[Array, "blue"], UInt8[Array, "blue"], tuple[UInt8[Array, "host"], ...]
    ]:
        """Who decided, the kind and the host of each, and all hosts' states before the step, by view."""
        events = step.info["events"]
        host = events.blue_submitted_host
        target = jnp.where(host == T.NO_HOST, _NOWHERE, host).astype(jnp.uint8)
        exists = state.topology.host_exists & (self.owners >= 0)
        memory = red.remember(state.red_memory, state.state)
        assert memory is not None  # as the world describes targets
        held, rooted = footholds(state.state)
        states = (believed(memory), jnp.where(rooted, 2, held.astype(jnp.int32)))
        seen = tuple(
            jnp.where(exists, view, len(labels)).astype(jnp.uint8)
            for view, labels in zip(states, self.views.values(), strict=True)
        )
        return state.state.blue_ticks == 0, jnp.asarray(_KIND_OF)[events.blue_submitted], target, seen


def believed(memory: FsmMemory) -> Int32[Array, "host"]:
    """Red's state of each host, of tables.Fsm; see :class:`Blue`."""
    states = memory.host_state.astype(jnp.int32)
    owner = np.minimum(T.HOST_RED, T.NUM_RED - 1)
    own = jnp.where(T.HOST_RED != T.NO_AGENT, states[owner, np.arange(T.NUM_HOSTS)], 0)
    # the ranks of the others' states: F, which is the last, below all others
    rank = jnp.where(states == T.Fsm.F, 1, jnp.where(states > 0, states + 1, 0))
    best = jnp.max(rank, axis=0)
    others = jnp.where(best == 1, int(T.Fsm.F), jnp.maximum(best - 1, 0))
    return jnp.where(own > 0, own, others)


BLUE = Blue()
