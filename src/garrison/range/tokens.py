"""From lines of logs to tokens of ``soc`` (``soc-rules.md §5.1``): one table for all tiers."""

from __future__ import annotations

import re
from typing import NamedTuple

from garrison.range.protocol import Event
from garrison.worlds.soc.tables.hosts import NO_HOST, Port
from garrison.worlds.soc.tables.tokens import PORT_FLOW, PORT_OF, Token

LARGE = 1500  #: bytes from which a flow is large


class Filed(NamedTuple):
    """A token: its type, where it was recorded, its other end, and its port class."""

    type: Token
    host: int
    other: int
    port: int


#: (family, pattern, token). None: the line is known, and leaves no token
RULES: tuple[tuple[str, str, Token | None], ...] = (
    ("access", r".*", None),
    ("flow", r"(blocked|denied|unreachable|refused) ", None),
    ("ids", r"signature ", Token.IDS),
    ("dns", r"query\[A\] ", Token.DNS),
    ("audit", r"type=EXECVE ", Token.PROC_CREATE),
    ("audit", r"type=PTRACE ", Token.PROC_ACCESS),
    ("audit", r"type=CONNECT ", Token.NET_CONNECT),
    ("audit", r"type=RENAME ", Token.FILE_BURST),
    ("audit", r"type=SETUID ", Token.PRIV_ASSIGN),
    ("audit", r"type=SERVICE ", Token.SVC_CHANGE),
    ("auth", r"Accepted explicit ", Token.AUTH_EXPLICIT),
    ("auth", r"Accepted ", Token.AUTH_OK),
    ("auth", r"Failed ", Token.AUTH_FAIL),
    ("kdc", r"AS_REQ ISSUE ", Token.KERB_TGT),
    ("kdc", r"NTLM ", Token.NTLM),
    ("edr", r"alert ", Token.EDR_ALERT),
    ("trap", r"decoy touched ", Token.DECOY_TOUCH),
    ("plant", r"write ", Token.OT_WRITE),
    ("plant", r"alarm ", Token.OT_ALARM),
    ("mail", r"report: ", Token.MAIL_REPORT),
    ("health", r"down", Token.HOST_DOWN),
)
_COMPILED = tuple((family, re.compile(pattern), token) for family, pattern, token in RULES)
_FLOW = re.compile(r"(flow|scan) (\d+) (\d+) (\d+) (\d+)$")
_HONEY = re.compile(r"honeytoken used from (\d+)$")


class Unmapped(ValueError):
    """A line that no rule knows."""


def token_of(event: Event) -> Filed | None:
    """The token of a line; None for one that leaves none.

    Raises ``Unmapped`` for a line that no rule knows.
    """
    if event.family == "flow" and (match := _FLOW.match(event.text)):
        kind, src, dst, port, size = match[1], *map(int, match.groups()[1:])
        if kind == "scan":
            return Filed(Token.FLOW_SCAN, event.host, src, int(PORT_OF[Token.FLOW_SCAN]))
        if dst == NO_HOST:
            large = size >= LARGE
            return Filed(Token.FLOW_LARGE, event.host, NO_HOST, int(Port.HTTP)) if large else None
        type = Token(int(PORT_FLOW[port]))
        return Filed(type, event.host, src, port) if size and type else None
    if event.family == "trap" and (match := _HONEY.match(event.text)):
        return Filed(Token.HONEYTOKEN_USE, int(match[1]), event.host, int(PORT_OF[Token.HONEYTOKEN_USE]))
    for family, pattern, token in _COMPILED:
        if family == event.family and pattern.match(event.text):
            return None if token is None else Filed(token, event.host, NO_HOST, int(PORT_OF[token]))
    raise Unmapped(f"{event.family}: {event.text}")


def tokens_of(events: list[Event]) -> tuple[list[Filed], int]:
    """Tokens in the order of their lines, and how many lines no rule knows."""
    found, unmapped = [], 0
    for event in events:
        try:
            token = token_of(event)
        except Unmapped:
            unmapped += 1
            continue
        if token is not None:
            found.append(token)
    return found, unmapped
