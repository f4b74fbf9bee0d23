import jax
import jax.numpy as jnp
import pytest

from garrison.bench import scopes


@pytest.mark.parametrize(
    ("op_name", "scope"),
    [
        ("jit(play)/while/body/closed_call/vmap()/red/gather", "red"),
        ("jit(play)/while/body/closed_call/vmap(red)/jit(_where)/select_n", "red"),
        ("jit(f)/transpose(jvp(policy))/dot_general", "policy"),
        ("jit(f)/jvp(vmap(policy/head))/dot_general", "policy"),
        ("jit(f)/green/report/add", "green"),
        (
            "jit(mapped)/vmap(jit(_threefry_split))/_play.<locals>.<lambda>/while/body/closed_call/add",
            "unattributed",
        ),
        ("jit(f)/while/body_pred/lt", "unattributed"),
        ("jit(f)/add;jit(f)/mul", "unattributed"),
        ("add", "unattributed"),
        ("", "unattributed"),
    ],
)
def test_the_scope_of_an_operation(op_name, scope):
    assert scopes.scope_of(op_name) == scope


def test_a_profile_finds_where_the_time_goes():
    def one(x, _):
        with jax.named_scope("heavy"):
            x = jnp.sort(jnp.sin(x * 1000.0))
        with jax.named_scope("light"):
            return x[::-1].at[0].set(1.0), None

    program = jax.jit(lambda x: jax.lax.scan(one, x, None, length=20)[0])
    x = jnp.linspace(0, 1, 20_000)
    rows = scopes.profile(program.lower(x).compile(), (x,), env_steps=20)
    assert rows[0]["scope"] == "heavy"
    assert rows[0]["share"] > 0.5
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert rows[0]["us_per_step"] > 10  # 20,000 sines, sorted
    assert all(row["operations"] >= 1 for row in rows)
