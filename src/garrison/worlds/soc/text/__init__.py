"""Logs as text: tokens that were delivered (:mod:`delivered`), and their lines (:mod:`render`).

Made outside of compiled programs, of tokens alone: a line says what sensors recorded, and nothing of who
caused it (``soc-rules.md §5.4``).
"""

from garrison.worlds.soc.text.delivered import Entry, delivered
from garrison.worlds.soc.text.render import FORMATS, Place, place_of, render

__all__ = ["FORMATS", "Entry", "Place", "delivered", "place_of", "render"]
