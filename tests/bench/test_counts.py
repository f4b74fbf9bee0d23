import jax
import jax.numpy as jnp

from garrison.bench import counts
from garrison.worlds.toy.network import Network


def test_equations_of_inner_programs_count_too():
    def program(x):
        return jax.lax.scan(lambda c, _: (jnp.sin(c) + 1, None), x, None, length=5)[0] * 2

    traced = jax.make_jaxpr(program)(1.0)
    assert [equation.primitive.name for equation in traced.eqns] == ["scan", "mul"]
    assert counts.equations(traced.jaxpr) == 4


def test_sizes_of_a_world():
    world = Network()
    sizes = counts.sizes(world)
    assert sizes["bytes_by_part"] == {"time": 4, "infected": 4, "alert": 4, "confirmed": 4, "busy": 2}
    assert sizes["bytes_per_environment"] == sizes["bytes_changed"] == 18
    assert sizes["bytes_seen"] == 2 * 8 * 4 + 2 * 7  # observations of two agents in float32, masks
    assert 50 < sizes["equations_in_step"] < 200


def test_what_a_step_hands_on_is_not_counted_as_changed():
    class Constant(Network):
        def step(self, key, state, actions):
            obs, after, step = super().step(key, state, actions)
            return obs, after.replace(infected=state.infected), step

    assert counts.sizes(Constant())["bytes_changed"] == 14
