"""The loop of a league: what it finds in small games, and that it can be killed anywhere."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.cli import league_learn
from garrison.league import exact, members, run
from garrison.league.apart import Apart
from garrison.league.config import Config
from garrison.league.match import Matchmaking
from garrison.league.responses import Exact, Response
from garrison.runs import launch
from garrison.worlds.toy.matrix import GAMES
from garrison.worlds.toy.tabular import Tabular

#: Exact payoffs and responses: what a league does without noise, in a second.
EXACT = {"oracle": "exact", "payoffs": "exact", "floor": 0.0, "judge_episodes": 16}
RPS = Config(world="toy/matrix", rows=("rock",), columns=("rock",), low=-1.0, high=1.0, **EXACT)
KUHN = Config(world="toy/kuhn", rounds=10, low=-2.0, high=2.0, **EXACT)


def played(path, config, **parts):
    league = run.create(path, config, **parts)
    league.run()
    return league


def actions(league, side):
    """The action of each member, by its most probable one."""
    tables = [getattr(league.policy(one), "table", None) for one in league.state.members[side]]
    return ["rps"[int(np.argmax(table[0]))] if table is not None else "r" for table in tables]


def conv(league):
    sides = league.sides
    return exact.nash_conv(league.world, sides, *map(league.mixture, sides))


@pytest.mark.parametrize("low", [-1.0, 5.0])
def test_psro_finds_rock_paper_scissors(tmp_path, low):
    """Also where all returns lie beyond the scale, as once a side is much better than at the start."""
    league = played(tmp_path / "league", dataclasses.replace(RPS, rounds=3, low=low, high=low + 2))
    assert actions(league, "row") == actions(league, "column") == ["r", "p", "s"]
    assert league.rounds()[-1]["gap"]["value"] == pytest.approx(0, abs=1e-9)
    assert conv(league) == pytest.approx(0, abs=1e-6)
    last = league.rounds()[2]["candidates"]["row"][0]
    assert (last["joined"], last["reason"]) == (False, "no better response found with this budget")
    assert [one.parent for one in league.state.members["row"]] == [None, None, "row-0"]


def test_responses_to_the_latest_only_go_round(tmp_path):
    """The control: they come back to where they began after three rounds, and never stop."""
    config = dataclasses.replace(RPS, rounds=6, matchmaking="latest", accept="always", duplicate=-1.0)
    league = played(tmp_path / "league", config)
    assert actions(league, "row") == actions(league, "column") == ["r", *"psr", *"psr"]


def test_psro_solves_kuhn_poker(tmp_path):
    league = played(tmp_path / "league", KUHN)
    assert conv(league) < 0.02
    assert league.rounds()[-1]["value"] == pytest.approx(-1 / 18, abs=0.01)
    assert league.rounds()[0]["candidates"]["second"][0]["gain"]["mean"] == pytest.approx(13 / 24)


@pytest.mark.parametrize("name", ["pfsp_var", "mix", "recent"])
def test_the_loop_asks_the_matchmaker_that_its_name_says(tmp_path, name, monkeypatch):
    asked, given = [], []
    probabilities = Matchmaking.probabilities

    def spy(self, wins, meta=None):
        asked.append((self.name, len(wins)))
        return probabilities(self, wins, meta)

    class Spy(Exact):
        def respond(self, task):
            given.append(list(task.weights))
            return super().respond(task)

    monkeypatch.setattr(Matchmaking, "probabilities", spy)
    config = dataclasses.replace(RPS, rounds=2, matchmaking=name, accept="always", floor=0.1)
    league = played(tmp_path / "league", config, oracle=Spy())
    assert asked == [(name, 1), (name, 1), (name, 2), (name, 2)]
    logged = [x["probabilities"] for row in league.rounds()[:2] for x in map(first, row["learners"].values())]
    np.testing.assert_allclose(sum(given, []), [p for one in logged for p in one.values()])
    if name == "pfsp_var":
        assert league.rounds()[1]["learners"]["row"][0]["always beaten"] == []


def first(items):
    return items[0]


def test_rectified_members_each_get_a_response(tmp_path):
    """In the whole game each member plays itself and the one that it beats."""
    hands = ("rock", "paper", "scissors")
    config = dataclasses.replace(RPS, rows=hands, columns=hands, rounds=1, solver="rectified")
    league = played(tmp_path / "league", config)
    learners = league.rounds()[0]["learners"]["row"]
    assert [one["name"] for one in learners] == list(hands)
    assert learners[0]["probabilities"] == pytest.approx({"rock": 0.5, "paper": 0.0, "scissors": 0.5})
    assert len(league.rounds()[0]["candidates"]["row"]) == 3


def test_roles(tmp_path):
    config = dataclasses.replace(RPS, rounds=3, roles=True, role_rounds=1, duplicate=-1.0)
    league = played(tmp_path / "league", config)
    rows = league.rounds()
    assert [one["role"] for one in rows[0]["learners"]["row"]] == [
        *("main", "main_exploiter", "league_exploiter")
    ]
    assert len(league.state.members["row"]) == 10  # each joins in each round, as its budget is spent
    main, exploiter, _ = rows[1]["learners"]["row"]
    assert main["parent"] == "row-0-0"
    assert exploiter["parent"] is None  # restarts after its snapshot
    current = rows[1]["learners"]["row"][1]["probabilities"]
    assert max(current, key=current.get) == "column-0-0"


def test_learners_that_did_not_join_go_on(tmp_path):
    """What has lost too often is no member, and still meets the learners of the other side."""

    class Unlike(Exact):
        """Tables that differ by a factor, which changes hashes and no decision."""

        def respond(self, task):
            policy = super().respond(task).policy
            return Response(policy.replace(table=policy.table * (1 + task.seed % 1000)), 0, [])

    config = dataclasses.replace(RPS, rounds=5, roles=True, role_rounds=4, duplicate=-1.0)
    league = played(tmp_path / "league", config, oracle=Unlike())
    mains = [
        one
        for row in league.rounds()[:-1]
        for one in row["candidates"]["row"]
        if one["member"]["role"] == "main"
    ]
    waiting = [one["member"]["id"] for one in mains if not one["joined"]]
    assert waiting
    assert all("wins less than 70%" in one["reason"] for one in mains if not one["joined"])
    met = {n for row in league.rounds()[:-1] for x in row["learners"]["column"] for n in x["probabilities"]}
    assert met & set(waiting)
    assert not set(waiting) & {one.id for one in league.state.members["row"]}


def test_hosts_play_through_a_callable(tmp_path):
    seen = []

    def play(row, column, seed, episodes):
        seen.append((row.id, column.id))
        return np.full(episodes, 0.25)

    config = dataclasses.replace(RPS, rows=("host:team", "rock"), rounds=1, floor=0.1)
    league = played(tmp_path / "league", config, hosts=play)
    assert ("host:team", "rock") in seen
    assert league.rounds()[0]["mixtures"]["row"] == {"host:team": 1.0, "rock": 0.0}
    response = league.rounds()[0]["candidates"]["column"][0]["member"]
    assert league.policies[response["digest"]].table.tolist() == [[0, 1, 0]]  # to rock alone
    with pytest.raises(ValueError, match="host:team is a host, and nothing was given that plays it"):
        run.load(tmp_path / "league")


def test_held_out_policies_judge_and_never_play_along(tmp_path):
    config = dataclasses.replace(RPS, rounds=3, held_out_columns=("paper", "random"))
    league = played(tmp_path / "league", config)
    curve = [row["held_out"]["row"]["paper"]["mixture"]["mean"] for row in league.rounds()[:-1]]
    assert curve == pytest.approx([-1, 0, 0])
    newest = [row["held_out"]["row"]["paper"]["newest"] for row in league.rounds()[:-1]]
    assert [one["mean"] for one in newest] == pytest.approx([0, 1, 1])
    digests = {one.digest for one in league.held_out["column"]}
    lines = (tmp_path / "league" / "payoffs.jsonl").read_text().splitlines()
    assert not digests & {json.loads(line)["column"] for line in lines}


def test_members_without_weight_retire(tmp_path):
    game = np.array(GAMES["dominated"]).tolist()
    config = dataclasses.replace(
        *(RPS,), options={"payoffs": game}, rows=("action 3", "rock"), columns=("rock",), low=-2.0,
        high=2.0,
        rounds=3, retire_after=2,
    )  # fmt: skip
    league = played(tmp_path / "league", config)
    retired = [one.id for one in league.state.members["row"] if one.retired]
    assert retired == ["action 3"]
    assert "action 3" not in league.rounds()[-1]["mixtures"]["row"]
    assert [row["retired"] for row in league.rounds()].count([]) == 3


def test_wins_are_counted_per_episode_against_the_anchor(tmp_path):
    config = dataclasses.replace(RPS, rows=("rock", "paper"), columns=("rock",), anchor="rock", rounds=1)
    league = played(tmp_path / "league", config)
    rock, paper = league.state.members["row"][:2]
    column = league.state.members["column"][0]
    assert league.store.wins(rock.digest, column.digest) == 8  # ties with itself, half of 16
    assert league.store.wins(paper.digest, column.digest) == 16


def digests(path):
    """Hash of every file but those that tell times."""
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    skipped = {"seconds.jsonl", "system.json", "lock"}
    return {n: hashlib.sha256(f.read_bytes()).hexdigest() for n, f in files.items() if n not in skipped}


class Killed(BaseException):
    pass


def test_killed_at_each_phase_the_result_is_the_same(tmp_path, monkeypatch):
    """In the middle of each phase, after what it has written but before the state is replaced."""
    config = dataclasses.replace(KUHN, rounds=2, held_out_columns=("bold",), payoffs="played", blocks=2)
    played(tmp_path / "whole", config)
    league, deaths = run.create(tmp_path / "killed", config), 0
    while not league.state.finished:
        before = (league.state.round, league.state.phase)
        with monkeypatch.context() as patch:
            patch.setattr(run.League, "_advance", dying)
            with pytest.raises(Killed):
                league.run()
        deaths += 1
        league = run.load(tmp_path / "killed")
        assert (league.state.round, league.state.phase) == before
        finish_phase(league, monkeypatch)
        league = run.load(tmp_path / "killed")
    assert deaths == 2 * len(run.PHASES) + 2
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def dying(self):
    raise Killed


def finish_phase(league, monkeypatch):
    """The phase that was killed, from its beginning, and no further."""
    advance = run.League._advance

    def then_die(self):
        advance(self)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run.League, "_advance", then_die)
        with pytest.raises(Killed):
            league.run()


@pytest.mark.slow
def test_sigkill_changes_nothing(tmp_path):
    """Processes killed at random times, with trainings of IPPO that go on from their checkpoints."""
    config = Config(
        world="toy/duel", options={"steps": 3}, rows=("random",), columns=("random", "rush"), rounds=2,
        blocks=4,
        judge_episodes=16,
        training={
            "total_steps": 1_500, "num_envs": 8, "hidden_sizes": [8], "minibatches": 1, "checkpoint_every": 5,
        },
    )  # fmt: skip
    played(tmp_path / "whole", config)
    run.create(tmp_path / "killed", config)
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from garrison.league import run
        print("started", flush=True)
        run.load(Path(sys.argv[1])).run(lambda progress: print(progress.phase, flush=True))
    """)
    source = str(Path(run.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": source, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}
    rng = np.random.default_rng(0)
    for _ in range(8):
        command = [sys.executable, "-c", program, str(tmp_path / "killed")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            for _ in range(int(rng.integers(3, 30))):
                if not process.stdout.readline():
                    break
            process.send_signal(signal.SIGKILL)
        if run.load(tmp_path / "killed").state.finished:
            break
    run.load(tmp_path / "killed").run()
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_trainings_apart_change_nothing(tmp_path):
    """Processes that train side by side give the files of one process; one that fails is trained again."""
    config = dataclasses.replace(KUHN, rounds=1, payoffs="played", blocks=2)
    played(tmp_path / "whole", config)
    league = run.create(tmp_path / "apart", config)

    def broken(path, place, number):
        return ["-c", "raise SystemExit('no more')"] if place else league_learn.command(path, place, number)

    with pytest.raises(ValueError, match="the training of second-0 failed: no more"):
        league.run(train_apart=Apart(broken, launch.Local, jobs=2))
    league = run.load(tmp_path / "apart")
    assert league.found_path(0, 0).exists()  # the other one goes on to its end
    league.run(train_apart=Apart(league_learn.command, launch.Local, jobs=2))
    assert digests(tmp_path / "apart") == digests(tmp_path / "whole")


def test_members_do_not_change(tmp_path):
    league = played(tmp_path / "league", dataclasses.replace(RPS, rounds=1))
    response = league.state.members["row"][-1]
    other = run.load(tmp_path / "league").policy(league.state.members["row"][-1])
    assert members.digest_of(other) == response.digest
    folder = tmp_path / "league" / response.origin["folder"]
    members.save(folder, response, other.replace(table=other.table[:, [2, 0, 1]]))
    with pytest.raises(ValueError, match="does not hold member 'row-0'"):
        run.load(tmp_path / "league").policy(response)


def test_a_run_that_changed_is_no_longer_the_member(tmp_path):
    league = run.create(tmp_path / "league", RPS)
    joined = dataclasses.replace(
        league.state.members["row"][0], digest="0" * 64, origin={"spec": "runs/base"}
    )
    with pytest.raises(ValueError, match="runs/base is not what joined .* as 'rock'"):
        league.policy(joined)


def test_one_process_runs_a_league(tmp_path):
    league = run.create(tmp_path / "league", dataclasses.replace(RPS, rounds=1))
    with league._locked(), pytest.raises(ValueError, match="is being run by another process"):
        run.load(tmp_path / "league").run()


def test_responses_that_behave_as_others_do_not_join(tmp_path):
    class Slightly(Exact):
        """Answers with nearly the same policy in each round."""

        def respond(self, task):
            table = np.array(
                [[1e-6 * len(task.opponents), 1.0 - 1e-6 * len(task.opponents), 0.0]], np.float32
            )
            return Response(Tabular(jnp.asarray(table)), 0, [])

    config = dataclasses.replace(RPS, rounds=2, accept="always")
    league = played(tmp_path / "league", config, oracle=Slightly())
    found = [row["candidates"]["row"][0] for row in league.rounds()[:2]]
    assert [one["joined"] for one in found] == [True, False]
    assert found[1]["reason"] == "behaves as another response does"
    assert found[1]["distance"] == 0
    assert len({one["member"]["digest"] for one in found}) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": ()}, "rows is empty"),
        ({"rows": ("rock", "rock")}, "rows names a policy twice"),
        ({"held_out_rows": ("rock",)}, "rock of rows is held out"),
        ({"rows": ("stone",)}, "stone is neither a run directory nor a policy"),
        ({"solver": "nsah"}, "solver is 'nsah' \\(did you mean 'nash'"),
        ({"matchmaking": "psr"}, "no matchmaking 'psr'"),
        ({"oracle": "exakt"}, "no oracle 'exakt'"),
        ({"oracle": "ippo", "training": {"lr": 1.0}}, "ippo has no hyperparameter 'lr'"),
        ({"training": {"steps": 1}}, "oracle 'exact' has no setting"),
        ({"judge_episodes": 20}, "multiple of 16"),
        ({"world": "toy/credit"}, "has one side only"),
        ({"world": "toy/duel", "rows": ("idle",), "columns": ("idle",)}, "no exact best responses"),
        ({"low": 1.0, "high": 0.0}, "low must be below high"),
        ({"rounds": 0}, "rounds is 0"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_made(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        run.create(tmp_path / "league", dataclasses.replace(RPS, **changes))
    assert not (tmp_path / "league").exists()


def test_configurations_are_read_strictly():
    assert Config.from_json(json.loads(json.dumps(RPS.to_json()))) == RPS
    with pytest.raises(ValueError, match="unexpected: round"):
        Config.from_json(RPS.to_json() | {"round": 3})
    assert RPS.changed(rounds=5, total_steps=10) == dataclasses.replace(
        RPS, rounds=5, training={"total_steps": 10}
    )
    with pytest.raises(ValueError, match="rounds is 'three'"):
        RPS.changed(rounds="three")


def test_other_directories_are_no_leagues(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a league"):
        run.load(tmp_path)
    league = run.create(tmp_path / "league", RPS)
    with pytest.raises(FileExistsError, match="holds a league already"):
        run.create(league.path, RPS)
    (league.path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="lacks what a state has"):
        run.load(league.path)


def test_a_response_is_kept_with_its_curve(tmp_path):
    class Learned(Exact):
        def respond(self, task):
            return Response(super().respond(task).policy, 320, [0.1, None, 0.2])

    league = played(tmp_path / "league", dataclasses.replace(RPS, rounds=1), oracle=Learned())
    candidate = league.rounds()[0]["candidates"]["row"][0]
    assert (candidate["steps"], candidate["curve"]) == (320, [0.1, None, 0.2])
