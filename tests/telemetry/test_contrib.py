"""The ready-made parts in contrib/ speak of metrics and attributes that the code exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hystrixpy.events import CircuitState, EventType
from hystrixpy.telemetry.reference import prometheus_name
from hystrixpy.telemetry.table import INSTRUMENTS

pytestmark = pytest.mark.source

CONTRIB = Path(__file__).parents[2] / "contrib"
METRICS = {prometheus_name(row) for row in INSTRUMENTS}
LABELS = {name.replace(".", "_") for row in INSTRUMENTS for name in row.attributes}
EVENTS = {event.name.lower() for event in EventType}
STATES = {state.value for state in CircuitState}


def expressions(path: Path) -> str:
    """The text of a file without comments, and with JSON's escapes undone."""
    text = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
    return text.replace('\\"', '"')


SPEAKING = ("hystrixpy.rules.yaml", "grafana/hystrixpy.json")


@pytest.mark.parametrize("name", SPEAKING)
def test_every_name_is_exported(name: str) -> None:
    """Metrics as Prometheus calls them, and labels."""
    used = set(re.findall(r"\bhystrix_\w+", expressions(CONTRIB / name)))
    assert used, "a file that names nothing tests nothing"
    assert used <= METRICS | LABELS


@pytest.mark.parametrize("name", SPEAKING)
@pytest.mark.parametrize(("label", "known"), [("hystrix_event", EVENTS), ("hystrix_circuit_breaker_state", STATES)])
def test_every_value_of_a_label_exists(name: str, label: str, known: set[str]) -> None:
    """A misspelt event would make an alert that never fires."""
    selected = re.findall(label + r'!?=~?"([^"$]*)"', expressions(CONTRIB / name))
    used = {value for values in selected for value in values.split("|")}
    assert used
    assert used <= known


def test_the_dashboard_shows_every_metric() -> None:
    """Nothing is exported that nobody looks at."""
    shown = set(re.findall(r"\bhystrix_\w+", expressions(CONTRIB / "grafana/hystrixpy.json")))
    assert shown >= METRICS


def test_the_dashboard_is_json_without_overlaps() -> None:
    """Every panel has an id and a place of its own."""
    panels = json.loads((CONTRIB / "grafana/hystrixpy.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    taken = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(taken) == len(set(taken))


def test_the_compose_file_mounts_files_that_exist() -> None:
    """A missing one would be made a directory by Docker, silently."""
    mounted = re.findall(r"- \./([\w./-]+):", (CONTRIB / "docker-compose.yaml").read_text())
    assert mounted
    assert all((CONTRIB / name).is_file() for name in mounted)
