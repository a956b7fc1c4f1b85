"""Ctrl-C while execute() waits for a worker: a real signal to a real process."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import sys, threading, time
import hystrixpy
from hystrixpy import Command, CommandProperties

gate = threading.Event()

class Hang(Command):
    properties = CommandProperties(timeout=TIMEOUT)
    def run(self):
        print("running", flush=True)
        gate.wait(60)
    def fallback(self):
        print("a fallback ran", flush=True)

made = Hang()
try:
    made.execute()
except KeyboardInterrupt:
    print("interrupted", flush=True)
print([event.name for event in made.execution.events], hystrixpy.metrics("Hang").abandoned)
gate.set()
hystrixpy.shutdown()
metrics = hystrixpy.metrics("Hang")
print({event.name: n for event, n in metrics.cumulative_counts().items() if n}, metrics.abandoned, metrics.concurrency)
"""


def interrupted(timeout):
    """What the program prints when SIGINT comes while run runs."""
    command = [sys.executable, "-c", PROGRAM.replace("TIMEOUT", timeout)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    return out, [line for line in err.splitlines() if "the caller gave up" not in line]


EXPECTED = "interrupted\n['CANCELLED'] 1\n{'CANCELLED': 1} 0 0\n"


def test_with_a_limit():
    """KeyboardInterrupt at once, CANCELLED, no fallback; the worker keeps its slot until run returns."""
    assert interrupted("30.0") == (EXPECTED, [])


def test_without_a_limit():
    """The same where nothing else would ever wake the caller."""
    assert interrupted("None") == (EXPECTED, [])
