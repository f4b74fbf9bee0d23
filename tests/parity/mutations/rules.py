"""All wrong rules: those that replays notice, and those of rules that no recorded episode exercises."""

from mutations import Wrong, decisions, defence, exploits, memory, scans, scoring, sessions, takeovers, users

_MODULES = (scoring, defence, users, scans, exploits, takeovers, sessions, memory, decisions)
_EVERY: tuple[Wrong, ...] = tuple(wrong for module in _MODULES for wrong in module.RULES)

NOTICED = tuple(wrong for wrong in _EVERY if not wrong.held_by)
UNEXERCISED = tuple(wrong for wrong in _EVERY if wrong.held_by)
