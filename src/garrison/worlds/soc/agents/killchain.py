"""Scripted attackers (``soc-rules.md §7.5``): a kill chain by rules, on red's own observation.

Where the text leaves a choice: a zone's distance from the goal is that of :data:`DISTANCE`; rules that move
prefer the least distance, and leave zones that are farther away than red's best session to the end. A zone
is swept twice, then again after 600 s. A host that was gone, blocked or a trap is left alone for 300 s; one
that refused a ticket gets no other before red has a new credential. A rotation is seen where a ticket of the
zone's admin scope was refused. Where a credential lapsed, hosts of administrators are dumped again, without
one all. They come first in any case. V4L2 that failed on a host is not tried there again. Where the goal
takes many hosts, red does not lie low after a success in the last 1,200 seconds, as far as they are in the
second half of the horizon.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.worlds.soc import blocks, observe_red
from garrison.worlds.soc.agents import ranks
from garrison.worlds.soc.agents.ranks import Ranks
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import scenarios as S
from garrison.worlds.soc.tables.actions import Outcome, Target

K = R.Red
#: steps from each zone to the goal, ``[scenario, zone]``
DISTANCE = np.array(
    [
        [1, 0, 2, 0, 3],  # ransomware
        [2, 1, 2, 0, 3],  # apt_espionage
        [2, 1, 2, 0, 3],  # cloud_hybrid
        [1, 0, 1, 0, 2],  # iot_grid
        [3, 2, 3, 1, 0],  # ot_stuxnet
    ],
    np.float32,
)
STYLES = ("killchain", "loud", "stealth")
LIE_LOW_CHANCE = {"killchain": 0.3, "loud": 0.0, "stealth": 0.7}  #: after a success
SWEEPS, SWEEP_AGAIN_S = 2, 600.0
C2_AGE_S = 300.0
SHUN_S = 300.0
HURRY_S = 1_200.0  #: with less left to the horizon red does not lie low after a success
#: scenarios whose goal takes many hosts, where red hurries
_HURRIED = (S.Scenario.RANSOMWARE, S.Scenario.CLOUD_HYBRID, S.Scenario.IOT_GRID)
_FARTHER = 20.0  #: added to the rank where a zone is farther away than red's best session
_VAIN = (Outcome.GONE, Outcome.BLOCKED, Outcome.CAUGHT)
_IDLE = (K.NONE, K.WAIT, K.LIE_LOW)
_SERVER = np.asarray(T.IS_SERVER)
#: roles on which administrators log on
_RICH = np.isin(
    np.arange(T.NUM_ROLES),
    (T.Role.ADMIN_WORKSTATION, T.Role.DOMAIN_CONTROLLER, T.Role.ENGINEERING_WORKSTATION),
)


class Memory(Struct):
    """What an attacker remembers; axis red."""

    seconds: Float32[Array, "*red"]  # since its first decision
    kind: Int32[Array, "*red"]  # of its last choice
    place: Int32[Array, "*red"]
    dumped: Bool[Array, "*red host"]
    killed: Bool[Array, "*red host"]
    held: Bool[Array, "*red scope"]  # credentials at the last decision
    sweeps: Int32[Array, "*red zone"]
    swept: Float32[Array, "*red zone"]  # seconds
    shunned: Float32[Array, "*red host"]  # seconds until which a host is left alone
    refused: Bool[Array, "*red host"]  # it let no ticket in
    patched: Bool[Array, "*red host"]  # V4L2 failed there


class Killchain(Struct):
    """An attacker by rules.

    ``without`` names kinds of actions that it never takes, by number.
    """

    sizes: Static = static()
    style: str = static(default="killchain")
    slip: float = static(default=0.0)  # chance of taking the second rule that applies
    without: tuple[int, ...] = static(default=())

    def init(self, key: PRNGKeyArray, num_agents: int) -> Memory:
        hosts, zones = self.sizes.hosts, T.NUM_ZONES
        number = jnp.zeros(num_agents, jnp.int32)
        return Memory(
            seconds=jnp.zeros(num_agents, jnp.float32),
            kind=number,
            place=number,
            dumped=jnp.zeros((num_agents, hosts), bool),
            killed=jnp.zeros((num_agents, hosts), bool),
            held=jnp.zeros((num_agents, T.NUM_SCOPES), bool),
            sweeps=jnp.zeros((num_agents, zones), jnp.int32),
            swept=jnp.zeros((num_agents, zones), jnp.float32),
            shunned=jnp.zeros((num_agents, hosts), jnp.float32),
            refused=jnp.zeros((num_agents, hosts), bool),
            patched=jnp.zeros((num_agents, hosts), bool),
        )

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Memory) -> tuple[Actions, Memory]:
        keys = jax.random.split(key, obs.shape[0])
        return jax.vmap(self._one)(keys, obs, mask, memory)

    def _one(
        self, key: PRNGKeyArray, obs: Float32[Array, "feature"], mask: Bool[Array, "action"], memory: Memory
    ) -> tuple[Int32[Array, ""], Memory]:
        rest_key, rank_key = jax.random.split(key)
        decides, sees = ~mask[0], Sight(self.sizes, obs)
        known = self._remember(sees, memory)
        actions = ranks.listed(self.sizes, T.NUM_BLUE)
        listed = mask[: len(actions.kind)] & ~np.isin(actions.kind, self.without)
        asked = self._rules(sees, known, listed).of(actions, listed)
        asked = asked.at[0].set(ranks.NEVER)  # continue
        chosen = ranks.lowest(rank_key, asked, self.slip, default=1)
        chance = LIE_LOW_CHANCE[self.style]
        rests = sees.succeeded & (jax.random.uniform(rest_key) < chance) & ~sees.hurries(known.seconds)
        low = int(np.flatnonzero(actions.kind == K.LIE_LOW)[0])
        chosen = jnp.where(rests & listed[low], low, chosen).astype(jnp.int32)
        known = known.replace(
            kind=jnp.asarray(actions.kind, jnp.int32)[chosen],
            place=jnp.asarray(actions.place, jnp.int32)[chosen],
        )
        memory = jax.tree.map(lambda new, old: jnp.where(decides, new, old), known, memory)
        return jnp.where(decides, chosen, 0).astype(jnp.int32), memory

    def _remember(self, sees: Sight, memory: Memory) -> Memory:
        """The memory with the outcome of the last choice."""
        kind, place = memory.kind, memory.place
        here = np.arange(self.sizes.hosts) == place
        worked = sees.outcome == Outcome.SUCCESS
        admin = memory.held[T.ZONE_ADMIN[layout(self.sizes).zone]]  # of each host's zone
        refused = (kind == K.PASS_THE_TICKET) & (sees.outcome == Outcome.BLOCKED)
        rotated = refused & jnp.any(here & admin)
        lapsed = jnp.any(memory.held & ~sees.held)
        again = lapsed & (sees.rich | ~jnp.any(sees.rich & sees.root)) | rotated
        vain = jnp.any(jnp.stack([sees.outcome == one for one in _VAIN])) & ~refused
        new = jnp.any(sees.held & ~memory.held)
        dumped = memory.dumped & sees.own & ~again
        zones = (self.sizes.hosts + np.arange(T.NUM_ZONES) == place) & worked
        swept = zones & ((kind == K.DISCOVER_REMOTE_SYSTEMS) | (kind == K.NETWORK_SCAN))
        now = memory.seconds + sees.passed
        return memory.replace(
            seconds=now,
            dumped=dumped | here & worked & (kind == K.DUMP_LSASS),
            killed=memory.killed & sees.own | here & worked & (kind == K.KILL_PROCESS),
            held=sees.held,
            sweeps=memory.sweeps + swept,
            swept=jnp.where(swept, now, memory.swept),
            shunned=jnp.where(here & vain, now + SHUN_S, memory.shunned),
            refused=(memory.refused | here & refused) & ~new,
            patched=(memory.patched | here & (kind == K.V4L2) & (sees.outcome == Outcome.FAILED)) & sees.own,
        )

    def _rules(self, sees: Sight, memory: Memory, mask: Bool[Array, "action"]) -> Ranks:
        """Rules 1-12; what is not legal is left out by the mask."""
        found = Ranks(self.sizes, R.NUM_KINDS + 1)
        weight = sees.role_weight / 100
        servers = sees.is_server & ~sees.encrypted
        found.add(K.IMPACT, 1 - weight, servers & sees.goal_is(S.Scenario.RANSOMWARE))
        found.add(K.EXFILTRATE_DATA, 1 - weight, sees.goal_is(S.Scenario.APT_ESPIONAGE))
        found.add(K.OVERLOAD_PLC, 1, sees.goal_is(S.Scenario.OT_STUXNET))
        found.add(K.KILL_PROCESS, 2, sees.root & sees.edr & ~memory.killed)
        found.add(K.DUMP_LSASS, 3 + 0.1 * ~sees.rich, sees.root & ~memory.dumped)
        open_to = memory.shunned <= memory.seconds
        found.add(K.PASS_THE_TICKET, 4 + sees.far, open_to & ~memory.refused)
        found.add(K.PASS_THE_HASH, 5 + sees.far, open_to)
        found.add(K.JUICY_POTATO, 6)
        found.add(K.V4L2, 6.1, ~memory.patched)
        found.add(K.PRIVILEGE_ESCALATE, 6.2)
        self._exploits(found, sees, open_to)
        if self.style == "loud":
            found.add(K.NETWORK_SCAN, 8 + sees.zone_far, self._unswept(memory), at=Target.ZONE)
        else:
            new = sees.known & ~sees.scanned & ~sees.own & open_to
            found.add(K.DISCOVER_NETWORK_SERVICES, 8 + sees.far, new)
            found.add(K.DISCOVER_REMOTE_SYSTEMS, 9 + sees.zone_far, self._unswept(memory), at=Target.ZONE)
        found.add(K.SHARE_INTELLIGENCE, 10, sees.c2_age > C2_AGE_S, at=Target.NONE)
        found.add(K.SPEAR_PHISHING, 11 + sees.far, open_to)
        found.add(K.LIE_LOW, 90, at=Target.NONE)
        return found

    def _exploits(self, found: Ranks, sees: Sight, open_to: Bool[Array, "host"]) -> None:
        """Rule 7: the exploit of a believed weakness, else R1; fragmented first where red is stealthy."""
        ready = open_to & sees.fragmented if self.style == "stealth" else open_to
        special = jnp.zeros_like(sees.known)
        for kind, weakness in (
            (K.EXPLOIT_BLUE_KEEP, T.Weakness.CVE_2019_0708),
            (K.EXPLOIT_ETERNAL_BLUE, T.Weakness.MS17_010),
            (K.EXPLOIT_HTTP_RFI, T.Weakness.CVE_2021_44228),
        ):
            believed = sees.weak(weakness)
            special = special | believed
            found.add(kind, 7 + sees.far, believed & ready)
        found.add(K.EXPLOIT_REMOTE_SERVICE, 7 + sees.far, ~special & ready)
        if self.style == "stealth":
            found.add(K.IP_FRAGMENTATION, 7.5 + sees.far, sees.any_weak & ~ready & open_to & ~sees.own)

    def _unswept(self, memory: Memory) -> Bool[Array, "zone"]:
        return (memory.sweeps < SWEEPS) | (memory.seconds - memory.swept > SWEEP_AGAIN_S)


class Sight:
    """An attacker's vector, taken apart."""

    def __init__(self, sizes: Static, obs: Float32[Array, "feature"]):
        hosts = sizes.hosts
        labels = observe_red.labels(sizes)[: observe_red.HOSTS_START]
        block = obs[observe_red.HOSTS_START : observe_red.size(sizes)].reshape(
            hosts, observe_red.HOST_FEATURES
        )
        self._block = block
        general = lambda label: obs[labels.index(label)]  # noqa: E731
        self.left = general(blocks.TIME_LABELS[0])
        self.passed = jnp.expm1(general(blocks.TIME_LABELS[1])) * (blocks.UNIT_MS / 1000)
        first = labels.index("last outcome: none")
        self.outcome = jnp.argmax(obs[first : first + len(Outcome)])
        last = labels.index("last: none")
        kind = jnp.argmax(obs[last : last + R.NUM_KINDS])
        idle = jnp.any(jnp.stack([kind == one for one in _IDLE]))
        self.succeeded = (self.outcome == Outcome.SUCCESS) & ~idle
        self.c2_age = jnp.expm1(general("log age of C2's copy")) * (blocks.UNIT_MS / 1000)
        self.held = jnp.stack([general(f"{scope}: held") > 0 for scope in T.SCOPE_NAMES])
        scenario = labels.index("scenario ransomware")
        self._scenario = jnp.argmax(obs[scenario : scenario + len(S.Scenario)])
        named = lambda label: self._column(label) > 0  # noqa: E731
        self.known, self.scanned, self.own = named("known"), named("scanned"), named("session")
        self.root, self.edr, self.encrypted = named("Root"), named("EDR"), named("encrypted")
        self.fragmented = named("fragmented")
        start = observe_red.HOST_LABELS.index("is workstation")
        roles = block[:, start : start + T.NUM_ROLES]
        self.role_weight = roles @ jnp.asarray(T.ROLE_WEIGHT, jnp.float32)
        self.rich = roles @ jnp.asarray(_RICH, jnp.float32) > 0
        self.is_server = roles @ jnp.asarray(_SERVER, jnp.float32) > 0
        distance = jnp.asarray(DISTANCE)[self._scenario]
        zone = layout(sizes).zone
        usable = self.own & ~named("dormant")
        best = jnp.min(jnp.where(usable, distance[zone], jnp.inf))
        self.zone_far = distance / 10 + jnp.where(distance > best, _FARTHER, 0.0)
        self.far = self.zone_far[zone]

    def _column(self, label: str) -> Float32[Array, "host"]:
        return self._block[:, observe_red.HOST_LABELS.index(label)]

    def hurries(self, seconds: Float32[Array, ""]) -> Bool[Array, ""]:
        """Whether the horizon is near, ``seconds`` after the reset, and the goal takes many hosts."""
        to_go = seconds * self.left / jnp.maximum(1 - self.left, 1e-3)
        many = jnp.any(jnp.stack([self.goal_is(one) for one in _HURRIED]))
        return many & (self.left <= 0.5) & (to_go <= HURRY_S)

    def goal_is(self, scenario: S.Scenario) -> Bool[Array, ""]:
        return self._scenario == int(scenario)

    def weak(self, weakness: T.Weakness) -> Bool[Array, "host"]:
        """Hosts that seem to have a weakness."""
        return self._column(f"weakness {T.WEAKNESS_NAMES[weakness]}") > 0

    @property
    def any_weak(self) -> Bool[Array, "host"]:
        start = observe_red.HOST_LABELS.index(f"weakness {T.WEAKNESS_NAMES[0]}")
        return jnp.any(self._block[:, start : start + T.NUM_WEAKNESSES] > 0, axis=1)


def policies(sizes: Static, slip: float) -> dict[str, Any]:
    """The scripted attackers by name; ``slip`` is that of the world's preset."""
    return {style: Killchain(sizes, style, slip) for style in STYLES}
