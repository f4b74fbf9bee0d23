"""The harm to blue's assets in a recorded episode of CybORG, from which resilience is measured.

>>> harm, lengths = of_recording(trace.read("fsm-random-1.jsonl.gz"))
>>> figures = resilience.figures(BLUE.attacks, behavior.BLUE.phases, harm, lengths)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from garrison.adapters.cyborg import assets, facts
from garrison.judge.assets import Harm
from garrison.parity.recording.trace import Trace, TraceStep


def of_recording(recording: Trace) -> tuple[Harm, np.ndarray]:
    """The record of the episode, axes [1, 1, step, ...], and its length, ``int[1, 1]``.

    Raises:
        TraceError: for a recording that is not whole.
    """
    hosts = {name: address for name, _, address, *_ in recording.header["hosts"]}
    fixed = assets.roles({"hosts": hosts, "subnets": recording.header["subnets"]})
    rows = [
        (*assets.harm(fixed, harm_of(step)), np.uint8(step.snapshot["phase"])) for step in recording.steps()
    ]
    harm = Harm(*(np.stack(part)[None, None] for part in zip(*rows, strict=True)))
    return harm, np.array([[len(rows)]])


def harm_of(step: TraceStep) -> dict[str, list[Any]]:
    """A recorded step in the form of :func:`garrison.adapters.cyborg.facts.harm`."""
    after = step.snapshot
    hosts = {name for name in after["hosts"] if name.startswith(facts.OPERATIONAL)}
    impacted = [name for name in hosts if any(map(_harmed, after["hosts"][name]["services"].values()))]
    held = {
        hostname
        for agent, sessions in after["sessions"].items()
        for _, hostname, user, *_ in sessions
        if agent.startswith("red") and user == "root"
    }
    return {"impacted": impacted, "held": list(held & hosts), "attacks": list(_attacks(step.executed, hosts))}


def _harmed(service: list[Any]) -> bool:
    _, active, reliability = service
    return not active or reliability < 100


def _attacks(executed: Mapping[str, list[Any]], hosts: set[str]) -> Iterator[tuple[str, str]]:
    for kind, parameters, success, ran, _ in executed.values():
        if kind in facts.ATTACKS and success == "TRUE" and ran and parameters["hostname"] in hosts:
            yield kind, parameters["hostname"]
