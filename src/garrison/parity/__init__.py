"""Comparisons of Garrison with CybORG: replays, scores, stress tests, an independent learner in PyTorch."""
