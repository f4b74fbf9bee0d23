"""The opponents that a training meets: scripted policies of the other side, and runs.

A run directory keeps a copy of the networks of other runs, because those may change: ``opponents/0`` and so
on, each a run directory of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import jax

from garrison.core import opponents
from garrison.core.plugins import did_you_mean
from garrison.core.policy import Policy
from garrison.core.sides import OneSide, one_side, other_side
from garrison.core.world import World
from garrison.runs import checkpoint, directory
from garrison.runs.directory import RunDirectory
from garrison.training import seeds
from garrison.training.config import Training, read
from garrison.training.loaded import check_fit, load_run, only, run_of

FOLDER = "opponents"  # of a run directory
_COPY = "restore it from a copy of the run"
#: Fields of train states that copies lack, as policies do without them.
_FOR_TRAINING = ("obs", "world", "first", "memory", "teacher", "opt", "novelty")


def parsed(texts: Iterable[str]) -> dict[str, float]:
    """Weights by policy, from ``POLICY`` or ``POLICY=WEIGHT``; a policy is a script, ``RUN`` or ``RUN:SEED``.

    Raises ``ValueError`` for weights that are no numbers of at least 0, and for a policy named twice.
    """
    weights: dict[str, float] = {}
    for text in texts:
        name, weight = _weighted(text)
        if name in weights:
            raise ValueError(f"opponent {name!r} is given twice; write its weight once, as in {name}=2")
        if not 0 <= weight < float("inf"):
            raise ValueError(f"opponent {text!r} has the weight {weight}; it must be at least 0")
        weights[name] = weight
    return weights


def _weighted(text: str) -> tuple[str, float]:
    name, equals, weight = text.rpartition("=")
    try:
        return (name, float(weight)) if equals else (text, 1.0)
    except ValueError:
        return text, 1.0  # a path with =


def world(training: Training, run: RunDirectory | None = None) -> World:
    """The world of a training with its opponents.

    Args:
        run: that keeps copies of the opponents' networks; None: they are read from their own runs.

    Raises:
        ValueError: for a world without another side, and for policies that cannot play it.
        FileNotFoundError: where a copy is missing.
    """
    own = training.make_world()
    if not training.opponents:
        return own
    both, side = _sides(own)
    other = other_side(both, side)
    weights = parsed(training.opponents)
    scripts = [name for name in weights if name in both.native_policies(other)]
    both = both.with_scripts(other, scripts) if scripts and len(weights) > 1 else both
    if scripts and len(weights) == 1:
        return one_side(both, side, scripts[0])
    view = OneSide(both, other, None)  # not for playing
    members: dict[str, Policy] = {}
    shares: list[float] = []
    shown = _labels(weights)
    for number, (name, weight) in enumerate(weights.items()):
        found = _policies(name, view, None if run is None else run.path / FOLDER / str(number))
        for seed, policy in enumerate(found):
            members[shown[name] if len(found) == 1 else f"{shown[name]}:{seed}"] = policy
            shares.append(weight / len(found))
    return one_side(both, side, opponents.gathered(members, shares))


def _labels(names: Iterable[str]) -> dict[str, str]:
    """What opponents are called in metrics: the last part of a path, where that is unique."""
    short = {name: name.rstrip("/").rpartition("/")[2] or name for name in names}
    last = list(short.values())
    return {name: one if last.count(one) == 1 else name for name, one in short.items()}


def _sides(own: World) -> tuple[World, str]:
    both = own.two_sided()
    if both is None or len(own.sides) != 1:
        what = "has both sides as learners" if both is not None else "has one side only"
        raise ValueError(f"opponents are for a world in which one side learns; {own.name!r} {what}")
    return both, next(iter(own.sides))


def _policies(name: str, view: World, copy: Path | None) -> list[Policy]:
    """One policy, or one per training seed of a run; ``copy`` is where its networks are kept, if they are."""
    scripted = view.policies()
    kept = copy is not None and copy.exists()
    if not kept and name in scripted and (copy is not None or run_of(name) is None):
        return [scripted[name]]
    if not kept and copy is not None:
        raise FileNotFoundError(f"{copy}, which keeps the networks of opponent {name!r}, is missing: {_COPY}")
    if not kept and run_of(name) is None:
        raise ValueError(
            f"opponent {name!r} is neither a run directory nor a policy of side {only(view.sides)} of "
            f"{view.name!r}{did_you_mean(name, scripted)}; policies: {', '.join(scripted)}"
        )
    run = load_run(str(copy) if kept else name, side=only(view.sides))
    check_fit(run, view)
    return list(run.policies)


def keep(training: Training, run: RunDirectory) -> None:
    """Copy the networks of opponents into a new run directory."""
    for number, name in enumerate(parsed(training.opponents) if training.opponents else ()):
        if (found := run_of(name)) is None:
            continue
        path, seed = found
        other = directory.load(path)
        theirs = read(other)
        its_world = seeds.world_of(theirs, other)
        states = seeds.load_state(other, theirs, its_world)
        if seed is not None:
            states = jax.tree.map(lambda leaf, seed=seed: leaf[seed : seed + 1], states)
            theirs = dataclasses.replace(theirs, seed=theirs.seed + seed, num_seeds=1, parallel_seeds=None)
        theirs = dataclasses.replace(theirs, opponents=(), start_from=None)
        known = [field.name for field in dataclasses.fields(states)]
        left_out = [name for name in (*_FOR_TRAINING, *_resume_only(theirs)) if name in known]
        copy = directory.create(run.path / FOLDER / str(number), theirs.to_json())
        done = seeds.iterations_done(other)
        facts = seeds.about(theirs, its_world, done) | {"left_out": left_out}
        checkpoint.save(copy.checkpoint(), seeds.without(states, left_out), done, facts)


def _resume_only(training: Training) -> tuple[str, ...]:
    return getattr(training.algo, "RESUME_ONLY", ())
