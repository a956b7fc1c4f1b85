"""The collapser, in the forms it has: what goes into a batch, when it goes, and who is answered with what."""

import asyncio
import contextvars
import gc
import threading
import time
import traceback
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait

import pytest

from hystrixpy import (
    AsyncCommand,
    CollapsedRequest,
    Collapser,
    CollapserError,
    CollapserProperties,
    Command,
    CommandFuture,
    CommandProperties,
    CommandTimeoutError,
    EventType,
    MissingResponseError,
    PropertyConflictWarning,
    PropertyError,
    RequestContext,
    RequestContextError,
    collapse,
    collapser_keys,
    collapser_metrics,
    command,
    configure,
    metrics,
    reset,
)
from hystrixpy._native import timer
from hystrixpy.collapser.numbers import collapser_totals, metrics_for
from tests.support.collapsing import ASYNC_FORMS, FORMS, Recorded
from tests.support.pools import eventually

LONG = 30.0
"""A delay that no test waits for."""

form = pytest.mark.parametrize("form", FORMS)
queued = pytest.mark.parametrize("form", [form for form in FORMS if form != "async function"])


def ask(recorded, arguments, *, context=True):
    """All outcomes of requests made together: on a loop for async functions, from this thread else."""

    async def on_loop():
        return await asyncio.gather(*[recorded.aio(each) for each in arguments], return_exceptions=True)

    def outcome(future):
        return future.exception(10) or future.result()

    def all_of_them():
        if recorded.form == "async function":
            return asyncio.run(on_loop())
        return [outcome(future) for future in [recorded.queue(each) for each in arguments]]

    if not context:
        return all_of_them()
    with RequestContext():
        return all_of_them()


# What goes into a batch


@form
@pytest.mark.parametrize("scope", ["request", "global"])
def test_requests_made_together_are_one_batch(form, scope):
    """Five requests within the delay become one command, and each gets its own answer."""
    recorded = Recorded(form, scope)
    assert ask(recorded, range(5), context=scope == "request") == [f"<{each}>" for each in range(5)]
    assert recorded.batches == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_on_a_running_loop(form):
    """Tasks that await share a batch, too, whatever the command behind it."""
    recorded = Recorded(form)

    async def main():
        async with RequestContext():
            return await asyncio.gather(*[recorded.aio(each) for each in "abc"])

    assert asyncio.run(main()) == ["<a>", "<b>", "<c>"]
    assert recorded.batches == [["a", "b", "c"]]


def test_await_of_an_instance_in_tasks():
    """``await UserById(n)`` in many tasks of one context is one batch."""
    recorded = Recorded("async")

    async def one(number):
        return await recorded.collapser(number)

    async def main():
        async with RequestContext():
            return await asyncio.gather(*[one(number) for number in range(50)])

    assert asyncio.run(main()) == [f"<{number}>" for number in range(50)]
    assert recorded.sizes == [50]


@pytest.mark.parametrize("form", ["thread", "semaphore", "async", "function"])
def test_blocking_callers_in_many_threads_share_a_batch(form):
    """Eight threads that execute() at once within one context are answered by one batch."""
    recorded = Recorded(form, delay=0.2)

    def one(context, number):
        return context.run(recorded.execute, number)

    with RequestContext(), ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(one, contextvars.copy_context(), number) for number in range(8)]
        answers = [future.result(10) for future in futures]
    assert answers == [f"<{number}>" for number in range(8)]
    assert recorded.sizes == [8]


@pytest.mark.parametrize("form", ["thread", "semaphore", "async", "function"])
def test_threads_and_tasks_share_a_batch(form):
    """Requests from a loop and from threads of the same context go together; each is answered where it waits."""
    recorded = Recorded(form, max_batch_size=6, delay=LONG)
    threads = set()

    async def main():
        async with RequestContext():
            loop_thread = threading.get_ident()
            futures = [recorded.aio(number) for number in range(3)]
            for future in futures:
                future.add_done_callback(lambda _: threads.add(threading.get_ident()))
            blocking = [asyncio.to_thread(recorded.execute, number) for number in range(3, 6)]
            answers = await asyncio.gather(*futures, *blocking)
            return answers, loop_thread

    answers, loop_thread = asyncio.run(main())
    assert answers == [f"<{number}>" for number in range(6)]
    assert recorded.sizes == [6]
    assert threads == {loop_thread}


def test_a_batch_that_is_sent_before_its_deadline_is_set_leaves_none(monkeypatch):
    """Here while the timer's thread starts: the second request fills the batch, which is answered meanwhile."""
    recorded = Recorded("semaphore", "global", max_batch_size=2, delay=LONG)
    assert timer.stop(10)
    start = threading.Thread.start

    def start_late(thread):
        if thread.name == "hystrix-timer":
            assert recorded.queue(2).result(10) == "<2>"
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_late)
    assert recorded.queue(1).result(10) == "<1>"
    assert recorded.sizes == [2]
    assert timer.pending() == 0


@queued
def test_each_request_context_has_batches_of_its_own(form):
    """Requests of different contexts never meet in scope request."""
    recorded = Recorded(form)
    with RequestContext():
        futures = [recorded.queue(1)]
        with RequestContext():
            futures.append(recorded.queue(1))
            assert [future.result(10) for future in futures] == ["<1>", "<1>"]
    assert recorded.sizes == [1, 1]


@queued
def test_a_global_batch_serves_several_contexts(form):
    """Scope global gathers across contexts and without one."""
    recorded = Recorded(form, "global")
    futures = [recorded.queue(1)]
    for _ in range(2):
        with RequestContext():
            futures.append(recorded.queue(len(futures) + 1))
    assert [future.result(10) for future in futures] == ["<1>", "<2>", "<3>"]
    assert recorded.batches == [[1, 2, 3]]


@form
def test_equal_arguments_share_one_slot(form):
    """With the cache on, equality is that of a dict: 1, 1.0 and True are one request."""
    recorded = Recorded(form)
    assert ask(recorded, [1, 2, 1.0, True]) == ["<1>", "<2>", "<1>", "<1>"]
    assert recorded.batches == [[1, 2]]


@form
def test_equal_arguments_get_a_slot_each_without_the_cache(form):
    """With the cache off every request is asked for."""
    recorded = Recorded(form, cache_enabled=False)
    recorded.answer = lambda arguments: [f"{place}:{each}" for place, each in enumerate(arguments)]
    assert ask(recorded, [7, 7, 8]) == ["0:7", "1:7", "2:8"]
    assert recorded.batches == [[7, 7, 8]]


@form
def test_none_is_an_argument_like_any_other(form):
    """None shares a slot with None."""
    recorded = Recorded(form)
    assert ask(recorded, [None, 1, None]) == ["<None>", "<1>", "<None>"]
    assert recorded.batches == [[None, 1]]


@form
def test_unhashable_arguments_never_share(form):
    """Lists are equal but get a slot each; answers come by position."""
    recorded = Recorded(form)
    recorded.answer = lambda arguments: [sum(each) for each in arguments]
    assert ask(recorded, [[1, 2], [1, 2], [4]]) == [3, 3, 4]
    assert recorded.batches == [[[1, 2], [1, 2], [4]]]


@queued
def test_an_argument_whose_comparison_raises_concerns_its_request_alone(form):
    """What __eq__ or __hash__ raises is that request's error."""

    class Broken:
        def __hash__(self):
            raise ZeroDivisionError("hash")

    recorded = Recorded(form)
    with RequestContext():
        first = recorded.queue(1)
        assert isinstance(recorded.queue(Broken()).exception(10), ZeroDivisionError)
        assert first.result(10) == "<1>"


# When it goes


@form
def test_a_full_batch_goes_at_once(form):
    """The request that fills it sends it, however long the delay is; the rest waits."""
    recorded = Recorded(form, max_batch_size=3, delay=LONG)
    assert ask(recorded, range(6)) == [f"<{each}>" for each in range(6)]
    assert sorted(recorded.batches) == [[0, 1, 2], [3, 4, 5]]  # two threads may run them side by side


@form
def test_batches_of_one(form):
    """max_batch_size=1 sends every request alone and at once."""
    recorded = Recorded(form, max_batch_size=1, delay=LONG)
    assert ask(recorded, "ab") == ["<a>", "<b>"]
    assert sorted(recorded.batches) == [["a"], ["b"]]


def test_the_delay_runs_from_the_first_request():
    """A later request does not put the batch off."""
    recorded = Recorded("thread", delay=0.3)
    with RequestContext():
        begun = time.monotonic()
        first = recorded.queue(1)
        time.sleep(0.15)
        second = recorded.queue(2)
        wait([first, second], 10)
        took = time.monotonic() - begun
    assert recorded.batches == [[1, 2]]
    assert 0.3 <= took < 0.44


@form
def test_no_delay_still_gathers_what_one_turn_of_the_loop_asks(form):
    """delay=0 sends with the next turn of the loop; from threads it sends almost at once."""
    recorded = Recorded(form, delay=0.0)

    async def main():
        async with RequestContext():
            return await asyncio.gather(*[recorded.aio(each) for each in "ab"])

    assert asyncio.run(main()) == ["<a>", "<b>"]
    if form != "function":
        assert recorded.batches == [["a", "b"]]


@queued
def test_properties_change_at_run_time(form):
    """A dynamic value beats the one in code and holds for the next batch."""
    recorded = Recorded(form, max_batch_size=2, delay=LONG)
    with RequestContext():
        assert [each.result(10) for each in [recorded.queue(1), recorded.queue(2)]] == ["<1>", "<2>"]
        configure({"collapser": {recorded.key: {"max_batch_size": 3}}})
        assert [each.result(10) for each in [recorded.queue(n) for n in (3, 4, 5)]] == ["<3>", "<4>", "<5>"]
    assert recorded.sizes == [2, 3]


# Giving up


@queued
def test_a_cancelled_future_leaves_its_batch(form):
    """It is not asked for, and does not make the batch full."""
    recorded = Recorded(form, max_batch_size=2, delay=LONG)
    with RequestContext():
        gone = recorded.queue("gone")
        assert gone.cancel()
        assert gone.cancel()  # a second time changes nothing
        assert gone.cancelled()
        assert not gone.running()
        answers = [recorded.queue(each).result for each in "ab"]
        assert [answer(10) for answer in answers] == ["<a>", "<b>"]
        with pytest.raises(CancelledError):
            gone.result(10)
    assert recorded.batches == [["a", "b"]]


@queued
def test_a_slot_stays_while_somebody_waits_for_it(form):
    """Of two who share a slot one may go."""
    recorded = Recorded(form)
    with RequestContext():
        first, second = recorded.queue(1), recorded.queue(1)
        first.cancel()
        assert second.result(10) == "<1>"
    assert recorded.batches == [[1]]


@queued
def test_nothing_runs_if_everybody_goes(form):
    """An empty batch is no batch."""
    recorded = Recorded(form, delay=0.01)
    with RequestContext():
        recorded.queue(1).cancel()
        time.sleep(0.1)  # far beyond the delay: nothing is to happen
    assert recorded.batches == []
    assert recorded.key not in collapser_keys()


@pytest.mark.parametrize("form", ASYNC_FORMS)
def test_a_cancelled_task_takes_nobody_with_it(form):
    """Cancelling one awaiting task leaves the others and the batch alone."""
    recorded = Recorded(form)

    async def one(argument):
        return await recorded.aio(argument)

    async def main():
        async with RequestContext():
            tasks = [asyncio.create_task(one(each)) for each in (1, 1, 2, 3)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            tasks[2].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(main())
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, str, asyncio.CancelledError, str]
    assert recorded.batches == [[1, 3]]


@pytest.mark.parametrize("form", ["thread", "async"])
def test_cancelling_during_the_batch_changes_nothing_for_the_others(form):
    """The batch was sent: it ends, and answers who is left."""
    recorded = Recorded(form, max_batch_size=2, delay=LONG)
    started, go_on = threading.Event(), threading.Event()
    plain = recorded.answer

    def slow(arguments):
        started.set()
        assert go_on.wait(10)
        return plain(arguments)

    recorded.answer = slow
    with RequestContext():
        first, second = recorded.queue(1), recorded.queue(2)
        assert started.wait(10)
        assert first.cancel()
        go_on.set()
        assert second.result(10) == "<2>"
    assert recorded.sizes == [2]


# Errors


@form
def test_a_missing_answer_is_that_request_s_error(form):
    """The others are not concerned."""
    recorded = Recorded(form)
    good, missing, other = ask(recorded, ["a", "missing", "b"])
    assert (good, other) == ("<a>", "<b>")
    assert isinstance(missing, MissingResponseError)


@form
def test_an_exception_for_one_request(form):
    """A batch may answer some and fail others; the exception arrives as itself."""
    recorded = Recorded(form)
    error = ValueError("no such user")
    recorded.answer = lambda arguments: [error if each == 2 else each for each in arguments]
    assert ask(recorded, [1, 2, 3]) == [1, error, 3]


@form
def test_a_failing_batch_fails_all_of_its_requests(form):
    """Everybody gets the exception of run, as itself."""
    recorded = Recorded(form)
    error = OSError("database is down")

    def fail(_):
        raise error

    recorded.answer = fail
    assert ask(recorded, [1, 2]) == [error, error]


@queued
def test_the_traceback_of_a_failing_batch_does_not_grow_with_its_callers(form):
    """Each sees where the exception came from, and no other caller: their frames would be kept with it."""
    recorded = Recorded(form)
    error = OSError("database is down")

    def fail(_):
        raise error

    recorded.answer = fail
    depths = set()
    with RequestContext():
        futures = [recorded.queue(number) for number in range(20)]
        wait(futures, 10)
        for future in futures:
            with pytest.raises(OSError, match="down") as caught:
                future.result()
            assert caught.value is error
            depths.add(len(traceback.extract_tb(error.__traceback__)))
    assert len(depths) == 1


@pytest.mark.parametrize("form", ["function", "async function"])
def test_a_list_of_the_wrong_length_fails_the_whole_batch(form):
    """Nobody can say which answer is missing."""
    recorded = Recorded(form)
    recorded.answer = lambda arguments: arguments[:-1]
    for error in ask(recorded, [1, 2, 3]):
        assert type(error) is CollapserError
        assert "2 answers for 3 arguments" in str(error)


@pytest.mark.parametrize("form", ["function", "async function"])
@pytest.mark.parametrize("wrong", [None, "ab", 3, {"a", "b"}])
def test_an_answer_of_the_wrong_kind_fails_the_whole_batch(form, wrong):
    """A batch function returns a list or a dict; a str is no list of answers, and a set has no order."""
    recorded = Recorded(form)
    recorded.answer = lambda _: wrong
    for error in ask(recorded, [1, 2]):
        assert type(error) is CollapserError
        assert type(wrong).__name__ in str(error)


@pytest.mark.parametrize("form", ["function", "async function"])
def test_a_dict_has_no_answer_for_what_cannot_be_hashed(form):
    """That request is missing its response; the others are not concerned."""
    recorded = Recorded(form)
    recorded.answer = lambda arguments: {1: "one"}
    missing, one = ask(recorded, [[1], 1])
    assert one == "one"
    assert isinstance(missing, MissingResponseError)
    assert "dict without it" in str(missing)


def collapser_with(**methods):
    """A class-form collapser over a command that doubles numbers; methods given replace its own."""

    class Double(Command):
        properties = CommandProperties(isolation="semaphore")

        def __init__(self, numbers):
            self.numbers = numbers

        def run(self):
            return [2 * number for number in self.numbers]

    class Doubled(Collapser):
        properties = CollapserProperties(delay=0.01)

        def create_command(self, requests):
            return Double([each.argument for each in requests])

        def map_response(self, response, requests):
            for each, value in zip(requests, response, strict=True):
                each.response = value

    return type("Doubled", (Doubled,), methods)


def outcomes(kind, *arguments):
    with RequestContext():
        futures = [kind(each).queue() for each in arguments]
        return [future.exception(10) or future.result() for future in futures]


@pytest.mark.parametrize("method", ["create_command", "shard", "map_response"])
def test_what_the_collapser_s_methods_raise_reaches_the_callers(method):
    """As itself, the same object for all."""
    error = KeyError(method)

    def broken(self, *_):
        raise error

    assert outcomes(collapser_with(**{method: broken}), 1, 2) == [error, error]


def test_answers_set_before_map_response_raised_stay():
    """Only who has no answer yet gets the exception."""
    error = ValueError("broken half-way")

    def half(self, response, requests):
        requests[0].response = "answered"
        raise error

    assert outcomes(collapser_with(map_response=half), 1, 2) == ["answered", error]


def test_the_first_answer_stays_and_a_second_raises():
    """Setting response or exception again is a CollapserError in map_response."""
    seen = []

    def twice(self, response, requests):
        requests[0].response = "first"
        for again in ("response", "exception"):
            try:
                setattr(requests[0], again, ValueError("second"))
            except CollapserError as error:
                seen.append(str(error))
        assert (requests[0].response, requests[0].exception) == ("first", None)

    assert outcomes(collapser_with(map_response=twice), 1) == ["first"]
    assert len(seen) == 2
    assert "answered twice" in seen[0]


def test_none_is_an_answer():
    """A response of None is not a missing one."""

    def map_none(self, response, requests):
        for each in requests:
            each.response = None

    assert outcomes(collapser_with(map_response=map_none), 1) == [None]


def test_an_exception_must_be_an_exception_object():
    """A class or a string is a TypeError where it is set."""

    def map_wrong(self, response, requests):
        requests[0].exception = ValueError

    (error,) = outcomes(collapser_with(map_response=map_wrong), 1)
    assert isinstance(error, TypeError)


def test_create_command_must_return_a_command():
    """The message says what came instead."""
    (error,) = outcomes(collapser_with(create_command=lambda self, _: [1]), 1)
    assert isinstance(error, TypeError)
    assert "returned list" in str(error)


def test_a_batch_command_that_times_out_fails_its_requests():
    """The batch's own properties hold: timeout, breaker, bulkhead."""

    class Slow(Command):
        properties = CommandProperties(timeout=0.05)

        def run(self):
            time.sleep(0.3)

    (error,) = outcomes(collapser_with(create_command=lambda self, _: Slow()), 1)
    assert isinstance(error, CommandTimeoutError)


def test_a_batch_command_s_fallback_answers():
    """What the fallback returns is mapped as any response."""

    class Failing(Command):
        properties = CommandProperties(isolation="semaphore")

        def run(self):
            raise OSError("down")

        def fallback(self):
            return ["fallback"]

    assert outcomes(collapser_with(create_command=lambda self, _: Failing()), 1) == ["fallback"]


def test_a_batch_command_that_was_executed_already_fails_its_requests():
    """One instance is one execution, also here."""

    class Once(Command):
        properties = CommandProperties(isolation="semaphore")

        def run(self):
            return [1]

    once = Once()
    once.execute()
    (error,) = outcomes(collapser_with(create_command=lambda self, _: once), 1)
    assert "already executed" in str(error)


@pytest.mark.parametrize("value", [StopIteration("x"), asyncio.CancelledError()])
def test_exceptions_that_futures_do_not_take(value):
    """StopIteration and CancelledError from a batch arrive as errors, not as hangs or cancellations."""

    async def main():
        @collapse(delay=0.0)
        async def broken(arguments):
            raise value

        async with RequestContext():
            with pytest.raises((CollapserError, RuntimeError)):
                await asyncio.wait_for(broken.one(1), 5)

    asyncio.run(main())


# Shards


def test_each_shard_is_a_command_of_its_own():
    """Odd and even numbers are fetched separately; one failing shard does not concern the other."""
    asked = []

    def shard(self, requests):
        return [[each for each in requests if each.argument % 2 == rest] for rest in (0, 1)]

    def create_command(self, requests):
        asked.append([each.argument for each in requests])
        if requests[0].argument % 2:
            raise ValueError("odd")
        return base.create_command(self, requests)

    base = collapser_with()
    kind = type("Sharded", (base,), {"shard": shard, "create_command": create_command})
    answers = outcomes(kind, 1, 2, 3, 4)
    assert asked == [[2, 4], [1, 3]]
    assert [answers[1], answers[3]] == [4, 8]
    assert isinstance(answers[0], ValueError)
    assert answers[0] is answers[2]


def test_a_request_that_no_shard_takes_is_missing_its_response():
    """For that request alone; an empty shard runs nothing."""
    kind = type("Lossy", (collapser_with(),), {"shard": lambda self, requests: [[], requests[:1]]})
    answer, error = outcomes(kind, 1, 2)
    assert answer == 2
    assert isinstance(error, MissingResponseError)
    assert collapser_metrics("Lossy").batches == 1


# Scope and identity


@form
def test_no_context_is_an_error_in_scope_request(form):
    """Delivered in the future by queue(), raised by execute() and await."""
    (error,) = ask(Recorded(form), [1], context=False)
    assert isinstance(error, RequestContextError)
    if form not in ASYNC_FORMS:
        with pytest.raises(RequestContextError):
            Recorded(form).execute(1)


@pytest.mark.parametrize("form", ["thread", "function"])
def test_closing_the_context_ends_pending_requests_at_once(form):
    """Nobody waits out the delay; the batch is not executed."""
    recorded = Recorded(form, delay=LONG)
    with RequestContext():
        futures = [recorded.queue(1), recorded.queue(2)]
    for future in futures:
        error = future.exception(1)
        assert type(error) is CollapserError
        assert "closed" in str(error)
    assert recorded.batches == []


@pytest.mark.parametrize("form", ASYNC_FORMS)
def test_closing_the_context_ends_pending_tasks_at_once(form):
    """The same for those who await."""
    recorded = Recorded(form, delay=LONG)

    async def main():
        async with RequestContext():
            future = recorded.aio(1)
        with pytest.raises(CollapserError, match="closed"):
            await asyncio.wait_for(future, 5)

    asyncio.run(main())


def test_closing_from_another_thread_answers_on_the_loop():
    """The future of a loop is ended on that loop."""
    recorded = Recorded("async", delay=LONG)

    async def main():
        context = RequestContext()
        async with context:
            future = recorded.aio(1)
            await asyncio.to_thread(context.close)
            with pytest.raises(CollapserError, match="closed"):
                await asyncio.wait_for(future, 5)

    asyncio.run(main())


@queued
def test_a_batch_under_way_still_answers_after_the_close(form):
    """Closing concerns what was not sent."""
    recorded = Recorded(form, max_batch_size=1)
    started, go_on = threading.Event(), threading.Event()

    def slow(arguments):
        started.set()
        assert go_on.wait(10)
        return dict.fromkeys(arguments, "late")

    recorded.answer = slow
    with RequestContext():
        future = recorded.queue(1)
        assert started.wait(10)
    go_on.set()
    assert future.result(10) == "late"


@queued
def test_late_requests_see_no_context(form):
    """Work that outlives the request gets an error and no batch."""
    recorded = Recorded(form)
    with RequestContext():
        recorded.queue(1).result(10)
        kept = contextvars.copy_context()
    assert isinstance(kept.run(recorded.queue, 2).exception(1), RequestContextError)


USER = contextvars.ContextVar("user", default="nobody")


@pytest.mark.parametrize("form", ["thread", "semaphore", "async"])
@pytest.mark.parametrize(("scope", "expected"), [("request", "owner"), ("global", "nobody")])
@pytest.mark.parametrize("most", [None, 1])
def test_a_batch_runs_as_the_scope_and_as_no_caller(form, scope, expected, most):
    """create_command, run and map_response see the context as it was entered (global: an empty one)."""
    recorded = Recorded(form, scope, max_batch_size=most)
    seen = []
    plain = recorded.answer
    recorded.answer = lambda arguments: seen.append(USER.get()) or plain(arguments)
    base = recorded.collapser

    class Asked(base):
        def create_command(self, requests):
            seen.append(USER.get())
            return super().create_command(requests)

        def map_response(self, response, requests):
            seen.append(USER.get())
            super().map_response(response, requests)

        def shard(self, requests):
            seen.append(USER.get())
            return [requests]

    def as_caller(number):
        USER.set("caller")
        return Asked(number).queue()

    def whole():
        USER.set("owner")
        with RequestContext():
            return contextvars.copy_context().run(as_caller, 1).result(10)

    assert contextvars.Context().run(whole) == "<1>"
    assert seen == [expected] * 4


@pytest.mark.parametrize("form", ["function", "async function"])
@pytest.mark.parametrize(("scope", "expected"), [("request", "owner"), ("global", "nobody")])
@pytest.mark.parametrize("most", [None, 1])
def test_a_batch_function_runs_as_the_scope_and_as_no_caller(form, scope, expected, most):
    """The same for the one function that there is."""
    recorded = Recorded(form, scope, max_batch_size=most)
    seen = []
    plain = recorded.answer
    recorded.answer = lambda arguments: seen.append(USER.get()) or plain(arguments)

    async def as_caller():
        USER.set("caller")
        return await recorded.aio(1)

    async def whole():
        USER.set("owner")
        async with RequestContext():
            return await asyncio.create_task(as_caller())

    assert contextvars.Context().run(asyncio.run, whole()) == "<1>"
    assert seen == [expected]


@queued
def test_the_batch_command_is_logged_in_the_request_and_says_what_it_is(form):
    """Only the batch command is in the log, with COLLAPSED and the number of requests."""
    recorded = Recorded(form)
    with RequestContext() as context:
        wait([recorded.queue(number) for number in range(3)], 10)
    (execution,) = context.log.executed
    assert execution.events == (EventType.SUCCESS, EventType.COLLAPSED)
    assert execution.event_counts[EventType.COLLAPSED] == 3
    assert (execution.number_collapsed, execution.collapser_key) == (3, recorded.key)
    assert metrics(f"batch of {form}").cumulative_count(EventType.COLLAPSED) == 3


def test_a_blocked_loop_does_not_stop_its_own_batch():
    """execute() on a loop's thread blocks the loop, but not the batch it waits for, whatever the command."""
    for kind in ("thread", "semaphore", "async"):
        recorded = Recorded(kind)

        async def main(recorded=recorded):
            async with RequestContext():
                waiting = recorded.aio("task")
                answer = recorded.execute("thread")
                return answer, await waiting

        assert asyncio.run(main()) == ("<thread>", "<task>")
        assert recorded.batches == [["task", "thread"]]


def test_a_loop_that_ended_does_not_hold_up_the_next_one():
    """A global batch that was begun on a loop that is gone is finished by whoever comes next."""
    recorded = Recorded("async", "global", delay=0.05)

    async def begin():
        recorded.aio("lost")

    async def ask_again():
        return await asyncio.wait_for(recorded.aio("found"), 5)

    asyncio.run(begin())
    assert asyncio.run(ask_again()) == "<found>"


# The function form


def test_the_function_is_still_callable_with_a_list():
    """As a command of its own and in no batch with others."""

    @collapse
    def double(numbers: list[int]) -> list[int]:
        return [2 * number for number in numbers]

    with RequestContext() as context:
        assert double([1, 2]) == [2, 4]
        assert double.one(3) == 6
        assert isinstance(double.queue(4), CommandFuture)
    assert [execution.number_collapsed for execution in context.log.executed] == [0, 1]
    assert double.key == "double"
    assert double.__name__ == "double"


def test_collapse_above_command_keeps_the_command():
    """Its key, fallback and breaker are those of the decorated command."""

    @collapse(delay=0.0)
    @command(key="Numbers", isolation="semaphore", fallback=lambda numbers: [0 for _ in numbers])
    def numbers(numbers):
        raise OSError("down")

    with RequestContext() as context:
        assert numbers.one(3) == 0
    assert [execution.command_key for execution in context.log.executed] == ["Numbers"]


class Repository:
    """Something with a connection of its own."""

    def __init__(self, name):
        self.name = name
        self.asked = []

    @collapse(delay=0.01)
    def get(self, numbers):
        self.asked.append(list(numbers))
        return {number: f"{self.name}{number}" for number in numbers}

    @collapse(delay=0.01, key="fetching")
    async def fetch(self, numbers):
        self.asked.append(list(numbers))
        return [f"{self.name}{number}" for number in numbers]


def test_methods_never_mix_objects_in_a_batch():
    """Each object's requests go to its own method call."""
    first, second = Repository("a"), Repository("b")
    with RequestContext():
        futures = [first.get.queue(1), second.get.queue(1), first.get.queue(2)]
        assert [future.result(10) for future in futures] == ["a1", "b1", "a2"]
    assert (first.asked, second.asked) == ([[1, 2]], [[1]])
    assert Repository.get.key == "Repository.get"
    assert first.get([5]) == {5: "a5"}


def test_async_methods():
    """The same on a loop, with a key that was given."""
    first, second = Repository("a"), Repository("b")

    async def main():
        async with RequestContext():
            return await asyncio.gather(first.fetch.one(1), second.fetch.one(1), first.fetch.one(2))

    assert asyncio.run(main()) == ["a1", "b1", "a2"]
    assert (first.asked, second.asked) == ([[1, 2]], [[1]])
    assert "fetching" in collapser_keys()


def test_a_method_keeps_no_object_alive():
    """An object goes when its requests are answered and its context is closed."""
    repository = Repository("a")
    with RequestContext():
        assert repository.get.one(1) == "a1"
    gone = weakref.ref(repository)
    del repository
    # The thread that sent the batch may still be on its way out of it.
    eventually(lambda: gc.collect() is not None and gone() is None)


def test_async_one_needs_a_running_loop():
    """Outside of a loop nobody could be answered."""
    recorded = Recorded("async function")
    with RequestContext(), pytest.raises(RuntimeError, match="no running event loop"):
        recorded.collapser.one(1)


@pytest.mark.parametrize(
    "wrong",
    [{"dely": 1}, {"delay": -1}, {"scope": "requests"}, {"key": 3}, {"properties": 1}, {"cache_key": "id"}],
)
def test_wrong_arguments_are_property_errors_at_decoration(wrong):
    """The mistake is reported where it was made."""
    with pytest.raises(PropertyError):
        collapse(**wrong)


def test_single_properties_beat_properties():
    """As for @command: what is given by itself overrides."""

    @collapse(delay=0.5, properties=CollapserProperties(delay=1.0, max_batch_size=7))
    def double(numbers):
        return numbers

    values = double._options["properties"]
    assert (values.delay, values.max_batch_size) == (0.5, 7)


# The class form


def test_the_argument_is_the_first_of_the_constructor():
    """Positional or by name, with or without a constructor; unless the property is overridden."""

    class Named(collapser_with()):
        def __init__(self, number, note=None):
            self.note = note

    class Own(collapser_with()):
        def __init__(self, first, second):
            self.pair = first, second

        @property
        def argument(self):
            return self.pair

    plain = collapser_with()
    assert Named(3, note=1).argument == 3
    assert Named(note=1, number=4).argument == 4
    assert plain(5).argument == 5
    assert Own(1, 2).argument == (1, 2)


def test_an_incomplete_class_cannot_be_instantiated():
    """But it may be a base."""

    class Base(Collapser):
        def create_command(self, requests):
            raise AssertionError

    with pytest.raises(TypeError, match="map_response"):
        Base(1)
    with pytest.raises(TypeError, match="create_command"):
        Collapser(1)

    class Whole(Base):
        def map_response(self, response, requests):
            raise AssertionError

    assert Whole(1).argument == 1


def test_keys_default_to_the_class_name_and_are_inherited_when_given():
    """A subclass without a key of its own is another collapser, unless its base named one."""
    plain = collapser_with()

    class Sub(plain):
        pass

    class Given(plain):
        key = "given"

    class SubOfGiven(Given):
        pass

    assert (plain.key, Sub.key, Given.key, SubOfGiven.key) == ("Doubled", "Sub", "given", "given")


@pytest.mark.parametrize("wrong", [{"scope": "session"}, {"properties": CommandProperties()}, {"key": 3}])
def test_wrong_class_attributes_are_property_errors(wrong):
    """When the class is defined."""
    with pytest.raises(PropertyError):
        type("Wrong", (collapser_with(),), wrong)


def test_a_blank_key_counts_as_not_given():
    """As for commands: the class's name is the key."""
    assert type("Blank", (collapser_with(),), {"key": " "}).key == "Blank"


@pytest.mark.parametrize("method", ["create_command", "map_response", "shard", "cache_key"])
def test_an_async_method_is_a_type_error_when_the_class_is_defined(method):
    """Nobody would await it; the message says where awaiting belongs."""

    async def wrong(self, *_):
        pass

    with pytest.raises(TypeError, match=rf"Doubled\.{method} is an async def.*AsyncCommand"):
        collapser_with(**{method: wrong})


def test_queue_delivers_what_the_argument_and_the_cache_key_raise():
    """Nothing is raised by queue() itself; execute() and await raise it."""
    error = ValueError("no")

    def broken(self):
        raise error

    async def main(kind):
        await kind(1)

    for methods in ({"argument": property(broken)}, {"cache_key": broken}):
        kind = collapser_with(**methods)
        with RequestContext():
            assert kind(1).queue().exception(10) is error
            with pytest.raises(ValueError, match="no"):
                kind(1).execute()
            with pytest.raises(ValueError, match="no"):
                asyncio.run(main(kind))


def test_the_function_form_delivers_what_the_cache_key_raises():
    """In the future of queue(), and of one() on a loop."""

    @collapse(cache_key=lambda argument: 1 / argument)
    def plain(arguments):
        return arguments

    @collapse(cache_key=lambda argument: 1 / argument)
    async def on_loop(arguments):
        return arguments

    async def main():
        async with RequestContext():
            return await asyncio.gather(on_loop.one(0), return_exceptions=True)

    with RequestContext():
        assert isinstance(plain.queue(0).exception(10), ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            plain.one(0)
    assert isinstance(asyncio.run(main())[0], ZeroDivisionError)


def test_a_cache_key_that_cannot_be_hashed_names_the_collapser():
    """A bare "unhashable type" would not say whose key it was."""
    with RequestContext(), pytest.raises(TypeError, match="cache key of collapser 'Doubled' is a list"):
        collapser_with(cache_key=lambda self: [1])(1).execute()


def test_two_classes_with_one_key_and_other_properties_warn():
    """The first one's properties hold; both are named."""
    first = type("First", (collapser_with(),), {"key": "shared"})
    second = type(
        "Second", (collapser_with(),), {"key": "shared", "properties": CollapserProperties(delay=0.5)}
    )
    assert outcomes(first, 1) == [2]
    with pytest.warns(PropertyConflictWarning, match="Second"):
        assert outcomes(second, 1) == [2]


def test_requests_can_be_typed():
    """CollapsedRequest[int, User] is an annotation."""
    assert CollapsedRequest[int, str].__origin__ is CollapsedRequest


def test_execute_more_than_once():
    """An instance is a request; asking again asks again."""
    recorded = Recorded("semaphore", delay=0.0)
    with RequestContext():
        request = recorded.collapser(1)
        assert request.execute() == request.execute() == "<1>"
    assert recorded.sizes == [1, 1]


# Remembering across batches


def remembering(recorded):
    base = recorded.collapser

    class Remembering(base):
        key = recorded.key

        def cache_key(self):
            return None if self.argument is None else str(self.argument)

    return Remembering


def test_without_a_cache_key_nothing_is_remembered():
    """A later batch asks again."""
    recorded = Recorded("semaphore", delay=0.0)
    with RequestContext():
        assert [recorded.execute(1), recorded.execute(1)] == ["<1>", "<1>"]
    assert recorded.sizes == [1, 1]


def test_a_cache_key_has_the_context_remember():
    """Value or error; in a new context it is asked anew."""
    recorded = Recorded("semaphore", delay=0.0)
    error = ValueError("no")
    recorded.answer = lambda arguments: {each: error if each == "bad" else each for each in arguments}
    kind = remembering(recorded)
    for _ in range(2):
        with RequestContext():
            assert [kind("good").execute() for _ in range(3)] == ["good"] * 3
            for _ in range(3):
                with pytest.raises(ValueError, match="no") as caught:
                    kind("bad").execute()
                assert caught.value is error
    assert recorded.batches == [["good"], ["bad"]] * 2
    assert collapser_metrics(recorded.key).cache_hits == 8


def test_remembered_answers_are_for_everybody():
    """Awaited, queued and executed requests share one answer."""
    recorded = Recorded("async", delay=0.0)
    kind = remembering(recorded)

    async def main():
        async with RequestContext():
            answers = [await kind(1), await asyncio.wrap_future(kind(1).queue()), kind(1).execute()]
            return answers, await kind(None)

    assert asyncio.run(main()) == (["<1>"] * 3, "<None>")
    assert recorded.sizes == [1, 1]


def test_a_remembered_request_that_was_cancelled_is_asked_anew():
    """Nobody inherits a cancellation."""
    recorded = Recorded("semaphore", delay=0.05)
    kind = remembering(recorded)
    with RequestContext():
        gone = kind(1).queue()
        gone.cancel()
        assert kind(1).execute() == "<1>"
        assert kind(1).execute() == "<1>"
    assert recorded.sizes == [1]


def test_a_cache_key_without_a_context_is_an_error():
    """Also in scope global."""
    recorded = Recorded("semaphore", "global")
    with pytest.raises(RequestContextError, match="cache key"):
        remembering(recorded)(1).execute()


def test_clear_cache_forgets_a_collapser_s_answer():
    """By class or by key."""
    from hystrixpy import clear_cache

    recorded = Recorded("semaphore", delay=0.0)
    kind = remembering(recorded)
    with RequestContext():
        for how in (kind, recorded.key):
            assert kind(1).execute() == "<1>"
            clear_cache(how, "1")
    assert recorded.sizes == [1, 1]


def test_the_cache_can_be_switched_off():
    """cache_enabled=False also ignores the cache key."""
    recorded = Recorded("semaphore", delay=0.0, cache_enabled=False)
    kind = remembering(recorded)
    with RequestContext():
        assert [kind(1).execute(), kind(1).execute()] == ["<1>", "<1>"]
    assert recorded.sizes == [1, 1]


def test_the_function_form_remembers_by_cache_key():
    """cache_key gets the argument."""
    asked = []

    @collapse(delay=0.0, cache_key=str)
    def numbers(wanted):
        asked.append(wanted)
        return wanted

    with RequestContext():
        assert [numbers.one(1), numbers.one(1), numbers.one(2)] == [1, 1, 2]
    assert asked == [[1], [2]]


# Numbers and the end


def test_metrics_of_a_collapser():
    """Batches, requests in them and their sizes, by key; unknown keys name the nearest."""
    recorded = Recorded("semaphore", delay=LONG, max_batch_size=3)
    with RequestContext():
        wait([recorded.queue(number) for number in (1, 1, 2, 3)], 10)
        wait([recorded.queue(number) for number in (4, 5, 6)], 10)
    numbers = collapser_metrics(recorded.key)
    assert (numbers.batches, numbers.batched_requests, numbers.cache_hits) == (2, 6, 0)
    assert (numbers.rolling_batches, numbers.rolling_batched_requests) == (2, 6)
    assert numbers.batch_size.counts == {3: 2}
    assert numbers.batch_size_cumulative.mean == 3.0
    assert sum(numbers.batch_sizes()) == 2
    assert recorded.key in collapser_keys()
    with pytest.raises(KeyError, match="did you mean"):
        collapser_metrics(recorded.key + "s")


def test_batch_sizes_leave_the_window(clock):
    """The rolling distribution forgets after 60 s, the cumulative one never."""
    recorded = Recorded("semaphore", max_batch_size=1)
    with RequestContext():
        recorded.execute(1)
    numbers = collapser_metrics(recorded.key)
    assert (numbers.batch_size.count, numbers.batch_size.percentile(50)) == (1, 1)
    clock.advance(61)
    assert (numbers.batch_size.count, numbers.batch_size.percentile(50), numbers.batch_size.mean) == (0, 0, 0.0)
    assert (numbers.rolling_batches, numbers.batches) == (0, 1)
    assert numbers.batch_size_cumulative.count == 1


def test_reset_ends_what_is_pending_and_keeps_exported_sums():
    """Global requests get an error, counting begins at zero, and what was counted stays in the totals."""
    from hystrixpy.collapser.numbers import RetiredCollapser, collapser_totals

    recorded = Recorded("semaphore", "global", delay=LONG, max_batch_size=2)
    before = next((each for each in collapser_totals()[1] if each.key == recorded.key), RetiredCollapser("none"))
    wait([recorded.queue(1), recorded.queue(2)], 10)
    pending = recorded.queue(3)
    reset(timeout=5)
    assert isinstance(pending.exception(1), CollapserError)
    assert recorded.key not in collapser_keys()
    wait([recorded.queue(1), recorded.queue(2)], 10)
    alive, retired = collapser_totals()
    assert [each.batches for each in alive if each.key == recorded.key] == [1]
    (old,) = [each for each in retired if each.key == recorded.key]
    assert (old.batches - before.batches, old.batched_requests - before.batched_requests) == (1, 2)
    assert sum(old.batch_sizes()) - sum(before.batch_sizes()) == 1


def test_no_thread_per_collapser():
    """Fifty collapsers with pending batches share the timer and the sending threads."""
    many = [Recorded("semaphore", delay=0.1) for _ in range(50)]
    with RequestContext():
        wait([recorded.queue(1) for recorded in many], 10)
    names = {thread.name for thread in threading.enumerate() if "hystrix-collapser" in thread.name}
    assert 1 <= len(names) <= 10


def test_async_batches_run_on_the_loop_of_those_who_wait():
    """Loop-bound clients work: create_command, run and map_response are called on the loop of the tasks."""
    loops = []

    class Get(AsyncCommand):
        async def run(self):
            loops.append(asyncio.get_running_loop())

    class On(Collapser):
        def create_command(self, requests):
            loops.append(asyncio._get_running_loop())
            return Get()

        def map_response(self, response, requests):
            loops.append(asyncio._get_running_loop())
            for each in requests:
                each.response = 1

    async def main():
        async with RequestContext():
            await On(1)
            assert await asyncio.to_thread(lambda: On(2).queue().result(10)) == 1
            return asyncio.get_running_loop()

    own = asyncio.run(main())
    assert loops[:3] == [own] * 3
    # Asked for by a thread alone: created on a sending thread, run where the context was entered.
    assert loops[3:] == [None, own, own]


def test_a_batch_that_ends_after_reset_counts_nowhere():
    """Counted late it would be told once and then taken back: an exported sum that goes down."""
    numbers = metrics_for("Retired late")
    numbers.batch_sent(2)
    reset()
    numbers.batch_sent(5)
    assert (numbers.batches, numbers.batched_requests) == (1, 2)
    (retired,) = [each for each in collapser_totals()[1] if each.key == "Retired late"]
    assert (retired.batches, retired.batched_requests) == (1, 2)
