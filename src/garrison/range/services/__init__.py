"""Targets of the range: small programs, each with one deliberate flaw that reveals a nonce and nothing else.

They reproduce classes of weaknesses, not products. They run no foreign code, know no shell, and write only
below the folder of their episode. Standard library only: the supervisor imports them.
"""

__all__ = [
    "broker",
    "desk",
    "flows",
    "gate",
    "host",
    "logon",
    "mail",
    "plant",
    "programs",
    "registers",
    "rules",
    "runner",
    "share",
    "tokens",
    "vault",
    "web",
]
