"""The action that completes."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, UInt8, UInt32
from garrison.worlds.soc.actions.effects import NO_CODE, SIDE, Field, Record, read
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.draws import Rows
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R


class Done(NamedTuple):
    """An action at its completion; all values are those before its effects."""

    game: Game
    row: Rows
    state: State
    code: UInt32[Array, ""]  # kind, red's plus SIDE; NO_CODE where nothing completes
    agent: UInt32[Array, ""]
    actor: UInt32[Array, ""]  # number among the red agents; 0 for blue
    slot: UInt32[Array, ""]  # of the target host; 0 where the target is none
    target: UInt32[Array, ""]  # slot, zone or scope
    zone: UInt32[Array, ""]  # the target zone, or the zone of the target host
    host: Record

    def blue(self, kind: B.Blue) -> Bool[Array, ""]:
        """Whether this kind of blue action completes."""
        return self.code == int(kind)

    def red(self, kind: R.Red) -> Bool[Array, ""]:
        """Whether this kind of red action completes."""
        return self.code == SIDE + int(kind)

    @property
    def role(self) -> UInt8[Array, ""]:
        return self.state.host_role[self.slot]

    @property
    def live_edr(self) -> Bool[Array, ""]:
        return (self.host[Field.host_edr] > 0) & (self.host[Field.host_sensor_killed] == 0)


TARGET = np.zeros(2 * SIDE, np.uint8)  #: what a kind is aimed at (``Target``), ``[code]``
TARGET[: len(B.TARGET)], TARGET[SIDE : SIDE + len(R.TARGET)] = B.TARGET, R.TARGET


def completing(game: Game, row: Rows, state: State, agent: UInt32[Array, ""], when: Bool[Array, ""]) -> Done:
    """The action of an agent, which completes where ``when``."""
    kind = state.agent_kind[agent].astype(jnp.uint32)
    target = state.agent_target[agent].astype(jnp.uint32)
    code = kind + jnp.where(agent < T.NUM_BLUE, 0, SIDE).astype(jnp.uint32)
    what = jnp.asarray(TARGET)[code]
    slot = jnp.where(what == A.Target.HOST, target, jnp.uint32(0))
    zone = jnp.where(what == A.Target.ZONE, target, game.zone[slot].astype(jnp.uint32))
    return Done(
        game=game,
        row=row,
        state=state,
        code=jnp.where(when, code, jnp.uint32(NO_CODE)),
        agent=agent,
        actor=jnp.where(agent < T.NUM_BLUE, 0, agent - T.NUM_BLUE).astype(jnp.uint32),
        slot=slot,
        target=target,
        zone=zone,
        host=read(state, slot),
    )
