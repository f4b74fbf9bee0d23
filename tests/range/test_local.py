"""The tier of local processes conforms."""

from __future__ import annotations

import os
import signal
import time

import pytest
import range_conformance as conformance
from range_network import APP, DESK, INTERNET, WEB, Episode, P, network

from garrison.range.drivers.local import Local
from garrison.range.protocol import InfrastructureError, Outcome, RangeUnavailable, Technique

#: those that `make test` runs; the others are slow
QUICK = (conformance.flawed_services, conformance.rules, conformance.tickets, conformance.restoring)


@pytest.fixture(scope="module")
def local():
    try:
        Local().check()
    except RangeUnavailable as error:
        pytest.skip(str(error))
    return Local()


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=check.__name__, marks=() if check in QUICK else pytest.mark.slow)
        for check in conformance.CHECKS
    ],
)
def test_conforms(local, check):
    check(local)


def _web(seconds: float = 2.0) -> tuple:
    return Technique("web", int(P.HTTP)), INTERNET, WEB, time.monotonic() + seconds


def test_a_killed_or_hanging_service_voids_the_episode_within_the_deadline(local):
    with Episode(local) as episode:
        health = local.health(episode.handle)
        assert health.good
        assert health.memory < 512 * 2**20
        assert health.processes <= 64
        pids = episode.handle.state["pids"]
        os.kill(pids[f"services {WEB}"], signal.SIGSTOP)
        start = time.monotonic()
        evidence = local.launch(episode.handle, *_web(0.5))
        assert evidence.outcome is Outcome.TIMEOUT
        assert time.monotonic() - start < 1.5
        os.kill(pids[f"services {APP}"], signal.SIGKILL)
        time.sleep(0.1)
        with pytest.raises(InfrastructureError):
            episode.run("runner", APP, P.TOMCAT)
        assert f"services {APP}" in local.health(episode.handle).dead


def test_episodes_side_by_side_do_not_meet(local):
    episodes = [Episode(local, network()) for _ in range(3)]
    try:
        found = [local.launch(episode.handle, *_web()) for episode in episodes]
        assert len({evidence.nonce for evidence in found}) == len(episodes)
        for episode, evidence in zip(episodes, found, strict=True):
            episode.judge.check("web", WEB, "user", evidence)
            assert evidence.session
            assert episode.outcome("mail", DESK, P.MAIL) is Outcome.SUCCESS
    finally:
        assert all(local.teardown(episode.handle).none for episode in episodes)
