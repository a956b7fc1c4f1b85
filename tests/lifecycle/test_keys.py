"""Which circuit a command belongs to: dynamic keys, groups and pools, and what is known before the first call."""

from __future__ import annotations

import enum
import sys
import threading

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, CircuitState, Command, CommandProperties, EventType, PropertyConflictWarning

SEMAPHORE = CommandProperties(isolation="semaphore", breaker_volume_threshold=2)


class Fetch(Command[str]):
    """One circuit per host, on the pool of its group."""

    group = "hosts"
    properties = SEMAPHORE

    def __init__(self, host, error=None, **names):
        super().__init__(key=f"fetch:{host}", **names)
        self.error = error

    def run(self):
        if self.error is not None:
            raise self.error
        return threading.current_thread().name


def fail(host):
    """One failing call."""
    with pytest.raises(OSError):  # noqa: PT011 - any will do
        Fetch(host, OSError()).execute()


def test_every_host_has_a_breaker_of_its_own():
    """What one host does to its circuit does not concern the other."""
    fail("a")
    fail("a")
    assert hystrixpy.circuit_breaker("fetch:a").state is CircuitState.OPEN
    Fetch("b").execute()
    assert hystrixpy.circuit_breaker("fetch:b").state is CircuitState.CLOSED
    assert hystrixpy.command_keys() == ("fetch:a", "fetch:b")
    assert hystrixpy.metrics("fetch:b").cumulative_count(EventType.SUCCESS) == 1


def test_the_execution_tells_the_dynamic_key():
    """Before, during and after."""
    made = Fetch("a")
    assert made.execution.command_key == "fetch:a"
    made.execute()
    assert made.execution.command_key == "fetch:a"


def test_group_and_pool_can_be_given_per_instance():
    """The pool follows the group; a pool that is named stays."""
    Fetch("a", group="others").execute()
    Fetch("b", thread_pool="slow").execute()
    circuits = {each.key: (each.group, each.thread_pool) for each in hystrixpy.registry.circuits()}
    assert circuits == {"fetch:a": ("others", "others"), "fetch:b": ("hosts", "slow")}


def test_a_pool_named_by_the_class_stays_with_another_group():
    """Only the default follows."""

    class Pooled(Command[str]):
        thread_pool = "own"

        def run(self):
            return threading.current_thread().name

    assert Pooled(group="elsewhere").execute().startswith("hystrix-own-")


def test_blank_names_count_as_not_given():
    """As for classes."""

    class Plain(Command[int]):
        properties = SEMAPHORE

        def run(self):
            return 1

    Plain(key="", group="", thread_pool="").execute()
    Plain(key=" ", group="\t", thread_pool="\n").execute()
    assert hystrixpy.command_keys() == ("Plain",)
    assert hystrixpy.registry.circuit("Plain").group == __name__


def test_async_commands_have_dynamic_keys_too():
    """The same constructor."""

    class Get(AsyncCommand[int]):
        async def run(self):
            return 1

    import asyncio

    asyncio.run(Get(key="get:a").execute())
    assert hystrixpy.command_keys() == ("get:a",)


def test_a_breaker_can_be_forced_before_the_first_call():
    """A class bound to the key is enough for it to be known."""

    class Early(Command[int]):
        properties = SEMAPHORE

        def run(self):
            return 1

    hystrixpy.circuit_breaker("Early").force_open()
    with pytest.raises(hystrixpy.CircuitOpenError):
        Early().execute()


def test_an_unknown_key_names_the_nearest_known_one():
    """KeyError, for breakers, metrics and pools alike."""

    class GetUser(Command[int]):
        group = "users"

        def run(self):
            return 1

    with pytest.raises(KeyError, match="unknown command key 'GetUsr'; did you mean 'GetUser'"):
        hystrixpy.circuit_breaker("GetUsr")
    with pytest.raises(KeyError, match="did you mean 'GetUser'"):
        hystrixpy.metrics("GetUzer")
    with pytest.raises(KeyError, match="unknown thread pool key 'user'; did you mean 'users'"):
        hystrixpy.thread_pool("user")


def test_an_unknown_key_names_a_known_one_whatever_was_asked_for():
    """Another case, something far away, no str at all: KeyError, never an error about the search."""

    class GetUser(Command[int]):
        group = "users"

        def run(self):
            return 1

    with pytest.raises(KeyError, match="unknown command key 'GETUSER'; did you mean 'GetUser'"):
        hystrixpy.circuit_breaker("GETUSER")
    with pytest.raises(KeyError, match="unknown command key 3; the nearest known is '"):
        hystrixpy.metrics(3)
    with pytest.raises(KeyError, match="unknown thread pool key None; the nearest known is '"):
        hystrixpy.thread_pool(None)


def test_a_class_that_is_gone_is_forgotten():
    """Its key was never used, and nothing keeps it."""
    import gc

    def define():
        class Passing(Command[int]):
            def run(self):
                return 1

    define()
    gc.collect()
    if getattr(sys, "_is_gil_enabled", lambda: True)():  # a free-threaded 3.13 keeps classes for ever
        with pytest.raises(KeyError):
            hystrixpy.metrics("Passing")


def test_two_classes_of_one_key_share_its_circuit():
    """With the same properties they agree; with others the first one's hold, and a warning names both."""

    class One(Command[int]):
        key, properties = "shared", SEMAPHORE

        def run(self):
            return 1

    class Same(One):
        pass

    class Other(One):
        properties = CommandProperties(isolation="semaphore", timeout=7.0)

    One().execute()
    Same().execute()
    with pytest.warns(PropertyConflictWarning, match=r"One.*Other|Other.*One"):
        Other().execute()
    assert hystrixpy.metrics("shared").cumulative_count(EventType.SUCCESS) == 3
    assert hystrixpy.registry.circuit("shared").settings.values.timeout == 1.0


def test_many_keys_of_one_class_are_bound_once_each():
    """A second instance of a key finds what the first one made."""
    for _ in range(3):
        for number in range(50):
            Fetch(number).execute()
    assert len(hystrixpy.command_keys()) == 50
    assert {hystrixpy.metrics(key).cumulative_count(EventType.SUCCESS) for key in hystrixpy.command_keys()} == {3}


def test_a_key_stays_known_while_one_of_its_classes_lives():
    """The second class of the key goes, the first one is still there."""
    import gc

    def define():
        return type("Twice", (Command,), {"run": lambda self: 1, "properties": SEMAPHORE})

    first = define()
    define()
    gc.collect()
    hystrixpy.circuit_breaker("Twice").force_open()
    with pytest.raises(hystrixpy.CircuitOpenError):
        first().execute()


def test_what_was_defined_last_is_found_first():
    """Whoever asks before the first call gets the newer one of a function and a class, whatever was called before."""
    old = hystrixpy.command(key="redefined", isolation="semaphore", timeout=1.5)(lambda: "old")

    class New(Command[str]):
        key, properties = "redefined", CommandProperties(isolation="semaphore", timeout=2.5)

        def run(self):
            return "new"

    assert hystrixpy.circuit_breaker("redefined").state is CircuitState.CLOSED
    assert hystrixpy.registry.circuit("redefined").settings.values.timeout == 2.5
    assert New().execute() == "new"
    assert old.key == "redefined"


class Names(enum.StrEnum):
    """Names kept in one place, as larger programs do."""

    KEY = "users.get"
    GROUP = "users"
    POOL = "users-pool"


def _get_class():
    class Get(Command[str]):
        key, group, thread_pool = Names.KEY, Names.GROUP, Names.POOL

        def run(self):
            return threading.current_thread().name

    return Get().execute()


def _get_dynamic():
    class Get(Command[str]):
        def run(self):
            return threading.current_thread().name

    return Get(key=Names.KEY, group=Names.GROUP, thread_pool=Names.POOL).execute()


def _get_function():
    @hystrixpy.command(key=Names.KEY, group=Names.GROUP, thread_pool=Names.POOL)
    def get():
        return threading.current_thread().name

    return get()


@pytest.mark.parametrize("get", [_get_class, _get_dynamic, _get_function])
def test_members_of_an_enumeration_are_names(get):
    """A StrEnum's are strings; what is made of them has the plain one, for logs and exporters."""
    assert get() == "hystrix-users-pool-1"
    assert hystrixpy.command_keys() == ("users.get",)
    assert type(hystrixpy.command_keys()[0]) is str
    assert hystrixpy.metrics(Names.KEY).cumulative_count(hystrixpy.EventType.SUCCESS) == 1
    assert hystrixpy.thread_pool(Names.POOL) is hystrixpy.thread_pool("users-pool")


@pytest.mark.parametrize("name", ["key", "group", "thread_pool"])
def test_a_dynamic_name_of_another_kind_is_a_type_error(name):
    """It names the argument and shows the value."""

    class Get(Command[int]):
        def run(self):
            return 1

    with pytest.raises(TypeError, match=f"{name}=42: must be a str or None"):
        Get(**{name: 42})
