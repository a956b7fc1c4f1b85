"""Every request of a batch is answered, whatever the collapser's methods, the callers and the event loops do."""

import asyncio
import contextvars
import gc
import os
import threading
from concurrent.futures import wait

import pytest

from hystrixpy import (
    AsyncCommand,
    CollapserError,
    CommandStateError,
    MissingResponseError,
    RequestContext,
    collapse,
    shutdown,
)
from hystrixpy._native.batch import Batch
from tests.support.collapsing import Recorded
from tests.support.pools import eventually

LONG = 30.0
"""A delay that no test waits for."""

SYNC_FORMS = pytest.mark.parametrize("form", ["thread", "semaphore", "async", "function"])
CLASS_FORMS = pytest.mark.parametrize("form", ["thread", "semaphore", "async"])


def outcome(future, timeout=10):
    """Value or error, whatever the kind of the error."""
    try:
        return future.result(timeout)
    except BaseException as error:
        return error


def with_methods(recorded, **methods):
    """The collapser of a class form with methods of its own."""
    return type("Own", (recorded.collapser,), {"key": recorded.key, **methods})


def remembering(recorded):
    """The same collapser, whose answers the request context remembers."""
    return with_methods(recorded, cache_key=lambda self: str(self.argument))


async def awaited(request):
    return await request


def begun(request):
    """What ``await request`` waits for, begun now."""
    return request._hx_spec.future_on_loop(request, request.argument, request._hx_cache_key())


# Arguments that cannot be compared


class Broken:
    """An argument whose hash fails from the ``good`` th time on."""

    def __init__(self, good):
        self.good = good

    def __hash__(self):
        self.good -= 1
        if self.good < 0:
            raise ZeroDivisionError("hash")
        return 1


@SYNC_FORMS
@pytest.mark.parametrize("good", [0, 1])
def test_a_first_argument_that_cannot_be_hashed_does_not_hold_up_the_next(form, good):
    """Its request gets the error; the batch goes with those that follow, and at its time."""
    recorded = Recorded(form)
    with RequestContext():
        assert isinstance(recorded.queue(Broken(good)).exception(10), ZeroDivisionError)
        assert recorded.queue(1).result(10) == "<1>"
    assert recorded.batches == [[1]]


@SYNC_FORMS
def test_an_argument_that_can_be_hashed_once_leaves_no_trace_in_the_batch(form):
    """Looked up, but not put in: those before it are answered."""
    recorded = Recorded(form)
    with RequestContext():
        first = recorded.queue(1)
        assert isinstance(recorded.queue(Broken(1)).exception(10), ZeroDivisionError)
        assert first.result(10) == "<1>"
    assert recorded.batches == [[1]]


# What the methods do to the list they get, and what they raise


def pop_all(self, response, requests):
    while requests:
        request = requests.pop()
        request.response = response[request.argument]


@CLASS_FORMS
def test_map_response_may_empty_its_list(form):
    """The list is the method's own."""
    kind = with_methods(Recorded(form), map_response=pop_all)
    with RequestContext():
        assert [future.result(10) for future in [kind(n).queue() for n in range(3)]] == ["<0>", "<1>", "<2>"]


def test_create_command_and_map_response_get_one_list():
    """What create_command sorts, map_response finds sorted."""
    recorded = Recorded("semaphore")
    recorded.answer = list
    plain = recorded.collapser

    def create_command(self, requests):
        requests.sort(key=lambda each: each.argument)
        return plain.create_command(self, requests)

    kind = with_methods(recorded, create_command=create_command)
    with RequestContext():
        assert [future.result(10) for future in [kind(n).queue() for n in (3, 1, 2)]] == [3, 1, 2]
    assert recorded.batches == [[1, 2, 3]]


def test_shard_may_take_its_list_apart():
    """Cutting pieces off is a way to divide."""

    def shard(self, requests):
        while requests:
            yield requests[:2]
            del requests[:2]

    recorded = Recorded("semaphore")
    kind = with_methods(recorded, shard=shard)
    with RequestContext():
        assert [future.result(10) for future in [kind(n).queue() for n in range(3)]] == ["<0>", "<1>", "<2>"]
    assert recorded.batches == [[0, 1], [2]]


def test_shard_may_empty_its_list_and_fail():
    """Everybody gets the error."""
    error = ValueError("shard")

    def shard(self, requests):
        requests.clear()
        raise error

    kind = with_methods(Recorded("semaphore"), shard=shard)
    with RequestContext():
        assert [outcome(future) for future in [kind(n).queue() for n in range(2)]] == [error, error]


def test_a_request_left_out_for_another_twice_is_missing_its_response():
    """As many requests as there were, but not the same ones."""
    kind = with_methods(Recorded("semaphore"), shard=lambda self, requests: [[requests[0], requests[0]]])
    with RequestContext():
        _, error = [outcome(future) for future in [kind(n).queue() for n in range(2)]]
    assert isinstance(error, MissingResponseError)
    assert "no shard took it" in str(error)


METHODS = pytest.mark.parametrize("method", ["shard", "create_command", "map_response"])


@METHODS
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_no_exception_of_a_method_leaves_the_callers_waiting(method, error):
    """On a sending thread it reaches them as itself, and the thread lives on."""

    def broken(self, *_):
        raise error

    recorded = Recorded("semaphore", "global", delay=0.01)
    kind = with_methods(recorded, **{method: broken})
    assert [outcome(future) for future in [kind(n).queue() for n in range(2)]] == [error, error]
    assert recorded.queue(1).result(10) == "<1>"


@METHODS
def test_nobody_takes_a_cancellation_in_a_method_for_its_own(method):
    """It is a CollapserError that names the cancellation as its cause."""
    error = asyncio.CancelledError()

    def broken(self, *_):
        raise error

    kind = with_methods(Recorded("semaphore"), **{method: broken})
    with RequestContext():
        got = outcome(kind(1).queue())
    assert type(got) is CollapserError
    assert got.__cause__ is error


@METHODS
def test_an_exit_in_a_method_on_a_loop_is_the_loop_s_and_the_callers(method):
    """It ends the loop, as it would from any callback, and everybody is answered first."""
    error = SystemExit(3)

    def broken(self, *_):
        raise error

    kind = with_methods(Recorded("semaphore", "global", delay=0.01), **{method: broken})
    futures = []

    async def main():
        futures.extend(begun(kind(number)) for number in range(2))
        await asyncio.sleep(10)

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert [future.exception() for future in futures] == [error, error]


# Batches that an event loop was to send


@SYNC_FORMS
def test_a_full_batch_in_which_a_thread_waits_does_not_need_the_loop_that_filled_it(form):
    """A task fills it, and its loop blocks before its next turn: a sending thread takes over."""
    recorded = Recorded(form, "global", max_batch_size=2, delay=LONG)
    future = recorded.queue(1)

    async def main():
        mine = recorded.aio(2)
        answer = future.result(10) if form != "async" else None  # an AsyncCommand does need this loop
        return answer, await mine

    assert asyncio.run(main()) in {("<1>", "<2>"), (None, "<2>")}
    assert future.result(10) == "<1>"
    assert recorded.batches == [[1, 2]]


def test_a_full_batch_in_which_a_thread_waits_survives_the_loop_that_filled_it():
    """The loop stops, and never runs again."""
    recorded = Recorded("thread", "global", max_batch_size=2, delay=LONG)
    future = recorded.queue(1)

    async def main():
        recorded.aio(2)

    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    task.add_done_callback(lambda _: loop.stop())
    loop.call_soon(loop.stop)  # before the turn in which the loop would send it
    loop.run_forever()
    assert future.result(10) == "<1>"
    loop.close()


def test_a_cancelled_request_leaves_a_full_batch_that_waits_for_a_sending_thread():
    """All ten are busy; who goes in the meantime is not asked for."""
    busy, go_on = threading.Semaphore(0), threading.Event()
    blocking = Recorded("semaphore", "global", max_batch_size=1)

    def block(arguments):
        busy.release()
        assert go_on.wait(20)
        return dict.fromkeys(arguments)

    blocking.answer = block
    recorded = Recorded("thread", "global", max_batch_size=2, delay=LONG)
    held = [blocking.queue(number) for number in range(10)]
    for _ in held:
        assert busy.acquire(timeout=10)
    gone, stays = recorded.queue("gone"), recorded.queue("stays")
    gone.cancel()
    go_on.set()
    assert stays.result(10) == "<stays>"
    assert recorded.batches == [["stays"]]
    assert not wait(held, 10).not_done


# No threads left


def refuse_threads(monkeypatch, prefix, error):
    """No thread of that name can be started from now on, whatever is there ends first."""
    shutdown(wait=True)
    start = threading.Thread.start

    def start_or_fail(thread):
        if thread.name.startswith(prefix):
            raise error
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)


@pytest.mark.parametrize("most", [1, None])
def test_a_machine_without_threads_to_send_a_batch_fails_its_requests(monkeypatch, most):
    """At once for a full batch, at the end of the delay for the others; later ones are sent when there are some."""
    recorded = Recorded("semaphore", "global", delay=0.01, max_batch_size=most)
    with monkeypatch.context() as patch:
        refuse_threads(patch, "hystrix-collapser", RuntimeError("can't start new thread"))
        error = recorded.queue(1).exception(10)
    assert type(error) is CollapserError
    assert "no thread can be started" in str(error)
    assert recorded.queue(2).result(10) == "<2>"


def test_a_machine_without_a_thread_for_the_timer_fails_the_requests_that_need_it(monkeypatch):
    """The error says why; the next batch asks for the thread again."""
    recorded = Recorded("semaphore", "global", delay=0.01)
    reason = RuntimeError("can't start new thread")
    with monkeypatch.context() as patch:
        refuse_threads(patch, "hystrix-timer", reason)
        assert recorded.queue(1).exception(10) is reason
    assert recorded.queue(2).result(10) == "<2>"


# Joining what the context remembers


@CLASS_FORMS
def test_a_blocked_loop_is_answered_by_what_it_was_to_send(form):
    """execute() joins a request that only the loop's own timer would send: a thread sends it."""
    recorded = Recorded(form, delay=0.05)
    kind = remembering(recorded)

    async def main():
        async with RequestContext():
            waiting = asyncio.ensure_future(awaited(kind(1)))
            await asyncio.sleep(0)
            return kind(1).execute(), await waiting

    assert asyncio.run(main()) == ("<1>", "<1>")
    assert recorded.batches == [[1]]


@CLASS_FORMS
def test_a_blocked_loop_is_answered_by_the_full_batch_it_was_to_send(form):
    """The same when the loop's next turn would have sent it."""
    recorded = Recorded(form, delay=LONG, max_batch_size=1)
    kind = remembering(recorded)

    async def main():
        async with RequestContext():
            mine = begun(kind(1))
            return kind(1).execute(), await mine

    assert asyncio.run(main()) == ("<1>", "<1>")
    assert recorded.batches == [[1]]


@CLASS_FORMS
def test_a_thread_that_joined_does_not_need_the_loop_that_asked_first(form):
    """The loop is closed before its timer; the batch goes all the same."""
    recorded = Recorded(form, delay=0.1)
    kind = remembering(recorded)

    async def main():
        begun(kind(1))

    with RequestContext():
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        future = kind(1).queue()
        loop.close()
        assert future.result(10) == "<1>"
    assert recorded.batches == [[1]]


def test_blocking_the_loop_that_runs_the_batch_is_refused():
    """An AsyncCommand under way on the loop could never end: the error says to await instead."""
    recorded = Recorded("async", delay=0.0)
    kind = remembering(recorded)
    plain = recorded.collapser.create_command
    created = asyncio.Event()

    def create_command(self, requests):
        created.set()
        return plain(self, requests)

    kind.create_command = create_command

    async def main():
        async with RequestContext():
            waiting = asyncio.ensure_future(awaited(kind(1)))
            await created.wait()
            with pytest.raises(CommandStateError, match="await it instead"):
                kind(1).execute()
            assert await waiting == await kind(1) == "<1>"

    asyncio.run(main())
    assert recorded.batches == [[1]]


def test_a_thread_that_joined_is_answered_when_the_loop_of_the_first_is_closed():
    """The batch's Command is running; its response cannot be mapped on the loop any more, so it is elsewhere."""
    recorded = Recorded("thread", delay=0.0)
    kind = remembering(recorded)
    started, go_on = threading.Event(), threading.Event()
    plain = recorded.answer

    def slow(arguments):
        started.set()
        assert go_on.wait(10)
        return plain(arguments)

    recorded.answer = slow

    async def main():
        begun(kind(1))
        await asyncio.to_thread(started.wait, 10)

    with RequestContext():
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        future = kind(1).queue()
        loop.close()
        go_on.set()
        assert future.result(10) == "<1>"


def test_a_loop_that_is_closed_with_a_batch_under_way_ends_it():
    """The thread that waits for the AsyncCommand of a batch is told that it will not come."""
    recorded = Recorded("async", "global", max_batch_size=2, delay=LONG)
    running = asyncio.Event()

    class Endless(AsyncCommand):
        async def run(self):
            running.set()
            await asyncio.sleep(LONG)

    kind = with_methods(recorded, create_command=lambda self, requests: Endless())
    future = kind(1).queue()

    async def main():
        begun(kind(2))
        await running.wait()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    error = future.exception(10)
    assert type(error) is CollapserError
    assert "loop" in str(error)


def test_a_forked_child_asks_anew_for_what_its_parent_waits_for():
    """Nobody in the child would ever answer it."""

    @collapse(delay=0.2, cache_key=str)
    def process(arguments):
        return [os.getpid() for _ in arguments]

    with RequestContext():
        future = process.queue(1)
        if (child := os.fork()) == 0:
            try:
                os._exit(0 if process.queue(1).result(10) == os.getpid() else 2)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert future.result(10) == os.getpid()


# Closing


def test_a_context_that_closes_while_its_first_request_comes_ends_the_others():
    """One thread has made the meeting place, a second one waits there, and the context closes in between."""
    recorded = Recorded("thread", delay=LONG)
    others = []

    class Closing(RequestContext):
        def before_close(self, callback):
            others.append(contextvars.copy_context().run(recorded.queue, "other"))
            self.close()
            super().before_close(callback)

    with Closing():
        assert recorded.queue("first").exception(10) is not None
    assert type(others[0].exception(10)) is CollapserError
    assert recorded.batches == []


def test_ctrl_c_in_a_listener_still_ends_what_is_pending():
    """Closing goes on to its end, then the exception goes through."""

    def interrupt(_):
        raise KeyboardInterrupt

    recorded = Recorded("thread", delay=LONG)
    closed = []
    context = RequestContext(on_close=closed.append)
    context.__enter__()
    context.before_close(lambda: interrupt(None))
    future = recorded.queue(1)
    with pytest.raises(KeyboardInterrupt):
        context.close()
    assert type(future.exception(10)) is CollapserError
    assert closed == [context]


def test_nothing_is_left_behind_by_batches_that_were_answered():
    """Requests, batches and their commands do not wait for the cycle collector."""
    def batches():
        return sum(issubclass(type(each), Batch) for each in gc.get_objects())  # isinstance would ask dead proxies

    recorded = Recorded("semaphore", "global", max_batch_size=1)
    gc.collect()
    gc.disable()
    try:
        before = batches()
        assert [recorded.queue(number).result(10) for number in range(5)] == [f"<{number}>" for number in range(5)]
        eventually(lambda: batches() == before)
    finally:
        gc.enable()
