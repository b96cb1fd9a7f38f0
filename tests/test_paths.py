"""An error says where in the object the trouble is, as a user would type it."""

from __future__ import annotations

import collections
import copyreg
import datetime
import functools
import io
import pickle
import threading

from typing import Any, NamedTuple

import attrs
import pytest

import versionpickle

from versionpickle import Versioned, adopt, migration, versioned
from versionpickle._pickles.path import (
    ARGS,
    INDEX,
    NEW_ARGS,
    STATE,
    PathStep,
    name_of_root,
    path_of,
    short,
)
from versionpickle.exceptions import (
    BuildError,
    PicklingError,
    StepError,
    UnpicklableError,
    UnreachableClassError,
    VersionPickleError,
)
from versionpickle.migrations import convert


LOCK = threading.Lock()


@versioned
@attrs.define
class Customer:
    name: str
    callbacks: dict[str, list[Any]] = attrs.field(factory=dict)


@versioned
@attrs.define
class Order:
    number: int
    customer: Any


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class OldPlain(Plain):
    pass


class Slotted(Plain):
    __slots__ = ("a",)


class Shelf(list, Versioned):
    def append(self, item):  # so that its items are kept in the state
        super().append(item)


class Drawer(dict, Versioned):
    def __setitem__(self, key, item):
        super().__setitem__(key, item)


class Pair(NamedTuple):
    left: Any
    right: Any


class Couple(NamedTuple):
    left: Any
    right: Any


adopt(Couple)


class Tuple(tuple):
    __slots__ = ()


class Made:
    def __new__(cls, held):
        return super().__new__(cls)

    def __init__(self, held):
        self._held = held

    def __getnewargs__(self):
        return (self._held,)


class OwnState(Versioned):
    def __init__(self, held):
        self.held = held

    def __getstate__(self):
        return [self.held]


class OwnDict(Versioned):
    def __init__(self, held):
        self.held = held

    def __getstate__(self):
        return {"held": self.held}


class WithSetter(Plain):
    def __reduce_ex__(self, protocol):
        return Plain, (), self.__dict__, None, None, self.setter


class Asked:
    def __init__(self, held):
        self._held = held

    def __reduce__(self):
        return print, (self._held,)


class Wrong(Plain):
    def __reduce_ex__(self, protocol):
        return self.reduced


def filled(obj, *items):
    for item in items:
        obj.append(item)
    return obj


def slotted(value):
    obj = Slotted()
    obj.a = value
    return obj


def drawer(value):
    obj = Drawer()
    obj["k"] = value
    return obj


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    ("obj", "path"),
    [
        (LOCK, None),
        ([1, LOCK], "obj[1]"),
        ((1, (2, LOCK)), "obj[1][1]"),
        ({"a": {2: LOCK}}, "obj['a'][2]"),
        ({(1, LOCK): 2}, "list(obj)[0][1]"),
        ([{LOCK}], "list(obj[0])[0]"),
        ([frozenset({LOCK})], "list(obj[0])[0]"),
        (Order(1, Customer("x", {"paid": [LOCK]})), "order.customer.callbacks['paid'][0]"),
        ([Order(1, Plain(a=[LOCK]))], "obj[0].customer.a[0]"),
        (Plain(**{"a b": LOCK}), "plain.a b"),
        (slotted(LOCK), "slotted.a"),
        (filled(Shelf(), 1, LOCK), "shelf[1]"),
        (drawer(LOCK), "drawer['k']"),
        (filled(collections.deque(), 1, LOCK), "obj[1]"),
        (collections.OrderedDict(a=LOCK), "ordered_dict['a']"),
        (ValueError(1, LOCK), "value_error.args[1]"),
        (OwnState(LOCK), "own_state.__reduce_ex__(4)[2][1][0]"),
        (Pair(1, LOCK), "pair[1]"),
        (Couple(1, LOCK), "couple.right"),
        (Tuple((1, LOCK)), "tuple[1]"),
        (Made(LOCK), "made.__reduce_ex__(4)[1][1]"),
        (functools.partial(print, LOCK), "obj.__reduce_ex__(4)[2][1][0]"),
        (Asked(LOCK), "asked.__reduce_ex__(4)[1][0]"),
        (WithSetter(setter=lambda obj, state: None), "with_setter.__reduce_ex__(4)[5]"),
        ({"a" * 70: LOCK}, f"obj['{'a' * 56}...]"),
    ],
)
def test_where_it_fails(obj, path, protocol):
    """The path leads from the outermost object to the one that cannot be pickled."""
    with pytest.raises(UnpicklableError) as caught:
        versionpickle.dumps(obj, protocol)

    assert path == caught.value.path


class TestDumps:
    def test_message(self):
        """It says where, what, why, and which field to leave out."""
        order = Order(1, Customer("x", {"paid": [LOCK]}))
        with pytest.raises(UnpicklableError) as caught:
            versionpickle.dumps(order)

        assert str(caught.value) == (
            f"order.customer.callbacks['paid'][0]: cannot pickle this _thread:lock, {LOCK!r}: "
            "TypeError: cannot pickle '_thread.lock' object; declare test_paths:Customer with "
            "transient='callbacks', so that it is not stored"
        )

    @pytest.mark.parametrize(
        ("obj", "met", "cure"),
        [
            ([lambda: 0], "the function .*<lambda>", "move it to the top of its module"),
            ([Plain(a=LOCK)], "_thread:lock", "adopt\\(\\) test_paths:Plain with transient='a'"),
            ([LOCK], "_thread:lock", "leave it out"),
            ([OwnDict(LOCK)], "_thread:lock", "leave it out of what test_paths:OwnDict stores"),
            ([type("Local", (), {})()], "the class <class .*Local", "move it to the top"),
            (
                [Wrong(reduced=3)],
                "items, not 3",
                "fix how test_paths:Wrong is pickled",
            ),
            ([Wrong(reduced=(1, 2))], "a callable and a tuple, not 1 and 2", "fix how"),
            ([Wrong(reduced=(str, ()) * 4)], "a string or a tuple of two to six", "fix how"),
            ([Wrong(reduced=object.__reduce_ex__(Plain(), 2))], "another class", "fix how"),
        ],
    )
    def test_what_to_do(self, obj, met, cure):
        """The cure depends on what was met."""
        with pytest.raises(UnpicklableError, match=f"{met}.*{cure}"):
            versionpickle.dumps(obj)

    def test_own_errors_have_a_path(self):
        """An error of ours says where as well."""

        @versioned
        class Local:
            pass

        with pytest.raises(UnreachableClassError) as caught:
            versionpickle.dumps([Order(1, Local())])

        assert caught.value.path == "obj[0].customer"

    @pytest.mark.parametrize("kind", [pickle.PicklingError, TypeError, AttributeError])
    def test_what_people_catch(self, kind):
        """pickle raises one of three errors; ours is each of them."""
        with pytest.raises(kind):
            versionpickle.dumps(LOCK)

    def test_error_of_the_class(self):
        """What a class raises is the cause."""

        class Angry(Plain):
            def __reduce__(self):
                raise OSError("no")

        with pytest.raises(UnpicklableError, match="OSError: no") as caught:
            versionpickle.dumps([Angry()])

        assert isinstance(caught.value.__cause__, OSError)

    def test_endless_recursion_in_a_class(self):
        """A class that calls itself without end is not pickled by another pickler."""

        class Endless(Plain):
            def __reduce__(self):
                return self.__reduce__()

        with pytest.raises(RecursionError):
            versionpickle.dumps(Endless())

    def test_pickler(self):
        """A Pickler says the same as dumps, with its own ways to reduce."""

        class Pickler(versionpickle.Pickler):
            def persistent_id(self, obj):
                return "lock" if obj is LOCK else None

        file = io.BytesIO()
        with pytest.raises(UnpicklableError) as caught:
            Pickler(file).dump([LOCK, threading.Lock()])

        assert caught.value.path == "obj[1]"
        assert file.getvalue() == b""

    def test_registry_of_its_own(self, registry):
        """What a registry adopted for itself is reduced its way."""
        adopt(datetime.date, registry=registry)
        with pytest.raises(UnpicklableError) as caught:
            versionpickle.dumps([datetime.date(2020, 1, 1), LOCK], registry=registry)

        assert caught.value.path == "obj[1]"

    def test_long_way(self):
        """The middle of a long way is left out."""
        obj = LOCK
        for _ in range(10_000):
            obj = [obj]

        with pytest.raises(UnpicklableError) as caught:
            versionpickle.dumps(obj)

        assert caught.value.path == f"obj{'[0]' * 12} ... (9,976 steps) ... {'[0]' * 12}"

    def test_unprintable(self):
        """An object whose repr fails is named by its class."""

        class Shy:
            def __repr__(self):
                raise ValueError

        assert short(Shy()) == "<Shy object>"

    @pytest.mark.parametrize(
        ("cls", "name"), [("Order", "order"), ("HTTPError", "httperror"), ("dict", "obj")]
    )
    def test_root(self, cls, name):
        """The outermost object is called what a user might call it."""
        assert name_of_root(cls) == name


@versioned(version=2, name="paths price")
@attrs.define
class Price:
    amount: Any
    held: Any = None


migration(Price, 1, convert("amount", int))


@versioned(name="paths shelf")
class Shelved(list):
    pass


def old(price):
    """The pickle of an object that holds prices of version 1."""
    return versionpickle.dumps(price).replace(b"paths price\x94K\x02", b"paths price\x94K\x01")


@pytest.mark.parametrize(
    ("kinds", "path"),
    [
        ([STATE], "obj.__reduce_ex__(4)[2]"),
        ([STATE, (INDEX, 0)], "obj.__reduce_ex__(4)[2][0]"),
        ([STATE, (INDEX, 3)], "obj.__reduce_ex__(4)[2][3]"),
        ([STATE, (INDEX, 4), (INDEX, 0)], "obj[0]"),
        ([STATE, (INDEX, 5), (INDEX, 0)], "obj.__reduce_ex__(4)[2][5][0]"),
        ([(ARGS, None)], "obj.__reduce_ex__(4)[1]"),
        ([(NEW_ARGS, tuple), (INDEX, 0)], "obj.__reduce_ex__(4)[1][0]"),
        ([(ARGS, frozenset), (INDEX, 0)], "obj.__reduce_ex__(4)[1][0]"),
    ],
)
def test_odd_ways(kinds, path):
    """A way that ends within what an object reduces to is said in those terms."""
    state = (Price(1).__reduce_ex__(4)[0], 1, 2)
    steps = [
        PathStep(STATE, None, state) if kind == STATE else PathStep(*kind, (1, 2))
        for kind in kinds
    ]

    assert path == path_of("obj", steps)


class TestLoads:
    @pytest.mark.parametrize("unsafe", [False, True])
    @pytest.mark.parametrize(
        ("obj", "path"),
        [
            (Price("x"), None),
            ([Price(1), Price("x")], "obj[1]"),
            (Price(1, {"a": [(0, Price("x"))]}), "obj.held['a'][0][1]"),
            (Shelved([1, Price("x")]), "obj[1]"),
            (Order(1, Price("x")), "order.customer"),
            ({1: ValueError(0, Price("x"))}, "obj[1].args[1]"),
        ],
    )
    def test_where_it_fails(self, obj, path, unsafe):
        """The path leads to the object whose upgrade failed."""
        with pytest.raises(StepError, match="invalid literal") as caught:
            versionpickle.loads(old(obj), unsafe=unsafe)

        assert path == caught.value.path

    def test_plain_class(self):
        """The attributes of a plain class are named as well."""
        with pytest.raises(StepError) as caught:
            versionpickle.loads(old(Plain(a=[Price("x")])), allow=[Plain])

        assert caught.value.path == "plain.a[0]"

    def test_slots_of_a_plain_class(self):
        """And its slots."""
        with pytest.raises(StepError) as caught:
            versionpickle.loads(old([slotted(Price("x"))]), allow=[Slotted])

        assert caught.value.path == "obj[0].a"

    def test_error_of_a_constructor(self):
        """A call that fails is placed, and its class named."""
        with pytest.raises(BuildError) as caught:
            versionpickle.loads(b"(lp0\ncdatetime\ndate\n(I1\nI2\ntRa.")

        assert ("obj[0]", "datetime:date") == (caught.value.path, caught.value.ref)

    def test_class_that_is_gone(self):
        """A name that cannot be found stands where its objects would."""
        data = pickle.dumps([Plain(a=OldPlain())], 0).replace(b"OldPlain", b"OldPlane")
        with pytest.raises(BuildError) as caught:
            versionpickle.loads(data, allow=[Plain, "test_paths:OldPlane"])

        assert caught.value.path == "obj[0].a"

    def test_buffers_and_codes(self):
        """What stands outside of the pickle is on the way as well."""
        data = versionpickle.dumps(
            [pickle.PickleBuffer(b"b"), Price("x")], 5, buffer_callback=lambda buffer: None
        ).replace(b"paths price\x94K\x02", b"paths price\x94K\x01")
        copyreg.add_extension("datetime", "date", 0x7E)
        try:
            data = data.replace(b"]\x94(", b"]\x94(\x82\x7e", 1)
            with pytest.raises(StepError) as caught:
                versionpickle.loads(data, buffers=[b"b"])
        finally:
            copyreg.remove_extension("datetime", "date", 0x7E)

        assert caught.value.path == "obj[2]"

    def test_persistent_ids(self):
        """So is what a persistent id stands for."""

        class Unpickler(versionpickle.Unpickler):
            def persistent_load(self, key):
                return key

        data = old([Price("x")]).replace(b"]\x94", b"]\x94K\x07Qa")
        with pytest.raises(StepError) as caught:
            Unpickler(io.BytesIO(data)).load()

        assert caught.value.path == "obj[1]"

    def test_unsafe_names(self):
        """Nothing is called twice, only to know the place, that is not safe."""
        calls.clear()
        data = old([Called(), Price("x")])

        with pytest.raises(StepError) as caught:
            versionpickle.loads(data, unsafe=True)

        assert (None, 1) == (caught.value.path, len(calls))

    def test_plain_pickle(self):
        """Plain pickle raises the same error, without a path."""
        with pytest.raises(StepError) as caught:
            pickle.loads(old([Price("x")]))

        assert caught.value.path is None

    def test_pickled_with_its_path(self):
        """The path survives pickling."""
        with pytest.raises(VersionPickleError) as caught:
            versionpickle.loads(old([Price("x")]))
        back = pickle.loads(pickle.dumps(caught.value))

        assert ("obj[0]", str(caught.value)) == (back.path, str(back))


calls: list[int] = []


def call():
    calls.append(1)


class Called:
    def __reduce__(self):
        return call, ()


class Huge:
    def __reduce__(self):
        raise MemoryError


def test_no_memory():
    """Where there is no memory, nothing is tried again."""
    with pytest.raises(MemoryError):
        versionpickle.dumps(Huge())
    pickler = versionpickle.Pickler(io.BytesIO())
    with pytest.raises(MemoryError):
        pickler.dump(Huge())
    pickler.dump(1)


class Reduced:
    """Reduces to whatever it is told."""

    def __init__(self, reduced):
        self.reduced = reduced

    def __reduce_ex__(self, protocol):
        return self.reduced


@pytest.mark.parametrize(
    "reduced",
    [
        None,
        (Plain, (), {"a": 1}, None, None, "no function"),
        (copyreg.__newobj_ex__, (Reduced, [1], {})),
        (copyreg.__newobj__, ()),
        (dict, (), None, None, iter([["a", 1], ["b", 2]])),
        (list, (), None, [1]),
        (dict, (), None, None, {"a": 1}),
    ],
)
def test_wrong_reductions(reduced):
    """What pickle takes for no reduction is none for us."""
    with pytest.raises(UnpicklableError) as caught:
        versionpickle.dumps([1, Reduced(reduced), 2])

    assert caught.value.path == "obj[1]"


class Drain:
    """Gives its items away when it is reduced."""

    def __init__(self):
        self.asked = 0

    def __reduce__(self):
        self.asked += 1
        if self.asked == 1:
            raise ValueError("not yet")
        return list, ()


def test_what_failed_is_not_trusted():
    """An object that could not be pickled is not written because it can the next time."""
    with pytest.raises(ValueError, match="not yet"):
        versionpickle.dumps(Drain())


def test_without_a_memo():
    """In fast mode a cycle is an error at once, as in pickle."""
    cyclic = []
    cyclic.append(cyclic)
    pickler = versionpickle.Pickler(io.BytesIO())
    pickler.fast = True

    with pytest.raises(ValueError, match="fast mode"):
        pickler.dump(cyclic)


def test_reducers_of_a_subclass(registry):
    """A Pickler with reducers of its own knows those of the registry as well."""

    class Pickler(versionpickle.Pickler):
        dispatch_table = {complex: lambda number: (complex, (number.real, 1.0))}

    adopt(Asked, registry=registry)
    file = io.BytesIO()
    Pickler(file, registry=registry).dump([Asked("x"), 2j])

    assert b"_revive" in file.getvalue()
    assert b"complex" in file.getvalue()


def test_buffers_after_a_failure():
    """Buffers of an object that failed are not taken for those of the next."""

    class Failing:
        def __reduce__(self):
            def items():
                yield pickle.PickleBuffer(b"old")
                raise ValueError

            return list, (), None, items()

    buffers = []
    pickler = versionpickle.Pickler(io.BytesIO(), 5, buffer_callback=buffers.append)
    with pytest.raises(UnpicklableError):
        pickler.dump(Failing())
    buffers.clear()
    pickler.dump(pickle.PickleBuffer(b"new"))

    assert [b"new"] == [bytes(buffer) for buffer in buffers]


class TestTornMemo:
    def test_first_object_fails(self):
        """The next object is written as if nothing had been."""
        file = io.BytesIO()
        pickler = versionpickle.Pickler(file)
        shared = ["shared"]
        with pytest.raises(UnpicklableError):
            pickler.dump([shared, LOCK])
        pickler.dump(shared)

        assert shared == versionpickle.loads(file.getvalue())

    def test_later_object_fails(self):
        """No object is written that would refer to what is not there; the memo starts anew."""
        file = io.BytesIO()
        pickler = versionpickle.Pickler(file)
        shared = ["shared"]
        pickler.dump(1)
        with pytest.raises(UnpicklableError):
            pickler.dump([shared, LOCK])
        with pytest.raises(PicklingError, match="clear_memo"):
            pickler.dump(shared)
        pickler.clear_memo()
        pickler.dump(shared)
        file.seek(0)

        assert [1, shared] == [versionpickle.load(file), versionpickle.load(file)]

    def test_interrupted(self):
        """Nothing of an object whose dump was interrupted is written later."""

        class Slow:
            def __reduce__(self):
                raise KeyboardInterrupt

        file = io.BytesIO()
        pickler = versionpickle.Pickler(file)
        with pytest.raises(KeyboardInterrupt):
            pickler.dump([b"x" * 100_000, "secret", Slow()])
        shared = ["shared"]
        pickler.dump([shared, shared])

        assert [shared, shared] == pickle.loads(file.getvalue())
        assert b"secret" not in file.getvalue()

    def test_file_fails(self):
        """Objects that did not reach the file are not referred to either."""
        file = Full(room=1)
        pickler = versionpickle.Pickler(file)
        shared = ["shared"]
        pickler.dump(0)
        with pytest.raises(OSError, match="full"):
            pickler.dump(shared)
        with pytest.raises(PicklingError, match="clear_memo"):
            pickler.dump(shared)

    def test_file_fails_at_once(self):
        """Nor where it was the first object."""
        file = Full(room=0)
        pickler = versionpickle.Pickler(file)
        shared = ["shared"]
        with pytest.raises(OSError, match="full"):
            pickler.dump(shared)
        file.room = 9
        pickler.dump(shared)

        assert shared == versionpickle.loads(b"".join(file.written))


class Full:
    """A file with room for some writes."""

    def __init__(self, room):
        self.room = room
        self.written = []

    def write(self, data):
        if len(self.written) >= self.room:
            raise OSError("full")
        self.written.append(data)


def test_buffers_are_offered_once():
    """The callback meets each buffer once, also when the object is written twice."""
    met = []
    deep = pickle.PickleBuffer(b"deep")
    for _ in range(5_000):
        deep = [deep]
    data = versionpickle.dumps(
        [pickle.PickleBuffer(b"first"), deep], 5, buffer_callback=met.append
    )

    assert [bytes(buffer) for buffer in met] == [b"first", b"deep"]
    assert versionpickle.loads(data, buffers=[b"first", b"deep"])[0] == b"first"
