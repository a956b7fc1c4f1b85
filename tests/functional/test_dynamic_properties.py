"""Properties changed while everything runs: they apply to the next call, whole, and no call is lost."""

from __future__ import annotations

import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import hystrixpy
from hystrixpy import (
    AsyncCommand,
    CircuitOpenError,
    Command,
    CommandFailedError,
    CommandProperties,
    EventType,
    FallbackRejectedError,
    PropertyConflictWarning,
    PropertyError,
    RequestContext,
    SemaphoreRejectedError,
    ThreadPoolProperties,
    ThreadPoolRejectedError,
    command,
    configure,
    deadline,
    explain_properties,
    metrics,
    thread_pool,
)
from hystrixpy.properties import reload_errors, reload_failed


def set_command(**values):
    """The dynamic level for the key K, and nothing else."""
    configure({"command": {"K": values}})


def set_pool(**values):
    configure({"thread_pool": {"P": values}})


def make(run, **options):
    """A command with the key K on the pool P."""
    return command(key="K", thread_pool="P", **options)(run)


@contextmanager
def held(guarded, count):
    """That many calls inside ``run``, until the block ends. ``guarded`` takes an entry and an exit."""
    entered, leave = threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(count) as callers:
        calls = [callers.submit(guarded, entered.release, leave.wait) for _ in range(count)]
        try:
            for _ in calls:
                assert entered.acquire(timeout=20)
            yield
        finally:
            leave.set()
    assert [call.exception() for call in calls] == [None] * count


def hold(enter, wait):
    enter()
    wait(20)


def nothing(*_):
    pass


# -- one property after the other


@pytest.mark.parametrize("isolation", ["thread", "semaphore"])
def test_timeout(isolation):
    """The time left inside run is that of the newest value; None is no limit."""
    left = make(deadline, isolation=isolation)
    assert 0.5 < left() <= 1
    set_command(timeout=100)
    assert 99 < left() <= 100
    set_command(timeout=None)
    assert left() is None
    configure()
    assert 0.5 < left() <= 1


def test_isolation():
    """The next call runs where the newest value says."""
    where = make(lambda: threading.current_thread().name)
    assert where().startswith("hystrix-P-")
    set_command(isolation="semaphore")
    assert where() == threading.current_thread().name
    configure()
    assert where().startswith("hystrix-P-")


def test_max_concurrent():
    """The limit applies to those who come, not to those who are in."""
    guarded = make(hold, isolation="semaphore", max_concurrent=2, timeout=None)
    with held(guarded, 2):
        with pytest.raises(SemaphoreRejectedError):
            guarded(nothing, nothing)
        set_command(max_concurrent=3)
        guarded(nothing, nothing)
        set_command(max_concurrent=1)
        with pytest.raises(SemaphoreRejectedError):
            guarded(nothing, nothing)
    guarded(nothing, nothing)


def test_force_open_and_force_closed():
    """Forced open refuses the next call, forced closed lets it through an open breaker, and neither forgets."""
    guarded = make(lambda: 1, isolation="semaphore")
    assert guarded() == 1
    set_command(breaker_force_open=True)
    with pytest.raises(CircuitOpenError):
        guarded()
    set_command(breaker_force_open=True, breaker_force_closed=True)
    with pytest.raises(CircuitOpenError):
        guarded()
    configure()
    assert guarded() == 1


def fail():
    raise ConnectionError


def test_breaker_thresholds_and_enabled():
    """The thresholds of the moment decide when a call settles; a disabled breaker refuses nothing."""
    guarded = make(fail, isolation="semaphore")
    for _ in range(3):
        with pytest.raises(ConnectionError):
            guarded()
    set_command(breaker_volume_threshold=4)
    with pytest.raises(ConnectionError):
        guarded()
    with pytest.raises(CircuitOpenError):
        guarded()
    set_command(breaker_enabled=False)
    with pytest.raises(ConnectionError):
        guarded()


def test_breaker_error_threshold():
    """Lowered under the present share of errors, the next settled call opens the breaker."""
    guarded = make(lambda bad: fail() if bad else None, isolation="semaphore", breaker_volume_threshold=1)
    for bad in [False] * 9:
        guarded(bad)
    with pytest.raises(ConnectionError):
        guarded(True)
    guarded(False)
    set_command(breaker_error_threshold=8)
    guarded(False)
    with pytest.raises(CircuitOpenError):
        guarded(False)


def test_breaker_sleep_window(clock):
    """A breaker that is open already follows the new length."""
    guarded = make(fail, isolation="semaphore", breaker_volume_threshold=1)
    with pytest.raises(ConnectionError):
        guarded()
    clock.advance(1.0)
    with pytest.raises(CircuitOpenError):
        guarded()
    set_command(breaker_sleep_window=1.0)
    with pytest.raises(ConnectionError):
        guarded()


def test_fallback_enabled_and_limit():
    """Both are asked when the fallback is due."""
    guarded = make(fail, isolation="semaphore", fallback=lambda: 2, breaker_enabled=False)
    assert guarded() == 2
    set_command(fallback_enabled=False)
    with pytest.raises(ConnectionError):
        guarded()

    configure()
    entered, leave = threading.Event(), threading.Event()

    def slow():
        entered.set()
        leave.wait(20)

    waiting = command(key="W", isolation="semaphore", fallback=slow)(fail)
    with ThreadPoolExecutor(1) as caller:
        first = caller.submit(waiting)
        assert entered.wait(20)
        configure({"command": {"W": {"fallback_max_concurrent": 1}}})
        with pytest.raises(FallbackRejectedError):
            waiting()
        leave.set()
        first.result(20)


def test_fallback_on_fatal():
    """Whether a MemoryError has a fallback is asked at the time."""

    def run():
        raise MemoryError

    guarded = make(run, isolation="semaphore", fallback=lambda: 2)
    with pytest.raises(MemoryError):
        guarded()
    set_command(fallback_on_fatal=True)
    assert guarded() == 2


def test_ignore_and_raise_hystrix_errors():
    """Both can be set by mapping."""
    guarded = make(fail, isolation="semaphore", fallback=lambda: 2)
    assert guarded() == 2
    set_command(ignore=(ConnectionError,))
    with pytest.raises(ConnectionError):
        guarded()
    set_command(raise_hystrix_errors=True, fallback_enabled=False)
    with pytest.raises(CommandFailedError):
        guarded()


def test_percentile_enabled():
    """Latencies are recorded for calls that settle while it is on."""
    guarded = make(lambda: 1, isolation="semaphore")
    guarded()
    set_command(percentile_enabled=False)
    guarded()
    configure()
    guarded()
    assert metrics("K").latency.count == 2
    assert metrics("K").cumulative_count(EventType.SUCCESS) == 3


def test_request_cache_and_log():
    """Switched off inside a context, the next call neither enters the log nor asks the cache."""
    calls = []
    guarded = make(lambda: calls.append(1), isolation="semaphore", cache_key=lambda: "same")
    with RequestContext() as context:
        guarded()
        guarded()
        assert (len(calls), len(context.log.executed)) == (1, 2)
        set_command(request_cache_enabled=False, request_log_enabled=False)
        guarded()
        assert (len(calls), len(context.log.executed)) == (2, 2)
        configure()
        guarded()
        assert (len(calls), len(context.log.executed)) == (2, 3)


def test_pool_size():
    """One thread more takes the next call; one less takes none until enough have returned."""
    guarded = make(hold, timeout=None, pool_properties=ThreadPoolProperties(core_size=2))
    with held(guarded, 2):
        with pytest.raises(ThreadPoolRejectedError):
            guarded(nothing, nothing)
        set_pool(core_size=3)
        guarded(nothing, nothing)
        set_pool(core_size=1)
        with pytest.raises(ThreadPoolRejectedError):
            guarded(nothing, nothing)
        set_pool(core_size=1, max_size=4, allow_max_to_diverge=True)
        guarded(nothing, nothing)
        assert (thread_pool("P").core_size, thread_pool("P").max_size) == (1, 4)
    configure()
    assert thread_pool("P").core_size == 2


def test_pool_queue():
    """A queue can be given, and its threshold lowered, while calls wait in it."""
    guarded = make(hold, timeout=None, pool_properties=ThreadPoolProperties(core_size=1))
    with held(guarded, 1):
        with pytest.raises(ThreadPoolRejectedError):
            guarded.queue(nothing, nothing).result(20)
        set_pool(max_queue_size=10)
        waiting = [guarded.queue(nothing, nothing) for _ in range(3)]
        set_pool(max_queue_size=10, queue_rejection_threshold=3)
        with pytest.raises(ThreadPoolRejectedError):
            guarded.queue(nothing, nothing).result(20)
        assert thread_pool("P").queue_size == 3
    assert [future.result(20) for future in waiting] == [None] * 3


WINDOWS = [
    ("command", "rolling_window", 20.0),
    ("command", "rolling_buckets", 5),
    ("command", "percentile_window", 30.0),
    ("command", "percentile_buckets", 3),
    ("thread_pool", "rolling_window", 20.0),
    ("thread_pool", "rolling_buckets", 5),
]


@pytest.mark.parametrize(("kind", "name", "value"), WINDOWS)
def test_windows_keep_their_shape_until_reset_and_say_so_once(kind, name, value, caplog):
    """One WARNING record for the key; explain tells what holds and what waits; after a reset that holds."""
    key = {"command": "K", "thread_pool": "P"}[kind]
    guarded = make(lambda: 1)
    guarded()
    before = explain_properties(key, kind)[name]
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        configure({kind: {key: {name: value}}})
        configure({kind: {key: {name: value}}, "command": {"K": {"timeout": 3}}} if kind != "command" else None)
        configure({kind: {key: {name: value}}})
    assert [record.getMessage() for record in caplog.records] == [
        f"{kind}.{key}: a change of {name} takes effect after reset()"
    ]
    found = explain_properties(key, kind)
    assert found[name] == before
    assert found.pending[name].value == value
    assert f"{name} = {value!r} (configure()) takes effect after reset()" in str(found)
    guarded()
    assert metrics("K").rolling_count(EventType.SUCCESS) == 2
    hystrixpy.reset()
    configure({kind: {key: {name: value}}})
    guarded()
    assert explain_properties(key, kind)[name].value == value
    assert dict(explain_properties(key, kind).pending) == {}


def test_values_that_do_not_fit_what_lives_are_refused_whole():
    """Dynamic and code values that clash: configure() raises, naming both places, and no key is changed."""
    guarded = make(deadline, isolation="semaphore", rolling_window=0.05)
    other = command(key="Other", isolation="semaphore")(deadline)
    guarded(), other()
    change = {"command": {"K": {"rolling_buckets": 100}, "default": {"timeout": 100}}}
    with pytest.raises(PropertyError, match=r"command\.K: rolling_window = 0\.05 s \(.*\) in rolling_buckets = 100"):
        configure(change)
    assert guarded() <= 1
    assert other() <= 1
    assert explain_properties("K")["rolling_buckets"].value == 10


def test_a_pool_is_asked_too():
    """The same for what a class says about its pool."""
    make(deadline, pool_properties=ThreadPoolProperties(rolling_window=0.05))()
    with pytest.raises(PropertyError, match=r"thread_pool\.P: rolling_window"):
        set_pool(rolling_buckets=100)


def test_a_pool_about_which_code_says_nothing_is_asked_too():
    """Default and key clash by themselves: refused at once for a pool that lives; no reload has failed."""
    make(deadline)()
    errors = reload_errors()
    with pytest.raises(PropertyError, match=r"thread_pool\.P: rolling_window"):
        configure({"thread_pool": {"default": {"rolling_window": 0.05}, "P": {"rolling_buckets": 100, "core_size": 3}}})
    assert thread_pool("P").core_size == 10
    assert reload_errors() == errors


def test_values_that_do_not_fit_code_are_an_error_at_the_first_call():
    """Before there is a circuit nobody can know; then the call raises, until the configuration is put right."""
    set_command(rolling_buckets=100)
    guarded = make(deadline, isolation="semaphore", rolling_window=0.05)
    for _ in range(2):
        with pytest.raises(PropertyError):
            guarded()
    set_command(rolling_buckets=50)
    assert guarded() <= 1


def test_a_key_that_is_executed_first_after_the_change_has_it():
    """There is nothing to be told to, but the new circuit reads what holds."""
    set_command(timeout=100)
    assert make(deadline, isolation="semaphore", timeout=0.5)() > 99


def test_reset_forgets_dynamic_values():
    """After reset() the code level holds again."""
    left = make(deadline, isolation="semaphore")
    set_command(timeout=100)
    assert left() > 99
    hystrixpy.reset()
    assert left() <= 1


# -- who says what


class Async(AsyncCommand):
    key = "A"

    async def run(self):
        return None


def test_explain_properties_of_each_kind():
    """Code is named by its class, asynchronous commands have their own defaults, pools theirs."""

    class Sync(Command):
        key, thread_pool = "K", "P"
        properties = CommandProperties(timeout=0.3)
        pool_properties = ThreadPoolProperties(core_size=3)

        def run(self):
            return None

    configure({"command": {"default": {"timeout": 5}}, "collapser": {"C": {"delay": 1}}})
    for _ in range(2):
        found = explain_properties("K")
        assert (found["timeout"].value, found["timeout"].level) == (0.3, "code")
        assert found["timeout"].source.endswith("Sync")
        assert explain_properties("P", "thread_pool")["core_size"].value == 3
        assert explain_properties("A")["max_concurrent"].value == 100
        assert explain_properties("A")["isolation"].value == "semaphore"
        assert explain_properties("A")["timeout"].level == "dynamic default"
        assert explain_properties("C", "collapser")["delay"].value == 1.0
        Sync().execute()
    with pytest.raises(PropertyError, match="'pool': must be 'command'"):
        explain_properties("K", "pool")
    with pytest.raises(PropertyError, match="must be the text of a key"):
        explain_properties(Sync)


def test_an_asynchronous_command_stays_on_its_loop():
    """No source can isolate it in threads; explain says so."""
    configure({"command": {"A": {"isolation": "thread"}}})
    assert explain_properties("A")["isolation"].value == "semaphore"


def test_a_second_class_with_other_properties_is_told_at_its_first_execution():
    """The warning names both, points at the call, comes once, and the first one's values hold."""

    def made(seconds):
        class Conflicting(Command):
            key = "K"
            properties = CommandProperties(timeout=seconds, isolation="semaphore")

            def run(self):
                return deadline()

        return Conflicting

    first, second = made(100.0), made(200.0)
    assert first().execute() > 99
    with pytest.warns(PropertyConflictWarning, match=r"timeout 100\.0, not 200\.0") as told:
        left = second().execute()
    assert left <= 100
    assert told[0].filename == __file__
    assert second().execute() <= 100


def test_a_second_claim_to_a_pool_is_told():
    """Pools are claimed as circuits are; who says nothing claims nothing."""
    command(key="1", thread_pool="P")(nothing)()
    command(key="2", thread_pool="P", pool_properties=ThreadPoolProperties(core_size=3))(nothing)()
    assert thread_pool("P").core_size == 3
    with pytest.warns(PropertyConflictWarning, match="thread pool key 'P'.*core_size 3, not 4"):
        command(key="3", thread_pool="P", pool_properties=ThreadPoolProperties(core_size=4))(nothing)()
    assert thread_pool("P").core_size == 3


def test_a_failed_reload_reaches_the_collector():
    """The count of this process is what a reader collects."""
    pytest.importorskip("opentelemetry.sdk.metrics")
    from hystrixpy.telemetry.ledger import Ledger
    from hystrixpy.telemetry.registry_source import RegistrySource
    from tests.telemetry.fakes import Reader

    reader = Reader(Ledger(RegistrySource()))
    make(deadline)()
    before = reload_errors()
    reload_failed("does not fit")
    assert reader.collect().values("hystrix.properties.reload_errors") == {(): before + 1}


class Shipper(logging.Handler):
    """Sends every record by a guarded call, as a handler for a log collector does."""

    def __init__(self, send):
        super().__init__(logging.WARNING)
        self.send = send

    def emit(self, record):
        self.send(record.getMessage())


@pytest.fixture
def shipped(monkeypatch):
    """What arrived at the collector, and the guarded call that sends it."""
    arrived = []
    send = command(key="ship", isolation="semaphore", breaker_enabled=False)(arrived.append)
    handler = Shipper(send)
    logger = logging.getLogger("hystrixpy")
    logger.addHandler(handler)
    yield arrived, send, handler
    logger.removeHandler(handler)


def test_a_handler_that_makes_guarded_calls_may_ship_what_the_first_use_says(shipped, tmp_path, monkeypatch):
    """The record about names without use is made by the very call that reads the sources, and shipped by another."""
    arrived, send, _ = shipped
    file = tmp_path / "x.properties"
    file.write_text("hystrix.command.K.threadPoolKeyOverride=other")
    monkeypatch.setenv("HYSTRIXPY_CONFIG", str(file))
    caller = threading.Thread(target=send, args=("first",), daemon=True)
    caller.start()
    caller.join(20)
    assert not caller.is_alive()
    assert arrived == [
        "Hystrix properties that hystrixpy has no use for: hystrix.command.K.threadPoolKeyOverride",
        "first",
    ]


def test_no_record_is_made_while_others_need_the_lock(shipped):
    """A thread inside the handler makes its first call while the change that is logged waits for the handler."""
    arrived, send, handler = shipped
    send("first")
    entered, late = threading.Event(), command(key="late", isolation="semaphore")(nothing)

    def inside():
        with handler.lock:
            entered.set()
            changed.wait(20)
            late()

    changed = threading.Event()
    other = threading.Thread(target=inside, daemon=True)
    other.start()
    assert entered.wait(20)

    def change():
        configure({"command": {"ship": {"rolling_window": 30.0}}})

    monitor = threading.Thread(target=change, daemon=True)
    monitor.start()
    while explain_properties("ship").pending == {}:
        monitor.join(0.01)
    changed.set()
    other.join(20)
    monitor.join(20)
    assert not other.is_alive()
    assert not monitor.is_alive()
    assert arrived[1:] == ["command.ship: a change of rolling_window takes effect after reset()"]


# -- under load

CALLERS, CALLS, CHANGES = 6, 300, 100


def race(call, change):
    """CALLERS threads call at least CALLS times each, while this thread makes at least CHANGES changes."""
    outcomes = [[] for _ in range(CALLERS)]
    changes = 0

    def work(mine):
        while len(mine) < CALLS or changes < CHANGES:
            mine.append(call())

    callers = [threading.Thread(target=work, args=(mine,)) for mine in outcomes]
    for caller in callers:
        caller.start()
    while any(caller.is_alive() for caller in callers):
        change()
        changes += 1
    for caller in callers:
        caller.join()
    return [outcome for mine in outcomes for outcome in mine]


@pytest.mark.parametrize("isolation", ["thread", "semaphore"])
def test_a_change_applies_to_the_next_call_exactly(isolation):
    """No call that begins after configure() returned sees an older value, and none sees a newer one than was set."""
    begun = done = 0

    def change():
        nonlocal begun, done
        begun += 1
        configure({"command": {"K": {"timeout": 1000.0 + 100 * begun}}})
        done = begun

    guarded = make(deadline, isolation=isolation, pool_properties=ThreadPoolProperties(core_size=CALLERS))
    change()

    def call():
        least = done
        seen = math.ceil((guarded() - 1000) / 100)
        return least <= seen <= begun

    outcomes = race(call, change)
    assert outcomes == [True] * len(outcomes)
    assert metrics("K").cumulative_count(EventType.SUCCESS) == len(outcomes) >= CALLERS * CALLS


def test_a_call_sees_one_consistent_set():
    """Isolation and timeout always belong to the same change."""
    sets = [{"isolation": "semaphore", "timeout": 1000}, {"isolation": "thread", "timeout": 2000}]
    turn = 0

    def change():
        nonlocal turn
        turn += 1
        set_command(**sets[turn % 2])

    def run():
        return threading.current_thread().name.startswith("hystrix-P-"), deadline() > 1000

    guarded = make(run, max_concurrent=CALLERS, pool_properties=ThreadPoolProperties(core_size=CALLERS))
    change()
    outcomes = race(guarded, change)
    assert metrics("K").cumulative_count(EventType.SUCCESS) == len(outcomes)
    assert set(outcomes) <= {(False, False), (True, True)}
    for number, expected in enumerate([(False, False), (True, True)]):
        set_command(**sets[number])
        assert guarded() == expected


def test_forcing_under_load_counts_every_call_once():
    """Each caller's answer and the counters agree to the last call, and the last word holds for the next one."""
    guarded = make(lambda: "value", isolation="semaphore", max_concurrent=CALLERS)
    turn = 0

    def change():
        nonlocal turn
        turn += 1
        set_command(breaker_force_open=turn % 2 == 1)

    def call():
        try:
            return guarded()
        except CircuitOpenError:
            return "refused"

    outcomes = race(call, change)
    counts = metrics("K").cumulative_counts()
    assert counts[EventType.SUCCESS] == outcomes.count("value")
    assert counts[EventType.SHORT_CIRCUITED] == outcomes.count("refused")
    assert metrics("K").concurrency == 0
    set_command(breaker_force_open=True)
    assert call() == "refused"
    set_command()
    assert call() == "value"


def test_thresholds_under_load_lose_no_permit():
    """max_concurrent goes up and down: rejections and successes add up, and in the end all permits are there."""
    guarded = make(hold, isolation="semaphore", timeout=None, breaker_enabled=False)
    turn = 0

    def change():
        nonlocal turn
        turn += 1
        set_command(max_concurrent=1 + turn % CALLERS)

    def call():
        try:
            guarded(nothing, nothing)
        except SemaphoreRejectedError:
            return "rejected"
        return "value"

    outcomes = race(call, change)
    counts = metrics("K").cumulative_counts()
    assert counts[EventType.SUCCESS] == outcomes.count("value")
    assert counts[EventType.SEMAPHORE_REJECTED] == outcomes.count("rejected")
    assert sum(counts.values()) - counts[EventType.EXCEPTION_THROWN] - counts[EventType.FALLBACK_MISSING] == len(
        outcomes
    )
    set_command(max_concurrent=4)
    with held(guarded, 4):
        assert call() == "rejected"
        assert metrics("K").concurrency == 4


def test_resizing_a_pool_under_load_loses_no_call():
    """Sizes go up and down: successes and rejections add up, and in the end the pool has exactly its threads."""
    guarded = make(hold, timeout=None, breaker_enabled=False, pool_properties=ThreadPoolProperties(core_size=CALLERS))
    turn = 0

    def change():
        nonlocal turn
        turn += 1
        set_pool(core_size=1 + turn % CALLERS, max_queue_size=(-1, 2)[turn % 2])

    def call():
        try:
            guarded(nothing, nothing)
        except ThreadPoolRejectedError:
            return "rejected"
        return "value"

    outcomes = race(call, change)
    counts = metrics("K").cumulative_counts()
    pool = thread_pool("P")
    assert counts[EventType.SUCCESS] == outcomes.count("value") == pool.completed
    assert counts[EventType.THREAD_POOL_REJECTED] == outcomes.count("rejected") == pool.rejected
    set_pool(core_size=4)
    with held(guarded, 4):
        assert call() == "rejected"
        assert pool.active == 4
    assert (metrics("K").concurrency, pool.queue_size) == (0, 0)
