"""Who is told what happened: events and breaker transitions, outside any lock and in order."""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from hystrixpy._native.circuit import set_armed, set_transition_sink
from hystrixpy.events import CircuitState, EventType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ARMED_LISTENERS",
    "Listener",
    "add_listener",
    "remove_listener",
    "reset_listeners",
    "tell_abandoned",
    "tell_event",
]

_log = logging.getLogger("hystrixpy")

ARMED_LISTENERS = 2
"""The bit of the native core's flags that makes executions tell their events (circuit.pxd)."""

_EVENTS = tuple(EventType)


class Listener(Protocol):
    """What a listener looks like; an object with only one of the two methods will do.

    Both are called in the thread where it happened and hold it up: be quick. One that raises is logged once.
    """

    def on_event(self, event: EventType, key: str) -> None:
        """Something happened to a command of circuit `key`."""

    def on_transition(self, key: str, old: CircuitState, new: CircuitState) -> None:
        """The breaker of circuit `key` has changed its state; of one circuit they come in order."""


class _Told:
    """The registered listeners as immutable tuples, replaced whole."""

    def __init__(self, listeners: tuple[Any, ...] = ()) -> None:
        self.listeners = listeners
        self.events = _methods(listeners, "on_event")
        self.transitions = _methods(listeners, "on_transition")


def _methods(listeners: tuple[Any, ...], name: str) -> tuple[Callable[..., Any], ...]:
    return tuple(method for listener in listeners if callable(method := getattr(listener, name, None)))


_told = _Told()
_lock = threading.Lock()
_complained: list[object] = []


def add_listener(listener: object) -> None:
    """Tell `listener` what happens from now on; a second time changes nothing.

    Raises TypeError for a class, an object with neither ``on_event`` nor ``on_transition``, and coroutine functions.
    """
    _check(listener)
    with _lock:
        if not any(known is listener for known in _told.listeners):
            _publish((*_told.listeners, listener))


def _check(listener: object) -> None:
    if isinstance(listener, type):
        raise TypeError(f"add_listener takes an instance, not the class: add_listener({listener.__name__}())")
    methods = [*_methods((listener,), "on_event"), *_methods((listener,), "on_transition")]
    if not methods:
        raise TypeError(f"{listener!r} has neither on_event(event, key) nor on_transition(key, old, new)")
    for method in methods:
        if inspect.iscoroutinefunction(method):
            raise TypeError(f"{method!r} is a coroutine function: nobody would await it, so use a plain def")


def remove_listener(listener: object) -> None:
    """Tell `listener` nothing any more; does nothing if it is not registered."""
    with _lock:
        _publish(tuple(known for known in _told.listeners if known is not listener))


def reset_listeners() -> None:
    """Remove all listeners; what is logged only once in a while is news again."""
    with _lock:
        _publish(())
        _abandoned.clear()


def _publish(listeners: tuple[Any, ...]) -> None:
    global _told
    _told = _Told(listeners)  # before the flag: whoever sees the flag finds the listeners
    # A listener that was removed may come back repaired: its next failure is news again.
    _complained[:] = [known for known in _complained if any(known is listener for listener in listeners)]
    set_armed(ARMED_LISTENERS, bool(_told.events))


def tell_event(number: int, key: str) -> None:
    """Called by the native life of a command while ARMED_LISTENERS is on."""
    for method in _told.events:
        _tell(method, _EVENTS[number], key)


def _tell_transition(key: str, old: CircuitState, new: CircuitState, *_generation: int) -> None:
    """Called for every transition of a circuit, in its order: the breaker has seen to that."""
    for method in _told.transitions:
        _tell(method, key, old, new)


def _tell(method: Callable[..., Any], *news: object) -> None:
    try:
        method(*news)
    except KeyboardInterrupt:  # Ctrl-C, not the listener's doing
        raise
    except BaseException:  # sys.exit() included: where native code must not fail it would end the process
        listener = getattr(method, "__self__", method)
        with _lock:
            fresh = not any(known is listener for known in _complained)
            if fresh:
                _complained.append(listener)
        if fresh:
            _log.exception("listener %r raised; this is not logged again", listener)


_ABANDONED_EVERY = 10.0  # seconds: a dependency that hangs leaves hundreds of threads behind at once
_abandoned: dict[str, tuple[float, int]] = {}  # key -> (when it was logged last, how many since)


def tell_abandoned(key: str, pool: str) -> None:
    """Called when a caller gives up on a run that goes on: its thread stays taken until run returns."""
    now = time.monotonic()
    with _lock:
        logged, since = _abandoned.get(key, (now - _ABANDONED_EVERY, 0))
        due = now - logged >= _ABANDONED_EVERY
        _abandoned[key] = (now, 0) if due else (logged, since + 1)
    if due:
        _log.warning(
            "command %r: the caller gave up on %d run%s that still hold%s a thread of pool %r; "
            "give the client inside run a time limit, or ask is_abandoned()",
            key,
            since + 1,
            "s" if since else "",
            "" if since else "s",
            pool,
        )


def _forked() -> None:
    """In a forked child: a thread of the parent may have held it."""
    global _lock
    _lock = threading.Lock()


set_transition_sink(_tell_transition)
os.register_at_fork(after_in_child=_forked)
