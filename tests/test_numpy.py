"""numpy's arrays, scalars and dtypes are values of every load, with limits and without."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import versionpickle

from versionpickle import Limits
from versionpickle.exceptions import ForbiddenError, UntrustedError


ALIGNED = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"]}, align=True)
DTYPES = [
    *("?", "i1", "u2", ">i4", "i8", "e", "f4", ">f8", "g", "c8", "c16"),
    *("S3", "U4", ">U2", "V5", "O", "M8", "M8[ns]", ">M8[25s]", "m8[D]", "S", "U", "V"),
    [("a", "i4"), ("b", "O")],
    [("a", "i4", (2, 3)), ("b", ">f8")],
    [(("title", "a"), "i4"), ("b", [("c", "U2")])],
    (np.record, [("a", "i4")]),
    ("i4", (2,)),
    ALIGNED,
    {"names": ["b", "a"], "formats": ["i2", "i1"], "offsets": [2, 0], "itemsize": 8},
    np.dtype("f8", metadata={"unit": "m"}),
]
MASKED = np.ma.array([1, 2], mask=[0, 1], fill_value=7)
ARRAYS = [
    np.arange(3),
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    np.arange(9)[::2],
    np.zeros((0, 4)),
    np.zeros(()),
    np.array(["a", "bc"]),
    np.array([b"a", b""]),
    np.array(["a", None, 2, [3]], object),
    np.array([(1, "x"), (2, None)], dtype="i4,O"),
    np.array([(1, 2.5)], dtype="i4,f8"),
    np.array(["2020-01-01", "NaT"], "M8[D]"),
    np.arange(3, dtype=">i4"),
    np.zeros(3, "V0"),
    np.array([[1, 2]]).view(np.matrix),
    np.rec.array([(1, 2)]),
    MASKED,
    np.ma.array([(1, 2)], mask=[(0, 1)], dtype="i4,f8"),
]
SCALARS = [
    *(np.float64(2.5), np.int8(1), np.bool_(True), np.complex64(1j), np.longdouble(0.5)),
    *(np.str_("text"), np.bytes_(b"b"), np.datetime64("2020-01-01"), np.timedelta64(3, "h")),
    *(np.void(b"abc"), np.array([(1, 2)], "i4,f8")[0], np.array([(1, "x")], "i4,O")[0]),
    np.rec.array([(1, 2)])[0],
]
WAYS = [{}, {"limits": Limits()}, {"unsafe": True}]


def shown(obj):
    """What tells arrays apart, where == makes an array."""
    return type(obj), obj.dtype, obj.shape, repr(obj)


def written(obj):
    """Yield pickles of all protocols, with both of the names that numpy's modules have had."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the metadata of dtypes
            data = pickle.dumps(obj, protocol)
        yield data
        if protocol < 4:  # where no length is written before the names
            yield data.replace(b"numpy._core", b"numpy.core")


@pytest.mark.parametrize("options", WAYS, ids=["safe", "limits", "unsafe"])
class TestRoundTrip:
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_dtypes(self, dtype, options):
        """Dtypes come back, with their order, fields, places, titles and units."""
        dtype = np.dtype(dtype)
        for data in written([dtype, dtype]):
            back, again = versionpickle.loads(data, **options)

            assert back is again
            assert dtype == back
            assert (repr(dtype), dtype.__reduce__()) == (repr(back), back.__reduce__())

    @pytest.mark.parametrize("array", ARRAYS, ids=repr)
    def test_arrays(self, array, options):
        """So do arrays, as plain pickle has them."""
        for data in written(array):
            assert shown(pickle.loads(data)) == shown(versionpickle.loads(data, **options))

    @pytest.mark.parametrize("scalar", SCALARS, ids=repr)
    def test_scalars(self, scalar, options):
        """So do scalars."""
        for data in written([scalar, scalar]):
            back = versionpickle.loads(data, **options)

            assert [shown(scalar)] * 2 == [*map(shown, back)]

    def test_keys(self, options):
        """Scalars are found as keys."""
        known = {np.float64(2.5): 1, np.str_("a"): 2}
        for data in written(known):
            assert known == versionpickle.loads(data, **options)


@pytest.mark.parametrize("options", WAYS, ids=["safe", "limits", "unsafe"])
def test_buffers(options):
    """What stands outside of the pickle is not copied."""
    array, buffers = np.arange(4), []
    data = pickle.dumps(array, 5, buffer_callback=buffers.append)
    back = versionpickle.loads(data, buffers=buffers, **options)

    assert np.shares_memory(array, back)


@pytest.mark.parametrize("options", WAYS, ids=["safe", "limits", "unsafe"])
def test_cycle(options):
    """An array of objects may lead back to itself."""
    array = np.empty(1, object)
    array[0] = [array]
    back = versionpickle.loads(pickle.dumps(array), **options)

    assert back[0][0] is back


RARE = [
    np.ma.masked,
    np.ma.array([(1, 2)], mask=[(0, 1)], dtype="i4,f8")[0],
    np.char.array(["a", "b"]),
]
if hasattr(np.dtypes, "StringDType"):  # since numpy 2
    RARE += [
        np.array(["a", "bc"], np.dtypes.StringDType()),
        np.array(["a", None], np.dtypes.StringDType(na_object=None)),
    ]


@pytest.mark.parametrize("options", WAYS[:2], ids=["safe", "limits"])
@pytest.mark.parametrize("array", RARE, ids=repr)
def test_rare(array, options):
    """What is rare is made where numpy is allowed, which is what the error asks for."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(array, protocol)
        with pytest.raises(ForbiddenError, match=r"allow\('numpy'\)"):
            versionpickle.loads(data, **options)
        back = versionpickle.loads(data, allow=["numpy"], **options)

        assert shown(pickle.loads(data)) == shown(back)


@pytest.mark.parametrize("obj", [np.poly1d([1]), np.char.array(["a"])], ids=repr)
def test_inspected(obj):
    """No class of numpy's is to be adopted: each object of the process would be stamped."""
    report = str(versionpickle.inspect(pickle.dumps(obj)))

    assert "versionpickle.allow('numpy" in report
    assert "adopt" not in report


# What no pickler writes


class Call:
    """Pickles as a call, and with a state, of anybody's choice."""

    def __init__(self, function, *args, state=None):
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.parts


CORE = np._core.multiarray
F8, V16 = np.dtype("f8"), np.dtype("V16")
POINTS = np.dtype([("x", "f8"), ("y", "f8")])
PAIRS = np.dtype([("x", "i4"), ("y", "O")])
PART = np.dtype(("i4", (2,)))
BEGUN = (CORE._reconstruct, np.ndarray, (0,), b"b")


def described(code, *parts, order="|"):
    return Call(np.dtype, code, False, True, state=(3, order, *parts))


def filled(*state):
    return Call(*BEGUN, state=state)


def timed(*metadata):
    return Call(
        np.dtype, "M8", False, True, state=(4, "<", None, None, None, -1, -1, 0, *metadata)
    )


HUGE = {
    "shape": Call(CORE._reconstruct, np.ndarray, (2**33,), b"b"),
    "shape of a matrix": Call(CORE._reconstruct, np.matrix, (2**20, 2**13), b"b"),
    "shape masked": Call(np.ma.core._mareconstruct, np.ma.MaskedArray, np.ndarray, (2**33,), "b"),
    "class": Call(CORE._reconstruct, dict, (0,), b"b"),
    "no class": Call(CORE._reconstruct, 1, (0,), b"b"),
    "code": Call(CORE._reconstruct, np.ndarray, (0,), b"V2000000000"),
    "few": Call(CORE._reconstruct, np.ndarray, (0,)),
    "called": Call(np.ndarray, (2**33,)),
    "objects": filled(1, (2**30,), np.dtype("O"), False, []),
    "too few objects": filled(1, (2,), np.dtype("O"), False, [1]),
    "text": filled(1, (2**30,), np.dtype("U4"), False, b""),
    "nothing": filled(1, (2**40,), np.dtype("V0"), False, b""),
    "negative": filled(1, (-1,), F8, False, b""),
    "old state": filled((1,), F8, False, b"12345678"),
    "version": filled(2, (1,), F8, False, b"12345678"),
    "order": filled(1, (1,), F8, "yes", b"12345678"),
    "no state": Call(*BEGUN, state={"a": 1}),
    "rows": filled(1, (1,), PAIRS, False, [[1, 2]]),
    "long row": filled(1, (1,), PAIRS, False, [(1, 2, 3)]),
    "row of rows": filled(1, (1,), PAIRS, False, [((1, 2), 2)]),
    "parts of rows": filled(1, (1,), np.dtype([("x", "O", (2,))]), False, [([1, 2],)]),
    "mask": Call(
        *(np.ma.core._mareconstruct, np.ma.MaskedArray, np.ndarray, (0,), "b"),
        state=(1, (1,), F8, False, b"12345678", b"", None),
    ),
    "fill": Call(
        *(np.ma.core._mareconstruct, np.ma.MaskedArray, np.ndarray, (0,), "b"),
        state=(1, (1,), F8, False, b"12345678", b"1", [1]),
    ),
    "masked state": Call(
        *(np.ma.core._mareconstruct, np.ma.MaskedArray, np.ndarray, (0,), "b"), state=(1,)
    ),
    "scalar of nothing": Call(CORE.scalar, np.dtype("V2000000000")),
    "scalar": Call(CORE.scalar, F8, b"1"),
    "scalar of no dtype": Call(CORE.scalar, 1, b"1"),
    "object": Call(CORE.scalar, np.dtype("O"), 1),
    "row of others": Call(CORE.scalar, PAIRS, np.zeros((), "f8")),
    "rows of one": Call(CORE.scalar, PAIRS, np.zeros(1, PAIRS)),
    "buffer": Call(np._core.numeric._frombuffer, b"1234", F8, (2**30,), "C"),
    "no buffer": Call(np._core.numeric._frombuffer, [], F8, (0,), "C"),
    "buffer order": Call(np._core.numeric._frombuffer, b"12345678", F8, (1,), "A"),
    "buffer axes": Call(np._core.numeric._frombuffer, b"12345678", F8, (1,), "K", (1,)),
    "buffer shape": Call(np._core.numeric._frombuffer, b"12345678", F8, (-1,), "C"),
    "buffer of nothing": Call(np._core.numeric._frombuffer, b"", np.dtype("V0"), (2**40,), "C"),
    "buffer of objects": Call(np._core.numeric._frombuffer, b"12345678", np.dtype("O"), (1,), "C"),
    "dtype of itself": Call(np.dtype, "f8", False, False),
    "dtype aligned": Call(np.dtype, "f8", 5, True),
    "dtype of texts": Call(np.dtype, "f8,f8", False, True),
    "dtype of a class": Call(np.dtype, dict, False, True),
    "dtype alone": Call(np.dtype, "f8"),
    "dtype with a dict": Call(np.dtype, "f8", False, True, state={}),
    "dtype order": described("f8", None, None, None, -1, -1, 0, order="?"),
    "dtype size": described("V16", None, None, None, 8, 1, 0),
    "dtype texts": described("V16", None, None, None, "8", 1, 0),
    "dtype number": described("f8", None, ("a",), {"a": (F8, 0)}, 8, 1, 0, order="<"),
    "dtype version": Call(
        np.dtype, "f8", False, True, state=(7, "<", None, None, None, -1, -1, 0)
    ),
    "metadata": Call(
        np.dtype, "f8", False, True, state=(4, "<", None, None, None, -1, -1, 0, [1])
    ),
    "field beyond": described("V16", None, ("x",), {"x": (F8, 12)}, 16, 1, 16),
    "field before": described("V16", None, ("x",), {"x": (F8, -8)}, 16, 1, 16),
    "field unnamed": described("V16", None, ("x",), {"y": (F8, 0)}, 16, 1, 16),
    "field twice": described("V16", None, ("x",), {"x": (F8, 0), "y": (F8, 0)}, 16, 1, 16),
    "field of nothing": described("V16", None, ("x",), {"x": (np.dtype("V0"), 0)}, 16, 1, 16),
    "field of no dtype": described("V16", None, ("x",), {"x": ("f8", 0)}, 16, 1, 16),
    "fields of a list": described("V16", None, ["x"], {"x": (F8, 0)}, 16, 1, 16),
    "hidden objects": described("V8", None, ("x",), {"x": (np.dtype("O"), 0)}, 8, 1, 0),
    "false objects": described("V8", None, None, None, 8, 1, 63),
    "part": described("V8", (F8, (2**30,)), None, None, 8, 4, 0),
    "part of no dtype": described("V8", ("f8", (1,)), None, None, 8, 4, 0),
    "part with fields": described("V8", (F8, (1,)), ("x",), {"x": (F8, 0)}, 8, 8, 0),
    "no unit": timed(),
    "unit": timed(({}, (b"parsec", 1, 1, 1))),
    "unit of two": timed(({}, (b"s", 1, 2, 1))),
    "unit of a list": timed(({}, [b"s", 1, 1, 1])),
    "unit of none": timed(({},)),
}


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("name", HUGE)
def test_hostile(name, protocol):
    """What asks for more than it brings, or lies to numpy about its bytes, is refused."""
    data = pickle.dumps([HUGE[name]], protocol)

    with pytest.raises(UntrustedError):
        versionpickle.loads(data, limits=Limits())


@pytest.mark.parametrize("name", ["shape", "shape of a matrix", "shape masked", "few"])
def test_begun_with_items(name):
    """Without limits, no array is allocated before its bytes are there."""
    with pytest.raises(versionpickle.exceptions.BuildError):
        versionpickle.loads(pickle.dumps(HUGE[name]))


def test_python_2():
    """Python 2 wrote the texts of dtypes as bytes, and false and true as numbers."""
    data = b"\x80\x02cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNN"
    data += 2 * b"J\xff\xff\xff\xff" + b"K\x00tb."

    for options in WAYS[:2]:
        for encoding in ("ASCII", "latin1", "bytes"):
            assert versionpickle.loads(data, encoding=encoding, **options) == np.dtype("f8")


WITHOUT_NUMPY = """
import sys, versionpickle
data = bytes.fromhex(sys.argv[1])
try:
    versionpickle.loads(data)
except versionpickle.exceptions.ForbiddenError as error:
    print(error)
assert "numpy" not in sys.modules
print(versionpickle.inspect(data))
assert "numpy" not in sys.modules
versionpickle.allow("numpy")
print(versionpickle.loads(data), versionpickle.loads(data, limits=versionpickle.Limits()))
"""


def test_not_imported():
    """A load imports nothing on the word of a pickle; the error names what lets it."""
    data = pickle.dumps(np.arange(3), 4)
    command = [sys.executable, "-c", WITHOUT_NUMPY, data.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "versionpickle.allow('numpy')" in done.stdout
    assert "refused numpy:ndarray: versionpickle.allow('numpy')" in done.stdout
    assert "[0 1 2] [0 1 2]" in done.stdout
