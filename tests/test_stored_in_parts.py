"""Items, arguments and values of old objects, in the combinations that hardly any class stores."""

from __future__ import annotations

import collections
import dataclasses
import enum
import io
import pickle

import cloudpickle
import pytest

import versionpickle

from versionpickle import Limits, Registry, Unpickler, adopt, migration, versioned
from versionpickle._classes.reviving import revive_in
from versionpickle._wire.stamp import BY_VALUES
from versionpickle.exceptions import (
    CycleError,
    FieldsError,
    ForbiddenError,
    StampError,
    StepError,
)
from versionpickle.migrations import (
    become,
    name_arguments,
    name_items,
    rename,
    replace,
)


WAYS = [{}, {"limits": Limits()}, {"unsafe": True}]


def both(args, state):
    return [args, state]


class Items(list):
    pass


class WatchedItems(list):
    def append(self, item):
        super().append(item)


class Pairs(dict):
    pass


class Code(str):
    __slots__ = ()


class Label(str):
    __slots__ = ()


class Pair(collections.namedtuple("Pair", "a b")):
    pass


class Own:
    """Has a state of its own form."""

    def __init__(self, a=0):
        self.a = a

    def __getstate__(self):
        return [self.a]

    def __setstate__(self, state):
        self.a = state[0]


class Called:
    def __init__(self, a=0):
        self.a = a

    def __reduce__(self):
        return Called, (self.a,)


def called(a):
    return Called(a)


class CalledByFunction(Called):
    def __reduce__(self):
        return called, (self.a,)


class Coin(enum.Enum):
    HEADS = 1

    @classmethod
    def _missing_(cls, value):
        found = object.__new__(cls)
        found._name_, found._value_ = None, value
        return found


def items(*members, cls=Items):
    found = cls(members)
    found.a = 5
    return found


def stored(obj, **settings):
    """Return the pickle of an object that had a stamp."""
    was = Registry()
    adopt(type(obj), name="parts.old", registry=was)
    return versionpickle.dumps(obj, registry=was, **settings)


@pytest.mark.parametrize("how", WAYS)
class TestRebuildOneVersion:
    """A function for one old version gets what its objects stored, and their items follow."""

    @pytest.mark.parametrize(
        ("obj", "expected"),
        [
            (Pair(1, 2), [(1, 2), None]),
            (Own(3), [(), [3]]),
            (items(7), [(), {"a": 5}, 7]),
        ],
    )
    def test_stamped(self, registry, how, obj, expected):
        adopt(type(obj), 2, name="parts.old", rebuild={1: both}, registry=registry)

        assert expected == versionpickle.loads(stored(obj), registry=registry, **how)

    def test_unstamped(self, registry, how):
        adopt(Items, 2, rebuild={1: both}, registry=registry)
        data = pickle.dumps(items(7))

        assert [(), {"a": 5}, 7] == versionpickle.loads(data, registry=registry, **how)

    def test_cycle(self, registry, how):
        """A state that leads back, where nothing but the function makes the object."""
        obj = items()
        obj.a = (obj,)
        adopt(Items, 2, name="parts.old", rebuild={1: both}, registry=registry)

        with pytest.raises(StepError, match="leads back to the object itself"):
            versionpickle.loads(stored(obj), registry=registry, **how)


@pytest.mark.parametrize("how", WAYS)
class TestNameThatIsGone:
    """What a class kept beside its fields reaches the step that leads out of it."""

    @pytest.mark.parametrize(
        ("obj", "part", "expected"),
        [
            (CalledByFunction(3), "<arguments>", (called, 3)),
            (Called(3), "<arguments>", (3,)),
            (items(7), "<items>", [7]),
        ],
    )
    def test_stamped(self, registry, how, obj, part, expected):
        migration("parts.old", 1, replace(lambda state: state[part]), registry=registry)
        settings = {"registry": registry, "allow": [called], **how}

        assert expected == versionpickle.loads(stored(obj), **settings)

    @pytest.mark.parametrize("protocol", range(6))
    def test_unstamped(self, registry, how, protocol):
        data = pickle.dumps(Code("a"), protocol)
        ref = f"{__name__}:Code"
        adopt(Label, registry=registry)
        adopt(Code, 2, registry=registry)
        migration(ref, 1, become({Label: 1}), registry=registry)

        found = versionpickle.loads(data, registry=registry, **how)

        assert Label("a") == found
        assert type(found) is Label

    def test_value_of_old_protocols(self, registry, how):
        data = pickle.dumps(Code("a"), 0).replace(b"Code", b"Gone")
        read = replace(lambda state: state["<arguments>"])
        migration(f"{__name__}:Gone", 1, read, registry=registry)

        assert ("a",) == versionpickle.loads(data, registry=registry, **how)


@pytest.mark.parametrize("how", WAYS)
class TestNewClass:
    """Items and arguments reach the steps of a class that has another form today."""

    @pytest.mark.parametrize("cls", [Items, WatchedItems])
    @pytest.mark.parametrize("protocol", range(6))
    def test_items(self, registry, how, protocol, cls):
        """They are left over where no step names them, and are never lost."""
        data = stored(items(7, cls=cls), protocol=protocol)
        named, forgotten = Registry(), Registry()
        for into in (named, forgotten, registry):

            @versioned(name="parts.old", version=1 if into is registry else 2, registry=into)
            class Now:
                pass

        migration("parts.old", 1, name_items("members"), registry=named)
        migration("parts.old", 1, rename("a", "b"), registry=forgotten)

        found = versionpickle.loads(data, registry=named, **how)
        assert vars(found) == {"a": 5, "members": [7]}
        for into in (forgotten, registry):
            with pytest.raises((FieldsError, StepError), match="items"):
                versionpickle.loads(data, registry=into, **how)

    def test_items_of_a_version_that_is_not_left(self, registry, how):
        @versioned(version=3, unstamped=2, formerly=f"{__name__}:Items", registry=registry)
        class Now:
            pass

        migration(Now, 1, replace(dict), registry=registry)
        migration(Now, 2, name_items("members"), registry=registry)

        found = versionpickle.loads(pickle.dumps(items(7)), registry=registry, **how)

        assert vars(found) == {"a": 5, "members": [7]}

    def test_arguments_of_a_call(self, registry, how):
        adopt(Called, 2, registry=registry)
        migration(Called, 1, name_arguments("b"), registry=registry)

        found = versionpickle.loads(pickle.dumps(Called(3)), registry=registry, **how)

        assert vars(found) == {"b": 3}

    def test_no_place(self, registry, how):
        """A class without attributes has no place for what its steps should get."""

        @versioned(version=2, formerly=f"{__name__}:Called", registry=registry)
        class Now:
            __slots__ = ()

        migration(Now, 1, name_arguments("b"), registry=registry)

        with pytest.raises(StepError, match="no attributes to take them"):
            versionpickle.loads(pickle.dumps(Called(3)), registry=registry, **how)

    def test_member_without_a_name(self, registry, how):
        """What was a member becomes an object that has its value."""

        @versioned(name="parts.old", registry=registry)
        class Now:
            pass

        found = versionpickle.loads(stored(Coin(7)), registry=registry, **how)

        assert vars(found) == {"value": 7}

    def test_state_that_is_refused_within(self, registry, how):
        """An error of ours that a class's own method raises is no error of its step."""

        class Now:
            def __setstate__(self, state):
                versionpickle.loads(b"cos\nsystem\n.")

        versioned(name="parts.old", version=2, registry=registry)(Now)
        migration(Now, 1, rename("a", "b"), registry=registry)

        with pytest.raises(ForbiddenError, match="os:system"):
            versionpickle.loads(stored(items()), registry=registry, **how)


class Limited(list):
    """Takes items when it knows its limit, which is in its state."""

    __slots__ = ("limit",)

    def extend(self, more):
        super().extend(more[: self.limit])

    def append(self, item):
        self.extend([item])

    def __reduce__(self):
        return Limited, (), (None, {"limit": self.limit}), iter(self)


@pytest.mark.parametrize("protocol", range(6))
def test_items_that_need_the_state(registry, protocol):
    """They are put in after it, where a class without a dict fails before."""
    obj = Limited()
    obj.limit = 1
    list.append(obj, 7)
    adopt(Limited, registry=registry)

    found = versionpickle.loads(pickle.dumps(obj, protocol), registry=registry)

    assert (1, [7]) == (found.limit, found)


class Made:
    pass


def test_cycle_through_items(registry):
    """A dict that holds what is made of a state with this dict in it cannot be first."""
    obj = Made()
    obj.pairs = Pairs(obj=obj)
    adopt(Made, rebuild=both, registry=registry)
    adopt(Pairs, registry=registry)

    with pytest.raises(CycleError):
        versionpickle.loads(pickle.dumps(obj, 2), registry=registry)


class TestTampered:
    """Bytes that no dump has written are refused."""

    def test_no_attributes_after_values(self, registry):
        @versioned(name="parts.old", version=2, registry=registry)
        class Now:
            pass

        migration(Now, 1, rename("b", "c"), registry=registry)
        stamp = revive_in(registry, False, 1, "parts.old", 1, (BY_VALUES, "a", "b"), ())

        with pytest.raises(StampError, match="no dict of attributes"):
            stamp.fill(stamp(1, 2), (stamp, [3]))


class TestPlainPickle:
    """Plain pickle hands the items to the steps, too."""

    @pytest.mark.parametrize("load", [pickle.loads, pickle._loads])
    @pytest.mark.parametrize(
        ("base", "member", "name"),
        [
            (list, [7], name_items("members")),
            (dict, {7: 8}, name_items("members")),
            (Called, 7, name_arguments("members")),
        ],
    )
    def test_become(self, alone, load, base, member, name):
        called = {"__reduce__": lambda self: (cls, (self.a,))} if base is Called else {}
        cls = versioned(name="parts.old")(type("Old", (base,), called))
        obj = cls(member)
        data = pickle.dumps(obj, 2)
        registry = versionpickle.migrations.default_registry
        vars(registry).update(vars(Registry(registry.name)))

        @versioned(name="parts.new")
        class New:
            pass

        migration("parts.old", 1, name, become({New: 1}))

        assert vars(load(data)) == {"members": member}

    def test_setstate(self, alone):
        """A container that names its items gives them up when its state comes."""

        @versioned(version=2)
        class Basket(list):
            pass

        migration(Basket, 1, name_items("members"))
        found = Basket([7])
        found.__setstate__({"a": 5})

        assert ([], {"a": 5, "members": [7]}) == ([*found], vars(found))

    def test_empty_state(self, registry):
        """A named tuple takes a state without attributes."""
        versioned(registry=registry)(NamedLater)
        found = NamedLater(1)
        found.__setstate__({})

        assert (1,) == found


class NamedLater(collections.namedtuple("NamedLater", "a")):
    pass


@versioned
class Side(enum.Enum):
    LEFT = 1


@pytest.mark.parametrize("how", WAYS[:2])
def test_member_by_attribute(how):
    """CPython 3.11.0 to 3.11.3 stored members so."""
    data = b"cbuiltins\ngetattr\n(ctest_stored_in_parts\nSide\nVLEFT\ntR."

    assert versionpickle.loads(data, **how) is Side.LEFT


class OldWord:
    def __init__(self, text):
        self.text = text


@versioned
class NewWord(OldWord):
    pass


def test_persistent_ids():
    """What is stored elsewhere does not hinder the search for lost arguments."""

    class Reader(Unpickler):
        def persistent_load(self, key):
            return key

    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.persistent_id = lambda obj: 7 if obj is Ellipsis else None
    pickler.dump([OldWord("a"), Pair(1, 2), ...])
    data = file.getvalue().replace(b"OldWord", b"NewWord")

    word, *rest = Reader(io.BytesIO(data), allow=[Pair]).load()
    assert ("a", [Pair(1, 2), 7]) == (word.text, rest)


def test_positions_of_another_type(registry):
    """Values in bare order are compared to the types of the fields, whatever form these have."""
    cls = dataclasses.make_dataclass("Positions", [("a", int)], frozen=True, slots=True)
    versioned(name="parts.positions", registry=registry)(cls)

    with pytest.raises(StepError, match="'a' would be a str"):
        cls.__new__(cls).__setstate__(["x"])


def test_stamp_of_what_carries_no_methods(registry):
    """A pickler that writes classes by value writes such a stamp as any other."""
    adopt(Own, registry=registry, name="parts.old")
    stamp = revive_in(registry, False, 1, "parts.old", 1, None, ())

    assert b"_revive" in cloudpickle.dumps(stamp)
