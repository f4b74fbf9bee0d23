"""The process that owns an episode: it starts all others, runs techniques, and cleans up (standard library).

It reads requests from standard input, a JSON object per line, and answers on standard output. When its input
ends, or its parent dies, it ends everything. All others die with it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from garrison.range import limits, net
from garrison.range.clients import credentials, local, look, remote
from garrison.range.clients.dial import Dial
from garrison.range.namespaces import ROUTER, Links, enter
from garrison.range.services import plant
from garrison.range.services.broker import NOTES
from garrison.range.services.flows import Flows, Sniffer
from garrison.range.services.gate import Gate
from garrison.range.services.host import ticket, write
from garrison.range.services.programs import Proxy, brokers, services
from garrison.range.services.rules import INTERNET, OUTSIDE, scope_of

CLIENTS: dict[str, Callable[..., Any]] = {
    **{name: getattr(remote, name) for name in ("web", "runner", "desk", "share", "registers", "mail")},
    **{
        name: getattr(local, name)
        for name in ("grant", "impersonate", "driver", "dump", "encrypt", "kill", "overload", "vault")
    },
    **{name: getattr(credentials, name) for name in ("ticket", "hash")},
    **{name: getattr(look, name) for name in ("probe", "scan")},
}
PORT_BASE = 20_000


class Supervisor:
    """One episode; ``spec`` is that of :func:`garrison.range.drivers.local.spec_of`."""

    def __init__(self, spec: dict[str, Any], nonces: dict[str, dict[str, str]]):
        self.spec, self.folder = spec, Path(spec["folder"])
        self.children: dict[str, int] = {}
        self.policy: dict[str, Any] = {"level": [0] * 5, "isolated": [], "down": []}
        self.epochs = dict.fromkeys(spec["scopes"], 0)
        self.ends = time.monotonic() + limits.MAX_SECONDS
        self.me = os.getpid()
        self.links: Links | None = None
        self.pipes: tuple[int, ...] = ()  # requests of the gate, and where its answers go
        try:
            self._start(nonces)
        except BaseException:
            self.stop()
            raise

    # ------------------------------------------------------------ start and stop

    def _start(self, nonces: dict[str, dict[str, str]]) -> None:
        if self.spec["proxy"] is not None:
            number = int(self.spec["proxy"].split(".")[1])
            self.lock = net.claim(number)
            if self.lock is None:
                raise RuntimeError(f"the network 127.{number}.0.0/16 is taken")
        domain = self.folder / "domain"
        domain.mkdir(mode=0o711)
        self._write_private(domain / "key", os.urandom(16).hex(), limits.BROKER_ACCOUNT)
        write(domain / "epochs", json.dumps(self.epochs))
        write(self.folder / "policy", json.dumps(self.policy))
        (self.folder / "plant").mkdir()
        self._own(self.folder / "plant", limits.SERVICE_ACCOUNT)
        (self.folder / "plant").chmod(0o755)
        p = self.spec["plant"]
        plant.start(self.folder, p["nominal"], p["tau"], p["overloaded"], self.spec["speed"])
        (self.folder / "flows.log").touch()
        self._own(self.folder / "flows.log", limits.BROKER_ACCOUNT)
        if self.spec["proxy"] is None:
            self.links = Links(self.spec)
            self.links.make()
            self._router()
        else:
            self._fork("proxy", limits.BROKER_ACCOUNT, lambda: Proxy(self.spec, self.folder).run())
        for host in self.spec["hosts"]:
            self._folder(host, nonces[str(host["node"])])
            self._host(host)
        collector = self.spec["collector"]
        (self.folder / "hosts" / "255").mkdir()
        self._make_state(collector, {})
        self._fork("collector", limits.SERVICE_ACCOUNT, lambda: services(collector, self.folder), 255)
        self._wait_ready()

    def _router(self) -> None:
        """Start the two programs in the namespace of the router: its gate, and what records flows."""
        asks, ask = os.pipe()
        answer, answers = os.pipe()
        run = lambda: Gate(self.spec, self.folder, ROUTER, ask, answer).run()  # noqa: E731
        self._fork("gate", limits.BROKER_ACCOUNT, run, "r")
        self.pipes = asks, answers
        for number in (ask, answer):
            os.close(number)
        nodes = {address: int(node) for node, address in self.spec["addresses"].items()}
        sniffer = lambda: Sniffer(Flows(self.spec, self.folder), nodes, PORT_BASE)  # noqa: E731
        self._fork("flows", limits.BROKER_ACCOUNT, lambda: sniffer().run(net.packets(self.raw)), "r")

    def _folder(self, host: dict[str, Any], nonces: dict[str, str]) -> None:
        folder = self.folder / "hosts" / str(host["node"])
        folder.mkdir(parents=True)
        self._make_state(
            host, {name: host[name] for name in ("decoy", "phishability")} | {"cached": host["home"]}
        )
        for name, account in (("private", limits.SERVICE_ACCOUNT), ("root", limits.BROKER_ACCOUNT)):
            (folder / name).mkdir(mode=0o700)
            self._own(folder / name, account)
        self._plant(host["node"], nonces)

    def _make_state(self, host: dict[str, Any], flags: dict[str, int]) -> None:
        folder = self.folder / "hosts" / str(host["node"])
        for name in (".", "state", "sessions"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name).chmod(0o771 if name != "sessions" else 0o770)
            if os.geteuid() == 0:
                os.chown(folder / name, 0, limits.GROUP)
        for name, value in flags.items():
            self._set(host["node"], name, value)

    def _plant(self, node: int, nonces: dict[str, str]) -> None:
        folder = self.folder / "hosts" / str(node)
        for privilege, nonce in nonces.items():
            if privilege == "root":
                self._write_private(folder / "root" / "root", nonce, limits.BROKER_ACCOUNT)
            else:
                self._write_private(folder / "private" / privilege, nonce, limits.SERVICE_ACCOUNT)

    def _host(self, host: dict[str, Any]) -> None:
        node = host["node"]
        for name in ("vault.sock", "broker.sock", "heartbeat"):
            (self.folder / "hosts" / str(node) / name).unlink(missing_ok=True)
        self._fork(f"services {node}", limits.SERVICE_ACCOUNT, lambda: services(host, self.folder), node)
        self._fork(f"broker {node}", limits.BROKER_ACCOUNT, lambda: brokers(host, self.folder), node)

    def _own(self, path: Path, account: int) -> None:
        if os.geteuid() == 0:
            os.chown(path, account, limits.GROUP)

    def _write_private(self, path: Path, text: str, account: int) -> None:
        write(path, text, 0o600)
        self._own(path, account)

    def _fork(self, name: str, account: int, run: Callable[[], None], node: int | str | None = None) -> None:
        if len(self.children) + 2 > limits.MAX_PROCESSES:
            raise RuntimeError(f"more than {limits.MAX_PROCESSES} processes")
        pid = os.fork()
        if pid:
            self.children[name] = pid
            return
        try:
            self._become(account, node, raw=name == "flows")
            run()
        except BaseException as error:
            print(f"{name}: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)

    def _become(self, account: int, node: int | str | None, raw: bool = False) -> None:
        """In a child: enter the namespace of its host, give up all privileges, let go of the pipes."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.umask(0o007)
        for number in self.pipes:
            os.close(number)
        if self.links is not None and node is not None:
            enter(self.links.name(node))
            net.confine(router=node == "r")
        if raw:
            self.raw = net.sniffer()  # which takes a privilege
        limits.become(account)
        limits.die_with_parent(self.me)
        limits.restrict()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + self.spec["start_seconds"]
        for host in [*self.spec["hosts"], self.spec["collector"]]:
            path = self.folder / "hosts" / str(host["node"])
            while not (
                (path / "heartbeat").exists() and (host["node"] == 255 or (path / "broker.sock").exists())
            ):
                self._reap()
                if self.dead():
                    raise RuntimeError(f"{', '.join(self.dead())} did not start")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"host {host['node']} did not start in time")
                time.sleep(0.005)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for name, child in self.children.items():
                if child == pid:
                    self.children[name] = 0

    def dead(self) -> list[str]:
        return [name for name, pid in self.children.items() if pid == 0]

    def stop(self) -> None:
        """End everything; may be called again."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # this is to be finished
        for pid in self.children.values():
            if pid:
                _signal(pid, signal.SIGKILL)
        for pid in self.children.values():
            if pid:
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        self.children = {}
        if self.links is not None:
            self.links.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ requests

    def launch(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a client in a process of its own, which ends at the deadline."""
        started, deadline = time.monotonic(), request["deadline"]
        data = self._child(request["src"], deadline, lambda: self._client(request, deadline))
        if data is None:
            return {"outcome": "timeout", "started": started, "ended": time.monotonic()}
        answer = json.loads(data) if data else {"outcome": "infrastructure"}
        self._reap()
        node = request["dst"]
        gone = any(name in self.dead() for name in (f"services {node}", f"broker {node}", "proxy", "gate"))
        if answer["outcome"] in ("refused", "no answer") or gone:
            answer["outcome"] = self._refused(request, gone)
        return answer | {"started": started, "ended": time.monotonic()}

    def _child(self, node: int, deadline: float, run: Callable[[], dict[str, Any]]) -> bytes | None:
        """Run a function in a process on a host; what it returns, as JSON. None if it is late."""
        for _ in self._asked():
            self._answer_gate(b"0")  # of a client that is gone
        read, send = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            try:
                self._become(limits.CLIENT_ACCOUNT, node)
                os.write(send, json.dumps(run()).encode())
            except BaseException as error:
                print(f"client: {error!r}", file=sys.stderr, flush=True)
            os._exit(0)
        os.close(send)
        data, late = b"", False
        while True:
            ready, _, _ = select.select([read, *self.pipes[:1]], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                late = True
                break
            if read not in ready:
                for src, dst, port in self._asked():
                    assert self.links is not None
                    self.links.open_pass(src, dst, port)
                    self._answer_gate(b"1")
                continue
            part = os.read(read, 65_536)
            if not part:
                break
            data += part
        os.close(read)
        _signal(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if self.links is not None:
            self.links.close_passes()
        return None if late else data

    def _asked(self) -> list[tuple[int, int, int]]:
        """Passes that the gate asks for, one at a time: source, target, port class."""
        ready, _, _ = select.select(self.pipes[:1], [], [], 0.0)
        lines = os.read(self.pipes[0], 4096).decode().splitlines() if ready else []
        asked = [line.split() for line in lines]
        return [(int(src), int(dst), int(port)) for src, dst, port in asked]

    def _answer_gate(self, answer: bytes) -> None:
        os.write(self.pipes[1], answer)

    def _refused(self, request: dict[str, Any], gone: bool) -> str:
        """What a refused connection means: nothing listens by the plan, the host is down, or it broke."""
        node, port = request["dst"], request["port"]
        if {node, request["src"]} & set(self.policy["down"]):
            return "unreachable"
        if gone or node == INTERNET:
            return "infrastructure"
        host = self._spec(node)
        listens = port in [service["port"] for service in host["services"]]
        listens = listens or bool(host["decoys"][host["decoy"]]["ports"] >> max(port, 0) & 1)
        if request["name"] == "vault":
            listens = host["data"] > 0
        elif port < 0:
            listens = True
        if listens:
            return "infrastructure"
        return "refused" if request["name"] == "probe" else "not_vulnerable"

    def _client(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        dial = Dial(self.spec, request["src"], request["tickets"], deadline)
        try:
            return vars(CLIENTS[request["name"]](dial, request["dst"], request))
        except net.NotOpen as error:
            return {"outcome": error.reach}
        except (OSError, ValueError, KeyError) as error:
            return {"outcome": "infrastructure", "transcript": [repr(error)]}

    def apply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out an action of blue."""
        name, target = request["name"], request["target"]
        action = getattr(self, f"_{name}", None)
        if action is None:
            raise ValueError(f"no action {name!r}")
        return action(target, request) or {}

    def _isolate(self, node: int, request: dict[str, Any]) -> None:
        self._rule(isolated=sorted({*self.policy["isolated"], node}))
        if self.links is not None:
            self.links.set(node, up=False)

    def _reconnect(self, node: int, request: dict[str, Any]) -> None:
        self._rule(isolated=[one for one in self.policy["isolated"] if one != node])
        if self.links is not None:
            self.links.set(node, up=True)

    def _take_down(self, node: int, request: dict[str, Any]) -> None:
        """End the processes of a host; its sessions live in them."""
        self._rule(down=sorted({*self.policy["down"], node}))
        for name in (f"services {node}", f"broker {node}"):
            pid = self.children.pop(name, 0)
            if pid:
                _signal(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        if self.links is not None:
            self.links.set(node, up=False)

    def _restore(self, node: int, request: dict[str, Any]) -> None:
        """Fresh processes without sessions; an encrypted volume stays as it is."""
        host = self._spec(node)
        if node not in self.policy["down"]:
            self._take_down(node, request)
        self._close_sessions(node, "")
        self._plant(node, request["nonces"][str(node)])
        for name in ("decoy", "honeytoken", "false_scans", "sensor_killed"):
            self._set(node, name, 0)
        self._set(node, "cached", host["home"])
        host["decoy"] = 0
        if host["plc"]:
            plant.restore(self.folder)
        self._host(host)
        self._rule(
            down=[one for one in self.policy["down"] if one != node],
            isolated=[one for one in self.policy["isolated"] if one != node],
        )
        if self.links is not None:
            self.links.set(node, up=True)
        self._wait_ready()

    def _bring_up(self, node: int, request: dict[str, Any]) -> None:
        """The processes of a host that is down start again, with its sessions."""
        self._host(self._spec(node))
        self._rule(down=[one for one in self.policy["down"] if one != node])
        if self.links is not None and node not in self.policy["isolated"]:
            self.links.set(node, up=True)
        self._wait_ready()

    def _foothold(self, node: int, request: dict[str, Any]) -> dict[str, Any]:
        """The session that red has when the episode begins."""
        handle = os.urandom(8).hex()
        path = self.folder / "hosts" / str(node) / "sessions" / handle
        self._write_private(path, "user foothold", limits.SERVICE_ACCOUNT)
        path.chmod(0o660)
        return {"found": {str(node): {"session": handle}}}

    def _restore_from_backup(self, node: int, request: dict[str, Any]) -> dict[str, Any]:
        backup = [host["node"] for host in self.spec["hosts"] if host["backup"]]
        intact = [
            one
            for one in backup
            if one not in self.policy["isolated"] + self.policy["down"]
            and not self._get(one, "encrypted")
            and not self._sessions(one)
        ]
        if not intact:
            return {"refused": "no intact backup answers"}
        self._restore(node, request)
        self._set(node, "encrypted", 0)
        return {}

    def _remove(self, node: int, request: dict[str, Any]) -> dict[str, Any]:
        self._close_sessions(node, "user")
        if "root" in self._sessions(node).values():
            return {"refused": "a session has root"}
        if request["nonces"]:
            self._plant(node, request["nonces"][str(node)])
        return {}

    def _analyse(self, node: int, request: dict[str, Any]) -> dict[str, Any]:
        return {"found": {str(node): self._inspected(node)}}

    def _monitor(self, zone: int, request: dict[str, Any]) -> dict[str, Any]:
        """Read the logs of the online hosts of a zone for what the sensors of their programs flag."""
        hosts = [host for host in self.spec["hosts"] if host["zone"] == zone and host["managed"]]
        away = self.policy["isolated"] + self.policy["down"]
        return {"found": {str(h["node"]): self._inspected(h["node"]) for h in hosts if h["node"] not in away}}

    def _inspected(self, node: int) -> dict[str, int]:
        sessions = self._sessions(node).values()
        log = self.folder / "hosts" / str(node)
        text = "".join(
            path.read_text() for path in (log / "services.log", log / "broker.log") if path.exists()
        )
        marks = sum(text.count(mark) for mark in ("null session", "password for admin", "memory reader"))
        marks += text.count('exe="httpd"') + text.count('exe="java"') + text.count('exe="broker"')
        return {
            "privilege": 2 if "root" in sessions else 1 if sessions else 0,
            "encrypted": self._get(node, "encrypted"),
            "sensor": 0 if self._get(node, "sensor_killed") else 1,
            "suspicious": marks,
        }

    def _restrict(self, zone: int, request: dict[str, Any]) -> None:
        self._level(zone, 1)

    def _relax(self, zone: int, request: dict[str, Any]) -> None:
        self._level(zone, -1)

    def _level(self, zone: int, by: int) -> None:
        level = list(self.policy["level"])
        level[zone] = min(max(level[zone] + by, 0), 2)
        self._rule(level=level)
        if self.links is not None:
            self.links.levels(level)

    def _awareness(self, zone: int, request: dict[str, Any]) -> None:
        for host in self.spec["hosts"]:
            if host["zone"] == zone:
                now = self._get(host["node"], "phishability")
                self._set(host["node"], "phishability", max(now * 800 // 1000, host["phishability"] // 5))

    def _deploy_edr(self, node: int, request: dict[str, Any]) -> None:
        self._set(node, "edr", 1)
        self._set(node, "sensor_killed", 0)

    def _decoy(self, node: int, request: dict[str, Any]) -> None:
        """Another decoy listens where the host does not, so its programs start again."""
        self._set(node, "decoy", request["value"])
        host = self._spec(node)
        host["decoy"] = request["value"]
        pid = self.children.pop(f"services {node}", 0)
        if pid:
            _signal(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for name in ("vault.sock", "heartbeat"):
            (self.folder / "hosts" / str(node) / name).unlink(missing_ok=True)
        self._fork(f"services {node}", limits.SERVICE_ACCOUNT, lambda: services(host, self.folder), node)
        self._wait_ready()

    def _misinform(self, node: int, request: dict[str, Any]) -> None:
        self._set(node, "false_scans", 2)

    def _honeytoken(self, node: int, request: dict[str, Any]) -> None:
        self._set(node, "honeytoken", 1)

    def _rotate(self, scope: int, request: dict[str, Any]) -> None:
        name = self.spec["scopes"][scope]
        self.epochs[name] += 1
        write(self.folder / "domain" / "epochs", json.dumps(self.epochs))
        for host in self.spec["hosts"]:
            self._set(host["node"], "cached", self._get(host["node"], "cached") & ~(1 << scope))

    def act(self, request: dict[str, Any]) -> dict[str, Any]:
        """A user of a host does something; what needs a connection makes one."""
        what, node, other, port = (request[name] for name in ("what", "node", "other", "port"))
        deadline = request["deadline"]
        if what == "logon":
            host = self._spec(node)
            self._set(node, "cached", self._get(node, "cached") | host["home"])
            for note in ("auth_ok", "kerb_tgt"):
                self._note(node, note)
            return {}
        if what in NOTES:
            self._note(node, what)
            return {}
        zones = self.spec["zones"]
        scope = scope_of(self.spec, zones[str(node)], zones.get(str(other), OUTSIDE))
        passes = [ticket(self.folder, scope, 60.0, node)] if scope else []
        dial = Dial(self.spec, node, passes, deadline)
        if self.links is not None:  # the supervisor itself is in no namespace
            self._child(node, deadline, lambda: _use(dial, what, other, port))
            return {}
        return _use(dial, what, other, port)

    def _note(self, node: int, what: str) -> None:
        path = self.folder / "hosts" / str(node) / "broker.sock"
        try:
            with net.connect_local(str(path), 1.0) as stream:
                stream.ask(f"NOTE {what}")
        except net.NotOpen:
            pass

    def health(self, request: dict[str, Any]) -> dict[str, Any]:
        self._reap()
        pids = {name: pid for name, pid in self.children.items() if pid}
        privileged = []
        if os.geteuid() == 0:
            privileged = [name for name, pid in pids.items() if os.stat(f"/proc/{pid}").st_uid == 0]
        return {
            "dead": self.dead(),
            "privileged": privileged,
            "pids": pids,
            "memory": sum(limits.resident(pid) for pid in pids.values()),
        }

    def plant(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"values": plant.values(self.folder)}

    def heartbeats(self, request: dict[str, Any]) -> dict[str, Any]:
        """Hosts whose programs gave a sign of life within the last seconds."""
        alive, now = [], time.monotonic()
        for host in self.spec["hosts"]:
            node = host["node"]
            try:
                beat = float((self.folder / "hosts" / str(node) / "heartbeat").read_text())
            except (FileNotFoundError, ValueError):
                continue
            if now - beat < request["within"] and not self._get(node, "sensor_killed"):
                alive.append(node)
        return {"alive": alive}

    # ------------------------------------------------------------ state of hosts

    def _spec(self, node: int) -> dict[str, Any]:
        return next(host for host in self.spec["hosts"] if host["node"] == node)

    def _rule(self, **changes: Any) -> None:
        self.policy |= changes
        write(self.folder / "policy", json.dumps(self.policy))

    def _set(self, node: int, name: str, value: int) -> None:
        path = self.folder / "hosts" / str(node) / "state" / name
        write(path, str(value), 0o664)
        if os.geteuid() == 0:
            os.chown(path, 0, limits.GROUP)

    def _get(self, node: int, name: str) -> int:
        try:
            return int((self.folder / "hosts" / str(node) / "state" / name).read_text())
        except FileNotFoundError:
            return 0

    def _sessions(self, node: int) -> dict[str, str]:
        folder = self.folder / "hosts" / str(node) / "sessions"
        found = {}
        for path in folder.iterdir():
            try:
                found[path.name] = path.read_text().split()[0]
            except (FileNotFoundError, IndexError):
                continue
        return found

    def _close_sessions(self, node: int, privilege: str) -> None:
        for handle, has in self._sessions(node).items():
            if privilege in ("", has):
                (self.folder / "hosts" / str(node) / "sessions" / handle).unlink(missing_ok=True)


def _use(dial: Dial, what: str, other: int, port: int) -> dict[str, Any]:
    """A user connects to another host, or to the internet."""
    large = what == "flow_large"
    line = "PUT " + "x" * 1000 if large else "HELLO 00" if what == "flow_scan" else "LIST"
    with suppress(net.NotOpen), dial.to(INTERNET if large else other, port) as stream:
        for _ in range(2 if large else 1):
            stream.ask(line)
    return {}


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _stop_on_signal(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def main(parent: int) -> int:
    """Serve requests until the input ends."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop_on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    limits.die_with_parent(parent, signal.SIGTERM)
    first = json.loads(sys.stdin.readline())
    supervisor: Supervisor | None = None
    try:
        supervisor = Supervisor(first["spec"], first["nonces"])
        first = {}
        _answer({"ready": True})
        _serve(supervisor)
    except Exception as error:
        _answer({"error": f"{type(error).__name__}: {error}"})
        return 1
    finally:
        if supervisor is not None:
            supervisor.stop()
        else:
            shutil.rmtree(first["spec"]["folder"], ignore_errors=True)
    return 0


def _serve(supervisor: Supervisor) -> None:
    buffer = b""
    while time.monotonic() < supervisor.ends:
        ready, _, _ = select.select([0], [], [], min(5.0, supervisor.ends - time.monotonic()))
        if not ready:
            continue
        part = os.read(0, 65_536)
        if not part:
            return
        buffer += part
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            request = json.loads(line)
            if request["call"] == "stop":
                return
            try:
                answer = getattr(supervisor, request["call"])(request)
            except (OSError, ValueError, RuntimeError, KeyError, StopIteration) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            _answer({"id": request["id"]} | answer)


def _answer(data: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        os.write(1, json.dumps(data).encode() + b"\n")
