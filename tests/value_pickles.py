"""Pickles of every value type with every mix of arguments and states, run in a process apart."""

from __future__ import annotations

import builtins
import itertools
import resource
import signal
import struct
import sys
import time

import numpy  # noqa: F401 - whose values are value types then

import versionpickle

from versionpickle import Limits
from versionpickle._classes.named_sets import NUMPY_CLASSES, NUMPY_FUNCTIONS
from versionpickle._pickles.untrusted.signatures import EXCEPTIONS, STATES
from versionpickle._pickles.value_types import value_type_names
from versionpickle.exceptions import VersionPickleError


SECONDS = 1.0
BYTES = 2 << 30
NETWORK = b")" + b"2\x86" * 60
"""A tuple of 2**60 parts in 60 bytes."""


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(ref):
    module, _, name = ref.partition(":")
    first, *rest = name.split(".")
    found = text(module) + text(first) + b"\x93"
    for part in rest:
        found = text("builtins") + text("getattr") + b"\x93" + found + text(part) + b"\x86R"
    return found


def raw(value):
    return b"C" + bytes([len(value)]) + value


ADDRESSES = named("ipaddress:IPv4Network") + text("0.0.0.0/0") + b"\x85R"
PARTS = {
    "None": b"N",
    "True": b"\x88",
    "0": b"K\x00",
    "-1": b"J\xff\xff\xff\xff",
    "2**63": b"\x8a\x09" + (2**63).to_bytes(9, "little"),
    "1.5": b"G?\xf8\x00\x00\x00\x00\x00\x00",
    "'a'": text("a"),
    "'1e99999'": text("1e99999"),
    "'latin1'": text("latin1"),
    "4 bytes": raw(b"\x07\xe4\x01\x01"),
    "10 bytes": raw(b"\x07\xe4" + b"\x01" * 8),
    "()": b")",
    "[1]": b"](K\x01e",
    "{'a': 1}": b"}" + text("a") + b"K\x01s",
    "a network": NETWORK,
    "[a network]": b"](" + NETWORK + b"e",
    "addresses": ADDRESSES,
    "range": named("builtins:range") + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85R",
    "a class": named("builtins:dict"),
    "an error": named("builtins:KeyError") + b")R",
}
WORST = ("None", "0", "2**63", "'a'", "[1]", "a network", "[a network]", "addresses", "range")
NAMES = ("int", "is_safe", "data", "maps", "args", "__class__", "__dict__", "items", "errno", "a")


def kinds():
    """Yield the refs of all value types, of exceptions one of each kind."""
    for ref in value_type_names():
        found = getattr(builtins, ref.removeprefix("builtins:"), None)
        if not (isinstance(found, type) and issubclass(found, BaseException)):
            yield ref
    yield from (f"builtins:{cls.__name__}" for cls in [*EXCEPTIONS, ExceptionGroup, KeyError])
    yield from ("builtins:StopIteration", "builtins:ImportError", "builtins:SystemExit")
    yield from NUMPY_CLASSES[:: len(NUMPY_CLASSES) // 8]
    yield from (*NUMPY_FUNCTIONS, "numpy:dtype", "numpy:ndarray", "numpy.ma:MaskedArray")


def calls(most):
    """Yield the names of up to two arguments of all kinds, and of three of the worst."""
    for count in range(min(most, 2) + 1):
        yield from itertools.product(PARTS, repeat=count)
    if most > 2:
        yield from itertools.product(WORST, repeat=most)


def states(most):
    """Yield states: a part, or a dict with some names."""
    yield from PARTS.values()
    pairs = [text(name) + PARTS[part] for name in NAMES for part in WORST]
    for count in range(1, most):
        for chosen in itertools.combinations(pairs, count):
            yield b"}(" + b"".join(chosen) + b"u"


def states_of_numpy():
    dtype = named("numpy:dtype") + text("f8") + b"\x89\x88\x87R"
    for part, other in itertools.product(PARTS.values(), repeat=2):
        yield b"(K\x01" + part + dtype + b"\x89" + other + b"t"
        yield b"(K\x03" + text("<") + part + other + b"NK\x08K\x01K\x00t"


def filled(ref, most):
    """Yield objects of a type with states."""
    cls = named(ref)
    kinds = STATES.keys() | {cls.__name__ for cls in EXCEPTIONS}
    takes_state = ref.rpartition(":")[2] in kinds
    for start in (b")\x81", b")R", text("a") + b"\x85R"):
        for state in states(most if takes_state else min(most, 2)):
            yield cls + start + state + b"b."


def filled_of_numpy():
    array = named("numpy._core.multiarray:_reconstruct") + named("numpy:ndarray")
    starts = (
        array + b"K\x00\x85" + raw(b"b") + b"\x87R",
        named("numpy:dtype") + text("f8") + b"\x89\x88\x87R",
    )
    for start, state in itertools.product(starts, states_of_numpy()):
        yield start + state + b"b."


def pickles(most):
    """Yield what each is about, and the bytes."""
    for ref in kinds():
        for chosen in calls(most):
            args = b"(" + b"".join(PARTS[name] for name in chosen) + b"t"
            yield f"{ref}({', '.join(chosen)})", b"\x80\x04" + named(ref) + args + b"R."
        for data in filled(ref, most):
            yield f"{ref} in {data!r}", b"\x80\x04" + data
    for data in filled_of_numpy():
        yield repr(data), b"\x80\x04" + data


def say(line):
    sys.stdout.write(f"{line}\n")


def load(what, data):
    began = time.monotonic()
    try:
        versionpickle.loads(data, limits=Limits(seconds=SECONDS))
    except VersionPickleError:
        pass
    except BaseException as exc:  # noqa: BLE001 - whatever else it is, it is told
        say(f"{what}: {type(exc).__name__}: {exc}")
    if time.monotonic() - began > SECONDS:
        say(f"{what}: {time.monotonic() - began:.1f} s")


def main(most):
    """Load them all, in 2 GiB and a second for each; print what does not end well."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    count = 0
    for what, data in pickles(most):
        signal.setitimer(signal.ITIMER_REAL, 5 * SECONDS)
        load(what, data)
        count += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    say(f"{count} pickles")


if __name__ == "__main__":
    main(int(sys.argv[1]))
