"""What actions do when they complete (``soc-rules.md §4``).

What a kind always does to its target host is a table (:mod:`effects`); :mod:`blue` and :mod:`red` have the
rest, and how actions end. An action in flight was legal when it started; its prerequisites are checked again.
"""

__all__ = ["attempt", "blue", "context", "effects", "red"]
