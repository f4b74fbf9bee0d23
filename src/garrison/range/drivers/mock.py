"""Tier ``mock``: no process; outcomes by the same rules, chances from the tables of ``soc``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from garrison.range.clients.credentials import LOGON_PORTS
from garrison.range.nonces import Secrets
from garrison.range.plan import TECHNIQUES, HostPlan, Plan
from garrison.range.protocol import (
    INTERNET,
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
from garrison.range.services.broker import NOTES
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables import scenarios as S

K = R.Red
#: thousandths of success where everything else fits; of mails it is the user's
CHANCES = {
    "web": R.CHANCE[K.EXPLOIT_HTTP_RFI],
    "runner": R.CHANCE[K.EXPLOIT_HTTP_RFI],
    "share": R.CHANCE[K.EXPLOIT_ETERNAL_BLUE],
    "desk": R.CHANCE[K.EXPLOIT_BLUE_KEEP],
    "registers": R.CHANCE[K.EXPLOIT_REMOTE_SERVICE],
    "grant": R.CHANCE[K.PRIVILEGE_ESCALATE],
    "impersonate": R.CHANCE[K.JUICY_POTATO],
    "driver": R.CHANCE[K.V4L2],
    "dump": R.CHANCE[K.DUMP_LSASS],
    "ticket": R.CHANCE[K.PASS_THE_TICKET],
    "hash": R.CHANCE[K.PASS_THE_HASH],
    "encrypt": R.CHANCE[K.IMPACT],
    "kill": R.CHANCE[K.KILL_PROCESS],
    "vault": R.CHANCE[K.EXFILTRATE_DATA],
    "overload": R.CHANCE[K.OVERLOAD_PLC],
}
_REMOTE = ("web", "runner", "share", "desk", "registers")
_ON_HOST = ("grant", "impersonate", "driver", "dump", "encrypt", "kill", "vault")
_AS_ROOT = ("dump", "encrypt", "kill", "overload")


class _Box:
    """A simulated host."""

    def __init__(self, plan: HostPlan, nonces: dict[str, str]):
        self.nonces, self.sessions = nonces, dict[str, str]()
        self.decoy, self.cached, self.phishability = plan.decoy, plan.home, plan.phishability
        self.honeytoken = self.edr = self.sensor_killed = self.encrypted = False
        self.false_scans = 0


class Mock:
    """Plays the rules of the range without any process.

    Args:
        certain: everything with a chance succeeds; for conformance.
        clock: of events and credentials, in seconds.
        chances: thousandths of success by technique, in place of those of ``soc``.
    """

    tier = "mock"
    version = "1"

    def __init__(
        self,
        certain: bool = False,
        clock: Callable[[], float] = time.monotonic,
        chances: Mapping[str, int] | None = None,
    ):
        self.certain, self.clock = certain, clock
        self.chances = {**CHANCES, **(chances or {})}

    def provision(self, plan: Plan, secrets: Secrets, seed: int, deadline: float) -> Handle:
        boxes = {host.node: _Box(host, dict(secrets.nonces[host.node])) for host in plan.hosts}
        return Handle(
            plan,
            seed,
            {
                "boxes": boxes,
                "level": [0] * T.NUM_ZONES,
                "isolated": set(),
                "down": set(),
                "epoch": [0] * T.NUM_SCOPES,
                "log": [],
                "random": Random(seed),
                "plant": [self.clock(), list(plan.nominal), list(plan.nominal)],
                "number": 0,
            },
        )

    # ------------------------------------------------------------ the network

    def probe(self, handle: Handle, src: Node, dst: Node, port: int, deadline: float) -> Probe:
        reach = self._reach(handle, src, dst, port, ())
        banner = self._picture(handle, dst) if reach is Reach.OPEN else ""
        if reach is Reach.OPEN:
            self._flow(handle, src, dst, "scan", port)
        return Probe(reach, banner, 0.0)

    def scan(
        self, handle: Handle, src: Node, dst: Node, tickets: tuple[str, ...], deadline: float
    ) -> dict[str, Any]:
        """All ports of a host: ``ports`` port class -> reach, and ``banner``."""
        found = {str(port): self._reach(handle, src, dst, port, tickets).value for port in range(8)}
        reached = {"open", "refused"} & set(found.values())
        outcome = "success" if reached else min(found.values())
        if reached:
            self._flow(handle, src, dst, "scan", 0)
            box = handle.state["boxes"][dst]
            banner = self._picture(handle, dst)
            box.false_scans = max(box.false_scans - 1, 0)
            return {"outcome": outcome, "ports": found, "banner": banner}
        return {"outcome": outcome, "ports": found}

    def _picture(self, handle: Handle, dst: Node) -> str:
        host, box = handle.plan.host(dst), handle.state["boxes"][dst]
        windows = int(host.windows)
        if box.false_scans:
            return f"mock/1.0 ports={B.FALSE_PORTS[windows]:x} weak={B.FALSE_WEAK[windows]:x} false=1"
        ports = host.ports | int(B.DECOY_PORTS[box.decoy])
        return f"mock/1.0 ports={ports:x} weak={host.weak | int(B.DECOY_WEAK[box.decoy, windows]):x} false=0"

    def _reach(self, handle: Handle, src: Node, dst: Node, port: int, tickets: tuple[str, ...]) -> Reach:
        state, plan = handle.state, handle.plan
        away = state["isolated"] | state["down"]
        if {int(src), int(dst)} & away:
            return Reach.UNREACHABLE
        here = T.Zone.INTERNET if src == INTERNET else plan.host(src).zone
        there = T.Zone.INTERNET if dst == INTERNET else plan.host(dst).zone
        level = state["level"]
        if here != T.Zone.INTERNET and level[here] == routes.Level.CLOSED:
            return Reach.BLOCKED
        if not (port == T.Port.MAIL and src == INTERNET):
            at = level[here] if there == T.Zone.INTERNET else level[there]
            if not plan.allow[at][here][there] >> port & 1:
                return Reach.BLOCKED
            if there != here and there != T.Zone.INTERNET and not self._passes(handle, here, there, tickets):
                return Reach.DENIED
        if dst == INTERNET:
            return Reach.OPEN
        host = plan.host(dst)
        extra = int(B.DECOY_PORTS[state["boxes"][dst].decoy])
        listens = any(service.port == port for service in host.services) or extra >> port & 1
        return Reach.OPEN if listens else Reach.REFUSED

    def _passes(self, handle: Handle, here: int, there: int, tickets: tuple[str, ...]) -> bool:
        scope = int(routes.GATE[there])
        if scope < 0 or (handle.plan.guest_to_ot and (here, there) == (T.Zone.GUEST, T.Zone.OT)):
            return True
        for ticket in tickets:
            if ticket.startswith("session."):
                _, node, session = ticket.split(".")
                engineer = handle.plan.host(int(node)).role == T.Role.ENGINEERING_WORKSTATION
                if there == T.Zone.OT and engineer and session in handle.state["boxes"][int(node)].sessions:
                    return True
            elif self._valid(handle, ticket) == T.SCOPE_NAMES[scope]:
                return True
        return False

    def _valid(self, handle: Handle, ticket: str) -> str:
        name, epoch, expiry, *_ = ticket.split(":")
        if name not in T.SCOPE_NAMES:
            return ""
        fresh = handle.state["epoch"][T.SCOPE_NAMES.index(name)] == int(epoch)
        return name if fresh and self.clock() < float(expiry) else ""

    # ------------------------------------------------------------ red

    def launch(self, handle: Handle, technique: Technique, src: Node, dst: Node, deadline: float) -> Evidence:
        started = self.clock()
        privilege = TECHNIQUES[technique.name]
        if privilege == "data":
            privilege = f"data:{technique.unit}"
        outcome, privilege, tickets = self._run(handle, technique, src, dst, privilege)
        nonce = session = ""
        if outcome is Outcome.SUCCESS:
            box = handle.state["boxes"][dst]
            nonce = box.nonces[privilege]
            if technique.name in (*_REMOTE, "mail", "grant", "impersonate", "driver", "ticket", "hash"):
                handle.state["number"] += 1
                session = f"{handle.state['number']:016x}"
                box.sessions[session] = privilege
        return Evidence(outcome, nonce, privilege, session, tickets, (), started, self.clock())

    def _run(
        self, handle: Handle, technique: Technique, src: Node, dst: Node, privilege: str
    ) -> tuple[Outcome, str, tuple[str, ...]]:
        name, state = technique.name, handle.state
        plan, box = handle.plan.host(dst), state["boxes"][dst]
        no = lambda outcome: (outcome, privilege, ())  # noqa: E731
        if name in _ON_HOST:
            if dst in state["isolated"] | state["down"]:
                return no(Outcome.UNREACHABLE)
            if state["level"][plan.zone] == routes.Level.CLOSED:
                return no(Outcome.BLOCKED)
        elif (reach := self._arrives(handle, technique, src, dst)) is not Reach.OPEN:
            outcome = Outcome.NOT_VULNERABLE if reach is Reach.REFUSED else Outcome(reach.value)
            return no(outcome)
        has = box.sessions.get(technique.session, "")
        if name in ("grant", "impersonate", "driver", "vault") and not has:
            return no(Outcome.DENIED)
        if name in _AS_ROOT and has != "root":
            return no(Outcome.DENIED)
        lucky = self._lucky(handle, self.chances.get(name, 1000))
        if name in _REMOTE:
            return no(self._exploit(handle, technique, src, dst, lucky))
        if name == "mail":
            opened = self._lucky(handle, box.phishability, box.phishability > 0)
            for note in ("net_connect", "dns") if opened else ("mail_report",):
                self._note(handle, dst, note)
            return no(Outcome.SUCCESS if opened else Outcome.NOT_VULNERABLE)
        if name in ("ticket", "hash"):
            return self._logon(handle, technique, src, dst, lucky)
        if name in ("grant", "impersonate", "driver"):
            good = name in plan.local and lucky
            for note in ("proc_create", "priv_assign") if good else ("proc_create",):
                self._note(handle, dst, note)
            return no(Outcome.SUCCESS if good else Outcome.NOT_VULNERABLE)
        return self._effect(handle, technique, src, dst, privilege, lucky)

    def _arrives(self, handle: Handle, technique: Technique, src: Node, dst: Node) -> Reach:
        """What the technique meets; a logon takes the first port that lets it in."""
        ports = LOGON_PORTS if technique.name == "ticket" else (technique.port,)
        found = [self._reach(handle, src, dst, port, technique.tickets) for port in ports]
        return next((one for one in (Reach.OPEN, Reach.REFUSED) if one in found), found[0])

    def _exploit(self, handle: Handle, technique: Technique, src: Node, dst: Node, lucky: bool) -> Outcome:
        plan, box, port = handle.plan.host(dst), handle.state["boxes"][dst], technique.port
        self._flow(handle, src, dst, "flow", port)
        chance = handle.plan.decoy_chance
        chance = int(B.DECOY_CHANCE[box.decoy]) if chance is None else chance
        if int(B.DECOY_PORTS[box.decoy]) >> port & 1 and handle.state["random"].random() < chance / 1000:
            self._log(handle, dst, "trap", f"decoy touched from {src}")
            return Outcome.TRAPPED
        flaws = {flaw for s in plan.services if s.port == port for flaw in s.flaws}
        wanted = {technique.flaw} if technique.flaw >= 0 else flaws
        if not (flaws & wanted and lucky):
            return Outcome.NOT_VULNERABLE
        self._note(handle, dst, "proc_create")
        return Outcome.SUCCESS

    def _logon(
        self, handle: Handle, technique: Technique, src: Node, dst: Node, lucky: bool
    ) -> tuple[Outcome, str, tuple[str, ...]]:
        plan = handle.plan.host(dst)
        if technique.name == "hash":
            source = handle.plan.host(src)
            root = handle.state["boxes"][src].sessions.get(technique.session, "") == "root"
            controller = source.role == T.Role.DOMAIN_CONTROLLER and source.zone == plan.zone
            self._note(handle, dst, "ntlm")
            good = root and controller and plan.windows
            return (Outcome.DENIED if not good else _ended(lucky)), "root", ()
        admin = T.SCOPE_NAMES[T.ZONE_ADMIN[plan.zone]]
        desk = plan.zone == T.Zone.CORPORATE and plan.role == T.Role.WORKSTATION
        self._note(handle, dst, "kerb_tgt")
        for ticket in technique.tickets:
            if ticket.startswith("honey:"):
                self._log(handle, dst, "trap", f"honeytoken used from {ticket.split(':')[3]}")
                return Outcome.TRAPPED, "root", ()
        names = {self._valid(handle, t) for t in technique.tickets if not t.startswith("session.")}
        if admin in names:
            return _ended(lucky), "root", ()
        if desk and "corp_user" in names:
            return _ended(lucky), "user", ()
        return Outcome.DENIED, "root", ()

    def _effect(
        self, handle: Handle, technique: Technique, src: Node, dst: Node, privilege: str, lucky: bool
    ) -> tuple[Outcome, str, tuple[str, ...]]:
        name, box = technique.name, handle.state["boxes"][dst]
        if name == "vault" and self._reach(handle, dst, INTERNET, 0, ()) is not Reach.OPEN:
            return Outcome.BLOCKED, privilege, ()
        if not lucky or privilege not in box.nonces:
            return Outcome.NOT_VULNERABLE, privilege, ()
        tickets: list[str] = []
        if name == "dump":
            self._note(handle, dst, "proc_access")
            for bit, scope in enumerate(T.SCOPE_NAMES):
                if box.cached >> bit & 1:
                    expiry = self.clock() + handle.plan.lifetimes[bit]
                    tickets.append(f"{scope}:{handle.state['epoch'][bit]}:{expiry}:{dst}")
            tickets += [f"honey:0:inf:{dst}"] * box.honeytoken
        if name == "encrypt":
            self._note(handle, dst, "file_burst")
            box.encrypted = True
        if name == "kill":
            self._note(handle, dst, "svc_change")
            box.sensor_killed = True
        if name == "vault":
            self._log(handle, dst, "flow", f"flow {dst} 255 0 2010")
        if name == "overload":
            self._note(handle, dst, "ot_write")
            nominal = handle.plan.nominal
            hotter, stronger = sum(S.OVERLOAD_TEMPERATURE) / 2, sum(S.OVERLOAD_PRESSURE) / 2000
            self._set_plant(handle, [nominal[0] + hotter, nominal[1] * stronger, S.OVERLOAD_FLOW])
        return Outcome.SUCCESS, privilege, tuple(tickets)

    def _lucky(self, handle: Handle, thousandths: Any, possible: bool = True) -> bool:
        return possible and (self.certain or handle.state["random"].random() < int(thousandths) / 1000)

    # ------------------------------------------------------------ the plant

    def plant(self, handle: Handle, deadline: float) -> list[float]:
        """Readings of the plant in thousandths."""
        since, values, setpoints = handle.state["plant"]
        passed = (self.clock() - since) * handle.plan.speed
        return [
            s + (v - s) * math.exp(-passed / tau)
            for v, s, tau in zip(values, setpoints, S.PLANT_TAU_S.tolist(), strict=True)
        ]

    def _set_plant(self, handle: Handle, setpoints: list[float]) -> None:
        handle.state["plant"] = [self.clock(), self.plant(handle, 0.0), setpoints]

    # ------------------------------------------------------------ blue

    def apply(self, handle: Handle, action: BlueAction, fresh: Secrets | None, deadline: float) -> Applied:
        state, target = handle.state, action.target
        box = state["boxes"].get(target)
        found: dict[int, dict[str, Any]] = {}
        reason = ""
        match action.name:
            case "isolate":
                state["isolated"].add(target)
            case "reconnect":
                state["isolated"].discard(target)
            case "take_down":
                state["down"].add(target)
            case "restore" | "restore_from_backup":
                reason = self._restore(handle, target, action.name, fresh)
            case "remove":
                box.sessions = {s: p for s, p in box.sessions.items() if p != "user"}
                reason = "a session has root" if box.sessions else ""
                if fresh and not reason:
                    box.nonces |= fresh.nonces[target]
            case "analyse":
                found[target] = self._inspected(box)
            case "monitor":
                away = state["isolated"] | state["down"]
                hosts = [h.node for h in handle.plan.hosts if h.zone == target and h.managed]
                found = {node: self._inspected(state["boxes"][node]) for node in hosts if node not in away}
            case "restrict" | "relax":
                by = 1 if action.name == "restrict" else -1
                state["level"][target] = min(max(state["level"][target] + by, 0), 2)
            case "awareness":
                for host in handle.plan.hosts:
                    if host.zone == target:
                        one = state["boxes"][host.node]
                        one.phishability = max(one.phishability * 800 // 1000, host.phishability // 5)
            case "deploy_edr":
                box.edr, box.sensor_killed = True, False
            case "misinform":
                box.false_scans = B.FALSE_SCANS
            case "honeytoken":
                box.honeytoken = True
            case "rotate":
                state["epoch"][target] += 1
                for one in state["boxes"].values():
                    one.cached &= ~(1 << target)
            case "bring_up":
                state["down"].discard(target)
            case "foothold":
                state["number"] += 1
                session = f"{state['number']:016x}"
                box.sessions[session] = "user"
                found[target] = {"session": session}
            case name if name.startswith("decoy"):
                box.decoy = action.value
            case name:
                raise InfrastructureError(f"no action {name!r}")
        return Applied(not reason, reason, found, 0.0)

    def _restore(self, handle: Handle, node: int, name: str, fresh: Secrets | None) -> str:
        state = handle.state
        away = state["isolated"] | state["down"]
        if name == "restore_from_backup":
            backups = [h.node for h in handle.plan.hosts if h.role == T.Role.BACKUP and h.node not in away]
            good = [b for b in backups if not (state["boxes"][b].sessions or state["boxes"][b].encrypted)]
            if not good:
                return "no intact backup answers"
        old = state["boxes"][node]
        box = _Box(handle.plan.host(node), dict(fresh.nonces[node]) if fresh else old.nonces)
        box.decoy, box.edr, box.phishability = 0, old.edr, old.phishability
        box.encrypted = old.encrypted and name == "restore"
        state["boxes"][node] = box
        state["down"].discard(node)
        state["isolated"].discard(node)
        if handle.plan.host(node).is_plc:
            self._set_plant(handle, list(handle.plan.nominal))
        return ""

    def _inspected(self, box: _Box) -> dict[str, int]:
        privileges = set(box.sessions.values())
        return {
            "privilege": 2 if "root" in privileges else 1 if privileges else 0,
            "encrypted": int(box.encrypted),
            "sensor": int(not box.sensor_killed),
            "suspicious": len(box.sessions),
        }

    # ------------------------------------------------------------ logs

    def act(self, handle: Handle, what: str, host: Node, other: Node, port: int, deadline: float) -> None:
        if what == "logon":
            handle.state["boxes"][host].cached |= handle.plan.host(host).home
            self._note(handle, host, "auth_ok")
            self._note(handle, host, "kerb_tgt")
        elif what in NOTES:
            self._note(handle, host, what)
        elif what == "flow_large":
            self._log(handle, host, "flow", f"flow {host} 255 0 2010")
        else:
            self._flow(handle, host, other, "scan" if what == "flow_scan" else "flow", port)

    def heartbeats(self, handle: Handle, within: float, deadline: float) -> list[int]:
        """Hosts whose sensor gives signs of life."""
        boxes, down = handle.state["boxes"], handle.state["down"]
        return [node for node, box in boxes.items() if node not in down and not box.sensor_killed]

    def _note(self, handle: Handle, node: int, what: str) -> None:
        self._log(handle, node, *NOTES[what])

    def _flow(self, handle: Handle, src: Node, dst: Node, kind: str, port: int) -> None:
        zone = lambda node: T.Zone.INTERNET if node == INTERNET else handle.plan.host(node).zone  # noqa: E731
        if zone(src) != zone(dst):
            self._log(handle, dst, "flow", f"{kind} {src} {dst} {port} 20")

    def _log(self, handle: Handle, node: int, family: str, text: str) -> None:
        box = handle.state["boxes"][node]
        if family in ("audit", "edr") and box.sensor_killed or family == "edr" and not box.edr:
            return
        handle.state["log"].append(Event(self.clock(), int(node), family, text))

    def collect(self, handle: Handle, since: float) -> list[Event]:
        found = [event for event in handle.state["log"] if event.time > since]
        handle.state["log"] = []
        return found

    def health(self, handle: Handle) -> Health:
        return Health()

    def teardown(self, handle: Handle) -> Leftovers:
        handle.state["boxes"] = {}
        return Leftovers()


def _ended(lucky: bool) -> Outcome:
    return Outcome.SUCCESS if lucky else Outcome.NOT_VULNERABLE
