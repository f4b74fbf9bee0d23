"""The page of the study of the server, from figures that are made up, and what counts as a failure."""

import json

import pytest
from doc_pages import script

from garrison.studies.study import ORIGIN, page, save

server = script("studies/llm_server.py")

APART = {
    "sessions": 64, "processes": 2, "frames": 768, "bytes": 700_000, "distinct": 64, "different": 0,
    "refused_while_draining": 2, "exit_codes": [0, 0], "seconds_to_end": 2.5, "errors": 0,
}  # fmt: skip
MEMORY = {
    "sessions": 1_000, "settled": 200, "at_start": 500.0, "after_settled": 510.0, "after_all": 512.0,
    "growth": 0.004, "seconds": 90.0,
}  # fmt: skip
SPEED = [
    {"sessions": 1, "server": 30.0, "process": 60.0},
    {"sessions": 64, "server": 400.0, "process": 800.0},
]


def figures(**parts):
    made_up = dict.fromkeys(ORIGIN, "-") | {"settings": server.SETTINGS, "usable_cores": 1}
    return made_up | {"beside_other_work": True} | parts


def test_the_page_says_what_was_found():
    text = "\n".join(page(server.study(figures(apart=APART, memory=MEMORY, speed=SPEED))))
    assert "64 of 64 sessions at once over 2 processes are byte for byte as alone" in text
    assert "Memory changes by +0.4% from session 200 to 1,000" in text
    assert "One process plays up to 400 steps a second, with 64 sessions" in text
    assert "| 64 | 400 | 800 | 0.50 |" in text
    assert "on one core together beside other work." in text
    assert "Not met" not in text


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("apart", {"different": 3}, "3 sessions differ"),
        ("apart", {"exit_codes": [0, -9]}, "SIGTERM"),
        ("apart", {"refused_while_draining": 1}, "SIGTERM"),
        ("apart", {"errors": 1}, "SIGTERM"),
        ("memory", {"growth": 0.06}, "memory grew by 6.0%"),
    ],
)
def test_what_is_not_met_is_said(part, change, words):
    parts = {"apart": APART, "memory": MEMORY, "speed": SPEED}
    parts[part] = parts[part] | change
    [missed] = server.failures(figures(**parts))
    assert words in missed
    assert f"Not met: {missed}." in "\n".join(page(server.study(figures(**parts))))


def test_parts_of_the_same_settings_are_kept(tmp_path):
    assert server.held(None) == server.held(tmp_path) == {}
    save(tmp_path, server.study(figures(apart=APART)))  # an interrupted run
    assert server.held(tmp_path) == {"apart": APART}
    path = tmp_path / "figures.json"
    changed = json.loads(path.read_text())
    changed["settings"]["apart"]["sessions"] = 8
    path.write_text(json.dumps(changed))
    assert server.held(tmp_path) == {}


def test_scripts_of_sessions_differ():
    made = [json.dumps([one.reset, one.calls]) for one in server.scripts(64)]
    assert len(set(made)) == 64
