"""Four hosts in a row, an infection that spreads along them, and two agents who see only alerts.

    gateway ── web ── files ── desk
    blue_0     └──── blue_1 ─────┘

In each step, in this order: blue acts, red spreads, sensors raise alerts. What a host really is stays
hidden until it is analysed. The reward, shared by both agents, is minus the fraction of infected hosts, minus
``restore_cost`` for each restored one. A restore keeps its agent busy for the step after it: then the agent
can only sleep, and any other action counts as that. So does an action out of range in compiled code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.scene import Happening, Host, Look, Mark, Order, Scene, Zone
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray, UInt8
from garrison.core.world import Step, World

HOSTS = ("gateway", "web", "files", "desk")
GUARDED = ((0,), (1, 2, 3))  # hosts of each agent
NEIGHBORS = np.eye(4, k=1, dtype=bool) | np.eye(4, k=-1, dtype=bool)  # [host, host]

# Per agent, what each action does: (verb, host).
ACTIONS = tuple(
    (("sleep", -1), *((verb, host) for host in hosts for verb in ("analyse", "restore"))) for hosts in GUARDED
)
NUM_ACTIONS = max(map(len, ACTIONS))


def _targets(verb: str) -> np.ndarray:
    """Which host an action with this verb is aimed at: bool[agent, action, host]."""
    aimed = np.zeros((len(GUARDED), NUM_ACTIONS, len(HOSTS)), bool)
    for agent, actions in enumerate(ACTIONS):
        for index, (what, host) in enumerate(actions):
            aimed[agent, index, host] = what == verb
    return aimed


ANALYSE, RESTORE = _targets("analyse"), _targets("restore")


class NetworkState(Struct):
    time: Int32[Array, "*env"]  # steps taken in this episode
    infected: Bool[Array, "*env host"]  # the truth, which nobody sees
    alert: Bool[Array, "*env host"]  # what the sensors said in the last step
    confirmed: Bool[Array, "*env host"]  # found infected by an analysis, and not restored since
    busy: Bool[Array, "*env agent"]  # still restoring, can only sleep


class Draws(Struct):
    """Every random number of a step, uniform in 0 .. 1."""

    spread: Float32[Array, "*env host"]  # infection by neighbors
    phishing: Float32[Array, "*env"]  # infection of the gateway from outside
    alert: Float32[Array, "*env host"]  # the sensors

    @staticmethod
    def sample(key: PRNGKeyArray) -> Draws:
        draws = jax.random.uniform(key, (2 * len(HOSTS) + 1,), jnp.float32)
        return Draws(spread=draws[:4], phishing=draws[4], alert=draws[5:])


class Targets:
    """Hosts, clean or infected; see :class:`garrison.judge.targets.Targets`."""

    kinds = ("analyse", "restore")
    owners = np.array([agent for agent, hosts in enumerate(GUARDED) for _ in hosts])
    views = {"host": ("clean", "infected")}
    severity = "host"
    graph = None

    def aims(
        self, state: NetworkState, actions: Actions, after: NetworkState, step: Step
    ) -> tuple[
        Bool[Array, "agent"], Int32[Array, "agent"], Int32[Array, "agent"], tuple[Int32[Array, "host"]]
    ]:
        index = jnp.clip(actions, 0, NUM_ACTIONS - 1)
        agent = np.arange(len(GUARDED))
        aimed = jnp.asarray(ANALYSE | RESTORE)[agent, index]  # [agent, host]
        target = jnp.where(jnp.any(aimed, axis=1), jnp.argmax(aimed, axis=1), len(HOSTS))
        kind = jnp.any(jnp.asarray(RESTORE)[agent, index], axis=1)
        decided, states = ~state.busy, (state.infected.astype(jnp.int32),)
        return decided, kind.astype(jnp.int32), target.astype(jnp.int32), states


TARGETS = Targets()
_ROLES = np.array([HOSTS.index(host) for host in ("gateway", "files", "web")])  # AUTH, DB, WEB


class Assets:
    """Three of the hosts, see :class:`garrison.judge.assets.Assets`; infected ones are impacted and held."""

    attacks = ("infection",)

    def start(self, state: NetworkState) -> tuple[()]:
        return ()

    def harm(
        self, fixed: tuple[()], state: NetworkState, actions: Actions, after: NetworkState, step: Step
    ) -> tuple[Bool[Array, "role"], Bool[Array, "role"], Float32[Array, "2"], UInt8[Array, "kind role"]]:
        infected = after.infected[_ROLES]
        fresh = infected & ~state.infected[_ROLES]
        expected = jnp.broadcast_to(jnp.mean(infected, dtype=jnp.float32), (2,))
        return infected, infected, expected, fresh.astype(jnp.uint8)[None]


ASSETS = Assets()


@dataclass(frozen=True)
class Network(World):
    """The world ``toy/network``; see the module. Raises ``ValueError`` for an option that makes no sense.

    Options: the probabilities per step that an infected neighbor infects a host (``spread``), that the
    gateway is infected from outside (``phishing``), that an infected host raises an alert (``detection``) and
    that a clean one does (``false_alarm``); the cost of a restore; the length of an episode (``steps``).
    """

    spread: float = 0.2
    phishing: float = 0.1
    detection: float = 0.7
    false_alarm: float = 0.05
    restore_cost: float = 0.25
    steps: int = 30

    name = "toy/network"
    version = "1"
    agents = ("blue_0", "blue_1")
    action_counts = tuple(map(len, ACTIONS))
    observation_sizes = tuple(2 * len(hosts) + 2 for hosts in GUARDED)

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            low, high = (1, np.inf) if option.name == "steps" else (0, 1)
            if not low <= value <= high:
                raise ValueError(
                    f"{option.name} of world {self.name!r} is {value}; it must be in {low} .. {high}"
                )

    @property
    def max_steps(self) -> int:
        return self.steps

    def reset(self, key: PRNGKeyArray) -> tuple[Obs, NetworkState]:
        infected = jnp.arange(len(HOSTS)) == jax.random.randint(key, (), 0, len(HOSTS))
        no_host, no_agent = jnp.zeros(len(HOSTS), bool), jnp.zeros(len(GUARDED), bool)
        state = NetworkState(
            jnp.zeros((), jnp.int32), infected, alert=no_host, confirmed=no_host, busy=no_agent
        )
        return self._observe(state), state

    def step(self, key: PRNGKeyArray, state: NetworkState, actions: Array) -> tuple[Obs, NetworkState, Step]:
        return self.step_with(Draws.sample(key), state, check_actions(self, actions))

    def step_with(
        self, draws: Draws, state: NetworkState, actions: Actions
    ) -> tuple[Obs, NetworkState, Step]:
        """The step that these draws decide."""
        analysed, restored = _chosen(ANALYSE, state, actions), _chosen(RESTORE, state, actions)
        infected = state.infected & ~restored.any(0)
        infected = infected | self._infections(draws, infected)
        alert = draws.alert < jnp.where(infected, self.detection, self.false_alarm)
        after = NetworkState(
            time=state.time + 1,
            infected=infected,
            alert=alert,
            # An analysis tells how the host was when it began.
            confirmed=(state.confirmed & ~restored.any(0)) | (analysed.any(0) & state.infected),
            busy=restored.any(1),
        )
        parts = {"infected": -jnp.mean(infected), "restore": -self.restore_cost * jnp.sum(restored)}
        parts = {name: part.astype(jnp.float32) for name, part in parts.items()}
        reward = jnp.tile(sum(parts.values()), self.num_agents)
        obs, truncated = self._observe(after), after.time >= self.steps
        return (
            obs,
            after,
            Step(reward, jnp.zeros((), bool), truncated, final_obs=obs, info={"reward_parts": parts}),
        )

    def legal(self, state: NetworkState) -> Mask:
        index = np.arange(NUM_ACTIONS)[None]
        exists = index < np.array(self.action_counts)[:, None]
        return exists & ((index == 0) | ~state.busy[:, None])

    def action_labels(self, agent: int | str) -> list[str]:
        return [
            f"{verb} {HOSTS[host]}" if host >= 0 else verb for verb, host in ACTIONS[self.agent_index(agent)]
        ]

    def observation_labels(self, agent: int | str) -> list[str]:
        hosts = [HOSTS[host] for host in GUARDED[self.agent_index(agent)]]
        return [*(f"alert on {h}" for h in hosts), *(f"{h} found infected" for h in hosts), "busy", "time"]

    def targets(self, side: str | None = None) -> Targets:
        self.side_agents(side)
        return TARGETS

    def assets(self, side: str | None = None) -> Assets:
        self.side_agents(side)
        return ASSETS

    def describe(self, state: NetworkState) -> dict[str, Any]:
        hosts = [
            {"host": host, "infected": bool(infected), "alert": bool(alert), "confirmed": bool(confirmed)}
            for host, infected, alert, confirmed in zip(
                HOSTS, state.infected, state.alert, state.confirmed, strict=True
            )
        ]
        busy = [agent for agent, busy in zip(self.agents, state.busy, strict=True) if busy]
        return {"time": int(state.time), "hosts": hosts, "busy": busy}

    def narrate(self, state: NetworkState, actions: Any, after: NetworkState, step: Step) -> list[str]:
        lines = [
            f"{agent}: {'busy restoring' if busy else self.action_labels(agent)[int(action)]}"
            for agent, busy, action in zip(self.agents, state.busy, actions, strict=True)
        ]
        changes = zip(HOSTS, np.asarray(state.infected), np.asarray(after.infected), strict=True)
        return lines + [
            f"{host} is {'infected' if now else 'clean again'}" for host, was, now in changes if was != now
        ]

    def scene(self, state: NetworkState) -> Scene:
        owners = {host: agent for agent, hosts in zip(self.agents, GUARDED, strict=True) for host in hosts}
        zones = [Zone(host, host, (place, 0), owners[place]) for place, host in enumerate(HOSTS)]
        hosts = [Host(host, host, place, "server") for place, host in enumerate(HOSTS)]
        links = [(int(a), int(b)) for a, b in np.argwhere(np.triu(NEIGHBORS))]
        views = {
            "true": (Mark("I", "infected", "danger"),),
            "blue": (Mark("C", "found infected", "danger"), Mark("A", "an alert", "warning")),
        }
        happenings = {"infected": ("infected", "danger"), "clean": ("clean again", "calm")}
        return Scene(zones, hosts, links, views, happenings, held="I", noticed=("blue", "CA"))

    def look(self, state: NetworkState) -> Look:
        def letters(**masks: Any) -> dict[int, str]:
            found = {h: "".join(x for x, mask in masks.items() if mask[h]) for h in range(len(HOSTS))}
            return {host: text for host, text in found.items() if text}

        marks = {"true": letters(I=state.infected), "blue": letters(C=state.confirmed, A=state.alert)}
        orders = [
            Order(agent, "restore", None, 1)
            for agent, busy in zip(self.agents, state.busy, strict=True)
            if busy
        ]
        return Look(0, marks, (), orders)

    def happenings(
        self, state: NetworkState, actions: Any, after: NetworkState, step: Step
    ) -> list[Happening]:
        was, now = np.asarray(state.infected), np.asarray(after.infected)
        return [Happening("infected" if now[h] else "clean", int(h)) for h in np.flatnonzero(was != now)]

    def _infections(self, draws: Draws, infected: Array) -> Array:
        neighbors = (NEIGHBORS & infected[None]).sum(1)
        infections = draws.spread < 1 - (1 - self.spread) ** neighbors
        return infections.at[0].set(infections[0] | (draws.phishing < self.phishing))

    def _observe(self, state: NetworkState) -> Array:
        time, rows = (state.time / self.steps).astype(jnp.float32), []
        for agent, hosts in enumerate(map(np.array, GUARDED)):
            own = jnp.stack([state.busy[agent], time])
            row = jnp.concatenate([state.alert[hosts], state.confirmed[hosts], own])
            rows.append(jnp.pad(row, (0, self.observation_size - row.size)))
        return jnp.stack(rows)


def _chosen(targets: np.ndarray, state: NetworkState, actions: Array) -> Array:
    """Which hosts the actions of agents that are not busy are aimed at: bool[agent, host]."""
    chosen = (np.arange(NUM_ACTIONS)[None] == actions[:, None]) & ~state.busy[:, None]
    return (chosen[:, :, None] & targets).any(1)
