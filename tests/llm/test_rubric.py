"""The score: its parts, its order, and what cannot raise it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.llm.rubric import Figures, Rubric, rubric, scores, security

IDLE = Figures(loss=100, reference=100, smoothing=7, calls=10, malformed=0, mission=0.0)
GOOD = replace(IDLE, loss=30, mission=0.8, done=32, violations=2)


def score(figures, side="blue", plan=True):
    return rubric(side, plan).forward(figures)


def test_the_idle_defender_has_half_of_security_and_no_more():
    assert security(IDLE) == 0.5
    assert score(IDLE) == pytest.approx(0.1)
    assert score(IDLE, plan=False) == 0.5
    assert score(IDLE, "red") == 0.5


def test_the_score_is_that_of_the_formula():
    x = 37 / 107
    expected = 0.7 * ((1 - x) * 0.8) ** 0.5 + 0.2 * (1 - x / 2) + 0.1 * 32 / 34
    assert score(GOOD) == pytest.approx(expected)
    assert score(replace(GOOD, malformed=5)) == pytest.approx(expected / 2)


def test_neither_half_is_enough():
    both = score(GOOD)
    assert score(replace(GOOD, mission=0.0, done=0)) < both / 2
    assert score(replace(GOOD, loss=100)) < both / 2


def test_malformed_play_is_below_all_other():
    assert score(replace(IDLE, malformed=10)) == 0
    assert score(replace(IDLE, calls=0)) == 0
    assert score(replace(IDLE, loss=1e6)) > 0


@given(st.floats(0, 1e4), st.floats(0.1, 100), st.floats(0, 1), st.integers(0, 40), st.integers(0, 40))
def test_less_loss_and_more_done_never_lower_the_score(loss, less, mission, done, violations):
    one = replace(IDLE, loss=loss + less, mission=mission, done=done, violations=violations)
    assert 0 <= score(one) <= 1
    assert score(replace(one, loss=loss)) >= score(one)
    assert security(replace(one, loss=loss)) > security(one)
    assert score(replace(one, mission=min(1.0, mission + 0.1))) >= score(one)
    assert score(replace(one, done=done + 1)) >= score(one)
    assert score(one, "red") >= score(replace(one, loss=loss), "red")


def test_the_tree_names_its_parts_and_keeps_their_scores():
    tree = rubric("blue", plan=True)
    tree.forward(GOOD)
    names = dict(tree.named_rubrics())
    assert set(names) == {"excess", "mission", "security", "discipline", "validity"}
    assert names["mission"].last_score == 0.8
    assert scores(tree)["score"] == tree.last_score


def test_a_score_out_of_range_is_an_error():
    with pytest.raises(ValueError, match="score of wrong is 2"):
        Rubric("wrong", lambda figures: 2.0).forward(IDLE)
