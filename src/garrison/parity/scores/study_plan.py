"""The plan of an equivalence study: which episodes of which policies are missing, and playing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.world import CybORGWorld, on_cyborg
from garrison.core import processes
from garrison.core.policy import Policy
from garrison.core.world import World, observed_by
from garrison.judge.evaluate import check_seeds, evaluate
from garrison.parity.scores import episodes_file
from garrison.parity.scores.evaluate_on_cyborg import gathered

#: Garrison's seeds are this far from CybORG's, so that no random key of a policy serves on both sides.
APART = 1_000_000_000


@dataclass(frozen=True, eq=False)  # policies with arrays cannot be compared
class StudiedPolicy:
    """A policy, its name, and the world that it plays."""

    name: str
    policy: Policy
    world: Any  # cc4

    @property
    def there(self) -> CybORGWorld:
        """The counterpart of the world on CybORG.

        Raises ``ValueError`` when CybORG has no such world.
        """
        return on_cyborg(self.world)

    def origin(self, engine: str) -> dict[str, Any]:
        """What all its lines of an engine have in common.

        Raises:
            ValueError: when CybORG has no such world, or is missing.
        """
        other = self.there
        changed = {"traffic": "free", "idle": "free", "messages": "none"}
        changed = {
            name: getattr(other, name) for name, usual in changed.items() if getattr(other, name) != usual
        }
        limited = "".join(f" {name}={value}" for name, value in changed.items())
        return {
            "policy": self.name,
            "player": episodes_file.fingerprint(self.policy),
            "red": other.red,
            "world": f"green={other.green} busy={other.busy} steps={other.steps}{limited}",
            "cc4": self.world.version,
            "engine": engine,
            "version": self.world.version if engine == "garrison" else other.version,
        }

    def file(self, folder: Path) -> Path:
        return episodes_file.file_of(folder, self.name, self.there.red)


class Plan:
    """The missing episodes. Files of other policies, worlds or versions are refused.

    Args:
        subjects: the policies.
        folder: for the files.
        here, there: episodes of each policy on Garrison's engine and on CybORG.
        seed: of CybORG's first episode; seeds are consecutive, and Garrison's begin ``APART`` later.

    Raises:
        ValueError: for too few episodes, and for files that do not fit; names them.
    """

    def __init__(self, subjects: Sequence[StudiedPolicy], folder: Path, here: int, there: int, seed: int):
        if min(here, there) < 2:
            raise ValueError(f"{here} episodes here and {there} on CybORG; there must be at least 2 of each")
        check_seeds(max(here, there), seed + APART)
        self.folder = folder
        files = [subject.file(folder) for subject in subjects]
        if twice := [s.name for s, file in zip(subjects, files, strict=True) if files.count(file) > 1]:
            raise ValueError(f"several policies are called {twice[0]}; name one of them, or rename its run")
        self.origins = {(s, engine): s.origin(engine) for s in subjects for engine in episodes_file.ENGINES}
        known = {s: self._known(s) for s in subjects}
        self.here = {
            s: [n for n in range(seed + APART, seed + APART + here) if ("garrison", n) not in known[s]]
            for s in subjects
        }
        #: seed by seed, so that all policies advance alike
        self.there = [
            (s, n) for n in range(seed, seed + there) for s in subjects if ("cyborg", n) not in known[s]
        ]

    def _known(self, subject: StudiedPolicy) -> set[tuple[str, int]]:
        path = subject.file(self.folder)
        rows = episodes_file.read(path)
        episodes_file.check(
            path, [*rows, *(self.origins[subject, engine] for engine in episodes_file.ENGINES)]
        )
        return {(row["engine"], row["seed"]) for row in rows}

    def play_here(self) -> Iterator[str]:
        """Play the missing episodes on Garrison's engine, all policies of a world together.

        Yields a description of what is played next.
        """
        groups: dict[tuple[Any, tuple[int, ...]], list[StudiedPolicy]] = {}
        for subject, missing in self.here.items():
            if missing:
                groups.setdefault((subject.world, tuple(missing)), []).append(subject)
        for (world, missing), subjects in groups.items():
            names = ", ".join(s.name for s in subjects)
            yield f"{len(missing)} episodes against {subjects[0].there.red}: {names}"
            self._together(world, missing, subjects)

    def _together(self, world: World, missing: Sequence[int], subjects: Sequence[StudiedPolicy]) -> None:
        figures = play_on_garrison(world, subjects, range(missing[0], missing[-1] + 1))
        for subject in subjects:
            rows = {row["seed"]: row for row in figures[subject]}
            self._keep(subject, "garrison", [(seed, rows[seed]) for seed in missing])

    def play_there(self, workers: int) -> Iterator[StudiedPolicy]:
        """Play the missing episodes on CybORG; yields the policy of each episode once it is on disk.

        Raises:
            WorkerError: when a process fails.
        """
        worlds: dict[StudiedPolicy, Any] = {
            s: observed_by(s.there, [s.policy]) for s in dict.fromkeys(s for s, _ in self.there)
        }
        tasks = [(worlds[subject], subject.policy, seed) for subject, seed in self.there]
        for number, played in processes.finished(play_episode, tasks, workers):
            subject, seed = self.there[number]
            self._keep(subject, "cyborg", [(seed, episodes_file.figures(gathered([[played]]), 0))])
            yield subject

    def _keep(self, subject: StudiedPolicy, engine: str, played: Any) -> None:
        origin = self.origins[subject, engine]
        rows = [origin | {"seed": seed} | figures for seed, figures in played]
        episodes_file.append(subject.file(self.folder), rows)


def play_on_garrison(
    world: World, policies: Sequence[StudiedPolicy], seeds: range
) -> dict[StudiedPolicy, list[episodes_file.Row]]:
    """The figures of each policy's episodes on Garrison's engine, with their seeds."""
    named = {one.name: one.policy for one in policies}
    results, _ = evaluate(world, named, len(seeds), seeds.start)
    return {
        one: [{"seed": n} | episodes_file.figures(results[one.name], n - seeds.start) for n in seeds]
        for one in policies
    }


def studied_policies(
    names: Sequence[str], opened: Callable[[str], tuple[World, Mapping[str, Any]]]
) -> list[StudiedPolicy]:
    """The named policies: of the world, ``RUN`` for all seeds of a run, ``RUN:1`` for one of them.

    Args:
        opened: gives the world of a name, and its policy (a list of them for a run) under a name to show.

    Raises:
        ValueError: for an unknown name.
    """
    found = []
    for name in dict.fromkeys(names):
        path, colon, number = name.rpartition(":")
        alone = bool(colon) and number.isdecimal()
        world, policies = opened(path if alone else name)
        ((shown, policy),) = policies.items()
        seeds = policy if isinstance(policy, list) else None
        single: Any = policy
        if seeds is None:
            if alone:
                raise ValueError(
                    f"{path} is a single policy and has no seed {number}; name it without ':{number}'"
                )
            found.append(StudiedPolicy(shown, single, world))
            continue
        wanted = [int(number)] if alone else range(len(seeds))
        if wanted[-1] >= len(seeds):
            raise ValueError(f"{path} has {len(seeds)} training seeds; there is no seed {wanted[-1]}")
        found += [StudiedPolicy(f"{shown}:{i}", seeds[i], world) for i in wanted]
    return found
