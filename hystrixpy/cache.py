"""The request cache's Python face: forgetting outcomes. Where outcomes are shared: ``_native/scope.pyx``."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast

from hystrixpy._native.function import AsyncCommandFunction, CommandFunction
from hystrixpy._native.life import CommandLife
from hystrixpy._native.scope import Scope, current
from hystrixpy.errors import RequestContextError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["cache_remove", "clear_cache"]

P = ParamSpec("P")
R = TypeVar("R")


class _Keyed(Protocol):
    """A command class, a command, a ``@command`` function or a collapser: whatever has a key."""

    key: Any


_CACHED = _Keyed | CommandLife | type[CommandLife]


def clear_cache(key: str | _CACHED, cache_key: Hashable) -> None:
    """Forget what the current request context remembers for one cache key of one command or collapser.

    ``key`` is a command key, or what has one: a command class, a command, a ``@command`` function, a
    collapser. A missing entry is nothing to do; who already waits for the outcome still gets it, only
    newcomers run anew. Raises ``RequestContextError`` without an open context.
    """
    scope, name = current(), _name(key)
    if scope is None:
        raise RequestContextError(
            f"clear_cache({name!r}, ...) needs an open RequestContext, and there is none here: "
            f"wrap the request in `with RequestContext():`",
            command_key=name,
        )
    _clear(scope, name, cache_key)


def cache_remove(
    key: str | _CACHED, cache_key: Callable[..., Hashable]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function that changes what a cached command reads: after it, the outcome is forgotten.

    ``cache_key`` gets the arguments of each call and gives the cache key to forget, or None for none.
    A call that raises removes nothing; without a request context there is nothing to remove. Works on
    functions, methods and ``async def``; put it below ``@command``. Raises ``TypeError`` for what has no
    key or cannot be called. Example::

        @cache_remove("GetUser", cache_key=lambda user: str(user.id))
        def save_user(user): ...
    """
    if not callable(cache_key):
        raise TypeError(f"cache_remove(cache_key={cache_key!r}): must be a callable that gives the cache key")
    if not isinstance(key, str | CommandFunction | AsyncCommandFunction):  # a method's key comes with its class
        _name(key)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        def forget(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            scope = current()
            wanted = None if scope is None else cache_key(*args, **kwargs)
            if scope is not None and wanted is not None:
                _clear(scope, _name(key), wanted)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            forget(args, kwargs)
            return result

        @functools.wraps(function)
        async def acall(*args: P.args, **kwargs: P.kwargs) -> Any:
            result = await cast("Any", function(*args, **kwargs))
            forget(args, kwargs)
            return result

        return cast("Callable[P, R]", acall) if inspect.iscoroutinefunction(function) else call

    return decorate


def _clear(scope: Scope, key: str, cache_key: Hashable) -> None:
    """A command and a collapser may share a name; the caller means whichever remembers something."""
    scope.clear_entry(key, cache_key)
    scope.clear_entry(("collapser", key), cache_key)


def _name(of: str | _CACHED) -> str:
    """The key of whatever has one. A class need not name its own; one command may be bound to another."""
    if isinstance(of, CommandLife):
        return of.execution.command_key
    found = of if isinstance(of, str) else getattr(of, "key", None)
    if not isinstance(found, str) and isinstance(of, type) and issubclass(of, CommandLife):
        found = getattr(of, "_hx_binding").key  # noqa: B009  (of every class below Command and AsyncCommand)
    if not isinstance(found, str):
        raise TypeError(f"{of!r} has no cached outcomes: give a command key, a command class, or a @command function")
    return found
