"""Our own machine reads what pickle's does."""

from __future__ import annotations

import array
import copyreg
import io
import pickle

import pytest
import shapes

from hypothesis import given
from hypothesis import strategies as st

import versionpickle

from versionpickle._pickles.build.builder import Outside
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.build.reader import Reader
from versionpickle._pickles.machine.source import Source
from versionpickle._pickles.machine.tree import TreeReader
from versionpickle.exceptions import DamagedError, TruncatedError
from versionpickle.migrations import default_registry


def build(data, persistent=None, buffers=None, allowed=(), encoding="ASCII"):
    """Load *data* with our own machine alone."""
    finder = Finder(default_registry, dict.fromkeys(allowed))
    source = Source(data, encoding=encoding)
    outside = Outside(find=finder.find, persistent=persistent, buffers=buffers)
    found = Reader(source, finder, outside).run()
    assert source.position == len(data)
    return found


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.datetimes()
)
hashables = st.recursive(
    atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=4
)
objects = st.recursive(
    hashables,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(hashables, inner)
        | st.tuples(inner)
        | st.tuples(inner, inner, inner, inner)
        | st.sets(hashables)
        | st.builds(shapes.AttrsSlots, inner, inner)
        | st.builds(shapes.Dataclass, inner, inner)
        | st.builds(bytearray, st.binary())
    ),
    max_leaves=8,
)


@given(objects, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_equals_pickle(obj, protocol):
    """On what a pickler writes, the two agree in values and types."""
    data = pickle.dumps(obj, protocol)

    limited = versionpickle.loads(data, limits=versionpickle.Limits())
    assert repr(pickle.loads(data)) == repr(build(data)) == repr(limited)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", shapes.MAKERS)
def test_every_kind(kind, protocol):
    """So they do on objects of every kind."""
    held = []
    data = pickle.dumps([shapes.MAKERS[kind]("one", held), held], protocol)

    obj, held = build(data, allowed=["shapes:reduced_blank", "shapes:set_both"])

    assert shapes.values(obj) == ("one", [])
    if kind not in {"Newargs", "Failure", "Reducing"} or protocol > 1:
        assert shapes.values(obj)[1] is held


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_identity_and_cycles(protocol):
    """What is shared is shared, and what is within itself is."""
    cycle = [{}]
    cycle[0]["self"] = cycle
    many = [str(number) for number in range(300)]
    data = pickle.dumps([cycle, cycle, many, many], protocol)

    one, other, many, same = build(data)

    assert one is other
    assert one[0]["self"] is one
    assert many is same
    assert many[-1] == "299"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"(lI1\naI01\naI00\na.", [1, True, False]),
        (b"(dI1\nI2\ns.", {1: 2}),
        (b"(I1\nI2\nd.", {1: 2}),
        (b"L5L\n.", 5),
        (b"F1.5\n.", 1.5),
        (b"S'a\\nb'\n.", "a\nb"),
        (b"T\x02\x00\x00\x00ab.", "ab"),
        (b"U\x02ab.", "ab"),
        (b"Va\\u0041\n.", "aA"),
        (b"J\xff\xff\xff\xff.", -1),
        (b"M\x01\x02.", 513),
        (b"\x8b\x02\x00\x00\x00\xff\x7f.", 32767),
        (b"B\x02\x00\x00\x00ab.", b"ab"),
        (b"\x8e\x02\x00\x00\x00\x00\x00\x00\x00ab.", b"ab"),
        (b"\x8d\x02\x00\x00\x00\x00\x00\x00\x00ab.", "ab"),
        (b"K\x01p5\n0g5\n.", 1),
        (b"K\x01r\x05\x00\x00\x000j\x05\x00\x00\x00.", 1),
        (b"K\x01(K\x02K\x031.", 1),
        (b"K\x012\x86.", (1, 1)),
        (b"(K\x01(K\x020t.", None),
        (b"K\x01(0.", 1),
    ],
)
def test_opcodes(data, wanted):
    """Opcodes that today's picklers no longer write."""
    if wanted is None:
        wanted = pickle.loads(data)

    assert wanted == build(data) == pickle.loads(data)


def test_decimals():
    """Numbers of protocol 0 are decimals, also with zeros before them."""
    assert build(b"(lI010\naI-010\naL010L\na.") == [10, -10, 10]
    with pytest.raises(ValueError, match="0x10"):
        build(b"I0x10\n.")


@pytest.mark.parametrize(
    "data",
    [
        b"?",
        b"\x80\x09N.",
        b"S'a\n.",
        b"Sa\n.",
        b"K\x01u.",
        b"T\xff\xff\xff\xff.",
        b"NN\x93.",
        b"\x97.",
        b"Pid\n.",
        b"\x82\x05.",
        b"\x83\x05\x00.",
        b"\x84\x05\x00\x00\x00.",
    ],
)
def test_damaged(data):
    """Bytes that cannot be read are named."""
    with pytest.raises(DamagedError):
        build(data)


@pytest.mark.parametrize("data", [b"", b"I5", b"B\x05\x00\x00\x00ab"])
def test_truncated(data):
    """So is an end that comes too early."""
    with pytest.raises(TruncatedError):
        build(data)


def test_outside():
    """Persistent ids, buffers and extensions come from outside."""
    import copyreg

    copyreg.add_extension("builtins", "set", 0xF0)
    try:
        assert build(b"}Pfive\nK\x05s.", persistent={"five": 5}.get) == {5: 5}
        assert build(b"K\x05Q.", persistent=lambda key: key) == 5
        assert build(b"]K\x05aQ.", persistent=lambda key: key) == [5]
        assert set() == build(b"\x82\xf0)R.")
    finally:
        copyreg.remove_extension("builtins", "set", 0xF0)
    data = pickle.dumps(
        [pickle.PickleBuffer(bytearray(b"a")), pickle.PickleBuffer(b"b")],
        5,
        buffer_callback=lambda buffer: False,
    )
    one, other = build(data, buffers=iter([bytearray(b"a"), bytearray(b"b")]))
    assert (bytearray(b"a"), True) == (one, other.readonly)
    assert build(b"\x97\x98.", buffers=iter([b"c"])) == b"c"


def test_builder_is_used_and_errors_are_ours():
    """An error of a class within a load by our machine is told apart as well."""
    versionpickle.alias("m:fail", int)
    versionpickle.alias("m:call", lambda *args: args)
    with pytest.raises(versionpickle.exceptions.BuildError, match="invalid literal"):
        versionpickle.loads(b"cm\ncall\n0cm\nfail\n(S'x'\ntR.")
    for damaged in (b"cm\ncall\n0?.", b"cm\ncall\n0Ix\n."):
        with pytest.raises(DamagedError):
            versionpickle.loads(damaged)
    with pytest.raises(versionpickle.exceptions.ForbiddenError):
        versionpickle.loads(b"cm\ncall\n0cos\nsystem\n.")


class WithSlots:
    __slots__ = ("__dict__", "a")


def test_plain_states():
    """States of allowed classes are set as pickle sets them."""
    obj = WithSlots()
    obj.a, obj.b = 1, 2

    found = build(pickle.dumps(obj, 2), allowed=[f"{__name__}:WithSlots"])

    assert (found.a, found.b) == (1, 2)


def test_tree_of_odd_bytes():
    """A state of what takes none is passed over where nothing is built."""
    assert TreeReader(b"K\x01}b.").read() == 1


def test_extension_that_is_no_name(monkeypatch):
    """An extension code stands for a module and a name."""
    monkeypatch.setitem(copyreg._inverted_registry, 0x7E, ("datetime",))

    with pytest.raises(DamagedError, match="no name"):
        build(b"\x80\x02\x82\x7e.")


class Pipe(io.RawIOBase):
    """A file that cannot seek, and may not be read beyond what was written."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, size):
        assert self._data.tell() + size <= len(self._data.getvalue())
        return self._data.read(size)

    def readline(self):
        return self._data.readline()


RECORDS = b"]K\x01Qa." + b"cm\nmade\n(K\x02QK\x03tR."
"""Two pickles, of which the second needs our own machine; both hold a persistent id."""


@pytest.mark.parametrize("kind", ["file", "pipe", "bytes"])
def test_pickles_in_a_row(tmp_path, kind, registry):
    """Each load ends behind its pickle, whoever reads it, and reads no byte more."""
    versionpickle.alias("m:made", lambda *args: list(args), registry=registry)

    class Unpickler(versionpickle.Unpickler):
        def persistent_load(self, key):
            return key * 10

    path = tmp_path / "records"
    path.write_bytes(RECORDS)
    with path.open("rb") as opened:
        file = {"file": opened, "pipe": Pipe(RECORDS), "bytes": io.BytesIO(RECORDS)}[kind]
        unpickler = Unpickler(file, registry=registry)

        assert [10] == unpickler.load()
        assert [20, 3] == unpickler.load()


class Money:
    def __init__(self, amount):
        self.amount = amount

    def __reduce__(self):
        return Money, (self.amount,)


class Item:
    def __init__(self, siblings):
        self.siblings = siblings


class Shelf(list):
    """Makes a load use our own machine."""

    def append(self, item):
        super().append(item)


@pytest.mark.parametrize("held", ["list", "dict"])
def test_steps_see_no_stand_ins(registry, held):
    """A step that copies a container sees what pickle would have put into it by then."""
    siblings = [] if held == "list" else {}
    item, money = Item(siblings), Money(5)
    if held == "list":
        siblings += [item, money]
    else:
        siblings.update(item=item, money=money)
    data = pickle.dumps([siblings, Shelf([1])])
    versionpickle.adopt(Shelf, registry=registry)
    versionpickle.adopt(Item, version=2, registry=registry)
    seen = []

    @versionpickle.migration(Item, 1, registry=registry)
    def copy(state):
        seen.extend(state["siblings"])
        return state

    found, _ = versionpickle.loads(data, registry=registry, allow=[Money])

    assert len(found) == 2
    assert {type(part) for part in seen} <= {str, Item}


def test_memo_after_our_machine(registry):
    """A load after one that our machine did knows what that one made."""
    shelf = Shelf([1])
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    for obj in ([shelf], ["x"], [shelf]):
        pickler.dump(obj)
    versionpickle.adopt(Shelf, registry=registry)
    unpickler = versionpickle.Unpickler(io.BytesIO(file.getvalue()), registry=registry)

    one, other, again = unpickler.load(), unpickler.load(), unpickler.load()

    assert other == ["x"]
    assert one[0] is again[0]


def test_errors_of_classes_in_c():
    """A class in C that refuses its arguments is no damage."""
    for data in (b"cdatetime\ndate\n(I2020\nI13\nI45\ntR.", b"c__builtin__\nint\n(S'x'\ntR."):
        with pytest.raises(versionpickle.exceptions.BuildError):
            versionpickle.loads(data)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda data: memoryview(data).cast("I"),
        lambda data: array.array("I", data),
        pickle.PickleBuffer,
    ],
)
def test_other_buffers(wrap):
    """Bytes may come in any buffer."""
    data = pickle.dumps([1, "abc"])
    data = pickle.dumps([1, "abc" + "d" * (-len(data) % 4)])

    assert versionpickle.loads(wrap(data))[0] == 1
