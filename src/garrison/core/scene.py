"""What a world looks like to people: places, hosts and marks, for viewers and pictures.

A world that can be drawn gives a :class:`Scene` for each episode (``World.scene``), a :class:`Look` for each
state (``World.look``), and a list of :class:`Happening` for each step (``World.happenings``). All of it is
plain data, so that viewers know no world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Kinds of hosts, each drawn in a shape of its own.
KINDS = ("server", "user", "router", "device")
#: Meanings of a mark, each drawn in a color of its own.
TONES = ("danger", "warning", "notice", "calm")


@dataclass(frozen=True)
class Zone:
    """A part of the network.

    Attributes:
        at: column and row of its place on the map.
        owner: who defends it; empty for nobody.
    """

    name: str
    label: str
    at: tuple[float, float]
    owner: str = ""


@dataclass(frozen=True)
class Host:
    """A host; ``zone`` is the number of its zone, ``kind`` one of :data:`KINDS`."""

    name: str
    label: str
    zone: int
    kind: str


@dataclass(frozen=True)
class Mark:
    """What can be said of a host: one letter, its meaning, and a tone, one of :data:`TONES`."""

    letter: str
    meaning: str
    tone: str


@dataclass(frozen=True)
class Scene:
    """What stays the same for an episode.

    Attributes:
        links: pairs of numbers of zones.
        views: marks by view, in order of importance: ``"true"`` is what is, the others what somebody knows.
        happenings: meanings and tones of kinds of happenings, by kind.
        held: letters of the view ``"true"`` by which an attacker holds a host. An unbroken run of states in
            which a host of a zone with an owner has one of them is an incident; empty: there are none.
        noticed: a view, and its letters by which the owner can know of it.
    """

    zones: Sequence[Zone]
    hosts: Sequence[Host]
    links: Sequence[tuple[int, int]]
    views: Mapping[str, Sequence[Mark]]
    happenings: Mapping[str, tuple[str, str]]
    held: str = ""
    noticed: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Order:
    """An action in progress: the agent, the host if it is on one, and the steps that are left.

    Worlds with steps of varying duration give whole seconds in place of steps.
    """

    agent: str
    label: str
    host: int | None
    steps: int


@dataclass(frozen=True)
class Look:
    """What can be seen in a state.

    Attributes:
        phase: number of the episode's phase.
        marks: letters by number of the host, by view. Hosts without a letter are left out.
        blocks: pairs of zones: traffic from the first is not let into the second.
    """

    phase: int
    marks: Mapping[str, Mapping[int, str]]
    blocks: Sequence[tuple[int, int]] = ()
    orders: Sequence[Order] = ()


@dataclass(frozen=True)
class Happening:
    """What a viewer points out in a step: its kind, and the number of the host where it was."""

    kind: str
    host: int | None = None
