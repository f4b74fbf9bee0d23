"""Optional packages: which extra of Garrison brings what, and what to say where one is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util

#: The packages that each extra brings, as they are imported.
EXTRAS: dict[str, tuple[str, ...]] = {
    "train": ("equinox", "matplotlib", "optax", "rich", "safetensors", "scipy", "tyro"),
    "tensorboard": ("tensorboardX",),
    "wandb": ("wandb",),
    "ray": ("ray",),
    "parity": ("torch",),
    "cyborg": ("gym", "gymnasium", "networkx", "prettytable", "yaml"),
    "gymnasium": ("gymnasium",),
    "pettingzoo": ("pettingzoo",),
    "jaxmarl": ("jaxmarl", "six"),
    "rllib": ("ray", "torch"),
    "sb3": ("sb3_contrib",),
    "llm": ("accelerate", "datasets", "torch", "transformers", "trl"),
    "serve": ("fastapi", "uvicorn", "websockets"),
}
#: Packages that are installed by another name than they are imported by.
INSTALLED_AS = {"yaml": "PyYAML", "sb3_contrib": "sb3-contrib"}


def remedy(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'garrison[{extra}]'"


def require(extra: str) -> None:
    """Raise ``ValueError`` with the remedy if a package of an extra is not installed; nothing is imported."""
    missing = [package for package in EXTRAS[extra] if importlib.util.find_spec(package) is None]
    if missing:
        raise ValueError(f"not installed: {', '.join(missing)}; install with: {remedy(extra)}")


def installed(extra: str) -> dict[str, str | None]:
    """The version of each package of an extra; None for one that is not installed."""
    return {package: _version(package) for package in EXTRAS[extra]}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(INSTALLED_AS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return None
