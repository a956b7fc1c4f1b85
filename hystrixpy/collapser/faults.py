"""What requests are answered with when their batch brings no response for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from hystrixpy._native.request import deliver, fill_missing
from hystrixpy.errors import CollapserError, MissingResponseError

if TYPE_CHECKING:
    from hystrixpy._native.request import CollapsedRequest

    _Request = CollapsedRequest[Any, Any]

__all__ = ["fail", "lost", "missing", "raise_if_fatal"]


def fail(key: str, requests: list[_Request], error: BaseException) -> None:
    """Give an error to all who have no answer yet: as itself, but nobody takes the batch's cancellation for its own."""
    if isinstance(error, asyncio.CancelledError | CancelledError):
        cause, error = error, CollapserError(f"the batch of collapser {key!r} was cancelled before it could answer")
        error.__cause__ = cause
    fill_missing(requests, lambda _: error)
    deliver(requests)


def raise_if_fatal(error: BaseException) -> None:
    """Ctrl-C and the like are also the business of whoever runs us, a loop above all."""
    if not isinstance(error, Exception | asyncio.CancelledError):
        raise error


def missing(key: str, request: _Request, why: str) -> MissingResponseError:
    """The error of a request that got no answer; its argument may be a secret."""
    kind = type(request.argument).__name__
    return MissingResponseError(f"collapser {key!r} has no response for one request (argument: {kind}): {why}")


def lost(key: str) -> CollapserError:
    """The error of requests that nobody else will answer."""
    return CollapserError(
        f"the batch of collapser {key!r} will not be answered: the event loop that ran it was closed before it was "
        f"done; end the loop's tasks first, as asyncio.run() does"
    )
