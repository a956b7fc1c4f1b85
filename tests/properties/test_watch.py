"""Watched files: every way of replacing one is seen, and no fault and no half-written file loses a good value.

The looks are made by hand (``poll``), so nothing here waits for time; the last tests let the real thread do it.
"""

from __future__ import annotations

import logging
import os
import threading

import pytest

from hystrixpy import PropertyError, configure
from hystrixpy.properties import explain, on_change, reload_errors, reload_failed, remove_on_change, resolve
from hystrixpy.properties.store import Store
from hystrixpy.properties.watch import INTERVAL, Watcher

GOOD = "[command.K]\ntimeout = {}\n"


class ByHand(Watcher):
    """A watcher without a thread."""

    def start(self) -> None:
        pass


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr("hystrixpy.properties.store.Watcher", ByHand)
    return Store(environ={})


def look(store, times=2):
    for _ in range(times):
        store._watcher.poll()


def timeout(store):
    return store.current().values["command", "K"]["timeout"].value


def replaced(path, text):
    """Replace a file as careful writers do: a new one beside it, then a rename."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@pytest.fixture
def file(tmp_path, store):
    path = tmp_path / "x.toml"
    path.write_text(GOOD.format(0.1))
    store.configure(None, (str(path),), True)
    return path


@pytest.mark.usefixtures("file")
def test_an_unchanged_file_is_not_read_again(store):
    """Looking costs a stat; the state stays the same object."""
    before = store.current()
    look(store, 5)
    assert store.current() is before


def test_an_atomic_rename_is_seen(file, store):
    """The new file's values are in force after two looks."""
    replaced(file, GOOD.format(0.2))
    look(store)
    assert timeout(store) == 0.2


def test_a_rewrite_in_place_of_the_same_size_is_seen(file, store):
    """Same inode, same size: the times tell."""
    file.write_text(GOOD.format(0.2))
    look(store)
    assert timeout(store) == 0.2


def test_old_times_do_not_hide_a_change(file, store):
    """A copy that keeps the modification time is another inode; in place, the change time tells."""
    found = file.stat()
    file.write_text(GOOD.format(0.2))
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    look(store)
    assert timeout(store) == 0.2


def test_a_file_is_read_only_when_it_has_stopped_changing(file, store):
    """Truncated at one look, written at the next: the empty state in between is never in force."""
    seen = []
    store.on_change(lambda: seen.append(timeout(store)))
    file.write_text("")
    look(store, 1)
    assert timeout(store) == 0.1
    file.write_text(GOOD.format(0.2))
    look(store, 1)
    assert timeout(store) == 0.1
    look(store, 1)
    assert timeout(store) == 0.2
    assert seen == [0.2]


def test_an_emptied_file_that_stays_empty_says_nothing(file, store):
    """Whoever removes all overrides means it."""
    file.write_text("")
    look(store)
    assert store.current().values == {}


def test_a_kubernetes_swap_is_seen(tmp_path, store):
    """The file is a symlink through ``..data``, which is turned to another folder by rename; the old one is removed."""

    def volume(name, text):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.toml").write_text(text)
        (tmp_path / "..tmp").symlink_to(name)
        (tmp_path / "..tmp").rename(tmp_path / "..data")

    volume("..v1", GOOD.format(0.1))
    file = tmp_path / "x.toml"
    file.symlink_to("..data/x.toml")
    store.configure(None, (str(file),), True)
    assert timeout(store) == 0.1
    for number, value in ((2, 0.2), (3, 0.3)):
        volume(f"..v{number}", GOOD.format(value))
        (tmp_path / f"..v{number - 1}" / "x.toml").unlink()
        look(store)
        assert timeout(store) == value


def test_a_vanished_file_keeps_its_values_and_is_read_when_it_is_back(file, store, caplog):
    """One WARNING, no error counted, and other files go on being watched."""
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        file.unlink()
        look(store, 4)
    assert timeout(store) == 0.1
    assert [record.getMessage() for record in caplog.records] == [
        f"{file} has vanished; its values stay in force until it comes back"
    ]
    assert store.reload_errors == 0
    file.write_text(GOOD.format(0.2))
    look(store)
    assert timeout(store) == 0.2


def test_the_other_files_change_while_one_is_gone(tmp_path, file, store):
    """The vanished one's values stay beside the new ones of the other."""
    other = tmp_path / "y.properties"
    other.write_text("hystrix.command.K.fallback.enabled=false")
    store.configure(None, (str(file), str(other)), True)
    file.unlink()
    replaced(other, "hystrix.command.K.fallback.enabled=true")
    look(store)
    assert timeout(store) == 0.1
    assert store.current().values["command", "K"]["fallback_enabled"].value is True


BROKEN = ["[command.K", "[command.K]\ntimeout = 0\n", "[comand.K]\n", "\x00", "x" * (1 << 20) + "\n"]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_reload_keeps_the_last_good_values(text, file, store, caplog):
    """Logged once at WARNING with the place, counted once, remembered until a good one."""
    before = store.generation
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        replaced(file, text)
        look(store, 6)
    assert (timeout(store), store.reload_errors, store.generation) == (0.1, 1, before)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("hystrixpy", "WARNING")
    assert str(file) in record.getMessage()
    assert str(file) in store.current().reload_error
    replaced(file, GOOD.format(0.2))
    look(store)
    assert (timeout(store), store.current().reload_error, store.reload_errors) == (0.2, None, 1)


def test_a_good_file_beside_a_broken_one_waits_for_it(tmp_path, file, store):
    """A change is taken over whole or not at all, and the good file is not forgotten."""
    other = tmp_path / "y.toml"
    other.write_text("[command.K]\nmax_concurrent = 3\n")
    store.configure(None, (str(file), str(other)), True)
    replaced(file, "broken")
    replaced(other, "[command.K]\nmax_concurrent = 4\n")
    look(store)
    assert store.current().values["command", "K"]["max_concurrent"].value == 3
    replaced(file, GOOD.format(0.2))
    look(store)
    assert store.current().values["command", "K"]["max_concurrent"].value == 4
    assert timeout(store) == 0.2


def test_a_reload_keeps_mapping_and_environment(file, store):
    """Only the files are read again."""
    store._environ = {"HYSTRIXPY__COMMAND__K__MAX_CONCURRENT": "9"}
    store.configure({"command": {"K": {"fallback_enabled": False}}}, (str(file),), True)
    store._environ = {"HYSTRIXPY__COMMAND__K__MAX_CONCURRENT": "broken"}
    replaced(file, GOOD.format(0.2))
    look(store)
    found = store.current().values["command", "K"]
    assert (found["max_concurrent"].value, found["fallback_enabled"].value, found["timeout"].value) == (9, False, 0.2)


def test_a_watcher_that_was_replaced_changes_nothing(file, store):
    """A look that began before configure() or a reset overwrites nothing after it."""
    late = store._watcher
    store.configure({"command": {"K": {"timeout": 0.9}}}, (), False)
    replaced(file, GOOD.format(0.2))
    late.poll()
    late.poll()
    assert timeout(store) == 0.9
    store.forget()
    replaced(file, GOOD.format(0.3))
    late.poll()
    late.poll()
    assert store._state is None


def test_a_failed_configure_goes_on_watching(file, store):
    """Everything stays as it was, the watcher too."""
    with pytest.raises(PropertyError):
        store.configure({"x": {}}, None, False)
    replaced(file, GOOD.format(0.2))
    look(store)
    assert timeout(store) == 0.2


def test_unused_names_are_listed_again_only_when_they_change(tmp_path, store, caplog):
    """A reload with the same list is silent."""
    path = tmp_path / "x.properties"
    path.write_text("hystrix.command.K.threadPoolKeyOverride=a")
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        store.configure(None, (str(path),), True)
        replaced(path, "hystrix.command.K.threadPoolKeyOverride=b")
        look(store)
        assert len(caplog.records) == 1
        replaced(path, "hystrix.command.L.threadPoolKeyOverride=b")
        look(store)
        assert len(caplog.records) == 2


# -- the real thread


def test_three_looks_fit_into_two_seconds():
    """The promise: a change is in force within 2 s, and half a second is left for a busy machine."""
    assert 3 * INTERVAL <= 1.5


def watching():
    return [thread for thread in threading.enumerate() if thread.name == "hystrix-config-watch"]


@pytest.mark.parametrize("how", [True, "watchfiles"])
def test_a_watched_file_is_reloaded_by_itself(how, tmp_path):
    """The change listener is called with the new value in force; a broken file after it is shown by explain."""
    if how == "watchfiles":
        pytest.importorskip("watchfiles")
    file = tmp_path / "x.toml"
    file.write_text(GOOD.format(0.1))
    configure(file=file, watch=how)
    changed = threading.Event()
    on_change(changed.set)
    try:
        replaced(file, GOOD.format(0.2))
        assert changed.wait(20)
        assert resolve("command", "K").values.timeout == 0.2
        errors = reload_errors()
        replaced(file, "broken")
        for _ in range(400):
            if reload_errors() > errors:
                break
            changed.clear()
            changed.wait(0.05)
        assert reload_errors() == errors + 1
        assert "the last reload failed, the values before it stay: " in str(explain("command", "K"))
        assert explain("command", "K").reload_error.startswith(f"{file}, line 1: not valid TOML")
    finally:
        remove_on_change(changed.set)
    (thread,) = watching()
    assert thread.daemon
    configure()
    assert watching() == []


def test_configure_from_a_listener_on_the_watching_thread_does_not_wait_for_itself(tmp_path):
    """The callback replaces the watcher it is called by."""
    file = tmp_path / "x.toml"
    file.write_text(GOOD.format(0.1))
    configure(file=file, watch=True)
    done = threading.Event()

    def callback():
        if not done.is_set():
            done.set()
            configure({"command": {"K": {"timeout": 0.7}}})
            finished.set()

    finished = threading.Event()
    on_change(callback)
    try:
        replaced(file, GOOD.format(0.2))
        assert finished.wait(20)
    finally:
        remove_on_change(callback)
    assert resolve("command", "K").values.timeout == 0.7


def test_a_failure_found_elsewhere_counts_as_one_of_the_reload(caplog):
    """reload_failed() is for the registry, which alone knows what code says."""
    configure()
    before = reload_errors()
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        reload_failed("does not fit")
    assert reload_errors() == before + 1
    assert explain("command", "K").reload_error == "does not fit"
    assert "does not fit" in caplog.text


@pytest.mark.serial
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_goes_on_watching(tmp_path):
    """The child has a watching thread of its own, also when the fork found the lock taken."""
    file = tmp_path / "x.toml"
    file.write_text(GOOD.format(0.1))
    configure(file=file, watch=True)
    read, write = os.pipe()
    from hystrixpy.properties import dynamic

    with dynamic._store._lock:
        child = os.fork()
    if child == 0:
        changed = threading.Event()
        on_change(changed.set)
        replaced(file, GOOD.format(0.2))
        seen = changed.wait(20) and resolve("command", "K").values.timeout == 0.2
        os.write(write, b"1" if seen else b"0")
        os._exit(0)
    os.close(write)
    answer = os.read(read, 1)
    os.close(read)
    os.waitpid(child, 0)
    assert answer == b"1"


def test_without_the_kernels_help_the_thread_polls(tmp_path, monkeypatch, caplog):
    """watchfiles that cannot watch is reported, and changes are still seen."""
    watchfiles = pytest.importorskip("watchfiles")

    def refuses(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watchfiles, "watch", refuses)
    file = tmp_path / "x.toml"
    file.write_text(GOOD.format(0.1))
    changed = threading.Event()
    configure(file=file, watch="watchfiles")
    on_change(changed.set)
    try:
        replaced(file, GOOD.format(0.2))
        assert changed.wait(20)
    finally:
        remove_on_change(changed.set)
    assert "the kernel does not watch the configuration" in caplog.text


def test_a_forked_child_counts_its_own_reload_errors() -> None:
    """From zero: a sum over parent and children counts each error once."""
    reload_failed("broken")
    child = os.fork()
    if child == 0:
        os._exit(reload_errors())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert reload_errors() > 0
