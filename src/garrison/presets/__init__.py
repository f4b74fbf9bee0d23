"""Named configurations. Each is data: read it, change it with ``dataclasses.replace``, train it."""

from __future__ import annotations

from garrison.algos.ippo import IPPO
from garrison.presets.training import Training, make_world

__all__ = ["PRESETS", "Training", "make_world"]

#: The demo's. What differs from the defaults of IPPO, which are the usual ones of PPO on vectors, was chosen by
#: trial on cc4: Adam's step of 1e-3 learns fastest of what stays stable; with an entropy bonus below 0.01 the team
#: gives up restoring hosts, and so it does with a discount below 0.99, as the cost comes before the gain.
QUICK = Training(world="cc4", ippo=IPPO(total_steps=1_000_000, lanes=16, learning_rate=1e-3))

PRESETS = {"quick": QUICK}
DESCRIPTIONS = {"quick": "CAGE Challenge 4 in a few minutes on two CPU cores: the demo's preset."}
