"""The native timer: deadlines nobody waits on."""

from __future__ import annotations

import random
import sys
import threading
import time

import pytest

from hystrixpy._native.timer import _Ring, pending, stop
from tests.support.pools import eventually


@pytest.fixture(autouse=True)
def _stopped():
    yield
    assert stop(10)
    assert pending() == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "hystrix-timer"]


def test_a_deadline_is_kept_on_the_timer_thread():
    """Not earlier; on the one daemon thread."""
    rung, begun = [], time.monotonic()
    _Ring(0.02, lambda: rung.append((time.monotonic(), threading.current_thread())))
    eventually(lambda: len(rung) == 1)
    when, thread = rung[0]
    assert when - begun >= 0.02
    assert (thread.name, thread.daemon) == ("hystrix-timer", True)


def test_deadlines_ring_in_their_order():
    """Whatever the order they were set in."""
    rung: list[int] = []
    begun = time.monotonic()
    for number in random.Random(7).sample(range(60), 60):
        _Ring(begun + 0.1 + number * 0.001 - time.monotonic(), lambda number=number: rung.append(number))
    eventually(lambda: len(rung) == 60)
    assert rung == sorted(rung)


def test_an_earlier_deadline_is_not_kept_waiting_by_a_later_one():
    """The sleeping timer is woken for it."""
    rung = []
    later = _Ring(60.0, lambda: rung.append("later"))
    eventually(lambda: pending() == 1)
    _Ring(0.01, lambda: rung.append("earlier"))
    eventually(lambda: rung == ["earlier"])
    later.done()


def test_what_is_done_before_never_rings_and_is_forgotten_at_once():
    """The timer keeps nothing alive."""
    rung = []
    rings = [_Ring(0.5 + i * 1e-5, lambda: rung.append(1)) for i in range(500)]
    random.Random(3).shuffle(rings)
    for ring in rings[:499]:
        ring.done()
    assert pending() == 1
    eventually(lambda: rung == [1])
    rings[0].done()


def test_a_thousand_at_once_ring_quickly():
    """Nobody waits long behind the others."""
    rung = []
    for _ in range(1_000):
        _Ring(0.05, lambda: rung.append(time.monotonic()))
    eventually(lambda: len(rung) == 1_000)
    assert rung[-1] - rung[0] < 0.5


def test_a_deadline_that_raises_does_not_end_the_timer(monkeypatch, capfd):
    """Python is told of the error, and the next one rings all the same."""
    rung, told = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))
    _Ring(0.001, lambda: 1 // 0)
    _Ring(0.01, lambda: rung.append(1))
    eventually(lambda: rung == [1])
    assert told == [ZeroDivisionError]
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_stopped_timer_starts_again_with_the_next_deadline():
    """What was pending is kept."""
    rung = []
    _Ring(0.05, lambda: rung.append("first"))
    assert stop(10)
    assert pending() == 1
    _Ring(0.06, lambda: rung.append("second"))
    eventually(lambda: rung == ["first", "second"])


def test_many_threads_set_and_withdraw_deadlines():
    """Each one rings or was withdrawn; none both, none neither."""
    rung: list[int] = []

    def use(seed: int) -> None:
        rng = random.Random(seed)
        for number in range(300):
            ring = _Ring(rng.random() * 0.02, lambda number=number: rung.append(seed * 1000 + number))
            if rng.random() < 0.5:
                ring.done()
                withdrawn.add(seed * 1000 + number)

    withdrawn: set[int] = set()
    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: pending() == 0)
    assert stop(10)
    assert len(rung) == len(set(rung))
    assert set(rung) | withdrawn == {seed * 1000 + number for seed in range(4) for number in range(300)}
