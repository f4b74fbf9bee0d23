"""``garrison demo soc``: an attack on a security operations center, its logs, and its defense."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.text import Text

from garrison.cli.common import log, out, waiting
from garrison.core import files
from garrison.core.world import World
from garrison.judge.episodes import episode_keys
from garrison.training.config import make_world
from garrison.view import Replay, page, write
from garrison.view.record import Recorder
from garrison.view.replay import SUFFIX

DEFENDER, CONTROL, ATTACKER = "analyst", "idle", "killchain"
OPTIONS = ("scenario=ransomware", "preset=medium")
SEED = 1_000_009
SHOWN = 40  # steps of the story that are printed, and lines of log before each
_LOGS = 3
_WIDTH = 100
_ROUTINE = ("time", "timestamp", "flow_id", "src_port", "dest_port", "proto", "event_type")
_STYLES = {"red": "red", "blue": "blue", "log": "bright_black"}


def show(folder: Path) -> int:
    """Play one episode defended and undefended, print the story of the first, and write a page of both."""
    folder.mkdir(parents=True, exist_ok=True)
    world = make_world("soc", OPTIONS)
    with waiting(f"Playing an hour of {world.name}: {ATTACKER} attacks, {DEFENDER} defends"):
        games = Games(world)
        replays = {name: games.play(name) for name in (DEFENDER, CONTROL)}
    defended = replays[DEFENDER]
    for line in story(defended):
        out.print(line, soft_wrap=True)
    target = folder / "replay.html"
    files.write(target, page([defended, replays[CONTROL]]))
    for name, replay in replays.items():
        write(folder / f"{name}{SUFFIX}", replay)
    out.print()
    for name, replay in replays.items():
        out.print(f"{name}: {outcome(replay)}")
    log.print(f"Both episodes, on the network and step by step, with all logs: {target}", soft_wrap=True)
    log.print(f"How policies compare over many episodes: garrison eval {CONTROL} {DEFENDER} --world soc")
    return 0


class Games:
    """Plays episodes of one world, each of its programs compiled once."""

    def __init__(self, world: World):
        self._world = world
        self._keys = jax.tree.map(lambda x: x[0], episode_keys(jnp.array([SEED], jnp.uint32)))
        self._step = jax.jit(world.step)
        self._legal = jax.jit(world.legal)
        self._first = jax.jit(world.reset)(self._keys.reset)

    def play(self, name: str) -> Replay:
        """The episode with a scripted policy."""
        world, policy = self._world, self._world.policies()[name]
        act, (obs, state) = jax.jit(policy.act), self._first
        memory, total = policy.init(self._keys.init, world.num_agents), 0.0
        recorder = Recorder(world, jax.device_get(state))
        for t in range(world.max_steps):
            before = state
            actions, memory = act(jax.random.fold_in(self._keys.act, t), obs, self._legal(state), memory)
            obs, state, step = self._step(jax.random.fold_in(self._keys.step, t), state, actions)
            recorder.add(*jax.device_get((before, actions, state, step)))
            total += float(np.asarray(step.team_reward))
            if bool(step.done):
                break
        header = recorder.header(name, against=None, seed=SEED, options=OPTIONS)
        end = {"end": True, "steps": len(recorder.ticks) - 1, "return": round(total, 6)}
        return Replay(header, tuple(recorder.ticks), end)


def story(replay: Replay) -> Iterator[Text]:
    """The first steps in which something happened, in words: the attack, what the logs said, the defense."""
    header = replay.header
    hosts = len(header["hosts"])
    yield Text(f"{header['world']}, {hosts} slots for hosts. {ATTACKER} attacks, {header['policy']} defends.")
    meanings = {"red": "the attack", "log": "what the defenders' logs say", "blue": "the defense"}
    yield from (Text(f"  {meaning}", style=_STYLES[name]) for name, meaning in meanings.items())
    yield Text("")
    told = 0
    waiting_logs: list[str] = []
    for tick in replay.ticks[1:]:
        waiting_logs += [line for line in tick.get("logs", ()) if severe(line)]
        lines = [line for line in tick.get("lines", ()) if notable(line)]
        if not lines:
            continue
        for line in waiting_logs[-_LOGS:]:
            yield Text(f"    log: {short(line)}", style=_STYLES["log"])
        waiting_logs = []
        for line in lines:
            yield Text(line, style=_STYLES[who(line)])
        told += 1
        if told == SHOWN:
            yield Text("...")
            return


def who(line: str) -> str:
    """Whose deed a line tells: blue's, or red's."""
    return "blue" if re.match(r"[\d.]+ s: (blue_|\w+: (blue's|decrypted|red is out))", line) else "red"


def notable(line: str) -> bool:
    """Whether a line of the story is printed: routine and visitors are not."""
    routine = ("Monitor", "Awareness", "is clean", "Decoy", "DeployEDR", "Honeytoken", "switched it off")
    return not any(word in line for word in (*routine, "online again", "device arrived"))


def severe(line: str) -> bool:
    """Whether a line of log is one that raises an alarm."""
    return any(word in line for word in ('"severity":', '"alert"', "<EventID>10<", "<EventID>11<", "rename"))


def short(line: str) -> str:
    """A line of log cut down to its values."""
    if line.startswith("<"):
        fields = dict(re.findall(r'Name="(\w+)">([^<]*)<', line))
        number = re.search(r"<EventID>(\d+)<", line)
        computer = re.search(r"<Computer>([^<]*)<", line)
        said = ", ".join(f"{name}={value}" for name, value in fields.items())
        clock = re.search(r"SystemTime=.*?T([\d:]+)", line)
        found = [one[1] if one else "-" for one in (clock, computer, number)]
        return "{} host={}, event={}, ".format(*found) + said[:_WIDTH]
    if line.startswith("{"):
        event = json.loads(line)
        named = {name: value for name, value in event.items() if name not in _ROUTINE}
        clock = (event.get("time") or event["timestamp"])[11:19]
        return f"{clock} " + ", ".join(f"{name}={value}" for name, value in named.items())[:_WIDTH]
    return line[:_WIDTH]


def outcome(replay: Replay) -> str:
    """How an episode ended."""
    happened = [kind for tick in replay.ticks for kind, _ in tick.get("happened", ())]
    held = happened.count("root") + happened.count("session")
    goal = "red reached its goal" if "goal" in happened else "red did not reach its goal"
    return (
        f"return {replay.end['return']:.1f} ({goal}; {happened.count('encrypted')} hosts encrypted, "
        f"red gained {held} sessions and lost {happened.count('evicted')} hosts)"
    )
