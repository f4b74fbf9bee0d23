"""``python -m garrison.cli.league_learn LEAGUE PLACE NUMBER``: what `garrison league train --jobs` starts."""

from __future__ import annotations

import sys
from pathlib import Path

from garrison.cli.cache import use_compilation_cache
from garrison.cli.common import INTERRUPTED
from garrison.league import apart, run
from garrison.training.loop import Diverged


def command(path: Path, place: int, number: int) -> list[str]:
    """Arguments of Python that train a learner of a league."""
    return ["-m", __name__, str(path), str(place), str(number)]


def main(path: str, place: str, number: str) -> None:
    use_compilation_cache()
    try:
        apart.learn(run.load(Path(path)), int(place), int(number))
    except (ValueError, OSError, Diverged) as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
