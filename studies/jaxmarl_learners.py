"""JaxMARL's learners beside Garrison's in an environment of JaxMARL.

    python studies/jaxmarl_learners.py RUNS --scripts ../JaxMARL --seeds 0 1 2 --out results/jaxmarl_learners

Needs the extras train and jaxmarl, and a checkout of JaxMARL, whose training scripts are run as they are.
``RUNS`` is a folder of runs: those that it lacks are trained, unfinished ones of Garrison go on. ``--out``
writes the study's folder after each training, with what there is so far, and goes on from what is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison.judge import stats
from garrison.judge.format import mean, number
from garrison.presets import PRESETS
from garrison.studies.study import FIGURES, Section, Study, origin, parser, read_figures, save, show
from garrison.training.config import Training
from garrison.training.trained import trained

COMMAND = (
    "python studies/jaxmarl_learners.py RUNS --scripts JAXMARL --steps {steps} --seeds SEED ... "
    "--out results/jaxmarl_learners"
)
ID, AGENTS = "MPE_simple_spread_v3", 3
STEPS = 1_000_000
LAST = 0.1  # the part of a training whose mean return is its result
MARGIN = 0.05  # of the loss of JaxMARL's learner: closer means are equal
EPISODES, SEED = 1_000, 0  # of the random policy

#: what the published configurations say, in Garrison's words
BASE = PRESETS["mlp"].changed(
    world="garrison.adapters.jaxmarl:make_world",
    options={"id": ID},
    num_envs=16,
    rollout_steps=128,
    epochs=4,
    minibatches=4,
    gamma=0.99,
    gae_lambda=0.95,
    clip_eps=0.2,
    entropy_coef=0.01,
    value_coef=0.5,
    max_grad_norm=0.5,
    anneal_lr=True,
)


@dataclass(frozen=True)
class Learner:
    """An algorithm in both libraries.

    Attributes:
        script: of JaxMARL, with ``arguments`` that replace those of its configuration; ``prefix`` is before
            the names of its settings.
        greedy: whether its results are of greedy play, measured in between; else of the training's episodes.
    """

    training: Training
    script: str
    arguments: tuple[str, ...] = ()
    prefix: str = ""
    greedy: bool = False


def _qmix(mixer: str) -> Training:
    return Training(algorithm="qmix").changed(
        world=BASE.world,
        options=BASE.options,
        network="recurrent",
        hidden_sizes=(64,),
        cell="gru",
        cell_size=64,
        mixer=mixer,
        num_envs=8,
        replay_steps=5_000 * 26,
        batch_size=32,
        updates=1,
        gamma=0.9,
        learning_rate=5e-3,
        anneal_lr=True,
        max_grad_norm=25.0,
        exploration_start=1.0,
        exploration_end=0.05,
        exploration_until=0.1,
        target_updates=200,
    )


_TESTS = ("+alg=ql_rnn_mpe", "SAVE_PATH=null", "NUM_SEEDS=1", "alg.TEST_NUM_ENVS=128")
LEARNERS: dict[str, Learner] = {
    "IPPO": Learner(
        BASE.changed(hidden_sizes=(64, 64), learning_rate=2.5e-4, separate_critic=True),
        "baselines/IPPO/ippo_ff_mpe.py",
        ("NUM_SEEDS=1",),
    ),
    "MAPPO, recurrent": Learner(
        BASE.changed(
            algorithm="mappo",
            network="recurrent",
            hidden_sizes=(128,),
            cell="gru",
            cell_size=128,
            learning_rate=2e-3,
        ),
        "baselines/MAPPO/mappo_rnn_mpe.py",
        ("NUM_SEEDS=1",),
    ),
    "VDN, recurrent": Learner(_qmix("sum"), "baselines/QLearning/vdn_rnn.py", _TESTS, "alg.", True),
    "QMIX, recurrent": Learner(_qmix("qmix"), "baselines/QLearning/qmix_rnn.py", _TESTS, "alg.", True),
}

#: runs one of the scripts, and writes each return that it would log
SCRIPT = """
import os, runpy, sys
import matplotlib, numpy, wandb
matplotlib.use("Agg")
log = open(sys.argv.pop(1), "w")
names = ("test_returned_episode_returns", "returns", "returned_episode_returns")
def note(metrics):
    found = [float(numpy.mean(metrics[name])) for name in names if name in metrics]
    if found and "returns_plot" not in metrics:
        print(found[0], file=log, flush=True)
wandb.init, wandb.log, wandb.login = lambda **_: None, note, lambda *_, **__: None
wandb.Table, wandb.plot = lambda **_: None, type("Plot", (), {"line": staticmethod(lambda *_, **__: None)})
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def theirs(learner: Learner, root: Path, steps: int, seed: int) -> list[float]:
    """What JaxMARL's script logs, the sum over agents of an episode's rewards, from first to last.

    Raises:
        SystemExit: where the script fails.
    """
    settings = {f"{learner.prefix}TOTAL_TIMESTEPS": steps, "SEED": seed, "WANDB_MODE": "disabled"}
    overrides = [*learner.arguments, *(f"{name}={value}" for name, value in settings.items())]
    script = (root / learner.script).resolve()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(log), str(script), *overrides],
            cwd=folder,
            env=os.environ | {"WANDB_ENTITY": "none"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{script} failed:\n{done.stderr[-2000:]}")
        return [float(line) for line in log.read_text().split()]


def ours(learner: Learner, folder: Path, steps: int, seed: int) -> list[float]:
    """The same of Garrison's learner: of each iteration, or, of greedy play, of the last policy alone."""
    run = trained(learner.training.changed(total_steps=steps, seed=seed), folder)
    if learner.greedy:
        result = garrison.evaluate(run.world(), {"trained": run.policies()}, episodes=EPISODES, seed=SEED)
        return [AGENTS * float(result.episodes("trained").returns.mean())]
    returns = [row["return"][0] for row in run.metrics()]
    return [AGENTS * value for value in returns if value is not None and np.isfinite(value)]


def end(values: list[float]) -> float:
    """The mean of the last tenth."""
    return float(np.mean(values[-max(1, round(LAST * len(values))) :]))


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    return Study(
        title="Learners of JaxMARL and of Garrison in the same world",
        figures=figures,
        finding=f"In {ID}: " + "; ".join(_words(figures, name) for name in figures["learners"]) + ".",
        method=(
            f"{ID} of JaxMARL, through `garrison.adapters.jaxmarl.make_world`; {figures['steps']:,} "
            "environment steps, with the settings of JaxMARL's configurations. JaxMARL's scripts ran as they "
            "are. Returns are sums over agents: of the training's episodes in its last tenth for PPO, of "
            f"greedy play at its end for Q-learning. Random play returns {figures['random']:.1f}. Intervals "
            "are 95%: of returns bootstrapped over training seeds, of differences by Welch's test. Beyond "
            "these settings the libraries differ: Garrison divides rewards by the standard deviation of "
            "returns and begins Q-learning with the first rollout; JaxMARL's Q-learning sums rewards over "
            "agents, adds agents' numbers to their observations, and starts after 10,000 steps. Difference: "
            "Garrison minus JaxMARL in percent of JaxMARL's loss; equal: its interval lies within "
            f"±{MARGIN:.0%}."
        ),
        sections=list(_sections(figures)),
    )


def _words(figures: Mapping[str, Any], name: str) -> str:
    found = figures["learners"][name]
    both = [float(np.mean(list(found[who].values()))) for who in ("jaxmarl", "garrison") if found.get(who)]
    return f"{name} {' against '.join(number(value) for value in both)} (JaxMARL, Garrison)"


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    rows = []
    for name, found in figures["learners"].items():
        cells = [_estimate(found.get(who, {})) for who in ("jaxmarl", "garrison")]
        seeds = [str(len(found.get(who, {}))) for who in ("jaxmarl", "garrison")]
        rows.append((name, cells[0], seeds[0], cells[1], seeds[1], *_difference(found)))
    yield Section(
        "Returns",
        ("learner", "JaxMARL", "seeds", "Garrison", "seeds", "difference, %", "verdict"),
        rows,
    )


def _estimate(seeds: Mapping[str, float]) -> str:
    if not seeds:
        return "-"
    return mean(asdict(stats.estimate(np.array(list(seeds.values()))[:, None])))


def _difference(found: Mapping[str, Mapping[str, float]]) -> tuple[str, str]:
    both = [np.array(list(found.get(who, {}).values())) for who in ("garrison", "jaxmarl")]
    if min(map(len, both)) < 2:
        return "-", "too few seeds"
    loss = abs(both[1].mean()) / 100
    one = stats.mean_difference(*both)
    low, high = (one.low or 0.0) / loss, (one.high or 0.0) / loss
    shown = mean({"mean": one.value / loss, "low": low, "high": high})
    if -100 * MARGIN <= low and high <= 100 * MARGIN:
        return shown, "equal"
    return shown, "better" if low > 0 else "worse" if high < 0 else "undecided"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("--scripts", type=Path, required=True, help="a checkout of JaxMARL")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="training seeds")
    arguments.add_argument("--steps", type=int, default=STEPS, help="environment steps of a training")
    arguments.add_argument("--learners", nargs="+", default=list(LEARNERS), choices=LEARNERS)
    asked = arguments.parse_args()
    figures: dict[str, Any] = {"learners": {}, "steps": asked.steps}
    if asked.out is not None and (asked.out / FIGURES).exists():
        figures = read_figures(asked.out)
    if figures["steps"] != asked.steps:
        arguments.error(f"{asked.out} holds results of --steps {figures['steps']}; take another folder")
    if "random" not in figures:
        world = garrison.make(BASE.world, **BASE.options)
        result = garrison.evaluate(world, ["random"], episodes=EPISODES, seed=SEED)
        figures["random"] = AGENTS * float(result.episodes("random").returns.mean())
    for seed in asked.seeds:
        for name in asked.learners:
            found = figures["learners"].setdefault(name, {"jaxmarl": {}, "garrison": {}})
            learner, folder = LEARNERS[name], f"{name.replace(', ', '-')}-{seed}"
            if str(seed) not in found["jaxmarl"]:
                found["jaxmarl"][str(seed)] = end(theirs(learner, asked.scripts, asked.steps, seed))
            if str(seed) not in found["garrison"]:
                found["garrison"][str(seed)] = end(ours(learner, asked.runs / folder, asked.steps, seed))
            both = {who: one[str(seed)] for who, one in found.items()}
            print(f"{name}, seed {seed}: {both}", file=sys.stderr, flush=True)
            figures |= origin(COMMAND.format(steps=asked.steps))
            if asked.out is not None:
                save(asked.out, study(figures))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
