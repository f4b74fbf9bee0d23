"""Whether policies of ``soc`` still defend among real processes: ``python studies/soc_range.py RUN...``.

Frozen policies of RUN, beside idle, random, scripted and constant defenders, play the same networks, seeds
and attacker in ``soc`` itself, in the range's mock, and in a tier of real processes (``--tier``). Some play
the tier twice: what two runs differ is the noise. The mock is played twice more, with soc's own durations,
and with the chances and durations that the tier measured. The constant player was the best one in other
episodes, on networks of the training split.

``--work FOLDER`` keeps every episode; the same command goes on where an earlier one stopped, and one with
more episodes or scenarios plays only what is missing. ``--out results/soc_range`` writes the study's folder
after each scenario. Episodes of real processes want a quiet machine: where events are late by more than a few
seconds of ``soc`` (``lag``), play fewer side by side, or at a lower ``--speed``.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import soc_learners

import garrison
from garrison.core.files import to_json
from garrison.core.policy import Policy
from garrison.judge.specs import labels, resolve
from garrison.parity.scores.episodes_file import append
from garrison.range import evaluate, reference
from garrison.range.bridge import Bridge, Played
from garrison.range.drivers.mock import Mock
from garrison.studies.study import Section, Study, origin, parser, prepare, save, show
from garrison.training.loaded import run_of
from garrison.worlds import soc

SCENARIOS = ("ransomware", "apt_espionage", "ot_stuxnet")
SCRIPTED = ("analyst", "reimager")
ATTACKER = "killchain"
LAWS, MEASURED = "mock, soc's durations", "mock, measured"
REPEATED = ("idle", "analyst")  # play the tier twice, with the first trained policy
SEED = 3_000_000


class Game(NamedTuple):
    """A scenario with its players."""

    world: soc.Soc
    players: dict[str, Policy]
    red: Policy
    numbers: list[int]
    again: int  # networks that were drawn again
    constant: str


def game(args: Any, scenario: str) -> Game:
    given = {"scenario": scenario, "split": "test", "horizon": int(60_000 * args.minutes), "events": 1}
    world = soc.make(side="both", observation=args.observation, **given)
    assert isinstance(world, soc.Soc)
    blue = soc.make(side="blue", observation=args.observation, **given)
    runs = labels([name for name in args.runs if run_of(name) is not None])
    trained: dict[str, Policy] = {}
    for name in args.runs:
        found = resolve(name, blue, which=args.which)
        many = found if isinstance(found, list) else [found]
        label = runs.get(name) or name
        trained |= {label if len(many) == 1 else f"{label}:{i}": one for i, one in enumerate(many)}
    native = world.policies("blue")
    players = evaluate.with_controls(world, {name: native[name] for name in SCRIPTED})
    constant = best_constant(args, scenario)
    players[f"constant: {constant}"] = soc_learners.constants(blue)[constant]
    numbers, again = evaluate.networks(Bridge(world, Mock(), args.speed, realtime=False), SEED, args.episodes)
    return Game(world, players | trained, world.policies("red")[ATTACKER], numbers, again, constant)


def best_constant(args: Any, scenario: str) -> str:
    """Kind of action of the best constant player on other networks; kept in the work folder."""
    path: Path = args.work / f"{scenario}-constant.json"
    if path.exists():
        return json.loads(path.read_text())["kind"]
    world = garrison.make("soc", scenario=scenario, split="train", horizon=int(60_000 * args.minutes))
    names = soc_learners.constants(world)
    episodes = args.constant_episodes
    every = garrison.evaluate(world, names, episodes=episodes, seed=soc_learners.CHOICE_SEED).figures
    found = {name: one["return"]["mean"] for name, one in every["policies"].items()}
    best = max(found, key=found.__getitem__)
    path.write_text(to_json({"kind": best, "returns": found}, indent=1))
    return best


# ---------------------------------------------------------------- episodes


class Kept:
    """Episodes of a part and player on disk, a line each; the first line says what they are of.

    Raises ``SystemExit`` if the file is of other weights or settings.
    """

    def __init__(self, path: Path, about: dict[str, Any], seeds: Mapping[int, int]):
        self.path, self.lock = path, threading.Lock()
        self.found: dict[int, Played] = {}
        about = json.loads(to_json(about))
        if not path.exists():
            path.write_text(json.dumps(about) + "\n")
            return
        first, *lines = path.read_text().splitlines()
        if json.loads(first) != about:
            raise SystemExit(f"{path} has episodes of other policies or settings; name another --work folder")
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:  # cut off as the study was killed
                continue
            if seeds.get(row["number"]) == row["seed"]:
                self.found[row["number"]] = Played(**row["played"])

    def add(self, number: int, seed: int, played: Played) -> None:
        row = json.loads(to_json({"number": number, "seed": seed, "played": played.plain()}))
        with self.lock:
            append(self.path, [row])
        self.found[number] = played


def play(args: Any, scenario: str, one: Game) -> dict[str, dict[str, list[Played]]]:
    """Episodes by part and player, played or read from the work folder."""
    tier = evaluate.bridges_of(one.world, args.tier, args.speed)[args.tier]
    trained = [name for name in one.players if name not in (*evaluate.CONTROLS, *SCRIPTED)]
    again = [name for name in one.players if name in (*REPEATED, *trained[1:2])]
    mock = lambda driver=None, **more: Bridge(  # noqa: E731
        one.world, driver or Mock(), args.speed, realtime=False, **more
    )
    played: dict[str, dict[str, list[Played]]] = {}

    def part(
        name: str, bridge: Bridge | None, players: Sequence[str] = tuple(one.players), side: int = 1
    ) -> None:
        played[name] = {
            player: episodes(args, scenario, one, name, bridge, player, side) for player in players
        }

    part("soc", None)
    part("mock", mock())
    part(LAWS, mock(technical="laws"))
    evaluate.check_overhead(tier, one.numbers[0])
    part(args.tier, tier, side=args.side_by_side)
    part(evaluate.AGAIN, tier, again, side=args.side_by_side)
    chances, durations = evaluate.measured(played[args.tier], args.speed)
    part(MEASURED, mock(Mock(chances=chances), durations=durations))
    return played


def episodes(
    args: Any, scenario: str, one: Game, part: str, bridge: Bridge | None, player: str, side_by_side: int
) -> list[Played]:
    """Episodes of a player in a part; ``bridge`` None: in soc itself."""
    blue, seeds = one.players[player], {number: SEED + i for i, number in enumerate(one.numbers)}
    about: dict[str, Any] = {
        "part": part,
        "player": player,
        "policy": evaluate.digest_of(blue),
        "red": evaluate.digest_of(one.red),
        "minutes": args.minutes,
        "observation": args.observation,
    }
    if bridge is not None:
        about |= {"speed": args.speed, "programs": evaluate.digest_of_programs()}
        about |= {"model": _model(bridge)}
    if part == MEASURED:
        part += f" {_model(bridge)[:8]}"  # the model of more episodes is another one
    name = "".join(c if c.isalnum() or c in "-." else "_" for c in f"{scenario}-{part}-{player}")
    kept = Kept(args.work / f"{name}.jsonl", about, seeds)
    missing = [number for number in one.numbers if number not in kept.found]
    if missing:
        started = time.perf_counter()
        keep = lambda i, found: kept.add(missing[i], seeds[missing[i]], found)  # noqa: E731
        if bridge is None:
            for i, found in enumerate(reference.play(one.world, blue, one.red, missing, SEED)):
                keep(i, found)
        else:
            evaluate.play_all(bridge, blue, one.red, missing, [seeds[n] for n in missing], side_by_side, keep)
        took = time.perf_counter() - started
        print(f"{took:6.0f} s  {scenario}: {part}, {player}, {len(missing)}", file=sys.stderr, flush=True)
    return [kept.found[number] for number in one.numbers]


def _model(bridge: Bridge | None) -> str:
    """Digest of the chances and durations of a mock; empty for real processes."""
    if bridge is None or not isinstance(bridge.driver, Mock):
        return ""
    durations = {name: seconds.tolist() for name, seconds in bridge.durations.items()}
    return hashlib.sha256(repr((sorted(bridge.driver.chances.items()), durations)).encode()).hexdigest()


def figures_of(args: Any, one: Game, played: Mapping[str, Mapping[str, Sequence[Played]]]) -> dict[str, Any]:
    bridge = evaluate.bridges_of(one.world, args.tier, args.speed)[args.tier]
    found = evaluate.report(played, args.tier, args.speed)
    for players in found["tiers"].values():  # what each episode gave is in the work folder
        for row in players.values():
            del row["outcomes"]
    # of one player: red's draws are the same beside all of them
    fidelity = reference.compare(played["soc"]["idle"], played[LAWS]["idle"])
    return {
        **evaluate.origin(bridge, SEED, one.numbers, one.again),
        "constant": one.constant,
        "policies_sha256": {name: evaluate.digest_of(policy) for name, policy in one.players.items()},
        "red_sha256": evaluate.digest_of(one.red),
        **found,
        "fidelity": fidelity,
        "fidelity_differs": reference.differ(fidelity),
    }


# ---------------------------------------------------------------- the page


def study(figures: Mapping[str, Any]) -> Study:
    games = figures["games"]
    one = next(iter(games.values()))
    return Study(
        title="soc: policies among real processes",
        figures=figures,
        finding=" ".join(finding(name, game) for name, game in games.items()),
        method=(
            "Weights were frozen and their SHA-256 is below; nothing was trained, tuned or chosen here but "
            f"the constant player. All play {len(one['networks'])} networks of the test split, the same "
            f"with the same seeds in each part, against `{ATTACKER}`. Episodes last "
            f"{one['options']['horizon_ms'] / 60_000:g} minutes of `soc` at {one['options']['speed']:g} "
            f"seconds of `soc` per real second. Results of the tier `{figures['tier']}` are to be called: "
            f"{one['label']}. [What that allows to say](../../docs/range.md#what-may-be-said). Brackets are "
            "95% bootstrap intervals over networks. *Retention* is (player - idle) in the tier over "
            f"(player - idle) in the mock, from {evaluate.FEWEST_EPISODES} episodes on; a number near 1 for "
            "random too says nothing. *Noise* is between "
            "two runs of the tier with the same seeds. The mock with soc's durations is compared with soc "
            "itself by kind of action, beside idle: durations by Kolmogorov and Smirnov, chances by Fisher, "
            "family-wise at 1%. The mock with the chances and durations that the tier measured tells a wrong "
            "model from a weak policy."
        ),
        sections=list(_sections(figures)),
    )


def finding(scenario: str, game: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name} {_number(row, 'ratio')}" for name, row in game["retention"].items())
    return f"Retention in {scenario}, {game['label']}: {said}."


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    for name, game in figures["games"].items():
        yield _returns(name, game)
        yield _differences(name, game)
        yield _calibration(name, game)
        differs = ", ".join(game["fidelity_differs"]) or "nothing"
        yield Section(
            f"{name}: weights",
            ("policy", "SHA-256"),
            list(game["policies_sha256"].items()),
            note=f"In the mock with soc's durations, {differs} differs from soc itself.",
        )


def _returns(name: str, game: Mapping[str, Any]) -> Section:
    header = (
        "part and policy",
        "return",
        "goal",
        "SLA",
        "contained, s",
        "isolated though clean, s",
        "lag, s",
        "void",
    )
    rows = [
        (
            f"{part}: {player}", *(_number(row[key]) for key in ("returned", "goal", "sla")),
            _contained(row["times"].get("contained")), _number(row["false_isolation"]),
            _number(row["lag"]), str(len(row["void"])),
        )
        for part, players in game["tiers"].items()
        for player, row in players.items()
    ]  # fmt: skip
    note = "*Contained*: the mean within the longest incident; how many of how many incidents were contained."
    return Section(name, header, rows, note=note)


def _differences(name: str, game: Mapping[str, Any]) -> Section:
    parts = list(game["difference"])
    rows = [
        (
            player,
            _number(game["retention"].get(player, {}), "ratio"),
            *(_number(game["difference"][part][player]) for part in parts),
            _number((game["noise"] or {}).get(player, {}).get("absolute", {})),
        )
        for player in game["policies_sha256"]
    ]
    header = ("policy", "retention", *(f"less {part}" for part in parts), "noise")
    return Section(f"{name}: return in {game['tier']} less that elsewhere", header, rows)


def _calibration(name: str, game: Mapping[str, Any]) -> Section:
    rows = [
        (
            technique,
            "by host" if row["soc_chance"] is None else f"{row['soc_chance']:.2f}",
            _number(row["measured_chance"]),
            f"{row['soc_seconds']:.1f}",
            f"{row['measured_seconds']['median']:.2f}",
            f"{row['measured_seconds']['p90']:.2f}",
            str(row["measured_seconds"]["n"]),
        )
        for technique, row in game["calibration"].items()
    ]
    header = (
        "technique",
        "chance in soc",
        "measured",
        "seconds in soc",
        "measured median",
        "p90",
        "launches",
    )
    return Section(f"{name}: techniques, in seconds of soc", header, rows)


def _number(row: Mapping[str, Any], key: str = "mean") -> str:
    if row.get(key) is None:
        return row.get("reason", "-")
    if row.get("low") is None:
        return f"{row[key]:.2f}"
    return f"{row[key]:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _contained(times: Mapping[str, Any] | None) -> str:
    if times is None:
        return "-"
    return f"{_number(times['mean'], 'value')}; {times['count'] - times['censored']} of {times['count']}"


def arguments() -> Any:
    parse = parser(__doc__)
    parse.add_argument("runs", nargs="+", help="run directories or policies of blue in soc")
    parse.add_argument("--tier", default="local", choices=("local", "netns"))
    parse.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=soc.SCENARIOS)
    parse.add_argument("--episodes", type=int, default=30, help="of each player and part")
    parse.add_argument("--minutes", type=float, default=20.0, help="length of an episode in soc")
    parse.add_argument("--speed", type=float, default=30.0, help="seconds of soc per real second")
    parse.add_argument("--side-by-side", type=int, default=4, help="episodes of real processes at once")
    parse.add_argument("--constant-episodes", type=int, default=soc_learners.CHOICE_EPISODES)
    parse.add_argument("--observation", default="counters", help="with which the runs were trained")
    parse.add_argument("--which", default="latest", help="checkpoint of the runs")
    parse.add_argument("--work", type=Path, default=Path("soc_range_episodes"), help="folder of episodes")
    return parse.parse_args()


def main() -> None:
    args = arguments()
    prepare(args.out)
    prepare(args.work)
    evaluate.driver_of(args.tier)  # fails at once where the tier is not available
    figures: dict[str, Any] = origin(shlex.join(["python", "studies/soc_range.py", *sys.argv[1:]]))
    figures |= {"tier": args.tier, "games": {}}
    for scenario in args.scenarios:
        one = game(args, scenario)
        figures["games"][scenario] = figures_of(args, one, play(args, scenario, one))
        if args.out:
            save(args.out, study(figures))
    show(study(figures), args.out)


if __name__ == "__main__":
    main()
