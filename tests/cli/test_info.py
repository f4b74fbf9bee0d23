import json
import re
import tomllib
from pathlib import Path

import jax
import pytest

import garrison
from garrison import cli
from garrison.cli.info import Info
from garrison.cli.worlds import Worlds
from garrison.core import extras, registry

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
FOR_DEVELOPERS = {"test", "test-adapters", "test-browser", "dev", "docs"}


def told(capsys):
    assert Info(json=True).run() == 0
    return json.loads(capsys.readouterr().out)


def test_versions_and_devices(capsys):
    facts = told(capsys)
    assert facts["packages"]["jax"] == jax.__version__
    assert facts["devices"] == [device.device_kind for device in jax.devices()]
    assert facts["extras"]["train"]["installed"]


def test_models_come_with_their_cards(capsys):
    cards = told(capsys)["models"]
    assert "best" in cards
    assert all(Path(card).read_text().startswith(f"# Model card: `{name}`") for name, card in cards.items())
    assert Info().run() == 0
    assert "model best" in capsys.readouterr().out


def test_the_version_alone(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"garrison {garrison.__version__}\n"


def test_a_missing_extra_comes_with_its_remedy(capsys, monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "wandb", ("there_is_no_such_package",))
    extra = told(capsys)["extras"]["wandb"]
    assert not extra["installed"]
    assert extra["packages"] == {"there_is_no_such_package": None}
    assert extra["remedy"] == "pip install 'garrison[wandb]'"
    assert Info().run() == 0
    assert "missing: pip install 'garrison[wandb]'" in capsys.readouterr().out


def test_the_table_has_what_is_installed(capsys):
    assert Info().run() == 0
    printed = capsys.readouterr().out
    assert extras.installed("train")["tyro"] in printed
    assert jax.__version__ in printed


def test_the_extras_are_those_of_the_project():
    declared = PYPROJECT["project"]["optional-dependencies"]
    assert set(extras.EXTRAS) == declared.keys() - FOR_DEVELOPERS
    for extra, packages in extras.EXTRAS.items():
        names = [re.split(r"\[|[>=]=", requirement)[0] for requirement in declared[extra]]
        assert names == [extras.INSTALLED_AS.get(package, package) for package in packages]


def test_what_is_required_and_missing_is_an_error_with_the_remedy(monkeypatch):
    extras.require("train")
    monkeypatch.setitem(extras.EXTRAS, "ray", ("json", "there_is_no_such_package"))
    with pytest.raises(ValueError, match=r"there_is_no_such_package; install with: .*garrison\[ray\]"):
        extras.require("ray")


def test_a_world_that_does_not_import_has_a_row_that_says_so(capsys, monkeypatch):
    monkeypatch.setattr(registry._WORLDS, "_registered", {})
    garrison.register("mine/missing", "nomodule_here:Mine")
    assert Worlds(json=True).run() == 0
    rows = {row["world"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mine/missing"]["error"] == "ModuleNotFoundError: No module named 'nomodule_here'"
    assert rows["toy/network"]["agents"] == 2
    assert Worlds().run() == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "mine/missing" in printed
    assert "cannot" in printed
    assert "toy/network" in printed
