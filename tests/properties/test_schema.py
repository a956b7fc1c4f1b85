"""The table of properties: what is accepted, what is remembered, what is refused."""

import copy
import dataclasses
import pickle

import pytest

from hystrixpy import CollapserProperties, CommandProperties, PropertyError, ThreadPoolProperties
from hystrixpy.properties import Property, table

TABLES = [CommandProperties, ThreadPoolProperties, CollapserProperties]
ROWS = [(cls, row) for cls in TABLES for row in table(cls).values()]

COMMAND_DEFAULTS = {
    "isolation": "thread",
    "timeout": 1.0,
    "interrupt_on_timeout": False,
    "interrupt_on_cancel": False,
    "max_concurrent": 10,
    "fallback_enabled": True,
    "fallback_max_concurrent": 10,
    "fallback_on_fatal": False,
    "breaker_enabled": True,
    "breaker_force_open": False,
    "breaker_force_closed": False,
    "breaker_volume_threshold": 20,
    "breaker_error_threshold": 50,
    "breaker_sleep_window": 5.0,
    "breaker_half_open_trials": 1,
    "breaker_half_open_successes": 1,
    "rolling_window": 10.0,
    "rolling_buckets": 10,
    "percentile_enabled": True,
    "percentile_window": 60.0,
    "percentile_buckets": 6,
    "request_cache_enabled": True,
    "request_log_enabled": True,
    "ignore": (),
    "raise_hystrix_errors": False,
}
POOL_DEFAULTS = {
    "core_size": 10,
    "max_size": 10,
    "allow_max_to_diverge": False,
    "max_queue_size": -1,
    "queue_rejection_threshold": 5,
    "keep_alive": 60.0,
    "rolling_window": 10.0,
    "rolling_buckets": 10,
}
COLLAPSER_DEFAULTS = {"max_batch_size": None, "delay": 0.010, "cache_enabled": True}


@pytest.mark.parametrize(
    ("cls", "defaults"),
    [
        (CommandProperties, COMMAND_DEFAULTS),
        (ThreadPoolProperties, POOL_DEFAULTS),
        (CollapserProperties, COLLAPSER_DEFAULTS),
    ],
)
def test_unset_fields_read_as_the_built_in_defaults(cls, defaults):
    """A table made without arguments has exactly these names, in this order, with these values."""
    made = cls()
    assert {field.name: getattr(made, field.name) for field in dataclasses.fields(cls)} == defaults
    assert dict(made.given) == {}


def test_a_default_passed_explicitly_counts_as_given():
    """What was given is remembered apart from what it is, so it can beat a dynamic default."""
    assert dict(CommandProperties(timeout=1.0).given) == {"timeout": 1.0}
    assert CommandProperties(timeout=1.0) != CommandProperties()


def test_values_take_their_normal_form():
    """An int for a time becomes a float, one exception type a tuple; equality and hash see that."""
    loose = CommandProperties(timeout=1, ignore=ValueError)
    assert loose == CommandProperties(timeout=1.0, ignore=(ValueError,))
    assert hash(loose) == hash(CommandProperties(ignore=[ValueError], timeout=1.0))
    assert isinstance(loose.timeout, float)


def test_repr_shows_what_was_given():
    """The repr can be typed back in."""
    made = ThreadPoolProperties(core_size=3, keep_alive=0)
    assert repr(made) == "ThreadPoolProperties(core_size=3, keep_alive=0.0)"
    assert eval(repr(made)) == made


@pytest.mark.parametrize("cls", TABLES)
def test_tables_are_frozen(cls):
    """Neither a field nor a mistyped name can be assigned or deleted."""
    made = cls()
    for name in (next(iter(table(cls))), "nonsense", "_given"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.nonsense
    assert not hasattr(made, "__dict__")


def test_copies_keep_what_was_given():
    """pickle, copy and deepcopy carry the values and the set of given names."""
    made = CommandProperties(timeout=None, isolation="semaphore")
    for other in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert other == made
        assert other.given == made.given


def test_replace_adds_to_what_is_given():
    """replace() counts its arguments as given and nothing else."""
    made = CommandProperties(timeout=0.3).replace(max_concurrent=4)
    assert dict(made.given) == {"timeout": 0.3, "max_concurrent": 4}
    assert made.max_concurrent == 4


def test_over_lays_given_values_above_lower_ones():
    """over() lets only given values cover those of the lower table."""
    upper = CommandProperties(timeout=1.0)
    lower = CommandProperties(timeout=0.3, max_concurrent=4)
    assert dict(upper.over(lower).given) == {"timeout": 1.0, "max_concurrent": 4}
    assert upper.over(None) is upper


def test_an_unknown_name_names_the_nearest():
    """A typing error is answered with the name that was meant."""
    with pytest.raises(PropertyError, match=r"CommandProperties has no property 'timout'; did you mean 'timeout'\?"):
        CommandProperties(timout=1.0)
    with pytest.raises(PropertyError, match="valid are cache_enabled, delay, max_batch_size"):
        CollapserProperties(xyzzy=1)


def test_positional_arguments_are_refused():
    """All properties are keyword-only."""
    with pytest.raises(TypeError):
        CommandProperties("thread")


FLAGS = [
    pytest.param(cls, row.name, id=f"{cls.section}.{row.name}") for cls, row in ROWS if isinstance(row.default, bool)
]
NUMBERS = [
    pytest.param(cls, row.name, id=f"{cls.section}.{row.name}")
    for cls, row in ROWS
    if isinstance(row.default, int | float) and not isinstance(row.default, bool)
] + [pytest.param(CollapserProperties, "max_batch_size", id="collapser.max_batch_size")]


@pytest.mark.parametrize(("cls", "name"), FLAGS)
@pytest.mark.parametrize("value", [0, 1, None, "true", 1.0, []])
def test_a_flag_takes_only_a_bool(cls, name, value):
    """What merely behaves like True or False is refused with property, value and valid range."""
    with pytest.raises(PropertyError, match=f"^{name} = .*: must be True or False$"):
        cls(**{name: value})


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
@pytest.mark.parametrize(
    "value", [True, False, "1", float("nan"), float("inf"), -float("inf"), -2, 10**400 * -1, [], 1j]
)
def test_a_number_is_no_bool_no_text_and_finite(cls, name, value):
    """No number property takes a bool, text, NaN, infinity or -2."""
    with pytest.raises(PropertyError, match=f"^{name} = .*: must be a "):
        cls(**{name: value})


def test_a_property_of_another_table_is_sent_there():
    """The mistake is the place, not the name."""
    with pytest.raises(PropertyError, match="CommandProperties has no property 'core_size'; it belongs to ThreadPool"):
        CommandProperties(core_size=5)


OUT_OF_RANGE = [
    (CommandProperties, "timeout", [0, 0.0, -1, -0.001]),
    (CommandProperties, "breaker_error_threshold", [0, 101, 50.0]),
    (CommandProperties, "breaker_volume_threshold", [0]),
    (CommandProperties, "breaker_sleep_window", [-0.001, None]),
    (CommandProperties, "max_concurrent", [0, 1.5]),
    (CommandProperties, "rolling_buckets", [0]),
    (CommandProperties, "rolling_window", [0, 0.0009]),
    (CommandProperties, "isolation", ["THREAD", "", None, 1]),
    (CommandProperties, "ignore", [None, "ValueError", (1,), (ValueError(),), KeyboardInterrupt, (int,)]),
    (ThreadPoolProperties, "core_size", [0]),
    (ThreadPoolProperties, "queue_rejection_threshold", [0]),
    (ThreadPoolProperties, "max_queue_size", [-2]),
    (ThreadPoolProperties, "keep_alive", [-1]),
    (CollapserProperties, "max_batch_size", [0]),
    (CollapserProperties, "delay", [-0.01]),
]


@pytest.mark.parametrize(
    ("cls", "name", "value"), [(cls, name, value) for cls, name, values in OUT_OF_RANGE for value in values]
)
def test_a_value_out_of_range_is_refused(cls, name, value):
    """The error names the property and what would be valid."""
    with pytest.raises(PropertyError, match=f"^{name} = .*: must be "):
        cls(**{name: value})


ALLOWED = [
    (CommandProperties, "timeout", [None, 1e-9, 1e300, 3]),
    (CommandProperties, "breaker_error_threshold", [1, 100]),
    (CommandProperties, "breaker_sleep_window", [0]),
    (CommandProperties, "max_concurrent", [10**30]),
    (ThreadPoolProperties, "max_queue_size", [-1, 0, 10**30]),
    (ThreadPoolProperties, "keep_alive", [0]),
    (CollapserProperties, "delay", [0]),
    (CollapserProperties, "max_batch_size", [None, 1]),
]


@pytest.mark.parametrize(
    ("cls", "name", "value"), [(cls, name, value) for cls, name, values in ALLOWED for value in values]
)
def test_a_value_at_the_edge_is_accepted(cls, name, value):
    """There are no upper bounds, and the lower ones are inclusive where they say so."""
    assert getattr(cls(**{name: value}), name) == value


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=lambda row: row.name)
def test_every_row_says_what_it_is(row: Property):
    """Every property has a sentence, and its default passes its own check."""
    assert row.doc.endswith(".")
    assert row.kind.check(row.default) == row.default
