"""What is in a pickle can be told without running any of it."""

from __future__ import annotations

import copyreg
import pickle
import struct
import sys
import time

from pathlib import Path

import attrs
import pytest

import versionpickle

from versionpickle import Registry, adopt, inspect, migration, retire, versioned
from versionpickle.exceptions import DamagedError, TruncatedError
from versionpickle.migrations import add, rename


CORPUS = Path(__file__).parent / "corpus"


@attrs.define
class Order:
    number: int
    total: int = 0


def stored(version, *objects):
    writer = Registry()
    adopt(Order, version=version, name="order", registry=writer)
    return versionpickle.dumps(list(objects), registry=writer)


def unframed(data):
    """A pickle of one frame, without the frame, so that opcodes may be added."""
    return data[:2] + data[11:]


@pytest.fixture
def declared(registry):
    versioned(version=3, name="order", registry=registry)(Order)
    migration(Order, 1, rename("sum", "total"), registry=registry)
    migration(Order, 2, add("total", 0), registry=registry)
    return registry


@pytest.fixture(autouse=True)
def _undo():
    yield
    for name in ("__versionpickle__", "__reduce_ex__", "__setstate__", "__init_subclass__"):
        if name in vars(Order):
            delattr(Order, name)
    copyreg.dispatch_table.pop(Order, None)


def test_inspect_of_stamped(declared):
    """A class has a version, fields, a count, and steps before it."""
    report = inspect(stored(1, Order(1), Order(2)), registry=declared)

    (found,) = report.classes
    assert ("order", 1, 3, 2, ("number", "total")) == (
        found.ref,
        found.version,
        found.current,
        found.count,
        found.fields,
    )
    assert len(found.steps) == 2
    assert "rename('sum', 'total')" in found.steps[0]
    assert ((), (), ()) == (report.names, report.refused, report.notes)
    assert str(report).splitlines()[1] == "order, version 1: 2 objects with number, total"


def test_each_version_by_itself(declared):
    """Objects of two versions are two entries."""
    data = pickle.dumps([pickle.dumps(1), 0])
    both = unframed(stored(1, Order(1)))[:-1] + unframed(stored(3, Order(2)))[2:]

    assert inspect(data).classes == ()
    assert {1, 3} == {found.version for found in inspect(both[:-1] + b"\x86.").classes}


@pytest.mark.parametrize(
    ("version", "problem"),
    [(4, "newer code wrote it"), (3, "")],
)
def test_what_stands_in_the_way(declared, version, problem):
    """A version that a load would refuse is told."""
    (found,) = inspect(stored(version, Order(1)), registry=declared).classes

    assert problem in found.problem
    assert found.steps == ()


def test_nobody_declared_it(registry):
    """So is a class that nobody declared, and one that is retired."""
    report = inspect(stored(1, Order(1)), registry=registry)
    (found,) = report.classes
    assert "nobody declared it" in found.problem
    assert found.problem in str(report)

    retire("m:Gone", registry=registry)
    data = b"\x80\x02cm\nGone\n)\x81}X\x01\x00\x00\x00aK\x01sb."
    (found,) = inspect(data, registry=registry).classes
    assert (None, None, ("a",)) == (found.version, found.current, found.fields)

    writer = Registry()
    adopt(Order, name="m:Gone", registry=writer)
    (found,) = inspect(versionpickle.dumps(Order(1), registry=writer), registry=registry).classes
    assert "retired" in found.problem


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_inspect_of_unstamped(registry, protocol):
    """Unstamped objects are counted under their class, with the names in their states."""
    data = pickle.dumps([Plain(), Plain(), len], protocol)
    report = inspect(data, registry=registry)

    (found,) = report.classes
    assert (f"{__name__}:Plain", None, 2, ("a",)) == (
        found.ref,
        found.version,
        found.count,
        found.fields,
    )
    assert ("builtins:len",) == report.names
    assert dict(report.refused) == {
        f"{__name__}:Plain": f"versionpickle.allow('{__name__}:Plain')",
        "builtins:len": "versionpickle.allow('builtins:len')",
    }


class Plain:
    def __init__(self):
        self.a = 1


@pytest.mark.parametrize(("unstamped", "count"), [(1, 1), (2, 0), (lambda state: 1, 0)])
def test_steps_of_unstamped_objects(registry, unstamped, count):
    """Their steps are told, unless a function of the state decides."""
    adopt(Plain, version=2, unstamped=unstamped, registry=registry)
    migration(Plain, 1, add("b", 0), registry=registry)
    (found,) = inspect(pickle.dumps(Plain()), registry=registry).classes

    assert (2, count) == (found.current, len(found.steps))


def test_old_package():
    """Pickles of Python 2 name what things are called today, and nothing is imported."""
    data = (CORPUS / "treelib" / "treelib1.5.5-py3.6-tree.pickle").read_bytes()
    for name in [name for name in sys.modules if name.startswith("treelib")]:
        del sys.modules[name]
    report = inspect(data, registry=Registry())

    assert {"treelib.tree:Tree": 1, "treelib.node:Node": 4} == {
        found.ref: found.count for found in report.classes
    }
    assert "treelib" not in sys.modules
    assert inspect(b"c__builtin__\nunicode\n.").names == ("builtins:str",)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"K\x01.more", "4 bytes follow after its end"),
        (b"Pid\n.", "persistent ids"),
        (b"K\x01Q.", "persistent ids"),
        (b"\x82\x05.", "extension codes"),
        (b"\x97\x98.", "buffers outside"),
        (b"cversionpickle\n_revive\n(I1\ntR.", "a stamp holds (1,)"),
        (b"cversionpickle\n_revive\n(I1\nVa\nVb\nNNtR.", "a stamp holds"),
        (b"cversionpickle\n_revive\n(I1\nVa\nI1\n]NtR.", "a stamp holds"),
    ],
)
def test_notes(data, note):
    """What is odd is noted."""
    assert note in "".join(inspect(data).notes)


@pytest.mark.parametrize(
    "data",
    [
        b"(dK\x01K\x02s.",
        b"K\x01K\x02a.",
        b"K\x01(K\x02K\x03u.",
        b"\x8f(K\x01\x90(K\x01\x91\x86.",
        b"K\x01)\x81.",
        b"K\x01)R.",
        b"K\x01}b.",
        b"cm\nC\n)\x81K\x01b.",
        b"cm\nf\n)R}\x86.",
    ],
)
def test_odd_bytes(data):
    """Bytes that no load would take are looked at all the same."""
    assert inspect(data).size == len(data)


def test_damaged():
    """Bytes that are no pickle are an error."""
    with pytest.raises(TruncatedError):
        inspect(b"\x80\x04]")
    for data in (b"?", b"R.", b"2.", b"}(Nu.", b"\x80\x04\x8c\x02\xff\xff."):
        with pytest.raises(DamagedError):
            inspect(data)
    for no_bytes in ("d.p", 3, None):
        with pytest.raises(TypeError):
            inspect(no_bytes)


def test_tells_what_a_load_refuses():
    """The names it reports as refused are those that a load refuses."""
    for path in sorted(CORPUS.rglob("*.pickle")):
        data = path.read_bytes()
        refused = {ref for ref, _ in inspect(data, registry=Registry()).refused}
        with pytest.raises(versionpickle.exceptions.ForbiddenError) as caught:
            versionpickle.loads(data, registry=Registry(), encoding="latin1")
        assert refused == set(caught.value.refs)


class Cart:
    @classmethod
    def make(cls):
        return cls()

    def total(self):
        return 0


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("method", "ref"),
    [
        (Cart.make, f"{__name__}:Cart.make"),
        (Cart().total, f"{__name__}:Cart.total"),
        ("ab".upper, "builtins:str.upper"),
    ],
)
def test_methods(registry, method, ref, protocol):
    """Methods are names as well; allowing all that is refused lets the pickle load."""
    data = pickle.dumps([method], protocol)
    report = inspect(data, registry=registry)

    assert ref in dict(report.refused)
    refs = [refused for refused, _ in report.refused]
    assert versionpickle.loads(data, registry=registry, allow=refs)


def test_method_of_a_stamped_object():
    """The method of a versioned object has the ref of its class."""
    writer = Registry()
    adopt(Cart, name="cart", registry=writer)
    data = versionpickle.dumps(Cart().total, registry=writer)

    assert dict(inspect(data, registry=writer).refused) == {
        f"{__name__}:Cart.total": f"versionpickle.allow('{__name__}:Cart.total')"
    }
    assert "cart.total" in inspect(data, registry=Registry()).names


def text(value):
    return pickle.BINUNICODE + struct.pack("<I", len(value)) + value


def names(count):
    return b"".join(text(b"f%d" % number) + b"N" for number in range(count))


def class_of(name, place):
    return text(b"shop") + text(name) + b"\x93q" + bytes([place]) + b"0"


def test_looks_at_a_shared_state_once():
    """A dict that is the state of many objects is looked at once for each class."""
    state = b"}(" + names(20_000) + b"uq\x020"
    objects = (b"h\x00)\x81h\x02bh\x01)\x81h\x02b") * 30_000
    shared = b"\x80\x04" + class_of(b"Order", 0) + class_of(b"Item", 1) + state
    began = time.process_time()

    report = inspect(shared + b"](" + objects + b"e.")

    assert [(30_000, 20_000)] * 2 == [(one.count, len(one.fields)) for one in report.classes]
    assert time.process_time() - began < 5


@pytest.mark.parametrize("kind", ["states", "stamps", "attributes"])
def test_refuses_what_refers_to_many_names_often(kind):
    """The time that it takes grows with the bytes, not with their square."""
    parts = {
        "states": b"}("
        + names(20_000)
        + b"uq\xff0"
        + b"".join(class_of(b"C%d" % n, 1) + b"h\x01)\x81h\xffb0" for n in range(2_000)),
        "stamps": b"("
        + names(20_000).replace(b"N", b"")
        + b"tq\xff0"
        + b"cversionpickle\n_revive\nq\xfe0"
        + b"".join(b"h\xfe(K\x01" + text(b"m:C%d" % n) + b"K\x01h\xff)tR0" for n in range(2_000)),
        "attributes": b"cbuiltins\ngetattr\nq\xfe0cm\nC\n"
        + b"".join(b"q\x000h\xfeh\x00" + text(b"x%d" % n) + b"\x86R" for n in range(20_000)),
    }
    began = time.process_time()

    with pytest.raises(DamagedError, match="more names than it has bytes"):
        inspect(b"\x80\x04" + parts[kind] + b"N.")

    assert time.process_time() - began < 5


def test_names_that_python_2_wrote():
    """They are decoded by the encoding that is given; the default one never fails."""
    data = b"\x80\x02cshop\nItem\nq\x00)\x81q\x01}q\x02U\x05pr\xc3\xa9xq\x03K\x01sb."

    assert "Item, unstamped: 1 objects with pr\xc3\xa9x" in str(versionpickle.inspect(data))
    assert "1 objects with pr\xe9x" in str(versionpickle.inspect(data, encoding="utf-8"))
    assert "pr\xc3\xa9x" in str(versionpickle.inspect(data, encoding="bytes"))
