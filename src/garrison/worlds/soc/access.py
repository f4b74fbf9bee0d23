"""What red reaches from where (``soc-rules.md §3.3, §3.4``).

A passage is an ``int32`` of port bits from one of six zones (the internet last) into one of five. It is
computed twice: of the truth, and as red believes it, which takes every level for normal and every credential
that it holds for valid. What red has tried (``red_tried``) it observes; it does not narrow its beliefs, so
that it may try again.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32, Integer
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import routes


def own(state: State, red: Integer[Array, ""]) -> Bool[Array, "host"]:
    """Hosts with a session of a red agent, dormant ones too."""
    return (state.host_priv > 0) & (state.host_owner == red)


def usable(game: Game, state: State, red: Integer[Array, ""]) -> Bool[Array, "host"]:
    """Hosts with a session of a red agent from which it can act: online, in a zone that is not closed."""
    open_zone = (state.zone_level != routes.Level.CLOSED)[game.zone]
    return own(state, red) & (state.host_status == T.Status.ONLINE) & open_zone


def valid(state: State, red: Integer[Array, ""]) -> Bool[Array, "scope"]:
    """Scopes of which a red agent holds the present credential. Expired ones are gone (:mod:`identity`)."""
    return held(state, red) & (state.token_epoch[red] == state.scope_epoch)


def held(state: State, red: Integer[Array, ""]) -> Bool[Array, "scope"]:
    """Scopes of which a red agent holds some credential, as it believes a good one."""
    return state.token_epoch[red] >= 0


def routes_at(game: Game, level: Integer[Array, "zone"]) -> Int32[Array, "from zone"]:
    """Open ports from each zone into each at these levels, whatever the gate."""
    to_ot = jnp.asarray(game.options.guest_to_ot).astype(jnp.uint32)
    allow = jnp.asarray(routes.ALLOW, jnp.int32)[to_ot]
    return allow[level.astype(jnp.uint32), :, np.arange(T.NUM_ZONES)].T  # at the level of the zone entered


def passes(
    game: Game, state: State, red: Integer[Array, ""], scopes: Bool[Array, "scope"]
) -> Bool[Array, "from zone"]:
    """Whether the gate opens from each zone into each, for a red agent with these scopes (``§3.4``)."""
    zones, sources = np.arange(T.NUM_ZONES), np.arange(T.NUM_ZONES + 1)[:, None]
    to_ot = jnp.asarray(game.options.guest_to_ot)
    engineer = usable(game, state, red) & (state.host_role == T.Role.ENGINEERING_WORKSTATION)
    gate = routes.GATE.astype(int)
    opened = (gate < 0) | scopes[np.maximum(gate, 0)] | (jnp.any(engineer) & (zones == T.Zone.OT))
    ungated = (sources == zones[None]) | (sources == T.Zone.GUEST) & (to_ot & (zones == T.Zone.OT))[None]
    return opened[None] | ungated


def believed(game: Game, state: State, red: Integer[Array, ""]) -> Int32[Array, "from zone"]:
    """Passages as a red agent believes them."""
    normal = jnp.full(T.NUM_ZONES, routes.Level.NORMAL, jnp.int32)
    return jnp.where(passes(game, state, red, held(state, red)), routes_at(game, normal), 0)


def footing(game: Game, state: State, red: Integer[Array, ""]) -> Bool[Array, "from"]:
    """Zones from which a red agent can act: those of its usable sessions, and the internet."""
    zones = jnp.arange(T.NUM_ZONES)
    sessions = usable(game, state, red)[None] & (game.zone[None] == zones[:, None])
    return jnp.append(jnp.any(sessions, axis=1), True)


def into(passages: Int32[Array, "from zone"], footing: Bool[Array, "from"]) -> Int32[Array, "zone"]:
    """Port bits that are open into each zone from where red has a footing."""
    from_there = jnp.where(footing[:, None], passages, 0)
    return jax.lax.reduce(from_there, jnp.int32(0), jax.lax.bitwise_or, (0,))


def source(
    game: Game,
    state: State,
    red: Integer[Array, ""],
    passages: Int32[Array, "from zone"],
    zone: Integer[Array, ""],
    ports: Integer[Array, ""],
) -> Int32[Array, ""]:
    """The session from which red acts on a zone through one of ``ports``; ``NO_HOST``: the internet.

    Sessions in the zone itself come first, then the higher privilege, then the lowest slot.
    """
    fits = usable(game, state, red) & (passages[game.zone, zone] & ports > 0)
    score = 1 + 4 * (game.zone == zone) + state.host_priv.astype(jnp.int32)
    score = jnp.where(fits, score, 0)
    return jnp.where(jnp.any(fits), jnp.argmax(score), T.NO_HOST).astype(jnp.int32)


def zone_of(game: Game, host: Integer[Array, "*shape"]) -> Int32[Array, "*shape"]:
    """Zone of a slot, the internet of ``NO_HOST``."""
    inside = jnp.minimum(host, game.static.hosts - 1)
    return jnp.where(host == T.NO_HOST, int(T.Zone.INTERNET), game.zone[inside])
