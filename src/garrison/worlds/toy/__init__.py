"""Small worlds: probes of one part of a learner each, a network to defend, and games of two sides."""

__all__ = ["duel", "games", "kuhn", "matrix", "network", "probes"]
