"""call, acall, with, async with, @breaker: the same two decisions around anything, in threads and asyncio at once."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy import CircuitBreaker, CircuitOpenError
from tests.support.breakers import BROKEN, fail, refusal, succeed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hystrixpy.testing import ManualClock

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def breaker() -> CircuitBreaker:
    """Opens at the second error."""
    return CircuitBreaker("X", volume_threshold=2)


def half_open(breaker: CircuitBreaker, clock: ManualClock) -> CircuitBreaker:
    fail(breaker, 2)
    clock.advance(5.0)
    return breaker


async def give(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def break_() -> None:
    await asyncio.sleep(0)
    raise BROKEN


# -- call and acall --


def test_call_hands_everything_through(breaker: CircuitBreaker) -> None:
    """Arguments by position and by name, fn and self among them, and the result."""

    def echo(*args: Any, **named: Any) -> Any:
        return args, named

    assert breaker.call(echo, 1, fn=2, self=3) == ((1,), {"fn": 2, "self": 3})


def test_call_raises_the_same_exception_object(breaker: CircuitBreaker) -> None:
    """Not a copy, not a wrapper."""
    with pytest.raises(ConnectionError) as caught:
        breaker.call(_raise, BROKEN)
    assert caught.value is BROKEN


def _raise(error: BaseException) -> None:
    raise error


def test_call_of_a_coroutine_function_is_refused(breaker: CircuitBreaker) -> None:
    """It would count a call that has not begun; the error says what to use."""
    with pytest.raises(TypeError, match=r"use 'await breaker.acall"):
        breaker.call(give, 1)
    assert breaker.health == (0, 0, 0)


def test_acall_counts_when_the_work_ended(breaker: CircuitBreaker) -> None:
    """Its value or its exception reaches the caller."""

    async def main() -> None:
        assert await breaker.acall(give, 1) == 1
        with pytest.raises(ConnectionError):
            await breaker.acall(break_)
        assert breaker.health == (2, 1, 50)
        with pytest.raises(CircuitOpenError):
            await breaker.acall(pytest.fail, "the call was made")

    asyncio.run(main())


def test_acall_of_a_plain_function_is_refused(breaker: CircuitBreaker) -> None:
    """It has blocked the loop already; the error says what to use."""
    with pytest.raises(TypeError, match=r"returned int, which cannot be awaited: use breaker.call"):
        asyncio.run(breaker.acall(int))  # type: ignore[arg-type]
    assert breaker.health == (0, 0, 0)


def test_acall_takes_any_awaitable(breaker: CircuitBreaker) -> None:
    """A future as well as a coroutine."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_result("done")
        assert await breaker.acall(lambda: future) == "done"

    asyncio.run(main())


def test_an_acall_that_is_never_awaited_takes_no_trial(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """Admission is when the work begins."""
    half_open(breaker, clock)
    breaker.acall(give, 1).close()
    assert breaker.state == "open"
    succeed(breaker)


def test_a_cancelled_acall_hands_its_trial_back(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """Cancellation counts nowhere and reaches the task."""
    half_open(breaker, clock)

    async def main() -> None:
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(breaker.acall(wait))
        await begun.wait()
        refusal(breaker)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (breaker.state, breaker.health) == ("half_open", (2, 2, 100))
        assert await breaker.acall(give, 1) == 1

    asyncio.run(main())
    assert breaker.state == "closed"


# -- with and async with --


def test_with_counts_the_block(breaker: CircuitBreaker) -> None:
    """An exception leaves the block as it is."""
    with breaker as same:
        assert same is breaker
    with pytest.raises(ConnectionError) as caught, breaker:
        raise BROKEN
    assert caught.value is BROKEN
    with pytest.raises(CircuitOpenError), breaker:
        pytest.fail("the block was entered")
    assert breaker.health == (2, 1, 50)


def test_with_may_be_entered_again_inside() -> None:
    """Each entry ends with its own result."""
    breaker = CircuitBreaker("X", volume_threshold=3)
    with breaker:
        with pytest.raises(ConnectionError), breaker:
            raise BROKEN
        with breaker:
            pass
    assert breaker.health == (3, 1, 33)


def test_two_breakers_entered_in_any_order_keep_apart() -> None:
    """Also if they are not left in the opposite order, as two generators may."""
    one, two = CircuitBreaker("one"), CircuitBreaker("two")

    def block(breaker: CircuitBreaker) -> Iterator[None]:
        with breaker:
            yield
            raise BROKEN

    first, second = block(one), block(two)
    next(first), next(second)
    for generator in (first, second):
        with pytest.raises(ConnectionError):
            next(generator)
    assert (one.health, two.health) == ((1, 1, 100), (1, 1, 100))
    with one, two:
        pass
    assert (one.health.total, two.health.total) == (2, 2)


def test_a_trial_entered_twice_is_refused_inside(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """Re-entering needs a second trial, and there is one; the outer one still decides."""
    half_open(breaker, clock)
    with breaker:
        refusal(breaker)
    assert breaker.state == "closed"


def test_async_with_counts_the_block_of_each_task(breaker: CircuitBreaker) -> None:
    """Twenty tasks inside at once, every third fails."""
    breaker = CircuitBreaker("X", volume_threshold=100)

    async def work(index: int) -> None:
        async with breaker:
            await asyncio.sleep(0)
            if index % 3 == 0:
                raise BROKEN

    async def main() -> None:
        results = await asyncio.gather(*map(work, range(20)), return_exceptions=True)
        assert results.count(BROKEN) == 7

    asyncio.run(main())
    assert breaker.health == (20, 7, 35)


def test_a_task_started_inside_keeps_its_own_entries(breaker: CircuitBreaker) -> None:
    """It inherits the context, not the duty to settle what its parent entered."""
    breaker = CircuitBreaker("X", volume_threshold=100)

    async def child() -> None:
        await asyncio.sleep(0)
        with breaker:
            raise BROKEN

    async def main() -> None:
        async with breaker:
            task = asyncio.create_task(child())
            await asyncio.sleep(0)
        with pytest.raises(ConnectionError):
            await task

    asyncio.run(main())
    assert breaker.health == (2, 1, 50)


def test_leaving_in_another_context_is_an_error(breaker: CircuitBreaker) -> None:
    """It says so, and counts nothing twice."""
    inside = Context()
    inside.run(breaker.__enter__)
    with pytest.raises(RuntimeError, match="left in another context"):
        breaker.__exit__(None, None, None)
    inherited = inside.copy()
    inside.run(breaker.__exit__, None, None, None)
    with pytest.raises(RuntimeError, match="left in another context"):
        inherited.run(breaker.__exit__, None, None, None)
    assert breaker.health == (1, 0, 0)


# -- @breaker --


def test_decorates_a_function(breaker: CircuitBreaker) -> None:
    """Name, docstring and signature stay."""

    @breaker
    def double(x: int) -> int:
        """Twice x."""
        return 2 * x

    assert double(4) == 8
    assert (double.__name__, double.__doc__, str(inspect.signature(double))) == (
        "double",
        "Twice x.",
        "(x: 'int') -> 'int'",
    )
    assert breaker.health == (1, 0, 0)


def test_decorates_a_method(breaker: CircuitBreaker) -> None:
    """All instances share the breaker; static and class methods work under their decorators."""

    class Client:
        @breaker
        def get(self, x: int) -> tuple[Client, int]:
            return self, x

        @staticmethod
        @breaker
        def ping() -> str:
            return "pong"

        @classmethod
        @breaker
        def make(cls) -> Client:
            return cls()

    client = Client()
    assert client.get(x=1) == (client, 1)
    assert Client.ping() == "pong"
    assert isinstance(Client.make(), Client)
    assert breaker.health.total == 3


def test_decorates_a_coroutine_function(breaker: CircuitBreaker) -> None:
    """It stays one for whoever looks."""
    guarded = breaker(break_)
    assert inspect.iscoroutinefunction(guarded)
    with pytest.raises(ConnectionError):
        asyncio.run(guarded())
    assert breaker.health == (1, 1, 100)


def test_decorates_callables_of_every_kind(breaker: CircuitBreaker) -> None:
    """A partial of a coroutine function, an object with an async __call__, a builtin, a class."""

    class Caller:
        async def __call__(self, x: int) -> int:
            return x

    async def main() -> None:
        assert await breaker(functools.partial(give, 1))() == 1
        assert await breaker(Caller())(2) == 2

    asyncio.run(main())
    assert breaker(int)("3") == 3
    assert breaker(len)("four") == 4
    assert breaker.health.total == 4


def test_generators_are_refused(breaker: CircuitBreaker) -> None:
    """Their work is done after the call; the error says what to do instead."""

    def numbers() -> Iterator[int]:
        yield 1

    async def letters() -> AsyncIterator[str]:
        yield "a"

    for generator in (numbers, letters):
        with pytest.raises(TypeError, match=r"is a generator.*Use 'with breaker:'"):
            breaker(generator)


def test_what_cannot_be_called_is_refused(breaker: CircuitBreaker) -> None:
    """Class and static methods, for instance, which must be outside: a static one would be bound after all."""
    for method in (classmethod(give), staticmethod(give)):
        with pytest.raises(TypeError, match="put it under @staticmethod, @classmethod or @property"):
            breaker(method)


# -- together --


def test_one_object_serves_threads_and_asyncio_together() -> None:
    """Four threads and forty tasks on one breaker: every call is counted once."""
    breaker = CircuitBreaker("X", volume_threshold=10**6)

    def thread() -> None:
        for index in range(500):
            with breaker:
                pass
            if index % 5 == 0:
                fail(breaker)

    async def task(index: int) -> None:
        for _ in range(10):
            async with breaker:
                await asyncio.sleep(0)
            if index % 4 == 0:
                with pytest.raises(ConnectionError):
                    await breaker.acall(break_)

    async def main() -> None:
        await asyncio.gather(*map(task, range(40)))

    threads = [threading.Thread(target=thread) for _ in range(4)]
    for each in threads:
        each.start()
    asyncio.run(main())
    for each in threads:
        each.join(60)
    assert breaker.health == (4 * 600 + 400 + 100, 4 * 100 + 100, 17)


def test_a_trial_of_asyncio_keeps_threads_out_and_the_other_way_round(
    breaker: CircuitBreaker, clock: ManualClock
) -> None:
    """There is one trial, whoever has it."""
    half_open(breaker, clock)

    async def main() -> None:
        async with breaker:
            await asyncio.to_thread(refusal, breaker)
        assert breaker.state == "closed"

    asyncio.run(main())
    half_open(breaker, clock)
    with breaker, pytest.raises(CircuitOpenError):
        asyncio.run(breaker.acall(give, 1))


def test_a_subclass_that_forgets_super_init_still_works() -> None:
    """A plain breaker that never opens, named after the class."""

    class Mine(CircuitBreaker):
        def __init__(self) -> None:
            pass

    breaker = Mine()
    fail(breaker, 3)
    assert (breaker.name, breaker.state, breaker.health) == ("Mine", "closed", (3, 3, 100))
