"""``--resilience`` of ``garrison eval``, ``compare`` and ``report``."""

import json

import pytest
import tyro

from garrison.cli.compare import Compare
from garrison.cli.evaluate import Evaluate

TOY = ("--world", "toy/network", "--options", "steps=10", "--episode-seeds", "0-4")


def parse(command, *arguments):
    return tyro.cli(command, args=arguments)


def test_eval_shows_resilience_only_if_asked(capsys):
    assert parse(Evaluate, "random", *TOY, "--resilience").run() == 0
    assert "outages and recovery" in capsys.readouterr().out
    assert parse(Evaluate, "random", *TOY, "--resilience", "--json").run() == 0
    found = json.loads(capsys.readouterr().out)["policies"]["random"]
    assert 0 < found["resilience"]["resilience"]["mean"] < 1
    assert parse(Evaluate, "random", *TOY, "--json").run() == 0
    plain = json.loads(capsys.readouterr().out)["policies"]["random"]
    assert plain["resilience"] is None
    assert found | {"resilience": None} == plain


def test_compare_shows_differences_of_resilience(capsys):
    small = ("--world", "cc4", "--options", "steps=12", "users=3", "servers=1", "--episode-seeds", "0-3")
    assert parse(Compare, "random", "idle", *small, "--resilience", "--json").run() == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["resilience"]["resilience"]["mean"] == 0  # red needs more time
    assert pair["resilience"]["recovery"] is None


def test_a_world_without_assets_ends_with_a_message():
    with pytest.raises(SystemExit, match="world 'toy/credit' does not describe assets of this side"):
        parse(Evaluate, "random", "--world", "toy/credit", "--resilience").run()
