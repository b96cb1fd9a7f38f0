"""CPython 3.15: frozendict is a value type, and a sentinel is found by its name."""

from __future__ import annotations

import pickle
import sys
import types

import attrs
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, versioned
from versionpickle._pickles.build import finder as _finder
from versionpickle._pickles.value_types import FROZENDICT as frozendict  # noqa: N811 - as it is called there
from versionpickle._pickles.value_types import SENTINEL
from versionpickle.exceptions import (
    BuildError,
    CycleError,
    ForbiddenError,
    LimitError,
    UnpicklableError,
    UntrustedError,
)


has_frozendict = pytest.mark.skipif(frozendict is None, reason="this CPython has no frozendict")
with_or_without_limits = pytest.mark.parametrize("limits", [None, Limits()])


def interned(args, state):
    made = Interned()
    vars(made).update(state)
    return made


class Interned:
    def __init__(self, held=None):
        self.held = held

    def __reduce__(self):
        return Interned, (), {"held": self.held}


@has_frozendict
class TestFrozendict:
    @with_or_without_limits
    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_round_trip(self, protocol, limits):
        """Frozen dicts load by default, alone, in one another, as keys and in sets."""
        inner = frozendict(a=1)
        for obj in (frozendict(), frozendict(a=[inner]), {inner: 1}, {inner, frozendict(b=inner)}):
            for data in (pickle.dumps(obj, protocol), versionpickle.dumps(obj, protocol)):
                loaded = versionpickle.loads(data, limits=limits)

                assert obj == loaded
                assert type(obj) is type(loaded)

    @with_or_without_limits
    def test_cycle(self, limits):
        """One that holds itself in a list does so again."""
        held = []
        obj = frozendict(held=held)
        held.append(obj)

        loaded = versionpickle.loads(pickle.dumps(obj), limits=limits)

        assert loaded["held"][0] is loaded

    @with_or_without_limits
    def test_versioned_subclass(self, limits):
        """A class derived from it can be versioned, and keeps its attributes."""
        registry = Registry()
        cls = type("Settings", (frozendict,), {"__module__": __name__})
        obj = versioned(name="settings", registry=registry)(cls)(a=1)
        obj.origin = "file"

        loaded = versionpickle.loads(
            versionpickle.dumps(obj, registry=registry), limits=limits, registry=registry
        )

        assert obj == loaded
        assert loaded.origin == "file"
        assert type(loaded) is cls

    @with_or_without_limits
    def test_cycle_through_what_is_made_of_its_state(self, limits):
        """It cannot hold an object that is not made yet."""
        registry = Registry()
        adopt(Interned, rebuild=interned, registry=registry)
        obj = Interned()
        obj.held = [frozendict(a=obj)]

        with pytest.raises(CycleError, match="frozendict needs the whole"):
            versionpickle.loads(pickle.dumps(obj), limits=limits, registry=registry)

    def test_path(self):
        """Errors name the way through it."""
        with pytest.raises(UnpicklableError, match=r"^obj\['a'\]\[1\]: "):
            versionpickle.dumps(frozendict(a=[1, lambda: 1]))

    @pytest.mark.parametrize(
        "arguments", [b"K\x01\x85", b"]\x85", b")", b"}}\x86", b"X\x01\0\0\0a\x85"]
    )
    @pytest.mark.parametrize("opcode", [pickle.NEWOBJ, pickle.REDUCE])
    def test_of_something_else(self, arguments, opcode):
        """Within limits it is made of a dict alone, as pickle makes it."""
        with pytest.raises(UntrustedError, match="frozendict is"):
            versionpickle.loads(GET + arguments + opcode + b".", limits=Limits())

    def test_state(self):
        """It has no state."""
        with pytest.raises(UntrustedError, match="a state that it cannot have"):
            versionpickle.loads(GET + b"}\x85\x81}X\x01\0\0\0xK\x01sb.", limits=Limits())

    def test_copies_count(self):
        """Copies of one dict count by their size."""
        entries = pickle.dumps(dict.fromkeys(range(1_000)), 2)[2:-1]
        copies = b"h\xf0h\xf1\x85\x81" * 20_000

        with pytest.raises(LimitError, match="objects"):
            versionpickle.loads(
                GET + b"q\xf00" + entries + b"q\xf10(" + copies + b"l.", limits=Limits()
            )

    def test_keys_count(self):
        """As a key it counts with all that must be hashed for it."""
        nested = b"".join(
            b"h\xf0}(K\x00h%cK\x01h%cu\x85\x81q%c0" % (level, level, level + 1)
            for level in range(1, 60)
        )
        data = GET + b"q\xf00K\x01q\x010" + nested + b"}h\x3cK\x01s."

        with pytest.raises(LimitError, match="parts of keys"):
            versionpickle.loads(data, limits=Limits())


GET = b"\x80\x04\x8c\x08builtins\x8c\nfrozendict\x93"


class OlderSentinel:
    """Takes the place of sentinel in CPythons that have none."""

    def __init__(self, name):
        self.name = name
        self.__module__ = "shop_settings"

    def __reduce__(self):
        return self.name


@pytest.fixture
def settings(monkeypatch):
    """A module with a sentinel of two names."""
    if SENTINEL is None:
        monkeypatch.setattr(_finder, "SENTINEL", OlderSentinel)
    module = types.ModuleType("shop_settings")
    monkeypatch.setitem(sys.modules, "shop_settings", module)
    module.make = SENTINEL or OlderSentinel
    exec("UNSET = ANOTHER = make('UNSET')", vars(module))
    return module


@with_or_without_limits
class TestSentinel:
    def test_beside_a_versioned_class(self, settings, registry, limits):
        """A sentinel of a module whose classes may be built is the live one."""
        declare(settings, registry)
        obj = settings.Order(settings.UNSET)

        for data in (pickle.dumps(obj), versionpickle.dumps(obj, registry=registry)):
            loaded = versionpickle.loads(data, limits=limits, registry=registry)
            assert loaded.amount is settings.UNSET
            assert not versionpickle.inspect(data, registry=registry).refused

    def test_allowed(self, settings, registry, limits):
        """One that is allowed by name is the live one."""
        loaded = versionpickle.loads(
            pickle.dumps(settings.UNSET),
            allow=["shop_settings:UNSET"],
            limits=limits,
            registry=registry,
        )

        assert loaded is settings.UNSET

    def test_of_another_module(self, settings, registry, limits):
        """One of a module that nobody declared anything of is refused."""
        data = pickle.dumps(settings.UNSET)

        with pytest.raises(ForbiddenError, match="shop_settings:UNSET"):
            versionpickle.loads(data, limits=limits, registry=registry)
        assert versionpickle.inspect(data, registry=registry).refused

    def test_by_another_name(self, settings, registry, limits):
        """It is found by its own name alone."""
        declare(settings, registry)
        data = pickle.dumps(settings.UNSET, 0).replace(b"UNSET", b"ANOTHER")

        with pytest.raises(ForbiddenError, match="shop_settings:ANOTHER"):
            versionpickle.loads(data, limits=limits, registry=registry)

    def test_called(self, settings, registry, limits):
        """Nothing calls it."""
        declare(settings, registry)
        data = pickle.dumps(settings.UNSET)[:-1] + b")R."

        with pytest.raises((BuildError, UntrustedError)):
            versionpickle.loads(data, limits=limits, registry=registry)


def declare(module, registry):
    order = attrs.make_class("Order", ["amount"], slots=False)
    order.__module__ = module.__name__
    module.Order = versioned(registry=registry)(order)
