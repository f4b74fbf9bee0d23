"""Worlds whose options are arrays play as those with options of their own."""

import jax
import numpy as np
import pytest

import garrison
from garrison.judge.evaluate import evaluate
from garrison.worlds.cc4 import make, reds
from garrison.worlds.cc4.given import Given, as_data, filled


def test_worlds_that_differ_in_numbers_share_a_program():
    """All but the options is the same, and those have the same structure."""
    worlds = [as_data(make(red=red)) for red in reds.REDS]
    worlds += [as_data(make(column="aggressive")), as_data(make(op_zone_servers=3, red="cia_c"))]
    shapes = {
        jax.tree.structure(world): [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(world)]
        for world in worlds
    }
    assert len(shapes) == 1
    assert as_data(make(steps=60)).max_steps == 59
    assert as_data(make(busy="masked", red="impact")).asynchronous


@pytest.mark.parametrize("options", [{"red": "discovery"}, {"red": "combined"}, {"vary": "robust"},
                                     {"red": ("fsm", "impact")}, {"side": "both"}])  # fmt: skip
def test_others_stay_as_they_are(options):
    world = make(**options)
    assert as_data(world) is world
    assert as_data(garrison.make("toy/value")) == garrison.make("toy/value")


def test_filled_options_say_the_same():
    own = reds.options("target_a", red_duration=1)
    whole = filled(own)
    for name, value in vars(own).items():
        if value is not None and name != "red_discovery_probability":
            np.testing.assert_array_equal(getattr(whole, name), value)
    assert {name for name, value in vars(whole).items() if value is None} == {"red_discovery_probability"}
    stock = filled(make().options)
    assert (stock.red_host_weight == 1).all()
    assert stock.red_probability.shape == (3, 10, 10)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"red": "cia_i"}, {"column": "aggressive"}])
def test_episodes_are_the_same(options):
    world = make(**options, steps=200)
    data = as_data(world)
    assert isinstance(data, Given)
    guard = {"guard": world.policies()["guard"]}
    plain, given = (evaluate(one, guard, 4, 50)[0]["guard"] for one in (world, data))
    np.testing.assert_array_equal(plain.returns, given.returns)
    np.testing.assert_array_equal(plain.decisions, given.decisions)
