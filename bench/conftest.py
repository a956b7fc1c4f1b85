"""What benches of very short calls share."""

import pytest

ROUNDS = 300
CALLS = 500


@pytest.fixture
def steady(benchmark):
    """Benchmark a function by a fixed number of calls per round (one is far shorter than what reading the clock
    costs), and give what one call gives."""

    def measure(function, *args):
        benchmark.pedantic(function, args, rounds=ROUNDS, iterations=CALLS, warmup_rounds=3)
        return function(*args)

    return measure


def pytest_collection_modifyitems(items):
    """Plain calls first: once a command has run in a task or on a worker, every command also looks for the one
    around it in the contextvars. test_command_beside_tasks measures that state on purpose."""
    items.sort(key=lambda item: "beside_tasks" in item.name)
