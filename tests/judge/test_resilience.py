"""Resilience: an episode worked out by hand, identities, monotony, and the published scores written again."""

import itertools
import json

import numpy as np
import pytest

from garrison.judge import resilience
from garrison.judge.assets import ROLES, Harm
from garrison.judge.resilience import SERVES, Settings
from garrison.judge.stats import paired_difference

AUTH, DB, WEB = range(3)
SETTINGS = Settings()
ATTACKS, PHASES = ("Impact", "DegradeServices"), ("phase 0", "phase 1")
# ten steps: degrade DB in 1, impact AUTH in 3, restore and impact DB in 4, restore AUTH in 6, impact WEB
# in 7, restore DB in 8
STEPS = ("000", "010", "010", "110", "110", "110", "010", "011", "001", "001")
IF_RED_WERE_FIRST = ("000", "010", "010", "110", "100", "100", "000", "001", "001", "001")
BLUE_FIRST, RED_FIRST = (
    np.array([[bit == "1" for bit in row] for row in rows]) for rows in (STEPS, IF_RED_WERE_FIRST)
)


def harm(impacted, attacks=None, held=None, expected=None, phase=None) -> Harm:
    """One episode of one seed, or all with their axes."""
    impacted = np.asarray(impacted)
    impacted = impacted[None, None] if impacted.ndim == 2 else impacted
    steps = impacted.shape[:3]
    return Harm(
        impacted,
        np.zeros_like(impacted) if held is None else held,
        np.zeros((*steps, 2)) if expected is None else expected,
        np.zeros((*steps, 2, 3), np.uint8) if attacks is None else attacks,
        np.zeros(steps, int) if phase is None else phase,
    )


def attacks_of_the_example() -> np.ndarray:
    attacks = np.zeros((1, 1, 10, 2, 3), np.uint8)
    for step, kind, role in ((1, 1, DB), (3, 0, AUTH), (4, 0, DB), (7, 0, WEB)):
        attacks[0, 0, step, kind, role] = 1
    return attacks


def figures(one: Harm, lengths=None, settings=None):
    lengths = np.full(one.impacted.shape[:2], one.impacted.shape[2]) if lengths is None else lengths
    return resilience.figures(ATTACKS, PHASES, one, lengths, settings)


@pytest.fixture(scope="module")
def example():
    phase = (np.arange(10) >= 5).astype(int)[None, None]
    return figures(harm(BLUE_FIRST, attacks_of_the_example(), phase=phase))


def test_areas_of_the_example(example):
    assert example["resilience"]["mean"] == pytest.approx(0.5889, abs=1e-4)
    areas = [example["health"][name]["mean"] for name in "CIA"]
    np.testing.assert_allclose(areas, [0.5, 0.7, 0.5667], atol=1e-4)
    assert example["depth"]["mean"] == pytest.approx(0.278, abs=1e-3)
    assert example["degraded"]["mean"] == pytest.approx(0.9)
    np.testing.assert_allclose(
        resilience.curve(BLUE_FIRST, SETTINGS),
        [1, 0.7222, 0.7222, 0.2778, 0.2778, 0.2778, 0.7222, 0.4444, 0.7222, 0.7222],
        atol=1e-4,
    )
    assert json.loads(json.dumps(example)) == example


@pytest.mark.parametrize(
    ("bits", "means"),
    [(BLUE_FIRST, [-10, -6, -13, -9.6667]), (RED_FIRST, [-6, -6, -9, -7])],
    ids=["blue first", "red first"],
)
def test_scores_of_the_example(bits, means):
    found = figures(harm(bits))["scores"]
    np.testing.assert_allclose([found[name]["mean"]["mean"] for name in (*"CIA", "R")], means, atol=1e-4)


def test_minima_and_steps_of_the_scores(example):
    least = [example["scores"][name]["min"]["mean"] for name in (*"CIA", "R")]
    np.testing.assert_allclose(least, [-20, -10, -20, -16.6667], atol=1e-4)
    np.testing.assert_allclose(
        resilience.scores(BLUE_FIRST)[[1, 3, 7, 9]],
        [
            [-10, 0, -10, -6.6667],
            [-20, -10, -20, -16.6667],
            [-10, -10, -20, -13.3333],
            [0, -10, -10, -6.6667],
        ],
        atol=1e-4,
    )


def test_times_of_the_example(example):
    runs = resilience.outages(BLUE_FIRST[None, None], np.array([[10]]))
    found = [(int(r), int(s), int(n), bool(e)) for _, _, r, s, n, e in zip(*runs, strict=True)]
    assert found == [(AUTH, 3, 3, True), (DB, 1, 7, True), (WEB, 7, 3, False)]
    recovery = example["recovery"]
    assert (recovery["count"], recovery["censored"], recovery["within"]) == (3, 1, 7)
    assert recovery["ended"]["value"] == pytest.approx(2 / 3)
    assert recovery["mean"]["value"] == pytest.approx(5.6667, abs=1e-4)
    assert recovery["median"]["value"] == 7
    assert recovery["curve"] == [[3, pytest.approx(2 / 3)], [7, 0]]
    assert example["first_impact"]["median"]["value"] == 1
    worst = example["from_worst"]  # the last minimum is in step 5, and services are never all back
    assert (worst["within"], worst["censored"], worst["median"]["value"]) == (5, 1, None)


def test_events_and_phases_of_the_example(example):
    assert example["attacks"] == {
        "Impact": {"AUTH": 1, "DB": 1, "WEB": 1},
        "DegradeServices": {"AUTH": 0, "DB": 1, "WEB": 0},
    }
    now = resilience.curve(BLUE_FIRST, SETTINGS)
    first, second = example["phases"].values()
    assert first["resilience"]["mean"] == pytest.approx(now[:5].mean())
    assert second["resilience"]["mean"] == pytest.approx(now[5:].mean())
    assert (first["outages"], second["outages"]) == (2, 1)  # by the phase in which they began
    assert second["recovery"]["censored"] == 1
    empty = figures(harm(BLUE_FIRST))["phases"]["phase 1"]
    assert (empty["resilience"], empty["outages"], empty["recovery"]) == (None, 0, None)


def test_drops_of_the_example():
    drop = resilience.drops(attacks_of_the_example()[0, 0], SETTINGS)
    np.testing.assert_allclose(drop, [0, 0, 0, 1, 2 / 3, 0, 0, 2 / 3, 0, 0])
    assert drop.mean() == pytest.approx(0.2333, abs=1e-4)
    np.testing.assert_allclose(
        resilience.smoothed(drop, 4),
        [0.0830, 0.1656, 0.2625, 0.3348, 0.3522, 0.3190, 0.2628, 0.2032, 0.1441, 0.0887],
        atol=1e-4,
    )
    every = resilience.drops(attacks_of_the_example()[0, 0], Settings(all_attacks=True))
    np.testing.assert_allclose(every, [0, 2 / 3, 0, 1, 2 / 3, 0, 0, 2 / 3, 0, 0])


def test_drops_of_a_step_are_cut_at_the_largest_of_each_component():
    attacks = np.zeros((1, 2, 3), int)
    attacks[0, 0] = 1, 1, 0
    assert resilience.drops(attacks, SETTINGS) == pytest.approx(1)
    attacks[0, 0] = 0, 1, 1
    assert resilience.drops(attacks, SETTINGS) == pytest.approx(1)
    only_availability = Settings(scorer="V4", weighter="V4")
    attacks[0, 0] = 0, 0, 3
    assert resilience.drops(attacks, only_availability) == pytest.approx(1)
    attacks[0, 0] = 0, 1, 0
    v2 = Settings(scorer="V2", weighter="V2")  # largest 0.6 * 50 + 0.2 * 10 + 0.2 * 10
    assert resilience.drops(attacks, v2) == pytest.approx(0.2 * 10 / 34)


@pytest.mark.parametrize("window", [1, 4, 9])
def test_smoothing_is_a_gaussian_filter(window):
    rng = np.random.default_rng(0)
    values, sigma = rng.random(30), window / 2
    radius = int(4 * sigma + 0.5)
    weight = {i: np.exp(-0.5 * (i / sigma) ** 2) for i in range(-radius, radius + 1)}
    by_hand = [
        sum(w * values[min(max(t + i, 0), 29)] for i, w in weight.items()) / sum(weight.values())
        for t in range(30)
    ]
    np.testing.assert_allclose(resilience.smoothed(values, window), by_hand)
    np.testing.assert_allclose(resilience.smoothed(np.full((2, 7), 0.3), window), 0.3)


def test_a_window_of_a_step_leaves_most_of_an_attack():
    values = np.zeros(21)
    values[10] = 1
    assert resilience.smoothed(values, 1)[10] == pytest.approx(0.7866, abs=1e-4)


# ---------------------------------------------------------------- identities


@pytest.fixture(scope="module")
def random_bits():
    return np.random.default_rng(1).random((2, 6, 40, 3)) < 0.3


def test_health_and_scores_are_the_same_but_for_scale(random_bits):
    found = figures(harm(random_bits))
    for name, scale in (("C", 20), ("I", 20), ("A", 30)):
        expected = 1 + found["scores"][name]["mean"]["mean"] / scale
        assert found["health"][name]["mean"] == pytest.approx(expected, abs=1e-12)


def test_more_impacts_never_help(random_bits):
    bits = random_bits[0, 0]
    now = resilience.health(bits), resilience.curve(bits, SETTINGS)
    for step, role in itertools.product(range(40), range(3)):
        more = bits.copy()
        more[step, role] = True
        assert (resilience.health(more) <= now[0]).all()
        after = resilience.curve(more, SETTINGS)
        assert after.mean() <= now[1].mean()
        assert after.min() <= now[1].min()


def test_nothing_and_everything():
    nothing, everything = (figures(harm(np.full((9, 3), bit))) for bit in (False, True))
    assert nothing["resilience"]["mean"] == nothing["depth"]["mean"] == nothing["everywhere"]["mean"] == 1
    assert nothing["recovery"] is nothing["from_worst"] is None
    assert nothing["outages"] == 0
    first = nothing["first_impact"]
    assert (first["censored"], first["within"], first["median"]["value"]) == (1, 9, None)
    assert everything["resilience"]["mean"] == pytest.approx(0)
    assert everything["scores"]["R"]["mean"]["mean"] == pytest.approx(-70 / 3)
    assert everything["recovery"]["ended"]["value"] == 0
    assert everything["recovery"]["median"]["value"] is None


def test_steps_after_the_end_do_not_count(random_bits):
    lengths = np.full((2, 6), 40)
    lengths[:, 3] = 25
    cut = random_bits.copy()
    cut[:, 3, 25:] = True
    other = random_bits.copy()
    other[:, 3, 25:] = False
    assert figures(harm(cut), lengths) == figures(harm(other), lengths)
    one = figures(harm(random_bits[:1, 3:4, :25]))
    alone = figures(harm(cut[:1, 3:4]), lengths[:1, 3:4])
    assert alone == one


def test_exposure_is_the_same_sum_of_full_control(random_bits):
    swapped = figures(harm(random_bits[::-1], held=random_bits))["exposure"]
    assert swapped["health"] == figures(harm(random_bits))["health"]
    assert swapped["resilience"] == figures(harm(random_bits))["resilience"]


def test_the_mean_over_all_roles_is_everywhere():
    """On a fixed record of five hosts, each of the sixty maps of three roles."""
    hosts = np.random.default_rng(2).random((1, 2, 30, 5)) < 0.4
    share = hosts.mean(axis=3)
    expected = np.stack([share, share], axis=3)
    maps = list(itertools.permutations(range(5), 3))
    found = [figures(harm(hosts[..., list(roles)], expected=expected)) for roles in maps[:4]]
    assert len({one["everywhere"]["mean"] for one in found}) == 1
    every = [resilience.health(hosts[..., list(roles)]).mean(axis=(0, 1, 2)) for roles in maps]
    np.testing.assert_allclose(np.mean(every, axis=0), found[0]["everywhere"]["mean"])
    one = found[0]
    apart = one["resilience"]["mean"] - one["everywhere"]["mean"]
    assert one["targeting"]["mean"] == pytest.approx(apart)


def test_published_scores_from_lines_of_json():
    """jaxborg's arithmetic on the last actions of agents, one JSON line per step; blue acts before red."""
    impacted = BLUE_FIRST
    lines = [json.dumps({"step": t, "red": [], "blue": []}) for t in range(10)]
    events = {1: ("red", "Degrade", DB), 3: ("red", "Impact", AUTH), 7: ("red", "Impact", WEB)}
    events |= {6: ("blue", "Restore", AUTH), 8: ("blue", "Restore", DB)}
    records = [json.loads(line) for line in lines]
    for t, (side, action, role) in events.items():
        records[t][side].append([action, ROLES[role], "TRUE"])
    records[4] |= {"blue": [["Restore", "DB", "TRUE"]], "red": [["Impact", "DB", "TRUE"]]}
    records[2]["red"].append(["Impact", "WEB", "FALSE"])
    records[5]["blue"].append(["Restore", "DB", "IN_PROGRESS"])
    state, per_step = dict.fromkeys(ROLES, 0), []
    for record in records:
        for action, role, result in (*record["blue"], *record["red"]):
            if result == "TRUE":
                state[role] = int(action != "Restore")
        c, i = -10 * (state["AUTH"] + state["DB"]), -10 * (state["AUTH"] + state["WEB"])
        a = -10 * sum(state.values())
        per_step.append([c, i, a, (c + i + a) / 3])
    np.testing.assert_allclose(resilience.scores(impacted), per_step)


# ---------------------------------------------------------------- settings and pairs


def test_weights_are_a_choice():
    only_c = figures(harm(BLUE_FIRST), settings=Settings(weights=(1, 0, 0)))
    assert only_c["resilience"]["mean"] == only_c["health"]["C"]["mean"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": (1, 1, 1)}, r"weights is \(1, 1, 1\); it must be three numbers whose sum is 1"),
        ({"scorer": "V9"}, "scorer is 'V9'; known: original, V2, V3, V4"),
        ({"weighter": "V9"}, "weighter is 'V9'"),
        ({"window": 0}, "window is 0"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Settings(**changes)


def test_pairs_are_compared_in_the_same_episodes(random_bits):
    lengths = np.full((2, 6), 40)
    first, second = harm(random_bits), harm(random_bits[:1] & random_bits[1:])
    found = resilience.pair(first, second, lengths, lengths[:1])
    areas = [resilience.curve(one.impacted, SETTINGS).mean(axis=2) for one in (first, second)]
    assert found["resilience"]["mean"] == pytest.approx(paired_difference(*areas).mean)
    assert found["resilience"]["mean"] < 0
    assert found["probability_of_improvement"]["value"] < 0.5
    assert found["recovery"]["value"] > 0
    assert found["recovery"]["low"] < found["recovery"]["value"] < found["recovery"]["high"]
    same = resilience.pair(first, first, lengths, lengths)
    assert same["resilience"]["mean"] == same["recovery"]["value"] == 0
    none = harm(np.zeros_like(random_bits))
    assert resilience.pair(first, none, lengths, lengths)["recovery"] is None


def test_all_roles_serve_availability():
    assert SERVES.sum(axis=1).tolist() == [2, 2, 3]
    assert SERVES[:, AUTH].all()
