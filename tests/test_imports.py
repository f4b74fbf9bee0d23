"""Imports run downwards only, and what is heavy or foreign is imported in its one place."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import garrison

ROOT = Path(garrison.__file__).parent

# A package imports from layers below its own, and from itself.
LAYERS = (
    {"core"},
    {"worlds", "learn", "adapters", "runs", "studies", "view"},
    {"algos"},
    {"training"},
    {"league", "judge"},
    {"presets"},
    {"parity", "llm", "range", "serve"},
    {"bench"},
    {"cli"},
    {"api"},
)
# These may import a package of their own layer.
BESIDE = {("adapters", "worlds"), ("league", "judge"), ("serve", "llm")}
# These know the protocol alone, and are tested on toy worlds.
NOT_OF_WORLDS = {"learn", "algos", "league"}
# These are all that a bare installation holds.
CORE_DEPENDENCIES = {"jax", "numpy"}
WITH_CORE_DEPENDENCIES = {"core", "worlds"}
# Who may import what others must not.
PLACES = {
    "CybORG": ("parity", "adapters/cyborg"),
    # the spaces of PettingZoo and RLlib are Gymnasium's
    "gymnasium": ("adapters/gymnasium", "adapters/pettingzoo", "adapters/rllib"),
    "pettingzoo": ("adapters/pettingzoo",),
    "jaxmarl": ("adapters/jaxmarl",),
    "torch": ("parity", "llm"),
    "transformers": ("llm",),
    "trl": ("llm",),
    "datasets": ("llm",),
    "fastapi": ("serve",),
    "pydantic": ("serve",),
    "uvicorn": ("serve",),
    "websockets": ("serve",),
    "jaxtyping": ("core/typing",),
}
# What type checkers alone import.
FOR_TYPE_CHECKERS = {("core/typing.py", "jaxtyping")}


def imported(module: str, source: str) -> Iterator[str]:
    """Dotted names that ``source``, the text of ``garrison/<module>``, imports anywhere."""
    package = ["garrison", *module.split("/")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """What ``garrison/<module>`` imports against the rules, each with the reason."""
    package = module.removesuffix(".py").split("/")[0]
    package = {"__init__": "worlds", "__main__": "cli"}.get(package, package)
    found = []
    for name in imported(module, source):
        top, *rest = name.split(".")
        if top == "garrison":
            found += wrong_layer(package, rest[0] if rest else "core")
        elif (
            package in WITH_CORE_DEPENDENCIES
            and top not in CORE_DEPENDENCIES | sys.stdlib_module_names
            and (module, top) not in FOR_TYPE_CHECKERS
        ):
            found.append(f"{package} needs {top}, which a bare installation lacks")
        if top in PLACES and not module.startswith(PLACES[top]):
            found.append(f"{top} outside {' and '.join(PLACES[top])}")
        if name.startswith("jax._src"):
            found.append(f"{name} is private to JAX")
    return found


def wrong_layer(package: str, target: str) -> list[str]:
    below = set().union(*LAYERS[: layer(package)])
    known = set().union(*LAYERS)
    if target not in known or package == target or (package, target) in BESIDE:
        return []  # names that are no package, such as garrison.make, come from core
    if target not in below:
        return [f"{package} imports {target}, which is not below it"]
    if target == "worlds" and package in NOT_OF_WORLDS:
        return [f"{package} imports worlds, and must know the protocol alone"]
    return []


def layer(package: str) -> int:
    return next(index for index, packages in enumerate(LAYERS) if package in packages)


def test_no_module_breaks_the_rules():
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 5
    broken = {
        str(file.relative_to(ROOT)): found
        for file in files
        if (found := violations(file.relative_to(ROOT).as_posix(), file.read_text()))
    }
    assert not broken


def test_every_package_has_a_layer():
    packages = {folder.parent.name for folder in ROOT.glob("*/__init__.py")}
    assert packages <= set().union(*LAYERS)


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("core/world.py", "import garrison.learn.gae", "core imports learn"),
        ("core/world.py", "def late():\n    from garrison import worlds", "core imports worlds"),
        ("__init__.py", "from garrison.judge import evaluate", "worlds imports judge"),
        ("learn/rollout.py", "from garrison.worlds.toy import probes", "learn imports worlds"),
        ("algos/ippo.py", "from ..worlds import cc4", "must know the protocol alone"),
        ("algos/ippo.py", "from garrison.presets import cc4", "algos imports presets"),
        ("judge/evaluate.py", "import garrison.cli", "judge imports cli"),
        ("judge/evaluate.py", "from garrison.league import run", "judge imports league"),
        ("league/run.py", "from garrison.worlds.toy import kuhn", "must know the protocol alone"),
        ("core/struct.py", "import equinox as eqx", "core needs equinox"),
        ("worlds/cc4/env.py", "from scipy import stats", "worlds needs scipy"),
        ("judge/stats.py", "import torch.nn", "torch outside"),
        ("adapters/jaxmarl.py", "import gymnasium", "gymnasium outside"),
        ("view/replay.py", "from CybORG import env", "CybORG outside"),
        ("llm/arena.py", "from fastapi import FastAPI", "fastapi outside"),
        ("learn/optim.py", "from jax._src import core", "private to JAX"),
        ("learn/optim.py", "from jaxtyping import Float32", "jaxtyping outside"),
    ],
)
def test_the_rules_find(module, source, reason):
    assert any(reason in violation for violation in violations(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "algos/ippo.py",
            "import equinox\nfrom garrison.learn import gae\nfrom garrison.core.world import World",
        ),
        (
            "worlds/cc4/env.py",
            "import math, jax.numpy\nfrom garrison.core.world import World\nfrom . import step",
        ),
        ("presets/cc4.py", "from garrison.algos.ippo import Config"),
        ("judge/evaluate.py", "from garrison import make"),
        ("adapters/cyborg/env.py", "import CybORG"),
        ("cli/train.py", "import garrison\nfrom garrison.view import replay"),
        ("__init__.py", "from garrison import worlds\nfrom garrison.core.registry import make"),
    ],
)
def test_the_rules_allow(module, source):
    assert violations(module, source) == []
