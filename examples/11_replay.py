"""Replay an episode that was recorded from CybORG, and compare every step: state, observations, rewards.

``garrison parity replay tests/data/*.jsonl.xz`` does the same for all recordings of the repository.
"""

from pathlib import Path

from garrison.parity.replay.replay import replay

EPISODE = Path(__file__).parents[1] / "tests/data/fsm-random-1.jsonl.xz"

report = replay(EPISODE)
print(f"{report.path}: {report.steps} steps, {report.draws:,} random draws of CybORG")
print("every step is equal" if report.exact else f"differs: {report.differences[0]}")
