"""The programs in the pages run, one after the other, as a reader would type them.

Trainings and numbers of episodes are made small first, and where a program would compile CAGE Challenge 4
for minutes it gets a toy world. What a page shows as output is what its program prints.
"""

import re
import textwrap

import pytest
from doc_pages import ROOT, name, programs, written

import garrison
from garrison.algos.ippo import Config
from garrison.presets import PRESETS
from garrison.training.config import Training

#: Run elsewhere: with the run that the page is about, and as examples.
ELSEWHERE = ("docs/policies.md", "docs/tutorials/")
#: Replaced in all pages.
SMALL = ((r"total_steps=[\d_]+", "total_steps=60"), (r"episodes=\d+", "episodes=3"))
#: Replaced in a page.
SMALLER = {
    "README.md": (
        (r"\b1024\b", "4"),
        (r'"cc4", \{"mine": run, "guard": "guard"\}', '"toy/network", {"mine": run, "guard": "random"}'),
    ),
    "docs/training.md": ((r"total_steps=60\b", "total_steps=240"),),
    "docs/learned-defence.md": ((r'"cc4", \["best", "guard"\]', '"toy/network", ["random"]'),),
}
#: Names that a page takes as given.
GIVEN = {
    "docs/architecture.md": """
        import jax
        import garrison
        from garrison.core.sides import one_side

        world, key = garrison.make("toy/network"), jax.random.key(0)
        num_agents, actions = world.num_agents, jax.numpy.zeros(world.num_agents, int)
        policy, opponent = world.policies()["random"], "fsm"
    """,
}
PAGES = [page for page in written() if programs(page.read_text()) and not name(page).startswith(ELSEWHERE)]
TINY = Training(world="toy/network", settings=Config(total_steps=60, num_envs=4, hidden_sizes=(8,)))


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for preset in PRESETS:
        monkeypatch.setitem(PRESETS, preset, TINY)


def test_there_are_programs_in_many_pages():
    assert {"README.md", "docs/start.md", "docs/concepts.md", "docs/worlds/cc4.md"} <= {*map(name, PAGES)}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_programs_run(page, capsys):
    names: dict = {}
    exec(textwrap.dedent(GIVEN.get(name(page), "")), names)
    if name(page) == "docs/architecture.md":  # it explains calls, and uses names before it explains them
        names |= dict(zip(("obs", "state"), names["world"].reset(names["key"]), strict=True))
        names["mask"] = names["world"].legal(names["state"])
    for program, output in programs(page.read_text()):
        for pattern, replacement in (*SMALL, *SMALLER.get(name(page), ())):
            program = re.sub(pattern, replacement, program)
        exec(program, names)
        printed = capsys.readouterr().out
        if output is not None:
            assert printed == output


@pytest.mark.parametrize("page", written(), ids=name)
def test_programs_that_are_not_run_are_python(page):
    for program in re.findall(r"^```py\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        compile(program, name(page), "exec")


def test_small_settings_replace_something():
    for page, pairs in SMALLER.items():
        text = (ROOT / page).read_text()
        for pattern, replacement in SMALL:
            text = re.sub(pattern, replacement, text)
        assert all(re.search(pattern, text) for pattern, _ in pairs), page


def test_pages_name_only_worlds_and_presets_that_exist():
    text = "".join(page.read_text() for page in written())
    assert set(re.findall(r'garrison\.make\("([^"]+)"', text)) <= set(garrison.available_worlds())
    trained = re.findall(r'garrison\.train\("([^"]+)"|^garrison train ([a-z0-9-]+)', text, re.MULTILINE)
    assert {a or b for a, b in trained} <= set(PRESETS)
