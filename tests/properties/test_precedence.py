"""The four levels: dynamic for the key > code > dynamic default > built in, whatever kind of value it is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hystrixpy import CollapserProperties, CommandProperties, PropertyError, ThreadPoolProperties, configure
from hystrixpy.properties import SECTIONS, explain, resolve, table

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = ("dynamic", "code", "dynamic default", "built in")


class Case(NamedTuple):
    """One property with three values, neighbours different, as Python and as Hystrix writes them."""

    section: str
    name: str
    values: tuple[Any, Any, Any]
    hystrix: str = ""
    written: tuple[str, str, str] = ("", "", "")

    def __str__(self) -> str:
        return f"{self.section}.{self.name}"


CASES = [
    Case(
        "command",
        "timeout",
        (0.3, 0.4, 0.5),
        "execution.isolation.thread.timeoutInMilliseconds",
        ("300", "400", "500"),
    ),
    Case(
        "command", "max_concurrent", (3, 4, 5), "execution.isolation.semaphore.maxConcurrentRequests", ("3", "4", "5")
    ),
    Case(
        "command",
        "breaker_error_threshold",
        (30, 40, 60),
        "circuitBreaker.errorThresholdPercentage",
        ("30", "40", "60"),
    ),
    Case("command", "breaker_force_open", (True, False, True), "circuitBreaker.forceOpen", ("true", "false", "TRUE")),
    Case(
        "command",
        "isolation",
        ("semaphore", "thread", "semaphore"),
        "execution.isolation.strategy",
        ("SEMAPHORE", "THREAD", "SEMAPHORE"),
    ),
    Case("thread_pool", "core_size", (3, 4, 5), "coreSize", ("3", "4", "5")),
    Case("thread_pool", "max_queue_size", (-1, 0, 5), "maxQueueSize", ("-1", "0", "5")),
    Case("thread_pool", "keep_alive", (120.0, 180.0, 240.0), "keepAliveTimeMinutes", ("2", "3", "4")),
    Case("collapser", "max_batch_size", (3, 4, 5), "maxRequestsInBatch", ("3", "4", "5")),
    Case("collapser", "delay", (0.02, 0.0, 0.04), "timerDelayInMilliseconds", ("20", "0", "40")),
    Case("collapser", "cache_enabled", (False, True, False), "requestCache.enabled", ("false", "true", "false")),
]
FAMILY = {"command": "command", "thread_pool": "threadpool", "collapser": "collapser"}


def in_mapping(case: Case, key: Any, default: Any, _path: Path, _env: pytest.MonkeyPatch) -> None:
    said = {name: {case.name: case.values[at]} for name, at in (("K", key), ("default", default)) if at is not None}
    configure({case.section: said})


def in_toml(case: Case, key: Any, default: Any, path: Path, _env: pytest.MonkeyPatch) -> None:
    def written(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else repr(value)

    tables = [
        f"[{case.section}.{name}]\n{case.name} = {written(case.values[at])}\n"
        for name, at in (("K", key), ("default", default))
        if at is not None
    ]
    file = path / "config.toml"
    file.write_text("".join(tables))
    configure(file=file)


def in_properties(case: Case, key: Any, default: Any, path: Path, _env: pytest.MonkeyPatch) -> None:
    lines = [
        f"hystrix.{FAMILY[case.section]}.{name}.{case.hystrix}={case.written[at]}\n"
        for name, at in (("K", key), ("default", default))
        if at is not None
    ]
    file = path / "config.properties"
    file.write_text("".join(lines))
    configure(file=file)


def in_environment(case: Case, key: Any, default: Any, _path: Path, env: pytest.MonkeyPatch) -> None:
    for name, at in (("K", key), ("default", default)):
        if at is not None:
            env.setenv(f"HYSTRIXPY__{case.section.upper()}__{name}__{case.name.upper()}", str(case.values[at]))


SOURCES = [in_mapping, in_toml, in_properties, in_environment]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("given", [s for n in range(4) for s in itertools.combinations(LEVELS[:3], n)], ids="+".join)
def test_the_highest_given_level_wins(case, given, source, tmp_path, monkeypatch):
    """For every subset of the levels that speak, every kind of value and every source, the highest one is in force."""
    at = {level: index for index, level in enumerate(LEVELS[:3])}
    source(
        case,
        at["dynamic"] if "dynamic" in given else None,
        at["dynamic default"] if "dynamic default" in given else None,
        tmp_path,
        monkeypatch,
    )
    cls = SECTIONS[case.section]
    code = cls(**{case.name: case.values[at["code"]]}) if "code" in given else None
    winner = next(iter(given), "built in")
    expected = cls.__dataclass_fields__[case.name].default if winner == "built in" else case.values[at[winner]]

    found = resolve(case.section, "K", code)
    assert getattr(found.values, case.name) == expected
    assert found.origins[case.name].level == winner
    assert found.origins[case.name].value == expected


@pytest.mark.parametrize("case", CASES, ids=str)
def test_another_key_follows_only_the_default(case, tmp_path, monkeypatch):
    """What is said for one key concerns no other."""
    in_mapping(case, 0, 2, tmp_path, monkeypatch)
    assert getattr(resolve(case.section, "Other").values, case.name) == case.values[2]


def test_a_default_given_in_code_beats_the_dynamic_default():
    """Passing the built-in default explicitly is a statement."""
    configure({"command": {"default": {"timeout": 0.2}}})
    assert resolve("command", "K", CommandProperties(timeout=1.0)).values.timeout == 1.0
    assert resolve("command", "K", CommandProperties()).values.timeout == 0.2


@pytest.mark.parametrize("level", ["dynamic", "code", "dynamic default"])
def test_a_limit_that_is_off_is_a_value_like_any_other(level):
    """None at a level wins over a time below it."""
    code = CommandProperties(timeout=None if level == "code" else 0.4) if level != "dynamic default" else None
    keys = {"K": {"timeout": None}} if level == "dynamic" else {}
    configure({"command": {"default": {"timeout": None if level == "dynamic default" else 0.3}, **keys}})
    found = resolve("command", "K", code)
    assert found.values.timeout is None
    assert found.origins["timeout"].level == level


def test_a_kind_of_command_may_have_other_built_in_defaults():
    """builtin_overrides stand at the lowest level: anything said beats them."""
    other = {"max_concurrent": 100}
    assert resolve("command", "K", builtin_overrides=other).values.max_concurrent == 100
    assert resolve("command", "K", builtin_overrides=other).origins["max_concurrent"].level == "built in"
    assert (
        resolve("command", "K", CommandProperties(max_concurrent=7), builtin_overrides=other).values.max_concurrent == 7
    )
    configure({"command": {"default": {"max_concurrent": 8}}})
    assert resolve("command", "K", builtin_overrides=other).values.max_concurrent == 8


@pytest.mark.parametrize("kind", SECTIONS)
def test_every_property_is_resolved(kind):
    """The result has each row of the table, as value and as origin."""
    found = resolve(kind, "K")
    assert list(found.origins) == list(table(SECTIONS[kind]))
    assert {name: getattr(found.values, name) for name in found.origins} == {
        name: origin.value for name, origin in found.origins.items()
    }


def test_an_unknown_kind_is_refused():
    """The kinds are named when one is mistyped."""
    with pytest.raises(PropertyError, match="did you mean 'thread_pool'"):
        resolve("threadpool", "K")


BUCKETS = [
    ("rolling_window", "rolling_buckets"),
    ("percentile_window", "percentile_buckets"),
]


@pytest.mark.parametrize(("window", "buckets"), BUCKETS)
def test_a_bucket_below_a_millisecond_is_found_across_levels(window, buckets):
    """Window from one place and count from another are checked together, naming both places."""
    configure({"command": {"K": {buckets: 500}}})
    code = CommandProperties(**{window: 0.4})
    with pytest.raises(PropertyError, match=rf"{window} = 0.4 s \(class A\) in {buckets} = 500 \(configure\(\)\)") as e:
        resolve("command", "K", code, code_source="class A")
    assert e.value.command_key == "K"
    assert getattr(resolve("command", "Other", code.replace(**{buckets: 400})).values, buckets) == 400


@pytest.mark.parametrize("name", ["K", "default"])
def test_a_bucket_below_a_millisecond_in_one_table_is_found_at_once(name):
    """Where one table says both there is nothing to wait for."""
    with pytest.raises(PropertyError, match=rf"thread_pool.{name}: rolling_window"):
        configure({"thread_pool": {name: {"rolling_window": 0.01, "rolling_buckets": 11}}})


def test_exactly_one_millisecond_is_enough():
    """Rounding of decimal seconds never refuses what is just right, and one bucket more is one too many."""
    for milliseconds in range(1, 1000):
        code = ThreadPoolProperties(rolling_window=milliseconds / 1000, rolling_buckets=milliseconds)
        assert resolve("thread_pool", "K", code).values.rolling_buckets == milliseconds
        with pytest.raises(PropertyError):
            resolve("thread_pool", "K", code.replace(rolling_buckets=milliseconds + 1))


def test_explain_tells_value_level_and_source(tmp_path):
    """Each value comes with its level and the place that set it, and str() lists them."""
    file = tmp_path / "service.toml"
    file.write_text("# ours\n[command.GetUser]\ntimeout = 0.25\n")
    configure({"command": {"default": {"max_concurrent": 20}}}, file=file)
    found = explain("command", "GetUser", CommandProperties(breaker_enabled=False), code_source="class app.GetUser")
    assert (found["timeout"].value, found["timeout"].level) == (0.25, "dynamic")
    assert found["timeout"].source == f"{file}, line 3"
    assert (found["max_concurrent"].level, found["max_concurrent"].source) == ("dynamic default", "configure()")
    assert (found["breaker_enabled"].level, found["breaker_enabled"].source) == ("code", "class app.GetUser")
    assert found["isolation"].level == "built in"
    lines = str(found).splitlines()
    assert lines[0].split() == ["command.GetUser", "value", "level", "source"]
    assert f"timeout                      0.25      dynamic          {file}, line 3" in lines
    assert len(lines) == 1 + len(found)


def test_generation_grows_with_every_change():
    """Of two results the newer one can be told."""
    first = resolve("collapser", "K").generation
    configure({"collapser": {"K": {"delay": 0.5}}})
    second = resolve("collapser", "K", CollapserProperties(delay=1)).generation
    assert second > first


def test_keys_of_one_class_share_what_no_source_says_otherwise():
    """One set of values for all hosts of a class; a key that is named, other code and another state have their own."""
    configure({"command": {"default": {"max_concurrent": 20}, "named": {"timeout": 3}}})
    code = CommandProperties(breaker_enabled=False)
    one, two = (resolve("command", key, code, code_source="A") for key in ("fetch:a", "fetch:b"))
    assert one.values is two.values
    assert str(two.origins).startswith("command.fetch:b")
    assert resolve("command", "named", code, code_source="A").values.timeout == 3.0
    assert resolve("command", "fetch:c", code.replace(timeout=2), code_source="A").values.timeout == 2.0
    assert resolve("command", "fetch:c", code, code_source="B").origins["breaker_enabled"].source == "B"
    asynchronous = {"builtin_overrides": {"fallback_max_concurrent": 100}, "fixed": {"isolation": "semaphore"}}
    assert resolve("command", "fetch:c", code, code_source="A", **asynchronous).values.fallback_max_concurrent == 100
    configure({"command": {"default": {"max_concurrent": 30}}})
    assert resolve("command", "fetch:a", code, code_source="A").values.max_concurrent == 30
