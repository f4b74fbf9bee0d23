"""An enterprise under attack in continuous time (``soc.md``).

The kernel plays: :func:`~garrison.worlds.soc.step.step_with` advances an episode by events, with the actions
of all agents given. Telemetry, observations, rewards and scripted players are not here yet, so there is no
world of this name to make.
"""

__all__ = [
    "draws",
    "generate",
    "laws",
    "legal",
    "options",
    "reset",
    "solvable",
    "state",
    "step",
    "tables",
    "topology",
]
