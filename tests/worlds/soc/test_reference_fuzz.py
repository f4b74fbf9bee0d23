"""Many episodes of scripts, random and adversarial players: the kernel and the reference never differ.

``python studies/soc_fuzz.py`` writes the figures of the same episodes.
"""

import fuzz
import jax
import numpy as np
import pytest

from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables.scenarios import Scenario


def test_the_plan_covers_all_scenarios_sizes_presets_and_players():
    every = [(size, one) for size, *rest in fuzz.PLAN for one in fuzz.plan(size, *rest)]
    assert len(every) >= 300
    presets = {"small": 3, "50": 2, "100": 2}
    for size, count in presets.items():
        of = [one for here, one in every if here == size]
        assert len({(one.scenario, one.preset) for one in of}) == 5 * count
        assert {(one.blue, one.red) for one in of} == set(fuzz.PLAYERS)


@pytest.mark.slow
def test_a_difference_is_found():
    static = Static(events=1)
    episode = fuzz.Episode(3, Scenario.IOT_GRID, "hard", "curious", "curious", True)
    ((_, played),) = fuzz.recorded(static, [episode], 24, 24)
    mine = jax.tree.map(lambda x: x[0], played)
    found = [lines for _, lines in fuzz.differences(static, episode, mine)]
    assert len(found) == 24
    assert not any(found)
    energy = np.array(mine.state.energy)
    energy[5] += 1
    mine = mine._replace(state=mine.state.replace(energy=energy))
    fuzz.begin(static, [episode], 0.0)
    found = [lines for _, lines in fuzz.differences(static, episode, mine)]
    assert [bool(lines) for lines in found] == [row == 5 for row in range(24)]
    assert "energy" in found[5][0]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "reds", "count"), fuzz.PLAN)
def test_fuzzed_episodes_agree(size, reds, count):
    episodes = fuzz.plan(size, reds, count)
    for episode, rows, difference in fuzz.compared(Static(size, events=1, reds=reds), episodes):
        assert rows > 0
        assert not difference, f"{episode.name}: {difference}"
