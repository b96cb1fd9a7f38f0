"""Objects of any depth are pickled, and loaded by any pickle."""

from __future__ import annotations

import copyreg
import datetime
import io
import pickle
import sys
import threading

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

import versionpickle

from versionpickle import Versioned, versioned
from versionpickle._pickles.dump import deep as _deep_pickler
from versionpickle._pickles.dump.deep import DeepPickler
from versionpickle.exceptions import PicklingError


@versioned
@attrs.define(eq=False)
class Node:
    value: int
    next: Node | None = None


class PlainNode:
    def __init__(self, value, next=None):
        self.value = value
        self.next = next


class OpenNode(PlainNode, Versioned):
    pass


def chain(cls, count):
    first = None
    for number in reversed(range(count)):
        first = cls(number, first)
    return first


def values(node):
    while node is not None:
        yield node.value
        node = node.next


def nested(count):
    """Dicts in dicts in lists."""
    obj = "end"
    for _ in range(count):
        obj = [{"a": {"b": obj}}]
    return obj


def depth(obj):
    count = 0
    while obj != "end":
        obj = obj[0]["a"]["b"]
        count += 1
    return count


@pytest.mark.parametrize("cls", [Node, PlainNode, OpenNode])
@pytest.mark.parametrize("load", [pickle.loads, versionpickle.loads])
def test_linked_list(cls, load):
    """A list of nodes, each held by the one before it, is as long as before."""
    data = versionpickle.dumps(chain(cls, 20_000))
    allow = {"allow": [PlainNode]} if load is versionpickle.loads else {}

    assert list(range(20_000)) == list(values(load(data, **allow)))


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Node, PlainNode])
def test_million_nodes(cls):
    """A million nodes."""
    data = versionpickle.dumps(chain(cls, 1_000_000))

    assert sum(values(pickle.loads(data))) == sum(range(1_000_000))


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_tree(count):
    """Dicts in dicts in lists, which are no objects of a class."""
    data = versionpickle.dumps(nested(count))

    assert count == depth(pickle.loads(data)) == depth(versionpickle.loads(data))


def test_recursion_limit_stays():
    """Nobody touches the limit of the interpreter."""
    limit = sys.getrecursionlimit()
    versionpickle.dumps(nested(5_000))

    assert limit == sys.getrecursionlimit()


def test_in_a_thread():
    """The small stack of a thread is enough."""
    found = []
    obj = nested(5_000)
    thread = threading.Thread(target=lambda: found.append(versionpickle.dumps(obj)))
    thread.start()
    thread.join()

    assert depth(pickle.loads(found[0])) == 5_000


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_shared_and_cyclic(protocol):
    """What is shared, or leads back to itself, is so still."""
    shared = ["shared"]
    obj = nested(3_000)
    obj.append(shared)
    obj.append(obj)
    innermost = obj
    while innermost[0]["a"]["b"] != "end":
        innermost = innermost[0]["a"]["b"]
    innermost.append((shared, obj))
    back = pickle.loads(versionpickle.dumps(obj, protocol))
    innermost = back
    while innermost[0]["a"]["b"] != "end":
        innermost = innermost[0]["a"]["b"]

    assert innermost[1][0] is back[1]
    assert innermost[1][1] is back


def test_pickler():
    """A Pickler writes a deep object, and goes on with its memo."""
    file = io.BytesIO()
    pickler = versionpickle.Pickler(file)
    deep = chain(Node, 5_000)
    pickler.dump(deep)
    pickler.dump([deep])
    file.seek(0)
    unpickler = pickle.Unpickler(file)
    first, second = unpickler.load(), unpickler.load()

    assert second[0] is first
    assert len(list(values(first))) == 5_000


def test_pickler_with_a_memo():
    """After other objects, a Pickler cannot: it says so, and what to do."""
    pickler = versionpickle.Pickler(io.BytesIO())
    pickler.dump(1)

    with pytest.raises(PicklingError, match="too deep.*clear_memo"):
        pickler.dump(chain(Node, 50_000))


def test_without_end(monkeypatch):
    """An object that makes new ones for ever is refused."""
    monkeypatch.setattr(_deep_pickler, "DEPTH_MAX", 10_000)

    with pytest.raises(PicklingError, match=r"more than 10,000 objects are nested"):
        versionpickle.dumps(Endless())


class Endless:
    def __reduce__(self):
        return Endless, (Endless(),)


@versioned
@attrs.define
class Box:
    held: object


@attrs.define(slots=False)
class PlainBox:
    held: object


atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
atoms |= st.binary() | st.dates() | st.sampled_from([int, len, Node, datetime.date])
hashable = st.recursive(
    atoms,
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
objects = st.recursive(
    hashable | st.builds(bytearray, st.binary()),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.builds(Box, inner)
        | st.builds(PlainBox, inner)
    ),
    max_leaves=20,
)


@given(objects, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_same_as_pickle(obj, protocol):
    """The pickler for deep objects writes what C's means."""
    file = io.BytesIO()
    DeepPickler(file, protocol).dump(obj)

    assert (
        obj == pickle.loads(file.getvalue()) == versionpickle.loads(file.getvalue(), unsafe=True)
    )


def test_long_containers():
    """Containers of more than a batch keep their order."""
    obj = [list(range(2_001)), dict.fromkeys(range(2_001)), set(range(2_001))]
    file = io.BytesIO()
    DeepPickler(file, 4).dump(obj)

    assert obj == pickle.loads(file.getvalue())


def test_extension_codes():
    """Registered extension codes are used as by C's pickler."""
    copyreg.add_extension(__name__, "Node", 0x7F)
    try:
        file = io.BytesIO()
        DeepPickler(file, 2).dump(Node)
        assert pickle.dumps(Node, 2) == file.getvalue()
    finally:
        copyreg.remove_extension(__name__, "Node", 0x7F)
