"""The studies of suites and of distances: what is kept of episodes, and the figures and pages made of it."""

import numpy as np
import pytest
from doc_pages import script

from garrison.judge import suites
from garrison.judge.evaluate import Episodes
from garrison.studies.study import ORIGIN, page

of_suites, of_distances = script("studies/cc4_suites.py"), script("studies/cc4_red_distances.py")
MADE_UP = dict.fromkeys(ORIGIN, "-")
FEW = suites.Suite("few", 1, "a test", 3, 9, suites.get("competition").entries[:2])


@pytest.fixture
def played(monkeypatch):
    """Stand-in for playing; lists the entries and policies that were played."""

    def play(entry, players, episodes, seed):
        asked.append((entry.name, list(players)))
        scores = -np.arange(episodes, dtype=np.float64)[None] - (entry.name == "constant")
        one = Episodes(scores, scores, scores, {"LWF": scores[..., None]}, scores, scores * 0)
        return dict.fromkeys(players, one)

    asked: list = []
    monkeypatch.setattr(of_suites.suite_play, "play_entry", play)
    monkeypatch.setattr(of_suites.suite_play, "players", lambda suite, names: dict.fromkeys(names))
    monkeypatch.setitem(of_suites.ALL, "few", FEW)
    return asked


def test_only_what_is_missing_is_played(played, tmp_path):
    of_suites.play(FEW, ["guard"], 4, tmp_path)
    of_suites.play(FEW, ["guard", "best"], 4, tmp_path)
    assert played == [
        ("base", ["guard"]),
        ("constant", ["guard"]),
        ("base", ["best"]),
        ("constant", ["best"]),
    ]
    of_suites.play(FEW, ["best"], 6, tmp_path)
    assert played[4:] == [("base", ["best"]), ("constant", ["best"])]
    figures = of_suites.summaries(tmp_path)["few"]
    assert (figures["episodes"], figures["versus"]) == (4, "best")
    assert list(figures["policies"]) == ["guard", "best"]
    assert figures["policies"]["best"]["mean"]["mean"] == -2
    assert figures["policies"]["best"]["worst"]["entry"] == "constant"
    text = "\n".join(page(of_suites.study(MADE_UP | {"suites": {"few": figures}})))
    assert "On few, mean over families: `guard` −2.00 [" in text
    assert "| constant | −2.50 [" in text
    other = suites.Suite("few", 2, "a test", 3, 9, FEW.entries)
    with pytest.raises(ValueError, match="few-guard.json is of another suite"):
        of_suites.play(other, ["guard"], 4, tmp_path)


def test_a_policy_that_has_not_played_all_is_left_out(played, tmp_path):
    of_suites.play(FEW, ["guard"], 2, tmp_path)
    half = suites.Suite("few", 1, "a test", 3, 9, FEW.entries[:1])
    half.__dict__["hash"] = FEW.hash
    of_suites.play(half, ["idle"], 2, tmp_path)
    assert list(of_suites.summaries(tmp_path)["few"]["policies"]) == ["guard"]


def test_distances_of_counts(tmp_path):
    """A red that acts as the stock one is not distinguishable; another one is, by both defenders."""
    rng = np.random.default_rng(2)
    shares, other = rng.dirichlet(np.ones(30), 2)
    stock, same, apart = (
        np.stack([rng.multinomial(400, p, 40) for p in pair])
        for pair in ((shares, shares), (shares, shares), (other, other))
    )
    half = np.stack([same[0], apart[1]])
    found = {"fsm": stock, "same": same, "apart": apart, "half": half}
    figures = of_distances.measured(found)
    reds = figures["reds"]
    assert [reds[red]["distinguishable"] for red in ("same", "apart", "half")] == [False, True, False]
    assert reds["half"]["distance"] == reds["half"]["idle"] < reds["half"]["guard"]
    assert figures["noise"]["idle"]["line"] < reds["apart"]["distance"]
    text = "\n".join(page(of_distances.study(MADE_UP | figures)))
    assert "Not distinguishable from `fsm`: `same`, `half`." in text
    of_distances.keep(tmp_path / "counts.npz", found)
    again = of_distances.known(tmp_path / "counts.npz", 40)
    np.testing.assert_array_equal(again["half"], half)
    assert of_distances.known(tmp_path / "counts.npz", 41) == of_distances.known(None, 40) == {}


def test_all_reds_of_suites_are_measured():
    assert of_distances.reds()[0] == "fsm"
    assert {"cia_a", "discovery", "target_b_re", "combined"} < set(of_distances.reds())
