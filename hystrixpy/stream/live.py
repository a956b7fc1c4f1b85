"""This process as the stream sees it: views over the circuits, pools and collapsers of the registry."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hystrixpy import properties, registry
from hystrixpy.collapser import collapser_keys, collapser_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hystrixpy._native.circuit import Circuit
    from hystrixpy._native.histogram import LatencySnapshot
    from hystrixpy._native.threadpool import ThreadPool

__all__ = ["LiveProcess"]


class LiveCircuit:
    """One circuit at one moment: what a sample asks for twice is read once."""

    def __init__(self, circuit: Circuit, pools: Mapping[str, ThreadPool]) -> None:
        self._circuit = circuit
        self._pools = pools
        self.key = circuit.key
        self.group = circuit.group
        self.thread_pool = circuit.thread_pool
        self.properties: Any = circuit.settings.values

    @property
    def state(self) -> str:
        return self._circuit.breaker.state

    @property
    def forced(self) -> str | None:
        return self._circuit.breaker.forced

    @property
    def is_open(self) -> bool:
        return self._circuit.breaker.is_open

    @property
    def health(self) -> tuple[int, int]:
        return self._circuit.health()

    @cached_property
    def rolling(self) -> tuple[int, ...]:
        return self._circuit.rolling_all()

    @property
    def transitions(self) -> tuple[int, int, int]:
        return self._circuit.transitions

    @property
    def active(self) -> int:
        return self._circuit.active

    @property
    def max_active(self) -> int:
        return self._circuit.max_active

    @property
    def abandoned(self) -> int:
        return self._circuit.abandoned

    @property
    def limit(self) -> int:
        if self.properties.isolation == "semaphore":
            return int(self.properties.max_concurrent)
        pool = self._pools.get(self.thread_pool)
        return 0 if pool is None else pool.max_size

    @cached_property
    def latency(self) -> LatencySnapshot:
        return self._circuit.latency()

    @cached_property
    def total_latency(self) -> LatencySnapshot:
        return self._circuit.total_latency()

    @property
    def explanation(self) -> str:
        return self._circuit.breaker.explain()

    @property
    def origins(self) -> Mapping[str, Any]:
        return registry.explain_properties(self.key)


class LivePool:
    """One thread pool; whatever is not said here is the pool's own attribute."""

    def __init__(self, pool: ThreadPool, origins: Mapping[str, Any]) -> None:
        self._pool = pool
        self.key = pool.key
        self.origins = origins
        self.properties = SimpleNamespace(**{name: origin.value for name, origin in origins.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


class LiveCollapser:
    """One collapser key. Its windows are fixed."""

    rolling_window, rolling_buckets = 10.0, 10
    percentile_window, percentile_buckets = 60.0, 6

    def __init__(self, key: str) -> None:
        self.key = key
        self.origins: Mapping[str, Any] = registry.explain_properties(key, kind="collapser")
        self.properties = SimpleNamespace(**{name: origin.value for name, origin in self.origins.items()})
        numbers = collapser_metrics(key)
        self.rolling_requests = numbers.rolling_batched_requests
        self.rolling_batches = numbers.rolling_batches
        self.rolling_from_cache = numbers.rolling_cache_hits
        self.batch_sizes = numbers.batch_size.counts


class LiveProcess:
    """The registry, as the samples ask for it."""

    def __init__(self) -> None:
        self._pool_origins: dict[str, tuple[object, Mapping[str, Any]]] = {}

    def circuits(self) -> Iterable[LiveCircuit]:
        """The circuits that exist now, in the order in which they were made."""
        pools = {pool.key: pool for pool in registry.thread_pools()}
        return [LiveCircuit(circuit, pools) for circuit in registry.circuits()]

    def pools(self) -> Iterable[LivePool]:
        """The thread pools that exist now."""
        pools = registry.thread_pools()
        self._pool_origins = {pool.key: self._origins(pool) for pool in pools}
        return [LivePool(pool, self._pool_origins[pool.key][1]) for pool in pools]

    def _origins(self, pool: ThreadPool) -> tuple[object, Mapping[str, Any]]:
        """The pool's properties, resolved again only when something about them changed."""
        stamp = (properties.generation(), pool.core_size, pool.max_size, pool.max_queue_size)
        known = self._pool_origins.get(pool.key)
        if known is not None and known[0] == stamp:
            return known
        return stamp, registry.explain_properties(pool.key, kind="thread_pool")

    def collapsers(self) -> Iterable[LiveCollapser]:
        """The collapsers that have sent a request."""
        for key in collapser_keys():
            with suppress(KeyError):  # reset() was quicker
                yield LiveCollapser(key)
