"""The process that plays CybORG, on a stand-in of it."""

import sys

import pytest

from garrison.adapters.cyborg import speed

STAND_IN = {
    "CybORG/__init__.py": """
        import time
        import pygame, ray.rllib.env.multi_agent_env as rllib
        assert rllib.MultiAgentEnv

        class CybORG:
            def __init__(self, scenario, kind, seed):
                self.scenario = scenario
        print("a line that is no answer")
        """,
    "CybORG/Agents/__init__.py": "EnterpriseGreenAgent = FiniteStateRedAgent = SleepAgent = object",
    "CybORG/Simulator/Scenarios/__init__.py": """
        class EnterpriseScenarioGenerator:
            def __init__(self, steps, **agents):
                self.steps = steps
        """,
    "CybORG/Agents/Wrappers/__init__.py": """
        import time

        class BlueFlatWrapper:
            agents = ["blue_agent_0"]

            def __init__(self, env):
                self.left = 3

            def reset(self):
                time.sleep(0.05)
                return {}, self.info()

            def info(self):
                return {"blue_agent_0": {"action_mask": [False, True]}}

            def step(self, actions):
                assert actions == {"blue_agent_0": 1}
                time.sleep(0.01)
                self.left -= 1
                over = {"blue_agent_0": self.left == 0}
                return {}, {}, over, over, self.info()
        """,
}


def test_steps_are_timed_and_resets_are_not(tmp_path, monkeypatch):
    for name, text in STAND_IN.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with speed.process() as steps_per_second:
        speeds = [steps_per_second(0.1) for _ in range(2)]
    assert all(20 < speed <= 100 for speed in speeds)  # 100 by its sleeps; 37 if resets counted, without load


def test_what_is_missing_is_told(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    with (
        pytest.raises(ValueError, match="No module named 'CybORG'. Install CybORG 4.0 .* --cyborg-python"),
        speed.process(sys.executable) as steps_per_second,
    ):
        steps_per_second(1.0)
    with (
        pytest.raises(ValueError, match="nowhere/python cannot be run"),
        speed.process("nowhere/python"),
    ):
        pass


@pytest.mark.cyborg
def test_cyborg_itself():
    pytest.importorskip("CybORG", reason="CybORG is not installed")
    with speed.process() as steps_per_second:
        assert steps_per_second(2.0) > 1
