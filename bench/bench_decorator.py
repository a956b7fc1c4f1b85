"""What does `@command(isolation="semaphore")` cost around a function and a method, everything on?

Beside the bare call and the peers' usual form around the same function. Each peer has what it has: most a breaker
alone; pyresilience and interlock in a row of their own with the parts a command always has, breaker, bulkhead and
fallback.
"""

import pytest

from hystrixpy import command

NEVER = 10**9
ROOM = 10


def work(number):
    return number


def instead(_error):
    return None


class Plain:
    def work(self, number):
        return number


class Service:
    @command(isolation="semaphore")
    def work(self, number):
        return number


@command(isolation="semaphore")
def guarded(number):
    return number


@command(isolation="semaphore", fallback=lambda number: None)
def with_fallback(number):
    return number


def circuitbreaker(fn):
    return pytest.importorskip("circuitbreaker").CircuitBreaker(failure_threshold=NEVER)(fn)


def pybreaker(fn):
    return pytest.importorskip("pybreaker").CircuitBreaker(fail_max=NEVER)(fn)


def purgatory(fn):
    return pytest.importorskip("purgatory").SyncCircuitBreakerFactory(default_threshold=NEVER)("X")(fn)


def interlock_breaker():
    package = pytest.importorskip("interlock")
    config = package.Config(window_type=package.WindowType.TIME_BASED, window_size=10, minimum_number_of_calls=NEVER)
    return package.CircuitBreaker(name="X", config=config)


def interlock(fn):
    call = interlock_breaker().call_sync
    return lambda number: call(fn, number)


def interlock_stack(fn):
    package = pytest.importorskip("interlock")
    call = package.Pipeline(
        package.FallbackStrategy(instead),
        package.CircuitBreakerStrategy(interlock_breaker()),
        package.BulkheadStrategy(ROOM),
    ).call
    return lambda number: call(fn, number)


def pyresilience(fn):
    package = pytest.importorskip("pyresilience")
    return package.resilient(circuit_breaker=package.CircuitBreakerConfig(failure_threshold=NEVER))(fn)


def pyresilience_stack(fn):
    package = pytest.importorskip("pyresilience")
    return package.resilient(
        circuit_breaker=package.CircuitBreakerConfig(failure_threshold=NEVER),
        bulkhead=package.BulkheadConfig(max_concurrent=ROOM),
        fallback=package.FallbackConfig(handler=instead),
    )(fn)


PEERS = [circuitbreaker, pybreaker, purgatory, interlock, interlock_stack, pyresilience, pyresilience_stack]


@pytest.mark.benchmark(group="function closed")
def test_bare(steady):
    """What the decorated function and the peers are compared with."""
    assert steady(work, 1) == 1


@pytest.mark.benchmark(group="function closed")
@pytest.mark.parametrize("function", [guarded, with_fallback], ids=["plain", "with_fallback"])
def test_command(steady, function):
    """A fallback that is not called is free."""
    assert steady(function, 1) == 1


@pytest.mark.benchmark(group="function closed")
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)
def test_peer(steady, peer):
    """The peer's usual form around the same function."""
    assert steady(peer(work), 1) == 1


@pytest.mark.benchmark(group="method closed")
@pytest.mark.parametrize("service", [Plain, Service], ids=["bare", "command"])
def test_method(steady, service):
    """Looked up on its object at every call, as methods are."""
    one = service()
    assert steady(lambda: one.work(1)) == 1
