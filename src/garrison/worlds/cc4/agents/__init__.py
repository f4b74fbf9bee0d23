"""Scripted policies of CC4: red (finite-state machines and random), green users, blue baselines."""
