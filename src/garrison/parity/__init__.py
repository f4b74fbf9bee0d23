"""Comparisons of Garrison with CybORG: replays, scores, stress tests, an independent learner in PyTorch."""

__all__ = ["recording", "replay", "scores", "stress", "torch"]
