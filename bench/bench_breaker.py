"""What does a breaker on its own cost around a call: closed, with a failing call, and when it refuses?

Beside the peers, each in its cheapest form. They decide by less: pybreaker, circuitbreaker, aiobreaker, purgatory and
pyresilience by errors in a row, interlock by a rolling window as hystrixpy does.
"""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from hystrixpy import CircuitBreaker

NEVER = 10**9
LONG = 3600.0


def hystrixpy(fn, errors):
    return partial(CircuitBreaker("X", volume_threshold=errors, sleep_window=LONG).call, fn)


def hystrixpy_counting(fn, errors):
    return partial(CircuitBreaker.counting(errors, 1, LONG).call, fn)


def pybreaker(fn, errors):
    package = pytest.importorskip("pybreaker")
    return partial(package.CircuitBreaker(fail_max=errors, reset_timeout=LONG).call, fn)


def circuitbreaker(fn, errors):
    package = pytest.importorskip("circuitbreaker")
    return package.CircuitBreaker(failure_threshold=errors, recovery_timeout=LONG)(fn)


def aiobreaker(fn, errors):
    package = pytest.importorskip("aiobreaker")
    return partial(package.CircuitBreaker(fail_max=errors, timeout_duration=timedelta(seconds=LONG)).call, fn)


def purgatory(fn, errors):
    package = pytest.importorskip("purgatory")
    return package.SyncCircuitBreakerFactory(default_threshold=errors, default_ttl=LONG)("X")(fn)


def interlock(fn, errors):
    package = pytest.importorskip("interlock")
    config = package.Config(
        minimum_number_of_calls=errors,
        window_type=package.WindowType.TIME_BASED,
        window_size=10,
        wait_duration_in_open=LONG,
    )
    return partial(package.CircuitBreaker(name="X", config=config).call_sync, fn)


def pyresilience(fn, errors):
    package = pytest.importorskip("pyresilience")
    config = package.CircuitBreakerConfig(failure_threshold=errors, recovery_timeout=LONG)
    return package.resilient(circuit_breaker=config)(fn)


def bare(fn, _errors):
    return fn


PEERS = [hystrixpy, hystrixpy_counting, pybreaker, circuitbreaker, aiobreaker, purgatory, interlock, pyresilience]
every_breaker = pytest.mark.parametrize("make", [bare, *PEERS], ids=lambda make: make.__name__)
every_real_breaker = pytest.mark.parametrize("make", PEERS, ids=lambda make: make.__name__)


def work():
    return None


def broken():
    raise ConnectionError("refused")


def caught(call):
    """What the caller of a failing call does; the same for all, the bare call included."""

    def calling():
        try:
            call()
        except Exception as error:
            return error
        pytest.fail("it did not raise")

    return calling


@pytest.mark.benchmark(group="breaker closed, call succeeds")
@every_breaker
def test_closed(benchmark, make):
    """The call every service makes nearly always."""
    benchmark(make(work, NEVER))


@pytest.mark.benchmark(group="breaker closed, call fails")
@every_breaker
def test_failing(benchmark, make):
    """It stays closed: too few calls, or too few errors in a row."""
    assert type(benchmark(caught(make(broken, NEVER)))) is ConnectionError


@pytest.mark.benchmark(group="breaker open, call refused")
@every_real_breaker
def test_open(benchmark, make):
    """Opened by five errors, it refuses for an hour."""
    call = caught(make(broken, 5))
    while isinstance(call(), ConnectionError):
        pass
    assert not isinstance(benchmark(call), ConnectionError)


@pytest.mark.benchmark(group="breaker closed, decorated function")
@pytest.mark.parametrize("make", [bare, hystrixpy, circuitbreaker], ids=lambda make: make.__name__)
def test_decorated(benchmark, make):
    """`@breaker`, where it is the usual form."""
    guarded = CircuitBreaker("X")(work) if make is hystrixpy else make(work, NEVER)
    benchmark(guarded)


async def async_work():
    return None


def async_hystrixpy():
    return partial(CircuitBreaker("X").acall, async_work)


def async_aiobreaker():
    return partial(pytest.importorskip("aiobreaker").CircuitBreaker().call_async, async_work)


def async_interlock():
    return partial(pytest.importorskip("interlock").CircuitBreaker(name="X").call_async, async_work)


@pytest.mark.benchmark(group="breaker closed, 1,000 awaited calls")
@pytest.mark.parametrize(
    "make",
    [lambda: async_work, async_hystrixpy, async_aiobreaker, async_interlock],
    ids=["bare", "hystrixpy", "aiobreaker", "interlock"],
)
def test_awaited(benchmark, make):
    """One after another, in one task."""
    call = make()

    async def many():
        for _ in range(1000):
            await call()

    with asyncio.Runner() as runner:
        benchmark(lambda: runner.run(many()))
