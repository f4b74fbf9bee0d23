"""Members of a league: policies with an identity that does not change.

A member's hash is made of what it is: the arrays of its networks, or its name in a version of a world.
Payoffs belong to hashes, so that a member that is altered is another member.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.judge import specs
from garrison.runs import checkpoint

#: Returns of the row side, f64[episode], of a cell with a host: row, column, first seed, number of episodes.
HostPlay = Callable[["Member", "Member", int, int], np.ndarray]


@dataclass(frozen=True)
class Member:
    """A policy of one side."""

    id: str
    side: str
    kind: str  # "script", "net" (a run or a response), or "host", which a callable plays
    digest: str
    round: int  # that it was made in; 0 for the first members
    parent: str | None  # id of the member that its training began with
    origin: dict[str, Any]  # ``spec``, or ``folder`` of the league with the arrays
    role: str = "main"
    retired: bool = False  # gets no new cells and no matches

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def digest_of(policy: Policy) -> str:
    """SHA-256 of a policy: its arrays, or what it prints as where it has none."""
    paths, _ = jax.tree_util.tree_flatten_with_path(policy)
    parts = [f"{jax.tree_util.keystr(path)}={checkpoint.digest(np.asarray(leaf))}" for path, leaf in paths]
    return hashlib.sha256(";".join(parts or [repr(policy)]).encode()).hexdigest()


def from_spec(spec: str, world: World, side: str) -> tuple[list[Member], list[Policy | None]]:
    """The first members that a policy spec stands for, and their policies: several for a run with seeds.

    ``host:NAME`` names a policy that a callable plays; it has no policy here.

    Raises:
        ValueError: for an unknown spec, and for a policy that does not fit the world.
        FileNotFoundError: for a run without a checkpoint.
    """
    if spec.startswith("host:"):
        digest = hashlib.sha256(f"{spec} {world.name}".encode()).hexdigest()
        return [Member(spec, side, "host", digest, 0, None, {"spec": spec})], [None]
    view = specs.side_view(world, side)
    found = specs.resolve(spec, view)
    if isinstance(found, list):
        names = [f"{specs.run_label(spec)}" + (f":{i}" if len(found) > 1 else "") for i in range(len(found))]
        members = [
            Member(name, side, "net", digest_of(one), 0, None, {"spec": spec, "seed": i})
            for i, (name, one) in enumerate(zip(names, found, strict=True))
        ]
        return members, list(found)
    named = f"{spec} of {side} in {world.name} version {world.version}"
    digest = hashlib.sha256(named.encode()).hexdigest()
    return [Member(spec, side, "script", digest, 0, None, {"spec": spec})], [found]


def save(path: Path, member: Member, policy: Policy) -> None:
    """Write a response: its arrays and what it is."""
    checkpoint.save(path, policy, member.round, {"member": member.to_json()})


def load(path: Path, member: Member, like: Policy) -> Policy:
    """The policy of a response, of the structure of ``like``.

    Raises ``ValueError`` if the arrays are not those of the member.
    """
    policy = checkpoint.load(path, like)
    if (found := digest_of(policy)) != member.digest:
        raise ValueError(
            f"{path} does not hold member {member.id!r}: its hash is {found[:12]}, not {member.digest[:12]}; "
            "restore it from a copy of the league"
        )
    return policy
