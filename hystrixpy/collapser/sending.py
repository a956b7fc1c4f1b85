"""What happens to a batch that goes: shard, create, execute, map, answer.

``send`` is called once per batch in a copy of the scope's contextvars context, on an event loop of those who
wait or on one of the sending threads. Nothing of it runs in the context of one of the callers.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from hystrixpy._native.aio import AioCommand
from hystrixpy._native.collapse import deliver, fill_missing, links_of
from hystrixpy._native.drive import SyncCommand
from hystrixpy._native.execution import mark_collapsed
from hystrixpy._native.life import set_links
from hystrixpy.collapser.numbers import metrics_for
from hystrixpy.collapser.spec import running_loop
from hystrixpy.errors import CollapserError, MissingResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextvars import Context

    from hystrixpy._native.collapse import Batch, CollapsedRequest

    _Request = CollapsedRequest[Any, Any]

__all__ = ["send"]


def send(batch: Batch) -> None:
    """Divide a batch into its shards and execute one command for each."""
    requests, key = batch.requests, batch.gatherer.spec.key
    try:
        shards = [list(shard) for shard in batch.face.shard(requests)]
    except Exception as error:
        _fail(requests, error)
        return
    if len(shards) != 1 or len(shards[0]) != len(requests):
        _answer_stray(key, requests, shards)
    for shard in shards:
        if shard:
            Shipment(batch, shard).start()


def _answer_stray(key: str, requests: Sequence[_Request], shards: Sequence[Sequence[_Request]]) -> None:
    """A request that no shard took is missing its response; the others are not concerned."""
    taken = {id(request) for shard in shards for request in shard}
    stray = [request for request in requests if id(request) not in taken]
    fill_missing(stray, lambda request: _missing(key, request, "no shard took it"))
    deliver(stray)


class Shipment:
    """One shard on its way: the requests, and the command that answers them."""

    __slots__ = ("batch", "command", "context", "key", "requests")

    def __init__(self, batch: Batch, requests: Sequence[_Request]) -> None:
        self.batch = batch
        self.requests = list(requests)
        self.key = batch.gatherer.spec.key
        self.context: Context | None = None
        self.command: Any = None

    def start(self) -> None:
        """Create the command and execute it; whatever goes wrong is every request's error."""
        metrics_for(self.key).batch_sent(len(self.requests))
        try:
            self.command = self.batch.face.create_command(self.requests)
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
        except Exception as error:
            _fail(self.requests, error)

    def _check(self) -> None:
        if not isinstance(self.command, SyncCommand | AioCommand):
            raise TypeError(
                f"create_command of collapser {self.key!r} returned {type(self.command).__name__}; "
                f"it must return an unexecuted Command or AsyncCommand"
            )

    # An AsyncCommand needs an event loop: one on which somebody waits, else that of the scope, else one of its own.

    def _start_async(self) -> None:
        here, loop = running_loop(), _loop_for(self.batch)
        if loop is None:
            self._finish_with(lambda: asyncio.run(self.command.execute()))
        elif loop is here:
            self._start_task()
        else:
            assert self.context is not None
            loop.call_soon_threadsafe(self._start_task, context=self.context)

    def _start_task(self) -> None:
        task = asyncio.ensure_future(self.command.execute())
        task.add_done_callback(self._task_done, context=self.context)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._finish_with(task.result)

    def _queued_done(self, future: Any) -> None:
        """The batch of a ``Command`` is there, in the thread that ran it."""
        loop = self.batch.loop
        if loop is not None and not self.batch.mixed and running_loop() is not loop:
            # All who wait are tasks of one loop: map there, so that their objects are used in one thread only.
            with suppress(RuntimeError):  # the loop is closed, and with it everybody who waited
                loop.call_soon_threadsafe(self._finish_with, future.result, context=self.context)
        else:
            assert self.context is not None
            self.context.run(self._finish_with, future.result)

    def _finish_with(self, result: Callable[[], Any]) -> None:
        """Map the response of the batch to its requests and answer them."""
        requests = self.requests
        try:
            self.batch.face.map_response(result(), requests)
        except (asyncio.CancelledError, CancelledError) as error:
            _fail(requests, _cancelled(self.key, error))
        except BaseException as error:
            _fail(requests, error)
            if not isinstance(error, Exception) and running_loop() is not None:
                raise  # Ctrl-C during a loop's callback is the loop's business, too
        else:
            fill_missing(requests, lambda request: _missing(self.key, request, "map_response set no answer for it"))
            deliver(requests)


def _loop_for(batch: Batch) -> Any:
    """The event loop to run an ``AsyncCommand`` on, or None for a fresh one."""
    blocked = batch.blocked or ()
    for loop in (running_loop(), batch.loop, batch.gatherer.home):
        if loop is not None and loop not in blocked and loop.is_running():
            return loop
    return None


def _fail(requests: Sequence[_Request], error: BaseException) -> None:
    fill_missing(list(requests), lambda _: error)
    deliver(list(requests))


def _missing(key: str, request: _Request, why: str) -> MissingResponseError:
    kind = type(request.argument).__name__
    return MissingResponseError(f"collapser {key!r} has no response for one request (argument: {kind}): {why}")


def _cancelled(key: str, cause: BaseException) -> CollapserError:
    error = CollapserError(f"the batch of collapser {key!r} was cancelled before it could answer")
    error.__cause__ = cause
    return error
