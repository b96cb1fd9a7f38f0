"""Steps in a module of their own."""

from __future__ import annotations

import pickle
import sys
import textwrap
import types

import pytest

import versionpickle

from versionpickle import Registry, Versioned, adopt, versioned
from versionpickle.exceptions import DeclarationError, MissingStepError


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A module of steps that is not imported yet."""
    source = """
        from versionpickle import migration
        from versionpickle.migrations import rename

        migration("test_lazy_steps:Order", 1, rename("total", "amount"))
    """
    (tmp_path / "lazy_steps.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lazy_steps", raising=False)
    return "lazy_steps"


class Order:
    def __init__(self, amount):
        self.amount = amount


def old(name):
    registry = Registry("old")
    cls = type("Order", (), {})
    versioned(name=name, registry=registry)(cls)
    obj = cls()
    obj.total = 5
    return versionpickle.dumps(obj, registry=registry)


def test_imported_when_needed(steps):
    """Today's objects need none; the first old one has the module imported."""
    source = f"""
        import pickle, sys, versionpickle

        @versionpickle.versioned(version=2, name="lazy-order", migrations={steps!r})
        class Order:
            pass

        assert pickle.loads(pickle.dumps(Order())) and {steps!r} not in sys.modules
        report = versionpickle.inspect(old)
        assert "its steps are in {steps}" in report.classes[0].problem
        assert {steps!r} not in sys.modules
        assert pickle.loads(old).amount == pickle.loads(old).amount == 5
        assert "rename" in versionpickle.inspect(old).classes[0].steps[0]
    """
    space = {"old": old("lazy-order"), "__name__": __name__}
    lines = textwrap.dedent(source)

    exec(lines, space)


@pytest.mark.parametrize("adopted", [False, True])
def test_no_module(adopted):
    """A module that is not there is an error that names it."""
    registry = Registry("none")
    settings = {"version": 2, "name": "c", "migrations": "no.such.steps", "registry": registry}
    if adopted:
        adopt(Order, **settings)
    else:
        type("C", (Versioned,), {}, **settings)

    with pytest.raises(DeclarationError, match=r"migrations='no.such.steps' cannot be imported"):
        versionpickle.loads(old("c"), registry=registry)


def test_module_without_the_step():
    """One that lacks the step leaves a hole."""
    registry = Registry("hole")
    versioned(version=2, name="c", migrations="textwrap", registry=registry)(type("C", (), {}))

    with pytest.raises(MissingStepError):
        versionpickle.loads(old("c"), registry=registry)
    assert (
        "no step leaves" in versionpickle.inspect(old("c"), registry=registry).classes[0].problem
    )


@pytest.mark.parametrize("wrong", [5, "", pickle])
def test_misuse(wrong):
    """It is the name of a module."""
    with pytest.raises(DeclarationError, match="is no name of a module"):
        versioned(version=2, migrations=wrong)(type("C", (), {}))


def test_a_class_that_is_reloaded(tmp_path, monkeypatch, registry):
    """Its steps come again from their module."""
    space = types.ModuleType("lazy_space")
    space.registry = registry
    monkeypatch.setitem(sys.modules, "lazy_space", space)
    (tmp_path / "lazy_again.py").write_text(
        "from lazy_space import registry\n"
        "from versionpickle import migration\n"
        "from versionpickle.migrations import rename\n"
        "migration('again', 1, rename('total', 'amount'), registry=registry)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lazy_again", raising=False)
    data = old("again")

    for _ in range(2):
        cls = type("Again", (), {})
        versioned(version=2, name="again", migrations="lazy_again", registry=registry)(cls)

        assert versionpickle.loads(data, registry=registry).amount == 5
