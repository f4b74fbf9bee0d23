"""Client of a Docker-compatible Engine API on a unix socket (standard library only).

It can express a few requests and no others: it never pulls an image, makes internal networks only, and
starts containers on no network but one that it made. What it asked for is read back from the engine and
compared, for an engine may do something else. It touches nothing that does not bear its labels.
"""

from __future__ import annotations

import json
import os
import re
import select
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from garrison.range import limits, net

API = "/v1.44"  #: of Docker 25, the least that later engines still speak
EPISODE, OWNER, NODE = "garrison.range.episode", "garrison.range.owner", "garrison.range.node"
_DIGEST = re.compile(r"[a-z0-9][\w./:-]{0,200}@sha256:[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{12,64}")
NO_ANSWER = -1  #: status of an :class:`EngineError` where no answer came
_MOST = 4 * 2**20  #: bytes of an answer


class RequestRefused(ValueError):
    """A request that this client does not make."""


class EngineError(RuntimeError):
    """The engine cannot be reached, hangs, answers with an error, or did something else than was asked."""

    def __init__(self, message: str, status: int = 0):
        super().__init__(message)
        self.status = status


def host_config(network: str, memory: int, pids: int) -> dict[str, Any]:
    """Settings of a container: one internal network, no ports, mounts, devices or privileges."""
    return {
        "NetworkMode": network,
        "Dns": ["127.0.0.1"],  # an engine would forward queries to the resolvers of the machine
        "PortBindings": {},
        "PublishAllPorts": False,
        "Binds": [],
        "Mounts": [],
        "Devices": [],
        "Tmpfs": {"/tmp": "size=16m,noexec,nosuid,nodev"},
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": 500_000_000,
        "PidsLimit": pids,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
    }


#: settings that are read back from the engine
_READ_BACK = (
    "NetworkMode",
    "ReadonlyRootfs",
    "Privileged",
    "CapDrop",
    "SecurityOpt",
    "Memory",
    "PidsLimit",
    "PublishAllPorts",
)


def owner() -> str:
    """Name of this process that no later process has: its number and when it started."""
    return f"{os.getpid()}.{_started(os.getpid())}"


def lives(name: str) -> bool:
    """Whether the process of an owner's label still runs."""
    pid, _, started = name.partition(".")
    return pid.isdigit() and _started(int(pid)) == started != ""


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Engine:
    """An engine.

    Args:
        socket: of the engine in the file system.
        seconds: that an answer may take.
    """

    def __init__(self, socket: Path, seconds: float = 10.0):
        self.socket, self.seconds = socket, seconds
        self.networks: set[str] = set()  # made by this client, or found with its labels
        self.containers: set[str] = set()
        self._given: dict[str, tuple[int, int]] = {}  # container -> memory, processes

    # ------------------------------------------------------------ questions

    def version(self) -> str:
        return str(self._ask("GET", "/version").get("Version", ""))

    def image(self, reference: str) -> str:
        """Id of an image that is there. Raises ``EngineError`` with status 404 for one that is not."""
        if not _DIGEST.fullmatch(reference):
            raise RequestRefused(f"image {reference!r} is not pinned; write NAME@sha256:DIGEST")
        found = self._ask("GET", f"/images/{quote(reference, safe='')}/json")
        if reference not in (found.get("RepoDigests") or []):
            raise EngineError(f"the engine gave another image for {reference}")
        return str(found["Id"])

    def state(self, container: str) -> dict[str, Any]:
        return self._ask("GET", f"/containers/{self._mine(container)}/json")

    def logs(self, container: str, since: float) -> list[tuple[float, str]]:
        """Lines of a container after a time, both in seconds of ``time.time()``."""
        query = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": f"{since:.9f}", "tail": 10_000}
        data = self._raw("GET", f"/containers/{self._mine(container)}/logs", query)
        return [line for text in _frames(data) for line in _stamped(text)]

    def owned(self, episode: str = "") -> dict[str, dict[str, dict[str, str]]]:
        """Labels of the ``containers`` and ``networks`` of this client, by id; of one episode or all."""
        label = f"{EPISODE}={episode}" if episode else EPISODE
        query = {"filters": json.dumps({"label": [label]})}
        found = {
            "containers": self._ask("GET", "/containers/json", query | {"all": 1}),
            "networks": self._ask("GET", "/networks", query),
        }
        ours: dict[str, dict[str, dict[str, str]]] = {}
        for kind, rows in found.items():
            labels = {str(row["Id"]): row.get("Labels") or {} for row in rows}
            # an engine that does not know the filter lists everything
            ours[kind] = {i: of for i, of in labels.items() if of.get(EPISODE) and OWNER in of}
            if episode:
                ours[kind] = {i: of for i, of in ours[kind].items() if of[EPISODE] == episode}
        self.containers |= set(ours["containers"])
        self.networks |= set(ours["networks"])
        return ours

    # ------------------------------------------------------------ requests

    def make_network(self, episode: str) -> str:
        """Make an internal network. Raises ``EngineError`` if what the engine made is not internal."""
        body = {
            "Name": episode,
            "Driver": "bridge",
            "Internal": True,
            "Attachable": False,
            "Ingress": False,
            "EnableIPv6": False,
            "Labels": {EPISODE: episode, OWNER: owner()},
        }
        made = str(self._ask("POST", "/networks/create", body=body)["Id"])
        self.networks.add(made)
        found = self._ask("GET", f"/networks/{made}")
        if found.get("Internal") is not True or found.get("Ingress") or found.get("Containers"):
            self.remove_network(made)
            raise EngineError("the engine made a network that is not internal, or not empty")
        return made

    def make_container(
        self, episode: str, node: int, image: str, network: str, memory: int, pids: int
    ) -> str:
        """Make a container of a pinned image on a network of this client.

        Raises:
            RequestRefused: for another network, an image without digest, or more than an episode may use.
            EngineError: if what the engine made has other settings, mounts or ports.
        """
        identity = self.image(image)
        if network not in self.networks:
            raise RequestRefused(f"network {network!r} was not made by this client")
        total = [sum(one) for one in zip((memory, pids), *self._given.values(), strict=True)]
        if total[0] > limits.MAX_MEMORY or total[1] > limits.MAX_PROCESSES:
            raise RequestRefused(
                f"{total[0] >> 20} MiB and {total[1]} processes; an episode may have "
                f"{limits.MAX_MEMORY >> 20} MiB and {limits.MAX_PROCESSES} processes"
            )
        config = host_config(network, memory, pids)
        body = {
            "Image": image,
            "Hostname": f"host{node}",
            "User": f"{limits.SERVICE_ACCOUNT}:{limits.GROUP}",
            "Labels": {EPISODE: episode, OWNER: owner(), NODE: str(node)},
            "HostConfig": config,
        }
        query = {"name": f"{episode}-{node}"}
        made = str(self._ask("POST", "/containers/create", query, body)["Id"])
        self.containers.add(made)
        self._given[made] = memory, pids
        self._compare(self.state(made), identity, config)
        return made

    def _compare(self, found: dict[str, Any], image: str, config: dict[str, Any]) -> None:
        settings = found.get("HostConfig") or {}
        other = [name for name in _READ_BACK if settings.get(name) != config[name]]
        # left out and empty are the same to an engine
        given = ("Binds", "Mounts", "Devices", "CapAdd", "VolumesFrom", "PortBindings", "GroupAdd")
        other += [name for name in given if settings.get(name)]
        other += ["Image"] * (found.get("Image") != image) + ["Mounts"] * bool(found.get("Mounts"))
        if other:
            raise EngineError(f"the engine made a container with another {', '.join(other)}")

    def on_network(self, container: str, network: str) -> bool:
        """Whether a container runs on this network and no other, without a published port.

        Raises ``EngineError`` if it is on another network, or has a port that the machine can reach.
        """
        found = self.state(container)["NetworkSettings"]
        there = {str(one.get("NetworkID")) for one in (found.get("Networks") or {}).values()} - {""}
        published = [port for port, at in (found.get("Ports") or {}).items() if at]
        if there - {network} or published:
            raise EngineError(f"container {container[:12]} has other networks, or ports: {published}")
        return there == {network}

    def start(self, container: str) -> None:
        self._ask("POST", f"/containers/{self._mine(container)}/start", good=(204, 304))

    def kill(self, container: str) -> None:
        """End the processes of a container; without effect on one that does not run."""
        self._ask("POST", f"/containers/{self._mine(container)}/kill", good=(204, 409))

    def connect(self, container: str, network: str) -> None:
        self._link("connect", container, network)

    def disconnect(self, container: str, network: str) -> None:
        self._link("disconnect", container, network)

    def _link(self, verb: str, container: str, network: str) -> None:
        if network not in self.networks:
            raise RequestRefused(f"network {network!r} was not made by this client")
        self._ask("POST", f"/networks/{network}/{verb}", body={"Container": self._mine(container)})

    def remove(self, container: str) -> None:
        query = {"force": 1, "v": 1}
        self._ask("DELETE", f"/containers/{self._mine(container)}", query, good=(204, 404))
        self.containers.discard(container)
        self._given.pop(container, None)

    def remove_network(self, network: str) -> None:
        if network not in self.networks:
            raise RequestRefused(f"network {network!r} was not made by this client")
        self._ask("DELETE", f"/networks/{network}", good=(204, 404))
        self.networks.discard(network)

    def remove_all(self, episode: str) -> None:
        """Remove all containers and networks of an episode."""
        ours = self.owned(episode)
        for container in ours["containers"]:
            self.remove(container)
        for network in ours["networks"]:
            self.remove_network(network)

    # ------------------------------------------------------------ HTTP

    def _mine(self, container: str) -> str:
        if container not in self.containers:
            raise RequestRefused(f"container {container!r} was not made by this client")
        return container

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        good: tuple[int, ...] = (200, 201, 204),
    ) -> Any:
        data = self._raw(method, path, query, body, good)
        try:
            found = json.loads(data) if data.strip() else {}
        except ValueError as error:
            raise EngineError(f"{method} {path}: the answer is not JSON") from error
        made = found.get("Id") if isinstance(found, dict) and "/images/" not in path else None
        if made is not None and not _ID.fullmatch(str(made)):
            raise EngineError(f"{method} {path}: {made!r} is not an id")
        return found

    def _raw(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        good: tuple[int, ...] = (200, 201, 204),
    ) -> bytes:
        target = API + path + (f"?{urlencode(query)}" if query else "")
        sent = json.dumps(body).encode() if body is not None else None
        try:
            status, data = net.ask_http(str(self.socket), method, target, sent, self.seconds, _MOST)
        except net.NotOpen as error:
            raise EngineError(
                f"{method} {path}: the engine gives no answer ({error.reach})", NO_ANSWER
            ) from error
        if status not in good:
            raise EngineError(f"{method} {path}: {status} {data[:200].decode(errors='replace')}", status)
        return data if status in (200, 201) else b""


def _frames(data: bytes) -> list[str]:
    """Texts of a multiplexed stream: frames of 8 bytes of header, the last four their length, and a text."""
    found = []
    while len(data) >= 8:
        size = int.from_bytes(data[4:8], "big")
        found.append(data[8 : 8 + size].decode(errors="replace"))
        data = data[8 + size :]
    return found


def _stamped(text: str) -> list[tuple[float, str]]:
    """Time and text of lines that begin with a time of RFC 3339 in UTC, with nanoseconds."""
    found = []
    for line in text.splitlines():
        stamp, _, rest = line.partition(" ")
        whole, _, part = stamp.removesuffix("Z").partition(".")
        try:
            seconds = _utc(whole) + float(f"0.{part or 0}")
        except ValueError:
            continue
        found.append((seconds, rest))
    return found


def _utc(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())


def guard(socket: str, episode: str, seconds: float) -> None:
    """Remove an episode when the driver is gone, or its time is over: run as a process of its own.

    It waits for the end of its standard input, which the driver holds open.
    """
    ends = time.monotonic() + limits.MAX_SECONDS
    while time.monotonic() < ends:
        ready, _, _ = select.select([0], [], [], ends - time.monotonic())
        if ready and not os.read(0, 4096):
            break
    engine = Engine(Path(socket), seconds)
    for _ in range(5):  # an engine that is busy may still make what was asked for last
        with suppress(EngineError):
            engine.remove_all(episode)
        time.sleep(0.2)
