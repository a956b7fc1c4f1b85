"""``@collapse``: a function that answers many arguments at once gets ``.one(argument)``."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Mapping, Sized
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from hystrixpy._native.collapse import AsyncFunctionBase, FunctionPlace
from hystrixpy._native.function import AsyncCommandFunction, CommandFunction
from hystrixpy._native.request import answer_by_argument, answer_in_order
from hystrixpy.collapser.face import waiting_future
from hystrixpy.collapser.spec import CollapserSpec, checked_scope, running_loop
from hystrixpy.decorator import command
from hystrixpy.errors import CollapserError, PropertyError
from hystrixpy.properties import CollapserProperties, table
from hystrixpy.properties.faults import unknown

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from hystrixpy._native.future import CommandFuture
    from hystrixpy._native.request import CollapsedRequest

__all__ = ["AsyncCollapsedFunction", "CollapsedFunction", "collapse"]

A = TypeVar("A")
R = TypeVar("R")

_PROPERTIES = tuple(table(CollapserProperties))
_NAMES = ("cache_key", "key", "properties", "scope")


class _Face:
    """The three parts of a collapser, made of one function; for a method, of one object's."""

    __slots__ = ("bound_to", "function")

    unanswered = "the batch function returned a dict without it"

    def __init__(self, function: _Collapsed, bound_to: tuple[Any, ...]) -> None:
        self.function = function
        self.bound_to = bound_to

    def shard(self, requests: Sequence[CollapsedRequest[Any, Any]]) -> Iterable[Sequence[CollapsedRequest[Any, Any]]]:
        return (requests,)

    def create_command(self, requests: Sequence[CollapsedRequest[Any, Any]]) -> Any:
        return self.function.guarded.command(*self.bound_to, [each.argument for each in requests])

    def map_response(self, response: Any, requests: list[CollapsedRequest[Any, Any]]) -> None:
        """Answers by argument or by position. An exception among them is the error of that one request."""
        if isinstance(response, list):  # first, for it is nearly always one
            self._check_length(response, requests)
            answer_in_order(requests, response)
        elif isinstance(response, Mapping):
            answer_by_argument(requests, response)
        elif not isinstance(response, Sized) or isinstance(response, str | bytes | AbstractSet):
            raise CollapserError(
                f"the batch of collapser {self.function.key!r} returned {type(response).__name__}; it must return a "
                f"list with one answer for each argument, or a dict by argument"
            )
        else:
            self._check_length(response, requests)
            answer_in_order(requests, response)

    def _check_length(self, response: Sized, requests: Sized) -> None:
        if len(response) != len(requests):
            raise CollapserError(
                f"the batch of collapser {self.function.key!r} returned {len(response)} answers for {len(requests)} "
                f"arguments; it must return one for each, in their order, or a dict by argument"
            )


class _Collapsed:
    """What the sync and the async function form share."""

    def __init__(self, guarded: Any, function: Any, options: dict[str, Any]) -> None:
        self.guarded = guarded
        self.__wrapped__ = function
        self.__doc__ = function.__doc__
        self.__name__: str = function.__name__
        self.__qualname__: str = function.__qualname__
        self.__module__: str = function.__module__
        self._options = options
        self._key: str = options.get("key") or function.__name__
        self._remember: Callable[[Any], str | None] | None = options.get("cache_key")
        self._own: FunctionPlace | None = None
        self._places: dict[int, FunctionPlace] = {}  # by the id of the object that a method is bound to
        self._watched: dict[int, weakref.ref[Any]] = {}

    def __set_name__(self, owner: type, name: str) -> None:
        set_name = getattr(type(self.guarded), "__set_name__", None)
        if set_name is not None:
            set_name(self.guarded, owner, name)
        if not self._options.get("key"):
            self._key = f"{owner.__name__}.{name}"

    @property
    def key(self) -> str:
        """The collapser key: what was given, the function's name, or ``Class.method``."""
        return self._key

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else type(self)._bound(self, self._place_of(instance), instance)

    @classmethod
    def _bound(cls, function: _Collapsed, place: FunctionPlace, instance: Any) -> Any:
        """The same for one object: arguments of different objects never share a batch."""
        bound = cls.__new__(cls)
        bound.__dict__.update(function.__dict__)
        bound._remember = function._remember
        bound._own = FunctionPlace(place.spec, _Face(function, (instance,)))
        return bound

    def _place(self) -> FunctionPlace:
        if self._own is None:
            self._own = self._new_place(())
        return self._own

    def _new_place(self, bound_to: tuple[Any, ...]) -> FunctionPlace:
        owner = f"{self.__module__}.{self.__qualname__}"
        spec = CollapserSpec(self._key, self._options["scope"], self._options["properties"], owner)
        return FunctionPlace(spec, _Face(self, bound_to))

    def _place_of(self, instance: Any) -> FunctionPlace:
        """Where the requests of one object meet; kept as long as the object, without keeping it."""
        found = self._places.get(id(instance))
        if found is not None:
            return found
        fresh = self._new_place(())
        places, watched, number = self._places, self._watched, id(instance)

        def gone(_: object) -> None:
            places.pop(number, None)
            watched.pop(number, None)

        try:
            watched.setdefault(number, weakref.ref(instance, gone))
        except TypeError:
            raise TypeError(
                f"@collapse method {self.__qualname__} needs objects that can be weakly referenced: "
                f"add '__weakref__' to the __slots__ of {type(instance).__name__}"
            ) from None
        return places.setdefault(number, fresh)

    def _cache_key(self, spec: CollapserSpec, argument: Any) -> str | None:
        return self._remember(argument) if self._remember is not None and spec.properties().cache_enabled else None

    def _fill(self, argument: Any, blocked: Any) -> CommandFuture[Any]:
        place = self._own or self._place()
        future = waiting_future()
        try:
            cache_key = self._cache_key(place.spec, argument)
        except Exception as error:
            future.set_exception(error)
        else:
            place.spec.fill(place.face, argument, cache_key, future, blocked)
        return future

    def __repr__(self) -> str:
        return f"<collapsed function {self.__qualname__}>"


class CollapsedFunction(_Collapsed, Generic[A, R]):
    """A plain batch function: called with a list as before (as a command); ``one`` and ``queue`` join a batch."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer a whole list at once, as one command and in no batch with others."""
        bound = () if self._own is None else self._own.face.bound_to
        return self.guarded(*bound, *args, **kwargs)

    def one(self, argument: A) -> R:
        """The answer for one argument; blocks until its batch is back."""
        future: CommandFuture[R] = self._fill(argument, running_loop())
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C while waiting: the request leaves the batch; without effect on an outcome
            raise
        finally:
            del future  # the error's traceback holds this frame

    def queue(self, argument: A) -> CommandFuture[R]:
        """A future of the answer for one argument."""
        return self._fill(argument, None)


class AsyncCollapsedFunction(AsyncFunctionBase, _Collapsed, Generic[A, R]):
    """A batch coroutine function: called with a list as before (as a command); ``one`` joins a batch."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer a whole list at once, as one command and in no batch with others."""
        bound = () if self._own is None else self._own.face.bound_to
        return self.guarded(*bound, *args, **kwargs)

    if TYPE_CHECKING:

        def one(self, argument: A) -> asyncio.Future[R]: ...
        def queue(self, argument: A) -> asyncio.Future[R]: ...

    queue = AsyncFunctionBase.one


class _Decorator:
    """What ``@collapse(...)`` gives."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    @overload
    def __call__(
        self, function: Callable[[list[A]], Coroutine[Any, Any, list[R] | dict[A, R]]], /
    ) -> AsyncCollapsedFunction[A, R]: ...
    @overload
    def __call__(
        self, function: Callable[[Any, list[A]], Coroutine[Any, Any, list[R] | dict[A, R]]], /
    ) -> AsyncCollapsedFunction[A, R]: ...
    @overload
    def __call__(self, function: Callable[[list[A]], list[R] | dict[A, R]], /) -> CollapsedFunction[A, R]: ...
    @overload
    def __call__(self, function: Callable[[Any, list[A]], list[R] | dict[A, R]], /) -> CollapsedFunction[A, R]: ...
    def __call__(self, function: Any, /) -> Any:
        guarded = function
        if not isinstance(function, CommandFunction | AsyncCommandFunction):
            guarded = command(function)
        plain = inspect.unwrap(function)
        kind = AsyncCollapsedFunction if isinstance(guarded, AsyncCommandFunction) else CollapsedFunction
        return kind(guarded, plain, self._options)


@overload
def collapse(
    function: Callable[[list[A]], Coroutine[Any, Any, list[R] | dict[A, R]]], /
) -> AsyncCollapsedFunction[A, R]: ...
@overload
def collapse(function: Callable[[list[A]], list[R] | dict[A, R]], /) -> CollapsedFunction[A, R]: ...
@overload
def collapse(
    *,
    key: str | None = None,
    scope: str = "request",
    delay: float = ...,
    max_batch_size: int | None = ...,
    cache_enabled: bool = ...,
    cache_key: Callable[[Any], str | None] | None = None,
    properties: CollapserProperties | None = None,
) -> _Decorator: ...
def collapse(function: Any = None, /, **options: Any) -> Any:
    """Give a function of a list ``.one(argument)``, whose calls are gathered into calls of the function.

    The function takes a list of arguments and returns a list of answers in the same order, or a dict by
    argument; an exception object among the answers is raised to that request alone. It is executed as a
    ``@command``, which it may be already (``@collapse`` above ``@command(...)``). Sync or async by its kind.

    ``key`` names the collapser (default: the function's name, ``Class.method`` for methods), ``scope`` is
    "request" or "global"; ``delay`` (seconds), ``max_batch_size`` and ``cache_enabled`` are single
    ``properties``. ``cache_key(argument)`` has the request context remember answers across batches. Raises
    ``PropertyError`` for an unknown argument. Example::

        @collapse(delay=0.005, max_batch_size=100)
        async def get_users(ids: list[int]) -> dict[int, User]: ...

        user = await get_users.one(42)
    """
    decorate = _Decorator(_checked(options))
    return decorate if function is None else decorate(function)


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options, with single properties folded into ``properties``."""
    for name in options:
        if name not in _NAMES and name not in _PROPERTIES:
            raise PropertyError(unknown("@collapse has no argument", name, (*_NAMES, *_PROPERTIES)))
    code = options.get("properties")
    if code is not None and not isinstance(code, CollapserProperties):
        raise PropertyError(f"@collapse(properties={code!r}): must be CollapserProperties(...) or None")
    key = options.get("key")
    if key is not None and not isinstance(key, str):
        raise PropertyError(f"@collapse(key={key!r}): must be a str or None")
    remember = options.get("cache_key")
    if remember is not None and not callable(remember):
        raise PropertyError(f"@collapse(cache_key={remember!r}): must be a callable or None")
    single = {name: value for name, value in options.items() if name in _PROPERTIES}
    if single:
        code = CollapserProperties(**single).over(code)
    scope = checked_scope(options.get("scope") or "request", "@collapse")
    return {"key": key, "cache_key": remember, "properties": code, "scope": scope}
