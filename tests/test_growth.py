"""What strangers make up is not kept: a process that loads for months does not grow."""

from __future__ import annotations

import contextlib
import enum
import gc
import linecache
import pickle
import tracemalloc

import attrs
import pytest

from hostile import assembler as asm

import versionpickle

from versionpickle import Limits, Registry, adopt, migration, versioned
from versionpickle._classes.placeholder import placeholder_class
from versionpickle._pickles.untrusted import policy
from versionpickle.exceptions import LimitError, VersionPickleError


OURS = Registry("growth")


@versioned(version=2, name="order", registry=OURS)
@attrs.define
class Order:
    amount: int


migration(Order, 1, registry=OURS)(lambda state: {"amount": 1})


@versioned(version=1, name="open", registry=OURS)
class Open:
    """Declares no fields."""


class Adopted:
    """Known by adoption."""


adopt(Adopted, version=1, registry=OURS)


class Rights(enum.IntFlag):
    READ = 1


class Colours(enum.Flag):
    RED = 1
    GREEN = 2
    BLUE = 4


versioned(name="rights", registry=OURS)(Rights)
versioned(name="colours", registry=OURS)(Colours)


def load(data, **settings):
    return versionpickle.loads(data, registry=OURS, limits=Limits(), **settings)


def stamped(name, version, field):
    return asm.whole(asm.stamped(name, 1, version=version, fields=(field,)))


def unstamped(field):
    made = asm.ref(f"{__name__}:Adopted") + asm.EMPTY_TUPLE + asm.NEWOBJ
    return asm.whole(made + asm.value({field: 1}) + asm.BUILD)


MADE_UP = {
    "fields of an old stamp": lambda name: load(stamped("order", 1, name)),
    "attributes of a stamp": lambda name: load(stamped("open", 1, name)),
    "attributes without a stamp": lambda name: load(unstamped(name)),
    "classes that are missing": lambda name: load(
        stamped(f"m:{name}", 1, "field"), missing="keep"
    ),
    "placeholders": lambda name: load(
        asm.whole(
            asm.call("versionpickle:_keep", asm.text(f"m:{name}"), asm.EMPTY_TUPLE, asm.EMPTY_DICT)
        )
    ),
    "names": lambda name: load(asm.whole(asm.stack_name("m", name))),
    "inspected": lambda name: versionpickle.inspect(stamped("order", 1, name), registry=OURS),
    "read by default": lambda name: versionpickle.loads(stamped("order", 1, name), registry=OURS),
}


KEPT_BY_PYTHON = {"attributes of a stamp", "attributes without a stamp"}
"""CPython keeps the names of the first 30 attributes that objects of a class ever had."""


def kept_after(load_one, names):
    """How many bytes are kept after loads with these names."""
    for name in names[:2]:
        attempt(load_one, name)
    gc.collect()
    tracemalloc.start()
    try:
        for name in names[2:]:
            attempt(load_one, name)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def attempt(load_one, name):
    with contextlib.suppress(VersionPickleError):
        load_one(name)


@pytest.mark.parametrize("kind", MADE_UP)
def test_long_names(kind):
    """Names of a megabyte are not kept."""
    names = [f"a{number}" + "x" * 1_000_000 for number in range(22)]

    most = 4 if kind not in KEPT_BY_PYTHON else 24
    assert kept_after(MADE_UP[kind], names) < most * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE_UP)
def test_many_names(kind):
    """Of any number of short names, some are kept: within a bound."""
    names = [f"{kind.replace(' ', '_')}_{number}" for number in range(3_000)]

    assert kept_after(MADE_UP[kind], names) < 32 * 2**20


def test_attributes_of_others_take_no_place():
    """Objects of an open class keep stamps of their own, whatever strangers have named."""
    for number in range(100):
        load(stamped("open", 1, f"theirs{number}"))
    obj = Open()
    obj.ours = 1

    data = versionpickle.dumps(obj, registry=OURS)

    (found,) = versionpickle.inspect(data, registry=OURS).classes
    assert ("ours",) == found.fields


def test_placeholder_classes():
    """The class of a short ref is made once, that of a long one each time."""
    assert placeholder_class("m:C") is placeholder_class("m:C")
    assert placeholder_class("m:C" + "x" * 2000) is not placeholder_class("m:C" + "x" * 2000)


def test_lines_of_long_code():
    """Tracebacks show the lines of short functions alone."""
    fields = tuple(f"f{number}" for number in range(300))
    versionpickle.loads(
        asm.whole(asm.stamped("open", *range(300), version=1, fields=fields)), registry=OURS
    )

    shown = [name for name in linecache.cache if name.startswith("<versionpickle")]
    assert sum(len("".join(linecache.cache[name][2])) for name in shown) < 16 * 2**20


def test_int_flags(monkeypatch):
    """Combinations of bits that have no names are not kept for ever."""
    monkeypatch.setattr(policy, "_INT_FLAGS_MAX", 10)

    for bits in range(100, 200):
        data = asm.whole(
            asm.call(
                "versionpickle:_member",
                asm.stamp("rights", 1, None),
                asm.tuple_of(asm.text("READ"), asm.number(bits * 2)),
            )
        )
        assert Rights(bits * 2 + 1) == load(data)

    assert len(Rights._value2member_map_) < 120
    assert Rights.READ is load(versionpickle.dumps(Rights.READ, registry=OURS))


def test_flags(monkeypatch):
    """A load ends where an enum would know too many of them."""
    monkeypatch.setattr(policy, "_FLAGS_MAX", 4)
    data = versionpickle.dumps(Colours.RED | Colours.GREEN, registry=OURS)
    assert Colours.RED | Colours.GREEN is load(data)
    more = versionpickle.dumps(Colours.RED | Colours.BLUE, registry=OURS)

    with pytest.raises(LimitError):
        load(more)


def test_plain_pickles_of_old_objects_are_kept():
    """What is loaded again and again is made once."""
    data = stamped("order", 1, "again")
    load(data)
    before = OURS.latest["order"]

    load(data)

    assert before is not None
    assert before[1] is OURS.latest["order"][1]
    assert pickle.PROTO == data[:1]
