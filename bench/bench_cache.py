"""What does a hit of the request cache cost, beside lru_cache, cachetools and the command itself?"""

import asyncio
import functools

import cachetools
import pytest

from hystrixpy import AsyncCommand, Command, CommandProperties, RequestContext, command

SEMAPHORE = CommandProperties(isolation="semaphore", request_log_enabled=False)
LOGGED = CommandProperties(isolation="semaphore")


class Cached(Command[int]):
    """A command whose every call after the first is a hit."""

    properties = SEMAPHORE

    def __init__(self, number):
        self.number = number

    def run(self):
        return self.number

    def cache_key(self):
        return "1"


class Plain(Command[int]):
    """The same without a cache key."""

    properties = SEMAPHORE

    def __init__(self, number):
        self.number = number

    def run(self):
        return self.number


class Logged(Cached):
    """A hit that also goes into the request log (the first 1,000 do)."""

    properties = LOGGED


@command(properties=SEMAPHORE, cache_key=lambda number: "1")
def function(number):
    return number


@functools.lru_cache
def lru(number):
    return number


@cachetools.cached({})
def by_cachetools(number):
    return number


WAYS = {
    "lru_cache": lambda: lru(1),
    "cachetools.cached": lambda: by_cachetools(1),
    "command, not cached": lambda: Plain(1).execute(),
    "hit": lambda: Cached(1).execute(),
    "hit, function form": lambda: function(1),
    "hit, logged": lambda: Logged(1).execute(),
}


@pytest.mark.parametrize("way", WAYS)
def test_hit(benchmark, way):
    """A new object and execute() per call; the outcome is there already."""
    with RequestContext():
        WAYS[way]()
        assert benchmark(WAYS[way]) == 1


@pytest.mark.parametrize("context", ["no context open", "context open"])
def test_uncached_command(benchmark, context):
    """What a command without a cache key pays because a request context is open somewhere: nothing, or the log."""
    if context == "context open":
        with RequestContext():
            benchmark(WAYS["command, not cached"])
    else:
        benchmark(WAYS["command, not cached"])


class Awaited(AsyncCommand[int]):
    """The asyncio form."""

    properties = CommandProperties(request_log_enabled=False)

    async def run(self):
        return 1

    def cache_key(self):
        return "1"


def test_awaited_hit(benchmark):
    """1,000 awaited hits of one context."""

    async def hits():
        for _ in range(1000):
            await Awaited()

    with RequestContext(), asyncio.Runner() as runner:
        runner.run(Awaited().execute())
        benchmark(lambda: runner.run(hits()))


def test_context(benchmark):
    """Opening and closing a request context."""

    def once():
        with RequestContext():
            pass

    benchmark(once)
