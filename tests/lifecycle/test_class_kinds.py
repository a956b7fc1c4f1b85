"""Command classes of every make: abstract, data classes, with slots, with parts taken back."""

from __future__ import annotations

import abc
import asyncio
import copy
import dataclasses
import pickle
import typing

import pytest

from hystrixpy import AsyncCommand, Command, CommandProperties

SEMAPHORE = CommandProperties(isolation="semaphore")


def test_abstract_bases():
    """The interpreter's own message for what is missing."""

    class Base(Command[int], abc.ABC):
        properties = SEMAPHORE

        @abc.abstractmethod
        def run(self): ...

    class Whole(Base):
        def run(self):
            return 1

    with pytest.raises(TypeError, match="abstract"):
        Base()
    assert Whole().execute() == 1


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"slots": True}, {"frozen": True, "slots": True}])
def test_data_classes(options):
    """Their __init__ knows nothing of ours."""

    @dataclasses.dataclass(**options)
    class Fetch(Command[int]):
        number: int
        properties: typing.ClassVar = SEMAPHORE

        def run(self):
            return self.number

    @dataclasses.dataclass(**options)
    class FetchLater(AsyncCommand[int]):
        number: int

        async def run(self):
            await asyncio.sleep(0)
            return self.number

    assert Fetch(4).execute() == 4
    assert asyncio.run(FetchLater(5).execute()) == 5
    assert Fetch(1) == Fetch(1)


def test_a_fallback_set_to_none_is_taken_back():
    """As __hash__ = None takes back hashing; run and cache_key likewise."""

    class Base(Command[int]):
        properties = SEMAPHORE

        def run(self):
            raise OSError

        def fallback(self):
            return 1

        def cache_key(self):
            return "key"

    class Bare(Base):
        fallback = None
        cache_key = None

    class Nothing(Base):
        run = None

    made = Bare()
    with pytest.raises(OSError):  # noqa: PT011 - run's own
        made.execute()
    assert [event.name for event in made.execution.events] == ["FAILURE", "FALLBACK_MISSING"]
    with pytest.raises(TypeError, match=r"has no run\(\)"):
        Nothing()


def test_a_run_put_on_the_instance():
    """As tests do that replace it."""

    class Fetch(Command[int]):
        properties = SEMAPHORE

        def run(self):
            return 1

    made = Fetch()
    made.run = lambda: 2
    assert made.execute() == 2


def test_a_run_patched_on_the_class(monkeypatch):
    """unittest.mock and monkeypatch replace it for all instances, those that exist included."""

    class Fetch(Command[int]):
        properties = SEMAPHORE

        def run(self):
            return 1

    made = Fetch()
    assert Fetch().execute() == 1
    monkeypatch.setattr(Fetch, "run", lambda self: 2)
    assert made.execute() == 2


def test_commands_are_neither_copied_nor_pickled():
    """One instance is one call, in this process."""

    class Fetch(Command[int]):
        def run(self):
            return 1

    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            way(Fetch())


def test_attributes_set_before_super_init_stay():
    """Whatever the order in a constructor."""

    class Fetch(Command[int]):
        properties = SEMAPHORE

        def __init__(self, number):
            self.number = number
            super().__init__(key="other")

        def run(self):
            return self.number

    assert Fetch(3).execute() == 3


def test_a_task_needs_a_running_loop():
    """RuntimeError that names the command and what to call, no warning of a coroutine, and the command is unused."""

    class Fetch(AsyncCommand[int]):
        async def run(self):
            return 1

    command = Fetch()
    with pytest.raises(RuntimeError, match=r"no running event loop for a task of command 'Fetch'.*asyncio.run"):
        command.queue()
    assert asyncio.run(command.execute()) == 1
