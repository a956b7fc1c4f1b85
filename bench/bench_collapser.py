"""What does a collapsed request cost, by the size of its batch, beside aiodataloader and a plain loop?"""

import asyncio
from concurrent.futures import wait

import pytest
from aiodataloader import DataLoader

from hystrixpy import AsyncCommand, Collapser, CollapserProperties, Command, CommandProperties, RequestContext, collapse

SIZES = (1, 10, 100, 1000)
by_size = pytest.mark.parametrize("size", SIZES)


def function_of(size):
    @collapse(key=f"load {size}", max_batch_size=size)
    async def load(keys):
        return list(keys)

    return load.one


class Load(AsyncCommand[list]):
    """The batch of the class form."""

    def __init__(self, keys):
        self.keys = keys

    async def run(self):
        return list(self.keys)


def class_of(size):
    class ById(Collapser):
        key = f"ById {size}"       # the first class of a key says how large its batches are
        properties = CollapserProperties(max_batch_size=size)

        def create_command(self, requests):
            return Load([each.argument for each in requests])

        def map_response(self, response, requests):
            for each, value in zip(requests, response, strict=True):
                each.response = value

    return ById


def dataloader_of(size):
    async def load(keys):
        return list(keys)

    return DataLoader(batch_load_fn=load, max_batch_size=size, cache=False).load


def bare_future(size):
    """The floor: a future per request, set in one go."""
    futures = []

    def one(key):
        future = asyncio.get_running_loop().create_future()
        futures.append((future, key))
        if len(futures) == size:
            asyncio.get_running_loop().call_soon(answer, futures.copy())
            futures.clear()
        return future

    def answer(pairs):
        for future, key in pairs:
            future.set_result(key)

    return one


PEERS = {
    "bare future": bare_future,
    "aiodataloader": dataloader_of,
    "hystrixpy, function form": function_of,
    "hystrixpy, class form": class_of,
}


@by_size
@pytest.mark.parametrize("peer", PEERS)
def test_gather(benchmark, size, peer):
    """One full batch through asyncio.gather; divide by the size for the price of a request."""

    async def make():
        return PEERS[peer](size)

    with RequestContext(), asyncio.Runner() as runner:
        one = runner.run(make())

        async def batch():
            return await asyncio.gather(*[one(key) for key in range(size)])

        assert runner.run(batch()) == list(range(size))
        benchmark(lambda: runner.run(batch()))


class SyncLoad(Command[list]):
    """The batch of the blocking forms."""

    properties = CommandProperties(isolation="semaphore")

    def __init__(self, keys):
        self.keys = keys

    def run(self):
        return list(self.keys)


@by_size
def test_queue(benchmark, size):
    """One full batch asked for by queue() from one thread, sent by one of the sending threads."""
    kind = type("Queued", (class_of(size),), {"create_command": lambda _, rs: SyncLoad([r.argument for r in rs])})

    def batch():
        futures = [kind(key).queue() for key in range(size)]
        wait(futures)

    with RequestContext():
        benchmark(batch)


@by_size
def test_plain_loop(benchmark, size):
    """What collapsing competes with when the dependency costs nothing: one command per request."""
    benchmark(lambda: [SyncLoad([key]).execute() for key in range(size)])
