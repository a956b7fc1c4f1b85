from concurrent.futures import Future
from typing import TypeVar

from hystrixpy._native.drive import SyncCommand

_T = TypeVar("_T")

class CommandFuture(Future[_T]):
    def __init__(self, command: SyncCommand) -> None: ...
    def cancel(self) -> bool: ...
    def running(self) -> bool: ...
