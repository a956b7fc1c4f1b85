"""@command: what is decorated stays what it was, and is guarded."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import threading
import typing

import pytest

import hystrixpy
from hystrixpy import Command, CommandFuture, CommandProperties, PropertyError, command


@command(isolation="semaphore")
def greet(name: str, *, loud: bool = False) -> str:
    """Say hello."""
    return f"HELLO {name}" if loud else f"hello {name}"


@command
async def fetch(name: str) -> str:
    """Say hello later."""
    await asyncio.sleep(0)
    return f"hello {name}"


class Users:
    """A class whose methods are guarded."""

    def __init__(self, name: str = "Ann") -> None:
        self.name = name

    @command(isolation="semaphore")
    def get(self, user_id: int) -> str:
        """Find a user."""
        return f"{self.name} {user_id}"

    @command
    async def load(self, user_id: int) -> str:
        """Find a user later."""
        return f"{self.name} {user_id}"

    @command(isolation="semaphore")
    @classmethod
    def make(cls, user_id: int) -> str:
        return f"{cls.__name__} {user_id}"

    @command(isolation="semaphore")
    @staticmethod
    def check(user_id: int) -> int:
        return user_id

    @classmethod
    @command(isolation="semaphore")
    def make_inside(cls, user_id: int) -> str:
        return f"{cls.__name__} {user_id}"

    @staticmethod
    @command(isolation="semaphore")
    def check_inside(user_id: int) -> int:
        return user_id


class Admins(Users):
    """Inherits them."""


def test_a_call_executes():
    """With the arguments as they are."""
    assert greet("you") == "hello you"
    assert greet(name="you", loud=True) == "HELLO you"
    assert hystrixpy.metrics("greet").cumulative_count(hystrixpy.EventType.SUCCESS) == 2


def test_queue_gives_a_future():
    """As the class form's."""
    future = greet.queue("you", loud=True)
    assert isinstance(future, CommandFuture)
    assert future.result(10) == "HELLO you"


def test_command_gives_the_unexecuted_command():
    """To be looked at, and executed once."""
    made = greet.command("you")
    assert made.execution.events == ()
    assert made.execution.command_key == "greet"
    assert made.execute() == "hello you"
    assert made.execution.is_success


def test_a_thread_is_the_default():
    """Plain @command isolates by thread, in the pool of the module."""

    @command
    def where() -> str:
        return threading.current_thread().name

    assert where().startswith(f"hystrix-{__name__}-")


def test_what_it_was_called_it_is_called():
    """Name, documentation, annotations, signature and the function itself."""
    assert (greet.__name__, greet.__qualname__, greet.__module__) == ("greet", "greet", __name__)
    assert greet.__doc__ == "Say hello."
    assert greet.__wrapped__("you") == "hello you"
    assert str(inspect.signature(greet)) == "(name: 'str', *, loud: 'bool' = False) -> 'str'"
    assert typing.get_type_hints(greet) == {"name": str, "loud": bool, "return": str}
    assert callable(greet)


def test_the_wrong_arguments_are_a_failure_of_the_call():
    """TypeError, as it would have been."""
    with pytest.raises(TypeError, match="nonsense"):
        greet("you", nonsense=1)


def test_coroutine_functions_are_recognised():
    """By asyncio and by inspect, as frameworks ask; unbound and bound."""
    assert asyncio.iscoroutinefunction(fetch)
    assert asyncio.iscoroutinefunction(Users.load)
    assert asyncio.iscoroutinefunction(Users().load)
    assert not asyncio.iscoroutinefunction(greet)
    assert inspect.iscoroutinefunction(fetch)
    assert inspect.iscoroutinefunction(Users.load)
    assert inspect.iscoroutinefunction(Users().load)
    assert not inspect.iscoroutinefunction(greet)


def test_coroutine_functions_are_awaited():
    """A call is a coroutine, queue a task, command a command."""

    async def main():
        assert asyncio.iscoroutine(call := fetch("you"))
        assert await call == "hello you"
        assert isinstance(task := fetch.queue("you"), asyncio.Task)
        assert await task == "hello you"
        assert await fetch.command("you") == "hello you"
        assert await Users().load(1) == "Ann 1"
        assert await Users("Bob").load.queue(2) == "Bob 2"

    asyncio.run(main())
    assert hystrixpy.metrics("fetch").cumulative_count(hystrixpy.EventType.SUCCESS) == 3


def test_methods():
    """On the instance, on the class with the instance, and through inheritance, with one circuit."""
    assert Users("Bob").get(1) == "Bob 1"
    assert Users.get(Users("Eve"), 2) == "Eve 2"
    assert Admins("Max").get(user_id=3) == "Max 3"
    assert Users().get.queue(4).result(10) == "Ann 4"
    assert Users().get.command(5).execute() == "Ann 5"
    assert Users.get.key == Users().get.key == "Users.get"
    assert hystrixpy.command_keys() == ("Users.get",)


def test_bound_methods_look_like_bound_methods():
    """Self is gone from the signature; two of one instance are equal."""
    users = Users()
    assert str(inspect.signature(users.get)) == "(user_id: 'int') -> 'str'"
    assert str(inspect.signature(Users.get)) == "(self, user_id: 'int') -> 'str'"
    assert (users.get.__name__, users.get.__doc__, users.get.__self__) == ("get", "Find a user.", users)
    assert users.get == users.get
    assert hash(users.get) == hash(users.get)
    assert users.get != Users().get


def test_class_methods_and_static_methods():
    """@command on top of them; their key has the class's name."""
    assert (Users.make(1), Users().make(1), Admins.make(1)) == ("Users 1", "Users 1", "Admins 1")
    assert (Users.check(1), Users().check(2)) == (1, 2)
    assert Users.make.queue(1).result(10) == "Users 1"
    assert Users().check.command(3).execute() == 3
    assert (Users.make.key, Users.check.key) == ("Users.make", "Users.check")
    assert str(inspect.signature(Users.make)) == "(user_id: 'int') -> 'str'"


def test_class_methods_and_static_methods_the_other_way_round():
    """@command below them works as well."""
    assert (Users.make_inside(1), Admins().make_inside(1)) == ("Users 1", "Admins 1")
    assert (Users.check_inside(1), Users().check_inside(2)) == (1, 2)
    assert Users.check_inside.queue(3).result(10) == 3
    assert set(hystrixpy.command_keys()) == {"Users.make_inside", "Users.check_inside"}


def test_it_pickles_and_copies_like_a_function():
    """By name."""
    assert pickle.loads(pickle.dumps(greet)) is greet
    assert copy.deepcopy(greet) is greet
    assert pickle.loads(pickle.dumps(Users("Bob").get))(1) == "Bob 1"


def test_names_of_key_group_and_pool():
    """Given, or the function's name, its module, and the group."""

    @command(key="the key", group="the group", isolation="semaphore")
    def named() -> int:
        return 1

    @command(isolation="semaphore", group="g", thread_pool="p")
    def plain() -> int:
        return 1

    named()
    plain()
    circuits = {each.key: (each.group, each.thread_pool) for each in hystrixpy.registry.circuits()}
    assert circuits == {"the key": ("the group", "the group"), "plain": ("g", "p")}
    assert (named.key, plain.key) == ("the key", "plain")


def test_a_key_is_known_before_the_first_call():
    """For functions and for methods."""
    hystrixpy.circuit_breaker("greet").force_open()
    hystrixpy.circuit_breaker("Users.get").force_open()
    for call in (lambda: greet("you"), lambda: Users().get(1)):
        with pytest.raises(hystrixpy.CircuitOpenError):
            call()


def test_single_properties_go_over_given_ones():
    """properties= is the base, arguments win, what neither says is the default."""

    @command(properties=CommandProperties(isolation="semaphore", timeout=9.0, max_concurrent=3), timeout=0.5)
    def one() -> int:
        return 1

    one()
    values = hystrixpy.registry.circuit("one").settings.values
    assert (values.isolation, values.timeout, values.max_concurrent, values.breaker_volume_threshold) == (
        "semaphore", 0.5, 3, 20,
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timout": 1.0}, "'timout'.*timeout"),
        ({"fallbak": int}, "'fallbak'.*fallback"),
        ({"timeout": -1.0}, "timeout"),
        ({"isolation": "fiber"}, "isolation"),
        ({"key": 5}, "key=5"),
        ({"fallback": 5}, "fallback=5"),
        ({"cache_key": "id"}, "cache_key='id'"),
        ({"properties": {}}, r"properties=\{\}"),
        ({"ignore": ("ValueError",)}, "ignore"),
    ],
)
def test_wrong_arguments_are_told_at_decoration(options, text):
    """PropertyError that names the argument, and the nearest one that exists."""
    with pytest.raises(PropertyError, match=text):
        command(**options)(lambda: 1)


def test_what_cannot_be_guarded_is_refused():
    """Classes and generators, with the reason."""
    with pytest.raises(TypeError, match="decorates functions"):
        command(Users)
    with pytest.raises(TypeError, match="is a generator"):

        @command
        def numbers():
            yield 1


def test_a_command_class_is_no_function():
    """It would be guarded twice."""

    class Fetch(Command[int]):
        def run(self):
            return 1

    with pytest.raises(TypeError, match="decorates functions"):
        command(Fetch)
