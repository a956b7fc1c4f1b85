"""Whatever stands in a file or the environment: PropertyError or good values at start, and nothing lost on reload."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hystrixpy import PropertyError
from hystrixpy.properties import SECTIONS, table
from hystrixpy.properties.levels import resolve_in
from hystrixpy.properties.sources import SWITCH, read_environ, read_file, read_mapping
from hystrixpy.properties.sources.java import entries
from hystrixpy.properties.store import Store
from hystrixpy.properties.watch import Watcher

TOML = b"""# a service
[command.default]
timeout = 0.5
isolation = "semaphore"
[command."fetch:a.b"]
timeout = false
max_concurrent = 7
rolling_window = 1.0
rolling_buckets = 10
[thread_pool]
users = { core_size = 4, max_queue_size = -1 }
[collapser.UserById]
delay = 0.02
"""
JAVA = rb"""# a service
hystrix.command.default.execution.timeout.enabled=false
hystrix.command.K.execution.isolation.thread.timeoutInMilliseconds = 300
hystrix.command.a.b.circuitBreaker.errorThresholdPercentage: 40
hystrix.threadpool.users.coreSize \
    12
hystrix.threadpool.users.keepAliveTimeMinutes=2
hystrix.collapser.C.timerDelayInMilliseconds=\u0032
"""
NAMES = [
    "command",
    "default",
    "timeout",
    "thread_pool",
    "max_concurrent",
    "K",
    "nan",
    "1e999",
    "-1",
    "true",
    "\\u",
    "\\",
]


@st.composite
def damaged(draw, text):
    """A good file with a few pieces cut out, put in or doubled."""
    data = bytearray(text)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        upto = min(len(data), at + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from([name.encode() for name in NAMES]),
                st.sampled_from([b"\n", b"[", b"]", b'"', b"'", b"=", b".", b"{", b"}", b"'''", b"\r", b"\x00"]),
                st.just(bytes(data[at:upto])),
            )
        )
        data[at:upto] = piece
    return bytes(data)


def assert_good(values):
    """Every value is one that its property accepts, and resolving works or says why not."""
    for (section, key), found in values.items():
        rows = table(SECTIONS[section])
        for name, each in found.items():
            assert isinstance(each.value, bool) if name == SWITCH else rows[name].kind.check(each.value) == each.value
        told = fault(lambda section=section, key=key: resolve_in(values, section, key, None, {}, {}, "code"))
        assert told is None or "must give buckets of 0.001 s or more" in told


def fault(act):
    """The message of the PropertyError that ``act`` raises, or None; anything else passes."""
    try:
        act()
    except PropertyError as error:
        return str(error)
    return None


def files(suffix, text):
    return st.tuples(
        st.just(suffix), st.one_of(damaged(text), st.binary(max_size=200), st.text(max_size=200).map(str.encode))
    )


any_file = st.one_of(files(".toml", TOML), files(".properties", JAVA))


@settings(max_examples=300, deadline=None)
@given(any_file)
@example((".toml", b"x = " + b"[" * 1900))
@example((".toml", b"[command.K]\ntimeout = " + b"9" * 1900))
@example((".toml", b"[command.K]\nx = 0000-00-00\n"))
@example((".properties", b"hystrix.threadpool.K.coreSize=" + b"9" * 5000))
@example((".properties", b"hystrix.command.\\ud800.fallback.enabled=\\udc00"))
def test_a_file_gives_faults_or_good_values(file):
    """Reading never raises: it has faults, or all its values are good ones; and so does configuring."""
    suffix, data = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x" + suffix)
        path.write_bytes(data)
        reading = read_file(str(path)).reading
        assert_good(reading.values)
        store = Store(environ={})
        told = fault(lambda: store.configure(None, (str(path),), False))
        if told is None:
            assert reading.problems == []
            assert_good(store.current().values)
        else:
            assert str(path) in told


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(good=st.sampled_from([(".toml", TOML), (".properties", JAVA)]), data=st.data())
def test_a_reload_gives_all_new_values_or_keeps_all_old_ones(good, data, monkeypatch):
    """After each damage the state is what a fresh start would read, or, if that would fail, exactly the one before."""
    monkeypatch.setattr("hystrixpy.properties.store.Watcher", _ByHand)
    suffix, text = good
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x" + suffix)
        path.write_bytes(text)
        store = Store(environ={})
        store.configure(None, (str(path),), True)
        for _ in range(3):
            before = store.current().values
            new = Path(folder, "new")
            new.write_bytes(data.draw(damaged(text)))
            new.replace(path)
            expected = _fresh(path)
            store._watcher.poll()
            store._watcher.poll()
            assert store.current().values == (before if expected is None else expected)
            assert (store.current().reload_error is None) == (expected is not None)


class _ByHand(Watcher):
    def start(self) -> None:
        pass


def _fresh(path):
    fresh = Store(environ={})
    told = fault(lambda: fresh.configure(None, (str(path),), False))
    return fresh.current().values if told is None else None


variables = st.dictionaries(
    st.one_of(
        st.lists(st.sampled_from([*NAMES, "COMMAND", "TIMEOUT", "MAX_CONCURRENT", ""]), max_size=5).map(
            lambda parts: "__".join(["HYSTRIXPY", *parts])
        ),
        st.text(max_size=10).map("HYSTRIXPY__".__add__),
    ),
    st.one_of(st.sampled_from([*NAMES, "off", "0.5", "12", ""]), st.text(max_size=10)),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(variables)
def test_an_environment_gives_faults_or_good_values(environ):
    """Each variable with the prefix is a good value or a fault that names it."""
    reading = read_environ(environ)
    assert_good(reading.values)
    ours = [name for name in environ if name.startswith("HYSTRIXPY__")]
    settled = sum(len(found.keys() - {SWITCH}) for found in reading.values.values()) + len(reading.problems)
    assert settled <= len(ours)
    assert bool(settled) == bool(ours)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(NAMES)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.integers(), st.none()), inner, max_size=3),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(anything)
def test_a_mapping_gives_faults_or_good_values(mapping):
    """Any nesting of plain values can be passed to configure()."""
    reading = read_mapping(mapping)
    assert_good(reading.values)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,4}([.:][a-zA-Z]{1,4})?", fullmatch=True),
        st.floats(0.001, 1e6, allow_nan=False),
        min_size=1,
        max_size=5,
    )
)
def test_what_tomllib_reads_is_what_is_in_force(times):
    """A naive reader of the same text finds the same values, and each line number leads to its value."""
    text = "\n".join(f'[command."{key}"] # c\n\ntimeout = {value!r}' for key, value in times.items())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.toml")
        path.write_text(text)
        values = read_file(str(path)).reading.values
    expected = {key: inner["timeout"] for key, inner in tomllib.loads(text)["command"].items()}
    assert {key: found["timeout"].value for (_, key), found in values.items()} == expected
    lines = text.split("\n")
    for (_, key), found in values.items():
        line = int(found["timeout"].source.rpartition(" ")[2])
        assert lines[line - 1] == f"timeout = {times[key]!r}"


def escaped(text, also=""):
    """Write text so that Java reads it back, without the shortcuts a real writer takes."""
    return "".join(f"\\u{ord(c):04x}" if c in also or not c.isalnum() or not c.isascii() else c for c in text)


plain = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(plain, plain, st.sampled_from(["=", ":", " ", "\t", " = "])), max_size=5))
def test_escaped_names_and_values_come_back(pairs):
    """Any name and value, written with unicode escapes, is read as it was."""
    text = "\n".join(f"{escaped(name)}{between}{escaped(value)}" for name, value, between in pairs)
    assert [(entry.name, entry.value) for entry in entries(text)] == [(name, value) for name, value, _ in pairs]


def test_the_environment_of_this_process_is_clean():
    """The suite itself must not be configured from outside."""
    assert not [name for name in os.environ if name.startswith("HYSTRIXPY_") and name != "HYSTRIXPY_FT_PYTHON"]
    with pytest.raises(KeyError):
        os.environ["HYSTRIXPY_CONFIG"]
