"""Worlds as Gymnasium environments: one agent of a side, or all of them as one.

>>> import gymnasium
>>> name = "garrison.adapters.gymnasium:Garrison/cc4-v1"
>>> env = gymnasium.make(name, agent="blue_agent_0", others="guard")
>>> envs = gymnasium.make_vec(name, num_envs=64, agent="blue_agent_0", others="guard")

It needs Gymnasium 1.1, while CybORG needs 0.28.1: the extras ``gymnasium`` and ``cyborg`` exclude each other.
"""

from __future__ import annotations

from garrison.core import extras
from garrison.core.registry import make

extras.require("gymnasium")

import gymnasium  # noqa: E402

if not hasattr(gymnasium.vector, "AutoresetMode"):
    raise ValueError(
        f"gymnasium {gymnasium.__version__} is installed, but this adapter needs 1.1; CybORG needs 0.28.1, "
        "so use an environment without the extra cyborg"
    )

from garrison.adapters.gymnasium.env import GarrisonEnv  # noqa: E402
from garrison.adapters.gymnasium.vector import GarrisonVectorEnv  # noqa: E402

__all__ = ["GarrisonEnv", "GarrisonVectorEnv", "register"]


def register(world: str = "cc4") -> str:
    """Register a world with Gymnasium and return its id, such as ``"Garrison/cc4-v1"``.

    Importing this package registers ``cc4``. Arguments of :class:`GarrisonEnv` go to ``gymnasium.make``.
    Raises ``ValueError`` for an unknown world.
    """
    name = f"Garrison/{world.replace('/', '-')}-v{make(world).version}"
    if name not in gymnasium.registry:
        here = "garrison.adapters.gymnasium"
        gymnasium.register(
            name,
            entry_point=f"{here}:GarrisonEnv",
            vector_entry_point=f"{here}:GarrisonVectorEnv",
            kwargs={"world": world},
        )
    return name


register("cc4")
