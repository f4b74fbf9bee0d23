"""Episodes recorded from CybORG (format ``cc4-trace/1``, see :mod:`garrison.parity.recording.trace`).

In addition to that format, a recording holds CybORG's raw observations of its blue agents (``raw``), from
which the rich observation is made (``docs/worlds/cc4-rules.md`` §7.6).
"""

from __future__ import annotations

import gzip
import itertools
import json
import lzma
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from garrison.adapters.cyborg import commands, variants
from garrison.adapters.cyborg import engine as cyborg
from garrison.adapters.cyborg.attacker import Attacker
from garrison.adapters.cyborg.rich import plain
from garrison.core.files import write
from garrison.parity.recording import blue as blues
from garrison.parity.recording import trace
from garrison.parity.recording.blue import BlueView
from garrison.parity.recording.generator import RecordingGenerator
from garrison.parity.recording.network import HOST_SLOT
from garrison.parity.recording.red import Wanderer
from garrison.parity.recording.rich_observations import RichObserver
from garrison.parity.recording.snapshot import delta, executed, snapshot
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.columns import COLUMNS

_COMPRESS = {
    ".gz": lambda data: gzip.compress(data, mtime=0),  # the same episode makes the same file
    ".xz": partial(lzma.compress, preset=9 | lzma.PRESET_EXTREME),  # a quarter smaller, for the repository
}


class RecordingSession:
    """One CybORG with one generator: episode after episode, as an evaluation plays them.

    Args:
        red: as in ``make("cc4", red=...)``, or "listed": a policy of red's list of actions.
        blue: the policy by name, see :func:`garrison.parity.recording.blue.blue`.
        seed: of the generator, as in ``CybORG(seed=seed)``; and of blue's own.
        steps: of each episode that are recorded, the first ones; None: all.
        brief: leave out raw observations, the draws of the reset, and digits that decide nothing.
        green: as in ``make("cc4", green=...)``.
        column: as in ``make("cc4", column=...)``.
        policy: of the red "listed"; None: :class:`garrison.parity.recording.red.Wanderer`.

    Raises:
        MissingCybORG: when CybORG cannot be imported.
        ValueError: for a red, a blue or a column that does not exist.
    """

    def __init__(
        self,
        red: str,
        blue: str,
        seed: int,
        steps: int | None = None,
        brief: bool = False,
        green: str = "enterprise",
        column: str = "base",
        policy: Any = None,
    ):
        if column not in COLUMNS:
            raise ValueError(f"no column {column!r}; there are: {', '.join(COLUMNS)}")
        self._steps, self._brief, self._green, self._column = steps, brief, green, column
        self._blue, self._name = blues.blue(blue), blues.called(blue)
        self._generator = RecordingGenerator(seed)
        attributes = variants.attributes(COLUMNS[column])
        listed = red == trace.LISTED
        played = "sleep" if listed else red
        self._engine = cyborg.CybORGSession(played, seed=self._generator, green=green, attributes=attributes)
        self._red, self._seed = red, seed
        self._policy = (Wanderer() if policy is None else policy) if listed else None
        self._attacker: Attacker | None = None
        if listed:
            commands.command(self._engine.controller, self._commanding)
        self.number = 0

    def skip_to(self, number: int, generator: dict[str, Any]) -> None:
        """Continue with episode ``number``, which starts with the generator at ``generator``."""
        self.number, self._generator.state = number, generator

    @property
    def generator(self) -> dict[str, Any]:
        """The state of the generator, JSON-ready."""
        return self._generator.state

    def episode(self) -> LiveEpisode:
        """The next episode. It is played while it is read; read it to its end before asking for the next."""
        number, self.number = self.number, self.number + 1
        return LiveEpisode(self.file_name(number), self._records(number))

    def _commanding(self, knowledge: commands.Knowledge) -> commands.Orders:
        assert self._attacker is not None  # as it is since the reset
        return self._attacker(knowledge)

    def file_name(self, number: int) -> str:
        """As ``fsm-random-7.jsonl.gz``: ``-e2`` for episode 2 of the seed, and a column first."""
        column = "" if self._column == "base" else f"{self._column}-"
        later = f"-e{number}" if number else ""
        return f"{column}{self._red}-{self._name}-{self._seed}{later}.jsonl.gz"

    def _records(self, number: int) -> Iterator[dict[str, Any]]:
        self._generator.agent = None
        self._generator.cut()
        start = self._generator.state
        vectors = self._engine.reset()
        if self._policy is not None:
            self._attacker = Attacker(self._policy, 1000 * self._seed + number)
        _follow(self._engine.controller, self._generator)
        before = snapshot(self._engine.controller)
        header = self._header(vectors, before) | {"episode": number, "generator": start}
        yield self._kept(header)
        contract = self._blue.observation
        observer = RichObserver(header) if contract != "stock" else None
        self._blue.begin(self._seed, number)
        for t in range(header["steps"]):
            obs = _padded(vectors) if observer is None else observer.observe(vectors, contract)
            view = BlueView(t, obs, _mask(header), *_known(before))
            actions = {a: int(i) for a, i in zip(T.BLUE_AGENTS, self._blue.act(view), strict=True)}
            vectors, _, done = self._engine.step(actions)
            after = snapshot(self._engine.controller)
            step = self._step(t, actions, vectors, done) | {"snapshot": delta(before, after)}
            yield self._kept(step)
            if observer is not None:
                observer.update(step["raw"], list(actions.values()))
            before = after

    def _header(self, vectors: dict[str, np.ndarray], first: dict[str, Any]) -> dict[str, Any]:
        controller, wrapper = self._engine.controller, self._engine.wrapper
        state, about = controller.state, cyborg.about()
        phases = [int(length) for length in state.scenario.mission_phases]
        steps = sum(phases) - 1
        return {
            "format": trace.FORMAT,
            "engine": f"CybORG {about['version']}",
            "sources": about["sources"],
            "seed": self._seed,
            "red": self._red,
            "blue": self._name,
            "green": self._green,
            "options": COLUMNS[self._column],
            "steps": steps if self._steps is None else min(steps, self._steps),
            "phases": phases,
            "hosts": [_host(state, name, host) for name, host in state.hosts.items()],
            "subnets": {subnet.value: str(cidr) for subnet, cidr in state.subnet_name_to_cidr.items()},
            "blue_parent": {agent: state.sessions[agent][0].hostname for agent in T.BLUE_AGENTS},
            "green_hosts": {
                agent: table[0].hostname
                for agent, table in state.sessions.items()
                if agent.startswith("green")
            },
            "action_labels": {agent: list(wrapper.action_labels(agent)) for agent in T.BLUE_AGENTS},
            "action_mask": {
                agent: [int(one) for one in wrapper.action_mask(agent)] for agent in T.BLUE_AGENTS
            },
            "observations": _lists(vectors),
            "tape_fields": list(trace.Draw._fields),
            "reset_tape": self._generator.cut(),
            "snapshot": first,
            "raw": self._raw(),
        } | self._of_list()

    def _step(
        self, t: int, actions: dict[str, int], vectors: dict[str, np.ndarray], done: bool
    ) -> dict[str, Any]:
        controller = self._engine.controller
        reward = controller.reward["Blue"]
        return {
            "t": t,
            "actions": actions,
            "tape": self._generator.cut(),
            "executed": executed(controller),
            "observations": _lists(vectors),
            "reward": [float(reward["BlueRewardMachine"]), float(reward["action_cost"])],
            "done": done,
            "raw": self._raw(),
        } | self._of_list()

    def _of_list(self) -> dict[str, Any]:
        """What a red that chooses from its list chose in the last step, and knows now."""
        if self._attacker is None:
            return {}
        chosen = {} if self._attacker.chosen is None else {"listed": self._attacker.chosen.tolist()}
        return chosen | {"knowledge": commands.knowledge(self._engine.controller)}

    def _raw(self) -> dict[str, dict]:
        """The raw observation of each blue agent, without messages: nobody sends any."""
        return {
            agent: {key: value for key, value in plain(self._engine.raw[agent]).items() if key != "message"}
            for agent in T.BLUE_AGENTS
        }

    def _kept(self, record: dict[str, Any]) -> dict[str, Any]:
        if not self._brief:
            return record
        tape = {"tape": [_brief(row) for row in record["tape"]]} if "tape" in record else {}
        return {key: value for key, value in record.items() if key not in ("raw", "reset_tape")} | tape


def _brief(row: list) -> list:
    """A draw with three digits, but near hundredths, with which it may be compared, with six."""
    draw = trace.Draw(*row)
    if draw.kind != "random":
        return row
    near = abs(draw.outcome - round(draw.outcome, 2)) < 0.001
    return list(draw._replace(outcome=min(round(draw.outcome, 6 if near else 3), 0.999999)))


def _follow(controller: Any, generator: RecordingGenerator) -> None:
    """Tell the generator who draws; to be called after each reset, which makes new agents."""

    def execute(action: Any) -> Any:
        agent = getattr(action, "agent", None)
        generator.agent = None if agent is None else str(agent)
        return type(controller).execute_action(controller, action)

    def decided_by(agent: str, decide: Callable) -> Callable:
        def get_action(*args: Any, **named: Any) -> Any:
            generator.agent = agent
            return decide(*args, **named)

        return get_action

    controller.execute_action = execute
    for agent, interface in controller.agent_interfaces.items():
        interface.get_action = decided_by(str(agent), interface.get_action)


def _host(state: Any, name: str, host: Any) -> list:
    subnet, address = state.hostname_subnet_map[name].value, str(state.hostname_ip_map[name])
    return [name, subnet, address, bool(host.respond_to_ping), list(host.info)]


def _lists(vectors: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {agent: vectors[agent].tolist() for agent in T.BLUE_AGENTS}


# ---------------------------------------------------------------- views of policies


def _padded(vectors: dict[str, np.ndarray]) -> np.ndarray:
    obs = np.zeros((T.NUM_BLUE, T.MAX_BLUE_OBSERVATION), np.float32)
    for b, agent in enumerate(T.BLUE_AGENTS):
        obs[b, : len(vectors[agent])] = vectors[agent]
    return obs


def _mask(header: dict[str, Any]) -> np.ndarray:
    mask = np.zeros((T.NUM_BLUE, T.MAX_BLUE_ACTIONS), bool)
    for b, agent in enumerate(T.BLUE_AGENTS):
        mask[b, : T.BLUE_ACTION_COUNTS[b]] = header["action_mask"][agent]
    return mask


def _known(state: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Hosts with a session of red, and blue agents with an action in progress, in a snapshot."""
    held = np.zeros(T.NUM_HOSTS, bool)
    for agent in T.RED_AGENTS:
        held[[HOST_SLOT[session[1]] for session in state["sessions"][agent]]] = True
    return held, np.array([agent in state["busy"] for agent in T.BLUE_AGENTS])


# ---------------------------------------------------------------- episodes and files


class LiveEpisode:
    """An episode that is played while it is read; its lines are kept.

    Attributes:
        name: of the file that it would be saved as.
    """

    def __init__(self, name: str, records: Iterator[dict[str, Any]]):
        self.name = name
        self._records = records
        self._text: list[str] = []

    def trace(self) -> trace.Trace:
        return trace.opened(Path(self.name), self._lines)

    def finish(self) -> None:
        """Play to the end."""
        for _ in self._lines():
            pass

    def save(self, path: Path) -> None:
        """Write the whole episode to a ``.jsonl.gz`` or ``.jsonl.xz`` file, atomically."""
        self.finish()
        write(path, _COMPRESS[path.suffix]("".join(self._text).encode()))

    def _lines(self) -> Iterator[tuple[int, dict]]:
        for number in itertools.count():
            if number == len(self._text):
                record = next(self._records, None)
                if record is None:
                    return
                self._text.append(json.dumps(record, separators=(",", ":")) + "\n")
            yield number + 1, json.loads(self._text[number])


def files(session: RecordingSession, episodes: int, folder: Path) -> Iterator[tuple[Path, bool]]:
    """Record the first episodes of a session into a folder; existing files are kept.

    Yields:
        Each file, and whether it is new.
    """
    paths = [folder / session.file_name(number) for number in range(episodes)]
    there = 0
    while there < episodes and paths[there].exists():
        yield paths[there], False
        there += 1
    if 0 < there < episodes:  # the generator goes on from where the last of them left it
        session.skip_to(there - 1, trace.read(paths[there - 1]).header["generator"])
        session.episode().finish()
    for path in paths[there:]:
        session.episode().save(path)
        yield path, True
