"""Dumps for yesterday's code: `versions=`."""

from __future__ import annotations

import collections
import decimal
import enum
import functools
import pickle

import attrs
import pytest

import versionpickle

from versionpickle import Registry, adopt, migration, versioned
from versionpickle.exceptions import DowngradeError
from versionpickle.migrations import add, convert, merge, remove, rename


every_protocol = pytest.mark.parametrize("protocol", range(6))


def twice(make, *operations, down=None, **settings):
    """The same class as yesterday's code has it, at 1, and today's, at 2."""
    old, new = Registry("yesterday"), Registry("today")
    then = make("then")
    versioned(version=1, name="c", registry=old)(then)
    now = make("now")
    versioned(version=2, name="c", registry=new, **settings)(now)
    if operations:
        migration(now, 1, *operations)
    else:
        up, back = down
        migration(now, 1, registry=new)(up).down(back)
    return old, then, new, now


def there(obj, old, new, *, protocol=4, version=1):
    """What yesterday's code makes of what today's has written for it."""
    data = versionpickle.dumps(obj, protocol, registry=new, versions={"c": version})
    return versionpickle.loads(data, registry=old)


def fields_of(then, now):
    return lambda which: attrs.make_class("C", then if which == "then" else now)


@every_protocol
def test_fields(protocol):
    """Yesterday's code reads its own fields."""
    make = fields_of(["total", "memo"], ["amount", "currency"])
    operations = rename("total", "amount"), remove("memo", restore=""), add("currency", "USD")
    old, then, new, now = twice(make, *operations)
    obj = now("5", "USD")

    found = there([obj, obj], old, new, protocol=protocol)

    assert found[0] is found[1]
    assert found[0] == then("5", "")
    assert versionpickle.loads(versionpickle.dumps(obj, registry=new), registry=new) == obj


def test_today_is_untouched():
    """What is pinned to today's version is written as ever, and so are other classes."""
    _old, _then, new, now = twice(fields_of(["a"], ["b"]), rename("a", "b"))
    write = functools.partial(versionpickle.dumps, now(1), registry=new)

    assert write(versions={"c": 2}) == write(versions={}) == write()
    assert write(versions={now: 1}) == write(versions={"c": 1})


def test_functions():
    """Function steps are undone by their ``down``."""
    down = (
        lambda state: {"first": state["name"].split()[0], "last": state["name"].split()[1]},
        lambda state: {"name": f"{state['first']} {state['last']}"},
    )
    old, then, new, now = twice(fields_of(["name"], ["first", "last"]), down=down)

    assert there(now("Ada", "Lovelace"), old, new) == then("Ada Lovelace")


def test_further_attributes():
    """What objects carry beside their fields is carried along."""

    def make(which):
        return attrs.make_class("C", ["a"] if which == "then" else ["b"], slots=False)

    old, _then, new, now = twice(make, rename("a", "b"))
    obj = now(1)
    obj.extra = [2]

    assert vars(there(obj, old, new)) == {"a": 1, "extra": [2]}


def test_unset_slots():
    """A field that holds nothing holds nothing there either."""

    def make(which):
        return type("C", (), {"__slots__": ("a", "x") if which == "then" else ("b", "x")})

    old, _then, new, now = twice(make, rename("a", "b"))
    obj = now()
    obj.x = 1

    found = there(obj, old, new)

    assert found.x == 1
    assert not hasattr(found, "a")


def test_open():
    """A class that declares no fields is led back by its attributes."""
    old, _then, new, now = twice(lambda which: type("C", (), {}), rename("a", "b"))
    obj = now()
    obj.b, obj.c = 1, 2

    assert vars(there(obj, old, new)) == {"a": 1, "c": 2}


class OfList(list):
    """Items and attributes."""


@every_protocol
def test_items(protocol):
    """Items stay."""
    old, _then, new, now = twice(
        lambda which: type("C", (OfList,), {}), convert("a", str, back=int)
    )
    obj = now([1, 2])
    obj.a = "5"

    found = there(obj, old, new, protocol=protocol)

    assert (list(found), found.a) == ([1, 2], 5)


def test_own_state():
    """A state of a class's own is led back as it is."""

    def make(which):
        def __getstate__(self):
            return {"kept": self.kept}

        def __setstate__(self, state):
            self.__dict__.update(state)

        body = {"__getstate__": __getstate__, "__setstate__": __setstate__}
        return type("C", (), body)

    old, _then, new, now = twice(make, convert("kept", str, back=int))
    obj = now()
    obj.kept = "5"

    assert there(obj, old, new).kept == 5


@every_protocol
def test_named_tuples(protocol):
    """Values find their places."""
    names = {"then": "x y", "now": "point"}
    old, then, new, now = twice(
        lambda which: collections.namedtuple("C", names[which]),
        merge(("x", "y"), "point", lambda x, y: (x, y), back=lambda point: point),
    )

    assert there(now((1, 2)), old, new, protocol=protocol) == then(1, 2)


@every_protocol
def test_enums(protocol):
    """Members are called what they were called."""
    old, then, new, now = twice(
        lambda which: enum.Flag("C", "RED UP" if which == "then" else "CRIMSON UP"),
        convert(
            "name",
            lambda name: {"RED": "CRIMSON"}.get(name, name),
            back=lambda name: {"CRIMSON": "RED"}.get(name, name),
        ),
    )

    assert there([now.CRIMSON, now.UP], old, new, protocol=protocol) == [then.RED, then.UP]
    assert there(now.CRIMSON | now.UP, old, new) == then.RED | then.UP


@every_protocol
@pytest.mark.parametrize("installed", [False, True])
def test_adopted(protocol, installed):
    """Classes that a registry adopted, and those made by a function of the user's."""
    old, new = Registry("yesterday"), Registry("today")
    for registry, version in ((old, 1), (new, 2)):
        rebuild = (lambda args, state: Apart(**state)) if installed else None
        adopt(Apart, version, name="c", registry=registry, rebuild=rebuild)
    migration(Apart, 1, convert("a", str, back=int), registry=new)

    assert there(Apart("5"), old, new, protocol=protocol).a == 5


class Apart:
    """Adopted anew for each test, by registries of their own."""

    def __init__(self, a):
        self.a = a


def test_without_a_state():
    """What a call holds is no state, and no step has seen it."""
    old, new = Registry("yesterday"), Registry("today")
    adopt(decimal.Decimal, 1, name="c", registry=old)
    adopt(decimal.Decimal, 2, name="c", registry=new)
    migration(decimal.Decimal, 1, registry=new)(lambda state: state).down(lambda state: 1 / 0)

    assert there(decimal.Decimal("1.5"), old, new) == decimal.Decimal("1.5")


def test_members_without_a_name():
    """Bits that have none, and values that an enum made up, have been called nothing else."""
    old, then, new, now = twice(
        lambda which: enum.Flag("C", "UP", boundary=enum.KEEP), convert("name", str, back=str)
    )

    assert there([now(5), now(4)], old, new) == [then(5), then(4)]


def test_bases():
    """A base that is pinned leads all of its subclasses back."""
    old, new = Registry("yesterday"), Registry("today")
    made = {}
    for registry, version, field in ((old, 1, "a"), (new, 2, "b")):
        base = versioned(version=version, name="c", registry=registry)(
            attrs.make_class("Base", [field], slots=False)
        )
        sub = attrs.make_class("Sub", ["own"], bases=(base,), slots=False)
        made[version] = versioned(version=1, name="sub", registry=registry)(sub)
        if version == 2:
            migration(base, 1, rename("a", "b"))

    found = there(made[2](1, 2), old, new)

    assert found == made[1](1, 2)


def test_objects_stored_as_others():
    """What is stored as another object, or by its name, is stored so."""
    old, new = Registry("yesterday"), Registry("today")
    versioned(version=2, name="c", registry=new)(AsDict)
    migration(AsDict, 1, rename("a", "b"), registry=new)

    data = versionpickle.dumps([AsDict(), ONLY], registry=new, versions={"c": 1})

    assert versionpickle.loads(data, registry=old, allow=["test_older:ONLY"]) == [{"a": 1}, ONLY]


class AsDict:
    def __reduce__(self):
        return "ONLY" if self is ONLY else (dict, ({"a": 1},))


ONLY = AsDict()


class TestRefused:
    """What cannot be written is refused before anything is."""

    @pytest.mark.parametrize("version", [0, 3, True, "1", None])
    def test_versions(self, version):
        """The class has no such version."""
        _old, _then, new, now = twice(fields_of(["a"], ["b"]), rename("a", "b"))

        with pytest.raises(DowngradeError, match="its versions are the ints from 1 to 2"):
            versionpickle.dumps(now(1), registry=new, versions={"c": version})

    def test_no_mapping(self):
        """Versions go with classes."""
        with pytest.raises(TypeError, match="takes a dict"):
            versionpickle.dumps(1, versions=1)

    def test_unknown(self):
        """Nobody knows it."""
        with pytest.raises(DowngradeError, match="nobody declared") as caught:
            versionpickle.dumps(1, versions={"no:Class": 1})
        assert (caught.value.ref, caught.value.version) == ("no:Class", 1)
        with pytest.raises(DowngradeError, match="nobody declared"):
            versionpickle.dumps(1, versions={int: 1})

    def test_no_way_back(self):
        """A step on the way does not say how."""
        _old, _then, new, _now = twice(fields_of(["a"], []), remove("a"))

        with pytest.raises(DowngradeError, match="has no inverse; pass restore="):
            versionpickle.dumps(1, registry=new, versions={"c": 1})

    def test_function_without_down(self):
        """As does a function."""
        registry = Registry("today")
        cls = versioned(version=2, name="c", registry=registry)(attrs.make_class("C", ["a"]))
        migration(cls, 1, registry=registry)(lambda state: state)

        with pytest.raises(DowngradeError, match="decorate it with @step"):
            versionpickle.dumps(1, registry=registry, versions={"c": 1})

    def test_hole(self):
        """Or there is none."""
        registry = Registry("today")
        versioned(version=2, name="c", registry=registry)(attrs.make_class("C", ["a"]))

        with pytest.raises(DowngradeError, match="no step leaves version 1"):
            versionpickle.dumps(1, registry=registry, versions={"c": 1})

    def test_value(self, tmp_path):
        """One that fails for a value leaves nothing written."""
        old, then, new, now = twice(fields_of(["a"], ["a"]), convert("a", str, back=int))
        path = tmp_path / "c.pickle"
        versionpickle.dump_file(now("5"), path, registry=new, versions={"c": 1})

        with pytest.raises(DowngradeError, match="invalid literal for int"):
            versionpickle.dump_file(now("x"), path, registry=new, versions={"c": 1})

        assert versionpickle.load_file(path, registry=old) == then(5)


def test_pickler(tmp_path):
    """A Pickler writes older versions as well."""
    old, then, new, now = twice(fields_of(["a"], ["b"]), rename("a", "b"))
    path = tmp_path / "c.pickle"
    with path.open("wb") as file:
        versionpickle.Pickler(file, registry=new, versions={"c": 1}).dump(now(1))
        versionpickle.dump(now(2), file, registry=new, versions={"c": 1})

    with path.open("rb") as file:
        assert versionpickle.load(file, registry=old) == then(1)
        assert versionpickle.load(file, registry=old) == then(2)


def test_deep_older_versions():
    """Objects of any depth, too."""
    old, _then, new, now = twice(fields_of(["a"], ["b"]), rename("a", "b"))
    obj = now(None)
    for _ in range(5_000):
        obj = now(obj)

    found = there(obj, old, new)

    assert found.a.a.a is not None


def test_plain_pickle_reads_it():
    """In the default registry, plain pickle of older code reads what was written for it."""
    cls = attrs.make_class("C", ["b"])
    versioned(version=2, name="test-older-plain")(cls)
    migration(cls, 1, rename("a", "b"))

    data = versionpickle.dumps(cls(1), versions={"test-older-plain": 1})

    assert versionpickle.inspect(data).classes[0].fields == ("a",)
    assert pickle.loads(data) == cls(1)
