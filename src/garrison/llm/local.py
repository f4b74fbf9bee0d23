"""A language model in this process, by the library transformers (extra ``llm``)."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from garrison.core import extras
from garrison.llm.clients import ClientError, Messages, Reply, Tools, as_functions


class Transformers:
    """A client, as of :class:`~garrison.llm.clients.Client`, of a saved model and its tokenizer.

    Args:
        path: folder of ``save_pretrained``. Nothing is downloaded.
        max_tokens: of a reply.
        temperature: 0: the most probable token; else tokens are sampled.
        seed: of sampling.

    Raises:
        ValueError: where the libraries are not installed, and for a folder without a model.
    """

    def __init__(self, path: Path, max_tokens: int = 256, temperature: float = 0.0, seed: int = 0) -> None:
        extras.require("llm")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model, self.max_tokens, self.temperature = str(path), max_tokens, temperature
        if not (path / "config.json").is_file():
            raise ValueError(f"{path} holds no model: it has no config.json")
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True)
            self._net: Any = AutoModelForCausalLM.from_pretrained(path, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} cannot be loaded as a model: {error}") from error
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._net.to(self._device)
        self._seed = seed

    def complete(self, messages: Messages, tools: Tools) -> Reply:
        import torch

        began = time.monotonic()
        try:
            prompt = self._tokenizer.apply_chat_template(
                list(messages),
                tools=as_functions(tools),
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            ).to(self._device)
        except (ValueError, TypeError) as error:  # such as a tokenizer without a chat template
            raise ClientError(f"{self.model}: the messages cannot be made a prompt: {error}") from error
        given = prompt["input_ids"].shape[1]
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(self._seed)
            self._seed += 1  # another one for the next reply
            out = self._net.generate(
                **prompt,
                max_new_tokens=self.max_tokens,
                do_sample=self.temperature > 0,
                **({"temperature": self.temperature} if self.temperature > 0 else {}),
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
            )
        made = out[0, given:]
        text, calls = self._parsed(made)
        finish = "length" if len(made) >= self.max_tokens else "stop"
        return Reply(text, calls, given, len(made), time.monotonic() - began, finish)

    def _parsed(self, tokens: Any) -> tuple[str, tuple[dict[str, Any], ...]]:
        """Text, and native calls where the tokenizer knows how its model writes them."""
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        if getattr(self._tokenizer, "response_schema", None) is None:
            return text, ()
        found = self._tokenizer.parse_response(self._tokenizer.decode(tokens))
        calls = tuple(_call(one["function"]) for one in found.get("tool_calls") or ())
        return found.get("content") or "", calls


def _call(function: dict[str, Any]) -> dict[str, Any]:
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        with suppress(ValueError):  # the seat refuses it as malformed
            arguments = json.loads(arguments)
    return {"tool_name": str(function.get("name")), "params": arguments}
