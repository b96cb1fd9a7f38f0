"""
Measure dumping and loading beside plain pickle and the peers, as ratios in one run.

    python benchmarks/speed.py            # print the tables
    python benchmarks/speed.py --write    # also into docs/benchmarks.md, with the picture

Each ratio compares the best of many rounds, in which both sides take turns.
"""

from __future__ import annotations

import compileall
import math
import pickle
import platform
import subprocess
import sys

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import cloudpickle
import dill
import jsonpickle
import models
import msgspec
import pyfory
import pysafe_pickle
import steps

from ratios import COUNT, ratio, table

import versionpickle

from versionpickle import _revive


MEGABYTE = 27_000
"""Of objects, which make one."""

DOCS = Path(__file__).parents[1] / "docs"


@attrs.frozen
class Contender:
    """One way to turn objects to bytes and back."""

    name: str
    dumps: Callable[[Any], Any]
    loads: Callable[[Any], Any]
    make: Callable[..., Any]


def bulk(contender: Contender, base: Contender) -> dict[str, float]:
    """Compare a list of objects."""
    sides = []
    for side in (contender, base):
        objects = [side.make(*values) for values in models.values(COUNT)]
        sides.append((side, objects, side.dumps(objects)))
    (ours, our_objects, our_data), (theirs, their_objects, their_data) = sides
    return {
        "dump": ratio(lambda: ours.dumps(our_objects), lambda: theirs.dumps(their_objects))[0],
        "load": ratio(lambda: ours.loads(our_data), lambda: theirs.loads(their_data))[0],
        "size": len(our_data) / len(their_data),
    }


def single(contender: Contender, base: Contender, repeat: int = 5_000) -> dict[str, float]:
    """Compare one object at a time."""
    values = models.values(1)[0]
    sides = []
    for side in (contender, base):
        obj = side.make(*values)
        sides.append((side, obj, side.dumps(obj)))
    (ours, our_object, our_data), (theirs, their_object, their_data) = sides

    def many(function: Callable[[Any], Any], argument: Any) -> Callable[[], None]:
        def run() -> None:
            for _ in range(repeat):
                function(argument)

        return run

    return {
        "dump": ratio(many(ours.dumps, our_object), many(theirs.dumps, their_object))[0],
        "load": ratio(many(ours.loads, our_data), many(theirs.loads, their_data))[0],
    }


class _Old:
    """Is written as version 1 of a class was."""

    def __init__(self, stamp: Any, values: tuple[Any, ...]) -> None:
        self.reduced = stamp, (), (stamp, *values)

    def __reduce_ex__(self, protocol: object) -> Any:
        return self.reduced


def upgrade(cls: type) -> float:
    """Compare loading version 1 through two operations with loading version 3."""
    ref = f"{cls.__module__}:{cls.__qualname__}"
    stamp = _revive(1, ref, 1, ("number", "label", "price", "amount"), ())
    rows = models.values(COUNT)
    old = pickle.dumps([_Old(stamp, values[:4]) for values in rows])
    new = pickle.dumps([cls(*values) for values in rows])
    assert vars_of(pickle.loads(old)[-1]) == vars_of(pickle.loads(new)[-1])
    return ratio(lambda: pickle.loads(old), lambda: pickle.loads(new))[0]


def vars_of(obj: Any) -> list[Any]:
    return [getattr(obj, name) for name in models.FIELDS]


def plain(kind: type) -> Contender:
    return Contender(f"plain pickle, {kind.__name__}", pickle.dumps, pickle.loads, kind)


def ours(kind: type) -> Contender:
    return Contender(kind.__name__, pickle.dumps, pickle.loads, models.VERSIONED[kind])


def peers() -> list[Contender]:
    """Return the others, with the objects that suit each of them best."""
    fory = pyfory.Fory(xlang=False, ref=False, strict=True)
    fory.register(models.Dataclass)
    structs = msgspec.msgpack.Decoder(list[models.Struct])
    slots = models.AttrsSlots
    return [
        Contender(
            "versionpickle (attrs slots)", pickle.dumps, pickle.loads, models.VERSIONED[slots]
        ),
        Contender(
            "versionpickle.loads (attrs slots)",
            versionpickle.dumps,
            versionpickle.loads,
            models.VERSIONED[slots],
        ),
        Contender("bare tuples (the limit)", pickle.dumps, pickle.loads, lambda *v: v),
        Contender(
            "msgspec msgpack (Struct)", msgspec.msgpack.encode, structs.decode, models.Struct
        ),
        Contender("pyfory (dataclass)", fory.serialize, fory.deserialize, models.Dataclass),
        Contender("Twisted Versioned", pickle.dumps, pickle.loads, models.TwistedVersioned),
        Contender("cloudpickle (attrs slots)", cloudpickle.dumps, cloudpickle.loads, slots),
        Contender(
            "pysafe-pickle (dataclass)",
            pysafe_pickle.dumps,
            lambda data: pysafe_pickle.loads(data, allowlist={"Dataclass"}),
            models.Dataclass,
        ),
        Contender("dill (attrs slots)", dill.dumps, dill.loads, slots),
        Contender(
            "jsonpickle (attrs slots)",
            lambda objects: jsonpickle.encode(objects).encode(),
            jsonpickle.decode,
            slots,
        ),
    ]


def reading() -> dict[str, float]:
    """Compare our own reader with C's `loads`, on a megabyte of versioned objects."""
    cls = models.VERSIONED[models.AttrsSlots]
    data = versionpickle.dumps([cls(*values) for values in models.values(MEGABYTE)])
    limits = versionpickle.Limits(seconds=600)

    def by_c() -> Any:
        return pickle.loads(data)

    return {
        "size": len(data),
        "limits": ratio(lambda: versionpickle.loads(data, limits=limits), by_c, rounds=5)[0],
        "inspect": ratio(lambda: versionpickle.inspect(data), by_c, rounds=5)[0],
    }


def import_time() -> float:
    """Return the time to import versionpickle against that of attrs and pickle together."""

    compileall.compile_dir(
        Path(versionpickle.__file__).parent, quiet=1
    )  # as pip has done for attrs

    def start(code: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    bare = ratio(start("pass"), start("pass"))[1]
    both = ratio(start("pass"), start("import attrs, pickle"))[1] - bare
    ours = ratio(start("pass"), start("import versionpickle"))[1] - bare
    return ours / both


def mean(numbers: list[float]) -> float:
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def measure() -> tuple[str, dict[str, dict[str, float]]]:
    # Single objects first: the lists leave a heap behind in which all small loads are slower.
    singles = {kind: single(ours(kind), plain(kind)) for kind in models.KINDS}
    by_kind = {}
    kinds = []
    for kind in models.KINDS:
        found = bulk(ours(kind), plain(kind))
        one = singles[kind]
        upgraded = upgrade(models.VERSIONED[kind])
        kinds.append([kind.__name__, *found.values(), *one.values(), upgraded])
        by_kind[kind.__name__] = found
    total = mean([cell for row in kinds for cell in row[1:3]])
    beside = {peer.name: bulk(peer, plain(models.AttrsSlots)) for peer in peers()}
    safely = Contender(
        "", versionpickle.dumps, versionpickle.loads, models.VERSIONED[models.Plain]
    )
    safe = single(safely, plain(models.Plain))
    read = reading()
    header = ["class", "dump", "load", "stream", "one: dump", "one: load", "2 steps"]
    parts = [
        f"CPython {platform.python_version()}, attrs {attrs.__version__}, {platform.machine()}; "
        f"lists of {COUNT:,} objects with five fields.",
        "## Compared with plain pickle of the same class",
        table(header, kinds),
        f"Geometric mean of dumping and loading: **{total:.2f}**.",
        "*stream* compares bytes, and *one* pickles a single object; both sides use `pickle`.\n"
        "*2 steps* compares loading version 1 through two operations with loading the current "
        "version.",
        "Each call of `versionpickle.loads` has a cost, because it checks every name.\n"
        f"For a single object of a plain class, it takes {safe['load']:.2f} times as long as "
        f"plain pickle, and `versionpickle.dumps` takes {safe['dump']:.2f} times as long.",
        f"Importing versionpickle takes {import_time():.2f} times as long as importing attrs and "
        "pickle.",
        f"For {read['size']:,} bytes of versioned objects, `loads` with `limits=` takes "
        f"**{read['limits']:.1f}** times as long as `pickle.loads`, and `inspect` "
        f"**{read['inspect']:.1f}** times.",
        "## Compared with other libraries",
        "The ratios are relative to plain pickle of an attrs class with slots.\n"
        "Each library uses the kind of object that suits it best.",
        table(
            ["", "dump", "load", "stream"], [[n, *found.values()] for n, found in beside.items()]
        ),
        steps.measure(),
    ]
    return "\n\n".join(parts), by_kind | beside


def draw(measured: dict[str, dict[str, float]], path: Path) -> None:
    """Draw the ratios as bars, on a logarithmic scale with plain pickle at 1."""
    from matplotlib import pyplot  # noqa: PLC0415 - only where a picture is wanted

    pyplot.rcParams.update({"svg.hashsalt": "versionpickle", "font.size": 9})
    figure, axes = pyplot.subplots(figsize=(8, 6), layout="constrained")
    names = list(measured)[::-1]
    for offset, what, colour in ((0.2, "dump", "#4477aa"), (-0.2, "load", "#ee6677")):
        places = [place + offset for place in range(len(names))]
        axes.barh(places, [measured[n][what] for n in names], 0.38, label=what, color=colour)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("time against plain pickle (less is better)")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main(arguments: list[str]) -> None:
    text, measured = measure()
    print(text)
    if "--write" in arguments:
        (DOCS / "_static").mkdir(exist_ok=True)
        draw(measured, DOCS / "_static" / "speed.svg")
        page = (
            "# Benchmarks\n\n"
            "The numbers are ratios of times that were measured side by side in one run; "
            "less is better, and 1 is plain pickle.\n"
            "`benchmarks/speed.py --write` creates this page.\n\n"
            "![Times of dumping and loading compared with plain pickle](_static/speed.svg)\n\n"
        )
        (DOCS / "benchmarks.md").write_text(page + text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
