"""Grids of live episodes: what is played, in which order, and what is played again."""

import dataclasses
import json

import pytest

from garrison.cli.common import seed_range
from garrison.cli.parity import fuzz as fuzz_command
from garrison.cli.parity.fuzz import Fuzz
from garrison.parity.replay import fuzz
from garrison.parity.replay.fuzz import Chain
from garrison.studies.study import ORIGIN, TITLE_AND_FINDING
from garrison.worlds.cc4.capacity import CAPACITY


def row_of(chain, episode, generator, differences=()):
    return {
        "red": chain.red, "blue": chain.blue, "seed": chain.seed, "episode": episode,
        "steps": 499, "draws": 70_000, "rich": True, "overflow": 0,
        "largest": dict.fromkeys(CAPACITY, episode), "differences": list(differences),
        "around": ["step 3, CybORG:", "  red_agent_0: Impact"], "saved": None, "seconds": 1.0,
        "engine": fuzz.engine_hash(), "generator": generator,
    }  # fmt: skip


DIFFERENCE = {"step": 3, "path": "/hosts/attic", "garrison": 1, "recorded": 2}


class FakePlay:
    """In place of ``fuzz.play``: a generator that counts, and an episode that differs."""

    def __init__(self, monkeypatch, differs=(), stop_after=None):
        self.calls, self._differs, self._stop = [], differs, stop_after
        monkeypatch.setattr(fuzz, "play", self)

    def __call__(self, chain, last, keep):
        if len(self.calls) == self._stop:
            raise KeyboardInterrupt
        episode = 0 if last is None else last["episode"] + 1
        self.calls.append((chain.red, chain.blue, chain.seed, episode))
        generator = 1000 * chain.seed if last is None else last["generator"] + 1
        wrong = [DIFFERENCE] if self.calls[-1] in self._differs else []
        return row_of(chain, episode, generator, wrong)


def test_a_chain_knows_its_rows_up_to_the_first_gap():
    chain = Chain("fsm", "random", 7, 4)
    rows = [row_of(chain, i, i) for i in (3, 0, 1)] + [row_of(chain._replace(red="sleep"), 2, 2)]
    assert [row["episode"] for row in chain.rows(rows)] == [0, 1]


def test_episodes_of_a_chain_are_played_one_after_the_other(monkeypatch, tmp_path):
    play = FakePlay(monkeypatch)
    chains = [Chain("fsm", "random", 7, 2), Chain("fsm", "idle", 8, 1)]
    rows = list(fuzz.run(chains, [], tmp_path, 1, begin=lambda: None))
    assert play.calls == [("fsm", "random", 7, 0), ("fsm", "random", 7, 1), ("fsm", "idle", 8, 0)]
    assert [row["generator"] for row in rows] == [7000, 7001, 8000]


def test_what_differed_is_played_again_and_what_was_exact_is_not(monkeypatch, tmp_path):
    chain = Chain("fsm", "random", 7, 3)
    done = [row_of(chain, 0, 7000), row_of(chain, 1, 7001, [DIFFERENCE]), row_of(chain, 2, 7002)]
    play = FakePlay(monkeypatch)
    rows = list(fuzz.run([chain], done, tmp_path, 1, begin=lambda: None))
    assert [call[3] for call in play.calls] == [1, 2]
    assert [row["generator"] for row in rows] == [7001, 7002]


# ---------------------------------------------------------------- the command


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.setattr(fuzz_command, "print_cyborg_version", lambda: None)
    return Fuzz(
        episode_seeds="4-5",
        reds=("fsm", "sleep"),
        blues=("idle", "storm"),
        save=tmp_path / "fuzz",
        keep=tmp_path,
    )


def saved(command):
    return fuzz_command.read(command.save)["rows"]


def test_a_stopped_run_goes_on(monkeypatch, command, capsys):
    first = FakePlay(monkeypatch, stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        command.run()
    assert len(saved(command)) == 3
    second = FakePlay(monkeypatch)
    assert command.run() == 0
    assert len(first.calls + second.calls) == len(set(first.calls + second.calls)) == len(saved(command)) == 8
    page = (command.save / "README.md").read_text()
    assert "Episodes that differ: 0 of 8 (3,992 steps, 560,000 random draws)" in page
    assert "| fsm | storm | 2 | 998 | 140,000 | 2 | 0 |" in page
    assert "Episodes that differ: 0 of 8" in " ".join(capsys.readouterr().out.split())


def test_a_difference_is_told_and_the_status_says_so(monkeypatch, command, capsys):
    FakePlay(monkeypatch, differs=[("fsm", "storm", 5, 0)])
    assert command.run() == 1
    told = capsys.readouterr().err
    assert "fsm-storm-5 episode 0, step 3: /hosts/attic: Garrison 1, CybORG 2" in told
    assert "red_agent_0: Impact" in told
    again = FakePlay(monkeypatch)
    assert command.run() == 0
    assert again.calls == [("fsm", "storm", 5, 0)]


def test_another_run_adds_to_the_figures_and_says_which_there_were(monkeypatch, command):
    FakePlay(monkeypatch)
    assert command.run() == 0
    assert "evaluation run" not in (command.save / "README.md").read_text()
    assert (
        dataclasses.replace(command, episode_seeds="4", episodes=3, reds=("fsm",), blues=("idle",)).run() == 0
    )
    page = (command.save / "README.md").read_text()
    before = "garrison parity fuzz --episode-seeds 4-5 --episodes 1 --reds fsm sleep --blues idle storm"
    assert f"Earlier commands: `{before}`" in page
    assert "3 consecutive episodes of one generator, seed 4, fsm against idle" in page
    assert len(saved(command)) == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blues": ("gard",)}, "no blue policy 'gard'"),
        ({"reds": ("fms",)}, "no red 'fms'"),
        ({"episode_seeds": "9-3"}, "episode-seeds is '9-3'; write it as FIRST-LAST"),
        ({"episodes": 0}, "episodes is 0"),
        ({"workers": 0}, "workers 0"),
    ],
)
def test_wrong_arguments_are_named(command, change, message):
    with pytest.raises(SystemExit, match=message):
        dataclasses.replace(command, **change).run()


def test_a_foreign_file_is_not_overwritten(command):
    path = command.save / "figures.json"
    path.parent.mkdir()
    for text, message in (
        ("[]", "figures.json holds no study: title, finding, .*; run the study again"),
        ('{"rows": [', "figures.json is damaged: .*; restore it, or run the study again"),
        (json.dumps(dict.fromkeys((*TITLE_AND_FINDING, *ORIGIN), "")), "rows, commands missing.*--save"),
    ):
        path.write_text(text)
        with pytest.raises(SystemExit, match=message):
            command.run()
        assert path.read_text() == text


def test_a_row_without_a_field_is_named(monkeypatch, command):
    FakePlay(monkeypatch)
    command.run()
    path = command.save / "figures.json"
    figures = json.loads(path.read_text())
    del figures["rows"][3]["generator"]
    path.write_text(json.dumps(figures))
    with pytest.raises(
        SystemExit, match="fuzz/figures.json is not of garrison parity fuzz .generator missing"
    ):
        command.run()


def test_the_command_is_quoted(command):
    words = dataclasses.replace(command, blues=("runs/my run:1",))._command()
    assert words.endswith("--blues 'runs/my run:1'")


def test_seeds_are_read():
    assert (list(seed_range("7")), list(seed_range("3-5"))) == ([7], [3, 4, 5])
