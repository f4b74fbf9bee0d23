"""A tiny model trained by TRL on the real game: on exported turns, then by GRPO with the tools.

It shows that the path is whole, not that so small a model learns to play.
"""

import dataclasses
import math

import pytest

trl = pytest.importorskip("trl", reason="the extra llm is not installed")
datasets = pytest.importorskip("datasets", reason="the extra llm is not installed")

import tiny_model  # noqa: E402

from garrison.llm.arena import Arena  # noqa: E402
from garrison.llm.chat import Chat  # noqa: E402
from garrison.llm.environment import BlueSeat, tasks  # noqa: E402
from garrison.llm.export import Export, examples  # noqa: E402
from garrison.llm.local import Transformers  # noqa: E402
from garrison.llm.scenarios import SCENARIOS  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=5, instructions=5)
    monkeypatch.setitem(SCENARIOS, "short", one)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A folder with a model of a few thousand parameters, and the lines that its tokenizer comes from."""
    path = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=5, instructions=5)
        patch.setitem(SCENARIOS, "short", one)
        lines = list(examples(Export(scenario="short", keep="all"), range(3)))
    tiny_model.save(path, lines)
    return path, lines


def test_exported_turns_are_what_sft_trains_on(start, tmp_path):
    path, lines = start
    rows = datasets.Dataset.from_list([{key: line[key] for key in ("messages", "tools")} for line in lines])
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path), max_steps=4, per_device_train_batch_size=2, max_length=4_096,
        learning_rate=1e-2, report_to=[], use_cpu=True, bf16=False, logging_steps=1, save_strategy="no",
    )  # fmt: skip
    trainer = trl.SFTTrainer(str(path), args=arguments, train_dataset=rows)
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    trainer.save_model(str(tmp_path / "model"))
    trainer.processing_class.save_pretrained(str(tmp_path / "model"))
    arena = Arena("short")
    view = arena.reset(1)
    chat = Chat(Transformers(tmp_path / "model", max_tokens=8), arena.game)
    while not view.done:
        view = arena.act(chat.answer(view))
    assert 0 <= arena.score() < 1


def test_grpo_plays_groups_on_the_same_episode(start, tmp_path, monkeypatch):
    path, _ = start
    began, rewards = [], []

    class Seen(BlueSeat):
        """A seat that tells what it was asked."""

        def reset(self, seed, **row):
            began.append(seed)
            return super().reset(seed, **row)

        def get_reward(self):
            rewards.append(super().get_reward())
            return rewards[-1]

    rows = datasets.Dataset.from_list(tasks([5, 6, 7, 8], "short"))
    arguments = trl.GRPOConfig(
        output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=4, num_generations=2,
        max_completion_length=24, learning_rate=1e-3, report_to=[], use_cpu=True, bf16=False,
        logging_steps=1, save_strategy="no", temperature=1.0, seed=0,
    )  # fmt: skip
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    trainer = trl.GRPOTrainer(str(path), args=arguments, train_dataset=rows, environment_factory=Seen)
    trainer.train()
    assert len(began) == len(rewards) == 8
    assert all(began.count(seed) % 2 == 0 for seed in began)  # both rollouts of a group
    assert all(0 < reward < 1 for reward in rewards)
    logged = [row for row in trainer.state.log_history if "loss" in row]
    assert len(logged) == 2
    assert all(math.isfinite(row["loss"]) for row in logged)
