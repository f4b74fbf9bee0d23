"""What the libraries that Garrison has adapters for say of them, and how fast they are on cc4.

    python studies/adapters.py pettingzoo=PYTHON gymnasium=PYTHON sb3=PYTHON jaxmarl=PYTHON rllib=PYTHON \\
        --scripts ../JaxMARL --out results/adapters

Each library is measured by an interpreter of its own, which has the extra of that name. --scripts is a
checkout of JaxMARL, whose training scripts are run on cc4; the lines of them that are changed are in CHANGES.
With --keep the figures of libraries that are not given are those of the folder.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from garrison.studies.study import Section, Study, origin, parser, read_figures, show

SRC = Path(__file__).parents[1] / "src"
AGENT = {"agent": "blue_agent_0", "others": "guard", "traffic": "off"}
PACKAGES = {"sb3": "sb3-contrib", "rllib": "ray"}
SEED = 1_000_000  # of episodes that judge
Row = dict[str, Any]

#: lines of JaxMARL's scripts and what stands for them
CHANGES = {
    "baselines/IPPO/ippo_ff_mpe.py": (("\nimport jaxmarl\n", "\nfrom garrison.adapters import jaxmarl\n"),),
    "baselines/IPPO/ippo_rnn_smax.py": (
        (
            "from jaxmarl.environments.smax import HeuristicEnemySMAX, map_name_to_scenario",
            "from garrison.adapters.jaxmarl import make",
        ),
        ('    scenario = map_name_to_scenario(config["MAP_NAME"])\n', ""),
        (
            'HeuristicEnemySMAX(scenario=scenario, **config["ENV_KWARGS"])',
            'make(config["ENV_NAME"], **config["ENV_KWARGS"])',
        ),
    ),
    "baselines/QLearning/qmix_rnn.py": (
        ("from jaxmarl import make\n", "from garrison.adapters.jaxmarl import CTRolloutManager, make\n"),
        ("    CTRolloutManager,\n    LogWrapper,", "    LogWrapper,"),
    ),
}
OFF = 'traffic="off"'
OVERRIDES = {
    "baselines/IPPO/ippo_ff_mpe.py": [f"+ENV_KWARGS.{OFF}", "NUM_ENVS=16", "NUM_SEEDS=1"],
    "baselines/IPPO/ippo_rnn_smax.py": ["~ENV_KWARGS", f"+ENV_KWARGS.{OFF}", "NUM_ENVS=16"],
    "baselines/QLearning/qmix_rnn.py": [
        "+alg=ql_rnn_mpe",
        f"+alg.ENV_KWARGS.{OFF}",
        *("alg.NUM_ENVS=8", "alg.NUM_STEPS=499", "alg.GAMMA=0.99", "alg.LEARNING_STARTS=8000"),
        *("alg.TEST_NUM_ENVS=8", "alg.TEST_NUM_STEPS=499", "alg.TEST_INTERVAL=0.25"),
        *("alg.BUFFER_SIZE=128", "alg.BUFFER_BATCH_SIZE=8", "alg.NUM_EPOCHS=4", "alg.LR=0.001"),
        *("alg.TARGET_UPDATE_INTERVAL=5", "+alg.REW_SCALE=0.01"),
        "SAVE_PATH=null",
    ],
}
#: runs one of the scripts, and prints what it would log: the time, environment steps, the team's return
SCRIPT = """
import os, runpy, sys, time
import matplotlib, numpy, wandb
matplotlib.use("Agg")
log = open(sys.argv.pop(1), "w")
names = ("test_returned_episode_returns", "returns", "returned_episode_returns")
def note(metrics):
    value = next(float(numpy.mean(metrics[name])) for name in names if name in metrics)
    print(time.process_time(), value, file=log, flush=True)
wandb.init, wandb.log = lambda **_: None, note
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def timed(step: Callable[[], Any], seconds: float = 2.5) -> float:
    """Calls per second of CPU time, the median of five parts; the first call compiles and does not count."""
    step()
    rates = []
    for _ in range(5):
        start, calls = time.process_time(), 0
        while time.process_time() - start < seconds / 5:
            step()
            calls += 1
        rates.append(calls / (time.process_time() - start))
    return float(np.median(rates))


def row(check: str, outcome: str, steps_per_second: float | None = None) -> Row:
    return {"check": check, "outcome": outcome, "steps_per_second": steps_per_second}


# ---------------------------------------------------------------- in the interpreter of a library


def pettingzoo(_: str) -> Iterator[Row]:
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    from garrison.adapters.pettingzoo import GarrisonParallelEnv

    for side, agents in (("blue", "5 agents"), ("both", "11 agents of both sides")):
        env = GarrisonParallelEnv("cc4", side=side, steps=60)
        parallel_api_test(env, num_cycles=100)
        parallel_seed_test(lambda side=side: GarrisonParallelEnv("cc4", side=side, steps=60), num_cycles=30)

        def step(env=env):
            if not env.agents:
                env.reset()
            env.step(dict.fromkeys(env.agents, 0))

        yield row(f"parallel_api_test, parallel_seed_test: {agents}", "pass", timed(step))


def gymnasium(_: str) -> Iterator[Row]:
    import warnings

    from gymnasium.utils.env_checker import check_env

    from garrison.adapters.gymnasium import GarrisonEnv, GarrisonVectorEnv

    for name, view in (("an agent beside guard", AGENT), ("all 5 agents as one", {"traffic": "off"})):
        env = GarrisonEnv("cc4", **view)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_env(env)
        env.reset(seed=0)
        action = np.zeros_like(env.action_space.sample())

        def step(env=env, action=action):
            *_, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

        yield row(f"check_env: {name}", "pass", timed(step))
    for num_envs in (16, 256):
        many = GarrisonVectorEnv("cc4", num_envs=num_envs, **AGENT)
        many.reset(seed=0)
        actions = np.zeros_like(many.action_space.sample())
        rate = num_envs * timed(lambda many=many, actions=actions: many.step(actions))
        yield row(f"GarrisonVectorEnv, {num_envs} environments: an agent beside guard", "plays", rate)


def sb3(_: str) -> Iterator[Row]:
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

    from garrison.adapters.gymnasium import GarrisonEnv
    from garrison.adapters.sb3 import GarrisonVecEnv

    torch.set_num_threads(1)

    def judged(model: Any, view: Mapping[str, Any]) -> str:
        envs = GarrisonVecEnv(num_envs=32, **view)
        envs.seed(SEED)
        obs, returns = envs.reset(), np.zeros(32)
        for _ in range(envs.world.max_steps):
            actions, _ = model.predict(obs, action_masks=np.stack(envs.env_method("action_masks")))
            obs, reward, *_ = envs.step(actions)
            returns += reward
        return f"{returns.mean():,.1f} ± {returns.std(ddof=1) / 32**0.5:,.1f}"

    cc4 = {"world": "cc4", **AGENT}
    recipe = cc4 | {"observation": "rich", "busy": "masked"}
    shaped = {"rewards": "cause", "contractor": "leave_out"}  # to learn from (docs/learned-defence.md)
    network = {"world": "toy/network", "agent": "blue_1", "others": "random"}
    plain = {"batch_size": 1024, "n_epochs": 4, "learning_rate": 1e-3}
    tuned = plain | {"batch_size": 512, "ent_coef": 0.005, "gae_lambda": 0.97}
    for name, view, learning, settings, kind, steps in (
        ("cc4, an agent beside guard", cc4, {}, plain, GarrisonVecEnv, 98_304),
        ("cc4, an agent beside guard", cc4, {}, plain, DummyVecEnv, 8_192),
        ("cc4 by the recipe, an agent beside guard", recipe, shaped, tuned, GarrisonVecEnv, 282_624),
        ("toy/network, an agent beside random", network, {}, plain, GarrisonVecEnv, 98_304),
    ):
        if kind is GarrisonVecEnv:
            envs = VecMonitor(GarrisonVecEnv(num_envs=32, **view, **learning))
        else:
            envs = VecMonitor(DummyVecEnv([lambda given=view | learning: GarrisonEnv(**given)] * 8))
        size = 4096 // envs.num_envs
        model = MaskablePPO("MlpPolicy", envs, n_steps=size, seed=0, **settings)
        before = judged(model, view)
        model.learn(4096)  # compiles
        start = time.process_time()
        model.learn(steps)
        rate = steps / (time.process_time() - start)
        check = f"MaskablePPO, {kind.__name__} of {envs.num_envs}: {name}"
        after = f"{judged(model, view)} after {steps + 4096:,} steps"
        yield row(check, f"return {before} before, {after}", rate)


def jaxmarl(scripts: str) -> Iterator[Row]:
    import jax
    import jax.numpy as jnp

    from garrison.adapters import jaxmarl

    env = jaxmarl.make("cc4", traffic="off")
    num_envs, steps = 64, 100

    @jax.jit
    def play(keys: jax.Array, state: Any) -> Any:
        def one(state: Any, number: jax.Array) -> Any:
            own = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
            actions = dict.fromkeys(env.agents, jnp.zeros(num_envs, jnp.int32))
            _, state, rewards, *_ = jax.vmap(env.step)(own, state, actions)
            return state, rewards[env.agents[0]]

        return jax.lax.scan(one, state, jnp.arange(steps))

    keys = jax.random.split(jax.random.key(0), num_envs)
    held = [jax.vmap(env.reset)(keys)[1]]

    def step() -> None:
        held[0], rewards = play(keys, held[0])
        jax.block_until_ready(rewards)

    yield row(f"jax.vmap(env.step), {num_envs} environments", "plays", num_envs * steps * timed(step))
    for script, total in (
        ("baselines/IPPO/ippo_rnn_smax.py", 65_536),
        ("baselines/IPPO/ippo_ff_mpe.py", 65_536),
        ("baselines/QLearning/qmix_rnn.py", 59_880),
    ):
        yield script_row(Path(scripts), script, total)


def script_row(root: Path, script: str, total: int) -> Row:
    """Runs one of JaxMARL's training scripts with its changed lines for ``total`` environment steps."""
    text = (root / script).read_text()
    for old, new in CHANGES[script]:
        if old not in text:
            raise SystemExit(f"{root / script} has no {old!r}; the study knows the scripts of JaxMARL 0.2.0")
        text = text.replace(old, new)
    prefix = "alg." if "QLearning" in script else ""
    overrides = [f"{prefix}ENV_NAME=cc4", f"{prefix}TOTAL_TIMESTEPS={total}", *OVERRIDES[script]]
    with tempfile.TemporaryDirectory() as folder:
        changed, log = root / script.replace(".py", "_on_cc4.py"), Path(folder) / "log"
        changed.write_text(text)
        try:
            subprocess.run(
                [sys.executable, "-c", SCRIPT, str(log), str(changed), *overrides, "WANDB_MODE=offline"],
                cwd=folder,
                env=os.environ | {"WANDB_ENTITY": "none", "PYTHONPATH": str(SRC)},
                check=True,
                stdout=subprocess.DEVNULL,
            )
        finally:
            changed.unlink()
        at, values = np.array([line.split() for line in log.read_text().splitlines()], float).T
    if "mpe" in script:
        values = values / 5  # its log multiplies rewards by the number of agents
    rate = total / len(at) / float(np.median(np.diff(at)))
    finished = np.isfinite(values) & (values != 0)  # before the first episode ends there is nothing or 0
    if (values == 0).any():  # a mean over steps before and after that end
        finished[finished.argmax()] = False
    values = values[finished]
    tenth = max(1, len(values) // 10)
    first, last = values[:tenth].mean(), values[-tenth:].mean()
    check = f"{script} (has no masks)" if "_ff_" in script else script
    return row(check, f"return {first:,.0f} at first, {last:,.0f} at the end of {total:,} steps", rate)


def rllib(_: str) -> Iterator[Row]:
    import ray
    import torch
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec
    from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

    from garrison.adapters.rllib import GarrisonMultiAgentEnv

    torch.set_num_threads(1)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    network = {"fcnet_hiddens": [64, 64], "head_fcnet_hiddens": [64]}
    module = RLModuleSpec(module_class=ActionMaskingTorchRLModule, model_config=network)
    config = (
        PPOConfig()
        .environment(GarrisonMultiAgentEnv, env_config={"world": "cc4", "traffic": "off", "pad": True})
        .env_runners(num_env_runners=0, batch_mode="complete_episodes")
        .multi_agent(policies={"blue"}, policy_mapping_fn=lambda *_, **__: "blue")
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={"blue": module}))
        .training(train_batch_size_per_learner=1996, minibatch_size=499, num_epochs=4, lr=1e-3)
    )
    algorithm = config.build_algo()
    algorithm.train()  # compiles
    start = time.process_time()
    figures = algorithm.train()["env_runners"]
    rate = figures["num_env_steps_sampled"] / (time.process_time() - start)
    algorithm.stop()
    outcome = f"trains; return of the second iteration {figures['episode_return_mean'] / 5:,.0f}"
    yield row("PPO with ActionMaskingTorchRLModule, one module for 5 agents", outcome, float(rate))


MEASURES = {"pettingzoo": pettingzoo, "gymnasium": gymnasium, "sb3": sb3, "jaxmarl": jaxmarl, "rllib": rllib}


# ---------------------------------------------------------------- in the interpreter of the study


def measure(library: str, python: str, scripts: Path | None) -> list[Row]:
    """The rows of a library, from its interpreter."""
    command = [python, str(Path(__file__).resolve()), "--measure", library]
    command += [] if scripts is None else ["--scripts", str(scripts.resolve())]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(SRC)}, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(library: str, scripts: str) -> list[Row]:
    version = importlib.metadata.version(PACKAGES.get(library, library))
    about = {"library": PACKAGES.get(library, library), "version": version}
    return [about | one for one in MEASURES[library](scripts)]


def study(figures: Mapping[str, Any]) -> Study:
    rows = [one for library in MEASURES for one in figures["rows"].get(library, [])]
    passed = sum(one["outcome"] == "pass" for one in rows)
    fastest = max(rows, key=lambda one: one["steps_per_second"] or 0)
    return Study(
        title="CC4 in other libraries",
        figures=figures,
        finding=(
            f"All {passed} checks of the libraries' own pass, and their learners run on cc4. Fastest: "
            f"{fastest['library']}, {fastest['check']}: {fastest['steps_per_second']:,.0f} environment steps "
            "per second of CPU time."
        ),
        method=(
            "Each library ran in an interpreter of its own on `cc4`, in trainings without Allow and Block. "
            "A step is one of an environment, whatever the number of its agents. Speeds are steps per second "
            "of CPU time of all threads, as other programs ran on the machine. Those of checks are of play "
            "with a fixed action: the median of five parts, without compilation; those of trainings are of "
            "the whole training after compilation. Returns are of whole episodes, with standard errors where "
            "32 episodes of fixed seeds were played; those of JaxMARL are what its scripts log, in the first "
            "and the last tenth of all updates. One training seed each: the trainings show that the "
            "libraries run, not how good they are; the recipe is "
            "what `docs/learned-defence.md` names: rich observations, busy agents masked, rewards by cause."
        ),
        sections=[
            Section(
                "", ("library", "version", "check", "outcome", "steps per CPU second"), [*map(cells, rows)]
            )
        ],
    )


def cells(one: Row) -> tuple[str, ...]:
    rate = one["steps_per_second"]
    return (
        one["library"],
        one["version"],
        one["check"],
        one["outcome"],
        "" if rate is None else f"{rate:,.0f}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("libraries", nargs="*", metavar="LIBRARY=PYTHON", help="library and its interpreter")
    options.add_argument("--scripts", type=Path, help="checkout of JaxMARL")
    options.add_argument("--keep", action="store_true", help="keep the other libraries' figures of --out")
    options.add_argument(
        "--measure", choices=MEASURES, help="print the rows of a library in this interpreter"
    )
    given = options.parse_args(arguments)
    if given.measure:
        print(json.dumps(measured(given.measure, str(given.scripts))))
        return
    pythons = dict(one.partition("=")[::2] for one in given.libraries)
    if unknown := [name for name, python in pythons.items() if name not in MEASURES or not python]:
        raise SystemExit(f"{', '.join(unknown)}: write LIBRARY=PYTHON; libraries: {', '.join(MEASURES)}")
    rows = read_figures(given.out)["rows"] if given.keep else {}
    rows |= {name: measure(name, python, given.scripts) for name, python in pythons.items()}
    command = (
        f"python studies/adapters.py {' '.join(f'{name}=PYTHON' for name in MEASURES)} --scripts JAXMARL"
    )
    show(study(origin(f"{command} --out results/adapters") | {"rows": rows}), given.out)


if __name__ == "__main__":
    main()
