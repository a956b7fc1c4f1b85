"""The collapser beside a naive model: random requests, cancellations, clears, closes and passing delays."""

from concurrent.futures import CancelledError, wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hystrixpy import CollapserError, RequestContext, clear_cache
from tests.support.collapsing import Recorded

MOST = 3


class Model:
    """A collapser as one would write it for a single thread: lists, searched from the front."""

    def __init__(self, shares):
        self.shares = shares
        self.batch, self.remembered, self.asked = [], {}, []
        self.outcomes = {}

    def ask(self, number, argument, remember):
        self.outcomes[number] = "pending"
        slot = self.remembered.get(argument) if remember else None
        if slot is not None and slot["answered"]:
            self.outcomes[number] = f"<{argument}>"
        elif slot is not None and not slot["left"]:
            slot["waiting"].append(number)
        else:
            self.put(number, argument, remember)

    def put(self, number, argument, remember):
        same = [slot for slot in self.batch if slot["argument"] == argument] if self.shares else []
        slot = same[0] if same else {"argument": argument, "waiting": [], "answered": False, "left": False}
        if not same:
            self.batch.append(slot)
        slot["waiting"].append(number)
        if remember:
            self.remembered[argument] = slot
        if len(self.batch) >= MOST:
            self.prune()
        if len(self.batch) >= MOST:
            self.send()

    def prune(self):
        for slot in self.batch:
            slot["left"] = all(self.outcomes[number] == "cancelled" for number in slot["waiting"])
        self.batch = [slot for slot in self.batch if not slot["left"]]

    def send(self):
        self.prune()
        if self.batch:
            self.asked.append([slot["argument"] for slot in self.batch])
        for slot in self.batch:
            slot["answered"] = True
            self.end(slot, f"<{slot['argument']}>")
        self.batch = []

    def end(self, slot, outcome):
        for number in slot["waiting"]:
            if self.outcomes[number] == "pending":
                self.outcomes[number] = outcome

    def close(self):
        for slot in self.batch:
            self.end(slot, "closed")
        self.batch, self.remembered = [], {}

    def cancel(self, number):
        if self.outcomes.get(number) == "pending":
            self.outcomes[number] = "cancelled"


class Real:
    """The same steps on the real thing; sending waits until everybody is answered."""

    def __init__(self, shares):
        self.recorded = Recorded("semaphore", delay=60.0, max_batch_size=MOST, cache_enabled=shares)
        self.plain = self.recorded.collapser
        self.remembering = type("Remembering", (self.plain,), {"cache_key": lambda self: str(self.argument)})
        self.remembering._hx_spec = self.plain._hx_spec  # one and the same batch for both
        self.futures = {}
        self.context = RequestContext()
        self.context.__enter__()

    def ask(self, number, argument, remember):
        kind = self.remembering if remember else self.plain
        self.futures[number] = kind(argument).queue()
        if self.current() is None:  # it was full, and is on its way on another thread
            self.settle()

    def current(self):
        gatherer = self.context.gatherers.get(self.plain._hx_spec)
        return None if gatherer is None else gatherer.current

    def settle(self):
        assert not wait([each for each in self.futures.values() if not each.cancelled()], 10).not_done

    def send(self):
        batch = self.current()
        if batch is not None:
            batch.due()

    def cancel(self, number):
        if number in self.futures:
            self.futures[number].cancel()

    def clear(self, argument):
        clear_cache(self.plain, str(argument))

    def close(self):
        self.context.close()
        self.context = RequestContext()
        self.context.__enter__()

    def outcomes(self):
        return {number: outcome_of(future) for number, future in self.futures.items()}


def outcome_of(future):
    if not future.done():
        return "pending"
    try:
        return future.result()
    except CancelledError:
        return "cancelled"
    except CollapserError:
        return "closed"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.none()),
        st.tuples(st.just("clear"), st.integers(0, 4), st.none()),
        st.tuples(st.sampled_from(["send", "send", "close"]), st.none(), st.none()),
    ),
    max_size=40,
)


@pytest.mark.parametrize("shares", [True, False])
@settings(max_examples=120, deadline=None)
@given(steps=STEPS)
def test_random_histories_agree_with_the_model(shares, steps):
    """Batches, their order and every caller's outcome are those of the naive model."""
    real, model = Real(shares), Model(shares)
    try:
        for number, (action, value, remember) in enumerate(steps):
            if action == "ask":
                remembers = remember and shares  # without the cache nothing is remembered
                real.ask(number, value, remember)
                model.ask(number, value, remembers)
            elif action == "cancel":
                real.cancel(value)
                model.cancel(value)
            elif action == "clear":
                real.clear(value)
                model.remembered.pop(value, None)
            else:
                getattr(real, action)()
                getattr(model, action)()
            assert real.outcomes() == model.outcomes
        assert real.recorded.batches == model.asked
    finally:
        real.context.close()
