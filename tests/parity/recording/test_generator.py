"""The recording generator draws what NumPy's does, bit by bit, and writes it down."""

from enum import Enum
from ipaddress import IPv4Address

import numpy as np
import pytest

from garrison.parity.recording.generator import RecordingGenerator


class Colour(Enum):
    RED = 1


class Session:
    pass


class Host:
    def __init__(self, generator):
        self.hostname, self.generator = "attic", generator

    def create_pid(self):
        return self.generator.integers(1, 10)

    def get_ephemeral_port(self):
        return self.generator.integers(49152, 60000)


def drawn(generator, rounds=300):
    """All the calls that CybORG makes, many times; the results as plain values."""
    things = [Session() for _ in range(7)]
    out = []
    for _ in range(rounds):
        deck = list(range(40))
        generator.shuffle(deck)
        out += [
            things.index(generator.choice(things)),
            generator.choice(254),
            generator.choice(["only"]),
            tuple(generator.choice([("a", "x"), ("b", "y"), ("c", "z")], replace=False)),
            str(generator.choice(["u", "v", "w"], p=[0.5, 0.25, 0.25])),
            generator.choice([7, 8, 9]),
            generator.integers(100),
            generator.integers(1, 10),
            generator.integers(3, 10, endpoint=True),
            generator.random(),
            deck,
        ]
    return out


@pytest.mark.parametrize("seed", [0, 1, 123456789])
def test_it_draws_what_numpy_draws(seed):
    recording, native = RecordingGenerator(seed), np.random.default_rng(seed)
    assert drawn(recording) == drawn(native)
    assert recording.state == native.bit_generator.state


def test_what_is_chosen_has_the_type_that_numpy_gives():
    generator = RecordingGenerator(0)
    assert isinstance(generator.choice([1, 2]), np.int64)
    assert isinstance(generator.choice(["a", "b"]), np.str_)
    assert isinstance(generator.choice([("a", 1), ("b", 2)]), np.ndarray)
    assert isinstance(generator.choice([Session(), Session()]), Session)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        (["a", "a"], "a"),
        ([3, 3], "3"),
        ([Session, Session], "Session"),
        ([Session(), Session()], "Session"),
        ([IPv4Address("10.0.0.1")] * 2, "10.0.0.1"),
        ([Colour.RED] * 2, "Colour.RED"),
        ([("r", "h"), ("r", "h")], ["r", "h"]),
        (2, None),
    ],
)
def test_choices_are_labelled(options, label):
    generator = RecordingGenerator(5)
    generator.agent = "red_agent_0"
    generator.choice(options)
    ((site, agent, host, kind, count, outcome, said),) = generator.cut()
    assert site.startswith("test_generator.py:")
    assert (agent, host, kind, count, said) == ("red_agent_0", None, "choice", 2, label)
    assert outcome in (0, 1)
    assert generator.cut() == []


def test_each_draw_is_written_down_with_its_range():
    generator = RecordingGenerator(5)
    values = [
        generator.integers(100),
        generator.integers(3, 10, endpoint=True),
        generator.random(),
    ]
    generator.choice(["a", "b"], p=[0, 1])
    tape = generator.cut()
    assert [row[3:5] for row in tape] == [
        ["integers", [0, 100]], ["integers", [3, 11]], ["random", None], ["choice_p", [0.0, 1.0]],
    ]  # fmt: skip
    assert [row[5] for row in tape] == [*values, 1]
    assert all(type(row[5]) in (int, float) for row in tape)  # JSON-ready


def test_what_cannot_change_an_episode_is_left_out():
    generator = RecordingGenerator(5)
    generator.shuffle([1, 2, 3])
    generator.choice(["only"])
    generator.choice(1)
    generator.integers(0, 1)
    Host(generator).get_ephemeral_port()
    assert generator.cut() == []


def test_a_host_that_draws_is_named():
    generator = RecordingGenerator(5)
    Host(generator).create_pid()
    assert generator.cut()[0][2] == "attic"


def test_it_goes_on_from_a_state():
    first = RecordingGenerator(5)
    drawn(first, 3)
    other = RecordingGenerator(6)
    other.state = first.state
    assert drawn(other, 3) == drawn(first, 3)
