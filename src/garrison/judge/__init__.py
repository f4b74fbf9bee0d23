"""Evaluation of policies: the same episodes for all, and an interval for every figure."""
