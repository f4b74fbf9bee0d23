"""What red's agents observe (``§6.5``): their knowledge, their sessions, and their own results."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Float32, Int32
from garrison.worlds.soc import access, blocks
from garrison.worlds.soc.choose import unpacked
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import scenarios as S

_PORTS = tuple(port.name.lower() for port in T.Port)
HOST_LABELS = (
    *("known", "visited", "scanned"),
    *(f"port {name}" for name in _PORTS),
    *(f"weakness {name}" for name in T.WEAKNESS_NAMES),
    *("session", "User", "Root", "dormant", "implant", "data left", "EDR", "encrypted", "fragmented"),
    *(f"is {role.name.lower()}" for role in T.Role),
)
HOST_FEATURES = len(HOST_LABELS)
_SELF_LABELS = (
    *blocks.last_labels([kind.name.lower() for kind in R.Red][: R.NUM_KINDS]),
    *("target of the last action", "energy", "funds", "loot", "C2 has a copy", "log age of C2's copy"),
    *(f"scenario {scenario.name.lower()}" for scenario in S.Scenario),
)
_OTHER_LABELS = (
    *(f"{scope}: {what}" for scope in T.SCOPE_NAMES for what in ("held", "time held", "time left")),
    *(
        f"{zone}: {port} {what}"
        for zone in T.ZONE_NAMES[:-1]
        for port in _PORTS
        for what in ("open", "blocked")
    ),
)
ZONE_FEATURES = 2 * len(_PORTS)
HOSTS_START = len(blocks.TIME_LABELS) + len(_SELF_LABELS) + len(_OTHER_LABELS)  #: first feature of the hosts
ZONES_START = HOSTS_START - ZONE_FEATURES * T.NUM_ZONES  #: first feature of the zones


def size(static: Static) -> int:
    """Length of a red agent's vector."""
    return HOSTS_START + HOST_FEATURES * static.hosts


def labels(static: Static) -> list[str]:
    """One label per feature."""
    found = [*blocks.TIME_LABELS, *_SELF_LABELS, *_OTHER_LABELS]
    return found + [f"host {slot}: {label}" for slot in range(static.hosts) for label in HOST_LABELS]


def vectors(game: Game, state: State) -> Float32[Array, "red feature"]:
    """Observations of the red agents."""
    _, red = blocks.side_agents(game.static.num_agents)
    number = jnp.arange(game.static.reds)
    hosts = jax.vmap(lambda one: _hosts(game, state, one))(number)
    return jnp.concatenate(
        [
            blocks.time_block(game, state, red),
            blocks.last_block(state, red, R.NUM_KINDS),
            _self(game, state, red),
            _others(game, state),
            hosts.reshape(game.static.reds, -1),
        ],
        axis=1,
    )


def _self(game: Game, state: State, red: slice) -> Float32[Array, "red feature"]:
    reds, hosts = game.static.reds, game.static.hosts
    target = state.last_target[red].astype(jnp.float32)
    place = jnp.where(state.last_target[red] == T.NO_HOST, 0, (target + 1) / hosts)
    same = lambda value: jnp.broadcast_to(value, reds)  # noqa: E731
    columns = [
        place,
        blocks.energy_share(state, red),
        same(blocks.funds_share(state, 1)),
        same(state.loot.astype(jnp.float32) / T.DATA_UNITS),
        (state.c2_time > 0).astype(jnp.float32),
        blocks.age_of(state.time, state.c2_time, state.c2_time > 0),
    ]
    scenario = blocks.one_hot(jnp.asarray(game.options.scenario), len(S.Scenario))
    return jnp.concatenate(
        [jnp.stack(columns, axis=1), jnp.broadcast_to(scenario[None], (reds, len(S.Scenario)))], axis=1
    )


def _others(game: Game, state: State) -> Float32[Array, "red feature"]:
    """Credentials with their age and what is left of their time; ports of zones as far as tried."""
    held = state.token_epoch >= 0
    lifetime = 1000 * jnp.asarray(game.options.token_lifetime, jnp.int32)[None]
    left = jnp.where(held, state.token_expiry - state.time, 0)
    age: Int32[Array, "red scope"] = jnp.where(held, lifetime - left, 0)
    hours = lambda ms: ms.astype(jnp.float32) / S.HOUR_MS  # noqa: E731
    tokens = jnp.stack([held.astype(jnp.float32), hours(age), hours(left)], axis=-1)
    tried = blocks.one_hot(state.red_tried, 3)[..., 1:]
    reds = game.static.reds
    return jnp.concatenate([tokens.reshape(reds, -1), tried.reshape(reds, -1)], axis=1)


def _hosts(game: Game, state: State, red: Int32[Array, ""]) -> Float32[Array, "host feature"]:
    """What one red agent knows of each host; of those under its sessions, what is true."""
    scan = state.red_scan[red].astype(jnp.int32)
    own, usable = access.own(state, red), access.usable(game, state, red)
    ports = unpacked(scan, T.NUM_PORTS + T.NUM_WEAKNESSES).T
    left = (state.host_data - state.host_taken).astype(jnp.float32) / T.DATA_UNITS
    flags = jnp.stack(
        [
            own,
            own & (state.host_priv == T.Privilege.USER),
            own & (state.host_priv == T.Privilege.ROOT),
            own & ~usable,
            own & state.host_implant,
        ],
        axis=1,
    )
    more = jnp.stack([own & state.host_edr, own & state.host_encrypted], axis=1)
    visited = state.red_visited[red]
    role = blocks.one_hot(state.host_role, T.NUM_ROLES) * visited[:, None].astype(jnp.float32)
    fragmented = state.red_known[red] & (state.host_frag_until > state.time)
    known = jnp.stack([state.red_known[red], visited, scan > 0], axis=1)
    parts = [known, ports, flags, jnp.where(own, left, 0)[:, None], more, fragmented[:, None], role]
    return jnp.concatenate([part.astype(jnp.float32) for part in parts], axis=1)
