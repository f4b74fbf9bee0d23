"""What the tests of adapters share."""

import importlib

import pytest

from garrison.core import extras


@pytest.fixture
def reimported(monkeypatch):
    """``reimported(module, extra)`` imports an adapter while a package of its extra is missing."""

    def reimport(module, extra):
        monkeypatch.setitem(extras.EXTRAS, extra, ("no_such_package",))
        importlib.reload(module)

    return reimport
