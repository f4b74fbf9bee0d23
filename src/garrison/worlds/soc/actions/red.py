"""Red's actions at their completion (``soc-rules.md §4.2``)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32
from garrison.worlds.soc import identity
from garrison.worlds.soc.actions.attempt import Attempt
from garrison.worlds.soc.actions.context import Done
from garrison.worlds.soc.actions.effects import SIDE, Field, Record, put
from garrison.worlds.soc.choose import below, permille
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import scenarios as S
from garrison.worlds.soc.tables.actions import Outcome

K = R.Red
_GAINS = np.zeros(2 * SIDE, bool)  #: kinds that give a session on the target, ``[code]``
_GAINS[[SIDE + kind for kind in R.WITHOUT_SESSION]] = True


def on_host(done: Done, success: Bool[Array, ""], made: Attempt, host: Record) -> Record:
    """The target host after a red action, beyond the table of effects."""
    now, red = done.state.time, done.code >= SIDE
    gains = success & jnp.asarray(_GAINS)[done.code]
    person = success & done.red(K.PASS_THE_TICKET) & ~made.admin
    level = jnp.where(person, T.Privilege.USER, host[Field.host_priv])
    host = put(success & red, host, Field.host_priv, jnp.maximum(level, done.host[Field.host_priv]))
    host = put(person, host, Field.host_rooted, done.host[Field.host_rooted])
    host = put(gains, host, Field.host_owner, done.actor)
    crashes = (done.red(K.EXPLOIT_BLUE_KEEP) | done.red(K.EXPLOIT_ETERNAL_BLUE)) & (
        (made.outcome == Outcome.FAILED) & ~made.exposed
    )
    crashes = crashes & (permille(done.row.pick) < R.PANIC_CHANCE)
    host = put(crashes, host, Field.host_status, int(T.Status.PANIC))
    host = put(crashes, host, Field.host_until, now + R.PANIC_MS)
    taken = (success & done.red(K.EXFILTRATE_DATA)).astype(jnp.int32)
    host = put(jnp.ones((), bool), host, Field.host_taken, host[Field.host_taken] + taken)
    return put(success & done.red(K.IP_FRAGMENTATION), host, Field.host_frag_until, now + R.FRAGMENTED_MS)


def on_state(done: Done, success: Bool[Array, ""], made: Attempt, state: State) -> State:
    """What a red action changes beyond one host's record; ``state`` has that already."""
    state = _scanned(done, success, state)
    state = _learned(done, success, made, state)
    honey = (done.host[Field.host_honeytoken] > 0) & (permille(done.row.pick) < R.HONEYTOKEN_TAKEN_CHANCE)
    dumped = success & done.red(K.DUMP_LSASS)
    state = identity.steal(done.game, state, dumped, done.actor, done.host[Field.host_cached], honey)
    spent = done.red(K.PASS_THE_TICKET) & (made.outcome == Outcome.CAUGHT)
    actor = np.arange(done.game.static.reds, dtype=np.uint32) == done.actor
    taken = (success & done.red(K.EXFILTRATE_DATA)).astype(jnp.uint8)
    overload = success & done.red(K.OVERLOAD_PLC)
    state = state.replace(
        token_honey=state.token_honey & ~(spent & actor),
        loot=state.loot + taken,
        plant_setpoint=jnp.where(overload, _overloaded(done), state.plant_setpoint),
    )
    return identity.share(done.game, state, success & done.red(K.SHARE_INTELLIGENCE), done.actor)


def _scanned(done: Done, success: Bool[Array, ""], state: State) -> State:
    """Pictures of the hosts that a scan covers (R3, R15); a false one uses up a false scan (``§4.4``)."""
    topology, static = done.game.topology, done.game.static
    here = np.arange(static.hosts, dtype=np.uint32) == done.slot
    in_zone = done.game.zone.astype(jnp.uint32) == done.zone
    online = in_zone & state.host_exists & (state.host_status == T.Status.ONLINE)
    covered = done.red(K.DISCOVER_NETWORK_SERVICES) & here | done.red(K.NETWORK_SCAN) & online
    found = done.red(K.DISCOVER_REMOTE_SYSTEMS) & online & (permille(done.row.host) < R.DISCOVER_CHANCE)
    covered, found = success & covered, success & found
    os, decoy, false = topology.host_os, state.host_decoy, state.host_false_scans > 0
    windows = ((os == T.Os.WINDOWS_10) | (os == T.Os.SERVER_2016)).astype(jnp.uint8)
    pictures = np.left_shift(B.DECOY_WEAK.astype(np.uint16), T.NUM_PORTS) | B.DECOY_PORTS[:, None]
    true = topology.host_weak.astype(jnp.uint16) << T.NUM_PORTS | topology.host_ports
    true = true | jnp.asarray(pictures)[decoy, windows]
    untrue = np.left_shift(B.FALSE_WEAK.astype(np.uint16), T.NUM_PORTS) | B.FALSE_PORTS
    picture = jnp.where(false, jnp.asarray(untrue)[windows], true)
    row = (np.arange(static.reds, dtype=np.uint32) == done.actor)[:, None]
    seen = row & covered[None]
    return state.replace(
        red_scan=jnp.where(seen, picture[None], state.red_scan),
        red_scan_false=jnp.where(seen, false[None], state.red_scan_false),
        red_known=state.red_known | row & (covered | found)[None],
        host_false_scans=state.host_false_scans - (covered & false).astype(jnp.uint8),
    )


def _learned(done: Done, success: Bool[Array, ""], made: Attempt, state: State) -> State:
    """What an actor learns by trying: a session's host, that a picture was false, whether a port is open."""
    static = done.game.static
    row = (np.arange(static.reds, dtype=np.uint32) == done.actor)[:, None]
    cell = row & (np.arange(static.hosts, dtype=np.uint32) == done.slot)[None]
    new = success & jnp.asarray(_GAINS)[done.code] & cell
    port = np.left_shift(1, np.arange(T.NUM_PORTS, dtype=np.int32)) == made.port
    zone = np.arange(T.NUM_ZONES, dtype=np.uint32) == done.zone
    tried = (done.code >= SIDE) & (done.code < 2 * SIDE - 1) & made.tried
    tried = tried & row[:, :, None] & (zone[:, None] & port[None])[None]
    exposed = made.exposed & cell
    return state.replace(
        red_known=state.red_known | new,
        red_visited=state.red_visited | new,
        red_scan=jnp.where(exposed, jnp.uint16(0), state.red_scan),
        red_scan_false=state.red_scan_false & ~exposed,
        red_tried=jnp.where(tried, jnp.where(made.open, 1, 2).astype(jnp.uint8), state.red_tried),
    )


def _overloaded(done: Done) -> Int32[Array, "variable"]:
    """Setpoints that OverloadPLC writes (``§3.6``), from the nominal ones: a second write adds nothing."""
    nominal, u = done.game.topology.plant_nominal, done.row.ot
    (low, high), (least, most) = S.OVERLOAD_TEMPERATURE, S.OVERLOAD_PRESSURE
    hotter = nominal[S.Variable.TEMPERATURE] + low + below(u[0], high - low + 1)
    factor = least + below(u[1], most - least + 1)
    return jnp.stack([hotter, nominal[S.Variable.PRESSURE] * factor // 1000, jnp.int32(S.OVERLOAD_FLOW)])
