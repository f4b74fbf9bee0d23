"""Two hosts, here two processes, train one run."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from garrison import cli
from garrison.runs import directory as runs
from garrison.runs import hosts
from garrison.training import seeds
from garrison.training.config import Training, make_world

TRAIN = [
    "mlp",
    "--world",
    "toy/coordination",
    "--num-envs",
    "8",
    "--minibatches",
    "1",
    "--hidden-sizes",
    "8",
]
PROGRAM = """
import sys
import jax
jax.config.update("jax_cpu_collectives_implementation", "gloo")
from garrison import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def on_two_hosts(*arguments: str) -> None:
    """Run a command in two processes that know of each other."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": ""}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, "--hosts", f"{address},2,{index}"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    ends = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends


def parameters(path: Path) -> list[np.ndarray]:
    run = runs.load(path)
    training = Training.from_json(run.config())
    states = seeds.load_state(run, training, make_world(training.world, training.options))
    return jax.tree.leaves(states.net)


@pytest.mark.slow
def test_two_hosts_train_what_one_does_and_go_on_with_it(tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert cli.main(["train", *TRAIN, "--total-steps", "160", "--out", str(alone)]) == 0
    on_two_hosts("train", *TRAIN, "--total-steps", "160", "--out", str(together))
    assert len(runs.load(together).metrics()) == 20
    for a, b in zip(parameters(alone), parameters(together), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)

    run = runs.load(together)  # as if it had been stopped: twice as much is asked for
    config = run.config()
    config["settings"]["total_steps"] = 320
    (together / "config.json").unlink()
    runs.create(together, config)
    on_two_hosts("resume", str(together))
    assert len(runs.load(together).metrics()) == 40
    assert seeds.progress(runs.load(together)) == (40, 40)


@pytest.mark.parametrize(
    ("num_envs", "rollout_steps", "message"),
    [
        (7, None, "num_envs is 7; the 2 devices of all hosts must share them evenly"),
        (8, 5, "only where rollouts are whole episodes"),
    ],
)
def test_what_hosts_cannot_share_is_refused(monkeypatch, num_envs, rollout_steps, message):
    training = Training(world="toy/coordination").changed(
        num_envs=num_envs, rollout_steps=rollout_steps, minibatches=1
    )
    seeds.check(training)  # one host can
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=message):
        seeds.check(training)


@pytest.mark.parametrize(
    "where",
    [
        "somewhere",
        "address:1,two,0",
        "address:1,2",
        "address:1,2,2",
        "address:1,0,0",
        "address:1,2,-1",
        "address,2,0",
    ],
)
def test_what_is_no_host_is_refused(where):
    with pytest.raises(ValueError, match="it must be auto or ADDRESS:PORT,COUNT,INDEX"):
        hosts.join(where)
