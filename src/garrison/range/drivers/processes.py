"""Tiers of real processes: the driver talks to the supervisor of each episode."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from garrison.range.limits import MAX_HOSTS
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
    Outcome,
    Probe,
    Reach,
    Technique,
)
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables import scenarios as S

PREFIX = "garrison-range-"
PORT_BASE = 20_000
_GRACE = 1.0  #: seconds beyond its deadline that an answer of the supervisor may take
_ONE_AT_A_TIME = threading.Lock()
_SOURCE = Path(__file__).parents[3]
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from garrison.range.supervisor import main; "
    "sys.exit(main(int(sys.argv[2])))"
)


class Processes:
    """What the tiers of real processes have in common."""

    tier = ""
    version = "1"

    def addresses(self, plan: Plan) -> tuple[dict[int, str], str | None, list[str]]:
        """Addresses of the nodes, of the proxy or None, and of the peers that services accept."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ``RangeUnavailable`` where this machine cannot provide the tier."""

    def provision(self, plan: Plan, secrets: Secrets, seed: int, deadline: float) -> Handle:
        with _ONE_AT_A_TIME:  # a network that was found free has to be taken before another one is looked for
            return self._provision(plan, secrets, seed, deadline)

    def _provision(self, plan: Plan, secrets: Secrets, seed: int, deadline: float) -> Handle:
        self.check()
        if len(plan.hosts) > MAX_HOSTS:
            raise ValueError(f"{len(plan.hosts)} hosts; the range has room for {MAX_HOSTS}")
        sweep()
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        folder.chmod(0o711)
        handle = Handle(plan, seed, {"folder": folder, "offsets": {}, "number": 0, "buffer": b""})
        try:
            spec = spec_of(plan, folder, *self.addresses(plan), seconds=max(deadline - time.monotonic(), 1.0))
            errors = (folder / "errors").open("w")
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, str(_SOURCE), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd="/",
                env={},
                start_new_session=True,
            )
            errors.close()
            handle.state |= {"process": process, "spec": spec}
            (folder / "owner").write_text(str(process.pid))
            nonces = {str(node): dict(of) for node, of in secrets.nonces.items()}
            _send(process, {"spec": spec, "nonces": nonces})
            _receive(handle, deadline)
        except BaseException:
            self.teardown(handle)
            raise
        return handle

    def probe(self, handle: Handle, src: Node, dst: Node, port: int, deadline: float) -> Probe:
        started = time.monotonic()
        technique = Technique("probe", port, unit=0)
        answer = self._launch(handle, technique, src, dst, deadline)
        reach = {"success": "open", "infrastructure": "refused"}.get(answer["outcome"], answer["outcome"])
        return Probe(Reach(reach), answer.get("extra", {}).get("banner", ""), time.monotonic() - started)

    def scan(
        self, handle: Handle, src: Node, dst: Node, tickets: tuple[str, ...], deadline: float
    ) -> dict[str, Any]:
        """All ports of a host: ``ports`` port class -> reach, and ``banner``."""
        answer = self._launch(handle, Technique("scan", tickets=tickets), src, dst, deadline)
        return {"outcome": answer["outcome"], **answer.get("extra", {})}

    def launch(self, handle: Handle, technique: Technique, src: Node, dst: Node, deadline: float) -> Evidence:
        started = time.monotonic()
        answer = self._launch(handle, technique, src, dst, deadline)
        return Evidence(
            outcome=Outcome(answer["outcome"]),
            nonce=answer.get("nonce", ""),
            privilege=answer.get("privilege", ""),
            session=answer.get("session", ""),
            tickets=tuple(answer.get("tickets", ())),
            transcript=tuple(answer.get("transcript", ())),
            started=answer.get("started", started),
            ended=answer.get("ended", time.monotonic()),
        )

    def _launch(
        self, handle: Handle, technique: Technique, src: Node, dst: Node, deadline: float
    ) -> dict[str, Any]:
        request = {
            "name": technique.name,
            "port": technique.port,
            "flaw": technique.flaw,
            "session": technique.session,
            "tickets": list(technique.tickets),
            "unit": technique.unit,
            "src": int(src),
            "dst": int(dst),
            "deadline": deadline,
        }
        try:
            answer = self._call(handle, "launch", request, deadline)
        except InfrastructureError as error:
            return {"outcome": "infrastructure", "transcript": [str(error)]}
        return {"outcome": "infrastructure", "transcript": [answer["error"]]} if "error" in answer else answer

    def apply(self, handle: Handle, action: BlueAction, fresh: Secrets | None, deadline: float) -> Applied:
        started = time.monotonic()
        nonces = {str(node): dict(of) for node, of in fresh.nonces.items()} if fresh else {}
        name = "decoy" if action.name.startswith("decoy") else action.name
        request = {"name": name, "target": action.target, "value": action.value, "nonces": nonces}
        answer = self._call(handle, "apply", request, deadline)
        if "error" in answer:
            raise InfrastructureError(f"{action.name} on {action.target}: {answer['error']}")
        found = {int(node): of for node, of in answer.get("found", {}).items()}
        reason = answer.get("refused", "")
        return Applied(not reason, reason, found, time.monotonic() - started)

    def act(self, handle: Handle, what: str, host: Node, other: Node, port: int, deadline: float) -> None:
        request = {"what": what, "node": int(host), "other": int(other), "port": port, "deadline": deadline}
        self._call(handle, "act", request, deadline)

    def plant(self, handle: Handle, deadline: float) -> list[float]:
        """Readings of the plant in thousandths."""
        return self._call(handle, "plant", {}, deadline)["values"]

    def heartbeats(self, handle: Handle, within: float, deadline: float) -> list[int]:
        """Hosts whose sensor gave a sign of life within so many seconds."""
        return self._call(handle, "heartbeats", {"within": within}, deadline)["alive"]

    def collect(self, handle: Handle, since: float) -> list[Event]:
        folder, offsets = handle.state["folder"], handle.state["offsets"]
        found = []
        logs = [(folder / "flows.log", None)]
        for host in handle.plan.hosts:
            base = folder / "hosts" / str(host.node)
            logs += [(base / "services.log", host.node), (base / "broker.log", host.node)]
        for path, node in logs:
            try:
                with path.open("rb") as file:
                    file.seek(offsets.get(path, 0))
                    data = file.read()
            except FileNotFoundError:
                continue
            whole = data[: data.rfind(b"\n") + 1]
            offsets[path] = offsets.get(path, 0) + len(whole)
            for line in whole.decode(errors="replace").splitlines():
                stamp, rest = line.split(" ", 1)
                where, rest = (node, rest) if node is not None else rest.split(" ", 1)
                family, text = rest.split(" ", 1)
                found.append(Event(float(stamp), int(where), family, text))
        return sorted((event for event in found if event.time > since), key=lambda event: event.time)

    def health(self, handle: Handle) -> Health:
        try:
            answer = self._call(handle, "health", {}, time.monotonic() + 5.0)
        except InfrastructureError as error:
            return Health(dead=(f"supervisor: {error}",))
        handle.state["pids"] = answer["pids"]
        return Health(
            tuple(answer["dead"]), tuple(answer["privileged"]), len(answer["pids"]) + 1, answer["memory"]
        )

    def teardown(self, handle: Handle) -> Leftovers:
        process: subprocess.Popen | None = handle.state.get("process")
        folder: Path = handle.state["folder"]
        if process is not None:
            for stream in (process.stdin, process.stdout):
                if stream is not None and not stream.closed:
                    with suppress(BrokenPipeError):
                        stream.close()  # the supervisor ends everything when its input ends
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()  # which kills its children
                process.wait()
        for _ in range(100):
            left = processes_of(folder)
            if not left:
                break
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        return Leftovers(
            processes=tuple(map(str, processes_of(folder))),
            files=(str(folder),) if folder.exists() else (),
            namespaces=self.namespaces_of(folder),
        )

    def namespaces_of(self, folder: Path) -> tuple[str, ...]:
        """Namespaces that an episode left."""
        return ()

    def _call(self, handle: Handle, call: str, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        handle.state["number"] += 1
        _send(handle.state["process"], request | {"call": call, "id": handle.state["number"]})
        return _receive(handle, deadline)


def _send(process: subprocess.Popen, request: dict[str, Any]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    except (BrokenPipeError, ValueError) as error:
        raise InfrastructureError("the supervisor is gone") from error


def _receive(handle: Handle, deadline: float) -> dict[str, Any]:
    """The answer to the last request; those of requests that were given up are dropped."""
    pipe = handle.state["process"].stdout
    while True:
        buffer = handle.state["buffer"]
        if b"\n" in buffer:
            line, handle.state["buffer"] = buffer.split(b"\n", 1)
            answer = json.loads(line)
            if answer.get("id", handle.state["number"]) == handle.state["number"]:
                if "error" in answer and "id" not in answer:
                    raise InfrastructureError(answer["error"])
                return answer
            continue
        ready, _, _ = select.select([pipe], [], [], max(deadline + _GRACE - time.monotonic(), 0))
        if not ready:
            raise InfrastructureError("the supervisor does not answer in time")
        data = os.read(pipe.fileno(), 65_536)
        if not data:
            raise InfrastructureError("the supervisor is gone")
        handle.state["buffer"] += data


def spec_of(
    plan: Plan,
    folder: Path,
    addresses: dict[int, str],
    proxy: str | None,
    peers: list[str],
    seconds: float,
) -> dict[str, Any]:
    """What the supervisor needs to know, without nonces."""
    scopes = list(T.SCOPE_NAMES)
    hosts = [_host_spec(plan, node, addresses, peers) for node in addresses if node != 255]
    collector = _host_spec(plan, hosts[0]["node"], addresses, peers) | {
        "node": 255,
        "address": addresses[255],
        "services": [{"kind": "tokens", "port": 0, "flaws": []}],
        "data": 0,
        "decoy": 0,
    }
    nominal = list(plan.nominal)
    hotter, stronger = sum(S.OVERLOAD_TEMPERATURE) / 2, sum(S.OVERLOAD_PRESSURE) / 2000
    return {
        "folder": str(folder),
        "speed": plan.speed,
        "start_seconds": seconds,
        "proxy": proxy,
        "port_base": PORT_BASE,
        "addresses": {str(node): address for node, address in addresses.items()},
        "zones": {str(host.node): host.zone for host in plan.hosts},
        "allow": plan.allow,
        "guest_to_ot": plan.guest_to_ot,
        "gates": [scopes[scope] if scope >= 0 else "" for scope in routes.GATE.tolist()],
        "engineering": [h.node for h in plan.hosts if h.role == T.Role.ENGINEERING_WORKSTATION],
        "scopes": scopes,
        "hosts": hosts,
        "collector": collector,
        "plant": {
            "nominal": nominal,
            "tau": S.PLANT_TAU_S.tolist(),
            "overloaded": [nominal[0] + hotter, nominal[1] * stronger, S.OVERLOAD_FLOW],
        },
    }


def _host_spec(plan: Plan, node: int, addresses: dict[int, str], peers: list[str]) -> dict[str, Any]:
    host = plan.host(node)
    desk = host.zone == T.Zone.CORPORATE and host.role == T.Role.WORKSTATION
    windows = int(host.windows)
    chances = [plan.decoy_chance if plan.decoy_chance is not None else int(c) for c in B.DECOY_CHANCE]
    return {
        "node": host.node,
        "zone": host.zone,
        "address": addresses[node],
        "peers": peers,
        "port_base": PORT_BASE,
        "services": [{"kind": s.kind, "port": s.port, "flaws": list(s.flaws)} for s in host.services],
        "local": list(host.local),
        "ports": host.ports,
        "weak": host.weak,
        "home": host.home,
        "data": host.data,
        "phishability": host.phishability,
        "decoy": host.decoy,
        "decoys": [
            {"ports": int(B.DECOY_PORTS[d]), "weak": int(B.DECOY_WEAK[d, windows]), "chance": chances[d]}
            for d in range(len(B.Decoy))
        ],
        "false_picture": f"ports={int(B.FALSE_PORTS[windows]):x} weak={int(B.FALSE_WEAK[windows]):x}",
        "scopes": list(T.SCOPE_NAMES),
        "lifetimes": dict(zip(T.SCOPE_NAMES, plan.lifetimes, strict=True)),
        "admin_scope": T.SCOPE_NAMES[T.ZONE_ADMIN[host.zone]],
        "person_scope": T.SCOPE_NAMES[T.Scope.CORP_USER] if desk else "",
        "controller": host.role == T.Role.DOMAIN_CONTROLLER,
        "backup": host.role == T.Role.BACKUP,
        "windows": host.windows,
        "managed": host.managed,
        "plc": host.is_plc,
    }


def processes_of(folder: Path) -> list[int]:
    """Processes that hold a file of an episode open, the supervisor of it among them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if any(link.startswith(f"{folder}/") for link in links):
            found.append(int(entry.name))
    return found


def sweep() -> None:
    """Remove folders of episodes whose supervisor and driver were both killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner = int((folder / "owner").read_text())
        except (FileNotFoundError, ValueError, PermissionError):
            continue  # another driver is about to start
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
