"""The verdicts of the study of diversity, on published and on made-up results."""

import sys

import numpy as np
import pytest
from doc_pages import script


@pytest.fixture(scope="module")
def diversity():
    module = script("studies/cc4_diversity.py")
    yield module
    del sys.modules[module.__name__]


def judged(rng, suite, level):
    """What is kept of a team with returns around ``level`` in a suite."""
    return {
        "returns": (level + rng.normal(0, 2, 40)).round(1).tolist(),
        "means": dict.fromkeys([entry.name for entry in suite.entries], level),
        "restores": dict.fromkeys([entry.name for entry in suite.entries], 0.1),
    }


def an_arm(diversity, level, seeds=4, spread=1.0, suites=None):
    """Training seeds that return ``level`` on average in each suite."""
    rng = np.random.default_rng(round(abs(level)))
    kinds = {name: diversity.SUITES[name] for name in suites or diversity.SUITES}
    records = {}
    for seed in range(seeds):
        own = level + spread * rng.normal()
        records[str(seed)] = {
            "minutes": 1.0,
            "steps": 400,
            "training_return": own,
            "suites": {name: judged(rng, suite, own) for name, suite in kinds.items()},
            "checkpoints": {
                "curve": [{"steps": step, "fsm": own, "validation": own} for step in (100, 200)],
                "half": {"steps": 200, **judged(rng, diversity.SUITES["literal"], own + 20)},
                "best": {"steps": 200, **judged(rng, diversity.SUITES["literal"], own)},
            },
        }
    return records


# ---------------------------------------------------------------- the published protocol


@pytest.mark.parametrize(
    ("differences", "value", "error", "word"),
    [
        ([431, 868, 480], 593, 138, "CONFIRMED"),
        ([230, 552, 504], 429, 100, "CONFIRMED"),
        ([158, 532, 459], 383, 115, "CONFIRMED"),
        ([147, 465, 449], 354, 104, "CONFIRMED"),
        ([300, 200, -140], 120, 133, "REFUTED"),
        ([60, 100, 140], 100, 23, "INCONCLUSIVE"),
        ([20, 40, 60], 40, 12, "REFUTED"),
        ([-300, 950, 10], 220, 376, "REFUTED"),  # its standard error reaches below 0
    ],
)
def test_the_published_verdicts_follow_from_the_published_numbers(diversity, differences, value, error, word):
    found = diversity.published_verdict(differences)
    assert found[0] == pytest.approx(value, abs=1)
    assert found[1] == pytest.approx(error, abs=1)
    assert found[2] == word


def test_the_protocol_pairs_trainings_by_number(diversity):
    base = an_arm(diversity, -1000.0, seeds=3, spread=0.0)
    better = an_arm(diversity, -700.0, seeds=4, spread=0.0)
    section = diversity._protocol("literal", diversity.Results({"C00": base, "C11": better}), ["C00", "C11"])
    assert section.rows == [("C11", "4", *["+300 ± 0 CONFIRMED"] * 4)]


# ---------------------------------------------------------------- claims


def the_word(diversity, claim, **levels):
    arms = {name.replace("_topo", "-topo"): an_arm(diversity, level) for name, level in levels.items()}
    return claim.verdict(diversity.Results(arms))[-1]


def test_diversity_needs_both_of_its_controls(diversity):
    claim = diversity.CLAIMS[0]
    levels = {"C00": -1000.0, "miss": -800.0, "flat2": -900.0, "miss_priced": -950.0}
    assert the_word(diversity, claim, **levels) == "supported"
    assert the_word(diversity, claim, **levels | {"flat2": -780.0}) == "refuted"
    assert the_word(diversity, claim, **levels | {"miss_priced": -1000.2}) == "undecided"
    assert the_word(diversity, claim, **levels | {"miss_priced": -1100.0}) == "refuted"
    del levels["flat2"]
    assert the_word(diversity, claim, **levels) == "not run"


def test_a_sum_of_single_axes_is_compared_with_the_whole(diversity):
    claim = next(claim for claim in diversity.CLAIMS if "sum over single axes" in claim.words)
    levels = {"C00": -1000.0, "miss": -900.0, "pbound": -950.0, "cjewel": -970.0}  # 180 together
    assert the_word(diversity, claim, C11_topo=-820.0, **levels) == "supported"
    assert the_word(diversity, claim, C11_topo=-700.0, **levels) == "refuted"
    results = diversity.Results(
        {name.replace("_topo", "-topo"): an_arm(diversity, level, spread=0.0)
         for name, level in (levels | {"C11_topo": -810.0}).items()}
    )  # fmt: skip
    value, *_ = diversity.difference(results, claim.parts[0], "literal")
    assert value == pytest.approx(10, abs=1.5)


def test_few_seeds_are_no_verdict(diversity):
    claim = next(claim for claim in diversity.CLAIMS if claim.words == "C11 > C00")
    arms = {"C00": an_arm(diversity, -1000.0), "C11": an_arm(diversity, -500.0, seeds=2)}
    shown, seeds, word = claim.verdict(diversity.Results(arms))
    assert (seeds, word) == ("2", "too few seeds")
    assert float(shown.split()[0]) == pytest.approx(50, abs=1)
    assert diversity.effect(diversity.Results(arms), "C11", "literal").endswith("too few seeds")


def test_effects_have_words(diversity):
    levels = {"C00": -1000.0, "C11": -900.0, "miss": -1100.0, "single": -1000.5}
    results = diversity.Results({name: an_arm(diversity, level) for name, level in levels.items()})
    words = {arm: diversity.effect(results, arm, "heldout").split()[-1] for arm in levels if arm != "C00"}
    assert words == {"C11": "better", "miss": "worse", "single": "equal"}
    wide = {"C00": an_arm(diversity, -1000.0, spread=150), "C11": an_arm(diversity, -1010.0, spread=150)}
    assert diversity.effect(diversity.Results(wide), "C11", "literal").endswith("undecided")
    assert diversity.effect(results, "jewels", "literal") == "-"


def test_checkpoints_of_a_run_are_compared(diversity):
    results = diversity.Results({"C00": an_arm(diversity, -1000.0), "miss": an_arm(diversity, -900.0)})
    words = {claim.words: claim.verdict(results)[-1] for claim in diversity.CLAIMS}
    assert words["miss after half of the steps > miss"] == "supported"
    assert words["miss, half of the steps with a falling rate > miss"] == "not run"


# ---------------------------------------------------------------- trainings and suites


def test_every_arm_is_another_training(diversity):
    for regime in diversity.REGIMES:
        names = [*diversity.ARMS, *(diversity.FALLING if regime == "literal" else ())]
        trainings = [diversity.training_of(regime, name, 0, 1.0) for name in names]
        for training in trainings:
            training.check()
        assert len({str(training.to_json()) for training in trainings}) == len(names)
    whole, short, falling = (
        diversity.training_of("literal", name, 3, share)
        for name, share in (("miss", 1.0), ("miss", 0.01), ("miss falling", 1.0))
    )
    assert (whole.vary, whole.seed, whole.settings.total_steps) == (("missions",), 3, 10_000_000)
    assert (short.settings.total_steps, short.keep_every) == (100_000, 1)
    assert (falling.settings.total_steps, falling.settings.anneal_lr) == (5_000_000, True)
    assert not whole.settings.anneal_lr


def test_the_suite_of_claims_serves_no_choice(diversity):
    assert set(diversity.SUITES) - set(diversity.OPENED) == {"heldout"}
    assert {claim.suite for claim in diversity.CLAIMS} <= set(diversity.SUITES)


# ---------------------------------------------------------------- the page


def test_the_page_is_made_of_what_there_is(diversity):
    arms = [*diversity.ARMS, *diversity.FALLING]
    whole = {arm: an_arm(diversity, -1000.0 + 10 * i, seeds=3) for i, arm in enumerate(arms)}
    some = {"C00": an_arm(diversity, -100.0, seeds=1, suites=["literal"])}
    rng = np.random.default_rng(0)
    control = {name: judged(rng, suite, -99.0) for name, suite in diversity.SUITES.items()}
    figures = {
        "regimes": {"literal": whole, "strong": some},
        "controls": {"guard": control},
        "share": 1.0,
        "episodes": 40,
    }
    study = diversity.study(diversity.origin("python studies/cc4_diversity.py") | figures)
    claims = study.sections[0].rows
    assert len(claims) == 2 * len(diversity.CLAIMS)
    words = {row[-1] for row in claims if row[1] == "literal"}
    assert words <= {"supported", "refuted", "undecided"}
    assert {row[-1] for row in claims if row[1] == "strong"} == {"not run"}
    for section in study.sections:
        assert all(len(row) == len(section.header) for row in section.rows), section.title
    tables = {section.title: section.rows for section in study.sections}
    assert [row[0] for row in tables["literal: returns in the suite heldout"]] == ["guard", *arms]
    assert [row[0] for row in tables["strong: returns in the suite literal"]] == ["guard", "C00"]
