"""The tier without processes conforms; drivers that cheat do not."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from typing import Any

import pytest
import range_conformance as conformance
from range_network import WEB, Episode, P, network

from garrison.range.drivers.mock import Mock
from garrison.range.nonces import NonceError
from garrison.range.plan import TECHNIQUES, HostPlan, Plan
from garrison.range.protocol import Evidence, Handle, InfrastructureError, Outcome, Reach


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
def test_conforms(check):
    check(Mock(certain=True))


class AlwaysSucceeds(Mock):
    """Reports success whatever happened."""

    def launch(self, handle: Handle, *args: Any) -> Evidence:
        evidence = super().launch(handle, *args)
        return replace(evidence, outcome=Outcome.SUCCESS)


class Echoes(Mock):
    """Shows again what it was given once."""

    earlier: dict[Any, Evidence] = {}

    def launch(self, handle: Handle, technique: Any, src: Any, dst: Any, deadline: float) -> Evidence:
        evidence = super().launch(handle, technique, src, dst, deadline)
        key = technique.name, dst
        return self.earlier.setdefault(key, evidence) if evidence.outcome is Outcome.SUCCESS else evidence


class ReadsNonces(Mock):
    """Looks nonces up where provision left them instead of running the technique."""

    def launch(self, handle: Handle, technique: Any, src: Any, dst: Any, deadline: float) -> Evidence:
        evidence = super().launch(handle, technique, src, dst, deadline)
        nonce = handle.state["boxes"][dst].nonces[evidence.privilege]
        return replace(evidence, outcome=Outcome.SUCCESS, nonce=nonce)


class IgnoresRules(Mock):
    """Connects whatever the rules say."""

    def _reach(self, handle: Handle, src: Any, dst: Any, port: int, tickets: Any) -> Reach:
        reach = super()._reach(handle, src, dst, port, tickets)
        return Reach.OPEN if reach in (Reach.BLOCKED, Reach.DENIED) else reach


class SwapsHosts(Mock):
    """Brings the nonce of another host."""

    def launch(self, handle: Handle, *args: Any) -> Evidence:
        evidence = super().launch(handle, *args)
        if not evidence.nonce or evidence.privilege not in ("user", "root"):
            return evidence
        other = next(b for b in handle.state["boxes"].values() if evidence.nonce not in b.nonces.values())
        return replace(evidence, nonce=other.nonces[evidence.privilege])


class SaysNo(Mock):
    """Hides a success, and keeps its nonce."""

    def launch(self, handle: Handle, *args: Any) -> Evidence:
        return replace(super().launch(handle, *args), outcome=Outcome.NOT_VULNERABLE)


class ForgetsToRestore(Mock):
    """Leaves sessions open when a host is restored."""

    def _restore(self, handle: Handle, node: int, name: str, fresh: Any) -> str:
        sessions = handle.state["boxes"][node].sessions
        reason = super()._restore(handle, node, name, fresh)
        handle.state["boxes"][node].sessions = sessions
        return reason


class NeverRotates(Mock):
    """Takes credentials of every epoch."""

    def _valid(self, handle: Handle, ticket: str) -> str:
        return ticket.split(":")[0]


@pytest.mark.parametrize(
    ("mutant", "noticed_by"),
    [
        (AlwaysSucceeds, conformance.patched),
        (Echoes, conformance.flawed_services),
        (ReadsNonces, conformance.patched),
        (IgnoresRules, conformance.rules),
        (SwapsHosts, conformance.flawed_services),
        (SaysNo, conformance.flawed_services),
        (ForgetsToRestore, conformance.restoring),
        (NeverRotates, conformance.tickets),
    ],
)
def test_a_driver_that_cheats_is_noticed(mutant, noticed_by):
    if mutant is Echoes:  # it needs an earlier episode to have something to echo
        noticed_by(mutant(certain=True))
    with pytest.raises((AssertionError, NonceError, InfrastructureError, pytest.fail.Exception)):
        noticed_by(mutant(certain=True))


def test_plans_have_no_nonces():
    names = {field.name for kind in (Plan, HostPlan) for field in fields(kind)}
    assert not any("nonce" in name or "secret" in name for name in names)
    with Episode(Mock(certain=True)) as episode:
        assert "nonce" not in repr(episode.handle.plan)
        assert "nonce" not in inspect.signature(Mock.launch).parameters


def test_nonces_of_two_episodes_differ():
    episodes = [Episode(Mock(certain=True)) for _ in range(2)]
    stolen = episodes[0].driver
    evidence = stolen.launch(episodes[0].handle, *_web())
    with pytest.raises(NonceError, match="not of this episode"):
        episodes[1].judge.check("web", WEB, "user", evidence)


def _web() -> tuple[Any, ...]:
    from garrison.range.protocol import INTERNET, Technique

    return Technique("web", int(P.HTTP)), INTERNET, WEB, 0.0


@pytest.mark.parametrize("outcome", [Outcome.INFRASTRUCTURE, Outcome.TIMEOUT])
def test_a_failure_of_the_range_voids_the_episode(outcome):
    with Episode(Mock(certain=True)) as episode:
        evidence = Evidence(outcome, "", "user", "", (), (), 0.0, 0.0)
        with pytest.raises(InfrastructureError):
            episode.judge.check("web", WEB, "user", evidence)


def test_chances_are_those_of_the_tables():
    driver, wins = Mock(), 0
    with Episode(driver, network()) as episode:
        for _ in range(400):
            wins += episode.outcome("web", WEB, P.HTTP) is Outcome.SUCCESS
    assert abs(wins / 400 - 0.65) < 0.1  # four standard deviations


def test_every_technique_has_a_chance_and_a_client():
    from garrison.range.drivers.mock import CHANCES
    from garrison.range.supervisor import CLIENTS

    assert set(TECHNIQUES) <= set(CLIENTS)
    assert set(TECHNIQUES) - {"mail"} == set(CHANCES)
