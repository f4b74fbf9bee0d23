"""The synchronous limit (``soc-rules.md §2``): where every action takes one batch, the world goes in ticks.

All durations and delays are 10 s, batches come every 10 s, and no clock strikes. Then all agents act, their
actions end in their order, and a batch delivers what was recorded a tick ago: :class:`Ticks` says so in
discrete time, without events, times of completion or a ring. It shares nothing with the kernel but names.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import FIRST_RED as RED
from soc_kernel import SMALL, Sim, programs, random_draws

from garrison.worlds.soc import laws
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue, Verdict
from garrison.worlds.soc.tables.red import Red

TICK = 10_000
BLUE_COST = {Blue.ISOLATE: 1, Blue.RECONNECT: 1, Blue.ANALYSE: 1, Blue.REMOVE: 1, Blue.DEPLOY_EDR: 3}
RED_COST = {Red.DISCOVER_NETWORK_SERVICES: 2, Red.EXPLOIT_BLUE_KEEP: 3, Red.PRIVILEGE_ESCALATE: 1}
FLOW, SCAN, AUTH, PROCESS, PRIVILEGE, SERVICE, IDS, ALERT = 1, 2, 5, 6, 7, 8, 9, 10  # counters (§5.3)
ONLINE, ISOLATED, PANIC = "online", "isolated", "panic"


class Ticks:
    """Hosts of one zone, three defenders and an attacker, tick by tick."""

    def __init__(self, hosts, weight, picture, weak, owned, first):
        self.now, self.weight, self.picture, self.weak, self.first = 0, weight, picture, weak, first
        self.energy = [1_000_000] * 4
        self.status, self.until = dict.fromkeys(hosts, ONLINE), dict.fromkeys(hosts, None)
        self.level = {h: int(h in owned) for h in hosts}
        self.edr, self.verdict = dict.fromkeys(hosts, False), dict.fromkeys(hosts, (Verdict.NONE, 0))
        self.known, self.scan = set(hosts), dict.fromkeys(hosts, 0)
        self.count = {h: dict.fromkeys(range(13), 0) for h in hosts}
        self.waiting, self.fresh, self.loss, self.ends = [], [], 0, {}

    def tick(self, chosen, draws):
        """``chosen``: kind and target of each agent; ``draws``: chance, pick, and host by host, of each."""
        for agent, (kind, target) in chosen.items():
            self.energy[agent] -= 20_000 * (RED_COST if agent == RED else BLUE_COST).get(kind, 0)
            if agent == RED and kind in (Red.DISCOVER_NETWORK_SERVICES, Red.EXPLOIT_BLUE_KEEP):
                self.waiting.append((target, SCAN if kind == Red.DISCOVER_NETWORK_SERVICES else FLOW))
        usable = [h for h, level in self.level.items() if level and self.status[h] == ONLINE]
        source = max(usable, key=lambda h: (self.level[h], -h), default=None)
        down = sum(w for h, w in self.weight.items() if self.status[h] != ONLINE)
        self.loss = TICK * (20 * down + sum(2 * self.level[h] * w for h, w in self.weight.items()))
        self.now += TICK
        self.energy = [min(1_000_000, e + TICK) for e in self.energy]
        self.ends, cut = {}, set()
        for agent in range(3):
            self.ends[agent] = self.blue(*chosen[agent], draws[agent], cut)
        self.ends[RED] = self.red(*chosen[RED], draws[RED], source, cut)
        for host, until in self.until.items():
            if until == self.now:
                self.status[host], self.until[host] = ONLINE, None
        arrived, self.waiting, self.fresh = self.waiting, self.fresh, []
        for host, groups in self.count.items():
            for group, c in groups.items():
                groups[group] = c - -(-c // 8) + 64 * arrived.count((host, group))

    def blue(self, kind, h, draw, cut):
        if kind == Blue.WAIT:
            return Outcome.SUCCESS
        if kind in (Blue.ISOLATE, Blue.RECONNECT):
            if self.status[h] != (ONLINE if kind == Blue.ISOLATE else ISOLATED):
                return Outcome.GONE
            self.status[h] = ISOLATED if kind == Blue.ISOLATE else ONLINE
            self.fresh += [(h, SERVICE)] * (2 if kind == Blue.ISOLATE else 1)  # and that it is down
            cut |= {h} if kind == Blue.ISOLATE else set()
        elif kind == Blue.DEPLOY_EDR:
            if self.edr[h]:
                return Outcome.GONE
            self.edr[h] = True
            self.fresh.append((h, SERVICE))
        elif self.status[h] == PANIC:
            return Outcome.GONE
        elif kind == Blue.ANALYSE:
            chance = 10 if not self.level[h] else 950 if self.edr[h] else (600, 800)[self.level[h] - 1]
            found = Verdict.ROOT if self.level[h] == 2 else Verdict.USER
            self.verdict[h] = (found if draw["chance"] < chance else Verdict.CLEAN, self.now)
        elif kind == Blue.REMOVE:
            if self.level[h] == 2:
                return Outcome.FAILED
            lost = self.level[h] and sum(map(bool, self.level.values())) == 1
            self.level[h] = 0
            self.fresh.append((h, PROCESS))
            cut.add(h)
            if lost:
                self.known, self.scan = set(self.first), dict.fromkeys(self.scan, 0)
        return Outcome.SUCCESS

    def red(self, kind, h, draw, source, cut):
        if kind == Red.WAIT:
            return Outcome.SUCCESS
        source = h if kind == Red.PRIVILEGE_ESCALATE else source
        if cut & {h, source}:
            return Outcome.ABORTED
        if self.status[h] != ONLINE:
            return Outcome.GONE
        if kind == Red.DISCOVER_NETWORK_SERVICES:
            self.scan[h] = self.picture[h]
            return Outcome.SUCCESS
        base = 580 if kind == Red.EXPLOIT_BLUE_KEEP else 700
        works = draw["chance"] < (base * 800 // 1000 if self.edr[h] else base)
        works = works and (kind == Red.PRIVILEGE_ESCALATE or h in self.weak)
        if self.edr[h] and draw["host"][h] < 600:
            self.fresh.append((h, ALERT))
        if kind == Red.PRIVILEGE_ESCALATE:
            self.fresh += [(h, PROCESS), (h, PRIVILEGE)] if works else [(h, PROCESS)]
            self.level[h] += works
        else:
            self.fresh += [(h, IDS), (h, AUTH)] if works else [(h, IDS)]
            self.level[h] = int(works)
            if not works and draw["pick"] < 250:
                self.status[h], self.until[h] = PANIC, self.now + 60_000
                self.fresh.append((h, SERVICE))
        return Outcome.SUCCESS if works else Outcome.FAILED


@pytest.fixture(scope="module")
def game():
    """Programs in which everything takes 10 s."""
    with pytest.MonkeyPatch.context() as patch:
        table = np.full_like(laws.quantiles(), TICK)
        patch.setattr(laws, "quantiles", lambda: table)
        patch.setattr(L, "BATCH_MS", TICK)
        yield programs.__wrapped__(SMALL)


def begun(game, number):
    """An episode on a network of its own, and the same in ticks."""
    zero, whole = jnp.int32(0), jnp.int32(1000)
    sim = Sim(number=number, noise_scale=zero, alarm_scale=zero, delay_scale=whole, dwell_scale=whole)
    sim.run = game
    desks = sim.hosts(T.Role.WORKSTATION, T.Zone.CORPORATE) + sim.hosts(T.Role.ADMIN_WORKSTATION)
    (first,) = np.flatnonzero(sim.state.host_priv).tolist()
    owned = [first, next(h for h in desks if h != first)]
    weak = T.bits(T.Weakness.CVE_2019_0708)
    sim.fix(host_os=dict.fromkeys(desks, T.Os.WINDOWS_10), host_ports={h: T.bits(T.Port.RDP) for h in desks})
    sim.fix(host_weak={h: weak * (i % 3 > 0) for i, h in enumerate(desks)})
    sim.set(host_priv=dict.fromkeys(owned, 1), batch_next=TICK, host_decoy=0)
    sim.set(red_known={(0, h): True for h in desks}, red_visited={(0, h): True for h in owned})
    picture = np.asarray(sim.topology.host_ports) | np.asarray(sim.topology.host_weak).astype(int) << 9
    model = Ticks(
        desks,
        {h: int(sim.state.host_weight[h]) for h in desks},
        {h: int(picture[h]) for h in desks},
        {h for h in desks if sim.topology.host_weak[h]},
        owned,
        {first},
    )
    return sim, model


def choose(sim, model, rng):
    """Legal actions on those hosts, at random."""
    mask = sim.mask()
    chosen = dict.fromkeys(range(RED), (Blue.WAIT, T.NO_HOST)) | {RED: (Red.WAIT, T.NO_HOST)}
    for agent, cost in ((1, BLUE_COST), (RED, RED_COST)):  # the owner of the zone, and red
        options = [(kind, h) for kind in cost for h in model.status if mask[agent, sim.index(agent, kind, h)]]
        kinds = list({kind for kind, _ in options})
        if kinds and rng.random() < 0.9:
            kind = kinds[rng.integers(len(kinds))]
            hosts = [h for one, h in options if one == kind]
            chosen[agent] = kind, hosts[rng.integers(len(hosts))]
    return chosen


def differences(sim, model):
    """Names of what is not the same."""
    state, hosts = sim.state, list(model.status)
    names = {ONLINE: T.Status.ONLINE, ISOLATED: T.Status.ISOLATED, PANIC: T.Status.PANIC}
    pairs = {
        "time": (int(state.time), model.now),
        "energy": (state.energy.tolist(), model.energy),
        "status": ([int(state.host_status[h]) for h in hosts], [names[model.status[h]] for h in hosts]),
        "session": ([int(state.host_priv[h]) for h in hosts], [model.level[h] for h in hosts]),
        "edr": ([bool(state.host_edr[h]) for h in hosts], [model.edr[h] for h in hosts]),
        "verdict": (
            [(int(state.view_verdict[h]), int(state.view_verdict_time[h])) for h in hosts],
            [model.verdict[h] for h in hosts],
        ),
        "known": ({h for h in hosts if state.red_known[0, h]}, model.known),
        "picture": ([int(state.red_scan[0, h]) for h in hosts], [model.scan[h] for h in hosts]),
        "counters": (
            [state.view_fast[h].tolist() for h in hosts],
            [list(model.count[h].values()) for h in hosts],
        ),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def ticked(sim, model, chosen, rng):
    """One tick on both sides; what happened in the kernel: outcomes of the agents, and the loss."""
    sim.start(chosen)
    rows, draws, ends, loss = random_draws(SMALL, rng).rows, {}, {}, 0
    for number in range(6):  # four completions, perhaps the end of a panic, and the batch
        row = jax.tree.map(lambda x, i=number % 4: x[i], rows)
        row = row.replace(token=np.zeros_like(row.token))  # no log entry is lost
        event = sim.event(row)
        loss += int(np.sum(sim.sums.loss))
        if int(event.agent) >= 0:
            ends[int(event.agent)] = int(event.outcome)
            draws[int(event.agent)] = {
                name: np.floor(1000 * getattr(row, name)) for name in ("chance", "pick", "host")
            }
        if sim.deciding().all():
            break
    model.tick(chosen, draws)
    return ends, loss


#: what has to occur, so that the comparison means something
OCCURS = {
    *((1, kind, Outcome.SUCCESS) for kind in BLUE_COST),
    *((RED, kind, Outcome.SUCCESS) for kind in RED_COST),
    *((RED, Red.EXPLOIT_BLUE_KEEP, outcome) for outcome in (Outcome.FAILED, Outcome.GONE, Outcome.ABORTED)),
    *((RED, Red.PRIVILEGE_ESCALATE, outcome) for outcome in (Outcome.FAILED, Outcome.ABORTED)),
    (RED, Red.DISCOVER_NETWORK_SERVICES, Outcome.ABORTED),
    (1, Blue.REMOVE, Outcome.FAILED),
}


def test_a_world_of_ticks(game):
    occurred, panics = set(), 0
    for number in range(1, 4):
        sim, model = begun(game, number)
        rng = np.random.default_rng(number)
        for _ in range(45):
            assert sim.deciding().all()
            chosen = choose(sim, model, rng)
            ends, loss = ticked(sim, model, chosen, rng)
            assert ends == model.ends
            assert loss == model.loss
            assert differences(sim, model) == {}
            occurred |= {(agent, chosen[agent][0], outcome) for agent, outcome in ends.items()}
            panics += PANIC in model.status.values()
    assert occurred >= OCCURS
    assert panics
