"""A thousand callers nobody waits for give up at once, while their fallbacks are slow."""

from __future__ import annotations

import time
from concurrent.futures import wait

import hystrixpy
from hystrixpy import CommandTimeoutError, FallbackRejectedError, ThreadPoolProperties

from .drivers import DRIVERS, Target
from .gates import PATIENCE, Gate, eventually

ROOM = ThreadPoolProperties(core_size=10, max_queue_size=1000, queue_rejection_threshold=1000)
CROWD = 1000


def crowd(targets, fallback=None):
    """A thousand queued commands that hang, or wait behind those that do."""
    guarded = Target(DRIVERS[4], fallback, pool=ROOM, timeout=0.5, fallback_max_concurrent=CROWD, breaker_enabled=False)
    targets.append(guarded)
    return guarded, [guarded.make(overrun=True).queue() for _ in range(CROWD)]


def test_all_are_answered_on_time(targets):
    """990 are taken out of the queue, 10 workers are left behind, and every future holds its timeout."""
    guarded, futures = crowd(targets)
    began = time.monotonic()
    assert len(wait(futures, PATIENCE).done) == CROWD
    assert time.monotonic() - began < 5.0
    assert {type(future.exception()) for future in futures} == {CommandTimeoutError}
    assert guarded.counts == {"TIMEOUT": CROWD, "FALLBACK_MISSING": CROWD}
    assert (guarded.metrics.abandoned, guarded.metrics.concurrency, guarded.pool.queue_size) == (10, 0, 0)
    assert hystrixpy.registry.circuit(guarded.key).latency().count == CROWD


def test_slow_fallbacks_hold_up_nobody(targets):
    """Ten fallbacks hang on the ten threads; the other 990 callers are told at once that there is no room."""
    gate = Gate()
    guarded, futures = crowd(targets, gate.wait)
    eventually(lambda: sum(future.done() for future in futures) == CROWD - 10)
    refused = [future.exception() for future in futures if future.done()]
    assert {type(error) for error in refused} == {FallbackRejectedError}
    assert {type(error.__cause__) for error in refused} == {CommandTimeoutError}
    gate.open()
    assert len(wait(futures, PATIENCE).done) == CROWD
    assert guarded.counts == {"TIMEOUT": CROWD, "FALLBACK_REJECTION": CROWD - 10, "FALLBACK_SUCCESS": 10}
    assert guarded.metrics.concurrency == 0
