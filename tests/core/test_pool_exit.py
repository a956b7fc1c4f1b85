"""The end of the interpreter, and fork: nothing hangs, nothing is printed, children start clean."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.serial

QUIET = ("-W", "ignore:This process:DeprecationWarning")
"""From 3.12 on CPython warns of every fork beside threads; that it works for ours is what is tested here."""

TOOLS = """
import os, signal, sys, threading, time
from hystrixpy import ThreadPool, ThreadPoolProperties, ThreadPoolRejectedError
from hystrixpy._native.timer import _Ring, pending

def sizes(**given):
    return ThreadPoolProperties(**given)

def child(check):
    '''Fork; the child's exit status is 0 if check() returned.'''
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            check()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def run(script: str, *, returncode: int = 0) -> str:
    """Run a script of its own interpreter; it must end in time, with that status, and print nothing on stderr."""
    done = subprocess.run(
        [sys.executable, *QUIET, "-c", TOOLS + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", returncode)
    return done.stdout.strip()


STUCK = {
    "idle": "int",
    "in time.sleep": "time.sleep, 3600",
    "in C without the GIL": "lambda: __import__('select').select([], [], [], 3600)",
    "in a lock": "lambda lock=threading.Lock(): (lock.acquire(), lock.acquire())",
    "in Python": "lambda: [None for _ in iter(int, 1)]",
    "in a nested pool": "lambda: ThreadPool('inner').run(time.sleep, 3600)",
}


@pytest.mark.parametrize("work", STUCK.values(), ids=STUCK.keys())
def test_the_interpreter_ends_with_a_worker(work):
    """Daemon threads: no join, no message, whatever a worker is at."""
    script = f"""
    pool = ThreadPool("users")
    begun = threading.Event()
    pool.call(begun.set)
    pool.call({work})
    begun.wait(10)
    _Ring(3600, print)
    print("end")
    """
    assert run(script) == "end"


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_the_interpreter_ends_under_load(threads):
    """Other threads are submitting and waiting while it goes down."""
    script = f"""
    pool = ThreadPool("users", sizes(core_size=4, max_queue_size=8, queue_rejection_threshold=8))
    def load():
        while True:
            try:
                pool.run(int)
                pool.call(time.sleep, 0.0001)
                _Ring(0.001, int)
            except ThreadPoolRejectedError:
                pass
    for _ in range({threads}):
        threading.Thread(target=load, daemon=True).start()
    time.sleep(0.3)
    print("end")
    """
    assert run(script) == "end"


def test_atexit_functions_may_still_use_a_pool():
    """The pool works until the interpreter really goes."""
    script = """
    import atexit
    pool = ThreadPool("users")
    pool.run(int)
    atexit.register(lambda: print(pool.run(abs, -7)))
    """
    assert run(script) == "7"


def test_ctrl_c_ends_a_wait_at_once():
    """KeyboardInterrupt in the waiting main thread; the worker keeps its slot until its work returns."""
    script = """
    pool = ThreadPool("users")
    gate, begun = threading.Event(), threading.Event()
    def interrupt():
        begun.wait(10)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt).start()
    start = time.monotonic()
    try:
        pool.run(lambda: (begun.set(), gate.wait(30)))
    except KeyboardInterrupt:
        print(time.monotonic() - start < 5, pool.active, pool.abandoned)
    gate.set()
    while pool.active:
        time.sleep(0.001)
    print(pool.abandoned, pool.run(abs, -1))
    """
    assert run(script).split() == ["True", "1", "1", "0", "1"]


def test_a_signal_handler_that_returns_does_not_end_a_wait():
    """The wait goes on, and handlers run while it lasts."""
    script = """
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    pool = ThreadPool("users")
    def until_seen():
        while len(seen) < 5:
            time.sleep(0.001)
        return "done"
    print(pool.run(until_seen))
    signal.setitimer(signal.ITIMER_REAL, 0)
    """
    assert run(script) == "done"


def test_a_child_starts_with_an_empty_pool():
    """No thread, nothing queued, nothing in flight; cumulative counts are kept, and every slot works."""
    script = """
    pool = ThreadPool("users", sizes(core_size=2, max_queue_size=2))
    gate = threading.Event()
    pool.run(int)
    futures = [pool.call(gate.wait, 30) for _ in range(4)]
    while pool.active < 2:
        time.sleep(0.001)
    _Ring(3600, print)
    def check():
        numbers = (pool.size, pool.active, pool.queue_size, pool.abandoned, pool.largest, pending())
        assert numbers == (0, 0, 0, 0, 0, 0), numbers
        assert (pool.completed, pool.core_size) == (1, 2)
        assert pool.run(abs, -3) == 3
        gate = threading.Event()
        futures = [pool.call(gate.wait, 30) for _ in range(4)]
        try:
            pool.call(int)
        except ThreadPoolRejectedError:
            gate.set()
        assert [future.result(10) for future in futures] == [True] * 4
        assert pool.completed == 6
        assert pool.shutdown(timeout=10)
    print(child(check))
    print(pool.size, pool.active, pool.queue_size, pending())
    gate.set()
    print([future.result(10) for future in futures] == [True] * 4, pool.completed)
    """
    assert run(script).split("\n") == ["0", "2 2 2 1", "True 5"]


def test_the_timer_works_in_a_child():
    """It starts anew; what the parent waits for rings in the parent only."""
    script = """
    rung = []
    ring = _Ring(0.1, lambda: rung.append("parent"))
    def check():
        _Ring(0.05, lambda: rung.append("child"))
        while not rung:
            time.sleep(0.001)
        time.sleep(0.2)
        ring.done()
        assert rung == ["child"], rung
    print(child(check))
    while not rung:
        time.sleep(0.001)
    print(rung)
    """
    assert run(script).split("\n") == ["0", "['parent']"]


def test_forks_under_load_leave_no_child_stuck():
    """Whatever mutex another thread held at that moment."""
    script = """
    pools = [ThreadPool(f"p{n}", sizes(core_size=2, max_queue_size=4)) for n in range(2)]
    stop = threading.Event()
    def load(pool):
        while not stop.is_set():
            try:
                pool.run(int)
                pool.call(int)
                _Ring(0.0005, int).done()
            except ThreadPoolRejectedError:
                pass
    threads = [threading.Thread(target=load, args=(pool,)) for pool in pools * 2]
    for thread in threads:
        thread.start()
    def check():
        for pool in pools:
            assert [pool.run(abs, -n) for n in range(20)] == list(range(20))
            assert pool.call(abs, -5).result(10) == 5
        rung = threading.Event()
        _Ring(0.001, rung.set)
        assert rung.wait(10)
    print([child(check) for _ in range(30)] == [0] * 30)
    stop.set()
    for thread in threads:
        thread.join(10)
    print([pool.shutdown(timeout=10) for pool in pools], [pool.active for pool in pools])
    """
    assert run(script).split("\n") == ["True", "[True, True] [0, 0]"]


def test_a_worker_that_forks_goes_on_in_the_child_as_its_main_thread():
    """In the child the work ends, and the thread with it; the parent counts one work."""
    script = """
    pool = ThreadPool("users", sizes(core_size=1))
    def work():
        return child(lambda: (pool.run(abs, -4) == 4) or 1 / 0)
    print(pool.run(work), pool.completed, pool.active)
    """
    assert run(script) == "0 1 0"


def test_a_child_that_returns_from_the_work_ends_quietly():
    """The forked worker leaves a pool that no longer exists in its process."""
    script = """
    pool = ThreadPool("users", sizes(core_size=1))
    pid = pool.run(os.fork)
    if pid == 0:
        raise SystemExit("only the worker's copy lives in the child")
    print(os.waitpid(pid, 0)[1], pool.completed)
    """
    assert run(script) == "0 1"
