"""IPPO in PyTorch: an independent implementation that trains on Garrison and on CybORG."""

__all__ = ["compare_update", "ippo", "learner"]
