"""A tiny model trained by TRL on the real game: on exported turns, then by GRPO with the tools.

It shows that the path is whole, not that so small a model learns to play.
"""

import dataclasses
import json
import math
from pathlib import Path

import pytest

trl = pytest.importorskip("trl", reason="the extra llm is not installed")
transformers = pytest.importorskip("transformers", reason="the extra llm is not installed")
datasets = pytest.importorskip("datasets", reason="the extra llm is not installed")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

from garrison.llm.arena import Arena  # noqa: E402
from garrison.llm.chat import Chat  # noqa: E402
from garrison.llm.environment import BlueSeat, tasks  # noqa: E402
from garrison.llm.export import Export, examples  # noqa: E402
from garrison.llm.local import Transformers  # noqa: E402
from garrison.llm.scenarios import SCENARIOS  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=5, instructions=5)
    monkeypatch.setitem(SCENARIOS, "short", one)


def tokenizer_of(lines):
    """Byte pairs of the exported text, with the chat template of a model that calls tools."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1_500, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([json.dumps(line) for line in lines], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="left"
    )
    tokenizer.chat_template = TEMPLATE.read_text()
    return tokenizer


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A folder with a model of a few thousand parameters, and the lines that its tokenizer comes from."""
    path = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=5, instructions=5)
        patch.setitem(SCENARIOS, "short", one)
        lines = list(examples(Export(scenario="short", keep="all"), range(3)))
    tokenizer = tokenizer_of(lines)
    config = transformers.Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=8_192,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    transformers.set_seed(0)
    transformers.Qwen3ForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
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
