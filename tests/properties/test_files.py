"""TOML and Hystrix ``.properties`` files: what they may say, and what is said about a wrong one."""

from __future__ import annotations

import logging
import os
import re

import pytest

from hystrixpy import CommandProperties, PropertyError, configure
from hystrixpy.properties import resolve
from hystrixpy.properties.sources import read_file
from hystrixpy.properties.sources.files import LARGEST
from hystrixpy.properties.sources.java import entries
from hystrixpy.properties.sources.toml import read_toml


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def values(kind="command", key="K", code=None):
    return resolve(kind, key, code).values


# -- TOML


def test_a_toml_file_has_three_sections(tmp_path):
    """Tables, quoted keys, inline tables and dotted names all say the same."""
    configure(
        file=write(
            tmp_path / "x.toml",
            """
            command.default.timeout = 0.5
            [command.GetUser]
            timeout = false
            isolation = "semaphore"
            breaker_enabled = false
            [command."fetch:a.b"]
            breaker_sleep_window = 3
            [thread_pool]
            users = { core_size = 4, keep_alive = 0 }
            [collapser.UserById]
            max_batch_size = false
            delay = 0.02
            """,
        )
    )
    assert (values(key="x").timeout, values(key="GetUser").timeout) == (0.5, None)
    assert (values(key="GetUser").isolation, values(key="GetUser").breaker_enabled) == ("semaphore", False)
    assert values(key="fetch:a.b").breaker_sleep_window == 3.0
    assert (values("thread_pool", "users").core_size, values("thread_pool", "users").keep_alive) == (4, 0.0)
    assert (values("collapser", "UserById").max_batch_size, values("collapser", "UserById").delay) == (None, 0.02)


BAD_TOML = [
    ("[command.K]\ntimout = 1\n", 2, "command.K has no property 'timout'; did you mean 'timeout'?"),
    ("[command.K]\ncore_size = 1\n", 2, "command.K has no property 'core_size'; it belongs to thread_pool"),
    (
        "[collapser.K]\nrolling_window = 1\n",
        2,
        "collapser.K has no property 'rolling_window'; it belongs to command and thread_pool",
    ),
    ("\n\n[comand.K]\ntimeout = 1\n", 3, "no section 'comand'; did you mean 'command'?"),
    ("[command.K]\nx.timeout = 1\n", 2, "command.K has no property 'x'"),
    ("[command.K]\n# c\ntimeout = true\n", 3, "command.K.timeout = True: must be a time above 0 s"),
    ("[command.K]\ntimeout = 0\n", 2, "command.K.timeout = 0: must be a time above 0 s"),
    ("[command.K]\ntimeout = nan\n", 2, "command.K.timeout = nan: must be"),
    ("[command.K]\ntimeout = inf\n", 2, "command.K.timeout = inf: must be"),
    ("[command.K]\ntimeout = '1'\n", 2, "command.K.timeout = '1': must be"),
    ("[command.K]\nbreaker_sleep_window = false\n", 2, "command.K.breaker_sleep_window = False: must be"),
    ("[command.K]\nmax_concurrent = 1.0\n", 2, "command.K.max_concurrent = 1.0: must be a whole number, 1 or more"),
    ("[command.K]\nisolation = 'THREAD'\n", 2, "command.K.isolation = 'THREAD': must be 'thread' or 'semaphore'"),
    (
        "[command.K]\nignore = ['ValueError']\n",
        2,
        "command.K.ignore = ['ValueError']: must be a tuple of Exception types",
    ),
    ("[command]\nK = 1\n", 2, "command.K = 1: must be a table of properties"),
    ("command = 1\n", 1, "command = 1: must be a table of keys"),
    ("[[command]]\ntimeout = 1\n", 1, "must be a table of keys"),
    ("[command]\nK = { timeout = 1,\n", 2, "not valid TOML"),
    ("[command.K]\ntimeout = 1\ntimeout = 2\n", 3, "not valid TOML: Cannot overwrite a value"),
    ("[command.'my key']\ntimeout = 0\n", 2, "command.'my key'.timeout = 0: must be"),
    ("[command.K]\ntimeout = 1\n[command.K]\n", 3, "not valid TOML: Cannot declare"),
    ("a = '''\nopen", 2, "not valid TOML"),
    ("[command.K]\ntimeout = 2026-13-45\n", 2, "not valid TOML"),
    ("[command.K]\nx = " + "[" * 1900, None, "not valid TOML"),
    ("\n[command.K]\nx = " + "1" * 2001, 3, "a line longer than 2000 characters"),
    (b"[command.K]\ntimeout = 1 # \xff\n", 2, "byte 0xff is not valid UTF-8"),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD_TOML)
def test_a_wrong_toml_file_is_told_with_its_line(text, line, message, tmp_path):
    """File, line, value and what was meant."""
    file = write(tmp_path / "x.toml", text)
    where = re.escape(str(file)) + (f", line {line}: " if line else ".*: ")
    with pytest.raises(PropertyError, match=f"^{where}.*{re.escape(message)}"):
        configure(file=file)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    """Files come from all kinds of editors."""
    configure(file=write(tmp_path / "x.toml", b"\xef\xbb\xbf[command.K]\r\ntimeout = 0.5\r\n"))
    assert values().timeout == 0.5


def test_lines_are_found_after_a_multi_line_string():
    """Text that only looks like an assignment misleads nobody to a line that does not exist."""
    reading = read_toml("[command.K]\nx = '''\na = b = c\n'''\ntimeout = 0\n", "f")
    assert reading.problems[1].startswith("f, line 5: command.K.timeout = 0")


# -- the Java syntax


JAVA = [
    ("a=b", [("a", "b")]),
    ("a = b ", [("a", "b ")]),
    ("a:b", [("a", "b")]),
    ("a b", [("a", "b")]),
    ("  a\t=\tb", [("a", "b")]),
    ("a==b", [("a", "=b")]),
    ("a = : b", [("a", ": b")]),
    ("a", [("a", "")]),
    ("a=", [("a", "")]),
    ("=b", [("", "b")]),
    ("#a=b\n!c=d\n  # e=f\n\n \t\na=b#c", [("a", "b#c")]),
    ("a=b\\\n   c\\\n\td\ne=f", [("a", "bcd"), ("e", "f")]),
    ("a=b\\\\\nc=d", [("a", "b\\"), ("c", "d")]),
    ("a=b\\", [("a", "b")]),
    ("a=b\\\n# no comment", [("a", "b# no comment")]),
    ("a=b\\\n\nc=d", [("a", "b"), ("c", "d")]),
    ("a\\ b\\=c\\:d=e", [("a b=c:d", "e")]),
    ("a=\\t\\n\\r\\f\\q\\\\", [("a", "\t\n\r\fq\\")]),
    ("\\u0061=\\u00e9\\uD83D\\uDE00", [("a", "é\U0001f600")]),
    ("a=1\r\nb=2\rc=3", [("a", "1"), ("b", "2"), ("c", "3")]),
    ("a=1\\\r\n  2", [("a", "12")]),
    ("a=\x85\u2028b", [("a", "\x85\u2028b")]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), JAVA)
def test_entries_are_read_as_java_reads_them(text, expected):
    """Separators, comments, continuations and escapes of java.util.Properties."""
    assert [(entry.name, entry.value) for entry in entries(text)] == expected


def test_an_entry_knows_the_line_it_begins_on():
    """Continued lines belong to the first one."""
    assert [entry.line for entry in entries("# c\na=1\\\n2\n\nb=3")] == [2, 5]


def test_a_malformed_escape_is_a_fault_of_its_entry():
    """The entries beside it are read."""
    read = list(entries("a=\\u12\nb=1"))
    assert "four hexadecimal digits" in read[0].fault
    assert (read[1].name, read[1].fault) == ("b", "")


# -- Hystrix's names

HYSTRIX = [
    ("command.K.execution.isolation.strategy", "SEMAPHORE", "isolation", "semaphore"),
    ("command.K.execution.isolation.thread.timeoutInMilliseconds", "250", "timeout", 0.25),
    ("command.K.execution.timeout.enabled", "false", "timeout", None),
    ("command.K.execution.timeout.enabled", "true", "timeout", 1.0),
    ("command.K.execution.isolation.thread.interruptOnTimeout", "true", "interrupt_on_timeout", True),
    ("command.K.execution.isolation.thread.interruptOnFutureCancel", "true", "interrupt_on_cancel", True),
    ("command.K.execution.isolation.thread.interruptOnCancel", "true", "interrupt_on_cancel", True),
    ("command.K.execution.isolation.semaphore.maxConcurrentRequests", "7", "max_concurrent", 7),
    ("command.K.fallback.enabled", "false", "fallback_enabled", False),
    ("command.K.fallback.isolation.semaphore.maxConcurrentRequests", "7", "fallback_max_concurrent", 7),
    ("command.K.circuitBreaker.enabled", "false", "breaker_enabled", False),
    ("command.K.circuitBreaker.forceOpen", "true", "breaker_force_open", True),
    ("command.K.circuitBreaker.forceClosed", "true", "breaker_force_closed", True),
    ("command.K.circuitBreaker.requestVolumeThreshold", "7", "breaker_volume_threshold", 7),
    ("command.K.circuitBreaker.errorThresholdPercentage", "7", "breaker_error_threshold", 7),
    ("command.K.circuitBreaker.sleepWindowInMilliseconds", "700", "breaker_sleep_window", 0.7),
    ("command.K.metrics.rollingStats.timeInMilliseconds", "7000", "rolling_window", 7.0),
    ("command.K.metrics.rollingStats.numBuckets", "7", "rolling_buckets", 7),
    ("command.K.metrics.rollingPercentile.enabled", "false", "percentile_enabled", False),
    ("command.K.metrics.rollingPercentile.timeInMilliseconds", "7000", "percentile_window", 7.0),
    ("command.K.metrics.rollingPercentile.numBuckets", "7", "percentile_buckets", 7),
    ("command.K.requestCache.enabled", "false", "request_cache_enabled", False),
    ("command.K.requestLog.enabled", "false", "request_log_enabled", False),
    ("threadpool.K.coreSize", "7", "core_size", 7),
    ("threadpool.K.maximumSize", "17", "max_size", 17),
    ("threadpool.K.allowMaximumSizeToDivergeFromCoreSize", "true", "allow_max_to_diverge", True),
    ("threadpool.K.maxQueueSize", "-1", "max_queue_size", -1),
    ("threadpool.K.queueSizeRejectionThreshold", "7", "queue_rejection_threshold", 7),
    ("threadpool.K.keepAliveTimeMinutes", "2", "keep_alive", 120.0),
    ("threadpool.K.metrics.rollingStats.timeInMilliseconds", "7000", "rolling_window", 7.0),
    ("threadpool.K.metrics.rollingStats.numBuckets", "7", "rolling_buckets", 7),
    ("collapser.K.maxRequestsInBatch", "7", "max_batch_size", 7),
    ("collapser.K.timerDelayInMilliseconds", "7", "delay", 0.007),
    ("collapser.K.requestCache.enabled", "false", "cache_enabled", False),
]


@pytest.mark.parametrize(("name", "text", "ours", "value"), HYSTRIX, ids=lambda item: str(item))
def test_each_hystrix_name_sets_its_property(name, text, ours, value, tmp_path):
    """Original names, milliseconds and minutes; keys with dots too."""
    family, key, rest = name.split(".", 2)
    kind = {"threadpool": "thread_pool"}.get(family, family)
    lines = f"hystrix.{name} = {text}\nhystrix.{family}.a.{key}.b.{rest}={text}\nhystrix.{family}.default.{rest}:{text}"
    configure(file=write(tmp_path / "x.properties", lines))
    for each in ("K", "a.K.b", "anything"):
        assert getattr(values(kind, each), ours) == value


OFF = "off"
TIMEOUTS = [
    # what the file says about (default enabled, default ms, key enabled, key ms), code -> in force for the key
    ((None, None, "true", "300"), None, 0.3),
    (("false", None, None, None), None, None),
    (("false", None, None, None), 0.5, 0.5),
    (("false", None, None, "300"), None, None),
    (("false", None, "true", "300"), None, 0.3),
    (("false", None, "true", None), None, 1.0),
    (("false", "700", "true", None), None, 0.7),
    (("false", "700", "true", None), 0.5, 0.5),
    (("false", None, None, "300"), 0.5, 0.3),
    (("false", "700", "true", None), OFF, 0.7),
    ((None, None, "true", None), OFF, 1.0),
    ((None, None, None, "300"), OFF, 0.3),
    (("true", "700", None, None), OFF, None),
    ((None, "700", "false", "300"), 0.5, None),
    (("true", "700", None, None), None, 0.7),
    (("true", "700", None, None), 0.5, 0.5),
    (("true", "700", "true", None), 0.5, 0.5),
]


@pytest.mark.parametrize(("said", "code", "expected"), TIMEOUTS)
def test_switch_and_time_of_a_timeout_are_looked_up_apart(said, code, expected, tmp_path):
    """As in Hystrix: a key without a switch follows the default's, one that is switched on finds its time elsewhere."""
    names = ["default.execution.timeout.enabled", "default.execution.isolation.thread.timeoutInMilliseconds"]
    names += [name.replace("default", "K") for name in names]
    lines = [f"hystrix.command.{name}={text}" for name, text in zip(names, said, strict=True) if text]
    configure(file=write(tmp_path / "x.properties", "\n".join(lines)))
    given = CommandProperties(timeout=None if code == OFF else code) if code else None
    assert values(code=given).timeout == expected


def test_files_of_one_team_are_looked_up_as_one(tmp_path):
    """A general file switches limits off, that of the stage gives times: there, as in Hystrix, the switch holds."""
    general = write(tmp_path / "general.properties", "hystrix.command.default.execution.timeout.enabled=false")
    stage = write(
        tmp_path / "stage.properties",
        "hystrix.command.K.execution.isolation.thread.timeoutInMilliseconds=300\n"
        "hystrix.command.L.execution.isolation.thread.timeoutInMilliseconds=400\n"
        "hystrix.command.L.execution.timeout.enabled=true\n",
    )
    configure(file=[general, stage])
    assert (values(key="K").timeout, values(key="L").timeout) == (None, 0.4)


@pytest.mark.parametrize(
    ("toml", "java", "expected"),
    [
        ("false", "enabled=true", 1.0),
        ("0.3", "enabled=true", 0.3),
        ("0.3", "enabled=false", None),
        ("false", "milliseconds=400", 0.4),
        ("0.3", "milliseconds=400", 0.4),
    ],
)
def test_the_switch_goes_over_what_toml_says(toml, java, expected, tmp_path):
    """A TOML ``timeout`` says both at once; of a .properties file only what it says replaces it."""
    names = {"enabled": "execution.timeout.enabled", "milliseconds": "execution.isolation.thread.timeoutInMilliseconds"}
    name, _, text = java.partition("=")
    low = write(tmp_path / "x.toml", f"[command.K]\ntimeout = {toml}\n")
    configure(file=[low, write(tmp_path / "x.properties", f"hystrix.command.K.{names[name]}={text}")])
    assert values().timeout == expected


def test_a_time_for_the_key_beats_a_default_that_is_off(tmp_path):
    """The level decides, whichever of the two files says which."""
    toml = write(tmp_path / "x.toml", "[command.default]\ntimeout = false\n[command.L]\ntimeout = 0.4\n")
    java = write(
        tmp_path / "x.properties",
        "hystrix.command.K.execution.isolation.thread.timeoutInMilliseconds=300\n"
        "hystrix.command.M.execution.timeout.enabled=true\n",
    )
    configure(file=[toml, java])
    assert [values(key=key).timeout for key in "JKLM"] == [None, 0.3, 0.4, 1.0]
    write(java, "hystrix.command.default.execution.timeout.enabled=false")
    configure(file=[toml, java])
    assert values(key="L").timeout == 0.4


def test_an_environment_that_says_off_beats_a_switch_in_a_file(tmp_path, monkeypatch):
    """A higher source's None is the last word of its level."""
    monkeypatch.setenv("HYSTRIXPY__COMMAND__K__TIMEOUT", "off")
    configure(file=write(tmp_path / "x.properties", "hystrix.command.K.execution.timeout.enabled=true"))
    assert values().timeout is None


def test_names_of_others_are_ignored_and_unused_ones_listed_once(tmp_path, caplog):
    """A team's file works as it is; one WARNING record lists what has no use here."""
    text = """
    # ours and others'
    eureka.client.url=\\u12
    archaius.x=1
    hystrix.stream.dashboard.intervalInMilliseconds=500
    hystrix.timer.threadpool.default.coreSize=4
    hystrix.plugin.HystrixEventNotifier.implementation=a.B
    hystrix.command.K.threadPoolKeyOverride=other
    hystrix.command.K.metrics.healthSnapshot.intervalInMilliseconds=500
    hystrix.command.K.metrics.rollingPercentile.bucketSize=100
    hystrix.collapser.C.metrics.rollingStats.numBuckets=10
    hystrix.collapser.C.collapsingEnabled=true
    hystrix.command.K.circuitBreaker.forceOpen=true
    """
    file = write(tmp_path / "x.properties", text)
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        configure(file=file)
        configure(file=file)
    assert values().breaker_force_open is True
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "hystrixpy")
    for name in (
        "command.K.threadPoolKeyOverride",
        "command.K.metrics.healthSnapshot.intervalInMilliseconds",
        "command.K.metrics.rollingPercentile.bucketSize",
        "collapser.C.metrics.rollingStats.numBuckets",
        "collapser.C.collapsingEnabled",
    ):
        assert f"hystrix.{name}" in record.getMessage()
    assert "stream" not in record.getMessage()


BAD_PROPERTIES = [
    (
        "\nhystrix.command.K.circuitBreaker.forceOpn=true",
        2,
        "no Hystrix property 'hystrix.command.K.circuitBreaker.forceOpn'; "
        "did you mean 'hystrix.command.K.circuitBreaker.forceOpen'?",
    ),
    (
        "hystrix.command.GetRecommendationsOfOneCustomer.execution.isolation.thread.timeoutInMilis=1",
        1,
        "no Hystrix property "
        "'hystrix.command.GetRecommendationsOfOneCustomer.execution.isolation.thread.timeoutInMilis'; did you mean "
        "'hystrix.command.GetRecommendationsOfOneCustomer.execution.isolation.thread.timeoutInMilliseconds'?",
    ),
    (
        "hystrix.command.fetch:example.org.circuitBreaker.forceOpen=true",
        1,
        "no Hystrix property 'hystrix.command.fetch'; a ':', '=' or blank inside a key is written with a backslash",
    ),
    ("hystrix.command.a b.execution.timeout.enabled=true", 1, "is written with a backslash before it"),
    (
        "hystrix.command.K.coreSize=5",
        1,
        "no Hystrix property 'hystrix.command.K.coreSize'; did you mean 'hystrix.threadpool.K.coreSize'?",
    ),
    ("hystrix.command.fetch:example.org", 1, "no Hystrix property 'hystrix.command.fetch'; known after"),
    (
        "hystrix.command.\\u001b.fallback.enabled=\\u001b",
        1,
        r"'hystrix.command.\x1b.fallback.enabled' = '\x1b'",
    ),
    ("hystrix.threadpool.a.b.coresize=1", 1, "did you mean 'hystrix.threadpool.a.b.coreSize'?"),
    ("hystrix.command.K=1", 1, "no Hystrix property 'hystrix.command.K'; known after hystrix.command.<key>. are "),
    ("hystrix.command.circuitBreaker.forceOpen=1", 1, "no Hystrix property"),
    ("hystrix.command..fallback.enabled=1", 1, "no Hystrix property"),
    (
        "hystrix.command.K.execution.isolation.thread.timeoutInMilliseconds=1s",
        1,
        "timeoutInMilliseconds = '1s': must be a number of milliseconds (timeout: a time above 0 s",
    ),
    ("hystrix.command.K.execution.isolation.thread.timeoutInMilliseconds=0", 1, "must be a number of milliseconds"),
    ("hystrix.command.K.execution.isolation.thread.timeoutInMilliseconds=false", 1, "must be a number of milliseconds"),
    (
        "hystrix.threadpool.K.keepAliveTimeMinutes=-1",
        1,
        "must be a number of minutes (keep_alive: a time of 0 s or more)",
    ),
    ("hystrix.command.K.execution.timeout.enabled=2", 1, "execution.timeout.enabled = '2': must be True or False"),
    ("hystrix.command.K.execution.isolation.strategy=THREADS", 1, "= 'THREADS': must be 'thread' or 'semaphore'"),
    ("hystrix.threadpool.K.coreSize=10.5", 1, "= '10.5': must be a whole number, 1 or more"),
    ("a=1\\\n2\nhystrix.command.K.fallback.enabled=\\uZZ", 3, "malformed \\uxxxx escape"),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD_PROPERTIES)
def test_a_wrong_properties_file_is_told_with_its_line(text, line, message, tmp_path):
    """File, line, name and what was meant."""
    file = write(tmp_path / "x.properties", text)
    with pytest.raises(PropertyError, match=re.escape(f"{file}, line {line}: ") + ".*" + re.escape(message)):
        configure(file=file)


def test_an_old_encoding_is_read_as_java_did(tmp_path):
    """A file that is no UTF-8 is ISO 8859-1."""
    line = "# für alle\nhystrix.command.Müller.fallback.enabled=false"
    configure(file=write(tmp_path / "x.properties", line.encode("iso-8859-1")))
    assert values(key="Müller").fallback_enabled is False
    configure(file=write(tmp_path / "x.properties", line))
    assert values(key="Müller").fallback_enabled is False


def test_a_name_that_could_disturb_a_log_is_quoted(tmp_path, caplog):
    """Neither a line end nor an escape sequence of a file's names reaches the log as itself."""
    line = "hystrix.command.K\\nroot\\:well\\u001b.threadPoolKeyOverride=x"
    with caplog.at_level(logging.WARNING, logger="hystrixpy"):
        configure(file=write(tmp_path / "x.properties", line))
    assert r"'hystrix.command.K\nroot:well\x1b.threadPoolKeyOverride'" in caplog.text
    assert caplog.text.isascii()
    assert "\x1b" not in caplog.text


# -- files as files


def unreadable(path):
    return {
        "missing": lambda: None,
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "large": lambda: path.write_bytes(b"#" * 1000 + b"\n" * LARGEST),
        "device": lambda: path.symlink_to("/dev/zero"),
    }


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "cannot be read: No such file or directory"),
        ("folder", "cannot be read: "),
        ("fifo", "cannot be read: not a regular file"),
        ("device", "cannot be read: not a regular file"),
        ("large", f"larger than {LARGEST} bytes"),
    ],
)
@pytest.mark.parametrize("suffix", ["toml", "properties", "TOML"])
def test_what_cannot_be_a_configuration_is_refused_without_waiting(kind, message, suffix, tmp_path):
    """No FIFO is waited for, no device read, no large file held in memory."""
    path = tmp_path / f"x.{suffix}"
    unreadable(path)[kind]()
    with pytest.raises(PropertyError, match=re.escape(f"{path}: {message}")):
        configure(file=path)


@pytest.mark.parametrize("suffix", ["toml", "properties"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_its_name(encoding, suffix, tmp_path):
    """Some editors write it; read as anything else it would say nothing at all."""
    text = "\ufeffhystrix.command.K.fallback.enabled=false"
    path = write(tmp_path / f"x.{suffix}", text.encode(encoding))
    with pytest.raises(PropertyError, match=re.escape(f"{path}: is UTF-16; must be UTF-8")):
        configure(file=path)


@pytest.mark.parametrize("name", ["x.yaml", "x.json", "x", ".toml", "x.toml.bak"])
def test_an_unknown_suffix_is_refused(name, tmp_path):
    """Formats are known by suffix, and the message names them."""
    path = write(tmp_path / name, "")
    with pytest.raises(PropertyError, match=r"no format for the suffix .*\.toml"):
        configure(file=path)


def test_a_path_that_is_none_is_refused():
    """A zero byte in a path is told like any unreadable file."""
    with pytest.raises(PropertyError, match="cannot be read: "):
        configure(file="a\0b.toml")


def test_a_flood_of_faults_is_bounded():
    """A hundred faults are listed, the last one says so, the rest costs no time."""
    reading = read_toml("[command.K]\n" + "".join(f"timeot{n} = 1\n" for n in range(20_000)), "f")
    assert len(reading.problems) == 100
    assert reading.problems[99].endswith("; reading ends here, after 100 faults")


def test_a_large_correct_file_is_read(tmp_path):
    """Ten thousand keys fit into one file."""
    text = "".join(f"[command.k{n}]\ntimeout = 1.5\n" for n in range(10_000))
    found = read_file(str(write(tmp_path / "x.toml", text)))
    assert found.reading.problems == []
    assert len(found.reading.values) == 10_000
    assert found.reading.values["command", "k9999"]["timeout"].source.endswith(", line 20000")
