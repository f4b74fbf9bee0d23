"""Red as a learner: its actions as one list, which of them are legal, and what it observes.

The list names no source session. :func:`decode_red` chooses it: for an exploit a session that has scanned the
target, otherwise the oldest that can act. Scripted reds choose theirs at random, dead ones included (Q10);
whoever wants that control hands :func:`garrison.worlds.cc4.play` a RedAction instead.

Behind its list an agent may have scripts (:func:`scripted`): actions that leave the decision to a scripted
policy. They are never legal, so that no learner takes them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int, Int32, UInt8
from garrison.worlds.cc4 import processes, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction, own_sessions_on
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.state import NO_RANK, State

# kinds that name a host, in the order of the list
HOST_KINDS = (
    T.Red.AGGRESSIVE,
    T.Red.STEALTH,
    T.Red.DECEPTION,
    T.Red.EXPLOIT,
    T.Red.ESCALATE,
    T.Red.IMPACT,
    T.Red.DEGRADE,
    T.Red.WITHDRAW,
)


def targets(agent: int) -> list[int]:
    """Hosts that an agent can come to know: those of its subnets, then each foreign ``server_host_0``."""
    own = [h for h in range(T.ROOT_HOST) if T.RED_OWNS_HOST[agent, h] and not T.IS_ROUTER[h]]
    return own + [T.server_host(s, 0) for s in range(T.NUM_ZONES) if s not in T.RED_SUBNETS[agent]]


def _actions(agent: int) -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = [(T.Red.SLEEP, T.NO_HOST, T.NO_SUBNET)]
    rows += [(T.Red.DISCOVER, T.NO_HOST, s) for s in T.RED_SUBNETS[agent]]
    return rows + [(kind, h, T.NO_SUBNET) for kind in HOST_KINDS for h in targets(agent)]


ACTION_COUNTS = tuple(len(_actions(r)) for r in range(T.NUM_RED))
# [agent, index, (kind, host, subnet)]; the padding sleeps
ACTIONS = np.zeros((T.NUM_RED, max(ACTION_COUNTS), 3), np.uint8)
ACTIONS[:, :] = (T.Red.SLEEP, T.NO_HOST, T.NO_SUBNET)
for _r in range(T.NUM_RED):
    ACTIONS[_r, : ACTION_COUNTS[_r]] = _actions(_r)

# [agent, kind, host or subnet]: index of the action; 0, Sleep, where there is none
_INDEX = np.zeros((T.NUM_RED, len(T.RED_NAMES), T.NUM_HOSTS + 1), np.int32)
for _r in range(T.NUM_RED):
    for _i, (_kind, _host, _subnet) in enumerate(_actions(_r)[1:], start=1):
        _INDEX[_r, _kind, _subnet if _kind == T.Red.DISCOVER else _host] = _i

_TARGET_COUNT = max(len(targets(r)) for r in range(T.NUM_RED))
TARGETS = np.full((T.NUM_RED, _TARGET_COUNT), T.ROOT_HOST, np.uint8)  # padded with a host red never knows
LISTED = np.arange(_TARGET_COUNT) < np.array([len(targets(r)) for r in range(T.NUM_RED)])[:, None]
for _r in range(T.NUM_RED):
    TARGETS[_r, : len(targets(_r))] = targets(_r)

_OWN_SUBNETS = 3
GENERAL = (
    [f"mission phase {p}" for p in range(T.NUM_PHASES)]
    + ["active", "ticks left of the action in progress, /4", "own sessions, /10"]
    + [f"last action {name}" for name in T.RED_NAMES[1:-1]]
    + ["last action succeeded", "last action failed"]
    + [f"own subnet {i} known" for i in range(_OWN_SUBNETS)]
)
PER_TARGET = (
    ["address known", "name known", "own shell", "own root shell"]
    + [f"port {port} seen open" for port in T.PORTS]
    + ["target of the last action"]
)
OBSERVATION_SIZES = tuple(len(GENERAL) + len(PER_TARGET) * len(targets(r)) for r in range(T.NUM_RED))


def decode_red(state: State, index: Int[Array, "red"]) -> RedAction:
    """The decisions behind action indices; outside the list: Sleep."""
    inside = (index >= 0) & (index < jnp.array(ACTION_COUNTS))
    entry = jnp.asarray(ACTIONS)[jnp.arange(T.NUM_RED), jnp.clip(index, 0, ACTIONS.shape[1] - 1)]
    kind = jnp.where(inside, entry[:, 0], T.Red.SLEEP).astype(jnp.uint8)
    host = entry[:, 1]
    return RedAction(
        kind=kind, session=_source(state, kind, host), host=host, subnet=entry[:, 2], hostname=host
    )


def encode_red(action: RedAction) -> Int32[Array, "red"]:
    """Indices of decisions, whatever their source session; Sleep for what the list does not have."""
    agents = jnp.arange(T.NUM_RED)
    kind, host = (jnp.asarray(x).astype(jnp.int32) for x in (action.kind, action.host))
    place = jnp.where(kind == T.Red.DISCOVER, jnp.asarray(action.subnet).astype(jnp.int32), host)
    return jnp.asarray(_INDEX)[agents, kind, jnp.minimum(place, T.NUM_HOSTS)].astype(jnp.int32)


def scripted(index: Int[Array, "red"], script: int) -> Bool[Array, "red"]:
    """Whose action index says that the script of this number decides."""
    return index == jnp.array(ACTION_COUNTS) + script


def _source(state: State, kind: UInt8[Array, "red"], host: UInt8[Array, "red"]) -> UInt8[Array, "red"]:
    """Id of the oldest session able to act, one with the target's ports for an exploit."""
    live = sessions.live(state)
    agents = jnp.arange(T.NUM_RED)
    able = live & (state.session_kind == T.Session.ABSTRACT)
    known = state.red_known_session[agents[:, None], state.session_id] != NO_RANK
    able = able & known
    on_target = state.scan_host == host[:, None]
    scanned = on_target[:, :, None] & is_index(state.scan_session, T.MAX_SESSIONS)
    scanned = able & jnp.any(scanned, axis=1)
    use_scan = (kind == T.Red.EXPLOIT) & jnp.any(scanned, axis=1)
    able = jnp.where(use_scan[:, None], scanned, jnp.where(jnp.any(able, axis=1)[:, None], able, live))
    order = jnp.where(able, state.session_order, jnp.iinfo(jnp.int16).max)
    return state.session_id[agents, jnp.argmin(order, axis=1)]


def masks(state: State) -> Bool[Array, "red action"]:
    """Legal actions: what names only known things. Busy and inactive agents: Sleep."""
    agents = jnp.arange(T.NUM_RED)[:, None]
    kind, host, subnet = (jnp.asarray(ACTIONS[:, :, i]) for i in range(3))
    at = jnp.minimum(host, T.ROOT_HOST)
    ip, name = state.red_known_ip[agents, at], state.red_known_hostname[agents, at]
    home = state.red_known_subnet[agents, jnp.minimum(subnet, T.INT)]
    by = T.RED_TARGET[ACTIONS[:, :, 0]]
    known = jnp.where(by == T.RedTarget.SUBNET, home, jnp.where(by == T.RedTarget.NAME, name, ip))
    known = jnp.where(by == T.RedTarget.ADDRESS_AND_NAME, ip & name, known)
    free = state.red_active & (state.red_ticks == 0)
    first = np.arange(ACTIONS.shape[1]) == 0
    return first[None] | (known & free[:, None] & (kind != T.Red.SLEEP))


def vectors(state: State) -> Float32[Array, "red feature"]:
    """Observations of what each agent knows; padded with zeros."""
    general = jnp.concatenate([_general(state), _known_subnets(state)], axis=1)
    hosts = _per_target(state)
    hosts = jnp.where(LISTED[:, :, None], hosts, 0.0)
    return jnp.concatenate([general, hosts.reshape(T.NUM_RED, -1)], axis=1)


def _general(state: State) -> Float32[Array, "red feature"]:
    phase = jnp.broadcast_to(jnp.arange(T.NUM_PHASES) == state.phase, (T.NUM_RED, T.NUM_PHASES))
    held = jnp.sum(sessions.live(state), axis=1)
    last = is_index(state.seen_kind - 1, T.NUM_RED_KINDS)
    acted = state.seen_kind > 0
    success = acted & (state.seen_outcome == T.Outcome.TRUE)
    columns = [state.red_active, state.red_ticks / 4.0, held / 10.0]
    rest = [success, acted & ~success]
    stack = [jnp.stack(c, axis=1).astype(jnp.float32) for c in (columns, rest)]
    return jnp.concatenate([phase.astype(jnp.float32), stack[0], last.astype(jnp.float32), stack[1]], axis=1)


def _known_subnets(state: State) -> Float32[Array, "red subnet"]:
    own = [list(s) + [T.INT] * (_OWN_SUBNETS - len(s)) for s in T.RED_SUBNETS]
    return jnp.take_along_axis(state.red_known_subnet, jnp.array(own), axis=1).astype(jnp.float32)


def _per_target(state: State) -> Float32[Array, "red target feature"]:
    agents = jnp.arange(T.NUM_RED)[:, None]
    at = jnp.asarray(TARGETS)
    here = jax.vmap(lambda h: own_sessions_on(state, h), in_axes=1, out_axes=1)(at)
    root = here & (state.session_user == T.User.ROOT)[:, None]
    scanned = jnp.where(
        (state.scan_host[:, None] == at[:, :, None]) & (state.scan_session[:, None] != T.NO_HOST),
        state.scan_ports[:, None],
        jnp.uint8(0),
    )
    ports = processes.or_reduce(scanned)
    bits = [(ports >> i) & 1 for i in range(len(T.PORTS))]
    last = (state.seen_host[:, None] == at) & (state.seen_kind > 0)[:, None]
    features = [state.red_known_ip[agents, at], state.red_known_hostname[agents, at]]
    features += [jnp.any(here, axis=2), jnp.any(root, axis=2), *bits, last]
    return jnp.stack(features, axis=2).astype(jnp.float32)
