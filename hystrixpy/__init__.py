"""hystrixpy: guard the calls that may fail.

The floors, lowest first; a module imports from lower floors only (tests/test_floors.py):
0 errors, events, types - 1 _native - 2 properties - 3 breaker, bulkhead, metrics, context, cache, hooks -
4 execution - 5 registry, command, aio, decorator, collapser - 6 telemetry, stream, dashboard, integrations,
testing, cli.
"""

import hystrixpy.telemetry  # connects itself to the registry
import hystrixpy.testing  # noqa: F401 - "with hystrixpy.testing.ManualClock()" needs no import of its own
from hystrixpy._native.future import CommandFuture
from hystrixpy._native.histogram import LatencyHistogram, LatencySnapshot
from hystrixpy._native.life import Execution
from hystrixpy._native.permits import Semaphore
from hystrixpy._native.running import current_command, deadline, is_abandoned
from hystrixpy._native.window import RollingCounter
from hystrixpy.aio import AsyncCommand
from hystrixpy.breaker import CircuitBreaker
from hystrixpy.bulkhead import ThreadPool
from hystrixpy.cache import cache_remove, clear_cache
from hystrixpy.collapser import (
    CollapsedRequest,
    Collapser,
    CollapserMetrics,
    collapse,
    collapser_keys,
    collapser_metrics,
)
from hystrixpy.command import Command
from hystrixpy.context import RequestContext, RequestLog, RequestVariable
from hystrixpy.decorator import command, command_defaults
from hystrixpy.errors import (
    BadRequestError,
    CircuitOpenError,
    CollapserError,
    CommandFailedError,
    CommandInterrupted,
    CommandRejectedError,
    CommandStateError,
    CommandTimeoutError,
    FallbackRejectedError,
    HystrixError,
    MissingResponseError,
    PropertyError,
    RequestContextError,
    SemaphoreRejectedError,
    ThreadPoolRejectedError,
)
from hystrixpy.events import CircuitState, EventType
from hystrixpy.hooks import CommandHook, add_hook, add_listener, remove_hook, remove_listener
from hystrixpy.metrics import CommandMetrics
from hystrixpy.properties import (
    CollapserProperties,
    CommandProperties,
    PropertyConflictWarning,
    PropertyOrigin,
    ThreadPoolProperties,
    configure,
)
from hystrixpy.registry import (
    circuit_breaker,
    command_keys,
    explain_properties,
    metrics,
    reset,
    shutdown,
    thread_pool,
    thread_pool_keys,
)
from hystrixpy.stream import serve
from hystrixpy.types import HealthCounts

__all__ = [
    "AsyncCommand",
    "BadRequestError",
    "CircuitBreaker",
    "CircuitOpenError",
    "CircuitState",
    "CollapsedRequest",
    "Collapser",
    "CollapserError",
    "CollapserMetrics",
    "CollapserProperties",
    "Command",
    "CommandFailedError",
    "CommandFuture",
    "CommandHook",
    "CommandInterrupted",
    "CommandMetrics",
    "CommandProperties",
    "CommandRejectedError",
    "CommandStateError",
    "CommandTimeoutError",
    "EventType",
    "Execution",
    "FallbackRejectedError",
    "HealthCounts",
    "HystrixError",
    "LatencyHistogram",
    "LatencySnapshot",
    "MissingResponseError",
    "PropertyConflictWarning",
    "PropertyError",
    "PropertyOrigin",
    "RequestContext",
    "RequestContextError",
    "RequestLog",
    "RequestVariable",
    "RollingCounter",
    "Semaphore",
    "SemaphoreRejectedError",
    "ThreadPool",
    "ThreadPoolProperties",
    "ThreadPoolRejectedError",
    "add_hook",
    "add_listener",
    "cache_remove",
    "circuit_breaker",
    "clear_cache",
    "collapse",
    "collapser_keys",
    "collapser_metrics",
    "command",
    "command_defaults",
    "command_keys",
    "configure",
    "current_command",
    "deadline",
    "explain_properties",
    "is_abandoned",
    "metrics",
    "remove_hook",
    "remove_listener",
    "reset",
    "serve",
    "shutdown",
    "thread_pool",
    "thread_pool_keys",
]
