from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from typing_extensions import disjoint_base

from hystrixpy._native.circuit import Circuit
from hystrixpy._native.execution import CommandLife
from hystrixpy._native.pool import Work

_T = TypeVar("_T")

def install(
    *,
    pool_for: Callable[[Circuit], object] | None = None,
    on_abandoned: Callable[[str, str], object] | None = None,
) -> None: ...
def wake(command: SyncCommand, waiter: Any) -> None: ...

@disjoint_base
class SyncCommand(CommandLife):
    def execute(self) -> Any: ...
    def queue(self) -> CommandFuture[Any]: ...
    def __await__(self) -> Generator[Any, Any, Any]: ...

@disjoint_base
class FallbackWork(Work): ...
@disjoint_base
class Delivery(Work): ...

class CommandFuture(Future[_T]):
    def __init__(self, command: SyncCommand) -> None: ...
    def cancel(self) -> bool: ...
    def running(self) -> bool: ...
