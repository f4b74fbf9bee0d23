"""The examples run, with small settings, and the tutorials show their code."""

import dataclasses
import re
import runpy

import pytest
import tiny_model
from doc_pages import ROOT, programs, with_constants

import garrison
from garrison import algos
from garrison.algos.ippo import Config
from garrison.llm import export
from garrison.llm.scenarios import SCENARIOS
from garrison.presets import PRESETS
from garrison.training.config import Training

FOLDER = ROOT / "examples"
EXAMPLES = sorted(FOLDER.glob("[0-9]*.py"))
#: Constants of each example, and small values for them.
SMALL = {
    "01_play": {"WORLD": "toy/network", "NUM_ENVS": 2},
    "02_narrate": {"WORLD": "toy/network", "POLICY": "random", "STEPS": 3},
    "03_train": {"PRESET": "mlp"},
    "04_evaluate": {"WORLD": "toy/network", "EPISODES": 3, "POLICIES": ["tiny", "random"]},
    "05_own_policy": {"EPISODES": 3},
    "06_own_world": {"STEPS": 60},
    "07_own_opponent": {
        "WORLD": "toy/pursuit",
        "OPTIONS": {},
        "OWN": "chaser",
        "OTHER": "evader",
        "DEFENDERS": ["right", "idle"],
        "EPISODES": 3,
        "KINDS": ("left", "right"),
    },
    "08_red_against_blue": {
        "WORLD": "toy/pursuit",
        "OWN": "chaser",
        "BLUE": {"world": "toy/chaser"},
        "RED": {"world": "toy/evader"},
        "CHANGES": {"options": {}, "total_steps": 12},
        "POLICIES": ["idle", "right"],
        "OPPONENTS": ["right"],
        "EPISODES": 3,
    },
    "09_own_algorithm": {"STEPS": 60, "EPISODES": 3},
    "10_sweep": {"STEPS": 960},
    "11_replay": {},
    "12_language_model": tiny_model.SMALL,
}
SIDES = """
import garrison
from garrison.core.sides import one_side


def chaser():
    return one_side(garrison.make("toy/pursuit"), "chaser", "right")


def evader():
    return one_side(garrison.make("toy/pursuit"), "evader", "right")
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs an example in an empty folder and returns its names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.syspath_prepend(tmp_path)
    settings = Config(total_steps=60, num_envs=2, minibatches=2, hidden_sizes=(8,))
    tiny = Training(world="toy/network", settings=settings)
    for preset in PRESETS:
        monkeypatch.setitem(PRESETS, preset, tiny)

    def run_example(stem: str) -> dict:
        program = tmp_path / f"{stem}.py"
        program.write_text(with_constants((FOLDER / f"{stem}.py").read_text(), SMALL[stem]))
        return runpy.run_path(str(program), run_name="__main__")

    return run_example


def test_each_example_has_small_settings_and_is_in_the_list():
    assert [path.stem for path in EXAMPLES] == list(SMALL)
    text = (FOLDER / "README.md").read_text()
    assert re.findall(r"\[(\d\d_\w+)\.py\]", text) == list(SMALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short(path):
    assert path.read_text().startswith('"""')
    assert len(path.read_text().splitlines()) <= 70


def test_play(run):
    assert run("01_play")["returns"].shape == (2,)


def test_narrate(run, capsys):
    run("02_narrate")
    assert re.findall(r"step (\d): reward", capsys.readouterr().out) == ["0", "1", "2"]


def test_train(run, capsys):
    names = run("03_train")
    assert names["run"].finished
    assert len(names["last"]["return"]) == 2
    assert "blue_1: " in capsys.readouterr().out


def test_evaluate(run, tmp_path, capsys):
    garrison.train("mlp", out="tiny")
    run("04_evaluate")
    assert "tiny − random" in capsys.readouterr().out
    assert "<html" in (tmp_path / "report.html").read_text()


def test_own_policy(run):
    result = run("05_own_policy")["result"]
    assert set(result.figures["policies"]) == {"rules", "random"}
    assert (result.episodes("rules").invalid == 0).all()


def test_own_world(run, capsys):
    assert run("06_own_world")["run"].training.world == "server"
    assert "learned" in capsys.readouterr().out


def test_own_opponent(run, capsys):
    names = run("07_own_opponent")
    assert names["ambitious"].rank.tolist() == [[0, 1]]
    assert "ambitious" in capsys.readouterr().out


def test_red_against_blue(run, tmp_path):
    (tmp_path / "sides_of_pursuit.py").write_text(SIDES)
    for side in ("chaser", "evader"):
        garrison.register(f"toy/{side}", f"sides_of_pursuit:{side}")
    result = run("08_red_against_blue")["result"]
    assert list(result.results) == ["right", "red"]
    assert list(result.results["red"]) == ["idle", "right", "blue"]


def test_own_algorithm(run, capsys):
    names = run("09_own_algorithm")
    assert names["run"].training.algorithm == "evolution"
    assert names["run"].finished
    evolution = algos.get("evolution")
    with pytest.raises(ValueError, match="num_envs is 3; it must be even"):
        evolution.check(evolution.Config(num_envs=3), garrison.make("toy/network"))


def test_sweep(run):
    assert run("10_sweep")["metrics"]["return"].shape == (3,)


@pytest.mark.slow
def test_replay():
    names = runpy.run_path(str(FOLDER / "11_replay.py"))
    assert names["report"].exact
    assert names["report"].steps == 499


@pytest.mark.integration
@pytest.mark.filterwarnings("default")
def test_language_model(run, tmp_path, monkeypatch):
    pytest.importorskip("trl", reason="the extra llm is not installed")
    short = dataclasses.replace(SCENARIOS["small"], name="short", ticks=3, instructions=0)
    monkeypatch.setitem(SCENARIOS, "short", short)
    tiny_model.save(tmp_path / "tiny", export.examples(export.Export("short", keep="all"), range(2)))
    names = run("12_language_model")
    assert set(names["found"]) == {"guard+plan", "sft", "grpo"}
    assert names["found"]["grpo"]["games"] == 2


@pytest.mark.parametrize(
    ("page", "examples"),
    [
        ("own-policy", ["05_own_policy"]),
        ("own-opponent", ["07_own_opponent"]),
        ("own-world", ["06_own_world"]),
        ("own-algorithm", ["evolution", "09_own_algorithm"]),
    ],
)
def test_tutorials_show_the_examples(page, examples):
    shown = [program for program, _ in programs((ROOT / f"docs/tutorials/{page}.md").read_text())]
    code = [(FOLDER / f"{example}.py").read_text() for example in examples]
    assert _lines("\n".join(shown)) == _lines("\n".join(code))


def _lines(program: str) -> list[str]:
    return [line for line in program.splitlines() if line]


def test_constants_are_replaced():
    source = "A, B = 1, f(2)\nC = {}\n"
    assert with_constants(source, {"B": 3, "C": [4]}) == "A, B = (1, 3)\nC = [4]"
    with pytest.raises(AssertionError, match="no such constants: D"):
        with_constants(source, {"D": 1})
