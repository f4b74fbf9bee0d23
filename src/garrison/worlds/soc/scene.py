"""The world as people look at it: zones and hosts, what is true, and what each side knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.core.scene import Happening, Host, Look, Mark, Order, Scene, Zone
from garrison.worlds.soc import describe
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.actions import Outcome

PLACES = ((1, 1), (1, 2), (0, 2), (2, 2), (2, 3), (1, 0))  # column, row of each zone
LINKS = ((5, 0), (0, 1), (0, 2), (0, 3), (2, 1), (1, 3), (3, 4))
_RECENT_MS = 60_000  # how long a severe log entry counts as a sign
_SHELL, _ROOT = Mark("U", "red has a user session", "warning"), Mark("R", "red has root", "danger")
_ENCRYPTED = Mark("E", "encrypted", "danger")
_DOWN, _ISOLATED = Mark("O", "off, panicking or being restored", "notice"), Mark("I", "isolated", "notice")
_DECOY, _EDR = Mark("D", "a decoy or a honeytoken", "calm"), Mark("S", "an EDR agent", "calm")
VIEWS = {
    "true": (
        _ROOT,
        _SHELL,
        _ENCRYPTED,
        Mark("K", "its sensors were killed", "warning"),
        _ISOLATED,
        _DOWN,
        _DECOY,
        _EDR,
    ),
    "blue": (
        Mark("R", "verdict: root", "danger"),
        _ENCRYPTED,
        Mark("U", "verdict: a user session", "warning"),
        Mark("P", "verdict: suspect", "warning"),
        Mark("A", "a severe log entry in the last minute", "warning"),
        _ISOLATED,
        _DOWN,
        _DECOY,
        _EDR,
    ),
    "red": (
        _ROOT,
        _SHELL,
        Mark("N", "scanned by red", "notice"),
        Mark("K", "its address is known to red", "calm"),
    ),
    "difference": (
        Mark("M", "held by red, and nothing shows it to blue", "danger"),
        Mark(
            "C", "held by red, and blue has a verdict or a severe log entry of it, or isolated it", "warning"
        ),
        Mark("F", "a verdict or a severe log entry, but red does not hold it", "notice"),
    ),
}
HAPPENINGS = {
    "goal": ("red reached its goal", "danger"),
    "root": ("red got root", "danger"),
    "session": ("red got a user session", "warning"),
    "encrypted": ("red encrypted a host", "danger"),
    "exfiltrated": ("red took a unit of data", "danger"),
    "plant": ("a reading of the plant became alarming", "danger"),
    "stolen": ("red stole a credential", "warning"),
    "caught": ("deception caught red", "calm"),
    "aborted": ("blue interrupted an attack", "calm"),
    "evicted": ("red lost a host", "calm"),
    "isolated": ("blue isolated a host", "notice"),
    "rules": ("blue changed the rules of a zone", "notice"),
}


def scene(static: Static, episode: Any) -> Scene:
    """The network of an episode. Hosts are those that exist, and the slots where devices may arrive."""
    zones = [
        Zone(name, name, place, T.BLUE_AGENTS[owner] if owner is not None else "")
        for name, place, owner in zip(T.ZONE_NAMES, PLACES, (*T.ZONE_OWNER.tolist(), None), strict=True)
    ]
    lay, names, role = layout(static), describe.host_names(static), episode.topology.start_role
    hosts = [
        Host(names[h], _label(names[h], role[h]), int(lay.zone[h]), kind(role[h])) for h in slots(episode)
    ]
    return Scene(zones, hosts, LINKS, VIEWS, HAPPENINGS, held="RU", noticed=("difference", "C"))


def look(static: Static, episode: Any) -> Look:
    """What is true of a state, and what each side knows of it, by places of hosts in :func:`scene`."""
    state = episode.state
    root, shell = state.host_priv == T.Privilege.ROOT, state.host_priv == T.Privilege.USER
    isolated = state.host_status == T.Status.ISOLATED
    down = ~np.isin(state.host_status, (T.Status.ONLINE, T.Status.ISOLATED))
    decoys = (state.host_decoy > 0) | state.host_honeytoken
    verdict = {one: state.view_verdict == one for one in B.Verdict}
    since = int(state.time) - state.view_severe.astype(int) * L.BATCH_MS
    alert = (state.view_severe > 0) & (since <= _RECENT_MS)
    found = np.isin(state.view_verdict, (B.Verdict.SUSPECT, B.Verdict.USER, B.Verdict.ROOT))
    signs, held = found | alert, root | shell
    shared = {"I": isolated, "O": down, "D": decoys, "S": state.host_edr}
    known = {
        "true": {"R": root, "U": shell, "E": state.host_encrypted, "K": state.host_sensor_killed} | shared,
        "blue": {
            "R": verdict[B.Verdict.ROOT],
            "E": verdict[B.Verdict.ENCRYPTED],
            "U": verdict[B.Verdict.USER],
            "P": verdict[B.Verdict.SUSPECT],
            "A": alert,
        }
        | shared,
        "red": {
            "R": root,
            "U": shell,
            "N": (state.red_scan > 0).any(axis=0),
            "K": state.red_known.any(axis=0),
        },
        "difference": {
            "M": held & ~(signs | isolated),
            "C": held & (signs | isolated),
            "F": signs & ~held,
        },
    }
    place = {host: number for number, host in enumerate(slots(episode))}
    there = state.host_exists
    marks = {
        view: {
            number: letters
            for host, number in place.items()
            if there[host] and (letters := "".join(letter for letter, mask in masks.items() if mask[host]))
        }
        for view, masks in known.items()
    }
    orders = [
        Order(agent, label, place.get(host), -(-left // 1000))
        for agent, label, host, left in describe.in_flight(static, state)
    ]
    return Look(0, marks, _blocks(episode), orders)


def _blocks(episode: Any) -> list[tuple[int, int]]:
    """Pairs of zones between which blue's rules let nothing through that is open at the level normal."""
    allow = routes.ALLOW[int(episode.options.guest_to_ot)]
    return [
        (source, zone)
        for zone, level in enumerate(episode.state.zone_level.tolist())
        for source in range(len(T.Zone))
        if source != zone and allow[0, source, zone] and not allow[level, source, zone]
    ]


def happenings(static: Static, before: Any, after: Any, events: Any) -> list[Happening]:
    """What to point out in a step, red's gains first."""
    place = {host: number for number, host in enumerate(slots(before))}
    was, now = before.state, after.state
    changes = describe.changes(was, now)
    found: list[tuple[str, int | None]] = [("goal", None)] * changes.goal
    for name in ("root", "session", "encrypted", "exfiltrated"):
        found += [(name, host) for host in getattr(changes, name)]
    found += [("plant", None)] * len(changes.alarms) + [("stolen", None)] * len(changes.stolen)
    for row, agent in enumerate(events.agent.tolist()):
        outcome, target = int(events.outcome[row]), int(events.target[row])
        host = target if describe.on_host(agent, int(events.kind[row])) else None
        if agent >= T.NUM_BLUE and outcome in (Outcome.CAUGHT, Outcome.ABORTED):
            found.append(("caught" if outcome == Outcome.CAUGHT else "aborted", host))
    found += [("evicted", host) for host in changes.lost]
    found += [("isolated", host) for host in changes.isolated]
    found += [("rules", None)] * len(changes.levels)
    return [Happening(kind, None if host is None else place.get(host)) for kind, host in found]


def slots(episode: Any) -> list[int]:
    """Slots of an episode that have a host, or may get one."""
    return np.flatnonzero(episode.topology.start_exists | episode.topology.host_spare).tolist()


def kind(role: int) -> str:
    """How a host of a role is drawn."""
    if role in (T.Role.PLC, T.Role.IOT):
        return "device"
    return "server" if T.IS_SERVER[role] else "user"


def _label(name: str, role: int) -> str:
    return f"{name}, {T.Role(int(role)).name.lower().replace('_', ' ')}"
