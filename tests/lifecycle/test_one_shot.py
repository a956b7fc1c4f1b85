"""An instance is one call: the second execution is refused, and the first one does not notice."""

from __future__ import annotations

import pytest

import hystrixpy
from hystrixpy import Command, CommandProperties, CommandStateError, PropertyError

from .gates import Gate


def test_a_second_execution_is_refused(target):
    """CommandStateError on every driver, and nothing is counted."""
    guarded = target()
    made = guarded.make()
    assert guarded.driver.outcome(made).value == "value"
    second = guarded.driver.outcome(made)
    assert isinstance(second.error, CommandStateError)
    assert second.error.command_key == guarded.key
    assert guarded.counts == {"SUCCESS": 1}


def test_the_message_says_what_to_do():
    """A newcomer learns that one instance is one call, and what to write instead."""

    class GetUser(Command[int]):
        properties = CommandProperties(isolation="semaphore")

        def run(self):
            return 1

    made = GetUser()
    made.execute()
    with pytest.raises(CommandStateError, match=r"'GetUser' was already executed: .*make a new GetUser\(\.\.\.\)"):
        made.execute()


def test_of_a_function_the_message_says_to_call_it_again():
    """The class behind a decorated function is nobody's business."""

    @hystrixpy.command(isolation="semaphore")
    def answer():
        return 42

    made = answer.command()
    assert made.execute() == 42
    with pytest.raises(CommandStateError, match="call the function again"):
        made.execute()


def test_a_second_queue_while_the_first_runs_leaves_its_future_alone(threaded):
    """The second future holds the error, the first one the value."""
    guarded, gate = threaded(), Gate()
    made = guarded.make(hold=gate)
    first = made.queue()
    second = made.queue()
    assert isinstance(second.exception(10), CommandStateError)
    gate.open()
    assert first.result(10) == "value"


def test_a_second_execution_after_a_reset_does_not_move_the_first_to_the_new_circuit(target):
    """What settles late counts in the circuit where it began, whatever is tried with the command meanwhile."""
    guarded, gate = target(), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    old = guarded.metrics
    hystrixpy.reset(timeout=0)
    assert isinstance(guarded.driver.outcome(started.made).error, CommandStateError)
    gate.open()
    assert started.outcome().value == "value"
    assert old.cumulative_count(hystrixpy.EventType.SUCCESS) == 1
    assert old.concurrency == 0
    assert guarded.counts == {}
    assert guarded.metrics.concurrency == 0


def test_broken_properties_do_not_use_the_command_up(target, monkeypatch):
    """The source is mended, and the same instance runs."""
    guarded = target()
    made = guarded.make()
    monkeypatch.setenv("HYSTRIXPY__COMMAND__target__TIMEOUT", "-1")
    assert isinstance(guarded.driver.outcome(made).error, PropertyError)
    monkeypatch.delenv("HYSTRIXPY__COMMAND__target__TIMEOUT")
    hystrixpy.reset()
    assert guarded.driver.outcome(made).value == "value"
