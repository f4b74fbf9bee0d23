"""Scripted policies of CC4: red (finite-state machines and random), green users, blue baselines."""

__all__ = ["blue", "fsm", "green", "guard", "red"]
