"""Bytes that are no pickle are called what they are, and strings of Python 2 too."""

from __future__ import annotations

import base64
import bz2
import datetime
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tempfile
import zipfile
import zlib

from pathlib import Path

import attrs
import joblib
import numpy as np
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, migration
from versionpickle._pickles.load.foreign_bytes import recognised
from versionpickle._pickles.rewrite.rewrite import Settings, upgrade
from versionpickle.exceptions import (
    DamagedError,
    EncodingError,
    ForbiddenError,
    NotAPickleError,
    UnpicklingError,
    UntrustedError,
)
from versionpickle.migrations import rename


PLAIN = pickle.dumps({"number": list(range(9))}, 4)


def zipped(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    return file.getvalue()


def by_joblib(**options):
    file = io.BytesIO()
    joblib.dump({"weights": np.arange(300)}, file, **options)
    return file.getvalue()


def saved():
    file = io.BytesIO()
    np.save(file, np.arange(3))
    return file.getvalue()


def database():
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (a)")
        return connection.serialize()


TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
FOREIGN = {
    "gzip": gzip.compress(PLAIN),
    "zlib": zlib.compress(PLAIN),
    "zlib, little": zlib.compress(PLAIN, 1),
    "bz2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN),
    "zstd": b"\x28\xb5\x2f\xfd rest",
    "lz4": b"\x04\x22\x4d\x18 rest",
    "base64": base64.b64encode(PLAIN),
    "base64, lines": base64.encodebytes(PLAIN * 9),
    "urlsafe_b64decode": base64.urlsafe_b64encode(b"\x80\x04\xfb\xff" + PLAIN),
    "gzip.*base64|base64": base64.b64encode(gzip.compress(PLAIN)),
    "zlib.decompress.base64": base64.b64encode(zlib.compress(PLAIN)),
    "zlib, of another window": zlib.compress(PLAIN, wbits=10),
    "lzma": lzma.compress(PLAIN, lzma.FORMAT_ALONE),
    "snappy": b"\xff\x06\x00\x00sNaPpY rest",
    "base64, of protocol 0": base64.b64encode(pickle.dumps([1, 2], 0)),
    "base64, of Python 2": base64.b64encode(b"S'caf\\xe9'\np0\n."),
    "base64 without padding": base64.b64encode(b"\x80\x04\xfb\xff" * 4).rstrip(b"="),
    "base64 without padding, urlsafe": base64.urlsafe_b64encode(PLAIN + b".").rstrip(b"="),
    "base32": base64.b32encode(PLAIN),
    "base85": base64.b85encode(PLAIN),
    "digits of PostgreSQL": b"\\x" + PLAIN.hex().encode(),
    "fromhex": PLAIN.hex().encode(),
    "joblib.load": by_joblib(),
    "joblib.load, compressed": by_joblib(compress=3),
    "JSON": json.dumps({"a": [1]}).encode(),
    "JSON, a list": b"[1, 2]",
    "JSON, with a mark": b'\xef\xbb\xbf{"a": 1}',
    "text": b"hello, world\n",
    "text, that begins as a pickle may": b"Name,Value\n1,2\n",
    "text, of any kind": "größer als\t0".encode(),
    "HDF5": b"\x89HDF\r\n\x1a\n rest",
    "numpy.load": saved(),
    "numpy.load, zipped": zipped("a.npy"),
    "torch.load": zipped("archive/data.pkl"),
    "torch.load, old": TORCH,
    "zip": zipped("a.txt"),
    "Parquet": b"PAR1 rest",
    "Arrow": b"ARROW1 rest",
    "ORC": b"ORC rest",
    "tar": bytes(257) + b"ustar rest",
    "PNG": b"\x89PNG\r\n\x1a\n rest",
    "JPEG": b"\xff\xd8\xff rest",
    "PDF": b"%PDF-1.4 \xff",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\n",
    "SQLite": database(),
}
LOOKS = {
    "loads": versionpickle.loads,
    "limits": lambda data: versionpickle.loads(data, limits=Limits()),
    "unsafe": lambda data: versionpickle.loads(data, unsafe=True),
    "load": lambda data: versionpickle.load(io.BytesIO(data)),
    "inspect": versionpickle.inspect,
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("look", ["loads", "limits", "inspect"])
def test_recognised(name, look):
    """The error says what the bytes are and how to read them, and of no damage."""
    if "old" in name and look == "inspect":  # which shows one pickle, and notes what follows
        return
    with pytest.raises(NotAPickleError, match=name.split(",")[0]) as caught:
        LOOKS[look](FOREIGN[name])

    assert "good copy" not in str(caught.value)
    assert isinstance(caught.value, DamagedError)
    assert caught.value.cure in str(caught.value)


@pytest.mark.parametrize("name", FOREIGN)
def test_upgrade(name):
    """What rewrites files says so too."""
    if "old" not in name:
        assert name.split(",")[0].split("|")[-1].split(".")[0] in (
            upgrade(FOREIGN[name], Settings()).failure.reason
        )


def test_load_from_a_file():
    """So does a load from an open file, and a plain one where it is a failure of ours."""
    with pytest.raises(NotAPickleError, match="gzip"):
        LOOKS["load"](FOREIGN["gzip"])
    with pytest.raises(pickle.UnpicklingError):
        LOOKS["unsafe"](FOREIGN["gzip"])


OTHERS = [
    b"",
    PLAIN[:-1],
    PLAIN + b"xx",
    b"x",
    b"x\x00",
    b"{not json",
    b"\x00\xff",
    b"hello\x00",
    b"gASV!",
    b"X\xc3" + PLAIN,
    b"gASVAAAA====",
    b"abc",
    b"SGVsbG8sIHdvcmxkIQ==",
    b"(I1\nabc",
    b"[" * 100_000,
]


@pytest.mark.parametrize("data", OTHERS, ids=lambda data: repr(data[:12]))
def test_not_recognised(data):
    """What may be a damaged pickle, or is like nothing, stays an error of any other kind."""
    with pytest.raises(UnpicklingError):
        versionpickle.loads(data)
    with pytest.raises(UnpicklingError):
        versionpickle.loads(data, limits=Limits())


@pytest.mark.parametrize("data", [PLAIN[:-1], b"x\x00", b"\x00\xff", b"(I1\nabc", b""])
def test_of_pickles(data):
    """A pickle that is cut is no other thing."""
    assert recognised(data) is None


def test_what_follows():
    """What follows after a pickle is not what the bytes are."""
    (damage,) = verified(PLAIN + FOREIGN["gzip"])

    assert "gzip" not in damage.problem


def verified(data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.pickle").write_bytes(data)
        with versionpickle.open_existing(f"dir:{folder}/*.pickle") as place:
            return place.verify().damages


@pytest.mark.parametrize("limits", [None, Limits()])
def test_name_of_joblib(limits):
    """A sound pickle that speaks of joblib, and names what is forbidden, is refused for that."""
    data = b"\x80\x02X\x13\x00\x00\x00joblib.numpy_pickle0cos\nsystem\n."
    with pytest.raises((ForbiddenError, UntrustedError)) as caught:
        versionpickle.loads(data, limits=limits)

    assert "os:system" in str(caught.value)


# Python 2

TEXT = b"\x80\x02U\x04caf\xe9q\x00."
DATE = b"cdatetime\ndate\np0\n(S'\\x07\\xe4\\x0c\\x1f'\np1\ntp2\nRp3\n."


@pytest.mark.parametrize("data", [TEXT, DATE], ids=["text", "date"])
@pytest.mark.parametrize("limits", [None, Limits()], ids=["safe", "limits"])
def test_text_of_python_2(data, limits):
    """A sound pickle of Python 2 is not called damaged; the error names the encoding."""
    found = {TEXT: "café", DATE: datetime.date(2020, 12, 31)}[data]
    with pytest.raises(EncodingError, match="encoding='latin1'") as caught:
        versionpickle.loads(data, limits=limits)

    assert "good copy" not in str(caught.value)
    assert caught.value.encoding == "ASCII"
    assert found == versionpickle.loads(data, encoding="latin1", limits=limits)


class Sensor:
    label = "none"


class Slotted:
    __slots__ = ("label",)


@attrs.frozen
class Frozen:
    label: object


class Own:
    def __setstate__(self, state):
        self.state = state


def old(cls, state):
    return b"\x80\x02c%s\n%s\n)\x81%sb." % (__name__.encode(), cls.__name__.encode(), state)


NAMED = b"}U\x05labelU\x04roofs"
PAIR = b"N" + NAMED + b"\x86"
STATES = {"plain": (Sensor, NAMED), "slots": (Slotted, PAIR), "attrs": (Frozen, NAMED)}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("limits", [None, Limits()], ids=["safe", "limits"])
@pytest.mark.parametrize("how", ["adopted", "allowed", "unsafe"])
def test_names_of_attributes(name, limits, how):
    """Strings of Python 2 may stay bytes; names of attributes become texts."""
    cls, state = STATES[name]
    registry = Registry("ours")
    options = {"registry": registry, "encoding": "bytes", "limits": limits}
    if how == "adopted":
        adopt(cls, registry=registry)
    elif how == "allowed":
        options["allow"] = [cls]
    elif limits is None:
        options["unsafe"] = True
    else:
        return
    sensor = versionpickle.loads(old(cls, state), **options)

    assert sensor.label == b"roof"
    assert {*getattr(sensor, "__dict__", ())} <= {"label"}


@pytest.mark.parametrize("limits", [None, Limits()], ids=["safe", "limits"])
def test_names_that_are_none(limits):
    """What is no name of an attribute is refused."""
    options = {"allow": [Sensor], "encoding": "bytes", "limits": limits}
    with pytest.raises(EncodingError, match="identifier"):
        versionpickle.loads(old(Sensor, b"}U\x05labe\xe9U\x04roofs"), **options)
    assert {1: b"roof"} == vars(versionpickle.loads(old(Sensor, b"}K\x01U\x04roofs"), **options))
    mixed = b"}(U\x05labelK\x01X\x01\x00\x00\x00aK\x02u"
    assert {"label": 1, "a": 2} == vars(versionpickle.loads(old(Sensor, mixed), **options))


def test_names_under_limits():
    """Names that change what an object is are refused as bytes as well."""
    state = b"}U\x09__class__U\x04roofs"
    with pytest.raises(UntrustedError, match="__class__"):
        versionpickle.loads(old(Sensor, state), allow=[Sensor], encoding="bytes", limits=Limits())


def test_own_way_to_read():
    """A class that reads its state itself gets it as it was written."""
    for registry in (Registry("ours"), Registry("theirs")):
        if registry.name == "ours":
            adopt(Own, registry=registry)
        loaded = versionpickle.loads(
            old(Own, NAMED), allow=[Own], encoding="bytes", registry=registry
        )

        assert loaded.state == {b"label": b"roof"}


def test_steps_see_texts():
    """A step reads the fields of old objects by their names."""
    registry = Registry("ours")
    adopt(Frozen, version=2, registry=registry)
    migration(Frozen, 1, rename("tag", "label"), registry=registry)
    data = old(Frozen, NAMED.replace(b"U\x05label", b"U\x03tag"))

    assert Frozen(b"roof") == versionpickle.loads(data, encoding="bytes", registry=registry)


def test_rebuilt_of_texts():
    """So does a function that makes an object of its state."""
    registry = Registry("ours")
    adopt(Frozen, rebuild=lambda args, state: Frozen(**state), registry=registry)
    loaded = versionpickle.loads(old(Frozen, NAMED), encoding="bytes", registry=registry)

    assert Frozen(b"roof") == loaded
