"""A training on the command line: presets as subcommands, their fields as flags."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from garrison.cli.common import user_input
from garrison.presets import DESCRIPTIONS, PRESETS
from garrison.training.config import Training, option_text, parse_options


def _parsed(texts: list[str]) -> dict[str, Any]:
    with user_input():
        return parse_options(texts)


#: Options of a world, written NAME=VALUE.
Options = Annotated[
    dict[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="NAME=VALUE",
        instance_from_str=_parsed,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda options: [option_text(*pair) for pair in options.items()],
    ),
]


@dataclass(frozen=True)
class TrainingFlags(Training):
    """A training of which only what a user may choose is a flag."""

    options: Options = field(default_factory=dict)
    """Options of the world, as in red=discovery."""
    algorithm: tyro.conf.Suppress[str] = "ippo"
    learner: tyro.conf.Suppress[str] = "jax"
    learner_options: tyro.conf.Suppress[dict[str, Any]] = field(default_factory=dict)
    start_from: tyro.conf.Suppress[dict[str, Any] | None] = None
    extended: tyro.conf.Suppress[tuple[dict[str, int], ...]] = ()

    def training(self) -> Training:
        return Training(**_fields(self))


def flags_of(training: Training) -> TrainingFlags:
    """Flags with the values of a training as defaults."""
    return TrainingFlags(**_fields(training))


def _fields(training: Training) -> dict[str, Any]:
    return {x.name: getattr(training, x.name) for x in dataclasses.fields(training)}


#: The type of an argument PRESET with the flags of a training.
if TYPE_CHECKING:
    PresetFlags = TrainingFlags
else:
    PresetFlags = tyro.extras.subcommand_type_from_defaults(
        {name: flags_of(training) for name, training in PRESETS.items()}, DESCRIPTIONS, prefix_names=False
    )
