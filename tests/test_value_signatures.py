"""What value types are made of under limits: all of it is checked, and the docs have it."""

from __future__ import annotations

import datetime
import os
import pickle
import subprocess
import sys
import time
import types
import uuid

from pathlib import Path

import pytest
import value_pickles as made

import versionpickle

from versionpickle import Limits, Registry, adopt
from versionpickle._pickles.untrusted.numpy_signatures import NUMPY_CALLS
from versionpickle._pickles.untrusted.signatures import CALLS, EXCEPTIONS, STATES
from versionpickle.exceptions import UntrustedError, VersionPickleError


PAGE = Path(__file__).parents[1] / "docs" / "reference" / "value-types.md"
HEAD = """# Value types

With `limits=`, a value type is called only with what its own pickler writes.
Its state is only what that pickler writes, too.
Anything else is an `UntrustedError`, and is neither iterated nor hashed nor copied.
This page is made from the code that checks it.

"""


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page():
    """Return the page of the docs."""
    numpys = {
        "_reconstruct": "a class of arrays, `(0,)`, `b'b'`",
        "_mareconstruct": "a class of masked arrays, one of arrays, `(0,)`, `'b'`",
        "scalar": "a dtype, as many bytes as it says",
        "_frombuffer": "a buffer, a dtype, a shape that needs all of it, an order",
        "dtype": "one typecode with its length, or a class of scalars; false, true",
    }
    assert numpys.keys() == NUMPY_CALLS.keys()
    calls = sorted((f"`{name}`", found.shown) for name, found in CALLS.items())
    errors = [(f"`{cls.__name__}`", found.shown) for cls, found in EXCEPTIONS.items()]
    return "\n".join(
        [
            HEAD + "## Arguments\n",
            table(("called", "with"), calls),
            "Other value types are called without arguments.\n",
            "## Exceptions\n",
            "The first row from which an exception derives.\n",
            table(("base", "called with"), errors),
            "## States\n",
            table(("type", "state"), sorted((f"`{n}`", s.shown) for n, s in STATES.items())),
            "Exceptions take attributes, but none with the name of a method, and no `args`.\n",
            "## numpy\n",
            table(("called", "with"), [(f"`{name}`", shown) for name, shown in numpys.items()]),
            "The state of an array is `(1, shape, dtype, order, items)`, with as many items.",
            "The state of a dtype is compared with that of the dtype that it describes.\n",
        ]
    )


def test_page():
    """The page is what the code checks."""
    if os.environ.get("VALUE_TYPES_PAGE") == "write":
        PAGE.write_text(page(), "utf-8")

    assert page() == PAGE.read_text("utf-8"), (
        "VALUE_TYPES_PAGE=write pytest tests/test_value_signatures.py"
    )


def run(most):
    command = [sys.executable, made.__file__, str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_one_argument():
    """No value type takes long, or much, or fails otherwise, with one argument or state."""
    assert len(run(1)) == 1


@pytest.mark.slow
def test_every_mix():
    """Nor with every mix of three arguments and two attributes."""
    assert len(run(3)) == 1


def refuse(data):
    began = time.monotonic()
    with pytest.raises(UntrustedError) as caught:
        versionpickle.loads(b"\x80\x04" + data + b".", limits=Limits())
    assert time.monotonic() - began < 1
    return str(caught.value)


HOSTILE = {
    "group of addresses": (
        made.named("builtins:ExceptionGroup") + made.text("a") + made.ADDRESSES + b"\x86R"
    ),
    "syntax of addresses": (
        made.named("builtins:SyntaxError") + made.text("a") + made.ADDRESSES + b"\x86R"
    ),
    "syntax of three": made.named("builtins:SyntaxError") + b"NNN\x87R",
    "number of an error": made.named("builtins:OSError") + made.NETWORK + b"N\x86R",
    "uuid": made.named("uuid:UUID")
    + b")\x81}("
    + made.text("int")
    + b"K\x05"
    + made.text("is_safe")
    + made.NETWORK
    + b"ub",
    "method of a dict": made.named("collections:OrderedDict")
    + b")R}"
    + made.text("items")
    + b"Nsb",
    "class of an error": made.named("builtins:KeyError")
    + b")R}"
    + made.text("__class__")
    + b"Nsb",
    "zone": made.named("datetime:datetime") + made.raw(b"\x07\xe4" + b"\x01" * 8) + b"N\x86R",
    "date": made.named("datetime:date") + made.raw(b"\x07") + b"\x85R",
    "date with a zone": made.named("datetime:date") + made.raw(b"\x07\xe4\1\1") + b"N\x86R",
    "offset": made.named("datetime:timezone") + b"K\x01\x85R",
    "codec": made.named("_codecs:encode") + made.text("a") + made.text("hex") + b"\x86R",
    "array": made.named("array:array") + made.text("i") + b"](Ne\x86R",
    "typecodes": made.named("array:array") + made.text("ii") + b"]\x86R",
    "time": made.named("time:struct_time") + b")\x85R",
    "maps": made.named("collections:ChainMap") + b")\x81}" + made.text("maps") + b"](Nesb",
    "data": made.named("collections:UserDict") + b")\x81}" + made.text("data") + b"]sb",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name):
    """What would be expanded, hashed or looked up is refused by its type."""
    refuse(HOSTILE[name])


class Numbered(uuid.UUID):
    pass


class Marked(uuid.UUID):
    pass


def test_uuid_of_others():
    """So it is where somebody's class reads its state as a UUID does."""
    registry = Registry("ours")
    adopt(Marked, registry=registry)
    for cls in (Numbered, Marked):
        good = pickle.dumps(cls(int=5), 4)
        bad = (
            b"\x80\x04"
            + made.named(f"{__name__}:{cls.__name__}")
            + (
                b")\x81}("
                + made.text("int")
                + b"K\x05"
                + made.text("is_safe")
                + made.NETWORK
                + b"ub."
            )
        )
        options = {"allow": [Numbered], "registry": registry, "limits": Limits()}

        assert cls(int=5) == versionpickle.loads(good, **options)
        with pytest.raises(VersionPickleError, match="state that it cannot have"):
            versionpickle.loads(bad, **options)


GOOD = [
    ExceptionGroup("a", [KeyError(1), ExceptionGroup("b", [ValueError()])]),
    SyntaxError("a", ("f", 1, 2, "t")),
    SyntaxError("a", ("f", 1, 2, "t", 1, 3)),
    SyntaxError("a"),
    OSError(2, "a", "f"),
    OSError("a"),
    UnicodeDecodeError("utf-8", b"a", 0, 1, "r"),
    UnicodeEncodeError("utf-8", "a", 0, 1, "r"),
    StopIteration([1]),
    time.localtime(0),
    time.gmtime(0),
    slice(1, [2], None),
    types.SimpleNamespace(items=1, a=[2]),
    uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe),
    uuid.uuid1(),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(0, 60), "x")),
    datetime.time(1, tzinfo=datetime.UTC),
]


@pytest.mark.parametrize("obj", GOOD, ids=repr)
def test_good(obj):
    """What picklers write is let in."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(obj, protocol)
        back = versionpickle.loads(data, limits=Limits())

        assert (type(obj), repr(obj)) == (type(back), repr(back))
