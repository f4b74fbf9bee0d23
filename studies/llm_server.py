"""How many games a server carries, and whether they stay apart: ``python studies/llm_server.py``.

Three parts, each with servers of their own: sessions together and alone over two processes, which SIGTERM
then ends; memory over many short sessions; steps per second beside games in one process. ``--out
results/llm_server`` writes the study's folder after each part; parts that it holds of the same settings are
kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from garrison.llm.arena import ArenaBatch
from garrison.llm.players import call, end
from garrison.studies.study import FIGURES, Section, Study, origin, parser, prepare, read_figures, save, show

SESSIONS = (1, 8, 32, 64)  # of which the speed is measured
STEPS = 40  # fewer than the frames of a second that the server reads at once
ROUNDS = 3
TOGETHER = 64  # sessions at once, over two processes
SHORT, SETTLED = 1_000, 200  # short sessions, and those after which memory is compared
AT_ONCE = 8  # short sessions
GROWTH = 0.05  # of resident memory between the two that is allowed
STARTS = 600.0  # seconds that a server has to compile

Answers = list[str]


@dataclass
class Replica:
    """A server process that is healthy."""

    process: subprocess.Popen[str]
    address: str  # host and port

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextlib.contextmanager
def replicas(number: int, *arguments: str) -> Iterator[list[Replica]]:
    """Processes of ``garrison serve`` on free ports; those that still run at the end are killed."""
    command = [sys.executable, "-m", "garrison", "serve", "--port", "0", "--max-sessions", str(TOGETHER)]
    started: list[Replica] = []
    try:
        for _ in range(number):
            process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            started.append(Replica(process, ""))
            line = process.stderr.readline()
            if "http://" not in line:
                raise RuntimeError(f"the server did not start: {line.strip()}")
            started[-1].address = line.split("http://")[1].split(";")[0]
            _wait(started[-1])  # one after the other: the second takes the compiled program of the first
        yield started
    finally:
        for one in started:
            one.process.kill()
            one.process.wait()
            assert one.process.stderr is not None
            one.process.stderr.close()


def _wait(one: Replica) -> None:
    until = time.monotonic() + STARTS
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{one.address}/health"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server was not healthy within {STARTS:g} s")


# ---------------------------------------------------------------- sessions


class Client:
    """One session of a server, over a WebSocket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def send(self, kind: str, data: Any = None) -> str:
        """The answer to a frame, as it was sent."""
        await self._socket.send(json.dumps({"type": kind} | ({} if data is None else {"data": data})))
        return await self._socket.recv()


@contextlib.asynccontextmanager
async def session(address: str) -> AsyncIterator[Client]:
    """A session by the address of a server."""
    url = f"ws://{address}/ws"
    async with connect(url, proxy=None, max_size=2**24, open_timeout=60, ping_interval=None) as socket:
        yield Client(socket)


@dataclass(frozen=True)
class Script:
    """What a session asks for: a game, and calls in it."""

    reset: dict[str, Any]
    calls: tuple[Any, ...]


def scripts(number: int) -> list[Script]:
    """Different sessions: of blue, of one agent and of red, of two sizes, with legal and refused calls."""
    setups: tuple[dict[str, Any], ...] = (
        {"seat": "blue"},
        {"seat": "blue_agent_1", "teammates": "idle"},
        {"seat": "red", "opponent": "idle"},
        {"seat": "blue", "scenario": "medium", "opponent": "discovery", "plan": False},
    )
    calls: tuple[Any, ...] = (
        call("query_siem", last=5),
        {"calls": [call("harden_policy", zone="OZA"), call("run_forensics", host="OZA-s0"), end(2)]},
        {"text": 'I look around. {"tool_name": "triage_alerts"}'},
        call("recon_network", zone="CON"),
        end(1),
        {"text": "nonsense"},
        call("deploy_patch", host="nowhere"),
        end(3),
        call("restore_backup", host="OZA-u0"),
        end(2),
    )
    return [
        Script({"seed": 100 + i, **setups[i % len(setups)]}, calls[i % 3 :] + calls[: i % 3])
        for i in range(number)
    ]


async def play(address: str, script: Script, halfway: Callable[[], Any] | None = None) -> Answers:
    """The answers to a script, as they were sent, and the state at the end.

    Args:
        halfway: awaited after half of the calls.
    """
    async with session(address) as client:
        answers = [await client.send("reset", script.reset)]
        for number, one in enumerate(script.calls):
            if halfway is not None and number == len(script.calls) // 2:
                await halfway()
            answers.append(await client.send("step", one))
        return [*answers, await client.send("state")]


def different(found: Sequence[Answers], expected: Sequence[Answers]) -> int:
    """The number of sessions with other answers."""
    return sum(one != other for one, other in zip(found, expected, strict=True))


# ---------------------------------------------------------------- parts


def apart(sessions: int) -> dict[str, Any]:
    """Sessions alone, one after the other, and all at once over two processes, which are told to end."""
    asked = scripts(sessions)
    with replicas(2) as servers:
        alone = [asyncio.run(play(servers[0].address, script)) for script in asked]
        together, refused = asyncio.run(_together(servers, asked))
        began = time.perf_counter()
        codes = [one.process.wait(60) for one in servers]
        words = [one.process.stderr.read() for one in servers if one.process.stderr is not None]
    return {
        "sessions": sessions,
        "processes": len(servers),
        "frames": sum(len(answers) for answers in together),
        "bytes": sum(len(one) for answers in together for one in answers),
        "distinct": len({json.dumps(answers) for answers in alone}),
        "different": different(together, alone),
        "refused_while_draining": refused,
        "exit_codes": codes,
        "seconds_to_end": round(time.perf_counter() - began, 1),
        "errors": sum("Traceback" in text for text in words),
    }


async def _together(servers: Sequence[Replica], asked: Sequence[Script]) -> tuple[list[Answers], int]:
    """The answers of sessions at once; SIGTERM comes when all have made half of their calls."""
    barrier = asyncio.Barrier(len(asked) + 1)

    async def halfway() -> None:
        await barrier.wait()
        await barrier.wait()

    places = [servers[i * len(servers) // len(asked)].address for i in range(len(asked))]
    tasks = [asyncio.create_task(play(at, script, halfway)) for at, script in zip(places, asked, strict=True)]
    await barrier.wait()
    for one in servers:
        one.process.send_signal(signal.SIGTERM)
    refused = sum([await _refused(one.address) for one in servers])
    await barrier.wait()
    return await asyncio.gather(*tasks), refused


async def _refused(address: str) -> bool:
    """Whether a server that ends takes no new session."""
    until = time.monotonic() + 5
    while time.monotonic() < until:  # the signal is on its way
        try:
            async with session(address) as client:
                answer = json.loads(await client.send("state"))
        except (ConnectionClosed, OSError):
            return True
        if answer["type"] == "error":
            return "shutting down" in answer["data"]["message"]
        await asyncio.sleep(0.1)
    return False


def memory(short: int, settled: int) -> dict[str, Any]:
    """Resident memory of a server after some short sessions and after many."""
    with replicas(1) as [server]:
        found = [server.megabytes]
        began = time.perf_counter()
        for first, last in ((0, settled), (settled, short)):
            asyncio.run(_short_sessions(server.address, range(first, last)))
            found.append(server.megabytes)
    start, after, end_ = (round(one, 1) for one in found)
    seconds = round(time.perf_counter() - began, 1)
    figures = {"sessions": short, "settled": settled, "at_start": start, "after_settled": after}
    return figures | {"after_all": end_, "growth": round(end_ / after - 1, 4), "seconds": seconds}


async def _short_sessions(address: str, seeds: Sequence[int]) -> None:
    left = iter(seeds)

    async def some() -> None:
        for seed in left:
            async with session(address) as client:
                answers = [await client.send("reset", {"seed": seed})]
                answers += [await client.send("step", end(2)) for _ in range(2)]
            if any(json.loads(one)["type"] != "observation" for one in answers):
                raise RuntimeError(f"session {seed} was answered with {answers}")

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def speed(sessions: Sequence[int], rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Steps per second of turns of one tick, all sessions together: by a server, and in this process."""
    rows = []
    with replicas(1) as [server]:
        for number in sessions:
            asyncio.run(_steps(server.address, number))  # makes room for so many games
            found = [asyncio.run(_steps(server.address, number)) for _ in range(rounds)]
            rows.append({"sessions": number, "server": _rate(number, found)})
    for row in rows:
        row["process"] = _rate(row["sessions"], _steps_in_process(row["sessions"], rounds))
    return rows


def _rate(number: int, seconds: Sequence[float]) -> float:
    return round(number * STEPS / statistics.median(seconds), 1)


async def _steps(address: str, number: int) -> float:
    """Seconds for the steps of so many sessions, after all have been reset."""
    reset = asyncio.Barrier(number + 1)

    async def one(seed: int) -> None:
        async with session(address) as client:
            await client.send("reset", {"seed": seed})
            await reset.wait()
            for _ in range(STEPS):
                if json.loads(await client.send("step", end()))["type"] != "observation":
                    raise RuntimeError("a step was refused")

    tasks = [asyncio.create_task(one(seed)) for seed in range(number)]
    await reset.wait()
    began = time.perf_counter()
    await asyncio.gather(*tasks)
    return time.perf_counter() - began


def _steps_in_process(number: int, rounds: int) -> list[float]:
    batch, found = ArenaBatch(number), []
    for _ in range(rounds + 1):
        batch.reset(range(number))
        began = time.perf_counter()
        for _ in range(STEPS):
            batch.act([end()] * number)
        found.append(time.perf_counter() - began)
    return found[1:]  # the first compiled


# ---------------------------------------------------------------- the page


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it should be, in words."""
    found = []
    if one := figures.get("apart"):
        if one["different"]:
            found.append(f"{one['different']} sessions differ from the same ones alone")
        if one["refused_while_draining"] != one["processes"] or any(one["exit_codes"]) or one["errors"]:
            found.append("SIGTERM did not end the servers as it should")
    if (kept := figures.get("memory")) and kept["growth"] > GROWTH:
        found.append(f"memory grew by {kept['growth']:.1%}; {GROWTH:.0%} is allowed")
    return found


def study(figures: Mapping[str, Any]) -> Study:
    parts = {"apart": _apart, "memory": _memory, "speed": _speed}
    made = [make(figures[name]) for name, make in parts.items() if name in figures]
    missed = failures(figures)
    verdict = ["Not met: " + "; ".join(missed) + "."] if missed else []
    shared = "on one core together" if figures["usable_cores"] == 1 else "on the same cores"
    beside = " beside other work" if figures["beside_other_work"] else ""
    return Study(
        title="CC4: the server of games with tools",
        figures=figures,
        finding=" ".join([*(sentence for sentence, _ in made), *verdict]),
        method=(
            "Servers are processes of `garrison serve`; all clients are in one process, with a WebSocket "
            f"per session, {shared}{beside}. A step is a turn of one tick in a game of the "
            "size `small`; its answer holds the seat's text and facts, which are also made in process. In "
            "process, games are those of [`ArenaBatch`](../../src/garrison/llm/arena.py), whose compiled "
            "step has as many lanes as games (128 for 64 games); the server's have eight."
        ),
        sections=[section for _, section in made],
    )


def _apart(one: Mapping[str, Any]) -> tuple[str, Section]:
    table = [
        ("sessions at once", str(one["sessions"])),
        ("server processes", str(one["processes"])),
        ("sessions with answers of their own", str(one["distinct"])),
        ("frames compared", f"{one['frames']:,}"),
        ("bytes compared", f"{one['bytes']:,}"),
        ("sessions that differ", str(one["different"])),
        ("processes that refused new sessions after SIGTERM", str(one["refused_while_draining"])),
        ("exit statuses", ", ".join(map(str, one["exit_codes"]))),
        ("seconds from the last session to the end", f"{one['seconds_to_end']:.1f}"),
    ]
    sentence = (
        f"{one['sessions'] - one['different']} of {one['sessions']} sessions at once over "
        f"{one['processes']} processes are byte for byte as alone."
    )
    note = "SIGTERM came when each session had made half of its calls; the others were answered after it."
    return sentence, Section("Sessions together and alone", ("", "number"), table, note)


def _memory(kept: Mapping[str, Any]) -> tuple[str, Section]:
    table = [
        ("0", f"{kept['at_start']:,.0f}"),
        (f"{kept['settled']:,}", f"{kept['after_settled']:,.0f}"),
        (f"{kept['sessions']:,}", f"{kept['after_all']:,.0f}"),
    ]
    sentence = (
        f"Memory changes by {kept['growth']:+.1%} from session {kept['settled']:,} to {kept['sessions']:,}."
    )
    note = f"Sessions of a reset and two turns, {AT_ONCE} at once. At most {GROWTH:.0%} of growth is allowed."
    return sentence, Section("Memory", ("sessions before", "resident memory, MiB"), table, note)


def _speed(rows: Sequence[Mapping[str, Any]]) -> tuple[str, Section]:
    header = ("sessions", "steps/s by the server", "steps/s in process", "server / process")
    table = [
        (
            str(row["sessions"]), f"{row['server']:,.0f}", f"{row['process']:,.0f}",
            f"{row['server'] / row['process']:.2f}",
        )
        for row in rows
    ]  # fmt: skip
    best = max(rows, key=lambda row: row["server"])
    sentence = (
        f"One process plays up to {best['server']:,.0f} steps a second, with {best['sessions']} sessions."
    )
    return sentence, Section("Speed", header, table, f"Medians of {ROUNDS} runs of {STEPS} steps a session.")


# ---------------------------------------------------------------- running

#: Parts of the study with their settings. Figures of a folder are kept where the settings are the same.
PARTS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "apart": (lambda: apart(TOGETHER), {"sessions": TOGETHER}),
    "memory": (lambda: memory(SHORT, SETTLED), {"sessions": SHORT, "settled": SETTLED}),
    "speed": (lambda: speed(SESSIONS), {"sessions": [*SESSIONS], "steps": STEPS, "rounds": ROUNDS}),
}
SETTINGS = {name: settings for name, (_, settings) in PARTS.items()}


def held(folder: Path | None) -> dict[str, Any]:
    """Parts that a folder holds of the same settings."""
    if folder is None or not (folder / FIGURES).exists():
        return {}
    before = read_figures(folder)
    same = [name for name in PARTS if before["settings"].get(name) == SETTINGS[name]]
    return {name: before[name] for name in same if name in before}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--beside-other-work", action="store_true", help="the page says that there was some"
    )
    asked = arguments.parse_args()
    prepare(asked.out)
    report = origin(shlex.join(["python", "studies/llm_server.py", *sys.argv[1:]]))
    report |= {"settings": SETTINGS, "beside_other_work": asked.beside_other_work}
    report |= {"usable_cores": len(os.sched_getaffinity(0))} | held(asked.out)
    began = time.perf_counter()
    for name, (measure, _) in PARTS.items():
        if name not in report:
            report[name] = measure()
        print(f"{time.perf_counter() - began:6.0f} s  {name}", file=sys.stderr, flush=True)
        if asked.out:  # after each, so that an interrupted run leaves its figures
            save(asked.out, study(report))
    show(study(report), asked.out)
    if missed := failures(report):
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    main()
