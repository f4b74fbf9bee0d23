"""Evaluation of policies: the same episodes for all, and an interval for every figure."""

__all__ = [
    "analysis",
    "api",
    "assets",
    "behavior",
    "diagnosis",
    "evaluate",
    "evaluation",
    "lineup",
    "match",
    "resilience",
    "stats",
    "survival",
    "targets",
]
