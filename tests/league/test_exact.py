"""Exact solutions of games in stages, and learning measured by them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.policy import Constant
from garrison.core.struct import Struct
from garrison.league import exact
from garrison.league.exploit import rising
from garrison.league.judges import elo, forgetting, transitive_share
from garrison.league.payoff import Payoffs
from garrison.league.responses import Ippo, Task, mixture
from garrison.league.solve import solve

DUEL = garrison.make("toy/duel", steps=2)


def test_one_step_of_the_duel_is_a_matrix_game():
    stages = garrison.make("toy/duel", steps=1).stages()
    game = stages.reward[stages.start][:, stages.legal[1][stages.start]]
    assert exact.stage_value(stages) == pytest.approx(solve("nash", game).value)


def test_two_steps_of_the_duel_are_solved_backwards():
    """By hand: each state's last game, and the first game with these values behind it."""
    stages = DUEL.stages()
    legal = stages.legal[1]
    last = np.array([solve("nash", stages.reward[s][:, legal[s]]).value for s in range(16)])
    game = (stages.reward + last[stages.following])[stages.start][:, legal[stages.start]]
    found = solve("nash", game)
    assert exact.stage_value(stages) == pytest.approx(found.value)
    assert exact.stage_value(stages) == pytest.approx(-0.5959, abs=1e-4)
    assert (found.rows > 0.01).sum() > 1  # it has to mix
    assert (found.columns > 0.01).sum() > 1


def test_responses_bound_the_value_from_both_sides():
    stages = DUEL.stages()
    value = exact.stage_value(stages)
    defenders, attackers = (list(DUEL.policies(side).values()) for side in DUEL.sides)
    for one in defenders:
        assert exact.stage_response(stages, 1, ([one], [1.0])) <= value + 1e-9
    for one in attackers:
        assert exact.stage_response(stages, 0, ([one], [1.0])) >= value - 1e-9
    even = [1 / 4] * 4
    conv = exact.stage_nash_conv(stages, (defenders, even), (attackers, even))
    assert conv == pytest.approx(0.4989, abs=1e-3)


def test_returns_of_two_policies_are_those_of_the_game():
    defender, attacker = DUEL.policies("defender")["restorer"], DUEL.policies("attacker")["rush"]
    # The attacker takes the desk, then files, while the gateway and the desk are restored.
    assert exact.stage_return(DUEL.stages(), defender, attacker) == pytest.approx(-0.35 - 0.5)
    even = DUEL.policies("defender")["random"], DUEL.policies("attacker")["random"]
    response = exact.stage_response(DUEL.stages(), 0, ([even[1]], [1.0]))
    assert exact.stage_return(DUEL.stages(), *even) < response


def test_a_response_to_a_mixture_learns_who_it_plays():
    """Against one of two that always do the same, the first step tells which it is."""
    restores = [Constant((2,)), Constant((4,))]  # web, desk
    value = exact.stage_response(DUEL.stages(), 1, (restores, [0.5, 0.5]))
    alone = [exact.stage_response(DUEL.stages(), 1, ([one], [1.0])) for one in restores]
    assert np.mean(alone) < value  # not known in the first step
    again = Aimless(jnp.array([0, 0, 0.5, 0, 0.5]))  # drawn again in each step
    assert value < exact.stage_response(DUEL.stages(), 1, ([again], [1.0]))


class Aimless(Struct):
    """The same probabilities everywhere."""

    drawn: jax.Array

    def probabilities(self, obs, mask):
        return jnp.broadcast_to(self.drawn, (1, len(self.drawn)))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["guesser", "restorer"])
def test_trained_responses_are_below_the_exact_one_and_near_it(target):
    policy = DUEL.policies("defender")[target]
    best = exact.stage_response(DUEL.stages(), 1, ([policy], [1.0]))
    oracle = Ippo(total_steps=60_000, num_envs=64, hidden_sizes=(32,), learning_rate=3e-3, minibatches=1)
    response = oracle.respond(Task(DUEL, "attacker", [policy], [1.0], seed=0)).policy
    found = exact.stage_return(DUEL.stages(), policy, response)
    value = exact.stage_value(DUEL.stages())
    assert best <= found + 1e-6
    assert value - found >= 0.9 * (value - best)


@pytest.mark.slow
def test_psro_with_learned_responses_comes_near_the_equilibrium_of_kuhn_poker(tmp_path):
    from garrison.league import run
    from garrison.league.config import Config

    config = Config(
        world="toy/kuhn",
        payoffs="exact",
        rounds=8,
        floor=0.0,
        start="scratch",
        low=-2.0,
        high=2.0,
        judge_episodes=16,
        training={
            "total_steps": 80_000,
            "num_envs": 64,
            "rollout_steps": 16,
            "hidden_sizes": [32],
            "learning_rate": 5e-3,
            "decisions_only": True,
            "entropy_coef": 0.003,
        },
    )
    league = run.create(tmp_path / "league", config)
    league.run()
    assert exact.nash_conv(league.world, league.sides, *map(league.mixture, league.sides)) < 0.15


def test_policies_that_do_not_say_their_probabilities_are_named():
    pool = mixture(list(DUEL.policies("attacker").values()), [0.25] * 4)
    with pytest.raises(ValueError, match="Opponents does not say the probabilities"):
        exact.stage_response(DUEL.stages(), 0, ([pool], [1.0]))
    with pytest.raises(ValueError, match="'toy/duel' has no exact best responses"):
        exact.game_of(DUEL)


def test_mixtures_leave_out_who_has_no_weight():
    assert mixture(["a", "b"], [0.0, 1.0]) == "b"
    pool = mixture([Constant((0,)), Constant((1,)), Constant((2,))], [0.25, 0.0, 0.75])
    assert pool.scripts == (Constant((0,)), Constant((2,)))
    assert pool.weights.tolist() == [0.25, 0.75]
    with pytest.raises(ValueError, match="all 0"):
        mixture(["a"], [0.0])


def test_curves_that_rise_are_marked():
    noise = np.random.default_rng(0).normal(size=60)
    assert rising((np.arange(60) * 0.2 + noise).tolist())
    assert not rising(noise.tolist())
    flat = np.minimum(np.arange(60), 30) + 0.1 * noise
    assert not rising(flat.tolist())
    assert not rising([1.0, None, 2.0])
    assert rising(list(range(9)))


def test_strengths_explain_games_without_cycles():
    strengths = np.subtract.outer(np.array([3.0, 1.0, 0.0]), np.array([2.0, 0.5]))
    assert transitive_share(strengths) == pytest.approx(1)
    assert transitive_share(np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])) == pytest.approx(0)
    assert transitive_share(np.ones((2, 2))) == 1


def test_elo_gives_back_the_strengths_that_made_the_wins():
    rows, columns = np.array([200.0, 0.0, -100.0]), np.array([100.0, -200.0])
    games = np.full((3, 2), 100_000)
    wins = games / (1 + 10 ** (np.subtract.outer(columns, rows).T / 400))
    found = elo(wins, games)
    np.testing.assert_allclose(found[0], rows, atol=1)
    np.testing.assert_allclose(found[1], columns, atol=1)
    assert np.isfinite(elo(np.array([[16.0]]), np.array([[16]]))).all()


def test_forgetting_is_what_the_newest_lacks_of_the_best_before():
    mean = np.array([[1.0, -1.0], [0.0, 2.0], [0.5, 1.0]])
    found = Payoffs(mean, 0 * mean, np.full(mean.shape, 16), 0 * mean, np.stack([mean] * 10))
    assert forgetting(found)["value"] == pytest.approx((0.5 + 1.0) / 2)
    alone = Payoffs(mean[:1], 0 * mean[:1], np.full((1, 2), 16), 0 * mean[:1], np.stack([mean[:1]] * 10))
    assert forgetting(alone)["value"] == 0
