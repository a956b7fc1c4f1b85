"""One INTERNAL span per execution, while a real tracer provider is set; nothing at all otherwise.

OpenTelemetry does not tell when a provider is set, and asking ``get_tracer_provider()`` on every call costs more
than the call. So the native core looks into the API's own variable, one dictionary look-up, and comes here
only if something is there that we have not found useless.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import NoOpTracer, ProxyTracerProvider, SpanKind, Status, StatusCode

from hystrixpy._native.batch import set_link_finder
from hystrixpy._native.life import span_facts
from hystrixpy._native.watching import ignore_tracer, look_for_tracer
from hystrixpy.events import EventType
from hystrixpy.hooks.watch import install_tracer
from hystrixpy.telemetry.instruments import SCOPE
from hystrixpy.telemetry.table import COMMAND_GROUP, COMMAND_KEY, EVENT, POOL_KEY

__all__ = ["CommandSpan", "cache_hit", "current_link", "install", "span_for"]

_EVENT_NAMES = {
    EventType.TIMEOUT: "hystrix.timeout",
    EventType.SHORT_CIRCUITED: "hystrix.short_circuited",
    EventType.THREAD_POOL_REJECTED: "hystrix.rejected",
    EventType.SEMAPHORE_REJECTED: "hystrix.rejected",
}

_entered: ContextVar[CommandSpan | None] = ContextVar("hystrixpy_span", default=None)
"""The command span that was activated last in this context: where its token holds. OpenTelemetry logs a wrong one."""

_lock = threading.Lock()
_tracers: tuple[object, Any] = (None, None)  # (provider, its tracer or None), replaced whole


def install() -> None:
    """Have every execution look for a tracer provider, and ask here for a span if there is one."""
    trace.get_tracer_provider()  # loads the one that OTEL_PYTHON_TRACER_PROVIDER names
    install_tracer(span_for, cache_hit)
    set_link_finder(current_link)
    look_for_tracer(vars(trace), "_TRACER_PROVIDER")


def span_for(command: Any) -> CommandSpan | None:
    """The span of a command that starts here and now, a child of the current one; None if nothing records."""
    tracer = _tracer()
    if tracer is None:
        return None
    key, group, pool, links = span_facts(command)
    attributes = {COMMAND_KEY: key, COMMAND_GROUP: group}
    if pool is not None:
        attributes[POOL_KEY] = pool
    linked = [trace.Link(link) for link in links]
    return CommandSpan(tracer.start_span(key, kind=SpanKind.INTERNAL, attributes=attributes, links=linked))


def _tracer() -> Any:
    """The tracer of the present provider, or None if it records nothing."""
    global _tracers
    provider = trace.get_tracer_provider()
    if _tracers[0] is not provider:
        with _lock:
            _tracers = (provider, _tracer_of(provider))
    return _tracers[1]


def _tracer_of(provider: trace.TracerProvider) -> Any:
    if isinstance(provider, ProxyTracerProvider):
        return None
    tracer = provider.get_tracer(SCOPE)
    if isinstance(tracer, NoOpTracer):  # of a NoOpTracerProvider, or of the SDK's under OTEL_SDK_DISABLED
        ignore_tracer(provider)
        return None
    return tracer


class CommandSpan:
    """The span of one execution, as ``hystrixpy.hooks.watch`` wants it."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def activate(self) -> object:
        """Make it the current span of this thread or task."""
        around = _entered.get()
        _entered.set(self)
        return context.attach(trace.set_span_in_context(self._span)), around

    def deactivate(self, token: Any) -> None:
        """Undo ``activate``; does nothing elsewhere: a coroutine may be thrown away in a context of others."""
        if _entered.get() is self:
            _entered.set(token[1])  # not reset(): it raises in a copy of the context
            context.detach(token[0])

    def noted(self, event: int) -> None:
        """Timeouts, rejections and short circuits are events of the span."""
        name = _EVENT_NAMES.get(EventType(event))
        if name is not None:
            self._span.add_event(name, {EVENT: EventType(event).name.lower()})

    def fallback_starts(self) -> None:
        """So is a fallback."""
        self._span.add_event("hystrix.fallback")

    def end(self, error: BaseException | None) -> None:
        """End it with the caller's outcome; it is an error only if the caller got one."""
        if error is not None and self._span.is_recording():
            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        self._span.end()


def cache_hit(key: str) -> None:
    """The request cache answered a command of circuit `key`: an event on whatever span is current."""
    span = trace.get_current_span() if _tracer() is not None else None
    if span is not None and span.is_recording():  # it may have ended while the hit waited for the other command
        span.add_event("hystrix.response_from_cache", {COMMAND_KEY: key})


def current_link() -> Any:
    """What a later span links to when it works for the code that is running here, or None."""
    if _tracer() is None:
        return None
    span_context = trace.get_current_span().get_span_context()
    return span_context if span_context.is_valid else None
