"""Tier ``containers``: hosts are containers of reviewed images, by a Docker-compatible API. Off by default.

No technique against an image was reviewed, so this driver runs none, plants no nonces and proves nothing: it
starts, isolates, stops, replaces and removes containers. Its tests ran against an imitation of the API; no
container was ever started. Nothing may be said of its results but that the requests are those of the API.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from garrison.range import limits
from garrison.range.engine import EPISODE, NO_ANSWER, NODE, OWNER, Engine, EngineError, RequestRefused, lives
from garrison.range.nonces import Secrets
from garrison.range.plan import Plan
from garrison.range.protocol import (
    Applied,
    BlueAction,
    Event,
    Evidence,
    Handle,
    Health,
    InfrastructureError,
    Leftovers,
    Node,
    Probe,
    RangeUnavailable,
    Technique,
)
from garrison.worlds.soc.tables import hosts as T

OFF = "off: no images have been reviewed; the range never pulls any"
PREFIX = "garrison-range-"
_SOURCE = Path(__file__).parents[3]
_GUARD = (
    "import sys; sys.path.insert(0, sys.argv[1]); from garrison.range.engine import guard; "
    "guard(sys.argv[2], sys.argv[3], float(sys.argv[4]))"
)


class Containers:
    """Hosts as containers on one internal network per episode.

    Args:
        socket: unix socket of an engine.
        images: role of a host, the name of a :class:`garrison.worlds.soc.tables.hosts.Role` in small
            letters, -> image as ``NAME@sha256:DIGEST``. The range knows none: it is for
            whoever names one to have reviewed it.
        seconds: that an answer of the engine may take.
    """

    tier = "containers"
    version = "1"

    def __init__(self, socket: Path, images: Mapping[str, str], seconds: float = 10.0):
        self.socket, self.images, self.seconds = socket, dict(images), seconds

    def check(self) -> None:
        """Raise ``RangeUnavailable`` without images, without engine, or if an image is not there."""
        if not self.images:
            raise RangeUnavailable(f"tier containers is {OFF}")
        engine = Engine(self.socket, self.seconds)
        try:
            engine.version()
        except EngineError as error:
            raise RangeUnavailable(f"tier containers needs an engine at {self.socket}: {error}") from error
        for role, image in self.images.items():
            try:
                engine.image(image)
            except RequestRefused as error:
                raise RangeUnavailable(f"image of role {role}: {error}") from error
            except EngineError as error:
                if error.status != 404:
                    raise RangeUnavailable(f"image of role {role}: {error}") from error
                raise RangeUnavailable(
                    f"image {image} of role {role} is not on this machine; the range never pulls any"
                ) from error

    def provision(self, plan: Plan, secrets: Secrets, seed: int, deadline: float) -> Handle:
        """Start a container for each host. The nonces are not planted: nothing here could prove them."""
        self.check()
        missing = sorted({role for host in plan.hosts if (role := _role(host.role)) not in self.images})
        if missing:
            raise RangeUnavailable(f"tier containers has no image for {', '.join(missing)}")
        if len(plan.hosts) > limits.MAX_HOSTS:
            raise ValueError(f"{len(plan.hosts)} hosts; the range has room for {limits.MAX_HOSTS}")
        engine = Engine(self.socket, self.seconds)
        episode = f"{PREFIX}{os.urandom(6).hex()}"
        handle = Handle(plan, seed, {"engine": engine, "episode": episode, "nodes": {}, "isolated": set()})
        try:
            self._sweep(engine)
            seconds = str(self.seconds)
            handle.state["guard"] = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GUARD, str(_SOURCE), str(self.socket), episode, seconds],
                stdin=subprocess.PIPE,
                cwd="/",
                env={},
                start_new_session=True,
            )
            handle.state["network"] = engine.make_network(episode)
            for host in plan.hosts:
                if time.monotonic() > deadline:
                    raise InfrastructureError(f"host {host.node} did not start in time")
                self._start(handle, host.node)
        except (EngineError, RequestRefused) as error:
            handle.state["unanswered"] = isinstance(error, EngineError) and error.status == NO_ANSWER
            self.teardown(handle)
            raise InfrastructureError(str(error)) from error
        except BaseException:
            self.teardown(handle)
            raise
        return handle

    def _sweep(self, engine: Engine) -> None:
        """Remove what drivers left that were killed together with their guard."""
        ours = engine.owned()
        rows = [*ours["containers"].values(), *ours["networks"].values()]
        for episode in {row[EPISODE] for row in rows if not lives(row[OWNER])}:
            engine.remove_all(episode)

    def _start(self, handle: Handle, node: int) -> None:
        engine, network, count = handle.state["engine"], handle.state["network"], len(handle.plan.hosts)
        made = engine.make_container(
            handle.state["episode"],
            node,
            self.images[_role(handle.plan.host(node).role)],
            network,
            limits.MAX_MEMORY // count,
            limits.MAX_PROCESSES // count,
        )
        handle.state["nodes"][node] = made
        engine.start(made)
        if not self._running(handle, node) or not engine.on_network(made, network):
            raise EngineError(f"host {node} did not start")

    def _running(self, handle: Handle, node: int) -> bool:
        state = handle.state["engine"].state(handle.state["nodes"][node])
        return bool((state.get("State") or {}).get("Running"))

    # ------------------------------------------------------------ blue

    def apply(self, handle: Handle, action: BlueAction, fresh: Secrets | None, deadline: float) -> Applied:
        started = time.monotonic()
        reason = ""
        try:
            if not self._applied(handle, action.name, action.target):
                reason = f"tier containers does not offer {action.name}"
        except EngineError as error:
            raise InfrastructureError(f"{action.name} on {action.target}: {error}") from error
        return Applied(not reason, reason, {}, time.monotonic() - started)

    def _applied(self, handle: Handle, name: str, node: int) -> bool:
        engine, network, isolated = handle.state["engine"], handle.state["network"], handle.state["isolated"]
        container = handle.state["nodes"].get(node, "")
        match name:
            case "isolate":
                engine.disconnect(container, network)
                isolated.add(node)
            case "reconnect":
                engine.connect(container, network)
                isolated.discard(node)
            case "take_down":
                engine.kill(container)
            case "bring_up":
                engine.start(container)
            case "restore":
                engine.remove(container)
                del handle.state["nodes"][node]
                self._start(handle, node)
                isolated.discard(node)
            case _:
                return False
        if name in ("isolate", "reconnect") and engine.on_network(container, network) == (name == "isolate"):
            raise EngineError("the engine says it did, and did not")
        return True

    def heartbeats(self, handle: Handle, within: float, deadline: float) -> list[int]:
        """Hosts whose container runs and is connected."""
        nodes = handle.state["nodes"]
        return [n for n in nodes if n not in handle.state["isolated"] and self._running(handle, n)]

    def collect(self, handle: Handle, since: float) -> list[Event]:
        """Lines that containers wrote, of the family ``container``, for which there are no tokens."""
        offset = time.time() - time.monotonic()
        found = []
        try:
            for node, container in handle.state["nodes"].items():
                lines = handle.state["engine"].logs(container, max(since + offset, 0.0))
                found += [Event(stamp - offset, node, "container", text) for stamp, text in lines]
        except EngineError as error:
            raise InfrastructureError(str(error)) from error
        return sorted((event for event in found if event.time > since), key=lambda event: event.time)

    def health(self, handle: Handle) -> Health:
        engine, dead, privileged = handle.state["engine"], [], []
        for node, container in handle.state["nodes"].items():
            try:
                state = engine.state(container)
            except EngineError as error:
                dead.append(f"container {node}: {error}")
                continue
            if not (state.get("State") or {}).get("Running"):
                dead.append(f"container {node}")
            if (state.get("HostConfig") or {}).get("Privileged"):
                privileged.append(f"container {node}")
        return Health(tuple(dead), tuple(privileged), len(handle.state["nodes"]))

    def teardown(self, handle: Handle) -> Leftovers:
        guard: subprocess.Popen | None = handle.state.pop("guard", None)
        with suppress(EngineError):
            handle.state["engine"].remove_all(handle.state["episode"])
        left = self._left(handle)
        if guard is not None:
            assert guard.stdin is not None
            guard.stdin.close()  # what is left now, the guard removes
            if left.none and not handle.state.get("unanswered"):
                guard.kill()  # else the engine may still make what it was asked for last
            with suppress(subprocess.TimeoutExpired):
                guard.wait(2 * self.seconds + 1.0)
            if guard.poll() is None:
                guard.kill()
                guard.wait()
            if not left.none:
                left = self._left(handle)
        return left

    def _left(self, handle: Handle) -> Leftovers:
        engine = handle.state["engine"]
        try:
            ours = engine.owned(handle.state["episode"])
        except EngineError:  # nobody can say: what was made is taken to be there
            return Leftovers(
                containers=tuple(sorted(engine.containers)), networks=tuple(sorted(engine.networks))
            )
        named = tuple(f"{i[:12]} (host {of.get(NODE, '?')})" for i, of in sorted(ours["containers"].items()))
        return Leftovers(containers=named, networks=tuple(sorted(ours["networks"])))

    # ------------------------------------------------------------ not offered

    def probe(self, handle: Handle, src: Node, dst: Node, port: int, deadline: float) -> Probe:
        _not_offered("probe")

    def scan(
        self, handle: Handle, src: Node, dst: Node, tickets: tuple[str, ...], deadline: float
    ) -> dict[str, Any]:
        _not_offered("scan")

    def launch(self, handle: Handle, technique: Technique, src: Node, dst: Node, deadline: float) -> Evidence:
        _not_offered(technique.name)

    def act(self, handle: Handle, what: str, host: Node, other: Node, port: int, deadline: float) -> None:
        _not_offered(what)

    def plant(self, handle: Handle, deadline: float) -> list[float]:
        _not_offered("plant")


def _role(role: int) -> str:
    return T.Role(role).name.lower()


def _not_offered(what: str) -> NoReturn:
    raise RangeUnavailable(f"tier containers does not offer {what}: nothing that runs in images was reviewed")
