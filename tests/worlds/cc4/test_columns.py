"""The variants of the game that are columns of the challenge's follow-up."""

import numpy as np
import pytest

import garrison
from garrison.worlds.cc4 import columns, make, reds
from garrison.worlds.cc4 import tables as T

VARIANTS = ("constant", "phishing", "stealthy", "aggressive")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_column_is_a_world(name):
    world = garrison.make(f"cc4/{name}", red="discovery")
    assert world == make(column=name, red="discovery")
    assert world.name == f"cc4/{name}"
    assert dict(world.overrides).keys() == columns.COLUMNS[name].keys()


def test_what_they_change():
    base, others = make().options, {name: make(column=name).options for name in VARIANTS}
    assert make(column="base") == make()
    changed = {
        name: {field for field, value in vars(own).items() if not np.array_equal(value, getattr(base, field))}
        for name, own in others.items()
    }
    assert changed == {
        "constant": {"users", "servers"},
        "phishing": {"green_phishing"},
        "stealthy": {"green_work_alarm", "green_access_alarm", "red_scan_detection"},
        "aggressive": {"red_duration"},
    }
    assert (others["constant"].users == T.MAX_USERS).all()
    assert (others["constant"].servers == T.MAX_SERVERS).all()
    assert others["aggressive"].red_duration.tolist() == [1] * len(T.RED_DURATION)
    assert others["phishing"].green_phishing == np.float32(0.75)


def test_they_are_no_reds_and_go_with_any():
    """The reds of the same names are something else."""
    assert "phishing" not in reds.REDS
    world = make(column="stealthy", red="stealthy")
    np.testing.assert_array_equal(world.options.red_probability, reds.options("stealthy").red_probability)
    np.testing.assert_array_equal(make(column="stealthy").options.red_probability, T.FSM_PROBABILITY)


def test_both_sides_and_the_other_side_have_the_name():
    assert garrison.make("cc4/phishing", side="both").name == "cc4/phishing"
    assert garrison.make("cc4/phishing", side="red").name == "cc4/phishing"
    assert garrison.make("cc4/phishing", rewards="area").name == "cc4/phishing"


def test_what_a_column_sets_cannot_be_given():
    with pytest.raises(ValueError, match=r"column='phishing' sets green_phishing itself; leave that out"):
        garrison.make("cc4/phishing", green_phishing=0.5)
    assert make(column="phishing", steps=60).max_steps == 59
    with pytest.raises(
        ValueError, match=r"no column 'phish' \(did you mean 'phishing'\?\); there are: base, "
    ):
        make(column="phish")
