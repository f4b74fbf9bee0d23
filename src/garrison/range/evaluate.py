"""Zero-shot evaluation: frozen policies defend in the range, beside controls, on the same networks."""

from __future__ import annotations

import hashlib
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from garrison.core.policy import Policy
from garrison.judge import survival
from garrison.judge.stats import bounds, resampled
from garrison.range import services
from garrison.range.bridge import Bridge, Played, random_numbers
from garrison.range.drivers.containers import OFF
from garrison.range.drivers.local import Local
from garrison.range.drivers.mock import CHANCES, Mock
from garrison.range.drivers.netns import Namespaces
from garrison.range.drivers.processes import Processes
from garrison.range.judge import MOST_VOID
from garrison.range.protocol import LABELS, Driver, RangeUnavailable
from garrison.worlds.soc.env import Soc
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R

CONTROLS = ("idle", "random")
AGAIN = "again"  #: name of a second run of a tier with the same seeds
FEWEST = 10  #: launches of a technique from which its chance and durations count as measured
#: pairs of episodes that retention needs: the bootstrap's interval of a ratio from fewer is far too narrow
FEWEST_EPISODES = 10
MOST_OVERHEAD = 2.0  #: seconds of ``soc`` that a probe may take (median)
DRAWS = 8  #: networks that are drawn at most for each that fits
_KINDS = {
    "web": R.Red.EXPLOIT_HTTP_RFI,
    "runner": R.Red.EXPLOIT_HTTP_RFI,
    "share": R.Red.EXPLOIT_ETERNAL_BLUE,
    "desk": R.Red.EXPLOIT_BLUE_KEEP,
    "registers": R.Red.EXPLOIT_REMOTE_SERVICE,
    "grant": R.Red.PRIVILEGE_ESCALATE,
    "impersonate": R.Red.JUICY_POTATO,
    "driver": R.Red.V4L2,
    "dump": R.Red.DUMP_LSASS,
    "ticket": R.Red.PASS_THE_TICKET,
    "hash": R.Red.PASS_THE_HASH,
    "encrypt": R.Red.IMPACT,
    "kill": R.Red.KILL_PROCESS,
    "vault": R.Red.EXFILTRATE_DATA,
    "overload": R.Red.OVERLOAD_PLC,
    "mail": R.Red.SPEAR_PHISHING,
}


class TooManyVoid(RuntimeError):
    """More than 5 % of the episodes are void: the evaluation counts for nothing."""


@dataclass(frozen=True)
class Tier:
    """A tier on this machine; ``reason`` says why it is not available, and is empty otherwise."""

    name: str
    label: str
    reason: str


def tiers() -> list[Tier]:
    """What this machine can do."""
    found = []
    for name, make in (("mock", Mock), ("local", Local), ("netns", Namespaces)):
        try:
            check = getattr(make(), "check", None)
            if check is not None:
                check()
            reason = ""
        except RangeUnavailable as error:
            reason = str(error)
        found.append(Tier(name, LABELS[name], reason))
    return [*found, Tier("containers", LABELS["containers"], OFF)]


def driver_of(tier: str) -> Driver:
    """The driver that plays episodes in a tier.

    Raises:
        ValueError: for an unknown tier, or one that plays no episodes.
        RangeUnavailable: if this machine cannot provide it.
    """
    known = {"mock": Mock, "local": Local, "netns": Namespaces}
    if tier not in known:
        raise ValueError(
            f"no episodes are played in tier {tier!r}; choose one of {', '.join(known)} "
            "(see `garrison range check`)"
        )
    driver: Driver = known[tier]()
    if isinstance(driver, Processes):
        driver.check()
    return driver


def digest_of(policy: Any) -> str:
    """SHA-256 of the weights of a policy, a pytree, and of their structure."""
    leaves, tree = jax.tree.flatten(policy)
    found = hashlib.sha256(str(tree).encode())
    for leaf in leaves:
        array = np.asarray(leaf)
        found.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def digest_of_programs() -> str:
    """SHA-256 of the sources of services and clients."""
    folder = Path(services.__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted([*folder.glob("services/*.py"), *folder.glob("clients/*.py")]):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def networks(bridge: Bridge, seed: int, count: int, scenario: int = 0) -> tuple[list[int], int]:
    """Numbers of networks that the range has room for, and how many were drawn again.

    Raises ``ValueError`` if too few fit.
    """
    numbers = random_numbers(bridge.world, seed, DRAWS * count)
    found: list[int] = []
    for drawn, number in enumerate(numbers, start=1):
        if bridge.plan(number, scenario).mappable:
            found.append(number)
            if len(found) == count:
                return found, drawn - count
    raise ValueError(f"only {len(found)} of {len(numbers)} networks fit the range; {count} are needed")


def evaluate(
    world: Soc,
    policies: Mapping[str, Policy],
    red: Policy,
    tier: str,
    episodes: int,
    seed: int = 0,
    speed: float = 30.0,
    technical: str = "measured",
    watch: Callable[[str], None] = lambda text: None,
    repeat: bool = False,
    side_by_side: int = 1,
) -> dict[str, Any]:
    """Play every policy, and the controls, on the same networks in ``mock`` and in ``tier``.

    Args:
        world: ``soc`` with ``side="both"`` and one scenario.
        policies: of blue, by name; frozen.
        red: the opponent of all.
        tier: ``local`` or ``netns``, or ``mock`` alone.
        episodes: of each player and tier.
        watch: receives a line after each episode.
        repeat: whether to play the tier twice with the same seeds, and report how much the runs differ.
        side_by_side: episodes of the tier that are played at once.

    Returns:
        A dictionary of plain values: what was played with what, a row per tier and player, and what
        :func:`report` returns.

    Raises:
        RangeUnavailable: if the tier is not available or too slow.
        TooManyVoid: if more than 5 % of the episodes are void.
    """
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; it must be at least 1")
    players = with_controls(world, policies)
    bridges = bridges_of(world, tier, speed, technical)
    numbers, again = networks(bridges["mock"], seed, episodes)
    if tier != "mock":
        check_overhead(bridges[tier], numbers[0])
    seeds = range(seed, seed + episodes)  # the same in every tier
    order = [*bridges, *([AGAIN] if repeat and tier != "mock" else [])]
    played = {
        name: {
            player: play_all(
                bridges[tier if name == AGAIN else name], policy, red, numbers, seeds,
                side_by_side if name != "mock" else 1, partial(_said, watch, name, player, episodes),
            )
            for player, policy in players.items()
        }
        for name in order
    }  # fmt: skip
    return {
        **origin(bridges[tier], seed, numbers, again),
        "policies_sha256": {name: digest_of(policy) for name, policy in players.items()},
        "red_sha256": digest_of(red),
        **report(played, tier, speed),
    }


def _said(
    watch: Callable[[str], None], tier: str, player: str, episodes: int, index: int, one: Played
) -> None:
    watch(f"{tier} {player} {index + 1}/{episodes}: {one.void or f'{one.returned:.2f}'}")


def with_controls(world: Soc, policies: Mapping[str, Policy]) -> dict[str, Policy]:
    """The policies after the controls, which everybody needs beside them."""
    native = world.policies("blue")
    return {**{name: native[name] for name in CONTROLS}, **policies}


def bridges_of(world: Soc, tier: str, speed: float = 30.0, technical: str = "measured") -> dict[str, Bridge]:
    """Bridges of ``mock`` and of a tier, by name."""
    return {
        name: Bridge(world, driver_of(name), speed, technical, realtime=name != "mock")
        for name in dict.fromkeys(("mock", tier))
    }


def origin(bridge: Bridge, seed: int, numbers: Sequence[int], again: int) -> dict[str, Any]:
    """What was played where, in plain values."""
    world, tier = bridge.world, bridge.driver.tier
    return {
        "tier": tier,
        "label": LABELS[tier],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kernel": platform.release(),
        "driver": bridge.driver.version,
        "programs_sha256": digest_of_programs(),
        "world": {"name": world.name, "version": world.version, "observation": world.observation},
        "options": {
            "scenario": world.scenarios[0],
            "speed": bridge.speed,
            "technical": bridge.technical,
            "horizon_ms": int(world.options.horizon[0]),
        },
        "seed": seed,
        "networks": list(numbers),
        "networks_drawn_again": again,
    }


def play_all(
    bridge: Bridge,
    blue: Policy,
    red: Policy,
    numbers: Sequence[int],
    seeds: Sequence[int],
    side_by_side: int = 1,
    watch: Callable[[int, Played], None] = lambda index, played: None,
) -> list[Played]:
    """One episode on each network, with the seed of its place; ``watch`` receives index and episode."""

    def one(index: int) -> Played:
        found = bridge.play(blue, red, numbers[index], seeds[index])
        watch(index, found)
        return found

    if side_by_side == 1 or not numbers:
        return [one(index) for index in range(len(numbers))]
    first = one(0)  # which compiles
    with ThreadPoolExecutor(side_by_side) as pool:
        return [first, *pool.map(one, range(1, len(numbers)))]


def report(played: Mapping[str, Mapping[str, Sequence[Played]]], tier: str, speed: float) -> dict[str, Any]:
    """Tables of what was played.

    Args:
        played: by tier and player, on the same networks in the same order. Beside ``mock`` and ``tier`` there
            may be :data:`AGAIN`, a second run of the tier for some players, and others, such as ``soc``.

    Returns:
        ``tiers``, a row per tier and player; ``retention``; ``difference``, return in ``tier`` less that in
        each other one, paired by network; ``noise`` between two runs of the tier, None if there was one;
        ``calibration``.

    Raises:
        TooManyVoid: if more than 5 % of the episodes of a tier are void.
    """
    players = list(played[tier])
    return {
        "tiers": {name: _table(of) for name, of in played.items()},
        "retention": _retention(played, tier, players),
        "difference": {
            name: {player: _paired(played[tier][player], of[player]) for player in players}
            for name, of in played.items()
            if name != tier and set(of) >= set(players)
        },
        "noise": _noise(played[tier], played[AGAIN]) if AGAIN in played else None,
        "calibration": _calibration(played[tier], speed),
    }


def measured(players: Mapping[str, Sequence[Played]], speed: float) -> tuple[dict[str, int], dict[str, Any]]:
    """Chances in thousandths and durations in seconds of ``soc`` by technique, as a tier measured them.

    For ``Mock(chances=...)`` and ``Bridge(..., durations=...)``: a difference between the mock that has them
    and the tier is not due to a wrong model of chances and durations. Techniques that met chance fewer than
    :data:`FEWEST` times are left out.
    """
    good = [one for of in players.values() for one in of if not one.void]
    tried: Counter[str] = Counter()
    won: Counter[str] = Counter()
    durations: dict[str, list[float]] = {}
    for one in good:
        for name, (tries, successes) in one.tried.items():
            tried[name] += tries
            won[name] += successes
        for name, seconds in one.latencies.items():
            durations.setdefault(name, []).extend(seconds)
    chances = {name: round(1000 * won[name] / tries) for name, tries in tried.items() if tries >= FEWEST}
    chances.pop("mail", None)  # by host
    return chances, {n: np.array(s) * speed for n, s in durations.items() if len(s) >= FEWEST}


def check_overhead(bridge: Bridge, number: int) -> None:
    """Refuse a tier whose own cost would be seen by policies."""
    seconds = probe_seconds(bridge, number)
    overhead = float(np.median(seconds)) * bridge.speed
    if overhead > MOST_OVERHEAD:
        raise RangeUnavailable(
            f"tier {bridge.driver.tier} is too slow here: a probe takes {overhead:.1f} s of soc's time at "
            f"speed {bridge.speed:g}, more than {MOST_OVERHEAD:g} s; lower the speed"
        )


def probe_seconds(bridge: Bridge, number: int, count: int = 9) -> list[float]:
    """Real seconds of probes of an idle service in a fresh range."""
    from garrison.range.nonces import Ledger
    from garrison.range.protocol import INTERNET, Node

    plan = bridge.plan(number)
    driver = bridge.driver
    handle = driver.provision(plan, Ledger(plan).draw(), 0, time.monotonic() + 60.0)
    try:
        web = Node(plan.hosts[0].node)
        port = plan.hosts[0].services[0].port
        return [
            driver.probe(handle, INTERNET, web, port, time.monotonic() + 5.0).seconds for _ in range(count)
        ]
    finally:
        driver.teardown(handle)


# ---------------------------------------------------------------- tables


def _table(players: Mapping[str, Sequence[Played]]) -> dict[str, Any]:
    total = sum(map(len, players.values()))
    void = sum(bool(one.void) for of in players.values() for one in of)
    if void > MOST_VOID * total:
        reasons = sorted({one.void for of in players.values() for one in of if one.void})
        raise TooManyVoid(f"{void} of {total} episodes are void, more than 5 %: {'; '.join(reasons[:5])}")
    return {name: _row(of) for name, of in players.items()}


def _row(episodes: Sequence[Played]) -> dict[str, Any]:
    good = [one for one in episodes if not one.void]
    row: dict[str, Any] = {"episodes": len(good), "void": [one.void for one in episodes if one.void]}
    for name in ("returned", "goal", "sla", "owned", "false_isolation", "lag"):
        row[name] = _mean(np.array([float(getattr(one, name)) for one in good]))
    row["times"] = {mark: _times(good, mark) for mark in sorted({m for one in good for m in one.times})}
    row["returns"] = [None if one.void else one.returned for one in episodes]
    outcomes: dict[str, dict[str, int]] = {}
    for one in good:
        for technique, counts in one.outcomes.items():
            into = outcomes.setdefault(technique, {})
            for outcome, number in counts.items():
                into[outcome] = into.get(outcome, 0) + number
    return row | {"outcomes": outcomes, "lines": sum(one.lines for one in good)}


def _mean(values: np.ndarray) -> dict[str, Any]:
    """Mean with a 95 % bootstrap interval over episodes; None of what cannot be said."""
    if not len(values):
        return {"mean": None, "low": None, "high": None, "n": 0}
    low = high = None
    if len(values) > 1:
        means = resampled(lambda w: w @ values / w.sum(-1), (len(values),), 0)
        low, high = bounds(means, values)
    return {"mean": float(values.mean()), "low": low, "high": high, "n": len(values)}


def _times(episodes: Sequence[Played], mark: str) -> dict[str, Any] | None:
    """How soon incidents reach a mark, by Kaplan and Meier; None if there was no incident."""
    rows = [(0, i, *time) for i, one in enumerate(episodes) for time in one.times.get(mark, ())]
    if not rows:
        return None
    seed, episode, length, ended = (np.array(column) for column in zip(*rows, strict=True))
    found = survival.figures(survival.Times(seed, episode, length, ended), (1, len(episodes)))
    assert found is not None
    return {key: value for key, value in found.items() if key != "curve"}


def _paired(first: Sequence[Played], second: Sequence[Played]) -> dict[str, Any]:
    """Mean difference of returns with a 95 % bootstrap interval over networks, without void episodes."""
    pairs = [(a.returned, b.returned) for a, b in zip(first, second, strict=True) if not (a.void or b.void)]
    return _mean(np.array([a - b for a, b in pairs]))


def _noise(
    first: Mapping[str, Sequence[Played]], second: Mapping[str, Sequence[Played]]
) -> dict[str, dict[str, Any]]:
    """How much two runs with the same seeds differ, by player: no difference below this means anything."""
    found = {}
    for player, of in second.items():
        pairs = [(a, b) for a, b in zip(first[player], of, strict=True) if not (a.void or b.void)]
        apart = np.array([a.returned - b.returned for a, b in pairs])
        found[player] = {
            "difference": _mean(apart),
            "absolute": _mean(np.abs(apart)),
            "same_goal": _share(sum(a.goal == b.goal for a, b in pairs), len(pairs)),
        }
    return found


def _retention(
    played: Mapping[str, Mapping[str, Sequence[Played]]], tier: str, players: list[str]
) -> dict[str, Any]:
    """(player - idle) in the tier over (player - idle) in mock, paired by network."""
    found = {}
    for player in players:
        if player == "idle" or tier == "mock":
            continue
        sets = [played[tier][player], played[tier]["idle"], played["mock"][player], played["mock"]["idle"]]
        rows = [[one.returned for one in of] for of in zip(*sets, strict=True) if not any(o.void for o in of)]
        found[player] = _ratio(np.array(rows))
    return found


def _ratio(rows: np.ndarray) -> dict[str, Any]:
    """Ratio of mean gains; no number of few episodes, or where the gain in mock is not clearly positive."""
    none: dict[str, Any] = {"ratio": None, "low": None, "high": None, "n": len(rows)}
    if len(rows) < FEWEST_EPISODES:
        return none | {"reason": f"{len(rows)} of at least {FEWEST_EPISODES} episodes"}
    there, here = rows[:, 0] - rows[:, 1], rows[:, 2] - rows[:, 3]
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(rows), (4000, len(rows)))
    above, below = there[index].mean(1), here[index].mean(1)
    if np.quantile(below, 0.025) <= 0:
        return none | {"reason": "no clear gain in mock"}
    low, high = np.quantile(above / below, [0.025, 0.975])
    ratio = float(there.mean() / here.mean())
    return {"ratio": ratio, "low": float(low), "high": float(high), "n": len(rows)}


def _calibration(players: Mapping[str, Sequence[Played]], speed: float) -> dict[str, Any]:
    """Chance and duration of each technique: the tables of ``soc`` against what was measured."""
    good = [one for of in players.values() for one in of if not one.void]
    found = {}
    for technique in sorted({name for one in good for name in one.latencies}):
        kind = _KINDS[technique]
        tried = np.sum([one.tried.get(technique, [0, 0]) for one in good], axis=0)
        seconds = np.array([s for one in good for s in one.latencies.get(technique, [])]) * speed
        found[technique] = {
            "soc_chance": None if technique == "mail" else int(CHANCES[technique]) / 1000,
            "measured_chance": _share(int(tried[1]), int(tried[0])),
            "soc_seconds": L.LAWS[L.RED_LAW[kind]].mean / 1000,
            "measured_seconds": _mean(seconds)
            | {"median": float(np.median(seconds)), "p90": float(np.quantile(seconds, 0.9))},
        }
    return found


def _share(successes: int, tries: int) -> dict[str, Any]:
    """A share with its 95 % Wilson interval."""
    if not tries:
        return {"mean": None, "low": None, "high": None, "n": 0}
    z, p = 1.959964, successes / tries
    middle = (p + z * z / (2 * tries)) / (1 + z * z / tries)
    half = z * np.sqrt(p * (1 - p) / tries + z * z / (4 * tries**2)) / (1 + z * z / tries)
    return {"mean": p, "low": float(middle - half), "high": float(middle + half), "n": tries}


def as_json(found: list[Tier]) -> list[dict[str, Any]]:
    return [asdict(tier) | {"available": not tier.reason} for tier in found]
