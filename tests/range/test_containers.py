"""The tier of containers asks an engine for what it may, and for nothing else. No container runs here.

The engine is an imitation of the API, :mod:`docker_api`, so these are tests of a contract.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from docker_api import DockerApi, serving
from range_network import INTERNET, SECONDS, WEB, network

from garrison.range import limits
from garrison.range.drivers.containers import OFF, Containers
from garrison.range.engine import EPISODE, OWNER, Engine, EngineError, RequestRefused, host_config, owner
from garrison.range.nonces import Ledger
from garrison.range.protocol import (
    LABELS,
    BlueAction,
    Handle,
    InfrastructureError,
    RangeUnavailable,
    Technique,
)
from garrison.worlds.soc.tables import hosts as T

linux = pytest.mark.skipif(sys.platform != "linux", reason="owners are told apart by /proc")
pytestmark = linux
IMAGE = f"reviewed/target@sha256:{'a' * 64}"
IMAGES = {role.name.lower(): IMAGE for role in T.Role}


@pytest.fixture
def api(tmp_path):
    found = DockerApi()
    found.images[IMAGE] = f"sha256:{'b' * 64}"
    with serving(tmp_path / "engine.sock", found):
        yield found


@pytest.fixture
def driver(tmp_path):
    return Containers(tmp_path / "engine.sock", IMAGES, seconds=1.0)


@pytest.fixture
def engine(tmp_path):
    return Engine(tmp_path / "engine.sock", seconds=2.0)


def provision(driver: Containers, seconds: float = 30.0) -> Handle:
    plan = network()
    return driver.provision(plan, Ledger(plan).draw(), 0, time.monotonic() + seconds)


def apply(driver: Containers, handle: Handle, name: str) -> Any:
    return driver.apply(handle, BlueAction(name, int(WEB)), None, time.monotonic() + SECONDS)


def nothing_left(api: DockerApi) -> bool:
    return not api.containers and not api.networks


# ---------------------------------------------------------------- off


def test_the_tier_is_off_and_claims_nothing():
    assert LABELS["containers"] == "API contract"
    with pytest.raises(RangeUnavailable, match="off: no images have been reviewed"):
        Containers(Path("/nonexistent"), {}).check()
    assert "never pulls" in OFF


def test_without_an_engine_it_is_not_available(driver):
    with pytest.raises(RangeUnavailable, match="needs an engine at .*refused"):
        driver.check()


def test_an_image_that_is_not_there_is_not_pulled(api, driver):
    api.images.clear()
    with pytest.raises(RangeUnavailable, match="is not on this machine; the range never pulls any"):
        provision(driver)
    assert nothing_left(api)
    assert not any(method == "POST" for method, _ in api.requests)


@pytest.mark.parametrize(
    "image", ["nginx", "nginx:latest", f"x@sha256:{'a' * 63}", f"../x@sha256:{'a' * 64}"]
)
def test_images_are_pinned_by_digest(api, driver, image):
    driver.images["web"] = image
    with pytest.raises(RangeUnavailable, match="is not pinned"):
        driver.check()


def test_another_image_under_the_name_is_noticed(api, driver):
    api.faults = lambda method, path: (200, {"Id": "1", "RepoDigests": []}) if "/images/" in path else None
    with pytest.raises(RangeUnavailable, match="gave another image"):
        driver.check()


def test_every_role_of_the_plan_needs_an_image(api, driver):
    del driver.images["plc"], driver.images["web"]
    with pytest.raises(RangeUnavailable, match="no image for plc, web"):
        provision(driver)


# ---------------------------------------------------------------- what is asked for


def test_an_episode_is_one_internal_network_and_a_confined_container_per_host(api, driver):
    handle = provision(driver)
    try:
        (made,) = api.networks.values()
        assert made["Internal"] is True
        assert len(api.containers) == len(handle.plan.hosts)
        for one in api.containers.values():
            settings = one["HostConfig"]
            assert settings["NetworkMode"] == made["Id"]
            assert settings["ReadonlyRootfs"]
            assert not settings["Privileged"]
            assert settings["CapDrop"] == ["ALL"]
            assert settings["SecurityOpt"] == ["no-new-privileges"]
            assert not any(settings[name] for name in ("PortBindings", "Binds", "Mounts", "Devices"))
            assert one["Config"]["User"] == f"{limits.SERVICE_ACCOUNT}:{limits.GROUP}"
            assert one["Config"]["Image"] == IMAGE
        assert sum(one["HostConfig"]["Memory"] for one in api.containers.values()) <= limits.MAX_MEMORY
        assert sum(one["HostConfig"]["PidsLimit"] for one in api.containers.values()) <= limits.MAX_PROCESSES
        assert driver.health(handle).good
    finally:
        assert driver.teardown(handle).none
    assert driver.teardown(handle).none  # may be repeated
    assert nothing_left(api)


def test_no_nonce_reaches_the_engine(api, driver):
    plan = network()
    secrets = Ledger(plan).draw()
    handle = driver.provision(plan, secrets, 0, time.monotonic() + 30)
    driver.teardown(handle)
    sent = repr(api.bodies)
    assert not any(nonce in sent for of in secrets.nonces.values() for nonce in of.values())


def test_nothing_is_ever_pulled_run_inside_or_built(api, driver):
    handle = provision(driver)
    for name in ("isolate", "reconnect", "take_down", "bring_up", "restore"):
        apply(driver, handle, name)
    driver.collect(handle, 0.0)
    driver.teardown(handle)
    paths = {path.split("/")[1] + "/" + path.split("/")[-1] for _, path in api.requests}
    assert not any(
        word in path for path in paths for word in ("exec", "build", "archive", "attach", "commit")
    )
    assert all(("POST", one) not in api.requests for one in ("/images/create", "/images/load", "/build"))


@pytest.mark.parametrize("name", ["host", "bridge", "none", "container:1", "f" * 64])
def test_containers_join_no_network_but_one_of_this_client(api, engine, name):
    api.networks["f" * 64] = {"Id": "f" * 64, "Name": "somebody", "Internal": True, "Containers": {}}
    with pytest.raises(RequestRefused, match="was not made by this client"):
        engine.make_container("e", 1, IMAGE, name, 2**20, 1)
    made = engine.make_container("e", 1, IMAGE, engine.make_network("e"), 2**20, 1)
    with pytest.raises(RequestRefused, match="was not made by this client"):
        engine.connect(made, name)
    assert not any(path == f"/networks/{name}/connect" for _, path in api.requests)


@pytest.mark.parametrize("change", [{"Internal": False}, {"Ingress": True}, {"Containers": {"x": {}}}])
def test_a_network_that_the_engine_did_not_make_internal_is_refused(api, driver, change):
    made = api.make_network

    def bent(query, body):
        return made(query, body | change)

    api.faults = lambda method, path: (
        bent({}, api.bodies[-1]) if (method, path) == ("POST", "/networks/create") else None
    )
    with pytest.raises(InfrastructureError, match="not internal, or not empty"):
        provision(driver)
    assert nothing_left(api)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"HostConfig": {"Privileged": True}}, "Privileged"),
        ({"HostConfig": {"NetworkMode": "host"}}, "NetworkMode"),
        ({"HostConfig": {"CapAdd": ["NET_ADMIN"]}}, "CapAdd"),
        ({"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}}, "PortBindings"),
        ({"HostConfig": {"PidsLimit": 0}}, "PidsLimit"),
        ({"Mounts": [{"Type": "volume", "Destination": "/data"}]}, "Mounts"),
        ({"Image": "sha256:other"}, "Image"),
    ],
)
def test_a_container_that_is_not_what_was_asked_for_is_refused(api, driver, change, what):
    def bend(container):
        for key, value in change.items():
            container[key] = container[key] | value if isinstance(value, dict) else value

    api.bends = bend
    with pytest.raises(InfrastructureError, match=f"container with another .*{what}"):
        provision(driver)
    assert nothing_left(api)
    assert not any(path.endswith("/start") for _, path in api.requests)


@pytest.mark.parametrize("what", ["network", "port"])
def test_a_second_network_or_a_published_port_is_noticed(api, driver, what):
    def bend(container):
        settings = container["NetworkSettings"]
        if what == "network":
            settings["Networks"]["bridge"] = {"NetworkID": "f" * 64}
        else:
            settings["Ports"]["80/tcp"] = [{"HostIp": "0.0.0.0", "HostPort": "8080"}]

    api.bends = bend
    with pytest.raises(InfrastructureError, match="has other networks, or ports"):
        provision(driver)
    assert nothing_left(api)


def test_more_than_an_episode_may_use_is_refused(api, engine):
    made = engine.make_network("e")
    engine.make_container("e", 1, IMAGE, made, limits.MAX_MEMORY, 1)
    with pytest.raises(RequestRefused, match="an episode may have 512 MiB and 64 processes"):
        engine.make_container("e", 2, IMAGE, made, 2**20, 1)
    assert host_config(made, 1, 1)["MemorySwap"] == 1


# ---------------------------------------------------------------- blue


def test_isolation_restart_and_restore_are_requests(api, driver):
    handle = provision(driver)
    try:
        container = api.containers[handle.state["nodes"][WEB]]
        assert apply(driver, handle, "isolate").done
        assert container["NetworkSettings"]["Networks"] == {}
        assert WEB not in driver.heartbeats(handle, 1.0, 0.0)
        assert apply(driver, handle, "reconnect").done
        assert WEB in driver.heartbeats(handle, 1.0, 0.0)
        assert apply(driver, handle, "take_down").done
        assert driver.health(handle).dead == (f"container {WEB}",)
        assert apply(driver, handle, "take_down").done  # ends what has ended
        assert apply(driver, handle, "bring_up").done
        assert driver.health(handle).good
        before = handle.state["nodes"][WEB]
        assert apply(driver, handle, "restore").done
        assert before not in api.containers
        assert len(api.containers) == len(handle.plan.hosts)
        found = apply(driver, handle, "restrict")
        assert (found.done, found.reason) == (False, "tier containers does not offer restrict")
    finally:
        assert driver.teardown(handle).none


def test_an_engine_that_only_says_it_isolated_is_noticed(api, driver):
    handle = provision(driver)
    api.faults = lambda method, path: (200, None) if path.endswith("/disconnect") else None
    with pytest.raises(InfrastructureError, match="says it did, and did not"):
        apply(driver, handle, "isolate")
    driver.teardown(handle)


def test_lines_of_containers_have_times(api, driver):
    handle = provision(driver)
    try:
        now = time.time()
        api.containers[handle.state["nodes"][WEB]]["lines"] += [(now - 5, "earlier"), (now, "GET / 200")]
        found = driver.collect(handle, time.monotonic() - 2)
        assert [(event.host, event.family, event.text) for event in found] == [
            (WEB, "container", "GET / 200")
        ]
        assert abs(found[0].time - time.monotonic()) < 1
    finally:
        driver.teardown(handle)


def test_no_technique_is_offered(api, driver):
    handle = provision(driver)
    try:
        calls = (
            lambda: driver.launch(handle, Technique("web", 0), INTERNET, WEB, 0.0),
            lambda: driver.probe(handle, INTERNET, WEB, 0, 0.0),
            lambda: driver.scan(handle, INTERNET, WEB, (), 0.0),
            lambda: driver.act(handle, "logon", WEB, WEB, 0, 0.0),
            lambda: driver.plant(handle, 0.0),
        )
        for call in calls:
            with pytest.raises(RangeUnavailable, match="nothing that runs in images was reviewed"):
                call()
    finally:
        driver.teardown(handle)


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "/networks/create", (500, {"message": "no space left"})),
        ("POST", "/containers/create", (0, None)),
        ("POST", "/start", (500, {"message": "no space left"})),
        ("GET", "/json", (200, b"<html>")),
    ],
)
def test_nothing_is_left_after_an_error_while_starting(api, driver, method, path, answer):
    def fault(verb, where):
        return answer if verb == method and where.endswith(path) and "/images/" not in where else None

    def once(verb, where):  # the engine is well again when it is cleaned up
        found = fault(verb, where) if where != "/containers/json" else None
        if found is not None:
            api.faults = lambda *of: None
        return found

    api.faults = once
    with pytest.raises(InfrastructureError):
        provision(driver)
    assert nothing_left(api)


def test_an_engine_that_hangs_is_given_up_at_its_deadline(api, driver):
    handle = provision(driver)
    driver.seconds = handle.state["engine"].seconds = 0.2
    api.faults = lambda method, path: time.sleep(1.5) or (500, None)
    start = time.monotonic()
    with pytest.raises(InfrastructureError, match="timeout"):
        apply(driver, handle, "isolate")
    assert time.monotonic() - start < 1.0
    assert not driver.health(handle).good
    left = driver.teardown(handle)  # which nobody can vouch for
    assert len(left.containers) == len(handle.plan.hosts)
    assert len(left.networks) == 1


def test_a_container_that_was_killed_by_others_is_dead(api, driver):
    handle = provision(driver)
    api.containers[handle.state["nodes"][WEB]]["State"]["Running"] = False
    assert driver.health(handle).dead == (f"container {WEB}",)
    del api.containers[handle.state["nodes"][WEB]]
    assert f"container {WEB}" in driver.health(handle).dead[0]
    assert driver.teardown(handle).none


def test_what_cannot_be_removed_is_reported(api, driver):
    handle = provision(driver)
    api.faults = lambda method, path: (500, {"message": "busy"}) if method == "DELETE" else None
    left = driver.teardown(handle)
    assert len(left.containers) == len(handle.plan.hosts)
    assert not left.none
    api.faults = lambda method, path: None
    assert driver.teardown(handle).none


def test_what_killed_drivers_left_is_removed_and_nothing_else(api, driver, engine):
    rows = {
        "dead": {EPISODE: "garrison-range-dead", OWNER: "4194304.1"},
        "alive": {EPISODE: "garrison-range-alive", OWNER: owner()},
        "foreign": {"com.example": "web"},
    }
    for number, labels in enumerate(rows.values()):
        key = f"{number + 100:064x}"
        api.containers[key] = {"Id": key, "Labels": labels, "State": {"Running": True}, "lines": []}
        api.containers[key]["NetworkSettings"] = {"Networks": {}, "Ports": {}}
    foreign = f"{102:064x}"
    with pytest.raises(RequestRefused, match="was not made by this client"):
        engine.remove(foreign)
    handle = provision(driver)
    assert driver.teardown(handle).none
    assert [one["Labels"] for one in api.containers.values()] == [rows["alive"], rows["foreign"]]


def test_an_engine_without_filters_does_not_lead_to_what_others_own(api, engine, monkeypatch):
    monkeypatch.setattr("docker_api._labelled", lambda one, query: True)
    key = f"{7:064x}"
    api.containers[key] = {"Id": key, "Labels": {}, "State": {"Running": True}}
    assert engine.owned() == {"containers": {}, "networks": {}}
    with pytest.raises(RequestRefused):
        engine.kill(key)


def test_answers_that_are_none(api, engine):
    api.faults = lambda method, path: (201, {"Id": "../images/create"})
    with pytest.raises(EngineError, match="is not an id"):
        engine.make_network("e")
    api.faults = lambda method, path: (200, b"x" * (5 * 2**20))
    with pytest.raises(EngineError, match="no answer"):
        engine.version()


_PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from range_network import network
from test_containers import IMAGES
from garrison.range.drivers.containers import Containers
from garrison.range.nonces import Ledger
plan = network()
handle = Containers(Path({socket!r}), IMAGES).provision(plan, Ledger(plan).draw(), 0, time.monotonic() + 60)
print("ready", flush=True)
time.sleep(60)
"""


def test_nothing_is_left_after_the_driver_is_killed(api, tmp_path):
    """A guard, which is a process of its own, removes what the driver cannot."""
    folders = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))
    program = _PROGRAM.format(tests=str(Path(__file__).parents[1]), socket=str(tmp_path / "engine.sock"))
    env = os.environ | {"PYTHONPATH": os.pathsep.join((folders, os.environ.get("PYTHONPATH", "")))}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=env) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert api.containers
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        deadline = time.monotonic() + 10
        while not nothing_left(api) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert nothing_left(api)
