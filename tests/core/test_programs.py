"""Room for compiled programs."""

import jax
import jax.numpy as jnp
import pytest

from garrison.core import programs


@pytest.fixture
def process(tmp_path, monkeypatch):
    """A process with so many of ten mappings."""

    def uses(number):
        (tmp_path / "maps").write_text("7f00 r-xp\n" * number)
        (tmp_path / "limit").write_text("10\n")

    monkeypatch.setattr(programs, "_MAPPINGS", tmp_path / "maps")
    monkeypatch.setattr(programs, "_LIMIT", tmp_path / "limit")
    return uses


def test_programs_are_forgotten_when_half_of_the_mappings_are_used(process, monkeypatch):
    cleared = []
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(True))
    process(5)
    assert not programs.make_room()
    process(6)
    assert programs.make_room()
    assert cleared == [True]


def test_what_was_forgotten_is_compiled_again(process):
    double = jax.jit(lambda x: 2 * x)
    before = double(jnp.arange(3))
    process(9)
    assert programs.make_room()
    assert (double(jnp.arange(3)) == before).all()


def test_systems_that_do_not_tell_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_MAPPINGS", tmp_path / "none")
    assert not programs.make_room()
