"""The small policy reads the text alone; it learns from a teacher, then from scores, of the real game.

That it learns shows that scores can be learned from, not that language models of any size do.
"""

import dataclasses

import numpy as np
import pytest

from garrison.judge.stats import paired_difference
from garrison.llm import tiny
from garrison.llm.arena import Arena, ArenaBatch
from garrison.llm.players import player
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.tiny import GRPO, SLEEP, Games, TinyPlayer, advantages, choices, fit, learn, rewards

TEXT = """T 12/60 phase B, 48 left
DONE run_forensics RZB-u7: escalate.sh (T1-2) | execute_instruction #3: done (T8-9)
HOSTS RZB-u7 root2 source4 | OZA-s0 conn1 | PAZ-u6 exploit2 | +1 more (triage_alerts)
BUSY B0 restore_backup RZA-s0 3 | FREE B1 B2 B4
PLAN B1 0/8 done 0 sealed | now #2 run_forensics OZA-s0 due T23
PLAN B2 3/8 done 0 sealed | now #3 harden_policy RZB due T23
PLAN B4 0/8 done 0 sealed | now nothing
CHECKPOINT open B2"""


def test_choices_are_read_from_the_text():
    b1, b2, b4 = choices(TEXT)
    assert [one.agent for one in (b1, b2, b4)] == ["B1", "B2", "B4"]
    assert b1.orders[:2] == [SLEEP, ("execute_instruction", "2")]
    assert {target for tool, target in b1.orders[2:]} == {"OZA-s0"}
    assert ("checkpoint_plan", "B2") in b2.orders
    assert {host for tool, host in b2.orders if tool == "restore_backup"} == {"RZB-u7"}
    assert not {"execute_instruction", "checkpoint_plan"} & {tool for tool, _ in b4.orders}
    for one in (b1, b2, b4):
        assert ((one.words > 0).any(1)).sum() == len(one.orders)


def test_words_tell_evidence_results_and_age_apart():
    def words(text):
        return choices(text)[1].words.tobytes()

    assert words(TEXT) != words(TEXT.replace("source4", "conn4"))
    assert words(TEXT) != words(TEXT.replace("source4", "source9"))
    assert words(TEXT) == words(TEXT.replace("source4", "source5"))
    assert words(TEXT) != words(TEXT.replace("escalate.sh", "clean"))
    assert words(TEXT) == words(TEXT.replace("PAZ-u6 exploit2", "PAZ-u6 root2"))  # of another agent


def bandit(seeds, weights, seed):
    """Games of one decision, of which restoring scores best."""
    choice, rng = choices(TEXT)[1], np.random.default_rng(seed)
    scores = np.where(choice.words > 0, weights[choice.words], 0).sum(-1)[: len(choice.orders)]
    taken = np.argmax(scores + rng.gumbel(size=(len(seeds), len(scores))), axis=1)
    orders = [choice.orders[i] for i in taken]
    good = np.array([tool == "restore_backup" for tool, _ in orders], np.float32)
    words = np.stack([choice.words] * len(seeds))
    return Games(good, words, taken.astype(np.int32), np.arange(len(seeds), dtype=np.int32), orders)


def test_a_teachers_choices_are_learned():
    games = bandit(range(200), np.zeros(tiny.WEIGHTS), 0)
    right = games.scores == 1
    taught = Games(games.scores[right], games.words[right], games.taken[right], games.game[right])
    again = bandit(range(200), fit(taught), 1)
    assert right.mean() < 0.5
    assert again.scores.mean() > 0.9


def test_scores_teach_by_groups_of_one_seed_and_the_same_seed_gives_the_same_weights(monkeypatch):
    asked = []

    def play(batch, seeds, weights, seed):
        asked.append(seeds)
        return bandit(seeds, weights, seed)

    monkeypatch.setattr(tiny, "play", play)
    how, start = GRPO(steps=5, seeds=4, group=8, rate=0.2), np.zeros(tiny.WEIGHTS, np.float32)
    found = learn(None, start, how, seed=3)
    assert bandit(range(400), found, 0).scores.mean() > bandit(range(400), start, 0).scores.mean() + 0.3
    for seeds in asked:
        assert len(set(seeds)) == 4
        assert all(len(set(seeds[i : i + 8])) == 1 for i in range(0, 32, 8))
    assert (found == learn(None, start, how, seed=3)).all()
    near = learn(None, start, GRPO(steps=5, seeds=4, group=8, rate=0.2, beta=10.0), seed=3)
    assert np.abs(near).max() < np.abs(found).max()  # the KL term holds it where it began


def test_advantages_are_relative_to_the_group():
    found = advantages(np.array([1, 3, 5, 5], np.float32), 2)
    np.testing.assert_allclose(found, [-1, 1, 0, 0], atol=1e-3)


def test_the_penalty_is_for_games_of_one_tool():
    choice = choices(TEXT)[1]
    orders = [("restore_backup", "RZB-u7")] * 4 + [SLEEP, SLEEP, ("checkpoint_plan", "B2"), SLEEP]
    games = Games(
        np.array([1, 0], np.float32), np.stack([choice.words] * 8), np.zeros(8, np.int32),
        np.repeat([0, 1], 4), orders,
    )  # fmt: skip
    np.testing.assert_allclose(rewards(games, GRPO(group=2)), [1, 0])
    np.testing.assert_allclose(rewards(games, GRPO(group=2, penalty=1.0)), [0.75, -0.125])


def test_a_taught_policy_scores_more_on_games_that_it_has_not_met_and_grpo_goes_on_from_it(monkeypatch):
    """On the real game, in a size that takes seconds."""
    short = dataclasses.replace(SCENARIOS["micro"], name="short", ticks=15, warm_up=30, instructions=10)
    monkeypatch.setitem(SCENARIOS, "short", short)
    batch = ArenaBatch(8, "short")
    taught = fit(tiny.teach(batch, range(8), lambda seed: player("guard+plan", seed)), steps=30)
    scores = [
        np.concatenate([tiny.play(batch, range(first, first + 8), weights, 0).scores for first in SEEDS[:2]])
        for weights in (taught, 0 * taught)
    ]
    assert paired_difference(*scores).low > 0
    how, seen = GRPO(steps=1, seeds=2, group=4), []
    tuned = learn(batch, taught, how, watch=lambda step, games: seen.append(games))
    assert len(seen[0].scores) == 8
    assert np.abs(tuned - taught).max() > 0


def test_a_player_of_one_game_gives_the_orders_of_its_weights():
    arena = Arena("small")
    view = arena.reset(1_000_000)
    weights = np.zeros(tiny.WEIGHTS, np.float32)
    weights[tiny._hash("execute_instruction")] = 50.0
    one = TinyPlayer(weights, lambda: arena.view().text, 0)
    action = one.act(arena.game.seats["blue"], arena.rows())
    *orders, last = [call["tool_name"] for call in action["calls"]]
    assert last == "end_turn"
    assert set(orders) == {"execute_instruction"}
    assert len(orders) == view.text.count(" now #")


@pytest.mark.slow
def test_held_out_scores_rise_by_sft_and_again_by_grpo():
    """On the real game, in about two minutes of one core besides compiling, without collapse."""
    batch = ArenaBatch(32, "micro")
    tiny.play(batch, range(32), np.zeros(tiny.WEIGHTS), 0)  # compiles
    taught = fit(tiny.teach(batch, range(32), lambda seed: player("guard+plan", seed)), steps=30)
    tuned = learn(batch, taught, GRPO(steps=14, seeds=8, group=4, rate=0.05))
    found = {
        name: [tiny.play(batch, range(first, first + 32), weights, first) for first in SEEDS]
        for name, weights in (("none", 0 * taught), ("sft", taught), ("grpo", tuned))
    }
    scores = {name: np.concatenate([one.scores for one in games]) for name, games in found.items()}
    for before, after in (("none", "sft"), ("sft", "grpo")):
        assert paired_difference(scores[after], scores[before]).low > 0, (before, after)
    games = found["grpo"][0]
    assert max(games.tools.values()) / games.tools.total() < 0.9
    assert games.distinct[0] > 20


#: First seeds of batches; the settings above were chosen on seeds before these.
SEEDS = (1_000_064, 1_000_096, 1_000_128, 1_000_160)
