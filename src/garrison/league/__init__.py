"""Leagues: populations of policies of two sides, their payoffs against each other, and their training."""

__all__ = [
    "exact",
    "exploit",
    "judges",
    "match",
    "members",
    "payoff",
    "responses",
    "run",
    "solve",
]
