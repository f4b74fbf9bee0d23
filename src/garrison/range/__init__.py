"""A small range of real processes, in which policies of the world ``soc`` defend without further training.

The range judges; it does not train. Nothing starts by import: a tier has to be named. What each tier shows,
and what may be said of its results, is in ``docs/range.md``.
"""

__all__ = [
    "bridge",
    "engine",
    "evaluate",
    "judge",
    "limits",
    "net",
    "nonces",
    "plan",
    "protocol",
    "reference",
    "tokens",
]
