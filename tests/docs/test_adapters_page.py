"""The programs on the page of the adapters run, on a small world in place of cc4."""

import importlib
import importlib.util
import re
from pathlib import Path

import jax
import pytest

PAGE = (Path(__file__).parents[2] / "docs/adapters.md").read_text()
#: what stands for the page's world, so that little is compiled
SMALL = {
    '"cc4"': '"toy/network"',
    "Garrison/cc4-v1": "Garrison/toy-network-v1",
    '"guard"': '"random"',
    ', traffic="off"': "",
}
NEEDS = {
    "PettingZoo": "pettingzoo",
    "Gymnasium": "gymnasium",
    "Stable-Baselines3": "sb3_contrib",
    "RLlib": "ray",
    "JaxMARL": "jaxmarl",
}
HEAVY = ("Stable-Baselines3", "RLlib", "JaxMARL")


def sections() -> dict[str, str]:
    """Programs by heading, one after the other."""
    parts = re.split(r"^## (.*)\n", PAGE, flags=re.MULTILINE)[1:]
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    found = {name: re.findall(r"```py\n(.*?)```", text, flags=re.DOTALL) for name, text in texts.items()}
    return {name: "\n".join(programs) for name, programs in found.items() if programs}


PROGRAMS = sections()


def test_each_library_has_a_program():
    assert PROGRAMS.keys() == NEEDS.keys()


CASES = [pytest.param(name, marks=pytest.mark.integration if name in HEAVY else ()) for name in PROGRAMS]


@pytest.mark.parametrize("library", CASES)
@pytest.mark.filterwarnings("default")
def test_its_program_runs(library, capsys):
    if importlib.util.find_spec(NEEDS[library]) is None:
        pytest.skip(f"{NEEDS[library]} is not installed")
    if library == "Gymnasium":
        importlib.import_module("garrison.adapters.gymnasium").register("toy/network")
    program = PROGRAMS[library]
    for written, small in SMALL.items():
        program = program.replace(written, small)
    names = {}
    with jax.numpy_rank_promotion("allow"):  # JaxMARL's worlds need it
        exec(program, names)
    if library == "PettingZoo":
        assert "step 3 of at most 30" in capsys.readouterr().out
    if library == "Gymnasium":
        assert names["masks"].shape == (4, 3)
    if library == "Stable-Baselines3":
        assert names["model"].num_timesteps == 1024
    if library == "RLlib":
        assert int(capsys.readouterr().out.split()[-1]) >= 512
    if library == "JaxMARL":
        assert names["dones"].keys() == {"blue_0", "blue_1", "__all__"}
