"""How red's actions end (``soc-rules.md §4.2, §4.4``).

The order of the checks: ``ABORTED``; ``GONE``, where target or session no longer fit; ``BLOCKED``, where the
route, a rule or the gate does not let it; ``CAUGHT`` by a honeytoken; ``BLOCKED``, where the credential is
not good; a false picture, ``FAILED``; ``CAUGHT`` by a decoy; a weakness that is not there; chance.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32, UInt32
from garrison.worlds.soc import access
from garrison.worlds.soc.actions.context import Done
from garrison.worlds.soc.actions.effects import SIDE, Field
from garrison.worlds.soc.choose import permille
from garrison.worlds.soc.legal import red_hosts
from garrison.worlds.soc.needs import RED_STILL, Red, column, facts
from garrison.worlds.soc.ports import Way, way
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.actions import CHANCE_LEAST, CHANCE_MOST, Outcome

K = R.Red


def _by_code(values: np.ndarray) -> np.ndarray:
    """A column of red's table by code."""
    return np.pad(values, (SIDE, SIDE - len(values)))


def _kinds(*kinds: R.Red) -> np.ndarray:
    return _by_code(np.isin(np.arange(R.NUM_KINDS), kinds))


_STILL = _by_code(column(RED_STILL, R.NUM_KINDS))
_CHANCE = _by_code(R.CHANCE)
_SEEN_BY_EDR = _kinds(*R.SEEN_BY_EDR)
EXPLOITS = _kinds(*R.EXPLOITS)
_ONE_PORT = _kinds(*R.EXPLOITS, K.PASS_THE_TICKET, K.PASS_THE_HASH)
_ANY_PORT = _kinds(K.DISCOVER_NETWORK_SERVICES, K.NETWORK_SCAN, K.DISCOVER_REMOTE_SYSTEMS)
_ZONES = _kinds(K.NETWORK_SCAN, K.DISCOVER_REMOTE_SYSTEMS)
#: bit of the weakness that a kind needs, R1 apart
_WEAKNESS = _by_code(np.zeros(R.NUM_KINDS, np.uint8))
for _exploit, _weakness in (
    (K.EXPLOIT_BLUE_KEEP, T.Weakness.CVE_2019_0708),
    (K.EXPLOIT_ETERNAL_BLUE, T.Weakness.MS17_010),
    (K.EXPLOIT_HTTP_RFI, T.Weakness.CVE_2021_44228),
    (K.V4L2, T.Weakness.V4L2),
):
    _WEAKNESS[SIDE + _exploit] = T.bits(_weakness)


class Attempt(NamedTuple):
    """What came of a red action; meaningless where none completes."""

    outcome: Int32[Array, ""]
    admin: Bool[Array, ""]  # R9 uses an admin scope, not corp_user
    exposed: Bool[Array, ""]  # an exploit met a false picture, which is known to be false now
    tried: Bool[Array, ""]  # whether a port is open was found out
    open: Bool[Array, ""]  # it is, whatever the gate
    port: Int32[Array, ""]  # its bit


def attempt(done: Done) -> Attempt:
    """The outcome of the red action that completes."""
    state, code, host = done.state, done.code, done.host
    ticket = done.red(K.PASS_THE_TICKET)
    route, gate = _route(done), _gate(done)
    used = way(_kind(done), _picture(done), route)
    open_port = route & used.bit > 0
    admin, credential = _credential(done)
    blocked = (
        jnp.asarray(_ONE_PORT)[code] & ~(open_port & gate)
        | jnp.asarray(_ANY_PORT)[code] & ~((route > 0) & gate)
        | done.red(K.EXFILTRATE_DATA) & ~_egress(done)
    )
    exploit = jnp.asarray(EXPLOITS)[code]
    pictured = exploit & state.red_scan_false[done.actor, done.slot]
    decoy = host[Field.host_decoy].astype(jnp.uint32)
    trapped = exploit & (jnp.asarray(B.DECOY_PORTS)[decoy] & used.bit > 0)
    trapped = trapped & (permille(done.row.ot[0]) < jnp.asarray(B.DECOY_CHANCE)[decoy])
    alert = done.live_edr & (permille(done.row.host[done.slot]) < B.EDR_ALERT_CHANCE)
    lucky = permille(done.row.chance) < _chance(done)
    unlucky = ~lucky | done.red(K.IMPACT) & alert | ~_weakness_there(done, used)
    ends = (
        (state.agent_cancelled[done.agent], Outcome.ABORTED),
        (_gone(done), Outcome.GONE),
        (blocked, Outcome.BLOCKED),
        (ticket & state.token_honey[done.actor], Outcome.CAUGHT),
        (ticket & ~credential, Outcome.BLOCKED),
        (pictured, Outcome.FAILED),
        (trapped, Outcome.CAUGHT),
        (unlucky, Outcome.FAILED),
        (jnp.ones((), bool), Outcome.SUCCESS),
    )
    first = jnp.argmax(jnp.stack([here for here, _ in ends])).astype(jnp.uint32)
    # R10 comes to no port without its system and a controller; the others find out about the port first
    arrives = jnp.where(done.red(K.PASS_THE_HASH), first >= 2, (first >= 1) & _arrives(done))
    outcomes = np.array([outcome for _, outcome in ends], np.int32)
    return Attempt(
        outcome=jnp.asarray(outcomes)[first],
        admin=admin,
        exposed=pictured & (first == 5),
        tried=arrives & jnp.asarray(_ONE_PORT)[code],
        open=open_port,
        port=used.bit,
    )


def _credential(done: Done) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
    """Whether R9 has a good credential of the admin scope, and whether it has any: corp_user is next."""
    valid = access.valid(done.state, done.actor)
    desk = (done.zone == T.Zone.CORPORATE) & (done.role == T.Role.WORKSTATION)
    admin = valid[jnp.asarray(T.ZONE_ADMIN)[done.zone]]
    return admin, admin | valid[T.Scope.CORP_USER] & desk


def _kind(done: Done) -> UInt32[Array, ""]:
    """Number of a red kind, 0 of others."""
    return jnp.where(done.code < SIDE, jnp.uint32(0), done.code - SIDE)


def _picture(done: Done) -> Array:
    """The actor's picture of the target; the truth where it has lost it, as the connection is open."""
    topology = done.game.topology
    scan = done.state.red_scan[done.actor, done.slot]
    weak = topology.host_weak[done.slot].astype(jnp.uint16) << T.NUM_PORTS
    return jnp.where(scan > 0, scan, topology.host_ports[done.slot] | weak)


def _route(done: Done) -> Int32[Array, ""]:
    """Port bits open from the source to the target; fragmented traffic finds ``strict`` like ``normal``."""
    state = done.state
    level = state.zone_level.astype(jnp.int32)
    fragmented = (done.host[Field.host_frag_until] > state.time) & ~jnp.asarray(_ZONES)[done.code]
    softer = jnp.where(level == routes.Level.STRICT, routes.Level.NORMAL, level)
    allow = access.routes_at(done.game, jnp.where(fragmented, softer, level))
    return allow[access.zone_of(done.game, state.agent_source[done.agent]), done.zone]


def _gate(done: Done) -> Bool[Array, ""]:
    """Whether the gate lets the actor from its source to the target."""
    state = done.state
    passes = access.passes(done.game, state, done.actor, access.valid(state, done.actor))
    return passes[access.zone_of(done.game, state.agent_source[done.agent]), done.zone]


def _egress(done: Done) -> Bool[Array, ""]:
    """Whether data may leave the target zone: by the level of its own inbound traffic."""
    ports = jnp.asarray(routes.ALLOW[0, :, : T.NUM_ZONES, T.Zone.INTERNET])
    return ports[done.state.zone_level[done.zone], done.zone] & T.bits(T.Port.HTTP) > 0


def _arrives(done: Done) -> Bool[Array, ""]:
    """Whether packets get from the source to the host at all: it is online, and the source still red's."""
    need = np.uint32(Red.ONLINE | Red.SOURCE)
    return _have(done) & need == need


def _gone(done: Done) -> Bool[Array, ""]:
    """Whether target or session no longer fit."""
    need = jnp.asarray(_STILL)[done.code]
    return _have(done) & need != need


def _have(done: Done) -> UInt32[Array, ""]:
    """What is true of the target and of the source."""
    state = done.state
    came_from = state.agent_source[done.agent].astype(jnp.uint32)
    source = jnp.minimum(came_from, done.game.static.hosts - 1)
    mine = access.usable(done.game, state, done.actor)[source]
    more: UInt32[Array, ""] = facts(
        {
            Red.SOURCE: mine | (came_from == T.NO_HOST),
            Red.SAME_ADDRESS: state.host_lease[done.slot] == state.agent_lease[done.agent],
        }
    )
    return red_hosts(done.game, state, done.actor)[done.slot] | more


def _weakness_there(done: Done, used: Way) -> Bool[Array, ""]:
    """Whether the host has the weakness that the exploit, or V4L2, is made for; True for other kinds."""
    need = jnp.asarray(_WEAKNESS)[done.code].astype(jnp.int32)
    need = jnp.where(done.red(K.EXPLOIT_REMOTE_SERVICE), used.weakness, need)
    return (need == 0) | (done.game.topology.host_weak[done.slot] & need > 0)


def _chance(done: Done) -> Int32[Array, ""]:
    """Thousandths; below 1000 within 20-980 after all modifiers."""
    chance = jnp.asarray(_CHANCE)[done.code]
    severity = done.game.topology.host_cvss10[done.slot].astype(jnp.int32)
    chance = jnp.where(done.red(K.EXPLOIT_REMOTE_SERVICE), chance * severity // 100, chance)
    phish = done.state.host_phishability[done.slot].astype(jnp.int32)
    chance = jnp.where(done.red(K.SPEAR_PHISHING), phish, chance)
    watched = jnp.asarray(_SEEN_BY_EDR)[done.code] & done.live_edr
    reduced = jnp.where(watched, chance * B.EDR_FACTOR // 1000, chance)
    return jnp.where(chance == 1000, chance, jnp.clip(reduced, CHANCE_LEAST, CHANCE_MOST))
