"""The blue policies of recordings."""

from pathlib import Path

import numpy as np
import pytest

from garrison.core.struct import struct
from garrison.parity.recording import blue
from garrison.parity.stress.policies import STRESS
from garrison.worlds.cc4 import tables as T

DATA = Path(__file__).parents[2] / "data"
KIND, HOST = T.BLUE_ACTIONS[:, :, 0], T.BLUE_ACTIONS[:, :, 1]


@pytest.fixture(scope="module")
def mask(header):
    mask = np.zeros((T.NUM_BLUE, T.MAX_BLUE_ACTIONS), bool)
    for b, agent in enumerate(T.BLUE_AGENTS):
        mask[b, : T.BLUE_ACTION_COUNTS[b]] = header["action_mask"][agent]
    return mask


def view(mask, t=0, held=(), busy=(), obs=None):
    return blue.BlueView(
        t,
        np.zeros((T.NUM_BLUE, T.MAX_BLUE_OBSERVATION), np.float32) if obs is None else obs,
        mask,
        np.isin(np.arange(T.NUM_HOSTS), held),
        np.isin(np.arange(T.NUM_BLUE), busy),
    )


def played(name, mask, steps=200, **seen):
    """Kinds and hosts ``[step, blue]`` that a policy chooses, all of them unmasked."""
    policy = blue.blue(name)
    policy.begin(1, 0)
    chosen = np.array([policy.act(view(mask, t, **seen)) for t in range(steps)])
    rows = np.arange(T.NUM_BLUE)
    assert mask[rows, chosen].all()
    return KIND[rows, chosen], HOST[rows, chosen]


@pytest.mark.parametrize("name", STRESS)
def test_only_unmasked_actions_are_chosen(mask, name):
    played(name, mask, held=[1, 20, 40], busy=[0, 2])


def first_hosts(mask):
    """The first host that each agent can act on."""
    return [int(HOST[b, np.argmax(mask[b] & (KIND[b] == T.Blue.RESTORE))]) for b in range(T.NUM_BLUE)]


def test_heavy_goes_where_red_is(mask):
    kinds, hosts = played("heavy", mask, held=first_hosts(mask))
    there = np.isin(kinds, (T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY)) & (hosts == first_hosts(mask))
    assert 0.7 < there.mean() < 0.9


@pytest.mark.parametrize(("name", "count"), [("decoys", 1), ("two_decoys", 2)])
def test_decoys_pile_up(mask, name, count):
    kinds, hosts = played(name, mask)
    assert 0.8 < np.mean(kinds == T.Blue.DECOY) < 0.95
    assert [len(np.unique(hosts[:, b])) for b in range(T.NUM_BLUE)] == [count] * T.NUM_BLUE


def test_a_storm_is_of_blocks_and_allows(mask):
    kinds, _ = played("storm", mask)
    assert set(np.unique(kinds)) == {T.Blue.BLOCK, T.Blue.ALLOW}


def test_restores_come_in_the_midst_of_other_actions(mask):
    busy, _ = played("restores", mask, busy=range(T.NUM_BLUE))
    assert (busy == T.Blue.RESTORE).all()
    free, _ = played("restores", mask)
    assert 0.2 < np.mean(free != T.Blue.RESTORE) < 0.7


def test_the_restless_never_rest(mask):
    kinds, _ = played("restless", mask)
    assert (T.BLUE_DURATION[kinds] > 1).all()


def test_removes_never_restores(mask):
    kinds, _ = played("removes", mask, held=first_hosts(mask))
    assert set(np.unique(kinds)) == {T.Blue.REMOVE, T.Blue.DECOY}


def test_a_policy_depends_on_seed_and_episode_alone(mask):
    def actions(name, seed, episode):
        policy = blue.blue(name)
        policy.begin(seed, episode)
        return [policy.act(view(mask, t)).tolist() for t in range(5)]

    for name in ("heavy", "idle", "reactive"):
        assert actions(name, 1, 0) == actions(name, 1, 0)
    assert len({str(actions("random", *which)) for which in ((1, 0), (2, 0), (1, 1))}) == 3


@struct
class First:
    """Takes the first legal action, and counts its steps."""

    observation = "rich"

    def init(self, key, num_agents):
        return 0

    def act(self, key, obs, mask, memory):
        return mask.argmax(axis=1), memory + 1


def test_a_player_masked_while_busy_sleeps_then(mask):
    policy = blue.PolicyAdapter(First(), masked=True)
    assert policy.observation == "rich"
    policy.begin(0, 0)
    kinds = KIND[np.arange(T.NUM_BLUE), policy.act(view(mask, busy=[1, 3]))]
    assert [kind == T.Blue.SLEEP for kind in kinds] == [False, True, False, True, False]


def test_a_recordings_actions_are_taken_again(mask):
    policy = blue.blue(str(DATA / "fsm-heavy-2.jsonl.xz"))
    policy.begin(2, 0)
    assert policy.act(view(mask, 0)).shape == (T.NUM_BLUE,)
    assert blue.called(str(DATA / "fsm-heavy-2.jsonl.xz")) == "heavy"
    with pytest.raises(ValueError, match="of one episode"):
        policy.begin(2, 1)


def test_what_is_no_policy_is_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"no blue policy 'gard'; there are: idle, .*guard.*, run directories"
    ):
        blue.blue("gard")
    assert (blue.called("runs/small"), blue.called("runs/small:3")) == ("small.0", "small.3")
