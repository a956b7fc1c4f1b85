"""``@command``: functions, methods and coroutine functions as commands (floor 5).

The callables themselves are native, in src_ext/hystrixpy/_native/function.pyx.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, Protocol, TypeVar, overload

from hystrixpy import registry
from hystrixpy._native.binding import Binding
from hystrixpy._native.function import (
    AsyncCommandFunction,
    CommandFunction,
    PlacedAsyncCommandFunction,
    PlacedCommandFunction,
)
from hystrixpy.errors import PropertyError
from hystrixpy.properties import CommandProperties, ThreadPoolProperties, table
from hystrixpy.properties.faults import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["command", "command_defaults"]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


class _Unset:
    """No value given, where None means something."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final[Any] = _Unset()
_NAMES: Final = ("key", "group", "thread_pool", "fallback", "cache_key", "properties", "pool_properties")
_PROPERTIES: Final = tuple(table(CommandProperties))


class _Decorator(Protocol):
    """What ``@command(...)`` gives: it keeps the signature and the kind of what it decorates."""

    # The more special one comes first: every coroutine function is a callable as well.
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncCommandFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> CommandFunction[P, R]: ...


@overload
def command(  # type: ignore[overload-overlap] # as in _Decorator
    function: Callable[P, Coroutine[Any, Any, R]], /
) -> AsyncCommandFunction[P, R]: ...
@overload
def command(function: Callable[P, R], /) -> CommandFunction[P, R]: ...
@overload
def command(
    *,
    key: str | None = None,
    group: str | None = None,
    thread_pool: str | None = None,
    fallback: Callable[..., Any] | str | None = None,
    ignore: tuple[type[Exception], ...] = ...,
    timeout: float | None = ...,
    isolation: Literal["thread", "semaphore"] = ...,
    cache_key: Callable[..., str | None] | None = None,
    properties: CommandProperties | None = None,
    pool_properties: ThreadPoolProperties | None = None,
    **more: Any,
) -> _Decorator: ...
def command(function: Any = None, /, **options: Any) -> Any:
    """Make a function, method or coroutine function a command that runs when it is called.

    ``key`` names the circuit (default: the function's name, ``Class.method`` for methods), ``group`` and
    ``thread_pool`` as for :class:`~hystrixpy.Command`. ``fallback`` is a callable or the name of a method
    of the same class; it gets the same arguments, and the exception if it has a parameter ``error``.
    ``cache_key`` makes the request cache's key of the arguments. ``properties`` is the code level; single
    properties (``timeout=0.5``, ``isolation="semaphore"``, ``ignore=(ValueError,)`` ...) override it.

    The result is called as before and also has ``.queue(*args)``, ``.command(*args)`` and ``.key``.
    Raises ``PropertyError`` for an unknown argument or an invalid value.

    >>> @command(isolation="semaphore", fallback=lambda user_id: "somebody")
    ... def name_of(user_id: int) -> str:
    ...     raise ConnectionError("no database")
    >>> name_of(42)
    'somebody'
    """
    checked = _checked("command", options)

    def decorate(function: Any) -> Any:
        return _guard(function, checked)

    return decorate if function is None else decorate(function)


def command_defaults(**options: Any) -> Callable[[C], C]:
    """Give the ``@command`` methods of a class defaults; what a method says itself wins.

    Takes the arguments of :func:`command` except ``key``. Raises ``PropertyError`` for an unknown one.

    >>> @command_defaults(group="users", timeout=0.3, isolation="semaphore")
    ... class Users:
    ...     @command
    ...     def get(self, user_id: int) -> str:
    ...         return f"user {user_id}"
    >>> Users().get(1)
    'user 1'
    """
    if "key" in options:
        raise PropertyError("@command_defaults has no argument 'key': each method has a key of its own")
    checked = _checked("command_defaults", options)

    def decorate(cls: C) -> C:
        if not isinstance(cls, type):
            raise TypeError(f"@command_defaults(...) decorates a class, not {cls!r}; a function takes @command(...)")
        for name, value in vars(cls).items():
            guarded: Any = getattr(value, "__func__", value)
            if isinstance(guarded, CommandFunction | AsyncCommandFunction):
                fallback = {**checked, **getattr(guarded, "_hx_options")}.get("fallback")  # noqa: B009 - as below
                _check_fallback(fallback, f"{cls.__qualname__}.{name}", isinstance(guarded, AsyncCommandFunction))
                setattr(guarded, "_hx_defaults", checked)  # noqa: B010 - not in the stub
        return cls

    return decorate


# -- arguments ---------------------------------------------------------------------------------------


def _checked(decorator: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options with single properties folded into ``properties``; PropertyError for what is wrong."""
    for name in options:
        if name not in _NAMES and name not in _PROPERTIES:
            raise PropertyError(unknown(f"@{decorator} has no argument", name, (*_NAMES, *_PROPERTIES)))
    single = {name: value for name, value in options.items() if name in _PROPERTIES}
    rest = {name: value for name, value in options.items() if name in _NAMES}
    _check_kinds(decorator, rest)
    if single:
        rest["properties"] = CommandProperties(**single).over(rest.get("properties"))
    return rest


def _check_kinds(decorator: str, options: dict[str, Any]) -> None:
    kinds: dict[str, tuple[tuple[type, ...], str]] = {
        "key": ((str,), "a str"),
        "group": ((str,), "a str"),
        "thread_pool": ((str,), "a str"),
        "properties": ((CommandProperties,), "CommandProperties(...)"),
        "pool_properties": ((ThreadPoolProperties,), "ThreadPoolProperties(...)"),
    }
    for name, value in options.items():
        if name in kinds and value is not None and not isinstance(value, kinds[name][0]):
            raise PropertyError(f"@{decorator}({name}={value!r}): must be {kinds[name][1]} or None")
        if name == "fallback" and value is not None and not callable(value) and not isinstance(value, str):
            raise PropertyError(f"@{decorator}(fallback={value!r}): must be a callable or the name of a method")
        if name == "cache_key" and value is not None and not callable(value):
            raise PropertyError(f"@{decorator}(cache_key={value!r}): must be a callable")


def _check_fallback(fallback: Any, owner: str, is_async: bool) -> None:
    if not is_async and callable(fallback) and inspect.iscoroutinefunction(inspect.unwrap(fallback)):
        name = getattr(fallback, "__qualname__", repr(fallback))
        raise TypeError(f"{owner} is a plain def, but its fallback {name} is an async def: make both the same")


# -- making ------------------------------------------------------------------------------------------

_KINDS: dict[tuple[bool, bool], Any] = {
    (False, True): CommandFunction,
    (True, True): AsyncCommandFunction,
    (False, False): PlacedCommandFunction,
    (True, False): PlacedAsyncCommandFunction,
}
"""By whether it is a coroutine function, and whether it binds to the instance as any function does."""


def _guard(decorated: Any, options: dict[str, Any]) -> Any:
    binds = {classmethod: "class", staticmethod: "none"}.get(type(decorated), "instance")
    function = decorated if binds == "instance" else decorated.__func__
    plain = inspect.unwrap(function) if callable(function) else function
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"@command decorates functions, methods and coroutine functions, not {function!r}")
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise TypeError(
            f"{plain.__qualname__} is a generator: calling it does no work yet, so there is nothing to guard; "
            f"put @command on the function that fetches, and iterate over its result"
        )
    is_async = inspect.iscoroutinefunction(plain)
    _check_fallback(options.get("fallback"), getattr(plain, "__qualname__", repr(plain)), is_async)
    kind = _KINDS[is_async, binds == "instance"]
    given = {"fallback": options.get("fallback"), "cache_key": options.get("cache_key")}
    made: Any = kind(function, _declare, binds=binds, **given)
    made._hx_options, made._hx_defaults = options, {}
    if is_async:
        _mark_coroutine_function(made)
    made._hx_number = registry.declare_later(made)
    return made


def _mark_coroutine_function(made: Any) -> None:
    """Frameworks ask asyncio or inspect whether to await the result: let them hear yes."""
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(made)
    else:
        made._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
        plain = inspect.unwrap(made)
        for name in ("__code__", "__defaults__", "__kwdefaults__"):  # by these inspect knows a function
            if hasattr(plain, name):
                setattr(made, name, getattr(plain, name))


def _declare(guarded: Any) -> Binding:
    """The binding of a decorated function, made when its class is complete."""
    options = _with_defaults(guarded)
    function = inspect.unwrap(guarded)
    name = getattr(function, "__name__", type(function).__name__)
    group = options.get("group") or getattr(function, "__module__", None) or "functions"
    binding = Binding(
        key=options.get("key") or _default_key(guarded, function, name),
        group=group,
        thread_pool=options.get("thread_pool") or group,
        owner=f"{getattr(function, '__module__', None)}.{getattr(function, '__qualname__', name)}",
        code=options.get("properties"),
        pool_code=options.get("pool_properties"),
        is_async=isinstance(guarded, AsyncCommandFunction),
        has_fallback=options.get("fallback") is not None,
        has_cache_key=options.get("cache_key") is not None,
    )
    registry.declare(binding, guarded._hx_number)
    return binding


def _default_key(guarded: Any, function: Any, name: str) -> str:
    """The function's name, with that of its class if it has one.

    A class does not tell what is inside a staticmethod or classmethod whose it is: then the qualified name does.
    """
    owner = getattr(guarded, "_hx_owner", None)
    if owner is not None:
        return f"{owner.__name__}.{name}"
    qualified = getattr(function, "__qualname__", name).rpartition("<locals>.")[2].split(".")
    return ".".join(qualified[-2:]) if qualified[-1] == name else name


def _with_defaults(guarded: Any) -> dict[str, Any]:
    """What the function says, over what its class says; properties one by one."""
    own, defaults = guarded._hx_options, guarded._hx_defaults
    merged = {**defaults, **own}
    if own.get("properties") is not None:
        merged["properties"] = own["properties"].over(defaults.get("properties"))
    guarded._use(merged.get("fallback"), merged.get("cache_key"))
    return merged
