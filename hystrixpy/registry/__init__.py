"""Which circuit and which pool belong to a key (floor 5): the only place that wires the parts together.

Commands come here once, at their first execution and after a ``reset()``; calls never do. ``finding`` makes
circuits, ``pools`` pools, ``lookup`` answers questions about them, ``change`` hands on new properties and
``ending`` tears down.
"""

from __future__ import annotations

import os

from hystrixpy import properties
from hystrixpy._native import binding, drive, leaving, watching
from hystrixpy.hooks import chain, listeners, watch
from hystrixpy.registry.callbacks import collapser_used, on_circuit, on_collapser, on_reset, on_shutdown
from hystrixpy.registry.change import misfits, reapply
from hystrixpy.registry.declared import declare, declare_later
from hystrixpy.registry.ending import after_fork_in_child, reset, shutdown
from hystrixpy.registry.explaining import explain_properties, find_collapser_code
from hystrixpy.registry.finding import find_circuit
from hystrixpy.registry.held import Retired, RetiredPool
from hystrixpy.registry.lookup import (
    circuit,
    circuit_breaker,
    circuits,
    command_keys,
    frozen,
    metrics,
    retired,
    retired_pools,
    thread_pool,
    thread_pool_keys,
    thread_pools,
)
from hystrixpy.registry.pools import pool_for

__all__ = [
    "Retired",
    "RetiredPool",
    "circuit",
    "circuit_breaker",
    "circuits",
    "collapser_used",
    "command_keys",
    "declare",
    "declare_later",
    "explain_properties",
    "find_collapser_code",
    "frozen",
    "metrics",
    "on_circuit",
    "on_collapser",
    "on_reset",
    "on_shutdown",
    "reset",
    "retired",
    "retired_pools",
    "shutdown",
    "thread_pool",
    "thread_pool_keys",
    "thread_pools",
]

os.register_at_fork(after_in_child=after_fork_in_child)
binding.install(resolve=find_circuit)
drive.install(pool_for=pool_for)
leaving.install(on_abandoned=listeners.tell_abandoned)
watching.install(on_event=listeners.tell_event, watch=watch.watch_for, on_hit=watch.cache_hit)
properties.on_check(misfits)
properties.on_change(reapply, lasting=True)
on_reset(chain.reset_hooks)
on_reset(listeners.reset_listeners)
