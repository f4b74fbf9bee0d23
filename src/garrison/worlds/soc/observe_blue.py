"""What blue's agents observe (``soc-rules.md §6.1``): delivered logs, their own results, and their inventory.

All of it is made from :func:`~garrison.worlds.soc.view.blue_view`, which has what blue knows alone.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32
from garrison.worlds.soc import blocks
from garrison.worlds.soc.clock import Game, free
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.legal import compute_free
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables import scenarios as S
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.view import blue_view

#: each begins with the features of the one before
OBSERVATIONS = ("counters", "wide")
#: groups of roles, ``[role]``
ROLE_GROUPS = ("client", "operator", "server", "controller", "PLC")
ROLE_GROUP = np.full(T.NUM_ROLES, 2, np.uint8)
ROLE_GROUP[[T.Role.WORKSTATION, T.Role.IOT, T.Role.BYOD]] = 0
ROLE_GROUP[[T.Role.ADMIN_WORKSTATION, T.Role.ENGINEERING_WORKSTATION]] = 1
ROLE_GROUP[T.Role.DOMAIN_CONTROLLER], ROLE_GROUP[T.Role.PLC] = 3, 4
_SEVERE_GROUPS = np.array([K.GROUP[t] for t in (K.Token.IDS, K.Token.EDR_ALERT, K.Token.DECOY_TOUCH)] + [12])
FOUND = (B.Verdict.USER, B.Verdict.ROOT, B.Verdict.ENCRYPTED)  #: verdicts of at least User
GROUPS = len(K.GROUPS)

HOST_LABELS = (
    "exists",
    *(f"is {name}" for name in ROLE_GROUPS),
    *("runs Windows", "runs Linux", "runs PLC firmware", "weight"),
    *(f"is {status.name.lower()}" for status in T.Status),
    *("known to be encrypted", "EDR", "decoy", "honeytoken", "false pictures left"),
    *(f"verdict {verdict.name.lower()}" for verdict in B.Verdict),
    *("log age of the verdict", "log age of the last heartbeat", "log age of the last severe token"),
    *(f"fast: {name}" for name in K.GROUPS),
)
HOST_FEATURES = len(HOST_LABELS)
_LEVELS = tuple(level.name.lower() for level in routes.Level)
ZONE_LABELS = (*(f"is {name}" for name in _LEVELS), "own", "live hosts", "isolated", "found", "severe tokens")
NUM_ZONES = len(T.Zone)  # the internet too, as in graphs (§6.3)
_SELF_LABELS = (
    *blocks.last_labels([kind.name.lower() for kind in B.Blue][: B.NUM_KINDS]),
    *("target of the last action", "energy", "funds", "compute"),
    *(f"{name} is busy" for name in T.BLUE_AGENTS),
)
_PLANT_LABELS = tuple(
    f"{what} {v.name.lower()}" for what in ("reading of", "setpoint of", "alarm of") for v in S.Variable
)
_OTHER_LABELS = (
    *(f"{zone}: {label}" for zone in T.ZONE_NAMES for label in ZONE_LABELS),
    *(f"message of {name}, bit {bit}" for name in T.BLUE_AGENTS for bit in range(8)),
    *(f"{scope}: {what}" for scope in T.SCOPE_NAMES for what in ("log age of its epoch", "re-logon phase")),
    *_PLANT_LABELS,
)
HOSTS_START = len(blocks.TIME_LABELS) + len(_SELF_LABELS) + len(_OTHER_LABELS)  #: first feature of the hosts
ZONES_START = len(blocks.TIME_LABELS) + len(_SELF_LABELS)  #: first feature of the zones
SCOPES_START = ZONES_START + NUM_ZONES * len(ZONE_LABELS) + 8 * T.NUM_BLUE  #: first one of the credentials
ALWAYS_ZERO = ZONES_START + int(T.Zone.INTERNET) * len(ZONE_LABELS)  #: the internet has no level


class Own(NamedTuple):
    """Host slots of the blue agents, NumPy arrays."""

    slot: np.ndarray  # int32[blue, own], padded with the number of slots
    count: np.ndarray  # int32[blue]


@cache
def own_slots(static: Static) -> Own:
    """Slots of each blue agent in slot order."""
    mine = [np.flatnonzero(layout(static).owner == agent) for agent in range(T.NUM_BLUE)]
    count = np.array([len(slots) for slots in mine])
    padded = [np.pad(slots, (0, count.max() - len(slots)), constant_values=static.hosts) for slots in mine]
    return Own(np.stack(padded).astype(np.int32), count)


def sizes(static: Static, contract: str) -> tuple[int, ...]:
    """Lengths of blue's vectors. The wide part starts behind that of the largest agent."""
    count = own_slots(static).count
    if contract == "counters":
        return tuple(HOSTS_START + HOST_FEATURES * int(n) for n in count)
    start = HOSTS_START + HOST_FEATURES * int(count.max())
    return tuple(start + GROUPS * int(n) for n in count)


def labels(static: Static, agent: int, contract: str) -> list[str]:
    """One label per feature."""
    own = own_slots(static)
    mine = own.slot[agent, : own.count[agent]].tolist()
    found = [*blocks.TIME_LABELS, *_SELF_LABELS, *_OTHER_LABELS]
    found += [f"host {slot}: {label}" for slot in mine for label in HOST_LABELS]
    if contract == "wide":
        start = HOSTS_START + HOST_FEATURES * own.slot.shape[1]
        found += ["padding"] * (start - len(found))
        found += [f"host {slot}: slow: {name}" for slot in mine for name in K.GROUPS]
    return found


def vectors(game: Game, state: State, contract: str) -> Float32[Array, "blue feature"]:
    """Observations of the blue agents, padded to the largest."""
    view = blue_view(state)
    hosts = host_features(game, view)
    blue, _ = blocks.side_agents(game.static.num_agents)
    parts = [
        blocks.time_block(game, view, blue),
        blocks.last_block(view, blue, B.NUM_KINDS),
        _self(game, view, blue),
        _zones(game, view),
        _others(game, view),
        _by_owner(game.static, hosts),
    ]
    if contract == "wide":
        parts.append(_by_owner(game.static, _tokens(view.view_slow)))
    return jnp.concatenate(parts, axis=1)


def _by_owner(static: Static, hosts: Float32[Array, "host feature"]) -> Float32[Array, "blue number"]:
    """The rows of each agent's hosts, which are neighbors, one after another; padded with zeros."""
    own = own_slots(static)
    rows = jnp.split(hosts, np.cumsum(own.count)[:-1])
    return jnp.stack([jnp.pad(row, ((0, own.slot.shape[1] - len(row)), (0, 0))).ravel() for row in rows])


def host_features(game: Game, view: State) -> Float32[Array, "host feature"]:
    """Features of each host (:data:`HOST_LABELS`), zeros where there is none."""
    now, os = view.time, game.topology.host_os
    batch = lambda number: number.astype(jnp.int32) * L.BATCH_MS  # noqa: E731
    flag = lambda value: value.astype(jnp.float32)[:, None]  # noqa: E731
    verdict = view.view_verdict
    features = jnp.concatenate(
        [
            flag(view.host_exists),
            blocks.one_hot(jnp.asarray(ROLE_GROUP)[view.host_role], len(ROLE_GROUPS)),
            blocks.one_hot(jnp.asarray(K.OS_FAMILY)[os], len(K.Family)),
            flag(view.host_weight) / 100,
            blocks.one_hot(view.host_status, len(T.Status)),
            flag(verdict == B.Verdict.ENCRYPTED),
            flag(view.host_edr),
            flag(view.host_decoy > 0),
            flag(view.host_honeytoken),
            flag(view.host_false_scans) / B.FALSE_SCANS,
            blocks.one_hot(verdict, len(B.Verdict)),
            blocks.age_of(now, view.view_verdict_time, verdict > 0)[:, None],
            blocks.age_of(now, batch(view.view_heartbeat), view.view_heartbeat > 0)[:, None],
            blocks.age_of(now, batch(view.view_severe), view.view_severe > 0)[:, None],
            _tokens(view.view_fast),
        ],
        axis=1,
    )
    return jnp.where(view.host_exists[:, None], features, 0)


def _tokens(counter: Array) -> Float32[Array, "host group"]:
    return counter.astype(jnp.float32) / K.ONE_TOKEN


def _self(game: Game, view: State, blue: slice) -> Float32[Array, "blue feature"]:
    own = own_slots(game.static)
    first = jnp.asarray(own.slot[:, 0])
    target = view.last_target[blue].astype(jnp.int32)
    place = jnp.where(target == T.NO_HOST, 0, target - first + 1).astype(jnp.float32) / own.count
    funds = jnp.broadcast_to(blocks.funds_share(view, 0), T.NUM_BLUE)
    compute = compute_free(view).astype(jnp.float32) / A.COMPUTE_CAP
    busy = (~free(view)[blue]).astype(jnp.float32)
    alone = jnp.stack(
        [place, blocks.energy_share(view, blue), funds, jnp.broadcast_to(compute, T.NUM_BLUE)], 1
    )
    return jnp.concatenate([alone, jnp.broadcast_to(busy[None], (T.NUM_BLUE, T.NUM_BLUE))], axis=1)


def _zones(game: Game, view: State) -> Float32[Array, "blue feature"]:
    """What each agent knows of each zone; of others' zones not the tokens."""
    zones = np.arange(NUM_ZONES)
    inside = (layout(game.static).zone[None] == zones[:, None]).astype(np.float32)
    slots = jnp.asarray(np.maximum(inside.sum(1), 1))
    verdict = view.view_verdict
    found = jnp.any(jnp.stack([verdict == one for one in FOUND]), axis=0)
    severe = jnp.sum(_tokens(view.view_fast)[:, _SEVERE_GROUPS], axis=1)
    about = jnp.stack([view.host_exists, view.host_status == T.Status.ISOLATED, found, severe], axis=1)
    sums = jnp.asarray(inside) @ jnp.where(view.host_exists[:, None], about, 0).astype(jnp.float32)
    level = jnp.pad(blocks.one_hot(view.zone_level, len(_LEVELS)), ((0, 1), (0, 0)))
    owner = np.append(T.ZONE_OWNER, T.NUM_BLUE)
    own = (owner[None] == np.arange(T.NUM_BLUE)[:, None]).astype(np.float32)  # [blue, zone]
    same = lambda value: jnp.broadcast_to(value[None], (T.NUM_BLUE, *value.shape))  # noqa: E731
    block = jnp.concatenate(
        [
            same(level),
            jnp.asarray(own)[:, :, None],
            same(sums[:, :3] / slots[:, None]),
            (jnp.asarray(own) * sums[None, :, 3])[:, :, None],
        ],
        axis=2,
    )
    return block.reshape(T.NUM_BLUE, -1)


def _others(game: Game, view: State) -> Float32[Array, "blue feature"]:
    """Messages, credentials, and the plant, which the owner of ot alone reads."""
    bits = view.message_heard[:, None] >> np.arange(8, dtype=np.uint8)[None] & 1
    scopes = jnp.stack(
        [
            blocks.log_age(view.time - view.scope_rotated),
            (view.reauth_until != L.NEVER).astype(jnp.float32),
        ],
        axis=1,
    )
    reads = (np.arange(T.NUM_BLUE) == T.ZONE_OWNER[T.Zone.OT])[:, None]
    plant = jnp.where(reads, _plant(game, view.plant_value)[None], 0)
    every = jnp.concatenate([bits.astype(jnp.float32).reshape(-1), scopes.reshape(-1)])
    return jnp.concatenate([jnp.broadcast_to(every[None], (T.NUM_BLUE, every.shape[0])), plant], axis=1)


def _plant(game: Game, value: Int32[Array, "variable"]) -> Float32[Array, "9"]:
    """Readings, setpoints and alarms. The historian has the setpoints of operators, not what red writes."""
    bounds = jnp.asarray(S.PLANT_ALARM)
    alarm: Bool[Array, "variable"] = (value < bounds[:, 0]) | (value > bounds[:, 1])
    level = jnp.concatenate([value, game.topology.plant_nominal]).astype(jnp.float32) / 100_000
    has_ot = jnp.any(game.topology.start_exists & (layout(game.static).zone == T.Zone.OT))
    return jnp.where(has_ot, jnp.concatenate([level, alarm.astype(jnp.float32)]), 0)
