"""Episodes on CybORG: what is counted, and how they are put together."""

from types import SimpleNamespace as Fake

import numpy as np
import pytest

from garrison.adapters.cyborg import episodes
from garrison.adapters.cyborg.world import CybORGWorld, Decisions
from garrison.core import processes
from garrison.core.policy import Constant
from garrison.core.world import Step
from garrison.parity.scores import evaluate_on_cyborg


class ThreeSteps:
    """A stand-in for the world of CybORG: rewards −1, −2, −4; the agents decide in the first step alone."""

    num_agents, score_steps = 5, 2

    def behavior(self):
        return Decisions()

    def reset(self, seed):
        return np.zeros((5, 210), np.float32), Fake(done=False, step=0, phase=0)

    def legal(self, state):
        return np.ones((5, 242), bool)

    def step(self, key, state, actions):
        assert actions.tolist() == [3] * 5
        reward = -(2.0**state.step)
        decided = np.full(5, state.step == 0)
        places = (np.arange(5), np.zeros(5, int), np.zeros(5, int))
        state.phase = state.step
        state.step += 1
        state.done = state.step == 3
        info = {"reward_parts": {"LWF": np.float32(reward)}, "decided": decided, "places": places}
        obs, done = self.reset(0)[0], np.bool_(state.done)
        return (
            obs,
            state,
            Step(np.full(5, reward, np.float32), done, done, np.zeros((5, 0), np.float32), info),
        )


def test_an_episode_is_counted_as_the_judges_do():
    played = episodes.play_episode(ThreeSteps(), Constant((3,) * 5), 0)
    assert (played["returns"], played["scores"], played["lengths"]) == (-7, -3, 3)
    assert played["parts"]["LWF"].tolist() == [-1, -2, -4]
    decisions = played["decisions"]
    assert decisions.sum() == 5
    assert decisions[:5, 0, 0].tolist() == [1] * 5


def test_figures_stand_by_team_and_episode(monkeypatch):
    def run(function, tasks, workers, watch):
        asked.extend((team.actions[0], world.observation, seed) for world, team, seed in tasks)
        played = episodes.play_episode(ThreeSteps(), Constant((3,) * 5), 0)
        return [played | {"returns": 10 * team.actions[0] + seed} for _, team, seed in tasks]

    asked: list = []
    monkeypatch.setattr(processes, "run", run)
    teams = [Constant((1,) * 5), Constant((2,) * 5)]
    found = evaluate_on_cyborg.evaluate(
        CybORGWorld(), {"run": teams, "idle": Constant((0,) * 5)}, episodes=2, seed=5
    )
    assert found["run"].returns.tolist() == [[15, 16], [25, 26]]
    assert found["idle"].returns.tolist() == [[5, 6]]
    assert found["run"].parts["LWF"].shape == (2, 2, 3)
    assert found["run"].decisions.shape == (2, 2, *map(len, Decisions.axes.values()))
    assert [row[0] for row in asked] == [1, 1, 2, 2, 0, 0]
    with pytest.raises(ValueError, match="episodes is 0"):
        evaluate_on_cyborg.evaluate(CybORGWorld(), {"run": teams}, episodes=0, seed=5)
