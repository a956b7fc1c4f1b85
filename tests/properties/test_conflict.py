"""Two classes, one key, different code properties."""

import warnings

import pytest

from hystrixpy import CommandProperties, PropertyConflictWarning
from hystrixpy.properties import warn_of_conflict


def test_the_warning_names_both_and_what_differs():
    """Who holds, who does not, and each property that differs; those that agree are not listed."""
    first, second = CommandProperties(timeout=0.3, max_concurrent=4), CommandProperties(timeout=0.5, max_concurrent=4)
    with pytest.warns(PropertyConflictWarning) as told:
        warn_of_conflict("command", "GetUser", "app.A", first, "app.B", second.replace(isolation="semaphore"))
    assert str(told[0].message) == (
        "app.A and app.B claim the command key 'GetUser' with different properties; those of app.A hold: "
        "isolation unset, not 'semaphore', timeout 0.3, not 0.5"
    )
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (None, None),
        (None, CommandProperties()),
        (CommandProperties(timeout=1), CommandProperties(timeout=1.0)),
    ],
)
def test_agreement_is_silent(first, second):
    """Nothing given, or the same given, is no conflict."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_conflict("command", "K", "A", first, "B", second)


def test_a_default_given_explicitly_conflicts_with_none_given():
    """They behave differently under a dynamic default."""
    with pytest.warns(PropertyConflictWarning, match=r"timeout 1.0, not unset"):
        warn_of_conflict("command", "K", "A", CommandProperties(timeout=1.0), "B", None)
