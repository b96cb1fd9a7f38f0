"""States that hardly any class stores, and what becomes of them."""

from __future__ import annotations

import collections
import enum
import pickle

import pytest

import versionpickle

from versionpickle import Registry, adopt, migration, retire, versioned
from versionpickle.exceptions import FieldsError, StampError, StepError
from versionpickle.migrations import name_items, rename, replace


class Made:
    """Made by a function, and given a state afterwards."""

    def __init__(self, a=0):
        self.a = a

    def __reduce__(self):
        return made, (1,), {"a": self.a} if self.a else None


def made(a):
    return Made(a)


class TestMadeElsewhere:
    """What a function makes can be replaced when its state comes."""

    def test_by_rebuild(self, registry):
        data = pickle.dumps([Made(2), Made(0)])
        adopt(Made, rebuild=lambda args, state: (args, state), registry=registry)

        found, kept = versionpickle.loads(data, registry=registry)

        assert found == ((), {"a": 2})
        assert kept.a == 1

    def test_by_rebuild_of_old_version(self, registry):
        data = pickle.dumps(Made(2))
        adopt(Made, version=2, rebuild={1: lambda args, state: (args, state)}, registry=registry)

        assert versionpickle.loads(data, registry=registry) == ((), {"a": 2})

    def test_by_replace(self, registry):
        data = pickle.dumps(Made(2))
        adopt(Made, version=2, registry=registry)
        migration(Made, 1, replace(dict), registry=registry)

        assert versionpickle.loads(data, registry=registry) == {"a": 2}

    def test_by_nothing(self, registry):
        """A class that others leave keeps its own newer objects."""
        data = pickle.dumps(Made(2))
        adopt(Made, version=2, unstamped=2, registry=registry)
        migration(Made, 1, replace(dict), registry=registry)

        assert versionpickle.loads(data, registry=registry).a == 2


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

    @pytest.mark.parametrize("load", ["loads", "plain"])
    @pytest.mark.parametrize(
        ("obj", "how", "expected"),
        [
            (Called(3), {}, {"versionpickle.arguments": (3,)}),
            (Kind.ONE, {}, {"name": "ONE"}),
            (Made(3), {"rebuild": lambda args, state: Made(**state)}, {"a": 3}),
        ],
    )
    def test_gone(self, registry, obj, how, expected, load):
        was = Registry()
        adopt(type(obj), name=f"rare.gone", registry=was, **how)
        data = versionpickle.dumps(obj, registry=was)
        seen = []
        migration(
            "rare.gone", 1, replace(lambda state: seen.append(dict(state)) or 5), registry=registry
        )

        assert versionpickle.loads(data, registry=registry) == 5
        print(seen)


class Slotted:
    __slots__ = ("__dict__", "a")


class TestAttributesBesidesSlots:
    def test_getstate(self, registry):
        versioned(name="rare.slotted", registry=registry)(Slotted)
        obj = Slotted()
        obj.a, obj.b = 1, 2
        state = obj.__getstate__()
        print(state)

        new = Slotted()
        new.__setstate__(state)

        assert (new.a, new.b) == (1, 2)


class Pair(collections.namedtuple("Pair", "a b")):  # noqa: PYI024 - with a dict
    pass


class Forged:
    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


class TestFurtherAttributes:
    """What was made of values had attributes besides."""

    def data(self, attributes):
        was = Registry()
        pair = Pair(1, 2)
        pair.note = "n"
        adopt(Pair, name="rare.pair", registry=was)
        if attributes is None:
            return versionpickle.dumps(pair, registry=was)
        stamp = pickle.loads(b"N.")
        return versionpickle.dumps(pair, registry=was).replace(b"note", b"nope")

    def test_without_place(self, registry):
        @versioned(name="rare.pair", version=2, registry=registry)
        class Now:
            __slots__ = ("a", "b")

        with pytest.raises(FieldsError, match="note"):
            versionpickle.loads(self.data(None), registry=registry)

    def test_no_attributes(self, registry):
        @versioned(name="rare.pair", version=2, registry=registry)
        class Now:
            a: int
            b: int

        data = self.data(None)
        import pickletools

        pickletools.dis(data)
        assert vars(versionpickle.loads(data, registry=registry)) == {"a": 1, "b": 2, "note": "n"}
