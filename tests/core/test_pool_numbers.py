"""The numbers of a pool."""

from __future__ import annotations

import pytest

from hystrixpy import ThreadPoolRejectedError
from tests.support.pools import crowd, eventually


def test_counts_add_up():
    """Executed, completed, rejected: each work is in exactly one way in or out."""
    with crowd(core_size=2, max_queue_size=1) as c:
        c.fill(3)
        assert [c.add() for _ in range(4)] == [False] * 4
        c.let_go(0)
        eventually(lambda: c.pool.executed == 3)
        assert (c.pool.completed, c.pool.active, c.pool.rejected) == (1, 2, 4)
        assert (c.pool.rolling_executed, c.pool.rolling_rejected) == (3, 4)


def test_completed_counts_however_a_work_ended():
    """A raising work is over as well."""
    with crowd() as c:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                c.pool.run(divmod, 1, 0)
        assert c.pool.completed == 3


def test_a_work_left_by_its_caller_keeps_its_slot():
    """run() gives up in time; the thread counts as abandoned until the work returns."""
    with crowd(core_size=1) as c:
        c.fill(1)
        c.let_go(0)
        gate = c.gate()
        with pytest.raises(TimeoutError, match=r"no result from thread pool 'users' within 0\.02 s"):
            c.pool.run(gate.wait, timeout=0.02)
        assert (c.pool.active, c.pool.abandoned) == (1, 1)
        assert not c.add()
        gate.set()
        eventually(lambda: c.pool.active == 0)
        assert (c.pool.abandoned, c.pool.completed) == (0, 2)


def test_a_work_left_while_queued_never_runs():
    """Its place in the queue is free at once, and no thread is abandoned."""
    ran = []
    with crowd(core_size=1, max_queue_size=1) as c:
        c.fill(1)
        with pytest.raises(TimeoutError):
            c.pool.run(ran.append, 1, timeout=0.01)
        assert (c.pool.queue_size, c.pool.abandoned) == (0, 0)
        c.let_all_go()
        assert c.pool.run(int) == 0
        assert (ran, c.pool.completed) == ([], 2)


def test_max_active_is_rolling(clock):
    """The most within the window; then what is active now."""
    with crowd(core_size=4) as c:
        c.fill(3)
        c.let_go(0)
        c.let_go(1)
        assert c.pool.max_active == 3
        clock.advance(10.0)
        assert c.pool.max_active == 1
        c.let_go(2)
        assert c.pool.max_active == 0


def test_rolling_counts_leave_the_window(clock):
    """The cumulative ones stay."""
    with crowd(core_size=1, rolling_window=2.0, rolling_buckets=4) as c:
        c.fill(1)
        assert not c.add()
        clock.advance(1.5)
        assert (c.pool.rolling_executed, c.pool.rolling_rejected) == (1, 1)
        clock.advance(0.5)
        assert (c.pool.rolling_executed, c.pool.rolling_rejected) == (0, 0)
        assert (c.pool.executed, c.pool.rejected) == (1, 1)


def test_repr_tells_the_state():
    """One line for a log or a debugger."""
    with crowd(core_size=1, max_queue_size=1) as c:
        c.fill(2)
        assert repr(c.pool) == (
            "<ThreadPool 'users': 1 of 1 threads active, 1 alive, 1 queued, 0 abandoned, 0 completed, 0 rejected>"
        )


def test_a_thread_that_cannot_be_started_is_a_clean_rejection(monkeypatch, caplog):
    """Counts are right afterwards, the log says why once, and the pool works again when threads can be had."""

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with crowd(core_size=2) as c:
        with monkeypatch.context() as patch:
            patch.setattr("threading.Thread.start", refuse)
            for _ in range(3):
                with pytest.raises(ThreadPoolRejectedError):
                    c.pool.call(int)
        assert (c.pool.size, c.pool.active, c.pool.queue_size, c.pool.rejected) == (0, 0, 0, 3)
        assert [record.getMessage() for record in caplog.records] == [
            "pool 'users' cannot start a thread (can't start new thread); calls are rejected until it can"
        ]
        c.fill(2)
