"""Observations of single log entries, and the tables of their text (``§6.1``)."""

import hashlib

import jax
import numpy as np
import pytest
from short_episodes import NUM_ENVS, SHORT, played

import garrison
from garrison.core import entities
from garrison.llm import log_table
from garrison.worlds.soc import encoders, text
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.text import table
from garrison.worlds.soc.text.delivered import entry

STATIC = SHORT.static


def remembered():
    """State and entries after each step of the first environment, in NumPy."""
    remember = jax.jit(lambda recent, before, after: encoders.remember(STATIC, recent, before, after))
    recent = encoders.none()
    for before, after, _ in played()[::NUM_ENVS]:
        recent = remember(recent, before.state, after.state)
        yield before, after, jax.device_get(recent)


def test_agents_keep_the_last_entries_of_their_hosts():
    kept = [[], [], []]
    for before, after, recent in remembered():
        for agent in range(T.NUM_BLUE):
            kept[agent] += text.delivered(STATIC, before.state, after.state, agent)
            count = min(len(kept[agent]), encoders.RECENT)
            assert (recent.what[agent] > 0).sum() == count
            columns = (recent.what, recent.where, recent.recorded, recent.delivered)
            rows = zip(*(column[agent, :count].tolist() for column in columns), strict=True)
            found = {entry(*row) for row in rows}
            oldest = min((one.delivered for one in found), default=0)
            assert found <= set(kept[agent])
            assert {one for one in kept[agent] if one.delivered > oldest} <= found
            assert (np.diff(recent.delivered[agent]) <= 0).all()
    assert all(len(own) > encoders.RECENT for own in kept)


def test_observations_hold_entries_and_the_mean_of_their_vectors():
    *_, (_, after, recent) = remembered()
    game = SHORT.game(jax.tree.map(jax.numpy.asarray, after))

    def observe(contract, recent=recent):
        seen = jax.jit(lambda state, kept: encoders.vectors(game, state, contract, kept, table.DEFAULT))
        return np.asarray(seen(after.state, recent))

    tokens, words = observe("tokens"), observe("text")
    for contract, found in (("tokens", tokens), ("text", words)):
        assert encoders.sizes(STATIC, contract) == (found.shape[1],) * T.NUM_BLUE
        for agent in range(T.NUM_BLUE):
            assert len(encoders.labels(STATIC, agent, contract)) == found.shape[1]
    assert (words[:, : tokens.shape[1]] == tokens).all()
    what, host = int(recent.what[1, 0]), int(recent.where[1, 0]) & 255
    severity = tokens[1, encoders.labels(STATIC, 1, "tokens").index("log entry 0: severity")]
    assert severity == pytest.approx(K.SEVERITY[what & 31] / 10)
    alone = recent.replace(what=np.where(np.arange(encoders.RECENT) == 0, recent.what, 0).astype(np.uint32))
    number = table.index()[what & 31, int(after.topology.host_os[host]), what >> 13]
    vector = observe("text", alone)[1, -table.WIDTH :]
    np.testing.assert_allclose(vector, table.load().vectors[number], rtol=1e-5, atol=1e-6)


def test_worlds_name_their_table(tmp_path):
    own = tmp_path / "table.f16"
    table.write(own, lambda lines: np.ones((len(lines), table.WIDTH), np.float32))
    plain, tfidf, other = (
        garrison.make("soc", **options)
        for options in ({}, {"observation": "text"}, {"observation": "text", "table": str(own)})
    )
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    assert other.version == f"{plain.version}.{digest[:12]}"
    assert tfidf.version.startswith(f"{plain.version}.")
    assert tfidf.version != other.version
    entities.check(tfidf.entities(), tfidf)
    with pytest.raises(ValueError, match="cannot be read.*make it with python -m"):
        garrison.make("soc", observation="text", table=str(tmp_path / "none.f16"))
    for damaged, message in (
        (own.read_bytes()[:-1], r"it must be float16 \(\d+, 128\)"),
        (b"\x00\x7c" + own.read_bytes()[2:], "not finite"),
    ):
        own.write_bytes(damaged)
        table.load.cache_clear()
        with pytest.raises(ValueError, match=message):
            garrison.make("soc", observation="text", table=str(own))
        table.write(own, lambda lines: np.ones((len(lines), table.WIDTH), np.float32))


def test_the_shipped_table_is_what_tfidf_gives(tmp_path):
    """Up to rounding, by which machines differ; near lines have near vectors."""
    table.write(tmp_path / "again.f16")
    made, shipped = table.load(str(tmp_path / "again.f16")).vectors, table.load().vectors
    np.testing.assert_allclose(made @ made.T, shipped @ shipped.T, atol=5e-3)
    near = {type: table.index()[type, T.Os.WINDOWS_10, K.PORT_OF[type]] for type in range(1, K.NUM_TOKENS)}
    same = shipped[near[K.Token.AUTH_OK]] @ shipped[near[K.Token.AUTH_FAIL]]
    assert same > shipped[near[K.Token.AUTH_OK]] @ shipped[near[K.Token.DNS]] + 0.1


def test_a_transformer_needs_its_extra():
    with pytest.raises(ValueError, match=r"sentence_transformers; install with: .*garrison.text."):
        log_table.transformer("any")
