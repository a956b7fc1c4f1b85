"""Every exception of hystrixpy (floor 0), in families a caller may catch as one.

All of them carry ``command_key`` (None where no command is concerned) and survive pickling, so
that they can cross a process pool. A message says what happened, with numbers, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hystrixpy.events import EventType

__all__ = [
    "BadRequestError",
    "CircuitOpenError",
    "CollapserError",
    "CommandFailedError",
    "CommandInterrupted",
    "CommandRejectedError",
    "CommandStateError",
    "CommandTimeoutError",
    "FallbackRejectedError",
    "HystrixError",
    "MissingResponseError",
    "PropertyError",
    "RequestContextError",
    "SemaphoreRejectedError",
    "ThreadPoolRejectedError",
]


class HystrixError(Exception):
    """Root of what hystrixpy itself raises.

    ``command_key`` names the circuit concerned, or is None.
    """

    command_key: str | None = None

    def __init__(self, *args: object, command_key: str | None = None) -> None:
        super().__init__(*args)
        if command_key is not None:
            self.command_key = command_key

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException would call cls(*args) and lose the keyword arguments; the instance dict holds them.
        return _rebuild, (type(self), self.args), dict(self.__dict__)


def _rebuild(cls: type[HystrixError], args: tuple[object, ...]) -> HystrixError:
    """Make an error again from what ``__reduce__`` kept, without running its constructor."""
    error = cls.__new__(cls)
    error.args = args
    return error


class CommandRejectedError(HystrixError):
    """``run`` was never started. ``retry_after`` is the wait in seconds that makes sense, or None."""

    retry_after: float | None = None

    def __init__(
        self, *args: object, command_key: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(*args, command_key=command_key)
        if retry_after is not None:
            self.retry_after = retry_after


class CircuitOpenError(CommandRejectedError):
    """The circuit breaker refused the call; ``retry_after`` is the rest of the sleep window in seconds."""


class ThreadPoolRejectedError(CommandRejectedError):
    """No thread of the pool was free and its queue was full."""


class SemaphoreRejectedError(CommandRejectedError):
    """``max_concurrent`` executions of the command were already running."""


class CommandTimeoutError(HystrixError, TimeoutError):
    """``run`` did not end within the command's ``timeout``."""


class FallbackRejectedError(HystrixError):
    """``fallback_max_concurrent`` fallbacks were already running; ``__cause__`` is what made ``run`` fail."""


class CommandFailedError(HystrixError):
    """``run`` raised, and the property ``raise_hystrix_errors`` asks for a wrapper.

    ``failure_type`` is the event, ``fallback_exception`` what the fallback raised (or None) and
    ``__cause__`` the exception of ``run``.
    """

    failure_type: EventType | None = None
    fallback_exception: BaseException | None = None

    def __init__(
        self,
        *args: object,
        command_key: str | None = None,
        failure_type: EventType | None = None,
        fallback_exception: BaseException | None = None,
    ) -> None:
        super().__init__(*args, command_key=command_key)
        self.failure_type = failure_type
        self.fallback_exception = fallback_exception


class CommandStateError(HystrixError):
    """A command was executed a second time, or a cached command would wait for itself."""


class BadRequestError(HystrixError):
    """Raised by your ``run`` for a fault of the caller: no fallback, and not counted as an error."""


class RequestContextError(HystrixError):
    """A request cache or a request-scoped collapser was used without an open ``RequestContext``."""


class CollapserError(HystrixError):
    """A batch could not answer its requests, or a request was answered twice."""


class MissingResponseError(CollapserError):
    """The batch ended without an answer for this one request."""


class PropertyError(HystrixError, ValueError):
    """A property is unknown or its value is invalid; the message names the nearest valid choice."""


class CommandInterrupted(BaseException):
    """Raised inside a worker thread by ``interrupt_on_timeout`` and ``interrupt_on_cancel``.

    A ``BaseException``, so that an ``except Exception`` in ``run`` does not swallow it.
    """
