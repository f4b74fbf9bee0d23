"""CC4 as people look at it: subnets and hosts, what is true, and what each side knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.core.scene import Happening, Host, Look, Mark, Order, Scene, Zone
from garrison.worlds.cc4 import describe
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events

LABELS = (
    "restricted zone A",
    "operational zone A",
    "restricted zone B",
    "operational zone B",
    "contractor network",
    "public access zone",
    "admin network",
    "office network",
    "internet",
)
PLACES = ((1, 1), (1, 2), (2, 1), (2, 2), (0, 1), (3.5, 1), (3, 2), (4, 2), (2, 0))  # column, row
_SHELL = Mark("U", "red has a shell", "warning")
_ROOT = Mark("R", "red has root", "danger")
_STOPPED = Mark("X", "operational technology stopped", "danger")
_WORN = Mark("W", "a worn service", "warning")
_DECOY = Mark("D", "a decoy", "calm")
VIEWS = {
    "true": (_ROOT, _SHELL, _STOPPED, _WORN, _DECOY),
    "blue": (
        Mark("P", "process events in the last step", "danger"),
        Mark("N", "network events in the last step", "warning"),
        _DECOY,
    ),
    "red": (
        _ROOT,
        _SHELL,
        Mark("H", "its name is known to red", "notice"),
        Mark("I", "its address is known to red", "calm"),
    ),
    "difference": (
        Mark("M", "held by red, and nothing shows it to blue", "danger"),
        Mark("C", "held by red, and blue has signs of it or can remove it", "warning"),
        Mark("F", "signs, but red does not hold it", "notice"),
    ),
}
HAPPENINGS = {
    "shell": ("red got a shell", "warning"),
    "root": ("red got root", "danger"),
    "impact": ("red stopped operational technology", "danger"),
    "degrade": ("red wore services down", "warning"),
    "trapped": ("a decoy caught an exploit", "calm"),
    "phished": ("a user let red in", "warning"),
    "restore": ("blue restored a host", "calm"),
    "remove": ("blue removed a session", "calm"),
    "block": ("blue changed a block", "notice"),
}


def scene(episode: Any) -> Scene:
    """The network of an episode. Numbers of zones are those of subnets; hosts are those that exist."""
    zones = [Zone(T.SUBNETS[s], LABELS[s], PLACES[s], owner(s)) for s in range(T.NUM_SUBNETS)]
    hosts = [Host(T.HOST_NAMES[h], _label(h), int(T.HOST_SUBNET[h]), kind(h)) for h in _existing(episode)]
    return Scene(zones, hosts, links(), VIEWS, HAPPENINGS, held="RU", noticed=("difference", "C"))


def links() -> list[tuple[int, int]]:
    """Pairs of subnets whose routers are linked: two routers are on the route between them."""
    near = (T.ROUTE != T.NO_HOST).sum(axis=2) == 2
    return [(int(a), int(b)) for a, b in np.argwhere(near) if a < b]


def look(episode: Any) -> Look:
    """What is true of a state, and what each side knows of it, by places of hosts in :func:`scene`."""
    state = episode.state
    held, decoys = _held(state), state.host_decoy.any(axis=1)
    red = held["R"] | held["U"]
    watched = T.HOST_BLUE != T.NO_AGENT
    process = watched & (state.host_process_events > 0)
    network = watched & (state.host_network_events > 0)
    listed = (state.session_suspicious & (state.session_kind > 0))[..., None]
    listed = (listed & describe.sessions_at(state)).any(axis=(0, 1))
    known = {
        "true": held | {"X": state.host_ot_stopped, "W": _worn(episode), "D": decoys},
        "blue": {"P": process, "N": network, "D": decoys},
        "red": held | {"H": state.red_known_hostname.any(axis=0), "I": state.red_known_ip.any(axis=0)},
        "difference": {
            "M": red & ~(process | network | listed),
            "C": red & (process | network | listed),
            "F": (process | network) & ~red,
        },
    }
    places = {host: place for place, host in enumerate(_existing(episode))}
    marks = {view: _letters(masks, places) for view, masks in known.items()}
    blocks = [(int(source), int(target)) for target, source in np.argwhere(state.blocked)]
    orders = [
        Order(agent, label, places.get(host), ticks) for agent, label, host, ticks in describe.orders(state)
    ]
    return Look(int(state.phase), marks, blocks, orders)


def happenings(before: Any, after: Any, events: Events) -> list[Happening]:
    """What to point out in a step, red's gains first."""
    places = {host: place for place, host in enumerate(_existing(before))}
    was, now = _held(before.state), _held(after.state)
    found = [("root", h) for h in np.flatnonzero(now["R"] & ~was["R"])]
    found += [("shell", h) for h in np.flatnonzero(now["U"] & ~was["U"] & ~was["R"])]
    worked = events.red_ran & (events.red_outcome == T.Outcome.TRUE)
    for kind, red in (("impact", T.Red.IMPACT), ("degrade", T.Red.DEGRADE)):
        found += [(kind, events.red_host[r]) for r in np.flatnonzero(worked & (events.red_kind == red))]
    found += [("trapped", events.red_host[r]) for r in np.flatnonzero(events.red_trapped)]
    found += [("phished", T.GREEN_HOST[g]) for g in np.flatnonzero(events.green_phished)]
    done = events.blue_outcome == T.Outcome.TRUE
    for kind, blue in (("restore", T.Blue.RESTORE), ("remove", T.Blue.REMOVE)):
        found += [(kind, events.blue_host[b]) for b in np.flatnonzero(done & (events.blue_kind == blue))]
    moved = np.isin(events.blue_kind, (T.Blue.BLOCK, T.Blue.ALLOW))
    found += [("block", None)] * int((moved & done).sum())
    return [Happening(kind, None if host is None else places.get(int(host))) for kind, host in found]


def _existing(episode: Any) -> list[int]:
    return np.flatnonzero(episode.topology.host_exists).tolist()


def owner(subnet: int) -> str:
    """The blue agent that defends a subnet; empty for none."""
    number = T.SUBNET_BLUE[subnet]
    return "" if number == T.NO_AGENT else T.BLUE_AGENTS[number]


def kind(host: int) -> str:
    """The kind of a slot of hosts, as it is drawn."""
    return "server" if T.IS_SERVER[host] else "user" if T.IS_USER[host] else "router"


def _label(host: int) -> str:
    """A host's name without its subnet's."""
    subnet = T.SUBNETS[T.HOST_SUBNET[host]]
    return T.HOST_NAMES[host].removeprefix(f"{subnet}_").replace("_host", "").replace("_", " ")


def _held(state: Any) -> dict[str, np.ndarray]:
    """bool[host]: root, or a shell and no root."""
    return dict(zip("RU", describe.footholds(state), strict=True))


def _worn(episode: Any) -> np.ndarray:
    real = episode.topology.service_kind > 0
    return (real & (episode.state.host_reliability[:, : real.shape[1]] < 100)).any(axis=1)


def _letters(masks: dict[str, np.ndarray], places: dict[int, int]) -> dict[int, str]:
    return {
        place: letters
        for host, place in places.items()
        if (letters := "".join(letter for letter, mask in masks.items() if mask[host]))
    }
