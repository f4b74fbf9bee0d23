"""A small network for tests of the range, and an episode on it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from garrison.range.judge import Judge
from garrison.range.nonces import Ledger
from garrison.range.plan import TECHNIQUES, HostPlan, Plan, ServicePlan
from garrison.range.protocol import INTERNET, BlueAction, Evidence, Node, Outcome, Technique
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import routes

P, W, R, Z = T.Port, T.Weakness, T.Role, T.Zone
WEB, APP, DC, DESK, BASE, BACKUP, ENGINEER, PLC = map(Node, (0, 1, 4, 5, 20, 21, 22, 26))
SECONDS = 5.0  #: that a call may take on a busy machine


def host(node: int, zone: int, role: int, os: int, services: dict, **other: Any) -> HostPlan:
    """A host; ``services`` maps port class -> (program, weaknesses)."""
    weak = {flaw for _, flaws in services.values() for flaw in flaws}
    values: dict[str, Any] = {
        "local": ("grant",),
        "home": 0,
        "data": 0,
        "phishability": 0,
        "decoy": 0,
        "peer": T.NO_HOST,
    }
    return HostPlan(
        node=int(node),
        zone=int(zone),
        role=int(role),
        os=int(os),
        windows=bool(T.IS_WINDOWS[os]),
        services=tuple(ServicePlan(kind, int(port), flaws) for port, (kind, flaws) in services.items()),
        ports=T.bits(*(port for port in services if port != P.MAIL)),
        weak=T.bits(*weak),
        **values | other,
    )


def network(**changes: Any) -> Plan:
    """Eight hosts in four zones."""
    admins = T.bits(T.Scope.CORP_ADMIN, T.Scope.SECURE_ADMIN)
    log4shell, eternal, blue_keep = (int(w) for w in (W.CVE_2021_44228, W.MS17_010, W.CVE_2019_0708))
    plant_flaw = int(W.CVE_2010_2772)
    hosts = (
        host(WEB, Z.DMZ, R.WEB, T.Os.UBUNTU, {P.HTTP: ("web", (log4shell,))}, local=("grant", "driver")),
        host(APP, Z.DMZ, R.APP, T.Os.CENTOS, {P.SSH: ("desk", ()), P.TOMCAT: ("runner", (log4shell,))}),
        host(
            DC,
            Z.CORPORATE,
            R.DOMAIN_CONTROLLER,
            T.Os.SERVER_2016,
            {P.SMB: ("share", (eternal,)), P.KERBEROS: ("tokens", ()), P.RDP: ("desk", ())},
            home=T.bits(T.Scope.CORP_ADMIN),
        ),
        host(
            DESK,
            Z.CORPORATE,
            R.WORKSTATION,
            T.Os.WINDOWS_10,
            {P.SMB: ("share", ()), P.RDP: ("desk", (blue_keep,)), P.MAIL: ("mail", ())},
            home=admins,
            phishability=1000,
        ),
        host(
            BASE, Z.SECURE, R.DATABASE, T.Os.CENTOS, {P.SSH: ("desk", ()), P.TOMCAT: ("runner", ())}, data=3
        ),
        host(BACKUP, Z.SECURE, R.BACKUP, T.Os.UBUNTU, {P.SSH: ("desk", ())}),
        host(
            ENGINEER,
            Z.SECURE,
            R.ENGINEERING_WORKSTATION,
            T.Os.WINDOWS_10,
            {P.SMB: ("share", (plant_flaw,)), P.RDP: ("desk", ())},
            home=T.bits(T.Scope.OT_OPERATOR),
        ),
        host(PLC, Z.OT, R.PLC, T.Os.PLC_FIRMWARE, {P.S7: ("registers", (plant_flaw,))}),
    )
    plan = Plan(
        hosts=hosts,
        allow=tuple(tuple(map(tuple, level)) for level in routes.ALLOW[0].tolist()),
        guest_to_ot=False,
        lifetimes=(60.0,) * T.NUM_SCOPES,
        speed=30.0,
        nominal=(50_000, 100_000, 50_000),
        decoy_chance=1000,
    )
    return replace(plan, **changes)


class Episode:
    """A provisioned episode with its judge."""

    def __init__(self, driver: Any, plan: Plan | None = None, seconds: float = 30.0):
        self.driver, self.plan = driver, plan or network()
        self.ledger = Ledger(self.plan)
        self.judge = Judge(self.ledger)
        self.handle = driver.provision(self.plan, self.ledger.draw(), 0, time.monotonic() + seconds)

    def __enter__(self) -> Episode:
        return self

    def __exit__(self, *error: object) -> None:
        left = self.driver.teardown(self.handle)
        assert left.none, left

    def run(
        self,
        name: str,
        dst: Node,
        port: int = -1,
        src: Node = INTERNET,
        seconds: float = SECONDS,
        **task: Any,
    ) -> Evidence:
        """Run a technique and have the judge check what it brings."""
        claims = TECHNIQUES[name]
        claims = f"data:{task['unit']}" if claims == "data" else claims
        technique = Technique(name, int(port), **task)
        evidence = self.driver.launch(self.handle, technique, src, dst, time.monotonic() + seconds)
        return self.judge.check(name, dst, claims, evidence)

    def outcome(self, *args: Any, **task: Any) -> Outcome:
        return self.run(*args, **task).outcome

    def session(self, *args: Any, **task: Any) -> str:
        evidence = self.run(*args, **task)
        assert evidence.outcome is Outcome.SUCCESS, evidence
        return evidence.session

    def reach(self, src: Node, dst: Node, port: int) -> str:
        return self.driver.probe(self.handle, src, dst, int(port), time.monotonic() + SECONDS).reach.value

    def blue(self, name: str, target: int, value: int = 0) -> Any:
        """Carry out an action of blue."""
        fresh = None
        if name.startswith("restore"):
            fresh = self.ledger.redraw(target)
        elif name == "remove":
            fresh = self.ledger.redraw(target, ("user",))
        action = BlueAction(name, int(target), value)
        return self.driver.apply(self.handle, action, fresh, time.monotonic() + 2 * SECONDS)

    def on_web(self) -> str:
        """A user session on the web server."""
        return self.session("web", WEB, P.HTTP)

    def on_desk(self) -> str:
        """A user session on the workstation, which opens every mail."""
        return self.session("mail", DESK, P.MAIL)

    def root(self, node: Node, user: str) -> str:
        return self.session("grant", node, src=node, session=user)

    def credentials(self) -> tuple[str, ...]:
        """What the workstation has in memory."""
        root = self.root(DESK, self.on_desk())
        return self.run("dump", DESK, src=DESK, session=root).tickets
