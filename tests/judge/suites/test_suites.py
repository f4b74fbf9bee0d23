"""The suites: what they hold, that they stay as they are, and how they are judged."""

import itertools

import numpy as np
import pytest

import garrison
from garrison.judge import suites
from garrison.judge.evaluate import Episodes
from garrison.judge.suite_tables import suite_rows, suite_table, suite_title
from garrison.judge.suites import play
from garrison.judge.suites.suite import numbers
from garrison.worlds.cc4 import env, reds
from garrison.worlds.cc4.columns import COLUMNS

#: A suite that changes gets another version; its hash here follows.
HASHES = {
    ("train", 1): "06184039b4e3ae27",
    ("validation", 1): "1f29f1439810a386",
    ("heldout", 1): "5abb1b3667728f22",
    ("literal", 1): "493f12057ddadaab",
    ("competition", 1): "5be95cb751fa6c6f",
}
DISJOINT = ("train", "validation", "heldout")


def test_the_suites_are_those_of_their_versions():
    assert {(suite.name, suite.version): suite.hash for suite in suites.SUITES.values()} == HASHES


def test_another_definition_has_another_hash(monkeypatch):
    suite = suites.get("validation")
    renamed = suites.Suite(suite.name, 2, suite.purpose, suite.seed, suite.episodes, suite.entries)
    fewer = suites.Suite(suite.name, 1, suite.purpose, suite.seed, suite.episodes, suite.entries[1:])
    assert len({suite.hash, renamed.hash, fewer.hash}) == 3
    monkeypatch.setitem(reds.REDS, "cia_c", reds.REDS["cia_a"])
    monkeypatch.setattr(env, "_options_of", env._options_of.__wrapped__)  # it remembers
    again = suites.Suite(suite.name, 1, suite.purpose, suite.seed, suite.episodes, suite.entries)
    assert again.hash != suite.hash


def test_reds_are_disjoint():
    named = {name: {entry.red for entry in suites.get(name).entries} - {None} for name in DISJOINT}
    for first, second in itertools.combinations(DISJOINT, 2):
        assert not named[first] & named[second]
    assert named["train"] == {"fsm"}
    assert len(named["heldout"]) == 14


def test_games_are_pairwise_different():
    """In their numbers, or in a red that is code."""
    games = [
        (entry.red if entry.red not in reds.REDS else "", numbers(entry.make()))
        for name in DISJOINT
        for entry in suites.get(name).entries
        if entry.name != "cia_a"
    ]
    assert len(set(games)) == len(games)


def test_seeds_are_disjoint():
    for first, second in itertools.combinations(suites.SUITES.values(), 2):
        assert not set(first.seeds) & set(second.seeds)
    assert {suite.episodes for suite in suites.SUITES.values()} == {500}


def test_families_count_equally():
    for suite in suites.SUITES.values():
        assert sum(suite.weights.values()) == pytest.approx(1)
    weights = suites.get("heldout").weights
    assert weights["target_b"] == weights["target_b_op"] == pytest.approx(weights["impact"] / 3)
    assert weights["cia_i"] == weights["target_a_op"] == pytest.approx(weights["impact"] / 2)
    assert weights["mission 4-2-1"] == weights["starts 120-380"] == 0
    assert suites.get("literal").weights["cia_c"] == pytest.approx(1 / 4)


def test_missions_and_starts():
    heldout = {entry.name: entry.make().options for entry in suites.get("heldout").entries[-4:]}
    stock = suites.get("train").entries[0].make().options
    np.testing.assert_array_equal(heldout["mission 4-2-1"].reward, stock.reward * [4, 2, 1])
    assert heldout["mission 4-2-1"].restore_cost == stock.restore_cost
    assert heldout["starts 120-380"].phase_start.tolist() == [120, 380]


def test_the_competition_is_that_of_the_columns():
    suite = suites.get("competition")
    assert [entry.name for entry in suite.entries] == list(COLUMNS)
    assert [entry.make().name for entry in suite.entries][1:] == [f"cc4/{name}" for name in list(COLUMNS)[1:]]
    for team in suite.published["teams"].values():
        assert set(team) == set(COLUMNS)


def test_a_suite_needs_a_family():
    with pytest.raises(
        ValueError, match="suite none: no entry has a family, so that there is nothing to average"
    ):
        suites.Suite("none", 1, "", 0, 1, (suites.Entry("a", None),))


def test_an_unknown_suite():
    with pytest.raises(
        ValueError, match=r"no suite 'held' .*; suites: train, validation, heldout, literal, comp"
    ):
        suites.get("held")


# ---------------------------------------------------------------- figures


def entry(name, family, spread):
    return suites.Entry(name, family, {"steps": 5, "spread": spread}, "toy/network")


ENTRIES = (
    entry("easy", "one", 0.1),
    entry("hard", "two", 0.9),
    entry("harder", "two", 1.0),
    entry("other", None, 0.5),
)
PUBLISHED = {
    "source": "a paper",
    "teams": {"theirs": {name: {"mean": -4, "sd": 1.5} for name in ("easy", "hard", "harder")}},
}
TOY = suites.Suite("toy", 3, "a test", 40, 6, ENTRIES, PUBLISHED)


def numbered(world, policies, episodes, seed, on_progress):
    """Scores that depend on the world and on the seed of the episode, and on nothing else."""
    scores = -10 * world.spread - np.array(
        [np.random.default_rng(seed + i).random() for i in range(episodes)]
    )
    on_progress(episodes)
    found = {}
    for name, policy in policies.items():
        own = np.tile(scores, (len(policy) if isinstance(policy, list) else 1, 1))
        found[name] = Episodes(own, own, own * 0 + 5, {"reward": own[..., None]}, own * 0, own * 0)
    return found


@pytest.fixture(scope="module")
def result():
    return play.play(TOY, {"one": play.Player("one")}, 4, play_world=numbered)


def test_the_mean_weights_families_and_pairs_episodes(result):
    each = {name: found["one"].scores for name, found in result.results.items()}
    expected = each["easy"] / 2 + (each["hard"] + each["harder"]) / 4
    mean = result.figures["policies"]["one"]["mean"]
    assert mean["mean"] == pytest.approx(expected.mean())
    assert mean["sd"] == pytest.approx(expected.std(ddof=1))
    assert (mean["n"], result.figures["episodes"]) == (4, 4)
    worst = result.figures["policies"]["one"]["worst"]
    assert (worst["entry"], worst["mean"]) == ("harder", pytest.approx(each["harder"].mean()))
    assert result.figures["entries"]["other"]["weight"] == 0
    assert result.figures["entries"]["hard"]["policies"]["one"]["reward_parts"]["reward"] == pytest.approx(
        each["hard"].mean()
    )


def test_the_first_episodes_of_the_suite_are_played(result):
    seen = []
    whole = play.play(
        TOY, {"one": play.Player("one")}, None, lambda *done: seen.append(done), play_world=numbered
    )
    assert seen == [(6, 24), (12, 24), (18, 24), (24, 24)]
    for name, found in result.results.items():
        np.testing.assert_array_equal(found["one"].scores, whole.results[name]["one"].scores[:, :4])
    for wrong in (0, 7):
        with pytest.raises(ValueError, match=f"episodes is {wrong}; the suite toy has 1 .. 6"):
            play.play(TOY, {"one": play.Player("one")}, wrong, play_world=numbered)


def test_the_table(result):
    head, rows = suite_rows(result.figures)
    assert head == ["entry", "family", "one", "theirs"]
    assert [row[0] for row in rows] == ["easy", "hard", "harder", "mean over families", "worst", "other"]
    assert [row[3] for row in rows] == ["−4.00 ± 1.50"] * 3 + ["−4.00", "−4.00", ""]
    assert rows[4][2].startswith("−10.")
    assert rows[4][2].endswith("] harder")
    title = suite_title(result.figures)
    assert title == f"suite toy (version 3, {TOY.hash}): 4 of 6 episodes of each entry (seeds 40-43)"
    assert len(suite_table(result.figures).rows) == 6
    assert "published (±: sd): a paper" in " ".join(str(result).split())


def test_runs_are_compared_with_the_first(result):
    players = {"one": play.Player("one"), "run": play.Player(["a", "b"])}
    found = play.play(TOY, players, 4, play_world=numbered).figures
    assert found["versus"] == "run"
    assert found["policies"]["run"]["seeds"] == 2
    assert found["policies"]["one"]["advantage_of_run"]["mean"] == 0
    assert suite_rows(found)[0][2:4] == ["one", "run ×2"]


def test_each_policy_plays_under_what_it_needs():
    """A group of policies, a world with their options."""
    asked = []

    def play_world(world, policies, episodes, seed, on_progress):
        asked.append((world.spread, world.max_steps, tuple(policies), episodes, seed))
        return numbered(world, policies, episodes, seed, on_progress)

    suite = suites.Suite("one", 1, "", 9, 2, (suites.Entry("easy", "one", {"spread": 0.1}, "toy/network"),))
    players = {"a": play.Player("a"), "b": play.Player("b", (("steps", 7),)), "c": play.Player("c")}
    found = play.play(suite, players, play_world=play_world)
    assert [one[2:] for one in asked] == [(("a", "c"), 2, 9), (("b",), 2, 9)]
    assert [one[0] for one in asked] == [0.1, 0.1]
    assert asked[1][1] == 7
    assert list(found.figures["policies"]) == ["a", "b", "c"]


def test_policies_play():
    """By name or as objects, on the engine: the scores are those of an evaluation."""
    suite = suites.Suite("one", 1, "", 9, 3, ENTRIES[:1])
    found = suites.evaluate(suite, ["random"])
    world = ENTRIES[0].make()
    plain = garrison.evaluate(world, ["random"], episodes=3, seed=9)
    np.testing.assert_array_equal(found.results["easy"]["random"].scores, plain.episodes("random").scores)
    again = suites.evaluate(suite, {"mine": world.policies()["random"]})
    assert again.figures["policies"]["mine"]["mean"] == found.figures["policies"]["random"]["mean"]
    with pytest.raises(ValueError, match="xyzzy is neither a run directory nor a policy of world"):
        suites.evaluate(suite, ["xyzzy"])
    with pytest.raises(ValueError, match="name the policies to evaluate on the suite one"):
        suites.evaluate(suite, [])
