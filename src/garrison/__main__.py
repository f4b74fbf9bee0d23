"""``python -m garrison``: the command line, by the Python that runs it."""

from garrison.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
