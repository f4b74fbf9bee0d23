"""CC4 with both sides acting: five defenders and six attackers in one world.

    both = garrison.make("cc4", side="both", red=("fsm", "discovery"))
    world = one_side(both, "blue", Pool((both.policies("red")["fsm"], network), weights))

An attacker's action list is that of :mod:`~garrison.worlds.cc4.red_view`, followed by one action per script:
that scripted policy decides for the agent, with all that scripts may do and the list cannot say. So scripts
are ordinary policies that take a constant action, and mix with networks in one program. Only scripts that are
named when the world is made are traced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp

from garrison.core.entities import Entities
from garrison.core.policy import Actions, Constant, Mask, Obs, Policy
from garrison.core.spaces import stacked
from garrison.core.typing import Array, Float32, Shaped
from garrison.core.world import Restriction, World
from garrison.worlds.cc4 import entities, red_acts, red_view, reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue, listed, red
from garrison.worlds.cc4.agents.listed import Listed
from garrison.worlds.cc4.assets import BLUE as BLUE_ASSETS
from garrison.worlds.cc4.assets import Blue as Assets
from garrison.worlds.cc4.behavior import BLUE, RED, Blue, Red
from garrison.worlds.cc4.diagnosis import BLUE as BLUE_DIAGNOSIS
from garrison.worlds.cc4.diagnosis import Blue as Diagnosis
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.env import (
    CC4,
    OBSERVATIONS,
    Episode,
    Simulation,
    blue_entities,
    blue_masks,
    blue_observation_sizes,
    blue_restriction,
    blue_vectors,
)
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.targets import BLUE as BLUE_TARGETS
from garrison.worlds.cc4.targets import Blue as Targets
from garrison.worlds.cc4.topology import Topology

_SIDES = {
    "blue": tuple(range(T.NUM_BLUE)),
    "red": tuple(range(T.NUM_BLUE, T.NUM_BLUE + T.NUM_RED)),
}


@dataclasses.dataclass(frozen=True)
class TwoSidedCC4(Simulation):
    """CAGE Challenge 4 with blue and red as sides; red's reward is blue's with the sign turned.

    The observation contract is blue's; what red observes is an option of its own. Jitted code treats an
    action index outside an agent's list as Sleep.
    """

    scripts: tuple[str, ...] = ()
    red_observation: str = "known"  # "acts" adds to the vector (red_acts.OBSERVATIONS)

    agents = (*T.BLUE_AGENTS, *T.RED_AGENTS)
    zero_sum = True
    asynchronous = True  # attackers in the middle of an action can only sleep
    observations = OBSERVATIONS
    idle_actions = (*blue.SLEEP, *(0,) * T.NUM_RED)

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return _SIDES

    @property
    def action_counts(self) -> tuple[int, ...]:
        return (*T.BLUE_ACTION_COUNTS, *(count + len(self.scripts) for count in red_view.ACTION_COUNTS))

    @property
    def observation_sizes(self) -> tuple[int, ...]:
        known = self.red_observation == "known"
        red = red_view.OBSERVATION_SIZES if known else red_acts.OBSERVATION_SIZES
        return (*blue_observation_sizes(self.observation), *red)

    @property
    def score_steps(self) -> int:
        return self.max_steps - 1

    def red_action(self, draws: Draws, episode: Episode, actions: Actions) -> RedAction:
        index = actions[T.NUM_BLUE :]
        decided = red_view.decode_red(episode.state, index)
        for number, script in enumerate(self.scripts):
            options = episode.options
            if script in reds.REDS:
                options = reds.of(script, options, dict(self.overrides))
            choice = red.choose(script, draws, options, episode.state, episode.red_memory)
            here = red_view.scripted(index, number)
            decided = jax.tree.map(lambda new, old, here=here: jnp.where(here, new, old), choice, decided)
        return decided

    def begin(self, network: Topology, options: Options | None = None) -> Episode:
        episode = super().begin(network, options)
        if self.red_observation == "known":
            return episode
        return episode.replace(red_acts=red_acts.initial(episode.state))

    def observe(self, episode: Episode, messages: Shaped[Array, "blue 8"] | None = None) -> Obs:
        """Observations: blue's, then red's."""
        red = red_view.vectors(episode.state)
        if episode.red_acts is not None:
            red = red_acts.vectors(red, episode.red_acts)
        rows = (blue_vectors(self.observation, episode, messages), red)
        return stacked(rows, self.observation_size)

    def legal(self, state: Episode) -> Mask:
        rows = (blue_masks(self.busy, self.traffic, self.idle, state), red_view.masks(state.state))
        return stacked(rows, self.num_actions)

    def rewards(self, team: Float32[Array, ""]) -> Float32[Array, "agent"]:
        signs = [1.0] * T.NUM_BLUE + [-1.0] * T.NUM_RED
        return team * jnp.array(signs, jnp.float32)

    def observations_of(self, side: str) -> tuple[str, ...]:
        return OBSERVATIONS if side == "blue" else ()

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        self.side_agents(side)
        return dict(blue.POLICIES) if side == "blue" else self._red_policies()

    def _red_policies(self) -> dict[str, Policy]:
        scripts = {
            name: Constant(tuple(count + number for count in red_view.ACTION_COUNTS))
            for number, name in enumerate(self.scripts)
        }
        return {**super().policies("red"), **scripts}

    def teachers(self, side: str | None = None) -> dict[str, Policy]:
        """Also the scripted reds, by red's list of actions."""
        known = self.policies(side)
        if side == "red":
            known.update({name: Listed(name, self.overrides) for name in listed.NAMES})
        return known

    def entities(self, side: str | None = None) -> Entities | None:
        self.side_agents(side)
        if side == "red":
            return entities.of_red(self.red_observation)
        return blue_entities(self.observation, self.traffic, self.messages)

    def restriction(self, side: str | None = None) -> Restriction | None:
        self.side_agents(side)
        if side != "blue":
            return None
        return blue_restriction(self.observation, self.busy, self.traffic, self.idle)

    def behavior(self, side: str | None = None) -> Blue | Red:
        self.side_agents(side)
        return BLUE if side == "blue" else RED

    def diagnosis(self, side: str | None = None) -> Diagnosis | None:
        self.side_agents(side)
        return BLUE_DIAGNOSIS if side == "blue" else None

    def targets(self, side: str | None = None) -> Targets | None:
        """Blue's; None where no red has a finite-state machine."""
        self.side_agents(side)
        return BLUE_TARGETS if side == "blue" and red.remembers(self.scripts) else None

    def assets(self, side: str | None = None) -> Assets | None:
        self.side_agents(side)
        return BLUE_ASSETS if side == "blue" else None

    def native_policies(self, side: str) -> tuple[str, ...]:
        self.side_agents(side)
        return red.POLICIES if side == "red" else ()

    def with_native(self, side: str, policy: str) -> World:
        """Blue's world against a scripted red, the fastest there is."""
        if policy not in self.native_policies(side):
            return super().with_native(side, policy)
        return CC4(**self.settings, red=policy)

    def with_scripts(self, side: str, policies: Iterable[str]) -> World:
        """This world with more scripts of red among ``policies("red")``."""
        policies = tuple(policies)
        if set(policies) - set(self.native_policies(side)):
            return super().with_scripts(side, policies)
        return dataclasses.replace(self, scripts=tuple(dict.fromkeys((*self.scripts, *policies))))

    def action_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        index = self.agent_index(agent)
        if index < T.NUM_BLUE:
            return describe.blue_action_labels(index)
        return describe.red_action_labels(index - T.NUM_BLUE, self.scripts)

    def observation_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        index = self.agent_index(agent)
        if index < T.NUM_BLUE:
            return describe.blue_observation_labels(index, self.observation)
        return describe.red_observation_labels(index - T.NUM_BLUE, self.red_observation)
