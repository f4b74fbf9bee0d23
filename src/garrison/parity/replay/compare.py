"""Garrison and recording in one plain form, and the differences between them.

Compared after every step: step, phase, blocks, busy (action and ticks), per host services (order, pid,
active, reliability), processes (order, pid, user, type, decoy, ports; of replaced Vsftpd decoys that blue
does not suspect the number and the largest pid), session ids (order), events (counts,
and pids in order where a blue agent looks), files; sessions of all agents in the order of their maps, with
red's scanned ports and blue's suspicious pids (order, multiplicity); session counts; red's activity, calls,
host states (order), known sessions (order), subnets, addresses, host names; executed actions (class,
target, session, result, dropped, exploit, false alarms, phishing, traps); observations and their padding;
masks; reward and its parts; done; and that no bounded list of Garrison overflowed. The chances with which
red chooses by weights are compared where the tape has them, and so its roles and its memory of failures.

Not compared, because nothing in CybORG reads it (``cc4-rules.md`` §12), or because the recording cannot tell:

- order of subnets in ``blocks``, of a scan's ports, of red's known subnets, addresses, host names:
  only membership counts, or the order is that of generation;
- process types of sessions: only processes with a listening port are searched by type;
- pids of process events on hosts that no blue agent watches: they are never read;
- pids of replaced Vsftpd decoys below the largest that blue does not suspect: a new pid looks at the
  largest, Remove at suspicious ones, a scan at how many there are;
- calls of ``random_select`` and ``sleep`` reds (``fsm_calls``): a counter that decides nothing;
- the target of DiscoverDeception in ``busy``: its text in CybORG has none (it is compared once executed);
- the result of a dropped action: CybORG shows that of its agent's first observation instead;
- the session of a green or blue action, always 0; the host name in addition to the address of a Withdraw: its
  effect is compared;
- the escalation's class: there is one; whether it ran shows in files and users.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

ABSENT = "(absent)"


class ReplayDifference(NamedTuple):
    """One place where Garrison and the recording differ."""

    step: int  # 0-based; -1 is the reset
    path: str
    garrison: Any
    recorded: Any

    @property
    def place(self) -> str:
        return "reset" if self.step < 0 else f"step {self.step}"

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.path}: garrison {_short(self.garrison)}, recorded {_short(self.recorded)}"
        )


def differences(step: int, garrison: Any, recorded: Any, path: str = "") -> Iterator[ReplayDifference]:
    """All differences between two plain values; dicts and lists of one length are entered.

    A key that only one side has counts as :data:`ABSENT` on the other.
    """
    if garrison == recorded:
        return
    if isinstance(garrison, dict) and isinstance(recorded, dict):
        for key in sorted(garrison.keys() | recorded.keys()):
            yield from differences(
                step, garrison.get(key, ABSENT), recorded.get(key, ABSENT), f"{path}/{key}"
            )
    elif isinstance(garrison, list) and isinstance(recorded, list) and len(garrison) == len(recorded):
        for i, (a, b) in enumerate(zip(garrison, recorded, strict=True)):
            yield from differences(step, a, b, f"{path}/{i}")
    else:
        yield ReplayDifference(step, path or "/", garrison, recorded)


def _short(value: Any, limit: int = 200) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
