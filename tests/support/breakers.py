"""Short words for driving a breaker."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING

import pytest

from hystrixpy import BadRequestError, CircuitOpenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy import CircuitBreaker

BROKEN = ConnectionError("refused")


def anew(error: BaseException) -> BaseException:
    """An equal error. One object must not be raised by two threads at once: its traceback is not CPython's to guard
    without the GIL (3.13 crashes in it)."""
    return type(error)(*error.args)


def succeed(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.call(int)


def fail(breaker: CircuitBreaker, times: int = 1, error: BaseException = BROKEN) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            breaker.call(_raise, anew(error))


def exclude(breaker: CircuitBreaker) -> None:
    """A call whose result counts neither way."""
    fail(breaker, error=BadRequestError("your fault"))


def refusal(breaker: CircuitBreaker) -> CircuitOpenError:
    """The error of a call that must not be made."""
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(pytest.fail, "the call was made")
    return caught.value


class Held:
    """A call under way, entered in a context of its own as by another thread or task."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self.breaker, self.context = breaker, Context()
        self.context.run(breaker.__enter__)

    def end(self, error: BaseException | None = None) -> None:
        self.context.run(self.breaker.__exit__, type(error) if error else None, error, None)


@contextmanager
def held(breaker: CircuitBreaker) -> Iterator[Held]:
    call = Held(breaker)
    yield call
    call.end()


def _raise(error: BaseException) -> None:
    raise error
