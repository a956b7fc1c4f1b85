"""Many threads on one pool: exact numbers at the end, every slot usable, no thread left."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import pytest

from hystrixpy import ThreadPoolProperties, ThreadPoolRejectedError
from tests.support.pools import crowd, eventually

THREADS = 12
EACH = 400


def in_threads(task, count=THREADS):
    """Run task(number) in that many threads at once; whatever one of them raises fails the test."""
    errors, barrier = [], threading.Barrier(count)

    def run(number):
        try:
            barrier.wait()
            task(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("sizes", [{"core_size": 3}, {"core_size": 2, "max_queue_size": 3}], ids=["hand-off", "queue"])
def test_every_call_is_answered_or_turned_away(sizes):
    """What the callers saw is what the pool counted; never more run at once than there are threads."""
    seen, lock = Counter(), threading.Lock()

    def use(number):
        rng, mine = random.Random(number), Counter()
        for value in range(EACH):
            try:
                if rng.random() < 0.5:
                    assert c.pool.run(abs, -value) == value
                else:
                    assert c.pool.call(abs, -value).result() == value
                mine["answered"] += 1
            except ThreadPoolRejectedError:
                mine["rejected"] += 1
        with lock:
            seen.update(mine)

    with crowd("users", **sizes) as c:
        in_threads(use)
        assert sum(seen.values()) == THREADS * EACH
        assert (c.pool.completed, c.pool.rejected) == (seen["answered"], seen["rejected"])
        assert (c.pool.active, c.pool.queue_size, c.pool.abandoned) == (0, 0, 0)
        assert c.pool.max_active <= sizes["core_size"]
        c.fill(sizes["core_size"])


def test_as_many_callers_as_threads_are_never_turned_away():
    """Each gives its slot back before it asks again: the rule holds for all of them at once."""
    with crowd("users", core_size=THREADS) as c:
        in_threads(lambda _: [c.pool.run(int) for _ in range(EACH)])
        assert (c.pool.rejected, c.pool.completed) == (0, THREADS * EACH)


def test_callers_that_leave_are_counted_out_again():
    """Some wait, some give up while queued, some while running; nothing is lost in any of the races."""
    seen, lock, ran = Counter(), threading.Lock(), []

    def work(seconds):
        ran.append(1)
        time.sleep(seconds)

    def use(number):
        rng, mine = random.Random(number), Counter()
        for _ in range(60):
            limit = rng.choice([0.0, 0.0002, 0.001, 0.01, None])
            try:
                c.pool.run(work, rng.choice([0.0, 0.0003, 0.001]), timeout=limit)
                mine["answered"] += 1
            except TimeoutError:
                mine["left"] += 1
            except ThreadPoolRejectedError:
                mine["rejected"] += 1
        with lock:
            seen.update(mine)

    with crowd("users", core_size=4, max_queue_size=4) as c:
        in_threads(use)
        eventually(lambda: c.pool.active == 0)
        assert sum(seen.values()) == THREADS * 60
        assert (c.pool.abandoned, c.pool.queue_size, c.pool.rejected) == (0, 0, seen["rejected"])
        assert c.pool.completed == c.pool.executed == len(ran)
        assert seen["answered"] <= len(ran) <= seen["answered"] + seen["left"]
        c.fill(8)


def test_resizing_all_the_time_loses_nothing():
    """Core, maximum, queue and keep-alive move while calls come; at the end the last sizes hold."""
    stop, seen, lock = threading.Event(), Counter(), threading.Lock()

    def resize():
        rng = random.Random(11)
        while not stop.is_set():
            c.pool.configure(
                ThreadPoolProperties(
                    core_size=rng.randint(1, 6),
                    max_size=rng.randint(1, 8),
                    allow_max_to_diverge=rng.random() < 0.5,
                    max_queue_size=rng.randint(-1, 6),
                    keep_alive=rng.choice([0.0, 0.001, 1.0]),
                )
            )
            time.sleep(0.0005)

    def use(_number):
        mine = Counter()
        for value in range(EACH):
            try:
                assert c.pool.run(abs, -value, timeout=30) == value
                mine["answered"] += 1
            except ThreadPoolRejectedError:
                mine["rejected"] += 1
        with lock:
            seen.update(mine)

    with crowd("users", core_size=1) as c:
        resizer = threading.Thread(target=resize)
        resizer.start()
        in_threads(use)
        stop.set()
        resizer.join()
        assert (c.pool.completed, c.pool.rejected) == (seen["answered"], seen["rejected"])
        c.resize(core_size=3, max_queue_size=2)
        eventually(lambda: c.pool.size <= 3)
        c.fill(5)
        assert not c.add()


def test_shutting_down_under_load_answers_what_was_accepted():
    """Each call is answered or turned away; none hangs."""
    seen, lock = Counter(), threading.Lock()

    def use(number):
        mine = Counter()
        for _ in range(EACH):
            try:
                c.pool.call(int).result(30)
                mine["answered"] += 1
            except ThreadPoolRejectedError:
                mine["rejected"] += 1
        if number == 0:
            c.pool.shutdown(timeout=30)
        with lock:
            seen.update(mine)

    with crowd("users", core_size=4, max_queue_size=8) as c:
        in_threads(use)
        assert (c.pool.completed, c.pool.size) == (seen["answered"], 0)
