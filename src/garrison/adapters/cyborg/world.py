"""CybORG as a world: one environment, in NumPy.

It has the protocol's methods and shapes, and the actions, observations and masks of ``cc4``. But a step
changes its state in place and returns the same object, so nothing here can be traced or vmapped, and a state
cannot be stepped from twice.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from garrison.adapters.cyborg import attacker, commands, engine, facts, variants
from garrison.adapters.cyborg import messages as messaging
from garrison.adapters.cyborg.assets import Assets
from garrison.adapters.cyborg.engine import CybORGSession
from garrison.adapters.cyborg.rich import Tracker
from garrison.core.sides import OneSide
from garrison.core.spaces import check_actions
from garrison.core.world import Step, World
from garrison.worlds.cc4 import CC4, PLAYED, describe, restrict
from garrison.worlds.cc4 import behavior as judged
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import blue
from garrison.worlds.cc4.env import ENDS, BlueSide
from garrison.worlds.cc4.shares import SharedRewards
from garrison.worlds.cc4.two_sided import TwoSidedCC4

_PARTS: tuple[str, ...] = ("LWF", "ASF", "RIA")  # columns of tables.REWARD
_TRAFFIC = (T.Blue.ALLOW, T.Blue.BLOCK)


ASSETS = Assets()


class Mismatch(ValueError):
    """This CybORG differs from the one that Garrison expects; the message says where."""


@dataclasses.dataclass(eq=False)
class CybORGEpisode:
    """An episode that goes on in CybORG."""

    engine: CybORGSession
    mask: np.ndarray  # bool[blue, action]: on hosts that exist
    trackers: tuple[Tracker, ...]  # one per agent; none under the stock contract
    step: int = 0  # done so far
    phase: int = 0  # of the last step
    done: bool = False
    busy: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(T.NUM_BLUE, bool))
    stock: np.ndarray | None = None  # f32[blue, 210]: the last vectors
    #: int[blue]: index of the action that occupies each agent, plus 1; 0 before the first
    doing: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(T.NUM_BLUE, int))


class Decisions:
    """What the judges count, as :data:`garrison.worlds.cc4.behavior.BLUE` does."""

    axes = judged.BLUE.axes
    phases = judged.BLUE.phases

    def decisions(
        self, state: CybORGEpisode, actions: np.ndarray, after: CybORGEpisode, step: Step
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        return step.info["decided"], step.info["places"]

    def phase(self, state: CybORGEpisode, after: CybORGEpisode) -> int:
        return after.phase


@dataclasses.dataclass(frozen=True)
class CybORGWorld(BlueSide):
    """CAGE Challenge 4 in CybORG, with blue as the learning side.

    Raises ``MissingCybORG`` on the first reset when CybORG cannot be imported, and ``ValueError`` for an
    opponent that cannot play on it.
    """

    red: str = "fsm"
    #: a policy of red's list of actions, which decides instead of ``red``, which then is "sleep"
    opponent: Any = None
    green: str = "enterprise"
    observation: str = "stock"  # or "rich", "recall"
    busy: str = "free"  # or "masked"
    traffic: str = "free"  # or "policy", "off"
    idle: str = "free"  # or "off"
    steps: int = 500  # an episode is over after one less
    end: str = "both"  # what the last step is: "terminated", "truncated", or both
    messages: str = "none"  # or "action8", "state2", "state8"
    overrides: tuple[tuple[str, Any], ...] = ()  # options of cc4, of variants.OPTIONS
    name: str = "cyborg"  # "cyborg/phishing" in that column of cc4

    observations = PLAYED

    def __post_init__(self) -> None:
        if self.opponent is not None:
            attacker.check(self.opponent)
            if self.red != "sleep":
                raise ValueError(f"red is {self.red!r}; beside an opponent it must be 'sleep'")

    @property
    def version(self) -> str:  # type: ignore[override]
        about = engine.about()
        return f"{about['version']} {(about['commit'] or 'without commit')[:7]} {about['sources']}"

    @property
    def max_steps(self) -> int:  # type: ignore[override]
        return self.steps - 1

    @property
    def attributes(self) -> dict[str, Any]:
        """What differs from CybORG's own numbers, as :func:`engine.build` takes it."""
        return variants.attributes(dict(self.overrides))

    def diagnosis(self, side: str | None = None) -> None:
        self.side_agents(side)  # CybORG is played without one

    def assets(self, side: str | None = None) -> Assets:  # type: ignore[override]
        self.side_agents(side)
        return ASSETS

    def behavior(self, side: str | None = None) -> Decisions:
        self.side_agents(side)
        return Decisions()

    # ------------------------------------------------------------ the protocol

    def reset(self, key: int) -> tuple[np.ndarray, CybORGEpisode]:
        """Start an episode.

        Args:
            key: a seed. The episode is the first one that the challenge's evaluation plays with that seed.

        Returns:
            Observations ``float32[blue, feature]``, and the state.

        Raises:
            MissingCybORG: when CybORG cannot be imported.
            Mismatch: when its actions are not those of ``cc4``.
        """
        running = CybORGSession(self.red, int(key), self.steps, self.green, attributes=self.attributes)
        if (decide := self.attacker(int(key))) is not None:
            commands.command(running.controller, decide)
        vectors = running.reset()
        mask = np.zeros((T.NUM_BLUE, T.MAX_BLUE_ACTIONS), bool)
        for number, agent in enumerate(T.BLUE_AGENTS):
            check_labels(number, running.wrapper.action_labels(agent))
            own = running.wrapper.action_mask(agent)
            mask[number, : len(own)] = own
        state = CybORGEpisode(running, mask, self._trackers(running))
        return self._observe(state, vectors), state

    def step(
        self, key: Any, state: CybORGEpisode, actions: np.ndarray, messages: np.ndarray | None = None
    ) -> tuple[np.ndarray, CybORGEpisode, Step]:
        """One step.

        Args:
            key: not used: CybORG draws from the generator of the reset.
            state: of the episode; it is changed, and returned.
            actions: ``int[blue]``.
            messages: bits ``[blue, 8]`` that the agents send; by default those of the option ``messages``,
                else zeros.

        Returns:
            Observations ``float32[blue, feature]``, the state, and what the step brought. Its ``info`` has
            ``reward_parts`` as ``cc4`` has them, and what :class:`Decisions` needs.

        Raises:
            ValueError: for actions of a wrong shape, dtype or range, and when the episode is over.
            Mismatch: when CybORG's reward is not the sum of the parts.
        """
        check_actions(self, actions)
        if state.done:
            raise ValueError("the episode is over; reset to start another")
        chosen = dict(zip(T.BLUE_AGENTS, (int(action) for action in actions), strict=True))
        state.doing = np.where(state.busy, state.doing, np.asarray(actions, int) + 1)
        messages = self._sent(state) if messages is None else messages
        sent = None if messages is None else dict(zip(T.BLUE_AGENTS, np.asarray(messages, bool), strict=True))
        decided, places = ~state.busy, self._places(state, chosen)
        vectors, rewards, state.done = state.engine.step(chosen, sent)
        for agent, tracker in zip(T.BLUE_AGENTS, state.trackers, strict=False):
            tracker.update(state.engine.raw[agent], chosen[agent])
        controller = state.engine.controller
        state.step, state.phase = state.step + 1, int(controller.state.mission_phase)
        state.busy = np.array([controller.actions_in_progress[a] is not None for a in T.BLUE_AGENTS])
        observed = self._observe(state, vectors)
        result = host_step(
            reward=np.array([rewards[agent] for agent in T.BLUE_AGENTS], np.float32),
            terminated=np.bool_(state.done and ENDS[self.end][0]),
            truncated=np.bool_(state.done and ENDS[self.end][1]),
            final_obs=observed,
            info={"reward_parts": reward_parts(controller), "decided": decided, "places": places},
        )
        return observed, state, result

    def legal(self, state: CybORGEpisode) -> np.ndarray:
        """``bool[blue, action]``; under ``busy="masked"`` an agent whose action goes on has Sleep alone."""
        mask = state.mask
        if (self.traffic, self.idle) != ("free", "free"):
            blocked, wanted = restrict.of_vectors(state.stock)
            mask = restrict.restricted(mask, state.busy, blocked, wanted, self.traffic, self.idle)
        if self.busy == "free":
            return mask
        sleep = np.zeros_like(state.mask)
        sleep[np.arange(T.NUM_BLUE), list(blue.SLEEP)] = True
        return np.where(state.busy[:, None], sleep, mask)

    def attacker(self, seed: int) -> attacker.Attacker | None:
        """The opponent in the episode of a seed; None where there is none."""
        return None if self.opponent is None else attacker.Attacker(self.opponent, seed)

    # ------------------------------------------------------------ parts of the above

    def _trackers(self, running: CybORGSession) -> tuple[Tracker, ...]:
        if self.observation == "stock":
            return ()
        trackers = tuple(Tracker(self.steps) for _ in T.BLUE_AGENTS)
        for agent, tracker in zip(T.BLUE_AGENTS, trackers, strict=True):
            wrapper = running.wrapper
            tracker.reset(running.raw[agent], wrapper.action_labels(agent), wrapper.action_mask(agent))
        return trackers

    def _observe(self, state: CybORGEpisode, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        state.stock = np.zeros((T.NUM_BLUE, T.MAX_BLUE_OBSERVATION), np.float32)
        for number, agent in enumerate(T.BLUE_AGENTS):
            state.stock[number, : len(vectors[agent])] = vectors[agent]
        if not state.trackers:
            return state.stock
        pairs = zip(T.BLUE_AGENTS, state.trackers, strict=True)
        return np.stack([tracker.vector(vectors[agent], self.observation) for agent, tracker in pairs])

    def _sent(self, state: CybORGEpisode) -> np.ndarray | None:
        """What the agents send by the option ``messages``, each from its own last vector and actions."""
        if self.messages == "none":
            return None
        assert state.stock is not None  # as it is since the reset
        rows = zip(state.stock, T.BLUE_OBSERVATION_SIZES, state.doing, strict=True)
        return np.stack([messaging.sent(self.messages, row[:size], doing) for row, size, doing in rows])

    def _places(self, state: CybORGEpisode, chosen: Mapping[str, int]) -> tuple[np.ndarray, ...]:
        """Kind, subnet and red's hold of the actions, ``int[blue]`` each; before they are carried out."""
        holds = facts.red_holds(state.engine.controller)
        rows = [_place(number, state.mask, action, holds) for number, action in enumerate(chosen.values())]
        return tuple(np.array(rows).T)


def _place(agent: int, mask: np.ndarray, action: int, holds: Mapping[str, int]) -> tuple[int, int, int]:
    kind, host, _, target = (int(x) for x in T.BLUE_ACTIONS[agent, action])
    nowhere = len(judged.DEFENDED)
    if not mask[agent, action]:
        return int(T.Blue.SLEEP), nowhere, judged.NO_TARGET
    if host != T.NO_HOST:
        subnet = int(T.HOST_SUBNET[host])
        return kind, judged.DEFENDED.index(subnet), holds.get(T.HOST_NAMES[host], judged.CLEAN)
    return kind, judged.DEFENDED.index(target) if kind in _TRAFFIC else nowhere, judged.NO_TARGET


def reward_parts(controller: Any) -> dict[str, np.float32]:
    """The parts of blue's reward in the last step, by the names that ``cc4`` has for them (§6.3).

    CybORG reports only their sum; each agent's share follows from its rules.

    Raises:
        Mismatch: when they do not add up to CybORG's reward.
    """
    return priced(controller.state.mission_phase, facts.costs(controller), controller.reward["Blue"])


def host_step(
    *, reward: np.ndarray, terminated: Any, truncated: Any, final_obs: np.ndarray, info: dict[str, Any]
) -> Step:
    """A step of NumPy arrays, where worlds in JAX have those of devices."""
    arrays: dict[str, Any] = {"reward": reward, "final_obs": final_obs}
    return Step(terminated=terminated, truncated=truncated, info=info, **arrays)


def priced(
    phase: int, costs: Iterable[tuple[str, str]], rewards: Mapping[str, float]
) -> dict[str, np.float32]:
    """The parts of blue's reward in a step.

    Args:
        phase: of the step.
        costs: what cost blue, as :func:`facts.costs` has it.
        rewards: of blue, as CybORG gives them.

    Raises:
        Mismatch: when they do not add up to what CybORG gives.
    """
    totals = dict.fromkeys(_PARTS, 0.0)
    for part, subnet in costs:
        totals[part] += float(T.REWARD[phase, T.SUBNETS.index(subnet), _PARTS.index(part)])
    total = sum(totals.values())
    if total != rewards["BlueRewardMachine"]:
        raise Mismatch(
            f"this CybORG's reward is {rewards['BlueRewardMachine']} where the parts add up to {total} "
            f"({', '.join(f'{part} {value}' for part, value in totals.items())}); "
            f"it is {engine.described(engine.about())}"
        )
    parts = totals | {"action_cost": rewards["action_cost"]}
    return {name: np.float32(part) for name, part in parts.items()}


def check_labels(agent: int, labels: Sequence[str]) -> None:
    """Raise :class:`Mismatch` unless an agent's actions are those of ``cc4``, in the same order.

    Args:
        agent: its number.
        labels: as CybORG's wrapper gives them.
    """
    garrison = describe.blue_action_labels(agent)
    cyborg = [re.sub(r" \([^)]*\)", "", label.removeprefix("[Invalid] ")) for label in labels]
    if len(garrison) != len(cyborg):
        raise Mismatch(
            f"{T.BLUE_AGENTS[agent]} has {len(cyborg)} actions in this CybORG and {len(garrison)} in Garrison"
        )
    for index, (expected, found) in enumerate(zip(garrison, cyborg, strict=True)):
        if expected != found:
            raise Mismatch(
                f"action {index} of {T.BLUE_AGENTS[agent]} is {found!r} in this CybORG "
                f"and {expected!r} in Garrison"
            )


def on_cyborg(world: World) -> CybORGWorld:
    """The world of CybORG that is played as ``world`` is.

    Raises ``ValueError`` for another world than ``cc4`` with blue as the learner, for options that CybORG
    does not have, and for opponents that cannot play on it.
    """
    while isinstance(world, SharedRewards):  # what it is trained on; judged is the team's reward
        world = world.world
    if isinstance(world, OneSide) and world.side == "blue" and isinstance(world.world, TwoSidedCC4):
        attackers: dict[str, Any] = {"red": "sleep", "opponent": world.opponent}
        world = world.world
    elif isinstance(world, CC4):
        attackers = {"red": world.red}
    else:
        raise ValueError(f"world {world.name!r} is not on CybORG; 'cc4' with side=blue is")
    overrides = tuple((name, value) for name, value in world.overrides if name != "steps")
    variants.attributes(dict(overrides))  # checks
    varied = set() if world.bank is None else {*world.bank.sizes, *(["robust"] * world.bank.robust)}
    foreign = ["vary"] if varied - {"red"} else []
    foreign += ["red of several names"] if "red" in varied else []
    if foreign:
        raise ValueError(f"CybORG has no option {', '.join(foreign)}; leave it out, or evaluate on Garrison")
    steps = int(world.options.steps)
    names = ("green", "observation", "busy", "traffic", "idle", "end", "messages")
    return CybORGWorld(
        **{name: getattr(world, name) for name in names},
        **attackers,
        steps=steps,
        overrides=overrides,
        name=world.name.replace("cc4", "cyborg"),
    )
