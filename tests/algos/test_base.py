"""Algorithms by name."""

import pytest

from garrison import algos
from garrison.algos import base
from garrison.core.plugins import Plugins


def test_algorithms_are_found_by_name():
    assert "ippo" in algos.names()
    assert algos.get("ippo").__name__ == "garrison.algos.ippo"


def test_an_unknown_name_is_refused_with_the_closest_ones():
    with pytest.raises(ValueError, match="no algorithm 'ipo' .did you mean 'ippo'.*; algorithms: .*ippo"):
        algos.get("ipo")


def test_other_packages_can_add_theirs():
    plugins = Plugins("algorithm", "garrison.none", {"one": "json"})
    plugins.register("two", "json:loads")
    plugins.register("two", "json:loads")  # again, as when a module is imported twice
    assert plugins.names() == ("one", "two")
    assert plugins.get("two")("1") == 1
    with pytest.raises(ValueError, match="algorithm 'two' is registered already"):
        plugins.register("two", "json:dumps")
    with pytest.raises(ValueError, match="write it as 'module' or 'module:attribute'"):
        plugins.register("three", "json:")
    assert base.register.__self__.group == "garrison.algorithms"
