"""What the decorator form of a breaker has to know about functions, and the part of it that must be plain Python."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hystrixpy._native.breaker import CircuitBreaker


def is_async(breaker: CircuitBreaker, fn: Any) -> bool:
    """Whether ``fn`` makes a coroutine. Raises TypeError if ``breaker`` cannot guard it at all."""
    if not callable(fn) or isinstance(fn, staticmethod):  # callable, but what is made of it would bind an instance
        raise TypeError(
            f"{breaker!r} decorates functions, not {fn!r}; put it under @staticmethod, @classmethod or @property"
        )
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(
            f"{fn!r} is a generator: its work is done after the call returned, where a decorator cannot see it. "
            "Use 'with breaker:' around the work inside it"
        )
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def guarded_async(breaker: CircuitBreaker, fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """``fn`` behind ``breaker``: a coroutine function for whoever looks at its code flags, as frameworks do."""
    acall = breaker.acall

    @functools.wraps(fn)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        return await acall(fn, *args, **kwargs)

    return guarded
