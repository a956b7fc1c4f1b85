"""``Collapser``: subclass it, say how a batch is fetched and taken apart, and execute one instance per request."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from hystrixpy._native.collapse import CollapserBase
from hystrixpy._native.request import RequestFuture
from hystrixpy.collapser.spec import CollapserSpec, checked_scope, running_loop
from hystrixpy.errors import PropertyError
from hystrixpy.properties import CollapserProperties

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from hystrixpy._native.future import CommandFuture
    from hystrixpy._native.request import CollapsedRequest
    from hystrixpy.aio import AsyncCommand
    from hystrixpy.command import Command

__all__ = ["Collapser", "waiting_future"]

A = TypeVar("A")
R = TypeVar("R")


class Collapser(CollapserBase, Generic[A, R]):
    """One request of many that are answered together.

    Requests of one scope that come within ``delay`` (10 ms) of the first become one batch, which a
    ``Command`` or ``AsyncCommand`` with its own breaker and fallback answers. Scope ``"request"`` gathers
    within one ``RequestContext``, ``"global"`` within the process. An instance is one request, with
    ``execute()``, ``queue()`` or ``await``; ``argument`` is the first argument of its constructor.

        class UserById(Collapser[int, User]):
            def create_command(self, requests):
                return GetUsers([each.argument for each in requests])

            def map_response(self, response, requests):
                for each in requests:
                    each.response = response[each.argument]

        user = await UserById(42)

    The three methods are called on the first request's instance, in the context of the scope and in no
    caller's; keep nothing on ``self`` but the argument and the cache key.
    """

    key: ClassVar[str]
    scope: ClassVar[str] = "request"
    properties: ClassVar[CollapserProperties | None] = None
    _hx_spec: ClassVar[CollapserSpec]
    _hx_named: ClassVar[bool] = False
    _hx_complete: ClassVar[bool] = False
    _hx_remembers: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_kinds(cls)
        cls._hx_named = _names_itself(cls) if "key" in cls.__dict__ else cls._hx_named
        if not cls._hx_named:
            cls.key = cls.__name__
        where = f"{cls.__qualname__}.scope"
        cls._hx_spec = CollapserSpec(
            cls.key, checked_scope(cls.scope, where), _code(cls), f"{cls.__module__}.{cls.__qualname__}"
        )
        cls._hx_complete = (
            cls.create_command is not Collapser.create_command and cls.map_response is not Collapser.map_response
        )
        cls._hx_remembers = cls.cache_key is not Collapser.cache_key

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Need not be called by subclasses; what is kept is kept before."""

    def create_command(self, requests: Sequence[CollapsedRequest[A, R]]) -> Command[Any] | AsyncCommand[Any]:
        """The command that fetches the answers of all ``requests``."""
        raise NotImplementedError

    def map_response(self, response: Any, requests: Sequence[CollapsedRequest[A, R]]) -> None:
        """Set ``response`` or ``exception`` of each request from what the command returned."""
        raise NotImplementedError

    def shard(self, requests: Sequence[CollapsedRequest[A, R]]) -> Iterable[Sequence[CollapsedRequest[A, R]]]:
        """Divide a batch; each part gets a command of its own. Default: one part."""
        return [requests]

    def cache_key(self) -> str | None:
        """What the request context remembers the answer by, across batches; None (the default): it does not."""
        return None

    def execute(self) -> R:
        """The answer; blocks until the batch is back. Raises what the batch, or this request in it, failed with."""
        future: CommandFuture[R] = self._hx_ask(running_loop())
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C while waiting: the request leaves the batch; without effect on an outcome
            raise
        finally:
            del future  # the error's traceback holds this frame

    def queue(self) -> CommandFuture[R]:
        """A future of the answer; cancelled before the batch goes, the request leaves it. Never raises."""
        return self._hx_ask(None)

    def _hx_ask(self, blocked: Any) -> CommandFuture[R]:
        future: CommandFuture[R] = waiting_future()
        try:
            argument, cache_key = self.argument, self._hx_cache_key()
        except Exception as error:
            future.set_exception(error)
        else:
            self._hx_spec.fill(self, argument, cache_key, future, blocked)
        return future

    def __await__(self) -> Generator[Any, Any, R]:
        future = self._hx_spec.future_on_loop(self, self.argument, self._hx_cache_key())
        return future.__await__()

    def _hx_cache_key(self) -> str | None:
        return self.cache_key() if self._hx_remembers and self._hx_spec.properties().cache_enabled else None


class _Waiting:
    """What a ``CommandFuture`` of a request stands for: nothing that runs, so that it can always be cancelled."""

    __slots__ = ("_untold",)

    def __init__(self) -> None:
        self._untold = [True]

    def _hx_cancel(self) -> bool:
        try:
            return self._untold.pop()  # one of two threads that cancel at once
        except IndexError:
            return False

    def _hx_is_running(self) -> bool:
        return False


def waiting_future() -> CommandFuture[Any]:
    """A future for an answer that some batch will bring."""
    return RequestFuture(_Waiting())


def _check_kinds(cls: type[Collapser[Any, Any]]) -> None:
    for method in ("create_command", "map_response", "shard", "cache_key"):
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(cls, method))):
            raise TypeError(
                f"{cls.__qualname__}.{method} is an async def, but nobody awaits it: make it a plain def, and let "
                f"create_command return an AsyncCommand for what has to be awaited"
            )


def _names_itself(cls: type[Collapser[Any, Any]]) -> bool:
    """Whether a class's own ``key`` is one; blank counts as not given, as for commands."""
    if cls.key is not None and not isinstance(cls.key, str):
        raise PropertyError(f"{cls.__qualname__}.key = {cls.key!r}: must be a str")
    return bool(cls.key and cls.key.strip())


def _code(cls: type[Collapser[Any, Any]]) -> CollapserProperties | None:
    if cls.properties is None or isinstance(cls.properties, CollapserProperties):
        return cls.properties
    raise PropertyError(f"{cls.__qualname__}.properties = {cls.properties!r}: must be CollapserProperties(...) or None")
