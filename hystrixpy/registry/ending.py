"""Tearing down: ``reset()``, ``shutdown()``, and what a forked child forgets."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from hystrixpy import properties
from hystrixpy._native import timer
from hystrixpy._native.binding import new_epoch
from hystrixpy._native.pool import stop_fallbacks
from hystrixpy.errors import PropertyError
from hystrixpy.properties.faults import invalid
from hystrixpy.registry import callbacks, held
from hystrixpy.registry.change import reapply
from hystrixpy.registry.held import Retired, RetiredPool, State
from hystrixpy.registry.lookup import thread_pools

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hystrixpy._native.binding import Binding
    from hystrixpy._native.circuit import Circuit
    from hystrixpy._native.threadpool import ThreadPool

__all__ = ["after_fork_in_child", "reset", "shutdown"]

_LIFETIME = 4e9  # seconds


def reset(timeout: float | None = None) -> None:
    """Tear everything down: pools, circuits, properties, hooks; the next call starts afresh.

    Pools are joined for up to ``timeout`` seconds in all (None: as long as it takes). What settles later
    counts nowhere in the new circuits. Meant for tests and for reloading an application. Raises
    ``PropertyError``, with nothing torn down, for a ``timeout`` that is no number.
    """
    limit = _limit(timeout)
    with held.lock:
        old, held.state = held.state, State()
        for each in old.circuits.values():
            _retire(each)
        for pool in old.pools.values():
            _retire_pool(pool)
        new_epoch()
        _forget(list(held.declared.values()))
    for callback in (*callbacks.shutdown_callbacks, *callbacks.reset_callbacks):
        callback()
    properties.reset_sources()
    reapply()  # circuits that calls under way have made meanwhile, of what was just forgotten
    _stop(old.pools.values(), wait=True, timeout=limit)


def shutdown(wait: bool = True) -> None:
    """Stop pools and timers; with ``wait`` let what runs and what is queued end first.

    Commands that need a thread are rejected from then on, until ``reset()``.
    """
    for callback in callbacks.shutdown_callbacks:
        callback()
    _stop(thread_pools(), wait=wait, timeout=None)


def _limit(timeout: float | None) -> float | None:
    """Seconds to wait; None, like more than a lifetime, is without end, and what is already over is 0."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout != timeout:
        raise PropertyError(invalid("timeout", timeout, "a number of seconds, or None to wait as long as it takes"))
    return None if timeout > _LIFETIME else max(0.0, timeout)


def _stop(pools: Iterable[ThreadPool], *, wait: bool, timeout: float | None) -> None:
    end = None if timeout is None else time.monotonic() + timeout

    def left() -> float | None:
        return None if end is None else max(0.0, end - time.monotonic())

    for pool in pools:
        pool.shutdown(wait=wait, timeout=left())
    stop_fallbacks(wait=wait, timeout=left())
    if wait:
        timer.stop_if_idle(timeout=left())


def _forget(declared: Iterable[Binding]) -> None:
    """Under the lock, which every binding needs to find its new circuit."""
    for binding in declared:
        binding.forget()


def _retire(each: Circuit) -> None:
    """Add the counts of a circuit that goes to those of its key and group that went before."""
    before = held.retired.get((each.key, each.group))
    counts = (each.cumulative_all(), each.transitions, each.latency_cumulative(), each.total_latency_cumulative())
    if before is not None:
        counts = tuple(map(_added, before[2:], counts))  # type: ignore[assignment]
    held.retired[each.key, each.group] = Retired(each.key, each.group, *counts)


def _retire_pool(pool: ThreadPool) -> None:
    before = held.retired_pools.get(pool.key, RetiredPool(pool.key, 0, 0))
    held.retired_pools[pool.key] = RetiredPool(
        pool.key, before.completed + pool.completed, before.rejected + pool.rejected
    )


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def after_fork_in_child() -> None:
    """Nothing that was in flight in the parent is in flight here; counters and breakers go on."""
    held.lock = threading.RLock()  # another thread of the parent may have held it
    for each in held.state.circuits.values():
        each.forget_in_flight()
