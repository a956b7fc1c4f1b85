"""Looking at what exists by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy import properties
from hystrixpy.metrics import CommandMetrics
from hystrixpy.properties.faults import unknown_key
from hystrixpy.registry import held
from hystrixpy.registry.declared import declared_bindings
from hystrixpy.registry.pools import claim_pool, pool_of

if TYPE_CHECKING:
    import threading

    from hystrixpy._native.breaker import CircuitBreaker
    from hystrixpy._native.circuit import Circuit
    from hystrixpy._native.threadpool import ThreadPool
    from hystrixpy.registry.held import Retired, RetiredPool

__all__ = [
    "circuit",
    "circuit_breaker",
    "circuits",
    "command_keys",
    "frozen",
    "metrics",
    "retired",
    "retired_pools",
    "thread_pool",
    "thread_pool_keys",
    "thread_pools",
]


def circuits() -> list[Circuit]:
    """The circuits that exist now."""
    with held.lock:
        return list(held.state.circuits.values())


def thread_pools() -> list[ThreadPool]:
    """The thread pools that exist now."""
    with held.lock:
        return list(held.state.pools.values())


def frozen() -> threading.RLock:
    """A lock: while it is held no circuit or pool is made or torn down. Only to read numbers under it."""
    return held.lock


def retired() -> list[Retired]:
    """What circuits torn down by ``reset()`` had counted. Exported sums go on from there."""
    with held.lock:
        return list(held.retired.values())


def retired_pools() -> list[RetiredPool]:
    """The same for thread pools."""
    with held.lock:
        return list(held.retired_pools.values())


def command_keys() -> tuple[str, ...]:
    """The command keys that have a circuit, sorted."""
    with held.lock:
        return tuple(sorted(held.state.circuits))


def thread_pool_keys() -> tuple[str, ...]:
    """The keys of the thread pools that exist, sorted."""
    with held.lock:
        return tuple(sorted(held.state.pools))


def circuit(key: str) -> Circuit:
    """The circuit of a key; made if a class or function bound to the key exists. Raises ``KeyError`` otherwise."""
    with held.lock:
        found = held.state.circuits.get(key)
    if found is not None:
        return found
    for binding in declared_bindings():
        if binding.key == key:
            return binding.find_circuit()
    raise unknown_key("command key", key, {*command_keys(), *(binding.key for binding in declared_bindings())})


def circuit_breaker(key: str) -> CircuitBreaker:
    """The circuit breaker of a command key, to look at and to steer. Raises ``KeyError`` for an unknown key."""
    return circuit(key).breaker


def metrics(key: str) -> CommandMetrics:
    """The numbers of a command key. Raises ``KeyError`` for an unknown key, naming the nearest known one."""
    return CommandMetrics(circuit(key))


def thread_pool(key: str) -> ThreadPool:
    """The thread pool of a key. Raises ``KeyError`` for an unknown key, naming the nearest known one."""
    with held.lock:
        found = held.state.pools.get(key)
    if found is not None:
        return found
    for binding in declared_bindings():
        if binding.thread_pool == key:
            with held.lock:
                conflicts = claim_pool(binding)
            properties.warn_of(conflicts, stacklevel=2)
            return pool_of(key)
    known = {each.thread_pool for each in circuits()} | {each.thread_pool for each in declared_bindings()}
    if key in known:
        return pool_of(key)
    raise unknown_key("thread pool key", key, known)
