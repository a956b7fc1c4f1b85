"""One shard of a batch on its way: create the command, execute it where it can run, map its response, answer."""

from __future__ import annotations

import asyncio
import sys
import weakref
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from hystrixpy._native.aio import AioCommand
from hystrixpy._native.drive import SyncCommand
from hystrixpy._native.execution import mark_collapsed
from hystrixpy._native.life import set_links
from hystrixpy._native.request import deliver, end_elsewhere, fill_missing, links_of
from hystrixpy.collapser.faults import fail, lost, missing, raise_if_fatal
from hystrixpy.collapser.numbers import metrics_for
from hystrixpy.collapser.spec import running_loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from hystrixpy._native.batch import Batch
    from hystrixpy._native.request import CollapsedRequest

    _Request = CollapsedRequest[Any, Any]

__all__ = ["Shipment"]

_NEVER = 1e9  # seconds


class Shipment:
    """One shard on its way: the requests, and the command that answers them."""

    __slots__ = ("answered", "batch", "command", "context", "key", "requests", "shown", "watch")

    def __init__(self, batch: Batch, requests: list[_Request]) -> None:
        self.batch = batch
        self.requests = requests
        self.shown = requests.copy()  # for create_command and map_response, which may do with it as they please
        self.key = batch.gatherer.spec.key
        self.context: Context | None = None
        self.command: Any = None
        self.watch: weakref.ref[asyncio.TimerHandle] | None = None
        self.answered = False

    def __del__(self) -> None:
        self.give_up()

    def give_up(self) -> None:
        """The event loop was closed that was to run the command or to map its response."""
        if not self.answered and not sys.is_finalizing():
            self.answered = True
            end_elsewhere(self.requests, lost(self.key))

    def start(self) -> None:
        """Create the command and execute it; whatever goes wrong is every request's error."""
        metrics_for(self.key).batch_sent(len(self.requests))
        try:
            self.command = self.batch.face.create_command(self.shown)
            self._check()
            mark_collapsed(self.command, self.key, len(self.requests))
            links = links_of(self.requests)
            if links:
                set_links(self.command, links)
            self.context = copy_context()
            if isinstance(self.command, AioCommand):
                self._start_async()
            else:
                self.command.queue().add_done_callback(self._queued_done)
        except BaseException as error:
            self._fail(error)
            raise_if_fatal(error)

    def _check(self) -> None:
        if not isinstance(self.command, (SyncCommand, AioCommand)):  # a union would be made anew each time
            raise TypeError(
                f"create_command of collapser {self.key!r} returned {type(self.command).__name__}; "
                f"it must return an unexecuted Command or AsyncCommand"
            )

    # An AsyncCommand needs an event loop: one on which somebody waits, else that of the scope, else one of its own.

    def _start_async(self) -> None:
        here = running_loop()
        loop = _loop_for(self.batch, here)
        if loop is None:
            self._run_here()
        elif loop is here:
            self._start_task(loop)
        else:
            assert self.context is not None
            try:
                loop.call_soon_threadsafe(self._start_task, loop, context=self.context)
            except RuntimeError:  # closed a moment ago
                self._run_here()

    def _run_here(self) -> None:
        self._finish_with(lambda: asyncio.run(self.command.execute()))

    def _start_task(self, loop: asyncio.AbstractEventLoop) -> None:
        task = loop.create_task(self.command.execute())
        task.add_done_callback(self._task_done, context=self.context)
        if self.batch.mixed:
            self.watch = weakref.ref(loop.call_later(_NEVER, _Watch(self)))

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._finish_with(task.result)
        watch = None if self.watch is None else self.watch()
        if watch is not None:
            watch.cancel()

    def _queued_done(self, future: Any) -> None:
        """The batch of a ``Command`` is there, in the thread that ran it."""
        assert self.context is not None
        # All who wait are tasks of one loop: map there, so that their objects are used in one thread only.
        loop = self.batch.map_on()
        if loop is not None and running_loop() is not loop:
            with suppress(RuntimeError):  # it is closed; somebody may have come to wait elsewhere since
                loop.call_soon_threadsafe(self._finish_with, future.result, context=self.context)
                return
        self.context.run(self._finish_with, future.result)

    def _finish_with(self, result: Callable[[], Any]) -> None:
        """Map the response of the batch to its requests and answer them."""
        requests = self.requests
        try:
            self.batch.face.map_response(result(), self.shown)
        except BaseException as error:
            self._fail(error)
            if running_loop() is not None:
                raise_if_fatal(error)
        else:
            why = getattr(self.batch.face, "unanswered", "map_response set no answer for it")
            fill_missing(requests, lambda request: missing(self.key, request, why))
            self.answered = True
            deliver(requests)

    def _fail(self, error: BaseException) -> None:
        self.answered = True
        fail(self.key, self.requests, error)


class _Watch:
    """Lies among an event loop's timers and goes when the loop is closed, which nothing else would tell of."""

    __slots__ = ("shipment",)

    def __init__(self, shipment: Shipment) -> None:
        self.shipment = shipment

    def __call__(self) -> None:
        """Never due."""

    def __del__(self) -> None:
        self.shipment.give_up()


def _loop_for(batch: Batch, here: Any) -> Any:
    """The event loop to run an ``AsyncCommand`` on, or None for a fresh one; ``here``: the one that runs us."""
    if here is not None:
        return batch.run_on([here]) or here  # it runs us, so it does not stand still, whatever was announced
    return batch.run_on([loop for loop in (batch.loop, batch.gatherer.home) if loop is not None and loop.is_running()])
