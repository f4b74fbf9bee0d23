"""Tables, pictures and accounts."""

import io

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.image import imread
from rich.console import Console

from garrison.core.world import Step
from garrison.judge import report
from garrison.judge.evaluate import Episodes, Recording
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Value


def episodes(returns: list[float]) -> Episodes:
    returns = np.array(returns)
    return Episodes(returns, returns + 1, np.full(len(returns), 30), {"infected": returns})


def shown(table) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


RESULTS = {"idle": episodes([-5000.0, -7000.0]), "ippo": episodes([-2000.0, -3000.0])}


def test_summary_compares_pair_by_pair():
    figures = report.summary(Network(), RESULTS, seed=1, versus="ippo")
    assert figures["episodes"] == 2
    assert figures["players"]["idle"]["return"]["mean"] == -6000
    assert figures["players"]["idle"]["score"]["mean"] == -5999
    assert figures["players"]["idle"]["reward_parts"] == {"infected": -6000}
    assert figures["players"]["idle"]["advantage_of_ippo"]["mean"] == 3500
    assert "advantage_of_ippo" not in figures["players"]["ippo"]


def test_table_shows_figures_and_the_score_where_it_differs():
    figures = report.summary(Network(), RESULTS, seed=1, versus="ippo")
    text = shown(report.table(figures))
    assert "-6,000 [-7,000, -5,000]" in text
    assert "+3,500 [+3,000, +4,000]" in text
    assert "score" not in text
    scored = shown(report.table(figures | {"score_steps": 29}))
    assert "score: the first 29 of 30 rewards" in scored
    assert "-5,999" in scored


def test_learning_curve_is_a_picture():
    metrics = [{"env_steps": i, "return": None if i == 3 else -10.0 + i} for i in range(20)]
    with_levels = report.learning_curve(metrics, {"idle": -12.0}, "title")
    pixels = imread(io.BytesIO(with_levels), format="png")
    assert pixels.shape[0] > 300
    assert pixels.std() > 0.01
    assert report.learning_curve(metrics, {}, "title") != with_levels
    assert report.learning_curve([], {}, "nothing yet").startswith(b"\x89PNG")


def test_account_tells_what_happened():
    world, zeros, ones = Network(), jnp.zeros((2, 4), bool), jnp.ones((2, 4), bool)
    state = world.reset(jax.random.key(0))[1]
    many = {name: jnp.stack([getattr(state, name)] * 2) for name in ("time", "alert", "confirmed", "busy")}
    before, after = state.replace(**many, infected=zeros), state.replace(**many, infected=ones)
    over = jnp.array([True, False])  # the second step is after the end
    info = {"reward_parts": {"infected": jnp.array([-0.5, -9.0])}}
    step = Step(jnp.full((2, 2), -0.5), over, ~over, jnp.zeros((2, 2, 8)), info)
    recording = Recording(before, jnp.zeros((2, 2), jnp.int32), after, step)
    text = report.account(world, "ippo", recording)
    assert "Player: ippo. Steps: 1. Return: -0.5 (infected -0.5)." in text
    assert "## Step 0: reward -0.5, so far -0.5" in text
    assert "- blue_0: sleep" in text
    assert "- gateway is infected" in text
    assert "## Step 1" not in text


def test_a_world_that_does_not_narrate_has_no_account():
    step = Step(jnp.ones((1, 1)), jnp.ones(1, bool), jnp.zeros(1, bool), jnp.ones((1, 1, 1)), {})
    assert report.account(Value(), "idle", Recording((), jnp.zeros((1, 1)), (), step)) is None
