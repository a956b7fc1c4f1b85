"""The native thread pool: who gets in, who waits, who is turned away."""

from __future__ import annotations

import threading

import pytest

from hystrixpy import ThreadPool, ThreadPoolProperties, ThreadPoolRejectedError
from tests.support.pools import crowd, eventually


def test_a_call_runs_on_a_named_daemon_thread():
    """Threads are numbered from one, and do not keep the interpreter alive."""
    with crowd("users") as c:
        thread = c.pool.run(threading.current_thread)
        assert (thread.name, thread.daemon) == ("hystrix-users-1", True)


def test_threads_are_started_only_when_no_other_is_free():
    """Calls one after the other are all served by one thread."""
    with crowd() as c:
        assert {c.pool.run(threading.get_ident) for _ in range(50)} == {c.pool.run(threading.get_ident)}
        assert (c.pool.size, c.pool.largest) == (1, 1)


def test_without_a_queue_a_call_is_turned_away_when_no_thread_is_free():
    """Hand-off only: as many as there are threads, and not one more."""
    with crowd(core_size=3) as c:
        c.fill(3)
        assert not c.add()
        assert (c.pool.active, c.pool.queue_size, c.pool.rejected) == (3, 0, 1)


def test_zero_places_mean_hand_off_as_minus_one_does():
    """Hystrix takes both for a synchronous queue."""
    with crowd(core_size=1, max_queue_size=0) as c:
        c.fill(1)
        assert not c.add()


def test_a_queue_takes_what_the_threads_do_not():
    """Threads up to core first, then the places of the queue, then nothing."""
    with crowd(core_size=2, max_queue_size=3) as c:
        c.fill(5)
        assert not c.add()
        assert (c.pool.active, c.pool.queue_size, c.pool.size) == (2, 3, 2)


def test_the_queue_is_served_in_order():
    """First come, first served."""
    with crowd(core_size=1, max_queue_size=5) as c:
        c.fill(5)
        for number in range(5):
            c.let_go(number)
        assert c.begun == [0, 1, 2, 3, 4]


def test_the_rejection_threshold_makes_the_queue_shorter():
    """It counts queued works; the one that runs is none."""
    with crowd(core_size=1, max_queue_size=10, queue_rejection_threshold=2) as c:
        c.fill(3)
        assert not c.add()


def test_the_rejection_threshold_means_nothing_without_a_queue():
    """It is ignored when max_queue_size is 0 or less."""
    with crowd(core_size=6, queue_rejection_threshold=1) as c:
        c.fill(6)


def test_threads_above_core_come_when_the_queue_is_full():
    """The JDK's rule: core, queue, maximum."""
    with crowd(core_size=1, max_size=2, allow_max_to_diverge=True, max_queue_size=2) as c:
        c.fill(3)
        assert (c.pool.size, c.pool.queue_size) == (1, 2)
        c.fill(1)
        assert (c.pool.size, c.pool.queue_size, c.pool.active) == (2, 2, 2)
        assert not c.add()


def test_a_threshold_below_the_places_rejects_before_threads_above_core_come():
    """As in Hystrix: the threshold is asked before the maximum."""
    sizes = {"max_queue_size": 3, "queue_rejection_threshold": 2}
    with crowd(core_size=1, max_size=9, allow_max_to_diverge=True, **sizes) as c:
        c.fill(3)
        assert not c.add()
        assert c.pool.size == 1


def test_without_a_queue_the_pool_grows_to_its_maximum():
    """Hand-off with divergence: a thread for each work up to max_size."""
    with crowd(core_size=1, max_size=3, allow_max_to_diverge=True) as c:
        c.fill(3)
        assert not c.add()
        assert (c.pool.size, c.pool.core_size, c.pool.max_size) == (3, 1, 3)


def test_a_maximum_that_may_not_diverge_is_not_used():
    """max_size reads as the effective one."""
    with crowd(core_size=2, max_size=8) as c:
        c.fill(2)
        assert not c.add()
        assert c.pool.max_size == 2


def test_core_above_maximum_raises_the_maximum():
    """Hystrix logs this; nothing is lost by taking the larger one."""
    with crowd(core_size=4, max_size=2, allow_max_to_diverge=True) as c:
        assert c.pool.max_size == 4


def test_the_rejection_says_what_is_taken():
    """The message is for the person on call: how many threads, how many of them lost, how long the queue."""
    with crowd(core_size=1, max_queue_size=1) as c:
        c.fill(2)
        with pytest.raises(ThreadPoolRejectedError, match=r"pool 'users' is full: all of its 1 threads .* 1 of 1 pl"):
            c.pool.call(int)


def test_back_to_back_calls_on_a_full_size_pool_are_never_rejected():
    """The slot is free before the caller sees the result."""
    with crowd(core_size=1) as c:
        for number in range(3_000):
            assert c.pool.run(abs, number) == number
            assert c.pool.call(abs, -number).result() == number
        assert (c.pool.rejected, c.pool.completed) == (0, 6_000)


def test_a_done_callback_finds_the_slot_free():
    """It runs on the very worker; what it submits and waits for gets another thread rather than deadlock."""
    answers = []
    with crowd(core_size=1) as c:
        gate = threading.Event()
        future = c.pool.call(gate.wait, 5)
        future.add_done_callback(lambda _: answers.append(c.pool.call(abs, -7).result(5)))
        gate.set()
        eventually(lambda: answers == [7])
        eventually(lambda: c.pool.size == 1)
        assert c.pool.rejected == 0


def test_a_default_pool_has_the_defaults_of_the_properties():
    """Without properties: ten threads, no queue, a minute of keep-alive."""
    pool, defaults = ThreadPool("plain"), ThreadPoolProperties()
    for name in ("core_size", "max_size", "max_queue_size", "queue_rejection_threshold", "keep_alive"):
        assert getattr(pool, name) == getattr(defaults, name)
    assert pool.allow_max_to_diverge is False


def test_sizes_beyond_the_native_width_mean_unlimited():
    """No size is too large to be given."""
    with crowd(core_size=2, max_queue_size=10**30, queue_rejection_threshold=10**30, keep_alive=1e300) as c:
        c.fill(50)
        assert (c.pool.queue_size, c.pool.max_queue_size) == (48, 10**30)


def test_what_a_call_raises_reaches_the_caller_as_itself():
    """Through the future and through run alike."""
    error = LookupError("no such user")

    def fail() -> None:
        raise error

    with crowd() as c:
        assert c.pool.call(fail).exception(5) is error
        with pytest.raises(LookupError) as caught:
            c.pool.run(fail)
        assert caught.value is error


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_a_worker_survives_whatever_is_raised(kind):
    """The same thread serves the next call."""

    def fail() -> None:
        raise kind

    with crowd(core_size=1) as c:
        before = c.pool.run(threading.get_ident)
        assert isinstance(c.pool.call(fail).exception(5), kind)
        assert (c.pool.run(threading.get_ident), c.pool.completed) == (before, 3)


def test_a_cancelled_future_never_runs():
    """A work whose future was cancelled while queued is skipped."""
    ran = []
    with crowd(core_size=1, max_queue_size=2) as c:
        c.fill(1)
        future = c.pool.call(ran.append, 1)
        assert future.cancel()
        c.let_all_go()
        c.pool.run(int)
        assert ran == []


def test_a_pool_that_is_shut_down_takes_nothing_more_but_ends_what_it_has():
    """What is queued still runs."""
    with crowd(core_size=1, max_queue_size=5) as c:
        c.fill(4)
        assert c.pool.shutdown(timeout=0.01) is False
        with pytest.raises(ThreadPoolRejectedError, match="shut down"):
            c.pool.call(int)
        c.let_all_go()
        assert c.pool.shutdown(timeout=10) is True
        assert (c.pool.completed, c.pool.size, c.pool.rejected) == (4, 0, 0)


def test_a_pool_nobody_keeps_ends_its_threads():
    """Workers hold the crew, not the pool."""
    pool = ThreadPool("forgotten")
    pool.run(int)
    del pool
    eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("hystrix-forgotten-")])
