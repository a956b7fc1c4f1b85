"""The decorator form of a breaker. Plain Python: frameworks look at a coroutine function's code flags."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hystrixpy._native.breaker import CircuitBreaker


def guarded(breaker: CircuitBreaker, fn: Any) -> Any:
    """``fn`` behind ``breaker``, of the same kind and signature."""
    if not callable(fn):
        raise TypeError(f"{breaker!r} decorates functions, not {fn!r}; put it under @classmethod or @property")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(
            f"{fn!r} is a generator: its work is done after the call returned, where a decorator cannot see it. "
            "Use 'with breaker:' around the work inside it"
        )
    return _guarded_async(breaker, fn) if _is_async(fn) else _guarded_sync(breaker, fn)


def _is_async(fn: Any) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def _guarded_sync(breaker: CircuitBreaker, fn: Callable[..., Any]) -> Callable[..., Any]:
    call = breaker.call

    @functools.wraps(fn, updated=())
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return call(fn, *args, **kwargs)

    return guarded


def _guarded_async(breaker: CircuitBreaker, fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    acall = breaker.acall

    @functools.wraps(fn, updated=())
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        return await acall(fn, *args, **kwargs)

    return guarded
