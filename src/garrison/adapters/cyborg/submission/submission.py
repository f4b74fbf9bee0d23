"""A team that was trained in Garrison, for the evaluation of CAGE Challenge 4. Needs CybORG and NumPy."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

import numpy as np
from CybORG.Agents import BaseAgent
from CybORG.Agents.Wrappers import BlueFlatWrapper

if __package__:  # from a zip file
    from .garrison_messages import sent
    from .garrison_policy import TEAMS, read
    from .garrison_rich import VECTOR, Tracker
else:
    from garrison_messages import sent
    from garrison_policy import TEAMS, read
    from garrison_rich import VECTOR, Tracker


def _data(name: str) -> bytes:
    return __spec__.loader.get_data(str(PurePath(__file__).parent / name))


ABOUT = json.loads(_data("team.json"))
ARRAYS = read(_data("weights.safetensors"))
TEAM = TEAMS[ABOUT["network"]](ARRAYS, ABOUT)


class TeamWrapper(BlueFlatWrapper):
    """Gives each agent the vector that its network reads, and what it may do now."""

    def __init__(self, env: Any):
        super().__init__(env)
        self._raw: dict[str, dict] = {}
        self._trackers = {agent: Tracker() for agent in self.possible_agents}
        self._stock: dict[str, np.ndarray] = {}
        self._doing: dict[str, int] = {}  # the action that occupies each agent, plus 1

    def reset(self, *args: Any, **kwargs: Any) -> tuple[dict, dict]:
        vectors, info = super().reset(*args, **kwargs)
        for agent, tracker in self._trackers.items():
            tracker.reset(self._raw[agent], self.action_labels(agent), self.action_mask(agent))
        return self._seen(vectors), info

    def step(self, actions: dict[str, int], messages: dict | None = None, **kwargs: Any) -> tuple:
        if ABOUT["messages"] != "none":
            messages = self._sent(actions)
        vectors, *others = super().step(actions, messages=messages, **kwargs)
        for agent in vectors:
            self._trackers[agent].update(self._raw[agent], actions[agent])
        return self._seen(vectors), *others

    def observation_change(self, agent_name: str, observation: dict) -> np.ndarray:
        self._raw[agent_name] = observation
        return super().observation_change(agent_name, observation)

    def _sent(self, actions: dict[str, int]) -> dict[str, np.ndarray]:
        """What each agent sends, from its own last vector and actions."""
        idle = [agent for agent in actions if not self._trackers[agent].busy]
        self._doing.update({agent: actions[agent] + 1 for agent in idle})
        return {agent: sent(ABOUT["messages"], self._stock[agent], self._doing[agent]) for agent in actions}

    def _seen(self, vectors: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
        self._stock = vectors
        return {
            agent: {"observation": self._vector(agent, vector), "action_mask": self._mask(agent, vector)}
            for agent, vector in vectors.items()
        }

    def _vector(self, agent: str, stock: np.ndarray) -> np.ndarray:
        if ABOUT["observation"] != "stock":
            return self._trackers[agent].vector(stock, ABOUT["observation"])
        vector = np.zeros(VECTOR, np.float32)
        vector[: len(stock)] = stock
        return vector

    def _mask(self, agent: str, stock: np.ndarray) -> np.ndarray:
        kinds = np.array([label.split()[0] for label in self.action_labels(agent)])
        busy = self._trackers[agent].busy
        if ABOUT["busy"] == "masked" and busy:
            return kinds == "Sleep"
        mask = np.array(self.action_mask(agent), bool)
        block, allow = kinds == "BlockTrafficZone", kinds == "AllowTrafficZone"
        if ABOUT["traffic"] == "off":
            mask &= ~(block | allow)
        elif ABOUT["traffic"] == "policy":
            bits = ARRAYS["blocked_bits"][self.possible_agents.index(agent), : len(mask)]
            blocked, wanted = stock[bits] > 0, stock[bits + ABOUT["policy_after_blocked"]] > 0
            mask &= (~block | (wanted & ~blocked)) & (~allow | blocked)
        if ABOUT["idle"] == "off":
            mask &= ~((kinds == "Monitor") | ((kinds == "Sleep") & (not busy)))
        return mask


class TeamAgent(BaseAgent):
    """One agent of the team; with its own random numbers, the same in every run."""

    def __init__(self, number: int):
        super().__init__(f"blue_agent_{number}")
        self._number, self._generator = number, np.random.default_rng(number)

    def get_action(self, observation: dict[str, np.ndarray], action_space: Any) -> int:
        return TEAM.act(self._number, observation["observation"], observation["action_mask"], self._generator)


class Submission:
    NAME: str = ABOUT["name"]
    TEAM: str = ABOUT["team"]
    TECHNIQUE: str = ABOUT["technique"]
    AGENTS: dict[str, BaseAgent] = {f"blue_agent_{number}": TeamAgent(number) for number in range(5)}

    @staticmethod
    def wrap(env: Any) -> TeamWrapper:
        return TeamWrapper(env)
