"""What is written anew is compared: sharing what cannot change is no difference."""

from __future__ import annotations

import copy
import datetime
import enum
import itertools
import pickle
import subprocess
import sys
import textwrap

import attrs
import numpy as np
import pytest

import versionpickle

from versionpickle import Registry, adopt, allow, migration
from versionpickle._pickles.rewrite.comparison import check_kept, difference
from versionpickle._pickles.rewrite.rewrite import Settings, upgrade
from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import add


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@attrs.frozen
class Frozen:
    x: object


@attrs.define
class Open:
    x: object


class Unit:
    """Reduces to a call, so that each load makes another one."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return Unit, (self.name,)


class Items(list):
    pass


class Pairs(dict):
    pass


class Named:
    """Is stored by its name."""

    def __reduce__(self):
        return "NAMED"


NAMED = Named()


class Halves:
    """Has another state each time."""

    def __init__(self, **state):
        vars(self).update(state)


def deep(depth, leaf):
    for _ in range(depth):
        leaf = [leaf]
    return leaf


UNCHANGEABLE = {
    "tuple": lambda: (1, (2, "x")),
    "frozenset": lambda: frozenset({1, 2}),
    "date": lambda: datetime.date(2020, 1, 1),
    "dtype": lambda: np.dtype("f8"),
    "structured dtype": lambda: np.dtype([("a", "i4"), ("b", "O")]),
    "scalar": lambda: np.float64(2.5),
    "frozen attrs": lambda: Frozen((1, 2)),
    "call": lambda: Unit("m"),
    "tuple of calls": lambda: (Unit("m"), Frozen(Unit("s"))),
    "call twice": lambda: (unit := Unit("m"), unit),
    "path": lambda: (datetime.timedelta(1), None, Colour.RED, int, len, NAMED, b"", 1j),
}
CHANGEABLE = {
    "list": lambda: [1],
    "dict": lambda: {"a": 1},
    "set": lambda: {1},
    "object": lambda: Open(1),
    "frozen with a list": lambda: Frozen([1]),
    "tuple with a list": lambda: (1, [2]),
    "items": lambda: Items([1]),
    "pairs": lambda: Pairs(a=1),
    "array": lambda: np.arange(3),
    "halves": lambda: Halves(a=1),
}


@pytest.mark.parametrize("name", [*UNCHANGEABLE, *CHANGEABLE])
def test_sharing(name):
    """That one object became two, or two one, counts where somebody can change it."""
    make = (UNCHANGEABLE | CHANGEABLE)[name]
    one, other = make(), make()
    last = [1, 2]
    shared, apart = {"a": one, "b": one, "c": last}, {"a": one, "b": other, "c": last}

    assert (name in UNCHANGEABLE) is (difference(shared, copy.copy(apart)) is None)
    assert (name in UNCHANGEABLE) is (difference(apart, copy.copy(shared)) is None)
    assert difference(apart, copy.copy(apart)) is None


PAIRS = {
    "number": ([1, 2], [1, 3], "obj[1]", "2", "3"),
    "type": ([1], [1.0], "obj[0]", "1", "1.0"),
    "zero": ([0.0], [-0.0], "obj[0]", "0.0", "-0.0"),
    "class": (Open(Open(1)), Open(Unit(1)), "open.x", "Open", "Unit"),
    "length": (Open([1]), Open([1, 2]), "open.x", "[1]", "[1, 2]"),
    "key": ({"a": 1}, {"b": 1}, "obj key 'a'", "'a'", "'b'"),
    "value": ({"a": {"b": (1, 2)}}, {"a": {"b": (1, 3)}}, "obj['a']['b'][1]", "2", "3"),
    "member": ({1, 2}, {1, 3}, "obj member 2", "2", "3"),
    "enum": ([Colour.RED], [Colour.BLUE], "obj[0]", "RED", "BLUE"),
    "name": ([int], [str], "obj[0]", "int", "str"),
    "attribute": (Halves(a=1, b=2), Halves(a=1, b=3), "halves.b", "2", "3"),
    "attributes": (Halves(a=1), Halves(b=1), "halves", "Halves", "Halves"),
    "parts": (Halves(a=1), Halves(), "halves", "Halves", "Halves"),
    "argument": (Unit("m"), Unit("s"), "unit (args)[0]", "'m'", "'s'"),
    "item": (Items([1]), Items([2]), "items[0]", "1", "2"),
    "pair": (Pairs(a=1), Pairs(a=2), "pairs[0][1]", "1", "2"),
    "nothing": (Frozen(float("nan")), Frozen(1.5), "frozen.x", "nan", "1.5"),
    "after nothing": ([n := float("nan"), 1], [n, 2], "obj[1]", "1", "2"),
    "shared": ([a := [1], a], [[1], [1]], "obj[1]", "one [1]", "two"),
    "apart": ([[1], [1]], [a := [1], a], "obj[1]", "two [1]", "one"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_difference(name):
    """A difference says where it is, and what is there before and after."""
    before, after, path, was, found = PAIRS[name]
    told = difference(before, after)

    assert path == told.path
    assert was in told.before
    assert found in told.after


def test_members_that_look_alike():
    """Members of a set that cannot be told apart at first sight are told apart at the second."""
    one, other = (frozenset({deep_tuple(n) for n in order}) for order in ((1, 2), (2, 1)))
    shared = [1]

    assert difference([one, shared, (1,)], [other, shared, (1,)]) is None
    assert difference([one, Frozen(1)], [other, Frozen(2)]).path == "obj[1].x"


def deep_tuple(leaf):
    for _ in range(7):
        leaf = (leaf,)
    return leaf


def test_deep_comparison():
    """Depth is no obstacle, and a long way there is cut."""
    assert difference(deep(20_000, 1), deep(20_000, 1)) is None
    assert " steps) ... " in difference(deep(20_000, 1), deep(20_000, 2)).path
    loop = []
    loop.append(loop)
    assert difference(loop, copy.deepcopy(loop)) is None
    tall = (1,)
    for _ in range(20_000):
        tall = (tall,)
    assert difference([tall, tall], [tall, pickle.loads(b"]."), 1]).path == "obj"
    cycle = Frozen([])
    cycle.x.append((cycle, cycle))
    assert difference([cycle, 1], [cycle, 2]).path == "obj[1]"


def test_too_deep_to_tell():
    """What is too deep to tell whether anybody can change it counts as changeable."""
    one = other = (1,)
    for _ in range(20_000):
        one, other = (one,), (other,)

    assert difference([one, one], [one, other]).after == "two"


def test_error():
    """The error has all of it, also as attributes, and can be pickled."""
    with pytest.raises(VersionPickleError) as caught:
        check_kept({"rows": [Open(1)]}, {"rows": [Open(2)]})
    error = pickle.loads(pickle.dumps(caught.value))

    assert (error.ref, error.path) == (f"{__name__}:Open", "obj['rows'][0].x")
    assert (error.found.before, error.found.after) == ("1", "2")
    assert str(error) == str(caught.value)
    assert "obj['rows'][0].x: " in str(error)
    assert "in test_comparison:Open, 1 would become 2" in str(error)


class Row:
    """Gets another number at each load."""

    numbers = itertools.count()

    def __setstate__(self, state):
        self.number = next(self.numbers)


def old_row():
    return b"\x80\x02}X\x04\x00\x00\x00rows](c%s\nRow\n)\x81}X\x01\x00\x00\x00aK\x01sbes." % (
        __name__.encode()
    )


def test_accepted():
    """A person may accept what differs."""
    registry = Registry("ours")
    adopt(Row, registry=registry)
    done = upgrade(old_row(), Settings(registry=registry))
    accepted = upgrade(old_row(), Settings(registry=registry, accept_differences=True))

    assert done.failure.ref == f"{__name__}:Row"
    assert "obj['rows'][0].number: " in done.failure.reason
    assert accepted.failure is None
    assert type(versionpickle.loads(accepted.data, registry=registry)["rows"][0]) is Row


def test_accepted_in_a_store(tmp_path):
    """So they may for a store."""
    registry = Registry("ours")
    adopt(Row, registry=registry)
    (tmp_path / "a.pickle").write_bytes(old_row())
    with versionpickle.open_existing(f"dir:{tmp_path}/*.pickle", registry=registry) as place:
        assert place.migrate().failed == 1
        assert place.migrate(accept_differences=True).migrated == 1


def test_accepted_in_a_store_of_ours(tmp_path):
    """Also where each record is known to hold one pickle."""
    then, now = Registry("then"), Registry("now")
    adopt(Row, name="row", registry=then)
    row = Row()
    row.number = -1
    with versionpickle.open(tmp_path / "rows.db", registry=then) as store:
        store["a"] = row
    adopt(Row, name="row", version=2, registry=now)
    migration(Row, 1, registry=now)(lambda state: state)
    with versionpickle.open(tmp_path / "rows.db", registry=now) as store:
        assert store.migrate().failed == 1
        assert store.migrate(accept_differences=True).migrated == 1


def test_accepted_by_the_command(tmp_path):
    """The command has an option for it, and names it where it refuses."""
    code = """
    import itertools
    from versionpickle import versioned
    numbers = itertools.count()
    @versioned
    class Row:
        def __setstate__(self, state): self.number = next(numbers)
    """
    (tmp_path / "shop.py").write_text(textwrap.dedent(code))
    (tmp_path / "a.pickle").write_bytes(b"\x80\x02cshop\nRow\n)\x81}X\x01\x00\x00\x00aK\x01sb.")
    command = [sys.executable, "-m", "versionpickle", "upgrade", "--import", "shop", "a.pickle"]
    run = [
        subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for more in ([], ["--accept-differences"])
    ]

    assert [done.returncode for done in run] == [1, 0]
    assert "row.number" in "".join(run[0].stdout.split())
    assert "--accept-differences" in "".join(run[0].stdout.split())


class Run:
    pass


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [*UNCHANGEABLE, "array"])
def test_upgrade(value, protocol):
    """A step may add what is equal to a part that was there."""
    make = (UNCHANGEABLE | CHANGEABLE)[value]
    registry = Registry("ours")
    allow(Unit, Frozen, Colour, Named, f"{__name__}:NAMED", len, registry=registry)
    adopt(Run, version=2, registry=registry)
    known = make()
    migration(Run, 1, add("more", factory=lambda: (known, make())), registry=registry)
    run = Run()
    run.mean, run.again = make(), make()
    done = upgrade(pickle.dumps(run, protocol), Settings(registry=registry))

    assert (done.failure, len(done.stale)) == (None, 1)
