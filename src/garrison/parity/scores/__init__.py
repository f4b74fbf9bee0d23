"""Scores on both simulators, compared."""

__all__ = ["equivalence", "evaluate_on_cyborg", "study_plan"]
