"""The pictures of the documentation are those that the script draws now."""

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("pictures", ROOT / "studies/pictures.py")
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)


@pytest.mark.parametrize("theme", pictures.THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("name", ["network", "ideas", pytest.param("episode", marks=pytest.mark.slow)])
def test_pictures_are_up_to_date(name, theme):
    drawn = pictures.pictures([name])[name](theme)
    assert drawn == (pictures.FOLDER / f"{name}-{theme.name}.svg").read_text()


@pytest.mark.parametrize("path", sorted(pictures.FOLDER.iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_well_formed(path):
    assert path.stat().st_size < 40_000
    root = ElementTree.parse(path).getroot()
    assert root.tag.endswith("svg")
    assert root.find("{http://www.w3.org/2000/svg}title").text


def test_every_subnet_and_agent_is_in_the_network():
    text = (pictures.FOLDER / "network-light.svg").read_text()
    assert all(f">{short}<" in text for short in pictures.SHORT)
    assert all(f">{agent}<" in text for agent in (*pictures.T.BLUE_AGENTS, *pictures.T.RED_AGENTS))
