import dataclasses
import importlib.metadata
import subprocess
import sys

import pytest

import garrison
from garrison.core import registry
from garrison.core.world import World
from garrison.worlds.toy.probes import Memory, Value


@pytest.fixture
def fresh_registry(monkeypatch):
    monkeypatch.setattr(registry._WORLDS, "_registered", {})


def test_make_gives_the_world_of_that_name(fresh_registry):
    for name in garrison.available_worlds():
        if name.startswith("toy/"):
            assert garrison.make(name).name == name


def test_options_reach_the_world():
    assert garrison.make("toy/memory", delay=7) == Memory(delay=7)


def test_worlds_is_a_function_before_and_after_a_world_is_imported():
    make = "names = garrison.available_worlds(); garrison.make('toy/value')"
    program = f"import garrison; {make}; assert garrison.available_worlds() == names"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert list(garrison.available_worlds()) == sorted(garrison.available_worlds())
    assert {"cc4", "toy/value", "toy/network"} <= set(garrison.available_worlds())


def test_unknown_world_is_named_with_what_is_possible_and_the_closest():
    with pytest.raises(
        ValueError, match=r"no world 'toy/memry' \(did you mean 'toy/memory'\?\); worlds: cc4, "
    ):
        garrison.make("toy/memry")
    with pytest.raises(ValueError, match="no world 'xyzzy'; worlds: cc4, "):
        garrison.make("xyzzy")


def test_unknown_option_is_named_with_what_is_possible_and_the_closest():
    with pytest.raises(ValueError, match=r"no option 'dely' \(did you mean 'delay'\?\); options: delay$"):
        garrison.make("toy/memory", dely=3)
    with pytest.raises(ValueError, match="'toy/value' has no option 'delay'; it has none"):
        garrison.make("toy/value", delay=3)


@pytest.mark.usefixtures("fresh_registry")
def test_register_adds_a_world():
    garrison.register("mine/value", "garrison.worlds.toy.probes:Value")
    garrison.register("mine/value", "garrison.worlds.toy.probes:Value")  # the same again is no conflict
    assert garrison.make("mine/value") == Value()
    assert "mine/value" in garrison.available_worlds()


@pytest.mark.usefixtures("fresh_registry")
def test_register_refuses_a_taken_name_and_a_malformed_factory():
    with pytest.raises(
        ValueError, match=r"'toy/value' is registered already, as 'garrison.worlds.toy.probes:Value'"
    ):
        garrison.register("toy/value", "somewhere:else")
    for malformed in ("module", "module:", ":callable"):
        with pytest.raises(ValueError, match="write it as 'module:callable'"):
            garrison.register("mine/other", malformed)


def test_worlds_of_other_packages_come_by_entry_point(monkeypatch):
    @dataclasses.dataclass
    class Point:
        name: str
        value: str

    points = [Point("theirs/value", "garrison.worlds.toy.probes:Value")]
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: points * (group == "garrison.worlds")
    )
    assert "theirs/value" in garrison.available_worlds()
    assert garrison.make("theirs/value") == Value()


def test_a_world_by_its_place():
    world = garrison.make("garrison.worlds.toy.probes:Value")
    assert world == garrison.make("toy/value")
    with pytest.raises(ValueError, match="world 'nowhere.at:All': no module 'nowhere'; install it"):
        garrison.make("nowhere.at:All")
    with pytest.raises(ValueError, match=r"module 'garrison.worlds.toy.probes' has no 'Nothing'"):
        garrison.make("garrison.worlds.toy.probes:Nothing")
    with pytest.raises(ValueError, match="no world 'toy:'"):
        garrison.make("toy:")


def test_a_place_that_does_not_make_worlds_is_refused_before_it_is_called(tmp_path):
    """Runs name their world, so a run that somebody sent could name anything that Python can call."""
    file = tmp_path / "written"
    with pytest.raises(ValueError, match="'subprocess:run' is neither a subclass of .*World nor a function"):
        garrison.make("subprocess:run", args=["touch", str(file)])
    assert not file.exists()
    for place in ("os:system", "json:loads", "pathlib:Path", "garrison.worlds.cc4:columns"):
        with pytest.raises(ValueError, match=f"'{place}' is neither"):
            garrison.make(place)


def _unannotated():
    return Value()


def _annotated() -> World:
    return Value()


def test_a_function_says_that_it_makes_worlds():
    for factory in (Value, _annotated, importlib.import_module("garrison.worlds.cc4").make):
        registry._check_makes_worlds("mine:factory", factory)
    with pytest.raises(ValueError, match="-> World"):
        registry._check_makes_worlds("mine:factory", _unannotated)
