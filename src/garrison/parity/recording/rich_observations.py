"""The rich observations of an episode on CybORG, from its raw observations of blue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from garrison.adapters.cyborg.rich import Tracker
from garrison.worlds.cc4 import tables as T


class RichObserver:
    """The trackers of all blue agents.

    Args:
        header: of a recording with ``raw``.
    """

    def __init__(self, header: Mapping[str, Any]):
        self._trackers = {agent: Tracker() for agent in T.BLUE_AGENTS}
        for agent, tracker in self._trackers.items():
            labels, mask = header["action_labels"][agent], header["action_mask"][agent]
            tracker.reset(header["raw"][agent], labels, mask)

    def update(self, raw: Mapping[str, Mapping], actions: Sequence[int]) -> None:
        """Process a step: the raw observation of each agent, and the action index that it submitted."""
        for (agent, tracker), action in zip(self._trackers.items(), actions, strict=True):
            tracker.update(raw[agent], int(action))

    def observe(self, vectors: Mapping[str, Sequence[int]], contract: str = "rich") -> np.ndarray:
        """The observations ``float32[blue, 892]``, or ``[blue, 1132]`` under the contract "recall".

        ``vectors`` are those of CybORG's wrapper, by agent.
        """
        pairs = self._trackers.items()
        return np.stack([tracker.vector(np.asarray(vectors[agent]), contract) for agent, tracker in pairs])
