"""What a package offers: ``__all__`` of each, and the declaration of names that are imported late."""

import ast
import importlib
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import garrison

ROOT = Path(garrison.__file__).parent
PACKAGES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "garrison.", onerror=lambda name: None)
    if module.ispkg and not module.name.startswith("garrison.adapters")  # each needs packages of its own
)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_what_it_offers(package):
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name) or importlib.util.find_spec(f"{package}.{name}"), name


def declared() -> dict[str, str]:
    """The module of each name that ``__init__.pyi`` takes from one."""
    tree = ast.parse((ROOT / "__init__.pyi").read_text())
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname: node.module for alias in node.names if alias.asname == alias.name}
    return found


def test_the_declaration_of_the_front_door_is_that_of_the_code():
    modules = declared()
    assert {*modules, "__version__"} == set(garrison.__all__)
    assert modules.items() >= garrison._LAZY.items()
    for name, module in modules.items():
        assert getattr(garrison, name) is getattr(importlib.import_module(module), name)


def test_type_checkers_read_the_annotations():
    assert (ROOT / "py.typed").exists()
