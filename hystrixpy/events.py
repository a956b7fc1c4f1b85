"""The words of outcomes and states (floor 0): what can happen to a command, and what a breaker can be."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["EXCEPTION_EVENTS", "CircuitState", "EventType"]


class EventType(IntEnum):
    """What happened to a command, in Hystrix's order.

    A command has one event of ``run`` (SUCCESS, FAILURE, TIMEOUT, BAD_REQUEST, CANCELLED) or of its
    refusal (SHORT_CIRCUITED, THREAD_POOL_REJECTED, SEMAPHORE_REJECTED), and at most one of its
    fallback. ``EXCEPTION_THROWN`` is derived: the sum of ``EXCEPTION_EVENTS``, so never add it to
    them. ``EMIT`` and ``FALLBACK_EMIT`` belong to multi-value commands and stay at zero.
    """

    EMIT = 0
    SUCCESS = 1
    FAILURE = 2
    TIMEOUT = 3
    BAD_REQUEST = 4
    SHORT_CIRCUITED = 5
    THREAD_POOL_REJECTED = 6
    SEMAPHORE_REJECTED = 7
    FALLBACK_EMIT = 8
    FALLBACK_SUCCESS = 9
    FALLBACK_FAILURE = 10
    FALLBACK_REJECTION = 11
    FALLBACK_DISABLED = 12
    FALLBACK_MISSING = 13
    EXCEPTION_THROWN = 14
    RESPONSE_FROM_CACHE = 15
    CANCELLED = 16
    COLLAPSED = 17


EXCEPTION_EVENTS = (
    EventType.BAD_REQUEST,
    EventType.FALLBACK_FAILURE,
    EventType.FALLBACK_MISSING,
    EventType.FALLBACK_REJECTION,
    EventType.FALLBACK_DISABLED,
)
"""The events after which the caller got an exception; their sum is ``EXCEPTION_THROWN``."""


class CircuitState(StrEnum):
    """The real state of a circuit breaker; forcing it open or closed does not change it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
