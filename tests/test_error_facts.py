"""Errors have the same facts in each kind of load, in the words of what was meant."""

from __future__ import annotations

import collections
import enum
import functools
import io
import os
import pathlib
import pickle

import attrs
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, alias, allow, migration, versioned
from versionpickle.exceptions import (
    BuildError,
    FieldsError,
    ForbiddenError,
    FutureVersionError,
    LimitError,
    NotAClassError,
    StepError,
    UnknownClassError,
)
from versionpickle.migrations import rename


LOADS = [{}, {"limits": Limits()}]


class Cart:
    pass


class Order:
    pass


class Dict(dict):
    pass


def cart_with_old_order(protocol, wrap):
    """Return a pickle with an order at version 1, and a registry that cannot upgrade it."""
    then, now = Registry("then"), Registry("now")
    for registry, version in ((then, 1), (now, 2)):
        adopt(Cart, name="cart", registry=registry)
        adopt(Order, name="order", version=version, registry=registry)

    @migration(Order, 1, registry=now)
    def fail(state):
        raise ValueError("negative")

    order = Order()
    order.total = -1
    return versionpickle.dumps(wrap(order), protocol, registry=then), now


def cart(order):
    made = Cart()
    made.orders = [order]
    return made


class TestPath:
    """The path is that of the place in the pickle where the object is first."""

    @pytest.mark.parametrize("protocol", range(6))
    @pytest.mark.parametrize("settings", LOADS, ids=["default", "limits"])
    @pytest.mark.parametrize(
        ("wrap", "path"),
        [
            (cart, "obj.orders[0]"),
            (lambda order: [1, {"a": order}], "obj[1]['a']"),
            (lambda order: {"first": order, "again": [order]}, "obj['first']"),
            (lambda order: [[[order]], order], "obj[0][0][0]"),
        ],
        ids=["attribute", "containers", "shared", "shared, deeper first"],
    )
    def test_of_stamped_objects(self, wrap, path, settings, protocol):
        """States that a function sets lead on as well as those that a class takes."""
        data, registry = cart_with_old_order(protocol, wrap)

        with pytest.raises(StepError) as caught:
            versionpickle.loads(data, registry=registry, **settings)

        assert path == caught.value.path

    def test_of_an_unstamped_object(self, registry):
        """Old objects without a stamp have a path, too."""
        adopt(Dict, version=2, registry=registry)

        @migration(Dict, 1, registry=registry)
        def fail(state):
            raise ValueError("negative")

        old = Dict(number=1)
        old.total = -1

        with pytest.raises(StepError) as caught:
            versionpickle.loads(pickle.dumps({"first": old, "again": old}), registry=registry)

        assert "obj['first']" == caught.value.path


@pytest.mark.parametrize("path", ["order.pickle", pathlib.Path("order.pickle")], ids=repr)
@pytest.mark.parametrize(
    ("function", "other"),
    [
        (versionpickle.load, "load_file"),
        (versionpickle.Unpickler, "load_file"),
        (versionpickle.loads, "load_file"),
        (lambda path: versionpickle.loads(path, limits=Limits()), "load_file"),
        (lambda path: versionpickle.dump(1, path), "dump_file"),
        (versionpickle.inspect, "read_bytes"),
    ],
    ids=["load", "Unpickler", "loads", "limits", "dump", "inspect"],
)
def test_path_in_place_of_a_file(function, other, path):
    """Whoever passes a path is told which function takes one."""
    with pytest.raises(TypeError, match=other):
        function(path)


def test_file_in_place_of_bytes():
    """An open file is no path."""
    with pytest.raises(TypeError, match="bytes-like"):
        versionpickle.loads(io.BytesIO())


class Lamp:
    def on(self):
        return "on"

    def off(self):
        return "off"


class Colour(enum.Enum):
    RED = 1


every_way = pytest.mark.parametrize(
    "settings", [*LOADS, {"unsafe": True}], ids=["default", "limits", "unsafe"]
)
every_load = pytest.mark.parametrize("settings", LOADS, ids=["default", "limits"])


REFUSED = {
    "objects": [Lamp(), Cart(), Cart()],
    "methods": [Lamp().on, [1].append, "a".upper, {}.get, {1}.pop, frozenset({1}).union],
    "functions": [len, print, Lamp],
    "members": [Colour.RED],
    "sets": [functools.partial(len), iter([1])],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("obj", REFUSED.values(), ids=REFUSED)
def test_inspect_tells_the_same(obj, protocol, registry):
    """The report lists what the error of a load lists, and its advice lets the load in."""
    data = pickle.dumps(obj, protocol)

    refused = versionpickle.inspect(data, registry=registry).refused
    with pytest.raises(ForbiddenError) as caught:
        versionpickle.loads(data, registry=registry)
    given = {cure.removeprefix("versionpickle.allow('").removesuffix("')") for _, cure in refused}

    assert {*caught.value.refs} == {ref for ref, _ in refused}
    assert {*caught.value.cures} == given
    assert len(obj) == len(versionpickle.loads(data, registry=registry, allow=given))


class TestForbidden:
    """One error lists all names that the load refuses."""

    @every_load
    @pytest.mark.parametrize("protocol", range(6))
    def test_methods(self, protocol, settings, registry):
        """What it lists suffices, methods of objects and of values too."""
        data = pickle.dumps([Lamp().on, Lamp().off, [1].count, "a".upper], protocol)

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry, **settings)
        refs = caught.value.refs
        found = versionpickle.loads(data, registry=registry, allow=refs)

        assert ["on", "off", 0, "A"] == [found[0](), found[1](), found[2](2), found[3]()]
        assert {f"{__name__}:Lamp", f"{__name__}:Lamp.on", f"{__name__}:Lamp.off"} < {*refs}

    @every_load
    @pytest.mark.parametrize("prefix", [b"\x80\x02cbuiltins", b"c__builtin__"])
    def test_members(self, prefix, settings, registry):
        """Members of enums, and classes within others, are listed with their classes."""
        name = f"c{__name__}\nColour\n".encode()
        member = prefix + b"\ngetattr\n(" + name + b"VRED\ntR."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(member, registry=registry, **settings)

        assert (f"{__name__}:Colour", f"{__name__}:Colour.RED") == caught.value.refs

    def test_methods_of_stamped_objects(self, registry):
        """A method of a stamped object has the name of its class today."""
        adopt(Lamp, name="lamp", registry=registry)

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(
                versionpickle.dumps(Lamp().on, registry=registry), registry=registry
            )

        assert (f"{__name__}:Lamp.on",) == caught.value.refs

    def test_methods_of_what_a_function_makes(self, registry):
        """Nothing is listed that nobody could allow."""
        data = b"\x80\x02cbuiltins\ngetattr\ncbuiltins\nlen\n)RX\x01\0\0\0x\x86R."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry)

        assert ("builtins:len",) == caught.value.refs

    def test_inspect_of_what_a_function_makes(self, registry):
        """The report does not list it either."""
        data = b"\x80\x02cbuiltins\ngetattr\ncbuiltins\nlen\n)RX\x01\0\0\0x\x86R."

        report = versionpickle.inspect(data, registry=registry)

        assert ["builtins:len"] == [ref for ref, _ in report.refused]

    def test_odd_attributes(self, registry):
        """An attribute of what has no name, or without a name, is not listed."""
        data = b"\x80\x02cos\nsystem\n0cbuiltins\ngetattr\nK\x01K\x02\x86R."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry)

        assert ("os:system",) == caught.value.refs


WINDOWS = b"WindowsPath" if os.name != "nt" else b"PosixPath"
PATH = b"\x80\x02}X\x05\0\0\0files](cpathlib\n%s\nVdata\n\x85Res." % WINDOWS


class TestLimits:
    """`limits=` names the class and the place like any load."""

    @every_load
    def test_value_type_that_fails(self, settings):
        """What a value type raises is raised when all is read, with its place."""
        with pytest.raises(BuildError) as caught:
            versionpickle.loads(PATH, **settings)

        assert f"pathlib:{WINDOWS.decode()}" == caught.value.ref
        assert "obj['files'][0]" == caught.value.path

    @every_load
    def test_stamp_that_fails(self, settings):
        """So it is with a class that is not known, or too new."""
        then, now = Registry("then"), Registry("now")
        adopt(Lamp, name="lamp", version=3, registry=then)
        adopt(Lamp, name="lamp", version=1, registry=now)
        data = versionpickle.dumps({"lamps": [Lamp()]}, registry=then)

        for registry, kind in ((now, FutureVersionError), (Registry("odd"), UnknownClassError)):
            with pytest.raises(kind) as caught:
                versionpickle.loads(data, registry=registry, **settings)
            assert "obj['lamps'][0]" == caught.value.path

    def test_limit_within_a_value(self):
        """A limit is exceeded at once, wherever that is."""
        data = pickle.dumps(bytearray(b"x" * 2_000), 4)

        with pytest.raises(LimitError):
            versionpickle.loads(data, limits=Limits(objects=10))

    def test_what_follows_a_failure(self):
        """An error that may be its consequence does not take its place."""
        data = b"\x80\x02cpathlib\n%s\nVdata\n\x85Rq\x00]q\x01K\x01b." % WINDOWS

        with pytest.raises(BuildError, match=WINDOWS.decode()):
            versionpickle.loads(data, limits=Limits())


class Holiday:
    pass


class Keyed:
    def __new__(cls, *, key):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"key": 1}


class Bag(dict):
    pass


OLD_HOLIDAYS = [
    pickle.dumps({"days": [Bag(a=1)]}, 1),
    *(pickle.dumps({"days": [Holiday()]}, protocol) for protocol in range(6)),
    pickle.dumps({"days": [Keyed(key=1)]}, 4),
]


def Holiday(*args):  # noqa: N802 - it was a class
    """Return nothing of use."""


Keyed = Bag = Holiday


class TestNoClassToday:
    """A name that was a class, and is a function today."""

    @pytest.mark.parametrize("data", OLD_HOLIDAYS)
    @pytest.mark.parametrize(
        "settings", [*LOADS, {"unsafe": True}], ids=["default", "limits", "unsafe"]
    )
    def test_is_told(self, settings, data, registry):
        """The error says so, and what to declare."""
        allow(*(f"{__name__}:{name}" for name in ("Holiday", "Keyed", "Bag")), registry=registry)

        with pytest.raises(NotAClassError, match="no class today") as caught:
            versionpickle.loads(data, registry=registry, **settings)

        assert "obj['days'][0]" == caught.value.path
        assert f"alias('{caught.value.ref}', ...)" in str(caught.value)
        assert caught.value.ref.startswith(f"{__name__}:")

    @pytest.mark.parametrize("data", OLD_HOLIDAYS)
    @every_load
    def test_alias(self, settings, data, registry):
        """An alias with a function makes the object."""
        for name in ("Holiday", "Keyed", "Bag"):
            alias(f"{__name__}:{name}", lambda *state, **keys: "day", registry=registry)

        assert {"days": ["day"]} == versionpickle.loads(data, registry=registry, **settings)

    def test_damaged(self):
        """What pickle raises of other bytes is left as it is."""
        with pytest.raises(pickle.UnpicklingError) as caught:
            versionpickle.loads(b"\x80\x02K\x01)\x81.", unsafe=True)

        assert not isinstance(caught.value, NotAClassError)

    def test_of_a_number(self):
        """What is made of no name at all is shown."""
        with pytest.raises(NotAClassError, match="^1 could not be built"):
            versionpickle.loads(b"\x80\x02K\x01)\x81.")


class Deep:
    """Ask itself for what its old state lacks."""

    def __init__(self):
        self.values = {"a": 1}


OLD_DEEP = {protocol: pickle.dumps([Deep()], protocol) for protocol in range(6)}


class Deep:
    """Ask itself."""

    def __getattr__(self, name):
        return self._values[name]

    def __setattr__(self, name, value):
        self._values[name] = value


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "settings", [*LOADS, {"unsafe": True}], ids=["default", "limits", "unsafe"]
)
def test_endless_recursion(settings, protocol, registry):
    """A class that asks itself for ever is named, as for any error of its own."""
    allow(Deep, registry=registry)

    with pytest.raises(BuildError, match="RecursionError") as caught:
        versionpickle.loads(OLD_DEEP[protocol], registry=registry, **settings)

    assert f"{__name__}:Deep" == caught.value.ref
    assert "obj[0]" == caught.value.path


def test_endless_recursion_in_what_is_not_safe(registry):
    """An unsafe load knows no place, and raises an error of ours all the same."""
    with pytest.raises(BuildError, match="RecursionError"):
        versionpickle.loads(OLD_DEEP[4], registry=registry, unsafe=True)


def parties(registry, party, customer=("number",)):
    """Declare a base and a subclass with these fields."""
    base = attrs.make_class("Party", [*party])
    sub = attrs.make_class("Customer", [*customer], bases=(base,))
    versioned(name="party", registry=registry)(base)
    versioned(name="customer", registry=registry)(sub)
    return base, sub


class TestFieldsOfABase:
    """A difference in the fields of a base is told of the base."""

    def test_split(self):
        """The step belongs to the base, and so upgrades all subclasses."""
        then, now = Registry("then"), Registry("now")
        _, old = parties(then, ["name"])
        parties(now, ["given", "family"])

        with pytest.raises(FieldsError) as caught:
            versionpickle.loads(versionpickle.dumps(old("Ada", 7), registry=then), registry=now)

        assert ((f"{__name__}:Party", 1),) == caught.value.bases
        assert "raise version= of Party to 2 and register migration(Party, 1, ...)" in str(
            caught.value
        )
        assert "migration(Customer" not in str(caught.value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)

    def test_of_the_class_itself(self):
        """A field of the subclass is its own."""
        then, now = Registry("then"), Registry("now")
        _, old = parties(then, ["name"])
        parties(now, ["name"], ["number", "city"])

        with pytest.raises(FieldsError, match=r"migration\(Customer, 1, ...\)") as caught:
            versionpickle.loads(versionpickle.dumps(old("Ada", 7), registry=then), registry=now)

        assert "migration(Party" not in str(caught.value)

    def test_removed(self):
        """A field that is gone may have been of either."""
        then, now = Registry("then"), Registry("now")
        _, old = parties(then, ["name", "title"])
        parties(now, ["name"])
        data = versionpickle.dumps(old("Ada", "Dr", 7), registry=then)

        with pytest.raises(FieldsError, match=r"migration\(Customer, .*migration\(Party, 1"):
            versionpickle.loads(data, registry=now)

    def test_steps_that_end_elsewhere(self):
        """The steps of a base are told as such."""
        then, now = Registry("then"), Registry("now")
        _, old = parties(then, ["name"])
        base = attrs.make_class("Party", ["given", "family"])
        versioned(name="party", version=2, registry=now)(base)
        versioned(name="customer", registry=now)(
            attrs.make_class("Customer", ["number"], bases=(base,))
        )
        migration(base, 1, rename("name", "given"), registry=now)

        with pytest.raises(FieldsError, match="the steps for its base .*Party do not end"):
            versionpickle.loads(versionpickle.dumps(old("Ada", 7), registry=then), registry=now)


class OldRow(dict):
    pass


class OldList(list):
    pass


class Members(set):
    pass


Row, Rows = OldRow, OldList
OldRow.__qualname__ = OldRow.__name__ = "Row"
OldList.__qualname__ = OldList.__name__ = "Rows"
_row, _rows = Row(a=1, b=2), Rows([1, 2])
_row.note = _rows.note = "x"
OLD_ROWS = [
    pickle.dumps([*found], protocol)
    for found in ([Row(a=1, b=2), Rows([1, 2])], [_row, _rows])
    for protocol in range(6)
]


class TestOldItems:
    """The items of old containers reach what takes their place."""

    @pytest.mark.parametrize("data", OLD_ROWS)
    @every_load
    def test_rebuilt(self, data, settings, registry):
        """A function makes the object, which then gets its items."""
        for cls in (OldRow, OldList):
            adopt(cls, rebuild=lambda args, state, cls=cls: cls(), registry=registry)

        assert [{"a": 1, "b": 2}, [1, 2]] == versionpickle.loads(
            data, registry=registry, **settings
        )

    def test_set(self, registry):
        """So does an object with a method for members."""
        adopt(Members, rebuild=lambda args, state: Members(), registry=registry)
        data = (
            b"\x80\x04c%s\nMembers\n)\x81(K\x01K\x02\x90}X\x01\0\0\0aK\x01sb." % __name__.encode()
        )

        assert {1, 2} == versionpickle.loads(data, registry=registry)

    @every_load
    def test_made_by_a_function(self, settings, registry):
        """What a function made is filled by the function that makes the others."""
        adopt(OldRow, rebuild=lambda args, state: OldRow(state), registry=registry)
        allow(a_row, registry=registry)
        name = __name__.encode()
        data = b"\x80\x02c%s\nRow\n0c%s\na_row\n)R}X\x01\0\0\0aK\x01sb." % (name, name)

        assert {"a": 1} == versionpickle.loads(data, registry=registry, **settings)


def a_row():
    return OldRow()


class Sorted(dict):
    pass


OLD_SORTED = {protocol: pickle.dumps([Sorted(b=1, a=2)], protocol) for protocol in range(6)}


class Sorted(collections.OrderedDict):
    """Has another base by now."""


@pytest.mark.parametrize("protocol", range(6))
@every_way
def test_dict_that_is_ordered_today(protocol, settings, registry):
    """The items of a dict reach an OrderedDict in their order."""
    allow(Sorted, registry=registry)

    (found,) = versionpickle.loads(OLD_SORTED[protocol], registry=registry, **settings)

    assert Sorted is type(found)
    assert ["b", "a"] == list(found.keys())


@every_load
def test_member_by_its_attribute(settings, registry):
    """A member of an adopted enum is found as old pickles get it."""
    adopt(Colour, registry=registry)
    data = b"\x80\x02cbuiltins\ngetattr\nc%s\nColour\nX\x03\0\0\0RED\x86R." % __name__.encode()

    assert Colour.RED is versionpickle.loads(data, registry=registry, **settings)
    assert Colour.RED is versionpickle.load(io.BytesIO(data), registry=registry, **settings)


class Number(int):
    pass


def test_persistent_id_beside_a_value(registry):
    """A persistent id is none of the arguments that are looked for."""
    adopt(Number, registry=registry)

    class Reader(versionpickle.Unpickler):
        def persistent_load(self, key):
            return key

    data = b"\x80\x02X\x01\0\0\0kQc%s\nNumber\nK\x07\x85\x81\x86." % __name__.encode()

    assert ("k", 7) == Reader(io.BytesIO(data), registry=registry).load()
