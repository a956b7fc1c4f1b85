"""Clock, counters and histograms under many threads: exact numbers at the end."""

import threading
from concurrent.futures import ThreadPoolExecutor

from hystrixpy import LatencyHistogram, RollingCounter
from hystrixpy._native.clock import is_manual, now_ns
from hystrixpy.testing import ManualClock

THREADS = 8
EACH = 5_000


def together(*tasks):
    """Run the tasks at once, one thread each; their results."""
    barrier = threading.Barrier(len(tasks))

    def started(task):
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result() for future in [pool.submit(started, task) for task in tasks]]


def test_no_count_is_lost_within_one_bucket():
    """Eight threads on one cell: sum and total are what they added."""
    with ManualClock():
        counter = RollingCounter()
        together(*[lambda: [counter.add() for _ in range(EACH)]] * THREADS)
        assert (counter.sum(), counter.total) == (THREADS * EACH, THREADS * EACH)


def test_no_count_is_lost_while_buckets_change():
    """Time moves through all buckets of the window meanwhile; none of them has left it at the end."""
    with ManualClock() as clock:
        counter = RollingCounter(window=100.0, buckets=100)

        def pass_time():
            for _ in range(99):
                before = counter.total
                clock.advance(1.0)
                while counter.total < min(before + 50, THREADS * EACH):
                    threading.Event().wait(0.0001)

        together(pass_time, *[lambda: [counter.add() for _ in range(EACH)]] * THREADS)
        assert (counter.sum(), sum(counter.values())) == (THREADS * EACH, THREADS * EACH)


def test_the_total_is_exact_while_the_ring_turns():
    """Cells are replaced under the writers again and again; what has left the window is still in the total."""
    with ManualClock() as clock:
        counter = RollingCounter(window=0.002, buckets=2)

        def pass_time():
            while counter.total < THREADS * EACH:
                clock.advance(0.001)

        together(pass_time, *[lambda: [counter.add() for _ in range(EACH)]] * THREADS)
        assert counter.total == THREADS * EACH
        clock.advance(0.002)
        assert counter.sum() == 0


def test_a_reader_never_sees_counts_vanish_within_the_window():
    """While nothing leaves the window, sums only grow."""
    with ManualClock():
        counter = RollingCounter()

        def read():
            sums = []
            while not sums or sums[-1] < 4 * EACH:
                sums.append(counter.sum())
            return sums

        sums, *_ = together(read, *[lambda: [counter.add() for _ in range(EACH)]] * 4)
        assert sums == sorted(sums)


def test_no_duration_is_lost():
    """Eight threads record different durations; window and total hold each as often as it was recorded."""
    with ManualClock():
        histogram = LatencyHistogram()

        def record(seconds):
            return lambda: [histogram.record(seconds) for _ in range(EACH)]

        together(*[record(2.0**power) for power in range(-THREADS, 0)])
        for snapshot in (histogram.snapshot(), histogram.total):
            assert snapshot.count == THREADS * EACH
            assert sorted(snapshot.buckets())[-THREADS:] == [EACH] * THREADS


def test_one_manual_clock_wins():
    """Of eight threads that put one on at once, one gets it, seven get the error."""
    entered = threading.Barrier(THREADS)

    def try_it():
        try:
            with ManualClock():
                entered.wait()
                return True
        except RuntimeError:
            entered.wait()
            return False

    assert sorted(together(*[try_it] * THREADS)) == [False] * (THREADS - 1) + [True]
    assert not is_manual()


def test_every_step_of_the_clock_counts():
    """Steps made by eight threads at once add up."""
    with ManualClock() as clock:
        start = now_ns()
        together(*[lambda: [clock.advance(0.001) for _ in range(1000)]] * THREADS)
        assert now_ns() - start == THREADS * 1000 * 1_000_000
