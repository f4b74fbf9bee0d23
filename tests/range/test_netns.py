"""The tier of network namespaces conforms, where this machine allows it; elsewhere it is skipped."""

from __future__ import annotations

import subprocess
import time

import pytest
import range_conformance as conformance
from range_network import INTERNET, WEB, Episode

from garrison.range import namespaces
from garrison.range.bridge import Bridge, random_numbers
from garrison.range.drivers.netns import Namespaces
from garrison.range.protocol import RangeUnavailable
from garrison.worlds import soc

QUICK = (conformance.rules, conformance.gate, conformance.logs)


@pytest.fixture(scope="module")
def netns():
    driver = Namespaces()
    try:
        driver.check()
    except RangeUnavailable as error:
        pytest.skip(f"conformance of netns was not tested: {error}")
    return driver


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=check.__name__, marks=() if check in QUICK else pytest.mark.slow)
        for check in conformance.CHECKS
    ],
)
def test_conforms(netns, check):
    check(netns)


@pytest.mark.slow
def test_no_host_of_the_range_sees_the_machine(netns):
    with Episode(netns) as episode:
        folder = episode.handle.state["folder"]
        assert len(namespaces.left(folder)) == 2 + len(episode.plan.hosts)
        for name in namespaces.left(folder):
            routes = subprocess.run(["ip", "-n", name, "route"], capture_output=True, text=True, check=True)
            assert "default" not in routes.stdout
            links = subprocess.run(
                ["ip", "-n", name, "-br", "link"], capture_output=True, text=True, check=True
            )
            assert all(
                line.split("@")[0].split()[0] in ("lo", "range") or line.startswith("h")
                for line in links.stdout.splitlines()
            )
        assert netns.health(episode.handle).privileged == ()


@pytest.mark.slow
def test_namespaces_go_with_a_killed_supervisor(netns):
    episode = Episode(netns)
    folder = episode.handle.state["folder"]
    episode.handle.state["process"].kill()
    assert netns.teardown(episode.handle).none
    assert namespaces.left(folder) == ()


@pytest.mark.slow
def test_an_isolated_host_is_cut_off_at_once(netns):
    with Episode(netns) as episode:
        episode.blue("isolate", WEB)
        start = time.monotonic()
        assert episode.reach(WEB, INTERNET, 0) == "unreachable"
        assert time.monotonic() - start < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["ransomware", "ot_stuxnet"])
def test_an_episode_in_namespaces(netns, scenario):
    world = soc.make(scenario, side="both", split="test", horizon=240_000)
    assert isinstance(world, soc.Soc)
    bridge = Bridge(world, netns, speed=30.0)
    number = next(n for n in random_numbers(world, 0, 20) if bridge.plan(n).mappable)
    found = bridge.play(world.policies("blue")["analyst"], world.policies("red")["killchain"], number, 1)
    assert found.void == ""
    assert found.unmapped == 0
    assert found.lines > 20
    assert any(name.startswith("flow") for name in found.tokens)
