"""``AsyncCommand``: the same for ``async def run`` (floor 5).

What happens when is in src_ext/hystrixpy/_native/execution.pyx, how it waits in aio.pyx.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from hystrixpy._native.aio import AioCommand
from hystrixpy._native.binding import Binding
from hystrixpy.command import bind_class

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Coroutine, Generator

    from hystrixpy.properties import CommandProperties

__all__ = ["AsyncCommand"]

T = TypeVar("T")


class AsyncCommand(AioCommand, Generic[T]):
    """One guarded call on the event loop: permits instead of threads, and a timeout that cancels the work.

    Define ``async def run()`` and perhaps ``fallback`` (``async def`` or plain ``def``); then
    ``await cmd``, ``await cmd.execute()``, or ``cmd.queue()`` for an ``asyncio.Task``. Class attributes
    as for :class:`~hystrixpy.Command`; it is always semaphore-isolated, 100 at a time by default.

    >>> import asyncio
    >>> class Answer(AsyncCommand[int]):
    ...     async def run(self) -> int:
    ...         return 42
    >>> async def main() -> int:
    ...     return await Answer()
    >>> asyncio.run(main())
    42
    """

    key: ClassVar[str]
    group: ClassVar[str]
    thread_pool: ClassVar[str]
    properties: ClassVar[CommandProperties | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not inspect.iscoroutinefunction(inspect.unwrap(cls.run)):
            raise TypeError(
                f"{cls.__qualname__}.run is no async def, but AsyncCommand awaits it: "
                f"write async def run(self), or subclass Command"
            )
        bind_class(cls, AsyncCommand, is_async=True)

    async def run(self) -> T:
        """The guarded work. Raise ``BadRequestError`` for a fault of the caller: no fallback, not counted."""
        raise NotImplementedError

    def fallback(self) -> T | Awaitable[T]:
        """What to answer when ``run`` did not succeed; ``self.execution.exception`` says why. Optional."""
        raise NotImplementedError

    def cache_key(self) -> str | None:
        """What identifies this call within a request; None (the default): not cached."""
        return None

    if TYPE_CHECKING:

        def execute(self) -> Coroutine[Any, Any, T]: ...
        def queue(self) -> asyncio.Task[T]: ...
        def __await__(self) -> Generator[Any, Any, T]: ...


AsyncCommand._hx_binding = Binding(  # type: ignore[attr-defined]
    key="AsyncCommand",
    group="hystrixpy",
    thread_pool="hystrixpy",
    owner="hystrixpy.AsyncCommand",
    is_async=True,
    runnable=False,
)
