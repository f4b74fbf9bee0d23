"""Scripted defenders (``§7.5``): an analyst by rules, and two simpler ones, on what blue observes.

Where the text leaves a choice: rule 4 asks for a token newer than the verdict, as rule 6 does. A role's
weight is inferred from the heaviest own host, which is a domain controller, in the dmz a server. Suspected
hosts are analyzed. A zone's users are trained three times. Incidents, failed removals and rotations that are
due are remembered.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.worlds.soc import blocks, observe_blue
from garrison.worlds.soc.agents import ranks
from garrison.worlds.soc.agents.ranks import Listed, Ranks
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import tokens as G
from garrison.worlds.soc.tables.actions import Outcome, Target

K, V = B.Blue, B.Verdict
STYLES = ("analyst", "reimager", "isolator")
RECENT = 12 / 64  #: of a fast counter: one token within the last 60 s
LIGHT = 4.0  #: greatest role weight of a host that is isolated at once
RESTRICT_HOSTS, RESTRICT_S, RELAX_S = 3, 600.0, 900.0
MONITOR_S = 300.0
LESSONS = 3
RESETTLE_S = 200.0  #: after a PLC was restored, until an alarm counts again
LONG_AGO = -1e6
_HEAVIEST = np.array([3.0, 8.0, 8.0], np.float32)  #: greatest role weight of each agent's hosts


class Memory(Struct):
    """What a defender remembers; axis blue."""

    seconds: Float32[Array, "*blue"]
    kind: Int32[Array, "*blue"]  # of its last choice
    place: Int32[Array, "*blue"]
    removed: Bool[Array, "*blue host"]  # the User session that the verdict names was removed
    stuck: Bool[Array, "*blue host"]  # it could not be: Root
    found: Float32[Array, "*blue host"]  # seconds at which a verdict of at least User was there
    due: Bool[Array, "*blue scope"]  # to be rotated
    swept: Float32[Array, "*blue zone"]  # seconds of the last Monitor
    lessons: Int32[Array, "*blue zone"]


class Analyst(Struct):
    """A defender by rules; see the module."""

    sizes: Static = static()
    style: str = static(default="analyst")

    def init(self, key: PRNGKeyArray, num_agents: int) -> Memory:
        shape = lambda *axes: (num_agents, *axes)  # noqa: E731
        hosts, zones = self.sizes.hosts, T.NUM_ZONES
        return Memory(
            seconds=jnp.zeros(shape(), jnp.float32),
            kind=jnp.zeros(shape(), jnp.int32),
            place=jnp.zeros(shape(), jnp.int32),
            removed=jnp.zeros(shape(hosts), bool),
            stuck=jnp.zeros(shape(hosts), bool),
            found=jnp.full(shape(hosts), LONG_AGO, jnp.float32),
            due=jnp.zeros(shape(T.NUM_SCOPES), bool),
            swept=jnp.full(shape(zones), LONG_AGO, jnp.float32),
            lessons=jnp.zeros(shape(zones), jnp.int32),
        )

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Memory) -> tuple[Actions, Memory]:
        found = [
            self._one(agent, one, obs[agent], mask[agent], jax.tree.map(lambda x, a=agent: x[a], memory))
            for agent, one in enumerate(jax.random.split(key, T.NUM_BLUE))
        ]
        actions, memories = zip(*found, strict=True)
        return jnp.stack(actions), jax.tree.map(lambda *rows: jnp.stack(rows), *memories)

    def _one(
        self,
        agent: int,
        key: PRNGKeyArray,
        obs: Float32[Array, "feature"],
        mask: Bool[Array, "action"],
        memory: Memory,
    ) -> tuple[Int32[Array, ""], Memory]:
        decides, sees = ~mask[0], Sight(self.sizes, agent, obs)
        actions = ranks.listed(self.sizes, agent)
        listed = mask[: len(actions.kind)]
        known = _remember(self.sizes, sees, memory)
        rules = {"analyst": _analyst, "reimager": _reimager, "isolator": _isolator}[self.style]
        found = Ranks(self.sizes, B.NUM_KINDS + 1)
        rules(self.sizes, found, sees, known, _legal(self.sizes, actions, listed))
        found.add(K.WATCH, 90, at=Target.NONE)
        asked = found.of(actions, listed).at[0].set(ranks.NEVER)  # continue
        chosen = ranks.lowest(key, asked, 0.0, default=1)
        known = known.replace(
            kind=jnp.asarray(actions.kind, jnp.int32)[chosen],
            place=jnp.asarray(actions.place, jnp.int32)[chosen],
        )
        memory = jax.tree.map(lambda new, old: jnp.where(decides, new, old), known, memory)
        return jnp.where(decides, chosen, 0).astype(jnp.int32), memory


def _legal(sizes: Static, actions: Listed, mask: Bool[Array, "action"]) -> Bool[Array, "host"]:
    """Hosts on which something may be deployed: managed, and no PLC (those of Misinform)."""
    index = np.full(sizes.hosts, -1)
    of_kind = np.flatnonzero(actions.kind == K.MISINFORM)
    index[actions.place[of_kind]] = of_kind
    return mask[index] & (index >= 0)


def _remember(sizes: Static, sees: Sight, memory: Memory) -> Memory:
    """The memory with the outcome of the last choice, and with what is seen now."""
    kind, here = memory.kind, np.arange(sizes.hosts) == memory.place
    worked, now = sees.outcome == Outcome.SUCCESS, memory.seconds + sees.passed
    tries, user = kind == K.REMOVE, sees.verdict == V.USER
    again = here & (kind == K.ANALYSE)
    bad = user | (sees.verdict == V.ROOT) | (sees.verdict == V.ENCRYPTED)
    rooted = (sees.verdict == V.ROOT) & (sees.controller | sees.operator)
    zone = layout(sizes).zone
    every = np.arange(T.NUM_SCOPES)[:, None]
    engineer = (sees.operator & (zone == T.Zone.SECURE))[None] & (every == T.Scope.OT_OPERATOR)
    scopes = jnp.any(rooted[None] & ((T.ZONE_ADMIN[zone][None] == every) | engineer), axis=1)
    scope = sizes.hosts + T.NUM_ZONES + np.arange(T.NUM_SCOPES) == memory.place
    zones = (sizes.hosts + np.arange(T.NUM_ZONES) == memory.place) & worked
    return memory.replace(
        seconds=now,
        removed=(memory.removed & ~again | here & tries & worked) & user,
        stuck=(memory.stuck & ~again | here & tries & (sees.outcome == Outcome.FAILED)) & user,
        found=jnp.where(bad, now, memory.found),
        due=(memory.due | scopes) & ~(scope & (kind == K.ROTATE) & worked),
        swept=jnp.where(zones & (kind == K.MONITOR), now, memory.swept),
        lessons=memory.lessons + (zones & (kind == K.AWARENESS)),
    )


def _analyst(sizes: Static, found: Ranks, sees: Sight, memory: Memory, fits: Bool[Array, "host"]) -> None:
    """Rules 1-10."""
    lighter = sees.weight / 100  # the heavier, the sooner
    restored = sees.plc & (sees.verdict == V.RESTORED) & (sees.verdict_age < RESETTLE_S)
    alarm = sees.alarm & ~jnp.any(restored)
    found.add(K.RESTORE, 1.5 - jnp.minimum(sees.ot_tokens, 64) / 200, sees.plc & alarm)
    found.add(K.RESTORE_FROM_BACKUP, 2.5 - lighter, sees.verdict == V.ENCRYPTED)
    found.add(K.RESTORE, 2.5 - lighter, (sees.verdict == V.ROOT) | memory.stuck)
    user = (sees.verdict == V.USER) & ~memory.stuck
    found.add(K.REMOVE, 3, user & ~memory.removed)
    found.add(K.ANALYSE, 3.5, user & memory.removed)
    hot = sees.trapped & sees.news
    found.add(K.ISOLATE, 4, hot & (sees.weight <= LIGHT))
    found.add(K.ANALYSE, 4.5, hot & (sees.weight > LIGHT))
    cleared = (sees.verdict == V.CLEAN) | (sees.verdict == V.RESTORED)
    found.add(K.RECONNECT, 5, cleared & ~sees.news)
    found.add(K.ANALYSE, 6.5 - lighter, sees.news | (sees.verdict == V.SUSPECT))
    _zones(sizes, found, sees, memory)
    found.add(K.ROTATE, 8, memory.due, at=Target.SCOPE)
    found.add(K.DEPLOY_EDR, 9.2 - lighter, (sees.server | sees.controller) & ~sees.edr)
    lightest = _lightest(sees.weight, fits)
    found.add(K.DECOY_GENERIC, 9.3, lightest & ~sees.decoy)
    found.add(K.HONEYTOKEN, 9.4, lightest & ~jnp.any(sees.honeytoken))
    found.add(K.AWARENESS, 9.5, memory.lessons < LESSONS, at=Target.ZONE)
    age = memory.seconds - memory.swept
    found.add(K.MONITOR, 10.9 - jnp.minimum(age, 8000) / 1e4, age > MONITOR_S, at=Target.ZONE)


def _zones(sizes: Static, found: Ranks, sees: Sight, memory: Memory) -> None:
    """Rule 7: rules of zones with several incidents, and of those that had none for a while."""
    inside = layout(sizes).zone[None] == np.arange(T.NUM_ZONES)[:, None]
    age = (memory.seconds - memory.found)[None]
    incidents = jnp.sum(inside & (age < RESTRICT_S), axis=1)
    calm = ~jnp.any(inside & (age < RELAX_S), axis=1)
    busy = incidents >= RESTRICT_HOSTS
    found.add(K.RESTRICT, 7, busy & ~sees.restricted, at=Target.ZONE)  # to strict, and not further
    found.add(K.RELAX, 7.5, calm, at=Target.ZONE)


def _lightest(weight: Float32[Array, "host"], fits: Bool[Array, "host"]) -> Bool[Array, "host"]:
    """The two lightest hosts that fit, the lower slot first."""
    slots = np.arange(weight.shape[0])
    weight = jnp.where(fits, weight, jnp.inf)
    first = slots == jnp.argmin(weight)
    second = slots == jnp.argmin(jnp.where(first, jnp.inf, weight))
    return (first | second) & fits


def _reimager(sizes: Static, found: Ranks, sees: Sight, memory: Memory, fits: Bool[Array, "host"]) -> None:
    """Restores whatever has a severe token newer than its verdict."""
    found.add(K.RESTORE, 2 - sees.weight / 100, sees.news)


def _isolator(sizes: Static, found: Ranks, sees: Sight, memory: Memory, fits: Bool[Array, "host"]) -> None:
    """Isolates whatever has a severe token newer than its verdict, and never reconnects."""
    found.add(K.ISOLATE, 2 - sees.weight / 100, sees.news)


class Sight:
    """A defender's vector, taken apart; hosts on the axis of all slots, others' are zeros."""

    def __init__(self, sizes: Static, agent: int, obs: Float32[Array, "feature"]):
        own = observe_blue.own_slots(sizes)
        slots = own.slot[agent, : own.count[agent]]
        width, start = observe_blue.HOST_FEATURES, observe_blue.HOSTS_START
        block = obs[start : start + len(slots) * width].reshape(len(slots), width)
        row = np.full(sizes.hosts, len(slots))
        row[slots] = np.arange(len(slots))
        self._block = jnp.pad(block, ((0, 1), (0, 0)))[row]
        labels = observe_blue.labels(sizes, agent, "counters")[:start]
        self._zones = jnp.stack(
            [obs[labels.index(f"{zone}: is normal")] for zone in T.ZONE_NAMES[: T.NUM_ZONES]]
        )
        seconds = blocks.UNIT_MS / 1000
        self.passed = jnp.expm1(obs[labels.index(blocks.TIME_LABELS[1])]) * seconds
        first = labels.index("last outcome: none")
        self.outcome = jnp.argmax(obs[first : first + len(Outcome)])
        self.alarm = jnp.any(
            jnp.stack([obs[i] for i, x in enumerate(labels) if x.startswith("alarm of")]) > 0
        )
        named = lambda label: self._column(label) > 0  # noqa: E731
        self.exists, self.plc, self.server = named("exists"), named("is PLC"), named("is server")
        self.controller, self.operator = named("is controller"), named("is operator")
        self.edr, self.decoy, self.honeytoken = named("EDR"), named("decoy"), named("honeytoken")
        verdicts = observe_blue.HOST_LABELS.index("verdict none")
        self.verdict = jnp.argmax(self._block[:, verdicts : verdicts + len(V)], axis=1)
        verdict_age = self._column("log age of the verdict")
        severe_age = self._column("log age of the last severe token")
        self.verdict_age = jnp.expm1(verdict_age) * seconds
        self.news = self.exists & (severe_age < verdict_age)
        traps = [
            f"fast: {G.GROUPS[group]}" for group in (G.GROUP[G.Token.EDR_ALERT], G.GROUP[G.Token.DECOY_TOUCH])
        ]
        self.trapped = jnp.any(jnp.stack([self._column(label) > RECENT for label in traps]), axis=0)
        self.ot_tokens = self._column(f"fast: {G.GROUPS[-1]}")
        share = self._column("weight")
        self.weight = share * _HEAVIEST[agent] / jnp.maximum(jnp.max(share), 1e-6)

    @property
    def restricted(self) -> Bool[Array, "zone"]:
        """Zones whose level is not normal."""
        return self._zones == 0

    def _column(self, label: str) -> Float32[Array, "host"]:
        return self._block[:, observe_blue.HOST_LABELS.index(label)]


def policies(sizes: Static) -> dict[str, Any]:
    """The scripted defenders by name."""
    return {style: Analyst(sizes, style) for style in STYLES}
