"""The programs of docs/policies.md run, one after the other, as a reader would type them."""

import re
from pathlib import Path

from small_runs import THREE_ITERATIONS

from garrison import cli

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def test_programs_of_the_page_run(tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", "mlp", *THREE_ITERATIONS, "--num-seeds", "2", "--out", str(run)]) == 0
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names = {"run_directory": str(run)}
    capsys.readouterr()
    for program in programs:
        exec(program, names)
    printed = capsys.readouterr().out
    for words in ("chance 0.5 − random", "alternating", "trained ×2", "trained − random", "chaser against"):
        assert words in printed
