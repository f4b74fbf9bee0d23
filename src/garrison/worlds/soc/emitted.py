"""What each event may leave in the logs (``soc-rules.md §4.2-4.5, §5.2``)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32, Integer, UInt32
from garrison.worlds.soc.actions.attempt import Attempt
from garrison.worlds.soc.actions.context import TARGET, Done
from garrison.worlds.soc.actions.effects import SIDE
from garrison.worlds.soc.choose import first, permille, pick
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import noise
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import scenarios as S
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.tables.actions import Outcome, Target
from garrison.worlds.soc.telemetry import OWN_PORT, Tokens

_IDS, _ALERT = 2, 3  # places of ids or a trap, and of edr_alert, among the tokens of a completion
_FLOW = 31  #: the flow of the port class that is used
#: tokens of a completion: type and chance, ``[code, outcome, 4]``, and place, ``[code, 4]``
_TYPE = np.zeros((2 * SIDE, len(Outcome), 4), np.int32)
_CHANCE = np.full((2 * SIDE, len(Outcome), 4), 1000, np.int32)
_PLACE = np.zeros((2 * SIDE, 4), np.int32)
#: token of a start, ``[code]``
_START = np.zeros(2 * SIDE, np.int32)
for _side, _rows in ((0, B.ROWS), (SIDE, R.ROWS)):
    for _kind, _row in _rows.items():
        _code = _side + _kind
        if (_begun := _row.at_start) is not None:
            _START[_code] = _FLOW if _begun.type is None else _begun.type
        for _i, _token in enumerate(_row.at_completion):
            if _token is None or _token.type is None:
                continue
            for _outcome, _emits in ((Outcome.SUCCESS, _token.success), (Outcome.FAILED, _token.failure)):
                _TYPE[_code, _outcome, _i] = _token.type * _emits
                _CHANCE[_code, _outcome, _i] = _token.chance
            _PLACE[_code, _i] = _token.place
for _kind in R.EXPLOITS:
    _TYPE[SIDE + _kind, Outcome.CAUGHT, _IDS] = K.Token.DECOY_TOUCH
_TYPE[SIDE + R.Red.PASS_THE_TICKET, Outcome.CAUGHT, _IDS] = K.Token.HONEYTOKEN_USE
for _kind in R.SEEN_BY_EDR:
    for _outcome in (Outcome.SUCCESS, Outcome.FAILED, Outcome.CAUGHT):
        _TYPE[SIDE + _kind, _outcome, _ALERT] = K.Token.EDR_ALERT
        _CHANCE[SIDE + _kind, _outcome, _ALERT] = B.EDR_ALERT_CHANCE
#: zone whose controller logs actions on a scope: the first one that it opens
_SCOPE_ZONE = np.argmax(T.SCOPE_ZONES, axis=1).astype(np.uint32)
#: draw of a delay that gives the quantile of noise, ``[bits]``
_DELAY = np.array([noise.delay_quantile(bits) / 64 for bits in range(1 << noise.DELAY_BITS)], np.float32)
_LOGON = np.array([K.Token.AUTH_OK, K.Token.KERB_TGT, 0, 0], np.int32)


def of_event(
    done: Done, made: Attempt, outcome: Int32[Array, ""], after: State, logged_on: Int32[Array, ""]
) -> Tokens:
    """Tokens of a completion or a logon, and of a host that left the status ``ONLINE``.

    Args:
        done: the action that completes; its state is the one before the event.
        made: what came of it, if it is red's.
        outcome: of the action.
        after: the state with its effects.
        logged_on: host of a logon, ``NO_HOST`` where there is none.
    """
    row, code, logs_on = done.row, done.code, logged_on != T.NO_HOST
    result = outcome.astype(jnp.uint32)
    type, chance = jnp.asarray(_TYPE)[code, result], jnp.asarray(_CHANCE)[code, result]
    exposed = made.exposed & (np.arange(4) == _IDS)  # a picture was false (§4.4)
    type = jnp.where(exposed, K.Token.IDS, jnp.where(logs_on, jnp.asarray(_LOGON), type))
    chance = jnp.where(exposed, B.FALSE_PICTURE_IDS, chance)
    host, other = _places(done, type)
    host, other = jnp.where(logs_on, logged_on, host), jnp.where(logs_on, T.NO_HOST, other)
    type = jnp.where(host == T.NO_HOST, 0, type)
    left = done.state.host_exists & (done.state.host_status == T.Status.ONLINE)
    left = left & (after.host_status != T.Status.ONLINE)
    down = first(left, T.NO_HOST)[None]
    none = jnp.full(1, T.NO_HOST, jnp.int32)
    kept = jnp.append(row.token[:, 0], row.host[done.slot])
    return Tokens(
        type=jnp.append(type, jnp.where(down == T.NO_HOST, 0, K.Token.HOST_DOWN)),
        host=jnp.append(host, down),
        other=jnp.append(other, none),
        port=jnp.full(5, OWN_PORT, jnp.int32),
        value=jnp.append(permille(kept), 0),
        chance=jnp.append(chance, 1000),
        failed=jnp.broadcast_to(outcome == Outcome.FAILED, 5) & ~logs_on,
        red=jnp.broadcast_to(code >= SIDE, 5),
        delay=jnp.concatenate([row.token[:, 1], jnp.stack([row.gap, jnp.zeros_like(row.gap)])]),
    )


def _places(done: Done, type: Int32[Array, "4"]) -> tuple[Int32[Array, "4"], Int32[Array, "4"]]:
    """Where the tokens of a completion are recorded, and their other ends; ``NO_HOST`` for nowhere."""
    state, zone = done.state, layout(done.game.static).zone
    source = state.agent_source[done.agent].astype(jnp.int32)
    slot = done.slot.astype(jnp.int32)
    of_scope = jnp.asarray(TARGET)[done.code] == Target.SCOPE
    scope = jnp.minimum(done.target, T.NUM_SCOPES - 1)
    about = jnp.where(of_scope, jnp.asarray(_SCOPE_ZONE)[scope], done.zone)
    charge = jnp.asarray(K.DIRECTORY_ZONE)[about]
    controllers = state.host_exists & (state.host_role == T.Role.DOMAIN_CONTROLLER) & (zone == charge)
    online = state.host_exists & (state.host_status == T.Status.ONLINE) & (zone == done.zone)
    drawn = jax.vmap(pick, (0, None))(done.row.host[:3], online)
    drawn = jnp.append(jnp.where(jnp.any(online), drawn, T.NO_HOST), T.NO_HOST)
    same = lambda host: jnp.broadcast_to(host, 4)  # noqa: E731
    options = jnp.stack([same(slot), same(source), same(first(controllers, T.NO_HOST)), drawn])
    host = options[jnp.asarray(_PLACE)[done.code], np.arange(4)]
    # a honeytoken names the host that it was used from (§4.4)
    named = (type == K.Token.HONEYTOKEN_USE) & (source != T.NO_HOST)
    host = jnp.where(named, source, host)
    other = jnp.where(named, slot, source)
    return host, jnp.where(other == host, T.NO_HOST, other)


def of_start(
    game: Game,
    state: State,
    when: Bool[Array, ""],
    agent: UInt32[Array, ""],
    code: UInt32[Array, ""],
    bit: Int32[Array, ""],
    u: Float32[Array, "2"],
) -> Tokens:
    """The token of an action that starts where ``when``; ``bit`` is that of the port class it will use."""
    host, source = state.agent_target[agent].astype(jnp.int32), state.agent_source[agent].astype(jnp.int32)
    type = jnp.asarray(_START)[code]
    port = jnp.where(type == _FLOW, 31 - jax.lax.clz(jnp.maximum(bit, 1)), OWN_PORT)
    type = jnp.where(type == _FLOW, jnp.asarray(K.PORT_FLOW)[port], type)
    one = lambda value, dtype: jnp.asarray(value, dtype)[None]  # noqa: E731
    return Tokens(
        type=one(jnp.where(when, type, 0), jnp.int32),
        host=one(jnp.minimum(host, game.static.hosts - 1), jnp.int32),
        other=one(jnp.where(source == host, T.NO_HOST, source), jnp.int32),
        port=one(port, jnp.int32),
        value=permille(u[:1]),
        chance=one(1000, jnp.int32),
        failed=one(False, bool),
        red=one(code >= SIDE, bool),
        delay=u[1:],
    )


def of_batch(
    game: Game,
    uniform: Float32[Array, "host"],
    state: State,
    plant: Integer[Array, "variable"],
    when: Bool[Array, ""],
) -> Tokens:
    """Where ``when``: benign noise of each host, then alarms of the plant, whose values are ``plant``."""
    word = jnp.floor(uniform * jnp.float32(2**24)).astype(jnp.int32)
    role, hosts = state.host_role, game.static.hosts
    what = jnp.asarray(noise.entries())[role, game.topology.host_os, (word >> 4 & 255).astype(jnp.uint32)]
    type = (what & 31).astype(jnp.int32)
    there = state.host_exists & (state.host_status == T.Status.ONLINE) & ~state.host_encrypted
    there = when & there & jnp.asarray(T.MANAGED)[role]
    night = (state.time + game.topology.day_offset) % noise.CYCLE_MS >= noise.DAY_MS
    severe = jnp.asarray(K.SEVERITY)[type] >= K.SEVERE
    rates = jnp.asarray(np.stack([noise.RATES, noise.ALARM_RATES]))
    rate = rates[severe.astype(jnp.uint32), role, night.astype(jnp.uint32)]
    scale = jnp.where(severe, game.options.alarm_scale, game.options.noise_scale)
    flow = jnp.asarray(noise.IS_FLOW)[type]
    nobody = jnp.full(3, T.NO_HOST, jnp.int32)
    bounds = jnp.asarray(S.PLANT_ALARM)
    in_ot = state.host_exists & (layout(game.static).zone == T.Zone.OT)
    rings = when & jnp.any(in_ot) & ((plant < bounds[:, 0]) | (plant > bounds[:, 1]))
    plcs = in_ot & (role == T.Role.PLC)
    meter = jnp.where(jnp.any(plcs), jnp.argmax(plcs), jnp.argmax(in_ot)).astype(jnp.int32)
    delay = jnp.asarray(_DELAY)[(word & 15).astype(jnp.uint32)]
    no = jnp.zeros(hosts + 3, bool)
    return Tokens(
        type=jnp.append(jnp.where(there, type, 0), jnp.where(rings, K.Token.OT_ALARM, 0)),
        host=jnp.append(jnp.arange(hosts, dtype=jnp.int32), jnp.full(3, meter)),
        other=jnp.append(jnp.where(flow, game.topology.host_peer, T.NO_HOST).astype(jnp.int32), nobody),
        port=jnp.append((what >> 13).astype(jnp.int32), jnp.full(3, OWN_PORT, jnp.int32)),
        value=jnp.append(word >> 12, jnp.zeros(3, jnp.int32)),
        chance=jnp.append(rate * jnp.asarray(scale, jnp.int32) // 1000, jnp.full(3, 1000, jnp.int32)),
        failed=no,
        red=no,
        delay=jnp.append(delay, jnp.zeros(3, jnp.float32)),
    )
