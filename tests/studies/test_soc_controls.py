"""The study of soc's controls: its rows, how it goes on, and its page, from figures that are made up."""

import numpy as np
import pytest
from doc_pages import script

from garrison.studies.study import ORIGIN, page, save
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import red as R

controls = script("studies/soc_controls.py")
MADE_UP = dict.fromkeys(ORIGIN, "-")
GAME = ("small", "medium", "ransomware")
OF_A_GAME = 8  # controls


def test_rows_are_distinct():
    games = controls.games(["small", "50", "100"])
    assert len(games) == 5 * 7
    attacks, defenses = len(R.ROWS) - 1, len(B.ROWS) - 1
    own = [row for game in games for side in ("blue", "red") for row in controls.constants(*game, side)]
    assert len(own) == len(games) * (2 * defenses + attacks)
    rows = [*controls.controls(), *own, *controls.without()]
    assert len({row.key for row in rows}) == len(rows)
    assert len(rows) == len(own) + len(games) * OF_A_GAME + 10 * attacks
    assert {row.blue for row in controls.controls()} == set(controls.BLUES)
    assert rows[0].key == "small/easy/ransomware: Wait (in turn) - killchain"
    assert rows[-1].key == "small/hard/ot_stuxnet: Wait (in turn) - killchain without SpearPhishing"
    assert {row.size for row in controls.controls(["50"])} == {"50"}


def played(blue, goals, ownership=-1.0, episodes=4):
    row = np.full(episodes, blue)
    return {
        "blue": row,
        "red": -row,
        "ownership": np.full(episodes, ownership),
        "goals": np.arange(episodes) < goals * episodes,
    }


def figures(**blues):
    done = {}
    for row in (row for row in controls.controls(["small"]) if row.game == GAME):
        if row.red == "killchain":
            name = "idle" if row.blue == "constant" else row.blue
            found = played(blues[name], 1.0 if name == "idle" else 0.0)
        else:
            found = played(-1.0, 0.0)
        controls.add(done, [(row, seed) for seed in range(4)], found)
    return {**MADE_UP, "rows": done, "screened": {}}


def test_checks_say_what_holds():
    good = figures(idle=-100.0, analyst=-10.0, random=-60.0, reimager=-30.0, isolator=-50.0)
    checks = list(controls.checks(good, *GAME))
    assert len(checks) == 7
    assert all(check.holds for check in checks)
    assert list(controls.checks(good, "small", "hard", "ransomware")) == []
    bad = figures(idle=-100.0, analyst=-60.0, random=-70.0, reimager=-30.0, isolator=-50.0)
    failed = [one.quantity for one in controls.checks(bad, *GAME) if not one.holds]
    assert failed == ["analyst: loss", "random: worse by", "isolator: worse by"]


def test_the_best_constant_players_are_chosen_in_other_episodes_than_they_are_judged_in():
    report = figures(idle=-100.0, analyst=-10.0, random=-60.0, reimager=-30.0, isolator=-50.0)
    restore, isolate = B.Blue.RESTORE, B.Blue.ISOLATE
    blues = {row.blue_kind: row for row in controls.constants(*GAME, "blue") if not row.blue_first}
    reds = {row.red_kind: row for row in controls.constants(*GAME, "red")}
    for row, blue, goals in (
        (blues[restore], -40.0, 0.5),
        (blues[isolate], -50.0, 0.0),
        (reds[R.Red.IMPACT], -1.0, 0.25),
        (reds[R.Red.DUMP_LSASS], -2.0, 0.0),
    ):
        controls.add(report["screened"], [(row, seed) for seed in range(4)], played(blue, goals))
    assert controls.best(report["screened"], GAME, "blue") == blues[restore]
    assert controls.best(report["screened"], GAME, "red") == reds[R.Red.IMPACT]
    assert controls.best({}, GAME, "red") is None
    assert len(list(controls.checks(report, *GAME))) == 7  # not judged yet
    for row, blue in ((blues[restore], -64.0), (reds[R.Red.IMPACT], -1.0)):
        controls.add(report["rows"], [(row, seed) for seed in range(4)], played(blue, 0.0))
    gap, goals = list(controls.checks(report, *GAME))[7:]
    assert (gap.quantity, gap.detail) == ("best constant: gap", "Restore, in turn")
    assert gap.value == pytest.approx(0.4)
    assert gap.holds
    assert (goals.detail, goals.value) == ("Impact", 0.0)


def test_intervals_of_rates_are_wilsons():
    done = {}
    row = next(controls.controls())
    controls.add(done, [(row, seed) for seed in range(10)], played(-2.0, 0.5, episodes=10))
    found = controls.figure(done[row.key])
    assert (found["goal_low"], found["goal_high"]) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert (found["blue"], found["ci95"], found["other"]) == (-2.0, 0.0, -1.0)


def test_an_interrupted_study_goes_on(tmp_path):
    report = figures(idle=-100.0, analyst=-10.0, random=-60.0, reimager=-30.0, isolator=-50.0)
    assert controls.begun(tmp_path) == {"rows": {}, "screened": {}}
    study = controls.study(report)
    save(tmp_path, study)
    assert controls.begun(tmp_path) == {"rows": report["rows"], "screened": {}}
    assert study.finding == "7 of 7 checks hold, with 4 to 4 episodes of a row."
    table = study.sections[0].rows
    assert [row[:3] for row in table] == [("ransomware", "medium", "small")]
    assert "## Checks" in list(page(study))
