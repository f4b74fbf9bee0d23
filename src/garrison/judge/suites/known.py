"""The suites that come with Garrison.

They are frozen: whoever changes one gives it another version, and the new hash to its test. Reds, missions
and phase starts of ``train``, ``validation`` and ``heldout`` are different ones, and all suites have episodes
of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from garrison.core.plugins import did_you_mean
from garrison.judge.suites.published import COMPETITION
from garrison.judge.suites.suite import Entry, Suite
from garrison.worlds.cc4 import banks
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.columns import COLUMNS

_EPISODES = 500


def _reds(names: Iterable[str], families: dict[str, str], **options: Any) -> list[Entry]:
    """An entry per red; a red without a family is one of its own."""
    return [Entry(name, families.get(name, name), {"red": name, **options}) for name in names]


def _mission(*factors: int) -> Entry:
    """The three parts of the reward (LWF, ASF, RIA) times these factors; Restore costs what it does."""
    reward = (T.REWARD * factors).tolist()
    return Entry("mission " + "-".join(map(str, factors)), None, {"reward": reward})


def _starts(*steps: int) -> Entry:
    """Phases 1 and 2 begin at these steps."""
    return Entry("starts " + "-".join(map(str, steps)), None, {"phase_start": list(steps)})


_CIA = dict.fromkeys(("cia_c", "cia_i", "cia_a"), "cia")
_TARGETS = {f"target_{zone}{kind}": f"target_{zone}" for zone in "ab" for kind in ("", "_op", "_re")}
_FAMILIES = {**_CIA, **_TARGETS}

_ALL = (
    Suite(
        name="train",
        version=1,
        purpose="what teams may be trained on",
        seed=11_000_000,
        episodes=_EPISODES,
        entries=(
            Entry("fsm", "fsm", {"red": "fsm"}),
            *(_mission(*factors) for factors in (*banks.ANTI[1:], *banks.SINGLE[1:])),
            *(_starts(*steps) for steps in banks.STARTS[1:]),
        ),
    ),
    Suite(
        name="validation",
        version=1,
        purpose="choice of checkpoints and settings",
        seed=12_000_000,
        episodes=_EPISODES,
        entries=(
            *_reds(("cia_c", "aggressive", "target_a", "degrader"), _FAMILIES),
            _mission(*banks.HELD_OUT_MISSIONS[0]),
        ),
    ),
    Suite(
        name="heldout",
        version=1,
        purpose="claims; to be opened once for each",
        seed=13_000_000,
        episodes=_EPISODES,
        entries=(
            *_reds(
                ("cia_i", "cia_a", "stealthy", "impact", "discovery", "random_select", "impacter", "target_b",
                 "target_a_op", "target_a_re", "target_b_op", "target_b_re", "failure_tracker", "combined"),
                _FAMILIES,
            ),
            *(_mission(*factors) for factors in banks.HELD_OUT_MISSIONS[1:]),
            *(_starts(*steps) for steps in banks.HELD_OUT_STARTS),
        ),
    ),
    Suite(
        name="literal",
        version=1,
        purpose="the condition of the published cross-environment experiment",
        seed=14_000_000,
        episodes=_EPISODES,
        entries=(
            Entry("fsm", "fsm", {"red": "fsm"}),
            *_reds(_CIA, {}, op_zone_servers=3, red_sees_roles=1),  # its mean is over four reds
        ),
    ),
    Suite(
        name="competition",
        version=1,
        purpose="the challenge's game and the four variants of its follow-up",
        seed=15_000_000,
        episodes=_EPISODES,
        entries=tuple(Entry(name, name, {"red": "fsm", "column": name}) for name in COLUMNS),
        published=COMPETITION,
    ),
)  # fmt: skip

#: By name.
SUITES = {suite.name: suite for suite in _ALL}


def get(name: str) -> Suite:
    """The suite of this name. Raises ``ValueError`` for an unknown one, with those that there are."""
    if name not in SUITES:
        raise ValueError(f"no suite {name!r}{did_you_mean(name, SUITES)}; suites: {', '.join(SUITES)}")
    return SUITES[name]
