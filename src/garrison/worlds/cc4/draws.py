"""All random numbers of a step.

``step(key, ...)`` is ``step_with(sample(key), ...)``, and ``step_with`` is deterministic: a tape recorded
from CybORG is converted to :class:`Draws` and replayed by the same code. A choice among ``n`` options is a
uniform ``u`` that picks the one of rank ``floor(u n)`` in CybORG's order. Each field names its call site
(§9.2).
"""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core import random
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, Int32, PRNGKeyArray, UInt32
from garrison.worlds.cc4 import tables as T

MAX_REPIDS = 16  # decoys to which one Remove can assign a new pid


class Draws(Struct):
    """Uniforms are in [0, 1)."""

    green_action: Float32[Array, "*env green"]  # EnterpriseGreenAgent.py:60, over tables.Green
    #: GreenLocalWork.py:101 service, GreenAccessService.py:115 server
    green_pick: Float32[Array, "*env green"]
    green_reliability: Int32[Array, "*env green"]  # in 0..99: GreenLocalWork.py:102
    green_alarm: Float32[Array, "*env green"]  # GreenLocalWork.py:112, GreenAccessService.py:207
    green_phishing: Float32[Array, "*env green"]  # GreenLocalWork.py:118
    green_sender: Float32[Array, "*env green"]  # PhishingEmail.py:88
    green_pid: Int32[Array, "*env green"]  # in 1..9: Host.py:200, phishing session

    red_host: Float32[Array, "*env red"]  # FiniteStateRedAgent.py:280–291; RandomSelectRedAgent.py:81
    #: FiniteStateRedAgent.py:269 state; RandomSelect: Withdraw's hostname
    red_group: Float32[Array, "*env red"]
    red_server: Float32[Array, "*env red"]  # FiniteStateRedAgent.py:278, servers preferred
    red_action: Float32[Array, "*env red"]  # FiniteStateRedAgent.py:311; RandomSelectRedAgent.py:68
    red_session: Float32[Array, "*env red"]  # FiniteStateRedAgent.py:330; RandomSelectRedAgent.py:81
    red_subnet: Float32[Array, "*env red"]  # FiniteStateRedAgent.py:330; RandomSelectRedAgent.py:81

    red_scan: Float32[Array, "*env red"]  # Portscan.py:49
    red_deception: Float32[Array, "*env red"]  # DiscoverDeception.py:89,95 as one: is anything reported?
    red_exploit: Float32[Array, "*env red"]  # ExploitRemoteService.py:61
    red_route: Float32[Array, "*env red node"]  # SSHBruteForce.py:44, from source to target
    red_alert: Float32[Array, "*env red"]  # ExploitAction.py:102, process event of an SQL injection
    red_pid: Int32[Array, "*env red"]  # in 1..9: Host.py:200, exploit session
    red_escalate: Float32[Array, "*env red"]  # PrivilegeEscalate.py:103
    red_promote: Float32[Array, "*env red"]  # RedSessionCheck.py:37

    blue_decoy: Float32[Array, "*env blue"]  # DecoyAction.py:84
    blue_pid: Int32[Array, "*env blue"]  # in 1..9: Host.py:200, decoy process
    #: in 1..9: StopProcess.py:39, per decoy that Remove hits, in order
    blue_repid: Int32[Array, "*env blue hit"]


_UNIFORM = {
    "green_action": (T.NUM_GREEN,),
    "green_pick": (T.NUM_GREEN,),
    "green_alarm": (T.NUM_GREEN,),
    "green_phishing": (T.NUM_GREEN,),
    "green_sender": (T.NUM_GREEN,),
    "red_host": (T.NUM_RED,),
    "red_group": (T.NUM_RED,),
    "red_server": (T.NUM_RED,),
    "red_action": (T.NUM_RED,),
    "red_session": (T.NUM_RED,),
    "red_subnet": (T.NUM_RED,),
    "red_scan": (T.NUM_RED,),
    "red_deception": (T.NUM_RED,),
    "red_exploit": (T.NUM_RED,),
    "red_route": (T.NUM_RED, T.MAX_ROUTE),
    "red_alert": (T.NUM_RED,),
    "red_escalate": (T.NUM_RED,),
    "red_promote": (T.NUM_RED,),
    "blue_decoy": (T.NUM_BLUE,),
}
_INTEGER = {  # shape, low, range
    "green_reliability": ((T.NUM_GREEN,), 0, 100),
    "green_pid": ((T.NUM_GREEN,), 1, 9),
    "red_pid": ((T.NUM_RED,), 1, 9),
    "blue_pid": ((T.NUM_BLUE,), 1, 9),
    "blue_repid": ((T.NUM_BLUE, MAX_REPIDS), 1, 9),
}


def sample(key: PRNGKeyArray) -> Draws:
    """The draws of one step, from one call of the generator."""
    shapes = {**_UNIFORM, **{name: spec[0] for name, spec in _INTEGER.items()}}
    sizes = {name: _size(shape) for name, shape in shapes.items()}
    bits = random.bits(key, sum(sizes.values()))
    fields, start = {}, 0
    for name, size in sizes.items():
        uniform = to_uniform(bits[start : start + size])
        start += size
        if name in _INTEGER:
            _, low, span = _INTEGER[name]
            uniform = low + (uniform * span).astype(jnp.int32)
        fields[name] = uniform.reshape(shapes[name])
    return Draws(**fields)


def to_uniform(bits: UInt32[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """Random words as float32 in [0, 1), by their upper 24 bits."""
    return (bits >> 8).astype(jnp.float32) * jnp.float32(2.0**-24)


def blank() -> Draws:
    """Draws under which no random event occurs; the base for a recorded tape."""
    fields = {name: jnp.zeros(shape, jnp.float32) for name, shape in _UNIFORM.items()}
    for name, (shape, low, _) in _INTEGER.items():
        fields[name] = jnp.full(shape, low, jnp.int32)
    for name in ("green_alarm", "green_phishing", "red_scan", "red_deception"):
        fields[name] = jnp.full(_UNIFORM[name], 1.0, jnp.float32)
    return Draws(**fields)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
