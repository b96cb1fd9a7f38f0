"""A class in four versions, for the tests of stores: each takes the place of the last."""

from __future__ import annotations

import attrs

from versionpickle import migration, versioned
from versionpickle.migrations import add, convert, rename


def declare(version, *, name="test.order", registry=None):
    """Return the class as it was at a version, with the steps to it."""
    body = {1: _first, 2: _second, 3: _third, 4: _fourth}[version]()
    cls = attrs.define(type("Order", (), {"__module__": __name__, "__annotations__": body}))
    versioned(version, name=name, registry=registry)(cls)
    steps = [rename("total", "amount"), convert("amount", cents), add("note", "")]
    for number, step in enumerate(steps[: version - 1], 1):
        migration(cls, number, step, registry=registry)
    return cls


def cents(amount):
    if amount < 0:
        raise ValueError("no good")
    return round(amount * 100)


def _first():
    return {"number": int, "total": float}


def _second():
    return {"number": int, "amount": float}


def _third():
    return {"number": int, "amount": int}


def _fourth():
    return {"number": int, "amount": int, "note": str}
