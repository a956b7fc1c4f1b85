"""A semaphore that never makes anybody wait."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hystrixpy import PropertyError, Semaphore, SemaphoreRejectedError


def test_takes_as_many_as_there_are() -> None:
    """And says no to the next."""
    permits = Semaphore(2)
    assert [permits.try_acquire() for _ in range(3)] == [True, True, False]
    assert permits.in_use == 2


def test_a_released_permit_can_be_taken_again() -> None:
    """At once."""
    permits = Semaphore(1)
    assert permits.try_acquire()
    permits.release()
    assert permits.in_use == 0
    assert permits.try_acquire()


def test_releasing_more_than_was_taken_is_refused() -> None:
    """And mints nothing."""
    permits = Semaphore(1)
    with pytest.raises(RuntimeError, match="<Semaphore 0 of 1 in use> is taken"):
        permits.release()
    assert [permits.try_acquire() for _ in range(2)] == [True, False]


def test_the_limit_can_be_raised_and_lowered() -> None:
    """Lowering takes nothing away; the next ones wait for returns."""
    permits = Semaphore(1)
    permits.limit = 3
    assert [permits.try_acquire() for _ in range(4)] == [True, True, True, False]
    permits.limit = 2
    permits.release()
    assert not permits.try_acquire()
    permits.release()
    assert permits.try_acquire()
    assert (permits.limit, permits.in_use) == (2, 2)


def test_as_a_context_manager() -> None:
    """It raises when all are taken, and gives back whatever happens inside."""
    permits = Semaphore(1)
    with permits as same:
        assert same is permits
        with pytest.raises(SemaphoreRejectedError, match="all 1 permits are taken"), permits:
            pytest.fail("entered")
    with pytest.raises(KeyError), permits:
        raise KeyError
    assert permits.in_use == 0


@pytest.mark.parametrize("limit", [0, -1, True, 1.0, "1", None])
def test_an_invalid_limit_is_refused(limit: Any) -> None:
    """At once, and by the setter, which then changes nothing."""
    with pytest.raises(PropertyError, match=r"limit=.* is invalid: it must be a whole number of at least 1"):
        Semaphore(limit)
    permits = Semaphore(3)
    with pytest.raises(PropertyError):
        permits.limit = limit
    assert permits.limit == 3


def test_a_huge_limit_means_unlimited() -> None:
    """No overflow."""
    assert Semaphore(10**30).try_acquire()


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy])
def test_cannot_be_pickled_or_copied(copying: Any) -> None:
    """It counts what runs here."""
    with pytest.raises(TypeError, match="make one in each process"):
        copying(Semaphore(1))


@given(st.lists(st.sampled_from(["take", "give"]) | st.integers(1, 4)))
def test_any_sequence_agrees_with_plain_counting(steps: list[str | int]) -> None:
    """A number between zero and the limit."""
    permits, taken, limit = Semaphore(2), 0, 2
    for step in steps:
        if step == "take":
            assert permits.try_acquire() == (taken < limit)
            taken += taken < limit
        elif step == "give" and taken:
            permits.release()
            taken -= 1
        elif step == "give":
            with pytest.raises(RuntimeError):
                permits.release()
        else:
            permits.limit = limit = int(step)
        assert (permits.in_use, permits.limit) == (taken, limit)


def test_threads_never_hold_more_than_the_limit() -> None:
    """Eight threads, three permits: the most at once is three or less, and all come back."""
    permits, lock = Semaphore(3), threading.Lock()
    running = most = taken = 0

    def work() -> None:
        nonlocal running, most, taken
        for _ in range(2000):
            if permits.try_acquire():
                with lock:
                    running += 1
                    taken += 1
                    most = max(most, running)
                with lock:
                    running -= 1
                permits.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most <= 3
    assert taken >= 2000
    assert permits.in_use == 0


def test_of_many_releases_at_once_exactly_as_many_succeed_as_were_taken() -> None:
    """Five permits are taken, eight threads release ten times each: five succeed."""
    permits = Semaphore(5)
    for _ in range(5):
        permits.try_acquire()
    outcomes: list[bool] = []

    def work() -> None:
        for _ in range(10):
            try:
                permits.release()
            except RuntimeError:
                outcomes.append(False)
            else:
                outcomes.append(True)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (outcomes.count(True), outcomes.count(False), permits.in_use) == (5, 75, 0)
