"""The worlds that come with Garrison. Called as a function, this package lists the names of all worlds."""

import sys
from types import ModuleType

from garrison.core import registry


class _Worlds(ModuleType):
    # ``garrison.worlds()`` and the package ``garrison.worlds`` share a name, and importing the package would
    # put it in the place of a function. So the package is that function.
    def __call__(self) -> tuple[str, ...]:
        return registry.worlds()


sys.modules[__name__].__class__ = _Worlds
