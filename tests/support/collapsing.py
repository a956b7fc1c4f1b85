"""Collapsers in each form, made for one test: what they were asked for is recorded batch by batch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hystrixpy import AsyncCommand, Collapser, CollapserProperties, Command, CommandProperties, collapse

if TYPE_CHECKING:
    from concurrent.futures import Future

FORMS = ("thread", "semaphore", "async", "function", "async function")
"""Class form over the three kinds of command, function form over the two kinds of function."""

ASYNC_FORMS = tuple(form for form in FORMS if "async" in form)


class Recorded:
    """One collapser and the batches it was asked for; ``answer`` may be replaced."""

    def __init__(self, form: str, scope: str = "request", **properties: Any) -> None:
        self.form, self.batches = form, []
        self.answer: Any = lambda arguments: {each: f"<{each}>" for each in arguments if each != "missing"}
        self.properties = CollapserProperties(**{"delay": 0.1, **properties})
        self.key = f"{form} {scope}"
        make = _function_form if "function" in form else _class_form
        self.collapser = make(self, scope)

    def batch(self, arguments: list[Any]) -> Any:
        """What every form's command does."""
        self.batches.append(list(arguments))
        return self.answer(arguments)

    def queue(self, argument: Any) -> Future[Any]:
        """A concurrent future, from any thread without a loop (not for async functions)."""
        if self.form == "function":
            return self.collapser.queue(argument)
        return self.collapser(argument).queue()

    def execute(self, argument: Any) -> Any:
        return self.collapser.one(argument) if self.form == "function" else self.collapser(argument).execute()

    def aio(self, argument: Any) -> asyncio.Future[Any]:
        """A future of the running loop whose request has been made when this returns."""
        if self.form == "async function":
            return self.collapser.one(argument)
        if self.form == "function":
            return asyncio.wrap_future(self.collapser.queue(argument))
        return _eager(self.collapser(argument))

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


def _eager(request: Any) -> asyncio.Future[Any]:
    """What ``await request`` waits for; begun now, as in a task of its own."""
    return request._hx_spec.future_on_loop(request, request.argument, request._hx_cache_key())


def _class_form(recorded: Recorded, scope_name: str) -> type[Collapser[Any, Any]]:
    isolation = "semaphore" if recorded.form == "semaphore" else "thread"

    class Sync(Command[Any]):
        key = f"batch of {recorded.form}"
        properties = CommandProperties(isolation=isolation, timeout=5.0)

        def __init__(self, arguments: list[Any]) -> None:
            self.arguments = arguments

        def run(self) -> Any:
            return recorded.batch(self.arguments)

    class Async(AsyncCommand[Any]):
        key = f"batch of {recorded.form}"
        properties = CommandProperties(timeout=5.0)

        def __init__(self, arguments: list[Any]) -> None:
            self.arguments = arguments

        async def run(self) -> Any:
            await asyncio.sleep(0)
            return recorded.batch(self.arguments)

    class Asked(Collapser[Any, Any]):
        key = recorded.key
        scope = scope_name
        properties = recorded.properties

        def create_command(self, requests: Any) -> Any:
            kind = Async if recorded.form == "async" else Sync
            return kind([each.argument for each in requests])

        def map_response(self, response: Any, requests: Any) -> None:
            for each, value in zip(requests, _in_order(response, requests), strict=True):
                if isinstance(value, Exception):
                    each.exception = value
                elif value is not None:
                    each.response = value

    return Asked


def _in_order(response: Any, requests: Any) -> list[Any]:
    return [response.get(each.argument) for each in requests] if isinstance(response, dict) else response


def _function_form(recorded: Recorded, scope: str) -> Any:
    if recorded.form == "function":

        def asked(arguments: list[Any]) -> Any:
            return recorded.batch(arguments)
    else:

        async def asked(arguments: list[Any]) -> Any:
            await asyncio.sleep(0)
            return recorded.batch(arguments)

    asked.__name__ = f"batch of {recorded.form}"
    return collapse(key=recorded.key, scope=scope, properties=recorded.properties)(asked)
