"""Named configurations of leagues: data, to read, change with :meth:`Config.changed`, and run."""

from __future__ import annotations

from dataclasses import dataclass

from garrison.core.plugins import did_you_mean
from garrison.league.config import Config


@dataclass(frozen=True)
class LeaguePreset:
    """A configuration, its purpose, and the source of its numbers."""

    config: Config
    purpose: str
    source: str


_TOY = {
    "total_steps": 8_192,
    "num_envs": 64,
    "hidden_sizes": [32],
    "learning_rate": 3e-3,
    "epochs": 4,
    "minibatches": 2,
}
#: Networks and settings of cc4-best and cc4-red: all hosts share weights, and decisions alone count.
_CC4 = Config(
    world="cc4",
    options={"observation": "recall", "busy": "masked", "traffic": "off"},
    rows=("idle", "reactive", "guard"),
    columns=("fsm", "discovery"),
    held_out_rows=("firewall",),
    held_out_columns=("random_select",),
    rounds=8,
    anchor="reactive",
    high=0.0,
    training={
        "num_envs": 16,
        "pieces": 8,
        "epochs": 4,
        "minibatches": 8,
        "network": "entity",
        "activation": "relu",
        "hidden_sizes": [48, 48],
        "decisions_only": True,
        "learning_rate": 1.5e-3,
        "gae_lambda": 0.97,
        "entropy_coef": 0.005,
        "entropy_end": 0.0,
        "reward_memory": 0.9,
        "sides": {
            "blue": {"decision_share": 0.56, "critic_observation": "true"},
            "red": {"decision_share": 0.4, "teacher": "fsm", "teacher_end": 0.0, "teacher_until": 0.3},
        },
    },
)
_LARGE = _CC4.changed(total_steps=3_000_000, num_envs=256, minibatches=16)

LEAGUES: dict[str, LeaguePreset] = {
    "league-smoke": LeaguePreset(
        Config(
            world="toy/duel",
            options={"steps": 4},
            rows=("guesser",),
            columns=("rush",),
            held_out_rows=("restorer",),
            held_out_columns=("creep",),
            rounds=2,
            anchor="guesser",
            low=-3.0,
            high=0.0,
            training=_TOY,
            blocks=16,
        ),
        "PSRO on the duel, as a test that a league runs; about a minute, most of it compiling.",
        "Chosen for speed.",
    ),
    "league-small": LeaguePreset(
        _CC4.changed(
            options={**_CC4.options, "steps": 100}, rounds=4, blocks=32, total_steps=150_000, pieces=2
        ),
        "PSRO on short episodes of CAGE Challenge 4, for two CPU cores.",
        "Lanctot et al. 2017; sizes for two CPU cores; settings of the presets quick and cc4-red. Not tuned.",
    ),
    "league-cc4": LeaguePreset(
        _LARGE.changed(matchmaking="mix"),
        "Whole episodes of CAGE Challenge 4, half PFSP and half PSRO, for an accelerator.",
        "Vinyals et al. 2019 (PFSP), Lanctot et al. 2017 (PSRO); steps of cc4-ippo. Not tuned.",
    ),
    "alphastar": LeaguePreset(
        _LARGE.changed(roles=True),
        "A main agent, a main exploiter and a league exploiter per side, for an accelerator.",
        "Vinyals et al. 2019: shares of matches, the 70% rule for snapshots, restarts. Not tuned.",
    ),
}


def get(name: str) -> Config:
    """The configuration of that name. Raises ``ValueError`` for an unknown name, naming the closest one."""
    if name not in LEAGUES:
        raise ValueError(
            f"no league preset {name!r}{did_you_mean(name, LEAGUES)}; presets: {', '.join(LEAGUES)}"
        )
    return LEAGUES[name].config
