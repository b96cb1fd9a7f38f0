"""Steps in a module of their own."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
import textwrap
import types

import pytest

import versionpickle

from versionpickle import Registry, Versioned, adopt, alias, versioned
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
def test_migrations_that_name_no_module(wrong):
    """It is the name of a module."""
    with pytest.raises(DeclarationError, match="is not the name of a module"):
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


@pytest.fixture
def package(tmp_path, monkeypatch, registry):
    """A package in which a test writes modules, and whose space holds a registry and a class."""
    space = types.ModuleType("steps_space")
    space.registry, space.Order = registry, type("Order", (), {})
    monkeypatch.setitem(sys.modules, "steps_space", space)
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "steps_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    yield folder
    for name in [name for name in sys.modules if name.startswith("steps_package")]:
        del sys.modules[name]


STEPS = """
from steps_space import registry
from versionpickle import alias, migration
from versionpickle.migrations import become, rename

migration("order", 1, rename("total", "amount"), registry=registry)
"""


def declare_order(registry, module):
    return versioned(version=2, name="order", migrations=module, registry=registry)(
        type("Order", (), {})
    )


def test_failed_module_leaves_nothing(package, registry):
    """Each load names the module and its error, and nothing that it registered stays."""
    more = 'alias("gone:Total", lambda: 0, registry=registry)\n'
    leaving = 'migration("gone:Coupon", 1, become({"m:Order": 1}), registry=registry)\n'
    (package / "steps.py").write_text(f"{STEPS}{more}{leaving}1 / 0")
    declare_order(registry, "steps_package.steps")
    alias("kept:Total", "kept:Sum", registry=registry)

    for _ in range(2):
        with pytest.raises(DeclarationError, match=r"steps_package\.steps.*ZeroDivisionError"):
            versionpickle.loads(old("order"), registry=registry)
        assert registry.steps() == []
        assert not registry.has_endings
        assert registry.aliases() == {"kept:Total": "kept:Sum"}


def test_failed_module_that_is_mended(package, registry):
    """Once the module runs, the next load takes its steps."""
    (package / "steps.py").write_text(f"{STEPS}1 / 0")
    declare_order(registry, "steps_package.steps")
    with pytest.raises(DeclarationError):
        versionpickle.loads(old("order"), registry=registry)

    (package / "steps.py").write_text(STEPS)

    assert versionpickle.loads(old("order"), registry=registry).amount == 5


def test_module_that_users_import_again(package, registry):
    """Steps and aliases of an import that failed give way to those of the next one."""
    declare_order(registry, None)
    more = 'alias("gone:Total", lambda: 0, registry=registry)\n'
    for source in (f"{STEPS}{more}1 / 0", STEPS + more):
        (package / "steps.py").write_text(source)
        with contextlib.suppress(ZeroDivisionError):
            importlib.import_module("steps_package.steps")

    assert versionpickle.loads(old("order"), registry=registry).amount == 5


def test_interrupted_module(package, registry):
    """What is no error of the module, such as Ctrl-C, passes through."""
    (package / "steps.py").write_text(f"{STEPS}raise KeyboardInterrupt")
    declare_order(registry, "steps_package.steps")

    with pytest.raises(KeyboardInterrupt):
        versionpickle.loads(old("order"), registry=registry)
    assert registry.steps() == []


RELATIVE = """
from steps_space import Order, registry
from versionpickle import adopt, versioned

settings = {"version": 2, "name": "order", "migrations": ".steps", "registry": registry}
"""


@pytest.mark.parametrize(
    "declaration",
    ["versioned(**settings)(type('Order', (), {}))", "adopt(Order, **settings)"],
    ids=["versioned", "adopted"],
)
def test_relative_name(package, registry, declaration):
    """It is relative to the package of the declaration."""
    (package / "models.py").write_text(RELATIVE + declaration)
    importlib.import_module("steps_package.models")

    assert registry.named("order").steps_module == "steps_package.steps"


def test_relative_name_without_a_package(registry):
    """It is refused where the class is declared."""
    with pytest.raises(DeclarationError, match=r"migrations='\.steps' is relative"):
        declare_order(registry, ".steps")


def test_class_and_steps_in_one_module(package, registry):
    """A module that names itself is not run again when its class is declared again."""
    source = RELATIVE.replace(".steps", "steps_package.both")
    (package / "both.py").write_text(
        f"{source}versioned(**settings)(type('Order', (), {{}})){STEPS}"
    )
    importlib.import_module("steps_package.both")
    assert versionpickle.loads(old("order"), registry=registry).amount == 5

    module = importlib.reload(sys.modules["steps_package.both"])

    assert versionpickle.loads(old("order"), registry=registry).amount == 5
    assert sys.modules["steps_package.both"] is module
