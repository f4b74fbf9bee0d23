"""What blue knows of the state (``soc-rules.md §2.5, §6.6``)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables.hosts import NUM_BLUE

#: known to all of blue: inventory, deployments, rules, delivered logs and verdicts
KNOWN = (
    *("time", "host_exists", "host_role", "host_weight", "host_home", "host_status", "host_edr"),
    *("host_decoy", "host_honeytoken", "host_false_scans", "zone_level", "scope_rotated", "reauth_until"),
    *("view_verdict", "view_verdict_time", "view_fast", "view_slow", "view_severe", "view_heartbeat"),
    *("message_heard", "plant_value"),
)
_AGENTS = (
    *("agent_kind", "agent_target", "agent_start", "agent_done"),
    *("last_kind", "last_target", "last_outcome", "last_duration", "energy"),
)
#: how many rows blue knows of what agents and sides have: its own
OWN = dict.fromkeys(_AGENTS, NUM_BLUE) | {"funds": 1}


def blue_view(state: State) -> State:
    """The state with zeros in place of all that blue does not know.

    Observations and masks of blue are made from the result, so that nothing hidden gets into them.
    """
    return state.replace(**{name: _known(name, value) for name, value in vars(state).items()})


def _known(name: str, value: Array) -> Array:
    if name in KNOWN:
        return value
    if name in OWN:
        return jnp.where(jnp.arange(value.shape[0]) < OWN[name], value, 0).astype(value.dtype)
    return jnp.zeros_like(value)
