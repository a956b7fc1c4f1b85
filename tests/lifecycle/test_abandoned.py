"""is_abandoned(): whether anybody still waits for what this code does."""

from __future__ import annotations

import threading

import hystrixpy
from hystrixpy import Command, CommandProperties, is_abandoned

from .gates import Gate


def test_outside_of_commands_nobody_is_abandoned():
    """False, and no error."""
    assert is_abandoned() is False


def test_a_run_in_time_is_not_abandoned(target):
    """False while the caller waits."""
    assert target().call(is_abandoned).value is False


def test_an_abandoned_run_knows_even_while_the_fallback_runs(target, driver):
    """True in the run that was left behind, False in the fallback, whose caller waits."""
    answers, told = {}, Gate()

    def fallback():
        guarded.scripts[0].late.open()
        if guarded.driver.isolation == "thread":
            told.wait()
        answers["fallback"] = is_abandoned()

    def run():
        answers["run"] = is_abandoned()
        told.open()

    guarded = target(fallback, timeout=0.3 if driver.is_threaded else 0.02)
    guarded.call(run, overrun=True)
    assert answers["fallback"] is False
    if guarded.driver.isolation == "thread":
        assert answers["run"] is True


def test_what_an_abandoned_run_calls_is_abandoned_too(targets):
    """A nested command asks up to the command whose caller left; a thread that shares the context does, too."""
    gate, done, answers = Gate(), threading.Event(), []

    class Inner(Command[None]):
        properties = CommandProperties(isolation="semaphore", timeout=None)

        def run(self):
            gate.wait()
            answers.append(is_abandoned())

    class Outer(Command[None]):
        properties = CommandProperties(timeout=0.3)

        def run(self):
            try:
                Inner().execute()  # its limit is what is left of ours: it ends as a timeout itself
            finally:
                done.set()

        def fallback(self):
            gate.open()
            assert done.wait(10)

    Outer().execute()
    assert answers == [True]


def test_a_cancelled_run_is_abandoned():
    """The future was cancelled while run ran."""
    gate, answers = Gate(), []

    class Slow(Command[None]):
        def run(self):
            gate.wait()
            answers.append(is_abandoned())

    future = Slow().queue()
    gate.wait_reached()
    assert future.cancel()
    gate.open()
    hystrixpy.shutdown(wait=True)
    assert answers == [True]
