"""One module per tier; see :mod:`garrison.range.protocol`."""
