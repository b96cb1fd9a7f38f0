"""The hostile pickles: by part and name, what they are and how they are loaded."""

from __future__ import annotations

import pickle
import struct

import attrs

from hostile.assembler import (
    ADDITEMS,
    APPEND,
    APPENDS,
    BUILD,
    DUP,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    EMPTY_TUPLE,
    FROZENSET,
    MARK,
    MEMOIZE,
    NEWOBJ,
    NEWOBJ_EX,
    NONE,
    OBJ,
    POP,
    REDUCE,
    SETITEM,
    SETITEMS,
    STOP,
    TUPLE,
    TUPLE1,
    TUPLE2,
    TUPLE3,
    call,
    data,
    dict_of,
    frame,
    get,
    list_of,
    name,
    number,
    proto,
    put,
    ref,
    stack_name,
    stamp,
    stamped,
    text,
    tuple_of,
    value,
    whole,
)


@attrs.frozen
class Hostile:
    """One of them."""

    part: str
    title: str
    data: bytes = attrs.field(repr=False)
    allow: tuple[str, ...] = ()


PICKLES: list[Hostile] = []
PARTS = {
    "runs": "Code that would run",
    "states": "Tampered states and items",
    "bombs": "Bombs: few bytes, much memory or time",
    "parsers": "Bytes that parsers read differently",
    "versions": "False versions",
}


def hostile(part, title, *opcodes, allow=(), raw=None):
    PICKLES.append(Hostile(part, title, whole(*opcodes) if raw is None else raw, allow))


MODELS = "hostile.models"
ORDER, OPEN, KEY = f"{MODELS}:Order", f"{MODELS}:Open", f"{MODELS}:Key"
ITEMS, POINT, COLOUR, PLAIN = (f"{MODELS}:{n}" for n in ("Items", "Point", "Colour", "Plain"))
ALLOWED, HARMLESS, SPRING = (f"{MODELS}:{n}" for n in ("Allowed", "harmless", "spring"))
COMMAND = value("touch sprung")

# What runs

for target in ("os:system", "builtins:eval", "posix:system", SPRING):
    module, qualname = target.split(":")
    args = tuple_of(COMMAND)
    hostile("runs", f"GLOBAL {target}, REDUCE", ref(target) + args + REDUCE)
    hostile("runs", f"STACK_GLOBAL {target}", stack_name(module, qualname) + args + REDUCE)
    inst = pickle.INST + f"{module}\n{qualname}\n".encode()
    hostile("runs", f"INST {target}", MARK + COMMAND + inst)
    hostile("runs", f"OBJ {target}", MARK + ref(target) + COMMAND + OBJ)
    hostile("runs", f"NEWOBJ {target}", ref(target) + args + NEWOBJ)
    hostile("runs", f"NEWOBJ_EX {target}", ref(target) + args + EMPTY_DICT + NEWOBJ_EX)
for target in (
    "builtins:exec",
    "builtins:compile",
    "builtins:__import__",
    "builtins:open",
    "builtins:type",
    "builtins:setattr",
    "builtins:map",
    "subprocess:Popen",
    "importlib:import_module",
    "functools:partial",
    "operator:attrgetter",
    "types:FunctionType",
    "types:CodeType",
    "codecs:decode",
    "pickle:loads",
    "_pickle:loads",
    "versionpickle:loads",
    "versionpickle:allow",
    "versionpickle._pickles.load.unpickler:loads",
    "versionpickle._classes.reviving:revive_in",
    "__builtin__:eval",
    "__builtin__:apply",
    "commands:getoutput",
    "cPickle:loads",
    "copy_reg:__newobj__",
):
    hostile("runs", f"a call of {target}", call(target, COMMAND))
hostile("runs", "an import: antigravity", name("antigravity", "x"))
hostile("runs", "an import: a module of ours", name("hostile.side_effect", "models"))
hostile(
    "runs",
    "an import by a stamp",
    stamp("hostile.side_effect:Order") + EMPTY_TUPLE + REDUCE,
)
for dotted in (
    ("os", "path.os.system"),
    ("hostile.models", "Order.__init__.__globals__"),
    ("hostile.models", "versionpickle.exceptions.pickle.sys.modules"),
    ("versionpickle", "migrations.importlib.import_module"),
    ("datetime", "sys.modules"),
    ("builtins", "object.__subclasses__"),
    ("zoneinfo", "ZoneInfo.__class__"),
):
    hostile(
        "runs", f"the dotted name {':'.join(dotted)}", stack_name(*dotted) + EMPTY_TUPLE + REDUCE
    )
hostile("runs", "getattr of a method", call("builtins:getattr", ref(ORDER), text("__init__")))
hostile(
    "runs",
    "getattr of the subclasses of object",
    call("builtins:getattr", ref("builtins:object"), text("__subclasses__"))
    + EMPTY_TUPLE
    + REDUCE,
)
hostile(
    "runs",
    "getattr of a function's globals",
    call("builtins:getattr", ref("copyreg:_reconstructor"), text("__globals__")),
)
hostile(
    "runs",
    "getattr of the result of a call",
    call("builtins:getattr", call("datetime:date", data(b"\x07\xe4\x01\x02")), text("replace")),
)
for opcode, code in ((pickle.EXT1, bytes([77])), (pickle.EXT2, struct.pack("<H", 7777))):
    hostile("runs", f"extension {code.hex()}", opcode + code + tuple_of(COMMAND) + REDUCE)
hostile(
    "runs",
    "extension of 4 bytes",
    pickle.EXT4 + struct.pack("<i", 0x7F010203) + tuple_of(COMMAND) + REDUCE,
)
hostile("runs", "a persistent id as text", pickle.PERSID + b"os.system\n")
hostile("runs", "a persistent id as object", COMMAND + pickle.BINPERSID)
hostile(
    "runs",
    "a state setter that is not a setter",
    ref(SPRING) + tuple_of(stamped(ORDER, 1, "a"), EMPTY_DICT) + REDUCE,
)
hostile(
    "runs",
    "a state setter in the state of another class",
    stamp(OPEN, 2, None)
    + put(1)
    + EMPTY_TUPLE
    + REDUCE
    + tuple_of(get(1), dict_of(value("a"), value(1)), ref("builtins:list"))
    + BUILD,
)
hostile(
    "runs",
    "a constructor of a versioned class",
    ref(ORDER) + tuple_of(value(1), value("a")) + REDUCE,
)
hostile("runs", "a constructor by OBJ", MARK + ref(ORDER) + value(1) + value("a") + OBJ)
hostile(
    "runs", "_reconstructor of a function", call("copyreg:_reconstructor", ref(SPRING), NONE, NONE)
)
hostile(
    "runs",
    "_reconstructor with a base class of the pickle's choice",
    call("copyreg:_reconstructor", ref(ORDER), ref(ORDER), value(1)),
)
hostile(
    "runs",
    "_make with a function of the pickle's choice",
    call("versionpickle:_make", stamp(ORDER), ref("os:system"), tuple_of(COMMAND), EMPTY_DICT),
)
hostile(
    "runs",
    "_make with a value's factory",
    call(
        "versionpickle:_make",
        stamp(ORDER),
        ref("builtins:bytearray"),
        tuple_of(number(2**40)),
        EMPTY_DICT,
    ),
)
hostile(
    "runs",
    "_rebuild of a class without rebuild=",
    call("versionpickle:_rebuild", stamp(ORDER), EMPTY_TUPLE, NONE),
)
hostile(
    "runs",
    "_member of a class that is not an enum",
    call("versionpickle:_member", stamp(ORDER), text("RED")),
)
hostile(
    "runs",
    "_make without a stamp",
    call("versionpickle:_make", ref(ORDER), NONE, EMPTY_TUPLE, EMPTY_DICT),
)
hostile(
    "runs",
    "a call of the result of a call",
    call(HARMLESS) + EMPTY_TUPLE + REDUCE,
    allow=(HARMLESS,),
)
hostile("runs", "a call of a number", number(1) + EMPTY_TUPLE + REDUCE)
hostile("runs", "a call of an object", stamped(ORDER, 1, "a") + EMPTY_TUPLE + REDUCE)
hostile(
    "runs", "_codecs.encode to another encoding", call("_codecs:encode", text("a"), text("rot13"))
)
hostile(
    "runs",
    "a time zone outside its folder",
    call("builtins:getattr", ref("zoneinfo:ZoneInfo"), text("_unpickle"))
    + tuple_of(text("../../etc/passwd"), value(1))
    + REDUCE,
)

# States and items

for target in (ORDER, OPEN, PLAIN, "fractions:Fraction", "builtins:ValueError"):
    state = dict_of(text("numerator"), value(1))
    hostile("states", f"a state for the class {target.split(':')[1]}", ref(target) + state + BUILD)
hostile(
    "states",
    "a state for a function",
    ref("copyreg:_reconstructor") + dict_of(text("a"), value(1)) + BUILD,
)
hostile(
    "states", "slots of a class", ref(PLAIN) + tuple_of(NONE, dict_of(text("a"), value(1))) + BUILD
)
hostile("states", "a state for a stamp", stamp(ORDER) + EMPTY_DICT + BUILD)
for plain in (value(1), value("a"), value((1,)), EMPTY_LIST, EMPTY_DICT, EMPTY_SET, NONE):
    hostile("states", f"a state for {plain[:1]!r}", plain + dict_of(text("a"), value(1)) + BUILD)
for factory in (
    call("fractions:Fraction", text("1/2")),
    call("decimal:Decimal", text("1.5")),
    call("datetime:date", data(b"\x07\xe4\x01\x02")),
    call("builtins:complex", pickle.BINFLOAT + bytes(8), pickle.BINFLOAT + bytes(8)),
    call("builtins:range", value(3)),
):
    title = f"a state for {factory[1:].split(bytes([10]))[1].decode()}(...)"
    state = tuple_of(NONE, dict_of(text("_numerator"), value(7)))
    hostile("states", title, factory + state + BUILD)
unstamped = ref(PLAIN) + EMPTY_TUPLE + NEWOBJ
for dunder in ("__class__", "__dict__", "__reduce_ex__", "__len__", "__deepcopy__"):
    state = dict_of(text(dunder), ref(OPEN))
    hostile("states", f"{dunder} in an old state", unstamped + state + BUILD)
hostile(
    "states",
    "__reduce_ex__ in an old state of a subclass",
    ref(f"{MODELS}:Derived")
    + EMPTY_TUPLE
    + NEWOBJ
    + dict_of(text("__reduce_ex__"), value(1))
    + BUILD,
)
hostile(
    "states",
    "__class__ in slots",
    ref(ALLOWED)
    + EMPTY_TUPLE
    + NEWOBJ
    + tuple_of(NONE, dict_of(text("__class__"), ref(PLAIN)))
    + BUILD,
    allow=(ALLOWED,),
)
hostile(
    "states",
    "__class__ of an exception",
    call("builtins:ValueError") + dict_of(text("__class__"), ref("builtins:KeyError")) + BUILD,
)
hostile(
    "states",
    "__class__ of a namespace",
    call("types:SimpleNamespace") + dict_of(text("__class__"), ref(OPEN)) + BUILD,
)
hostile(
    "states",
    "__class__ as a field",
    stamp(OPEN, 2, ("__class__",))
    + put(1)
    + EMPTY_TUPLE
    + REDUCE
    + tuple_of(get(1), ref(PLAIN))
    + BUILD,
)
hostile(
    "states",
    "__class__ among further attributes",
    stamp(OPEN, 2, ("a",))
    + put(1)
    + EMPTY_TUPLE
    + REDUCE
    + tuple_of(get(1), value(1), dict_of(text("__reduce_ex__"), value(1)))
    + BUILD,
)
hostile(
    "states",
    "two states",
    stamped(ORDER, 1, "a") + tuple_of(get(900), value(2), value("b")) + BUILD,
)
hostile(
    "states",
    "two old states",
    unstamped + dict_of(text("a"), value(1)) + BUILD + dict_of(text("a"), value(2)) + BUILD,
)
hostile(
    "states",
    "two states of a UUID",
    ref("uuid:UUID")
    + EMPTY_TUPLE
    + NEWOBJ
    + dict_of(text("int"), value(1))
    + BUILD
    + dict_of(text("int"), value(2))
    + BUILD,
)
hostile("states", "no state", stamp(ORDER) + EMPTY_TUPLE + REDUCE)
hostile("states", "no state, in a list", EMPTY_LIST + stamp(ORDER) + EMPTY_TUPLE + REDUCE + APPEND)
hostile("states", "a UUID without its number", ref("uuid:UUID") + EMPTY_TUPLE + NEWOBJ)
hostile("states", "a Fraction without numbers", ref("fractions:Fraction") + EMPTY_TUPLE + NEWOBJ)
hostile(
    "states", "an address without a number", ref("ipaddress:IPv4Address") + EMPTY_TUPLE + NEWOBJ
)
hostile(
    "states",
    "a UserDict around a number",
    ref("collections:UserDict") + EMPTY_TUPLE + NEWOBJ + dict_of(text("data"), value(7)) + BUILD,
)
hostile(
    "states",
    "a UUID from a string",
    ref("uuid:UUID") + EMPTY_TUPLE + NEWOBJ + dict_of(text("int"), value("a")) + BUILD,
)
two = stamp(ORDER) + put(1) + POP + stamp(ORDER, 1, ("label",)) + put(2) + POP
hostile(
    "states",
    "the state of another version",
    two + get(1) + EMPTY_TUPLE + REDUCE + tuple_of(get(2), value("a")) + BUILD,
)
hostile(
    "states",
    "the stamp of another class in the state",
    stamp(KEY, 1, ("parts",))
    + put(1)
    + POP
    + stamp(ORDER)
    + EMPTY_TUPLE
    + REDUCE
    + tuple_of(get(1), value("a"))
    + BUILD,
)
hostile(
    "states",
    "a state without a stamp for a stamped object",
    stamp(ORDER) + EMPTY_TUPLE + REDUCE + dict_of(text("label"), value("a")) + BUILD,
)
hostile(
    "states",
    "a stamped state for an old object",
    stamp(OPEN, 2, ("a",))
    + put(1)
    + POP
    + ref(OPEN)
    + EMPTY_TUPLE
    + NEWOBJ
    + tuple_of(get(1), value(1))
    + BUILD,
)
hostile(
    "states",
    "_set_state on an object that has been used",
    stamped(ORDER, 1, "a", memo=1)
    + put(5)
    + POP
    + call("versionpickle:_set_state", get(5), tuple_of(get(1), value(2), value("b"))),
)
hostile(
    "states",
    "a list after it was packed",
    EMPTY_LIST + put(1) + TUPLE1 + put(2) + POP + get(1) + value(1) + APPEND + POP + get(2),
)
hostile(
    "states",
    "a dict after it became a state",
    unstamped
    + EMPTY_DICT
    + put(1)
    + BUILD
    + put(2)
    + POP
    + get(1)
    + text("__class__")
    + ref(OPEN)
    + SETITEM
    + POP
    + get(2),
)
hostile(
    "states",
    "a set after it was put into a list",
    EMPTY_LIST + EMPTY_SET + put(1) + APPEND + POP + get(1) + MARK + value(1) + ADDITEMS,
)
hostile(
    "states",
    "a list by a reference to it",
    EMPTY_LIST + put(1) + get(1) + value(1) + APPEND + APPEND,
)
hostile("states", "APPEND to a tuple", value((1,)) + value(1) + APPEND)
hostile("states", "APPEND to a string", value("a") + value(1) + APPEND)
hostile("states", "APPEND to a dict", EMPTY_DICT + value(1) + APPEND)
hostile("states", "APPEND to a set", EMPTY_SET + value(1) + APPEND)
hostile(
    "states", "APPEND to a bytearray", call("builtins:bytearray", data(b"a")) + value(1) + APPEND
)
hostile("states", "APPEND to an object without items", stamped(ORDER, 1, "a") + value(1) + APPEND)
hostile("states", "APPEND to a class", ref(ITEMS) + value(1) + APPEND)
hostile(
    "states",
    "APPEND to a namespace that holds a function",
    call("types:SimpleNamespace")
    + dict_of(text("append"), ref(HARMLESS))
    + BUILD
    + value(1)
    + APPEND,
    allow=(HARMLESS,),
)
hostile(
    "states",
    "APPENDS to an array",
    call("array:array", text("i"), list_of(value(1))) + MARK + value(1) + APPENDS,
)
hostile("states", "SETITEM in a list", EMPTY_LIST + value(0) + value(1) + SETITEM)
hostile(
    "states",
    "SETITEM in a bytearray",
    call("builtins:bytearray", data(b"a")) + value(0) + value(98) + SETITEM,
)
hostile(
    "states",
    "SETITEM in a namespace",
    call("types:SimpleNamespace") + text("a") + value(1) + SETITEM,
)
hostile("states", "SETITEMS in a class", ref(OPEN) + MARK + text("a") + value(1) + SETITEMS)
hostile("states", "ADDITEMS to a list", EMPTY_LIST + MARK + value(1) + ADDITEMS)
hostile(
    "states", "ADDITEMS to a frozenset", MARK + value(1) + FROZENSET + MARK + value(2) + ADDITEMS
)

# Bombs


def shared(depth):
    """A tuple of itself twice, and so on: 2**depth parts."""
    return EMPTY_TUPLE + (DUP + TUPLE2) * depth


KEY_OF_SHARED = shared(60)
hostile("bombs", "shared tuples as a key", EMPTY_DICT + KEY_OF_SHARED + value(1) + SETITEM)
hostile("bombs", "shared tuples in a set", EMPTY_SET + MARK + KEY_OF_SHARED + ADDITEMS)
hostile("bombs", "shared tuples in a frozenset", MARK + KEY_OF_SHARED + FROZENSET)
hostile(
    "bombs",
    "shared tuples in set([...])",
    call("builtins:set", EMPTY_LIST + KEY_OF_SHARED + APPEND),
)
hostile(
    "bombs",
    "shared tuples in an OrderedDict",
    call(
        "collections:OrderedDict",
        EMPTY_LIST + EMPTY_LIST + KEY_OF_SHARED + APPEND + NONE + APPEND + APPEND,
    ),
)
hostile(
    "bombs",
    "shared tuples in an object as a key",
    EMPTY_DICT
    + stamp(KEY, 1, ("parts",))
    + put(1)
    + EMPTY_TUPLE
    + REDUCE
    + MARK
    + get(1)
    + KEY_OF_SHARED
    + TUPLE
    + BUILD
    + value(1)
    + SETITEM,
)
hostile(
    "bombs",
    "shared tuples as the fields of a stamp",
    call("versionpickle:_revive", value(1), text(ORDER), value(3), KEY_OF_SHARED, EMPTY_TUPLE),
)
hostile(
    "bombs",
    "shared tuples as a version",
    call(
        "versionpickle:_revive",
        value(1),
        text(ORDER),
        KEY_OF_SHARED,
        value(("number",)),
        EMPTY_TUPLE,
    ),
)
hostile(
    "bombs",
    "shared tuples as the bases of a stamp",
    call(
        "versionpickle:_revive",
        value(1),
        text(ORDER),
        value(3),
        value(("number", "name")),
        KEY_OF_SHARED,
    ),
)
hostile(
    "bombs",
    "shared tuples as a class's name",
    call("versionpickle:_revive", value(1), KEY_OF_SHARED, value(3), NONE, EMPTY_TUPLE),
)
hostile(
    "bombs",
    "shared tuples as an enum's value",
    call("versionpickle:_member", stamp(COLOUR, 1, None), dict_of(text("value"), KEY_OF_SHARED)),
)
hostile(
    "bombs", "shared tuples as an old enum's value", ref(COLOUR) + KEY_OF_SHARED + TUPLE1 + REDUCE
)
hostile("bombs", "shared tuples as a persistent id", KEY_OF_SHARED + pickle.BINPERSID)
hostile("bombs", "a tuple 1,000,000 deep", EMPTY_TUPLE + TUPLE1 * 1_000_000)
hostile(
    "bombs",
    "a tuple 200,000 deep as a key",
    EMPTY_DICT + EMPTY_TUPLE + TUPLE1 * 200_000 + value(1) + SETITEM,
)
hostile("bombs", "lists 300,000 deep", EMPTY_LIST * 300_000 + APPEND * 299_999)
hostile(
    "bombs",
    "lists 300,000 deep, from within",
    EMPTY_LIST
    + put(0)
    + b"".join(POP + EMPTY_LIST + put(n + 1) + get(n) + APPEND for n in range(100_000)),
)
hostile(
    "bombs",
    "frozensets 100,000 deep",
    EMPTY_TUPLE + b"".join(MEMOIZE + POP + MARK + get(n) + FROZENSET for n in range(100_000)),
)
hostile("bombs", "750,000 marks", MARK * 750_000)
hostile("bombs", "memo place 2**32 - 1", value(1) + put(2**32 - 1))
hostile("bombs", "a memo place of 4,000 digits", value(1) + pickle.PUT + b"9" * 4_000 + b"\n")
hostile("bombs", "a memo place of 1,000,000 digits", pickle.GET + b"9" * 1_000_000 + b"\n")
hostile("bombs", "2,000,000 memo slots", NONE + MEMOIZE * 2_000_000)
for opcode, form in (
    (pickle.BINUNICODE, "<I"),
    (pickle.BINBYTES, "<I"),
    (pickle.BINUNICODE8, "<Q"),
    (pickle.BINBYTES8, "<Q"),
    (pickle.BYTEARRAY8, "<Q"),
):
    count = 2**31 if form == "<I" else 2**60
    hostile(
        "bombs", f"{opcode!r} announces {count} bytes", opcode + struct.pack(form, count) + b"a"
    )
for opcode in (pickle.LONG4, pickle.BINSTRING):
    hostile(
        "bombs", f"{opcode!r} announces 2**31 - 1 bytes", opcode + struct.pack("<i", 2**31 - 1)
    )
    hostile("bombs", f"{opcode!r} announces -1 bytes", opcode + struct.pack("<i", -1))
for opcode in (EMPTY_SET, EMPTY_DICT, EMPTY_LIST, MARK + FROZENSET, NONE + TUPLE1):
    hostile("bombs", f"1,500,000 times {opcode!r}", opcode * 1_500_000)
queue = ref("collections:deque") + put(1) + POP
hostile("bombs", "300,000 deques", queue + (get(1) + EMPTY_TUPLE + REDUCE) * 300_000)
zone = call("builtins:getattr", ref("zoneinfo:ZoneInfo"), text("_unpickle")) + put(1) + POP
zone += tuple_of(text("Europe/Berlin"), value(0)) + put(2) + POP
hostile("bombs", "100,000 zones", zone + (get(1) + get(2) + REDUCE + POP) * 100_000)
big = data(bytes(1_000_000)) + TUPLE1 + put(1) + POP + ref("builtins:bytearray") + put(2) + POP
hostile(
    "bombs",
    "1,000,000 bytes copied 1,000 times",
    big + EMPTY_LIST + (get(2) + get(1) + REDUCE + APPEND) * 1_000,
)
lists = (
    EMPTY_LIST
    + MARK
    + NONE * 100_000
    + APPENDS
    + TUPLE1
    + put(1)
    + POP
    + ref("builtins:list")
    + put(2)
    + POP
)
hostile(
    "bombs",
    "a list copied 10,000 times",
    lists + EMPTY_LIST + (get(2) + get(1) + REDUCE + APPEND) * 10_000,
)
PRIME = 2**61 - 1
colliding = [number(n * PRIME) for n in range(30_000)]
hostile(
    "bombs",
    "colliding ints as keys",
    EMPTY_DICT + MARK + b"".join(n + NONE for n in colliding) + SETITEMS,
)
hostile(
    "bombs",
    "colliding ints as keys, one by one",
    EMPTY_DICT + b"".join(n + NONE + SETITEM for n in colliding),
)
hostile("bombs", "colliding ints in a set", EMPTY_SET + MARK + b"".join(colliding) + ADDITEMS)
hostile("bombs", "colliding ints in a frozenset", MARK + b"".join(colliding) + FROZENSET)
hostile(
    "bombs",
    "colliding ints in set([...])",
    call("builtins:set", EMPTY_LIST + MARK + b"".join(colliding) + APPENDS),
)
hostile(
    "bombs",
    "colliding tuples",
    EMPTY_SET + MARK + b"".join(n + TUPLE1 for n in colliding) + ADDITEMS,
)
hostile(
    "bombs",
    "colliding Decimals",
    EMPTY_SET
    + MARK
    + b"".join(call("decimal:Decimal", text(str(n * PRIME))) for n in range(8_000))
    + ADDITEMS,
)
hostile(
    "bombs",
    "colliding objects",
    EMPTY_SET
    + MARK
    + stamp(KEY, 1, ("parts",))
    + put(1)
    + POP
    + b"".join(
        get(1) + EMPTY_TUPLE + REDUCE + get(1) + n + TUPLE2 + BUILD for n in colliding[:10_000]
    )
    + ADDITEMS,
)
hostile("bombs", "INT of 1,000,000 digits", pickle.INT + b"9" * 1_000_000 + b"\n")
hostile("bombs", "LONG of 1,000,000 digits", pickle.LONG + b"9" * 1_000_000 + b"L\n")
hostile(
    "bombs",
    "LONG4 of 1,000,000 bytes",
    pickle.LONG4 + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000,
)
hostile("bombs", "a string of 6,000,000 characters", text("a" * 6_000_000))
hostile("bombs", "more than 16 MiB", data(bytes(17 * 2**20)))
for title, factory in {
    "Fraction('1e20000000')": call("fractions:Fraction", text("1e20000000")),
    "Fraction of 2,000,000 digits": call("fractions:Fraction", text("1/" + "9" * 2_000_000)),
    "Decimal('1e999999999')": call("decimal:Decimal", text("1e999999999")),
    "Decimal of 2,000,000 digits": call("decimal:Decimal", text("9" * 2_000_000)),
    "bytearray(2**34)": call("builtins:bytearray", number(2**34)),
    "bytes(2**34)": call("builtins:bytes", number(2**34)),
    "list(range(10**9))": call("builtins:list", call("builtins:range", number(10**9))),
    "set(range(10**9))": call("builtins:set", call("builtins:range", number(10**9))),
    "deque(range(10**9))": call("collections:deque", call("builtins:range", number(10**9))),
    "Counter(range(10**9))": call("collections:Counter", call("builtins:range", number(10**9))),
    "array('q', range(10**9))": call(
        "array:array", text("q"), call("builtins:range", number(10**9))
    ),
    "int of a string": call("builtins:int", text("9" * 4_000_000)),
    "complex of a string": call("builtins:complex", text(" " * 4_000_000)),
}.items():
    hostile("bombs", title, factory)
hostile(
    "bombs",
    "100,000 placeholders of as many classes",
    EMPTY_LIST
    + MARK
    + b"".join(
        call("versionpickle:_keep", text(f"m:C{n}"), EMPTY_TUPLE, EMPTY_DICT)
        for n in range(100_000)
    )
    + APPENDS,
)
hostile(
    "bombs",
    "20,000 different stamps",
    EMPTY_LIST + MARK + b"".join(stamp(OPEN, 2, (f"a{n}",)) for n in range(20_000)) + APPENDS,
)
hostile("bombs", "8,000,000 times None, as a dict", MARK + NONE * 8_000_000 + pickle.DICT)
hostile("bombs", "8,000,000 times None, left on the stack", NONE * 8_000_000)
hostile("bombs", "1,600,000 short strings on the stack", b"\x8c\x02\xc4\x80" * 1_600_000)
hostile(
    "bombs",
    "17,000 paths of one long text",
    text("ab/" * 10_000) + put(0) + POP + ref("pathlib:PurePosixPath") + put(1) + POP,
    list_of((get(1) + get(0) + TUPLE1 + REDUCE) * 17_000),
)
hostile(
    "states",
    "an attribute in place of a method",
    ref(ALLOWED) + EMPTY_TUPLE + NEWOBJ,
    tuple_of(NONE, dict_of(text("append"), value(1))) + BUILD,
    allow=(ALLOWED,),
)

OF_TUPLE, OF_BYTES, OF_SET, OF_FROZENSET, OF_DICT, OWNED, HASHED, ADOPTED, SINGLE = (
    f"{MODELS}:{n}"
    for n in (
        *("OfTuple", "OfBytes", "OfSet", "OfFrozenset", "OfDict", "Owned", "Hashed", "Adopted"),
        "SINGLE",
    )
)
ERROR = call("builtins:ValueError", KEY_OF_SHARED)
RANGE = call("builtins:range", number(2 * 10**7))
hostile("runs", "an object that is asked for its name, before damaged bytes", ref(SINGLE), b"\xff")
for title, what in {"a tuple": KEY_OF_SHARED, "an exception": ERROR}.items():
    endless = f"an endless repr of {title}"
    hostile("bombs", f"{endless}: getattr", call("builtins:getattr", ref("datetime:date"), what))
    hostile("bombs", f"{endless}: getattr of it", call("builtins:getattr", what, text("x")))
    hostile("bombs", f"{endless}: a persistent id", what + pickle.BINPERSID)
    hostile(
        "bombs",
        f"{endless}: a version",
        call("versionpickle:_revive", value(1), text(ORDER), value(3), what, EMPTY_TUPLE),
    )
    hostile(
        "bombs",
        f"{endless}: a member",
        call("versionpickle:_member", stamp(COLOUR, 1, None), dict_of(text("value"), what)),
    )
    hostile("bombs", f"{endless}: an old member", ref(COLOUR) + what + TUPLE1 + REDUCE)
    hostile(
        "bombs",
        f"{endless}: a field",
        ref(ADOPTED) + EMPTY_TUPLE + NEWOBJ + dict_of(what, value(1)) + BUILD,
    )
bad = ref(ADOPTED) + EMPTY_TUPLE + NEWOBJ + dict_of(text("zz"), value(1)) + BUILD
keyed = stamp(KEY, 1, ("parts",)) + put(1) + EMPTY_TUPLE + REDUCE
keyed += MARK + get(1) + value(1) + TUPLE + BUILD
hostile(
    "bombs",
    "an endless repr: a path",
    EMPTY_DICT + keyed + KEY_OF_SHARED + TUPLE2 + bad + SETITEM,
)


def frozen(count, place):
    """Frozensets of frozensets, twice in each."""
    code = MARK + FROZENSET + put(place) + POP
    for n in range(place, place + count):
        code += MARK + get(n) + value(1) + TUPLE2 + get(n) + value(2) + TUPLE2 + FROZENSET
        code += put(n + 1) + POP
    return code, get(place + count)


(one, get_one), (other, get_other) = frozen(60, 0), frozen(60, 100)
hostile("bombs", "equal frozensets", one, other, EMPTY_SET, MARK, get_one, get_other, ADDITEMS)
hostile("bombs", "a frozenset as an old member", one, ref(COLOUR), get_one, TUPLE1, REDUCE)
long = text("a" * 2_000_000) + put(0) + POP + text("a" * 2_000_000) + put(1) + POP
many = MARK + get(0) * 100_000 + TUPLE + MARK + get(1) * 100_000 + TUPLE
hostile("bombs", "tuples of equal strings", long, EMPTY_SET, MARK, many, ADDITEMS)
hostile("bombs", "equal strings", long, EMPTY_SET, MARK, get(0), get(1) * 300_000, ADDITEMS)
hostile(
    "bombs",
    "a set that waits for a cycle",
    stamp(KEY, 1, ("parts",)) + put(1) + EMPTY_TUPLE + REDUCE + put(2) + MARK + get(1),
    call("builtins:set", list_of(KEY_OF_SHARED, get(2))) + TUPLE + BUILD,
)
for cls in (OF_SET, OF_FROZENSET):
    made = stamp(cls, 1, ()) + put(1) + tuple_of(list_of(KEY_OF_SHARED)) + REDUCE
    hostile("bombs", f"shared tuples in a stamped {cls}", made, get(1), TUPLE1, BUILD)
    made = tuple_of(stamp(cls, 1, ()) + put(1), NONE, tuple_of(list_of(KEY_OF_SHARED)), EMPTY_DICT)
    made = ref("versionpickle:_make") + made + REDUCE
    hostile("bombs", f"shared tuples in a made {cls}", made, get(1), TUPLE1, BUILD)
pairs = list_of(KEY_OF_SHARED + value(1) + TUPLE2)
hostile(
    "bombs",
    "shared tuples as keys in a state",
    stamp(OF_DICT, 1, ()) + put(1) + EMPTY_TUPLE + REDUCE,
    tuple_of(get(1), EMPTY_DICT, EMPTY_LIST, pairs),
    BUILD,
)
outer = stamp(KEY, 1, ("parts",)) + put(1) + EMPTY_TUPLE + REDUCE + put(2)
owned = stamp(OWNED, 1, ("number", "owner")) + put(3) + EMPTY_TUPLE + REDUCE
owned += MARK + get(3) + value(5) + get(2) + TUPLE + BUILD
hostile(
    "bombs",
    "a key whose hash costs more once its state is set",
    EMPTY_DICT + outer + MARK + get(1) + MARK + MARK + owned + FROZENSET,
    KEY_OF_SHARED + TUPLE + TUPLE + BUILD + value(1) + SETITEM,
)
hostile(
    "bombs",
    "a key whose hash uses its own list",
    EMPTY_DICT + stamp(HASHED, 1, ("parts",)) + put(1) + EMPTY_TUPLE + REDUCE,
    MARK + get(1) + list_of(KEY_OF_SHARED) + TUPLE + BUILD + value(1) + SETITEM,
)
hostile("bombs", "items in many lists", (EMPTY_LIST + MARK + NONE * 300_000 + APPENDS) * 6)
hostile("bombs", "tuples of many ints", (MARK + b"M\x00\x10" * 300_000 + TUPLE) * 5)
hostile("bombs", "500,000 unknown names", name("x", "y") + POP + (name("x", "y") + POP) * 500_000)
hostile(
    "bombs",
    "args of an exception",
    call("builtins:ValueError"),
    dict_of(text("args"), RANGE),
    BUILD,
)
hostile("bombs", "SyntaxError of a range", call("builtins:SyntaxError", text("x"), RANGE))
hostile("bombs", "ExceptionGroup of a range", call("builtins:ExceptionGroup", text("x"), RANGE))
for cls, arg in ((OF_TUPLE, RANGE), (OF_BYTES, number(5 * 10**8))):
    hostile(
        "bombs",
        f"{cls} of a number",
        stamp(cls, 1, ()) + put(1) + tuple_of(arg) + REDUCE,
        get(1) + TUPLE1 + BUILD,
    )
    hostile("bombs", f"{cls} of a number, unstamped", ref(cls) + tuple_of(arg) + NEWOBJ)
hostile(
    "bombs",
    "a path of 4,000,000 parts",
    text("ab/" * 1_300_000)
    + put(0)
    + POP
    + ref("pathlib:PurePosixPath")
    + MARK
    + get(0) * 3
    + TUPLE
    + REDUCE,
)
hostile(
    "bombs", "a stamp of 100,000 fields", stamp(OPEN, 2, tuple(f"a{n}" for n in range(100_000)))
)

for title, ordered in {
    "a state that is an OrderedDict": call(
        "collections:OrderedDict", list_of(list_of(text("__class__"), ref(OPEN)))
    ),
    "slots in an OrderedDict": tuple_of(
        NONE, call("collections:OrderedDict", list_of(list_of(text("__class__"), ref(PLAIN))))
    ),
    "slots in a named tuple": stamp(POINT, 1, ("*", "x", "y"))
    + tuple_of(NONE, dict_of(text("__class__"), ref(PLAIN)))
    + REDUCE,
}.items():
    hostile(
        "states", title, ref(ALLOWED) + EMPTY_TUPLE + NEWOBJ + ordered + BUILD, allow=(ALLOWED,)
    )
hostile(
    "states",
    "a stamp as the value of a field",
    stamp(ORDER) + put(1) + EMPTY_TUPLE + REDUCE + tuple_of(get(1), get(1), value("a")) + BUILD,
)

# Parsers

inner = value(1) + STOP
hostile("parsers", "a frame that ends within an opcode", frame(3) + text("abc"))
hostile("parsers", "a frame that is longer than the pickle", frame(1000) + value(1))
hostile(
    "parsers",
    "a frame within a frame",
    frame(20) + frame(5) + value(1) + POP + value(1) + POP + value(1),
)
hostile("parsers", "a frame of 2**63 bytes", frame(2**63) + value(1))
hostile("parsers", "a frame in protocol 2", raw=proto(2) + frame(6) + value(1) + STOP)
hostile(
    "parsers",
    "a second pickle after the end",
    raw=whole(value(1)) + whole(call("os:system", COMMAND)),
)
hostile("parsers", "bytes after the end", raw=whole(value(1)) + b"\0")
hostile("parsers", "no protocol announced", raw=frame(6) + value(1) + STOP)
hostile("parsers", "no protocol announced, MEMOIZE", raw=value(1) + MEMOIZE + STOP)
hostile("parsers", "protocol 6", raw=proto(6) + value(1) + STOP)
hostile("parsers", "a protocol announced in the middle", raw=proto(4) + value(1) + proto(2) + STOP)
hostile("parsers", "a protocol announced twice", raw=proto(2) + proto(4) + value(1) + STOP)
hostile("parsers", "bad UTF-8", raw=proto(4) + pickle.SHORT_BINUNICODE + b"\x02\xff\xfe" + STOP)
hostile(
    "parsers", "bad UTF-8 in a name", raw=proto(4) + pickle.GLOBAL + b"os\xff\nsystem\n" + STOP
)
hostile("parsers", "a name that is bytes", data(b"os") + data(b"system") + pickle.STACK_GLOBAL)
hostile("parsers", "a broken escape", raw=pickle.UNICODE + b"\\uZZ\n" + STOP)
hostile("parsers", "no end", raw=proto(4) + value(1))
hostile("parsers", "nothing at all", raw=b"")
hostile("parsers", "an end without an object", raw=proto(4) + STOP)
hostile("parsers", "objects left over", value(1) + value(2))
hostile("parsers", "a mark left over", MARK + value(1))
hostile("parsers", "TUPLE3 of two", value(1) + value(2) + TUPLE3)
hostile("parsers", "TUPLE without a mark", value(1) + TUPLE)
hostile("parsers", "APPENDS without a mark", EMPTY_LIST + value(1) + APPENDS)
hostile("parsers", "an odd number of keys and values", EMPTY_DICT + MARK + value(1) + SETITEMS)
hostile("parsers", "a memo place that is empty", get(5))
hostile("parsers", "a memo place that is used twice", value(1) + put(0) + POP + value(2) + put(0))
hostile("parsers", "MEMOIZE onto a place that is in use", value(1) + put(1) + MEMOIZE)
hostile("parsers", "an unknown opcode", b"\xff")
hostile("parsers", "DUP of nothing", DUP)
hostile("parsers", "POP of nothing", POP + value(1))
for line in (b"0x10", b"1_000", b" 1", b"010", b"1 ", b""):
    hostile("parsers", f"the int {line.decode()!r}", raw=pickle.INT + line + b"\n" + STOP)
for line in (b"1_0.5", b" 1.5", b""):
    hostile("parsers", f"the float {line.decode()!r}", raw=pickle.FLOAT + line + b"\n" + STOP)
for line in (b"abc", b"'abc", b"'abc\"", b"'"):
    hostile("parsers", f"the string {line.decode()}", raw=pickle.STRING + line + b"\n" + STOP)
hostile("parsers", "NEWOBJ of a number", value(1) + EMPTY_TUPLE + NEWOBJ)
hostile("parsers", "REDUCE with a list", ref("datetime:date") + EMPTY_LIST + REDUCE)
hostile("parsers", "BUILD of nothing", EMPTY_DICT + BUILD)
hostile("parsers", "a missing buffer", pickle.NEXT_BUFFER)
hostile("parsers", "a number as a buffer", value(1) + pickle.READONLY_BUFFER)
hostile("parsers", "a text file", raw=b"these are no bytes of a pickle\n")

# Versions

for version in (True, 0, -1, 2**63, 4, 1.0, "1", None):
    claim = stamped(ORDER, 1, "a", version=version) if version is not True else None
    hostile("versions", f"version {version!r}", claim or stamped(ORDER, 1, "a", version=True))
hostile("versions", "format 2", stamped(ORDER, 1, "a", format=2))
hostile("versions", "format True", stamped(ORDER, 1, "a", format=True))
hostile("versions", "another class's name", stamped(KEY, 1, "a", version=1))
hostile("versions", "a class that is not declared", stamped("hostile.models:Nobody", 1, "a"))
hostile("versions", "a class of the standard library", stamped("os:system", 1, "a"))
hostile(
    "versions",
    "the newest version claimed for an old state",
    stamped(ORDER, "a", fields=("label",)),
)
hostile(
    "versions", "an old version claimed for the newest state", stamped(ORDER, 1, "a", version=1)
)
hostile(
    "versions",
    "a field that the class never had",
    stamped(ORDER, 1, "a", "x", fields=("number", "name", "x")),
)
hostile("versions", "a field that is missing", stamped(ORDER, 1, fields=("number",)))
hostile("versions", "a field twice", stamped(ORDER, 1, 2, fields=("number", "number")))
hostile("versions", "a field that is not a string", stamped(ORDER, 1, 2, fields=(1, 2)))
hostile("versions", "fields that are a list", stamped(ORDER, 1, "a", fields=["number", "name"]))
hostile("versions", "fewer values than fields", stamped(ORDER, 1))
hostile("versions", "more values than fields", stamped(ORDER, 1, "a", 2, 3, 4))
hostile("versions", "a base that is not declared", stamped(ORDER, 1, "a", bases=(("m:Base", 1),)))
hostile("versions", "a base that it never had", stamped(ORDER, 1, "a", bases=((KEY, 1),)))
hostile("versions", "a base of version -1", stamped(ORDER, 1, "a", bases=((KEY, -1),)))
hostile(
    "versions",
    "fewer values than a named tuple has",
    stamp(POINT, 1, ("*", "x", "y")) + tuple_of(value(1)) + REDUCE,
)
hostile(
    "versions",
    "more values than a named tuple has",
    stamp(POINT, 1, ("*", "x", "y")) + tuple_of(value(1), value(2), value(3)) + REDUCE,
)
hostile(
    "versions",
    "a named tuple's stamp for another class",
    stamp(ORDER, 3, ("*", "number", "name")) + tuple_of(value(1)) + REDUCE,
)
hostile(
    "versions",
    "a member that the enum never had",
    call("versionpickle:_member", stamp(COLOUR, 1, None), text("BLUE")),
)
hostile(
    "versions",
    "a member named by bytes",
    call("versionpickle:_member", stamp(COLOUR, 1, None), data(b"RED")),
)
hostile(
    "versions",
    "too few arguments of a stamp",
    call("versionpickle:_revive", value(1), text(ORDER)),
)
