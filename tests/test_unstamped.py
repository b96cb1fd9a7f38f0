"""Objects without a stamp: a generated function fills them, as the codec itself would."""

from __future__ import annotations

import dataclasses
import functools
import pickle
import sys

import attrs
import pytest

import versionpickle

from versionpickle import Registry, Versioned, adopt, migration, versioned
from versionpickle.exceptions import FieldsError, InvalidObjectError
from versionpickle.migrations import add, default_registry, rename


def plain(name, fields):
    return type(name, (), {})


def by_hand(name, fields):
    return type(name, (), {"__slots__": tuple(fields)})


KINDS = {
    "plain": plain,
    "slots": by_hand,
    "attrs": attrs.make_class,
    "attrs slots": functools.partial(attrs.make_class, slots=True),
    "dataclass": dataclasses.make_dataclass,
}
LOADS = [lambda data: pickle.loads(data), versionpickle.loads]
READERS = pytest.mark.parametrize("loads", LOADS, ids=["pickle", "versionpickle"])


@pytest.fixture(autouse=True)
def default(monkeypatch):
    """The default registry is empty, before and after."""
    before = {**vars(default_registry)}
    vars(default_registry).update(vars(Registry("default")))
    yield
    vars(default_registry).update(before)


def declared(kind, *fields, name="Thing"):
    cls = KINDS[kind](name, fields)
    cls.__module__ = __name__
    setattr(sys.modules[__name__], name, cls)
    return cls


def stored(cls, *states):
    """Return a pickle of objects with these attributes."""
    objs = []
    for state in states:
        objs.append(cls.__new__(cls))
        for name, value in state.items():
            setattr(objs[-1], name, value)
    return pickle.dumps(objs)


def values(obj):
    return {name: getattr(obj, name) for name in ("a", "b", "c", "total") if hasattr(obj, name)}


@READERS
@pytest.mark.parametrize("kind", KINDS)
def test_without_steps(kind, loads):
    """An adopted class loads what there was, also from states with other names."""
    data = stored(declared(kind, "a", "b"), {"a": 1, "b": [2]}, {"b": 3, "a": 4})
    cls = declared(kind, "a", "b")
    adopt(cls)

    found = loads(data), loads(data)

    for objs in found:
        assert [cls, cls] == [type(obj) for obj in objs]
        assert [{"a": 1, "b": [2]}, {"a": 4, "b": 3}] == [values(obj) for obj in objs]


@READERS
@pytest.mark.parametrize("kind", KINDS)
def test_with_steps(kind, loads):
    """Operations and functions upgrade the state."""
    data = stored(declared(kind, "total"), {"total": 1}, {"total": 2}, {"total": 3})
    cls = declared(kind, "a", "b", "c")
    adopt(cls, version=4)
    migration(cls, 1, rename("total", "a"))
    migration(cls, 2, add("b", 5))
    migration(cls, 3)(lambda state: {**state, "c": state["a"] + state["b"]})

    found = loads(data), loads(data)

    for objs in found:
        expected = [{"a": a, "b": 5, "c": a + 5} for a in (1, 2, 3)]
        assert expected == [values(obj) for obj in objs]


@READERS
def test_many_sets_of_names(loads):
    """Each set of names has its own function, up to a number of them."""
    states = [{"a": 1, f"x{number}": 2} for number in range(70)]
    data = stored(declared("plain"), *states, *states)
    cls = declared("plain")
    adopt(cls, version=2)
    migration(cls, 1, add("b", 3))

    found = loads(data)

    assert [{**state, "b": 3} for state in (*states, *states)] == [vars(obj) for obj in found]


@READERS
def test_names_that_do_not_fit(loads):
    """What the class does not declare is an error each time."""
    data = stored(declared("attrs", "a"), {"a": 1, "b": 2})
    cls = declared("attrs", "a")
    adopt(cls)

    for _ in range(2):
        with pytest.raises(FieldsError, match="b"):
            loads(data)


def test_names_that_are_no_text():
    """A state may have any names."""
    old = declared("plain")()
    vars(old)[7] = 1
    data = pickle.dumps([old])
    cls = declared("plain")
    adopt(cls)

    (found,) = versionpickle.loads(data)

    assert {7: 1} == vars(found)


def test_version_that_depends_on_the_state():
    """A function tells the version of each state."""
    data = stored(declared("plain"), {"total": 1}, {"a": 2}, {"total": 3}, {"a": 4})
    cls = declared("plain")
    adopt(cls, version=2, unstamped=lambda state: 1 if "total" in state else 2)
    migration(cls, 1, rename("total", "a"))

    found = versionpickle.loads(data)

    assert [1, 2, 3, 4] == [obj.a for obj in found]


@READERS
def test_base_that_is_declared_later(loads):
    """The steps of a base are taken as soon as it is declared."""
    base = declared("plain", name="Base")
    sub = type("Thing", (base,), {"__module__": __name__})
    sys.modules[__name__].Thing = sub
    data = stored(sub, {"total": 1})
    adopt(sub)
    assert [1] == [obj.total for obj in loads(data)]

    adopt(base, version=2)
    migration(base, 1, rename("total", "a"))

    assert [1] == [obj.a for obj in loads(data)]


@READERS
def test_validators_run_after_steps_alone(loads):
    """What no step has changed was valid when it was stored."""

    def make():
        cls = attrs.make_class("Thing", {"a": attrs.field(validator=attrs.validators.gt(5))})
        cls.__module__ = __name__
        sys.modules[__name__].Thing = cls
        return cls

    data = stored(declared("attrs", "a"), {"a": 1})
    adopt(make())
    assert [1] == [obj.a for obj in loads(data)]

    vars(default_registry).update(vars(Registry("default")))
    cls = make()
    adopt(cls, version=2)
    migration(cls, 1)(lambda state: state)
    with pytest.raises(InvalidObjectError, match="> 5"):
        loads(data)


@pytest.mark.parametrize("kind", ["plain", "slots", "attrs", "dataclass"])
def test_blank_objects_among_others(kind):
    """An object that had no attributes is upgraded, wherever it is in the pickle."""
    old = declared(kind)
    blank, full = old.__new__(old), old.__new__(old)
    if kind != "slots":
        full.a = 1
    data = pickle.dumps({"x": [full, (full, blank)], "y": len, "z": [type]})
    cls = declared(kind, "a")
    adopt(cls, version=2)
    migration(cls, 1)(lambda state: {"a": 0, **state})

    found = versionpickle.loads(data, allow=[len, type])

    assert 0 == found["x"][1][1].a


def test_fields_that_the_class_has_too():
    """Objects whose first attribute is one of the class are looked at one by one."""
    old = declared("plain")
    data = stored(old, {"a": 1}, {})
    cls = declared("plain")
    cls.a = 0
    adopt(cls, version=2)
    migration(cls, 1)(lambda state: {"b": 2, **state})

    found = versionpickle.loads(data)

    assert [{"a": 1, "b": 2}, {"b": 2}] == [{**vars(obj)} for obj in found]


def test_blank_object_beside_another():
    """One that has attributes does not hide one that has none."""
    data = stored(declared("plain"), {"a": 1}, {})
    cls = declared("plain")
    adopt(cls, version=2)
    migration(cls, 1)(lambda state: {"b": 2, **state})

    found = versionpickle.loads(data)

    assert [{"a": 1, "b": 2}, {"b": 2}] == [vars(obj) for obj in found]


def test_blank_objects_without_a_place_for_attributes():
    """An object that can hold nothing stays as it is."""
    data = stored(declared("slots"), {}, {})
    cls = declared("slots")
    adopt(cls)

    found = versionpickle.loads(data)

    assert [cls, cls] == [type(obj) for obj in found]


def test_blank_object_between_others():
    """The attribute that all others have is not there in one of them."""
    data = stored(declared("plain"), {"a": 1}, {}, {"a": 3})
    cls = declared("plain")
    adopt(cls, version=2)
    migration(cls, 1)(lambda state: {"a": 2, **state})

    assert [1, 2, 3] == [obj.a for obj in versionpickle.loads(data)]


def test_base_that_is_declared_before_any_load():
    """A subclass that was declared first notices its base."""
    base = declared("plain", name="Base")
    sub = type("Thing", (base,), {"__module__": __name__})
    sys.modules[__name__].Thing = sub
    data = stored(sub, {"total": 1})
    adopt(sub)
    adopt(base, version=2)
    migration(base, 1, rename("total", "a"))

    assert [1] == [obj.a for obj in pickle.loads(data)]


@pytest.mark.parametrize("declare", [versioned, functools.partial(adopt, int)])
def test_setting_that_there_is_none(declare):
    """A keyword that is no setting is refused at once."""
    with pytest.raises(TypeError, match="there is no setting nmae="):
        declare(version=2, nmae="x")


def test_base_without_such_a_keyword():
    """A class keyword that is no setting is refused, unless a base takes it."""
    with pytest.raises(TypeError, match="there is no setting nmae="):
        type("Thing", (Versioned,), {}, nmae="x")


def test_a_field_that_may_be_unset():
    """An old state that lacks it leaves it unset, without a step."""
    data = stored(declared("plain", "a"), {"a": 1})
    cls = attrs.define(slots=False)(
        type(
            "Thing",
            (),
            {"__module__": __name__, "a": attrs.field(), "cache": attrs.field(init=False)},
        )
    )
    sys.modules[__name__].Thing = cls
    adopt(cls)

    (obj,) = pickle.loads(data)

    assert {"a": 1} == vars(obj)


def test_set_items_of_no_set():
    """Items that a hand-written pickle adds to an object of no set are left over."""
    adopt(declared("plain", "a"))
    data = f"\x80\x04c{__name__}\nThing\n)\x81(K\x01\x90.".encode("latin1")

    with pytest.raises(versionpickle.exceptions.VersionPickleError, match="Thing"):
        versionpickle.loads(data)


@pytest.mark.parametrize("protocol", [0, 1])
def test_a_container_that_is_a_function_today(protocol):
    """The error names it, and what it is."""
    cls = type("Things", (list,), {"__module__": __name__})
    module = sys.modules[__name__]
    module.Things = cls
    data = pickle.dumps(cls([1]), protocol)
    module.Things = lambda: None
    versionpickle.allow(f"{__name__}:Things")

    with pytest.raises(versionpickle.exceptions.VersionPickleError, match="it is no class today"):
        versionpickle.loads(data)
