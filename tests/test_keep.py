"""Loads that keep what they do not know: missing classes, and objects from the future."""

from __future__ import annotations

import copy
import enum
import functools
import io
import pickle
import pickletools
import sys
import types

import attrs
import pytest

import versionpickle

from versionpickle import Limits, Placeholder, Registry, adopt, retire, versioned
from versionpickle.exceptions import (
    BuildError,
    ForbiddenError,
    FutureVersionError,
    UnknownClassError,
    UntrustedError,
)


every_protocol = pytest.mark.parametrize("protocol", range(6))
every_reader = pytest.mark.parametrize("limits", [None, Limits()], ids=["", "limits"])


def written(cls, *objects, protocol=4, version=2, **settings):
    """The pickle of objects of a class that only its writer knows."""
    registry = Registry("writer")
    adopt(cls, version, registry=registry, **settings)
    return versionpickle.dumps(list(objects), protocol, registry=registry)


@attrs.define
class Order:
    number: int
    lines: list


class Colour(enum.Enum):
    RED = 1


class Place(complex):
    pass


class Bag(list):
    pass


@every_protocol
@every_reader
class TestMissing:
    """`missing="keep"`."""

    def test_stamped(self, protocol, limits):
        """A class that nobody declared becomes a placeholder, which is written as it was."""
        line = ["a line"]
        order = Order(1, [line])
        data = written(Order, order, line, order, name="order", protocol=protocol)
        load = functools.partial(versionpickle.loads, data, limits=limits)

        kept, line, again = load(missing="keep")

        assert isinstance(kept, Placeholder)
        assert kept is again
        assert kept.lines[0] is line
        assert (kept.ref, kept.version, kept.number) == ("order", 2, 1)
        assert repr(kept).startswith("<placeholder of order version 2: {'number': 1, ")
        assert versionpickle.dumps([kept, line, kept], protocol) == data
        with pytest.raises(UnknownClassError):
            load()
        with pytest.raises(AttributeError, match="holds no 'price'"):
            _ = kept.price

    @pytest.mark.parametrize(
        ("obj", "settings"),
        [
            (Colour.RED, {}),
            (Place(1, 2), {"rebuild": lambda args, state: Place(*args)}),
            (Bag([1, 2]), {}),
        ],
        ids=["enum", "rebuilt", "list"],
    )
    def test_of_every_kind(self, obj, settings, protocol, limits):
        """Whatever it was made of."""
        data = written(type(obj), obj, obj, name="kind", protocol=protocol, **settings)

        found = versionpickle.loads(data, limits=limits, missing="keep")

        assert found[0] is found[1]
        assert found[0].ref == "kind"
        assert versionpickle.dumps(found, protocol) == data

    def test_unstamped(self, protocol, limits, monkeypatch):
        """A class by its name, also one within another, is neither imported nor called."""
        gone = types.ModuleType("gone_for_good")
        body = "class Outer:\n    class Inner:\n        pass"
        exec(body, vars(gone))
        monkeypatch.setitem(sys.modules, "gone_for_good", gone)
        made = [gone.Outer(), gone.Outer.Inner()]
        for obj in made:
            obj.a = [1]
        data = pickle.dumps(made, protocol)
        monkeypatch.delitem(sys.modules, "gone_for_good")

        outer, inner = versionpickle.loads(data, limits=limits, missing="keep")

        assert (outer.ref, inner.ref) == ("gone_for_good:Outer", "gone_for_good:Outer.Inner")
        assert outer.a == inner.a == [1]
        with pytest.raises(ForbiddenError):
            versionpickle.loads(data, limits=limits)


GONE = """
class Outer:
    class Inner:
        pass

class Things(list):
    pass

class Words(dict):
    pass

class Letters(set):
    pass

class Failure(Exception):
    pass

class Number(int):
    pass

class Quantity(float):
    def __getnewargs_ex__(self):
        return (), {"x": 1}
"""


@pytest.fixture
def gone(monkeypatch):
    """A module that comes and goes."""
    module = types.ModuleType("gone_for_good")
    exec(GONE, vars(module))
    monkeypatch.setitem(sys.modules, "gone_for_good", module)
    return module


def things(module, protocol=4):
    """Objects of all kinds, in a cycle, and two of the classes themselves."""
    made = [module.Outer(), module.Things([1, 2]), module.Words(a=1)]
    made += [module.Letters({1}), module.Failure("no", 5)]
    for obj in made:
        obj.note, obj.all = ["a"], made
    # In protocols before 4, CPython 3.13 writes a class within another in a way of its own.
    is_one_way = protocol >= 4 or sys.version_info < (3, 13)
    return [
        made,
        module.Outer,
        *([module.Outer.Inner, module.Outer.Inner()] if is_one_way else []),
    ]


@every_protocol
@every_reader
class TestWrittenAgain:
    """Placeholders of classes that had no stamp."""

    def test_under_the_old_name(self, protocol, limits, gone, monkeypatch, tmp_path):
        """Our own dumps write what was read, to the byte, and who has the classes reads it."""
        data = pickle.dumps(things(gone, protocol), protocol)
        monkeypatch.delitem(sys.modules, "gone_for_good")

        kept = versionpickle.loads(data, missing="keep", limits=limits)
        again = versionpickle.dumps(kept, protocol)
        versionpickle.dump_file(kept, tmp_path / "kept", protocol)

        assert data == again == (tmp_path / "kept").read_bytes()
        monkeypatch.setitem(sys.modules, "gone_for_good", gone)
        (outer, *_, failure), *classes = pickle.loads(again)
        assert (outer.note, failure.args) == (["a"], ("no", 5))
        assert classes[:2] == [gone.Outer, gone.Outer.Inner][: len(classes)]

    def test_by_plain_pickle(self, protocol, limits, gone):
        """Plain pickle writes them as placeholders; our loads make objects of known classes."""
        data = pickle.dumps(things(gone)[0], protocol)
        kept = versionpickle.loads(data, missing="keep", limits=limits)
        data = pickle.dumps(kept, protocol)
        back = Registry("back")
        for name in ("Outer", "Things", "Words", "Letters", "Failure"):
            adopt(getattr(gone, name), registry=back)

        found = versionpickle.loads(data, registry=back, limits=limits)

        assert [type(obj).__name__ for obj in found] == [
            "Outer",
            "Things",
            "Words",
            "Letters",
            "Failure",
        ]
        assert ([1, 2], {"a": 1}, {1}, ("no", 5)) == (*found[1:4], found[4].args)
        assert all(obj.note == ["a"] and obj.all is found for obj in found)
        assert [Placeholder] * 5 == [type(obj).__base__ for obj in pickle.loads(data)]


def test_classes_that_are_back(gone):
    """Whoever may build them gets objects again: by allow=, or in an unsafe load."""
    kept = versionpickle.loads(pickle.dumps([gone.Outer()]), missing="keep")
    data = pickle.dumps(kept)

    for settings in ({"allow": ["gone_for_good:Outer"]}, {"unsafe": True}):
        assert [gone.Outer] == [type(obj) for obj in versionpickle.loads(data, **settings)]
    assert [Placeholder] == [type(obj).__base__ for obj in versionpickle.loads(data)]


def test_what_holds_nothing():
    """An unset field is no attribute, and further attributes are."""
    registry = Registry("odd")
    cls = attrs.make_class("C", ["a", "b"])
    versioned(name="keep.c", registry=registry)(cls)
    obj = cls(1, 2)
    del obj.b
    obj.c = 3

    (kept,) = versionpickle.loads(versionpickle.dumps([obj], registry=registry), missing="keep")

    assert {"a": 1, "c": 3} == kept.state
    assert versionpickle.dumps([kept]) == versionpickle.dumps([obj], registry=registry)


def test_copies_of_placeholders():
    """They hold the same, items too."""
    bag = versioned(name="keep.bag", registry=Registry("odd"))(type("Other", (list,), {}))
    data = pickle.dumps([bag([1])])
    kept = versionpickle.loads(data, missing="keep")

    for copied in (copy.copy(kept[0]), copy.deepcopy(kept)[0]):
        assert ([1], kept[0].state) == (copied.items, copied.state)


def test_a_pickler_of_several(gone):
    """After others with one memo, plain pickle's way has to do."""
    kept = versionpickle.loads(pickle.dumps([gone.Outer()]), missing="keep")
    file = io.BytesIO()
    pickler = versionpickle.Pickler(file)

    for _ in range(2):
        pickler.dump([kept[0]])
        pickler.dump("something else")
    pickler.dump(versionpickle.loads(pickle.dumps(gone.Outer.Inner()), missing="keep"))

    assert b"_keep" in file.getvalue()
    file.seek(0)
    reader = versionpickle.Unpickler(file, missing="keep")
    refs = [reader.load() for _ in range(5)]
    assert "gone_for_good:Outer" == refs[0][0].ref == refs[2][0].ref
    assert "gone_for_good:Outer.Inner" == refs[4].ref


def test_beside_those_with_a_stamp(gone):
    """Both are written as they were, in one pickle."""
    stamped = versioned(name="keep.both", registry=Registry("odd"))(attrs.make_class("C", ["a"]))
    data = pickle.dumps([stamped([1]), gone.Outer()])

    kept = versionpickle.loads(data, missing="keep")

    assert data == versionpickle.dumps(kept)


@every_protocol
def test_made_from_a_value(gone, protocol):
    """A number or text that a class was made from is written again."""
    data = pickle.dumps(gone.Number(5), protocol)

    kept = versionpickle.loads(data, missing="keep")

    assert (5,) == kept.args
    assert data == versionpickle.dumps(kept, protocol)
    back = Registry("back")
    adopt(gone.Number, registry=back)
    assert 5 == versionpickle.loads(pickle.dumps(kept, protocol), registry=back)


def test_made_from_keywords(gone):
    """They are written again as well."""
    data = pickle.dumps(gone.Quantity(5), 4)

    kept = versionpickle.loads(data, missing="keep")

    assert {"x": 1} == kept.kwargs
    assert data == versionpickle.dumps(kept, 4)


@every_protocol
@every_reader
def test_future(protocol, limits):
    """`future="keep"` holds what newer code wrote, and writes it as it was."""
    registry = Registry("today")
    versioned(version=1, name="order", registry=registry)(attrs.make_class("Order", ["number"]))
    data = written(Order, Order(1, [2]), name="order", protocol=protocol)
    load = functools.partial(versionpickle.loads, data, registry=registry, limits=limits)

    (kept,) = load(future="keep")

    assert (kept.ref, kept.version, kept.number, kept.lines) == ("order", 2, 1, [2])
    assert versionpickle.dumps([kept], protocol) == data
    with pytest.raises(FutureVersionError):
        load(missing="keep")


def test_attributes_of_python():
    """What is stored under a name of Python's own is in the state alone."""
    registry = Registry("odd")
    cls = type("Odd", (), {})
    versioned(name="odd", registry=registry)(cls)
    obj = cls()
    obj.__dict__["__len__"] = 5

    kept = versionpickle.loads(versionpickle.dumps(obj, registry=registry), missing="keep")

    assert kept.state == {"__len__": 5}
    with pytest.raises(AttributeError):
        _ = kept.__len__


def test_nothing_is_called():
    """A function that nobody allowed is no more than a name either."""
    found = versionpickle.loads(b"cos\nsystem\n(S'true'\ntR.", missing="keep")

    assert (found.ref, found.args) == ("posix:system", ("true",)) or found.ref == "os:system"


@pytest.mark.parametrize("policy", ["missing", "future"])
@pytest.mark.parametrize("value", ["kept", None, True])
def test_a_policy_is_raise_or_keep(policy, value):
    """They say raise or keep."""
    with pytest.raises(ValueError, match=r"give \w+='raise' or \w+='keep'"):
        versionpickle.loads(b"N.", **{policy: value})


def test_load_file(tmp_path):
    """Files of such objects load as well."""
    path = tmp_path / "order.pickle"
    path.write_bytes(written(Order, Order(1, []), name="order"))

    (kept,) = versionpickle.load_file(path, missing="keep")

    assert kept.number == 1


MODEL = b"cgone\nModel\n)\x81}X\x04\x00\x00\x00nameX\x01\x00\x00\x00asb"
METHOD = b"cbuiltins\ngetattr\n" + MODEL + b"X\x07\x00\x00\x00trigger\x86R"
MOMENT = b"cdatetime\ndatetime\nC\n\x07\xe4\x01\x01\0\0\0\0\0\0cgone\nUTC\n)R\x86R"


@pytest.mark.parametrize("limits", [None, Limits()], ids=["default", "limits"])
@pytest.mark.parametrize(
    "body",
    [METHOD, MODEL + b"K\x05\x85R", METHOD + b"K\x05\x85R", MOMENT],
    ids=["method", "called object", "called method", "time zone"],
)
def test_what_is_made_of_kept_objects(body, limits):
    """Methods, calls and values of what is unknown are kept with it, and written again."""
    kept = versionpickle.loads(b"\x80\x03" + body + b".", missing="keep", limits=limits)
    again = versionpickle.loads(pickle.dumps(kept), missing="keep", limits=limits)

    assert isinstance(kept, Placeholder)
    assert body == pickletools.optimize(versionpickle.dumps(kept, 3))[2:-1]
    assert repr(again) == repr(kept)


def test_called_objects_with_limits():
    """Only what is unknown is called without a name."""
    data = b"\x80\x02ccollections\nUserDict\n)R)R."

    with pytest.raises(UntrustedError, match="is called"):
        versionpickle.loads(data, missing="keep", limits=Limits())


def test_value_with_wrong_arguments():
    """A value type that fails without a placeholder is an error all the same."""
    with pytest.raises(BuildError, match="datetime"):
        versionpickle.loads(b"cdatetime\ndatetime\n(](lI1\ntR.", missing="keep")


def test_placeholder_of_a_class():
    """What a retired name means is shown as that name."""
    registry = Registry("odd")
    retire("oldshop:Coupon", registry=registry)

    assert "<class 'oldshop.Coupon'>" == repr(
        versionpickle.loads(b"coldshop\nCoupon\n.", registry=registry)
    )
