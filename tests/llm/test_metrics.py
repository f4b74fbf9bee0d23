"""Incidents and what is counted of a game."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from garrison.judge.survival import kaplan_meier
from garrison.llm import metrics
from garrison.llm.metrics import Recorder, cumulative_incidence
from garrison.llm.scenarios import SCENARIOS
from garrison.worlds.cc4 import tables as T

SMALL = SCENARIOS["small"]
HOST, OTHER = T.server_host(T.OZA, 1), T.user_host(T.PAZ, 0)


class Script:
    """Feeds ticks to a recorder by hand."""

    def __init__(self, held=()):
        since = np.full(T.NUM_HOSTS, -1)
        for host, step in held:
            since[host] = step
        self.recorder = Recorder(SMALL, since)
        self.number = 0
        tracker = SimpleNamespace(evident=np.zeros(T.NUM_HOSTS, bool))
        self.seat = SimpleNamespace(
            side="blue", tracker=tracker, tally=SimpleNamespace(verdicts=[], tools=Counter())
        )

    def tick(self, held=(), rooted=(), blue=(), red=(), evident=()):
        """``blue``: (kind, host) or (kind, from, to); ``red``: (kind, host, holds root)."""
        self.number += 1
        columns = {
            name: np.full(T.NUM_BLUE, fill)
            for name, fill in (("kind", 0), ("host", 255), ("from", 9), ("to", 9))
        }
        for agent, (kind, *place) in enumerate(blue):
            columns["kind"][agent] = kind
            for name, value in zip(("host",) if len(place) == 1 else ("from", "to"), place, strict=True):
                columns[name][agent] = value
        reds = [(0, 255, False)] * T.NUM_RED
        reds[: len(red)] = red
        kinds, hosts, root = (np.array(column) for column in zip(*reds, strict=True))
        events = SimpleNamespace(
            blue_kind=columns["kind"],
            blue_submitted=columns["kind"],
            blue_host=columns["host"],
            blue_from=columns["from"],
            blue_to=columns["to"],
            red_kind=kinds,
            red_host=hosts,
            red_ran=np.ones(T.NUM_RED, bool),
        )
        flags = {
            name: np.isin(np.arange(T.NUM_HOSTS), list(which))
            for name, which in (("held", held), ("rooted", rooted))
        }
        self.seat.tracker.evident = np.isin(np.arange(T.NUM_HOSTS), list(evident))
        self.recorder.add(self.number, SimpleNamespace(events=events, red_root=root, **flags), self.seat)
        return self


def test_an_incident_is_acknowledged_detected_and_ended():
    game = (
        Script().tick().tick([HOST]).tick([HOST], evident=[HOST]).tick([HOST], blue=[(T.Blue.ANALYSE, HOST)])
    )
    game.tick(blue=[(T.Blue.REMOVE, HOST)])
    (one,) = game.recorder.incidents
    assert (one.host, one.start, one.acknowledged, one.detected, one.ended) == (HOST, 2, 3, 4, 5)
    assert one.by_blue
    assert not one.left


def test_what_red_gives_up_is_not_blues_doing():
    game = Script().tick([HOST]).tick([HOST], blue=[(T.Blue.REMOVE, OTHER)]).tick()
    assert not game.recorder.incidents[0].by_blue
    assert game.recorder.counts["false_positives"] == 1


def test_incidents_of_the_warm_up_have_their_true_start_and_those_that_go_on_are_open():
    game = Script([(HOST, 20)]).tick([HOST]).tick([HOST])
    (one,) = game.recorder.incidents
    assert (one.start, one.left, one.ended) == (21 - 30, True, None)


def test_a_host_that_is_taken_again_is_another_incident():
    game = Script().tick([HOST]).tick().tick([HOST])
    assert [one.start for one in game.recorder.incidents] == [1, 3]


def test_hosts_of_the_contractor_are_not_blues():
    assert not Script().tick([T.server_host(T.CON, 0)]).recorder.incidents


def test_a_verdict_detects_and_is_judged():
    game = Script().tick([HOST])
    game.seat.tally.verdicts += [(1, HOST, "compromised"), (1, OTHER, "compromised"), (1, OTHER, "watch")]
    game.tick([HOST])
    assert game.recorder.incidents[0].detected == 2
    assert game.recorder.verdicts == [(True, "compromised"), (False, "compromised"), (False, "watch")]


def test_exfiltration_needs_root():
    game = Script().tick()  # phase A; the next ticks are of phase B, where an Impact in OZA costs ten
    game.tick(red=[(T.Red.IMPACT, HOST, False)])
    assert game.recorder.exfiltrated == 0
    game.tick(red=[(T.Red.IMPACT, HOST, True), (T.Red.DEGRADE, HOST, True)])
    assert game.recorder.exfiltrated == 10
    assert game.recorder.counts["impacts_with_root"] == 1


def test_critical_hosts_depend_on_the_phase():
    game = Script().tick([HOST], [HOST])
    assert game.recorder.compromised is None
    game.tick([HOST], [HOST])
    assert game.recorder.compromised == 2
    first = T.server_host(T.ADM, 0)
    assert Script().tick([first], [first]).recorder.compromised == 1


def test_costs_of_blue_are_counted():
    needed = (T.Blue.BLOCK, T.RZA, T.PAZ)
    game = Script().tick(blue=[(T.Blue.RESTORE, HOST), needed, (T.Blue.BLOCK, T.OZB, T.PAZ)])
    counts = game.recorder.counts
    assert (counts["restores"], counts["blocks_that_hurt"], counts["false_positives"]) == (1, 1, 1)
    game.tick([HOST, OTHER], [OTHER])
    assert (counts["host_ticks_held"], counts["host_ticks_root"]) == (2, 1)


def test_times_count_open_incidents_as_longer():
    games = []
    for last in (1, 9):
        game = Script().tick([HOST], evident=[HOST])
        for _ in range(last):
            game.tick([HOST])
        if last == 1:
            game.tick(blue=[(T.Blue.RESTORE, HOST)])
        games.append(SimpleNamespace(recorder=game.recorder, tick=game.number))
    found = metrics.summary(games)
    assert found["acknowledged"]["count"] == 2
    assert found["acknowledged"]["censored"] == 0
    assert found["responded"]["censored"] == 1
    assert found["responded"]["ended"]["value"] == pytest.approx(0.5)
    assert found["responded"]["mean"]["value"] == pytest.approx((2 + 9) / 2)
    assert found["ended_by"] == {"blue": [[2, 0.5]], "red": []}


def test_cumulative_incidence_of_one_cause_is_the_complement_of_kaplan_meier():
    rng = np.random.default_rng(0)
    lengths, causes = rng.integers(1, 12, 60), rng.integers(0, 2, 60)
    curve = dict(map(tuple, cumulative_incidence(lengths, causes, 1)))
    grid = np.unique(lengths)
    ended, censored = ([np.sum((lengths == at) & (causes == cause)) for at in grid] for cause in (1, 0))
    left = kaplan_meier(np.array(ended, float), np.array(censored, float))
    for at, share in zip(grid.tolist(), left, strict=True):
        if at in curve:
            assert curve[at] == pytest.approx(1 - share)


def test_causes_compete():
    curve = cumulative_incidence(np.array([1, 1, 2, 2]), np.array([1, 2, 1, 0]), 1)
    assert curve == [[1, 0.25], [2, 0.5]]


def test_entropy():
    assert metrics.entropy(Counter()) == 0
    assert metrics.entropy(Counter(a=5)) == 0
    assert metrics.entropy(Counter(a=1, b=1)) == pytest.approx(np.log(2))
