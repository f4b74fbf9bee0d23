"""The study of soc's speed counts equations part by part, and the page has what it counts."""

import re
from pathlib import Path

from doc_pages import script

speed = script("studies/soc_speed.py")
GUIDE = Path(__file__).parents[2] / "docs/worlds/soc.md"


def test_the_page_has_the_equations_of_each_part():
    counts = speed.parts("small")
    text = GUIDE.read_text().split("## Size of the program", 1)[1].split("\n##", 1)[0]
    stated = [int(number.replace(",", "")) for number in re.findall(r"\d,\d{3}|\b\d{3}\b", text)]
    assert len(stated) == len(counts)
    for number in counts.values():  # other versions of JAX count a little differently
        assert any(abs(number - one) <= 0.05 * one for one in stated), (number, stated)
    whole, starts, event, end, *others = counts.values()
    assert end < event
    assert starts + event + sum(others) < whole
