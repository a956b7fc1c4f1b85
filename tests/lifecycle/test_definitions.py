"""Defining a command class: what a newcomer gets wrong is told at once, with what to write instead."""

from __future__ import annotations

import asyncio
import sys
from typing import TypeVar

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties, PropertyError, ThreadPoolProperties

SEMAPHORE = CommandProperties(isolation="semaphore")
T = TypeVar("T")


def test_an_async_run_on_command_is_refused():
    """TypeError when the class is defined."""
    with pytest.raises(TypeError, match=r"run is an async def.*subclass AsyncCommand"):

        class Wrong(Command[int]):
            async def run(self):
                return 1


def test_an_async_fallback_on_command_is_refused():
    """It would never be awaited."""
    with pytest.raises(TypeError, match=r"fallback is an async def.*subclass AsyncCommand"):

        class Wrong(Command[int]):
            def run(self):
                return 1

            async def fallback(self):
                return 2


@pytest.mark.parametrize("isolation", ["thread", "semaphore"])
@pytest.mark.parametrize("part", ["run", "fallback"])
def test_a_coroutine_that_a_plain_method_returns_is_refused(part, isolation):
    """Nothing of its work has begun: TypeError instead of a success that guarded nothing, and no warning."""

    async def later():
        return 1

    class Wrong(Command[object]):
        properties = CommandProperties(isolation=isolation)

        def run(self):
            if part == "run":
                return later()
            raise OSError

        def fallback(self):
            return later() if part == "fallback" else "fallback"

    made = Wrong()
    if part == "run":
        assert made.execute() == "fallback"
        error = made.execution.exception
    else:
        with pytest.raises(TypeError) as raised:
            made.execute()
        error = raised.value
    assert f"{part} of command 'Wrong' returned a coroutine" in str(error)
    assert not made.execution.is_success


def test_a_plain_run_on_async_command_is_refused():
    """TypeError when the class is defined."""
    with pytest.raises(TypeError, match=r"run is no async def.*async def run\(self\), or subclass Command"):

        class Wrong(AsyncCommand[int]):
            def run(self):
                return 1


@pytest.mark.parametrize("base", [Command, AsyncCommand])
def test_a_class_without_run_cannot_be_instantiated(base):
    """But it may be a base."""
    missing = type("Missing", (base,), {})
    with pytest.raises(TypeError, match=r"Missing has no run\(\): define the guarded work"):
        missing()
    if base is Command:
        assert type("Whole", (missing,), {"run": lambda self: 1, "properties": SEMAPHORE})().execute() == 1


@pytest.mark.parametrize("base", [Command, AsyncCommand])
def test_the_bases_themselves_cannot_be_instantiated(base):
    """There is nothing to run."""
    with pytest.raises(TypeError, match=r"has no run\(\)"):
        base()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("key", 5),
        ("group", object()),
        ("thread_pool", ("a",)),
        ("properties", {"timeout": 1}),
        ("properties", ThreadPoolProperties()),
        ("pool_properties", CommandProperties()),
    ],
)
def test_attributes_of_the_wrong_kind_are_refused(attribute, value):
    """PropertyError when the class is defined, naming class and attribute."""
    with pytest.raises(PropertyError, match=f"Wrong.{attribute} = "):
        type("Wrong", (Command,), {attribute: value, "run": lambda self: 1})


def test_key_group_and_pool_have_defaults():
    """The class's name, its module, and the group."""

    class Plain(Command[int]):
        def run(self):
            return 1

    Plain().execute()
    circuit = hystrixpy.registry.circuit("Plain")
    assert (circuit.group, circuit.thread_pool) == (__name__, __name__)
    assert hystrixpy.thread_pool_keys() == (__name__,)


def test_the_pool_is_named_by_the_group():
    """Unless the class names one."""

    class Grouped(Command[int]):
        group = "users"

        def run(self):
            return 1

    class Pooled(Grouped):
        thread_pool = "own"

    Grouped().execute()
    Pooled().execute()
    assert hystrixpy.registry.circuit("Grouped").thread_pool == "users"
    assert hystrixpy.registry.circuit("Pooled").thread_pool == "own"
    assert hystrixpy.registry.circuit("Pooled").group == "users"


def test_blank_names_count_as_not_given():
    """As they would come out of a template."""

    class Blank(Command[int]):
        key, group, thread_pool = " ", "", ""
        properties = SEMAPHORE

        def run(self):
            return 1

    Blank().execute()
    assert hystrixpy.command_keys() == ("Blank",)


def test_a_subclass_inherits_what_it_does_not_say():
    """Group and properties; the key only if the base names one."""

    class Base(Command[str]):
        group = "family"
        properties = CommandProperties(isolation="semaphore", max_concurrent=3)

        def run(self):
            return type(self).__name__

    class Child(Base):
        pass

    class Named(Base):
        key = "the name"

    class NamedChild(Named):
        pass

    assert [kind().execute() for kind in (Base, Child, Named, NamedChild)] == ["Base", "Child", "Named", "NamedChild"]
    assert hystrixpy.command_keys() == ("Base", "Child", "the name")
    assert hystrixpy.registry.circuit("Child").settings.values.max_concurrent == 3
    assert hystrixpy.registry.circuit("Child").group == "family"


def test_generic_bases_keep_working():
    """Command[T] as a base of one's own generic class."""

    class Fetch(Command[T]):
        properties = SEMAPHORE

        def run(self):
            return self.value

    class FetchInt(Fetch[int]):
        def __init__(self, value):
            self.value = value

    assert FetchInt(7).execute() == 7
    assert hystrixpy.command_keys() == ("FetchInt",)


def test_super_init_is_not_needed_and_takes_nothing_else():
    """What it does take are names, by keyword."""

    class Fetch(Command[int]):
        def __init__(self, *args, **names):
            super().__init__(*args, **names)

        def run(self):
            return 1

    with pytest.raises(TypeError):
        Fetch("key")
    with pytest.raises(TypeError):
        Fetch(timeout=1)
    with pytest.raises(TypeError):
        Fetch(key=5)


def test_users_may_use_nearly_every_name():
    """Private helpers of a command class do not collide with ours."""
    ours = {name for name in dir(Command) if name.startswith("_") and not name.startswith("__")}
    assert {name for name in ours if not name.startswith("_hx_")} <= {"_is_protocol"}


def test_an_instance_is_weightless():
    """No more than the few words of its state: commands are made by the million."""

    class Small(Command[int]):
        def run(self):
            return 1

    assert sys.getsizeof(Small()) <= 600


@pytest.mark.parametrize("mixed", [True, False])
def test_mixins_may_bring_run_and_fallback(mixed):
    """Whatever the order of the bases."""

    class Work:
        def run(self):
            raise OSError

        def fallback(self):
            return "mixed in"

    bases = (Work, Command) if mixed else (type("Both", (Work, Command), {}),)
    assert type("Mixed", bases, {"properties": SEMAPHORE})().execute() == "mixed in"


def test_an_async_command_gets_a_hundred_places():
    """Its permits are what a loop may have in flight; a Command's are ten."""

    class Fetch(AsyncCommand[int]):
        async def run(self):
            return 1

    asyncio.run(Fetch().execute())
    assert hystrixpy.registry.circuit("Fetch").settings.values.max_concurrent == 100


@pytest.mark.parametrize("isolation", ["thread", "semaphore"])
def test_what_execution_says_is_true_or_false(isolation):
    """Every is_... is a bool, before and after, for whoever compares with ``is`` or writes JSON."""

    class Fetch(Command[int]):
        properties = CommandProperties(isolation=isolation)

        def run(self):
            return 1

    made = Fetch()
    names = [name for name in dir(made.execution) if name.startswith("is_")]
    assert len(names) == 13
    assert all(getattr(made.execution, name) is False for name in names)
    assert repr(made.execution) == "<Execution of 'Fetch': not executed>"
    made.execute()
    assert all(type(getattr(made.execution, name)) is bool for name in names)
    assert made.execution.is_executed_in_thread is (isolation == "thread")
