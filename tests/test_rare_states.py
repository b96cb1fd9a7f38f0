"""States that hardly any class stores, and what becomes of them."""

from __future__ import annotations

import collections
import enum
import pickle

import pytest

import versionpickle

from versionpickle import Registry, adopt, alias, migration, versioned
from versionpickle.exceptions import FieldsError
from versionpickle.migrations import rename, replace


class Made:
    """Made by a function, and given a state afterwards."""

    def __init__(self, a=0):
        self.a = a

    def __reduce__(self):
        return made, (1,), {"a": self.a} if self.a else None


def made(a):
    return Made(a)


def made_anew(a):
    return made_anew.cls(a)


class OtherMaker:
    def __new__(cls, a):
        return made_anew(a)


MAKERS = [made_anew, OtherMaker]


def blank():
    return made_anew.cls.__new__(made_anew.cls)


def rebuilt(args, state):
    return (args, state)


class Plain:
    pass


def old_pickles(obj):
    return [pickle.dumps(obj, protocol) for protocol in range(6)]


@pytest.mark.parametrize("how", [{}, {"limits": versionpickle.Limits()}, {"unsafe": True}])
@pytest.mark.parametrize("is_own", [True, False], ids=["own registry", "default registry"])
class TestMadeElsewhere:
    """A state is upgraded also where a function has made the object, and no class is named."""

    @pytest.fixture(params=MAKERS)
    def cls(self, alone, request):
        class Anew(Made):
            def __reduce__(self):
                return request.param, (1,), {"a": self.a} if self.a else None

        made_anew.cls = Anew
        return Anew

    @pytest.mark.parametrize(
        ("settings", "steps", "expected"),
        [
            ({"version": 2}, [rename("a", "b")], {"a": 1, "b": 2}),
            ({"version": 2}, [replace(dict)], {"a": 2}),
            ({"rebuild": rebuilt}, [], ((), {"a": 2})),
            ({"version": 2, "rebuild": {1: rebuilt}}, [], ((), {"a": 2})),
            ({"version": 2, "unstamped": 2}, [replace(dict)], {"a": 2}),
        ],
        ids=["rename", "replace", "rebuild", "rebuild one", "not left"],
    )
    def test_function(self, cls, how, is_own, settings, steps, expected):
        old = old_pickles([cls(2), cls(0)])
        registry = Registry() if is_own else None
        adopt(cls, registry=registry, **settings)
        if steps:
            migration(cls, 1, *steps, registry=registry)

        for data in old:
            found, whole = versionpickle.loads(data, registry=registry, allow=MAKERS, **how)
            assert expected == getattr(found, "__dict__", found)
            assert vars(whole) == {"a": 1}

    def test_alias(self, cls, how, is_own):
        """A function that is in the place of a class makes such objects, too."""
        obj = Plain()
        obj.a = 2
        registry = Registry() if is_own else None
        adopt(cls, version=2, registry=registry)
        migration(cls, 1, rename("a", "b"), registry=registry)
        alias(f"{__name__}:Plain", blank, registry=registry)

        for data in old_pickles(obj):
            found = versionpickle.loads(data, registry=registry, **how)
            assert vars(found) == {"b": 2}


class Called:
    """Reduces to a call of itself."""

    def __init__(self, a):
        self.a = a

    def __reduce__(self):
        return Called, (self.a,)


class Kind(enum.Enum):
    ONE = 1


class TestGone:
    """What was stored in one call becomes what replace() says."""

    @pytest.mark.parametrize(
        ("obj", "how", "part", "expected"),
        [
            (Called(3), {}, "<arguments>", (3,)),
            (Kind.ONE, {}, "name", "ONE"),
            (Made(3), {"rebuild": lambda args, state: Made(**state)}, "<arguments>", (1,)),
        ],
    )
    def test_gone(self, registry, obj, how, part, expected):
        was = Registry()
        adopt(type(obj), name="rare.gone", registry=was, **how)
        data = versionpickle.dumps(obj, registry=was)
        migration("rare.gone", 1, replace(lambda state: state[part]), registry=registry)

        assert versionpickle.loads(data, registry=registry) == expected


class Slotted:
    __slots__ = ("__dict__", "a")


class TestAttributesBesidesSlots:
    def test_getstate(self, registry):
        versioned(name="rare.slotted", registry=registry)(Slotted)
        obj = Slotted()
        obj.a, obj.b = 1, 2
        state = obj.__getstate__()

        new = Slotted()
        new.__setstate__(state)

        assert (new.a, new.b) == (1, 2)


class Pair(collections.namedtuple("Pair", "a b")):
    pass


class TestFurtherAttributes:
    """What was made of values had attributes besides."""

    def data(self):
        was = Registry()
        pair = Pair(1, 2)
        pair.note = "n"
        adopt(Pair, name="rare.pair", registry=was)
        return versionpickle.dumps(pair, registry=was)

    def test_with_place(self, registry):
        @versioned(name="rare.pair", version=2, registry=registry)
        class Now:
            a: int
            c: int

        migration(Now, 1, rename("b", "c"), registry=registry)

        found = versionpickle.loads(self.data(), registry=registry)

        assert vars(found) == {"a": 1, "c": 2, "note": "n"}

    def test_without_place(self, registry):
        @versioned(name="rare.pair", version=2, registry=registry)
        class Now:
            __slots__ = ("a", "c")

        migration(Now, 1, rename("b", "c"), registry=registry)

        with pytest.raises(FieldsError, match="note"):
            versionpickle.loads(self.data(), registry=registry)
