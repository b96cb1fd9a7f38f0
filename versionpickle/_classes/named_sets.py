"""The sets of names that `allow` knows by a short name: ``allow("numpy")``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from versionpickle.exceptions import DeclarationError


def _refs(modules: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_each(modules))


def _each(modules: Mapping[str, str]) -> Iterator[str]:
    for module, names in modules.items():
        yield from (f"{module}:{name}" for name in names.split())


NUMPY_CORES = ("numpy._core.", "numpy.core.")
"""What numpy 2 and numpy 1 call the same modules, in pickles of either."""

NUMPY_CLASSES = _refs(
    {
        "numpy": (
            "bool bool_ byte bytes_ cdouble clongdouble complex128 complex192 complex256 "
            "complex64 csingle datetime64 double dtype float128 float16 float32 float64 float96 "
            "half int16 int32 int64 int8 int_ intc intp long longdouble longlong matrix ndarray "
            "object_ recarray record short single str_ timedelta64 ubyte uint uint16 uint32 "
            "uint64 uint8 uintc uintp ulong ulonglong ushort void"
        ),
        "numpy.dtypes": (
            "BoolDType ByteDType BytesDType CLongDoubleDType Complex128DType Complex64DType "
            "DateTime64DType Float16DType Float32DType Float64DType Int16DType Int32DType "
            "Int64DType Int8DType IntDType LongDType LongDoubleDType LongLongDType ObjectDType "
            "ShortDType StrDType TimeDelta64DType UByteDType UInt16DType UInt32DType UInt64DType "
            "UInt8DType UIntDType ULongDType ULongLongDType UShortDType VoidDType"
        ),
        "numpy.ma": "MaskedArray",
        "numpy.ma.core": "MaskedArray",
        "numpy.matrixlib.defmatrix": "matrix",
        "numpy.rec": "recarray",
    }
)
"""The classes of numpy's values."""

NUMPY_FUNCTIONS = _refs(
    {"numpy.ma.core": "_mareconstruct"}
    | {f"{core}multiarray": "_reconstruct scalar" for core in NUMPY_CORES}
    | {f"{core}numeric": "_frombuffer" for core in NUMPY_CORES}
)
"""What makes them, in pickles."""

_NUMPY_RANDOM = _refs(
    {
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._sfc64": "SFC64",
        "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    }
)

_NUMPY_OTHERS = _refs(
    {
        "numpy": "chararray",
        "numpy.char": "chararray",
        "numpy._core._internal": "_convert_to_stringdtype_kwargs",
        "numpy.ma.core": "MaskedConstant mvoid",
    }
)
"""What is rare, and made only where it is allowed."""

_PANDAS = _refs(
    {
        "pandas": (
            "BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DateOffset "
            "DatetimeIndex DatetimeTZDtype Flags Float32Dtype Float64Dtype Index Int16Dtype "
            "Int32Dtype Int64Dtype Int8Dtype Interval IntervalDtype IntervalIndex MultiIndex NA "
            "NaT Period PeriodDtype PeriodIndex RangeIndex Series SparseDtype StringDtype "
            "Timedelta TimedeltaIndex Timestamp UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype"
        ),
        "pandas._libs.arrays": "NDArrayBacked __pyx_unpickle_NDArrayBacked",
        "pandas._libs.internals": "BlockPlacement _unpickle_block",
        "pandas._libs.interval": "Interval",
        "pandas._libs.missing": "NA NAType",
        "pandas._libs.sparse": "BlockIndex IntIndex",
        "pandas._libs.tslibs.nattype": "__nat_unpickle _nat_unpickle",
        "pandas._libs.tslibs.offsets": (
            "BDay BMonthBegin BMonthEnd BQuarterBegin BQuarterEnd BYearBegin BYearEnd BusinessDay "
            "BusinessHour BusinessMonthBegin BusinessMonthEnd CBMonthBegin CBMonthEnd CDay "
            "CustomBusinessDay CustomBusinessHour CustomBusinessMonthBegin CustomBusinessMonthEnd "
            "DateOffset Day Easter FY5253 FY5253Quarter Hour LastWeekOfMonth Micro Milli Minute "
            "MonthBegin MonthEnd Nano QuarterBegin QuarterEnd Second SemiMonthBegin SemiMonthEnd "
            "Tick Week WeekOfMonth YearBegin YearEnd"
        ),
        "pandas._libs.tslibs.period": "Period",
        "pandas._libs.tslibs.timedeltas": "Timedelta _timedelta_unpickle",
        "pandas._libs.tslibs.timestamps": "Timestamp _unpickle_timestamp",
        "pandas.arrays": (
            "ArrowStringArray BooleanArray DatetimeArray FloatingArray IntegerArray "
            "IntervalArray NumpyExtensionArray PeriodArray SparseArray StringArray TimedeltaArray"
        ),
        "pandas.core.arrays.boolean": "BooleanArray BooleanDtype",
        "pandas.core.arrays.categorical": "Categorical",
        "pandas.core.arrays.datetimes": "DatetimeArray",
        "pandas.core.arrays.floating": "Float32Dtype Float64Dtype FloatingArray",
        "pandas.core.arrays.integer": (
            "Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntegerArray UInt16Dtype UInt32Dtype "
            "UInt64Dtype UInt8Dtype"
        ),
        "pandas.core.arrays.interval": "IntervalArray",
        "pandas.core.arrays.numpy_": "NumpyExtensionArray",
        "pandas.core.arrays.period": "PeriodArray",
        "pandas.core.arrays.sparse.array": "SparseArray",
        "pandas.core.arrays.sparse.dtype": "SparseDtype",
        "pandas.core.arrays.string_": "StringArray StringDtype",
        "pandas.core.arrays.timedeltas": "TimedeltaArray",
        "pandas.core.dtypes.dtypes": (
            "CategoricalDtype DatetimeTZDtype IntervalDtype NumpyEADtype PeriodDtype SparseDtype"
        ),
        "pandas.core.flags": "Flags",
        "pandas.core.frame": "DataFrame",
        "pandas.core.indexes.base": "Index _new_Index",
        "pandas.core.indexes.category": "CategoricalIndex",
        "pandas.core.indexes.datetimes": "DatetimeIndex _new_DatetimeIndex",
        "pandas.core.indexes.frozen": "FrozenList",
        "pandas.core.indexes.interval": "IntervalIndex _new_IntervalIndex",
        "pandas.core.indexes.multi": "MultiIndex",
        "pandas.core.indexes.numeric": "Float64Index Int64Index UInt64Index",
        "pandas.core.indexes.period": "PeriodIndex _new_PeriodIndex",
        "pandas.core.indexes.range": "RangeIndex",
        "pandas.core.indexes.timedeltas": "TimedeltaIndex _new_TimedeltaIndex",
        "pandas.core.internals.blocks": "new_block",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
        "pandas.core.series": "Series",
        "dateutil.relativedelta": "relativedelta",
    }
)
MOVED = {
    "pandas._libs.tslibs.nattype:__nat_unpickle": "pandas._libs.tslibs.nattype:_nat_unpickle",
    "pandas.core.arrays.sparse.dtype:SparseDtype": "pandas:SparseDtype",
    "pandas.core.indexes.numeric:Float64Index": "pandas:Index",
    "pandas.core.indexes.numeric:Int64Index": "pandas:Index",
    "pandas.core.indexes.numeric:UInt64Index": "pandas:Index",
    "pandas.core.internals.blocks:new_block": "pandas._libs.internals:_unpickle_block",
}
"""What pandas itself reads under names that are gone."""

_ZONES = _refs(
    {
        "datetime": "tzinfo",
        "dateutil.tz._tzfile": "_unpickle tzfile",
        "dateutil.tz.tz": "tzfile tzlocal tzoffset tzrange tzstr tzutc",
        "dateutil.zoneinfo": "tzfile",
        "pytz": "FixedOffset UTC _UTC _p",
    }
)

_ITERATORS = _refs(
    {
        "_collections": "_deque_iterator _deque_reverse_iterator",
        "builtins": "enumerate filter iter map reversed zip",
        "itertools": (
            "_grouper _tee _tee_dataobject accumulate chain combinations "
            "combinations_with_replacement compress count cycle dropwhile filterfalse groupby "
            "islice permutations product repeat starmap takewhile zip_longest"
        ),
    }
)

NAMED_SETS = {
    "iterators": _ITERATORS,
    "numpy": (*NUMPY_CLASSES, *NUMPY_FUNCTIONS, *_NUMPY_OTHERS, *_NUMPY_RANDOM),
    "pandas": (*_PANDAS, *NUMPY_CLASSES, *NUMPY_FUNCTIONS),
    "partial": ("functools:partial",),
    "zones": _ZONES,
}
"""
What each set holds.

``"numpy"`` lets a load import numpy for its arrays, scalars, dtypes and generators, and
``"pandas"`` lets it make tables, series, indexes and what they contain.
``"zones"`` are the time zones of dateutil and pytz, ``"partial"`` is `functools.partial`,
and ``"iterators"`` are those of the standard library.
"""


def refs_of_set(name: str) -> tuple[str, ...]:
    """Return the refs of a named set."""
    try:
        return NAMED_SETS[name]
    except KeyError:
        sets = ", ".join(map(repr, NAMED_SETS))
        raise DeclarationError(
            repr(name),
            "this is not a class reference, nor a named set",
            f"write a ref as 'package.module:Class', or name one of the sets: {sets}",
        ) from None


def cures_of(refs: Iterable[str]) -> tuple[str, ...]:
    """
    Return what to allow so that *refs* are admitted: sets, and refs that are in none.

    >>> cures_of(["numpy:dtype", "pandas:Series", "shop:Order"])
    ('pandas', 'shop:Order')
    """
    cures: list[str] = []
    left = {*refs}
    while left and (name := min(NAMED_SETS, key=lambda name: _rank(name, left))):
        if left.isdisjoint(NAMED_SETS[name]):
            break
        cures.append(name)
        left -= {*NAMED_SETS[name]}
    return (*cures, *sorted(left))


def _rank(name: str, wanted: set[str]) -> tuple[int, int]:
    """Put first the set that holds most of these, and nothing else if possible."""
    held = NAMED_SETS[name]
    return -len(wanted.intersection(held)), len(held)
