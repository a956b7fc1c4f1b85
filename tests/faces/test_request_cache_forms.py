"""The request cache in each form a command has: class and function, thread, semaphore and asyncio, each way to run."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hystrixpy import (
    AsyncCommand,
    Command,
    CommandProperties,
    CommandTimeoutError,
    EventType,
    RequestContext,
    RequestContextError,
    clear_cache,
    command,
    metrics,
)

HELD = "held"
"""An argument whose run waits until it is let go."""


class Form:
    """A cached command in one form, and how often it ran for which argument."""

    def __init__(self, form, **properties):
        kind, self.how, isolation = form.split(", ")
        self.runs, self.error = [], None
        self.started, self.go_on = threading.Event(), threading.Event()
        self.properties = CommandProperties(
            **{"timeout": 20.0, **({} if isolation == "async" else {"isolation": isolation}), **properties}
        )
        self.made = getattr(self, f"_{kind}_{'async' if isolation == 'async' else 'sync'}")()
        self.is_class = kind == "class"
        self.key = "Cached"

    def work(self, argument):
        self.runs.append(argument)
        if argument == HELD:
            self.started.set()
            assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return f"{argument}#{len(self.runs)}"

    async def async_work(self, argument):
        if argument != HELD:
            return self.work(argument)
        self.runs.append(argument)
        self.started.set()
        while not self.go_on.is_set():
            await asyncio.sleep(0.001)
        return f"{argument}#{len(self.runs)}"

    def _class_sync(self):
        form = self

        class Cached(Command):
            properties = form.properties

            def __init__(self, argument):
                self.argument = argument

            def run(self):
                return form.work(self.argument)

            def cache_key(self):
                return cache_key(self.argument)

        return Cached

    def _class_async(self):
        form = self

        class Cached(AsyncCommand):
            properties = form.properties

            def __init__(self, argument):
                self.argument = argument

            async def run(self):
                return await form.async_work(self.argument)

            def cache_key(self):
                return cache_key(self.argument)

        return Cached

    def _function_sync(self):
        def cached(argument):
            return self.work(argument)

        return command(key="Cached", cache_key=cache_key, properties=self.properties)(cached)

    def _function_async(self):
        async def cached(argument):
            return await self.async_work(argument)

        return command(key="Cached", cache_key=cache_key, properties=self.properties)(cached)

    async def ask(self, argument):
        """The outcome of one call, for a task of the running loop; only what is inline stops the loop."""
        made = self.made(argument) if self.is_class else self.made.command(argument)
        if self.how == "await":
            return await made
        if self.how == "execute":
            return await asyncio.to_thread(made.execute)
        queued = made.queue()
        return await (queued if isinstance(queued, asyncio.Future) else asyncio.wrap_future(queued))

    async def ask_all(self, *arguments):
        """Outcomes of one call after the other; errors as values."""
        outcomes = []
        for argument in arguments:
            outcomes += await asyncio.gather(self.ask(argument), return_exceptions=True)
        return outcomes


def cache_key(argument):
    return None if argument is None else str(argument)


FORMS = [
    f"{kind}, {how}, {isolation}"
    for kind in ("class", "function")
    for isolation in ("thread", "semaphore", "async")
    for how in ("execute", "queue", "await")
    if (isolation, how) != ("async", "execute")  # of an AsyncCommand it is the same as await
]
every = pytest.mark.parametrize("form", FORMS)
off_the_loop = pytest.mark.parametrize(
    "form", [form for form in FORMS if "semaphore" not in form or "execute" in form]
)
"""Those whose run does not stop the loop on which they are asked for."""


def inside(scenario):
    """Run a coroutine function inside a request context, on a loop of its own."""

    async def main():
        async with RequestContext():
            return await scenario()

    return asyncio.run(main())


async def until(condition):
    """Wait until somebody else has brought it about; the loop goes on."""
    while not condition():
        await asyncio.sleep(0.001)


@every
def test_a_finished_value_is_shared(form):
    """One run for each cache key; a key of None is not cached."""
    cached = Form(form)
    answers = inside(lambda: cached.ask_all(1, 1, 2, 1, None, None))
    assert answers == ["1#1", "1#1", "2#2", "1#1", "None#3", "None#4"]
    counts = metrics(cached.key).cumulative_counts()
    assert (counts[EventType.SUCCESS], counts[EventType.RESPONSE_FROM_CACHE]) == (4, 2)


@every
def test_a_finished_error_is_shared(form):
    """The same object; what failed is not tried again within the request."""
    cached = Form(form)
    cached.error = ValueError("no")
    assert inside(lambda: cached.ask_all(1, 1)) == [cached.error] * 2
    assert cached.runs == [1]


@every
def test_contexts_share_nothing_and_without_one_it_is_an_error(form):
    """Outside of a request the outcome would never be forgotten."""
    cached = Form(form)
    assert [inside(lambda: cached.ask_all(1)), inside(lambda: cached.ask_all(1))] == [["1#1"], ["1#2"]]
    (error,) = asyncio.run(cached.ask_all(1))
    assert isinstance(error, RequestContextError)
    assert "'Cached'" in str(error)


@every
def test_an_inner_context_is_a_request_of_its_own(form):
    """It shares nothing with the outer one, which keeps what it has."""
    cached = Form(form)

    async def scenario():
        outer = await cached.ask_all(1)
        async with RequestContext():
            inner = await cached.ask_all(1)
        return outer + inner + await cached.ask_all(1)

    assert inside(scenario) == ["1#1", "1#2", "1#1"]


@every
def test_clear_cache_has_newcomers_run_anew(form):
    """By key, or by what the key is of."""
    cached = Form(form)

    async def scenario():
        answers = await cached.ask_all(1)
        for of in (cached.key, cached.made if not cached.is_class else "Cached"):
            clear_cache(of, "1")
            answers += await cached.ask_all(1)
        return answers

    assert inside(scenario) == ["1#1", "1#2", "1#3"]


@every
def test_switched_off_nothing_is_shared(form):
    """And no context is needed."""
    cached = Form(form, request_cache_enabled=False)
    assert asyncio.run(cached.ask_all(1, 1)) == ["1#1", "1#2"]


@off_the_loop
def test_what_is_in_flight_is_shared(form):
    """Three that ask before the first is done are one run; clear_cache is for newcomers only."""
    cached = Form(form)

    async def scenario():
        early = [asyncio.ensure_future(cached.ask(HELD)) for _ in range(3)]
        await until(lambda: len(cached.runs) == 1 and len(RequestContext.current().log) == 3)
        clear_cache(cached.key, HELD)
        late = asyncio.ensure_future(cached.ask(HELD))
        await until(lambda: len(cached.runs) == 2)
        cached.go_on.set()
        return await asyncio.gather(*early, late)

    assert inside(scenario) == [f"{HELD}#2"] * 4  # the number of runs when they end
    assert cached.runs == [HELD, HELD]


@pytest.mark.parametrize("form", [form for form in FORMS if "semaphore" not in form])
def test_a_timeout_stays_for_the_request(form):
    """An outcome like any other: nobody waits for the limit a second time."""
    cached = Form(form, timeout=0.05)
    first, second = inside(lambda: cached.ask_all(HELD, HELD))
    cached.go_on.set()
    assert isinstance(first, CommandTimeoutError)
    assert second is first
    assert cached.runs == [HELD]


CANCELLABLE = pytest.mark.parametrize(
    "form", [form for form in FORMS if "semaphore" not in form and "execute" not in form]
)


@CANCELLABLE
def test_a_cancelled_run_is_not_served_to_newcomers(form):
    """The only caller goes, and with it the entry."""
    cached = Form(form)

    async def scenario():
        first = asyncio.ensure_future(cached.ask(HELD))
        await until(cached.started.is_set)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        cached.go_on.set()
        return await cached.ask(HELD)

    assert inside(scenario) == f"{HELD}#2"


@CANCELLABLE
def test_who_had_joined_a_cancelled_run_still_gets_its_outcome(form):
    """The work goes on for them; it is not begun a second time."""
    cached = Form(form)

    async def scenario():
        first = asyncio.ensure_future(cached.ask(HELD))
        await until(cached.started.is_set)
        second = asyncio.ensure_future(cached.ask(HELD))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        cached.go_on.set()
        return await second

    assert inside(scenario) == f"{HELD}#1"
    assert cached.runs == [HELD]


@pytest.mark.parametrize("form", [form for form in FORMS if "await, thread" in form])
def test_threads_and_tasks_at_once_run_once(form):
    """100 threads that execute() and 100 tasks that await; the thousand is in test_request_cache."""
    cached = Form(form)
    execute = (lambda: cached.made(HELD).execute()) if cached.is_class else (lambda: cached.made(HELD))

    async def scenario():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(100) as pool:
            threads = [loop.run_in_executor(pool, contextvars.copy_context().run, execute) for _ in range(100)]
            tasks = [asyncio.ensure_future(cached.ask(HELD)) for _ in range(100)]
            await asyncio.to_thread(cached.started.wait, 10)
            cached.go_on.set()
            return await asyncio.gather(*threads, *tasks)

    assert set(inside(scenario)) == {f"{HELD}#1"}
    assert metrics(cached.key).cumulative_count(EventType.RESPONSE_FROM_CACHE) == 199
