"""Configurations: from data to a world, to JSON and back."""

import json
from pathlib import Path

import pytest

import garrison
from garrison.presets import PRESETS
from garrison.training.config import Training, make_world
from garrison.training.loaded import LoadedRun
from garrison.training.run import Run


@pytest.mark.parametrize("name", PRESETS)
def test_json_and_back(name):
    text = json.dumps(PRESETS[name].to_json())
    assert Training.from_json(json.loads(text)) == PRESETS[name]


def test_what_does_not_fit_is_named():
    data = PRESETS["mlp"].to_json()
    with pytest.raises(ValueError, match=r"unexpected: speed"):
        Training.from_json(data | {"speed": 1})
    with pytest.raises(ValueError, match=r"missing: seed"):
        Training.from_json({name: value for name, value in data.items() if name != "seed"})
    with pytest.raises(ValueError, match=r"unexpected: settings\.momentum"):
        Training.from_json(data | {"settings": data["settings"] | {"momentum": 1}})


def test_options_are_numbers_or_text():
    world = make_world("toy/network", ("steps=7", "spread=0.5"))
    assert (world.steps, world.spread) == (7, 0.5)
    with pytest.raises(ValueError, match="not written name=value"):
        make_world("toy/network", ("steps",))
    with pytest.raises(TypeError):
        make_world("toy/network", ("steps=soon",))  # text, which is no number of steps


def test_earlier_formats_lack_hyperparameters_that_came_later():
    data = PRESETS["mlp"].to_json()
    came_after = {
        8: ("attention", "memory_time", "discount"),
        5: ("layer_norm", "novelty", "novelty_coef", "novelty_ignore"),
        4: ("normalize_per_agent",),
        3: ("teacher", "teacher_coef", "teacher_end", "teacher_until", "policy_coef"),
        2: ("decision_share", "pieces", "entropy_until", "reward_memory", "critic_observation"),
    }
    old, settings = {}, data["settings"]
    for version, names in came_after.items():
        settings = {n: x for n, x in settings.items() if n not in names}
        old = data | {"format": version, "settings": settings}
        assert Training.from_json(json.loads(json.dumps(old))) == PRESETS["mlp"]
    assert len(settings) == len(data["settings"]) - sum(map(len, came_after.values()))
    with pytest.raises(ValueError, match=r"missing: settings\.gamma"):
        Training.from_json(old | {"settings": {n: x for n, x in settings.items() if n != "gamma"}})
    with pytest.raises(ValueError, match=r"missing: settings\.pieces \(default: 1\)"):
        Training.from_json(data | {"settings": {n: x for n, x in data["settings"].items() if n != "pieces"}})
    with pytest.raises(ValueError, match="reads the formats 1 to 10"):
        Training.from_json(data | {"format": 11})


def test_format_5_lacks_prioritized_replay():
    data = PRESETS["cc4-qmix"].to_json()
    settings = {n: x for n, x in data["settings"].items() if not n.startswith("priority")}
    assert len(settings) == len(data["settings"]) - 2
    assert Training.from_json(data | {"format": 5, "settings": settings}) == PRESETS["cc4-qmix"]


def test_format_9_lacks_the_memory_of_critics():
    data = PRESETS["cc4-mappo"].to_json()
    settings = {n: x for n, x in data["settings"].items() if n != "critic_memory"}
    assert len(settings) == len(data["settings"]) - 1
    assert Training.from_json(data | {"format": 9, "settings": settings}) == PRESETS["cc4-mappo"]


def test_formats_before_7_have_what_episodes_draw_among_the_options():
    preset = PRESETS["cc4-best-robust"]
    data = {name: value for name, value in preset.to_json().items() if name != "vary"} | {"format": 6}
    options = {**preset.options, "vary": "robust"}
    assert Training.from_json(json.loads(json.dumps(data | {"options": options}))) == preset
    for options in (preset.options, {**preset.options, "vary": "none"}):
        assert Training.from_json(data | {"options": options}) == PRESETS["cc4-best"]


def test_training_draws_from_banks_and_judges_do_not():
    training = PRESETS["cc4-ippo"].changed(vary=("missions", "starts"), options={"green_phishing": 0.05})
    assert Training.from_json(json.loads(json.dumps(training.to_json()))) == training
    world = training.make_world()
    assert world.bank.sizes == {"mission": 4, "phase_start": 4}
    usual = garrison.make("cc4", green_phishing=0.05)
    assert Run(Path("run"), training).world() == usual
    assert training.usual_world() == make_world("cc4", LoadedRun("run", training, usual, ()).options) == usual


def test_banks_are_not_among_the_options():
    training = PRESETS["cc4-ippo"].changed(options={"vary": "missions"})
    with pytest.raises(ValueError, match="vary='missions' is among the options of the world; name the banks"):
        training.check()
    with pytest.raises(ValueError, match="world 'toy/network' has no option 'vary'"):
        PRESETS["mlp"].changed(world="toy/network", vary=("missions",)).make_world()
