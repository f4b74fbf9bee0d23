"""Scripted players of both sides (``soc-rules.md §7.5``), as policies of the library's protocol."""

__all__ = ["analyst", "killchain"]
