"""A language model of some thousand parameters that knows how tools are called, for tests of training."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
#: Constants of programs that train a model, so small that they run with this one in a minute.
SMALL: dict[str, Any] = {
    "MODEL": "tiny",
    "SCENARIO": "short",
    "GAMES": 2,
    "TASKS": 2,
    "EPISODES": 2,
    "SFT": {"max_steps": 1, "max_length": 2_048, "use_cpu": True, "bf16": False},
    "GRPO": {
        "max_steps": 1,
        "num_generations": 2,
        "per_device_train_batch_size": 2,
        "max_completion_length": 8,
        "use_cpu": True,
        "bf16": False,
    },
}


def save(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write an untrained model and a tokenizer of the byte pairs of some exported lines."""
    import transformers

    tokenizer = _tokenizer(lines)
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


def _tokenizer(lines: Iterable[dict[str, Any]]) -> Any:
    import transformers
    import trl
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made: Any = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1_500, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([json.dumps(line) for line in lines], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="left"
    )
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    tokenizer.chat_template = template.read_text()
    return tokenizer
