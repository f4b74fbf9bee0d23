"""Credentials: theft, expiry, rotation, and what C2 keeps (``soc-rules.md §3.4, §4.2``)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Integer
from garrison.worlds.soc.choose import unpacked
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L


def expire(state: State, when: Bool[Array, ""]) -> State:
    """All stolen credentials that are due lapse."""
    due = when & (state.token_expiry <= state.time)
    return state.replace(
        token_epoch=jnp.where(due, -1, state.token_epoch).astype(jnp.int16),
        token_expiry=jnp.where(due, L.NEVER, state.token_expiry),
    )


def steal(
    game: Game,
    state: State,
    when: Bool[Array, ""],
    red: Integer[Array, ""],
    cached: Integer[Array, ""],
    honey: Bool[Array, ""],
) -> State:
    """A red agent takes the scopes of ``cached`` at their epoch, and perhaps a honeytoken."""
    reds = jnp.arange(game.static.reds) == red
    taken = (when & reds)[:, None] & unpacked(cached, T.NUM_SCOPES)[None]
    until = state.time + 1000 * jnp.asarray(game.options.token_lifetime, jnp.int32)
    return state.replace(
        token_epoch=jnp.where(taken, state.scope_epoch[None], state.token_epoch),
        token_expiry=jnp.where(taken, until[None], state.token_expiry),
        token_honey=state.token_honey | when & reds & honey,
    )


def rotate(state: State, when: Bool[Array, ""], scope: Integer[Array, ""]) -> State:
    """A new epoch of a scope: nobody's old credentials are good, and users log on again for a while."""
    chosen = when & (jnp.arange(T.NUM_SCOPES) == scope)
    kept = ~jnp.where(when, jnp.left_shift(1, scope), 0).astype(jnp.uint8)
    return state.replace(
        scope_epoch=state.scope_epoch + chosen.astype(jnp.int16),
        scope_rotated=jnp.where(chosen, state.time, state.scope_rotated),
        reauth_until=jnp.where(chosen, state.time + T.REAUTH_MS, state.reauth_until),
        host_cached=state.host_cached & kept,
    )


def share(game: Game, state: State, when: Bool[Array, ""], red: Integer[Array, ""]) -> State:
    """R17: a red agent's knowledge goes to C2, and to the other red agent.

    What the other one gets: hosts known to either; the sender's pictures of hosts that it has none of;
    credentials that lapse later than its own; the honeytoken.
    """
    mine = when & (jnp.arange(game.static.reds) == red)
    row = mine[:, None]
    shared = state.replace(
        c2_known=jnp.where(row, state.red_known, state.c2_known),
        c2_scan=jnp.where(row, state.red_scan, state.c2_scan),
        c2_scan_false=jnp.where(row, state.red_scan_false, state.c2_scan_false),
        c2_token_epoch=jnp.where(row, state.token_epoch, state.c2_token_epoch),
        c2_token_expiry=jnp.where(row, state.token_expiry, state.c2_token_expiry),
        c2_token_honey=jnp.where(mine, state.token_honey, state.c2_token_honey),
        c2_time=jnp.where(mine, state.time, state.c2_time),
    )
    if game.static.reds == 1:
        return shared
    other = (when & ~mine)[:, None]
    scanned = other & (state.red_scan[red] > 0)[None] & (state.red_scan == 0)
    expiry = jnp.where(state.token_epoch < 0, -1, state.token_expiry)
    better = other & (state.token_epoch[red] >= 0)[None] & (expiry < expiry[red][None])
    return shared.replace(
        red_known=state.red_known | other & state.red_known[red][None],
        red_scan=jnp.where(scanned, state.red_scan[red][None], state.red_scan),
        red_scan_false=jnp.where(scanned, state.red_scan_false[red][None], state.red_scan_false),
        token_epoch=jnp.where(better, state.token_epoch[red][None], state.token_epoch),
        token_expiry=jnp.where(better, state.token_expiry[red][None], state.token_expiry),
        token_honey=state.token_honey | when & state.token_honey[red],
    )


def fall_back(game: Game, state: State, before: State) -> State:
    """A red agent that lost its last session keeps what C2 has, the dmz, and its starting hosts.

    Credentials in C2 that expired meanwhile are gone.
    """
    has = _has_session(game, state)
    lost = _has_session(game, before) & ~has
    first = known_at_start(game)
    row = lost[:, None]
    lapsed = state.c2_token_expiry <= state.time
    epoch = jnp.where(lapsed, -1, state.c2_token_epoch).astype(jnp.int16)
    return state.replace(
        red_known=jnp.where(row, state.c2_known | first, state.red_known),
        red_scan=jnp.where(row, state.c2_scan, state.red_scan),
        red_scan_false=jnp.where(row, state.c2_scan_false, state.red_scan_false),
        token_epoch=jnp.where(row, epoch, state.token_epoch),
        token_expiry=jnp.where(row, jnp.where(lapsed, L.NEVER, state.c2_token_expiry), state.token_expiry),
        token_honey=jnp.where(lost, state.c2_token_honey, state.token_honey),
    )


def known_at_start(game: Game) -> Bool[Array, "red host"]:
    """Hosts that red knows at reset: the dmz, and the first agent its footholds."""
    topology, reds = game.topology, game.static.reds
    dmz = topology.start_exists & (game.zone == T.Zone.DMZ)
    footholds = (jnp.arange(reds) == 0)[:, None] & (topology.start_priv > 0)[None]
    return dmz[None] | footholds


def _has_session(game: Game, state: State) -> Bool[Array, "red"]:
    reds = jnp.arange(game.static.reds)
    owned = (state.host_priv > 0)[None] & (state.host_owner[None] == reds[:, None])
    return jnp.any(owned, axis=1)
