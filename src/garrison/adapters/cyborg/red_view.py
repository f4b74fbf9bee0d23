"""Red's list of actions on CybORG: vectors, masks and source sessions from what its agents know.

The values are those of :mod:`garrison.worlds.cc4.red_view` and :mod:`garrison.worlds.cc4.red_acts`
(``docs/worlds/cc4-rules.md`` §11), in NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.adapters.cyborg.commands import AGENTS, Knowledge, Orders
from garrison.worlds.cc4 import red_acts
from garrison.worlds.cc4 import red_view as listed
from garrison.worlds.cc4 import tables as T

_HOST = {name: slot for slot, name in enumerate(T.HOST_NAMES)}
_SUBNET = {name: slot for slot, name in enumerate(T.SUBNETS)}
_KIND = {name: kind for kind, name in enumerate(T.RED_NAMES) if kind != T.Red.INVALID}
_ROOT = T.USER_NAMES[T.User.ROOT]
_AGENT = np.arange(T.NUM_RED)[:, None]
_FIRST = len(listed.GENERAL)  # index of the first target's first feature
#: Subnets of each agent in the order of the features; the padding is a subnet that none can come to know.
_OWN = [(*own, *[T.INT] * (3 - len(own))) for own in T.RED_SUBNETS]


class RedView:
    """What the six red agents observe in an episode. :meth:`update` comes first."""

    def __init__(self) -> None:
        self._acts: _Acts | None = None

    def update(self, knowledge: Knowledge) -> None:
        """Take up what the agents know after the reset, and then after each step.

        Args:
            knowledge: from :func:`garrison.adapters.cyborg.commands.knowledge`.
        """
        self._phase, self._agents = knowledge["phase"], knowledge["agents"]
        held = self._held(root=False)
        if self._acts is None:
            self._acts = _Acts(held)
        else:
            self._acts.remember(held, [agent["last"] for agent in self._agents])

    def vectors(self) -> np.ndarray:
        """Observations ``float32[red, 921]`` under ``acts``; those under ``known`` are their beginning."""
        assert self._acts is not None
        general = np.array([self._general(r, agent) for r, agent in enumerate(self._agents)])
        hosts = self._per_host()[_AGENT, listed.TARGETS] * listed.LISTED[:, :, None]
        acts = self._acts.features()[_AGENT, listed.TARGETS] * listed.LISTED[:, :, None]
        parts = [general, hosts.reshape(T.NUM_RED, -1), acts.reshape(T.NUM_RED, -1)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def masks(self) -> np.ndarray:
        """Legal actions ``bool[red, action]``; busy and inactive agents can only sleep."""
        kind, host, subnet = (listed.ACTIONS[:, :, column].astype(int) for column in range(3))
        at = np.minimum(host, T.ROOT_HOST)
        address, name = self._known("addresses")[_AGENT, at], self._known("names")[_AGENT, at]
        home = np.zeros((T.NUM_RED, T.NUM_SUBNETS), bool)
        for r, agent in enumerate(self._agents):
            home[r, [_SUBNET[one] for one in agent["subnets"]]] = True
        home = home[_AGENT, np.minimum(subnet, T.INT)]
        by = T.RED_TARGET[kind]
        needs = [T.RedTarget.SUBNET, T.RedTarget.NAME, T.RedTarget.ADDRESS_AND_NAME]
        known = np.select([by == need for need in needs], [home, name, address & name], address)
        free = np.array([agent["active"] and agent["ticks"] == 0 for agent in self._agents])
        mask = known & free[:, None] & (kind != T.Red.SLEEP)
        mask[:, 0] = True
        return mask

    def orders(self, index: np.ndarray) -> Orders:
        """The decisions behind action indices ``int[red]``; Sleep and what is not in the list: no order."""
        orders = {}
        for r, (agent, number) in enumerate(zip(AGENTS, index.tolist(), strict=True)):
            inside = 0 <= number < listed.ACTION_COUNTS[r]
            kind, host, subnet = listed.ACTIONS[r, number].tolist() if inside else (T.Red.SLEEP, 0, 0)
            if kind == T.Red.SLEEP:
                continue
            home = None if subnet == T.NO_SUBNET else T.SUBNETS[subnet]
            target = None if host == T.NO_HOST else T.HOST_NAMES[host]
            orders[agent] = [T.RED_NAMES[kind], _source(self._agents[r], kind, target), target, home]
        return orders

    # ------------------------------------------------------------ parts of the above

    def _general(self, r: int, agent: Knowledge) -> list[float]:
        kind, _, success = _result(agent["last"])
        phases = [phase == self._phase for phase in range(T.NUM_PHASES)]
        kinds = [one == kind for one in range(1, T.NUM_RED_KINDS + 1)]
        acted = kind != T.Red.SLEEP
        return [
            *phases,
            agent["active"],
            agent["ticks"] / 4,
            len(agent["sessions"]) / 10,
            *kinds,
            acted and success,
            acted and not success,
            *(T.SUBNETS[subnet] in agent["subnets"] for subnet in _OWN[r]),
        ]

    def _per_host(self) -> np.ndarray:
        """``[red, host, feature]``"""
        ports = np.zeros((T.NUM_RED, T.NUM_HOSTS, len(T.PORTS)), bool)
        last = np.zeros((T.NUM_RED, T.NUM_HOSTS), bool)
        for r, agent in enumerate(self._agents):
            for *_, seen in agent["sessions"]:
                for name, numbers in seen.items():
                    ports[r, _HOST[name]] |= np.isin(T.PORTS, numbers)
            _, host, _ = _result(agent["last"])
            if host is not None:
                last[r, host] = True
        columns = [self._known("addresses"), self._known("names"), self._held(root=False)]
        columns += [self._held(root=True), *np.moveaxis(ports, 2, 0), last]
        return np.stack(columns, axis=2)

    def _known(self, what: str) -> np.ndarray:
        return _marked([[_HOST[name] for name in agent[what]] for agent in self._agents])

    def _held(self, root: bool) -> np.ndarray:
        """Hosts on which an agent has a session, ``bool[red, host]``; ``root``: one of root."""
        return _marked(
            [
                [_HOST[host] for _, host, user, *_ in agent["sessions"] if user == _ROOT or not root]
                for agent in self._agents
            ]
        )


class _Acts:
    """What the agents remember of their acts, as :class:`garrison.worlds.cc4.red_acts.RedActs`."""

    def __init__(self, held: np.ndarray) -> None:
        shape = (T.NUM_RED, T.NUM_HOSTS)
        self._held = held
        self._looked, self._impacted, self._lost = (np.zeros(shape, bool) for _ in range(3))
        self._degraded, self._failed = np.zeros(shape, int), np.zeros(shape, int)
        self._age = np.full(shape, red_acts.OLDEST)

    def remember(self, held: np.ndarray, results: list[list[Any] | None]) -> None:
        gone, self._held = self._held & ~held, held
        self._degraded[gone], self._impacted[gone] = 0, False
        self._lost = (self._lost | gone) & ~held
        self._age = np.minimum(self._age + 1, red_acts.OLDEST)
        for r, result in enumerate(results):
            kind, host, success = _result(result)
            if host is None:  # Sleep and DiscoverRemoteSystems too
                continue
            at = (r, host)
            self._age[at] = 0
            self._failed[at] = 0 if success else min(self._failed[at] + 1, red_acts.MOST)
            self._looked[at] |= success and kind == T.Red.DECEPTION
            self._impacted[at] |= success and kind == T.Red.IMPACT
            if success and kind == T.Red.DEGRADE and not gone[at]:
                self._degraded[at] = min(self._degraded[at] + 1, red_acts.MOST)

    def features(self) -> np.ndarray:
        """``[red, host, feature]``"""
        columns = [
            self._looked,
            self._degraded / red_acts.MOST,
            self._impacted,
            self._failed / red_acts.MOST,
            self._lost,
            self._age / red_acts.OLDEST,
        ]
        return np.stack(columns, axis=2)


def _marked(places: list[list[int]]) -> np.ndarray:
    """``bool[red, host]``: true at the places of each agent."""
    found = np.zeros((T.NUM_RED, T.NUM_HOSTS), bool)
    for r, hosts in enumerate(places):
        found[r, hosts] = True
    return found


def _result(last: list[Any] | None) -> tuple[int, int | None, bool]:
    """Kind, host and success of a result; Sleep for none, and for an action that CybORG refused."""
    if last is None or last[0] not in _KIND:
        return int(T.Red.SLEEP), None, False
    kind, host, success = last
    return _KIND[kind], None if host is None else _HOST[host], success


def _source(agent: Mapping[str, Any], kind: int, target: str | None) -> int:
    """Id of the oldest session able to act, one with the target's ports for an exploit; 0 without any."""
    sessions, known = agent["sessions"], set(agent["known_sessions"])
    able = [one for one in sessions if one[3] and one[0] in known]
    scanned = [one for one in able if target in one[4]]
    if kind == T.Red.EXPLOIT and scanned:
        return scanned[0][0]
    return next((one[0] for one in able or sessions), 0)
