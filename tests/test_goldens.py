"""Streams of every released format load for ever, and are written as they were."""

from __future__ import annotations

import pickle

from pathlib import Path

import golden_models as models
import pytest

import versionpickle


GOLDENS = Path(__file__).parent / "goldens"
every_golden = pytest.mark.parametrize("name", models.MADE)
every_protocol = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))


def golden(name, protocol):
    return (GOLDENS / f"format1-{name}-p{protocol}.pickle").read_bytes()


@every_golden
@every_protocol
@pytest.mark.parametrize("limits", [None, versionpickle.Limits()], ids=["", "limits"])
def test_is_read(name, protocol, limits):
    """A golden stream loads into what it was made of."""
    registry = models.APART if name in {"apart", "whole"} else None

    found = versionpickle.loads(golden(name, protocol), registry=registry, limits=limits)

    assert models.described(models.MADE[name]()) == models.described(found)
    if registry is None:
        assert models.described(found) == models.described(pickle.loads(golden(name, protocol)))


@every_protocol
@pytest.mark.parametrize(
    ("name", "model"), [("values_with_itself", "values"), ("failure_by_stamp", "failure")]
)
def test_former_ways(protocol, name, model):
    """Stamps of named tuples once named their own class; a stamp was called with arguments."""
    found = versionpickle.loads(golden(name, protocol))

    assert models.described(models.MADE[model]()) == models.described(found)


@every_golden
@every_protocol
def test_is_written(name, protocol):
    """And today's code writes the same bytes."""
    assert golden(name, protocol) == models.dumps(models.MADE[name](), protocol)
