"""What is told in the probes of teams, and what is paid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.toy.teams import Shares, Signal

KEY = jax.random.key(0)


@pytest.mark.parametrize("cue", [0, 1])
@pytest.mark.parametrize("said", [0, 1])
@pytest.mark.parametrize("messages", ["none", "action", "state"])
def test_the_listener_reads_what_the_speaker_sent_and_is_paid_for_the_cue(messages, said, cue):
    world = Signal(messages)
    key = next(key for key in jax.random.split(KEY, 32) if world.reset(key)[1].cue == cue)
    obs, state = world.reset(key)
    shown = np.eye(2)[cue].tolist()
    assert obs.tolist() == [[*shown, 0, 0, 0], [0, 0, 0, 0, 0]]
    obs, state, step = world.step(KEY, state, jnp.asarray([said, 1], jnp.int32))
    heard = {"none": [0, 0], "action": [[0, 1], [1, 0]][said], "state": shown}[messages]
    answer = [1, 0] if messages == "action" else [0, 0]  # the second action, which is the number 2
    assert obs.tolist() == [[0, 0, *answer, 1], [0, 0, *heard, 1]]
    np.testing.assert_array_equal(step.final_obs, obs)
    assert step.reward.tolist() == [0, 0]
    for action in (0, 1):
        _, _, step = world.step(KEY, state, jnp.asarray([said, action], jnp.int32))
        assert step.reward.tolist() == [float(action == cue)] * 2
        assert step.terminated


@pytest.mark.parametrize("rewards", ["team", "individual"])
def test_the_second_earns_noise_and_the_first_may_share_it(rewards):
    world = Shares(rewards)
    step = jax.jit(jax.vmap(lambda key, acts: world.step(key, world.reset(key)[1], acts)[2], (0, None)))
    keys = jax.random.split(KEY, 4_000)
    for acts in ((0, 1), (1, 0), (1, 1)):
        result = step(keys, jnp.asarray(acts, jnp.int32))
        parts = result.info["reward_parts"]
        np.testing.assert_array_equal(parts["quiet"], acts[0])
        assert abs(parts["noisy"].mean() - acts[1]) < 4 * 20 / np.sqrt(4_000)
        assert abs(parts["noisy"].std() - 20) < 1
        total = parts["quiet"] + parts["noisy"]
        np.testing.assert_array_equal(result.info["team_reward"], total)
        paid = [total, total] if rewards == "team" else [parts["quiet"], parts["noisy"]]
        np.testing.assert_array_equal(result.reward, np.stack(paid, axis=1))


def test_other_messages_and_rewards_are_refused():
    with pytest.raises(
        ValueError, match="messages of world 'toy/signal' is 'state8'; it must be one of: none,"
    ):
        Signal("state8")
    with pytest.raises(ValueError, match="rewards of world 'toy/shares' is 'area'; it must be one of: team,"):
        Shares("area")
