"""The request cache's entries: who runs, who joins, who gives up, and when a wait could never end."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hystrixpy.cache import cache_remove, clear_cache
from hystrixpy.context import RequestContext
from hystrixpy.errors import RequestContextError

KEY = ("Get", "1")


def test_the_first_runs_and_the_others_join():
    """One owner per key; everybody else is given the same entry."""
    with RequestContext() as context:
        entry, mine = context.join_entry(*KEY, "owner")
        again, second = context.join_entry(*KEY, "joiner")
    assert (mine, second) == (True, False)
    assert again is entry
    assert entry.owner == "owner"


def test_keys_are_separate_by_command_and_cache_key():
    """Neither another command nor another cache key shares the entry."""
    with RequestContext() as context:
        entries = {context.join_entry(*key, None)[0] for key in [("A", "1"), ("A", "2"), ("B", "1")]}
        with RequestContext() as inner:
            entries.add(inner.join_entry("A", "1", None)[0])
    assert len(entries) == 4


def test_a_settled_entry_is_served():
    """Whoever comes later finds the outcome at once."""
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        entry.settle("value", None)
        late, mine = context.join_entry(*KEY, None)
        assert not mine
        assert (late.has_ended, late.value, late.error) == (True, "value", None)
        assert not late.when_ended(lambda: None)


def test_an_error_is_shared_without_growing_its_traceback():
    """The same exception object may be raised a thousand times and keeps its original traceback."""

    def depth(error):
        steps, trace = 0, error.__traceback__
        while trace is not None:
            steps, trace = steps + 1, trace.tb_next
        return steps

    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        try:
            raise ValueError("down")
        except ValueError as error:
            entry.settle(None, error)
        depths = set()
        for _ in range(50):
            try:
                raise entry.again()
            except ValueError as error:
                depths.add(depth(error))
    assert depths == {2}


def test_waiters_are_called_once_even_if_one_raises(caplog):
    """Settling wakes everybody; a broken waiter is logged."""
    calls = []

    def broken():
        raise RuntimeError("waiter")

    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        context.join_entry(*KEY, None)
        entry.when_ended(broken)
        entry.when_ended(lambda: calls.append(entry.value))
        entry.settle(1, None)
        entry.settle(2, None)
        entry.abandon()
    assert calls == [1]
    assert "waiter" in caplog.text


def test_an_abandoned_entry_is_not_served():
    """Who waited is told to ask again; newcomers run anew."""
    told = []
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        context.join_entry(*KEY, None)
        entry.when_ended(lambda: told.append(entry.is_abandoned))
        entry.abandon()
        fresh, mine = context.join_entry(*KEY, None)
    assert told == [True]
    assert mine
    assert fresh is not entry


def test_a_key_that_cannot_be_compared_any_more_keeps_nobody_waiting(caplog):
    """Its entry cannot be taken away, but those who wait are told."""

    class Key:
        broken = False

        def __hash__(self):
            if self.broken:
                raise ZeroDivisionError("hash")
            return 1

    key, told = Key(), []
    with RequestContext() as context:
        entry, _ = context.join_entry("Get", key, None)
        context.join_entry("Get", key, None)
        entry.when_ended(lambda: told.append(entry.is_abandoned))
        key.broken = True
        entry.abandon()
    assert told == [True]
    assert "'Get' cannot be compared" in caplog.text


def test_owner_alone_gives_up():
    """Nobody else waits: the run may be stopped, and newcomers run anew."""
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        assert not entry.owner_leaves()
        assert context.join_entry(*KEY, None)[1]


def test_owner_gives_up_while_another_waits():
    """The run goes on for those who had joined, but no newcomer is served by it."""
    stopped = []
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        entry.stop = lambda: stopped.append(True)
        context.join_entry(*KEY, None)
        assert entry.owner_leaves()
        assert stopped == []
        assert context.join_entry(*KEY, None)[1]
        entry.leave(None)
        assert stopped == [True]


def test_a_joiner_gives_up():
    """The entry stays in use while its owner waits; the joiner's waiter is forgotten."""
    calls = []
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        context.join_entry(*KEY, None)

        def waiter():
            calls.append(True)

        entry.when_ended(waiter)
        entry.leave(waiter)
        assert context.join_entry(*KEY, None)[0] is entry
        entry.settle(1, None)
    assert calls == []


def test_leaving_after_the_end_changes_nothing():
    """A cancellation that comes too late stops nothing and removes nothing."""
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        entry.settle(1, None)
        assert not entry.owner_leaves()
        assert context.join_entry(*KEY, None)[0] is entry


def test_clear_concerns_newcomers_only():
    """Those who joined before still get the outcome, the next one runs anew."""
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        clear_cache(*KEY)
        clear_cache("Get", "nothing there")
        fresh, mine = context.join_entry(*KEY, None)
        assert mine
        entry.settle(1, None)
        assert not fresh.has_ended
        assert context.join_entry(*KEY, None)[0] is fresh


def test_clear_without_a_context_is_an_error():
    """There is nothing that could be cleared."""
    with pytest.raises(RequestContextError, match="clear_cache") as caught:
        clear_cache(*KEY)
    assert caught.value.command_key == "Get"


def test_cache_remove_forgets_after_a_call_that_succeeded():
    """The decorated function's arguments make the cache key; a raising call removes nothing."""

    class GetUser:
        key = "Get"

    @cache_remove(GetUser, cache_key=lambda number, **_: str(number))
    def save(number, fail=False):
        if fail:
            raise ValueError("not saved")
        return number

    assert save(1) == 1  # outside of a request there is nothing to forget
    with RequestContext() as context:
        entry, _ = context.join_entry(*KEY, None)
        with pytest.raises(ValueError, match="not saved"):
            save(1, fail=True)
        assert context.join_entry(*KEY, None)[0] is entry
        save(1)
        assert context.join_entry(*KEY, None)[1]


async def _save(number):
    return number


def test_cache_remove_on_async_functions():
    """An async def stays one."""
    save = cache_remove("Get", cache_key=str)(_save)

    async def main():
        async with RequestContext() as context:
            entry, _ = context.join_entry(*KEY, None)
            assert await save(1) == 1
            assert context.join_entry(*KEY, None)[0] is not entry

    asyncio.run(main())


def test_racing_threads_have_one_owner_per_key():
    """8 threads x 200 keys: each key is run once, and everybody joined it."""
    ready = threading.Barrier(8)

    def work(context):
        ready.wait()
        return [context.join_entry("Get", number, None)[1] for number in range(200)]

    with RequestContext() as context, ThreadPoolExecutor(8) as pool:
        owned = list(pool.map(work, [context] * 8))
    assert [sum(column) for column in zip(*owned, strict=True)] == [1] * 200


class Oracle:
    """The cache as one would write it for a single thread without hurry."""

    def __init__(self):
        self.map, self.runs = {}, []

    def join(self, key):
        run = self.map.get(key)
        if run is None or (run["gone"] and run["state"] == "pending"):
            run = {"state": "pending", "callers": 0, "gone": False, "stopped": 0, "told": 0}
            self.runs.append(run)
            self.map[key] = run
            run["callers"] += 1
            return run, True
        if run["state"] == "pending":
            run["callers"] += 1
        return run, False

    def end(self, run, state):
        if run["state"] == "pending":
            run["state"], run["told"] = state, 1
            if state == "abandoned":
                run["gone"] = True
                self.drop(run)

    def drop(self, run):
        self.map = {key: each for key, each in self.map.items() if each is not run}

    def lose(self, run, owner):
        if run["state"] != "pending":
            return
        run["callers"] -= 1
        if run["callers"] == 0 or owner:
            run["gone"] = True
            self.drop(run)
        if run["callers"] == 0 and not owner:
            run["stopped"] = 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "settle", "abandon", "owner", "joiner", "clear"]), st.integers(0, 2)),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_random_histories_agree_with_the_oracle(steps):
    """Any order of joining, settling, abandoning, leaving and clearing ends as in the naive model."""
    oracle = Oracle()
    with RequestContext() as context:
        pairs = {}  # id of the entry -> (entry, run, counters)
        latest = {}
        for action, key in steps:
            if action == "join":
                entry, mine = context.join_entry("K", key, None)
                run, expected = oracle.join(key)
                assert mine == expected
                if mine:
                    pairs[id(entry)] = latest[key] = Pair(entry, run)
                else:
                    assert pairs[id(entry)].run is run
                    pairs[id(entry)].joiners += run["state"] == "pending"
            elif action == "clear":
                clear_cache("K", key)
                oracle.map.pop(key, None)
            elif key in latest:
                latest[key].act(action, oracle)
        for pair in pairs.values():
            pair.check()


class Pair:
    """One entry beside the oracle's picture of it."""

    def __init__(self, entry, run):
        self.entry, self.run = entry, run
        self.told, self.stopped, self.joiners, self.owner_waits = [], [], 0, True
        entry.stop = lambda: self.stopped.append(1)
        entry.when_ended(lambda: self.told.append(1))

    def act(self, action, oracle):
        if action == "settle":
            self.entry.settle("v", None)
            oracle.end(self.run, "settled")
        elif action == "abandon":
            self.entry.abandon()
            oracle.end(self.run, "abandoned")
        elif action == "owner" and self.owner_waits:
            self.owner_waits = False
            self.entry.owner_leaves()
            oracle.lose(self.run, owner=True)
        elif action == "joiner" and self.joiners:
            self.joiners -= 1
            self.entry.leave(None)
            oracle.lose(self.run, owner=False)

    def check(self):
        assert len(self.told) == self.run["told"]
        assert len(self.stopped) == self.run["stopped"]
        assert self.entry.has_ended == (self.run["state"] != "pending")
        assert self.entry.is_abandoned == (self.run["state"] == "abandoned")
