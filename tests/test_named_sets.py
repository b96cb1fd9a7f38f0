"""Named sets, and other names of what is admitted."""

from __future__ import annotations

import collections
import datetime
import functools
import itertools
import operator
import pickle
import string
import subprocess
import sys
import types
import warnings

import dateutil.tz
import numpy as np
import pandas as pd
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, allow, migration
from versionpickle._classes.named_sets import NAMED_SETS, cures_of
from versionpickle._pickles.rewrite.rewrite import Settings, upgrade
from versionpickle.exceptions import BuildError, DeclarationError, ForbiddenError
from versionpickle.migrations import add


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
DAYS = pd.date_range("2020-01-01", periods=3, freq="D")
TABLES = [
    pd.Series([1, 2], name="n"),
    pd.Series(["a", None]),
    pd.Series(["a", "b"], dtype="category"),
    pd.Series([1, None], dtype="Int64"),
    pd.Series([1.5, None], dtype="Float64"),
    pd.Series([True, None], dtype="boolean"),
    pd.Series(pd.arrays.SparseArray([0, 1])),
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, None]}),
    pd.DataFrame({"day": DAYS.tz_localize("Europe/Berlin")}, index=DAYS),
]
INDEXES = [
    *(pd.Index([1, 2]), pd.Index(["a"]), pd.RangeIndex(3), DAYS, DAYS.tz_localize("UTC")),
    pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]),
    *(DAYS.to_period("M"), pd.timedelta_range("1h", periods=2), pd.CategoricalIndex(["a"])),
    pd.IntervalIndex.from_breaks([1, 2, 3]),
]
MOMENTS = [
    *(pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"), pd.Timedelta("1h")),
    *(pd.Period("2020-01", "M"), pd.Interval(1, 2), pd.offsets.MonthEnd(2), pd.DateOffset(days=1)),
]


def shown(obj):
    return type(obj), repr(obj), getattr(obj, "dtype", None), getattr(obj, "freq", None)


@pytest.fixture
def pandas_allowed():
    registry = Registry("ours")
    allow("pandas", registry=registry)
    return registry


@pytest.mark.parametrize("obj", [*TABLES, *INDEXES, *MOMENTS], ids=lambda obj: type(obj).__name__)
def test_pandas(obj, pandas_allowed):
    """One name lets all of pandas' tables, indexes and moments in."""
    for protocol in PROTOCOLS:
        try:
            data = pickle.dumps(obj, protocol)
            plain = pickle.loads(data)
        except TypeError:  # pandas itself does not write it, or not read it, by that protocol
            continue
        for options in ({"registry": pandas_allowed}, {"allow": ["pandas"]}):
            assert shown(plain) == shown(versionpickle.loads(data, **options))
            assert shown(plain) == shown(versionpickle.loads(data, limits=Limits(), **options))


def called(ref, *args):
    """A pickle of protocol 2 that calls what may be gone."""
    module, name = ref.split(":")
    return b"\x80\x02c%s\n%s\n" % (module.encode(), name.encode()) + (
        pickle.dumps(args, 2)[2:-1] + b"R."
    )


def test_names_that_pandas_has_left(pandas_allowed):
    """What older pandas called otherwise means what its own reader makes of it."""
    zone, year = datetime.UTC, 1577836800000000000
    data = called("pandas._libs.tslibs.timestamps:Timestamp", year, None, zone)
    naive = called("pandas._libs.tslibs.timestamps:Timestamp", year, "D", None)
    parts = called("pandas._libs.tslibs.timestamps:Timestamp", 2020, 1, 2)
    index = called("pandas.core.indexes.numeric:Int64Index", [1, 2])
    load = functools.partial(versionpickle.loads, registry=pandas_allowed)

    assert pd.Timestamp("2020", tz=zone) == load(data)
    assert pd.Timestamp("2020") == load(naive)
    assert pd.Timestamp(2020, 1, 2) == load(parts)
    assert [1, 2] == [*load(index)]


def test_numpy_generators():
    """The set of numpy lets its random generators in."""
    for generator in (np.random.default_rng(1), np.random.RandomState(1), np.random.PCG64(1)):
        for protocol in PROTOCOLS:
            data = pickle.dumps(generator, protocol)
            back = versionpickle.loads(data, allow=["numpy"])

            assert type(back) is type(generator)
            assert repr(pickle.loads(data)).split(" at")[0] == repr(back).split(" at")[0]


@pytest.mark.parametrize(
    "zone",
    [dateutil.tz.tzutc(), dateutil.tz.tzoffset("x", 3600), dateutil.tz.gettz("Europe/Berlin")],
    ids=str,
)
def test_zones(zone):
    """The set of zones lets those of dateutil in."""
    moment = datetime.datetime(2020, 1, 1, tzinfo=zone)
    for protocol in PROTOCOLS:
        assert moment == versionpickle.loads(pickle.dumps(moment, protocol), allow=["zones"])


ITERATORS = {
    "list": lambda: iter([1, 2]),
    "dict": lambda: iter({1: 2, 3: 4}),
    "text": lambda: iter("ab"),
    "range": lambda: iter(range(3)),
    "reversed": lambda: reversed([1, 2]),
    "enumerate": lambda: enumerate("ab"),
    "zip": lambda: zip([1], [2], strict=False),
    "deque": lambda: iter(collections.deque([1, 2])),
}


@pytest.mark.parametrize("name", ITERATORS)
def test_iterators(name):
    """The set of iterators lets them in, where they are."""
    for protocol in PROTOCOLS:
        iterator = ITERATORS[name]()
        next(iterator)
        data = pickle.dumps(iterator, protocol)

        assert [*pickle.loads(data)] == [*versionpickle.loads(data, allow=["iterators"])]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="these cannot be pickled any more")
def test_itertools():
    """So do those of itertools, as long as Python pickles them."""
    for make in (lambda: itertools.count(3), lambda: itertools.chain([1], [2])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pickle.dumps(make())
            back = versionpickle.loads(data, allow=["iterators"])

        assert next(make()) == next(back)


def test_partial():
    """A partial is let in by its set, and what it calls by its own name."""
    data = pickle.dumps(functools.partial(pow, 2))

    assert 8 == versionpickle.loads(data, allow=["partial", pow])(3)
    with pytest.raises(ForbiddenError, match=r"allow\('builtins:pow'\)"):
        versionpickle.loads(data, allow=["partial"])


def test_every_set_is_in_the_documents():
    """`allow` and the page on loading name them all."""
    for name in NAMED_SETS:
        assert f'"{name}"' in allow.__doc__


@pytest.mark.parametrize("given", ["nunpy", "os"])
def test_no_such_set(given):
    """A name without a colon is a set, or an error that lists them."""
    with pytest.raises(DeclarationError, match="'iterators', 'numpy', 'pandas'"):
        allow(given, registry=Registry("ours"))


class Maker:
    def __call__(self):
        """Is never called."""


@pytest.mark.parametrize(
    "given", [functools.partial(print), operator.itemgetter(1), Maker()], ids=repr
)
def test_nameless(given):
    """What has no name of its own cannot be named in a pickle."""
    with pytest.raises(DeclarationError, match=type(given).__name__):
        allow(given, registry=Registry("ours"))


def test_cures():
    """An error names the smallest sets that hold what is refused, and the rest by name."""
    assert ("numpy",) == cures_of(["numpy:ndarray", "numpy:dtype"])
    assert ("pandas",) == cures_of(["numpy:ndarray", "pandas:Series"])
    assert ("zones", "shop:Order") == cures_of(["shop:Order", "pytz:_p"])

    data = pickle.dumps([pd.Series([1]), string.Template("")])
    with pytest.raises(ForbiddenError) as caught:
        versionpickle.loads(data)
    assert ("pandas", "string:Template") == caught.value.cures
    assert pickle.loads(pickle.dumps(caught.value)).cures == caught.value.cures
    assert "allow('pandas', 'string:Template')" in str(caught.value)
    with pytest.raises(ForbiddenError, match=r"allow\('pandas', 'string:Template'\)"):
        versionpickle.loads(data, limits=Limits())


# Other names of what is admitted


class Order:
    def __init__(self):
        self.number = 1


class Other:
    pass


def make(number):
    order = Order()
    order.number = number
    return order


@pytest.fixture
def old_module(monkeypatch):
    """A module that is imported, and still holds what has moved out of it."""
    module = types.ModuleType("old_orders")
    module.Order, module.make, module.number = Order, make, 1
    monkeypatch.setitem(sys.modules, "old_orders", module)
    return b"old_orders"


def renamed(obj, protocol, old):
    data = pickle.dumps(obj, min(protocol, 3))
    return data.replace(__name__.encode(), old)


@pytest.mark.parametrize("options", [{}, {"limits": Limits()}], ids=["safe", "limits"])
@pytest.mark.parametrize("protocol", range(4))
class TestOtherName:
    def test_allowed(self, protocol, options, old_module):
        """What is allowed is found under each name that leads to it."""
        data = renamed([Order(), make], protocol, old_module)
        for allowed in ([Order, make], [f"{__name__}:Order", f"{__name__}:make"]):
            order, function = versionpickle.loads(data, allow=allowed, **options)

            assert (type(order), order.number, function) == (Order, 1, make)
        with pytest.raises(ForbiddenError, match="old_orders:Order"):
            versionpickle.loads(data, allow=[Other, "gone:Order", "old_orders:gone"], **options)

    def test_allowed_by_the_other_name(self, protocol, options, old_module):
        """Also where the name that was allowed is the old one."""
        data = pickle.dumps([Order(), make], protocol)
        allowed = ["old_orders:Order", "old_orders:make"]

        assert versionpickle.loads(data, allow=allowed, **options)[1] is make

    def test_adopted(self, protocol, options, old_module):
        """Old objects under another name of a versioned class take its steps."""
        registry = Registry("ours")
        adopt(Order, version=2, registry=registry)
        migration(Order, 1, add("currency", "EUR"), registry=registry)
        data = renamed([Order()], protocol, old_module)
        (order,) = versionpickle.loads(data, registry=registry, **options)

        assert vars(order) == {"number": 1, "currency": "EUR"}
        assert versionpickle.inspect(data, registry=registry).classes[0].ref == "old_orders:Order"
        assert upgrade(data, Settings(registry=registry)).manifest.claims[0].version == 2

    def test_other_things(self, protocol, options, old_module):
        """What is neither a class nor a function, or is not admitted, has no other name."""
        data = b"\x80\x02cold_orders\nnumber\n."
        with pytest.raises(ForbiddenError):
            versionpickle.loads(data, allow=[Order], **options)


def test_stale_label(old_module):
    """A record that names the class by another name is stale."""
    registry = Registry("ours")
    adopt(Order, registry=registry)
    label = versionpickle._pickles.rewrite.manifest.Manifest(made=["old_orders:Order"])

    assert label.is_stale(registry)
    assert not label.is_stale(Registry("others"))


def test_values_by_another_name():
    """Value types are known by other names too, and are as guarded as ever."""
    data = b"\x80\x02c_collections\nOrderedDict\n)R."

    assert {} == versionpickle.loads(data)
    with pytest.raises(BuildError, match="latin1"):
        versionpickle.loads(
            b"\x80\x02ccodecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R."
        )


def test_names_of_python_2():
    """An error names what Python 3 calls it, and allow() takes either name."""
    data = b"\x80\x02curlparse\nSplitResult\n(" + b"X\x01\x00\x00\x00a" * 5 + b"t\x81."
    with pytest.raises(ForbiddenError) as caught:
        versionpickle.loads(data)

    assert caught.value.refs == ("urllib.parse:SplitResult",)
    for name in ("urllib.parse:SplitResult", "urlparse:SplitResult"):
        assert versionpickle.loads(data, allow=[name]).scheme == "a"


def test_unsafe_knows_old_names():
    """Plain trust knows the names of value types that this Python has no module for."""
    data = b"\x80\x04\x8c\x0epathlib._local\x8c\x0dPurePosixPath\x93\x8c\x01/\x85R."

    assert "/" == str(versionpickle.loads(data, unsafe=True))
    with pytest.raises(ModuleNotFoundError):
        versionpickle.loads(b"cno_such_module\nThing\n.", unsafe=True)


def test_advice_of_inspect():
    """What is there and no class is to be allowed, not adopted."""
    data = called(f"{__name__}:make", 1)[:-1] + b"}b."
    report = versionpickle.inspect(data, registry=Registry("ours"))

    assert report.refused == ((f"{__name__}:make", f"versionpickle.allow('{__name__}:make')"),)
    gone = versionpickle.inspect(data.replace(b"make", b"gone"), registry=Registry("ours"))
    assert gone.refused[0][1] == f"versionpickle.adopt('{__name__}:gone')"


def test_command_line(tmp_path):
    """Commands take sets as well."""
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(pd.Series([1])))
    command = [sys.executable, "-m", "versionpickle", "upgrade", "--allow", "pandas", "a.pickle"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
