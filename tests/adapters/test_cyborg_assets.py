"""Blue's assets on CybORG: the same roles and the same bits as on Garrison."""

from types import SimpleNamespace as Fake

import jax
import numpy as np
import pytest

from garrison.adapters.cyborg import assets, engine, facts
from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.core.policy import Random
from garrison.judge.assets import Harm
from garrison.judge.resilience import outages
from garrison.parity.recording.network import Names
from garrison.worlds.cc4 import assets as ours
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.roles import CANDIDATES
from garrison.worlds.cc4.topology import generate

A, B, C = (T.HOST_NAMES[T.server_host(T.OZA, i)] for i in range(3))
OFFICE = T.HOST_NAMES[T.server_host(T.OFF, 0)]


def service(active=True, reliability=100):
    return Fake(active=active, get_service_reliability=lambda: reliability)


def controller():
    """A is degraded and attacked, B is under root, C is stopped; the office does not matter."""

    def red(kind, hostname, result, ran=True):
        action = type(kind, (), {"hostname": hostname})()
        seen = {"success": Fake(name=result)} | ({"action": action} if ran else {})
        return action, Fake(observations=[Fake(data=seen)] if result else [])

    done = {
        "red_agent_0": red("DegradeServices", A, "TRUE"),
        "red_agent_1": red("Impact", B, "FALSE"),
        "red_agent_2": red("Impact", OFFICE, "TRUE"),
        "red_agent_3": red("Impact", C, "TRUE"),
        "red_agent_4": red("Impact", A, "TRUE", ran=False),
        "red_agent_5": red("Impact", A, None),  # dropped: its session was gone
        "blue_agent_0": red("Restore", B, "TRUE"),
    }
    services = {A: [service(), service(reliability=80)], B: [service()], C: [service(active=False)]}
    sessions = {0: Fake(hostname=B, username="root"), 1: Fake(hostname=A, username="user")}
    return Fake(
        action={agent: [action] for agent, (action, _) in done.items()},
        observation={agent: seen for agent, (_, seen) in done.items()},
        state=Fake(
            hosts={
                name: Fake(services=dict(enumerate(own)))
                for name, own in (services | {OFFICE: [service(False, 0)]}).items()
            },
            sessions={"red_agent_2": sessions, "red_agent_5": {0: Fake(hostname=OFFICE, username="root")}},
        ),
    )


def test_what_red_did_to_the_operational_zones():
    found = facts.harm(controller())
    assert found == {
        "impacted": [A, C],
        "held": [B],
        "attacks": [("DegradeServices", A), ("Impact", C)],
    }
    slots = np.array([T.HOST_NAMES.index(name) for name in (C, B, A)])
    places = np.searchsorted(CANDIDATES, slots)
    chance = np.where(np.isin(CANDIDATES, slots), np.float32(1 / 3), np.float32(0))
    fixed = ours.Roles(slots.astype(np.uint8), places.astype(np.int32), chance)
    impacted, held, expected, attacks = assets.harm(fixed, found)
    assert impacted.tolist() == [True, False, True]
    assert held.tolist() == [False, True, False]
    np.testing.assert_allclose(expected, [2 / 3, 1 / 3], rtol=1e-6)
    assert attacks.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_a_network_has_the_same_roles_on_both():
    network = jax.device_get(jax.jit(generate)(jax.random.key(4), default_options()))
    names = Names(network)
    found = assets.roles(
        {
            "hosts": {T.HOST_NAMES[host]: names.ip[host] for host in names.hosts},
            "subnets": dict(zip(T.SUBNETS, names.cidr, strict=True)),
        }
    )
    expected = ours.of_network(network.host_exists, network.host_address, network.subnet_address)
    jax.tree.map(np.testing.assert_array_equal, found, jax.device_get(expected))
    np.testing.assert_array_equal(CANDIDATES[found.place], found.host)


@pytest.mark.cyborg
def test_a_live_episode_is_recorded():
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))
    world = CybORGWorld(steps=200)
    played = play_episode(world, Random(), 3, resilience=True)
    harm = Harm(*(part[None, None] for part in played["harm"]))
    assert harm.impacted.shape == (1, 1, 199, 3)
    runs = outages(harm.impacted, np.array([[199]]))
    attacked = harm.attacks[0, 0].sum(axis=1)  # [step, role]
    assert all(attacked[start, role] for role, start in zip(runs.role, runs.start, strict=True))
    plain = play_episode(world, Random(), 3)
    assert "harm" not in plain
    assert plain["returns"] == played["returns"]
