"""Responses: how a side learns to play against a mixture of the other.

An *oracle* makes them. ``ippo`` trains by :mod:`garrison.algos.ippo`; ``exact`` asks the world, where that
can say what is best (:mod:`garrison.league.exact`). Other packages add theirs with an entry point in the
group ``garrison.oracles``.
"""

from __future__ import annotations

import dataclasses
import inspect
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from garrison import algos
from garrison.core.opponents import gathered
from garrison.core.plugins import Plugins
from garrison.core.policy import Policy
from garrison.core.programs import make_room
from garrison.core.sides import one_side, other_side
from garrison.core.world import World
from garrison.league import exact
from garrison.learn import nets
from garrison.runs import checkpoint
from garrison.training.config import Training
from garrison.training.loop import Diverged

_LEAST = 1e-9  # weights below are none
_ROOM = 16  # for networks of one structure, doubled where it is too little


@dataclass(frozen=True)
class Task:
    """What a side is to learn."""

    world: World  # of two sides
    side: str
    opponents: Sequence[Policy]
    weights: Sequence[float]  # probability of each opponent, drawn again for each episode
    seed: int
    parent: Policy | None = None  # whose network training begins with; None: a fresh one
    folder: Path | None = None  # for checkpoints of an unfinished training; None: none are written
    on_progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True)
class Response:
    """A policy that was found, and how."""

    policy: Policy
    steps: int  # environment steps of its training
    curve: list[float | None]  # mean return of its side per iteration; None where no episode ended


class Oracle(Protocol):
    """What makes responses. The same task gives the same response, also when it was interrupted.

    ``repr`` has to tell all settings that responses depend on: kept responses are known by it.
    """

    def check(self, world: World, sides: Iterable[str]) -> None:
        """Raise ``ValueError`` where it cannot train these sides of the world."""

    def like(self, world: World, side: str) -> Policy:
        """The structure of its responses, arrays or shapes, to load them."""
        ...

    def respond(self, task: Task) -> Response: ...


_ORACLES = Plugins(
    "oracle",
    "garrison.oracles",
    {"ippo": "garrison.league.responses:Ippo", "exact": "garrison.league.responses:Exact"},
)


def oracle(name: str, settings: Mapping[str, Any]) -> Oracle:
    """The oracle of that name. Raises ``ValueError`` for an unknown name or setting."""
    made = _ORACLES.get(name)
    known = inspect.signature(made).parameters
    if (
        not any(x.kind is inspect.Parameter.VAR_KEYWORD for x in known.values())
        and settings.keys() - known.keys()
    ):
        unknown = ", ".join(sorted(settings.keys() - known.keys()))
        raise ValueError(f"oracle {name!r} has no setting {unknown}; it has: {', '.join(known) or 'none'}")
    return made(**settings)


def mixture(opponents: Sequence[Policy], weights: Sequence[float]) -> Policy:
    """One policy that plays one of ``opponents`` in each episode, drawn with ``weights``.

    Networks are stacked with room for more, so that a growing league seldom compiles.
    """
    kept = [(one, weight) for one, weight in zip(opponents, weights, strict=True) if weight > _LEAST]
    if not kept:
        raise ValueError(f"weights of {len(opponents)} opponents are all 0")
    if len(kept) == 1:
        return kept[0][0]
    room = _ROOM
    while room < len(kept):
        room *= 2
    return gathered([one for one, _ in kept], [weight for _, weight in kept], room)


class Exact:
    """The world's own best responses, for fixtures."""

    def __repr__(self) -> str:
        return "Exact()"

    def check(self, world: World, sides: Iterable[str]) -> None:
        exact.game_of(world)

    def like(self, world: World, side: str) -> Policy:
        opponent = world.policies(other_side(world, side))["random"]
        return exact.game_of(world).best_response(side, [opponent], [1.0])

    def respond(self, task: Task) -> Response:
        return Response(
            exact.game_of(task.world).best_response(task.side, task.opponents, task.weights), 0, []
        )


class Ippo:
    """IPPO against the mixture, one side of the world at a time.

    A teacher (``teacher=NAME``) helps fresh networks; a response that begins with another's network has none.

    Args:
        checkpoint_every: iterations between checkpoints of an unfinished training.
        sides: settings in which a side differs, by side, as in ``{"red": {"teacher": "fsm"}}``.
        settings: hyperparameters of :mod:`garrison.algos.ippo`.
    """

    def __init__(
        self,
        checkpoint_every: int = 20,
        sides: Mapping[str, Mapping[str, Any]] | None = None,
        **settings: Any,
    ):
        self.checkpoint_every = checkpoint_every
        shared = Training(algorithm="ippo").changed(**settings)
        self.settings = shared.settings
        self.sides = {side: shared.changed(**own).settings for side, own in (sides or {}).items()}
        self.algorithm = algos.get("ippo")
        self.init = jax.jit(self.algorithm.init)
        self.iteration = jax.jit(self.algorithm.iteration, donate_argnames="state")

    def __repr__(self) -> str:
        return f"Ippo({self.settings}, {self.sides})"

    def _settings(self, side: str) -> Any:
        return self.sides.get(side, self.settings)

    def check(self, world: World, sides: Iterable[str]) -> None:
        for side in self.sides:
            world.side_agents(side)  # raises for an unknown one
        for side in sides:
            self.algorithm.check(self._settings(side), _against_random(world, side))

    def like(self, world: World, side: str) -> Policy:
        played = _against_random(world, side)
        first = partial(self.algorithm.init, self._settings(side))
        return self.algorithm.policy(jax.eval_shape(first, played, jax.random.key(0)), played)

    def respond(self, task: Task) -> Response:
        """Train until ``total_steps``. Raises :class:`Diverged` if a loss stops being finite."""
        make_room()
        world = one_side(task.world, task.side, mixture(task.opponents, task.weights))
        settings = self._settings(task.side)
        if task.parent is not None:
            settings = settings.replace(teacher=None)
        state = self.init(settings, world, jax.random.key(task.seed))
        if task.parent is not None:
            state = state.replace(net=_network(task.parent, state.net))
        done, curve = 0, []
        if task.folder is not None and (task.folder / checkpoint.INDEX).exists():
            facts = checkpoint.about(task.folder)
            done, curve = facts["iteration"], facts["curve"]
            state = checkpoint.load(task.folder, state)
        total = self.algorithm.num_iterations(settings, world)
        while done < total:
            state, metrics = self.iteration(settings, world, state)
            done += 1
            curve.append(_return(metrics, done))
            if task.folder is not None and done % self.checkpoint_every == 0 and done < total:
                checkpoint.save(task.folder, state, done, {"iteration": done, "curve": curve})
            task.on_progress(done, total)
        if task.folder is not None:
            shutil.rmtree(task.folder, ignore_errors=True)
        steps = done * self.algorithm.steps_per_iteration(settings, world)
        return Response(self.algorithm.policy(state, world), steps, curve)


def _against_random(world: World, side: str) -> World:
    return one_side(world, side, world.policies(other_side(world, side))["random"])


def _network(parent: Any, fresh: Any) -> Any:
    """The fresh network with the parent's parameters, as new arrays.

    A critic that sees more than the policy stays fresh, since policies are kept without theirs. Raises
    ``ValueError`` if training cannot begin with the parent.
    """
    net = getattr(parent, "net", None)
    own = fresh.actor if isinstance(fresh, nets.Asymmetric) else fresh
    if jax.tree.structure(net) != jax.tree.structure(own) or any(
        jax.tree.leaves(jax.tree.map(lambda a, b: a.shape != b.shape, net, own))
    ):
        raise ValueError(
            f"training cannot begin with the network of a {type(parent).__name__}: it has another structure; "
            "use start=scratch"
        )
    copied = jax.tree.map(jnp.array, net)  # a copy, as the train state is donated
    return dataclasses.replace(fresh, actor=copied) if own is not fresh else copied


def _return(metrics: Mapping[str, Any], iteration: int) -> float | None:
    """The return of an iteration; None if no episode ended. Raises :class:`Diverged` for a broken loss."""
    broken = [name for name, x in metrics.items() if name.endswith("loss") and not np.isfinite(x).all()]
    if broken:
        raise Diverged(
            f"{broken[0]} is {metrics[broken[0]]} in iteration {iteration}: training has diverged; "
            "a lower learning rate or max_grad_norm may help"
        )
    value = float(metrics["return"])
    return value if np.isfinite(value) else None
