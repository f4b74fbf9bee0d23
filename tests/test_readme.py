"""The programs in the README run, one after the other, as a reader would type them."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_programs_in_the_readme_run(capsys):
    programs = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert programs
    names = {}
    for program in programs:
        exec(program, names)
    assert names["obs"].shape == (64, 2, 8)
    assert "blue" in capsys.readouterr().out
