"""Probes of what a defender can do (``soc-rules.md §8``): their pairs, and whom they tell apart."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import same

from garrison.worlds.soc import probes
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.view import KNOWN

RED_ONLY = {"host_priv", "red_known", "red_visited"}
LOGS = {"ring_where", "ring_what"}
#: fields in which the two situations of a pair may differ
DIFFERS = {
    "precision": RED_ONLY,
    "safety": RED_ONLY,
    "memory": RED_ONLY | LOGS,
    "attention": LOGS,
    "timing": {"view_verdict_time", "plant_setpoint"},
}


@pytest.mark.parametrize("name", DIFFERS)
def test_situations_differ_in_one_thing(name):
    probe = dataclasses.replace(probes.PROBES[name], size="small")
    world = probes.world_of(probe)
    _, episode = jax.jit(world.reset)(jax.random.key(3))
    state = episode.state.replace(host_priv=jnp.zeros_like(episode.state.host_priv))
    made = probe.pair(world.game(episode), state, jnp.array([0.3, 0.6, 0.9], jnp.float32))
    differs = set(same(made.cue, made.other))
    assert differs
    assert differs <= DIFFERS[name]
    asked = np.flatnonzero(made.hosts)
    assert np.asarray(state.host_exists)[asked].all()
    if name == "timing":
        assert (np.asarray(state.host_role)[asked] == T.Role.PLC).all()
        return
    assert len(asked) == 1
    assert int(made.cue.host_priv[asked[0]]) == T.Privilege.USER
    # blue sees no difference, or one in the logs alone, which arrive with the first batch
    assert not differs & set(KNOWN)
    assert int(made.cue.ring_next) == int(made.other.ring_next) > 0
    assert (np.asarray(made.cue.ring_deliver)[: int(made.cue.ring_next)] == 1).all()


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="no probe 'speed'; there are: precision, memory"):
        probes.run("idle", ["speed"])
    with pytest.raises(ValueError, match="no policy 'nobody' of blue"):
        probes.run("nobody", ["precision"])
    with pytest.raises(ValueError, match="episodes is 1"):
        probes.run("idle", episodes=1)


@pytest.mark.slow  # a program each
@pytest.mark.parametrize("name", ["precision", "timing", "safety", "generalization"])
def test_the_analyst_tells_situations_apart(name):
    """It answers with the cue and not without; who isolates at any alarm scores 0, as who does nothing."""
    analyst = probes.run("analyst", [name], episodes=24)[name]
    assert analyst.low > 0.3
    assert analyst.other < 0.1
    idle = probes.run("idle", [name], episodes=4)[name]
    assert (idle.cue, idle.score) == (0, 0)
    if name != "timing":
        isolator = probes.run("isolator", [name], episodes=24)[name]
        assert isolator.cue > 0.9
        assert abs(isolator.score) < 0.1


@pytest.mark.slow  # the large network
def test_an_alarm_is_found_among_a_hundred_hosts():
    found = probes.run("analyst", ["attention"], episodes=24)["attention"]
    assert found.low > 0.7
