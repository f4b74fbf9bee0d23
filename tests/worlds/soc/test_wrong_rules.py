"""The comparison with the reference can fail: it notices each of the wrong rules.

``python studies/soc_mutations.py`` writes the table of what it finds first.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path

import noticed
import pytest
from wrong_rules import RULES, UNEXERCISED

TABLE = Path(__file__).parents[3] / "results" / "soc_mutations" / "figures.json"
NAMES = [f"{wrong.rule}: {wrong.instead}" for wrong in RULES]


@pytest.fixture(scope="module")
def table():
    if not TABLE.exists():
        pytest.skip("results/soc_mutations is not there yet")
    return json.loads(TABLE.read_text())


def test_there_are_enough_wrong_rules_each_with_a_name_of_its_own():
    assert len(set(NAMES)) == len(NAMES) >= 60


def test_what_is_replaced_still_stands():
    """Whoever rewrites a rule of the kernel adapts the wrong variant of it."""
    for wrong in RULES + UNEXERCISED:
        target, attribute, value = wrong.change.patch()
        assert getattr(target, attribute) is not value


def test_what_no_tape_exercises_has_a_unit_test():
    for wrong in UNEXERCISED:
        file, name = wrong.held_by.split("::")
        text = (Path(__file__).parent / file).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), wrong.held_by


def test_the_table_is_of_these_rules(table):
    rules = {f"{wrong.rule}: {wrong.instead}": wrong.change.text for wrong in RULES}
    assert len(table["rules"]) >= 40
    for row in table["rules"]:
        assert rules[f"{row['rule']}: {row['instead']}"] == row["change"]
        assert "field" in row


@pytest.mark.slow
def test_the_tapes_are_those_of_the_reference(table):
    assert noticed.agree() == table["events"]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", RULES, ids=NAMES)
def test_a_wrong_rule_is_noticed(wrong, table):
    found = noticed.search(wrong)
    assert found is not None, f"nothing differs with {wrong.change.text}"
    rows = [row for row in table["rules"] if row["change"] == wrong.change.text]
    assert all(row.items() >= asdict(found).items() for row in rows)
