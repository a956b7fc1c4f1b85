"""The request context: its life, its variables and its log."""

import asyncio
import contextvars
import gc
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from hystrixpy._native.scope import open_count
from hystrixpy.context import RequestContext, RequestVariable, forget_request_end, on_request_end
from hystrixpy.errors import RequestContextError
from hystrixpy.events import EventType


def execution(key, *events, latency=None):
    """What a finished command shows of itself."""
    return SimpleNamespace(execution=SimpleNamespace(command_key=key, events=events, latency=latency))


def test_current_is_the_entered_context_and_none_outside():
    """The context is current exactly inside the with block."""
    assert RequestContext.current() is None
    with RequestContext() as context:
        assert RequestContext.current() is context
    assert RequestContext.current() is None


def test_async_with():
    """The async form behaves as the sync one, and tasks inherit it."""

    async def seen():
        return RequestContext.current()

    async def main():
        async with RequestContext() as context:
            assert await asyncio.create_task(seen()) is context
        assert await seen() is None

    asyncio.run(main())


def test_nested_contexts_return_to_the_outer_one():
    """The innermost context counts; leaving it restores the outer one."""
    with RequestContext() as outer:
        with RequestContext() as inner:
            assert RequestContext.current() is inner
        assert RequestContext.current() is outer


def test_code_that_outlives_the_context_sees_none_not_the_outer_one():
    """A copy of the contextvars context taken inside shows no context once it is closed."""
    with RequestContext():
        with RequestContext():
            kept = contextvars.copy_context()
        assert kept.run(RequestContext.current) is None


def test_entering_again_is_refused_open_or_closed():
    """A context is entered once in its life."""
    context = RequestContext()
    with context, pytest.raises(RequestContextError, match="open already"):
        context.__enter__()
    with pytest.raises(RequestContextError, match="stays closed"):
        context.__enter__()


def test_close_twice_calls_the_listener_once():
    """close() is idempotent."""
    calls = []
    context = RequestContext(on_close=calls.append)
    with context:
        context.close()
        assert RequestContext.current() is None
    assert calls == [context]


def test_raising_listeners_are_logged_and_the_others_called(caplog):
    """What on_close or a request-end consumer raises does not reach the request."""
    logs = []

    def broken(_):
        raise ValueError("listener")

    on_request_end(broken)
    on_request_end(logs.append)
    try:
        with RequestContext(on_close=broken) as context:
            context.log_append(execution("Get", EventType.SUCCESS, latency=0.012))
    finally:
        forget_request_end(broken)
        forget_request_end(logs.append)
        forget_request_end(logs.append)
    assert [str(log) for log in logs] == ["Get[SUCCESS][12ms]"]
    assert [record.exc_info[0] for record in caplog.records] == [ValueError, ValueError]


def test_ctrl_c_while_closing_comes_through_after_the_rest_was_closed():
    """No variable stays open because another one's on_close was interrupted."""
    closed = []

    def interrupt(_):
        raise KeyboardInterrupt

    first, second = RequestVariable(lambda: 1, closed.append), RequestVariable(lambda: 2, interrupt)
    context = RequestContext(on_close=closed.append)
    context.__enter__()
    first.get()
    second.get()
    with pytest.raises(KeyboardInterrupt):
        context.close()
    assert closed == [1, context]
    assert RequestContext.current() is None


def test_repr_tells_the_state_and_the_number_of_commands():
    """For a debugger and a log line."""
    context = RequestContext()
    assert repr(context) == "<RequestContext not entered yet: 0 commands>"
    with context:
        context.log_append(execution("A", EventType.SUCCESS))
        assert repr(context) == "<RequestContext open: 1 commands>"
    assert repr(context) == "<RequestContext closed: 1 commands>"


def test_closing_in_another_contextvars_context():
    """A generator fixture may close where it was not opened: closed is closed everywhere."""
    context = RequestContext()
    elsewhere = contextvars.copy_context()
    elsewhere.run(context.__enter__)
    assert elsewhere.run(RequestContext.current) is context
    context.close()
    assert elsewhere.run(RequestContext.current) is None
    assert RequestContext.current() is None


def test_outer_close_passes_over_a_forgotten_inner_one():
    """An inner context that was not closed does not stay current after the outer one has ended."""

    def scenario():
        with RequestContext():
            RequestContext().__enter__()
        return RequestContext.current()

    assert contextvars.Context().run(scenario) is None
    gc.collect()


def test_forgotten_contexts_are_collected_closed_and_reported(caplog):
    """Opening again and again without closing, as a broken server hook would, leaves one open, not all."""
    closed = []
    variable = RequestVariable(object, on_close=closed.append)

    def scenario():
        for _ in range(20):
            RequestContext().__enter__()
            variable.get()
        gc.collect()
        return open_count()

    before = open_count()
    assert contextvars.Context().run(scenario) == before + 1
    gc.collect()
    assert open_count() == before
    assert len(closed) == 20
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 20


def test_many_threads_opening_and_closing_leave_no_count():
    """The number of open contexts is exact under threads."""
    before = open_count()

    def work():
        for _ in range(500):
            with RequestContext():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert open_count() == before


def test_entered_in_holds_the_variables_as_they_were():
    """What is set after entering does not show in the remembered contextvars context."""
    name = contextvars.ContextVar("name", default="nobody")
    with RequestContext() as context:
        name.set("late")
        remembered = context.entered_in.copy()
        assert remembered.run(name.get) == "nobody"
        assert remembered.run(RequestContext.current) is context
    assert context.entered_in is None


# Variables


def test_variable_without_a_context_is_an_error():
    """get, set and remove all need an open context."""
    variable = RequestVariable(list)
    for use in (variable.get, lambda: variable.set([]), variable.remove):
        with pytest.raises(RequestContextError, match="RequestContext"):
            use()


def test_variable_is_made_once_per_context():
    """The factory runs at the first get of each context."""
    variable = RequestVariable(list)
    with RequestContext():
        first = variable.get()
        assert variable.get() is first
        with RequestContext():
            assert variable.get() is not first
        assert variable.get() is first


def test_variable_without_a_factory_reads_none():
    """As in Hystrix, an unset variable has a null value."""
    variable = RequestVariable()
    with RequestContext():
        assert variable.get() is None
        variable.set(3)
        assert variable.get() == 3


def test_set_replaces_and_close_gets_the_last_value():
    """on_close sees what the variable held at the end."""
    closed = []
    variable = RequestVariable(lambda: "made", on_close=closed.append)
    with RequestContext():
        assert variable.get() == "made"
        variable.set("set")
    assert closed == ["set"]


def test_remove_closes_the_value_and_makes_a_new_one_next_time():
    """A removed value is given up at once, and only once."""
    closed = []
    numbers = iter(range(9))
    variable = RequestVariable(lambda: next(numbers), on_close=closed.append)
    with RequestContext():
        assert variable.get() == 0
        variable.remove()
        variable.remove()
        assert closed == [0]
        assert variable.get() == 1
    assert closed == [0, 1]


def test_a_value_that_is_removed_while_it_is_asked_for_is_made_anew():
    """The context is open, so there is a value, whatever another thread does in between."""

    class Contested(RequestVariable):
        removed = False

        def _keep(self, context, cell, *, replace):
            kept = super()._keep(context, cell, replace=replace)
            if not self.removed:
                self.removed = True
                self.remove()
            return kept

    closed = []
    variable = Contested(lambda: "value", on_close=closed.append)
    with RequestContext():
        assert variable.get() == "value"
        assert closed == []
    assert closed == ["value"]


def test_variables_close_last_made_first_and_errors_are_logged(caplog):
    """A raising on_close is logged; the variables below it are still closed."""
    closed = []

    def fail(value):
        closed.append(value)
        raise OSError("cannot close")

    first = RequestVariable(lambda: "first", on_close=closed.append)
    second = RequestVariable(lambda: "second", on_close=fail)
    with RequestContext():
        first.get()
        second.get()
    assert closed == ["second", "first"]
    assert "cannot close" in caplog.text


def test_variable_is_closed_for_late_users():
    """A task that outlives the request finds no context instead of a fresh value."""
    variable = RequestVariable(list)
    with RequestContext():
        variable.get()
        kept = contextvars.copy_context()
    with pytest.raises(RequestContextError):
        kept.run(variable.get)


def test_raising_factory_is_tried_again():
    """An error of the factory reaches the caller and is not remembered."""
    outcomes = iter([ValueError("first"), "value"])

    def factory():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    variable = RequestVariable(factory)
    with RequestContext():
        with pytest.raises(ValueError, match="first"):
            variable.get()
        assert variable.get() == "value"


def test_factory_runs_once_under_racing_threads():
    """16 threads that ask at once get one object."""
    made = []
    ready = threading.Barrier(16)

    def factory():
        made.append(object())
        return made[-1]

    variable = RequestVariable(factory)

    def ask(context):
        ready.wait()
        return context.run(variable.get)

    with RequestContext(), ThreadPoolExecutor(16) as pool:
        contexts = [contextvars.copy_context() for _ in range(16)]
        values = list(pool.map(ask, contexts))
    assert len(made) == 1
    assert set(values) == set(made)


def test_value_made_while_the_context_closes_is_closed_too():
    """A factory that is still running when the context closes does not leak its value."""
    started, go_on = threading.Event(), threading.Event()
    closed = []

    def factory():
        started.set()
        go_on.wait(10)
        return "value"

    variable = RequestVariable(factory, on_close=closed.append)
    context = RequestContext()
    with context, ThreadPoolExecutor(2) as pool:
        asking = pool.submit(contextvars.copy_context().run, variable.get)
        started.wait(10)
        closing = pool.submit(context.close)
        go_on.set()
        assert asking.result(10) == "value"
        closing.result(10)
    assert closed == ["value"]


# The log


def test_log_is_hystrix_s_string():
    """Equal displays are merged in first-seen order, with the sum of their milliseconds."""
    with RequestContext() as context:
        context.log_append(execution("GetUser", EventType.SUCCESS, latency=0.0129))
        for _ in range(4):
            context.log_append(execution("GetUser", EventType.SUCCESS, EventType.RESPONSE_FROM_CACHE))
        context.log_append(execution("Pay", EventType.TIMEOUT, EventType.FALLBACK_MISSING, latency=1.0021))
        context.log_append(execution("Pay", EventType.TIMEOUT, EventType.FALLBACK_MISSING, latency=1.0029))
        context.log_append(execution("Slow"))
    assert str(context.log) == (
        "GetUser[SUCCESS][12ms], GetUser[SUCCESS, RESPONSE_FROM_CACHE][0ms]x4, "
        "Pay[TIMEOUT, FALLBACK_MISSING][2004ms]x2, Slow[Executed][0ms]"
    )


def test_log_of_nothing_is_an_empty_string():
    """No commands, no text."""
    with RequestContext() as context:
        assert str(context.log) == ""
        assert context.log.executed == ()


def test_log_stays_readable_and_takes_nothing_after_close():
    """A late command does not appear in the log of a closed context."""
    with RequestContext() as context:
        context.log_append(execution("A", EventType.SUCCESS))
    context.log_append(execution("B", EventType.SUCCESS))
    assert [each.command_key for each in context.log.executed] == ["A"]


def test_log_keeps_the_first_1000_and_warns_once(caplog):
    """The limit is exact under threads, and there is one warning for all that was dropped."""
    with RequestContext() as context, ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(lambda: [context.log_append(execution("A", EventType.SUCCESS)) for _ in range(200)])
    assert len(context.log) == 1000
    assert len(context.log.executed) == 1000
    assert len(caplog.records) == 1
