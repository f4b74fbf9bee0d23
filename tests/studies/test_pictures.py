"""The pictures of the documentation are those that the script draws now."""

from xml.etree import ElementTree

import pytest
from doc_pages import script

pictures = script("studies/pictures.py")


@pytest.mark.parametrize("theme", pictures.THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize(
    "name",
    ["network", "ideas", *(pytest.param(name, marks=pytest.mark.slow) for name in ("episode", "soc"))],
)
def test_pictures_are_up_to_date(name, theme):
    drawn = pictures.pictures([name])[name](theme)
    assert drawn == (pictures.FOLDER / f"{name}-{theme.name}.svg").read_text()


@pytest.mark.parametrize("path", sorted(pictures.FOLDER.glob("*.svg")), ids=lambda path: path.name)
def test_pictures_are_small_and_well_formed(path):
    assert path.stat().st_size < 40_000
    root = ElementTree.parse(path).getroot()
    assert root.tag.endswith("svg")
    assert root.find("{http://www.w3.org/2000/svg}title").text


@pytest.mark.parametrize("path", sorted(pictures.FOLDER.glob("*.png")), ids=lambda path: path.name)
def test_screenshots_are_small(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 60_000


def test_every_subnet_and_agent_is_in_the_network():
    text = (pictures.FOLDER / "network-light.svg").read_text()
    assert all(f">{short}<" in text for short in pictures.SHORT)
    assert all(f">{agent}<" in text for agent in (*pictures.T.BLUE_AGENTS, *pictures.T.RED_AGENTS))
