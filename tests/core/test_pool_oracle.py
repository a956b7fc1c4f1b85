"""The pool's rules beside a naive copy of them, over random histories of works, ends and resizes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pools import crowd, eventually

SIZES = st.fixed_dictionaries(
    {
        "core_size": st.integers(1, 4),
        "max_size": st.integers(1, 6),
        "allow_max_to_diverge": st.booleans(),
        "max_queue_size": st.integers(-1, 4),
        "queue_rejection_threshold": st.integers(1, 5),
        "keep_alive": st.just(3600.0),
    }
)
STEPS = st.lists(st.one_of(st.just("add"), st.just("add"), st.integers(0, 9), SIZES), max_size=25)


class Oracle:
    """Who runs and who waits, as one reads Hystrix's documentation. Threads are a number."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.running: list[int] = []
        self.queue: list[int] = []
        self.threads = 0
        self.taken_in = self.refused = 0
        self.resize(sizes)

    def resize(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.core = sizes["core_size"]
        self.max = max(self.core, sizes["max_size"]) if sizes["allow_max_to_diverge"] else self.core
        while self.queue and self.threads < self.core:
            self.threads += 1
            self.running.append(self.queue.pop(0))
        self.send_home()

    def send_home(self) -> None:
        self.threads = max(len(self.running), min(self.threads, self.max))

    def add(self) -> bool:
        if not self.has_room():
            self.refused += 1
            return False
        self.queue.append(self.taken_in)
        self.taken_in += 1
        self.next_ones()
        return True

    def has_room(self) -> bool:
        places = self.sizes["max_queue_size"]
        taken = len(self.running) + len(self.queue)
        if len(self.running) < self.threads and len(self.running) < self.max:
            return True
        if taken < self.core or self.threads < self.core or (places < 1 and taken < self.max):
            self.threads += 1
            return True
        if places < 1 or len(self.queue) >= self.sizes["queue_rejection_threshold"]:
            return False
        if len(self.queue) < places:
            return True
        if self.threads < self.max:
            self.threads += 1
            return True
        return False

    def next_ones(self) -> None:
        while self.queue and len(self.running) < self.threads:
            self.running.append(self.queue.pop(0))

    def end(self, number: int) -> None:
        self.running.remove(number)
        bounded = self.sizes["max_queue_size"] > 0
        if self.threads > self.max and (not self.queue or (bounded and len(self.running) >= self.max)):
            self.threads -= 1
        self.next_ones()
        self.send_home()


@settings(max_examples=60, deadline=None)
@given(SIZES, STEPS)
def test_random_histories(sizes, steps):
    """After each step the same works run, the same are queued, the same were turned away."""
    oracle = Oracle(sizes)
    with crowd("oracle", **sizes) as c:
        for step in steps:
            if step == "add":
                assert c.add() == oracle.add()
            elif isinstance(step, dict):
                c.resize(**step)
                oracle.resize(step)
            elif oracle.running:
                number = sorted(oracle.running)[step % len(oracle.running)]
                c.let_go(number)
                oracle.end(number)
            expected = (len(oracle.running), len(oracle.queue), oracle.threads, oracle.refused)
            eventually(lambda: (c.pool.active, c.pool.queue_size, c.pool.size, c.pool.rejected) == expected)  # noqa: B023
            eventually(lambda: c.running == set(oracle.running))
