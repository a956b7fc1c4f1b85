"""The request context: what all commands of one request share, and for how long.

``RequestContext`` is the scope of the request cache, of request-scoped collapsers and of the request
log; ``RequestVariable`` lets a program keep values of its own in it. The scope itself is native
(``_native/scope.pyx``), so that a command finds it without a Python-level call.
"""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
import weakref
from asyncio.events import _get_running_loop
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from hystrixpy._native.scope import REQUEST_CONTEXT, Scope, current
from hystrixpy.errors import RequestContextError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["RequestContext", "RequestLog", "RequestVariable", "forget_request_end", "on_request_end"]

T = TypeVar("T")

logger = logging.getLogger("hystrixpy")

_request_end: list[Callable[[RequestLog], object]] = []


class RequestContext(Scope):
    """The scope of one request; ``with RequestContext() as ctx:`` or ``async with``.

    Commands, pool threads and tasks started inside share it. Contexts nest; the inner one counts.
    Closed means closed: whoever still runs afterwards finds no context (neither stale data nor an outer
    one), and entering again raises ``RequestContextError``. ``ctx.log`` stays readable.

    ``on_close(ctx)`` is called at the end of closing, when variables have been closed; what it raises is
    logged. Example::

        with RequestContext(on_close=lambda ctx: print(ctx.log)):
            handle(request)
    """

    __slots__ = ("_at_close", "_cells", "_lock", "_on_close", "_outer", "entered_in", "home")

    entered_in: contextvars.Context | None
    """The contextvars context as it was when this one was entered (None before and after)."""

    home: AbstractEventLoop | None
    """The event loop on which it was entered, if it was on one (None before and after)."""

    def __init__(self, on_close: Callable[[RequestContext], object] | None = None) -> None:
        self._on_close = on_close
        self._cells: dict[RequestVariable[Any], _Cell] = {}
        self._at_close: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._outer: weakref.ref[RequestContext] | None = None
        self.entered_in = None
        self.home = None

    @staticmethod
    def current() -> RequestContext | None:
        """The open context of the code that asks, or None."""
        return cast("RequestContext | None", current())

    @property
    def log(self) -> RequestLog:
        """The commands executed in this context so far."""
        return RequestLog(self)

    def __enter__(self) -> Self:
        self.open_scope()
        outer = REQUEST_CONTEXT.get()
        # Weak, and a plain set() instead of a token: a context that somebody forgot to close must not be
        # kept alive by those that were opened after it in the same thread.
        self._outer = None if outer is None else weakref.ref(outer)
        REQUEST_CONTEXT.set(self)
        self.entered_in = contextvars.copy_context()
        self.home = _get_running_loop()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the context: pending collapsed requests get an error, variables and listeners are called.

        A second call does nothing. For frameworks with a hook at the end of a request; ``with`` calls it.
        """
        if not self.close_scope():
            return
        self._step_out()
        self.entered_in = self.home = None  # the former refers back to this context
        with ExitStack() as calls:  # Ctrl-C in one of them goes through, but only after the others
            for call in reversed(self._calls_at_close()):
                calls.callback(_guarded, *call)

    def _calls_at_close(self) -> list[tuple[Any, ...]]:
        own = [] if self._on_close is None else [(self._on_close, self)]
        return [*((each,) for each in self._take_closers()), *own, *((each, self.log) for each in tuple(_request_end))]

    def _step_out(self) -> None:
        """Make the outer context the current one again, where this one is (or was, below a forgotten one)."""
        inner = REQUEST_CONTEXT.get()
        while inner is not None and inner is not self:
            inner = inner._outer() if inner._outer is not None else None
        if inner is self:  # else it is closed from elsewhere: there it shows as closed
            REQUEST_CONTEXT.set(self._outer() if self._outer is not None else None)

    def before_close(self, callback: Callable[[], object]) -> None:
        """Have ``callback()`` called while closing, before the variables; RequestContextError once closed."""
        with self._lock:
            if not self.is_open_now:
                raise _no_context("this part of it")
            self._at_close.append(callback)

    def _take_closers(self) -> list[Callable[[], object]]:
        """What closing has to call, in order: parts in the order they came, then variables, last first."""
        with self._lock:
            cells = [cell.close for cell in reversed(self._cells.values())]
            self._cells.clear()
            parts, self._at_close = self._at_close, []
        return [*parts, *cells]

    def __repr__(self) -> str:
        state = "open" if self.is_open_now else "closed" if self.was_opened else "not entered yet"
        return f"<RequestContext {state}: {len(self.log)} commands>"

    def __del__(self) -> None:
        # Reached while open only if nobody closed it and nobody can any more.
        if self.is_open_now and not sys.is_finalizing():
            logger.warning("a RequestContext was never closed; use it as `with RequestContext():`")
            self.close()


class RequestLog:
    """The commands of one request, in the order they began; at most 1000, the first ones."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def executed(self) -> tuple[Any, ...]:
        """The ``Execution`` of each command; those still running show what has happened so far."""
        return tuple(command.execution for command in self.commands)

    @property
    def commands(self) -> tuple[Any, ...]:
        """The commands themselves, in the same order."""
        return self._scope.log_entries()

    def __len__(self) -> int:
        return len(self._scope.log_entries())

    def __str__(self) -> str:
        """Hystrix's form: ``GetUser[SUCCESS][12ms], GetUser[SUCCESS, RESPONSE_FROM_CACHE][0ms]x4``."""
        spent: dict[str, list[int]] = {}
        for execution in self.executed:
            events = ", ".join(event.name for event in execution.events) or "Executed"
            spent.setdefault(f"{execution.command_key}[{events}]", []).append(_milliseconds(execution.latency))
        return ", ".join(
            f"{shown}[{sum(times)}ms]" + (f"x{len(times)}" if len(times) > 1 else "")
            for shown, times in spent.items()
        )

    def __repr__(self) -> str:
        return f"<RequestLog {self}>"


class RequestVariable(Generic[T]):
    """A value per request context, made at the first ``get()`` and closed with the context.

    ``default_factory()`` runs once per context, whatever threads and tasks ask at once; without one an
    unset variable reads as None. ``on_close(value)`` is called when the context closes or ``remove()``
    is called; what it raises is logged. Without an open context every method raises
    ``RequestContextError``. Example::

        session = RequestVariable(requests.Session, on_close=requests.Session.close)
    """

    __slots__ = ("_factory", "_on_close")

    def __init__(
        self, default_factory: Callable[[], T] | None = None, on_close: Callable[[T], object] | None = None
    ) -> None:
        self._factory = default_factory
        self._on_close = on_close

    def get(self) -> T:
        """The value in the current context; made now if there is none yet."""
        while True:  # remove() may take away what was just found
            context = _open_context()
            cell = context._cells.get(self)
            if cell is None:
                cell = self._keep(context, _Cell(self._on_close), replace=False)
            if cell.state is _READY or cell.make(self._factory):
                return cast("T", cell.value)

    def set(self, value: T) -> None:
        """Replace the value in the current context; the old one is dropped without ``on_close``."""
        cell = _Cell(self._on_close)
        cell.value, cell.state = value, _READY
        self._keep(_open_context(), cell, replace=True)

    def remove(self) -> None:
        """Drop the value from the current context and call ``on_close`` with it; the next get() makes a new one."""
        context = _open_context()
        with context._lock:
            cell = context._cells.pop(self, None)
        if cell is not None:
            _guarded(cell.close)

    def _keep(self, context: RequestContext, cell: _Cell, *, replace: bool) -> _Cell:
        """Store a cell, or give the one that is there already; RequestContextError if it closes meanwhile."""
        with context._lock:
            if not context.is_open_now:
                raise _no_context("a RequestVariable")
            if replace:
                context._cells[self] = cell
            return context._cells.setdefault(self, cell)


_EMPTY, _READY, _CLOSED = object(), object(), object()


class _Cell:
    """One variable's value in one context."""

    __slots__ = ("lock", "on_close", "state", "value")

    def __init__(self, on_close: Callable[[Any], object] | None) -> None:
        self.lock = threading.RLock()  # held while the factory runs: it may ask for other variables
        self.on_close = on_close
        self.state = _EMPTY
        self.value: Any = None

    def make(self, factory: Callable[[], Any] | None) -> bool:
        """Have a value, made by the first who comes; False: it was given up. A factory that raises is tried again."""
        with self.lock:
            if self.state is _EMPTY:
                self.value = None if factory is None else factory()
                self.state = _READY
            return self.state is _READY

    def close(self) -> None:
        """Give the value up; a factory that is running ends first, so that its value is closed too."""
        with self.lock:
            made, self.state = self.state is _READY, _CLOSED
        if made and self.on_close is not None:
            self.on_close(self.value)


def on_request_end(callback: Callable[[RequestLog], object]) -> None:
    """Have ``callback(log)`` called for every request context of the process when it closes.

    Called in the thread or task that closes it; what it raises is logged. ``forget_request_end`` undoes it.
    """
    _request_end.append(callback)


def forget_request_end(callback: Callable[[RequestLog], object]) -> None:
    """Undo ``on_request_end``; a callback that is not registered is ignored."""
    if callback in _request_end:
        _request_end.remove(callback)


def _open_context() -> RequestContext:
    context = RequestContext.current()
    if context is None:
        raise _no_context("a RequestVariable")
    return context


def _no_context(what: str) -> RequestContextError:
    return RequestContextError(
        f"{what} needs an open RequestContext, and there is none here: wrap the request in "
        f"`with RequestContext():`, and do not use it in work that outlives the request"
    )


def _guarded(callback: Callable[..., object], *args: object) -> None:
    """Call what belongs to somebody else; an error in it must not keep the rest from being closed."""
    try:
        callback(*args)
    except Exception:
        logger.exception("%r failed while a RequestContext was closing", callback)


def _milliseconds(seconds: float | None) -> int:
    """Whole milliseconds, 0 for what never started."""
    return 0 if seconds is None else int(seconds * 1000)
