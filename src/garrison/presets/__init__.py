"""Named configurations: data, to read, change with :meth:`Training.changed`, and train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from garrison import algos
from garrison.core.plugins import did_you_mean
from garrison.training.config import Training

__all__ = ["DESCRIPTIONS", "PRESETS", "PRESET_TABLE", "Preset", "get", "leagues"]

IPPO = algos.get("ippo").Config
MAPPO = algos.get("mappo").Config
QMIX = algos.get("qmix").Config
PQN = algos.get("pqn").Config
MADDPG = algos.get("maddpg").Config
SELF_IPPO = algos.get("self-ippo").Config


@dataclass(frozen=True)
class Preset:
    """A configuration, its purpose, and the source of its numbers."""

    training: Training
    purpose: str
    source: str


_MATCHED = IPPO(
    total_steps=3_000_000,
    num_envs=48,
    epochs=4,
    minibatches=16,
    hidden_sizes=(256, 256),
    anneal_lr=False,
    learning_rate=3e-4,
    gamma=0.99,
    gae_lambda=0.95,
    clip_eps=0.2,
    value_coef=0.5,
    entropy_coef=0.01,
    max_grad_norm=0.5,
)

#: What a team of cc4-best sees and may do, and what it learns from (docs/learned-defence.md).
_TASK = {
    "observation": "recall",
    "busy": "masked",
    "traffic": "off",
    "contractor": "leave_out",
    "rewards": "cause",
}
_LEARNER: dict[str, Any] = {
    "epochs": 4,
    "minibatches": 8,
    "network": "entity",
    "activation": "relu",
    "hidden_sizes": (48, 48),
    "decisions_only": True,
    "decision_share": 0.56,
    "learning_rate": 7.5e-4,
    "gae_lambda": 0.97,
    "entropy_coef": 0.005,
    "entropy_end": 0.0,
    "reward_memory": 0.9,
}
_RECIPE = IPPO(total_steps=5_748_480, num_envs=16, pieces=16, critic_observation="true", **_LEARNER)

#: What red sees, and how it learns (docs/red.md).
_RED = {"side": "red", "red_observation": "acts"}
_RED_RECIPE = _RECIPE.replace(
    total_steps=1_000_000,
    decision_share=0.4,
    pieces=8,
    learning_rate=1.5e-3,
    critic_observation=None,
    teacher="fsm",
    teacher_end=0.0,
    teacher_until=0.3,
)

#: Settings of all learners of soc, which differ in the network and the side (docs/worlds/soc.md).
_SOC: dict[str, Any] = {
    "total_steps": 1_000_000,
    "num_envs": 16,
    "rollout_steps": 128,
    "epochs": 4,
    "minibatches": 4,
    "decisions_only": True,
    "learning_rate": 1e-3,
}
_SOC_SOURCE = (
    "Those of mlp, learning from decisions alone, as busy agents have no choice, and with rollouts of a "
    "quarter of an episode of an hour. Gamma is per 10 s. Not tuned."
)

PRESET_TABLE: dict[str, Preset] = {
    "quick": Preset(
        Training(
            world="cc4", options=_TASK, settings=_RECIPE.replace(total_steps=300_000, learning_rate=1.5e-3)
        ),
        "CAGE Challenge 4 in a few minutes on two CPU cores: the demo's preset.",
        "The recipe of cc4-best with fewer steps, and so with a larger learning rate.",
    ),
    "cc4-best": Preset(
        Training(world="cc4", options=_TASK, settings=_RECIPE),
        "The best learned team of CAGE Challenge 4, from reward alone.",
        "Chosen on validation episodes among the trials in docs/learned-defence.md.",
    ),
    "cc4-best-robust": Preset(
        Training(world="cc4", options=_TASK, vary=("robust",), settings=_RECIPE),
        "cc4-best for networks, users and attackers that differ from episode to episode.",
        "The settings of cc4-best; the bank robust draws the options of each episode.",
    ),
    "mlp": Preset(
        Training(world="cc4", settings=IPPO(total_steps=700_000, num_envs=16, learning_rate=1e-3)),
        "IPPO with a plain network, for either side of any world; minutes on two CPU cores.",
        "The usual settings of PPO, which are IPPO's defaults, with a larger learning rate. Trials "
        "of 500,000 steps on cc4, one seed each, mean return of the last 14 iterations: as here, but with a "
        "constant learning rate, -1,710; entropy_coef 0.001, -2,400; gamma 0.997 with gae_lambda 0.97, "
        "-1,980.",
    ),
    "cc4-ippo": Preset(
        Training(world="cc4", settings=_MATCHED),
        "The published IPPO baseline of CAGE Challenge 4, to compare with.",
        "The matched baseline that was trained both on CybORG and on the earlier JAX port: learning rate "
        "3e-4, gamma 0.99, lambda 0.95, clip 0.2, value 0.5, entropy 0.01, gradient norm 0.5, rewards "
        "normalized, one trunk of 2 x 256 tanh, 48 environments x 500 steps, 16 minibatches, 4 epochs, 3 "
        "million steps. An episode has 499 steps, so a rollout has too.",
    ),
    "cc4-red": Preset(
        Training(world="cc4", options=_RED | {"blue": "guard"}, settings=_RED_RECIPE),
        "Six attackers learn against guard; they begin as the scripted red fsm.",
        "The network and settings of cc4-best for the other side, taught by fsm in the first 30% of the "
        "training. Not tuned.",
    ),
    "cc4-red-mix": Preset(
        Training(
            world="cc4",
            options=_RED | {"blue": "guard"},
            opponents=("idle", "reactive", "guard"),
            settings=_RED_RECIPE,
        ),
        "cc4-red against several defenders, drawn for groups of environments.",
        "The settings of cc4-red.",
    ),
    "cc4-red-imitate": Preset(
        Training(
            world="cc4",
            options=_RED | {"blue": "guard"},
            opponents=("idle", "reactive", "guard"),
            settings=_RED_RECIPE.replace(total_steps=300_000, teacher_end=None, policy_coef=0.0),
        ),
        "A network that imitates fsm, to start other trainings from.",
        "The settings of cc4-red-mix without its reward: cross-entropy with fsm's choices in states that the "
        "network reaches.",
    ),
    "cc4-both": Preset(
        Training(
            world="cc4",
            options={"side": "both", "observation": "recall", "busy": "masked", "traffic": "off"}
            | {"red_observation": "acts"},
            algorithm="self-ippo",
            settings=SELF_IPPO(
                total_steps=3_000_000, num_envs=24, pieces=8, other=("decision_share=0.4",), **_LEARNER
            ),
        ),
        "Both sides of CAGE Challenge 4 learn at once.",
        "Networks and settings of cc4-best and cc4-red, without a teacher and a critic that sees more; half "
        "of the opponents of a side are past networks. Not tuned.",
    ),
    "cc4-mappo": Preset(
        Training(world="cc4", algorithm="mappo").changed(
            total_steps=3_000_000,
            num_envs=48,
            epochs=4,
            minibatches=16,
            hidden_sizes=(256, 256),
            anneal_lr=False,
        ),
        "cc4-ippo with a centralized critic, to compare with it.",
        "The settings of cc4-ippo, and MAPPO's defaults for the rest; not tuned, and nothing is published to "
        "compare with.",
    ),
    "cc4-qmix": Preset(
        Training(
            world="cc4",
            algorithm="qmix",
            settings=QMIX(
                num_envs=16,
                sharing="grouped",
                learning_rate=2.5e-4,
                gamma=0.99,
                exploration_end=0.05,
                exploration_until=0.05,
                replay_steps=499_000,
                sequence=64,
                batch_size=32,
                updates=16,
                target_tau=0.01,
            ),
        ),
        "QMIX from a replay of 1,000 episodes, on the stock observation.",
        "Rigoni et al. 2025, Collaborative reinforcement learning for cyber defense: learning rate 2.5e-4, "
        "gamma 0.99; it gives nothing else of these. Mixer (32, 64), gradient norm 10 and exploration (1 to "
        "0.05 over 50,000 steps) of oxwhirl/pymarl's qmix.yaml; Adam of uoe-agents/epymarl. A gradient step "
        "per 500 environment steps is a choice for two CPU cores: these are 2,000 in a million steps, so "
        "target networks follow by 0.01 each, as copies every 200 would be ten. Not tuned.",
    ),
    "cc4-maddpg": Preset(
        Training(
            world="cc4",
            algorithm="maddpg",
            settings=MADDPG(
                num_envs=16,
                sharing="grouped",
                learning_rate=2.5e-4,
                gamma=0.99,
                warmup_steps=20_000,
                replay_steps=499_000,
                sequence=8,
                batch_size=128,
                updates=16,
                target_tau=0.01,
            ),
        ),
        "MADDPG from a replay of 1,000 episodes, on the stock observation.",
        "Rigoni et al. 2025, Collaborative reinforcement learning for cyber defense: learning rate 2.5e-4, "
        "gamma 0.99; it gives nothing else of these. Batches of 1,024 rows and temperature 1 of "
        "openai/maddpg; averages by 0.01 and 1e-3 of squared logits of it and of uoe-agents/epymarl, which "
        "has gradient norm 10. Replay and gradient steps per environment step are those of cc4-qmix; random "
        "play for 20,000 steps and half the learning rate for actors are choices. Not tuned.",
    ),
    "cc4-pqn": Preset(
        Training(
            world="cc4",
            algorithm="pqn",
            settings=PQN(
                total_steps=3_000_000,
                num_envs=48,
                epochs=4,
                minibatches=16,
                hidden_sizes=(256, 256),
                sharing="grouped",
                learning_rate=2.5e-4,
                gamma=0.99,
                td_lambda=0.85,
                exploration_start=1.0,
                exploration_end=0.01,
                exploration_until=0.1,
                max_grad_norm=1.0,
            ),
        ),
        "PQN with value decomposition (PQN-VDN), without a replay, on the stock observation.",
        "Gallici et al. 2024, Simplifying deep temporal difference learning; mttga/purejaxql's "
        "pqn_vdn_rnn_smax.yaml: learning rate 2.5e-4 decreasing to 0, gamma 0.99, lambda 0.85, epsilon 1 to "
        "0.01 over a tenth of the training, gradient norm 1, 4 epochs, 16 minibatches. That file has 128 "
        "environments x 128 steps, a recurrent network of 512 and batch normalization; environments, whole "
        "episodes and widths here are those of cc4-ippo. Not tuned.",
    ),
    "cc4-ippo-bigbatch": Preset(
        Training(
            world="cc4",
            keep_every=25,
            settings=IPPO(
                total_steps=50_000_000,
                num_envs=400,
                epochs=1,
                minibatches=31,
                hidden_sizes=(256, 256),
                separate_critic=True,
                anneal_lr=False,
                learning_rate=5e-5,
                entropy_coef=0.0,
            ),
        ),
        "Large batches and small learning rate, for a long training on an accelerator.",
        "The settings published for teams trained on CybORG with large batches: learning rate 5e-5, "
        "separate actor and critic, a buffer of 1 million samples (400 environments x 499 steps x 5 "
        "agents), minibatches of about 32 thousand samples, 30 gradient iterations (one pass over the 31 "
        "minibatches; if they are meant as passes, use --epochs 30), no entropy bonus, 50 million steps. "
        "What is not published is as in cc4-ippo.",
    ),
    "cc4-ippo-1024": Preset(
        Training(
            world="cc4",
            keep_every=10,
            settings=_MATCHED.replace(total_steps=50_000_000, num_envs=1024, minibatches=64),
        ),
        "1,024 environments side by side, for an accelerator.",
        "cc4-ippo with 21 times the environments, four times the minibatches and 50 million steps; a "
        "choice for devices on which a rollout costs little, not tuned.",
    ),
    "soc-ippo": Preset(
        Training(world="soc", settings=IPPO(**_SOC)),
        "IPPO with a plain network defends the security operations center.",
        _SOC_SOURCE,
    ),
    "soc-recurrent": Preset(
        Training(world="soc", settings=IPPO(**_SOC, network="recurrent", chunk=32)),
        "soc-ippo with a GRU, which remembers evidence.",
        _SOC_SOURCE,
    ),
    "soc-entity": Preset(
        Training(
            world="soc", settings=IPPO(**_SOC, network="entity", hidden_sizes=(48, 48), activation="relu")
        ),
        "soc-ippo with a network that treats all hosts alike, so that it learns from each for all.",
        _SOC_SOURCE + " Widths and activation are those of cc4-best.",
    ),
    "soc-ct-gmarl": Preset(
        Training(
            world="soc",
            algorithm="mappo",
            settings=MAPPO(
                **_SOC,
                network="graph",
                hidden_sizes=(48, 48),
                activation="relu",
                cell_size=64,
                chunk=32,
                critic_hidden_sizes=(256, 256),
                state="truth+concat",
                critic_memory=True,
            ),
        ),
        "CT-GMARL: MAPPO with attention over the network's graph, and a memory in continuous time.",
        _SOC_SOURCE + " Two layers with four heads are the published design; widths are those of soc-entity.",
    ),
    "soc-red": Preset(
        Training(world="soc", options={"side": "red"}, settings=IPPO(**_SOC)),
        "IPPO with a plain network attacks the security operations center, against analyst.",
        _SOC_SOURCE,
    ),
    "soc-red-recurrent": Preset(
        Training(world="soc", options={"side": "red"}, settings=IPPO(**_SOC, network="recurrent", chunk=32)),
        "soc-red with a GRU.",
        _SOC_SOURCE,
    ),
    "soc-red-entity": Preset(
        Training(
            world="soc",
            options={"side": "red"},
            settings=IPPO(**_SOC, network="entity", hidden_sizes=(48, 48), activation="relu"),
        ),
        "soc-red with a network that treats all hosts alike.",
        _SOC_SOURCE + " Widths and activation are those of cc4-best.",
    ),
}

PRESETS = {name: preset.training for name, preset in PRESET_TABLE.items()}
DESCRIPTIONS = {name: preset.purpose for name, preset in PRESET_TABLE.items()}


def get(name: str) -> Training:
    """The configuration of that name. Raises ``ValueError`` for an unknown name, naming the closest one."""
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}{did_you_mean(name, PRESETS)}; presets: {', '.join(PRESETS)}")
    return PRESETS[name]
