"""Techniques against the programs in :mod:`garrison.range.services`, one module per row.

A client is aimed at a node of the plan; it never sees an address. It speaks the protocol of one of our own
programs, which no real product speaks. Standard library only: the supervisor imports them.
"""

__all__ = [
    "credentials",
    "dial",
    "local",
    "look",
    "remote",
]
