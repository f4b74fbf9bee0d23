"""A league on CC4 beside a training against one attacker: ``python studies/cc4_league.py RUNS``.

For each training seed: a league by the preset ``league-small``, with more rounds, and a blue that is trained
by the same settings against ``fsm`` alone, for as many environment steps as all of the league's blues
together. Both are judged against the reds of the league, against others that neither met, and against fresh
best responses. ``RUNS`` keeps leagues and responses, and all goes on where it was stopped. ``--out
results/cc4_league`` writes the study's folder after each seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from garrison.core.policy import Policy
from garrison.judge import specs, stats
from garrison.judge.format import fraction, interval, mean, number
from garrison.league import judges, run
from garrison.league.exploit import RESPONSE, Exploitation, exploit
from garrison.league.page import picture
from garrison.league.responses import Ippo, Task, mixture
from garrison.league.run import League
from garrison.presets import leagues
from garrison.runs import checkpoint
from garrison.studies.study import FIGURES, Section, Study, origin, parser, read_figures, save, show

PRESET = "league-small"
TEAMS = {"league": "the last mixture of a league", "alone": "trained against fsm alone"}
MET = ("fsm", "discovery")
UNMET = ("random_select", "impacter", "degrader")
EPISODES = 128


def play(folder: Path, seed: int, rounds: int, budget: int, responses: int) -> dict[str, Any]:
    """The league and the other blue of one seed, judged."""
    config = leagues.get(PRESET).changed(seed=seed, rounds=rounds, total_steps=budget)
    path = folder / f"league-{seed}"
    league = run.load(path) if (path / "league.json").exists() else run.create(path, config)
    league.run(lambda now: _tell(f"league {seed}", f"round {now.round} of {now.rounds}: {now.phase}"))
    blue, red = league.sides
    teams = {"league": mixture(*league.mixture(blue)), "alone": _alone(folder / f"alone-{seed}", league)}
    found = {name: _attacked(folder, name, seed, league, team, responses) for name, team in teams.items()}
    figures = judges.figures(league)
    del figures["path"]  # of this machine
    return {
        "figures": figures,
        "seconds": sum(json.loads(line)["seconds"] for line in (path / "seconds.jsonl").open()),
        "teams": {name: one.figures for name, one in found.items()},
        "returns": {name: _returns(one) for name, one in found.items()},
    }


def _alone(path: Path, league: League) -> Policy:
    """A blue that meets fsm alone, for the steps of all of the league's blues; kept in ``path``."""
    blue, red = league.sides
    settings = {**league.config.training}
    settings["total_steps"] = settings["total_steps"] * league.config.rounds
    oracle = Ippo(**settings)
    if (path / checkpoint.INDEX).exists():
        return checkpoint.load(path, oracle.like(league.world, blue))
    fsm = next(one for one in league.active(red) if one.id == "fsm")
    tell = lambda done, total: _tell(path.name, f"{done / total:.0%}")  # noqa: E731
    opponents = [league.policy(fsm)]
    task = Task(
        league.world, blue, opponents, [1.0], league.config.seed, folder=path / "training", on_progress=tell
    )
    response = oracle.respond(task)
    checkpoint.save(path, response.policy, 0, {"steps": response.steps})
    return response.policy


def _attacked(
    folder: Path, name: str, seed: int, league: League, team: Policy, responses: int
) -> Exploitation:
    blue, red = league.sides
    world = specs.with_scripts(league.world, red, [*MET, *UNMET])
    known = {one: world.policies(red)[one] for one in (*MET, *UNMET)}
    return exploit(
        *(world, blue, team, Ippo(**league.config.training)),
        seeds=responses,
        episodes=EPISODES,
        known=known,
        folder=folder / f"attack-{name}-{seed}",
        on_progress=lambda n, total, done: _tell(f"attack on {name} {seed}", f"{n + done:.2f} of {total}"),
    )


def _returns(found: Exploitation) -> dict[str, list[float]]:
    """Blue's return in each episode against each attacker."""
    reds = (RESPONSE, *MET, *UNMET)
    return {red: (-found.evaluation.episodes(red).returns[0]).round(1).tolist() for red in reds}


def _tell(what: str, how: str) -> None:
    print(f"\r{what}: {how}".ljust(70), end="", flush=True)


def study(figures: Mapping[str, Any]) -> Study:
    seeds = figures["seeds"]
    league = next(iter(seeds.values()))
    steps, rounds = figures["budget"], figures["rounds"]
    apart = {red: _difference(seeds, red) for red in (RESPONSE, *MET, *UNMET)}
    unmet = [f"{red} {mean(apart[red], '+')}" for red in UNMET]
    return Study(
        title="CC4: a league beside a training against one attacker",
        figures=figures,
        finding=(
            "Return of blue, the league's mixture minus the blue that met fsm alone: against a fresh best "
            f"response {mean(apart[RESPONSE], '+')}, against fsm {mean(apart['fsm'], '+')}; against reds "
            f"that neither met: {', '.join(unmet)}."
        ),
        method=(
            f"Episodes of {league['figures']['options']['steps']} steps. A league by the preset `{PRESET}` "
            f"with {rounds} rounds and {steps:,} environment steps per response; and a blue trained by the "
            f"same settings against `fsm` for {rounds} times as many. Best responses to each, fresh ones "
            f"that took no part in the league, have the same settings and {steps:,} steps; the best of "
            f"{league['teams']['league']['seeds']} is chosen on other episodes than it is judged on: bounds "
            f"from below. {EPISODES} episodes of each pair, the same for all; 95% intervals bootstrapped "
            f"over {len(seeds)} training seed(s) and episodes."
        ),
        sections=list(_sections(figures, apart)),
        pictures={"league.png": picture(league["figures"])},
    )


def _difference(seeds: Mapping[str, Any], red: str) -> dict[str, Any]:
    league, alone = (np.array([one["returns"][team][red] for one in seeds.values()]) for team in TEAMS)
    return asdict(stats.paired_difference(league, alone))


def _sections(figures: Mapping[str, Any], apart: Mapping[str, Any]) -> Iterator[Section]:
    seeds = figures["seeds"]
    yield Section(
        "Return of blue",
        ("attacker", *TEAMS, "league minus alone"),
        [
            (
                red,
                *(
                    mean(asdict(stats.estimate(np.array([x["returns"][team][red] for x in seeds.values()]))))
                    for team in TEAMS
                ),
                mean(apart[red], "+"),
            )
            for red in (RESPONSE, *MET, *UNMET)
        ],
        f"{', '.join(UNMET)}: met by neither. "
        + " ".join(f"{team.capitalize()}: {what}." for team, what in TEAMS.items()),
    )
    for seed, one in seeds.items():
        found = one["figures"]
        yield Section(
            f"Rounds of the league, seed {seed}",
            ("round", "value", "gap", "blue's response gains", "red's response gains"),
            [
                (
                    str(x["round"]),
                    interval(x["u"]),
                    fraction(x["gap"]),
                    *(_gain(x["candidates"].get(side, ())) for side in found["sides"]),
                )
                for x in found["rounds"]
            ],
            "In units of the league's scale. Responses without a gain do not join. The gap is among members. "
            f"The league took {number(one['seconds'] / 60)} minutes.",
        )


def _gain(candidates: Any) -> str:
    return (
        "; ".join(f"{mean(x['gain'], '+')}{'' if x['joined'] else ', does not join'}" for x in candidates)
        or "-"
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of leagues and responses")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0], help="training seeds")
    arguments.add_argument("--rounds", type=int, default=8)
    arguments.add_argument("--budget", type=int, default=150_000, help="environment steps of a response")
    arguments.add_argument("--responses", type=int, default=2, help="best responses to each team")
    asked = arguments.parse_args()
    settings = {"rounds": asked.rounds, "budget": asked.budget}
    known = asked.out is not None and (asked.out / FIGURES).exists()
    figures = read_figures(asked.out) if asked.out is not None and known else {**settings, "seeds": {}}
    if any(figures[name] != value for name, value in settings.items()):
        arguments.error(f"{asked.out} holds results of other rounds or another budget; take another folder")
    command = f"python studies/cc4_league.py RUNS --seeds SEED ... --rounds {asked.rounds}"
    command += f" --budget {asked.budget} --responses {asked.responses} --out results/cc4_league"
    for seed in asked.seeds:
        if str(seed) in figures["seeds"]:
            continue
        found = play(asked.runs, seed, asked.rounds, asked.budget, asked.responses)
        figures = figures | origin(command) | {"seeds": figures["seeds"] | {str(seed): found}}
        if asked.out is not None:
            save(asked.out, study(figures))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
