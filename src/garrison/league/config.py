"""The configuration of a league."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from garrison.core.plugins import did_you_mean
from garrison.league import responses, solve
from garrison.league.match import Matchmaking
from garrison.league.payoff import BLOCK, Scale
from garrison.training.config import typed

FORMAT = 1


@dataclass(frozen=True)
class Config:
    """Everything needed to repeat a league. *Rows* are the policies of the world's first side."""

    world: str = "toy/duel"
    """Name of a world with two sides, or of one of its sides."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the world."""
    seed: int = 0
    """Random seed."""
    rounds: int = 3
    """Rounds, each with one response per side and learner."""
    rows: tuple[str, ...] = ("random",)
    """First members of the first side: policy specs, or host:NAME."""
    columns: tuple[str, ...] = ("random",)
    """First members of the second side."""
    held_out_rows: tuple[str, ...] = ()
    """Policies of the first side that are never matched and not in the matrix; they judge each round."""
    held_out_columns: tuple[str, ...] = ()
    """The same for the second side."""
    solver: str = "nash"
    """Meta-solver."""
    matchmaking: str = "psro"
    """Rule by which learners meet opponents."""
    floor: float = 0.05
    """Share of matches that all opponents get alike. 0 for the pure best response of PSRO."""
    power: float = 2.0
    """Exponent of pfsp_hard."""
    weight: float = 0.5
    """Share of PFSP in mix."""
    rule: str = "pfsp_var"
    """PFSP rule of mix."""
    roles: bool = False
    """A main agent, a main exploiter and a league exploiter per side, in place of one learner."""
    role_rounds: int = 2
    """Rounds after which a learner with a role joins in any case."""
    oracle: str = "ippo"
    """What makes responses: ippo or exact."""
    training: dict[str, Any] = field(default_factory=dict)
    """Settings of the oracle, such as total_steps."""
    start: Literal["scratch", "best", "newest"] = "best"
    """What training begins with: fresh networks, or those of the best or newest response of the side."""
    pool: int = 8
    """Opponents of one training at most; of more, this many are drawn."""
    accept: Literal["gain", "always"] = "gain"
    """Whether a response joins only if its gain over the value is above 0 with 97.5% confidence."""
    duplicate: float = 0.02
    """L1 distance of behavior to another response at or below which a response without a gain does not
    join; an equal one never does. Negative: all may join."""
    payoffs: Literal["played", "exact"] = "played"
    """Whether cells are played, or computed by a world that can."""
    width: float = 0.02
    """Half-width of the value's interval, in units of the scale, that needs no more episodes."""
    blocks: int = 64
    """Blocks of 16 episodes per round at most, besides the first block of each new cell."""
    judge_episodes: int = 64
    """Fresh episodes in which responses and held-out policies are judged; a multiple of 16."""
    low: float | None = None
    """Return that counts as 0; None: the 5% quantile of the worst cell at the start."""
    high: float | None = None
    """Return that counts as 1; None: the 95% quantile of the best cell at the start."""
    anchor: str | None = None
    """Policy of the first side: a return above its own in the same episode is a win. None: above 0."""
    retire_after: int | None = None
    """Rounds without weight after which a member retires; None: never."""

    def check(self) -> None:
        """Raise ``ValueError`` for values that are wrong in any world."""
        self.rule_of_matches()
        if self.solver not in solve.SOLVERS:
            raise ValueError(
                f"solver is {self.solver!r}{did_you_mean(self.solver, solve.SOLVERS)}; "
                f"it is one of: {', '.join(solve.SOLVERS)}"
            )
        lists = ("rows", "columns", "held_out_rows", "held_out_columns")
        for name in lists:
            specs = getattr(self, name)
            if len(set(specs)) < len(specs):
                raise ValueError(f"{name} names a policy twice: {', '.join(specs)}")
        for name in lists[:2]:
            if not getattr(self, name):
                raise ValueError(f"{name} is empty; name at least one policy, such as random")
            if both := set(getattr(self, name)) & set(getattr(self, f"held_out_{name}")):
                raise ValueError(f"{', '.join(sorted(both))} of {name} is held out; it must not be a member")
        for name, least in (("rounds", 1), ("pool", 1), ("blocks", 0), ("role_rounds", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if self.judge_episodes < BLOCK or self.judge_episodes % BLOCK:
            raise ValueError(f"judge_episodes is {self.judge_episodes}; it must be a multiple of {BLOCK}")
        if self.retire_after is not None and self.retire_after < 1:
            raise ValueError(f"retire_after is {self.retire_after}; it must be at least 1, or None")
        if self.low is not None and self.high is not None:
            Scale(self.low, self.high)
        responses.oracle(self.oracle, self.training)

    def rule_of_matches(self) -> Matchmaking:
        """The matchmaking of learners without roles."""
        return Matchmaking(self.matchmaking, self.floor, self.power, self.weight, self.rule)

    def changed(self, **changes: Any) -> Config:
        """A copy with other values; those of ``training`` may be named directly.

        Raises ``ValueError`` for values of the wrong type.
        """
        own = {x.name for x in dataclasses.fields(self)}
        training = {name: value for name, value in changes.items() if name not in own}
        data = {x.name: getattr(self, x.name) for x in dataclasses.fields(self)}
        data |= {name: value for name, value in changes.items() if name in own}
        return Config(**typed(Config, data | {"training": {**data["training"], **training}}, ""))

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT} | dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Config:
        """Read the result of :meth:`to_json`.

        Raises ``ValueError`` naming fields that are missing, unexpected or of the wrong type.
        """
        if data.get("format") != FORMAT:
            raise ValueError(f"format is {data.get('format')!r}; this version of Garrison reads {FORMAT}")
        return Config(**typed(Config, {k: v for k, v in data.items() if k != "format"}, ""))
