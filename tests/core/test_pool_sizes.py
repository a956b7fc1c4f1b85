"""Sizes of a pool that change while it runs: nothing is lost, nothing waits longer than it must."""

from __future__ import annotations

import pytest

from hystrixpy import ThreadPool, ThreadPoolProperties
from tests.support.pools import crowd, eventually

SIZES = {
    "core_size": 3,
    "max_size": 7,
    "allow_max_to_diverge": True,
    "max_queue_size": 11,
    "queue_rejection_threshold": 9,
    "keep_alive": 2.5,
}


def test_what_is_configured_can_be_read_back():
    """Every size, from the pool itself."""
    pool = ThreadPool("users")
    pool.configure(ThreadPoolProperties(**SIZES))
    assert {name: getattr(pool, name) for name in SIZES} == SIZES


def test_a_larger_core_lets_more_in_at_once():
    """The next submission sees the new size."""
    with crowd(core_size=1) as c:
        c.fill(1)
        assert not c.add()
        c.resize(core_size=2)
        c.fill(1)
        assert not c.add()


def test_a_larger_core_starts_threads_for_what_is_queued():
    """Queued works do not wait for a submission to wake the pool."""
    with crowd(core_size=1, max_queue_size=5) as c:
        c.fill(5)
        c.resize(core_size=3, max_queue_size=5)
        eventually(lambda: c.pool.active == 3)
        assert (c.pool.queue_size, c.pool.size) == (2, 3)


def test_a_smaller_core_turns_away_until_works_have_ended():
    """Threads that run are left alone; their slots are not given out again."""
    with crowd(core_size=3) as c:
        c.fill(3)
        c.resize(core_size=1)
        c.let_go(0)
        assert not c.add()
        c.let_go(1)
        c.let_go(2)
        eventually(lambda: c.pool.size == 1)
        c.fill(1)
        assert not c.add()


def test_a_smaller_core_sends_idle_threads_home():
    """At once, without a call."""
    with crowd(core_size=5) as c:
        c.fill(5)
        c.let_all_go()
        c.resize(core_size=2)
        eventually(lambda: c.pool.size == 2)
        assert c.pool.largest == 5


def test_a_smaller_core_does_not_lose_what_is_queued():
    """Fewer threads serve the same queue, in order, never more of them than the new size."""
    with crowd(core_size=4, max_queue_size=4) as c:
        c.fill(8)
        c.resize(core_size=1, max_queue_size=4)
        for number in range(4):
            c.let_go(number)
        eventually(lambda: (c.pool.size, c.pool.active, c.pool.queue_size) == (1, 1, 3))
        for number in range(4, 8):
            c.let_go(number)
        assert c.begun[4:] == [4, 5, 6, 7]


def test_a_shorter_queue_keeps_what_it_has():
    """Unlike Hystrix, the number of places may change; what is queued stays."""
    with crowd(core_size=1, max_queue_size=5) as c:
        c.fill(5)
        c.resize(core_size=1, max_queue_size=2)
        assert c.pool.queue_size == 4
        for number in range(3):
            assert not c.add()
            c.let_go(number)
        c.settle()
        assert c.pool.queue_size == 1
        assert c.add()


def test_a_queue_may_be_taken_away_and_given_back():
    """Hand-off becomes bounded and the other way round, while works are queued."""
    with crowd(core_size=1) as c:
        c.fill(1)
        assert not c.add()
        c.resize(core_size=1, max_queue_size=1)
        c.fill(1)
        c.resize(core_size=1, max_queue_size=-1)
        assert not c.add()
        c.let_go(0)
        eventually(lambda: c.begun == [0, 1])


def test_the_threshold_is_dynamic():
    """Each submission reads it."""
    with crowd(core_size=1, max_queue_size=5, queue_rejection_threshold=1) as c:
        c.fill(2)
        assert not c.add()
        c.resize(core_size=1, max_queue_size=5, queue_rejection_threshold=2)
        assert c.add()


def test_threads_above_core_leave_when_idle_for_keep_alive():
    """Core threads stay."""
    with crowd(core_size=2, max_size=5, allow_max_to_diverge=True, keep_alive=0.05) as c:
        c.fill(5)
        c.let_all_go()
        eventually(lambda: c.pool.size == 2)
        assert c.pool.largest == 5


def test_no_keep_alive_at_all_sends_them_home_at_once():
    """keep_alive=0 is allowed."""
    with crowd(core_size=1, max_size=3, allow_max_to_diverge=True, keep_alive=0.0) as c:
        c.fill(3)
        c.let_all_go()
        eventually(lambda: c.pool.size == 1)


def test_a_shorter_keep_alive_reaches_threads_that_sleep_already():
    """They are woken to look again."""
    with crowd(core_size=1, max_size=3, allow_max_to_diverge=True, keep_alive=3600.0) as c:
        c.fill(3)
        c.let_all_go()
        assert c.pool.size == 3
        c.resize(core_size=1, max_size=3, allow_max_to_diverge=True, keep_alive=0.01)
        eventually(lambda: c.pool.size == 1)


@pytest.mark.parametrize("queue", [-1, 3])
def test_a_pool_that_shrank_and_grew_gives_all_slots_again(queue):
    """No slot is lost on the way."""
    with crowd(core_size=6, max_queue_size=queue) as c:
        c.fill(6)
        c.resize(core_size=1, max_queue_size=queue)
        c.let_all_go()
        eventually(lambda: c.pool.size == 1)
        c.resize(core_size=6, max_queue_size=queue)
        c.fill(6 + max(queue, 0))
        assert not c.add()
