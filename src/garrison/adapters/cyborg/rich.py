"""The observations ``rich`` and ``recall`` of an agent from CybORG's raw ones.

They are those of ``docs/worlds/cc4-rules.md`` §7.6.

A :class:`Tracker` follows one agent through an episode. It reads the agent's raw observations, its own action
indices, and the labels and mask that came with the reset; it never asks CybORG for anything. This file needs
NumPy and nothing else, so that it is also a part of exported submissions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

OLDEST = 100  # ages in steps count up to here, which is also the age of what never was
VECTOR = 210  # elements of the padded vector, which come first
OF_AGENT, OF_HOST, MAX_HOSTS = 10, 14, 48  # features of an agent and of a host; hosts of the largest agent
SIZE = VECTOR + OF_AGENT + OF_HOST * MAX_HOSTS
RECALLED = 5  # features of a host that "recall" adds
RECALL_SIZE = SIZE + RECALLED * MAX_HOSTS

#: Steps that actions take; those that are not named take one.
DURATIONS = {"Analyse": 2, "Remove": 3, "Restore": 5, "DeployDecoy": 2}
LONGEST = 5
DECOYS = ("apache2", "tomcat", "haraka", "vsftpd")

_SSH = 22


def plain(raw: Any) -> Any:
    """A raw observation of CybORG, JSON-ready: enumerations by name, addresses and actions as text."""
    if isinstance(raw, Mapping):
        return {str(key): plain(value) for key, value in raw.items()}
    if isinstance(raw, np.ndarray):
        return raw.tolist()
    if isinstance(raw, (list, tuple, set)):
        return [plain(value) for value in raw]
    if isinstance(raw, Enum):
        return raw.name
    if isinstance(raw, np.generic):
        return raw.item()
    return raw if raw is None or isinstance(raw, (str, bool, int, float)) else str(raw)


class Tracker:
    """What one blue agent knows of its hosts, from its own observations and actions.

    Args:
        steps: length of the episodes as CybORG counts it.

    Attributes, both set by :meth:`reset`:
        hosts: names of the hosts that it can act on, in the order of its actions.
        exists: ``bool[host]``.
    """

    def __init__(self, steps: int = 500):
        third, rest = divmod(steps, 3)
        second = third + (rest > 0)
        self._phases = (
            0,
            second,
            second + third + (rest > 1),
            steps,
        )  # first steps of the phases, and the end

    def reset(self, raw: Mapping[str, Any], labels: Sequence[str], mask: Sequence[bool]) -> None:
        """Begin an episode.

        Args:
            raw: the raw observation at the reset, which has the addresses of the agent's hosts.
            labels, mask: of its actions, as CybORG's wrapper gives them.

        Raises:
            ValueError: for a mask of another length than the labels, and labels without any Analyse.
        """
        if len(labels) != len(mask):
            raise ValueError(f"{len(labels)} action labels with a mask of {len(mask)}")
        self._actions = [_action(label, allowed) for label, allowed in zip(labels, mask, strict=True)]
        analyse = [i for i, label in enumerate(labels) if _words(label)[0] == "Analyse"]
        if not analyse:
            raise ValueError(f"no action Analyse among the labels {list(labels)[:3]} and so on")
        self.hosts = tuple(_words(labels[i])[1] for i in analyse)
        self.exists = np.array([bool(mask[i]) for i in analyse])
        self._place = {name: i for i, name in enumerate(self.hosts)}
        self._home = {address: name for name in raw for address in _addresses(raw, name)}
        count = len(self.hosts)
        self._told = np.zeros((count, 3), bool)  # looked at, cmd.sh, escalate.sh
        self._told_age = np.full(count, OLDEST)
        self._evidence = np.zeros((count, 3), bool)  # process, connection to it, connection from it
        self._evidence_age = np.full(count, OLDEST)
        self._decoys = np.zeros((count, len(DECOYS)), bool)
        self._restored = np.zeros((count, 2), bool)  # ever; with root, the last time
        self._act_age = np.full((count, 2), OLDEST)  # of the last Restore, of the last Remove
        self._elsewhere = np.zeros(count, bool)  # since the last Restore, red acted from another host
        self._doing, self._left = ("Sleep", None), 0
        self._success, self._step = "UNKNOWN", 0

    def update(self, raw: Mapping[str, Any], action: int) -> None:
        """Process a step: the index that the agent submitted, and the raw observation that followed.

        ``raw`` is CybORG's own dictionary, or what :func:`plain` made of it.
        """
        self._step += 1
        if self._left == 0:
            self._doing = self._actions[action]
            self._left = DURATIONS.get(self._doing[0], 1)
        self._left -= 1
        self._success = _name(raw["success"])
        self._told_age = np.minimum(self._told_age + 1, OLDEST)
        self._evidence_age = np.minimum(self._evidence_age + 1, OLDEST)
        self._act_age = np.minimum(self._act_age + 1, OLDEST)
        kind, host = self._doing
        if self._left == 0 and self._success == "TRUE" and host is not None:
            self._done(kind, host, raw)
        self._monitor(raw)

    def _done(self, kind: str, host: str, raw: Mapping[str, Any]) -> None:
        """An action on a host has been carried out."""
        place = self._place[host]
        about = raw.get(host, {})
        if kind == "Restore":
            self._restored[place] = (True, self._told[place, 2])
            self._act_age[place, 0] = 0
            self._elsewhere[place] = False
        if kind == "Remove":
            self._act_age[place, 1] = 0
        if kind in ("Analyse", "Restore"):
            self._told[place] = (True, False, False)
            self._told_age[place] = 0
        if kind == "Analyse":
            files = {str(file.get("File Name")) for file in about.get("Files", ())}
            self._told[place, 1:] = ("cmd.sh" in files, "escalate.sh" in files)
        if kind in ("Remove", "Restore"):
            self._evidence[place] = False
        if kind == "Restore":
            self._decoys[place] = False
        if kind == "DeployDecoy":
            started = {process.get("service_name") for process in about.get("Processes", ())}
            self._decoys[place] |= [decoy in started for decoy in DECOYS]

    def _monitor(self, raw: Mapping[str, Any]) -> None:
        """The events that were reported at the end of the step."""
        fresh = np.zeros_like(self._evidence)
        for host, about in raw.items():
            if not isinstance(about, Mapping):
                continue  # success, action, message
            numbered, sources = _events(about.get("Processes", ()))
            for kind, names in enumerate(
                ([host] * numbered, [host] * bool(sources), map(self._home.get, sources))
            ):
                places = [self._place[name] for name in names if name in self._place]
                fresh[places, kind] = True
        self._evidence |= fresh
        self._evidence_age[fresh.any(axis=1)] = 0
        self._evidence_age[~self._evidence.any(axis=1)] = OLDEST
        acted = fresh[:, 2]
        self._elsewhere |= self._restored[:, 0] & (acted.sum() > acted)

    @property
    def busy(self) -> bool:
        """Is an action going on, so that what is submitted now is discarded?"""
        return self._left > 0

    # ------------------------------------------------------------ as numbers

    def agent_features(self, phase: int) -> np.ndarray:
        """``float32[10]``; ``phase`` is the first element of the vector."""
        kind, busy = self._doing[0], self.busy
        start, end = self._phases[phase : phase + 2]
        values = [
            self._success == "TRUE",
            self._success == "FALSE",
            busy,
            *(busy and kind == longer for longer in DURATIONS),
            self._left / LONGEST,
            self._step / self._phases[-1],
            min(max((self._step - start) / (end - start), 0.0), 1.0),
        ]
        return np.array(values, np.float32)

    def host_features(self) -> np.ndarray:
        """``float32[host, 14]``, zero for hosts that do not exist."""
        left = np.zeros(len(self.hosts))
        if self.busy and self._doing[1] is not None:
            left[self._place[self._doing[1]]] = self._left
        columns = [
            np.ones_like(left),
            *self._told.T,
            self._told_age / OLDEST,
            *self._evidence.T,
            self._evidence_age / OLDEST,
            *self._decoys.T,
            left / LONGEST,
        ]
        return self._of_existing(columns)

    def recalled_features(self) -> np.ndarray:
        """``float32[host, 5]``, zero for hosts that do not exist."""
        return self._of_existing([*self._restored.T, *(self._act_age.T / OLDEST), self._elsewhere])

    def _of_existing(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        return (np.stack(columns, axis=1) * self.exists[:, None]).astype(np.float32)

    def vector(self, stock: np.ndarray, contract: str = "rich") -> np.ndarray:
        """The observation ``float32[892]``, or ``[1132]`` under the contract "recall".

        It begins with ``stock``, the vector of CybORG's wrapper.
        """
        vector = np.zeros(RECALL_SIZE if contract == "recall" else SIZE, np.float32)
        vector[: len(stock)] = stock
        vector[VECTOR : VECTOR + OF_AGENT] = self.agent_features(int(stock[0]))
        hosts = self.host_features().ravel()
        vector[VECTOR + OF_AGENT : VECTOR + OF_AGENT + len(hosts)] = hosts
        if contract == "recall":
            recalled = self.recalled_features().ravel()
            vector[SIZE : SIZE + len(recalled)] = recalled
        return vector


def _name(value: Any) -> str:
    return str(getattr(value, "name", value))


def _words(label: str) -> list[str]:
    return label.removeprefix("[Invalid] ").split(" ")


def _action(label: str, allowed: bool) -> tuple[str, str | None]:
    """Kind and host of an action; what is not allowed is Sleep to CybORG."""
    kind, *rest = _words(label)
    if not allowed or kind.startswith("["):  # padding too
        return "Sleep", None
    return kind, rest[0] if kind in DURATIONS else None


def _addresses(raw: Mapping[str, Any], host: str) -> Iterable[str]:
    about = raw[host]
    interfaces = about.get("Interface", ()) if isinstance(about, Mapping) else ()
    return (str(one["ip_address"]) for one in interfaces if "ip_address" in one)


def _events(processes: Iterable[Mapping[str, Any]]) -> tuple[bool, list[str]]:
    """From a host's reported processes: did an exploit leave one, and which addresses did red connect from?

    A decoy that was just deployed is reported with its service. Users' process events have no number, and
    their connections neither a local port and a remote address, nor the remote port of SSH.
    """
    numbered, sources = False, []
    for process in processes:
        numbered |= "PID" in process and "service_name" not in process
        for connection in process.get("Connections", ()):
            by_port = "local_port" in connection or connection.get("remote_port") == _SSH
            if by_port and "remote_address" in connection:
                sources.append(str(connection["remote_address"]))
    return numbered, sources
