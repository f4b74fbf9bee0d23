"""CC4 keeps the world contract, refuses bad input by name, and takes options and networks as data."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from array_types import unchecked

import garrison
from garrison.core.testing import check_world
from garrison.worlds.cc4 import default_options, play, topology
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.options import FIELDS

STEPS = 12


@pytest.fixture(scope="module")
def short():
    return garrison.make("cc4", steps=STEPS)


@pytest.fixture(scope="module")
def step(short):
    return jax.jit(short.step)


@pytest.fixture(scope="module")
def start(short):
    return jax.jit(short.reset)(jax.random.key(0))[1]


SLEEP = jnp.array(garrison.make("cc4").idle_actions, jnp.int32)


def test_blue_side_keeps_the_contract(short):
    check_world(short, jax.random.key(0), eager=False)


@pytest.mark.slow
def test_steps_are_the_same_without_jit(short):
    check_world(short, jax.random.key(0), steps=1)


def test_one_environment_fits_in_32_kilobytes(start):
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(start)) <= 32 * 1024


def test_sizes_are_the_wrappers(short):
    assert short.action_counts == (82, 82, 82, 82, 242)
    assert short.observation_sizes == (92, 92, 92, 92, 210)


def test_an_episode_of_500_gives_499_rewards_and_scores_498(world):
    assert (world.max_steps, world.score_steps) == (499, 498)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"red": "fms"}, ["'fms'", "discovery", "did you mean 'fsm'"]),
        ({"green": "enterprize"}, ["'enterprize'", "sleep"]),
        ({"side": "purple"}, ["'purple'", "blue, red, both"]),
        ({"side": "red", "red": "fsm"}, ["red='fsm'", "side='blue'"]),
        ({"side": "red", "blue": "reactiv"}, ["'reactiv'", "firewall"]),
        ({"blue": "reactive"}, ["blue='reactive'", "side='red'"]),
        ({"busy": "mask"}, ["'mask'", "free, masked"]),
        ({"side": "red", "busy": "masked"}, ["busy='masked'", "side='blue'"]),
        ({"green_phising": 0.1}, ["'green_phising'", "green_phishing"]),
        ({"green_phishing": 1.5}, ["green_phishing", "0..1", "1.5"]),
        ({"users": [0, 10]}, ["users", "1..10"]),
        ({"servers": 7}, ["servers", "1..6"]),
        ({"steps": 3}, ["steps", "3"]),
        ({"reward": [1, 2]}, ["reward", "(3, 9, 3)", "(2,)"]),
        ({"restore_cost": "much"}, ["restore_cost", "'much'"]),
        ({"phase_start": [200, 100]}, ["phase_start", "[200, 100]"]),
        ({"phase_start": [0, 70_000]}, ["phase_start", "0..32000", "70000"]),
        ({"users": 260}, ["users", "1..10", "260"]),  # 4 as a uint8
        ({"users": [[1, 2], [3]]}, ["users", "[[1, 2], [3]]"]),
        ({"steps": 10.7}, ["steps", "whole", "4..32000", "10.7"]),
        ({"steps": None}, ["steps", "None"]),
        ({"steps": 65_636}, ["steps", "4..32000", "65636"]),
        ({"red_priority": [-1] * 10}, ["red_priority", "-1"]),
        ({"restore_cost": 1e39}, ["restore_cost", "1e+39"]),
    ],
)
def test_unknown_names_and_values_are_refused(options, words):
    with pytest.raises(ValueError, match=r".+") as error:
        garrison.make("cc4", **options)
    assert all(word.lower() in str(error.value).lower() for word in words), str(error.value)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_option_takes_what_is_no_finite_number(name, value):
    with pytest.raises(ValueError, match=f"'{name}'.* in .*, not {value}"):
        default_options(**{name: value})


def test_the_busy_may_only_sleep_where_they_are_masked(short, step, start):
    masked = garrison.make("cc4", steps=STEPS, busy="masked")
    every = np.asarray(short.legal(start))
    np.testing.assert_array_equal(masked.legal(start), every)  # nobody is busy at the start
    restore = short.action_labels(4).index("Restore office_network_subnet_server_host_0")
    _, after, _ = step(jax.random.key(0), start, SLEEP.at[4].set(restore))
    mask = np.asarray(masked.legal(after))
    np.testing.assert_array_equal(mask[:4], every[:4])
    assert np.flatnonzero(mask[4]).tolist() == [SLEEP[4]]
    np.testing.assert_array_equal(short.legal(after), every)


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (np.array([0, 0, 0, 0, 242]), ["blue_agent_4", "242"]),
        (np.array([0, 82, 0, 0, 0]), ["blue_agent_1", "82"]),
        (np.array([-1, 0, 0, 0, 0]), ["blue_agent_0", "-1"]),
        (np.zeros(4, np.int32), ["(4,)", "5"]),
        (np.zeros(5, np.float32), ["float32"]),
    ],
)
def test_bad_actions_are_refused_at_the_boundary(short, start, actions, words):
    with pytest.raises((ValueError, TypeError)) as error:
        short.step(jax.random.key(0), start, actions)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_in_jitted_code_an_impossible_action_is_sleep(step, start):
    """An index past the list, also one that 16 bits wrap into it, a negative one, and an absent host."""
    absent = int(np.argmin(np.asarray(start.topology.host_exists)))
    agent = int(T.HOST_BLUE[absent])
    rows = T.BLUE_ACTIONS[agent]
    index = int(np.argmax((rows[:, 0] == T.Blue.RESTORE) & (rows[:, 1] == absent)))
    key = jax.random.key(5)
    expected = step(key, start, SLEEP)
    for action in (index, -1, 242, 10_000, 65_536 + 24, 65_536 + 160, -65_536 + 24):
        got = step(key, start, SLEEP.at[agent].set(action))
        state = got[1].state.replace(blue_action=expected[1].state.blue_action)
        for ours, theirs in zip(
            jax.tree.leaves((got[0], state, got[2])),
            jax.tree.leaves((expected[0], expected[1].state, expected[2])),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_an_index_past_the_list_stays_sleep_in_later_steps(step, start):
    """65,536 + a Restore would be that Restore as 16 bits."""
    restore = T.FIRST_BLUE_ACTION[T.Blue.RESTORE]
    sleeps = wraps = start
    for t in range(6):
        key = jax.random.fold_in(jax.random.key(5), t)
        _, sleeps, slept = step(key, sleeps, SLEEP)
        _, wraps, result = step(key, wraps, jnp.asarray(65_536 + restore, jnp.int32))
        assert (result.info["events"].blue_kind == T.Blue.SLEEP).all()
        assert float(result.reward[0]) == float(slept.reward[0])


def test_decisions_of_red_and_green_do_not_wrap_around(start):
    """Numbers beyond 8 bits name nothing, whichever integer dtype they have."""
    host = int(start.topology.red_start[0])
    scan = RedAction(
        kind=np.full(6, T.Red.AGGRESSIVE), session=np.zeros(6, int), host=np.full(6, host),
        subnet=np.zeros(6, int), hostname=np.full(6, host),
    )  # fmt: skip
    scan = jax.tree.map(lambda x: jnp.asarray(x, jnp.int32), scan)
    changes = {"kind": 256, "session": 256, "host": 256}
    wrapped = [scan.replace(**{name: getattr(scan, name) + by}) for name, by in changes.items()]
    wrapped += [scan.replace(session=scan.session - 1)]
    one = jax.jit(lambda red, green: play(draw.blank(), start, SLEEP, red, green)[1])
    green = jnp.full(T.NUM_GREEN, T.Green.SLEEP, jnp.int32)
    assert one(scan, green).red_kind[0] == T.Red.AGGRESSIVE
    for red in wrapped:
        events = one(red, green + 256)
        assert events.red_kind[0] == T.Red.INVALID
        assert (events.green_kind == T.Green.SLEEP).all()


SIX_STEPS = """
import hashlib, jax, jax.numpy as jnp, numpy as np, garrison
world = garrison.make("cc4")
step, sha = jax.jit(world.step), hashlib.sha256()
obs, episode = jax.jit(world.reset)(jax.random.key(4))
for t in range(6):
    actions = jnp.asarray(np.random.default_rng(t).integers(0, world.action_counts), jnp.int32)
    obs, episode, result = step(jax.random.fold_in(jax.random.key(4), t), episode, actions)
    for leaf in jax.tree.leaves((obs, episode, result)):
        sha.update(f"{leaf.dtype}{leaf.shape}".encode() + np.asarray(leaf).tobytes())
print(jax.config.jax_enable_x64, sha.hexdigest())
reds = {"red": "discovery"}, {"red": "random_select"}
for kwargs in ({"observation": "rich"}, *reds, {"side": "red", "blue": "guard"}):
    world = garrison.make("cc4", **kwargs)
    obs, episode = jax.eval_shape(world.reset, jax.random.key(0))
    actions = jax.ShapeDtypeStruct((world.num_agents,), jnp.int32)
    _, after, _ = jax.eval_shape(world.step, jax.random.key(0), episode, actions)
    assert jax.tree.leaves(after) == jax.tree.leaves(episode), kwargs
"""
CHECK = """
import jax, garrison
from garrison.core.testing import check_world
check_world(garrison.make("cc4"), jax.random.key(0), steps=3, eager=False)
"""


def _run(program: str, wide: bool) -> list[str]:
    """Words that a program prints in another process, in 64-bit mode or not."""
    flags = {"JAX_ENABLE_X64": "1" if wide else "0"}
    flags["JAX_COMPILATION_CACHE_DIR"] = str(jax.config.jax_compilation_cache_dir)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | flags)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def test_64_bit_mode_changes_nothing():
    (narrow, expected), (wide, got) = _run(SIX_STEPS, wide=False), _run(SIX_STEPS, wide=True)
    assert (narrow, wide) == ("False", "True")
    assert got == expected


@pytest.mark.slow
def test_the_contract_holds_in_64_bit_mode():
    _run(CHECK, wide=True)


def test_messages_arrive_in_the_same_step(short, start):
    """32 bits: the four other agents ascending (§7.5)."""
    messages = np.zeros((5, 8), np.uint8)
    for agent in range(5):
        messages[agent, agent] = 1
    obs = np.asarray(short.observe(start, jnp.asarray(messages)))
    for agent, size in enumerate(short.observation_sizes):
        others = [other for other in range(5) if other != agent]
        np.testing.assert_array_equal(obs[agent, size - 32 : size], messages[others].reshape(-1))
        assert not obs[agent, size:].any()
    assert not np.asarray(short.observe(start))[:, -32:].any()


def test_options_differ_per_lane_without_compiling_again():
    world = garrison.make("cc4")
    reset = jax.jit(jax.vmap(world.reset))
    keys = jax.random.split(jax.random.key(1), 3)

    def batch(*options):
        return jax.tree.map(lambda *x: jnp.stack([jnp.asarray(v) for v in x]), *options)

    small = default_options(users=3, servers=1)
    large = default_options(users=10, servers=6)
    _, mixed = reset(keys, batch(small, large, default_options()))
    hosts = np.asarray(mixed.topology.host_exists).sum(1)
    assert hosts[0] == 41
    assert hosts[1] == 137
    reset(keys, batch(large, large, small))
    assert reset._cache_size() == 1


def test_phases_follow_the_options():
    assert np.asarray(default_options().phase_start).tolist() == [167, 334]
    assert np.asarray(default_options(steps=100).phase_start).tolist() == [34, 67]
    assert np.asarray(default_options(steps=100, phase_start=[10, 20]).phase_start).tolist() == [10, 20]


def test_a_saved_network_comes_back(short, start, tmp_path):
    path = tmp_path / "network.json"
    topology.save(start.topology, path)
    again = short.reset(jax.random.key(9), network=topology.load(path))[1]
    for ours, theirs in zip(jax.tree.leaves(again), jax.tree.leaves(start), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert [p.name for p in tmp_path.iterdir()] == ["network.json"]


def _another_address(content: dict) -> str:
    """One that is as good, so that only the digest shows that it was changed."""
    free = set(range(1, 255)) - set(content["host_address"])
    content["host_address"][T.ROOT_HOST] = min(free)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host_exists", np.zeros(T.NUM_HOSTS, bool)),
        ("red_start", np.full(T.NUM_RED, 250, np.uint8)),
        ("service_kind", np.full((T.NUM_HOSTS, T.NUM_REAL), 9, np.uint8)),
        ("base_pid", np.zeros(T.NUM_HOSTS, np.int16)),
        ("blue_pid", np.zeros(T.NUM_HOSTS, np.int64)),
        ("red_start_pid", np.int16(3)),
    ],
)
def test_reset_refuses_what_is_no_network(short, start, field, value):
    with unchecked():
        network = jax.device_get(start.topology).replace(**{field: value})
    with pytest.raises(ValueError, match=f"network: {field} "):
        short.reset(jax.random.key(0), network=network)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: "{", ["JSON"]),
        (lambda content: json.dumps({**content, "format": "else"}), ["CC4 network"]),
        (lambda content: json.dumps({k: v for k, v in content.items() if k != "base_pid"}), ["base_pid"]),
        (lambda content: json.dumps({**content, "red_start": [1, 2]}), ["red_start", "(6,)"]),
        (lambda content: json.dumps({**content, "red_start": [300] * 6}), ["red_start", "uint8"]),
        (lambda content: json.dumps({**content, "base_pid": ["a"] * 137}), ["base_pid"]),
        (lambda content: json.dumps({**content, "base_pid": [[1], [1, 2]]}), ["base_pid"]),
        (lambda content: json.dumps({**content, "host_exists": [False] * 137}), ["host_exists"]),
        (lambda content: json.dumps({**content, "host_exists": [1] * 137}), ["host_exists", "true or false"]),
        (lambda content: json.dumps({**content, "red_start": [250] * 6}), ["red_start", "red_agent_0"]),
        (lambda content: json.dumps({**content, "blue_parent": [0] * 5}), ["blue_parent", "blue_agent_1"]),
        (lambda content: json.dumps({**content, "subnet_address": [7] * 9}), ["subnet_address", "twice"]),
        (lambda content: json.dumps({**content, "digest": "0"}), ["digest", "damaged"]),
        (lambda content: json.dumps({k: v for k, v in content.items() if k != "digest"}), ["digest"]),
        (_another_address, ["digest", "damaged"]),
    ],
)
def test_a_spoilt_network_is_refused(start, tmp_path, spoil, words):
    path = tmp_path / "network.json"
    topology.save(start.topology, path)
    path.write_text(spoil(json.loads(path.read_text())))
    with pytest.raises(ValueError, match=r"network\.json") as error:
        topology.load(path)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_batch_of_networks_is_not_saved(start, tmp_path):
    both = jax.tree.map(lambda x: jnp.stack([x, x]), start.topology)
    with pytest.raises(ValueError, match="one network"):
        topology.save(both, tmp_path / "network.json")
    assert not list(tmp_path.iterdir())


def test_people_can_read_state_and_events(short, step, start):
    """Text and JSON of an episode in which something happens."""
    episode, lines = start, []
    blue = jnp.array([58, 33, 16, 66, 194], jnp.int32)  # block, restore, monitor, two decoys
    for t in range(STEPS - 1):
        _, after, result = step(jax.random.fold_in(jax.random.key(2), t), episode, blue)
        lines += short.narrate(episode, blue, after, result)
        episode = after
    assert bool(result.done)
    text = "\n".join(lines)
    assert "blue_agent_0: BlockTrafficZone admin_network_subnet -> restricted_zone_a_subnet: success" in text
    assert "blue_agent_1: Restore operational_zone_a_subnet_server_host_0: success" in text
    assert "mission phase 1 begins" in text
    assert "red_agent_0: " in text
    summary = json.loads(json.dumps(short.describe(episode)))
    assert summary["step"] == STEPS - 1
    assert {"from": "admin_network_subnet", "to": "restricted_zone_a_subnet"} in summary["blocked"]
    assert summary["red"]["red_agent_0"]["sessions"][0]["host"].startswith("contractor")
