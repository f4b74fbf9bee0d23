"""The kernel and the reference interpreter agree after every event on every field (``soc-rules.md §2.8``)."""

import functools

import jax
import jax.numpy as jnp
import pytest
from pair import Pair, play, programs
from reference import compare, tape
from reference.generator import generate, solvable

from garrison.worlds.soc import generate as networks
from garrison.worlds.soc import solvable as search
from garrison.worlds.soc.options import Static, default_options
from garrison.worlds.soc.tables.scenarios import Scenario


@pytest.mark.parametrize("scenario", Scenario)
def test_networks_and_their_search(scenario):
    """§3: each field of a network, and whether red can win in it."""
    static = Static()
    make, *_ = programs(static)
    found = jax.jit(functools.partial(search.solvable, static))
    uniforms = jax.jit(functools.partial(networks._draws, static))
    for preset in ("easy", "medium"):
        options = default_options("small", scenario.name.lower(), preset)
        for number in range(1, 13):
            draws = {
                name: compare.plain(value) for name, value in uniforms(jnp.uint32(number))._asdict().items()
            }
            net = generate("small", tape.options(scenario, preset), draws)
            topology = make(options, jnp.uint32(number))
            assert not compare.network_differences(net, jax.device_get(topology))
            assert bool(found(options, topology)) == solvable(net, scenario)


@pytest.mark.parametrize("scenario", Scenario)
def test_from_the_reset(scenario):
    play(Pair(1, scenario), rows=60)


@pytest.mark.parametrize("scenario", Scenario)
def test_in_the_midst_of_an_attack(scenario):
    play(Pair(2, scenario, "hard", advanced=True), rows=60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 9))
@pytest.mark.parametrize("scenario", Scenario)
def test_long_tapes(scenario, seed):
    preset = ("easy", "medium", "hard")[seed % 3]
    play(Pair(seed, scenario, preset, advanced=seed % 2 == 0), rows=400)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "reds"), [("small", 2), ("50", 1), ("100", 1)])
def test_other_sizes_and_two_attackers(size, reds):
    for scenario in Scenario:
        play(Pair(10, scenario, "hard", size, reds, advanced=True), rows=150)
