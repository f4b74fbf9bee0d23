"""``garrison compare``: pairs of policies on the same episodes."""

import json

import pytest
import tyro

from garrison.cli.compare import Compare

SMALL = ("--world", "cc4", "--options", "steps=12", "users=3", "servers=1", "--episode-seeds", "0-3")


def parse(*arguments: str) -> Compare:
    return tyro.cli(Compare, args=arguments)


def test_pairs_are_compared_in_the_order_named(capsys):
    assert parse("random", "idle", *SMALL, "--json").run() == 0
    found = json.loads(capsys.readouterr().out)
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"]) == ("random", "idle")
    means = [found["policies"][name]["return"]["mean"] for name in ("random", "idle")]
    assert pair["difference"]["mean"] == pytest.approx(means[0] - means[1])
    assert pair["behavior_distance"]["value"] > 1  # one only sleeps
    assert found["phases"] == ["phase 0", "phase 1", "phase 2"]


def test_tables_for_people(capsys):
    assert parse("random", "idle", *SMALL).run() == 0
    printed = capsys.readouterr().out
    assert "random − idle" in printed
    assert "interquartile mean" in printed
    assert "DeployDecoy" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["idle"], "at least two different policies to compare, not 1"),
        (["idle", "idle"], "at least two different policies to compare, not 1"),
        (["idle", "nobody"], "nobody is neither a run directory nor a policy of world 'cc4'"),
    ],
)
def test_mistakes_end_with_a_message(arguments, message):
    with pytest.raises(SystemExit, match=message):
        parse(*arguments).run()
