"""Where the time of a program goes: its operations by named scope, from JAX's own profiler.

The compiler fuses operations; a fusion counts to the scope that the compiler's own account of it names, which
is that of its last operation. Operations that lie in no ``jax.named_scope`` are :data:`_NOWHERE`.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import jax

_NOWHERE = "unattributed"

#: What JAX itself adds to the path of an operation, in addition to names of functions.
_STRUCTURE = re.compile(
    r"jit\(.*|pjit|while|cond|body|cond_pred|body_pred|scan|closed_call|checkpoint|shard_map|branch_\d+_fun|"
)
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (?:\([^=]*\)|\S+) ([\w\-]+)\(", flags=re.MULTILINE)
_NAMED = re.compile(r'^\s*(?:ROOT )?%?([\w.\-]+) = .*?metadata=\{[^}]*?op_name="([^"]*)"', flags=re.MULTILINE)
_CONTAINERS = {"while", "call", "conditional", "async-start", "async-done"}


def scope_of(op_name: str) -> str:
    """The outermost named scope in an operation's path, such as ``jit(f)/while/body/vmap(red)/add``."""
    path = op_name
    while (
        bare := re.sub(r"\b(?:vmap|jvp|transpose|remat)\(([^()]*|[^()]*\([^()]*\)[^()]*)\)", r"\1", path)
    ) != path:
        path = bare
    for part in path.partition(";")[0].split("/")[:-1]:
        if not _STRUCTURE.fullmatch(part) and "<" not in part:
            return part
    return _NOWHERE


def _scopes_of(program: str) -> dict[str, str]:
    """The scope of each operation in the text of a compiled program; those that hold others are left out."""
    named = dict(_NAMED.findall(program))
    return {
        name: scope_of(named.get(name, ""))
        for name, opcode in _INSTRUCTION.findall(program)
        if opcode not in _CONTAINERS
    }


def profile(executable: Any, arguments: tuple[Any, ...], env_steps: int) -> list[dict[str, Any]]:
    """Run a compiled program once under the profiler.

    Returns:
        A row per scope, the largest first: ``share`` of the time in operations, ``us_per_step`` per
        environment step (over all cores or streams), and ``operations``, different ones that ran.

    Raises:
        ValueError: if the profiler of this device does not report single operations.
    """
    jax.block_until_ready(executable(*arguments))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(executable(*arguments))
        files = list(Path(folder).rglob("*.xplane.pb"))
        spent = _spent(files[0], _scopes_of(executable.as_text())) if files else {}
    if not spent:
        raise ValueError("the profiler does not report single operations on this device")
    time, number = Counter(), Counter()
    for (scope, _), nanoseconds in spent.items():
        time[scope] += nanoseconds
        number[scope] += 1
    total = sum(time.values())
    return [
        {
            "scope": scope,
            "share": spent / total,
            "us_per_step": spent / 1e3 / env_steps,
            "operations": number[scope],
        }
        for scope, spent in time.most_common()
    ]


def _spent(file: Path, scopes: dict[str, str]) -> Counter[tuple[str, str]]:
    """Nanoseconds by scope and operation."""
    spent: Counter[tuple[str, str]] = Counter()
    for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
        for line in plane.lines:
            for event in line.events:
                if event.name in scopes:
                    spent[scopes[event.name], event.name] += event.duration_ns
    return spent
