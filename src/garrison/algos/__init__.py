"""Learning algorithms, one file each, readable from top to bottom; found by name."""

from garrison.algos.base import RENAMED, Algorithm, get, names, register

__all__ = ["RENAMED", "Algorithm", "get", "names", "register"]
