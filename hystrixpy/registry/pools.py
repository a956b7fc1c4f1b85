"""The thread pool of a key: made at its first use, told of what classes say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy import properties
from hystrixpy._native.threadpool import ThreadPool
from hystrixpy.properties.conflict import warn_of_conflict
from hystrixpy.registry import held
from hystrixpy.registry.held import NOBODY, Claim

if TYPE_CHECKING:
    from hystrixpy._native.binding import Binding
    from hystrixpy._native.circuit import Circuit
    from hystrixpy.properties import Resolved, ThreadPoolProperties

__all__ = ["apply_to_pool", "claim_pool", "pool_for", "pool_of", "resolve_pool"]


def claim_pool(binding: Binding) -> None:
    """Keep what the first class that says anything about a pool says; tell a pool that is there already."""
    if binding.pool_code is None:
        return
    key = binding.thread_pool
    first = held.state.pool_claims.setdefault(key, Claim(binding.owner, binding.pool_code, False))
    if first.code is not binding.pool_code:
        warn_of_conflict("thread pool", key, first.owner, first.code, binding.owner, binding.pool_code, stacklevel=4)
    elif key in held.state.pools:
        apply_to_pool(key, held.state.pools[key])


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
        return found


def resolve_pool(key: str) -> Resolved[ThreadPoolProperties]:
    claim = held.state.pool_claims.get(key, NOBODY)
    return properties.resolve("thread_pool", key, claim.code, code_source=claim.owner)


def apply_to_pool(key: str, pool: ThreadPool) -> None:
    pool.configure(held.state.shapes.held("thread_pool", key, resolve_pool(key)))
