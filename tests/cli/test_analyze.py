"""``garrison analyze``: tables, JSON, a picture."""

import json

import pytest
import tyro

from garrison.cli.analyze import Analyze

TOY = ("--world", "toy/network", "--options", "steps=25", "--episode-seeds", "0-5")


def parse(*arguments: str) -> Analyze:
    return tyro.cli(Analyze, args=arguments)


def test_tables_for_people(capsys):
    assert parse(*TOY).run() == 0
    printed = " ".join(capsys.readouterr().out.split())  # titles wrap in a narrow terminal
    assert "dependence of the kind of action" in printed
    assert "most chosen kind of action by host" in printed
    assert "onsets per episode" in printed
    assert "random: kinds of action by host" in printed


def test_figures_as_json_in_a_file_and_a_picture(tmp_path, capsys):
    out, picture = tmp_path / "analysis.json", tmp_path / "states.png"
    flags = ("--json", "--out", str(out), "--figure", str(picture))
    assert parse("random", *TOY, *flags).run() == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads(out.read_text()) == found
    assert (found["world"], found["episodes"], found["without"]) == ("toy/network", 6, [])
    assert list(found["policies"]) == ["random"]
    one = found["policies"]["random"]
    assert one["seeds"] == 1
    assert one["views"]["host"]["dependence"]["shuffles"] == 200
    assert set(one["responses"]) == {"infected"}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_a_kind(capsys):
    assert parse("random", *TOY, "--without", "analyse", "--json").run() == 0
    counts = json.loads(capsys.readouterr().out)["policies"]["random"]["views"]["host"]["counts"]
    assert counts["clean"]["analyse"] == counts["infected"]["analyse"] == 0
    assert counts["infected"]["restore"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--world", "toy/value"], "world 'toy/value' does not describe the targets"),
        ([*TOY, "--without", "wait"], "has no action 'wait'; kinds of action: sleep, analyse, restore"),
        ([*TOY, "--figure", "/nowhere/states.png"], "states.png cannot be written"),
        (["nobody", *TOY], "nobody is neither a run directory nor a policy"),
    ],
)
def test_mistakes_end_with_a_message(arguments, message):
    with pytest.raises(SystemExit, match=message):
        parse(*arguments).run()
