import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from typing_extensions import disjoint_base

from hystrixpy._native.life import CommandLife

@disjoint_base
class AioCommand(CommandLife):
    def execute(self) -> Coroutine[Any, Any, Any]: ...
    def queue(self) -> asyncio.Task[Any]: ...
    def __await__(self) -> Generator[Any, Any, Any]: ...

@disjoint_base
class LimitQueue: ...

@disjoint_base
class Limits:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None: ...

@disjoint_base
class LoopCall:
    def __init__(self, loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...
