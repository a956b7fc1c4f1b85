"""current_command(): the innermost command that runs here, by thread, task and context."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties, current_command, deadline

from .gates import Gate

SEMAPHORE = CommandProperties(isolation="semaphore")


def fail():
    """A run that fails."""
    raise OSError


def test_outside_there_is_none():
    """None, not an error."""
    assert current_command() is None


def test_inside_run_it_is_the_command(target):
    """The very object that the caller made; and none again afterwards."""
    guarded = target()
    made = guarded.make(lambda: [current_command()])
    assert guarded.driver.outcome(made).value == [made]
    assert current_command() is None


def test_inside_the_fallback_too(target):
    """On whatever thread it runs, after whatever happened."""
    guarded = target(lambda: [current_command()], timeout=0.02)
    for overrun in (False, True):
        made = guarded.make(fail, overrun=overrun)
        assert guarded.driver.outcome(made).value == [made]


def test_the_innermost_counts_and_leaving_it_restores_the_outer_one():
    """Sync in sync, on one thread and on another one's pool."""
    seen = []

    class Inner(Command[None]):
        def __init__(self, isolation):
            self.isolation = isolation

        def run(self):
            seen.append(current_command())

    class Outer(Command[None]):
        properties = SEMAPHORE

        def run(self):
            inner = Inner("thread")
            inner.execute()
            assert seen == [inner]
            assert current_command() is self

    Outer().execute()


def test_in_to_thread_of_a_coroutine():
    """The context goes along: command and deadline are those of the task."""

    class Fetch(AsyncCommand[object]):
        async def run(self):
            return await asyncio.to_thread(lambda: (current_command(), deadline()))

    made = Fetch()
    command, left = asyncio.run(made.execute())
    assert command is made
    assert 0 < left <= 1.0


def test_in_a_thread_started_with_the_context_of_a_worker():
    """copy_context().run carries it further from a worker, too."""

    class Fetch(Command[object]):
        def run(self):
            context = contextvars.copy_context()
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(context.run, current_command).result()

    made = Fetch()
    assert made.execute() is made


def test_a_child_task_sees_it_until_it_is_over():
    """A task that outlives its command is in no command any more, and under no limit."""
    seen = []

    class Fetch(AsyncCommand[None]):
        async def run(self):
            self.child = asyncio.create_task(self.outlive())
            await self.started.wait()

        async def outlive(self):
            seen.append((current_command() is self, deadline() is not None))
            self.started.set()
            await self.over.wait()
            seen.append((current_command(), deadline()))

    async def main():
        made = Fetch()
        made.started, made.over = asyncio.Event(), asyncio.Event()
        await made
        made.over.set()
        await made.child

    asyncio.run(main())
    assert seen == [(True, True), (None, None)]


def test_a_child_task_falls_back_to_the_enclosing_command():
    """The inner command is over, the outer one is not."""
    seen = []

    class Inner(AsyncCommand[asyncio.Task[None]]):
        async def run(self):
            return asyncio.create_task(self.look())

        async def look(self):
            await asyncio.sleep(0)
            seen.append(current_command())

    class Outer(AsyncCommand[None]):
        async def run(self):
            await (await Inner())

    made = Outer()
    asyncio.run(made.execute())
    assert seen == [made]


def test_concurrent_tasks_do_not_see_each_other():
    """Two commands that take turns on one loop."""

    class Fetch(AsyncCommand[bool]):
        async def run(self):
            for _ in range(3):
                await asyncio.sleep(0)
                if current_command() is not self:
                    return False
            return True

    async def main():
        outside = asyncio.create_task(asyncio.sleep(0, current_command()))
        assert await asyncio.gather(*(Fetch().execute() for _ in range(5)), outside) == [True] * 5 + [None]

    asyncio.run(main())


def test_threads_do_not_see_each_other():
    """An inline command of one thread is none of another's business."""
    gate = Gate()

    class Hold(Command[None]):
        properties = SEMAPHORE

        def run(self):
            gate.wait()

    thread = threading.Thread(target=Hold().execute)
    thread.start()
    gate.wait_reached()
    assert current_command() is None
    gate.open()
    thread.join()


def test_in_done_callbacks_there_is_none():
    """They belong to the caller, on whatever thread they run."""
    seen, told = [], threading.Event()

    class Fetch(Command[int]):
        def run(self):
            return 1

    def callback(future):
        seen.append(current_command())
        told.set()

    Fetch().queue().add_done_callback(callback)
    assert told.wait(10)
    assert seen == [None]


def test_a_queued_semaphore_command_sees_itself_in_its_fallback():
    """Its fallback runs on a fallback thread, in the context of the caller."""

    class Fetch(Command[object]):
        properties = SEMAPHORE

        def run(self):
            raise OSError

        def fallback(self):
            return current_command()

    made = Fetch()
    assert made.queue().result(10) is made
    assert hystrixpy.current_command() is None
