"""Named configurations. Each is data: read it, change it with ``dataclasses.replace``, train it."""

from __future__ import annotations

from garrison.algos.ippo import IPPO
from garrison.presets.training import Training, make_world

__all__ = ["PRESETS", "Training", "make_world"]

#: The demo's: CAGE Challenge 4 in a few minutes on two CPU cores.
QUICK = Training(
    world="cc4",
    ippo=IPPO(
        total_steps=1_000_000,
        lanes=16,
        rollout_steps=None,
        epochs=2,
        minibatches=4,
        learning_rate=1e-3,
    ),
)

PRESETS = {"quick": QUICK}
DESCRIPTIONS = {"quick": "CAGE Challenge 4 in a few minutes on two CPU cores: the demo's preset."}
