"""Policies by name: the one place that finds out which policy a *policy spec* stands for.

A policy spec is one of

- the name of a scripted policy of the world, such as ``guard``,
- a run directory, for a policy per training seed, or ``RUN:SEED`` for one of them, counted from 0; the name
  of a run that comes with Garrison, such as ``best``, stands for its directory,
- whatever an additional :class:`Source` knows.

The command line, the studies and :mod:`garrison.judge.api` share it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from garrison.core.plugins import did_you_mean
from garrison.core.policy import Policy, Pool
from garrison.core.sides import OneSide, other_side
from garrison.core.world import World
from garrison.runs import directory
from garrison.runs.directory import RunDirectory
from garrison.training.loaded import check_fit, load_run, only, run_of

Which = Literal["latest", "best"]


@dataclass(frozen=True)
class Source:
    """An additional kind of policy specs."""

    #: the policy of a spec for a world; None for specs of other kinds
    find: Callable[[str, World], Policy | None]
    #: specs that a message can list
    names: Callable[[World], Iterable[str]] = lambda world: ()


# ---------------------------------------------------------------- runs


def run_label(spec: str) -> str:
    """The name of a run's directory, with the training seed if the spec has one, as in ``base:1``."""
    path, number = run_of(spec) or (Path(spec), None)
    name = path.resolve().name
    return name if number is None else f"{name}:{number}"


def labels(specs: Sequence[str], taken: Container[str] = ()) -> dict[str, str]:
    """Display name of each run: its directory name if unique, else the spec."""
    short = {spec: run_label(spec) for spec in specs}
    names = list(short.values())
    whole = {spec: f"./{spec}" if spec in taken else spec for spec in specs}
    return {
        spec: name if names.count(name) == 1 and name not in taken else whole[spec]
        for spec, name in short.items()
    }


# ---------------------------------------------------------------- any spec


def resolve(
    spec: str, world: World, sources: Sequence[Source] = (), which: str = "latest", greedy: bool = False
) -> Policy | list[Policy]:
    """The policy of a spec in a world of one side; a list, one per training seed, for a run.

    A run directory hides a scripted policy of the same name.

    Raises:
        ValueError: for an unknown spec, and for a run that does not fit the world.
        FileNotFoundError: for a run without the checkpoint.
    """
    if run_of(spec) is not None:
        run = load_run(spec, which, greedy, side_of(world))
        check_fit(run, world)
        return list(run.policies)
    scripted = world.named_policy(spec)
    if scripted is not None:
        return scripted
    for source in sources:
        policy = source.find(spec, world)
        if policy is not None:
            return policy
    listed = [name for source in sources for name in source.names(world)]
    raise ValueError(unknown(spec, world, [*world.policies(), *listed]))


def unknown(spec: str, world: World, known: Sequence[str]) -> str:
    """The message for a spec that stands for nothing."""
    if (Path(spec) / "submission.py").is_file():
        return (
            f"{spec} is a submission to CAGE Challenge 4, which plays on CybORG only: "
            f"garrison eval {shlex.quote(spec)} --on cyborg"
        )
    side = f" ({only(world.sides)})" if world.two_sided() is not None else ""
    return (
        f"{spec} is neither a run directory nor a policy of world {world.name!r}{side}"
        f"{did_you_mean(spec, known)}; its policies: "
        + (", ".join(known) or "none")
        + f"; runs that come with Garrison: {', '.join(directory.packaged())}"
    )


# ---------------------------------------------------------------- two sides


def with_scripts(world: World, side: str, names: Iterable[Any]) -> World:
    """The two-sided world in which native policies among ``names`` can be judged as policies of ``side``.

    Raises ``ValueError`` if the world plays one of them as an opponent only.
    """
    native = set(world.native_policies(side)) - set(world.policies(side))
    scripts = [name for name in dict.fromkeys(names) if isinstance(name, str) and name in native]
    return world.with_scripts(side, scripts) if scripts else world


def playable(world: World, names: Iterable[Any]) -> World:
    """:func:`with_scripts` for a world of one side, whose own opponent stays. Others stay as they are."""
    both = world.two_sided()
    if both is None or len(world.sides) != 1:
        return world
    side = only(world.sides)
    scripts = [name for name in names if isinstance(name, str) and name in both.native_policies(side)]
    scripts = [name for name in scripts if name not in world.policies()]
    return world.with_scripts(side, scripts) if scripts else world


def controls(world: World) -> tuple[str, ...]:
    """The native policy of a world's side that stands beside learned ones: its first, if it has any."""
    both = world.two_sided()
    if both is None or len(world.sides) != 1:
        return ()
    return both.native_policies(only(world.sides))[:1]


def side_of(world: World) -> str | None:
    """The side of a world that has one; None for a world of two."""
    return only(world.sides) if len(world.sides) == 1 else None


def side_view(world: World, side: str) -> World:
    """The facts of one side of a two-sided world: agents, actions, policies; not for playing."""
    return OneSide(world, side, None)


def opponent(
    spec: Any,
    world: World,
    side: str,
    sources: Sequence[Source] = (),
    which: str = "latest",
    greedy: bool = False,
) -> str | Policy:
    """What :func:`garrison.core.sides.one_side` takes as the opponent of ``side``.

    Args:
        spec: a policy spec, which may be a native policy of the world, a ``Run``, a policy, or a list of
            policies. Several policies, such as those of a run, become a pool: one of them is drawn for each
            episode, the same for all that are judged.
        world: a world of two sides.
    """
    other = other_side(world, side)
    if isinstance(spec, str) and spec in world.native_policies(other):
        return spec
    view = side_view(world, other)
    if isinstance(spec, (RunDirectory, Path)):
        run = load_run(spec, which, greedy, other)
        check_fit(run, view)
        spec = list(run.policies)
    if isinstance(spec, str):
        known = [*world.native_policies(other), *view.policies()]
        if view.named_policy(spec) is None and run_of(spec) is None and not sources:
            raise ValueError(unknown(spec, view, list(dict.fromkeys(known))))
        spec = resolve(spec, view, sources, which, greedy)
    return pooled(spec) if isinstance(spec, (list, tuple)) else spec


def pooled(policies: Sequence[Policy]) -> Policy:
    """One policy that plays one of ``policies`` in each episode, all with the same probability."""
    import jax.numpy as jnp

    if len(policies) == 1:
        return policies[0]
    return Pool(tuple(policies), jnp.ones(len(policies), jnp.float32))
