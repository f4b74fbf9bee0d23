"""What CC4's step may cost, in numbers that do not depend on the machine.

They are those of the compiler that constraints.txt names: another one counts otherwise. Whoever makes the
step larger with good reason changes the table, in the same commit.
"""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import garrison
from garrison.bench import counts, stages

NUM_ENVS = 64
#: At most: what was measured (4,409; 23,660; 415,874; 892,776) and 3% of room; of the second the aim, 24,000.
BUDGET = {
    "equations_in_step": 4_540,
    "bytes_per_environment": 24_000,
    "bytes_accessed_per_step": 428_000,
    "temporary_bytes": 920_000,
}
LOCKED = re.search(
    r"^jax==(\S+)", (Path(__file__).parents[2] / "constraints.txt").read_text(), flags=re.MULTILINE
)[1]


@pytest.fixture(scope="module")
def measured():
    """What is told of the step of all environments; programs from the cache tell the same."""
    world = garrison.make("cc4")
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), NUM_ENVS))
    state = jax.eval_shape(jax.vmap(world.reset), keys)[1]
    actions = jax.ShapeDtypeStruct((NUM_ENVS, world.num_agents), jnp.int32)
    executable, _ = stages.compiled(jax.jit(jax.vmap(world.step)), keys, state, actions)
    return counts.sizes(world) | stages.cost(executable, devices=1, num_envs=NUM_ENVS)


@pytest.mark.skipif(jax.__version__ != LOCKED, reason=f"the budgets are those of jax {LOCKED}")
@pytest.mark.parametrize("name", BUDGET)
def test_the_step_keeps_within_its_budget(measured, name):
    value, most = measured[name], BUDGET[name]
    assert value <= most, f"{name} is {value:,.0f}; the budget is {most:,} ({value / most - 1:+.1%})"
    assert value > 0.5 * most, f"{name} is {value:,.0f}, much less than the budget of {most:,}: lower it"
