"""Annotations of arrays: public functions have them, they are checked, and running needs nothing for them."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from array_types import CHECKED, unchecked
from test_import_budget import fresh_python

import garrison
from garrison.core.entities import Kind
from garrison.core.policy import Random
from garrison.core.world import Step
from garrison.core.wrappers import env_keys
from garrison.learn import dists, gae, norm, rollout
from garrison.worlds.cc4 import choose, observe, sessions, topology
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.state import initial_state

ROOT = Path(garrison.__file__).parent
KEY = jax.random.key(0)
# Arguments that are checked by the world, with an error that names the agent.
CHECKED_BY_THE_WORLD = ("actions",)


def zeros(*shape, dtype=jnp.float32):
    return jnp.zeros(shape, dtype)


def unspecific(source: str) -> list[str]:
    """Arguments and results of public functions that are annotated as arrays without dtype and axes."""
    found = []

    def visit(node: ast.AST, path: str) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                continue
            if child.name.startswith("_") and not child.name.startswith("__"):
                continue
            name = f"{path}{child.name}"
            if isinstance(child, ast.ClassDef):
                visit(child, f"{name}.")
                continue
            arguments = [*child.args.args, *child.args.kwonlyargs]
            hints = {a.arg: a.annotation for a in arguments if a.arg not in CHECKED_BY_THE_WORLD}
            for what, hint in {**hints, "return": child.returns}.items():
                text = "" if hint is None else ast.unparse(hint)
                if text.removesuffix(" | None") in ("Array", "jax.Array"):
                    found.append(f"{name}: {what}")

    visit(ast.parse(source), "")
    return found


def test_public_functions_tell_dtypes_and_axes():
    files = [file for package in CHECKED for file in (ROOT / package.split(".")[1]).rglob("*.py")]
    assert len(files) > 50
    found = {str(file.relative_to(ROOT)): unspecific(file.read_text()) for file in files}
    assert not {file: names for file, names in found.items() if names}
    assert unspecific("class A:\n    def f(self, x: Array | None) -> Array: ...") == ["A.f: x", "A.f: return"]


@pytest.fixture(scope="module")
def state():
    return initial_state(topology.generate(KEY, default_options()))


# Calls that are right but for one array, and the name of its argument.
WRONG = {
    "a float for a key": (lambda: env_keys(zeros(), 2), "key"),
    "axes in another order": (
        lambda: dists.masked_categorical(zeros(2, 3), zeros(3, 2, dtype=bool)),
        "mask",
    ),
    "a float for an index": (lambda: dists.log_prob(zeros(2, 3), zeros(2)), "action"),
    "environments before steps": (
        lambda: gae.advantages(
            *(zeros(5, 2) for _ in range(3)), *(zeros(2, 5, dtype=bool) for _ in range(2)), 0.9, 0.9
        ),
        "terminated",
    ),
    "no axis of agents": (
        lambda: norm.scale_rewards(norm.RewardScale.zero(2, 1), zeros(5, 2), zeros(5, 2, dtype=bool), 0.9),
        "reward",
    ),
    "an index of other environments": (
        lambda: rollout.pick(zeros(5, 2, 3), zeros(4, 3, dtype=jnp.int32)),
        "index",
    ),
    "a mask without agents": (
        lambda: Random().act(KEY, zeros(2, 3), zeros(4, dtype=bool), ()),
        "mask",
    ),
    "a reward of integers": (
        lambda: Step(zeros(2, dtype=jnp.int32), *zeros(2, dtype=bool), final_obs=zeros(2, 3), info={}),
        "reward",
    ),
    "groups of other slots": (
        lambda: Kind(
            name="host",
            agents=(0,),
            features=np.zeros((1, 4, 2), np.int32),
            constants=np.zeros((1, 4, 1), np.float32),
            exists=np.zeros((1, 5), np.int32),
            actions=np.zeros((1, 4, 3), np.int32),
            verbs=("a", "b", "c"),
        ),
        "exists",
    ),
    "a number for each entry": (lambda: choose.nth(zeros(6, 4, dtype=bool), zeros(6, 4)), "u"),
}
# The same for functions of a CC4 state.
WRONG_WITH_STATE = {
    "another dtype in the state": (
        lambda state: state.replace(host_decoy=state.host_decoy.astype(jnp.int32)),
        "host_decoy",
    ),
    "swapped axes in the state": (lambda state: state.replace(session_id=state.session_id.T), "session_id"),
    "a mask of hosts for one of sessions": (
        lambda state: sessions.drop(state, zeros(T.NUM_HOSTS, dtype=bool)),
        "mask",
    ),
    "bits before agents": (
        lambda state: observe.blue_vectors(topology.generate(KEY, default_options()), state, zeros(8, 5)),
        "messages",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_arrays_are_found(mistake):
    call, argument = WRONG[mistake]
    with pytest.raises(jaxtyping.TypeCheckError, match=f"parameter '{argument}'"):
        call()


@pytest.mark.parametrize("mistake", WRONG_WITH_STATE)
def test_wrong_arrays_are_found_beside_a_state(mistake, state):
    call, argument = WRONG_WITH_STATE[mistake]
    with pytest.raises(jaxtyping.TypeCheckError, match=f"parameter '{argument}'"):
        call(state)


def test_a_wrong_result_is_found(monkeypatch):
    monkeypatch.setattr(jnp, "argmax", lambda x, axis: jnp.zeros(x.shape))
    with pytest.raises(jaxtyping.TypeCheckError, match="return value of garrison.learn.dists.mode"):
        dists.mode(zeros(2, 3))


def test_checks_can_be_left_out():
    with unchecked():
        assert dists.masked_categorical(zeros(3), zeros(2, 3, dtype=bool)).shape == (2, 3)


def test_running_needs_no_jaxtyping():
    program = """
import sys
import garrison.worlds.cc4.env, garrison.core.testing
from garrison.core.typing import Array, Float32
assert Float32[Array, "agent feature"] is Array
print("jaxtyping" in sys.modules, "beartype" in sys.modules)
"""
    assert fresh_python(program).split() == ["False", "False"]
