"""The notebooks run, cell by cell, with small settings."""

import dataclasses
import json

import pytest
import tiny_model
from doc_pages import ROOT, with_constants

from garrison.llm import export
from garrison.llm.scenarios import SCENARIOS

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: Constants of each notebook, and small values for them.
SMALL = {
    "01_sft_then_grpo": tiny_model.SMALL
    | {name: tiny_model.SMALL[name] | {"report_to": []} for name in ("SFT", "GRPO")},
    "02_league_round": {
        "STEPS": 12,
        "GAMES": 8,
        "TRAINING": {"total_steps": 64, "num_envs": 4, "hidden_sizes": [8], "minibatches": 1, "epochs": 1},
    },
    "03_over_the_server": {"PORT": 8_124, "SCENARIO": "micro"},
}


def cells(stem: str, kind: str = "code") -> list[str]:
    """The cells of a notebook."""
    notebook = json.loads((FOLDER / f"{stem}.ipynb").read_text())
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the cells of a notebook, but those that install, in an empty folder, and returns their names."""
    monkeypatch.chdir(tmp_path)

    def run_notebook(stem: str) -> dict:
        program = "\n".join(cell for cell in cells(stem) if not cell.startswith("%"))
        names["__name__"] = "__main__"
        exec(compile(with_constants(program, SMALL[stem]), stem, "exec"), names)
        return names

    names: dict = {}
    yield run_notebook
    if "server" in names and names["server"].poll() is None:  # a cell failed before the last one
        names["server"].kill()
        names["server"].wait()


def test_each_notebook_has_small_settings_and_is_in_the_lists():
    assert [path.stem for path in NOTEBOOKS] == list(SMALL)
    listed = (ROOT / "examples/README.md").read_text()
    pages = (ROOT / "docs/llm.md").read_text() + (ROOT / "docs/server.md").read_text()
    for stem in SMALL:
        assert f"notebooks/{stem}.ipynb" in listed
        assert f"notebooks/{stem}.ipynb" in pages


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_and_begin_by_installing(path):
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], notebook["cells"][0]["cell_type"]) == (4, "markdown")
    assert cells(path.stem)[0].startswith("%pip install --quiet 'garrison[")
    for cell in notebook["cells"]:
        assert cell.keys() >= {"id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    constants = cells(path.stem)[1]
    assert with_constants(constants, SMALL[path.stem])  # which are all there
    for link in "".join(cells(path.stem, "markdown")).split("](")[1:]:
        assert (FOLDER / link.partition(")")[0]).is_file()


@pytest.mark.integration
@pytest.mark.filterwarnings("default")
def test_sft_then_grpo(run, tmp_path, monkeypatch):
    pytest.importorskip("trl", reason="the extra llm is not installed")
    short = dataclasses.replace(SCENARIOS["small"], name="short", ticks=3, instructions=0)
    monkeypatch.setitem(SCENARIOS, "short", short)
    tiny_model.save(tmp_path / "tiny", export.examples(export.Export("short", keep="all"), range(2)))
    found = run("01_sft_then_grpo")["found"]
    assert set(found) == {"guard+plan", "sft", "grpo"}
    assert found["grpo"]["games"] == 2


@pytest.mark.slow
def test_league_round(run, capsys):
    names = run("02_league_round")
    assert names["league"].state.finished
    assert "host:taught" in names["found"]["rows"]
    assert "host:taught" in capsys.readouterr().out


@pytest.mark.slow
def test_over_the_server(run, capsys, monkeypatch):
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    names = run("03_over_the_server")
    score = names["view"]["metadata"]["scores"]["score"]
    assert score == names["view"]["reward"] == names["rewards"][-1]
    assert score > names["players"][1]["scores"]["score"]  # that of idle
    assert all(0 <= reward <= 1 for reward in names["rewards"])
    assert any(0 < reward < 1 for reward in names["rewards"][:-1])  # of turns, not of the end alone
    assert [one["player"] for one in names["players"]] == ["guard+plan", "idle"]
    assert len(names["replay"].ticks) == SCENARIOS["micro"].ticks + 1
    assert "the server ended with status 0" in capsys.readouterr().out
