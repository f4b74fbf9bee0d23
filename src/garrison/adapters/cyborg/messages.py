"""What an agent sends to the others in CybORG, from its own vector and actions alone.

The kinds are those of ``docs/worlds/cc4-rules.md`` §7.5. This file needs NumPy and nothing else, so that it
is also a part of exported submissions.
"""

from __future__ import annotations

import numpy as np

_OTHERS = 4 * 8  # bits of the other agents' messages, which end the vector
_BLOCK, _HOSTS = 59, 16  # elements of a subnet's block; hosts of a subnet
_PROCESS, _NETWORK = 27, 43  # first flags in a block


def sent(kind: str, vector: np.ndarray, doing: int) -> np.ndarray:
    """``uint8[8]``, the most significant bit first.

    Args:
        kind: "action8", "state2" or "state8".
        vector: ``f32[92]``, or ``[210]`` of agent 4: the vector of CybORG's wrapper by which it chose.
        doing: index of the action that occupies it, plus 1.
    """
    blocks = np.asarray(vector)[1:-_OTHERS].reshape(-1, _BLOCK) > 0
    process, network = (int(blocks[:, first : first + _HOSTS].sum()) for first in (_PROCESS, _NETWORK))
    number = {
        "action8": int(doing),
        "state2": 128 * (process > 0) + 64 * (network > 0),
        "state8": 16 * min(process, 15) + min(network, 15),
    }[kind]
    return np.unpackbits(np.array([number], np.uint8))
