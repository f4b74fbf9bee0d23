"""What the agents of a team tell each other is learned from, and so is what each of them is paid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_runs import trained

import garrison
from garrison.algos import ippo
from garrison.algos.ippo import Config

CONFIG = Config(
    total_steps=20_000,
    num_envs=32,
    rollout_steps=16,
    epochs=4,
    hidden_sizes=(32,),
    learning_rate=5e-3,
    sharing="separate",
)
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("messages", "seeds"),
    [
        ("action", 1),
        ("none", 1),
        *(pytest.param(messages, 5, marks=SLOW) for messages in ("state", "action", "none")),
    ],
)
def test_a_cue_is_named_by_who_is_told_of_it(messages, seeds):
    _, returns = trained(ippo, garrison.make("toy/signal", messages=messages), CONFIG, seeds)
    last = np.asarray(returns)[:, -10:].mean(axis=1)
    if messages == "none":
        assert (np.abs(last - 0.5) < 0.1).all()
    elif messages == "state":
        assert (last > 0.98).all()
    else:  # speaker and listener have to agree on a code, which a seed may miss
        assert (last > 0.9).sum() >= min(seeds, 4)


@pytest.mark.parametrize("seeds", [1, pytest.param(5, marks=SLOW)])
@pytest.mark.parametrize("rewards", ["individual", "team"])
def test_an_agent_learns_from_its_own_reward_what_the_teams_hides(rewards, seeds):
    config = CONFIG.replace(total_steps=3_000, normalize_per_agent=True, entropy_coef=0.0)
    states, _ = trained(ippo, garrison.make("toy/shares", rewards=rewards), config, seeds)
    quiet_goes_right = np.asarray(jax.vmap(lambda net: net((), jnp.ones((2, 1)), False)[1][0])(states.net))
    right = np.asarray(jax.nn.softmax(quiet_goes_right))[:, 0, 1]
    assert (right > 0.97).all() if rewards == "individual" else (right < 0.9).all()
