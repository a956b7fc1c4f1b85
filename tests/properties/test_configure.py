"""configure(), the environment and HYSTRIXPY_CONFIG: what is read when, and what a fault leaves behind."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading

import pytest

from hystrixpy import CommandProperties, PropertyError, ThreadPoolProperties, command, configure, deadline, reset
from hystrixpy.properties import generation, on_change, remove_on_change, reset_sources, resolve


def timeout(key="K", code=None):
    return resolve("command", key, code).values.timeout


def test_a_second_call_replaces_the_first():
    """Nothing of the first mapping is left."""
    configure({"command": {"K": {"timeout": 0.1}, "L": {"timeout": 0.2}}})
    configure({"command": {"L": {"timeout": 0.3}}})
    assert (timeout("K"), timeout("L")) == (1.0, 0.3)
    configure()
    assert timeout("L") == 1.0


def test_the_mapping_is_taken_over_by_value():
    """Changing the mapping afterwards changes nothing."""
    mapping = {"command": {"K": {"timeout": 0.1}}}
    configure(mapping)
    mapping["command"]["K"]["timeout"] = 0.9
    assert timeout() == 0.1


def test_a_properties_object_may_stand_for_a_table():
    """What it was given counts, its defaults do not."""
    configure({"command": {"default": {"max_concurrent": 3}, "K": CommandProperties(timeout=0.1)}})
    found = resolve("command", "K").values
    assert (found.timeout, found.max_concurrent) == (0.1, 3)


FAULTS = [
    ({"comand": {}}, "configure(): no section 'comand'; did you mean 'command'?"),
    ({"command": {"K": {"timout": 1}}}, "configure(): command.K has no property 'timout'; did you mean 'timeout'?"),
    ({"command": {"K": {"timeout": False}}}, "configure(): command.K.timeout = False: must be a time above 0 s"),
    ({"command": {"K": {"timeout": float("nan")}}}, "configure(): command.K.timeout = nan: must be a time above 0 s"),
    ({"command": {"K": 3}}, "configure(): command.K = 3: must be a table of properties"),
    ({"command": {"K": ThreadPoolProperties()}}, "configure(): command.K = ThreadPoolProperties(): must be a table"),
    ({"command": {"K": None}}, "configure(): command.K = None: must be a table of properties"),
    ({"command": []}, "configure(): command = []: must be a table of keys"),
    ({"command": {1: {}}}, "configure(): command has the key 1: must be text"),
    ({"command": {"K": {1: 2}}}, "configure(): command.K has no property '1'"),
    ({"command": {"my key": {"x": 2}}}, "configure(): command.'my key' has no property 'x'"),
    (
        {"thread_pool": {"users": {"core_size": 0}}},
        "configure(): thread_pool.users.core_size = 0: must be a whole number",
    ),
    ([], "configure(): []: must be a mapping of command, thread_pool, collapser"),
]


@pytest.mark.parametrize(("mapping", "message"), FAULTS)
def test_a_wrong_mapping_is_refused_and_changes_nothing(mapping, message):
    """The error says where and what was meant; the values of before stay."""
    configure({"command": {"K": {"timeout": 0.1}}})
    before = generation()
    with pytest.raises(PropertyError, match=re.escape(message)):
        configure(mapping)
    assert (timeout(), generation()) == (0.1, before)


def test_all_faults_are_told_at_once():
    """One error lists every fault of all sources."""
    with pytest.raises(PropertyError) as e:
        configure({"command": {"K": {"timeout": 0, "x": 1}}, "nonsense": {}}, file="missing.yaml")
    assert str(e.value).startswith("4 faults in the configuration:\n  configure(): command.K.timeout = 0")
    assert "missing.yaml: no format for the suffix '.yaml'; did you mean '.toml'?" in str(e.value)


def test_sources_are_laid_over_each_other_lowest_first(tmp_path, monkeypatch):
    """Mapping < TOML < .properties < environment inside a level, whatever the order of the files."""
    toml, java = tmp_path / "a.toml", tmp_path / "b.properties"
    toml.write_text(
        "[command.K]\ntimeout = 2\nmax_concurrent = 2\nbreaker_volume_threshold = 2\nbreaker_error_threshold = 2\n"
    )
    java.write_text(
        "hystrix.command.K.execution.isolation.semaphore.maxConcurrentRequests=3\n"
        "hystrix.command.K.circuitBreaker.requestVolumeThreshold=3\n"
    )
    monkeypatch.setenv("HYSTRIXPY__COMMAND__K__BREAKER_VOLUME_THRESHOLD", "4")
    mapping = {"timeout": 1.5, "max_concurrent": 1, "breaker_volume_threshold": 1, "fallback_max_concurrent": 1}
    for files in ([toml, java], [java, toml]):
        configure({"command": {"K": mapping}}, file=files)
        found = resolve("command", "K").values
        assert found.fallback_max_concurrent == 1
        assert (found.timeout, found.breaker_error_threshold) == (2.0, 2)
        assert found.max_concurrent == 3
        assert found.breaker_volume_threshold == 4


def test_of_two_files_of_one_format_the_later_wins(tmp_path):
    """The order of the arguments is the order of the layers."""
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[command.K]\ntimeout = 0.1\n")
    two.write_text("[command.K]\ntimeout = 0.2\n")
    configure(file=[one, str(two)])
    assert timeout() == 0.2
    configure(file=(two, one))
    assert timeout() == 0.1


def test_the_level_beats_the_source(monkeypatch):
    """A default in the environment does not beat a key in the mapping."""
    monkeypatch.setenv("HYSTRIXPY__COMMAND__default__TIMEOUT", "0.5")
    configure({"command": {"K": {"timeout": 0.1}}})
    assert (timeout("K"), timeout("L")) == (0.1, 0.5)


def test_the_named_file_is_read_at_first_use(tmp_path, monkeypatch):
    """HYSTRIXPY_CONFIG needs no call at all."""
    file = tmp_path / "x.toml"
    file.write_text("[command.default]\ntimeout = 0.7\n")
    monkeypatch.setenv("HYSTRIXPY_CONFIG", str(file))
    assert timeout() == 0.7


def test_a_file_by_argument_stands_for_the_named_one(tmp_path, monkeypatch):
    """An argument replaces HYSTRIXPY_CONFIG; a mapping alone leaves it in force."""
    named, other = tmp_path / "named.toml", tmp_path / "other.toml"
    named.write_text("[command.default]\ntimeout = 0.7\n")
    other.write_text("[command.default]\nmax_concurrent = 3\n")
    monkeypatch.setenv("HYSTRIXPY_CONFIG", str(named))
    configure(file=other)
    assert timeout() == 1.0
    configure({"command": {}})
    assert timeout() == 0.7
    configure(file=())
    assert timeout() == 1.0


def test_a_broken_named_file_is_an_error_at_every_use_until_it_is_right(tmp_path, monkeypatch):
    """First use raises, and the next use looks again."""
    file = tmp_path / "x.toml"
    monkeypatch.setenv("HYSTRIXPY_CONFIG", str(file))
    for _ in range(2):
        with pytest.raises(PropertyError, match=re.escape(f"{file}: cannot be read: No such file or directory")):
            timeout()
    file.write_text("[command.default]\ntimeout = 0.7\n")
    assert timeout() == 0.7


def test_importing_reads_nothing():
    """A broken source is no error at import."""
    env = {**os.environ, "HYSTRIXPY_CONFIG": "/nowhere.toml", "HYSTRIXPY__X": "1"}
    subprocess.run([sys.executable, "-c", "import hystrixpy"], env=env, check=True, timeout=60)


def test_reset_forgets_and_reads_anew(monkeypatch):
    """After a reset neither the mapping nor the old environment is in force."""
    monkeypatch.setenv("HYSTRIXPY__COMMAND__K__MAX_CONCURRENT", "3")
    configure({"command": {"K": {"timeout": 0.1}}})
    monkeypatch.setenv("HYSTRIXPY__COMMAND__K__MAX_CONCURRENT", "4")
    assert resolve("command", "K").values.max_concurrent == 3
    before = generation()
    reset_sources()
    assert generation() > before
    assert (timeout(), resolve("command", "K").values.max_concurrent) == (1.0, 4)


@pytest.mark.parametrize("watch", ["polling", None, 1])
def test_a_wrong_watch_is_refused(watch):
    """watch is True, False or the name of the extra."""
    with pytest.raises(PropertyError, match="must be True, False or 'watchfiles'"):
        configure(watch=watch)


@pytest.mark.parametrize("file", [5, b"x.toml", [None], ["x.toml", 1], "", [""], True])
def test_a_file_that_is_no_path_is_refused(file):
    """The error shows what was passed; nothing else is done."""
    with pytest.raises(PropertyError, match=r"^file = .*: must be a path, or several$"):
        configure(file=file)


def test_a_path_in_the_place_of_the_mapping_is_told_where_it_belongs():
    """The mistake of everybody's first day."""
    with pytest.raises(PropertyError, match=r"mapping = 'service\.toml': must be a mapping; a file is named by file="):
        configure("service.toml")


def test_a_relative_file_does_not_move_with_the_working_directory(tmp_path, monkeypatch):
    """The path is fixed when it is given, also for the messages."""
    (tmp_path / "x.toml").write_text("[command.default]\ntimeout = 0.7\n")
    monkeypatch.chdir(tmp_path)
    configure(file="x.toml")
    assert resolve("command", "K").origins["timeout"].source == f"{tmp_path / 'x.toml'}, line 2"


# -- change listeners


def test_listeners_hear_of_every_change_after_it_is_in_force():
    """The callback sees the new values, may configure() itself, and hears nothing after its removal."""
    seen = []

    def callback():
        seen.append(timeout())
        if len(seen) == 1:
            configure({"command": {"K": {"timeout": 0.2}}})

    on_change(callback)
    try:
        configure({"command": {"K": {"timeout": 0.1}}})
        assert seen == [0.1, 0.2]
    finally:
        remove_on_change(callback)
    configure()
    assert seen == [0.1, 0.2]
    remove_on_change(callback)


def test_a_listener_finds_what_lives_changed_already():
    """The circuit has the new values when its change is told."""
    guarded = command(key="K", isolation="semaphore")(deadline)
    guarded()
    seen = []
    on_change(lambda: seen.append(guarded()))
    configure({"command": {"K": {"timeout": 100}}})
    assert seen[0] > 99


def test_reset_removes_listeners():
    """As it removes hooks; what the library itself needs to be told goes on."""
    seen = []
    on_change(lambda: seen.append(1))
    reset()
    guarded = command(key="K", isolation="semaphore")(deadline)
    guarded()
    configure({"command": {"K": {"timeout": 100}}})
    assert seen == []
    assert guarded() > 99


def test_a_failed_change_is_not_told():
    """Nothing changed, so nobody is called."""
    seen = []

    def callback():
        seen.append(1)

    on_change(callback)
    try:
        with pytest.raises(PropertyError):
            configure({"x": {}})
    finally:
        remove_on_change(callback)
    assert seen == []


def test_a_raising_listener_is_logged_and_hides_the_change_from_nobody(caplog):
    """The others are called, and configure() returns."""
    seen = []
    broken, sound = (lambda: 1 / 0), (lambda: seen.append(timeout()))
    on_change(broken)
    on_change(sound)
    try:
        with caplog.at_level(logging.ERROR, logger="hystrixpy"):
            configure({"command": {"K": {"timeout": 0.1}}})
    finally:
        remove_on_change(broken)
        remove_on_change(sound)
    assert seen == [0.1]
    assert "a listener for changes of properties failed" in caplog.text


def test_parallel_changes_are_never_torn():
    """Four threads configure pairs of equal values while four read: no reader sees an unequal pair, and the generation
    ends exactly as many steps higher as there were changes."""
    pairs = {n: {"command": {"K": {"max_concurrent": n, "fallback_max_concurrent": n}}} for n in range(1, 5)}
    configure(pairs[1])
    before, torn, done = generation(), [], threading.Event()

    def read():
        while not done.is_set():
            found = resolve("command", "K").values
            if found.max_concurrent != found.fallback_max_concurrent:
                torn.append(found)

    def write(n):
        for _ in range(50):
            configure(pairs[n])

    readers = [threading.Thread(target=read) for _ in range(4)]
    writers = [threading.Thread(target=write, args=(n,)) for n in pairs]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert torn == []
    assert generation() == before + 200


# -- environment


ENVIRONMENT = [
    ("HYSTRIXPY__COMMAND__K__TIMEOUT", "0.5", "timeout", 0.5),
    ("HYSTRIXPY__command__K__timeout", " 5e-1 ", "timeout", 0.5),
    ("HYSTRIXPY__Command__default__Timeout", "off", "timeout", None),
    ("HYSTRIXPY__COMMAND__K__TIMEOUT", "OFF", "timeout", None),
    ("HYSTRIXPY__COMMAND__K__FALLBACK_ENABLED", "False", "fallback_enabled", False),
    ("HYSTRIXPY__COMMAND__K__BREAKER_FORCE_OPEN", "on", "breaker_force_open", True),
    ("HYSTRIXPY__COMMAND__K__ISOLATION", "SEMAPHORE", "isolation", "semaphore"),
    ("HYSTRIXPY__COMMAND__K__MAX_CONCURRENT", "42", "max_concurrent", 42),
]


@pytest.mark.parametrize(("variable", "text", "name", "value"), ENVIRONMENT)
def test_a_variable_sets_a_property(variable, text, name, value, monkeypatch):
    """Section and property in any case, the key exact."""
    monkeypatch.setenv(variable, text)
    found = resolve("command", "K")
    assert getattr(found.values, name) == value
    assert found.origins[name].source == f"environment variable {variable}"


def test_keys_in_variables_are_exact(monkeypatch):
    """A key may hold double underscores, dots and colons; another case is another key."""
    monkeypatch.setenv("HYSTRIXPY__COMMAND__fetch:a.b__c__TIMEOUT", "0.5")
    assert timeout("fetch:a.b__c") == 0.5
    assert timeout("FETCH:a.b__c") == 1.0


BAD_ENVIRONMENT = [
    ("HYSTRIXPY__COMAND__K__TIMEOUT", "1", "no section 'COMAND'; did you mean 'COMMAND'?"),
    ("HYSTRIXPY__COMMAND__K__TIMOUT", "1", "command.K has no property 'timout'; did you mean 'timeout'?"),
    ("HYSTRIXPY__COMMAND__TIMEOUT", "1", "must be HYSTRIXPY__COMMAND__<key or default>__<PROPERTY>"),
    ("HYSTRIXPY__COMMAND", "1", "must be HYSTRIXPY__COMMAND__<key or default>__<PROPERTY>"),
    ("HYSTRIXPY__COMMAND__K__", "1", "must be HYSTRIXPY__COMMAND__<key or default>__<PROPERTY>"),
    ("HYSTRIXPY__", "1", "no section ''"),
    ("HYSTRIXPY__COMMAND__K__TIMEOUT", "", "command.K.timeout = '': must be a time above 0 s"),
    ("HYSTRIXPY__COMMAND__K__TIMEOUT", "nan", "command.K.timeout = 'nan': must be a time above 0 s"),
    ("HYSTRIXPY__COMMAND__K__TIMEOUT", "1e999", "command.K.timeout = '1e999': must be a time above 0 s"),
    ("HYSTRIXPY__COMMAND__K__TIMEOUT", "1_0", "command.K.timeout = '1_0': must be a time above 0 s"),
    (
        "HYSTRIXPY__COMMAND__K__MAX_CONCURRENT",
        "1.0",
        "command.K.max_concurrent = '1.0': must be a whole number, 1 or more",
    ),
    ("HYSTRIXPY__COMMAND__K__MAX_CONCURRENT", "true", "command.K.max_concurrent = 'true': must be a whole number"),
    ("HYSTRIXPY__COMMAND__K__BREAKER_ENABLED", "maybe", "command.K.breaker_enabled = 'maybe': must be True or False"),
    (
        "HYSTRIXPY__COMMAND__K__IGNORE",
        "ValueError",
        "command.K.ignore = 'ValueError': must be a tuple of Exception types",
    ),
]


@pytest.mark.parametrize(("variable", "text", "message"), BAD_ENVIRONMENT)
def test_a_wrong_variable_is_an_error_that_names_it(variable, text, message, monkeypatch):
    """Wrong section, property or value: variable, value and the nearest valid name."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(
        PropertyError, match=re.escape(f"environment variable {variable}: ") + ".*" + re.escape(message)
    ):
        resolve("command", "K")


def test_variables_without_the_double_underscore_are_others_business(monkeypatch):
    """HYSTRIXPY_TELEMETRY and its like are no properties."""
    monkeypatch.setenv("HYSTRIXPY_TELEMETRY", "off")
    assert timeout() == 1.0
