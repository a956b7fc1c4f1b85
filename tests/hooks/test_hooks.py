"""What hooks may change, what they break when they raise, and how they are registered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import hystrixpy
from hystrixpy import BadRequestError, CommandHook, EventType, add_hook, remove_hook
from tests.hooks.drivers import DRIVERS, Driver, Plan

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
OOPS = LookupError("hook")
BROKEN = ValueError("broken")


def hook_of(**callbacks: Callable[..., Any]) -> CommandHook:
    """A registered hook of one's own class with these callbacks."""
    methods = {name: (lambda callback: lambda _self, *args: callback(*args))(call) for name, call in callbacks.items()}
    hook = type("Hook", (CommandHook,), methods)()
    add_hook(hook)
    return hook


def raising(error: BaseException) -> Callable[..., Any]:
    def callback(*_arguments: Any) -> Any:
        raise error

    return callback


oops = raising(OOPS)


@ALL
def test_value_hooks_replace_the_value(driver: Driver) -> None:
    """on_execution_emit before on_emit; each sees what the one before returned."""
    hook_of(on_execution_emit=lambda _c, v: v + "+run", on_emit=lambda _c, v: v + "+out")
    assert driver.outcome(driver.make(Plan())) == "value+run+out"


@ALL
def test_value_hooks_replace_the_fallbacks_value(driver: Driver) -> None:
    """on_fallback_emit before on_emit."""
    hook_of(on_fallback_emit=lambda _c, v: v + "+fallback", on_emit=lambda _c, v: v + "+out")
    assert driver.outcome(driver.make(Plan(run=ValueError(), fallback="spare"))) == "spare+fallback+out"


@ALL
def test_error_hooks_replace_the_exception(driver: Driver) -> None:
    """on_execution_error before on_error; the caller gets the last one."""
    hook_of(
        on_execution_error=lambda _c, e: KeyError(f"{e} seen"), on_error=lambda _c, e: OSError(f"{e.args[0]} and told")
    )
    error = driver.outcome(driver.make(Plan(run=ValueError("broken"))))
    assert isinstance(error, OSError)
    assert error.args == ("broken seen and told",)


@ALL
def test_an_error_may_be_made_a_bad_request(driver: Driver) -> None:
    """Then there is no fallback, and the breaker does not count it."""
    hook_of(on_execution_error=lambda _c, e: BadRequestError(str(e)))
    command = driver.make(Plan(run=ValueError("broken"), fallback="spare"))
    assert isinstance(driver.outcome(command), BadRequestError)
    assert command.execution.events == (EventType.BAD_REQUEST,)
    assert hystrixpy.metrics("Hooked").health.total == 0


@ALL
def test_a_bad_request_stays_one(driver: Driver) -> None:
    """on_error may give another bad request; anything else would look like a failure, and is not used."""
    hook_of(on_error=lambda _c, e: BadRequestError("better") if e.args == ("no",) else OSError())
    assert driver.outcome(driver.make(Plan(run=BadRequestError("no")))).args == ("better",)
    other = BadRequestError("other")
    assert driver.outcome(driver.make(Plan(run=other))) is other


@ALL
def test_a_failing_fallbacks_exception_may_be_replaced(driver: Driver) -> None:
    """Its cause is still what made run fail."""
    hook_of(on_fallback_error=lambda _c, e: OSError(str(e)))
    broken = ValueError("broken")
    error = driver.outcome(driver.make(Plan(run=broken, fallback=KeyError("too"))))
    assert isinstance(error, OSError)
    assert error.__cause__ is broken


@ALL
def test_on_start_fails_the_command_at_once(driver: Driver) -> None:
    """No breaker, no run, no fallback, nothing counted."""
    hook_of(on_start=oops)
    command = driver.make(Plan(fallback="spare"))
    assert driver.outcome(command) is OOPS
    assert command.execution.events == ()
    assert command.execution.is_complete
    assert sum(hystrixpy.metrics("Hooked").cumulative_counts().values()) == 0
    assert hystrixpy.metrics("Hooked").concurrency == 0


@pytest.mark.parametrize(
    ("driver", "name"),
    [(driver, "on_execution_start") for driver in DRIVERS]
    + [(driver, "on_thread_start") for driver in DRIVERS if driver.in_thread],
    ids=lambda each: getattr(each, "name", each),
)
def test_start_hooks_count_as_a_failing_run(driver: Driver, name: str) -> None:
    """The fallback answers; run was not called, and on_execution_error is not told of what it did not raise."""
    told: list[str] = []
    hook_of(**{name: oops, "on_execution_error": lambda _c, e: told.append("error") or e})
    command = driver.make(Plan(fallback="spare"))
    assert driver.outcome(command) == "spare"
    assert command.execution.exception is OOPS
    assert command.execution.events == (EventType.FAILURE, EventType.FALLBACK_SUCCESS)
    assert told == []


@ALL
def test_on_fallback_start_counts_as_a_failing_fallback(driver: Driver) -> None:
    """The caller gets it, caused by what made run fail."""
    hook_of(on_fallback_start=oops)
    command = driver.make(Plan(run=ValueError("broken"), fallback="spare"))
    assert driver.outcome(command) is OOPS
    assert command.execution.events == (EventType.FAILURE, EventType.FALLBACK_FAILURE)


QUIET = [
    ("on_execution_emit", Plan(), "value"),
    ("on_emit", Plan(), "value"),
    ("on_execution_success", Plan(), "value"),
    ("on_success", Plan(), "value"),
    ("on_execution_error", Plan(run=ValueError(), fallback="spare"), "spare"),
    ("on_fallback_emit", Plan(run=ValueError(), fallback="spare"), "spare"),
    ("on_fallback_success", Plan(run=ValueError(), fallback="spare"), "spare"),
    ("on_fallback_error", Plan(run=ValueError(), fallback=BROKEN), BROKEN),
    ("on_error", Plan(run=BROKEN), BROKEN),
]


@ALL
@pytest.mark.parametrize(("name", "plan", "expected"), QUIET, ids=[name for name, *_ in QUIET])
@pytest.mark.parametrize("raised", [OOPS, SystemExit(3)], ids=repr)
def test_other_hooks_are_logged_and_ignored(
    driver: Driver, name: str, plan: Plan, expected: Any, raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Value and exception stay what they were, and everything is settled."""
    hook_of(**{name: raising(raised)})
    with caplog.at_level(logging.ERROR, "hystrixpy"):
        command = driver.make(plan)
        assert driver.outcome(command) == expected
    assert [name in record.getMessage() for record in caplog.records] == [True]
    assert command.execution.is_complete
    assert hystrixpy.metrics("Hooked").concurrency == 0


def test_a_raising_on_thread_complete_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """The worker is free for the next command."""
    hook_of(on_thread_complete=oops)
    driver = DRIVERS[3]
    with caplog.at_level(logging.ERROR, "hystrixpy"):
        assert [driver.outcome(driver.make(Plan())) for _ in range(3)] == ["value"] * 3
    assert caplog.text.count("on_thread_complete; ignored") == 3


def test_a_raising_on_cancel_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """What cancelled the command is what the caller sees."""
    hook_of(on_cancel=oops)
    driver = DRIVERS[0]
    with caplog.at_level(logging.ERROR, "hystrixpy"), pytest.raises(GeneratorExit):
        driver.outcome(driver.make(Plan(run=GeneratorExit())))
    assert "on_cancel; ignored" in caplog.text


@ALL
def test_a_raising_on_cache_hit_is_ignored(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """The hit has its value."""
    hook_of(on_cache_hit=oops)
    kind = type("Cached", (type(driver.make(Plan())),), {"key": "Cached", "cache_key": lambda _self: "same"})
    with caplog.at_level(logging.ERROR, "hystrixpy"), hystrixpy.RequestContext():
        assert [driver.outcome(kind()) for _ in range(2)] == ["value"] * 2
    assert "on_cache_hit; ignored" in caplog.text


@pytest.mark.parametrize("driver", [DRIVERS[0], DRIVERS[3]], ids=lambda driver: driver.name)
@pytest.mark.parametrize("name", ["on_fallback_emit", "on_emit", "on_fallback_success", "on_success"])
def test_ctrl_c_in_a_hook_reaches_the_caller(driver: Driver, name: str) -> None:
    """What is settled stays settled: no execution stays behind as one whose caller waits."""
    hook_of(**{name: raising(KeyboardInterrupt())})
    command = driver.make(Plan(run=BROKEN, fallback="spare"))
    with pytest.raises(KeyboardInterrupt):
        driver.outcome(command)
    assert command.execution.events == (EventType.FAILURE, EventType.FALLBACK_SUCCESS)
    assert command.execution.is_complete
    assert hystrixpy.metrics("Hooked").concurrency == 0


def test_ctrl_c_in_a_hook_of_a_value_reaches_the_caller() -> None:
    """The command has succeeded all the same."""
    hook_of(on_execution_emit=raising(KeyboardInterrupt()))
    command = DRIVERS[0].make(Plan())
    with pytest.raises(KeyboardInterrupt):
        DRIVERS[0].outcome(command)
    assert command.execution.is_success


def test_ctrl_c_in_a_hook_of_the_fallbacks_error_is_settled() -> None:
    """It reaches the caller, and the command counts as cancelled."""
    hook_of(on_fallback_error=raising(KeyboardInterrupt()))
    driver = DRIVERS[0]
    command = driver.make(Plan(run=BROKEN, fallback=KeyError("too")))
    with pytest.raises(KeyboardInterrupt):
        driver.outcome(command)
    assert command.execution.events == (EventType.FAILURE, EventType.CANCELLED)
    assert command.execution.is_complete
    assert hystrixpy.metrics("Hooked").concurrency == 0


@pytest.mark.parametrize("name", ["on_fallback_emit", "on_emit", "on_fallback_success"])
def test_ctrl_c_in_a_hook_of_an_async_command_is_settled(name: str) -> None:
    """It leaves through the loop; no execution stays behind as one whose caller waits."""
    hook_of(**{name: raising(KeyboardInterrupt())})
    driver = DRIVERS[6]
    command = driver.make(Plan(run=BROKEN, fallback="spare"))
    with pytest.raises(KeyboardInterrupt):
        driver.outcome(command)
    assert command.execution.is_complete
    assert hystrixpy.metrics("Hooked").concurrency == 0


@ALL
def test_an_error_hook_that_returns_no_exception_is_ignored(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """Forgetting the return statement does not swallow the error."""
    hook_of(on_error=lambda _c, _e: None)
    broken = ValueError("broken")
    assert driver.outcome(driver.make(Plan(run=broken))) is broken
    assert "returned no exception" in caplog.text


def test_hooks_are_called_in_the_order_of_registration() -> None:
    """The second sees what the first made of it."""
    hook_of(on_emit=lambda _c, v: v + "1")
    hook_of(on_emit=lambda _c, v: v + "2")
    assert DRIVERS[0].outcome(DRIVERS[0].make(Plan())) == "value12"


def test_a_hook_is_registered_once_and_removed_whole() -> None:
    """A second add changes nothing, and remove undoes both."""
    hook = hook_of(on_emit=lambda _c, v: v + "!")
    add_hook(hook)
    assert DRIVERS[0].outcome(DRIVERS[0].make(Plan())) == "value!"
    remove_hook(hook)
    remove_hook(hook)
    assert DRIVERS[0].outcome(DRIVERS[0].make(Plan())) == "value"


def test_reset_removes_hooks() -> None:
    """For the next test or the reloaded application."""
    hook_of(on_emit=oops)
    hystrixpy.reset()
    assert DRIVERS[0].outcome(DRIVERS[0].make(Plan())) == "value"


def test_an_execution_keeps_the_hooks_it_began_with() -> None:
    """A hook that is removed meanwhile still hears the end of what it heard begin."""
    heard: list[str] = []
    hook = hook_of(on_start=lambda _c: heard.append("start"), on_success=lambda _c: heard.append("success"))
    driver = DRIVERS[0]

    class Removing(type(driver.make(Plan()))):  # type: ignore[misc]
        key = "Removing"

        def run(self) -> str:
            remove_hook(hook)
            return "value"

    assert Removing().execute() == "value"
    assert heard == ["start", "success"]


async def _coroutine(*_arguments: Any) -> None: ...


@pytest.mark.parametrize(
    ("hook", "match"),
    [
        (CommandHook, r"takes an instance.*CommandHook\(\)"),
        (object(), "overrides no callback"),
        (type("Typo", (CommandHook,), {"on_succes": oops})(), "Typo.on_succes is no callback.*did you mean on_success"),
        (type("Bad", (CommandHook,), {"on_start": _coroutine})(), "on_start.*coroutine function"),
    ],
    ids=["class", "nothing", "misspelt", "coroutine"],
)
def test_what_is_no_hook(hook: Any, match: str) -> None:
    """A TypeError that says what to do."""
    with pytest.raises(TypeError, match=match):
        add_hook(hook)


def test_a_hook_may_override_nothing() -> None:
    """The base class itself does: nothing happens, and nothing is refused."""
    add_hook(CommandHook())
    assert DRIVERS[0].outcome(DRIVERS[0].make(Plan())) == "value"


def test_a_callback_may_be_set_on_the_instance() -> None:
    """As tests and monkey patches do."""
    hook = CommandHook()
    hook.on_emit = lambda _command, value: value + "!"  # type: ignore[method-assign]
    add_hook(hook)
    assert DRIVERS[0].outcome(DRIVERS[0].make(Plan())) == "value!"
