"""await of a thread command, cancelled at the one moment when its outcome is there and its task has not gone on."""

from __future__ import annotations

import asyncio

import pytest

import hystrixpy
from hystrixpy import Command

from .gates import Gate, eventually


async def awaited(made):
    """What a task is made of."""
    return await made


def between_wake_up_and_step(task, ready):
    """Let the outcome arrive while the loop is blocked, and cancel after the wake-up, before the task's next step."""
    loop = asyncio.get_running_loop()

    def block():
        ready()
        loop.call_soon(task.cancel)  # behind the wake-up that is queued by now

    loop.call_soon(block)


@pytest.mark.parametrize("falls_back", [False, True])
def test_nothing_stays_counted_as_waiting(falls_back):
    """The caller is gone, so concurrency is back at zero, whether run or the fallback had just ended."""
    gate = Gate()

    class Fetch(Command[None]):
        def run(self):
            if not falls_back:
                gate.wait()
            raise OSError

    class FallingBack(Fetch):
        key = "Fetch"

        def fallback(self):
            gate.wait()

    async def main():
        made = (FallingBack if falls_back else Fetch)()
        task = asyncio.create_task(awaited(made))
        await asyncio.to_thread(gate.wait_reached)
        loop = asyncio.get_running_loop()
        queued = len(loop._ready)

        def ready():
            gate.open()
            eventually(lambda: len(loop._ready) > queued)

        between_wake_up_and_step(task, ready)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert made.execution.is_complete

    asyncio.run(main())
    assert hystrixpy.metrics("Fetch").concurrency == 0


def test_a_loop_that_closes_before_the_outcome_leaves_nothing_behind():
    """The task is cancelled with its loop; the worker ends later, in peace."""
    gate = Gate()

    class Fetch(Command[None]):
        def run(self):
            gate.wait()

    async def main():
        made = Fetch()
        asyncio.get_running_loop().create_task(awaited(made))
        await asyncio.to_thread(gate.wait_reached)
        return made

    made = asyncio.run(main())
    assert [event.name for event in made.execution.events] == ["CANCELLED"]
    assert hystrixpy.metrics("Fetch").abandoned == 1
    gate.open()
    hystrixpy.shutdown()
    assert (hystrixpy.metrics("Fetch").abandoned, hystrixpy.metrics("Fetch").concurrency) == (0, 0)
