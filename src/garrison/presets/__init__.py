"""Named configurations. Each is data: read it, change it with ``dataclasses.replace``, train it."""

from __future__ import annotations

from garrison.algos.ippo import IPPO
from garrison.presets.training import Training, make_world

__all__ = ["PRESETS", "Training", "make_world"]

#: The demo's: the usual settings of PPO, which are IPPO's defaults, with larger steps as time is short.
#: Trials of 500,000 steps, one seed each, mean return of the last 14 iterations: as here, but with a constant
#: learning rate, -1,710; entropy_coef 0.001, -2,400; gamma 0.997 with gae_lambda 0.97, -1,980.
QUICK = Training(world="cc4", ippo=IPPO(total_steps=700_000, lanes=16, learning_rate=1e-3))

PRESETS = {"quick": QUICK}
DESCRIPTIONS = {"quick": "CAGE Challenge 4 in a few minutes on two CPU cores: the demo's preset."}
