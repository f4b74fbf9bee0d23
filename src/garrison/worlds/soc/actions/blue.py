"""Blue's actions at their completion (``soc-rules.md §4.3``)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32
from garrison.worlds.soc import identity
from garrison.worlds.soc.actions.context import TARGET, Done
from garrison.worlds.soc.actions.effects import SIDE, Field, Record, put
from garrison.worlds.soc.choose import permille
from garrison.worlds.soc.legal import BLUE_NEEDS, blue_places
from garrison.worlds.soc.needs import ROOM
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.actions import Outcome

K = B.Blue
_NEEDS = np.pad(BLUE_NEEDS, (0, 2 * SIDE - len(BLUE_NEEDS)))


def outcome(done: Done) -> Int32[Array, ""]:
    """How a blue action ends; meaningless where none does.

    ``GONE`` where the target no longer has what made the action legal, ``BLOCKED`` without compute or a
    backup, ``FAILED`` where Remove meets Root.
    """
    hosts = done.game.static.hosts
    what = jnp.asarray(TARGET)[done.code]
    place = jnp.where(what == A.Target.ZONE, hosts + done.target, done.slot)
    lacks = jnp.asarray(_NEEDS)[done.code] & ~blue_places(done.game, done.state)[place]
    gone = lacks & ~jnp.uint32(int(ROOM)) > 0
    blocked = (lacks > 0) | done.blue(K.RESTORE_FROM_BACKUP) & ~_has_backup(done.state)
    failed = done.blue(K.REMOVE) & (done.host[Field.host_priv] == T.Privilege.ROOT)
    result = jnp.where(failed, Outcome.FAILED, Outcome.SUCCESS)
    result = jnp.where(blocked, Outcome.BLOCKED, result)
    return jnp.where(gone, Outcome.GONE, result).astype(jnp.int32)


def _has_backup(state: State) -> Bool[Array, ""]:
    """Whether a backup host is online, not owned and not encrypted."""
    backup = state.host_exists & (state.host_role == T.Role.BACKUP)
    up = (state.host_status == T.Status.ONLINE) & (state.host_priv == 0) & ~state.host_encrypted
    return jnp.any(backup & up)


def on_host(done: Done, success: Bool[Array, ""], result: Int32[Array, ""], host: Record) -> Record:
    """The target host after a blue action, beyond the table of effects."""
    now, analyzed = done.state.time, success & done.blue(K.ANALYSE)
    restored = success & (done.blue(K.RESTORE) | done.blue(K.RESTORE_FROM_BACKUP))
    host = put(restored, host, Field.host_cached, done.state.host_home[done.slot])
    host = put(restored | analyzed, host, Field.view_verdict_time, now)
    host = put(analyzed, host, Field.view_verdict, _verdict(done))
    # a killed sensor is found: its EDR does not count as deployed any more
    host = put(analyzed & (host[Field.host_sensor_killed] > 0), host, Field.host_edr, 0)
    blocked = done.blue(K.RESTORE_FROM_BACKUP) & (result == Outcome.BLOCKED)
    isolated = done.state.agent_status[done.agent] == T.Status.ISOLATED
    as_before = jnp.where(isolated, T.Status.ISOLATED, T.Status.ONLINE)
    return put(blocked, host, Field.host_status, as_before)


def _verdict(done: Done) -> Int32[Array, ""]:
    """The verdict of Analyse: the true privilege, by chance; encryption is always seen."""
    priv = done.host[Field.host_priv]
    chance = jnp.asarray(B.ANALYSE_CHANCE)[priv.astype(jnp.uint32)]
    chance = jnp.where(done.live_edr & (priv > 0), B.ANALYSE_EDR_CHANCE, chance)
    found = jnp.where(priv == T.Privilege.ROOT, B.Verdict.ROOT, B.Verdict.USER)
    verdict = jnp.where(permille(done.row.chance) < chance, found, B.Verdict.CLEAN)
    return jnp.where(done.host[Field.host_encrypted] > 0, B.Verdict.ENCRYPTED, verdict)


def on_state(done: Done, success: Bool[Array, ""], state: State) -> State:
    """What a blue action changes beyond one host's record."""
    here = done.game.zone.astype(jnp.uint32) == done.zone
    up = (success & done.blue(K.RESTRICT)).astype(jnp.uint8)
    down = (success & done.blue(K.RELAX)).astype(jnp.uint8)
    zones = (np.arange(T.NUM_ZONES, dtype=np.uint32) == done.zone).astype(jnp.uint8)
    initial = done.game.topology.host_phishability.astype(jnp.int32)
    taught = state.host_phishability.astype(jnp.int32) * B.AWARENESS_FACTOR // 1000
    taught = jnp.maximum(taught, initial // B.AWARENESS_LEAST).astype(jnp.int16)
    learns = success & done.blue(K.AWARENESS) & here & state.host_exists
    suspect = success & done.blue(K.MONITOR) & here & _monitored(done)
    plc = success & (done.role == T.Role.PLC) & (done.blue(K.RESTORE) | done.blue(K.RESTORE_FROM_BACKUP))
    state = state.replace(
        zone_level=state.zone_level + zones * up - zones * down,
        host_phishability=jnp.where(learns, taught, state.host_phishability),
        view_verdict=jnp.where(suspect, jnp.uint8(B.Verdict.SUSPECT), state.view_verdict),
        view_verdict_time=jnp.where(suspect, state.time, state.view_verdict_time),
        plant_setpoint=jnp.where(plc, done.game.topology.plant_nominal, state.plant_setpoint),
    )
    return identity.rotate(state, success & done.blue(K.ROTATE), done.target)


def _monitored(done: Done) -> Bool[Array, "host"]:
    """Hosts that Monitor would suspect: online and managed ones, by chance."""
    state = done.state
    owned = state.host_priv > 0
    chance = jnp.asarray(B.MONITOR_CHANCE)[state.host_priv]
    less = owned & state.host_sensor_killed
    more = owned & state.host_edr & ~state.host_sensor_killed
    chance = chance + jnp.where(more, B.MONITOR_EDR, 0) - jnp.where(less, B.MONITOR_SENSOR_OFF, 0)
    seen = state.host_exists & (state.host_status == T.Status.ONLINE) & (state.host_role != T.Role.BYOD)
    return seen & (permille(done.row.host) < chance)


def cancels_host(done: Done, success: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether what touches the target host is aborted."""
    return success & (done.blue(K.ISOLATE) | done.blue(K.REMOVE))


def closes_zone(done: Done, success: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether what crosses the border of the target zone is aborted."""
    strict = done.state.zone_level[done.zone] == routes.Level.STRICT
    return success & done.blue(K.RESTRICT) & strict
