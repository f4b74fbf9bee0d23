"""The plan: how it is drawn, and that nothing counts that the simulator does not show."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.llm.playbook import DONE, KINDS, MISSED, OPEN, SEALED, Item, Referee, generate
from garrison.llm.scenarios import SCENARIOS
from garrison.worlds.cc4 import tables as T

SMALL = SCENARIOS["small"]
EXISTS = np.ones(T.NUM_HOSTS, bool)
EXISTS[T.user_host(T.RZA, 5) : T.user_host(T.RZA, 9)] = False
ALL = tuple(range(T.NUM_BLUE))


def tick(blue=(), red=(), blocked=(), decoys=(), escalated=()):
    """What a tick shows. ``blue``: (agent, kind, host, from, to); ``red``: (kind, host, outcome)."""
    sleep = [(T.Blue.SLEEP, T.NO_HOST, T.NO_SUBNET, T.NO_SUBNET)] * T.NUM_BLUE
    for agent, kind, host, source, to in blue:
        sleep[agent] = (kind, host, source, to)
    kinds, hosts, sources, targets = (np.array(column) for column in zip(*sleep, strict=True))
    reds = [(T.Red.SLEEP, T.NO_HOST, T.Outcome.NONE)] * T.NUM_RED
    reds[: len(red)] = red
    red_kind, red_host, red_outcome = (np.array(column) for column in zip(*reds, strict=True))
    wall = np.zeros((T.NUM_SUBNETS, T.NUM_SUBNETS), bool)
    for to, source in blocked:
        wall[to, source] = True
    decoy, files = np.zeros(T.NUM_HOSTS, bool), np.zeros(T.NUM_HOSTS, bool)
    decoy[list(decoys)], files[list(escalated)] = True, True
    events = SimpleNamespace(
        blue_kind=kinds,
        blue_host=hosts,
        blue_from=sources,
        blue_to=targets,
        red_kind=red_kind,
        red_host=red_host,
        red_outcome=red_outcome,
        red_ran=np.ones(T.NUM_RED, bool),
    )
    return SimpleNamespace(events=events, blocked=wall, decoys=decoy, escalated=files)


def on_host(agent, kind, host):
    return (agent, kind, host, T.NO_SUBNET, T.NO_SUBNET)


def degrade(host, outcome=T.Outcome.TRUE):
    return (T.Red.DEGRADE, host, outcome)


def referee(*items):
    return Referee(
        SMALL, [Item(i + 1, *item) if isinstance(item, tuple) else item for i, item in enumerate(items)]
    )


S0, S1 = T.server_host(T.OZA, 0), T.server_host(T.OZA, 1)


@pytest.mark.parametrize("name", ["small", "medium", "large"])
@pytest.mark.parametrize("agents", [ALL, (2,)])
def test_a_plan_is_drawn_from_its_seed(name, agents):
    scenario = SCENARIOS[name]
    items = generate(3, EXISTS, scenario, agents)
    assert items == generate(3, EXISTS, scenario, agents)
    assert items != generate(4, EXISTS, scenario, agents)
    assert len(items) == scenario.instructions * len(agents) // 5
    assert [item.id for item in items] == list(range(1, len(items) + 1))
    for item in items:
        zones = T.BLUE_SUBNETS[item.agent]
        assert item.agent in agents
        if item.on_host:
            assert EXISTS[item.place]
            assert T.HOST_SUBNET[item.place] in zones
        elif item.kind == "cut":
            assert not T.NEEDED[1:, item.place, list(zones)].any()
        else:
            assert item.place in zones
        if item.after is not None:
            other = items[item.after - 1]
            assert other.id < item.id
            assert other.agent != item.agent


def test_the_mix_of_a_large_plan_is_that_of_the_specification():
    items = [item for seed in range(5) for item in generate(seed, EXISTS, SCENARIOS["large"], ALL)]
    for kind, (share, _) in KINDS.items():
        assert np.mean([item.kind == kind for item in items]) == pytest.approx(share, abs=0.01)
    assert np.mean([item.after is not None for item in items]) == pytest.approx(0.2, abs=0.03)
    assert np.mean([item.phase is not None for item in items]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("kind", "event", "shown"),
    [
        ("inspect", T.Blue.ANALYSE, {}),
        ("trap", T.Blue.DECOY, {"decoys": [S0]}),
        ("evict", T.Blue.REMOVE, {}),
        ("secure", T.Blue.ANALYSE, {}),
        ("secure", T.Blue.RESTORE, {"escalated": [S0]}),
    ],
)
def test_an_instruction_on_a_host_is_done_by_its_action(kind, event, shown):
    plan = referee((1, kind, S0))
    for other in set(T.Blue) - {
        event,
        T.Blue.BLOCK,
        T.Blue.ALLOW,
        T.Blue.RESTORE if kind == "secure" else event,
    }:
        plan.update(tick([on_host(1, other, S0)], **shown))
    plan.update(tick([on_host(1, event, S1)], **shown))
    assert plan.done == 0
    plan.update(tick([on_host(1, event, S0)], **shown))
    assert plan.done == 1


def test_what_is_not_shown_does_not_count():
    plan = referee((1, "trap", S0))
    plan.update(tick([on_host(1, T.Blue.DECOY, S0)]))  # no decoy is in service
    assert plan.done == 0
    plan = referee((1, "secure", S0))
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)], escalated=[S0]))
    assert plan.done == 0


def test_instructions_on_zones_need_the_block_and_its_effect():
    pair = (T.OZA, T.PAZ)
    block = (1, T.Blue.BLOCK, T.NO_HOST, T.PAZ, T.OZA)
    plan = referee((1, "cut", T.PAZ))
    plan.update(tick(blocked=[pair]))
    assert plan.done == 0
    plan.update(tick([block]))
    assert plan.done == 0
    plan.update(tick([block], blocked=[pair]))
    assert plan.done == 1
    plan = referee((1, "open", T.OZA))
    plan.update(tick([(1, T.Blue.ALLOW, T.NO_HOST, T.INT, T.OZA)], blocked=[(T.OZA, T.INT)]))
    assert plan.done == 0
    plan.update(tick([(1, T.Blue.ALLOW, T.NO_HOST, T.INT, T.OZA)]))
    assert plan.done == 1


def test_a_zone_is_cut_off_from_all_zones_of_the_agent():
    own = T.BLUE_SUBNETS[4]
    plan = referee((4, "cut", T.OZA))
    block = (4, T.Blue.BLOCK, T.NO_HOST, T.OZA, own[0])
    for number in range(1, 4):
        assert plan.done == 0
        plan.update(tick([block], blocked=[(zone, T.OZA) for zone in own[-number:]]))
    assert plan.done == 1


def test_what_is_in_place_is_closed_on_demand_and_no_sooner():
    plan = referee((1, "cut", T.PAZ), (1, "inspect", S0))
    assert not plan.in_place(plan.item(1))
    plan.update(tick(blocked=[(T.OZA, T.PAZ)]))
    assert plan.item(1).status == OPEN
    assert plan.in_place(plan.execute(1, (1,)))
    assert plan.current(1) is plan.item(2)
    assert not plan.in_place(plan.item(2))


def test_preconditions_hold_instructions_back():
    first, second = Item(1, 0, "inspect", T.server_host(T.RZA, 0)), Item(2, 1, "inspect", S0, after=1)
    third = Item(3, 1, "inspect", S1, phase=2)
    plan = Referee(SMALL, [first, second, third])
    assert plan.current(1) is None
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)]))
    assert plan.done == 0
    plan.update(tick([on_host(0, T.Blue.ANALYSE, first.place)]))
    assert plan.current(1) is second
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)]))
    assert plan.current(1) is None
    while SMALL.phase(plan.tick) < 2:
        plan.update(tick())
    assert plan.current(1) is third


def test_an_instruction_that_is_late_is_missed():
    plan = referee((1, "inspect", S0), (1, "inspect", S1))
    assert plan.deadline == 90  # 3 T / 2 instructions
    plan.deadline = 5
    plan.items[0].due = 5
    for _ in range(5):
        assert plan.items[0].status == OPEN
        plan.update(tick())
    assert plan.items[0].status == MISSED
    assert plan.counts.missed == 1
    assert plan.current(1) is plan.items[1]
    assert plan.items[1].due == 10


def test_the_deadlines_of_the_three_sizes():
    def deadline(name):
        return Referee(SCENARIOS[name], generate(0, EXISTS, SCENARIOS[name], ALL)).deadline

    assert [deadline(name) for name in ("small", "medium", "large")] == [23, 13, 9]


def test_another_instruction_than_the_current_one_is_a_violation():
    plan = referee((1, "inspect", S0), (1, "inspect", S1))
    assert plan.execute(2, (1,)) is None
    assert plan.execute(1, (0,)) is None  # of another seat
    assert plan.counts.out_of_order == 2
    assert plan.execute(1, (1,)) is plan.items[0]
    assert plan.counts.out_of_order == 2


def test_blocking_what_users_need_is_a_violation():
    plan = referee((1, "inspect", S0))
    needed = next(z for z in range(T.NUM_ZONES) if T.NEEDED[0, T.OZA, z] and z != T.OZA)
    plan.update(tick([(1, T.Blue.BLOCK, T.NO_HOST, needed, T.OZA)], blocked=[(T.OZA, needed)]))
    assert plan.counts.breaches == 1
    plan.update(tick([(1, T.Blue.BLOCK, T.NO_HOST, T.PAZ, T.OZA)], blocked=[(T.OZA, T.PAZ)]))
    assert plan.counts.breaches == 1


def test_sabotage_undoes_what_is_not_sealed_and_blue_finds_out_later():
    plan = referee((1, "inspect", S0), (1, "inspect", S1))
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)]))
    assert (plan.done, plan.tally(1)[DONE]) == (1, 1)
    plan.update(tick(red=[degrade(S0, T.Outcome.FALSE)]))
    assert plan.done == 1
    plan.update(tick(red=[degrade(S0)]))
    assert (plan.done, plan.tally(1)[DONE]) == (0, 1)  # the score knows at once, blue does not
    plan.update(tick([on_host(1, T.Blue.MONITOR, T.NO_HOST)]))
    assert (plan.tally(1)[DONE], plan.tally(1)[OPEN], plan.counts.reopened) == (0, 2, 1)


def test_analysis_finds_sabotage():
    plan = referee((1, "inspect", S0), (1, "inspect", S1))
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)], red=[degrade(S0)]))
    assert (plan.done, plan.tally(1)[DONE]) == (0, 1)
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)]))
    assert plan.tally(1)[DONE] == 0
    assert plan.counts.reopened == 1


def test_sealed_instructions_stay():
    plan = referee((1, "inspect", S0), (1, "inspect", S1))
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)]))
    plan.update(tick([on_host(1, T.Blue.MONITOR, T.NO_HOST)]))
    assert plan.items[0].status == SEALED
    plan.update(tick(red=[degrade(S0)]))
    assert plan.done == plan.sealed == 1
    assert plan.mission == pytest.approx(1 / 2)


def test_there_is_one_checkpoint_in_a_window():
    plan = referee((1, "inspect", S0), (1, "inspect", S1))
    plan.update(tick([on_host(1, T.Blue.MONITOR, T.NO_HOST)]))
    assert plan.sealed_in_window(1)
    plan.update(tick([on_host(1, T.Blue.ANALYSE, S0)]))
    plan.update(tick([on_host(1, T.Blue.MONITOR, T.NO_HOST)]))
    assert plan.sealed == 0
    while plan.tick < SMALL.stride:
        plan.update(tick())
    assert not plan.sealed_in_window(1)
    plan.update(tick([on_host(1, T.Blue.MONITOR, T.NO_HOST)]))
    assert plan.sealed == 1


def test_the_end_verifies_zones_that_are_not_sealed():
    plan = referee((1, "cut", T.PAZ), (1, "cut", T.OFF))
    for zone in (T.PAZ, T.OFF):
        plan.update(
            tick([(1, T.Blue.BLOCK, T.NO_HOST, zone, T.OZA)], blocked=[(T.OZA, T.PAZ), (T.OZA, T.OFF)])
        )
    assert plan.done == 2
    plan.update(tick(blocked=[(T.OZA, T.OFF)]))
    plan.verify()
    assert [item.status for item in plan.items] == [OPEN, DONE]
    assert plan.mission == pytest.approx(0.75 / 2)


BLUE_ACTS = st.tuples(
    st.sampled_from(ALL),
    st.sampled_from(list(T.Blue)),
    st.integers(0, T.ROOT_HOST - 1),
    st.integers(0, 7),
    st.integers(0, 7),
)
RED_ACTS = st.tuples(
    st.sampled_from([T.Red.DEGRADE, T.Red.IMPACT, T.Red.SLEEP]),
    st.integers(0, T.ROOT_HOST - 1),
    st.sampled_from([T.Outcome.TRUE, T.Outcome.FALSE]),
)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(
        st.tuples(st.lists(BLUE_ACTS, max_size=3), st.lists(RED_ACTS, max_size=2), st.booleans()), max_size=50
    ),
)
def test_no_instruction_changes_without_its_event(seed, ticks):
    """Random actions, some aimed at current instructions; each change of status has its event in the tick."""
    plan = Referee(SMALL, generate(seed, EXISTS, SMALL, ALL))
    sabotaged: set[int] = set()
    for blue, red, aimed in ticks:
        if aimed:  # else nothing is ever done
            item = plan.current(seed % 5)
            kinds = {
                "inspect": T.Blue.ANALYSE,
                "trap": T.Blue.DECOY,
                "evict": T.Blue.REMOVE,
                "secure": T.Blue.ANALYSE,
            }
            if item is not None and item.on_host:
                blue = [(item.agent, kinds[item.kind], item.place, 0, 0)]
                red = [*red[:1], (T.Red.DEGRADE, item.place, T.Outcome.TRUE)] if seed % 2 else red
        by_agent = {act[0]: act for act in blue}
        shown = tick(by_agent.values(), red, decoys=[act[2] for act in by_agent.values()])
        before = {item.id: item.status for item in plan.items}
        plan.update(shown)
        hit = {host for kind, host, outcome in red if kind != T.Red.SLEEP and outcome == T.Outcome.TRUE}
        for item in plan.items:
            was, act = before[item.id], by_agent.get(item.agent)
            if item.sabotaged:
                sabotaged.add(item.id)
                assert item.place in hit or was == DONE
            if was == item.status:
                continue
            if item.status == DONE:
                assert act is not None
                assert not item.on_host or act[2] == item.place
            if item.status == SEALED:
                assert act is not None
                assert act[1] == T.Blue.MONITOR
            if was in (DONE, SEALED) and item.status == OPEN:
                assert was == DONE
                assert item.id in sabotaged or not item.on_host
        statuses = [item.status for item in plan.items]
        assert sum(statuses.count(status) for status in (OPEN, DONE, SEALED, MISSED)) == SMALL.instructions
        assert 0 <= plan.mission <= plan.share <= 1
