"""The world by the protocol: contract, rewards, time, options, descriptions (``§2.7, §6, §7``)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from short_episodes import NUM_ENVS, SHORT, programs

import garrison
from garrison.core import entities
from garrison.core.testing import check_world
from garrison.core.wrappers import env_slice
from garrison.worlds.soc import SCENARIOS, Soc, Static, default_options
from garrison.worlds.soc.legal import action_list
from garrison.worlds.soc.tables.blue import Blue


def play(seed, messages=0):
    """Steps of random legal actions until both episodes are over: mask before, observation, state, step."""
    reset, step, legal = programs()
    rng = np.random.default_rng(seed)
    _, state = reset(jax.random.key(seed))
    for number in range(SHORT.max_steps):
        mask = np.asarray(legal(state))
        actions = (rng.random(mask.shape) * mask).argmax(-1).astype(np.int32)
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), number), NUM_ENVS)
        bits = jnp.broadcast_to(jnp.asarray(messages, jnp.uint8), (NUM_ENVS, 3, 8))
        obs, state, result = step(keys, state, actions, bits)
        yield mask, np.asarray(obs), state, result
        if np.asarray(result.done).all():
            return


def test_the_world_keeps_the_contract():
    check_world(SHORT, jax.random.key(0), steps=32, num_envs=NUM_ENVS, eager=False)  # episodes have about 12


@pytest.mark.slow
@pytest.mark.parametrize("side", ["blue", "red"])
def test_each_side_against_a_script_keeps_the_contract(side):
    check_world(garrison.make("soc", side=side), jax.random.key(0), steps=40, eager=False)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"reds": 2, "observation": "wide"}, {"size": 50, "zero_sum": True}])
def test_other_sizes_keep_the_contract(options):
    check_world(garrison.make("soc", side="both", **options), jax.random.key(0), steps=40, eager=False)


def test_time_and_rewards_add_up():
    elapsed, paid, steps, state = np.zeros(NUM_ENVS), np.zeros(NUM_ENVS), 0, None
    for mask, _, now, result in play(1):
        state = now
        parts = sum(np.asarray(part) for part in result.info["reward_parts"].values())
        reward = np.asarray(result.reward)
        np.testing.assert_allclose(reward[:, 0], parts, atol=1e-6)
        assert (reward[:, :3] == reward[:, :1]).all()
        assert (reward[:, 0] <= 0).all()
        elapsed += np.asarray(result.elapsed)
        paid += reward[:, 0]
        steps += 1
        choices = mask.sum(-1)
        assert ((choices > 1) | (mask[:, :, 0] & (choices == 1))).all()  # a choice, or continue alone
    np.testing.assert_allclose(elapsed, 3.0, atol=1e-5)  # 30 s
    np.testing.assert_allclose(elapsed, np.asarray(state.state.time) / 10_000, atol=1e-5)
    assert (paid < 0).all()  # a foothold costs something
    assert steps < SHORT.max_steps / 5


def test_episodes_of_several_scenarios_differ():
    drawn = jax.vmap(lambda key: SHORT.drawn(SHORT.reset(key)[1]))
    found = jax.jit(drawn)(jax.random.split(jax.random.key(0), 32))
    assert set(np.asarray(found["scenario"]).tolist()) == set(range(5))
    assert len(set(np.asarray(found["network"]).tolist())) == 32
    assert (np.asarray(found["network"]) % 8 > 0).all()  # of the training split


def test_messages_arrive_with_the_next_batch():
    bits = np.zeros((3, 8), int)
    bits[1, 3] = 1
    place = SHORT.observation_labels(0).index("message of blue_internal, bit 3")
    for _, obs, state, _ in play(2, bits):
        for lane, time in enumerate(np.asarray(state.state.time).tolist()):
            assert obs[lane, 0, place] == (time >= 5_000)
            assert obs[lane, 0, place - 1] == 0


def test_entities_describe_hosts_zones_and_credentials():
    for observation in ("counters", "wide"):
        world = garrison.make("soc", observation=observation)
        described = world.entities()
        entities.check(described, world)
        assert [kind.name for kind in described.kinds] == ["host", "zone", "credential"]
        labels, actions = world.observation_labels(1), world.action_labels(1)
        host = described.kinds[0]
        assert labels[host.features[1, 2, 0]] == f"host {4 + 2}: exists"
        isolate = host.verbs.index("Isolate")
        assert actions[host.actions[1, 2, isolate]] == "Isolate corporate_2"
        zones = described.kinds[1]
        assert actions[zones.actions[1, 1, zones.verbs.index("Monitor")]] == "Monitor guest"
        assert labels[zones.features[1, 1, 0]] == "guest: is normal"
        credential = described.kinds[2]
        assert labels[credential.features[1, 0, 0]] == "corp_user: log age of its epoch"
        taken = [described.actions[1], *(kind.actions[1].ravel() for kind in described.kinds)]
        every = np.concatenate(taken)
        assert set(every[every >= 0].tolist()) == set(range(world.action_counts[1]))


@pytest.mark.parametrize(("size", "reds"), [("small", 1), ("50", 2)])
def test_entities_describe_hosts_and_zones_to_red(size, reds):
    world = garrison.make("soc", size=size, reds=reds, side="red")
    described = world.entities()
    entities.check(described, world)
    hosts, zones = described.kinds
    for agent in range(reds):
        labels, actions = world.observation_labels(agent), world.action_labels(agent)
        assert labels[hosts.exists[agent, 7]] == "host 7: known"
        assert labels[zones.features[agent, 1, 1]].startswith("corporate: ")
        assert not any(labels[place].split()[0] == "host" for place in described.context[agent])
        slot = Static(size).zone_slots[0] + 2
        assert hosts.constants[agent, slot].tolist() == [0, 1, 0, 0, 0]
        dump = hosts.verbs.index("DumpLSASS")
        assert actions[hosts.actions[agent, slot, dump]] == "DumpLSASS corporate_2"
        assert actions[zones.actions[agent, 3, zones.verbs.index("NetworkScan")]] == "NetworkScan secure"
        taken = [described.actions[agent], *(kind.actions[agent].ravel() for kind in described.kinds)]
        assert sorted(np.concatenate(taken).tolist()) == list(range(world.action_counts[agent]))


def test_action_lists_have_the_lengths_of_the_specification():
    """§6.2."""
    for size, blue, red in (("small", 195, 558), ("50", 429, 1_102), ("100", 793, 1_918)):
        world = Soc(static=Static(size))
        assert max(world.action_counts[:3]) == blue
        assert world.action_counts[3] == red
        table = action_list(world.static, 1)
        assert world.action_labels(1)[0] == "Continue"
        place = int(np.flatnonzero((table == (Blue.ISOLATE, world.static.zone_slots[0])).all(1))[0])
        assert world.action_labels(1)[place] == "Isolate corporate_0"


def test_states_and_steps_are_described():
    lines, summary, before = [], None, None
    for _, _, state, result in play(3):
        after = jax.device_get(env_slice(state, 0))
        summary = SHORT.describe(after)
        lines += SHORT.narrate(before or after, None, after, env_slice(result, 0))
        before = after
    assert summary["over"]
    assert summary["scenario"] in SCENARIOS
    assert summary["hosts"]["dmz_0"]["role"] == "web"
    assert any(" s: blue_" in line and line.endswith(": success") for line in lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "ransom"}, "no scenario 'ransom'"),
        ({"scenario": ()}, "scenario is empty"),
        ({"size": "huge"}, "size is 'huge'"),
        ({"preset": "easy", "size": 50}, "'easy' has networks of size 'small'"),
        ({"side": "green"}, "no side 'green'"),
        ({"red": "nobody"}, "no policy 'nobody'"),
        ({"blue": "analyst"}, "blue='analyst' is for side='red'"),
        ({"side": "red", "observation": "wide"}, "observation='wide' is blue's"),
        ({"observation": "words"}, "no observation 'words'"),
        ({"events": 9}, "events is 9"),
        ({"horizn": 1}, "no option 'horizn'"),
        ({"horizon": (1, 2)}, r"horizon has shape \(2,\)"),
        ({"horizon": -1}, "horizon is -1"),
        ({"horizon": 0}, "horizon is 0"),
        ({"split": "valid"}, "split is 'valid'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        garrison.make("soc", **options)


def test_named_worlds_are_scenarios():
    for name in SCENARIOS[1:]:
        assert garrison.make(f"soc/{name}").name == f"soc/{name}"
        both = garrison.make(f"soc/{name}", side="both")
        assert int(both.options.horizon[0]) == int(default_options("small", name).horizon)
    assert garrison.make("soc").name == "soc"
    assert garrison.make("soc").agents == ("blue_dmz", "blue_internal", "blue_restricted")
