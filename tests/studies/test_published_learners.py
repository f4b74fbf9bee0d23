"""The study of other libraries' learners: verdicts, and the page of partial figures."""

import pytest
from doc_pages import script

published = script("studies/published_learners.py")


def seeds(*values):
    return {str(seed): value for seed, value in enumerate(values)}


@pytest.mark.parametrize(
    ("theirs", "garrison", "verdict"),
    [
        ((-20.0, -20.2, -19.8), (-20.1, -19.9, -20.0), "equal"),
        ((-20.0, -20.2, -19.8), (-15.1, -14.9, -15.0), "better"),
        ((20.0, 20.2, 19.8), (15.1, 14.9, 15.0), "worse"),
        ((-20.0, -30.0, -10.0), (-19.0, -25.0, -12.0), "undecided"),
        ((-20.0,), (-10.0,), "too few seeds"),
        ((50.0, 50.0), (50.0, 50.0), "equal"),
        ((50.0, 50.0), (250.0, 250.0), "every seed alike"),
    ],
)
def test_a_verdict_needs_an_interval(theirs, garrison, verdict):
    found = {"theirs": seeds(*theirs), "garrison": seeds(*garrison)}
    assert published._difference(found)[1] == verdict


def test_a_page_of_partial_figures_names_what_there_is():
    spread, climbing = "QMIX, recurrent", "MADDPG, climbing"
    worlds = {published.LEARNERS[name].world: -80.0 for name in (spread, climbing)}
    figures = {
        "share": 0.5,
        "random": worlds,
        "learners": {
            spread: {"theirs": seeds(-22.0, -23.0), "garrison": seeds(-22.0)},
            climbing: {"theirs": seeds(124.0), "garrison": {}},
        },
    }
    rows = published.study(figures).sections[0].rows
    assert [row[0] for row in rows] == [spread, climbing]
    assert [row[2] for row in rows] == ["500,000", "50,000"]
    assert [row[7] for row in rows] == ["2 and 1", "1 and 0"]
    assert rows[1][6] == "-"


def test_results_are_of_the_end_of_a_training():
    assert published.end([0.0] * 18 + [1.0, 3.0]) == 2
    assert published.end([5.0]) == 5
