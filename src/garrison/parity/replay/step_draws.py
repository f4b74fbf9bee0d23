"""One step's draws while a recorded tape is laid out on them."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import numpy as np

from garrison.parity.recording.network import HOST_SLOT, Names
from garrison.parity.recording.trace import Draw, TraceStep
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.discover import scan_entries
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import NO_RANK, State
from garrison.worlds.cc4.topology import Topology

_HIGHEST_UNIFORM = np.nextafter(np.float32(1), np.float32(0))


class TapeError(ValueError):
    """A recorded draw that our rules do not expect here; the message names draw, agent and site."""


class StepDrawsBuilder:
    """Where the draws of one step go, and what is known before the step to check them against.

    Args:
        names: of the network.
        topology, options: of the episode.
        state: before the step.
        memory: of the finite-state red, brought up to date for this step; None for others.
        before: the recorded snapshot before the step.
        step: the recorded step.
    """

    def __init__(
        self,
        names: Names,
        topology: Topology,
        options: Options,
        state: State,
        memory: FsmMemory | None,
        before: dict,
        step: TraceStep,
    ):
        self.names, self.topology, self.options, self.state = names, topology, options, state
        self.memory: Any = memory  # there, where a finite-state red decides
        self.before, self.step = before, step
        self.fields = {name: np.array(value) for name, value in vars(_blank()).items()}
        self._filled: set[tuple] = set()
        #: hosts on which sessions or processes changed earlier in this step
        self.touched = {host for hosts in self.blue_hosts.values() for host in hosts}
        #: decoy that DeployDecoy puts on a host in this step; the only candidate, unless the tape says more
        self.deployed = dict.fromkeys(self.blue_hosts["DeployDecoy"], T.Decoy.VSFTPD)
        #: rolls of DiscoverDeception by agent: [first roll, second roll or None] per process
        self.deception: dict[int, list[list]] = {}
        #: rolls on the route of an SSH login by agent
        self.route: dict[int, int] = {}
        self.repids = np.zeros(T.NUM_BLUE, int)

    # ------------------------------------------------------------ laying draws down

    def put(self, draw: Draw, field: str, index: int | tuple, value: float) -> None:
        """Store one number; a place can be filled once."""
        place = (field, index)
        if place in self._filled:
            raise TapeError(f"{describe(draw)}: {field} has been drawn already")
        self._filled.add(place)
        if self.fields[field].dtype == np.float32:
            value = min(np.float32(value), _HIGHEST_UNIFORM)
        self.fields[field][index] = value

    def result(self) -> D.Draws:
        fields: dict[str, Any] = self.fields
        return D.Draws(**fields)

    # ------------------------------------------------------------ what is known before the step

    @cached_property
    def phase(self) -> int:
        return int(np.sum(int(self.state.step) >= np.asarray(self.options.phase_start)))

    @cached_property
    def blue_hosts(self) -> dict[str, list[int]]:
        """Hosts that blue changes in this step, by kind of action."""
        hosts: dict[str, list[int]] = {"DeployDecoy": [], "Remove": [], "Restore": []}
        for agent in T.BLUE_AGENTS:
            kind, parameters, *_ = self.step.executed[agent]
            if kind in hosts:
                hosts[kind].append(HOST_SLOT[parameters["hostname"]])
        return hosts

    def target(self, agent: str) -> int:
        """Host slot that the executed action of an agent names, NO_HOST if none."""
        parameters = self.step.executed[agent][1]
        if "hostname" in parameters:
            return HOST_SLOT[parameters["hostname"]]
        return self.names.host_of_ip.get(parameters.get("ip_address"), T.NO_HOST)

    def sessions_on(self, red: int, host: int) -> int:
        state = self.state
        return int(np.sum((state.session_kind[red] > 0) & (state.session_host[red] == host)))

    def session_pairs(self) -> list[tuple[int, int]]:
        """All (host, red agent) with a session, in the order of hosts, then agents."""
        red, slot = np.nonzero(self.state.session_kind)
        hosts = self.state.session_host[red, slot]
        return sorted(set(zip(hosts.tolist(), red.tolist(), strict=True)))

    def known_sessions(self, red: int) -> list[int]:
        """Session ids that a red agent has seen, in order of first sight."""
        rank = self.state.red_known_session[red]
        return sorted(np.flatnonzero(rank != NO_RANK).tolist(), key=lambda i: rank[i])

    def open_ports(self, host: int) -> int:
        """Listening ports of a host as bits of ``tables.PORTS``."""
        state = self.state
        kinds = self.topology.service_kind[host]
        stopped = (kinds == T.Service.OTSERVICE) & state.host_ot_stopped[host]
        ports = np.bitwise_or.reduce(np.where(stopped, 0, T.SERVICE_PORT[kinds]))
        ports |= np.bitwise_or.reduce(T.DECOY_PORT[state.host_decoy[host]])
        return int(ports)

    def decoy_candidates(self, host: int) -> list[T.Decoy]:
        """What DeployDecoy can choose from; Vsftpd tests a port that nothing opens (Q16)."""
        taken = self.open_ports(host)
        return [d for d in list(T.Decoy)[1:] if d == T.Decoy.VSFTPD or not taken & T.DECOY_PORT[d]]

    def active_services(self, host: int) -> int:
        """How many services green finds on a host: after blue's actions of this step, before red's."""
        state, kinds = self.state, self.topology.service_kind[host]
        restored = host in self.blue_hosts["Restore"]
        real = int(np.sum(kinds > 0))
        if state.host_ot_stopped[host] and not restored:
            real -= 1
        decoys = set() if restored else set(state.host_decoy[host][state.host_decoy[host] > 0].tolist())
        return real + len(decoys | ({self.deployed[host]} if host in self.deployed else set()))

    def source(self, red: int) -> int | None:
        """Table slot of the session from which a red agent acts in this step, None if it is gone.

        As executed, since an action of one step is not in the state before it.
        """
        state, session = self.state, int(self.step.executed[T.RED_AGENTS[red]][1]["session"])
        match = (state.session_kind[red] > 0) & (state.session_id[red] == session)
        return int(np.argmax(match)) if match.any() else None

    def scanned_ports(self, red: int) -> int:
        """Ports of the target that the source session of a red agent remembers, as bits."""
        state, slot = self.state, self.source(red)
        if slot is None:
            return 0
        slots: Any = np.full(T.NUM_RED, slot)
        hosts: Any = np.full(T.NUM_RED, self.target(T.RED_AGENTS[red]))
        match = scan_entries(state, slots, hosts)[red]
        return int(state.scan_ports[red][np.argmax(match)]) if match.any() else 0


# ---------------------------------------------------------------- reading draws, strictly


def describe(draw: Draw) -> str:
    return f"{draw.site} by {draw.agent}"


def choice(draw: Draw, count: int | None = None, kind: str = "choice") -> int:
    """Index of a recorded choice; ``count`` is the number of options where it is known before the step."""
    options = draw.range if kind != "integers" else _width(draw, low=0)
    options = len(options) if kind == "choice_p" and isinstance(options, list) else options
    if draw.kind != kind or not isinstance(options, int):
        raise TapeError(f"{describe(draw)}: a {kind} was expected, not {draw.kind} over {draw.range!r}")
    if count is not None and options != count:
        raise TapeError(f"{describe(draw)}: CybORG chose among {options}, we would among {count}")
    if not 0 <= draw.outcome < options:
        raise TapeError(f"{describe(draw)}: index {draw.outcome} of {options}")
    return draw.outcome


def check_chances(draw: Draw, weights: np.ndarray) -> None:
    """Compare the chances of a recorded choice, which older recordings lack, with weights of ours."""
    chances = np.asarray(weights, float) / np.sum(weights)
    if isinstance(draw.range, list) and not np.allclose(draw.range, chances, rtol=0, atol=2e-6):
        i = int(np.argmax(np.abs(np.asarray(draw.range) - chances)))
        raise TapeError(
            f"{describe(draw)}: option {i} of {len(chances)} has a chance of {draw.range[i]} in CybORG "
            f"and of {chances[i]:.6f} with us"
        )


def uniform(draw: Draw) -> float:
    if draw.kind != "random" or not 0 <= draw.outcome < 1:
        raise TapeError(f"{describe(draw)}: a uniform was expected, not {draw.kind} {draw.outcome!r}")
    return draw.outcome


def integer(draw: Draw, low: int, high: int) -> int:
    """Value of a recorded whole number in ``low..high-1``."""
    if draw.kind != "integers" or draw.range != [low, high] or not low <= draw.outcome < high:
        raise TapeError(
            f"{describe(draw)}: a whole number in [{low}, {high}) was expected, "
            f"not {draw.kind} {draw.outcome!r} in {draw.range!r}"
        )
    return draw.outcome


def label(draw: Draw, expected: Any) -> None:
    if draw.label != expected:
        raise TapeError(
            f"{describe(draw)}: CybORG chose {draw.label!r} as number {draw.outcome}, we {expected!r}"
        )


def rank(index: int, count: int) -> float:
    """A uniform that picks ``index`` among ``count``."""
    return (index + 0.5) / count


def interval(index: int, weights: np.ndarray) -> float:
    """The middle of the interval that ``index`` has when options are picked by cumulative weight."""
    ends = np.cumsum(np.asarray(weights, float))
    return (ends[index] - 0.5 * weights[index]) / ends[-1]


def _width(draw: Draw, low: int) -> Any:
    pair = isinstance(draw.range, list) and len(draw.range) == 2 and draw.range[0] == low
    return draw.range[1] if pair else None


@cache
def _blank() -> D.Draws:
    return D.blank()
