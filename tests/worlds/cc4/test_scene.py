"""What people are shown of an episode: marks agree with the state, and what sides know with the truth."""

import jax
import numpy as np
import pytest

from garrison.worlds.cc4 import describe, scene
from garrison.worlds.cc4 import tables as T

TIMES = range(0, 160, 16)


@pytest.fixture(scope="module")
def moments(played):
    """Before, after and step of some steps of the first environment."""
    return [jax.tree.map(lambda x, t=t: np.asarray(x[t, 0]), played[:3]) for t in TIMES]


def marked(drawn, look, view, letter):
    """Names of the hosts with a mark."""
    return {drawn.hosts[h].name for h, letters in look.marks[view].items() if letter in letters}


def test_the_network_is_drawn_as_it_is(moments):
    episode = moments[0][0]
    drawn = scene.scene(episode)
    exists = episode.topology.host_exists
    assert [host.name for host in drawn.hosts] == [T.HOST_NAMES[h] for h in np.flatnonzero(exists)]
    assert all(drawn.zones[host.zone].name in host.name or host.kind == "router" for host in drawn.hosts)
    assert [zone.owner for zone in drawn.zones if not zone.owner] == [""] * 2  # contractor, internet
    assert len({zone.at for zone in drawn.zones}) == T.NUM_SUBNETS
    linked = {frozenset(pair) for pair in drawn.links}
    assert frozenset({T.PAZ, T.ADM}) in linked
    assert frozenset({T.RZA, T.OZA}) in linked
    assert frozenset({T.OZA, T.OZB}) not in linked


def test_footholds_are_those_of_the_description(moments):
    seen = set()
    for _, after, _ in moments:
        drawn, look = scene.scene(after), scene.look(after)
        sessions = [one for red in describe.state_summary(after)["red"].values() for one in red["sessions"]]
        root = {one["host"] for one in sessions if one["user"] == "root"}
        assert marked(drawn, look, "true", "R") == root
        assert marked(drawn, look, "true", "U") == {one["host"] for one in sessions} - root
        seen |= root
    assert seen


def test_the_difference_splits_what_red_holds(moments):
    missed = 0
    for _, after, _ in moments:
        drawn, look = scene.scene(after), scene.look(after)
        held = marked(drawn, look, "true", "R") | marked(drawn, look, "true", "U")
        signs = marked(drawn, look, "blue", "P") | marked(drawn, look, "blue", "N")
        found = {letter: marked(drawn, look, "difference", letter) for letter in "MCF"}
        assert found["M"] | found["C"] == held
        assert not found["M"] & found["C"]
        assert held & signs <= found["C"]
        assert found["F"] == signs - held
        missed += len(found["M"])
    assert missed


def test_blue_sees_nothing_where_it_does_not_look(moments):
    for _, after, _ in moments:
        drawn, look = scene.scene(after), scene.look(after)
        seen = marked(drawn, look, "blue", "P") | marked(drawn, look, "blue", "N")
        assert not any(name.startswith("contractor") for name in seen)


def test_red_knows_the_hosts_that_it_holds(moments):
    for _, after, _ in moments:
        drawn, look = scene.scene(after), scene.look(after)
        assert marked(drawn, look, "red", "R") == marked(drawn, look, "true", "R")
        known = marked(drawn, look, "red", "I") | marked(drawn, look, "red", "H")
        assert any(name.startswith("contractor") for name in known)


def test_blocks_and_orders_are_those_of_the_description(moments):
    blocked = 0
    for _, after, _ in moments:
        drawn, look, summary = scene.scene(after), scene.look(after), describe.state_summary(after)
        names = [zone.name for zone in drawn.zones]
        pairs = [{"from": names[source], "to": names[target]} for source, target in look.blocks]
        assert pairs == summary["blocked"]
        busy = {order.agent: {"action": order.label, "ticks_left": order.steps} for order in look.orders}
        assert busy == summary["busy"]
        assert all(order.host is None or drawn.hosts[order.host].name in order.label for order in look.orders)
        blocked += len(pairs)
    assert blocked


def test_what_happened_is_what_is_told(played):
    counts = dict.fromkeys(scene.HAPPENINGS, 0)
    for t in range(160):
        before, after, step = jax.tree.map(lambda x, t=t: np.asarray(x[t, 0]), played[:3])
        events = step.info["events"]
        found = [one.kind for one in scene.happenings(before, after, events)]
        lines = describe.event_lines(before, after, events)
        assert found.count("root") == sum("red has root" in line for line in lines)
        fresh = [line for line in lines if "red has a shell" in line and "was root" not in line]
        assert found.count("shell") == len(fresh)
        assert found.count("restore") == sum(": Restore " in line and "success" in line for line in lines)
        for kind in found:
            counts[kind] += 1
    assert counts["root"]
    assert counts["restore"]
    assert counts["block"]
