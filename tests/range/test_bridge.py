"""Episodes of soc in the range: plans, logs, what blue observes, and what voids an episode."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from garrison.range.bridge import Bridge, Divergence, random_numbers
from garrison.range.drivers.local import Local
from garrison.range.drivers.mock import Mock
from garrison.range.limits import MAX_HOSTS
from garrison.range.plan import SERVICE_OF
from garrison.range.protocol import Event, Evidence, InfrastructureError, Outcome, RangeUnavailable
from garrison.range.services.broker import NOTES
from garrison.range.tokens import Filed, Unmapped, token_of, tokens_of
from garrison.worlds import soc
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables.tokens import PORT_OF, Token

MINUTES = 4


def both(scenario: str = "ransomware", **options: Any) -> soc.Soc:
    world = soc.make(scenario, side="both", **options)
    assert isinstance(world, soc.Soc)
    return world


@pytest.fixture(scope="module")
def world():
    return both(split="test", horizon=MINUTES * 60_000)


@pytest.fixture(scope="module")
def mock(world):
    return Bridge(world, Mock(), realtime=False, keep=True)


@pytest.fixture(scope="module")
def number(world, mock):
    return next(n for n in random_numbers(world, 0, 20) if mock.plan(n).mappable)


@pytest.fixture(scope="module")
def played(world, mock, number):
    return mock.play(world.policies("blue")["random"], world.policies("red")["killchain"], number, 1)


# ---------------------------------------------------------------- plans


def test_a_plan_offers_what_the_network_has(mock, number):
    plan = mock.plan(number)
    assert plan.number == number
    assert len(plan.hosts) <= MAX_HOSTS
    for host in plan.hosts:
        offered = {service.port: service for service in host.services}
        for port in T.Port:
            if host.ports >> port & 1:
                assert offered[port].kind == SERVICE_OF[port]
        served = {flaw for service in host.services for flaw in service.flaws}
        served |= {int(T.Weakness.V4L2)} & ({3} if "driver" in host.local else set())
        assert served == {int(w) for w in T.Weakness if host.weak >> w & 1}


def test_a_network_that_is_too_large_is_not_mappable(world, mock):
    sizes = {n: mock.plan(n) for n in random_numbers(world, 0, 20)}
    for plan in sizes.values():
        assert plan.mappable is (len(plan.hosts) <= MAX_HOSTS)
    assert len(set(sizes)) == 20


@pytest.mark.parametrize("split", ["train", "test"])
def test_numbers_are_of_the_split(split):
    numbers = random_numbers(both(split=split), 3, 50)
    assert all((n & 7 == 0) is (split == "test") for n in numbers)
    assert numbers == random_numbers(both(split=split), 3, 50)


# ---------------------------------------------------------------- logs


@pytest.mark.parametrize("what", NOTES)
def test_what_users_do_leaves_its_token(what):
    token = Token[what.upper()]
    assert token_of(Event(0.0, 4, *NOTES[what])) == Filed(token, 4, T.NO_HOST, PORT_OF[token])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flow 3 5 2 40", (Token.FLOW_SMB, 5, 3)),
        ("flow 3 5 7 40", (Token.FLOW_OT, 5, 3)),
        ("scan 3 5 2 14", (Token.FLOW_SCAN, 5, 3)),
        ("flow 5 255 0 2010", (Token.FLOW_LARGE, 5, T.NO_HOST)),
        ("flow 5 255 0 90", None),
        ("flow 3 5 2 0", None),
        ("blocked 3 5 2 0", None),
    ],
)
def test_flows(text, expected):
    found = token_of(Event(0.0, 5, "flow", text))
    assert (found and (found.type, found.host, found.other)) == expected


def test_a_honeytoken_names_its_source():
    found = token_of(Event(0.0, 4, "trap", "honeytoken used from 9"))
    assert found is not None
    assert found[:3] == (Token.HONEYTOKEN_USE, 9, 4)


def test_lines_without_a_rule_are_counted():
    lines = [
        Event(0.0, 1, "audit", "type=UNHEARD"),
        Event(0.0, 1, "nothing", ""),
        Event(0.0, 1, "edr", "alert x"),
    ]
    found, unmapped = tokens_of(lines)
    assert [token.type for token in found] == [Token.EDR_ALERT]
    assert unmapped == 2
    with pytest.raises(Unmapped):
        token_of(lines[0])


# ---------------------------------------------------------------- episodes


def test_an_episode_has_logs_rewards_and_proofs(played):
    assert played.void == ""
    assert not played.goal
    assert played.seconds == MINUTES * 60
    assert played.returned == pytest.approx(sum(played.parts.values()))
    assert played.returned < 0
    assert 0 < played.sla <= 1
    assert played.lines > 20
    assert played.unmapped == 0
    assert sum(played.tokens.values()) > 20
    assert played.decisions > 10


def test_blue_observes_the_logs_of_the_range(played, mock, world):
    """Counters of the observation rise where, and only where, tokens were filed."""
    labels = world.observation_labels(1)
    columns = [index for index, label in enumerate(labels) if ": fast: " in label]
    seen = np.stack(played.observations)[:, 1, columns]
    assert seen.max() > 0
    assert len(seen) == MINUTES * 12 - 1  # the last batch falls on the horizon


def test_an_episode_of_the_mock_can_be_repeated(world, mock, number, played):
    again = mock.play(world.policies("blue")["random"], world.policies("red")["killchain"], number, 1)
    assert again.returned == played.returned
    assert again.outcomes == played.outcomes
    assert again.tokens == played.tokens


class Claims(Mock):
    """Reports an outcome of its own for every technique."""

    outcome = Outcome.DENIED

    def launch(self, handle, technique, src, dst, deadline):
        evidence = super().launch(handle, technique, src, dst, deadline)
        return Evidence(self.outcome, "", evidence.privilege, "", (), (), 0.0, 0.0)


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.INFRASTRUCTURE])
def test_a_range_that_contradicts_the_rules_voids_the_episode(world, number, outcome):
    driver = Claims()
    driver.outcome = outcome
    found = Bridge(world, driver, realtime=False).play(
        world.policies("blue")["idle"], world.policies("red")["killchain"], number, 1
    )
    reason = "the range says BLOCKED" if outcome is Outcome.DENIED else "infrastructure"
    assert reason in found.void


def test_sessions_that_the_account_does_not_know_void_the_episode(world, number):
    class Leaks(Mock):
        def apply(self, handle, action, fresh, deadline):
            applied = super().apply(handle, action, fresh, deadline)
            if action.name != "analyse":
                return applied
            found = {node: about | {"privilege": 2} for node, about in applied.found.items()}
            return replace(applied, found=found)

    found = Bridge(world, Leaks(), realtime=False).play(
        world.policies("blue")["idle"], world.policies("red")["idle"], number, 1
    )
    assert "the range has privilege 2" in found.void
    assert issubclass(Divergence, InfrastructureError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"technical": "fast"}, "technical"), ({"speed": 0.5}, "speed"), ({"world": soc.make()}, "side='both'")],
)
def test_wrong_arguments(world, arguments, message):
    with pytest.raises(ValueError, match=message):
        Bridge(**{"world": world, "driver": Mock(), **arguments})


@pytest.mark.slow
@pytest.mark.parametrize("scenario", soc.SCENARIOS)
@pytest.mark.parametrize("blue", ["random", "analyst"])
def test_rules_and_range_agree(scenario, blue):
    """No episode of the mock is void, whatever blue does and whatever red wants."""
    world = both(scenario, split="test", horizon=1_200_000)
    bridge = Bridge(world, Mock(certain=True), realtime=False)
    numbers = [n for n in random_numbers(world, 5, 12) if bridge.plan(n).mappable][:3]
    players = world.policies("blue")[blue], world.policies("red")["killchain"]
    voids = Counter(bridge.play(*players, n, 2).void for n in numbers)
    assert voids == {"": len(numbers)}


@pytest.mark.slow
def test_an_episode_of_local_processes(world, number):
    driver = Local()
    try:
        driver.check()
    except RangeUnavailable as error:
        pytest.skip(str(error))
    found = Bridge(world, driver, speed=30.0).play(
        world.policies("blue")["analyst"], world.policies("red")["killchain"], number, 1
    )
    assert found.void == ""
    assert found.unmapped == 0
    assert found.lines > 20
    assert all(seconds for seconds in found.latencies.values())


def test_every_kind_of_red_is_known():
    from garrison.range.evaluate import _KINDS
    from garrison.range.plan import KINDS, NOT_OFFERED, TECHNIQUES

    assert set(_KINDS) == set(TECHNIQUES)
    assert set(KINDS.values()) <= set(TECHNIQUES)
    assert not set(NOT_OFFERED) & set(KINDS)
