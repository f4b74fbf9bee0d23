"""Worker processes: in which order results come, and what happens when a task or a worker fails."""

import math
import operator
import os

import pytest

from garrison.core import processes


def test_results_come_in_the_order_of_the_tasks():
    done = []
    assert processes.run(math.pow, [(2, n) for n in range(7)], workers=2, watch=done.append) == [
        2.0**n for n in range(7)
    ]
    assert done == list(range(1, 8))


def test_results_are_given_as_they_come():
    assert dict(processes.finished(math.pow, [(2, n) for n in range(5)], workers=2)) == {
        n: 2.0**n for n in range(5)
    }
    assert list(processes.finished(math.pow, [])) == []


def test_a_task_that_fails_is_named_with_its_error():
    with pytest.raises(processes.WorkerError, match=r"task 1 failed:(.|\n)*ZeroDivisionError"):
        processes.run(operator.floordiv, [(1, 1), (1, 0)])


def test_a_process_that_dies_is_an_error():
    with pytest.raises(processes.WorkerError, match="running task 0 exited unexpectedly"):
        processes.run(os._exit, [(3,), (3,)])


def test_workers_are_at_least_one():
    with pytest.raises(ValueError, match="workers is 0; it must be at least 1"):
        processes.run(math.pow, [(1, 1)], workers=0)


def test_a_task_may_be_followed_by_another():
    """Tasks of one number are done one after the other."""

    def follow_up(number, result):
        return (result, 1) if result < 3 * (number + 1) else None

    found = list(processes.finished(operator.add, [(0, 1), (0, 1)], 2, follow_up))
    assert [result for number, result in found if number == 0] == [1, 2, 3]
    assert [result for number, result in found if number == 1] == [1, 2, 3, 4, 5, 6]
