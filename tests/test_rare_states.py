"""States that hardly any class stores, and what becomes of them."""

from __future__ import annotations

import collections
import enum

import pytest

import versionpickle

from versionpickle import Registry, adopt, migration, versioned
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
