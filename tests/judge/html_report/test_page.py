"""The report page, its pictures, and the story it tells."""

import io
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

from garrison.core.policy import Constant
from garrison.core.recording import Recording
from garrison.core.world import Step
from garrison.judge import story
from garrison.judge.evaluate import evaluate
from garrison.judge.format import duration, information, interval, number
from garrison.judge.html_report import plots
from garrison.judge.html_report.markup import cell, markup, strips, table, tag
from garrison.judge.html_report.page import PageData, page
from garrison.judge.html_report.target_plots import states_and_kinds
from garrison.judge.summary import matrix, summary
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Value

VOID = {"meta", "br"}
ROWS = [
    {
        "iteration": i,
        "env_steps": 10 * i,
        "seconds": 2.0,
        "return": [None if i == 3 else -10.0 + i, -12.0 + i],
    }
    for i in range(1, 21)
]


class Reader(HTMLParser):
    """Checks that what is opened is closed, and keeps what a test asks for."""

    def __init__(self):
        super().__init__()
        self.open, self.counts, self.text, self.sources = [], {}, [], []

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.sources += [
            value for name, value in attrs if name in ("src", "href") and not value.startswith("#")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data.strip())


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    return reader


@pytest.fixture(scope="module")
def subject():
    world = Network(steps=12)
    policies = world.policies() | {"ippo": [Constant((2, 4)), Constant((1, 3))]}
    results, recording = evaluate(world, policies, 5, seed=7, record="ippo")
    figures = summary(world, results, 7, versus="ippo")
    narrated = story.narrate(world, "ippo", recording)
    config = {"world": "toy/network", "options": ["steps=12"], "ippo": {"gamma": 0.99, "note": "<b>&"}}
    command = ("garrison", "eval", "runs/run 1")
    return PageData("run <1>", "ippo", figures, ROWS, config, {"python": "3"}, narrated, command)


@pytest.fixture(scope="module")
def reader(subject):
    return read(page(subject))


def test_the_page_needs_nothing_from_elsewhere(reader):
    assert reader.sources == []
    assert "script" not in reader.counts
    assert "img" not in reader.counts
    assert reader.counts["svg"] == 3


def test_the_page_holds_the_figures(reader, subject):
    own = subject.figures["policies"]["ippo"]
    assert number(own["return"]["mean"]) in reader.text
    assert number(own["interquartile_mean"]["value"]) in reader.text
    for part in own["reward_parts"].values():
        assert number(part) in reader.text
    for share in own["behavior"]["shares"].values():
        assert f"{share['value']:.1%}" in reader.text
    assert "ippo, 2 training seeds" in " ".join(reader.text)
    assert "garrison eval 'runs/run 1' --episode-seeds 7-11" in reader.text
    assert "in 40 seconds" in reader.text


def test_what_comes_from_outside_is_escaped(reader, subject):
    assert "run <1>" in reader.text
    assert "<b>&" in reader.text
    assert "run <1>" not in page(subject)


def test_the_page_tells_the_episode(reader, subject):
    assert "Steps 0–1" in reader.text
    assert "blue_0: restore gateway" in reader.text
    assert reader.counts["details"] == 2 + 6  # configuration, system, and twelve steps in folds of two
    silent = PageData(**{**vars(subject), "story": None})
    assert read(page(silent)).counts["details"] == 2


def test_a_page_without_metrics_and_with_one_seed(subject):
    own = {**subject.figures["policies"]["ippo"], "seeds": 1}
    figures = {**subject.figures, "policies": {"ippo": own}}
    text = read(page(PageData(**{**vars(subject), "metrics": [], "figures": figures}))).text
    assert any("There is one training seed" in line for line in text)
    assert not any("Steps per training seed" in line for line in text)


def test_pictures_follow_the_colours_of_the_page(subject):
    svg = plots.learning_curve_svg(ROWS, {"idle": -12.0})
    read(svg)
    assert "var(--c0)" in svg
    assert "var(--c1)" in svg
    assert "mean of 2 seeds" in svg
    assert "#00f" not in svg
    assert "DejaVu" not in svg
    assert "<metadata>" not in svg
    assert svg == plots.learning_curve_svg(ROWS, {"idle": -12.0})


def test_returns_have_the_colours_of_the_learning_curve(subject):
    """The trained policy has the first color, wherever it stands in the table."""
    svg = plots.returns_svg(subject.figures)
    assert list(subject.figures["policies"]) == ["random", "ippo"]
    first, second = svg.index("var(--c1)"), svg.index("var(--c0)")
    assert first < second


def test_a_timeline_shows_phases_and_parts():
    rewards = np.array([-1.0, -2.0, 0.0, -3.0])
    parts = {"a": np.array([-1.0, 0, 0, -3]), "b": np.array([0, -2.0, 0, 0])}
    plain = plots.timeline_svg(rewards, parts, np.zeros(4, int))
    with_phase = plots.timeline_svg(rewards, parts, np.array([0, 0, 1, 1]))
    assert with_phase.count("var(--ink-soft)") > plain.count("var(--ink-soft)")
    assert ">a<" in plain
    assert ">b<" in plain


def test_learning_curve_is_a_picture():
    with_levels = plots.learning_curve(ROWS, {"idle": -12.0}, "title")
    pixels = imread(io.BytesIO(with_levels), format="png")
    assert pixels.shape[0] > 300
    assert pixels.std() > 0.01
    assert plots.learning_curve(ROWS, {}, "title") != with_levels
    assert plots.learning_curve([], {}, "nothing yet").startswith(b"\x89PNG")


def recording_of_two_steps() -> tuple[Network, Recording]:
    """The episode is over after the first one."""
    world, zeros, ones = Network(), jnp.zeros((2, 4), bool), jnp.ones((2, 4), bool)
    state = world.reset(jax.random.key(0))[1]
    many = {name: jnp.stack([getattr(state, name)] * 2) for name in ("time", "alert", "confirmed", "busy")}
    before, after = state.replace(**many, infected=zeros), state.replace(**many, infected=ones)
    over = jnp.array([True, False])
    info = {"reward_parts": {"infected": jnp.array([-0.5, -9.0])}}
    step = Step(jnp.full((2, 2), -0.5), over, ~over, jnp.zeros((2, 2, 8)), info)
    return world, Recording(before, jnp.zeros((2, 2), jnp.int32), after, step)


def test_a_story_tells_what_happened():
    world, recording = recording_of_two_steps()
    told = story.narrate(world, "ippo", recording)
    assert told.rewards.tolist() == [-0.5]
    assert told.phases.tolist() == [0]
    text = story.markdown(told)
    assert "Policy: ippo. Steps: 1. Return: -0.5 (infected -0.5)." in text
    assert "## Step 0: reward -0.5, so far -0.5" in text
    assert "- blue_0: sleep" in text
    assert "- gateway is infected" in text
    assert "## Step 1" not in text


def test_a_world_that_does_not_narrate_has_no_story():
    step = Step(jnp.ones((1, 1)), jnp.ones(1, bool), jnp.zeros(1, bool), jnp.ones((1, 1, 1)), {})
    assert story.narrate(Value(), "idle", Recording((), jnp.zeros((1, 1)), (), step)) is None


def test_pieces_of_pages():
    assert markup("a < b") == "a &lt; b"
    assert tag("p", "x & y", tag("b", "z"), class_="k", id="") == '<p class="k">x &amp; y<b>z</b></p>'
    rows = [["a", cell("1", "bar", 0.5)], ["b", "2"]]
    text = table(["name", "value"], rows, marked="b")
    assert '<td class="bar" style="--size:50.0%">1</td>' in text
    assert '<tr class="marked"><td>b</td>' in text
    assert 'width:25.00%;background:var(--c1)" title="y 25.0%"' in strips({"p": {"x": 0.75, "y": 0.25}}, 2)


def test_figures_as_people_read_them():
    assert [number(x) for x in (-1234.5, 99.96, -0.051, 12.34)] == ["−1,234", "100.0", "−0.05", "12.3"]
    assert number(3.0, "+") == "+3.00"
    assert [duration(x) for x in (59, 600, 7200)] == ["59 seconds", "10.0 minutes", "2.0 hours"]


def test_a_single_episode_has_no_interval():
    world = Network(steps=12)
    results, _ = evaluate(world, world.policies() | {"mine": Constant((2, 4))}, 1, seed=7)
    figures = summary(world, results, 7, versus="mine")
    text = read(page(PageData("mine", "mine", figures))).text
    assert "95%: –" in text
    assert any("A single episode: no intervals." in line for line in text)
    assert not any("None" in line or "nan" in line for line in text)


def test_a_page_without_a_policy_to_compare_with(subject):
    policies = {
        name: {key: value for key, value in one.items() if not key.endswith("_ippo")}
        for name, one in subject.figures["policies"].items()
    }
    figures = subject.figures | {"versus": None, "policies": policies}
    text = " ".join(read(page(PageData("random", "random", figures))).text)
    assert "minus this" not in text
    assert "L1 distance" not in text
    assert "Episode seeds: 7-11" in text


def test_a_page_of_several_opponents(subject):
    figures = matrix({"one": subject.figures, "two": subject.figures})
    reader = read(page(PageData("ippo", "ippo", figures)))
    assert reader.counts["svg"] == 2
    assert {"Returns against one", "Returns against two", "Mean return against two"} <= set(reader.text)


def test_plain_characters():
    assert [number(None), interval({"value": 3, "low": None, "high": None})] == ["–", "3.00 [–]"]


@pytest.mark.parametrize("graph", [None, [[[0, 0], [1, 1]], [[0, 1]]]])
def test_an_analysis_has_a_section(subject, graph):
    world = Network(steps=25)
    results, _ = evaluate(world, world.policies() | {"ippo": [Constant((2, 4))]}, 5, seed=7, analyze=True)
    figures = summary(world, results, 7, versus="ippo")
    figures["policies"]["ippo"]["targets"]["graph"] = graph
    found = figures["policies"]["ippo"]["targets"]
    reader = read(page(PageData(**{**vars(subject), "figures": figures})))
    assert reader.counts["svg"] == (4 if graph is None else 5)
    assert "Decisions and the states of their targets" in reader.text
    assert information(found["views"]["host"]["dependence"]) in reader.text
    assert "infected: restore" in reader.text
    assert states_and_kinds({name: one["targets"] for name, one in figures["policies"].items()}, "ippo")
