"""Files: JSON that is JSON, and what is not is refused with its name."""

import json
import math

import pytest

from garrison.core import files


def test_numbers_that_are_not_finite_become_null(tmp_path):
    data = {"a": [1.0, math.nan, (math.inf, -math.inf)], "b": {"c": math.nan}, "d": "NaN", "e": True}
    text = files.to_json(data)
    assert json.loads(text) == {"a": [1.0, None, [None, None]], "b": {"c": None}, "d": "NaN", "e": True}
    files.write_json(tmp_path / "data.json", data)
    assert files.read_object(tmp_path / "data.json", "-") == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "it holds a list, expected an object"),
        ("3", "it holds a number"),
        ("null", "it holds null"),
        ("{", "Expecting property name"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 1, "a": 2}', "repeated: a"),
        ("[" * 100_000, "nested too deep"),
        (b"\xff\xfe{", "decode"),
    ],
)
def test_what_is_no_object_is_refused_with_the_file_and_the_remedy(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"config\.json is damaged \(.*{message}.*\); copy it again"):
        files.read_object(path, "copy it again")


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing; copy it again"):
        files.read_object(tmp_path / "config.json", "copy it again")
