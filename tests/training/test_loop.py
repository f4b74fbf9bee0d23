"""The training loop: it counts, it stops cleanly on Ctrl-C, it notices divergence."""

import os
import signal
import threading

import jax
import jax.numpy as jnp
import pytest

from garrison.training import loop


def count(state):
    return state + 1, {"loss": jnp.asarray(float(state))}


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_repeats_and_reports():
    told = []
    state, done = loop.repeat(count, 0, 2, 5, lambda *args: told.append(args))
    assert (state, done) == (3, 5)
    assert [(iteration, state, metrics) for iteration, state, metrics, _ in told] == [
        (3, 1, {"loss": 0.0}),
        (4, 2, {"loss": 1.0}),
        (5, 3, {"loss": 2.0}),
    ]
    assert all(seconds > 0 for *_, seconds in told)


def test_ctrl_c_ends_after_the_running_iteration():
    def interrupted_count(state):
        if state == 2:
            press_ctrl_c()
        return count(state)

    before = signal.getsignal(signal.SIGINT)
    assert loop.repeat(interrupted_count, 0, 0, 10, lambda *_: None) == (3, 3)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_interrupts_at_once():
    def impatient(state):
        press_ctrl_c()
        press_ctrl_c()
        return count(state)

    with pytest.raises(KeyboardInterrupt):
        loop.repeat(impatient, 0, 0, 10, lambda *_: None)


def test_works_outside_of_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(loop.repeat(count, 0, 0, 3, lambda *_: None)))
    thread.start()
    thread.join()
    assert results == [(3, 3)]


def test_sigterm_ends_after_the_running_iteration_too():
    def terminated_count(state):
        if state == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return count(state)

    assert loop.repeat(terminated_count, 0, 0, 10, lambda *_: None) == (2, 2)


def test_metrics_of_several_seeds_are_lists():
    told = []
    loop.repeat(
        lambda state: (state, {"return": jnp.arange(2.0)}), 0, 0, 1, lambda *args: told.append(args[2])
    )
    assert told == [{"return": [0.0, 1.0]}]


@pytest.mark.parametrize(
    ("metrics", "state", "message"),
    [
        ({"value_loss": jnp.nan}, {}, "value_loss is nan, in iteration 4: training has diverged; a lower"),
        (
            {"value_loss": jnp.nan},
            {"key": jax.random.key(0), "bf": jnp.array([jnp.nan], jnp.bfloat16), "n": jnp.ones(2, jnp.int8)},
            r"no longer finite: \['bf'\], in iteration 4",
        ),
        (
            {"policy_loss": jnp.array([1.0, jnp.inf]), "finite_updates": jnp.array([8, 2])},
            {"net": {"weight": jnp.array([0.0, jnp.nan])}, "fine": jnp.ones(2)},
            r"policy_loss is inf; first in update 3; no longer finite: \['net'\]\['weight'\], "
            "in iteration 4, seed index 1",
        ),
        (
            {"value_loss": jnp.array([jnp.nan]), "nonfinite_inputs": jnp.array([5])},
            {},
            "value_loss is nan in iteration 4, seed index 0: the world gave observations or rewards that",
        ),
    ],
)
def test_divergence_is_an_error_that_says_where(metrics, state, message):
    told = []
    with pytest.raises(loop.Diverged, match=message):
        loop.repeat(lambda _: (state, metrics), state, 3, 9, lambda *args: told.append(args))
    assert not told  # so that what is kept is from before
