"""From a played episode to a replay."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import garrison
from garrison.core.recording import Recording, length_of
from garrison.core.scene import Look, Scene
from garrison.core.world import Step, World
from garrison.view.replay import FORMAT, VERSION, Replay


def record(
    world: World,
    recording: Recording,
    policy: str,
    *,
    against: str | None = None,
    seed: int | None = None,
    options: Sequence[str] = (),
) -> Replay:
    """The replay of a recorded episode.

    Args:
        world: in which it was recorded.
        recording: of :func:`garrison.evaluate` with ``record``.
        policy: name of who played.
        against: name of the opponent; None for the world's own.
        seed: of the episode.
        options: of the world, as in ``red=fsm``.

    Raises:
        NotImplementedError: if the world cannot be drawn.
    """
    length = length_of(recording)
    steps = jax.tree.map(lambda x: np.asarray(x[:length]), recording)
    first = _at(steps.state, 0)
    recorder = Recorder(world, first)
    for t in range(length):
        now = _at(steps, t)
        recorder.add(now.state, now.actions, now.after, now.step)
    header = recorder.header(policy, against=against, seed=seed, options=options)
    rewards = np.asarray(steps.step.team_reward, np.float64)
    return Replay(
        header, tuple(recorder.ticks), {"end": True, "steps": length, "return": _short(rewards.sum())}
    )


class Recorder:
    """Makes a replay of one state after the other.

    Args:
        first: the state of tick 0, in NumPy as all states.

    Raises:
        NotImplementedError: if the world cannot be drawn.
    """

    def __init__(self, world: World, first: Any) -> None:
        self._world, self._scene, self._look = world, world.scene(first), world.look(first)
        self.ticks: list[dict[str, Any]] = [_tick(0, None, self._look)]

    def header(
        self, policy: str, *, against: str | None, seed: int | None, options: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What stays the same; arguments as of :func:`record`."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "garrison": garrison.__version__,
            "world": self._world.name,
            "world_version": self._world.version,
            "options": list(options),
            "policy": policy,
            "against": against,
            "seed": seed,
            "agents": list(self._world.agents),
            **drawn(self._scene),
        }

    def add(self, state: Any, actions: Any, after: Any, step: Step) -> dict[str, Any]:
        """The line of a step, which is added to ``ticks``."""
        before, self._look = self._look, self._world.look(after)
        tick = _tick(len(self.ticks), before, self._look)
        tick["reward"] = _short(np.asarray(step.team_reward))
        parts = {name: _short(part.sum()) for name, part in step.info.get("reward_parts", {}).items()}
        tick["parts"] = {name: part for name, part in parts.items() if part}
        tick["actions"] = np.asarray(actions).tolist()
        found = self._world.happenings(state, actions, after, step)
        tick["happened"] = [[one.kind, one.host] for one in found]
        try:
            tick["lines"] = self._world.narrate(state, actions, after, step)
        except NotImplementedError:
            tick["lines"] = []
        tick["logs"] = self._world.logs(state, after)
        for name in ("parts", "happened", "lines", "logs"):
            if not tick[name]:
                del tick[name]
        self.ticks.append(tick)
        return tick


def drawn(scene: Scene) -> dict[str, Any]:
    """A scene as a header has it."""
    return {
        "zones": [dataclasses.asdict(zone) | {"at": list(zone.at)} for zone in scene.zones],
        "hosts": [dataclasses.asdict(host) for host in scene.hosts],
        "links": [list(pair) for pair in scene.links],
        "views": {view: [dataclasses.asdict(mark) for mark in marks] for view, marks in scene.views.items()},
        "happenings": {
            kind: {"meaning": meaning, "tone": tone} for kind, (meaning, tone) in scene.happenings.items()
        },
        "held": scene.held,
        "noticed": list(scene.noticed),
    }


def _tick(t: int, before: Look | None, look: Look) -> dict[str, Any]:
    """What can be seen at tick ``t``, as differences from the tick before."""
    tick: dict[str, Any] = {"t": t, "phase": look.phase}
    marks = {}
    for view, now in look.marks.items():
        was = before.marks[view] if before else {}
        changed = {host: now.get(host, "") for host in {*was, *now} if was.get(host) != now.get(host)}
        if changed:
            marks[view] = {str(host): changed[host] for host in sorted(changed)}
    if marks:
        tick["marks"] = marks
    if before is None or list(before.blocks) != list(look.blocks):
        tick["blocks"] = [list(pair) for pair in look.blocks]
    orders = _orders(look)
    if before is None or _orders(before) != orders:
        tick["orders"] = orders
    return tick


def _orders(look: Look) -> list[list[Any]]:
    return [[one.agent, one.label, one.host, one.steps] for one in look.orders]


def _at(tree: Any, t: int) -> Any:
    return jax.tree.map(lambda x: x[t], tree)


def _short(value: Any) -> float:
    """Six digits: more than a reader wants."""
    return round(float(value), 6)
