"""The demo's load keeps its rate, and never bursts."""

from __future__ import annotations

import threading
from itertools import islice

from hystrixpy.demo.load import AsyncLoad, ThreadLoad, timetable


def test_timetable_is_steady_when_calls_are_quick() -> None:
    """One call per interval, the first one after its offset."""
    now = 100.0
    waits = timetable(0.5, first=0.25, clock=lambda: now)
    for expected in (0.25, 0.5, 0.5):
        wait = next(waits)
        assert wait == expected
        now += wait


def test_timetable_skips_what_a_slow_call_missed() -> None:
    """After 1.2 s in a call, two appointments of 0.5 s are gone and the third is kept."""
    now = 0.0
    waits = timetable(0.5, first=0.0, clock=lambda: now)
    assert next(waits) == 0.0
    now = 1.25
    assert next(waits) == 0.25


def test_timetable_of_a_standing_clock_goes_on() -> None:
    """Appointments lie one interval apart, whenever they are looked at."""
    assert list(islice(timetable(1.0, first=0.0, clock=lambda: 0.0), 3)) == [0.0, 1.0, 2.0]


def test_thread_load_survives_failing_calls_and_ends() -> None:
    """A raising call is that call's affair: the load goes on, numbers its calls, and stops when told."""
    seen: list[int] = []
    enough = threading.Event()

    def call(number: int) -> None:
        seen.append(number)
        if len(seen) >= 6:
            enough.set()
        raise ValueError(number)

    with ThreadLoad(call, rate=1000, callers=2):
        assert enough.wait(30)
    assert sorted(seen) == list(range(len(seen)))


def test_async_load_survives_failing_calls_and_ends() -> None:
    """The same on an event loop."""
    seen: list[int] = []
    enough = threading.Event()

    async def call(number: int) -> None:
        seen.append(number)
        if len(seen) >= 6:
            enough.set()
        raise ValueError(number)

    with AsyncLoad(call, rate=1000):
        assert enough.wait(30)
    assert seen == list(range(len(seen)))
