"""Episodes kept line by line: what is kept, dropped and refused."""

import json

import jax
import numpy as np
import pytest

from garrison.algos.ippo import Config
from garrison.judge.evaluate import Episodes
from garrison.learn import nets
from garrison.learn.policy import NetworkPolicy
from garrison.parity.scores import episodes_file
from garrison.worlds import cc4

ORIGIN = {"policy": "idle", "player": "f0", "red": "fsm", "world": "green=enterprise", "cc4": "1"}
FIGURES = {"score": -7.0, "length": 499, "parts": {"LWF": [-1.0, -2.0, -4.0]}, "decisions": [5, 0]}


def row(engine="cyborg", seed=0, **changes):
    return ORIGIN | {"engine": engine, "version": f"{engine} 4", "seed": seed} | FIGURES | changes


def test_an_episode_is_kept_without_loss():
    episodes = Episodes(
        returns=np.array([[-9.0, -8.0]], np.float32),
        scores=np.array([[-8.5, -7.0]], np.float32),
        lengths=np.array([[499, 498]], np.int32),
        parts={"LWF": np.arange(6, dtype=np.float32).reshape(1, 2, 3)},
        decisions=np.arange(16).reshape(1, 2, 2, 2, 2),
    )
    kept = episodes_file.figures(episodes, 1)
    assert kept == {"score": -7, "length": 498, "parts": {"LWF": [3, 4, 5]}, "decisions": [38, 54]}
    assert json.loads(json.dumps(kept)) == kept


def test_what_was_cut_off_is_dropped_and_written_again(tmp_path):
    path = tmp_path / "new" / "idle-fsm.jsonl"
    assert episodes_file.read(path) == []
    episodes_file.append(path, [row(seed=0), row(seed=1)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert [one["seed"] for one in episodes_file.read(path)] == [0]
    episodes_file.append(path, [row(seed=1)])
    assert path.read_bytes() == whole


def test_an_episode_counts_once(tmp_path):
    path = tmp_path / "idle-fsm.jsonl"
    episodes_file.append(path, [row(seed=3), row("garrison", 3), row(seed=3, score=-1.0)])
    assert [(one["engine"], one["score"]) for one in episodes_file.read(path)] == [
        ("cyborg", -7),
        ("garrison", -7),
    ]


@pytest.mark.parametrize("name", ["policy", "player", "red", "world", "cc4", "version"])
def test_what_does_not_belong_together_is_refused(tmp_path, name):
    path = tmp_path / "idle-fsm.jsonl"
    episodes_file.append(path, [row(seed=0), row(seed=1, **{name: "another"})])
    with pytest.raises(ValueError, match=rf"idle-fsm\.jsonl would mix .* different {name}.*and another"):
        episodes_file.read(path)


def test_files_of_different_commits_are_refused(tmp_path):
    episodes_file.append(tmp_path / "guard-fsm.jsonl", [row(policy="guard"), row("garrison", policy="guard")])
    episodes_file.append(tmp_path / "idle-fsm.jsonl", [row()])
    assert list(episodes_file.read_folder(tmp_path)) == [("guard", "fsm"), ("idle", "fsm")]
    episodes_file.append(tmp_path / "random-fsm.jsonl", [row(policy="random", version="4.0 abc")])
    with pytest.raises(
        ValueError, match=r"random-fsm\.jsonl has episodes of cyborg 4.0 abc, and .*guard-fsm"
    ):
        episodes_file.read_folder(tmp_path)
    (tmp_path / "random-fsm.jsonl").unlink()
    episodes_file.append(tmp_path / "reactive-fsm.jsonl", [row(policy="reactive", cc4="2")])
    with pytest.raises(ValueError, match=r"reactive-fsm\.jsonl has episodes of cc4 2, and .*guard-fsm"):
        episodes_file.read_folder(tmp_path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{nonsense", "line 2 is damaged"),
        ('{"seed": 1}', "not an episode: engine, policy"),
        ("[1]", "not an episode"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, complaint):
    path = tmp_path / "idle-fsm.jsonl"
    path.write_text(f"{json.dumps(row())}\n{line}\n")
    with pytest.raises(ValueError, match=rf"idle-fsm\.jsonl, line 2.*{complaint.removeprefix('line 2 ')}"):
        episodes_file.read(path)


def test_episodes_of_other_machines_are_taken_in(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    episodes_file.append(here / "idle-fsm.jsonl", [row(seed=0), row(seed=1)])
    episodes_file.append(there / "idle-fsm.jsonl", [row(seed=1), row(seed=2)])
    episodes_file.append(there / "guard-fsm.jsonl", [row(policy="guard")])
    assert episodes_file.merge(here, there) == 2
    assert episodes_file.merge(here, there) == 0
    assert [one["seed"] for one in episodes_file.read(here / "idle-fsm.jsonl")] == [0, 1, 2]
    episodes_file.append(there / "idle-fsm.jsonl", [row("garrison", 5, cc4="2")])
    with pytest.raises(ValueError, match="different cc4: 1 and 2"):
        episodes_file.merge(here, there)
    with pytest.raises(ValueError, match="empty has no episodes"):
        episodes_file.merge(here, tmp_path / "empty")


def test_players_are_told_apart():
    players = cc4.make().policies()
    options = Config(hidden_sizes=(4,), activation="relu")
    net, other = (nets.make(jax.random.key(seed), (0,) * 5, 210, 242, options) for seed in range(2))
    policies = [
        NetworkPolicy(net),
        NetworkPolicy(net, greedy=True),
        NetworkPolicy(net, observation="rich"),
        NetworkPolicy(other),
    ]
    prints = [episodes_file.fingerprint(one) for one in (*players.values(), *policies)]
    assert len(set(prints)) == len(prints)
    assert episodes_file.fingerprint(jax.device_get(NetworkPolicy(net))) == episodes_file.fingerprint(
        NetworkPolicy(net)
    )


def test_names_of_runs_become_files(tmp_path):
    assert episodes_file.file_of(tmp_path, "./runs/base:1", "fsm").name == "runs_base_1-fsm.jsonl"
