"""Suites: named, frozen sets of games on which policies are evaluated (``docs/diversity.md``).

>>> from garrison.judge import suites
>>> result = suites.evaluate("competition", ["guard", "best"], episodes=100)
"""

from garrison.judge.suites.known import SUITES, get
from garrison.judge.suites.play import SuiteEvaluation, evaluate
from garrison.judge.suites.suite import Entry, Suite

__all__ = ["SUITES", "Entry", "Suite", "SuiteEvaluation", "evaluate", "get"]
