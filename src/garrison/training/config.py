"""The configuration of a training: a world, an algorithm with its hyperparameters, and seeds."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison import algos
from garrison.core.files import read_object, to_json
from garrison.core.world import World
from garrison.runs.directory import RunDirectory

#: Version of the JSON format; older ones are upgraded when they are read.
FORMAT = 10
#: Hyperparameters that were added after a format; their defaults keep what was there before.
_ADDED = {
    2: ("decision_share", "pieces", "entropy_until", "reward_memory", "critic_observation"),
    3: ("teacher", "teacher_coef", "teacher_end", "teacher_until", "policy_coef"),
    4: ("normalize_per_agent",),
    5: ("layer_norm", "novelty", "novelty_coef", "novelty_ignore", "priority", "priority_beta"),
    6: (),  # what episodes draw was an option of the world: ``vary``
    7: (),  # no opponents
    8: ("attention", "memory_time", "discount"),
    9: ("critic_memory",),
}
#: The first formats with banks and opponents of the training.
_WITH_BANKS, _WITH_OPPONENTS = 7, 8
#: File of a run directory by which runs of the first format say that PyTorch trains them.
_TORCH_MARK = "torch.json"


@dataclass(frozen=True)
class Training:
    """Everything needed to repeat a training."""

    world: str = "cc4"
    """Name of the world; `garrison worlds` lists them."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the world, written NAME=VALUE, as in red=discovery."""
    vary: tuple[str, ...] = ()
    """Banks from which training draws episodes, as in cocktail; `garrison banks` lists them. Judges play the
    world without."""
    seed: int = 0
    """Random seed; the first one if there are several."""
    num_seeds: int = 1
    """Number of seeds to train, from `seed` on."""
    parallel_seeds: int | None = None
    """Seeds trained side by side; None: as many as fit in memory. Changes floating-point rounding."""
    keep_every: int | None = None
    """Keep a checkpoint every this many iterations; None: keep only the latest and the best."""
    sinks: tuple[str, ...] = ()
    """Also log metrics to: tensorboard, wandb."""
    algorithm: str = "ippo"
    """Name of the algorithm."""
    settings: Any = None  # the algorithm's Config; None: its defaults
    """Hyperparameters of the algorithm."""
    learner: str = "jax"
    """Implementation that trains: jax, or torch-ippo."""
    learner_options: dict[str, Any] = field(default_factory=dict)
    """Options of the learner."""
    opponents: tuple[str, ...] = ()
    """Opponents to draw from, in place of the world's own: scripts of the other side and runs, with weights
    where they differ, as in guard=2 idle runs/base:0."""
    start_from: dict[str, Any] | None = None
    """The networks that training starts from: ``run``, ``checkpoint``, ``iteration``, ``seed``."""
    extended: tuple[dict[str, int], ...] = ()
    """Earlier values of ``total_steps``, each with the ``iteration`` at which it was replaced."""

    def __post_init__(self) -> None:
        if self.settings is None:
            object.__setattr__(self, "settings", algos.get(self.algorithm).Config())

    @property
    def algo(self) -> algos.Algorithm:
        """The algorithm itself."""
        return algos.get(self.algorithm)

    def make_world(self) -> World:
        """The world to train in, with its banks. Raises ``ValueError`` as :func:`garrison.make` does."""
        vary = {"vary": list(self.vary)} if self.vary else {}
        return make_world(self.world, {**self.options, **vary})

    def usual_world(self) -> World:
        """The world without its banks, which judges play. Raises as :meth:`make_world`."""
        return make_world(self.world, self.options)

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT} | dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Training:
        """Read the result of :meth:`to_json`, or a configuration of an earlier format.

        Raises ``ValueError`` naming fields that are missing, unknown or of the wrong type.
        """
        data = _upgraded(data)
        if not isinstance(name := data.get("algorithm"), str):
            raise ValueError(f"algorithm is {name!r}, expected a name")
        config = algos.get(name).Config
        settings = config(**typed(config, data.get("settings"), "settings."))
        return Training(**typed(Training, {**data, "settings": None}, "") | {"settings": settings})

    def check(self) -> None:
        """Raise ``ValueError`` for values that are wrong in any world."""
        _in_range("num_seeds", self.num_seeds, 1, 2**16)
        _in_range("seed", self.seed, 0, 2**32 - self.num_seeds)
        if self.parallel_seeds is not None and not _whole(self.parallel_seeds, 1, self.num_seeds):
            raise ValueError(
                f"parallel_seeds is {self.parallel_seeds!r}; it must be from 1 to num_seeds, "
                f"{self.num_seeds}, or None"
            )
        if self.keep_every is not None:
            _in_range("keep_every", self.keep_every, 1, 2**31 - 1)
        config = self.algo.Config
        if not isinstance(self.settings, config):
            raise ValueError(
                f"settings of {self.algorithm} are {type(self.settings).__name__}, expected {config.__name__}"
            )
        if "vary" in self.options:
            raise ValueError(
                f"vary={self.options['vary']!r} is among the options of the world; name the banks as vary, "
                "on the command line with --vary, so that judges play the world without them"
            )
        for name, value in self.options.items():
            _check_option(name, value)

    def changed(self, **changes: Any) -> Training:
        """A copy with other values of its own fields, and of the algorithm's hyperparameters.

        With another ``algorithm``, hyperparameters that both have are kept, the others are its defaults.
        Raises ``ValueError`` for a name that is neither, and for values of the wrong type.
        """
        if changes.get("algorithm", self.algorithm) != self.algorithm:
            return self._with_algorithm(changes.pop("algorithm")).changed(**changes)
        own = {x.name for x in dataclasses.fields(self)}
        config = type(self.settings)
        known = own | {x.name for x in dataclasses.fields(config)}
        for name in changes:
            if name not in known:
                close = difflib.get_close_matches(algos.RENAMED.get(name, name), sorted(known), n=2)
                hint = (
                    f"did you mean {' or '.join(close)}?" if close else f"fields: {', '.join(sorted(known))}"
                )
                raise ValueError(f"{self.algorithm} has no hyperparameter {name!r}; {hint}")
        settings = {name: value for name, value in changes.items() if name not in own}
        kept = {name: value for name, value in changes.items() if name in own}
        settings = config(**_fields(self.settings) | _converted_all(config, settings, ""))
        return dataclasses.replace(self, **{"settings": settings} | _converted_all(Training, kept, ""))

    def _with_algorithm(self, name: str) -> Training:
        config = algos.get(name).Config
        shared = _fields(self.settings).keys() & {x.name for x in dataclasses.fields(config)}
        kept = {name: value for name, value in _fields(self.settings).items() if name in shared}
        return dataclasses.replace(self, algorithm=name, settings=config(**kept))


def read(run: RunDirectory) -> Training:
    """The configuration of a run.

    Raises ``ValueError`` or ``FileNotFoundError`` with the file, what is wrong with it, and the remedy.
    """
    path, data = run.path / "config.json", run.config()
    if (run.path / _TORCH_MARK).exists() and data.get("format", 1) == 1:
        data = {**data, "learner": "torch-ippo", "learner_options": _torch_options(run.path)}
    try:
        return Training.from_json(data)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be used: {error}; correct that file, or use the release of Garrison that "
            f"{run.path / 'system.json'} names"
        ) from error


def _torch_options(path: Path) -> dict[str, Any]:
    facts = read_object(path / _TORCH_MARK, "restore it from a copy of the run")
    return {name: facts[name] for name in ("engine", "workers") if name in facts}


def make_world(name: str, options: Mapping[str, Any] | Iterable[str] = ()) -> World:
    """Make a world with its options, given as a mapping or written ``name=value`` (:func:`parse_options`).

    Raises ``ValueError`` for an option that is not so written, and as :func:`garrison.make` does.
    """
    return garrison.make(name, **(options if isinstance(options, Mapping) else parse_options(options)))


def parse_options(texts: Iterable[str]) -> dict[str, Any]:
    """Options from ``name=value``; a value is read as JSON if it can be, else as text.

    Raises ``ValueError`` for text that is not so written, and for an option that is given twice.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(f"option {text!r} is not written name=value, as in red=discovery")
        if name in options:
            raise ValueError(f"option {name!r} is given twice: {option_text(name, options[name])} and {text}")
        options[name] = _value(name, value)
    return options


def option_text(name: str, value: Any) -> str:
    """An option as it is written on the command line."""
    return f"{name}={value if isinstance(value, str) else to_json(value, indent=None)}"


def option_texts(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Options as they are written on the command line."""
    return tuple(option_text(name, value) for name, value in options.items())


def _value(name: str, text: str) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(f"option {name!r} is {word}; it must be finite")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError:
        return text


def _check_option(name: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"option {name!r} is {value!r}; it must be a finite number, a text, a truth value, or a list"
        ) from error


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _in_range(name: str, value: Any, low: int, high: int) -> None:
    if not _whole(value, low, high):
        limits = f"at least {low}" if isinstance(value, int) and value < low else f"from {low} to {high}"
        raise ValueError(f"{name} is {value!r}; it must be a whole number {limits}")


# ------------------------------------------------------------ reading


def _upgraded(data: Mapping[str, Any]) -> dict[str, Any]:
    version = data.get("format", 1)
    if version == 1 and "format" not in data:
        return _from_format_1(data)
    if version not in (*_ADDED, FORMAT):
        raise ValueError(f"format is {version!r}; this version of Garrison reads the formats 1 to {FORMAT}")
    data = {name: value for name, value in data.items() if name != "format"}
    if version < _WITH_BANKS:
        data = _with_vary(data)
    if version < _WITH_OPPONENTS:
        data["opponents"] = ()
    later = [name for before, names in _ADDED.items() if before >= version for name in names]
    return _with_added(data, later) if later else data


def _with_vary(data: dict[str, Any]) -> dict[str, Any]:
    """A configuration of a format in which what episodes draw was an option of the world."""
    if not isinstance(options := data.get("options"), Mapping):
        return data  # refused by who reads it
    vary = options.get("vary", "none")
    return {
        **data,
        "options": {name: value for name, value in options.items() if name != "vary"},
        "vary": [] if vary == "none" else [vary],
    }


def _with_added(data: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A configuration with hyperparameters that its algorithm got later."""
    if not (isinstance(data.get("algorithm"), str) and isinstance(data.get("settings"), Mapping)):
        return data  # refused by who reads it
    config = algos.get(data["algorithm"]).Config
    added = {x.name: x.default for x in dataclasses.fields(config) if x.name in names}
    return {**data, "settings": added | data["settings"]}


def _from_format_1(data: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as written before formats had numbers.

    Hyperparameters were added over time, with defaults that keep earlier behavior: missing ones take those.
    """
    known = {"world", "options", "seed", "seeds", "at_once", "keep_every", "sinks", "ippo"}
    known |= {"learner", "learner_options"}  # not in the file: from the mark of PyTorch
    wrong = [f"missing: {name}" for name in ("ippo", "world") if name not in data]
    wrong += [f"unexpected: {name}" for name in sorted(data.keys() - known)]
    if wrong:
        raise ValueError("; ".join(wrong))
    config = algos.get("ippo").Config()
    if not isinstance(old := data["ippo"], dict):
        raise ValueError(f"ippo is {old!r}, expected an object")
    renamed = {algos.RENAMED.get(name, name): value for name, value in old.items()}
    if unknown := renamed.keys() - _fields(config).keys():
        raise ValueError("; ".join(f"unexpected: ippo.{name}" for name in sorted(map(str, unknown))))
    return {
        "world": data["world"],
        "options": parse_options(data.get("options", ())),
        "vary": (),
        "seed": data.get("seed", 0),
        "num_seeds": data.get("seeds", 1),
        "parallel_seeds": data.get("at_once"),
        "keep_every": data.get("keep_every"),
        "sinks": data.get("sinks", ()),
        "algorithm": "ippo",
        "settings": _fields(config) | renamed,
        "learner": data.get("learner", "jax"),
        "learner_options": data.get("learner_options", {}),
        "opponents": (),
        "start_from": None,
        "extended": (),
    }


def _fields(value: Any) -> dict[str, Any]:
    return {x.name: getattr(value, x.name) for x in dataclasses.fields(value)}


def typed(cls: type, data: Any, prefix: str = "") -> dict[str, Any]:
    """Arguments of a dataclass from JSON, which must have exactly its fields, of the right types.

    Raises ``ValueError`` naming the others, with ``prefix`` before each name.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{prefix.rstrip('.')} is {data!r}, expected an object")
    names = {x.name for x in dataclasses.fields(cls)}
    wrong = [f"missing: {prefix}{name}{_default(cls, name)}" for name in sorted(names - data.keys())]
    wrong += [f"unexpected: {prefix}{name}" for name in sorted(data.keys() - names)]
    if wrong:
        raise ValueError("; ".join(wrong))
    return _converted_all(cls, data, prefix)


def _default(cls: type, name: str) -> str:
    default = next(x.default for x in dataclasses.fields(cls) if x.name == name)
    if default is dataclasses.MISSING:
        return ""
    return f" (default: {to_json(default, indent=None)})"


def _converted_all(cls: type, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {name: _converted(f"{prefix}{name}", value, hints[name]) for name, value in data.items()}


def _converted(name: str, value: Any, hint: Any) -> Any:
    """``value`` as its annotation wants it: lists become tuples, whole numbers become floats where due.

    Raises ``ValueError`` if the type does not fit.
    """
    if isinstance(value, np.generic):
        value = value.item()
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    for kind in typing.get_args(hint) if is_union else (hint,):
        origin = typing.get_origin(kind) or kind
        if origin is tuple and isinstance(value, list | tuple):
            inner = (typing.get_args(kind) or (Any,))[0]
            return tuple(_converted(f"{name}[{n}]", x, inner) for n, x in enumerate(value))
        if origin is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if origin is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if origin is Any or (origin in (str, bool, dict) and isinstance(value, origin)):
            return value
        if origin is types.NoneType and value is None:
            return None
        if origin is typing.Literal and value in typing.get_args(kind):
            return value
    raise ValueError(f"{name} is {value!r}, expected {_described(hint)}")


def _described(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("NoneType", "None")
