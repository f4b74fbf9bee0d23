"""The harm to assets in recorded episodes of CybORG."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.world import Step
from garrison.judge import resilience
from garrison.judge.assets import Harm
from garrison.parity.recording import trace
from garrison.parity.recording.harm import harm_of, of_recording
from garrison.parity.replay import replay
from garrison.worlds.cc4.assets import BLUE
from garrison.worlds.cc4.behavior import BLUE as BEHAVIOR

DATA = Path(__file__).parents[2] / "data"
BESIDE = Path(__file__).parents[4] / "shared" / "traces" / "cc4"  # all recordings, where they are at hand


def check_rules(path: Path) -> int:
    """By events, attacks impact hosts and Restores repair them; by states, services say. Host-steps."""
    impacted, count = set(), 0
    for step in trace.read(path).steps():
        found = harm_of(step)
        restored = {
            parameters["hostname"]
            for kind, parameters, success, ran, _ in step.executed.values()
            if kind == "Restore" and success == "TRUE" and ran
        }
        impacted = (impacted - restored) | {host for _, host in found["attacks"]}
        assert impacted == set(found["impacted"]), (path.name, step.t)
        count += len(impacted)
    return count


def test_states_and_events_agree_in_a_recording():
    assert check_rules(DATA / "fsm-random-1.jsonl.xz") > 10


@pytest.mark.slow
def test_states_and_events_agree_in_all_recordings():
    paths = [*DATA.glob("*.jsonl.xz"), *BESIDE.glob("*.jsonl.gz")]
    assert sum(map(check_rules, paths)) > 1000


@pytest.mark.slow
def test_both_simulators_record_the_same_harm():
    """A recording played again by Garrison's engine, bit by bit."""
    recording = trace.read(DATA / "fsm-random-1.jsonl.xz")
    theirs, _ = of_recording(recording)
    run = replay._Run(recording, replay.engine("fsm"))
    run.compare_reset()
    fixed = BLUE.start(run._episode)

    @jax.jit
    def record(before, after, events):
        over, reward = jnp.zeros((), bool), jnp.zeros(5, jnp.float32)
        step = Step(reward, over, over, reward[:, None], {"events": events})
        return BLUE.harm(fixed, before, jnp.zeros(5, jnp.int32), after, step)

    for t, step in enumerate(recording.steps()):
        assert run.play(step) == []
        _, before, after, events = run._lately[-1]
        ours = jax.device_get(record(before, after, events))
        for name, own in zip(Harm._fields, ours, strict=False):
            np.testing.assert_allclose(own, getattr(theirs, name)[0, 0, t], err_msg=f"{name} in step {t}")
    assert theirs.impacted.any()
    assert theirs.held.any()


def test_resilience_of_a_recorded_episode():
    harm, lengths = of_recording(trace.read(DATA / "fsm-random-1.jsonl.xz"))
    assert lengths.tolist() == [[499]]
    assert harm.impacted.shape == (1, 1, 499, 3)
    assert np.unique(harm.phase).tolist() == [0, 1, 2]
    found = resilience.figures(BLUE.attacks, BEHAVIOR.phases, harm, lengths)
    assert 0 < found["resilience"]["mean"] < 1
    assert found["exposure"]["resilience"]["mean"] < 1
    assert found["resilience"]["low"] is None  # of a single episode
