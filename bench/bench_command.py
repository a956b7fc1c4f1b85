"""What does a synchronous command cost: closed, failing, open?

The plain rows do the same work unguarded. The peers guard a function, so those of the closed path are in
bench_decorator.py; here are the ones that know fallbacks, and the quickest refusal.
"""

import asyncio

import pytest

from hystrixpy import AsyncCommand, CircuitOpenError, Command, CommandProperties, command

SEMAPHORE = CommandProperties(isolation="semaphore")
COUNTING_ON = CommandProperties(isolation="semaphore", breaker_volume_threshold=10**9)
FORCED_OPEN = CommandProperties(isolation="semaphore", breaker_force_open=True)
NEVER = 10**9
LONG = 3600.0


class Plain:
    """The command's work without the command."""

    def __init__(self, number):
        self.number = number

    def run(self):
        return self.number

    def answer(self):
        try:
            return self.fail()
        except ConnectionError:
            return self.number

    def fail(self):
        raise ConnectionError("refused")


class Guarded(Command[int]):
    properties = SEMAPHORE

    def __init__(self, number):
        self.number = number

    def run(self):
        return self.number


class Failing(Guarded):
    properties = COUNTING_ON

    def run(self):
        raise ConnectionError("refused")

    def fallback(self):
        return self.number


class Open(Failing):
    properties = FORCED_OPEN


@command(properties=FORCED_OPEN)
def refusing(number):
    return number


def broken(number):
    raise ConnectionError("refused")


def instead(error):
    return 1


def pyresilience():
    package = pytest.importorskip("pyresilience")
    return package.resilient(
        circuit_breaker=package.CircuitBreakerConfig(failure_threshold=NEVER),
        fallback=package.FallbackConfig(handler=instead),
    )(broken)


def interlock():
    package = pytest.importorskip("interlock")
    breaker = package.CircuitBreaker(name="X", config=package.Config(minimum_number_of_calls=NEVER))
    call = package.Pipeline(package.FallbackStrategy(instead), package.CircuitBreakerStrategy(breaker)).call
    return lambda number: call(broken, number)


@pytest.mark.benchmark(group="command closed")
def test_plain_object(steady):
    """A new object and its method: what every command is compared with."""
    assert steady(lambda: Plain(1).run()) == 1


@pytest.mark.benchmark(group="command closed")
def test_command(steady):
    """A new command and execute(), everything on."""
    assert steady(lambda: Guarded(1).execute()) == 1


@pytest.mark.benchmark(group="command fails, fallback answers")
def test_plain_failing(steady):
    """The same by try and except."""
    assert steady(lambda: Plain(1).answer()) == 1


@pytest.mark.benchmark(group="command fails, fallback answers")
def test_failing(steady):
    """run raises, the fallback answers, the breaker counts and stays closed."""
    assert steady(lambda: Failing(1).execute()) == 1


@pytest.mark.benchmark(group="command fails, fallback answers")
@pytest.mark.parametrize("peer", [pyresilience, interlock], ids=lambda peer: peer.__name__)
def test_peer_failing(steady, peer):
    """The same by the peers that fall back on failures."""
    assert steady(peer(), 1) == 1


@pytest.mark.benchmark(group="circuit open")
def test_open_with_fallback(steady):
    """The fallback answers."""
    assert steady(lambda: Open(1).execute()) == 1


@pytest.mark.benchmark(group="circuit open")
def test_circuitbreaker_with_fallback(steady):
    """The peer's fallback answers refusals, not failures."""
    package = pytest.importorskip("circuitbreaker")
    call = package.CircuitBreaker(failure_threshold=1, recovery_timeout=LONG, fallback_function=instead)(broken)
    with pytest.raises(ConnectionError):
        call(1)
    assert steady(call, 1) == 1


def refused(call, error):
    """One refused call and its except clause."""

    def calling():
        try:
            call()
        except error:
            return True
        return False

    return calling


@pytest.mark.benchmark(group="circuit open, raising")
def test_open_raising(steady):
    """CircuitOpenError reaches the caller."""
    assert steady(refused(lambda: refusing(1), CircuitOpenError))


@pytest.mark.benchmark(group="circuit open, raising")
def test_open_circuitbreaker(steady):
    """The peer that refuses fastest."""
    package = pytest.importorskip("circuitbreaker")

    @package.CircuitBreaker(failure_threshold=1, recovery_timeout=LONG)
    def broken(number):
        raise ConnectionError(number)

    with pytest.raises(ConnectionError):
        broken(1)
    assert steady(refused(lambda: broken(1), package.CircuitBreakerError))


class InTask(AsyncCommand[int]):
    async def run(self):
        return 1


@pytest.mark.benchmark(group="command closed")
def test_command_beside_tasks(steady):
    """The same in a process where commands run in tasks, too: the contextvars are looked at."""
    asyncio.run(InTask().execute())
    assert steady(lambda: Guarded(1).execute()) == 1
