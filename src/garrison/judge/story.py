"""One episode step by step, in the words of its world."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from garrison.core.recording import Recording, length_of
from garrison.core.world import World
from garrison.judge.behavior import behavior_of


@dataclass(frozen=True)
class Moment:
    """One step in words."""

    step: int
    reward: float  # mean over the agents
    total: float  # of all rewards so far
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Story:
    """An episode of one policy. Steps without events and without reward are left out."""

    world: str
    policy: str
    rewards: np.ndarray  # f64[step]: of all steps, means over the agents
    parts: dict[str, np.ndarray]  # f64[step, ...]: reward parts, if the world reports them
    phases: np.ndarray  # int[step]: phase of each step
    moments: tuple[Moment, ...]


def narrate(world: World, policy: str, recording: Recording) -> Story | None:
    """The story of a recording; None if the world does not narrate."""
    length = length_of(recording)
    recording = jax.tree.map(lambda x: np.asarray(x[:length]), recording)
    rewards = np.asarray(recording.step.team_reward, np.float64)
    totals = np.cumsum(rewards)
    moments = []
    for t in range(length):
        now = jax.tree.map(lambda x, t=t: x[t], recording)
        try:
            lines = world.narrate(now.state, now.actions, now.after, now.step)
        except NotImplementedError:
            return None
        if lines or rewards[t]:
            moments.append(Moment(t, float(rewards[t]), float(totals[t]), tuple(lines)))
    parts = recording.step.info.get("reward_parts", {})
    phases = jax.vmap(behavior_of(world).phase)(recording.state, recording.after)
    return Story(world.name, policy, rewards, parts, np.asarray(phases), tuple(moments))


def markdown(story: Story) -> str:
    """The story as Markdown."""
    sums = ", ".join(f"{name} {np.sum(x):g}" for name, x in story.parts.items())
    lines = [
        f"# One episode of {story.world}",
        "",
        f"Policy: {story.policy}. Steps: {len(story.rewards)}. Return: {story.rewards.sum():g}"
        + (f" ({sums})." if sums else "."),
        "Steps without events and without reward are left out.",
    ]
    for moment in story.moments:
        head = f"## Step {moment.step}: reward {moment.reward:g}, so far {moment.total:g}"
        lines += ["", head, "", *(f"- {line}" for line in moment.lines)]
    return "\n".join(lines) + "\n"
