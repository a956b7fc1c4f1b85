"""Every property there is, once: name, default, what is valid, Hystrix's name, what it means.

The three dataclasses below are that table. Validation, the sources, ``hystrixpy properties`` and
docs/properties.md read it through :func:`table`; a property is added here and nowhere else.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

from hystrixpy.errors import PropertyError
from hystrixpy.properties.faults import invalid, named, unknown
from hystrixpy.properties.kinds import Choice, Count, ExceptionTypes, Flag, Kind, Seconds, Unbounded

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SECTIONS",
    "CollapserProperties",
    "CommandProperties",
    "Properties",
    "Property",
    "ThreadPoolProperties",
    "checked",
    "no_property",
    "table",
]

_FLAG = Flag()
_COUNT = Count()
_PAUSE = Seconds("a time of 0 s or more", lambda seconds: seconds >= 0)
_WINDOW = Seconds("a time of 0.001 s or more", lambda seconds: seconds >= 0.001)
_TIMEOUT = Seconds(
    "a time above 0 s, or off (None in code, false in TOML, off in the environment)",
    lambda seconds: seconds > 0,
    off=True,
)


@dataclass(frozen=True, slots=True)
class Property:
    """One row of the table.

    ``hystrix`` holds Hystrix's names without the key's prefix, ``dynamic`` is False for what a live
    circuit keeps until ``reset()``, ``unit`` is "s", "%" or empty.
    """

    name: str
    kind: Kind
    default: Any
    doc: str
    unit: str = ""
    hystrix: tuple[str, ...] = ()
    dynamic: bool = True


def prop(kind: Kind, *, default: Any, doc: str, unit: str = "", hystrix: str = "", dynamic: bool = True) -> Any:
    """A dataclass field that is a row of the table."""
    row = {"kind": kind, "doc": doc, "unit": unit, "hystrix": tuple(hystrix.split()), "dynamic": dynamic}
    return dataclasses.field(default=default, metadata=row)


def checked(row: Property, value: object) -> Any:
    """The value in its normal form; :class:`PropertyError` with value and valid range if it does not fit."""
    try:
        return row.kind.check(value)
    except (ValueError, TypeError):
        raise PropertyError(invalid(row.name, value, row.kind.valid)) from None


class Properties:
    """What the three tables share: keyword arguments checked one by one, and which ones were given.

    Two of them are equal if the same properties were given with the same values: giving a default
    explicitly is a statement of its own, because it beats a dynamic default.
    """

    __slots__ = ("_given",)

    section: ClassVar[str]
    """The section of this table in a source: ``command``, ``thread_pool`` or ``collapser``."""

    _given: Mapping[str, Any]

    def __init__(self, **given: object) -> None:
        rows = table(type(self))
        for name in given:
            if name not in rows:
                kinds = {cls.__name__: cls for cls in SECTIONS.values()}
                raise PropertyError(no_property(type(self).__name__, name, rows, kinds))
        values = {name: checked(rows[name], value) for name, value in given.items()}
        for name, row in rows.items():
            object.__setattr__(self, name, values.get(name, row.default))
        object.__setattr__(self, "_given", MappingProxyType(values))

    @property
    def given(self) -> Mapping[str, Any]:
        """The properties that were passed, explicitly passed defaults included, and their values."""
        return self._given

    def replace(self, **changes: Any) -> Self:
        """A copy in which ``changes`` are given too (``dataclasses.replace`` would count all as given)."""
        return type(self)(**{**self._given, **changes})

    def over(self, lower: Self | None) -> Self:
        """What is given here, above what is given in ``lower``."""
        return self if lower is None else type(self)(**{**lower._given, **self._given})

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__} is frozen; use replace({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Properties) or type(other) is not type(self):
            return NotImplemented
        return self._given == other._given

    def __hash__(self) -> int:
        return hash((type(self), frozenset(self._given.items())))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._given.items())
        return f"{type(self).__name__}({given})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), dict(self._given))


def _rebuilt(cls: type[Properties], given: dict[str, Any]) -> Properties:
    return cls(**given)


_T = TypeVar("_T", bound=Properties)


# The constructor is that of Properties, so that an unknown name is a PropertyError; type checkers are told of
# the one a dataclass would have.
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(prop,))
def _table(cls: type[_T]) -> type[_T]:
    """A slotted dataclass whose constructor checks; Properties itself keeps it frozen.

    (In 3.11 ``frozen=True`` with slots gives a TypeError without sense for a name that is no field.)
    """
    return dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)(cls)


@_table
class CommandProperties(Properties):
    """How one command is guarded. Times are seconds, counts are calls; all keyword-only.

    A wrong name or value raises :class:`~hystrixpy.PropertyError`.
    """

    section: ClassVar[str] = "command"

    isolation: Literal["thread", "semaphore"] = prop(
        Choice(("thread", "semaphore")),
        default="thread",
        hystrix="execution.isolation.strategy",
        doc="Run on the thread pool, or in the caller's thread under a permit.",
    )
    timeout: float | None = prop(
        _TIMEOUT,
        default=1.0,
        unit="s",
        hystrix="execution.isolation.thread.timeoutInMilliseconds execution.timeout.enabled",
        doc="Time limit of `run`, the wait in the pool's queue included; None switches it off.",
    )
    interrupt_on_timeout: bool = prop(
        _FLAG,
        default=False,
        hystrix="execution.isolation.thread.interruptOnTimeout",
        doc="Raise `CommandInterrupted` in the worker whose caller gave up at the timeout.",
    )
    interrupt_on_cancel: bool = prop(
        _FLAG,
        default=False,
        hystrix="execution.isolation.thread.interruptOnFutureCancel",
        doc="Raise `CommandInterrupted` in the worker whose future was cancelled.",
    )
    max_concurrent: int = prop(
        _COUNT,
        default=10,
        hystrix="execution.isolation.semaphore.maxConcurrentRequests",
        doc="Permits of semaphore isolation; 100 for `AsyncCommand` and `async def`.",
    )
    fallback_enabled: bool = prop(
        _FLAG, default=True, hystrix="fallback.enabled", doc="Whether `fallback` is called at all."
    )
    fallback_max_concurrent: int = prop(
        _COUNT,
        default=10,
        hystrix="fallback.isolation.semaphore.maxConcurrentRequests",
        doc="Fallbacks of one key that may run at the same time, in both isolations.",
    )
    fallback_on_fatal: bool = prop(
        _FLAG, default=False, doc="Let `MemoryError` and `RecursionError` reach the fallback."
    )
    breaker_enabled: bool = prop(
        _FLAG,
        default=True,
        hystrix="circuitBreaker.enabled",
        doc="Whether the circuit breaker decides at all.",
    )
    breaker_force_open: bool = prop(
        _FLAG,
        default=False,
        hystrix="circuitBreaker.forceOpen",
        doc="Refuse every call; beats `breaker_force_closed`.",
    )
    breaker_force_closed: bool = prop(
        _FLAG,
        default=False,
        hystrix="circuitBreaker.forceClosed",
        doc="Let every call through, and go on counting.",
    )
    breaker_volume_threshold: int = prop(
        _COUNT,
        default=20,
        hystrix="circuitBreaker.requestVolumeThreshold",
        doc="Calls in the rolling window below which the breaker does not open.",
    )
    breaker_error_threshold: int = prop(
        Count(1, 100),
        default=50,
        unit="%",
        hystrix="circuitBreaker.errorThresholdPercentage",
        doc="Share of failed calls in the rolling window at which the breaker opens.",
    )
    breaker_sleep_window: float = prop(
        _PAUSE,
        default=5.0,
        unit="s",
        hystrix="circuitBreaker.sleepWindowInMilliseconds",
        doc="How long an open breaker refuses before it lets a trial through.",
    )
    breaker_half_open_trials: int = prop(_COUNT, default=1, doc="Trials that may run at the same time while half-open.")
    breaker_half_open_successes: int = prop(
        _COUNT, default=1, doc="Successful trials that close the breaker; one failed trial re-opens it."
    )
    rolling_window: float = prop(
        _WINDOW,
        default=10.0,
        unit="s",
        hystrix="metrics.rollingStats.timeInMilliseconds",
        dynamic=False,
        doc="Length of the window of the counters, and of the breaker's health counts.",
    )
    rolling_buckets: int = prop(
        _COUNT,
        default=10,
        hystrix="metrics.rollingStats.numBuckets",
        dynamic=False,
        doc="Buckets of that window, at least 1 ms each.",
    )
    percentile_enabled: bool = prop(
        _FLAG,
        default=True,
        hystrix="metrics.rollingPercentile.enabled",
        doc="Whether latencies are recorded.",
    )
    percentile_window: float = prop(
        _WINDOW,
        default=60.0,
        unit="s",
        hystrix="metrics.rollingPercentile.timeInMilliseconds",
        dynamic=False,
        doc="Length of the window of the latency histograms.",
    )
    percentile_buckets: int = prop(
        _COUNT,
        default=6,
        hystrix="metrics.rollingPercentile.numBuckets",
        dynamic=False,
        doc="Buckets of that window, at least 1 ms each.",
    )
    request_cache_enabled: bool = prop(
        _FLAG, default=True, hystrix="requestCache.enabled", doc="Whether `cache_key` is asked."
    )
    request_log_enabled: bool = prop(
        _FLAG, default=True, hystrix="requestLog.enabled", doc="Whether executions enter the request log."
    )
    ignore: tuple[type[Exception], ...] = prop(
        ExceptionTypes(),
        default=(),
        doc="Exceptions that are the caller's fault: no fallback, not counted as errors. One type will do.",
    )
    raise_hystrix_errors: bool = prop(
        _FLAG,
        default=False,
        doc="Wrap what `run` raised in `CommandFailedError` instead of raising it as itself.",
    )


@_table
class ThreadPoolProperties(Properties):
    """How one thread pool is sized. Times are seconds; all keyword-only.

    A wrong name or value raises :class:`~hystrixpy.PropertyError`.
    """

    section: ClassVar[str] = "thread_pool"

    core_size: int = prop(_COUNT, default=10, hystrix="coreSize", doc="Threads the pool may always have.")
    max_size: int = prop(
        _COUNT,
        default=10,
        hystrix="maximumSize",
        doc="Threads it may have when its queue is full; needs `allow_max_to_diverge`.",
    )
    allow_max_to_diverge: bool = prop(
        _FLAG,
        default=False,
        hystrix="allowMaximumSizeToDivergeFromCoreSize",
        doc="Whether `max_size` is used; otherwise the pool's maximum is `core_size`.",
    )
    max_queue_size: int = prop(
        Count(-1),
        default=-1,
        hystrix="maxQueueSize",
        doc="Places in the queue; -1 and 0: none, a call is rejected when no thread is free.",
    )
    queue_rejection_threshold: int = prop(
        _COUNT,
        default=5,
        hystrix="queueSizeRejectionThreshold",
        doc="Waiting calls at which more are rejected even if the queue is longer.",
    )
    keep_alive: float = prop(
        _PAUSE,
        default=60.0,
        unit="s",
        hystrix="keepAliveTimeMinutes",
        doc="How long an idle thread above `core_size` stays.",
    )
    rolling_window: float = prop(
        _WINDOW,
        default=10.0,
        unit="s",
        hystrix="metrics.rollingStats.timeInMilliseconds",
        dynamic=False,
        doc="Length of the window of the pool's counters.",
    )
    rolling_buckets: int = prop(
        _COUNT,
        default=10,
        hystrix="metrics.rollingStats.numBuckets",
        dynamic=False,
        doc="Buckets of that window, at least 1 ms each.",
    )


@_table
class CollapserProperties(Properties):
    """How requests are batched. Times are seconds; all keyword-only.

    A wrong name or value raises :class:`~hystrixpy.PropertyError`.
    """

    section: ClassVar[str] = "collapser"

    max_batch_size: int | None = prop(
        Unbounded(_COUNT),
        default=None,
        hystrix="maxRequestsInBatch",
        doc="Requests at which a batch goes at once; None for no bound.",
    )
    delay: float = prop(
        _PAUSE,
        default=0.010,
        unit="s",
        hystrix="timerDelayInMilliseconds",
        doc="How long the first request of a batch waits for others.",
    )
    cache_enabled: bool = prop(
        _FLAG,
        default=True,
        hystrix="requestCache.enabled",
        doc="Whether equal arguments share one slot of a batch.",
    )


SECTIONS: Mapping[str, type[Properties]] = MappingProxyType(
    {each.section: each for each in (CommandProperties, ThreadPoolProperties, CollapserProperties)}
)
"""The tables by the name of their section in a source."""

_TABLES: dict[type[Properties], Mapping[str, Property]] = {}


def table(cls: type[Properties]) -> Mapping[str, Property]:
    """The rows of a table by name, in the order of their definition."""
    rows = _TABLES.get(cls)
    if rows is None:  # two threads may both build it: they build the same
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        made = {each.name: Property(each.name, default=each.default, **each.metadata) for each in fields}
        rows = _TABLES[cls] = MappingProxyType(made)
    return rows


def no_property(owner: str, name: str, rows: Mapping[str, Property], kinds: Mapping[str, type[Properties]]) -> str:
    """The message for a property that ``owner`` does not have: the kind that has it, or the nearest name."""
    homes = [kind for kind, cls in kinds.items() if name in table(cls)]
    if homes:
        return f"{owner} has no property {named(name)}; it belongs to {' and '.join(homes)}"
    return unknown(f"{owner} has no property", name, rows)
