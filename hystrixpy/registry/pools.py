"""The thread pool of a key: made at its first use, told of what classes say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy import properties
from hystrixpy._native.threadpool import ThreadPool
from hystrixpy.registry import held
from hystrixpy.registry.held import NOBODY, Claim

if TYPE_CHECKING:
    from hystrixpy._native.binding import Binding
    from hystrixpy._native.circuit import Circuit
    from hystrixpy.properties import Resolved, ThreadPoolProperties

__all__ = ["apply_to_pool", "claim_pool", "pool_for", "pool_of", "resolve_pool"]


def claim_pool(binding: Binding) -> list[str]:
    """Keep what the first class that says anything about a pool says; tell a pool that is there already.

    Under the lock; what there is to warn of is given back, to be said outside it.
    """
    if binding.pool_code is None:
        return []
    key = binding.thread_pool
    first = held.state.pool_claims.setdefault(key, Claim(binding.owner, binding.pool_code, False))
    if first.code is binding.pool_code and key in held.state.pools:
        apply_to_pool(key, held.state.pools[key])
    return properties.conflicts("thread pool", key, first.owner, first.code, binding.owner, binding.pool_code)


def pool_for(circuit: Circuit) -> ThreadPool:
    """Attach the circuit's pool, made if it is the first use of its key; called by native code."""
    pool = pool_of(circuit.thread_pool)
    circuit.attach_pool(pool)
    return pool


def pool_of(key: str) -> ThreadPool:
    with held.lock:
        found = held.state.pools.get(key)
        if found is None:
            values = held.state.shapes.keep("thread_pool", key, resolve_pool(key))
            found = held.state.pools[key] = ThreadPool(key, values)
    properties.say()
    return found


def resolve_pool(key: str) -> Resolved[ThreadPoolProperties]:
    claim = held.state.pool_claims.get(key, NOBODY)
    return properties.resolve("thread_pool", key, claim.code, code_source=claim.owner)


def apply_to_pool(key: str, pool: ThreadPool) -> None:
    pool.configure(held.state.shapes.held("thread_pool", key, resolve_pool(key)))
