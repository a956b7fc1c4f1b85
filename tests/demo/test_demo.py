"""The demo as a person starts it: a subprocess that tells its story and compares its numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.otlp import Received, Receiver

pytest.importorskip("grpc", reason="grpcio is not installed here")

from hystrixpy.demo import summary
from hystrixpy.demo.calls import KEYS
from hystrixpy.demo.summary import Row

pytestmark = pytest.mark.serial


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hystrixpy.demo", "--port", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_story_ends_with_equal_numbers() -> None:
    """Every circuit is shown each second, each phase is told, and the receiver has what was counted."""
    done = demo("--seconds", "8", "--rate", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for key in KEYS:
        assert sum(f" {key} " in line and "/s" in line for line in lines) >= 7
    for word in ("healthy", "hang", "fail", "recovered", "circuit 'GetReport' opened"):
        assert word in done.stdout
    assert "numbers agree" in lines[-1]
    assert done.stderr == ""


def test_a_collector_of_ones_own_gets_the_numbers() -> None:
    """``--otlp-endpoint`` exports there, and leaves the comparison to it."""
    with Receiver("grpc") as receiver:
        done = demo("--seconds", "2", "--rate", "30", "--otlp-endpoint", receiver.endpoint)
    assert done.returncode == 0, done.stdout + done.stderr
    for key in KEYS:
        assert receiver.received.total("hystrix.command.events", {"hystrix.command.key": key}) > 0
        assert receiver.received.spans_named(key)


def test_numbers_that_differ_are_shown() -> None:
    """A count that did not arrive is marked; one nobody asked for is not."""
    rows = [Row("A", "success", 3, 3), Row("A", "failure", 2, 1), Row("B", "success", 5, None)]
    assert summary.differences(rows) == [rows[1]]
    assert [line for line in summary.table(rows).splitlines() if "differs" in line] == [
        f"  {'':<10} {'failure':<22} {2:>9} {1:>9}   <- differs"
    ]


def test_what_never_arrived_counts_as_zero() -> None:
    """An empty receiver makes every count differ."""
    from hystrixpy import command

    command(key="Lonely", isolation="semaphore")(lambda: None)()
    rows = summary.rows(["Lonely"], Received())
    assert [(row.event, row.counted, row.received) for row in summary.differences(rows)] == [
        ("success", 1, 0),
        ("latencies (histogram)", 1, 0),
    ]


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--seconds", "nan"], ["--seconds", "soon"]])
def test_nonsense_is_refused(arguments: list[str]) -> None:
    """Status 2 and a word about what is wrong, as every command line."""
    done = demo(*arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
