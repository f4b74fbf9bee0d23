"""Small worlds: probes of one part of a learner each, and a four-host network to defend."""

__all__ = ["games", "network", "probes"]
