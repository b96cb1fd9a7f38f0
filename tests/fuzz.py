"""
Load made-up and mutated pickles within limits: no crash, no hang, no error but ours.

    python tests/fuzz.py --cases 2000000      # or --seconds 60; --seed 7 makes the same again

Half of them come from a grammar of opcodes with a simulated stack, half are good pickles with
some bytes changed.
What is let through must be what the default load makes of it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import concurrent.futures.process
import contextlib
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time

from pathlib import Path


sys.path.insert(0, str(Path(__file__).parent))


from hostile import assembler as asm
from hostile import models, pickles
from hostile.assembler import put, ref, stamp, stamped, tuple_of, value

import versionpickle

from versionpickle.exceptions import VersionPickleError


LIMITS = versionpickle.Limits(
    bytes=100_000, objects=5_000, memo=5_000, depth=100, hashing=10_000, seconds=2
)
HANGS_AFTER = 5
MEMORY = 2**30
BATCH = 2_000

ATOMS = [
    *map(value, (0, -1, 7, 2**40, 2**61 - 1, 1.5, "", "a", "name", b"", b"abc", None, True, ())),
    *map(value, (("a", 1), (1, 2), [1, "a"], {"a": 1}, {"number": 2, "name": "b"}, "__class__")),
    asm.EMPTY_LIST,
    asm.EMPTY_DICT,
    asm.EMPTY_SET,
    asm.EMPTY_TUPLE,
    b"I5\n",
    b"I01\n",
    b"L5L\n",
    b"F1.5\n",
    b"S'a'\n",
    b"Va\n",
    b"\x8a\x02\x00\x01",
    b"\x96\x02" + bytes(7) + b"ab",
]
NAMES = [
    *(pickles.ORDER, pickles.OPEN, pickles.KEY, pickles.ITEMS, pickles.POINT, pickles.COLOUR),
    *(pickles.PLAIN, pickles.ALLOWED, pickles.HARMLESS, pickles.SPRING, "hostile.models:Gone"),
    *("builtins:set", "builtins:frozenset", "builtins:list", "builtins:dict", "builtins:getattr"),
    *("builtins:bytearray", "builtins:complex", "builtins:range", "builtins:object", "os:system"),
    *("builtins:ValueError", "builtins:OSError", "builtins:slice", "builtins:int"),
    *("collections:deque", "collections:OrderedDict", "collections:defaultdict"),
    *("collections:Counter", "collections:UserDict", "collections:ChainMap", "uuid:UUID"),
    *("decimal:Decimal", "fractions:Fraction", "datetime:date", "datetime:datetime"),
    *("datetime:timedelta", "datetime:timezone", "types:SimpleNamespace", "pathlib:PurePath"),
    *("copyreg:_reconstructor", "copyreg:__newobj__", "copyreg:__newobj_ex__", "array:array"),
    *("versionpickle:_make", "versionpickle:_member", "versionpickle:_rebuild"),
    *("versionpickle:_set_state", "versionpickle:_keep", "versionpickle:_revive"),
]
WHOLE = [
    stamp(pickles.ORDER),
    stamp(pickles.ORDER, 1, ("label",)),
    stamp(pickles.OPEN, 2, ("a",)),
    stamp(pickles.OPEN, 2, None),
    stamp(pickles.KEY, 1, ("parts",)),
    stamp(pickles.POINT, 1, ("*", "x", "y")),
    stamp(pickles.COLOUR, 1, None),
    stamp("hostile.models:Gone", 3, ("a", "b")),
    stamped(pickles.ORDER, 1, "a"),
    stamped(pickles.KEY, "a", version=1, fields=("parts",)),
    ref(pickles.PLAIN) + asm.EMPTY_TUPLE + asm.NEWOBJ,
    ref(pickles.OPEN) + asm.EMPTY_TUPLE + asm.NEWOBJ,
    asm.call("datetime:date", value(b"\x07\xe4\x01\x02")),
    asm.call("decimal:Decimal", value("1.5")),
    asm.call("collections:deque", asm.EMPTY_LIST),
    asm.call("versionpickle:_member", stamp(pickles.COLOUR, 1, None), value("RED")),
]
TAKE = {  # opcodes by what they take from the stack, and what they leave
    asm.TUPLE1: (1, 1),
    asm.TUPLE2: (2, 1),
    asm.TUPLE3: (3, 1),
    asm.REDUCE: (2, 1),
    asm.BUILD: (2, 1),
    asm.NEWOBJ: (2, 1),
    asm.NEWOBJ_EX: (3, 1),
    asm.APPEND: (2, 1),
    asm.SETITEM: (3, 1),
    asm.POP: (1, 0),
    asm.DUP: (1, 2),
    asm.MEMOIZE: (1, 1),
    b"\x93": (2, 1),
    b"Q": (1, 1),
    b"\x98": (1, 1),
}
TO_MARK = {  # by what stands before the mark
    asm.TUPLE: 0,
    b"l": 0,
    b"d": 0,
    asm.FROZENSET: 0,
    asm.OBJ: 0,
    asm.APPENDS: 1,
    asm.SETITEMS: 1,
    asm.ADDITEMS: 1,
    b"1": 0,
    b"ios\nsystem\n": 0,
}
ODD = [b"\x95" + bytes(8), asm.proto(2), b"\x82\x4d", b"Pid\n", b"\x97", b"\xff", b"c\n\n", b"0"]


class Program:
    """A pickle made opcode by opcode, most of which find on the stack what they take."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.code = [asm.proto(chance.choice((0, 2, 3, 4, 4, 4, 5)))]
        self.heights = [0]
        self.places = 0

    def made(self) -> bytes:
        for _ in range(self.chance.randrange(2, 40)):
            self.add()
        while len(self.heights) > 1:
            self.end(asm.TUPLE)
        if self.heights[0] > 1:
            self.code += [asm.TUPLE2] * (self.heights[0] - 1)
        return b"".join(self.code) + asm.STOP

    def add(self) -> None:
        chance = self.chance.random()
        height = self.heights[-1]
        if chance < 0.30:
            self.push(self.chance.choice(ATOMS))
        elif chance < 0.40:
            self.push(ref(self.chance.choice(NAMES)))
        elif chance < 0.50:
            self.push(self.chance.choice(WHOLE))
        elif chance < 0.56:
            self.code.append(asm.MARK)
            self.heights.append(0)
        elif chance < 0.64 and len(self.heights) > 1:
            fits = [op for op, before in TO_MARK.items() if before <= self.heights[-2]]
            self.end(self.chance.choice(fits))
        elif chance < 0.90:
            fits = [op for op, (takes, _) in TAKE.items() if takes <= height]
            if fits:
                opcode = self.chance.choice(fits)
                takes, leaves = TAKE[opcode]
                self.code.append(opcode)
                self.heights[-1] += leaves - takes
        elif chance < 0.94 and height:
            self.code.append(put(self.places))
            self.places += 1
        elif chance < 0.985 and self.places:
            self.push(asm.get(self.chance.randrange(self.places)))
        elif chance >= 0.985:
            self.code.append(self.chance.choice(ODD))

    def push(self, opcodes: bytes) -> None:
        self.code.append(opcodes)
        self.heights[-1] += 1

    def end(self, opcode: bytes) -> None:
        self.code.append(opcode)
        self.heights.pop()
        self.heights[-1] += opcode not in {asm.APPENDS, asm.SETITEMS, asm.ADDITEMS, b"1"}


GOOD = [
    *(file.read_bytes() for file in sorted(Path(__file__).parent.glob("goldens/*.pickle"))),
    *(hostile.data for hostile in pickles.PICKLES if len(hostile.data) < 1_000),
]
PIECES = [*ATOMS, *WHOLE, *TAKE, *TO_MARK, *ODD, *map(ref, NAMES), tuple_of(value(1)), asm.MARK]


def mutated(chance: random.Random) -> bytes:
    """A good pickle, or one of the hostile ones, with some bytes changed."""
    data = bytearray(chance.choice(GOOD))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 1, 2, 5, 20)))
        what = chance.randrange(6)
        if what == 0:
            data[start:end] = b""
        elif what == 1:
            data[start:start] = data[start:end]
        elif what == 2:
            data[start:start] = chance.choice(PIECES)
        elif what == 3:
            data[start:end] = chance.choice(PIECES)
        elif what == 4 and start < len(data):
            data[start] = chance.choice((data[start] ^ (1 << chance.randrange(8)), 0, 255, 127))
        elif what == 5:
            other = chance.choice(GOOD)
            cut = chance.randrange(len(other) + 1)
            data[start:] = other[cut:]
    return bytes(data)


def is_same(one: object, other: object) -> bool:
    """Whether two objects are the same all through; sets come in any order."""
    with contextlib.suppress(VersionPickleError):
        if versionpickle.dumps(one) == versionpickle.dumps(other):
            return True
    return sorted(shown(one)) == sorted(shown(other))


def shown(obj: object) -> str:
    try:
        return re.sub("0x[0-9a-f]+", "", repr(obj))
    except RecursionError:
        return "endless"


def problem(data: bytes) -> str:
    """What went wrong with one case; nothing, it is hoped."""
    allow = (models.Allowed, models.harmless)
    settings = {"allow": allow, "registry": None}
    with contextlib.suppress(VersionPickleError):
        versionpickle.inspect(data)
    try:
        found = versionpickle.loads(data, limits=LIMITS, **settings)
    except VersionPickleError:
        return ""
    try:
        same = versionpickle.loads(data, **settings)
    except Exception as exc:
        return f"let through, and by default {type(exc).__name__}: {exc}"
    if not is_same(found, same):
        return f"{shown(found)[:500]} and by default {shown(same)[:500]}"
    return "" if "spring" not in models.SPRUNG else "the trap was sprung"


def described(obj: object) -> str:
    return f"{type(obj).__name__}({vars(obj)})"


def run(seed: int) -> list[tuple[bytes, str]]:
    """Try a batch of cases, half of them with codes; return those that went wrong."""
    with models.extension_codes() if seed % 2 else contextlib.nullcontext():
        return tried(seed)


def tried(seed: int) -> list[tuple[bytes, str]]:
    chance = random.Random(seed)
    wrong = []
    for _ in range(BATCH):
        data = Program(chance).made() if chance.random() < 0.5 else mutated(chance)
        signal.alarm(HANGS_AFTER)  # which ends this process: what hangs in C hears no handler
        os.pwrite(LAST, len(data).to_bytes(8, "little") + data, 0)
        try:
            told = problem(data)
        except BaseException as exc:
            told = f"{type(exc).__name__}: {exc}"
        if told:
            wrong.append((data, told))
    signal.alarm(0)
    return wrong


LAST = -1
"""Where each process leaves the case that it tries."""


def prepare(folder: str) -> None:
    global LAST  # noqa: PLW0603 - one for each process
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.chdir(folder)
    LAST = os.open(f"case-{os.getpid()}", os.O_RDWR | os.O_CREAT)
    for cls in (models.Open, models.Plain, versionpickle.Placeholder):
        cls.__repr__ = described


def last(case: Path) -> bytes:
    told = case.read_bytes()
    return told[8 : 8 + int.from_bytes(told[:8], "little")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--cases", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=10**9)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    asked = parser.parse_args()
    end = time.monotonic() + asked.seconds
    done, wrong = 0, []
    folder = tempfile.mkdtemp()
    with concurrent.futures.ProcessPoolExecutor(
        2, initializer=prepare, initargs=(folder,)
    ) as workers:
        seeds = iter(range(asked.seed, asked.seed + max(1, asked.cases // BATCH)))
        running = {workers.submit(run, seed) for _, seed in zip(range(4), seeds, strict=False)}
        while running and len(wrong) < 20 and end:
            ready, running = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for batch in ready:
                if isinstance(batch.exception(), concurrent.futures.process.BrokenProcessPool):
                    wrong += [
                        (last(case), "a crash, or a hang") for case in Path(folder).iterdir()
                    ]
                    end = 0
                    break
                done += BATCH
                wrong += batch.result()
                seed = next(seeds, None) if time.monotonic() < end else None
                if seed is not None:
                    running.add(workers.submit(run, seed))
        workers.shutdown(cancel_futures=True)
    for data, told in wrong:
        print(told, data, sep="\n    ")
    print(f"{done:,} cases from seed {asked.seed}: {len(wrong)} went wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
