"""Loads with limits: what they bound, in which order things happen, and what they let through."""

from __future__ import annotations

import array
import collections
import copy
import datetime
import decimal
import enum
import fractions
import functools
import io
import os
import pathlib
import pickle
import threading
import time

import attrs
import pytest

from hostile import assembler as asm
from hostile import models  # noqa: F401 - declares the classes
from test_loading import VALUES

import versionpickle

from versionpickle import Limits, Registry, adopt, migration, versioned
from versionpickle.exceptions import (
    BuildError,
    ForbiddenError,
    LimitError,
    StepError,
    TruncatedError,
    UntrustedError,
)
from versionpickle.migrations import rename


load = functools.partial(versionpickle.loads, limits=Limits())


@attrs.define
class Parts:
    """Unversioned: loads are told of it."""

    one: object
    two: object = None


class Bag:
    """Takes items by methods of its own."""

    def __init__(self):
        self.items = []

    def append(self, item):
        self.items.append(item)

    def __setitem__(self, key, value):
        self.items.append((key, value))

    def __reduce__(self):
        return Bag, (), {"items": []}, iter([1, 2]), iter([(3, 4)])


def deep(count):
    found = []
    for _ in range(count):
        found = [found]
    return found


EXCEEDED = [
    ({"bytes": 5}, "abcdef", 5),
    ({"depth": 10}, deep(10), 10),
    ({"objects": 10}, [[] for _ in range(10)], 10),
    ({"items": 3}, [1, 2, 3, 4], 3),
    ({"items": 3}, {n: n for n in range(4)}, 3),
    ({"items": 3}, {1, 2, 3, 4}, 3),
    ({"items": 3}, frozenset({1, 2, 3, 4}), 3),
    ({"items": 3}, (1, 2, 3, 4), 3),
    ({"items": 2_000}, list(range(2_001)), 2_000),
    ({"memo": 3}, ["aaa", "bbb", "ccc"], 3),
    ({"digits": 10}, 10**20, 10),
    ({"digits": 10}, decimal.Decimal("1e30"), None),
    ({"characters": 3}, "abcd", 3),
    ({"hashing": 10}, {tuple(range(20)): 1}, 10),
    ({"hashing": 10}, {fractions.Fraction(1, n + 2) for n in range(20)}, 10),
    ({"hashing": 10}, {2**200: 1, 2**300: 1, 2**400: 1}, 10),
    ({"seconds": 1e-9}, [1], 1e-9),
]


@pytest.mark.parametrize(("limits", "obj", "allowed"), EXCEEDED)
def test_exceeded(limits, obj, allowed):
    """The error names the limit, what was met, and where."""
    data = pickle.dumps(obj)
    (name,) = limits

    with pytest.raises((LimitError, UntrustedError)) as caught:
        versionpickle.loads(data, limits=Limits(**limits))

    if allowed is not None:
        error = caught.value
        assert (error.limit, error.allowed) == (name, allowed)
        assert error.value > allowed
        assert 0 <= error.offset < len(data)
        assert f"Limits({name}=...)" in str(error)


@pytest.mark.parametrize("protocol", range(3))
def test_old_protocols_are_bounded(protocol):
    """As well in their own opcodes."""
    for limits, obj, _ in EXCEEDED:
        with pytest.raises((LimitError, UntrustedError)):
            versionpickle.loads(pickle.dumps(obj, protocol), limits=Limits(**limits))


def test_python_2_text_is_bounded():
    """A text of Python 2 has characters as well."""
    with pytest.raises(LimitError, match="4 characters"):
        versionpickle.loads(b"U\x04abcd.", limits=Limits(characters=3))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"bytes": 0}, ValueError),
        ({"depth": -1}, ValueError),
        ({"objects": True}, TypeError),
        ({"items": 1.5}, TypeError),
        ({"seconds": "1"}, TypeError),
        ({"seconds": float("nan")}, ValueError),
    ],
)
def test_limits_are_checked(wrong, error):
    """A limit is a number above 0."""
    with pytest.raises(error, match="Limits"):
        Limits(**wrong)


def test_limits_or_unsafe():
    """Trust is one or the other."""
    with pytest.raises(TypeError, match="give one"):
        versionpickle.loads(b"N.", limits=Limits(), unsafe=True)


def test_limits_are_limits():
    """A number in place of them is an error that says so."""
    with pytest.raises(TypeError, match="Limits"):
        versionpickle.loads(b"N.", limits=100)


class TestOrder:
    """Steps run after the bytes have turned out good, children before parents."""

    registry = Registry("order")
    ran: list[str] = []

    @pytest.fixture(autouse=True)
    def forget(self):
        self.ran.clear()

    def old(self):
        registry = Registry("old")
        cls = versioned(name="node", registry=registry)(attrs.make_class("Node", ["name", "next"]))
        return versionpickle.dumps(cls("outer", cls("inner", None)), 3, registry=registry)

    @functools.cached_property
    def node(self):
        registry = Registry("new")
        cls = attrs.make_class("Node", ["name", "next", "more"])
        cls = versioned(version=2, name="node", registry=registry)(cls)

        @migration(cls, 1, registry=registry)
        def step(state):
            self.ran.append(state["name"])
            next_ = state["next"]
            return {**state, "more": (next_ and next_.more + 1) or 0}

        return registry

    def test_children_first(self):
        """A step sees its neighbours finished."""
        found = load(self.old(), registry=self.node)

        assert self.ran == ["inner", "outer"]
        assert (found.more, found.next.more) == (1, 0)

    @pytest.mark.parametrize("bad", [b"", b"..", b"0."])
    def test_nothing_runs_for_bad_bytes(self, bad):
        """However late the bytes turn bad."""
        with pytest.raises(versionpickle.exceptions.UnpicklingError):
            load(self.old()[:-1] + bad, registry=self.node)

        assert self.ran == []

    def test_nothing_runs_beside_unknown_names(self):
        """A name that is refused stops all of it."""
        data = self.old()[:-1] + b"cos\nsystem\n\x86."

        with pytest.raises(ForbiddenError, match="os:system"):
            load(data, registry=self.node)

        assert self.ran == []

    def test_errors_of_steps_have_a_path(self):
        """As in the default load."""
        registry = Registry("failing")
        cls = attrs.make_class("Node", ["name", "next", "more"])
        cls = versioned(version=2, name="node", registry=registry)(cls)
        migration(cls, 1, registry=registry)(lambda state: 1 / 0)

        with pytest.raises(StepError) as caught:
            load(self.old(), registry=registry)

        assert caught.value.path == "obj.next"

    def test_time_runs_out_between_steps(self):
        """The clock is looked at before each."""
        registry = Registry("slow")
        cls = attrs.make_class("Node", ["name", "next", "more"])
        cls = versioned(version=2, name="node", registry=registry)(cls)

        @migration(cls, 1, registry=registry)
        def step(state):
            self.ran.append(state["name"])
            time.sleep(0.2)
            return {**state, "more": 0}

        with pytest.raises(LimitError, match="seconds"):
            versionpickle.loads(self.old(), registry=registry, limits=Limits(seconds=0.1))
        assert self.ran in ([], ["inner"])


def test_all_names_are_listed():
    """One error lists them, also where the rest of the pickle is as bad."""
    data = asm.whole(asm.name("os", "system"), asm.call("posix:system", asm.value("a")), b"\xff")

    with pytest.raises(ForbiddenError) as caught:
        load(data)

    assert caught.value.refs == ("os:system", "posix:system")


def test_looking_for_more_names_takes_little_time():
    """What has failed already does not fail at length."""
    data = asm.whole(asm.name("os", "system"), (asm.EMPTY_LIST + asm.POP) * 2_000_000)

    with pytest.raises(ForbiddenError):
        load(data)


def test_many_unknown_names():
    """Nobody needs all of them."""
    with pytest.raises(ForbiddenError) as caught:
        load(asm.whole(*(asm.name("m", f"n{n}") for n in range(200))))

    assert len(caught.value.refs) == 101


class TestFiles:
    """Files are read as far as the limits go."""

    def test_the_rest_stays(self):
        """The file is left behind the pickle, however long it is."""
        file = io.BytesIO(pickle.dumps([1]) + b"more" * 100)

        assert versionpickle.load(file, limits=Limits(bytes=50)) == [1]
        assert file.read(4) == b"more"

    def test_too_long(self):
        """A pickle that goes on behind the limit is none to read."""
        with pytest.raises(LimitError, match="bytes"):
            versionpickle.load(io.BytesIO(pickle.dumps("a" * 100)), limits=Limits(bytes=50))

    @pytest.mark.parametrize("protocol", range(6))
    def test_pipe(self, protocol):
        """A file that cannot seek is read no further than its pickle."""
        obj = [1, "a" * 300, b"b" * 300, 2.5, ("a", 2**80, None), {"k": {1}}, -70_000]
        reading, writing = os.pipe()
        with open(writing, "wb", buffering=0) as target, open(reading, "rb") as source:
            target.write(pickle.dumps(obj, protocol) + pickle.dumps(obj, protocol))
            reader = versionpickle.Unpickler(source, limits=Limits())

            assert obj == reader.load() == reader.load()

    def test_pipe_without_end(self):
        """Nor further than the limits, if that has none."""
        reading, writing = os.pipe()
        data = b"V" + b"a" * 60_000
        writer = threading.Thread(target=lambda: os.write(writing, data))
        writer.start()
        with open(reading, "rb", buffering=0) as source, pytest.raises(LimitError, match="bytes"):
            versionpickle.load(source, limits=Limits(bytes=1_000))
        writer.join()
        os.close(writing)

    def test_short_pipe(self):
        """One that ends too early is a truncated pickle."""
        reading, writing = os.pipe()
        with open(writing, "wb") as target:
            target.write(b"\x80\x04\x95\x10")
        with open(reading, "rb") as source, pytest.raises(TruncatedError):
            versionpickle.load(source, limits=Limits())

    def test_one_memo(self):
        """Several objects of one pickler are read by one unpickler."""
        file = io.BytesIO()
        pickler = versionpickle.Pickler(file, 2)
        shared = ["shared"]
        pickler.dump(shared)
        pickler.dump([shared, shared])
        file.seek(0)
        reader = versionpickle.Unpickler(file, limits=Limits())

        first = reader.load()
        second = reader.load()

        assert second[0] is second[1] is first

    def test_independent_pickles(self):
        """And so are those of several that number their places anew."""
        file = io.BytesIO(pickle.dumps(["a"], 2) + pickle.dumps(["b"], 2))
        reader = versionpickle.Unpickler(file, limits=Limits())

        assert [reader.load(), reader.load()] == [["a"], ["b"]]

    @pytest.mark.parametrize("protocol", range(6))
    def test_names_in_one_memo(self, protocol):
        """Names and stamps of earlier loads are known to later ones."""
        registry = Registry("several")
        cls = versioned(name="several", registry=registry)(attrs.make_class("C", ["a"]))
        objects = [Parts(1), cls(2), datetime.date(2026, 1, 2)]
        file = io.BytesIO()
        pickler = versionpickle.Pickler(file, protocol, registry=registry)
        for obj in (*objects, *map(copy.copy, objects)):
            pickler.dump(obj)
        file.seek(0)
        reader = versionpickle.Unpickler(file, allow=[Parts], limits=Limits(), registry=registry)

        assert [reader.load() for _ in range(6)] == objects * 2

    def test_load_file(self, tmp_path):
        """Of a file by its path no more is read than may be."""
        versionpickle.dump_file([1, 2], tmp_path / "a.pickle")

        assert versionpickle.load_file(tmp_path / "a.pickle", limits=Limits()) == [1, 2]
        with pytest.raises(LimitError, match="bytes"):
            versionpickle.load_file(tmp_path / "a.pickle", limits=Limits(bytes=3))


class TestPersistent:
    """Persistent ids need somebody who knows them, and are asked for when the bytes are read."""

    class Reader(versionpickle.Unpickler):
        def persistent_load(self, key):
            return f"<{key}>"

    def test_resolver(self):
        """It is asked with ids of any kind."""
        data = asm.whole(b"Pone\n", asm.value(("a", 1)), b"Q", asm.EMPTY_LIST, b"Q", asm.TUPLE3)

        found = self.Reader(io.BytesIO(data), limits=Limits()).load()

        assert found == ("<one>", "<('a', 1)>", "<[]>")

    def test_none(self):
        """Without one, it is an error."""
        with pytest.raises(versionpickle.exceptions.DamagedError, match="persistent"):
            load(b"Pone\n.")


class TestVouched:
    """What the load is told of may do what it does in other loads."""

    @pytest.mark.parametrize("protocol", range(6))
    def test_class(self, protocol):
        """Its objects load."""
        parts = Parts(1, Parts({"a": 2}))

        assert load(pickle.dumps(parts, protocol), allow=[Parts]) == parts

    @pytest.mark.parametrize("protocol", range(6))
    def test_items(self, protocol):
        """By methods of its own as well."""
        found = load(pickle.dumps(Bag(), protocol), allow=[Bag])

        assert found.items == pickle.loads(pickle.dumps(Bag(), protocol)).items

    def test_function(self):
        """A function is called with what the pickle says."""
        data = asm.whole(asm.call("hostile.models:harmless", asm.value(1), asm.value("a")))

        assert load(data, allow=["hostile.models:harmless"]) == [1, "a"]

    def test_errors_of_functions(self):
        """Its errors are told as such."""
        data = asm.whole(asm.call("test_limits:fails"))

        with pytest.raises(BuildError, match="ZeroDivisionError"):
            load(data, allow=[fails])


def fails():
    return 1 / 0


class Celsius(float):
    """An immutable of somebody else's, with a state that makes it."""


def warm(degrees, **attributes):
    found = Celsius(degrees)
    found.__dict__.update(attributes)
    return found


class TestRebuilt:
    """Classes with rebuild= are made of whatever was stored."""

    registry = Registry("rebuilt")
    adopt(Celsius, rebuild=lambda args, state: warm(args[0], **(state or {})), registry=registry)

    @pytest.mark.parametrize("protocol", range(2, 6))
    def test_unstamped(self, protocol):
        """Also with references to them."""
        one = warm(1.5, place="here")
        data = pickle.dumps([one, one, {"a": one}], protocol)

        found = load(data, registry=self.registry)

        assert found == [1.5, 1.5, {"a": 1.5}]
        assert found[0].place == "here"
        assert found[0] is found[1] is found[2]["a"]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)] * 3,
        collections.OrderedDict([((1, (2, "a")), [1]), ("b", 2)]),
        collections.Counter("hello"),
        collections.defaultdict(list, {1: [2]}),
        collections.deque([1, [2], (3,)], 5),
        {frozenset({1, (2, 3)}): {4}, (): None},
        {fractions.Fraction(n, 7): decimal.Decimal(n) for n in range(50)},
        {float(n): {n * 2**70} for n in range(50)},
        collections.UserString("text"),
        [frozenset([(1, 2)]) for _ in range(3_000)],
        [{(1, 2): n} for n in range(3_000)],
        [10**4_000, -(10**4_000), 0.1, "é" * 1_000, b"\0" * 1_000],
        deep(400),
        ExceptionGroup("some", [ValueError(1), OSError(2, "two")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values(value, protocol):
    """Ordinary values are ordinary."""
    data = pickle.dumps(value, protocol)

    assert repr(load(data)) == repr(value)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value_types(value, protocol):
    """All values that the default load builds load within limits as well."""
    found = load(pickle.dumps(value, protocol))

    assert type(found) is type(value)
    assert repr(found) == repr(value)


class Choice(enum.Enum):
    """Its values cannot be hashed."""

    A = [1]
    B = [2]


class Wrapper:
    """Looks like what it wraps."""

    def __init__(self, function):
        functools.update_wrapper(self, function)
        del self.__wrapped__


@pytest.mark.parametrize("protocol", range(6))
def test_odd_objects(protocol):
    """Enums of lists, and objects with some of Python's own names, are no attack."""
    data = pickle.dumps([Choice.B, Wrapper(len)], protocol)

    choice, wrapper = load(data, allow=[Choice, Wrapper])

    assert choice is Choice.B
    assert wrapper.__name__ == "len"


@pytest.mark.parametrize(
    ("opcodes", "value"),
    [
        (asm.call("builtins:tuple", asm.value([1])), (1,)),
        (asm.call("builtins:set", asm.value((1, 2))), {1, 2}),
        (asm.call("builtins:dict", asm.value({1: 2})), {1: 2}),
        (asm.call("builtins:int", asm.value("ff"), asm.value(16)), 255),
        (asm.call("datetime:date", *map(asm.value, (2026, 1, 2))), datetime.date(2026, 1, 2)),
        (asm.call("decimal:Decimal", asm.value(5)), decimal.Decimal(5)),
        (asm.call("fractions:Fraction", asm.value("0.5")), fractions.Fraction(1, 2)),
        (asm.call("fractions:Fraction", *map(asm.value, (1, 2))), fractions.Fraction(1, 2)),
        (asm.call("array:array", asm.value("i"), asm.value([1])), array.array("i", [1])),
    ],
)
def test_other_ways_to_make_values(opcodes, value):
    """What a __reduce__ of one's own may call, if the arguments are as harmless."""
    assert load(asm.whole(opcodes), registry=Registry("none")) == value


@pytest.mark.parametrize("version", [1, 2])
def test_adopted_values(version):
    """Types that somebody adopted are made of nothing else than before."""
    registry = Registry("values")
    adopt(decimal.Decimal, version, registry=registry)
    if version == 2:
        migration(decimal.Decimal, 1, registry=registry)(lambda state: state)
    data = versionpickle.dumps(decimal.Decimal("1.5"), registry=registry)

    assert load(data, registry=registry) == decimal.Decimal("1.5")
    with pytest.raises(UntrustedError, match="Decimal is called"):
        load(versionpickle.dumps(decimal.Decimal("1e99999"), registry=registry), registry=registry)


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"(I1\nI2\nl.", [1, 2]), (b"(I1\nI2\nd.", {1: 2}), (b"(I1\nt.", (1,))],
)
def test_containers_made_at_once(data, value):
    """As protocol 0 could write them."""
    assert load(data) == value


@attrs.frozen
class Friend:
    friends: list[object]

    def __hash__(self):
        return hash(len(self.friends))


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("kind", [set, frozenset])
def test_hashed_in_a_cycle(kind, protocol):
    """What is hashed before it is whole waits, or is an error, as in the default load."""
    registry = Registry("friends")
    adopt(Friend, registry=registry)
    ann = Friend([])
    ann.friends.append(kind([ann]))
    data = versionpickle.dumps(ann, protocol, registry=registry)

    if kind is frozenset:
        with pytest.raises(versionpickle.exceptions.CycleError):
            load(data, registry=registry)
    else:
        found = load(data, registry=registry)
        assert found in found.friends[0]


def test_singleton_of_another_name():
    """An object that says another name is not found by this one."""
    data = pickle.dumps(ONLY, 4).replace(b"ONLY", b"ALSO")

    for limits in (None, Limits()):
        with pytest.raises(ForbiddenError, match="ALSO"):
            versionpickle.loads(data, limits=limits, registry=SINGLES)


@pytest.mark.parametrize("limits", [None, Limits()])
def test_attributes_have_names(limits):
    """What is asked for is a text."""
    data = asm.whole(asm.call("builtins:getattr", asm.ref("datetime:date"), asm.value((1,))))

    with pytest.raises((BuildError, UntrustedError), match="string|no name"):
        versionpickle.loads(data, limits=limits)
    assert versionpickle.inspect(data).names == ("builtins:getattr", "datetime:date")


def test_singleton_within_limits():
    """What a class stores by name is found by it, and is called by nobody."""
    data = pickle.dumps(ONLY, 4)

    assert load(data, registry=SINGLES) is ONLY
    with pytest.raises(UntrustedError, match="is called"):
        load(data[:-1] + b")R.", registry=SINGLES)


SINGLES = Registry("singles")


@versioned(registry=SINGLES)
class Only:
    """There is one of it, and it is stored by its name."""

    def __reduce__(self):
        return "ONLY"

    def __call__(self):
        raise AssertionError


ALSO = ONLY = Only()


@pytest.mark.parametrize(
    "opcodes",
    [
        asm.call("copyreg:__newobj__", asm.ref("test_limits:Parts")),
        asm.call(
            "copyreg:__newobj_ex__",
            asm.ref("test_limits:Parts"),
            asm.EMPTY_TUPLE,
            asm.EMPTY_DICT,
        ),
    ],
)
def test_functions_of_pickle(opcodes):
    """What newer protocols have opcodes for is called as well in older ones."""
    state = asm.value({"one": 1, "two": 2})
    setter = opcodes + state + asm.BUILD

    assert load(asm.whole(setter), allow=[Parts]) == Parts(1, 2)


@pytest.mark.parametrize(
    "opcodes",
    [
        asm.call("copyreg:_reconstructor", asm.ref("test_limits:Parts")),
        asm.call("versionpickle:_keep", asm.value("m:C")),
        asm.call("versionpickle:_keep", asm.value("m:C"), asm.EMPTY_TUPLE, asm.value({1: 2})),
        asm.ref("builtins:getattr") + asm.TUPLE1,
        asm.EMPTY_LIST + asm.ref("copyreg:_reconstructor") + asm.APPEND,
        asm.ref("versionpickle:_make"),
        asm.stamp("hostile.models:Order"),
        asm.ref("datetime:date") + asm.value((1,)) + asm.NEWOBJ,
    ],
)
def test_nothing_of_it(opcodes):
    """What only serves to make objects is no data, and is not used in another way."""
    with pytest.raises(UntrustedError):
        load(asm.whole(opcodes), allow=[Parts])


def test_kept_placeholder_of_other_content():
    """What was kept of a placeholder holds its content, and nothing else."""
    data = asm.whole(
        asm.call("versionpickle:_keep", asm.value("m:C"), asm.EMPTY_TUPLE, asm.EMPTY_DICT),
        asm.value({"setter": 1}),
        asm.BUILD,
    )

    for loads in (load, pickle.loads):
        with pytest.raises(versionpickle.exceptions.StampError, match="content"):
            loads(data)


def test_offset_is_of_the_opcode():
    """Where an error says that something stands, there it is."""
    data = asm.whole(asm.EMPTY_LIST, asm.value(1), asm.EMPTY_DICT, asm.BUILD)

    with pytest.raises(UntrustedError) as caught:
        load(data)

    assert data[caught.value.offset : caught.value.offset + 1] == asm.BUILD


@versioned(version=2, name="hiding")
class Hiding:
    """Declares no fields, and was changed once."""

    label = "none"

    def is_admin(self):
        return False

    @functools.cached_property
    def cached(self):
        return 1

    @property
    def shown(self):
        return 1

    @shown.setter
    def shown(self, value):
        raise AssertionError("a setter runs")

    @classmethod
    def made(cls):
        return cls()


migration(Hiding, 1, rename("admin", "label"))


class HidingUnversioned:
    def is_admin(self):
        return False


adopt(HidingUnversioned)


def blank(cls):
    return asm.ref(f"test_limits:{cls}") + asm.EMPTY_TUPLE + asm.NEWOBJ


HIDING = {
    **{
        f"{name} in version {version}": asm.stamped(
            "hiding", 1, 2, version=version, fields=("admin", name)
        )
        for name in ("is_admin", "shown", "made")
        for version in (1, 2)
    },
    "a dict": asm.stamp("hiding", 2, None)
    + asm.put(1)
    + asm.EMPTY_TUPLE
    + asm.REDUCE
    + asm.tuple_of(asm.get(1), asm.value({"is_admin": 1}))
    + asm.BUILD,
    "a call": asm.call(
        "versionpickle:_make",
        asm.stamp("hiding", 2, None),
        asm.NONE,
        asm.EMPTY_TUPLE,
        asm.EMPTY_DICT,
        asm.value({"is_admin": 1}),
    ),
    "no stamp": blank("HidingUnversioned") + asm.value({"is_admin": 1}) + asm.BUILD,
    "slots": blank("HidingUnversioned") + asm.value((None, {"is_admin": 1})) + asm.BUILD,
}


@pytest.mark.parametrize("kind", HIDING)
def test_methods_are_no_data(kind):
    """No attribute may take the place of a method, in whatever way it is stored."""
    with pytest.raises(UntrustedError, match="which is a method or property of its class"):
        load(asm.whole(HIDING[kind]))


def test_attributes_that_hide_nothing():
    """Attributes with defaults on the class, and properties that were computed, are data."""
    obj = Hiding()
    obj.label, obj.other = "some", obj.cached

    again = load(versionpickle.dumps(obj))

    assert ("some", 1) == (again.label, again.other)
    old = load(asm.whole(asm.stamped("hiding", "old", version=1, fields=("admin",))))
    assert "old" == old.label


@pytest.mark.parametrize("cls", ["PurePosixPath", "PureWindowsPath"])
def test_paths_weigh_their_text(cls):
    """Many long paths are many objects, even if they share one text."""
    text = asm.text("ab/" * 10_000) + asm.put(0) + asm.POP
    path = asm.ref(f"pathlib:{cls}") + asm.get(0) + asm.TUPLE1 + asm.REDUCE

    with pytest.raises(LimitError, match="objects"):
        load(asm.whole(text + asm.list_of(path * 200)))
    assert 1_000 == len(load(pickle.dumps([pathlib.PurePath(f"/a/b/{n}") for n in range(1_000)])))


def test_the_stack_is_counted():
    """What is on the stack counts as items, before it becomes part of anything."""
    with pytest.raises(LimitError, match="items"):
        load(b"\x80\x04(" + b"N" * 2_000_000 + b"d.")
    assert 50_000 == len(load(b"\x80\x04(" + b"N" * 50_000 + b"t."))


def test_a_key_with_a_part_that_has_no_hash():
    """The error is that of the container, as in any load."""
    with pytest.raises(versionpickle.exceptions.BuildError, match="unhashable type: 'list'"):
        versionpickle.loads(b"\x80\x04(]\x85\x91.", limits=Limits())
