"""The callbacks of a command's life, in the order in which they fire."""
# ruff: noqa: ARG002 - the bodies are there to be overridden

from __future__ import annotations

from typing import Any

__all__ = ["CALLBACKS", "CommandHook"]


class CommandHook:
    """Base class of hooks; override what you need and register an instance with ``add_hook``.

    Every callback gets the command first. ``*_emit`` callbacks return the value to go on with, ``*_error``
    callbacks the exception. What a raising callback does: ``on_start`` fails the command at once, without a
    fallback; ``on_thread_start`` and ``on_execution_start`` count as a failing ``run``, ``on_fallback_start`` as
    a failing fallback; every other one is logged and ignored.

    They run in the thread that has got there, outside any lock, and hold the command up: be quick. Under asyncio
    they run on the loop, and cannot be coroutine functions.

    >>> class Timing(CommandHook):
    ...     def on_error(self, command, error):
    ...         print(command.execution.command_key, error)
    ...         return error
    """

    def on_start(self, command: Any) -> None:
        """The command is about to ask its breaker."""

    def on_thread_start(self, command: Any) -> None:
        """A thread of the pool has taken the command (THREAD isolation only)."""

    def on_execution_start(self, command: Any) -> None:
        """``run`` is about to be called."""

    def on_execution_emit(self, command: Any, value: Any) -> Any:
        """``run`` has returned in time; returns the value to go on with."""
        return value

    def on_execution_error(self, command: Any, error: Exception) -> Exception:
        """``run`` has raised; returns the exception to go on with. A ``BadRequestError`` makes it a bad request."""
        return error

    def on_execution_success(self, command: Any) -> None:
        """``run`` has succeeded, and its value is on its way to the caller."""

    def on_thread_complete(self, command: Any) -> None:
        """The thread is really done with the command, however late (THREAD isolation only)."""

    def on_fallback_start(self, command: Any) -> None:
        """The fallback is about to be called."""

    def on_fallback_emit(self, command: Any, value: Any) -> Any:
        """The fallback has returned; returns the value to go on with."""
        return value

    def on_fallback_error(self, command: Any, error: Exception) -> Exception:
        """The fallback has raised; returns the exception to go on with."""
        return error

    def on_fallback_success(self, command: Any) -> None:
        """The fallback's value is on its way to the caller."""

    def on_emit(self, command: Any, value: Any) -> Any:
        """A value, of ``run`` or the fallback, leaves the command; returns the one that the caller gets."""
        return value

    def on_success(self, command: Any) -> None:
        """The caller gets a value."""

    def on_error(self, command: Any, error: Exception) -> Exception:
        """The caller gets an exception; returns the one it gets."""
        return error

    def on_cache_hit(self, command: Any) -> None:
        """The request cache answers: no other callback fires for this command."""

    def on_cancel(self, command: Any) -> None:
        """The caller has gone away, or ``run`` raised a ``BaseException``; no ``on_error`` follows."""


CALLBACKS = tuple(name for name in vars(CommandHook) if name.startswith("on_"))
