"""``garrison bench`` on toy worlds: the figures, the tables, the files."""

import json

import jax
import pytest

from garrison import cli
from garrison.cli import commands

TINY = ["--seconds", "0", "--repeats", "2", "--use-cache"]


def test_a_sweep_leaves_figures_a_page_and_a_picture(tmp_path, capsys):
    out = tmp_path / "new" / "toy"
    arguments = ["bench", "toy/network", "--options", "steps=5", "--num-envs", "1", "4", "--profile", *TINY]
    assert cli.main([*arguments, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    figures = json.loads((out / "figures.json").read_text())
    assert [(row["what"], row["num_envs"], row["steps"]) for row in figures["rows"]] == [
        ("env", 1, 5),
        ("env", 4, 5),
    ]
    for row in figures["rows"]:
        speed = row["steps_per_second"]
        assert 0 < speed["low"] <= speed["median"] <= speed["high"]
        assert all(seconds > 0 for seconds in row["seconds"].values())
        assert row["bytes_accessed_per_step"] > figures["bytes_per_environment"]
    assert figures["jax_random"]["num_envs"] in (1, 4)
    assert "env, jax.random" in shown
    assert figures["limits"]["state_bytes_per_step"] == 36
    assert figures["limits"]["bandwidth"] > 1e8
    assert {"actions", "used"} <= {row["scope"] for row in figures["profile"]}
    assert figures["hardware"]["cores"] >= 1
    assert figures["peak_bytes"]["process"] > 5e7
    for told in ("Speed", "Size", "How far from the limit", "Where the time goes", "steps/s"):
        assert told in shown
    page = (out / "README.md").read_text()
    assert f"`{figures['command']}`" in page
    assert "(speed.png)" in page
    assert (out / "speed.png").read_bytes().startswith(b"\x89PNG")
    # The command that the page names is the one that was given.
    assert commands.parse(figures["command"].split()[1:]) == commands.parse([*arguments, "--out", str(out)])


def test_learners_are_measured_too(capsys):
    learner = ["--what", "rollout", "training", "--num-envs", "16"]
    assert cli.main(["bench", "toy/network", *learner, *TINY, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    rollout, training = figures["rows"]
    assert (rollout["what"], training["what"]) == ("rollout", "training")
    assert rollout["steps"] == training["steps"] == 30
    assert training["operations_per_step"] > rollout["operations_per_step"]
    assert "limits" not in figures


@pytest.mark.slow
def test_the_cache_is_measured_by_two_processes(monkeypatch, capsys):
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    assert (
        cli.main(["bench", "toy/value", "--num-envs", "2", "--devices", "1", "--warm", *TINY, "--json"]) == 0
    )
    (warm,) = json.loads(capsys.readouterr().out)["warm"]
    first, second = warm["seconds"]
    assert second["compile"] < first["compile"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toy/nowhere"], "no world 'toy/nowhere'"),
        (["toy/network", "--red", "fsm"], "has no option 'red'"),
        (["toy/network", "--num-envs", "0"], "num_envs is 0; each must be at least 1"),
        (["toy/network", "--repeats", "0"], "repeats is 0"),
        (["toy/network", "--cyborg"], "CybORG plays cc4, not 'toy/network'"),
        (["toy/network", "--devices", "0"], "devices is 0"),
        (["toy/network", "--devices", "1000"], f"devices is 1000; there are {jax.device_count()}"),
        (["toy/network", "--preset", "best"], r"no preset 'best' .*; presets: quick, "),
        (
            ["--steps", "500", "--num-envs", "1", "--use-cache"],
            "steps is 500; an episode of world 'cc4' has 499",
        ),
    ],
)
def test_mistakes_end_with_a_message(arguments, message):
    with pytest.raises(SystemExit, match=message):
        cli.main(["bench", *arguments])
