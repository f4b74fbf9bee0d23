"""Leagues: populations of policies of two sides, their payoffs against each other, and their training."""

__all__ = [
    "behavior",
    "config",
    "exact",
    "exploit",
    "judges",
    "match",
    "members",
    "page",
    "payoff",
    "responses",
    "run",
    "solve",
]
