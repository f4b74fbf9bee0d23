"""Worlds by name.

A name stands for ``"module:factory"``, which is imported when the world is made and not before, and which
is a name itself. Other packages add theirs with :func:`register`, or, so that the command line sees them
too, with an entry point in the group ``garrison.worlds``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from garrison.core.plugins import Plugins, did_you_mean

if TYPE_CHECKING:
    from garrison.core.world import World

_BUILT_IN = {
    "cc4": "garrison.worlds.cc4:make",
    "cc4/constant": "garrison.worlds.cc4:constant",
    "cc4/phishing": "garrison.worlds.cc4:phishing",
    "cc4/stealthy": "garrison.worlds.cc4:stealthy",
    "cc4/aggressive": "garrison.worlds.cc4:aggressive",
    "soc": "garrison.worlds.soc:make",
    "soc/apt_espionage": "garrison.worlds.soc:apt_espionage",
    "soc/cloud_hybrid": "garrison.worlds.soc:cloud_hybrid",
    "soc/iot_grid": "garrison.worlds.soc:iot_grid",
    "soc/ot_stuxnet": "garrison.worlds.soc:ot_stuxnet",
    "toy/value": "garrison.worlds.toy.probes:Value",
    "toy/discount": "garrison.worlds.toy.probes:Discount",
    "toy/credit": "garrison.worlds.toy.probes:Credit",
    "toy/masking": "garrison.worlds.toy.probes:Masking",
    "toy/truncation": "garrison.worlds.toy.probes:Truncation",
    "toy/coordination": "garrison.worlds.toy.probes:Coordination",
    "toy/busy": "garrison.worlds.toy.probes:Busy",
    "toy/memory": "garrison.worlds.toy.probes:Memory",
    "toy/baseline": "garrison.worlds.toy.probes:Baseline",
    "toy/corridor": "garrison.worlds.toy.probes:Corridor",
    "toy/sojourn": "garrison.worlds.toy.timed:Sojourn",
    "toy/timer": "garrison.worlds.toy.timed:Timer",
    "toy/graph": "garrison.worlds.toy.graph:Neighbor",
    "toy/two_step": "garrison.worlds.toy.games:TwoStep",
    "toy/climb": "garrison.worlds.toy.games:Climb",
    "toy/mask_next": "garrison.worlds.toy.games:MaskNext",
    "toy/sizes": "garrison.worlds.toy.games:Sizes",
    "toy/signal": "garrison.worlds.toy.teams:Signal",
    "toy/shares": "garrison.worlds.toy.teams:Shares",
    "toy/cliff": "garrison.worlds.toy.games:Cliff",
    "toy/repeated": "garrison.worlds.toy.games:Repeated",
    "toy/pursuit": "garrison.worlds.toy.probes:Pursuit",
    "toy/network": "garrison.worlds.toy.network:Network",
    "toy/matrix": "garrison.worlds.toy.matrix:make",
    "toy/kuhn": "garrison.worlds.toy.kuhn:Kuhn",
    "toy/duel": "garrison.worlds.toy.duel:Duel",
}
_WORLDS = Plugins("world", "garrison.worlds", _BUILT_IN)


def available_worlds() -> tuple[str, ...]:
    """Names that :func:`make` knows, sorted."""
    return _WORLDS.names()


def make(name: str, **options: Any) -> World:
    """Make the world called ``name``, e.g. ``make("cc4", red="fsm")``, or ``make("module:factory")``.

    Raises ``ValueError`` for an unknown name or option, naming those that are possible, and for a
    ``module:factory`` that does not make worlds.
    """
    factory = _WORLDS.get(name)
    if name not in available_worlds():
        _check_makes_worlds(name, factory)
    _check_options(name, factory, options)
    return factory(**options)


def register(name: str, factory: str) -> None:
    """Let ``name`` stand for ``factory``, written ``"module:callable"``.

    Raises ``ValueError`` if the name belongs to another factory, or if ``factory`` is not so written.
    """
    module, colon, attribute = factory.partition(":")
    if not (module and colon and attribute):
        raise ValueError(f"factory of world {name!r} is {factory!r}; write it as 'module:callable'")
    _WORLDS.register(name, factory)


def _check_makes_worlds(name: str, factory: Any) -> None:
    """Refuse to call anything else: the name may be from the configuration of a run that somebody sent."""
    from garrison.core.world import World  # loads JAX, which the registry does not need

    returned = factory
    if not isinstance(factory, type):
        returned = getattr(factory, "__annotations__", {}).get("return")
    if isinstance(returned, str):
        short = returned.rpartition(".")[2]
        returned = World if short == "World" else getattr(factory, "__globals__", {}).get(short)
    if not (isinstance(returned, type) and issubclass(returned, World)):
        raise ValueError(
            f"{name!r} is neither a subclass of garrison.core.world.World nor a function that is annotated "
            "to return one (-> World)"
        )


def _check_options(name: str, factory: Callable[..., World], given: dict[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return  # the factory takes any option and checks them itself
    for option in given:
        if option not in parameters:
            possible = f"options: {', '.join(parameters)}" if parameters else "it has none"
            raise ValueError(
                f"world {name!r} has no option {option!r}{did_you_mean(option, parameters)}; {possible}"
            )
