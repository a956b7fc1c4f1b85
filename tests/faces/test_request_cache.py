"""The request cache through real commands: sync, queued and awaited, threads and tasks, cancelled and nested."""

import asyncio
import contextvars
import os
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait

import pytest

from hystrixpy import (
    AsyncCommand,
    BadRequestError,
    Command,
    CommandHook,
    CommandProperties,
    CommandStateError,
    CommandTimeoutError,
    EventType,
    RequestContext,
    RequestContextError,
    add_hook,
    cache_remove,
    clear_cache,
    command,
    configure,
    metrics,
    reset,
)

SUCCESS, FAILURE, TIMEOUT = EventType.SUCCESS, EventType.FAILURE, EventType.TIMEOUT
FROM_CACHE, CANCELLED = EventType.RESPONSE_FROM_CACHE, EventType.CANCELLED

sync = pytest.mark.parametrize("isolation", ["thread", "semaphore"])


class Work:
    """What a cached command does, under the test's control."""

    def __init__(self):
        self.runs = 0
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.error = None
        self._lock = threading.Lock()

    def hold(self):
        """From now on runs wait for ``go_on``."""
        self.started.clear()
        self.go_on.clear()

    def __call__(self, argument):
        with self._lock:
            self.runs += 1
            number, error = self.runs, self.error  # an error set later is for later runs
        self.started.set()
        assert self.go_on.wait(20)
        if error is not None:
            raise error
        return f"{argument}#{number}"


def sync_kind(work, isolation="thread", **properties):
    level = CommandProperties(isolation=isolation, **{"timeout": 20.0, "max_concurrent": 100, **properties})

    class Get(Command):
        key = f"Get {isolation}"
        properties = level

        def __init__(self, argument):
            self.arg = argument

        def run(self):
            return work(self.arg)

        def cache_key(self):
            return None if self.arg is None else str(self.arg)

    return Get


def async_kind(work, **properties):
    level = CommandProperties(**{"timeout": 20.0, **properties})

    class Get(AsyncCommand):
        key = "Get async"
        properties = level

        def __init__(self, argument):
            self.arg = argument

        async def run(self):
            work.runs += 1
            number = work.runs
            work.started.set()
            while not work.go_on.is_set():
                await asyncio.sleep(0.001)
            if work.error is not None:
                raise work.error
            return f"{self.arg}#{number}"

        def cache_key(self):
            return str(self.arg)

    return Get


def events(*commands):
    return [each.execution.events for each in commands]


# Sharing


@sync
def test_execute_shares_a_finished_value(isolation):
    """run is called once; the hit says so, has no latency, and is counted apart."""
    work = Work()
    kind = sync_kind(work, isolation)
    first, second, other = kind(1), kind(1), kind(2)
    with RequestContext() as context:
        assert [first.execute(), second.execute(), other.execute()] == ["1#1", "1#1", "2#2"]
    assert events(first, second) == [(SUCCESS,), (SUCCESS, FROM_CACHE)]
    assert second.execution.is_from_cache
    assert second.execution.is_complete
    assert not second.execution.is_executed_in_thread
    assert (second.execution.latency, second.execution.total_latency) == (None, None)
    counts = metrics(kind.key).cumulative_counts()
    assert (counts[SUCCESS], counts[FROM_CACHE]) == (2, 1)
    assert str(context.log).startswith(f"{kind.key}[SUCCESS][")
    assert str(context.log).endswith(f", {kind.key}[SUCCESS, RESPONSE_FROM_CACHE][0ms]")


@sync
def test_queue_shares_a_finished_value(isolation):
    """queue() of a hit is done when it returns."""
    work = Work()
    kind = sync_kind(work, isolation)
    with RequestContext():
        first = kind(1).queue()
        assert first.result(10) == "1#1"
        again = kind(1)
        future = again.queue()
        assert future.done()
        assert future.result() == "1#1"
    assert events(again) == [(SUCCESS, FROM_CACHE)]


@sync
def test_queued_commands_in_flight_share(isolation):
    """Five queued at once are one run; all are answered."""
    work = Work()
    kind = sync_kind(work, isolation)
    with RequestContext():
        if isolation == "thread":
            work.hold()
        futures = [kind(1).queue() for _ in range(5)]
        work.go_on.set()
        assert {future.result(10) for future in futures} == {"1#1"}
    assert work.runs == 1


def test_every_way_of_executing_shares_one_entry():
    """Awaited, queued and executed from a thread: one run."""
    work = Work()
    kind = sync_kind(work)

    async def main():
        async with RequestContext():
            work.hold()
            awaited = [asyncio.ensure_future(kind(1)) for _ in range(3)]
            await asyncio.sleep(0)
            threads = [asyncio.to_thread(kind(1).execute) for _ in range(3)]
            running = asyncio.gather(*threads)
            queued = [asyncio.wrap_future(kind(1).queue()) for _ in range(3)]
            await asyncio.sleep(0.02)
            work.go_on.set()
            answers = await asyncio.gather(*awaited, *queued, running)
            return {*answers[:6], *answers[6], await kind(1)}

    assert asyncio.run(main()) == {"1#1"}
    assert work.runs == 1


def test_async_commands_share():
    """In flight and finished, awaited and queued."""
    work = Work()
    kind = async_kind(work)

    async def main():
        async with RequestContext():
            many = [kind(1) for _ in range(20)]
            answers = await asyncio.gather(*many, *[kind(1).queue() for _ in range(5)])
            last = kind(1)
            answers.append(await last.execute())
            return answers, many, last

    answers, many, last = asyncio.run(main())
    assert set(answers) == {"1#1"}
    assert work.runs == 1
    assert events(*many) == [(SUCCESS, FROM_CACHE)] * 20  # the tasks of queue() came first
    assert events(last) == [(SUCCESS, FROM_CACHE)]


def test_a_thousand_at_once_run_once():
    """500 threads and 500 tasks that ask for one key at the same moment."""
    work = Work()
    kind = sync_kind(work)

    async def main():
        async with RequestContext():
            loop = asyncio.get_running_loop()
            work.hold()
            context = contextvars.copy_context()
            with ThreadPoolExecutor(500) as pool:
                threads = [loop.run_in_executor(pool, context.copy().run, kind(1).execute) for _ in range(500)]
                tasks = [asyncio.ensure_future(kind(1)) for _ in range(500)]
                await asyncio.to_thread(work.started.wait, 10)
                work.go_on.set()
                return await asyncio.gather(*tasks, *threads)

    assert set(asyncio.run(main())) == {"1#1"}
    assert work.runs == 1
    assert metrics("Get thread").cumulative_count(FROM_CACHE) == 999


@sync
def test_errors_are_shared(isolation):
    """The same exception object; its traceback does not grow with the number of hits."""
    work = Work()
    work.error = ValueError("no")
    kind = sync_kind(work, isolation)
    depths = set()
    with RequestContext():
        for _ in range(30):
            with pytest.raises(ValueError, match="no") as caught:
                kind(1).execute()
            assert caught.value is work.error
            depths.add(len(caught.traceback))
        last = kind(1)
        assert last.queue().exception(10) is work.error
    assert work.runs == 1
    assert len(depths) <= 2
    assert last.execution.events == (FAILURE, EventType.FALLBACK_MISSING, FROM_CACHE)
    assert last.execution.exception is work.error
    assert last.execution.is_failure


def test_async_errors_are_shared():
    """As for threads."""
    work = Work()
    work.error = BadRequestError("no")
    kind = async_kind(work)

    async def main():
        async with RequestContext():
            return await asyncio.gather(*[kind(1) for _ in range(3)], return_exceptions=True)

    assert asyncio.run(main()) == [work.error] * 3
    assert work.runs == 1


def test_a_timeout_is_an_outcome_and_stays():
    """Nobody waits for the time limit a second time."""
    work = Work()
    work.hold()
    kind = sync_kind(work, timeout=0.05)
    with RequestContext():
        for _ in range(2):
            with pytest.raises(CommandTimeoutError):
                kind(1).execute()
        assert isinstance(kind(1).queue().exception(10), CommandTimeoutError)
    work.go_on.set()
    assert work.runs == 1
    assert metrics(kind.key).cumulative_count(TIMEOUT) == 1


@sync
def test_a_fallback_s_value_is_shared(isolation):
    """With the events of the command that fell back."""
    work = Work()
    work.error = OSError("down")
    base = sync_kind(work, isolation)
    falls_back = type("Falls", (base,), {"key": base.key, "fallback": lambda self: "fallback"})
    with RequestContext():
        assert falls_back(1).queue().result(10) == "fallback"
        hit = falls_back(1)
        assert hit.execute() == "fallback"
    assert work.runs == 1
    assert hit.execution.events == (FAILURE, EventType.FALLBACK_SUCCESS, FROM_CACHE)
    assert hit.execution.is_from_fallback


def test_the_function_form():
    """cache_key gets the arguments; clear_cache and cache_remove take the function."""
    runs = []

    @command(isolation="semaphore", cache_key=lambda user, **_: str(user))
    def load(user, loud=False):
        runs.append(user)
        return f"{user}{'!' if loud else ''}"

    @cache_remove(load, cache_key=lambda user: str(user))
    def save(user):
        return user

    with RequestContext():
        assert [load(1), load(1, loud=True), load(2)] == ["1", "1", "2"]
        clear_cache(load, "1")
        assert load(1, loud=True) == "1!"
        save(1)
        assert load(1) == "1"
    assert runs == [1, 2, 1, 1]


def test_the_async_function_form():
    """The same for coroutine functions."""
    runs = []

    @command(cache_key=str)
    async def load(user):
        runs.append(user)
        return user

    async def main():
        async with RequestContext():
            return [await load(1), await load(1), await load.queue(1)]

    assert asyncio.run(main()) == [1, 1, 1]
    assert runs == [1]


# Limits of the cache


@sync
def test_contexts_share_nothing(isolation):
    """Each request runs anew."""
    work = Work()
    kind = sync_kind(work, isolation)
    answers = []
    for _ in range(2):
        with RequestContext():
            answers.append(kind(1).execute())
    assert answers == ["1#1", "1#2"]


@sync
def test_a_key_without_a_context_is_an_error(isolation):
    """Raised by execute(), delivered by queue()."""
    work = Work()
    kind = sync_kind(work, isolation)
    with pytest.raises(RequestContextError, match="cache key"):
        kind(1).execute()
    assert isinstance(kind(1).queue().exception(10), RequestContextError)
    assert kind(None).execute() == "None#1"


def test_a_key_without_a_context_is_an_error_on_a_loop():
    """Awaited commands, too."""
    with pytest.raises(RequestContextError):
        asyncio.run(async_kind(Work())(1).execute())

    async def main():
        await sync_kind(Work())(1)

    with pytest.raises(RequestContextError):
        asyncio.run(main())


@sync
def test_a_key_of_none_is_not_cached(isolation):
    """None says: not this time."""
    work = Work()
    kind = sync_kind(work, isolation)
    with RequestContext():
        assert [kind(None).execute(), kind(None).execute()] == ["None#1", "None#2"]


@sync
def test_the_cache_can_be_switched_off(isolation):
    """By property, also dynamically; then no context is needed."""
    work = Work()
    kind = sync_kind(work, isolation, request_cache_enabled=False)
    assert [kind(1).execute(), kind(1).execute()] == ["1#1", "1#2"]
    reset()
    cached = sync_kind(work, isolation)
    configure({"command": {cached.key: {"request_cache_enabled": False}}})
    assert cached(1).execute() == "1#3"


@sync
def test_what_cache_key_raises_reaches_the_caller(isolation):
    """As itself, and through the future."""
    error = ZeroDivisionError("key")

    def broken(self):
        raise error

    kind = type("Broken", (sync_kind(Work(), isolation),), {"cache_key": broken})
    with RequestContext():
        with pytest.raises(ZeroDivisionError):
            kind(1).execute()
        assert kind(1).queue().exception(10) is error


def test_the_log_can_be_switched_off():
    """request_log_enabled=False keeps a command out of the log."""
    quiet = sync_kind(Work(), "semaphore", request_log_enabled=False)
    with RequestContext() as context:
        quiet(1).execute()
    assert context.log.executed == ()


@sync
def test_clear_cache_has_newcomers_run_anew(isolation):
    """By key, class or instance's class."""
    work = Work()
    kind = sync_kind(work, isolation)
    with RequestContext():
        assert kind(1).execute() == "1#1"
        clear_cache(kind.key, "1")
        assert kind(1).execute() == "1#2"
        clear_cache(kind, "1")
        assert kind(1).execute() == "1#3"


class Counted(Command):
    """Its key is its name; one instance may be bound to another."""

    properties = CommandProperties(isolation="semaphore")
    runs = 0

    def run(self):
        Counted.runs += 1
        return Counted.runs

    def cache_key(self):
        return "one"


def test_clear_cache_takes_a_class_that_names_no_key_and_a_command():
    """Whatever has a key; a command has that of its own circuit."""
    with RequestContext():
        first = Counted().execute()
        clear_cache(Counted, "one")
        assert Counted().execute() == first + 1
        clear_cache(Counted(), "one")
        assert Counted().execute() == first + 2
        assert Counted(key="other").execute() == first + 3
        clear_cache(Counted(key="other"), "one")
        assert Counted(key="other").execute() == first + 4
        assert Counted().execute() == first + 2


def test_cache_remove_takes_a_class_that_names_no_key():
    """As clear_cache does."""

    @cache_remove(Counted, cache_key=lambda: "one")
    def change():
        pass

    with RequestContext():
        first = Counted().execute()
        change()
        assert Counted().execute() == first + 1


def test_cache_remove_takes_a_method_of_the_same_class():
    """Inside the class statement its key is not known yet."""

    class Users:
        @command(isolation="semaphore", cache_key=lambda self, user: str(user))
        def get(self, user):
            return object()

        @command(isolation="semaphore")
        @cache_remove(get, cache_key=lambda self, user: str(user))
        def save(self, user):
            pass

    users = Users()
    with RequestContext():
        before = users.get(1)
        assert users.get(1) is before
        users.save(1)
        assert users.get(1) is not before


@pytest.mark.parametrize(
    ("key", "cache_key", "message"), [(3, str, "3 has no cached outcomes"), ("Get", "id", "cache_key='id'")]
)
def test_cache_remove_refuses_what_can_never_work(key, cache_key, message):
    """At decoration, where the mistake is."""
    with pytest.raises(TypeError, match=message):
        cache_remove(key, cache_key=cache_key)


@sync
def test_a_cache_key_that_cannot_be_hashed_names_the_command(isolation):
    """A bare "unhashable type" would not say whose key it was; queue() delivers it."""
    base = sync_kind(Work(), isolation)
    kind = type("Listed", (base,), {"key": "Listed", "cache_key": lambda self: ["1"]})
    with RequestContext():
        with pytest.raises(TypeError, match="cache key of command 'Listed' is a list"):
            kind(1).execute()
        assert "'Listed'" in str(kind(1).queue().exception(10))


def test_a_forked_child_runs_what_its_parent_has_in_flight():
    """The thread that runs it is not in the child: waiting for it would never end."""
    started, go_on = threading.Event(), threading.Event()
    parent = os.getpid()

    @command(cache_key=str, timeout=None)
    def process(_):
        started.set()
        assert os.getpid() != parent or go_on.wait(20)
        return os.getpid()

    with RequestContext():
        future = process.queue(1)
        assert started.wait(10)
        if (child := os.fork()) == 0:
            try:
                os._exit(0 if process.queue(1).result(10) == os.getpid() else 2)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        go_on.set()
        assert (status, future.result(10)) == (0, parent)


def test_dynamic_keys_have_entries_of_their_own():
    """The circuit's key counts, not the class."""
    work = Work()

    class PerHost(sync_kind(work, "semaphore")):
        def __init__(self, host):
            Command.__init__(self, key=f"host {host}")
            self.arg = "same"

    with RequestContext():
        assert [PerHost(host).execute() for host in "aab"] == ["same#1", "same#1", "same#2"]


# Going away


def test_cancelling_the_only_caller_cancels_the_work():
    """The entry goes: the next one runs anew."""
    work = Work()
    kind = sync_kind(work)
    with RequestContext():
        work.hold()
        first = kind(1)
        future = first.queue()
        assert work.started.wait(10)
        assert future.cancel()
        work.go_on.set()
        assert kind(1).execute() == "1#2"
    assert events(first) == [(CANCELLED,)]
    assert metrics(kind.key).cumulative_count(CANCELLED) == 1


def test_cancelling_the_first_leaves_the_others_their_outcome():
    """The first is CANCELLED, who had joined gets the value, newcomers run anew."""
    work = Work()
    kind = sync_kind(work)
    with RequestContext():
        work.hold()
        first, second, third = kind(1), kind(1), kind(1)
        one, two = first.queue(), second.queue()
        assert work.started.wait(10)
        assert one.cancel()
        three = third.queue()
        work.go_on.set()
        assert (two.result(10), three.result(10)) == ("1#1", "1#2")
        with pytest.raises(CancelledError):
            one.result(10)
        assert kind(1).execute() == "1#2"
    assert events(first, second, third) == [(CANCELLED,), (SUCCESS, FROM_CACHE), (SUCCESS,)]
    assert first.execution.is_cancelled
    assert first.execution.is_complete
    assert not first.execution.is_success


def test_cancelling_a_hit_concerns_it_alone():
    """[RESPONSE_FROM_CACHE, CANCELLED], and the entry stays in use."""
    work = Work()
    kind = sync_kind(work)
    with RequestContext():
        work.hold()
        first, second = kind(1), kind(1)
        one, two = first.queue(), second.queue()
        assert two.cancel()
        third = kind(1).queue()
        work.go_on.set()
        assert (one.result(10), third.result(10)) == ("1#1", "1#1")
    assert events(first, second) == [(SUCCESS,), (FROM_CACHE, CANCELLED)]


def test_the_work_is_cancelled_when_all_have_given_up():
    """First the owner, then the hits: the last one stops it; nothing is counted twice."""
    work = Work()
    kind = sync_kind(work)
    with RequestContext():
        work.hold()
        commands = [kind(1) for _ in range(3)]
        futures = [each.queue() for each in commands]
        assert work.started.wait(10)
        assert all(future.cancel() for future in futures)
        assert wait(futures, 10).not_done == set()
        work.go_on.set()
        assert kind(1).execute() == "1#2"
    assert events(*commands) == [(CANCELLED,), (FROM_CACHE, CANCELLED), (FROM_CACHE, CANCELLED)]
    counts = metrics(kind.key).cumulative_counts()
    assert (counts[CANCELLED], counts[SUCCESS], counts[FROM_CACHE]) == (3, 1, 2)


def test_a_fallback_still_comes_for_those_who_joined():
    """The owner's caller left, run fails, the fallback answers the others."""
    work = Work()
    work.error = OSError("down")
    base = sync_kind(work)
    kind = type("Falls", (base,), {"key": base.key, "fallback": lambda self: "fallback"})
    with RequestContext():
        work.hold()
        one, two = kind(1).queue(), kind(1).queue()
        assert work.started.wait(10)
        one.cancel()
        work.go_on.set()
        assert two.result(10) == "fallback"


async def started(work):
    await asyncio.to_thread(work.started.wait, 10)


KINDS = pytest.mark.parametrize("kind_of", [sync_kind, async_kind], ids=["thread", "async"])


@KINDS
def test_a_cancelled_task_leaves_the_others_their_outcome(kind_of):
    """The first task's cancellation does not reach the work that a second one waits for."""
    work = Work()
    kind = kind_of(work)

    async def main():
        async with RequestContext():
            work.hold()
            first, second = kind(1), kind(1)
            one, two = asyncio.ensure_future(first), asyncio.ensure_future(second)
            await started(work)
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
            third = asyncio.ensure_future(kind(1))
            await asyncio.sleep(0)
            work.go_on.set()
            assert (await two, await third) == ("1#1", "1#2")
            return first, second

    assert events(*asyncio.run(main())) == [(CANCELLED,), (SUCCESS, FROM_CACHE)]


@KINDS
def test_a_cancelled_task_of_a_hit_concerns_it_alone(kind_of):
    """[RESPONSE_FROM_CACHE, CANCELLED]."""
    work = Work()
    kind = kind_of(work)

    async def main():
        async with RequestContext():
            work.hold()
            first, second = kind(1), kind(1)
            one = asyncio.ensure_future(first)
            await started(work)
            two = asyncio.ensure_future(second)
            await asyncio.sleep(0.01)
            two.cancel()
            with pytest.raises(asyncio.CancelledError):
                await two
            work.go_on.set()
            assert await one == await kind(1) == "1#1"
            return first, second

    assert events(*asyncio.run(main())) == [(SUCCESS,), (FROM_CACHE, CANCELLED)]


@KINDS
def test_all_tasks_cancelled_cancel_the_work(kind_of):
    """The last one to go stops it, and the next one runs anew."""
    work = Work()
    kind = kind_of(work)

    async def main():
        async with RequestContext():
            work.hold()
            tasks = [asyncio.ensure_future(kind(1)) for _ in range(3)]
            await started(work)
            for task in tasks:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(each) for each in done] == [asyncio.CancelledError] * 3
            await asyncio.sleep(0.01)
            work.go_on.set()
            assert await kind(1) == "1#2"

    asyncio.run(main())
    counts = metrics(kind.key).cumulative_counts()
    assert (counts[CANCELLED], counts[SUCCESS]) == (3, 1)


def test_a_cancelled_await_still_gets_the_others_a_fallback():
    """THREAD, awaited: after the owner's task is gone, limit and fallback still work for who joined."""
    work = Work()
    base = sync_kind(work, timeout=0.2)
    kind = type("Falls", (base,), {"key": base.key, "fallback": lambda self: "fallback"})

    async def main():
        async with RequestContext():
            work.hold()
            one, two = asyncio.ensure_future(kind(1)), asyncio.ensure_future(kind(1))
            await started(work)
            one.cancel()
            answer = await two
            work.go_on.set()
            return answer

    assert asyncio.run(main()) == "fallback"


@sync
def test_a_base_exception_is_not_shared(isolation):
    """Who ran into Ctrl-C gets it; who waited asks again and runs."""
    work = Work()
    work.error = KeyboardInterrupt()
    kind = sync_kind(work, isolation)

    def first(context):
        try:
            context.run(kind(1).execute)
        except KeyboardInterrupt:
            return "interrupted"

    def second(context):
        return context.run(kind(1).execute)

    with RequestContext(), ThreadPoolExecutor(2) as pool:
        work.hold()
        one = pool.submit(first, contextvars.copy_context())
        assert work.started.wait(10)
        two = pool.submit(second, contextvars.copy_context())
        queued = kind(1).queue()
        work.error = None
        work.go_on.set()
        assert one.result(10) == "interrupted"
        assert {two.result(10), queued.result(10)} == {"1#2"}


def test_a_queued_hit_that_is_cancelled_while_it_asks_again_keeps_nobody_waiting():
    """What it waited for brought no outcome; before it can run in its place, its caller goes away."""
    work = Work()
    base = sync_kind(work)

    class Get(base):
        asked = 0

        def cache_key(self):
            self.asked += 1
            if self.asked == 2:
                assert self.future.cancel()
            return "one"

    with RequestContext():
        work.error = SystemExit()
        work.hold()
        owner = Get(1).queue()
        assert work.started.wait(10)
        hit = Get(1)
        hit.future = hit.queue()
        work.error = None
        work.go_on.set()
        assert isinstance(wait([owner], 10).done.pop().exception(), SystemExit)
        assert wait([hit.future], 10).not_done == set()
        assert Get(1).queue().result(10) == "1#2"
    assert hit.execution.events == (CANCELLED,)
    assert metrics(Get.key).concurrency == 0


# Waiting for oneself


@sync
def test_a_run_that_executes_an_identical_command_is_refused(isolation):
    """It would wait for itself; the message says so, and the error is a failure of the outer run."""

    class Again(Command):
        properties = CommandProperties(isolation=isolation, timeout=5.0)

        def __init__(self, how):
            self.how = how

        def run(self):
            inner = Again(self.how)
            return inner.execute() if self.how == "execute" else inner.queue().result(3)

        def cache_key(self):
            return self.how

    for how in ("execute", "queue"):
        with RequestContext(), pytest.raises(CommandStateError, match="wait for itself"):
            Again(how).execute()


def test_through_other_commands_and_threads():
    """The circle may be longer, and cross pools."""

    class Ring(Command):
        properties = CommandProperties(timeout=5.0)

        def __init__(self, number):
            super().__init__(key=f"ring {number % 3}", thread_pool=f"ring {number % 3}")
            self.number = number

        def run(self):
            return Ring(self.number + 1).execute()

        def cache_key(self):
            return "one"

    with RequestContext(), pytest.raises(CommandStateError, match="wait for itself"):
        Ring(0).execute()


def test_two_runs_that_wait_for_each_other_are_told():
    """A runs and asks for B, while B runs and asks for A: one of them is refused, nobody hangs."""
    both = threading.Barrier(2, timeout=10)

    class Cross(Command):
        properties = CommandProperties(timeout=8.0)

        def __init__(self, name, meets=True):
            super().__init__(key=f"cross {name}", thread_pool=f"cross {name}")
            self.name, self.meets = name, meets

        def run(self):
            both.wait()
            return Cross("b" if self.name == "a" else "a").execute()

        def cache_key(self):
            return "one"

    with RequestContext():
        futures = [Cross("a").queue(), Cross("b").queue()]
        errors = [future.exception(6) for future in futures]
    assert all(isinstance(error, CommandStateError) for error in errors)


def test_an_async_run_that_awaits_an_identical_command_is_refused():
    """Also through a task of its own."""

    class Again(AsyncCommand):
        properties = CommandProperties(timeout=5.0)

        def __init__(self, how):
            self.how = how

        async def run(self):
            inner = Again(self.how)
            return await (inner if self.how == "await" else asyncio.create_task(inner.execute()))

        def cache_key(self):
            return self.how

    async def main(how):
        async with RequestContext():
            with pytest.raises(CommandStateError, match="wait for itself"):
                await Again(how)

    for how in ("await", "task"):
        asyncio.run(main(how))


@KINDS
def test_blocking_the_loop_that_the_work_needs_is_refused(kind_of):
    """execute() on the loop's thread would stop the very loop on which an identical command is awaited."""
    work = Work()
    kind = kind_of(work)
    blocking = sync_kind(work)
    blocking = type("Blocking", (blocking,), {"key": kind.key, "properties": kind.properties})

    async def main():
        async with RequestContext():
            work.hold()
            waiting = asyncio.ensure_future(kind(1))
            await started(work)
            with pytest.raises(CommandStateError, match="event loop"):
                blocking(1).execute()
            work.go_on.set()
            return await waiting

    assert asyncio.run(main()) == "1#1"


@pytest.mark.parametrize("fails", [False, True], ids=["value", "fallback"])
def test_who_shares_with_an_awaited_thread_command_is_answered_though_its_loop_is_closed(fails):
    """The worker finds nobody to wake on that loop; the others are told all the same."""
    work = Work()
    kind = sync_kind(work)
    kind = type("Falling", (kind,), {"key": "Falling", "fallback": lambda self: "spare"})
    loop = asyncio.new_event_loop()

    async def asking():
        return await kind(1)

    async def begin():
        waiting = asyncio.ensure_future(asking())
        await started(work)
        return waiting

    with RequestContext():
        work.hold()
        work.error = OSError("down") if fails else None
        task = loop.run_until_complete(begin())
        sharing = kind(1).queue()
        loop.close()
        work.go_on.set()
        assert sharing.result(10) == ("spare" if fails else "1#1")
        assert kind(1).queue().result(10) == sharing.result()
    assert work.runs == 1
    task._log_destroy_pending = False  # nobody is left to end it
    task.get_coro().close()


def test_other_commands_inside_a_cached_run_are_free():
    """Nesting with other keys, and hits of finished entries inside a run, are no circles."""
    work = Work()
    kind = sync_kind(work, "semaphore")

    class Outer(Command):
        properties = CommandProperties(isolation="semaphore")

        def run(self):
            return kind(1).execute() + kind(2).execute() + kind(1).execute()

        def cache_key(self):
            return "outer"

    with RequestContext():
        assert Outer().execute() == "1#12#21#1"


# What else sees a hit


def test_hooks_hear_of_a_hit_and_of_nothing_else():
    """on_cache_hit only."""

    class Heard(CommandHook):
        def __init__(self):
            self.calls = []

        def on_start(self, command):
            self.calls.append("start")

        def on_cache_hit(self, command):
            self.calls.append(("hit", command.execution.command_key))

        def on_success(self, command):
            self.calls.append("success")

    heard = Heard()
    add_hook(heard)
    kind = sync_kind(Work(), "semaphore")
    with RequestContext():
        kind(1).execute()
        heard.calls.clear()
        kind(1).execute()
        kind(1).queue().result(10)
    assert heard.calls == [("hit", kind.key)] * 2


def test_late_commands_see_no_context():
    """A task that outlives the request gets RequestContextError, not stale data."""
    kind = sync_kind(Work(), "semaphore")
    with RequestContext() as context:
        assert kind(1).execute() == "1#1"
        kept = contextvars.copy_context()
    with pytest.raises(RequestContextError):
        kept.run(kind(1).execute)
    assert len(context.log) == 1


def test_closing_the_context_does_not_disturb_who_waits():
    """Commands in flight end as they would have."""
    work = Work()
    kind = sync_kind(work)
    with RequestContext():
        work.hold()
        futures = [kind(1).queue(), kind(1).queue()]
        assert work.started.wait(10)
    work.go_on.set()
    assert [future.result(10) for future in futures] == ["1#1", "1#1"]
