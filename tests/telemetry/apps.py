"""Programs that tests start: OpenTelemetry keeps one provider per process for good, so each gets a process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

PRELUDE = """
import time
import hystrixpy.telemetry
from hystrixpy.events import EventType
from hystrixpy.telemetry import setup, wiring
from tests.telemetry.fakes import FakeCircuit, FakeSource

source = FakeSource(circuit := FakeCircuit("a"))
wiring._registry = lambda: source
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program on fake circuits to its end; its output."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(code)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def succeed(code: str, **environment: str) -> str:
    """The same, for a program that must succeed and complain of nothing; what it printed."""
    done = run(code, **environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
