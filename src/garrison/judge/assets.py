"""What attackers do to three assets: the form in which worlds report it, and the record of it.

``world.assets(side)`` has the form of :class:`Assets`. The evaluation records its flags step by step, and
:mod:`garrison.judge.resilience` takes its figures from the record.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax

from garrison.core.world import State, Step

ROLES = ("AUTH", "DB", "WEB")  #: authentication server, database, web front end


class Assets(Protocol):
    """What a world says of its assets, a host per role of ``ROLES``; functions are for one environment."""

    @property
    def attacks(self) -> tuple[str, ...]:
        """Kinds of attack that impact a host; the first stops its service."""
        ...

    def start(self, state: State) -> Any:
        """What is fixed for the episode, such as the hosts of the roles, given its first state."""
        ...

    def harm(
        self, fixed: Any, state: State, actions: jax.Array, after: State, step: Step
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """The assets after a step.

        Args:
            fixed: what :meth:`start` gave.

        Returns:
            ``bool[role]``: impacted, until the defender repairs the host. ``bool[role]``: the attacker has
            full control. ``f32[2]``: the expectations of both over all hosts that may get a role.
            ``uint8[kind, role]``: successful attacks in the step.
        """
        ...


class Harm(NamedTuple):
    """What :meth:`Assets.harm` gives, and the phase of each step; NumPy arrays [seed, episode, step, ...]."""

    impacted: Any
    held: Any
    expected: Any
    attacks: Any
    phase: Any
