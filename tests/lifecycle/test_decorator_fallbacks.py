"""Fallbacks, ignored types and class defaults of @command."""

from __future__ import annotations

import asyncio

import pytest

import hystrixpy
from hystrixpy import EventType, PropertyError, command, command_defaults


def test_a_callable_gets_the_same_arguments():
    """Positional and by keyword."""

    @command(isolation="semaphore", fallback=lambda *args, **kwargs: (args, kwargs))
    def fail(user_id, *, deep=False):
        raise OSError

    assert fail(1, deep=True) == ((1,), {"deep": True})


def test_it_gets_the_error_if_it_takes_one():
    """By a parameter named error, keyword-only or not; not for **kwargs alone."""

    def keyword(user_id, *, error):
        return user_id, type(error)

    def plain(user_id, error=None):
        return user_id, type(error)

    def anything(user_id, **kwargs):
        return user_id, kwargs

    for fallback, expected in ((keyword, (1, OSError)), (plain, (1, OSError)), (anything, (1, {}))):

        @command(key=f"to {fallback.__name__}", isolation="semaphore", fallback=fallback)
        def fail(user_id):
            raise OSError

        assert fail(1) == expected


def test_the_error_of_a_short_circuit_is_given_too():
    """It is made when somebody asks for it."""

    @command(isolation="semaphore", fallback=lambda error: error)
    def guarded():
        return 1

    hystrixpy.circuit_breaker("guarded").force_open()
    assert isinstance(guarded(), hystrixpy.CircuitOpenError)


class Base:
    """Methods with fallbacks by name."""

    @command(isolation="semaphore", fallback="instead")
    def get(self, user_id):
        raise OSError("down")

    def instead(self, user_id, error):
        return f"Base {user_id} {error}"

    @command(isolation="semaphore", fallback="nowhere")
    def wrong(self):
        return 1

    @command(isolation="semaphore", fallback="otherwise")
    @classmethod
    def make(cls):
        raise OSError

    @classmethod
    def otherwise(cls):
        return cls.__name__

    @command(isolation="semaphore", fallback="fixed")
    @staticmethod
    def check(number):
        raise OSError

    @staticmethod
    def fixed(number):
        return number

    @command(fallback="load_instead")
    async def load(self, user_id):
        raise OSError

    async def load_instead(self, user_id):
        await asyncio.sleep(0)
        return f"loaded {user_id}"


class Derived(Base):
    """Overrides a fallback."""

    def instead(self, user_id, error):
        return f"Derived {user_id}"


def test_a_name_means_the_method_of_the_instance():
    """A subclass's own one, where it has one."""
    assert Base().get(1) == "Base 1 down"
    assert Derived().get(1) == "Derived 1"


def test_a_name_works_for_class_and_static_methods():
    """It is looked up on the class."""
    assert (Base.make(), Derived.make()) == ("Base", "Derived")
    assert (Base.check(1), Base().check(2)) == (1, 2)


def test_a_name_works_for_coroutines():
    """The fallback is awaited."""
    assert asyncio.run(Base().load(1)) == "loaded 1"


def test_a_name_that_does_not_exist_is_told_at_the_first_call():
    """PropertyError, even if run would succeed; it names the nearest method."""
    with pytest.raises(PropertyError, match=r"'nowhere' of command 'Base.wrong' is no method of Base"):
        Base().wrong()
    assert hystrixpy.metrics("Base.wrong").cumulative_count(EventType.SUCCESS) == 0


def test_a_name_on_a_function_is_told_at_the_first_call():
    """There is no class to look at."""

    @command(isolation="semaphore", fallback="other")
    def one():
        return 1

    with pytest.raises(PropertyError, match=r"give a function itself as a callable: fallback=fn"):
        one()


def test_a_fallback_that_is_a_command_chains():
    """Each has its own circuit; the last one answers."""

    @command(isolation="semaphore", fallback=lambda: "third")
    def second():
        raise LookupError

    @command(isolation="semaphore", fallback=second)
    def first():
        raise OSError

    assert first() == "third"
    for key in ("first", "second"):
        counts = hystrixpy.metrics(key).cumulative_counts()
        assert (counts[EventType.FAILURE], counts[EventType.FALLBACK_SUCCESS]) == (1, 1)


def test_a_chained_method_by_name():
    """A guarded method as the fallback of another."""

    class Chain:
        @command(isolation="semaphore", fallback="second")
        def first(self, n):
            raise OSError

        @command(isolation="semaphore", fallback="third")
        def second(self, n):
            raise LookupError

        def third(self, n):
            return n

    assert Chain().first(7) == 7


def test_a_plain_fallback_of_a_coroutine_function():
    """Called in the task, and its value taken as it is."""

    @command(fallback=lambda: "plain")
    async def fail():
        raise OSError

    assert asyncio.run(fail()) == "plain"


def test_ignored_types_are_bad_requests():
    """They reach the caller, no fallback, not in health."""

    @command(isolation="semaphore", ignore=(ValueError,), fallback=lambda: "fallback")
    def check(text):
        return int(text)

    with pytest.raises(ValueError, match="invalid literal"):
        check("x")
    assert hystrixpy.metrics("check").health == (0, 0, 0)


@command_defaults(group="defaults", isolation="semaphore", timeout=0.4, ignore=(ValueError,), fallback="safe")
class Defaults:
    """Says for all its methods what most of them want."""

    @command
    def plain(self):
        raise OSError

    @command(timeout=0.7, key="own", ignore=())
    def own(self):
        raise ValueError

    @command(ignore=(LookupError,))
    def other(self):
        raise LookupError

    @command
    @staticmethod
    def static():
        return 1

    def safe(self):
        return "safe"

    def unguarded(self):
        raise OSError


def test_class_defaults_hold_where_a_method_says_nothing():
    """Names, single properties and the fallback."""
    assert Defaults().plain() == "safe"
    circuit = hystrixpy.registry.circuit("Defaults.plain")
    assert (circuit.group, circuit.settings.values.timeout) == ("defaults", 0.4)
    with pytest.raises(OSError):  # noqa: PT011
        Defaults().unguarded()


def test_what_a_method_says_wins():
    """Property by property; ignore=() takes the class's types back."""
    assert Defaults().own() == "safe"
    values = hystrixpy.registry.circuit("own").settings.values
    assert (values.timeout, values.ignore, values.isolation) == (0.7, (), "semaphore")
    with pytest.raises(LookupError):
        Defaults().other()
    assert hystrixpy.metrics("Defaults.other").cumulative_count(EventType.BAD_REQUEST) == 1


@pytest.mark.parametrize(
    ("options", "text"), [({"key": "one"}, "key"), ({"timout": 1.0}, "timeout"), ({"timeout": 0}, "timeout")]
)
def test_wrong_defaults_are_told_at_decoration(options, text):
    """A key is of one method; names and values are checked as those of @command."""
    with pytest.raises(PropertyError, match=text):
        command_defaults(**options)


def test_defaults_are_for_classes():
    """On a function they would do nothing: TypeError that says what to use."""
    with pytest.raises(TypeError, match=r"decorates a class, not .*a function takes @command"):

        @command_defaults(timeout=0.5)
        def loose():
            return 1


async def answer_later():
    """A fallback for coroutine functions."""
    return "later"


def test_an_async_fallback_of_a_plain_function_is_told_at_decoration():
    """TypeError that names both, as for classes: nobody would await it; a guarded coroutine function is one too."""
    for fallback in (answer_later, command(key="later")(answer_later)):
        with pytest.raises(TypeError, match=r"fail is a plain def, but its fallback answer_later is an async def"):

            @command(fallback=fallback)
            def fail():
                raise OSError


def test_an_async_fallback_of_a_class_is_told_to_its_plain_methods():
    """Those that have none of their own; a coroutine function may have it."""

    class Mixed:
        @command
        async def later(self):
            raise OSError

        @command(fallback=lambda self: "own")
        def own(self):
            raise OSError

        @command
        def plain(self):
            raise OSError

    with pytest.raises(TypeError, match=r"Mixed.plain is a plain def, but its fallback answer_later is an async def"):
        command_defaults(isolation="semaphore", fallback=answer_later)(Mixed)
    assert hystrixpy.metrics("Mixed.plain").health.total == 0  # it is what it was, and look-ups go on


def test_an_async_fallback_by_name_is_a_failing_fallback():
    """It is only found when it is due: TypeError, and the cause is what made run fail."""

    class Repository:
        @command(isolation="semaphore", fallback="later")
        def get(self):
            raise OSError

        async def later(self):
            return "later"

    with pytest.raises(TypeError, match=r"fallback 'later' of command 'Repository.get' is an async def") as raised:
        Repository().get()
    assert isinstance(raised.value.__cause__, OSError)
    assert hystrixpy.metrics("Repository.get").cumulative_count(EventType.FALLBACK_FAILURE) == 1


@pytest.mark.parametrize("part", ["function", "fallback"])
def test_a_plain_function_that_returns_a_coroutine_is_told_so(part):
    """Calling it has done no work yet: TypeError instead of a success that guarded nothing, and no warning."""

    def fail():
        raise OSError

    coroutine = lambda: answer_later()  # noqa: E731 - looks like a plain function
    work = {"function": coroutine, "fallback": fail}[part]
    guarded = command(key="hidden", isolation="semaphore", fallback=coroutine if part == "fallback" else None)(work)
    with pytest.raises(TypeError, match=f"the {part} of command 'hidden' returned a coroutine"):
        guarded()
    assert hystrixpy.metrics("hidden").cumulative_count(EventType.SUCCESS) == 0


def test_a_name_for_a_fallback_of_a_plain_function_is_told_so():
    """There is no object to have the method, whatever its first argument is."""

    @command(isolation="semaphore", fallback="safe")
    def double(number):
        return 2 * number

    with pytest.raises(PropertyError, match="'safe' of command 'double' names a method, but it is called without"):
        double(3)
