"""Bytes on the wire: safe JSON, exact framing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hystrixpy.stream.wire import PING, data_event, milliseconds, to_json, whole


def test_markup_leaves_as_escapes() -> None:
    """A page that inserts names as HTML finds no tag in what it got."""
    assert to_json({"name": "<b>&'\""}) == b'{"name":"\\u003cb\\u003e\\u0026\'\\""}'


@given(st.text())
def test_any_name_comes_back_as_it_was(name: str) -> None:
    """Whatever the letters, the line is ASCII, single, and decodes to the same name."""
    event = data_event({"name": name})
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    assert event.isascii()
    assert not set(b"<>&") & set(event)
    assert json.loads(event[6:]) == {"name": name}


def test_ping_is_a_field_that_event_sources_ignore() -> None:
    """Hystrix's own bytes."""
    assert PING == b"ping: \n\n"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, 0), (0.0, 0), (0.29, 290), (1.0, 1000), (0.0019, 1), (0.0009, 0), (3600.0, 3600000)],
)
def test_milliseconds_are_truncated(seconds: float | None, expected: int) -> None:
    """Down to the whole millisecond, but not by a rounding error of binary fractions."""
    assert milliseconds(seconds) == expected


@pytest.mark.parametrize(
    ("limit", "sent"), [(7, 7), (-1, -1), (2**31 - 1, 2147483647), (2**31, 2147483647), (None, 2147483647)]
)
def test_limits_fit_into_an_int_of_java(limit: int | None, sent: int) -> None:
    """None, and what does not fit, is its largest."""
    assert whole(limit) == sent
