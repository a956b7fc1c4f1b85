"""``Command``: subclass it, write ``run`` and perhaps ``fallback``, and execute instances (floor 5).

What happens when is in src_ext/hystrixpy/_native/execution.pyx, how it waits in drive.pyx.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from hystrixpy import registry
from hystrixpy._native.binding import Binding, prepare_class
from hystrixpy._native.drive import SyncCommand
from hystrixpy.errors import PropertyError
from hystrixpy.properties import CommandProperties, Properties, ThreadPoolProperties

if TYPE_CHECKING:
    from collections.abc import Generator

    from hystrixpy._native.future import CommandFuture

__all__ = ["Command", "bind_class"]

T = TypeVar("T")


class Command(SyncCommand, Generic[T]):
    """One guarded call: with a time limit, a bulkhead, a circuit breaker and a fallback.

    Subclass it, define ``run()``, and execute each instance once, with ``execute()``, ``queue()`` or
    ``await``. Class attributes name what belongs together: ``key`` (the circuit; default: the class's
    name), ``group`` (default: its module), ``thread_pool`` (default: the group), ``properties`` and
    ``pool_properties``. ``super().__init__()`` need not be called; call it with ``key=``, ``group=`` or
    ``thread_pool=`` to bind one instance to another circuit, such as one per host.

    >>> class Greet(Command[str]):
    ...     properties = CommandProperties(isolation="semaphore", timeout=0.3)
    ...     def __init__(self, name: str) -> None:
    ...         self.name = name
    ...     def run(self) -> str:
    ...         return f"hello {self.name}"
    >>> Greet("you").execute()
    'hello you'
    """

    key: ClassVar[str]
    group: ClassVar[str]
    thread_pool: ClassVar[str]
    properties: ClassVar[CommandProperties | None] = None
    pool_properties: ClassVar[ThreadPoolProperties | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if _is_async(cls.run):
            raise TypeError(
                f"{cls.__qualname__}.run is an async def, but Command runs in threads: "
                f"subclass AsyncCommand, or make it a plain def"
            )
        if _is_async(cls.fallback):
            raise TypeError(
                f"{cls.__qualname__}.fallback is an async def, but Command runs in threads: "
                f"subclass AsyncCommand, or make it a plain def"
            )
        bind_class(cls, Command, is_async=False)

    def run(self) -> T:
        """The guarded work. Raise ``BadRequestError`` for a fault of the caller: no fallback, not counted."""
        raise NotImplementedError

    def fallback(self) -> T:
        """What to answer when ``run`` did not succeed; ``self.execution.exception`` says why. Optional."""
        raise NotImplementedError

    def cache_key(self) -> str | None:
        """What identifies this call within a request; None (the default): not cached."""
        return None

    if TYPE_CHECKING:

        def execute(self) -> T: ...
        def queue(self) -> CommandFuture[T]: ...
        def __await__(self) -> Generator[Any, Any, T]: ...


def _is_async(function: Any) -> bool:
    plain = inspect.unwrap(function)
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def bind_class(cls: type, base: type, *, is_async: bool) -> None:
    """Tie a command class to its circuit: what it is called, and what it overrides."""
    key = _name(cls, "key") or cls.__name__
    group = _name(cls, "group") or cls.__module__
    runnable = _overrides(cls, base, "run")
    binding = Binding(
        key=key,
        group=group,
        thread_pool=_name(cls, "thread_pool") or group,
        owner=f"{cls.__module__}.{cls.__qualname__}",
        code=_given(cls, "properties", CommandProperties),
        pool_code=_given(cls, "pool_properties", ThreadPoolProperties),
        is_async=is_async,
        runnable=runnable,
        has_fallback=_overrides(cls, base, "fallback"),
        has_cache_key=_overrides(cls, base, "cache_key"),
    )
    cls._hx_binding = binding  # type: ignore[attr-defined]
    prepare_class(cls)
    if runnable:
        registry.declare(binding)


def _overrides(cls: type, base: type, method: str) -> bool:
    """Whether a class has its own one; None takes an inherited one back, as ``__hash__ = None`` does."""
    own = getattr(cls, method)
    return own is not None and own is not getattr(base, method)


def _name(cls: type, attribute: str) -> str | None:
    """A name given as a class attribute; blank counts as not given. A subclass's own method of that name is none."""
    value = getattr(cls, attribute, None)
    if value is None or isinstance(value, str):
        return ((value or "").strip() and value) or None
    raise PropertyError(f"{cls.__qualname__}.{attribute} = {value!r}: must be a str")


def _given(cls: type, attribute: str, kind: type[Properties]) -> Any:
    value = getattr(cls, attribute, None)
    if value is None or isinstance(value, kind):
        return value
    raise PropertyError(f"{cls.__qualname__}.{attribute} = {value!r}: must be {kind.__name__}(...) or None")


Command._hx_binding = Binding(  # type: ignore[attr-defined]
    key="Command", group="hystrixpy", thread_pool="hystrixpy", owner="hystrixpy.Command", runnable=False
)
