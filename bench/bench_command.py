"""What does a synchronous command cost: closed, failing, open; as a class and as a decorated function?

The plain rows do the same work unguarded. The peers guard a function; each has what it has: most a breaker alone,
pyresilience and interlock also a bulkhead, the fallback where they know one.
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


def work(number):
    return number


@command(properties=SEMAPHORE)
def guarded(number):
    return number


def circuitbreaker(fn):
    package = pytest.importorskip("circuitbreaker")
    return package.CircuitBreaker(failure_threshold=NEVER)(fn)


def pybreaker(fn):
    return pytest.importorskip("pybreaker").CircuitBreaker(fail_max=NEVER)(fn)


def interlock(fn):
    package = pytest.importorskip("interlock")
    config = package.Config(window_type=package.WindowType.TIME_BASED, window_size=10, minimum_number_of_calls=NEVER)
    call = package.CircuitBreaker(name="X", config=config).call_sync
    return lambda number: call(fn, number)


def pyresilience(fn):
    package = pytest.importorskip("pyresilience")
    return package.resilient(circuit_breaker=package.CircuitBreakerConfig(failure_threshold=NEVER))(fn)


PEERS = [circuitbreaker, pybreaker, interlock, pyresilience]


@pytest.mark.benchmark(group="command closed")
def test_plain_object(steady):
    """A new object and its method: what every command is compared with."""
    assert steady(lambda: Plain(1).run()) == 1


@pytest.mark.benchmark(group="command closed")
def test_command(steady):
    """A new command and execute(), everything on."""
    assert steady(lambda: Guarded(1).execute()) == 1


@pytest.mark.benchmark(group="function closed")
def test_bare_function(steady):
    """What the decorated function and the peers are compared with."""
    assert steady(work, 1) == 1


@pytest.mark.benchmark(group="function closed")
def test_command_function(steady):
    """@command(isolation="semaphore"), everything on."""
    assert steady(guarded, 1) == 1


@pytest.mark.benchmark(group="function closed")
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)
def test_peer(steady, peer):
    """The peer's usual form around the same function."""
    assert steady(peer(work), 1) == 1


@pytest.mark.benchmark(group="command fails, fallback answers")
def test_plain_failing(steady):
    """The same by try and except."""
    assert steady(lambda: Plain(1).answer()) == 1


@pytest.mark.benchmark(group="command fails, fallback answers")
def test_failing(steady):
    """run raises, the fallback answers, the breaker counts and stays closed."""
    assert steady(lambda: Failing(1).execute()) == 1


@pytest.mark.benchmark(group="circuit open")
def test_open_with_fallback(steady):
    """The fallback answers."""
    assert steady(lambda: Open(1).execute()) == 1


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
