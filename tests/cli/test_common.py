"""What several commands share: output in any encoding, JSON, seed ranges."""

import io
import json
import sys

import pytest
from rich.console import Console

from garrison.cli.common import print_in_any_encoding, print_json, seed_range


def test_output_in_an_encoding_without_the_characters(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_in_any_encoding()
    Console().print("−5 … ±3, 11·10⁻¹² → 日")
    sys.stdout.flush()
    assert raw.getvalue().decode() == "-5 ... +-3, 11*10^-12 -> ?\n"


def test_output_in_utf_8_is_as_it_was(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    print_in_any_encoding()
    print("−5 … ±3")
    sys.stdout.flush()
    assert raw.getvalue().decode() == "−5 … ±3\n"


def test_json_has_no_nan(capsys):
    print_json({"sd": float("nan")})
    assert json.loads(capsys.readouterr().out) == {"sd": None}


@pytest.mark.parametrize("text", ["9-3", "a", "", "-1", "1-", "1-2-3"])
def test_what_is_no_range_of_seeds_is_named(text):
    with pytest.raises(ValueError, match="write it as FIRST-LAST"):
        seed_range(text)
