"""Where blue loses: by subnet and cause, what nobody can prevent, and how it responds to a foothold.

It has the form of :class:`garrison.judge.diagnosis.Diagnosis`.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32
from garrison.core.world import Step
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import CLEAN, footholds, red_foothold
from garrison.worlds.cc4.reward import losses

CAUSES = ("LWF", "ASF", "RIA", "action_cost")
_DEFENDED = T.HOST_BLUE != T.NO_AGENT
_SUBNETS = tuple(name.removesuffix("_subnet") for name in T.SUBNETS)


class Counters(Struct):
    """Of one episode."""

    loss: Float32[Array, "*env subnet cause"]
    root_steps: Int32[Array, "*env host"]  # how long red has had root there; 0 where it has not
    under_user: Int32[Array, "*env"]  # steps of defended hosts under a user shell of red
    under_root: Int32[Array, "*env"]  # and under root
    needless: Int32[Array, "*env"]  # Restores of hosts where red had no foothold
    restored: Int32[Array, "*env"]  # Restores that ended a root foothold
    waited: Int32[Array, "*env"]  # steps of red's root before them, in all


class Blue:
    """See the module. States are episodes of one environment."""

    def start(self, state: Any) -> Counters:
        zero = jnp.zeros((), jnp.int32)
        return Counters(
            loss=jnp.zeros((T.NUM_SUBNETS, len(CAUSES)), jnp.float32),
            root_steps=jnp.zeros(T.NUM_HOSTS, jnp.int32),
            under_user=zero,
            under_root=zero,
            needless=zero,
            restored=zero,
            waited=zero,
        )

    def add(self, counters: Counters, state: Any, actions: Actions, after: Any, step: Step) -> Counters:
        events = step.info["events"]
        held, rooted = footholds(after.state)
        ended = (events.blue_kind == T.Blue.RESTORE) & (events.blue_outcome == T.Outcome.TRUE)
        host = jnp.where(ended, events.blue_host, T.NO_HOST)
        restored = jnp.any(host[None] == jnp.arange(T.NUM_HOSTS)[:, None], axis=1)
        had_root = restored & (counters.root_steps > 0) & ~rooted
        ordered = (events.blue_submitted == T.Blue.RESTORE) & (state.state.blue_ticks == 0)
        clean = red_foothold(state.state, events.blue_submitted_host) == CLEAN
        return Counters(
            loss=counters.loss + losses(after.options, after.state, events),
            root_steps=jnp.where(rooted, counters.root_steps + 1, 0),
            under_user=counters.under_user + _count(held & ~rooted & _DEFENDED),
            under_root=counters.under_root + _count(rooted & _DEFENDED),
            needless=counters.needless + _count(ordered & clean),
            restored=counters.restored + _count(had_root),
            waited=counters.waited + jnp.sum(jnp.where(had_root, counters.root_steps, 0), dtype=jnp.int32),
        )

    def found(self, counters: Counters, returns: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        loss = np.asarray(counters.loss, np.float64)
        unpreventable = loss[..., T.CON, CAUSES.index("RIA")]
        restored, waited = (np.asarray(x, np.float64) for x in (counters.restored, counters.waited))
        numbers = {
            "controllable return": returns - unpreventable,
            "impacts on the contractor network, which nobody can prevent": unpreventable,
            "needless Restores: red had no foothold": counters.needless,
            "Restores that ended a root foothold": restored,
            "steps from root to the end of such a Restore": np.where(
                restored > 0, waited / np.maximum(restored, 1), np.nan
            ),
            "host-steps under a user shell": counters.under_user,
            "host-steps under root": counters.under_root,
        }
        numbers = {name: np.asarray(values, np.float64) for name, values in numbers.items()}
        return numbers, {"loss by subnet": (_SUBNETS, CAUSES, loss)}


def _count(flags: Bool[Array, "..."]) -> Int32[Array, ""]:
    return jnp.sum(flags, dtype=jnp.int32)


BLUE = Blue()
