"""What does an awaited command cost, with and without its time limit? One task awaits 1,000 of them."""

import asyncio

import pytest

from hystrixpy import AsyncCommand, CommandProperties

CALLS = 1000


class Plain:
    """The command's work without the command."""

    def __init__(self, number):
        self.number = number

    async def run(self):
        return self.number


class Limited(AsyncCommand[int]):
    """The default limit of one second."""

    def __init__(self, number):
        self.number = number

    async def run(self):
        return self.number


class Unlimited(Limited):
    properties = CommandProperties(timeout=None)


async def bare():
    return await Plain(1).run()


async def asyncio_timeout():
    async with asyncio.timeout(1):
        return await Plain(1).run()


async def command():
    return await Limited(1)


async def command_without_timeout():
    return await Unlimited(1)


def aiobreaker():
    call = pytest.importorskip("aiobreaker").CircuitBreaker().call_async
    return lambda: call(bare)


def interlock():
    call = pytest.importorskip("interlock").CircuitBreaker(name="X").call_async
    return lambda: call(bare)


def pyresilience():
    package = pytest.importorskip("pyresilience")
    return package.resilient(
        circuit_breaker=package.CircuitBreakerConfig(), timeout=package.TimeoutConfig(seconds=1.0)
    )(bare)


def hyx():
    breaker = pytest.importorskip("hyx.circuitbreaker").consecutive_breaker
    limit = pytest.importorskip("hyx.timeout").timeout
    guarded = []

    async def call():
        if not guarded:  # it wants to be made while a loop runs
            guarded.append(breaker()(limit(1.0)(bare)))
        return await guarded[0]()

    return call


def aioresilience():
    package = pytest.importorskip("aioresilience")
    call = package.CircuitBreaker("X").call
    limit = package.TimeoutManager(package.TimeoutConfig(timeout=1.0)).execute
    return lambda: call(limit, bare)


def interlock_with_timeout():
    package = pytest.importorskip("interlock")
    breaker = package.CircuitBreaker(name="X")
    call = package.Pipeline(package.CircuitBreakerStrategy(breaker), package.TimeoutStrategy(1.0)).call
    return lambda: call(bare)


OURS = {way.__name__: lambda way=way: way for way in (bare, asyncio_timeout, command, command_without_timeout)}
PEERS = {way.__name__: way for way in (aiobreaker, hyx, interlock, interlock_with_timeout, pyresilience, aioresilience)}


@pytest.mark.benchmark(group="1,000 awaited calls")
@pytest.mark.parametrize("way", [*OURS, *PEERS])
def test_awaited(benchmark, way):
    """One after another, in one task."""
    call = {**OURS, **PEERS}[way]()

    async def many():
        for _ in range(CALLS):
            await call()

    with asyncio.Runner() as runner:
        benchmark(lambda: runner.run(many()))
