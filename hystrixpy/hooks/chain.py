"""The registered hooks as one immutable chain, replaced whole: an execution keeps the one it began with."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from hystrixpy._native.circuit import set_armed
from hystrixpy.hooks.hook import CALLBACKS, CommandHook

__all__ = ["ARMED_HOOKS", "Chain", "add_hook", "chain", "remove_hook", "reset_hooks"]

_log = logging.getLogger("hystrixpy")

ARMED_HOOKS = 1
"""The bit of the native core's flags that makes executions look here (circuit.pxd)."""

Callback = Callable[..., Any]


class Chain:
    """What the registered hooks really override, callback by callback, in the order of their registration."""

    def __init__(self, hooks: tuple[Any, ...] = ()) -> None:
        self.hooks = hooks
        self._callbacks = {name: tuple(getattr(hook, name) for hook in hooks if _has(hook, name)) for name in CALLBACKS}

    def call(self, name: str, command: object) -> None:
        """Call a callback that may stop what it announces: the first exception leaves."""
        for callback in self._callbacks[name]:
            callback(command)

    # What the three below swallow includes SystemExit: raised on a worker, or where native code must not fail, it
    # would end the process without a word. Ctrl-C is not the hook's doing and passes.

    def tell(self, name: str, command: object) -> None:
        """Call a callback that cannot change anything: exceptions are logged."""
        for callback in self._callbacks[name]:
            try:
                callback(command)
            except KeyboardInterrupt:
                raise
            except BaseException:
                _log.exception("hook %r raised in %s; ignored", _owner(callback), name)

    def value(self, name: str, command: object, value: Any) -> Any:
        """Let each hook replace the value; one that raises leaves it as it is."""
        for callback in self._callbacks[name]:
            try:
                value = callback(command, value)
            except KeyboardInterrupt:
                raise
            except BaseException:
                _log.exception("hook %r raised in %s; the value stays", _owner(callback), name)
        return value

    def error(self, name: str, command: object, error: BaseException) -> BaseException:
        """Let each hook replace the exception; one that raises, or returns no exception, leaves it as it is."""
        for callback in self._callbacks[name]:
            try:
                replacement = callback(command, error)
            except KeyboardInterrupt:
                raise
            except BaseException:
                _log.exception("hook %r raised in %s; the exception stays", _owner(callback), name)
                continue
            if isinstance(replacement, BaseException):
                error = replacement
            else:
                _log.error("hook %r returned no exception from %s; ignored", _owner(callback), name)
        return error


chain = Chain()
_lock = threading.Lock()


def add_hook(hook: CommandHook) -> None:
    """Have `hook`'s callbacks called in every execution that begins from now on; a second time changes nothing.

    Raises TypeError for a class, for what is no CommandHook and has no callback, and for coroutine functions.
    """
    _check(hook)
    with _lock:
        if not any(known is hook for known in chain.hooks):
            _publish((*chain.hooks, hook))


def remove_hook(hook: CommandHook) -> None:
    """Leave `hook` out of executions that begin from now on; does nothing if it is not registered."""
    with _lock:
        _publish(tuple(known for known in chain.hooks if known is not hook))


def reset_hooks() -> None:
    """Remove all hooks."""
    with _lock:
        _publish(())


def _publish(hooks: tuple[Any, ...]) -> None:
    global chain
    chain = Chain(hooks)  # before the flag: whoever sees the flag finds the hooks
    set_armed(ARMED_HOOKS, bool(hooks))


def _forked() -> None:
    """In a forked child: a thread of the parent may have held it."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forked)


def _check(hook: object) -> None:
    if isinstance(hook, type):
        raise TypeError(f"add_hook takes an instance, not the class {hook.__name__}: add_hook({hook.__name__}())")
    named = [name for name in CALLBACKS if _has(hook, name)]
    if not named:
        _refuse_idle(hook)
    for name in named:
        if inspect.iscoroutinefunction(getattr(hook, name)):
            raise TypeError(f"{name} of {hook!r} is a coroutine function: nobody would await it, so use a plain def")


def _refuse_idle(hook: object) -> None:
    """A CommandHook that overrides nothing is harmless, unless it means to: a misspelt callback never fires."""
    for name in dir(hook):
        near = difflib.get_close_matches(name, CALLBACKS, n=1, cutoff=0.8) if name.startswith("on_") else []
        if near and name not in CALLBACKS:
            raise TypeError(f"{type(hook).__qualname__}.{name} is no callback of CommandHook; did you mean {near[0]}?")
    if not isinstance(hook, CommandHook):
        raise TypeError(f"{hook!r} overrides no callback of CommandHook: {', '.join(CALLBACKS)}")


def _has(hook: object, name: str) -> bool:
    """Whether the hook defines the callback itself; those inherited from CommandHook do nothing."""
    callback = getattr(hook, name, None)
    return callable(callback) and getattr(callback, "__func__", callback) is not getattr(CommandHook, name)


def _owner(callback: Callback) -> object:
    return getattr(callback, "__self__", callback)
