"""Ranges name what is wrong and what would be right."""

import numpy as np
import pytest

from garrison.algos.ippo import Config
from garrison.learn.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Range, check


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (COUNT, (1, 7), (0, -1, None, "1", np.nan)),
        (POSITIVE, (1e-9, 3), (0, -1, np.inf, np.nan, None)),
        (NOT_NEGATIVE, (0, 0.5, np.array([0.0, 2.0])), (-1e-9, np.inf, np.array([0.5, -1.0]))),
        (SHARE, (0, 1, 0.5), (1.1, -0.1, np.nan)),
        (Range(1, optional=True), (None, 2), (0,)),
    ],
)
def test_what_is_inside(allowed, inside, outside):
    assert all(value in allowed for value in inside)
    assert not any(value in allowed for value in outside)


def test_the_message_names_field_value_and_range():
    with pytest.raises(ValueError, match=r"^gamma is 1.5; it must be in 0 .. 1$"):
        check(Config(gamma=1.5), {"gamma": SHARE})
    with pytest.raises(ValueError, match=r"^target_kl is 0; it must be above 0, and finite, or None$"):
        check(Config(target_kl=0), {"target_kl": Range(0, above=True, optional=True)})
