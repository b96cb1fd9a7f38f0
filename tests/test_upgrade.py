"""`versionpickle upgrade` writes pickle files anew with the classes of today."""

from __future__ import annotations

import collections
import contextlib
import datetime
import errno
import io
import os
import pickle
import pickletools
import pty
import random
import signal
import stat
import subprocess
import sys
import time

from pathlib import Path

import golden_models as models
import pytest

from click.testing import CliRunner
from shops import configure, shop_in

import versionpickle

from versionpickle import Registry, versioned
from versionpickle._cli.main import main
from versionpickle._cli.output import console
from versionpickle._cli.upgrade import _with_progress
from versionpickle._pickles.rewrite.rewrite import Settings, protocol_of, upgrade


OLD = """
@versioned(name="{module}.order")
@attrs.define
class Order:
    number: int
    total: object

@versioned
@attrs.define
class Line:
    text: str

class Plain:
    pass

@versioned
class Base: ...
class Derived(Base): ...
"""
NEW = """
@versioned(version=3, name="{module}.order")
@attrs.define
class Order:
    number: int
    amount: object

migration(Order, 1, rename("total", "amount"))

@migration(Order, 2)
def checked(state):
    if state["amount"] == "stop":
        raise KeyboardInterrupt
    if state["amount"] == "bad":
        raise ValueError("no good")
    return state

@versioned
@attrs.define
class Line:
    text: str

@versioned(formerly="{module}:Plain")
class Item: ...

@versioned(version=2)
class Base: ...
class Derived(Base): ...
migration(Base, 1, add("more", 1))

class Turncoat:
    def __init__(self, number):
        self.number = number
    def __reduce__(self):
        return Turncoat, (-self.number,)

alias("{module}:Turn", Turncoat)
"""


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as shop:
        configure(shop, OLD)
        yield shop


@pytest.fixture
def old(shop):
    """Return what makes an object of a class, until the classes are today's."""
    shop.run("doctor")  # imports the module
    return lambda name, *arguments: getattr(sys.modules[shop.module], name)(*arguments)


def today(shop):
    configure(shop, NEW)
    shop.forget()


def dump(path, *objects, protocol=4):
    path.write_bytes(b"".join(pickle.dumps(obj, protocol) for obj in objects))
    return path


class TestFiles:
    """Each file is replaced as a whole, or left alone."""

    def test_upgraded(self, shop, old):
        """A file is told with its classes, versions and today's."""
        path = dump(shop.folder / "o.pickle", [old("Order", 1, 5), old("Order", 2, 6)])
        today(shop)

        told = shop.run("upgrade", path)

        assert told == (
            f"{path}: upgraded\n"
            f"  {shop.module}.order version 1 -> 3, 2 objects\n"
            "1 upgraded, 0 current\n"
        )
        first, _ = pickle.loads(path.read_bytes())
        assert (first.number, first.amount) == (1, 5)
        assert versionpickle.inspect(path.read_bytes()).classes[0].version == 3

    def test_twice(self, shop, old):
        """A second run changes nothing."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, old("Plain")), old("Derived"))
        today(shop)
        shop.run("upgrade", path)
        before, written = path.read_bytes(), path.stat()

        assert shop.run("upgrade", path) == "0 upgraded, 1 current\n"
        assert (before, written.st_ino) == (path.read_bytes(), path.stat().st_ino)

    def test_former_name(self, shop, old):
        """What has another name today is told as that, also where no version is known."""
        path = dump(shop.folder / "o.pickle", type(old("Plain")))
        today(shop)

        assert f"  {shop.module}:Plain unstamped, which has another" in shop.run("upgrade", path)

    def test_dry_run(self, shop, old):
        """With --dry-run, all is tried and told with the steps, and nothing written."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5))
        bad = dump(shop.folder / "bad.pickle", old("Order", 1, "bad"))
        before = path.read_bytes()
        today(shop)

        told = shop.run("upgrade", "--dry-run", "--backup", ".bak", path, bad, status=1)

        assert f"{path}: would be upgraded\n" in told
        assert f"    step 1 -> 2 of {shop.module}:Order (rename('total', 'amount'))\n" in told
        assert "1 would be upgraded, 0 current, 1 failed and left as before" in told
        assert before == path.read_bytes()
        assert sorted(shop.folder.glob("*.pickle*")) == [bad, path]

    def test_failures(self, shop, old):
        """What fails is a row with class, version, step and reason, and the others go on."""
        bad = dump(shop.folder / "bad.pickle", old("Order", 1, "bad"))
        good = dump(shop.folder / "good.pickle", old("Order", 1, 5))
        text = shop.folder / "text.pickle"
        text.write_text("text")
        before = bad.read_bytes()
        today(shop)

        told = shop.run("upgrade", bad, text, shop.folder / "none", good, status=1)

        rows = {line.split()[0]: line for line in told.splitlines()}
        assert rows[str(bad)].split()[1:3] == [f"{shop.module}:Order", "1"]
        assert f"step 2 -> 3 of {shop.module}:Order (checked)" in rows[str(bad)]
        assert "no good" in rows[str(bad)]
        assert "not one complete pickle" in rows[str(text)]
        assert "No such file or directory" in rows[str(shop.folder / "none")]
        assert before == bad.read_bytes()
        assert versionpickle.inspect(good.read_bytes()).classes[0].version == 3

    def test_mode_and_link(self, shop, old):
        """The file behind a link is replaced, and keeps its mode."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5))
        path.chmod(0o640)
        link = shop.folder / "link"
        link.symlink_to(path)
        today(shop)

        shop.run("upgrade", link)

        assert link.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert versionpickle.inspect(path.read_bytes()).classes[0].version == 3

    @pytest.mark.parametrize("backup", [(), ("--backup", ".bak")])
    def test_changed_meanwhile(self, shop, old, backup):
        """A file that is written while it is upgraded keeps what was written."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5))
        today(shop)
        writing = f'__import__("pathlib").Path({str(path)!r}).write_text("more")'
        shop.change(("    return state", f"    {writing}\n    return state"))

        told = shop.run("upgrade", *backup, path, status=1)

        assert "another program has changed it meanwhile" in told
        assert path.read_text() == "more"
        assert not Path(f"{path}.bak").exists()


class TestBackups:
    """`--backup`."""

    def test_a_folder_that_does_not_reach_the_disk(self, shop, path, monkeypatch):
        """The file is replaced already: its backup is all there is of what was before."""
        before = path.read_bytes()
        real = os.fsync

        def fsync(number):
            if stat.S_ISDIR(os.fstat(number).st_mode):
                raise OSError(errno.EIO, "Input/output error")
            real(number)

        monkeypatch.setattr(os, "fsync", fsync)

        shop.run("upgrade", "--backup", ".bak", path, status=1)

        assert before == Path(f"{path}.bak").read_bytes() != path.read_bytes()

    def test_no_file(self, shop, path):
        """A pipe that is called like a pickle is none."""
        os.mkfifo(shop.folder / "pipe.pickle")

        assert "1 upgraded" in shop.run("upgrade", "--recursive", shop.folder)

    @pytest.fixture
    def path(self, shop, old):
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5))
        path.chmod(0o600)
        today(shop)
        return path

    def test_kept(self, shop, path):
        """The bytes of before stand beside the file, with its mode."""
        before = path.read_bytes()

        shop.run("upgrade", "--backup", ".bak", path)

        kept = Path(f"{path}.bak")
        assert before == kept.read_bytes() != path.read_bytes()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    def test_never_overwritten(self, shop, path):
        """Another backup stays, and so does the file."""
        kept = Path(f"{path}.bak")
        kept.write_text("precious")
        before = path.read_bytes()

        told = shop.run("upgrade", "--backup", ".bak", path, status=1)

        assert "there is another backup already" in told
        assert ("precious", before) == (kept.read_text(), path.read_bytes())

    def test_of_a_stopped_run(self, shop, path):
        """One that holds the same is taken as it is: an earlier run was stopped behind it."""
        kept = Path(f"{path}.bak")
        os.link(path, kept)
        before = path.read_bytes()

        shop.run("upgrade", "--backup", ".bak", path)

        assert before == kept.read_bytes() != path.read_bytes()

    def test_no_path(self, shop, path):
        """A suffix is no path."""
        assert "cannot end the name of a file" in shop.run(
            "upgrade", "--backup", "x/y", path, status=2
        )


class TestFolders:
    """Folders are taken with --recursive."""

    def test_refused(self, shop):
        """And else refused, before anything is done."""
        told = shop.run("upgrade", shop.folder, status=2)

        assert "this is a folder; pass --recursive to include all pickles in it" in told

    def test_recursive(self, shop, old):
        """Pickles in folders below are found by how they are called."""
        (shop.folder / "a" / "b").mkdir(parents=True)
        paths = [
            dump(shop.folder / "a" / name, old("Order", 1, 5))
            for name in ("x.pickle", "b/y.pkl", "b/z.bin")
        ]
        today(shop)

        told = shop.run("upgrade", "--recursive", shop.folder)

        versions = [versionpickle.inspect(path.read_bytes()).classes[0].version for path in paths]
        assert versions == [3, 3, 1]
        assert "2 upgraded, 0 current" in told

    @pytest.mark.usefixtures("alone")
    def test_samples(self, shop):
        """Samples stay as the code of their version wrote them, also when they are named."""
        shop.run("record")
        samples = {path: path.read_bytes() for path in shop.folder.rglob("1-*.pickle")}
        today(shop)

        assert shop.run("upgrade", "--recursive", shop.folder) == "0 upgraded, 0 current\n"
        told = shop.run("upgrade", *samples, status=1)
        assert "samples must stay as the code of their version wrote them" in told
        assert samples == {path: path.read_bytes() for path in samples}


class TestSettings:
    """What else may be said."""

    def test_without_a_project(self, shop, old):
        """Outside of a project, --import names the modules."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5))
        today(shop)
        (shop.folder / "pyproject.toml").unlink()

        assert "import the module that declares it" in shop.run("upgrade", path, status=1)
        assert "1 upgraded" in shop.run("upgrade", "--import", shop.module, path)

    def test_allow(self, shop, old):
        """--allow admits a name for this run."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, subprocess.Popen))
        today(shop)

        assert "subprocess:Popen" in shop.run("upgrade", path, status=1)
        assert "1 upgraded" in shop.run("upgrade", "--allow", "subprocess:Popen", path)
        assert "not a class reference" in shop.run("upgrade", "--allow", "x", path, status=2)

    @pytest.mark.parametrize("protocol", range(6))
    def test_protocol(self, shop, old, protocol):
        """The protocol stays, unless another one is given."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5), protocol=protocol)
        again = dump(shop.folder / "p.pickle", old("Order", 1, 5), protocol=protocol)
        today(shop)

        shop.run("upgrade", path)
        shop.run("upgrade", "--protocol", 5 - protocol, again)

        assert protocol_of(path.read_bytes()) == protocol
        assert protocol_of(again.read_bytes()) == 5 - protocol

    def test_broken_module(self, shop):
        """A module that cannot be imported is an error, whatever it raises."""
        shop.write("raise ValueError('broken')", "broken_{module}.py")
        (shop.folder / "pyproject.toml").unlink()

        told = shop.run("upgrade", "--import", f"broken_{shop.module}", "x", status=2)

        assert "cannot be imported: broken" in told

    def test_bad_project(self, shop):
        """A configuration that is no good is an error, and not passed over."""
        (shop.folder / "pyproject.toml").write_text("[tool.versionpickle]\nmodules = 1\n")

        assert "names no modules" in shop.run("upgrade", "x", status=2)


class TestSeveralPickles:
    """A file may hold several pickles, one after the other."""

    def test_each_alone(self, shop, old):
        """Those with something old are written anew, and the others stay to the byte."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5), old("Line", "x"), [1])
        _, *others = split(path.read_bytes())
        today(shop)

        shop.run("upgrade", path)

        first, *same = split(path.read_bytes())
        assert others == same
        assert pickle.loads(first).amount == 5

    def test_one_bad(self, shop, old):
        """Where one fails, all stay."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5), old("Order", 1, "bad"))
        before = path.read_bytes()
        today(shop)

        shop.run("upgrade", path, status=1)

        assert before == path.read_bytes()

    def test_garbage_behind(self, shop, old):
        """What follows and is no pickle is not thrown away."""
        path = dump(shop.folder / "o.pickle", old("Order", 1, 5))
        path.write_bytes(path.read_bytes() + b"\xff garbage")
        today(shop)

        assert "not one complete pickle" in shop.run("upgrade", path, status=1)
        assert path.read_bytes().endswith(b"\xff garbage")

    @pytest.mark.parametrize("protocol", range(6))
    def test_of_one_pickler(self, shop, old, protocol):
        """Pickles that share a memo are read by one Unpickler afterwards as well."""
        path, shared = shop.folder / "o.pickle", old("Order", 1, 5)
        with path.open("wb") as file:
            pickler = pickle.Pickler(file, protocol)
            pickler.dump(shared)
            pickler.dump([shared])
        today(shop)

        shop.run("upgrade", path)

        with path.open("rb") as file:
            reader = pickle.Unpickler(file)
            first, (second,) = reader.load(), reader.load()
        assert first is second
        assert first.amount == 5
        assert shop.run("upgrade", path) == "0 upgraded, 1 current\n"


def split(data):
    """Return the pickles in *data*."""
    file = io.BytesIO(data)
    parts = []
    while file.tell() < len(data):
        start = file.tell()
        pickletools.dis(file, out=io.StringIO())
        parts.append(data[start : file.tell()])
    return parts


class TestBytes:
    """What counts as old, and when nothing is written."""

    @pytest.mark.parametrize("name", [*models.MADE.keys() - {"apart", "whole"}])
    @pytest.mark.parametrize("protocol", range(6))
    def test_current(self, name, protocol):
        """What is written today is current, whatever the kind of class."""
        data = models.dumps(models.MADE[name](), protocol)

        done = upgrade(data, Settings())

        assert (data, (), None) == (done.data, done.stale, done.failure)

    def test_old_format(self):
        """What an older versionpickle wrote in another way is written anew."""
        data = Path(__file__).parent / "goldens" / "format1-values_with_itself-p4.pickle"

        once = upgrade(data.read_bytes(), Settings())
        twice = upgrade(once.data, Settings())

        assert (len(once.stale), once.failure, twice.stale) == (1, None, ())

    def test_base(self, shop, old):
        """A class is old where a base of it is."""
        data = pickle.dumps(old("Derived"))
        today(shop)
        shop.run("doctor")

        (found,) = upgrade(data, Settings()).stale
        assert (found.ref, found.version) == (f"{shop.module}:Derived", 1)

    def test_former_name(self, shop, old):
        """And where it has another name, even where no object of it is stored."""
        data = pickle.dumps([old("Plain"), type(old("Plain"))])
        classes = pickle.dumps(type(old("Plain")))
        today(shop)
        shop.run("doctor")

        for one in (data, classes):
            done = upgrade(one, Settings())
            assert [found.ref for found in done.stale] == [f"{shop.module}:Plain"]
            assert done.failure is None
            assert b"Item" in done.data

    def test_plain_names(self):
        """Names of classes that nobody declared are not old: such files need not even load."""
        data = pickle.dumps(subprocess.Popen)

        assert upgrade(data, Settings()).stale == ()

    def test_retired(self, registry):
        """Placeholders of classes that are gone are as current as they can be."""
        then = Registry("then")

        @versioned(name="upgrade.r", registry=then)
        class R: ...

        data = versionpickle.dumps(R(), registry=then).replace(b"upgrade.r", b"upgrade:r")
        versionpickle.retire("upgrade:r", registry=registry)

        assert upgrade(data, Settings(registry=registry)).stale == ()

    def test_two_stamps(self, registry):
        """What several pickles hold of one class is added up."""
        then = Registry("then")

        @versioned(name="upgrade.a", registry=then)
        class A: ...

        @versioned(version=2, name="upgrade.a", registry=registry)
        class B: ...

        versionpickle.migration(B, 1, versionpickle.migrations.add("b", 1))
        data = versionpickle.dumps(A(), registry=then) + versionpickle.dumps([A(), A()])

        (found,) = upgrade(data, Settings(registry=registry)).stale

        assert found.count == 3

    @pytest.mark.parametrize("data", [b"", b"\x80\x04", b"\x80\x04.", b"\x80\x04}(K\x01u."])
    def test_no_pickle(self, data):
        """What is none is told."""
        assert upgrade(data, Settings()).failure is not None

    def test_not_the_same(self, shop, old):
        """What would load as something else is not written."""
        today(shop)
        shop.run("doctor")
        data = f"c{shop.module}\nTurn\n(I1\ntR.".encode()

        done = upgrade(data, Settings(allow=(f"{shop.module}:Turncoat",)))

        assert "what would be written loads as something else" in done.failure.reason
        assert done.data == data

    def test_sets(self, registry):
        """Sets whose objects share others are the same in whatever order they come."""
        then = Registry("then")

        @versioned(name="upgrade.s", registry=then)
        class S: ...

        @versioned(version=2, name="upgrade.s", registry=registry)
        class T: ...

        versionpickle.migration(T, 1, versionpickle.migrations.add("b", 1))
        shared = [[1], [2], frozenset({3}), int, ..., datetime.date(2001, 2, 3)]
        made = [S() for _ in range(12)]
        for number, obj in enumerate(made):
            vars(obj).update(number=number, shared=shared[number % 6], more={number: shared[0]})
        data = versionpickle.dumps([set(made), shared[:3]], registry=then)

        done = upgrade(data, Settings(registry=registry))

        assert (len(done.stale), done.failure) == (1, None)

    def test_deep(self, shop, old):
        """What is too deep for a portrait is compared by its bytes."""
        deep = old("Order", 1, None)
        for number in range(3_000):
            deep = old("Order", number, deep)
        data = versionpickle.dumps(deep)
        today(shop)
        shop.run("doctor")

        done = upgrade(data, Settings())

        assert (done.failure, upgrade(done.data, Settings()).stale) == (None, ())


class TestStopped:
    """Whenever it is stopped, each file is whole."""

    def test_ctrl_c(self, shop, old):
        """It says how many were done, and ends as shells expect."""
        amounts = [1, "stop", 2]
        paths = [
            dump(shop.folder / f"{number}.pickle", old("Order", number, amount))
            for number, amount in enumerate(amounts)
        ]
        today(shop)

        told = shop.run("upgrade", *paths, status=130)

        assert "stopped after 1 of 3 files: all files are whole" in told
        versions = [versionpickle.inspect(path.read_bytes()).classes[0].version for path in paths]
        assert versions == [3, 1, 1]

    def test_killed(self, shop, old):
        """After kill -9, each file is the old or the new one, and a rerun does the rest."""
        orders = [old("Order", number, "x" * 1_000) for number in range(50)]
        before = pickle.dumps(orders)
        today(shop)
        shop.run("doctor")
        paths = [shop.folder / f"{number}.pickle" for number in range(80)]
        outcomes = collections.Counter()
        for _ in range(4):
            for path in paths:
                path.write_bytes(before)
            self.kill(shop, paths)
            outcomes += collections.Counter(path.read_bytes() == before for path in paths)
            assert all(len(pickle.loads(path.read_bytes())) == 50 for path in paths)

        shop.run("upgrade", *paths)

        assert outcomes[True]
        assert outcomes[False]
        found = [versionpickle.inspect(path.read_bytes()).classes[0].version for path in paths]
        assert set(found) == {3}

    def kill(self, shop, paths):
        """Kill an upgrade some time after its first file was written."""
        command = [sys.executable, "-m", "versionpickle", "upgrade", *map(str, paths)]
        first, written = paths[0], paths[0].stat().st_ino
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=shop.folder) as process:
            while first.stat().st_ino == written and process.poll() is None:
                time.sleep(0.001)
            time.sleep(random.random() * 0.03)
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("streams", [["stderr"], ["stderr", "stdout"]])
def test_progress(streams, monkeypatch):
    """Somebody who waits for many files sees how far it is, and what is said above that."""
    files = [Path(str(number)) for number in range(12)]
    controller, terminal = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(terminal, "w") as screen:
        for name in streams:
            monkeypatch.setattr(sys, name, screen)

        assert files == list(_with_progress(files, console()))

    shown = b""
    with contextlib.suppress(OSError):  # as it ends on Linux
        while part := os.read(controller, 100_000):
            shown += part
    os.close(controller)
    assert b"upgrading" in shown


def test_usage():
    """Without files there is nothing to do."""
    assert CliRunner().invoke(main, ["upgrade"]).exit_code == 2
