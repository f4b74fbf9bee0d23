"""The commands, end to end on a toy world."""

import builtins
import json
import sys

import jax
import pytest
from small_runs import DEMO, THREE_ITERATIONS

from garrison import cli
from garrison.cli import cache
from garrison.runs import directory as runs
from garrison.training import learner


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> runs.RunDirectory:
    """The run directory that the demo leaves."""
    path = tmp_path_factory.mktemp("runs") / "demo"
    assert cli.main(["demo", *DEMO, "--episodes", "6", "--out", str(path)]) == 0
    return runs.load(path)


def json_of(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_demo_leaves_a_run_that_can_be_repeated_and_read(demo):
    config = demo.config()
    assert (config["world"], config["options"]) == ("toy/network", {"steps": 5})
    assert config["settings"]["hidden_sizes"] == [8]
    metrics = demo.metrics()
    assert [row["iteration"] for row in metrics] == [1, 2, 3]
    assert metrics[-1]["env_steps"] == 60
    figures = json.loads((demo.report / "evaluation.json").read_text())
    assert list(figures["policies"]) == ["random", "ippo"]
    assert figures["episodes"] == 6
    assert (demo.report / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "## Step 0" in (demo.report / "episode.md").read_text()


def test_demo_prints_a_table(tmp_path, capsys):
    assert cli.main(["demo", *DEMO, "--episodes", "2", "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr()
    assert "95%" in printed.out
    assert "random" in printed.out
    assert "learning_curve.png" in printed.err


def test_eval_of_a_run_agrees_with_the_demo(demo, capsys):
    assert cli.main(["eval", str(demo.path), "--episodes", "6", "--json"]) == 0
    figures = json_of(capsys)
    expected = json.loads((demo.report / "evaluation.json").read_text())
    for policy, name in (("random", "random"), ("ippo", demo.path.name)):
        assert figures["policies"][name]["return"]["mean"] == pytest.approx(
            expected["policies"][policy]["return"]["mean"], rel=1e-5
        )


def test_eval_without_a_run_lets_the_worlds_policies_play(capsys):
    assert (
        cli.main(["eval", "--world", "toy/credit", "--policies", "random", "--episodes", "4", "--json"]) == 0
    )
    assert list(json_of(capsys)["policies"]) == ["random"]


def test_ctrl_c_outside_of_training_ends_with_a_line(tmp_path, monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(learner, "compiled", interrupt)
    assert cli.main(["train", "mlp", *THREE_ITERATIONS, "--out", str(tmp_path)]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_worlds_and_info(capsys):
    assert cli.main(["worlds", "--json"]) == 0
    worlds = {row["world"]: row for row in json_of(capsys)}
    assert worlds["toy/network"]["agents"] == 2
    assert cli.main(["info", "--json"]) == 0
    assert json_of(capsys)["packages"]["jax"] == jax.__version__
    assert cli.main(["worlds"]) == 0
    assert "toy/network" in capsys.readouterr().out
    assert cli.main(["info"]) == 0
    assert jax.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--world", "toy/nowhere"], "no world 'toy/nowhere'"),
        (["demo", "--world", "toy/network", "--options", "speed=3"], "has no option 'speed'"),
        (["demo", "--world", "toy/network", "--options", "steps"], "not written name=value"),
        (["demo", "--world", "toy/network", "--options", "steps=5", "--num-envs", "0"], "num_envs is 0"),
        (
            ["demo", "--world", "toy/network", "--options", "steps=5", "steps=6"],
            "'steps' is given twice: steps=5",
        ),
        (["demo", "--options", "steps=5", "--options", "red=fsm"], "--options is given twice"),
        (["demo", "--num-envs", "4", "--num_envs=5"], "--num-envs is given twice"),
        (
            ["demo", "--world", "toy/network", "--options", "spread=NaN"],
            "option 'spread' is NaN; it must be finite",
        ),
        (["demo", "--world", "toy/network", "--episodes", "0"], "episodes is 0"),
        (["eval", "--world", "toy/credit", "--episodes", "0"], "episodes is 0"),
        (["eval", "--world", "toy/credit", "--policies", "idle"], "nor a policy of world 'toy/credit'"),
        (["eval", "nowhere"], "nowhere is neither a run directory nor a policy"),
    ],
)
def test_mistakes_end_with_a_message(arguments, message):
    with pytest.raises(SystemExit, match=message):
        cli.main(arguments)


def test_a_run_directory_is_not_overwritten(demo):
    with pytest.raises(SystemExit, match="holds a run already"):
        cli.main(["train", "mlp", *THREE_ITERATIONS, "--out", str(demo.path)])


def test_unknown_commands_are_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["conquer"])
    assert "demo" in capsys.readouterr().err


def test_a_missing_extra_is_told(monkeypatch, capsys):
    real_import = builtins.__import__

    def without_tyro(name, *args, **kwargs):
        if name.partition(".")[0] == "tyro":
            raise ModuleNotFoundError("No module named 'tyro'", name="tyro")
        return real_import(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("garrison.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_tyro)
    assert cli.main(["info"]) == 1
    assert "pip install 'garrison[train]'" in capsys.readouterr().err


def test_compiled_programs_are_kept_in_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    before = jax.config.jax_compilation_cache_dir
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        cache.use_compilation_cache()
        assert jax.config.jax_compilation_cache_dir == before  # of whoever has chosen one already
        jax.config.update("jax_compilation_cache_dir", None)
        cache.use_compilation_cache()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "garrison" / "jax")
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
