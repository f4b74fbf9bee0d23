"""What a trained red does to blue, beside the scripted reds: ``python studies/cc4_red.py RUN``.

``RUN`` is the run of a red. ``--against`` names the defenders, ``--out results/cc4_red`` writes the study's
folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import garrison
from garrison.judge.format import mean
from garrison.runs import curves
from garrison.studies.study import Section, Study, origin, parser, show
from garrison.training.run import Run
from garrison.worlds.cc4.agents.listed import Listed

RED, LIST, SCRIPT = "trained", "fsm by the list", "fsm"
AGAINST = ("idle", "reactive")
EPISODES, SEED = 50, 2_000_000
KINDS = ("ExploitRemoteService", "PrivilegeEscalate", "Impact", "DegradeServices")


def measure(run: Run, against: tuple[str, ...], episodes: int) -> dict[str, Any]:
    policies = {RED: run, LIST: Listed(SCRIPT), SCRIPT: SCRIPT, "random": "random"}
    options: dict[str, Any] = {"side": "both", "red_observation": "acts"}
    world = garrison.make("cc4", **options)
    judged = garrison.evaluate(
        world, policies, side="red", against=list(against), episodes=episodes, seed=SEED, versus=RED
    )
    rows = run.metrics()
    steps, returns = curves.per_seed(rows)
    return {
        "training": run.training.to_json(),
        "steps": int(steps[-1]),
        "seconds": sum(row["seconds"] for row in rows),
        "curve": {"steps": steps.tolist(), "return": curves.seed_mean(returns).tolist()},
        "red": judged.figures,
    }


def study(figures: Mapping[str, Any], episodes: int) -> Study:
    against = figures["red"]["against"]
    found = "; ".join(
        f"against {blue}: {', '.join(f'{name} {_return(one, name)}' for name in (RED, LIST, SCRIPT))}"
        for blue, one in against.items()
    )
    opponents = ", ".join(figures["training"]["opponents"]) or "the world's own"
    return Study(
        title="CC4: a trained red beside the scripted ones",
        figures=figures,
        finding=f"Red's return, which is what blue loses, {found}.",
        method=(
            f"One training seed, {figures['steps']:,} environment steps in {figures['seconds']:,.0f} s on a "
            f"machine with other load; opponents of the training: {opponents}. Its settings are in "
            f"`figures.json`. `{LIST}` chooses as `{SCRIPT}` does, but by red's list of actions, which names "
            "no session: a living one that has scanned the target acts. The script draws among all sessions "
            f"that it ever had. Judged with sampled actions on {episodes} episodes, the same for all, seeds "
            f"from {SEED:,} on; 95% bootstrap intervals over episodes. One seed shows that red learns, not "
            "how well it can."
        ),
        sections=list(_sections(figures)),
    )


def _return(one: Mapping[str, Any], name: str) -> str:
    return mean(one["policies"][name]["return"])


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    against = figures["red"]["against"]
    names = next(iter(against.values()))["policies"]
    yield Section(
        "Red's return against each blue",
        ("red", *against),
        [(name, *(_return(one, name) for one in against.values())) for name in names],
    )
    for blue, one in against.items():
        shares = {name: one["policies"][name]["behavior"]["shares"] for name in names}
        rows = [(n, *(f"{100 * share[kind]['value']:.1f}" for kind in KINDS)) for n, share in shares.items()]
        yield Section(f"Shares of decisions against {blue}, %", ("red", *KINDS), rows)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", type=Path, help="run of a red")
    arguments.add_argument("--against", nargs="+", default=AGAINST, help="defenders")
    arguments.add_argument("--episodes", type=int, default=EPISODES)
    asked = arguments.parse_args()
    command = f"python studies/cc4_red.py RUN --against {' '.join(asked.against)} --episodes {asked.episodes}"
    command += f" --out {asked.out}" if asked.out else ""
    run = garrison.load_run(asked.run)
    figures = origin(command) | measure(run, tuple(asked.against), asked.episodes)
    show(study(figures, asked.episodes), asked.out)


if __name__ == "__main__":
    main()
