"""One episode as it was played, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.core.struct import Struct
from garrison.core.world import State, Step


class Recording(Struct):
    """One episode, step by step; axes [step, ...]."""

    state: State  # before the step
    actions: Any  # int32[step, agent]
    after: State
    step: Step


def length_of(recording: Recording) -> int:
    """Steps of the recorded episode; the recording may go on after its end."""
    ends = np.flatnonzero(recording.step.terminated | recording.step.truncated)
    return int(ends[0]) + 1 if ends.size else len(recording.actions)
