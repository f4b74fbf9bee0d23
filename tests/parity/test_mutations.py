"""The comparison can fail: replays notice wrong rules, and what they cannot notice has a unit test.

``python studies/cc4_mutations.py`` writes the table of what they find first.
"""

import json
import re
from pathlib import Path

import pytest
from mutations import edit, recordings, search
from mutations.rules import NOTICED, UNEXERCISED

from garrison.worlds.cc4 import reward

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "results" / "cc4_mutations" / "figures.json"


@pytest.fixture(scope="module")
def table():
    return json.loads(TABLE.read_text())


def names(rules):
    return [wrong.instead for wrong in rules]


def test_there_are_enough_wrong_rules_each_with_a_name_of_its_own():
    every = names(NOTICED) + names(UNEXERCISED)
    assert len(set(every)) == len(every)
    quirks = {wrong.quirk for wrong in NOTICED}
    assert len(NOTICED) >= 30
    assert len(quirks - {""}) >= 20


@pytest.mark.parametrize("wrong", NOTICED + UNEXERCISED, ids=names(NOTICED + UNEXERCISED))
def test_what_is_replaced_still_stands(wrong):
    """Whoever rewrites a rule of the engine adapts the wrong variant of it."""
    if wrong.change.patch is not None:
        target, attribute, value = wrong.change.patch()
        assert getattr(target, attribute) is not value


def test_a_piece_that_is_gone_is_named():
    with pytest.raises(ValueError, match=r"reward_parts has no 'bonus' any more"):
        edit(reward.reward_parts, ("bonus", "0")).patch()


@pytest.mark.parametrize("wrong", UNEXERCISED, ids=names(UNEXERCISED))
def test_what_no_recording_exercises_has_a_unit_test(wrong):
    file, name = wrong.held_by.split("::")
    assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE)


def test_the_table_is_that_of_these_rules(table):
    assert [row["instead"] for row in table["noticed"]] == names(NOTICED)
    assert [row["instead"] for row in table["unexercised"]] == names(UNEXERCISED)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", NOTICED, ids=names(NOTICED))
def test_a_wrong_rule_is_noticed(wrong, table):
    missing = set(wrong.episodes) - recordings().keys()
    if missing:
        pytest.skip(f"not beside the repository: {', '.join(sorted(missing))}")
    found = next(search(wrong, wrong.episodes), None)
    assert found is not None, f"no replay notices {wrong.change.text}"
    (row,) = (row for row in table["noticed"] if row["instead"] == wrong.instead)
    assert found.row() == {key: row[key] for key in found.row()}
