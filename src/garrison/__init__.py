"""Garrison: worlds, learners, opponents and judges for multi-agent autonomous cyber defence.

>>> import garrison
>>> world = garrison.make("cc4", red="fsm")

Importing this package loads neither JAX nor any world: both come with the first :func:`make`.
"""

from garrison import worlds
from garrison.core.registry import make, register

__version__ = "0.1.0"

__all__ = ["__version__", "make", "register", "worlds"]
