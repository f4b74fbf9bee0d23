"""The two processes of a host, and the proxy that all connections pass (standard library only)."""

from __future__ import annotations

import secrets
import time
from functools import partial
from pathlib import Path
from typing import Any

from garrison.range import net
from garrison.range.services import broker, desk, mail, registers, runner, share, tokens, vault, web
from garrison.range.services.flows import KEPT, Flows
from garrison.range.services.host import CANARY, CLEARED, Host, write
from garrison.range.services.rules import INTERNET, Rules

_SERVICES = {
    "web": web,
    "runner": runner,
    "desk": desk,
    "share": share,
    "registers": registers,
    "tokens": tokens,
    "mail": mail,
}
#: how requests of techniques begin, which decoys answer in place of a service
_ATTACKS = ("GET ../", "RUN echo;", "LOGON admin", "READ ipc/", "READ print/", "BLOCK ")


def services(spec: dict[str, Any], folder: Path) -> None:
    """Serve the ports of a host for ever."""
    host = Host(spec, folder, "services")
    address, peers = spec["address"], spec["peers"]
    listeners = [
        (net.listen(address, spec["port_base"] + service["port"]), partial(_accept, host, service, peers))
        for service in spec["services"]
    ]
    extra = spec["decoys"][spec["decoy"]]["ports"] & ~spec["ports"] if spec["decoy"] else 0
    for port in range(9):  # a decoy listens where the host does not
        if extra >> port & 1 and all(service["port"] != port for service in spec["services"]):
            fake = {"kind": "decoy", "port": port, "flaws": []}
            listeners.append(
                (net.listen(address, spec["port_base"] + port), partial(_accept, host, fake, peers))
            )
    if spec["data"]:
        listeners.append((_local(host, "vault.sock"), partial(vault.handle, host)))
    net.serve(listeners, lambda: write(host.folder / "heartbeat", f"{time.monotonic():.3f}"), CLEARED)


def brokers(spec: dict[str, Any], folder: Path) -> None:
    """Serve the local socket of a host for ever."""
    host = Host(spec, folder, "broker")
    net.serve([(_local(host, "broker.sock"), partial(broker.handle, host))], lambda: None, 60.0)


def _local(host: Host, name: str) -> Any:
    path = host.folder / name
    server = net.listen_local(str(path))
    path.chmod(0o666)
    return server


def _accept(host: Host, service: dict[str, Any], peers: list[str], stream: net.Stream) -> None:
    """Answer the requests of one connection."""
    if peers and stream.peer not in peers:
        return  # somebody who does not come through the proxy
    origin = INTERNET
    while request := stream.line():
        if request.startswith("FROM "):
            origin = int(request[5:])
            continue
        stream.send(_answer(host, service, request, origin, stream))


def _answer(host: Host, service: dict[str, Any], request: str, origin: int, stream: net.Stream) -> str:
    if request.startswith("HELLO "):
        return f"{service['kind']}/1.0 {_listing(host, request[6:])}"
    decoy = host.flag("decoy")
    if decoy and request.startswith(_ATTACKS):
        catches = host.spec["decoys"][decoy]
        hit = service["kind"] == "decoy" or secrets.randbelow(1000) < catches["chance"]
        if catches["ports"] >> service["port"] & 1 and hit:
            host.log("trap", f"decoy touched from {origin}")
            host.log("edr", "alert process=decoy")
            return f"200 {CANARY}{secrets.token_hex(8)}"
    if service["kind"] == "decoy":
        return "404"
    return _SERVICES[service["kind"]].answer(host, stream, service, request)


def _listing(host: Host, scan: str) -> str:
    """The picture of the host; a false one, as often as was ordered, the same for all ports of one scan."""
    last = host.folder / "state" / "last_scan"
    seen = last.read_text() if last.exists() else ""
    number, false = (seen.split() + ["", "0"])[:2]
    if number != scan:
        left = host.flag("false_scans")
        false = "1" if left > 0 else "0"
        if left > 0:
            host.set_flag("false_scans", left - 1)
        write(last, f"{scan} {false}", 0o664)
    return f"{host.spec['false_picture']} false=1" if false == "1" else f"{host.picture()} false=0"


# ---------------------------------------------------------------- the proxy


class Proxy:
    """The only way between hosts: it holds the rules, and records what passes."""

    def __init__(self, spec: dict[str, Any], folder: Path):
        self.spec, self.rules, self.flows = spec, Rules(spec, folder), Flows(spec, folder)

    def run(self) -> None:
        """Serve for ever."""
        listener = net.listen(self.spec["proxy"], self.spec["port_base"] + 99)
        net.serve([(listener, self.handle)], lambda: None, 60.0)

    def handle(self, stream: net.Stream) -> None:
        verb, *words = stream.line().split()
        if verb == "CONTROL":
            stream.send(self.rules.control(int(words[0])))
            return
        src, dst, port, credentials = int(words[0]), int(words[1]), int(words[2]), words[3:]
        reach = self.rules.decide(src, dst, port, credentials)
        if reach != "open":
            self.flows.refused(src, dst, port, reach)
            stream.send(reach)
            return
        try:
            address = self.spec["addresses"][str(dst)]
            target = net.connect(address, self.spec["port_base"] + port, 2.0, self.spec["proxy"])
        except net.NotOpen as error:
            stream.send(error.reach)
            return
        with target:
            target.send(f"FROM {src}")
            stream.send("open")
            seen = bytearray()
            moved = net.relay(stream, target, lambda data: seen.extend(data[: KEPT - len(seen)]))
        self.flows.ended(src, dst, port, moved, bytes(seen))
