"""Ten thousand command keys: what they take, and that a reset lets go of them."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties

from .gates import eventually

PROGRAM = """
import gc, os
from hystrixpy import Command, CommandProperties

class Fetch(Command):
    properties = CommandProperties(isolation="semaphore")
    def run(self):
        return 1

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

Fetch().execute()
gc.collect()
before = resident()
for host in range(10_000):
    Fetch(key=f"fetch:{host}").execute()
print((resident() - before) // 10_000)
"""


class Fetch(Command[int]):
    """A key per host."""

    properties = CommandProperties(isolation="semaphore")

    def run(self):
        return 1


def test_ten_thousand_keys_take_32_kilobytes_each():
    """All that a key costs the process, Python objects included."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert 0 < int(ended.stdout) <= 32 * 1024


def test_a_circuit_says_what_its_block_takes():
    """With the default windows; more buckets take more."""
    Fetch(key="default").execute()
    hystrixpy.configure({"command": {"fine": {"rolling_buckets": 100}}})
    Fetch(key="fine").execute()
    sizes = [hystrixpy.registry.circuit(key).memory() for key in ("default", "fine")]
    assert sizes[0] <= 31 * 1024
    assert sizes[1] == sizes[0] + 90 * 21 * 8  # 18 events, two for health, one for concurrency; a word each


def test_a_reset_lets_go_of_circuits_of_dynamic_keys():
    """Nothing keeps them: a service that reloads does not grow by all its hosts each time."""
    for host in range(100):
        Fetch(key=f"fetch:{host}").execute()
    circuits = [weakref.ref(each) for each in hystrixpy.registry.circuits()]
    assert len(circuits) == 100
    hystrixpy.reset()
    gc.collect()
    if getattr(sys, "_is_gil_enabled", lambda: True)():  # without the GIL others may be reading: kept until rebound
        assert [circuit for reference in circuits if (circuit := reference()) is not None] == []


def test_commands_that_are_over_are_freed():
    """Neither the circuit nor the thread keeps them, on success and on failure."""

    class Short(Command[None]):
        def __init__(self, works):
            self.works = works

        def run(self):
            if not self.works:
                raise OSError

        def fallback(self):
            return None

    made = [Short(number % 2 == 0) for number in range(20)]
    for each in made[:10]:
        each.execute()
    for each in made[10:]:
        each.queue().result(10)
    hystrixpy.shutdown()
    gone = [weakref.ref(each) for each in made]
    del made, each
    gc.collect()
    assert [reference() for reference in gone] == [None] * 20


class Answered(Command[int]):
    """Fails, and has an answer."""

    properties = CommandProperties(breaker_enabled=False)

    def __init__(self, made):
        made.append(weakref.ref(self))

    def run(self):
        raise OSError

    def fallback(self):
        return 1


class AnsweredLater(AsyncCommand[int]):
    """The same on a loop."""

    properties = CommandProperties(breaker_enabled=False)

    def __init__(self, made):
        made.append(weakref.ref(self))

    async def run(self):
        raise OSError

    async def fallback(self):
        return 1


# Without the GIL what one thread made and another lets go of waits for the first, or for the collector.
@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="counts references across threads late")
@pytest.mark.parametrize(
    "answer",
    [
        lambda made: Answered(made).execute(),
        lambda made: Answered(made).queue().result(10),
        lambda made: asyncio.run(AnsweredLater(made).execute()),
    ],
    ids=["execute", "queue", "await"],
)
def test_a_failed_call_that_its_fallback_answered_leaves_no_cycle(answer):
    """Its exception holds the frame of run, and that the command: without care only the collector would end it."""
    made = []
    gc.disable()
    try:
        assert answer(made) == 1
        eventually(lambda: made[0]() is None)  # a worker may be on its way out of it
    finally:
        gc.enable()
