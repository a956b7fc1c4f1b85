"""Permits of run and of fallbacks against a naive model, under random mixes of every way to begin and end."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

import hystrixpy
from hystrixpy import AsyncCommand, CommandProperties, EventType

STEPS = st.lists(
    st.tuples(st.sampled_from(["start", "value", "error", "cancel"]), st.integers(0, 5)), min_size=1, max_size=40
)


class Held(AsyncCommand[str]):
    """Waits in run, and again in its fallback, until it is told how to end."""

    key = "Held"

    def __init__(self, has_fallback):
        self.told = {"run": asyncio.Event(), "fallback": asyncio.Event()}
        self.error, self.place = {}, None

    async def run(self):
        return await self.wait_in("run")

    async def fallback(self):
        return await self.wait_in("fallback")

    async def wait_in(self, place):
        self.place = place
        await self.told[place].wait()
        if self.error.get(place):
            raise OSError
        return place


class Model:
    """What DESIGN says, in the simplest words."""

    def __init__(self, places, fallback_places):
        self.places, self.fallback_places = places, fallback_places
        self.running, self.falling = [], []
        self.refused = set()
        self.counts = Counter()

    def start(self, one):
        if len(self.running) < self.places:
            self.running.append(one)
        else:
            self.counts["SEMAPHORE_REJECTED"] += 1
            self.refused.add(one)
            self.fall_back(one)

    def fall_back(self, one):
        if len(self.falling) < self.fallback_places:
            self.falling.append(one)
        else:
            self.counts["FALLBACK_REJECTION"] += 1

    def end(self, one, how):
        if one in self.running:
            self.running.remove(one)
            self.counts[{"value": "SUCCESS", "error": "FAILURE", "cancel": "CANCELLED"}[how]] += 1
            if how == "error":
                self.fall_back(one)
        else:
            self.falling.remove(one)
            self.counts[{"value": "FALLBACK_SUCCESS", "error": "FALLBACK_FAILURE", "cancel": "CANCELLED"}[how]] += 1

    @property
    def concurrency(self):
        """Refused commands take part in nothing, not even while their fallback runs."""
        return len(self.running) + len([one for one in self.falling if one not in self.refused])


async def settled():
    """Let every task go as far as it can."""
    for _ in range(6):
        await asyncio.sleep(0)


async def play(model, steps):
    """Do the same with commands, and compare after every step."""
    tasks = {}
    for step, number in steps:
        under_way = [*model.running, *model.falling]
        if step == "start":
            made = Held(True)
            tasks[made] = asyncio.create_task(made.execute())
            model.start(made)
        elif under_way:
            made = under_way[number % len(under_way)]
            if step == "cancel":
                tasks[made].cancel()
            else:
                made.error[made.place] = step == "error"
                made.told[made.place].set()
            model.end(made, step)
        await settled()
        compare(model)
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def compare(model):
    found = hystrixpy.metrics("Held").cumulative_counts()
    counts = {event.name: n for event, n in found.items() if n and event is not EventType.EXCEPTION_THROWN}
    assert counts == {name: n for name, n in model.counts.items() if n}
    assert hystrixpy.metrics("Held").concurrency == model.concurrency


@settings(max_examples=60, deadline=None)
@given(places=st.integers(1, 3), fallback_places=st.integers(1, 2), steps=STEPS)
def test_permits_follow_the_model(places, fallback_places, steps):
    """After every step: what was counted, and how many callers wait."""
    hystrixpy.reset()
    limits = CommandProperties(max_concurrent=places, fallback_max_concurrent=fallback_places)
    hystrixpy.configure({"command": {"Held": {**only_given(limits), "breaker_enabled": False, "timeout": 60.0}}})
    asyncio.run(play(Model(places, fallback_places), steps))
    assert hystrixpy.metrics("Held").concurrency == 0


def only_given(properties):
    """The two limits as a mapping."""
    return {name: getattr(properties, name) for name in ("max_concurrent", "fallback_max_concurrent")}
