"""The report of a run: its policies evaluated with the world's scripted ones, in files of ``RUN/report``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from garrison import view
from garrison.core.files import to_json
from garrison.core.policy import Policy
from garrison.core.world import World
from garrison.judge import specs, story
from garrison.judge.evaluation import Evaluation
from garrison.judge.html_report import plots
from garrison.judge.html_report.page import PageData, levels, page
from garrison.judge.match import EPISODES, SEED, Match, OnProgress
from garrison.runs.directory import RunDirectory
from garrison.training.config import Training, option_texts
from garrison.training.loaded import LoadedRun

#: page that shows the episode
REPLAY = "replay.html"

if TYPE_CHECKING:
    from garrison.judge.suites.suite import Suite


def write_report(
    run: RunDirectory,
    training: Training,
    world: World,
    policies: Sequence[Policy],
    episodes: int = EPISODES,
    seed: int = SEED,
    on_progress: OnProgress | None = None,
    resilience: bool = False,
    suite: Suite | None = None,
    suite_episodes: int | None = None,
) -> dict[str, Any]:
    """Evaluate the policies of a run and write the report; returns the figures.

    Writes report.html, evaluation.json and, if there are metrics, learning_curve.png; also episode.md if the
    world narrates, and replay.html if it can be drawn.

    Args:
        policies: of the run, one per training seed.
        resilience: whether to measure that too.
        suite: which the policies play too.
        suite_episodes: of each of its entries; None: all.

    Raises:
        ValueError: for numbers out of range, for damaged files of the run, and for ``resilience`` in a world
            without assets.
        OSError: if the report cannot be written; found out before anything is played.
    """
    from garrison.judge.suites import play as suites  # imported late: not every report has one

    options = option_texts(training.options)
    world = specs.playable(world, specs.controls(world))
    trained = training.algorithm  # what the run's own policies are called
    match = Match({None: world}, {**world.policies(), trained: list(policies)}, trained, options)
    match.check(episodes, seed, resilience)
    if suite is not None:
        number = suites.chosen_episodes(suite, suite_episodes)
        own = LoadedRun(str(run.path), training, world, tuple(policies))
        specs.check_fit(own, suite.entries[0].make())
    metrics = run.metrics() if run.metrics_file.exists() else []
    config, system = run.config(), run.system()
    _check_writable(run)
    result = match.evaluate(episodes, seed, trained, on_progress, True, resilience)
    figures = result.figures
    if suite is not None:
        players = {name: suites.Player(policy) for name, policy in world.policies().items()}
        found = suites.play(suite, {**players, trained: suites.player_of(own)}, number, on_progress)
        figures = figures | {"suites": {suite.name: found.figures}}
    name, episode = run.path.resolve().name, result.story()
    command, replay = ("garrison", "eval", str(run.path)), _watched(result)
    watched = REPLAY if replay else ""
    data = PageData(name, trained, figures, metrics, config, system, episode, command, watched)
    run.write_report("evaluation.json", to_json(figures) + "\n")
    run.write_report("report.html", page(data))
    if metrics:
        title = f"{trained} on {world.name}"
        picture = plots.learning_curve(metrics, levels(figures, trained), title)
        run.write_report("learning_curve.png", picture)
    if episode is not None:
        run.write_report("episode.md", story.markdown(episode))
    if replay is not None:
        run.write_report(REPLAY, replay)
    return figures


def _watched(result: Evaluation) -> str | None:
    """The page that shows the recorded episode; None if the world cannot be drawn."""
    try:
        return view.page([result.replay()])
    except NotImplementedError:
        return None


def _check_writable(run: RunDirectory) -> None:
    """Raise ``OSError`` if files cannot be written to the run's report, with a file that is removed again."""
    probe = run.report / ".write-test"
    try:
        run.write_report(probe.name, "")
        probe.unlink()
    except OSError as error:
        raise OSError(f"the report cannot be written to {run.report}: {error.strerror or error}") from error
