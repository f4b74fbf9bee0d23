"""Which actions agents may choose (``soc-rules.md §2.5, §4.2, §4.3``): by what they know themselves."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32, Integer, UInt32
from garrison.worlds.soc import access
from garrison.worlds.soc.choose import first
from garrison.worlds.soc.clock import Game, deciding
from garrison.worlds.soc.needs import BLUE, RED, column, facts
from garrison.worlds.soc.needs import Blue as BlueFact
from garrison.worlds.soc.needs import Red as RedFact
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.ports import TICKET_PORTS, attack_ports, seen_weak
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.view import blue_view

BLUE_NEEDS = column(BLUE, B.NUM_KINDS)
RED_NEEDS = column(RED, R.NUM_KINDS)
WAIT = 1  #: index of ``wait`` in every agent's list
assert (next(iter(B.ROWS)), next(iter(R.ROWS))) == (B.Blue.WAIT, R.Red.WAIT)


class ActionTable(NamedTuple):
    """The actions of all agents, padded with ``continue``: NumPy arrays ``[agent, action]``."""

    kind: np.ndarray
    target: np.ndarray
    place: np.ndarray  # of the target, see garrison.worlds.soc.needs
    need: np.ndarray  # uint32
    chooses: np.ndarray  # False for ``continue`` and padding


@cache
def action_list(static: Static, agent: int) -> np.ndarray:
    """Kind and target of each action of an agent, ``int32[action, 2]``; index 0 is ``continue``."""
    if agent < T.NUM_BLUE:
        return A.layout(B.ROWS, static.size, agent, B.Blue.CONTINUE)
    return A.layout(R.ROWS, static.size, None, R.Red.CONTINUE)


def action_counts(static: Static) -> tuple[int, ...]:
    return tuple(len(action_list(static, agent)) for agent in range(static.num_agents))


@cache
def action_table(static: Static) -> ActionTable:
    """The actions of all agents."""
    shape = (static.num_agents, max(action_counts(static)))
    start = static.hosts + np.array([T.NUM_ZONES + T.NUM_SCOPES, -static.hosts, 0, T.NUM_ZONES])
    table = ActionTable(*(np.zeros(shape, dtype) for dtype in (int, int, int, np.uint32, bool)))
    for agent in range(static.num_agents):
        rows, needs = (B, BLUE_NEEDS) if agent < T.NUM_BLUE else (R, RED_NEEDS)
        kinds, targets = action_list(static, agent)[1:].T
        here = (agent, slice(1, 1 + len(kinds)))
        what = rows.TARGET[kinds]
        table.kind[here], table.target[here] = kinds, targets
        table.place[here] = start[what] + np.where(what == A.Target.NONE, 0, targets)
        table.need[here], table.chooses[here] = needs[kinds], True
    return table


class Run(NamedTuple):
    """Consecutive kinds of an agent's list that are aimed at the same places, which lie side by side."""

    kinds: np.ndarray
    places: slice


@cache
def runs(static: Static, agent: int) -> tuple[Run, ...]:
    """An agent's list without ``continue``, in runs."""
    table, found = action_table(static), list[tuple[list[int], slice]]()
    listed = table.chooses[agent]
    kinds, places = table.kind[agent, listed], table.place[agent, listed]
    for kind in dict.fromkeys(kinds.tolist()):
        first, last = places[kinds == kind][[0, -1]].tolist()
        if found and found[-1][1] == slice(first, last + 1):
            found[-1][0].append(kind)
        else:
            found.append(([kind], slice(first, last + 1)))
    return tuple(Run(np.array(kinds), places) for kinds, places in found)


class Possible(NamedTuple):
    """What each agent can pay and aim at, as it knows itself."""

    places: UInt32[Array, "agent place"]
    payable: Bool[Array, "agent kind"]  # padded to the side with more kinds


def possible(game: Game, state: State) -> Possible:
    view = blue_view(state)
    reds = [jnp.uint32(red) for red in range(game.static.reds)]
    places = [blue_places(game, view)] * T.NUM_BLUE + [red_places(game, state, red) for red in reds]
    blue = jnp.pad(payable_blue(view), ((0, 0), (0, max(0, R.NUM_KINDS - B.NUM_KINDS))))
    red = jnp.stack([payable_red(state, red) for red in reds])
    red = jnp.pad(red, ((0, 0), (0, max(0, B.NUM_KINDS - R.NUM_KINDS))))
    return Possible(jnp.stack(places), jnp.concatenate([blue, red]))


def allows(game: Game, state: State, index: UInt32[Array, "agent"]) -> Bool[Array, "agent"]:
    """Whether :func:`legal` is True at an index of each agent that decides; ``continue`` is not allowed."""
    table, have = action_table(game.static), possible(game, state)
    agents = np.arange(game.static.num_agents, dtype=np.uint32)
    need = jnp.asarray(table.need)[agents, index]
    place = jnp.asarray(table.place, jnp.uint32)[agents, index]
    kind = jnp.asarray(table.kind, jnp.uint32)[agents, index]
    fits = have.places[agents, place] & need == need
    return fits & have.payable[agents, kind] & jnp.asarray(table.chooses)[agents, index]


def legal(game: Game, state: State) -> Bool[Array, "agent action"]:
    """Legal actions; of an agent that does not decide, ``continue`` alone."""
    have, decides = possible(game, state), deciding(game, state)[:, None]
    rows = [_legal(game.static, agent, have) for agent in range(game.static.num_agents)]
    waits = np.arange(rows[0].shape[0]) == 0
    return jnp.where(decides, jnp.stack(rows), waits[None])


def _legal(static: Static, agent: int, have: Possible) -> Bool[Array, "action"]:
    """The legal actions of an agent that decides. Blocks of kinds by places, as gathers are slow on CPUs."""
    needs, found = BLUE_NEEDS if agent < T.NUM_BLUE else RED_NEEDS, [jnp.zeros(1, bool)]  # continue
    for run in runs(static, agent):
        need = needs[run.kinds][:, None]
        fits = have.places[agent, run.places][None] & need == need
        found.append((fits & have.payable[agent][run.kinds][:, None]).reshape(-1))
    row = jnp.concatenate(found)
    return jnp.pad(row, (0, max(action_counts(static)) - row.shape[0]))


# ---------------------------------------------------------------- blue


def compute_free(state: State) -> Int32[Array, ""]:
    """Compute that no deployment takes (``§4.1``)."""
    deployed = B.EDR_COMPUTE * state.host_edr + B.DECOY_COMPUTE * (state.host_decoy > 0)
    return A.COMPUTE_CAP - jnp.sum(deployed + B.HONEYTOKEN_COMPUTE * state.host_honeytoken)


def payable_blue(state: State) -> Bool[Array, "blue kind"]:
    """Kinds that each blue agent can pay now."""
    energy = state.energy[: T.NUM_BLUE, None] >= (B.ENERGY * A.ENERGY_UNIT)[None]
    return energy & (state.funds[0] >= B.FUNDS * A.FUNDS_UNIT)[None]


def blue_places(game: Game, state: State) -> UInt32[Array, "place"]:
    """What holds of each place for blue (:class:`~garrison.worlds.soc.needs.Blue`)."""
    zones, level = jnp.arange(T.NUM_ZONES), state.zone_level
    users = state.host_exists & (state.host_home > 0)
    here = game.zone[None] == zones[:, None]
    zone = facts(
        {
            BlueFact.NOT_CLOSED: level < routes.Level.CLOSED,
            BlueFact.NOT_NORMAL: level > routes.Level.NORMAL,
            BlueFact.USERS: jnp.any(users[None] & here, axis=1),
        }
    )
    nothing = jnp.zeros(T.NUM_SCOPES + 1, jnp.uint32)
    return jnp.concatenate([blue_hosts(state), zone, nothing])


def blue_hosts(state: State) -> UInt32[Array, "host"]:
    """What holds of hosts for blue."""
    status, room = state.host_status, compute_free(state)
    online, isolated = status == T.Status.ONLINE, status == T.Status.ISOLATED
    return facts(
        {
            BlueFact.EXISTS: state.host_exists,
            BlueFact.MANAGED: state.host_role != T.Role.BYOD,
            BlueFact.NOT_PLC: state.host_role != T.Role.PLC,
            BlueFact.ONLINE: online,
            BlueFact.ISOLATED: isolated,
            BlueFact.REACHABLE: online | isolated,
            BlueFact.NOT_OFF: status != T.Status.OFF,
            BlueFact.NO_EDR: ~state.host_edr,
            BlueFact.EDR_ROOM: jnp.broadcast_to(room >= B.EDR_COMPUTE, status.shape),
            BlueFact.DECOY_ROOM: (state.host_decoy > 0) | (room >= B.DECOY_COMPUTE),
            BlueFact.HONEYTOKEN_ROOM: state.host_honeytoken | (room >= B.HONEYTOKEN_COMPUTE),
        }
    )


# ---------------------------------------------------------------- red


def payable_red(state: State, red: Integer[Array, ""]) -> Bool[Array, "kind"]:
    """Kinds that a red agent can pay now, the S7 zero-day apart."""
    energy = state.energy[T.NUM_BLUE + red] >= R.ENERGY * A.ENERGY_UNIT
    return energy & (state.funds[1] >= R.FUNDS * A.FUNDS_UNIT)


def red_places(game: Game, state: State, red: Integer[Array, ""]) -> UInt32[Array, "place"]:
    """What holds of each place for a red agent, as it believes (:class:`~garrison.worlds.soc.needs.Red`).

    It knows of a host under its session the role, the system, the data and the privilege, and whether the
    session is dormant. A host of corporate may be phished unseen: the lowest workstation that it does not
    know.
    """
    zone, known, scan = game.zone, state.red_known[red], state.red_scan[red]
    reach = access.into(access.believed(game, state, red), access.footing(game, state, red))
    ports, role = reach[zone], state.host_role
    mine = access.usable(game, state, red)
    *weak, zero_day = (through & ports > 0 for through in attack_ports(scan))
    rich = state.funds[1] >= T.ZERO_DAY_FUNDS * A.FUNDS_UNIT
    tokens = access.held(state, red)
    admin = tokens[T.ZONE_ADMIN][zone]
    person = tokens[T.Scope.CORP_USER] & (zone == T.Zone.CORPORATE)
    desk = state.host_exists & (zone == T.Zone.CORPORATE) & (role == T.Role.WORKSTATION) & ~known
    unseen = desk & (jnp.arange(zone.shape[0]) == first(desk, 0))
    F, P = RedFact, T.Port
    host = red_hosts(game, state, red) | facts(
        {
            F.KNOWN: known,
            F.SCANNED: known & (scan > 0),
            F.REACH: ports > 0,
            F.WEAK: weak[0] | weak[1] | weak[2] | weak[3] | zero_day & rich,
            F.RDP: ports & T.bits(P.RDP) > 0,
            F.SMB: ports & T.bits(P.SMB) > 0,
            F.WEB: ports & T.bits(P.HTTP, P.TOMCAT) > 0,
            F.TICKET: (admin | person) & (ports & TICKET_PORTS > 0),
            F.SEEN_V4L2: seen_weak(scan, T.Weakness.V4L2),
            F.EGRESS: zone != T.Zone.OT,
            F.MAILABLE: known | unseen,
        }
    )
    scopes = jnp.zeros(T.NUM_SCOPES, jnp.uint32)
    intel = facts({F.INTEL: jnp.any(mine) | (state.loot > 0)})
    return jnp.concatenate([host, facts({F.REACH: reach > 0}), scopes, intel[None]])


def red_hosts(game: Game, state: State, red: Integer[Array, ""]) -> UInt32[Array, "host"]:
    """What is true of hosts for a red agent."""
    os, services, role = game.topology.host_os, game.topology.host_services, state.host_role
    windows = (os == T.Os.WINDOWS_10) | (os == T.Os.SERVER_2016)
    zone, mine = game.zone, access.usable(game, state, red)
    controller = mine & (state.host_priv == T.Privilege.ROOT) & (role == T.Role.DOMAIN_CONTROLLER)
    ruled = jnp.any(controller[None] & (zone[None] == np.arange(T.NUM_ZONES)[:, None]), axis=1)
    F = RedFact
    return facts(
        {
            F.EXISTS: state.host_exists,
            F.ONLINE: state.host_status == T.Status.ONLINE,
            F.FOREIGN: ~access.own(state, red),
            F.MINE: mine,
            F.USER: state.host_priv == T.Privilege.USER,
            F.ROOT: state.host_priv == T.Privilege.ROOT,
            F.WINDOWS: windows,
            F.IIS: windows & (services & T.bits(T.Service.IIS) > 0),
            F.LINUX: (os == T.Os.UBUNTU) | (os == T.Os.CENTOS),
            F.PLC: role == T.Role.PLC,
            F.NOT_PLC: role != T.Role.PLC,
            F.DATA: state.host_data > state.host_taken,
            F.CONTROLLER: ruled[zone],
            F.PHISHABLE: state.host_phishability > 0,
        }
    )
