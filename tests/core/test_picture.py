"""Pictures of states: every host and mark is there, and names stay text."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import jax
import numpy as np
import pytest

import garrison
from garrison.core.picture import picture
from garrison.core.wrappers import EpisodeStats

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn():
    world = garrison.make("toy/network")
    _, state = world.reset(jax.random.key(0))
    return world, state.replace(infected=np.array([True, False, True, False]))


def hosts(svg: str) -> dict[str, str]:
    """Class of each host by its title."""
    groups = ElementTree.fromstring(svg).iter(f"{SVG}g")
    return {one.find(f"{SVG}title").text: one.get("class").split()[-1] for one in groups}


def test_each_host_has_its_marks(drawn):
    world, state = drawn
    assert hosts(world.render(state)) == {
        "gateway: infected": "g-danger",
        "web: nothing to see": "g-none",
        "files: infected": "g-danger",
        "desk: nothing to see": "g-none",
    }
    alerts = world.render(state.replace(alert=np.array([False, True, False, False])), "blue")
    assert hosts(alerts)["web: an alert"] == "g-warning"


def test_notebooks_get_it_and_wrapped_worlds_draw_the_same(drawn):
    world, state = drawn
    shown = world.render(state)
    assert shown._repr_svg_() == shown
    wrapped = EpisodeStats(world)
    _, inside = wrapped.reset(jax.random.key(0))
    assert wrapped.render(inside) == world.render(wrapped.inner(inside))


def test_names_stay_text(drawn):
    world, state = drawn
    scene = world.scene(state)
    zones = [replace(scene.zones[0], label="<script>&"), *scene.zones[1:]]
    svg = picture(replace(scene, zones=zones), world.look(state))
    assert "<script>" not in svg
    assert [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")][0] == "<script>&"


def test_what_cannot_be_drawn_is_named(drawn):
    world, state = drawn
    with pytest.raises(ValueError, match="no view 'green'; there are: true, blue"):
        world.render(state, "green")
    other = garrison.make("toy/value")
    with pytest.raises(NotImplementedError, match="'toy/value' cannot be drawn"):
        other.render(other.reset(jax.random.key(0))[1])
