"""A newcomer's first half hour: ``python studies/newcomer.py [--python PYTHON] [--out results/newcomer]``.

Clones the repository, makes an environment, and runs docs/start.md in it, program by program. ``--out``
writes the study's folder. Takes about ten minutes on two cores; needs a package index and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from garrison.judge.format import number
from garrison.studies.study import Section, Study, origin, parser, show

ROOT = Path(__file__).parents[1]
PAGE = "docs/start.md"
#: ends of commands that would train for longer than a newcomer waits
SHORTER = {"garrison train cc4-ippo": ["--total-steps", "47904"]}
IMPORTS = ("jax", "garrison")
REPEATS = 5

#: runs the page's Python programs, which go on from each other, and prints the seconds of each
PROGRAMS = """
import json, sys, time
scope = {}
for program in json.load(sys.stdin):
    start = time.perf_counter()
    exec(program, scope)
    print(f"\\n@ {time.perf_counter() - start}")
"""


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each block of code of a page."""
    return re.findall(r"^```(sh|python)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """The page's commands, those of its long trainings shortened."""
    found = []
    for language, text in blocks(page):
        for line in text.splitlines() if language == "sh" else ():
            words = shlex.split(line, comments=True)
            ends = [end for start, end in SHORTER.items() if line.startswith(start)]
            found.append(words + (ends[0] if ends else []))
    return found


class Newcomer:
    """A clone and an environment in ``folder``, and what they were asked to do."""

    def __init__(self, folder: Path, python: str):
        self.home, self.venv = folder / "garrison", folder / "venv"
        cache = {"XDG_CACHE_HOME": str(folder / "cache")}  # nothing was compiled before
        path = os.pathsep.join([str(self.venv / "bin"), os.environ["PATH"]])
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.environment = own | cache | {"PATH": path, "VIRTUAL_ENV": str(self.venv)}
        self.steps: list[dict[str, Any]] = []
        self.python = python

    def do(self, words: Sequence[str], folder: Path | None = None, stdin: str = "") -> str:
        """Run a command, and note its name and seconds.

        Raises:
            SystemExit: when it fails; prints its output.
        """
        print(shlex.join(words)[:100], flush=True)
        start = time.perf_counter()
        result = subprocess.run(
            words, cwd=folder or self.home, env=self.environment, input=stdin, capture_output=True, text=True
        )
        if result.returncode:
            raise SystemExit(f"{shlex.join(words)} failed:\n{result.stdout}\n{result.stderr}")
        self.steps.append({"step": shlex.join(words), "seconds": time.perf_counter() - start})
        return result.stdout

    def measure(self) -> dict[str, Any]:
        self.do(["git", "clone", "--quiet", str(ROOT), str(self.home)], ROOT)
        self.do([self.python, "-m", "venv", str(self.venv)])
        page = (self.home / PAGE).read_text()
        for words in commands(page):
            self.do(words)
        programs = [text for language, text in blocks(page) if language == "python"]
        out = self.do(["python", "-c", PROGRAMS], stdin=json.dumps(programs))
        self.steps[-1:] = [
            {"step": f"program {number + 1} of the page", "seconds": float(seconds)}
            for number, seconds in enumerate(re.findall(r"^@ (.*)$", out, re.MULTILINE))
        ]
        steps, self.steps = self.steps, []
        return {"steps": steps, "imports": self.imports(), "bytes": self.sizes()}

    def imports(self) -> dict[str, float]:
        """The shortest of several imports in fresh processes, in seconds."""
        program = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
        return {
            module: min(float(self.do(["python", "-c", program.format(module)])) for _ in range(REPEATS))
            for module in IMPORTS
        }

    def sizes(self) -> dict[str, int]:
        """Of the wheel, and of the environment with all that it needs."""
        self.do(["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(self.venv.parent), "."])
        (wheel,) = self.venv.parent.glob("*.whl")
        files = (path for path in self.venv.rglob("*") if path.is_file() and not path.is_symlink())
        return {"wheel": wheel.stat().st_size, "environment": sum(path.stat().st_size for path in files)}


def study(figures: Mapping[str, Any]) -> Study:
    steps = figures["steps"]
    total = sum(step["seconds"] for step in steps)
    extra = figures["imports"]["garrison"]
    return Study(
        title="A newcomer's first half hour",
        figures=figures,
        finding=(
            f"Everything in `{PAGE}`, from the clone on, takes {total / 60:.1f} minutes of computing, and "
            f"nothing fails. `import garrison` takes {extra:.3f} s, the wheel has "
            f"{figures['bytes']['wheel'] / 1e6:.1f} MB."
        ),
        method=(
            "A fresh clone, a fresh environment and an empty cache of compiled programs; packages come from "
            "a package index nearby. Each command and each Python program of the page ran in turn, once; "
            f"{', '.join(f'`{start}`' for start in SHORTER)} ended early, by `--total-steps`."
        ),
        sections=list(_sections(figures)),
    )


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    rows = [(f"`{_short(step['step'])}`", number(step["seconds"])) for step in figures["steps"]]
    yield Section("Steps", ("step", "seconds"), rows)
    rows = [(f"`import {module}`", f"{seconds:.3f}") for module, seconds in figures["imports"].items()]
    yield Section("Imports", ("what", "seconds"), rows, f"The shortest of {REPEATS} in fresh processes.")
    sizes = [(what, f"{size / 1e6:,.1f}") for what, size in figures["bytes"].items()]
    yield Section("Sizes", ("what", "MB"), sizes, "The environment has the extra `train`.")


def _short(step: str) -> str:
    """Without the folders of this machine."""
    return re.sub(r"\S*/(?=\S)", "", step) if step.startswith(("git", "/")) or " -m venv" in step else step


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--python", default=sys.executable, help="the interpreter of the environment")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = Newcomer(Path(folder), asked.python).measure()
    for step in figures["steps"]:
        step["step"] = _short(step["step"])
    show(study(figures | origin("python studies/newcomer.py --out results/newcomer")), asked.out)


if __name__ == "__main__":
    main()
