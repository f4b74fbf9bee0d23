"""What every tier of the range must do; each check takes a driver that lets everything possible succeed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from range_network import (
    APP,
    BACKUP,
    BASE,
    DC,
    DESK,
    ENGINEER,
    INTERNET,
    PLC,
    WEB,
    Episode,
    P,
    Z,
    network,
)

from garrison.range.nonces import NonceError
from garrison.range.protocol import Outcome, Technique
from garrison.range.tokens import tokens_of
from garrison.worlds.soc.tables.hosts import Scope, bits
from garrison.worlds.soc.tables.tokens import Token

SUCCESS, NOT = Outcome.SUCCESS, Outcome.NOT_VULNERABLE
CLOSE = 2  #: restricting twice closes a zone


def flawed_services(driver: Any) -> None:
    """Each flaw on a permitted route succeeds, with the right nonce, for the host and no other."""
    with Episode(driver) as e:
        assert e.outcome("web", WEB, P.HTTP) is SUCCESS
        assert e.outcome("runner", APP, P.TOMCAT) is SUCCESS
        assert e.outcome("share", DC, P.SMB, src=WEB) is SUCCESS
        assert e.outcome("desk", DESK, P.RDP, src=DC) is SUCCESS
        assert e.outcome("mail", DESK, P.MAIL) is SUCCESS
        assert {node for _, node, _ in e.ledger.proofs} == {WEB, APP, DC, DESK}


def patched(driver: Any) -> None:
    """Without the flaw the same techniques fail, for this reason."""
    plan = network().patched(WEB).patched(DC)
    with Episode(driver, plan) as e:
        assert e.outcome("web", WEB, P.HTTP) is NOT
        assert e.outcome("share", DC, P.SMB, src=APP) is NOT
        # another module of the same program is not flawed either
        assert e.outcome("share", ENGINEER, P.SMB, src=BASE, flaw=0) is NOT
        assert e.outcome("share", ENGINEER, P.SMB, src=BASE, flaw=4) is SUCCESS
        user = e.session("runner", APP, P.TOMCAT)
        assert e.outcome("driver", APP, src=APP, session=user) is NOT


def rules(driver: Any) -> None:
    """What the rules forbid is blocked; what is blocked for one port is open for another."""
    with Episode(driver) as e:
        assert e.outcome("runner", BASE, P.TOMCAT) is Outcome.BLOCKED  # from the internet
        assert e.reach(INTERNET, WEB, P.HTTP) == "open"
        assert e.reach(INTERNET, APP, P.SSH) == "blocked"
        assert e.reach(INTERNET, WEB, P.TOMCAT) == "refused"
        assert e.outcome("runner", APP, P.TOMCAT) is SUCCESS
        e.blue("restrict", Z.DMZ)
        assert e.outcome("runner", APP, P.TOMCAT) is Outcome.BLOCKED
        assert e.outcome("web", WEB, P.HTTP) is SUCCESS
        e.blue("restrict", Z.DMZ)
        assert e.outcome("web", WEB, P.HTTP) is Outcome.BLOCKED
        e.blue("relax", Z.DMZ)
        assert e.outcome("web", WEB, P.HTTP) is SUCCESS


def isolation(driver: Any) -> None:
    """An isolated host is reached by nobody and reaches nobody; its sessions live again later."""
    with Episode(driver) as e:
        user = e.on_web()
        e.blue("isolate", WEB)
        assert e.outcome("web", WEB, P.HTTP) is Outcome.UNREACHABLE
        assert e.outcome("share", DC, P.SMB, src=WEB) is Outcome.UNREACHABLE
        assert e.outcome("grant", WEB, src=WEB, session=user) is Outcome.UNREACHABLE
        assert e.reach(INTERNET, WEB, P.HTTP) == "unreachable"
        e.blue("reconnect", WEB)
        assert e.outcome("grant", WEB, src=WEB, session=user) is SUCCESS


def host_down(driver: Any) -> None:
    """A host that is down is unreachable, not merely closed."""
    with Episode(driver) as e:
        e.blue("take_down", APP)
        assert e.outcome("runner", APP, P.TOMCAT) is Outcome.UNREACHABLE
        assert e.reach(INTERNET, APP, P.TOMCAT) == "unreachable"


def deputy(driver: Any) -> None:
    """The broker wants a user session; with one, a flawed one gives Root; what Root does wants Root."""
    with Episode(driver) as e:
        assert e.outcome("grant", WEB, src=WEB) is Outcome.DENIED
        user = e.on_web()
        assert e.outcome("dump", WEB, src=WEB, session=user) is Outcome.DENIED
        assert e.outcome("driver", WEB, src=WEB, session=user) is SUCCESS
        root = e.root(WEB, user)
        assert e.outcome("dump", WEB, src=WEB, session=root) is SUCCESS
        assert e.outcome("kill", WEB, src=WEB, session=root) is SUCCESS
        assert e.outcome("encrypt", WEB, src=WEB, session=root) is SUCCESS
        assert e.blue("analyse", WEB).found[WEB]["encrypted"] == 1


def tickets(driver: Any) -> None:
    """A stolen ticket works until it is rotated; one of the new epoch works."""
    with Episode(driver) as e:
        held = e.credentials()
        assert len(held) == 2
        assert e.outcome("ticket", DC, P.SMB, src=DESK, tickets=held) is SUCCESS
        e.blue("rotate", Scope.CORP_ADMIN)
        assert e.outcome("ticket", DC, P.SMB, src=DESK, tickets=held) is Outcome.DENIED
        e.driver.act(e.handle, "logon", DESK, DESK, 0, time.monotonic() + 5)
        assert e.outcome("ticket", DC, P.SMB, src=DESK, tickets=e.credentials()) is SUCCESS


def person(driver: Any) -> None:
    """Where the zone's credential was rotated, a person's one still opens a workstation, as a user."""
    home = bits(Scope.CORP_ADMIN, Scope.CORP_USER)
    with Episode(driver, network().with_host(DESK, home=home)) as e:
        held = e.credentials()
        e.blue("rotate", Scope.CORP_ADMIN)
        task = Technique("ticket", int(P.SMB), tickets=held)
        evidence = driver.launch(e.handle, task, DC, DESK, time.monotonic() + 5)
        assert e.judge.check("ticket", DESK, "user", evidence).outcome is SUCCESS
        assert e.outcome("ticket", DC, P.SMB, src=DESK, tickets=held) is Outcome.DENIED


def expired(driver: Any) -> None:
    """A ticket lapses."""
    with Episode(driver, network(lifetimes=(0.2,) * 4)) as e:
        held = e.credentials()
        time.sleep(0.3)
        assert e.outcome("ticket", DC, P.SMB, src=DESK, tickets=held) is Outcome.DENIED


def gate(driver: Any) -> None:
    """The secure zone asks for a credential, and the plant's for one or a session of an engineer."""
    with Episode(driver) as e:
        held = e.credentials()
        assert e.outcome("share", ENGINEER, P.SMB, src=DESK) is Outcome.DENIED
        assert e.reach(DESK, ENGINEER, P.SMB) == "denied"
        user = e.session("share", ENGINEER, P.SMB, src=DESK, tickets=held, flaw=4)
        assert e.reach(DESK, ENGINEER, P.SMB) == "denied"  # it opened for who showed a credential, then
        assert e.reach(DESK, ENGINEER, P.S7) == "blocked"
        assert e.outcome("registers", PLC, P.S7, src=BASE) is Outcome.DENIED
        assert e.outcome("registers", PLC, P.S7, src=BASE, tickets=(f"session.{ENGINEER}.{user}",)) is SUCCESS


def hashes(driver: Any) -> None:
    """Root on a controller opens the hosts of its zone, and of no other."""
    with Episode(driver) as e:
        root = e.root(DC, e.session("share", DC, P.SMB, src=WEB))
        assert e.outcome("hash", DESK, P.SMB, src=DC, session=root) is SUCCESS
        assert e.outcome("hash", DESK, P.SMB, src=DC) is Outcome.DENIED


def data(driver: Any) -> None:
    """Data units leave with a session and an egress, each with its own nonce."""
    with Episode(driver) as e:
        held = tuple(t for t in e.credentials() if t.startswith("secure_admin"))
        root = e.session("ticket", BASE, P.SSH, src=DESK, tickets=held)
        assert e.outcome("vault", BASE, src=BASE, unit=0) is Outcome.DENIED
        assert e.outcome("vault", BASE, src=BASE, unit=2, session=root) is SUCCESS
        assert e.outcome("vault", BASE, src=BASE, unit=1, session=root) is SUCCESS
        e.blue("restrict", Z.SECURE)
        assert e.outcome("vault", BASE, src=BASE, unit=0, session=root) is Outcome.BLOCKED


def decoys(driver: Any) -> None:
    """A decoy traps, logs, and has no nonce. A honeytoken names the host that it was taken on."""
    with Episode(driver) as e:
        e.blue("decoy_apache", WEB, 2)
        assert e.outcome("web", WEB, P.HTTP) is Outcome.TRAPPED
        e.blue("honeytoken", DESK)
        held = e.credentials()
        assert e.outcome("ticket", DC, P.SMB, src=DESK, tickets=held) is Outcome.TRAPPED
        found, _ = tokens_of(e.driver.collect(e.handle, 0.0))
        assert any(token.type is Token.DECOY_TOUCH and token.host == WEB for token in found)
        used = [token for token in found if token.type is Token.HONEYTOKEN_USE]
        assert [token.host for token in used] == [DESK]


def false_picture(driver: Any) -> None:
    """Two scans of a misinformed host see what is not there."""
    with Episode(driver) as e:
        seen = lambda: e.driver.scan(e.handle, INTERNET, WEB, (), time.monotonic() + 5)["banner"][-7:]  # noqa: E731
        e.blue("misinform", WEB)
        assert [seen() for _ in range(3)] == ["false=1", "false=1", "false=0"]


def restoring(driver: Any) -> None:
    """Restore and Remove end sessions; old nonces are stale; the backup has to be intact."""
    with Episode(driver) as e:
        user = e.on_web()
        assert e.blue("analyse", WEB).found[WEB]["privilege"] == 1
        assert e.blue("remove", WEB).done
        assert e.outcome("grant", WEB, src=WEB, session=user) is Outcome.DENIED
        root = e.root(WEB, e.on_web())
        assert not e.blue("remove", WEB).done
        assert e.blue("analyse", WEB).found[WEB]["privilege"] == 2
        assert e.outcome("encrypt", WEB, src=WEB, session=root) is SUCCESS
        e.blue("restore", WEB)
        after = e.blue("analyse", WEB).found[WEB]
        assert (after["privilege"], after["encrypted"]) == (0, 1)
        assert e.outcome("dump", WEB, src=WEB, session=root) is Outcome.DENIED
        e.blue("isolate", BACKUP)
        assert not e.blue("restore_from_backup", WEB).done
        e.blue("reconnect", BACKUP)
        assert e.blue("restore_from_backup", WEB).done
        assert e.blue("analyse", WEB).found[WEB]["encrypted"] == 0
        assert e.outcome("web", WEB, P.HTTP) is SUCCESS


def people(driver: Any) -> None:
    """Training makes mails fail more often."""
    plan = network().with_host(DESK, phishability=1)
    with Episode(driver, plan) as e:
        for _ in range(8):
            e.blue("awareness", Z.CORPORATE)
        # a fifth of one thousandth is none
        assert all(e.outcome("mail", DESK, P.MAIL) is NOT for _ in range(3))


def stale(driver: Any) -> None:
    """A nonce of before, or of another host, fails the run."""
    with Episode(driver) as e:
        technique = ("web", WEB, P.HTTP)
        assert e.outcome(*technique) is SUCCESS
        e.ledger.redraw(WEB)  # behind the driver's back: what it has now is stale
        with pytest.raises(NonceError, match="stale"):
            e.run(*technique)


def settled(episode: Episode) -> tuple[list[Any], int]:
    """Tokens of all lines up to now, and how many have no rule: flows are written when connections ended."""
    events: list[Any] = []
    quiet = 0
    while quiet < 3:
        time.sleep(0.1)
        new = episode.driver.collect(episode.handle, 0.0)
        events, quiet = events + new, 0 if new else quiet + 1
    return tokens_of(events)


def logs(driver: Any) -> None:
    """Techniques leave the tokens of their rows; a quiet range leaves none."""
    with Episode(driver) as e:
        assert settled(e) == ([], 0)
        root = e.root(WEB, e.on_web())
        e.run("dump", WEB, src=WEB, session=root)
        found, unmapped = settled(e)
        types = {token.type for token in found if token.host == WEB}
        needed = {Token.FLOW_HTTP, Token.PROC_CREATE, Token.PRIV_ASSIGN, Token.PROC_ACCESS}
        assert needed <= types <= needed | {Token.DNS}
        assert unmapped == 0


def users(driver: Any) -> None:
    """What users do leaves its token, also behind a gate; inside a zone no flow is seen."""
    does = (
        ("flow_smb", DESK, ENGINEER, P.SMB, Token.FLOW_SMB, ENGINEER),
        ("flow_scan", DESK, WEB, P.HTTP, Token.FLOW_SCAN, WEB),
        ("flow_large", DESK, DESK, P.HTTP, Token.FLOW_LARGE, DESK),
        ("flow_smb", DESK, DC, P.SMB, None, DC),
        ("logon", DESK, DESK, 0, Token.AUTH_OK, DESK),
        ("file_burst", BASE, BASE, 0, Token.FILE_BURST, BASE),
    )
    with Episode(driver) as e:
        for what, node, other, port, token, where in does:
            e.driver.act(e.handle, what, node, other, int(port), time.monotonic() + 5)
            found, unmapped = settled(e)
            assert unmapped == 0
            assert ([one.host for one in found if one.type is token] or [where]) == [where]
            assert (token is None) is (found == [])


def attacks(driver: Any) -> None:
    """Data that leaves is a large flow of its host; what is tried across a zone is a flow."""
    with Episode(driver) as e:
        held = tuple(t for t in e.credentials() if t.startswith("secure_admin"))
        root = e.session("ticket", BASE, P.SSH, src=DESK, tickets=held)
        settled(e)
        assert e.outcome("vault", BASE, src=BASE, unit=0, session=root) is SUCCESS
        assert e.outcome("web", WEB, P.HTTP, flaw=99) is NOT  # made for another weakness
        found, _ = settled(e)
        flows = {(token.type, token.host) for token in found if token.type.name.startswith("FLOW")}
        assert flows == {(Token.FLOW_LARGE, BASE), (Token.FLOW_HTTP, WEB)}


def plant(driver: Any) -> None:
    """A write moves the plant along soc's curve; Restore of the PLC brings it back."""
    with Episode(driver, replace(network(), speed=300.0)) as e:
        held = tuple(t for t in e.credentials() if t.startswith("secure_admin"))
        user = e.session("share", ENGINEER, P.SMB, src=DESK, tickets=held, flaw=4)
        via = (f"session.{ENGINEER}.{user}",)
        root = e.root(PLC, e.session("registers", PLC, P.S7, src=ENGINEER, tickets=via))
        before = e.driver.plant(e.handle, time.monotonic() + 5)
        start = time.monotonic()
        assert e.outcome("overload", PLC, P.S7, src=ENGINEER, session=root, tickets=via) is SUCCESS
        time.sleep(0.3)
        hot = e.driver.plant(e.handle, time.monotonic() + 5)
        passed = (time.monotonic() - start) * 300.0
        share = (hot[0] - before[0]) / 115_000
        expected = 1 - 2.718281828 ** (-passed / 200.0)
        assert abs(share - expected) < 0.05 * max(expected, 0.2)
        e.blue("restore", PLC)
        time.sleep(0.3)
        assert e.driver.plant(e.handle, time.monotonic() + 5)[0] < hot[0] + 20_000


CHECKS = (
    flawed_services,
    patched,
    rules,
    isolation,
    host_down,
    deputy,
    tickets,
    person,
    expired,
    gate,
    hashes,
    data,
    decoys,
    false_picture,
    restoring,
    people,
    stale,
    logs,
    users,
    attacks,
    plant,
)
