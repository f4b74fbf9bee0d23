"""Scores on both simulators, compared."""
