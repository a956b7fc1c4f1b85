"""The ``HystrixUtilization`` event: what is in use right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.stream.wire import whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hystrixpy.stream.views import CircuitView, PoolView

__all__ = ["utilization_event"]


def utilization_event(circuits: Iterable[CircuitView], pools: Iterable[PoolView]) -> dict[str, Any]:
    """One object for the whole process, as Hystrix sends it."""
    return {
        "type": "HystrixUtilization",
        "commands": {circuit.key: {"activeCount": circuit.active} for circuit in circuits},
        "threadpools": {pool.key: _pool(pool) for pool in pools},
    }


def _pool(pool: PoolView) -> dict[str, int]:
    return {
        "activeCount": pool.active,
        "queueSize": pool.queue_size,
        "corePoolSize": whole(pool.core_size),
        "poolSize": pool.size,
    }
