"""Learners of JaxMARL and EPyMARL beside Garrison's in the same worlds.

    python studies/published_learners.py RUNS --jaxmarl ../JaxMARL --epymarl ../epymarl \\
        --epymarl-python ../epymarl/.venv/bin/python --seeds 0 1 2 --out results/published_learners

Needs the extras train and jaxmarl, checkouts of both libraries, whose training scripts are run as they are,
and an interpreter that has what EPyMARL requires. Learners of a library that is not named are left out.
``RUNS`` is a folder of runs: those that it lacks are trained, unfinished ones of Garrison go on. ``--out``
writes the study's folder after each training, with what there is so far, and goes on from what is there.
"""

from __future__ import annotations

import argparse
import json
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
from garrison.worlds.toy.games import Repeated

COMMAND = (
    "python studies/published_learners.py RUNS --jaxmarl JAXMARL --epymarl EPYMARL --epymarl-python PYTHON "
    "--share {share:g} --seeds SEED ... --out results/published_learners"
)
JAXMARL, EPYMARL = "JaxMARL", "EPyMARL"
SPREAD, AGENTS = "MPE_simple_spread_v3", 3
STEPS = {JAXMARL: 1_000_000, EPYMARL: 100_000}  # environment steps of a training with --share 1
LAST = 0.1  # the part of a training whose mean return is its result
MARGIN = 0.05  # of what the library's learner lacks to nothing lost: closer means are equal
EPISODES, SEED = 1_000, 0  # of the random policy, and of Garrison's where the library judges apart

#: what the published configurations say, in Garrison's words
BASE = PRESETS["mlp"].changed(
    world="garrison.adapters.jaxmarl:make_world",
    options={"id": SPREAD},
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
    """An algorithm in Garrison and in another library.

    Attributes:
        script: of the library, with ``arguments`` that replace those of its configuration; ``prefix`` is
            before the names of JaxMARL's settings.
        judged: how the library plays the episodes of its results: ``"training"`` takes those of the
            training, ``"greedy"`` and ``"sampled"`` are played in between.
    """

    training: Training
    script: str
    arguments: tuple[str, ...] = ()
    prefix: str = ""
    judged: str = "training"
    library: str = JAXMARL

    @property
    def world(self) -> str:
        options = self.training.options
        return options["id"] if self.library == JAXMARL else f"{self.training.world}, {options['game']}"

    @property
    def returns_of_team(self) -> int:
        """What makes the mean over agents, which Garrison counts, the return that the library counts."""
        return AGENTS if self.library == JAXMARL else 1


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


def _maddpg(game: str) -> Learner:
    """The configuration ``maddpg_ns``: a gradient step on 16 episodes after each one."""
    training = Training(algorithm="maddpg").changed(
        world="toy/repeated",
        options={"game": game},
        hidden_sizes=(128, 128),
        sharing="separate",
        critic_sharing="separate",
        num_envs=4,
        updates=4,
        batch_size=16,
        replay_steps=100_000,
        warmup_steps=400,
        learning_rate=5e-4,
        actor_learning_rate=5e-4,
        target_tau=0.01,
        logit_coef=1e-3,
        gamma=0.99,
        max_grad_norm=10.0,
    )
    return Learner(training, "src/main.py", ("--config=maddpg_ns",), judged="sampled", library=EPYMARL)


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
    "VDN, recurrent": Learner(_qmix("sum"), "baselines/QLearning/vdn_rnn.py", _TESTS, "alg.", "greedy"),
    "QMIX, recurrent": Learner(_qmix("qmix"), "baselines/QLearning/qmix_rnn.py", _TESTS, "alg.", "greedy"),
    "MADDPG, climbing": _maddpg("climbing"),
    "MADDPG, penalty": _maddpg("penalty"),
}

#: runs one of JaxMARL's scripts, and writes each return that it would log
JAXMARL_SCRIPT = """
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


#: the same for EPyMARL's, in a game that is repeated for an episode of 25 rounds
EPYMARL_SCRIPT = """
import json, os, runpy, sys
import gymnasium, numpy, sacred.observers
log, payoffs = open(sys.argv[1], "w"), json.loads(sys.argv[2])
sys.argv[:3] = []
class Game(gymnasium.Env):
    n_agents = 2
    def __init__(self, render_mode=None):
        self.action_space = gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(3)] * 2)
        self.observation_space = gymnasium.spaces.Tuple([gymnasium.spaces.Box(0, 1, (1,))] * 2)
    def reset(self, *, seed=None, options=None):
        return [numpy.ones(1, "float32")] * 2, {}
    def step(self, actions):
        one, other = actions
        return [numpy.ones(1, "float32")] * 2, float(payoffs[one][other]), False, False, {}
gymnasium.register("game-v0", lambda **_: Game(), disable_env_checker=True, order_enforce=False)
create = sacred.observers.FileStorageObserver.create
sacred.observers.FileStorageObserver.create = lambda _: create(os.getcwd())
sys.path.insert(0, os.path.dirname(sys.argv[0]))
sys.modules["smaclite"] = sys  # EPyMARL imports it always; no package index has it
import utils.logging
usual = utils.logging.Logger.log_stat
def note(self, key, value, t, to_sacred=True):
    if key == "test_return_mean":
        print(float(value), file=log, flush=True)
    usual(self, key, value, t, to_sacred)
utils.logging.Logger.log_stat = note
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def theirs(learner: Learner, asked: argparse.Namespace, steps: int, seed: int) -> list[float]:
    """Returns that the library's script logs, from first to last.

    Raises:
        SystemExit: where the script fails.
    """
    if learner.library == JAXMARL:
        settings = {f"{learner.prefix}TOTAL_TIMESTEPS": steps, "SEED": seed, "WANDB_MODE": "disabled"}
        python, harness, given = [sys.executable], JAXMARL_SCRIPT, []
    else:
        game = {"env_args.key": "game-v0", "env_args.time_limit": 25, "use_cuda": False}
        tests = {"test_interval": steps // 20, "test_nepisode": 100}
        settings = {**game, "t_max": steps, **tests, "seed": seed}
        payoffs = Repeated().payoffs[learner.training.options["game"]]
        python, harness, given = [str(asked.epymarl_python)], EPYMARL_SCRIPT, [json.dumps(payoffs)]
    words = [f"{name}={value}" for name, value in settings.items()]
    if learner.library == EPYMARL:
        words = ["--env-config=gymma", "with", *words]
    script = (getattr(asked, learner.library.lower()) / learner.script).resolve()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        done = subprocess.run(
            [*python, "-c", harness, str(log), *given, str(script), *learner.arguments, *words],
            cwd=folder,
            env=os.environ | {"WANDB_ENTITY": "none"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{script} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return [float(line) for line in log.read_text().split()]


def ours(learner: Learner, folder: Path, steps: int, seed: int) -> list[float]:
    """The same of Garrison's learner: of each iteration, or, of greedy play, of the last policy alone."""
    run = trained(learner.training.changed(total_steps=steps, seed=seed), folder)
    if learner.judged != "training":
        policies = run.policies(greedy=learner.judged == "greedy")
        result = garrison.evaluate(run.world(), {"trained": policies}, episodes=EPISODES, seed=SEED)
        return [learner.returns_of_team * float(result.episodes("trained").returns.mean())]
    returns = [row["return"][0] for row in run.metrics()]
    return [learner.returns_of_team * value for value in returns if value is not None and np.isfinite(value)]


def end(values: list[float]) -> float:
    """The mean of the last tenth."""
    return float(np.mean(values[-max(1, round(LAST * len(values))) :]))


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    return Study(
        title="Learners of other libraries and of Garrison in the same worlds",
        figures=figures,
        finding="; ".join(_words(figures, name) for name in figures["learners"]) + ".",
        method=(
            f"{SPREAD} of JaxMARL, through `garrison.adapters.jaxmarl.make_world`; the climbing and the "
            "penalty game (-25) of Claus and Boutilier 1998, 25 rounds an episode, as `toy/repeated` and as "
            "an environment of EPyMARL. The settings are those of the libraries' configurations, and their "
            "scripts ran as they are. Returns are of the training's episodes in its last tenth for PPO, of "
            "greedy play at the end for Q-learning, of sampled play for MADDPG; sums over agents in "
            f"{SPREAD}. Intervals are 95%: of returns bootstrapped over training seeds, of differences by "
            "Welch's test. Beyond these settings the libraries differ. Garrison divides rewards by the "
            "standard deviation of returns, and begins Q-learning with the first rollout. JaxMARL's "
            "Q-learning sums rewards over agents, adds agents' numbers to their observations, and starts "
            "after 10,000 steps. EPyMARL standardizes rewards, and makes a gradient step after each episode, "
            "where Garrison makes four after four. Difference: Garrison minus the library, in percent of the "
            f"library's return without its sign; equal: its interval lies within ±{MARGIN:.0%}."
        ),
        sections=list(_sections(figures)),
    )


def _words(figures: Mapping[str, Any], name: str) -> str:
    found = figures["learners"][name]
    both = [float(np.mean(list(found[who].values()))) for who in ("theirs", "garrison") if found[who]]
    library = LEARNERS[name].library
    return f"{name}: {' against '.join(number(value) for value in both)} ({library}, Garrison)"


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    rows = []
    for name, found in figures["learners"].items():
        learner = LEARNERS[name]
        cells = [_estimate(found[who]) for who in ("theirs", "garrison")]
        seeds = " and ".join(str(len(found[who])) for who in ("theirs", "garrison"))
        steps = f"{round(STEPS[learner.library] * figures['share']):,}"
        chance = number(figures["random"][learner.world])
        rows.append((name, learner.world, steps, chance, learner.library, *cells, seeds, *_difference(found)))
    yield Section(
        "Returns",
        (
            "learner",
            "world",
            "steps",
            "random play",
            "library",
            "its return",
            "Garrison's",
            "seeds",
            "difference, %",
            "verdict",
        ),
        rows,
    )


def _estimate(seeds: Mapping[str, float]) -> str:
    if not seeds:
        return "-"
    return mean(asdict(stats.estimate(np.array(list(seeds.values()))[:, None])))


def _difference(found: Mapping[str, Mapping[str, float]]) -> tuple[str, str]:
    both = [np.array(list(found[who].values())) for who in ("garrison", "theirs")]
    if min(map(len, both)) < 2:
        return "-", "too few seeds"
    unit = abs(both[1].mean()) / 100
    if np.ptp(both[0]) == np.ptp(both[1]) == 0:  # Welch's test has no spread to go by
        difference = (both[0].mean() - both[1].mean()) / unit
        return number(difference), "equal" if difference == 0 else "every seed alike"
    one = stats.mean_difference(*both)
    low, high = (one.low or 0.0) / unit, (one.high or 0.0) / unit
    shown = mean({"mean": one.value / unit, "low": low, "high": high})
    if -100 * MARGIN <= low and high <= 100 * MARGIN:
        return shown, "equal"
    return shown, "better" if low > 0 else "worse" if high < 0 else "undecided"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("--jaxmarl", type=Path, help="a checkout of JaxMARL")
    arguments.add_argument("--epymarl", type=Path, help="a checkout of EPyMARL")
    arguments.add_argument("--epymarl-python", type=Path, help="an interpreter with what EPyMARL requires")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="training seeds")
    arguments.add_argument("--share", type=float, default=1.0, help="share of the full trainings' steps")
    asked = arguments.parse_args()
    if (asked.epymarl is None) != (asked.epymarl_python is None):
        arguments.error("--epymarl and --epymarl-python go together")
    figures: dict[str, Any] = {"learners": {}, "random": {}, "share": asked.share}
    if asked.out is not None and (asked.out / FIGURES).exists():
        figures = read_figures(asked.out)
    if figures["share"] != asked.share:
        arguments.error(f"{asked.out} holds results of --share {figures['share']}; take another folder")
    for seed in asked.seeds:
        for name, learner in LEARNERS.items():
            if getattr(asked, learner.library.lower()) is None:
                continue
            if learner.world not in figures["random"]:
                random = garrison.evaluate(
                    learner.training.make_world(), ["random"], episodes=EPISODES, seed=SEED
                )
                value = float(random.episodes("random").returns.mean())
                figures["random"][learner.world] = learner.returns_of_team * value
            steps = round(STEPS[learner.library] * asked.share)
            found = figures["learners"].setdefault(name, {"theirs": {}, "garrison": {}})
            folder = asked.runs / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
            if str(seed) not in found["theirs"]:
                found["theirs"][str(seed)] = end(theirs(learner, asked, steps, seed))
            if str(seed) not in found["garrison"]:
                found["garrison"][str(seed)] = end(ours(learner, folder, steps, seed))
            both = {who: one[str(seed)] for who, one in found.items()}
            print(f"{name}, seed {seed}: {both}", file=sys.stderr, flush=True)
            figures |= origin(COMMAND.format(share=asked.share))
            if asked.out is not None:
                save(asked.out, study(figures))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
