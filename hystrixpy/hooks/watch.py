"""The slow path of an execution: made only while hooks, tracing or recording are on, called at each of its steps.

The native life of a command asks ``watch_for`` once, when the command is about to start, and keeps the answer.
None costs it a comparison per step. Otherwise it calls the methods below at the fixed points of DESIGN's hook
order; those that may raise say so, all others swallow and log what hooks do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from hystrixpy.hooks import chain as registered

if TYPE_CHECKING:
    from hystrixpy.hooks.chain import Chain

__all__ = ["Span", "Watch", "cache_hit", "install_recorder", "install_tracer", "watch_for"]

_log = logging.getLogger("hystrixpy")


class Span(Protocol):
    """What a tracer keeps of one execution. No method raises."""

    def activate(self) -> object:
        """Make it the current span here; returns what ``deactivate`` wants."""

    def deactivate(self, token: object) -> None:
        """Undo ``activate``, in the same thread or task."""

    def noted(self, event: int) -> None:
        """An event was counted for the command."""

    def fallback_starts(self) -> None:
        """The fallback is about to be called."""

    def end(self, error: BaseException | None) -> None:
        """The caller gets its outcome: an exception, or None for a value."""


Tracer = Callable[[Any], "Span | None"]
Recorder = Callable[[Any], None]

_tracer: Tracer | None = None
_hit_teller: Callable[[str], None] | None = None
_recorder: Recorder | None = None


def install_tracer(tracer: Tracer | None, on_hit: Callable[[str], None] | None = None) -> None:
    """Have `tracer(command)` asked for a span whenever a command starts; it returns None for no span.

    `on_hit(key)` is told of commands that the request cache answered: they have no span of their own.
    """
    global _tracer, _hit_teller
    _tracer, _hit_teller = tracer, on_hit


def install_recorder(recorder: Recorder | None) -> None:
    """Have `recorder(command)` called when an execution has ended, inside its span."""
    global _recorder
    _recorder = recorder


def watch_for(command: object) -> Watch | None:
    """What accompanies this command, or None if there is nobody to tell."""
    chain, span = registered.chain, None if _tracer is None else _tracer(command)
    if span is None and _recorder is None and not chain.hooks:
        return None
    return Watch(chain, span)


def cache_hit(command: Any) -> None:
    """The request cache answered this command; nothing else of it is run or watched."""
    registered.chain.tell("on_cache_hit", command)
    if _hit_teller is not None:
        _hit_teller(command.execution.command_key)


class Watch:
    """Those who accompany one execution: the hooks that were registered when it began, its span, the recorder.

    It does not keep the command: that would be a cycle. Run and fallback may go on in two threads at once, when
    a caller gives up, so each keeps the token of its own span activation.
    """

    __slots__ = ("_chain", "_fallback_token", "_run_hooks_passed", "_run_token", "_span")

    def __init__(self, chain: Chain, span: Span | None) -> None:
        self._chain = chain
        self._span = span
        self._run_token: object = None
        self._fallback_token: object = None
        self._run_hooks_passed = False

    def start(self, command: object) -> None:
        """Before the breaker is asked. Raises what on_start raises: the command has failed then."""
        try:
            self._chain.call("on_start", command)
        except BaseException as error:
            if self._span is not None:
                self._span.end(error)
            raise

    def noted(self, event: int) -> None:
        """An event was counted."""
        if self._span is not None:
            self._span.noted(event)

    def run_starts(self, command: object, in_thread: bool) -> None:
        """Where run is about to be called. What this raises counts as raised by run."""
        if self._span is not None:
            self._run_token = self._span.activate()
        if in_thread:
            self._chain.call("on_thread_start", command)
        self._chain.call("on_execution_start", command)
        self._run_hooks_passed = True

    def run_over(self) -> None:
        """In the same thread or task, after run has ended or ``run_starts`` has raised."""
        if self._run_token is not None and self._span is not None:
            self._span.deactivate(self._run_token)

    def run_returned(self, command: object, value: Any) -> Any:
        """The outcome is SUCCESS: the value for the caller."""
        value = self._chain.value("on_execution_emit", command, value)
        value = self._chain.value("on_emit", command, value)
        self._chain.tell("on_execution_success", command)
        return value

    def run_raised(self, command: object, error: Exception) -> BaseException:
        """Before the outcome is decided, for an Exception in time: the exception to go on with."""
        if not self._run_hooks_passed:  # a hook raised it, not run
            return error
        return self._chain.error("on_execution_error", command, error)

    def thread_done(self, command: object) -> None:
        """The worker has finished with the command, however late."""
        self._chain.tell("on_thread_complete", command)

    def fallback_starts(self, command: object) -> None:
        """Where the fallback is about to be called. What this raises counts as raised by the fallback."""
        if self._span is not None:
            self._span.fallback_starts()
            self._fallback_token = self._span.activate()
        self._chain.call("on_fallback_start", command)

    def fallback_over(self) -> None:
        """In the same thread or task, after the fallback has ended or ``fallback_starts`` has raised."""
        if self._fallback_token is not None and self._span is not None:
            self._span.deactivate(self._fallback_token)

    def fallback_returned(self, command: object, value: Any) -> Any:
        """The fallback's value: the one for the caller."""
        value = self._chain.value("on_fallback_emit", command, value)
        value = self._chain.value("on_emit", command, value)
        self._chain.tell("on_fallback_success", command)
        return value

    def fallback_raised(self, command: object, error: BaseException) -> BaseException:
        """The fallback's exception: the one to go on with."""
        if not isinstance(error, Exception):  # the caller has gone away meanwhile
            self.cancelled(command)
            return error
        try:
            return self._chain.error("on_fallback_error", command, error)
        except BaseException as raised:  # Ctrl-C inside the hook: the fallback must not stay unsettled
            return raised

    def cancelled(self, command: object) -> None:
        """The outcome is CANCELLED."""
        self._chain.tell("on_cancel", command)

    def succeeded(self, command: object) -> None:
        """The caller gets a value: the last call of all but ``thread_done``."""
        try:
            self._chain.tell("on_success", command)
        finally:
            self._end(command, None)

    def failed(
        self, command: object, error: BaseException, cancelled: bool, only: tuple[type[Exception], ...] | None
    ) -> BaseException:
        """The caller gets an exception: which one. The last call of all but ``thread_done``.

        With `only` (a bad request) what is of another type cannot take its place: it would look like a failure.
        """
        try:
            if isinstance(error, Exception) and not cancelled:
                replacement = self._chain.error("on_error", command, error)
                error = replacement if only is None or isinstance(replacement, only) else error
        except BaseException as raised:  # Ctrl-C inside the hook
            error = raised
        self._end(command, None if cancelled else error)  # who went away got no error
        return error

    def _end(self, command: Any, error: BaseException | None) -> None:
        if _recorder is not None:
            self._record(command)
        if self._span is not None:
            self._span.end(error)

    def _record(self, command: Any) -> None:
        token = self._span.activate() if self._span is not None else None  # exemplars point to the current span
        try:
            if _recorder is not None:
                _recorder(command)
        except Exception:
            # Not the command: its repr may show arguments.
            _log.exception("the durations of command %r could not be recorded", command.execution.command_key)
        finally:
            if self._span is not None:
                self._span.deactivate(token)
